"""Which checkpoint each place outside this host has."""

from sqlalchemy import bindparam, insert, select, update

from mft.domain import TENANT
from mft.ledger.database import Books, Row
from mft.ledger.tables import ANCHOR

_A = ANCHOR.c
_ONE = select(ANCHOR).where(_A.destination == bindparam("place"))
_ENTER = insert(ANCHOR)
_SENT = (
    update(ANCHOR)
    .where(_A.destination == bindparam("place"))
    .values(size=bindparam("newest"), sent_at=bindparam("now"), failed_at=None, failure=None)
)
_FAILED = (
    update(ANCHOR)
    .where(_A.destination == bindparam("place"))
    .values(failed_at=bindparam("since"), failure=bindparam("why"))
)


def anchor_of(books: Books, destination: str) -> Row | None:
    """What is known of a destination: size, sent_at, failed_at (null while it works), failure."""
    return books.first(_ONE, {"place": destination})


def mark_sent(books: Books, destination: str, size: int, *, at: int) -> bool:
    """It has the checkpoint of that size; returns whether it had failed before."""
    row = _entered(books, destination)
    books.execute(_SENT, {"place": destination, "newest": max(size, row["size"]), "now": at})
    return row["failed_at"] is not None


def mark_failed(books: Books, destination: str, failure: str, *, at: int) -> bool:
    """Sending failed; returns whether that is new."""
    row = _entered(books, destination)
    books.execute(_FAILED, {"place": destination, "since": row["failed_at"] or at, "why": failure})
    return row["failed_at"] is None


def _entered(books: Books, destination: str) -> Row:
    row = anchor_of(books, destination)
    if row is None:
        row = {"destination": destination, "tenant_id": TENANT, "size": 0, "failed_at": None}
        books.execute(_ENTER, row)
    return row
