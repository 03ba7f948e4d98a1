"""Consumers: programs that fetch events, by a name under which we keep how far they have read.

Every function works in the caller's transaction, those that only read beside it.
"""

from typing import Any

from sqlalchemy import bindparam, delete, insert, select, update

from mft.domain import TENANT
from mft.errors import Duplicate, Missing
from mft.ledger.database import Books, Row
from mft.ledger.tables import CONSUMER

_C = CONSUMER.c
_ALL = select(CONSUMER).order_by(_C.name)
_ONE = select(CONSUMER).where(_C.name == bindparam("consumer"))
_ADD = insert(CONSUMER)
_MOVE = (
    update(CONSUMER)
    .where(_C.name == bindparam("consumer"), _C.event_id == bindparam("behind"))
    .values(event_id=bindparam("event"), moved_at=bindparam("now"))
)
_FORGET = delete(CONSUMER).where(_C.name == bindparam("consumer"))


class ReadElsewhere(Duplicate):
    """Somebody else reads under the same name."""

    code = "duplicate.read-elsewhere"


def consumers(books: Books) -> list[Row]:
    return books.rows(_ALL)


def consumer(books: Books, name: str) -> Row | None:
    return books.first(_ONE, {"consumer": name})


def move(books: Books, name: str, *, behind: str | None, to: str, at: int) -> None:
    """A consumer has all events up to `to`, and had those up to `behind`; None: it is new.

    Raises ReadElsewhere: it is not where it was left.
    """
    if behind is None and consumer(books, name) is None:
        row: dict[str, Any] = {"name": name, "tenant_id": TENANT, "event_id": to, "made_at": at, "moved_at": at}
        books.execute(_ADD, row)
        return
    where = {"consumer": name, "behind": behind or "", "event": to, "now": at}
    if behind is None or books.execute(_MOVE, where) == 0:
        raise ReadElsewhere(f"somebody else reads as {name}: give each reader a name of its own")


def forget(books: Books, name: str) -> None:
    """Raises Missing: there is no such consumer."""
    if books.execute(_FORGET, {"consumer": name}) == 0:
        raise Missing(f"there is no consumer {name}: `mft events consumers list` shows them")
