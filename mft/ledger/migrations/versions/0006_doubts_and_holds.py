"""Why a file may not pass, what an operator holds back, and who sent an interchange."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SEQUENCE = sa.text("sequence IS NOT NULL")
HELD = sa.text("flow_hold IS NOT NULL")


def _text(name: str, *, null: bool = True) -> "sa.Column[Any]":
    return sa.Column(name, sa.Text(), nullable=null)


def _number(name: str, *, null: bool = True, default: str | None = None) -> "sa.Column[Any]":
    return sa.Column(name, sa.BigInteger(), server_default=default, nullable=null)


def upgrade() -> None:
    op.create_table(
        "flow_hold",
        _text("id", null=False),
        _number("tenant_id", null=False, default="1"),
        _text("connection"),
        _text("feed"),
        _text("standard"),
        _text("set_code"),
        _text("sink"),
        _text("why", null=False),
        _number("until"),
        _number("made_at", null=False),
        _text("made_by", null=False),
        _number("lifted_at"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flow_hold")),
    )
    op.add_column("transfer", _text("entity"))
    op.add_column("transfer", _number("sequence"))
    op.add_column("transfer", _number("in_order", null=False, default="0"))
    op.add_column("transfer", _text("doubt"))
    op.add_column("transfer", _text("flow_hold"))
    op.add_column("transfer", _text("waived"))
    op.add_column("interchange", _text("trading_partner"))
    op.create_index(
        "ix_transfer_sequence",
        "transfer",
        ["connection", "feed", "id"],
        sqlite_where=SEQUENCE,
        postgresql_where=SEQUENCE,
    )
    op.create_index("ix_transfer_flow_hold", "transfer", ["flow_hold"], sqlite_where=HELD, postgresql_where=HELD)
    op.create_index("ix_transfer_content", "transfer", ["connection", "sha256"])
