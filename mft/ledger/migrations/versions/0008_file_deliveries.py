"""Files on their way out by a route."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

OPEN = sa.text("ended_at IS NULL")


def _text(name: str, *, null: bool = True) -> "sa.Column[Any]":
    return sa.Column(name, sa.Text(), nullable=null)


def _number(name: str, *, null: bool = True, default: str | None = None) -> "sa.Column[Any]":
    return sa.Column(name, sa.BigInteger(), server_default=default, nullable=null)


def upgrade() -> None:
    op.create_table(
        "file_delivery",
        _text("id", null=False),
        _number("tenant_id", null=False, default="1"),
        _text("transfer_id", null=False),
        _text("route", null=False),
        _number("interchange", null=False, default="0"),
        _number("start_offset"),
        _number("end_offset"),
        sa.Column("name_bytes", sa.LargeBinary(), nullable=False),
        _text("state", null=False),
        _number("attempts", null=False, default="0"),
        _number("due_at", null=False),
        _text("error"),
        _number("failing_since"),
        _text("outbound_id"),
        _number("made_at", null=False),
        _number("ended_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_file_delivery")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.id"], name=op.f("fk_file_delivery_transfer_id")),
        sa.UniqueConstraint(
            "transfer_id", "route", "interchange", name=op.f("uq_file_delivery_transfer_id_route_interchange")
        ),
    )
    op.create_index("ix_file_delivery_open", "file_delivery", ["route", "id"], sqlite_where=OPEN, postgresql_where=OPEN)
