"""Events in lanes: what a sink refused, who delivers to it, and how far consumers have read."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def _text(name: str, *, null: bool = True) -> "sa.Column[Any]":
    return sa.Column(name, sa.Text(), nullable=null)


def _number(name: str, *, null: bool = True, default: str | None = None) -> "sa.Column[Any]":
    return sa.Column(name, sa.BigInteger(), server_default=default, nullable=null)


def upgrade() -> None:
    op.add_column("delivery", sa.Column("lane", sa.Text(), server_default=sa.text("''"), nullable=False))
    op.add_column("delivery", _text("error"))
    op.add_column("delivery", _number("failing_since"))
    op.add_column("delivery", _number("replays", null=False, default="0"))
    op.execute("UPDATE delivery SET lane = (SELECT lane FROM outbox WHERE outbox.id = delivery.event_id)")
    op.drop_index(op.f("ix_delivery_sink_state_event_id"), "delivery")
    op.create_index(op.f("ix_delivery_sink_state_lane_event_id"), "delivery", ["sink", "state", "lane", "event_id"])
    op.create_table(
        "sink",
        _text("name", null=False),
        _number("tenant_id", null=False, default="1"),
        _number("fence", null=False),
        _text("holder", null=False),
        _number("claimed_at", null=False),
        _number("failing_since"),
        _text("error"),
        _number("attempts", null=False, default="0"),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_sink")),
    )
    op.create_table(
        "consumer",
        _text("name", null=False),
        _number("tenant_id", null=False, default="1"),
        _text("event_id", null=False),
        _number("made_at", null=False),
        _number("moved_at", null=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_consumer")),
    )
