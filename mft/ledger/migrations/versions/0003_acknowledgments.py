"""Acknowledgments: which guide judged a set, what went back, and control numbers of our own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "control_number",
        sa.Column("own", sa.Text(), nullable=False),
        sa.Column("partner", sa.Text(), nullable=False),
        sa.Column("standard", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("usage", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("allocated", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("own", "partner", "standard", "kind", "usage", name=op.f("pk_control_number")),
    )
    op.create_table(
        "acknowledgment",
        sa.Column("transfer_id", sa.Text(), nullable=False),
        sa.Column("interchange", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("standard", sa.Text(), nullable=False),
        sa.Column("kinds", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("control_number", sa.Text(), nullable=False),
        sa.Column("outbound_id", sa.Text(), nullable=False),
        sa.Column("repeats", sa.Text(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["outbound_id"], ["transfer.id"], name=op.f("fk_acknowledgment_outbound_id")),
        sa.ForeignKeyConstraint(["transfer_id"], ["transfer.id"], name=op.f("fk_acknowledgment_transfer_id")),
        sa.PrimaryKeyConstraint("transfer_id", "interchange", name=op.f("pk_acknowledgment")),
    )
    op.create_index(op.f("ix_acknowledgment_outbound_id"), "acknowledgment", ["outbound_id"], unique=False)
    op.add_column("transaction_set", sa.Column("guide", sa.Text(), nullable=True))
