"""Key pairs and their notices, retention and legal holds, places that have our checkpoints; indexes of the log."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

NOT_OK = sa.text("result <> 'ok'")
CHILDREN = sa.text("parent_id IS NOT NULL")
NAMES = sa.text("field = 'name'")
OPEN = sa.text("wrapped_dek IS NOT NULL")
BLOBS = sa.text("blob IS NOT NULL")


def _table(name: str, *columns: "sa.Column[Any]", key: str = "id") -> None:
    op.create_table(
        name,
        sa.Column(key, sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), server_default="1", nullable=False),
        *columns,
        sa.PrimaryKeyConstraint(key, name=op.f(f"pk_{name}")),
    )


def _text(name: str, *, null: bool = True) -> "sa.Column[Any]":
    return sa.Column(name, sa.Text(), nullable=null)


def _number(name: str, *, null: bool = True, default: str | None = None) -> "sa.Column[Any]":
    return sa.Column(name, sa.BigInteger(), server_default=default, nullable=null)


def upgrade() -> None:
    _table(
        "key_pair",
        _text("kind", null=False),
        _text("retention"),
        _text("public"),
        _number("made_at", null=False),
        _number("in_force_at", null=False),
        _number("retired_at"),
        _number("moved", null=False, default="0"),
        _number("emptied_at"),
        _number("destroyed_at"),
    )
    _table("key_notice", _number("days_left", null=False), _number("at", null=False), key="key_id")
    _table(
        "legal_hold",
        _text("matter", null=False),
        _text("transfer_id"),
        _text("connection"),
        _number("since"),
        _number("until"),
        _number("made_at", null=False),
        _text("made_by", null=False),
        _number("lifted_at"),
    )
    op.create_index(op.f("ix_legal_hold_transfer_id"), "legal_hold", ["transfer_id"])
    op.create_index(op.f("ix_legal_hold_connection"), "legal_hold", ["connection"])
    _table(
        "anchor",
        _number("size", null=False, default="0"),
        _number("sent_at"),
        _number("failed_at"),
        _text("failure"),
        key="destination",
    )
    _table("receipt_mark", _number("seq", null=False), key="connection")
    op.add_column("transfer", _text("retention"))
    op.add_column("transfer", _number("erased", null=False, default="0"))
    op.create_index("ix_transfer_child", "transfer", ["parent_id"], sqlite_where=CHILDREN, postgresql_where=CHILDREN)
    op.drop_column("transfer", "legal_hold")
    op.drop_column("transfer", "retain_until")
    op.create_index(
        op.f("ix_object_bucket_created_at"),
        "object",
        ["bucket", "created_at"],
        sqlite_where=OPEN,
        postgresql_where=OPEN,
    )
    op.create_index("ix_object_blob", "object", ["created_at"], sqlite_where=BLOBS, postgresql_where=BLOBS)
    op.create_index(op.f("ix_leaf_actor_at"), "leaf", ["actor", "at"])
    op.create_index("ix_leaf_not_ok", "leaf", ["at"], sqlite_where=NOT_OK, postgresql_where=NOT_OK)
    op.create_index("ix_leaf_clear_name", "leaf_clear", ["value"], sqlite_where=NAMES, postgresql_where=NAMES)
