"""Files on their way out: what goes by which route, and how far it is.

Every function works in the caller's transaction, those that only read beside it.
"""

from typing import Any, Final

from sqlalchemy import and_, bindparam, func, insert, or_, select, update

from mft.clock import LAST_ID
from mft.domain import TENANT, printable
from mft.errors import Missing
from mft.ledger.database import Books, Row
from mft.ledger.tables import FILE_DELIVERY

WAITING: Final = "waiting"
FAILED: Final = "failed"
DELIVERED: Final = "delivered"
DEAD: Final = "dead"

_D = FILE_DELIVERY.c
_INSERT = insert(FILE_DELIVERY)
_SAME = select(_D.id).where(
    _D.transfer_id == bindparam("transfer"), _D.route == bindparam("by"), _D.interchange == bindparam("position")
)
_OPEN_ROUTES = select(_D.route).where(_D.ended_at.is_(None)).distinct().order_by(_D.route)
_OPEN = (
    select(FILE_DELIVERY)
    .where(_D.ended_at.is_(None), _D.route == bindparam("by"), _D.id > bindparam("after"))
    .order_by(_D.id)
    .limit(bindparam("most"))
)
_MINE = and_(_D.id == bindparam("delivery"), _D.ended_at.is_(None))
_TRIED: dict[str, Any] = {"attempts": _D.attempts + 1}
_MARK = (
    update(FILE_DELIVERY)
    .where(_MINE)
    .values(
        state=DELIVERED,
        ended_at=bindparam("now"),
        name_bytes=bindparam("called"),
        outbound_id=bindparam("outbound"),
        error=None,
        **_TRIED,
    )
)
_PUT_OFF = (
    update(FILE_DELIVERY)
    .where(_MINE)
    .values(
        state=FAILED,
        due_at=bindparam("due"),
        error=bindparam("code"),
        failing_since=func.coalesce(_D.failing_since, bindparam("now")),
        **_TRIED,
    )
)
_GIVE_UP = (
    update(FILE_DELIVERY).where(_MINE).values(state=DEAD, ended_at=bindparam("now"), error=bindparam("code"), **_TRIED)
)
_AGAIN = (
    update(FILE_DELIVERY)
    .where(_D.id == bindparam("delivery"), or_(_D.state == FAILED, _D.state == DEAD))
    .values(state=WAITING, ended_at=None, due_at=0, attempts=0, failing_since=None)
)
_ONE = select(FILE_DELIVERY).where(_D.id == bindparam("delivery"))
_BY_PREFIX = select(FILE_DELIVERY).where(_D.id >= bindparam("low"), _D.id < bindparam("high")).order_by(_D.id).limit(2)
_OF_TRANSFER = select(FILE_DELIVERY).where(_D.transfer_id == bindparam("transfer")).order_by(_D.id)
_COUNTS = select(_D.route, _D.state, func.count().label("files")).group_by(_D.route, _D.state)


def add(books: Books, row: Row, *, at: int) -> None:
    """Add a delivery, unless the same one was decided on before."""
    same = {"transfer": row["transfer_id"], "by": row["route"], "position": row["interchange"]}
    if books.first(_SAME, same) is None:
        books.execute(_INSERT, {**row, "tenant_id": TENANT, "state": WAITING, "due_at": 0, "made_at": at})


def open_routes(books: Books) -> list[str]:
    """Every route that something waits for, also one that is there no more."""
    return [row["route"] for row in books.rows(_OPEN_ROUTES)]


def open_after(books: Books, route: str, after: str, most: int) -> list[Row]:
    """A page of what is not delivered, in the order in which it was decided on; `after` is the last id before."""
    return books.rows(_OPEN, {"by": route, "after": after, "most": most})


def mark_delivered(books: Books, delivery: str, name: bytes, *, outbound: str | None, at: int) -> bool:
    """Returns False where it has ended already; so do the next two."""
    return books.execute(_MARK, {"delivery": delivery, "called": name, "outbound": outbound, "now": at}) > 0


def put_off(books: Books, delivery: str, error: str, *, due: int, at: int) -> bool:
    return books.execute(_PUT_OFF, {"delivery": delivery, "code": error, "due": due, "now": at}) > 0


def give_up(books: Books, delivery: str, error: str, *, at: int) -> bool:
    return books.execute(_GIVE_UP, {"delivery": delivery, "code": error, "now": at}) > 0


def try_again(books: Books, delivery: str) -> bool:
    """Returns False where it has not failed."""
    return books.execute(_AGAIN, {"delivery": delivery}) > 0


def delivery_row(books: Books, delivery: str) -> Row:
    """One delivery, by its id or a unique beginning of it. Raises Missing."""
    row = books.first(_ONE, {"delivery": delivery})
    if row is not None:
        return row
    found = books.rows(_BY_PREFIX, {"low": delivery, "high": delivery + LAST_ID}) if delivery else []
    if len(found) != 1:
        raise Missing(f"{'no' if not found else 'more than one'} delivery has an id that begins with {delivery!r}")
    return found[0]


def deliveries_of(books: Books, transfer: str) -> list[Row]:
    return books.rows(_OF_TRANSFER, {"transfer": transfer})


def counts(books: Books) -> dict[str, dict[str, int]]:
    """How many files of each route stand in each state."""
    found: dict[str, dict[str, int]] = {}
    for row in books.rows(_COUNTS):
        found.setdefault(row["route"], {})[row["state"]] = row["files"]
    return found


def public(row: Row) -> dict[str, Any]:
    """A delivery as `mft transfer show --json` prints it."""
    kept = ("id", "route", "interchange", "state", "attempts", "error", "due_at", "made_at", "ended_at")
    name = printable(row["name_bytes"])
    return {**{key: row[key] for key in kept}, "name": name, "outbound": row["outbound_id"]}
