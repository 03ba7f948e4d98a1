"""Forgetting private values of one leaf: the leaf, its commitments and every proof stay as they are."""

import msgspec
from sqlalchemy import and_, bindparam, delete, select

from mft.errors import Missing
from mft.ledger.tables import LEAF, LEAF_CLEAR
from mft.pipeline.journal import Journal

_LEAF = select(LEAF.c.id, LEAF.c.connection, LEAF.c.transfer_id).where(LEAF.c.id == bindparam("leaf"))
_FIELDS = select(LEAF_CLEAR.c.field).where(LEAF_CLEAR.c.leaf_id == bindparam("leaf")).order_by(LEAF_CLEAR.c.field)
_FORGET = delete(LEAF_CLEAR).where(
    and_(LEAF_CLEAR.c.leaf_id == bindparam("leaf"), LEAF_CLEAR.c.field == bindparam("what"))
)


class Redact(msgspec.Struct, frozen=True, tag=True):
    """Forget one private value of a leaf, or all; with a leaf that says so."""

    leaf: str
    field: str | None
    actor: str


def redact(journal: Journal, command: Redact) -> bool:
    """Returns whether there was anything to forget.

    Raises:
        Missing: there is no such leaf.
    """
    books = journal.books
    row = books.first(_LEAF, {"leaf": command.leaf})
    if row is None:
        raise Missing(f"there is no leaf {command.leaf}")
    there = [one["field"] for one in books.rows(_FIELDS, {"leaf": row["id"]})]
    forgotten = [one for one in there if command.field in {None, one}]
    for field in forgotten:
        books.execute(_FORGET, {"leaf": row["id"], "what": field})
    if forgotten:
        facts = {"leaf": row["id"], "fields": " ".join(forgotten)}
        about = {"connection": row["connection"], "transfer": row["transfer_id"]}
        journal.leaf("audit.redacted", actor=command.actor, facts=facts, **about)
    return bool(forgotten)
