"""Flow holds: what an operator holds back while it goes on arriving, "claims system down until 06:00".

Every function works in the caller's transaction, those that only read beside it.
"""

from collections.abc import Collection
from typing import Final

from sqlalchemy import bindparam, func, insert, select, update

from mft.clock import new_id
from mft.domain import TENANT, Stage
from mft.errors import Missing
from mft.ledger.database import Books, Row
from mft.ledger.tables import FLOW_HOLD, TRANSFER

SUBJECTS: Final = ("connection", "feed", "standard", "set_code", "sink")
"""What a hold may name: a sink alone, or of a file any of the others, all of which must fit."""

_H, _T = FLOW_HOLD.c, TRANSFER.c
_INSERT = insert(FLOW_HOLD)
_ALL = select(FLOW_HOLD).order_by(_H.id)
_IN_FORCE = select(FLOW_HOLD).where(_H.lifted_at.is_(None)).order_by(_H.id)
_ONE = select(FLOW_HOLD).where(_H.id == bindparam("hold"))
_LIFT = update(FLOW_HOLD).where(_H.id == bindparam("hold"), _H.lifted_at.is_(None)).values(lifted_at=bindparam("now"))
_PAST = select(_H.id).where(_H.lifted_at.is_(None), _H.until <= bindparam("now")).order_by(_H.id)
_FREE = (
    select(_T.id)
    .join(FLOW_HOLD, _H.id == _T.flow_hold)
    .where(_T.flow_hold.is_not(None), _T.stage == Stage.HELD.value, _H.lifted_at.is_not(None))
    .order_by(_T.id)
    .limit(bindparam("most"))
)
_WAITING = (
    select(_T.flow_hold, func.count().label("waiting"))
    .where(_T.flow_hold.is_not(None), _T.stage == Stage.HELD.value)
    .group_by(_T.flow_hold)
)


def add_hold(books: Books, why: str, *, until: int | None, at: int, by: str, **named: str | None) -> str:
    """Add a hold on whatever fits `named`, keys of SUBJECTS; returns its id."""
    hold = new_id()
    subjects = {subject: named.get(subject) for subject in SUBJECTS}
    row = {"id": hold, "tenant_id": TENANT, "why": why, "until": until, "made_at": at, "made_by": by, **subjects}
    books.execute(_INSERT, row)
    return hold


def lift_hold(books: Books, hold: str, *, at: int) -> None:
    """Raises Missing: no such hold is in force."""
    if books.execute(_LIFT, {"hold": hold, "now": at}) == 0:
        raise Missing(f"no hold {hold} is in force: `mft hold list` shows them")


def holds(books: Books) -> list[Row]:
    """Every hold there ever was, oldest first, with how many transfers are `waiting` for it."""
    waiting = {row["flow_hold"]: row["waiting"] for row in books.rows(_WAITING)}
    return [{**row, "waiting": waiting.get(row["id"], 0)} for row in books.rows(_ALL)]


def is_in_force(books: Books, hold: str) -> bool:
    row = books.first(_ONE, {"hold": hold})
    return row is not None and row["lifted_at"] is None


def hold_on(books: Books, transfer: Row, *, standard: str, sets: Collection[str]) -> Row | None:
    """The oldest hold in force that a file fits, which is of a standard and has such sets."""
    for hold in books.rows(_IN_FORCE):
        if (
            hold["sink"] is None
            and hold["connection"] in {None, transfer["connection"]}
            and hold["feed"] in {None, transfer["feed"]}
            and hold["standard"] in {None, standard}
            and (hold["set_code"] is None or hold["set_code"] in sets)
        ):
            return hold
    return None


def is_sink_held(books: Books, sink: str) -> bool:
    """Whether nothing goes to a sink for now."""
    return any(hold["sink"] == sink for hold in books.rows(_IN_FORCE))


def past(books: Books, *, at: int) -> list[str]:
    """Holds whose time is over, and which nobody lifted yet."""
    return [row["id"] for row in books.rows(_PAST, {"now": at})]


def freed(books: Books, *, most: int) -> list[str]:
    """Transfers that wait for a hold which was lifted, in the order in which they arrived."""
    return [row["id"] for row in books.rows(_FREE, {"most": most})]
