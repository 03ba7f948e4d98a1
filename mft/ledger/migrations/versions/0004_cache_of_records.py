"""A cache of records: which part holds which of them, and which records a later map has superseded."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

WAITING = sa.text("part_id IS NULL AND superseded = 0")
CACHED = sa.text("part_id IS NOT NULL")
STALE = sa.text("part_id IS NOT NULL AND superseded = 1")


def upgrade() -> None:
    op.create_table(
        "records_part",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.BigInteger(), server_default="1", nullable=False),
        sa.Column("record_schema", sa.Text(), nullable=False),
        sa.Column("connection", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("shape", sa.Text(), nullable=False),
        sa.Column("records", sa.BigInteger(), nullable=False),
        sa.Column("object_id", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_records_part")),
    )
    op.create_index(
        op.f("ix_records_part_record_schema_connection_day"), "records_part", ["record_schema", "connection", "day"]
    )
    op.add_column("records", sa.Column("superseded", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("records", sa.Column("part_id", sa.Text(), nullable=True))
    op.create_index("ix_records_waiting", "records", ["record_schema"], sqlite_where=WAITING, postgresql_where=WAITING)
    op.create_index(op.f("ix_records_part_id"), "records", ["part_id"], sqlite_where=CACHED, postgresql_where=CACHED)
    op.create_index("ix_records_stale", "records", ["record_schema"], sqlite_where=STALE, postgresql_where=STALE)
    records = sa.table("records", *map(sa.column, ("transfer_id", "set_position", "created_at", "superseded")))
    later = records.alias()
    op.execute(
        records.update()
        .where(
            sa.exists().where(
                later.c.transfer_id == records.c.transfer_id,
                later.c.set_position == records.c.set_position,
                later.c.created_at > records.c.created_at,
            )
        )
        .values(superseded=1)
    )
