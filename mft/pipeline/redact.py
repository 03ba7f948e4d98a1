"""Forgetting private values of one leaf: the leaf, its commitments and every proof stay as they are."""

import re

import msgspec
from sqlalchemy import and_, bindparam, delete, select

from mft.errors import Missing, NotAllowed
from mft.ledger.holds import hold_on
from mft.ledger.tables import LEAF, LEAF_CLEAR
from mft.pipeline.journal import Journal

_COLUMNS = select(LEAF.c.id, LEAF.c.connection, LEAF.c.transfer_id, LEAF.c.body)
_LEAF = _COLUMNS.where(LEAF.c.id == bindparam("leaf"))
_NUMBERED = _COLUMNS.where(LEAF.c.seq == bindparam("number"))
_NUMBER = re.compile(r"0|[1-9][0-9]{0,17}")  # An id begins with a zero, and is longer.
_FIELDS = select(LEAF_CLEAR.c.field).where(LEAF_CLEAR.c.leaf_id == bindparam("leaf")).order_by(LEAF_CLEAR.c.field)
_FORGET = delete(LEAF_CLEAR).where(
    and_(LEAF_CLEAR.c.leaf_id == bindparam("leaf"), LEAF_CLEAR.c.field == bindparam("what"))
)


class Redact(msgspec.Struct, frozen=True, tag=True):
    """Forget one private value of a leaf, or all; with a leaf that says so. It is named by its id, or its number."""

    leaf: str
    field: str | None
    actor: str


def redact(journal: Journal, command: Redact) -> bool:
    """Returns whether there was anything to forget.

    Raises:
        Missing: there is no such leaf, or it commits to no such value.
        NotAllowed: a legal hold covers the transfer that it is of.
    """
    books = journal.books
    if _NUMBER.fullmatch(command.leaf):
        row = books.first(_NUMBERED, {"number": int(command.leaf)})
    else:
        row = books.first(_LEAF, {"leaf": command.leaf})
    if row is None:
        raise Missing(f"there is no leaf {command.leaf}")
    if row["transfer_id"] is not None and (hold := hold_on(books, row["transfer_id"])) is not None:
        raise NotAllowed(f"transfer {row['transfer_id']} is under legal hold {hold['id']}: lift that first")
    committed = sorted(msgspec.json.decode(bytes(row["body"]))["commitments"])
    if command.field is not None and command.field not in committed:
        has = ", ".join(committed) or "none"
        raise Missing(f"leaf {row['id']} has no private value `{command.field}`: it has {has}")
    there = [one["field"] for one in books.rows(_FIELDS, {"leaf": row["id"]})]
    forgotten = [one for one in there if command.field in {None, one}]
    for field in forgotten:
        books.execute(_FORGET, {"leaf": row["id"], "what": field})
    if forgotten:
        facts = {"leaf": row["id"], "fields": " ".join(forgotten)}
        about = {"connection": row["connection"], "transfer": row["transfer_id"]}
        journal.leaf("audit.redacted", actor=command.actor, facts=facts, **about)
    return bool(forgotten)
