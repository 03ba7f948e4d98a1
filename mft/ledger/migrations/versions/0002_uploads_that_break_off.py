"""Uploads that break off, files that speak of others: pieces, folders, companions, what was told."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "folder",
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("path_bytes", sa.LargeBinary(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("made_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("connection", "path_bytes", name=op.f("pk_folder")),
    )
    op.add_column("object", sa.Column("continues", sa.Text(), nullable=True))
    op.add_column("object", sa.Column("cut", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("transfer", sa.Column("modified_at", sa.BigInteger(), nullable=True))
    op.add_column("transfer", sa.Column("told_at", sa.BigInteger(), nullable=True))
    op.add_column("transfer", sa.Column("listed_at", sa.BigInteger(), nullable=True))
    op.execute("UPDATE transfer SET listed_at = received_at")
    op.add_column("transfer", sa.Column("speaks_of_bytes", sa.LargeBinary(), nullable=True))
    op.create_index(op.f("ix_transfer_stage_told_at"), "transfer", ["stage", "told_at"], unique=False)
    op.create_index(
        op.f("ix_transfer_connection_folder_bytes_speaks_of_bytes"),
        "transfer",
        ["connection", "folder_bytes", "speaks_of_bytes"],
        unique=False,
        sqlite_where=sa.text("speaks_of_bytes IS NOT NULL"),
        postgresql_where=sa.text("speaks_of_bytes IS NOT NULL"),
    )
