"""Events, committed with what they tell; and whether each sink has them."""

from collections.abc import Iterable, Sequence
from itertools import takewhile

from sqlalchemy import bindparam, insert, select, update

from mft.ledger.database import Books, Row
from mft.ledger.tables import DELIVERY, OUTBOX

WAITING = "waiting"
DELIVERED = "delivered"

_EVENT = insert(OUTBOX)
_DELIVERY = insert(DELIVERY)
_DUE = (
    select(OUTBOX.c.id, OUTBOX.c.body, DELIVERY.c.attempts, DELIVERY.c.due_at)
    .join(DELIVERY, DELIVERY.c.event_id == OUTBOX.c.id)
    .where(DELIVERY.c.sink == bindparam("sink"), DELIVERY.c.state == WAITING)
    .order_by(DELIVERY.c.event_id)
    .limit(bindparam("most"))
)
_MARK = (
    update(DELIVERY)
    .where(DELIVERY.c.event_id == bindparam("event"), DELIVERY.c.sink == bindparam("to"))
    .values(state=DELIVERED, delivered_at=bindparam("now"), attempts=DELIVERY.c.attempts + 1)
)
_PUT_OFF = (
    update(DELIVERY)
    .where(DELIVERY.c.event_id == bindparam("event"), DELIVERY.c.sink == bindparam("to"))
    .values(due_at=bindparam("due"), attempts=DELIVERY.c.attempts + 1)
)
_LATEST = select(OUTBOX).order_by(OUTBOX.c.id.desc()).limit(bindparam("most"))
_AFTER = select(OUTBOX).where(OUTBOX.c.id > bindparam("after")).order_by(OUTBOX.c.id).limit(bindparam("most"))
_OF_TRANSFER = select(OUTBOX).where(OUTBOX.c.transfer_id == bindparam("transfer")).order_by(OUTBOX.c.id)


def add_event(books: Books, row: Row, sinks: Iterable[str]) -> None:
    """Add an event in the caller's transaction, to be delivered to each of the sinks."""
    books.execute(_EVENT, row)
    for sink in sinks:
        books.execute(_DELIVERY, {"event_id": row["id"], "sink": sink, "state": WAITING, "due_at": 0})  # At once.


def due(books: Books, sink: str, *, now: int, wait_max: int, most: int) -> list[Row]:
    """Events that wait for a sink, oldest first; none while an older one was put off, so that order is kept.

    None is put off for longer than `wait_max` microseconds: one that seems to be, was so before the clock went back.
    """

    def is_due(row: Row) -> bool:
        return not now < row["due_at"] <= now + wait_max

    return list(takewhile(is_due, books.rows(_DUE, {"sink": sink, "most": most})))


def mark_delivered(books: Books, sink: str, events: Sequence[str], *, at: int) -> None:
    for event in events:
        books.execute(_MARK, {"event": event, "to": sink, "now": at})


def put_off(books: Books, sink: str, events: Sequence[str], *, due: int) -> None:
    """A delivery failed: try again at `due`."""
    for event in events:
        books.execute(_PUT_OFF, {"event": event, "to": sink, "due": due})


def latest_events(books: Books, most: int) -> list[Row]:
    """The newest events, oldest of them first."""
    return books.rows(_LATEST, {"most": most})[::-1]


def events_after(books: Books, after: str, most: int = 500) -> list[Row]:
    return books.rows(_AFTER, {"after": after, "most": most})


def events_of(books: Books, transfer: str) -> list[Row]:
    return books.rows(_OF_TRANSFER, {"transfer": transfer})
