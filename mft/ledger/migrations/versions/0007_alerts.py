"""What people are told of."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

OPEN = sa.text("ended_at IS NULL")


def _text(name: str, *, null: bool = True) -> "sa.Column[Any]":
    return sa.Column(name, sa.Text(), nullable=null)


def _number(name: str, *, null: bool = True, default: str | None = None) -> "sa.Column[Any]":
    return sa.Column(name, sa.BigInteger(), server_default=default, nullable=null)


def upgrade() -> None:
    op.create_table(
        "alert",
        _text("id", null=False),
        _number("tenant_id", null=False, default="1"),
        _text("rule", null=False),
        _text("subject", null=False),
        _text("words", null=False),
        _number("count", null=False),
        _number("since", null=False),
        _number("raised_at", null=False),
        _number("told_at"),
        _number("escalated_at"),
        _number("acknowledged_at"),
        _text("acknowledged_by"),
        _number("ended_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
    )
    op.create_index("ix_alert_open", "alert", ["rule"], sqlite_where=OPEN, postgresql_where=OPEN)
