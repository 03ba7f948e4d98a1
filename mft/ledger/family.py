"""A transfer's ancestors and descendants: what a file was a part of, and what came out of it.

Every function works in the caller's transaction.
"""

from typing import NamedTuple

from sqlalchemy import bindparam, func, select

from mft.domain import Direction
from mft.ledger.database import Books
from mft.ledger.tables import TRANSFER

_T = TRANSFER.c
_INBOUND = Direction.INBOUND.value
_PARENT = select(_T.parent_id).where(_T.id == bindparam("transfer"))
_below = (
    select(_T.id, _T.size_bytes)
    .where(_T.parent_id == bindparam("root"), _T.direction == _INBOUND)
    .cte("below", recursive=True)
)
_below = _below.union_all(
    select(_T.id, _T.size_bytes).join(_below, _T.parent_id == _below.c.id).where(_T.direction == _INBOUND)
)
_TOTALS = select(
    func.count().label("parts"), func.coalesce(func.sum(_below.c.size_bytes), 0).label("size_bytes")
).select_from(_below)


class Totals(NamedTuple):
    """All parts of a file, and parts of parts."""

    parts: int
    size_bytes: int


def ancestors(books: Books, transfer: str) -> int:
    """How many transfers one came out of, each out of the next."""
    count = 0
    while (row := books.first(_PARENT, {"transfer": transfer})) is not None and row["parent_id"]:
        transfer = row["parent_id"]
        count += 1
    return count


def totals(books: Books, root: str) -> Totals:
    row = books.rows(_TOTALS, {"root": root})[0]
    return Totals(row["parts"], int(row["size_bytes"]))
