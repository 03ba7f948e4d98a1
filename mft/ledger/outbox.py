"""Events, committed with what they tell; and of each sink, which of them it has.

A *lane* is what one partner's events go in to one sink: they keep the order of the ledger there, and wait for each
other. Every function works in the caller's transaction, those that only read beside it.
"""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, Final

import msgspec
from sqlalchemy import bindparam, func, insert, or_, select, update

from mft.clock import LAST_ID, id_from
from mft.domain import TENANT
from mft.errors import Broken
from mft.ledger.database import Books, Row
from mft.ledger.tables import DELIVERY, OUTBOX, SINK

WAITING: Final = "waiting"
PARKED: Final = "parked"  # Refused, and set aside so that its lane goes on; tried again by itself.
DELIVERED: Final = "delivered"
DEAD: Final = "dead"  # Refused for too long: an operator's now.
DROPPED: Final = "dropped"  # By an operator.
_LANES_MAX: Final = 10_000  # Of which a look at what was refused knows.
_UNSENT: Final = (WAITING, PARKED, DEAD)
_PAGE: Final = 500
_FOREVER: Final = 1 << 62
_STEP_BACK: Final = 3_600_000_000  # By less than an hour, a clock goes back between an event and its id.

_O, _D, _S = OUTBOX.c, DELIVERY.c, SINK.c
_EVENT = insert(OUTBOX)
_DELIVERY = insert(DELIVERY)
_FIRST_LANE = select(func.min(_D.lane).label("lane")).where(
    _D.sink == bindparam("sink"), _D.state == bindparam("is_in"), _D.lane >= bindparam("from_lane")
)
_NEXT_LANE = select(func.min(_D.lane).label("lane")).where(
    _D.sink == bindparam("sink"), _D.state == bindparam("is_in"), _D.lane > bindparam("behind")
)
_COLUMNS = (_O.id, _O.type, _O.body, _D.lane, _D.state, _D.attempts, _D.due_at, _D.replays, _D.error, _D.failing_since)
_OF_LANE = (
    select(*_COLUMNS)
    .join(OUTBOX, _O.id == _D.event_id)
    .where(_D.sink == bindparam("sink"), _D.state == bindparam("is_in"), _D.lane == bindparam("lane_is"))
    .order_by(_D.event_id)
    .limit(bindparam("most"))
)
_PARKED = (
    select(*_COLUMNS)
    .join(OUTBOX, _O.id == _D.event_id)
    .where(
        _D.sink == bindparam("sink"),
        _D.state == PARKED,
        or_(_D.due_at <= bindparam("now"), _D.due_at > bindparam("late")),
    )
    .order_by(_D.event_id)
    .limit(bindparam("most"))
)
_THIS = (_D.event_id == bindparam("event"), _D.sink == bindparam("to"))
_MARK = (
    update(DELIVERY)
    .where(*_THIS)
    .values(state=DELIVERED, delivered_at=bindparam("now"), attempts=_D.attempts + 1, error=None, failing_since=None)
)
_PUT_OFF = (
    update(DELIVERY)
    .where(*_THIS)
    .values(
        state=bindparam("becomes"),
        due_at=bindparam("due"),
        error=bindparam("why"),
        attempts=_D.attempts + 1,
        failing_since=func.coalesce(_D.failing_since, bindparam("now")),
    )
)
_SET_STATE = update(DELIVERY).where(*_THIS, _D.state == bindparam("was")).values(state=bindparam("becomes"))
_RETRY = (
    update(DELIVERY)
    .where(*_THIS, _D.state == DEAD)
    .values(state=WAITING, due_at=0, attempts=0, error=None, failing_since=None)
)
_REPLAY = (
    update(DELIVERY)
    .where(*_THIS, _D.state != WAITING, _D.state != PARKED)
    .values(
        state=WAITING, due_at=0, attempts=0, error=None, failing_since=None, delivered_at=None, replays=_D.replays + 1
    )
)
_STATE = select(_D.state).where(*_THIS)
_LANE_OF = select(_O.lane).where(_O.id == bindparam("event"))
_DEAD = (
    select(_O.id, _O.type, _O.at, _O.transfer_id, _D.lane, _D.sink, _D.attempts, _D.error, _D.failing_since)
    .join(OUTBOX, _O.id == _D.event_id)
    .where(_D.state == DEAD, _D.sink == bindparam("sink"), _D.event_id > bindparam("after"))
    .order_by(_D.event_id)
    .limit(bindparam("most"))
)
_NEXT_SINK = select(func.min(_D.sink).label("sink")).where(_D.sink > bindparam("behind"))
_DEPTH = (
    select(_D.lane, func.count().label("events"), func.min(_D.event_id).label("oldest"))
    .where(_D.sink == bindparam("sink"), _D.state == bindparam("is_in"))
    .group_by(_D.lane)
)
_AT = select(_O.at).where(_O.id == bindparam("event"))
_HISTORY = (
    select(_O.id, _O.at, _O.type, _O.transfer_id, _O.body)
    .where(_O.id > bindparam("after"), _O.id < bindparam("before"))
    .where(_O.at >= bindparam("since"), _O.at < bindparam("until"))
    .limit(bindparam("most"))
)
_ONWARDS, _BACKWARDS = _HISTORY.order_by(_O.id), _HISTORY.order_by(_O.id.desc())
_OF_STATE = (
    select(_D.event_id)
    .where(_D.sink == bindparam("sink"), _D.state == bindparam("is_in"))
    .order_by(_D.lane, _D.event_id)
    .limit(bindparam("most"))
)
_BY_PREFIX = (
    select(_D.event_id)
    .where(_D.sink == bindparam("sink"), _D.state == DEAD, _D.event_id >= bindparam("low"))
    .where(_D.event_id < bindparam("high"))
    .limit(2)
)
_BEHIND = select(func.count().label("events")).where(_O.id > bindparam("after"))
_LATEST = select(OUTBOX).order_by(_O.id.desc()).limit(bindparam("most"))
_AFTER = select(OUTBOX).where(_O.id > bindparam("after")).order_by(_O.id).limit(bindparam("most"))
_OF_TRANSFER = select(OUTBOX).where(_O.transfer_id == bindparam("transfer")).order_by(_O.id)
_LAST = select(func.max(_O.id).label("id"))
_SINKS = select(SINK).order_by(_S.name)
_SINK = select(SINK).where(_S.name == bindparam("sink"))
_ADD_SINK = insert(SINK)
_CLAIM = (
    update(SINK)
    .where(_S.name == bindparam("sink"))
    .values(fence=_S.fence + 1, holder=bindparam("by"), claimed_at=bindparam("now"))
)
_FAILING = (
    update(SINK)
    .where(_S.name == bindparam("sink"))
    .values(
        failing_since=func.coalesce(_S.failing_since, bindparam("now")),
        error=bindparam("why"),
        attempts=_S.attempts + 1,
    )
)
_WELL = (
    update(SINK)
    .where(_S.name == bindparam("sink"), _S.failing_since.is_not(None))
    .values(failing_since=None, error=None, attempts=0)
)


class SinkTaken(Broken):
    """Another server delivers to the sink: two work on one ledger."""

    code = "broken.sink-taken"


class Refusal(msgspec.Struct, frozen=True):
    """A sink refused an event. It becomes `state`: waiting or parked until `due`, microseconds, or dead."""

    event: str
    error: str
    due: int
    state: str


def add_event(books: Books, row: Row, sinks: Iterable[str]) -> None:
    """Add an event in the caller's transaction, to be delivered to each of the sinks."""
    books.execute(_EVENT, row)
    for sink in sinks:
        _add_delivery(books, sink, row["id"], row["lane"])


def _add_delivery(books: Books, sink: str, event: str, lane: str, replays: int = 0) -> None:
    books.execute(
        _DELIVERY,
        {
            "event_id": event,
            "sink": sink,
            "tenant_id": TENANT,
            "lane": lane,
            "state": WAITING,
            "due_at": 0,  # At once.
            "replays": replays,
        },
    )


def lanes(books: Books, sink: str, *, start: str = "") -> Iterator[str]:
    """Lanes in which something waits for a sink: from `start` on, and around to it. Each is one look at the index."""
    found = books.rows(_FIRST_LANE, {"sink": sink, "is_in": WAITING, "from_lane": start})[0]["lane"]
    while found is not None:
        yield found
        found = books.rows(_NEXT_LANE, {"sink": sink, "is_in": WAITING, "behind": found})[0]["lane"]
    if start:
        found = books.rows(_FIRST_LANE, {"sink": sink, "is_in": WAITING, "from_lane": ""})[0]["lane"]
        while found is not None and found < start:
            yield found
            found = books.rows(_NEXT_LANE, {"sink": sink, "is_in": WAITING, "behind": found})[0]["lane"]


def waiting_in(books: Books, sink: str, lane: str, *, now: int, wait_max: int, most: int) -> list[Row]:
    """The oldest events of a lane, as far as none of them was put off, so that order is kept.

    None is put off for longer than `wait_max` microseconds: one that seems to be, was so before the clock went back.
    """
    rows = books.rows(_OF_LANE, {"sink": sink, "is_in": WAITING, "lane_is": lane, "most": most})
    for index, row in enumerate(rows):
        if now < row["due_at"] <= now + wait_max:
            return rows[:index]
    return rows


def parked(books: Books, sink: str, *, now: int, wait_max: int, most: int) -> list[Row]:
    """Events that were set aside, and are due; see `waiting_in`."""
    return books.rows(_PARKED, {"sink": sink, "now": now, "late": now + wait_max, "most": most})


def mark_delivered(books: Books, sink: str, events: Sequence[str], *, at: int) -> None:
    books.execute_all(_MARK, [{"event": event, "to": sink, "now": at} for event in events])


def put_off(books: Books, sink: str, refused: Sequence[Refusal], *, at: int) -> None:
    """A sink refused these."""
    for one in refused:
        of = {"event": one.event, "to": sink}
        books.execute(_PUT_OFF, {**of, "due": one.due, "why": one.error, "becomes": one.state, "now": at})


def retry_dead(books: Books, sink: str, event: str) -> bool:
    """A dead letter waits again, as if it had never been tried; returns whether it was one."""
    return books.execute(_RETRY, {"event": event, "to": sink}) == 1


def drop_dead(books: Books, sink: str, event: str) -> bool:
    """A dead letter is given up for good; returns whether it was one."""
    return books.execute(_SET_STATE, {"event": event, "to": sink, "was": DEAD, "becomes": DROPPED}) == 1


def drop_unsent(books: Books, sink: str, *, most: int = 1000) -> list[str]:
    """Whatever a sink has not had is given up for good, `most` of it at once; returns which events, oldest first."""
    for state in _UNSENT:
        if rows := books.rows(_OF_STATE, {"sink": sink, "is_in": state, "most": most}):
            found = sorted(str(row["event_id"]) for row in rows)
            of = {"to": sink, "was": state, "becomes": DROPPED}
            books.execute_all(_SET_STATE, [{**of, "event": event} for event in found])
            return found
    return []


def replay(books: Books, sink: str, events: Sequence[str]) -> int:
    """Let events go to a sink, again or for the first time, marked as replays; returns how many do.

    Those that still wait for it do so as they are.
    """
    found = 0
    for event in events:
        row = books.first(_LANE_OF, {"event": event})
        if row is None:
            continue
        if books.execute(_REPLAY, {"event": event, "to": sink}):
            found += 1
        elif books.first(_STATE, {"event": event, "to": sink}) is None:
            _add_delivery(books, sink, event, row["lane"], replays=1)
            found += 1
    return found


def dead_letters(books: Books, sink: str, *, after: str = "", most: int = 500) -> list[Row]:
    """What a sink refused for too long, oldest first."""
    return books.rows(_DEAD, {"sink": sink, "after": after, "most": most})


def depths(books: Books) -> list[Row]:
    """Of each sink, state (waiting, parked, dead) and lane: how many events, and since when (`since`).

    What was delivered is not looked at, however much it is.
    """
    found = []
    sink = books.rows(_NEXT_SINK, {"behind": ""})[0]["sink"]
    while sink is not None:
        for state in _UNSENT:
            for row in books.rows(_DEPTH, {"sink": sink, "is_in": state}):
                since = books.rows(_AT, {"event": row["oldest"]})[0]["at"]
                found.append({"sink": sink, "state": state, **row, "since": since})
        sink = books.rows(_NEXT_SINK, {"behind": sink})[0]["sink"]
    return found


def refused(books: Books, sink: str, *, most: int = 100) -> list[Row]:
    """Events that a sink refused, and that are tried again: those that lanes wait for, and those that were parked."""
    heads = (
        row
        for lane in islice(lanes(books, sink), _LANES_MAX)
        for row in books.rows(_OF_LANE, {"sink": sink, "is_in": WAITING, "lane_is": lane, "most": 1})
    )  # None, where the lane was emptied while we looked.
    aside = books.rows(_PARKED, {"sink": sink, "now": 1 << 62, "late": 1 << 62, "most": most})
    found = [*(row for row in heads if row["attempts"]), *aside]
    return sorted(found, key=lambda row: str(row["id"]))[:most]


# --- Sinks


def sinks(books: Books) -> list[Row]:
    """Every sink that was ever delivered to: who delivers, and since when it fails."""
    return books.rows(_SINKS)


def claim_sink(books: Books, sink: str, *, by: str, at: int) -> int:
    """Whoever claims a sink delivers to it alone; returns the fence that each mark must name."""
    if books.execute(_CLAIM, {"sink": sink, "by": by, "now": at}) == 0:
        row: dict[str, Any] = {"name": sink, "tenant_id": TENANT, "fence": 1, "holder": by, "claimed_at": at}
        books.execute(_ADD_SINK, row)
    row = books.rows(_SINK, {"sink": sink})[0]
    return int(row["fence"])


def check_fence(books: Books, sink: str, fence: int) -> None:
    """Raises SinkTaken: somebody claimed the sink since."""
    row = books.first(_SINK, {"sink": sink})
    if row is None or row["fence"] != fence:
        raise SinkTaken(f"another server delivers to the sink {sink}: stop one of the two that work on this ledger")


def sink_failed(books: Books, sink: str, error: str, *, at: int) -> None:
    books.execute(_FAILING, {"sink": sink, "why": error, "now": at})


def sink_well(books: Books, sink: str) -> None:
    books.execute(_WELL, {"sink": sink})


# --- What was announced


def last_event(books: Books) -> str | None:
    """The id of the newest."""
    found: str | None = books.rows(_LAST)[0]["id"]
    return found


def history(
    books: Books,
    *,
    since: int = 0,
    until: int = _FOREVER,
    before: str = LAST_ID,
    newest_first: bool = False,
) -> Iterator[Row]:
    """What was announced from `since` on and before `until`, and before the event `before`; one by one, in pages."""
    asked = {"since": since, "until": until, "most": _PAGE, "before": before, "after": id_from(since - _STEP_BACK)}
    statement, end = (_BACKWARDS, "before") if newest_first else (_ONWARDS, "after")
    while page := books.rows(statement, asked):
        yield from page
        if len(page) < _PAGE:
            return
        asked[end] = page[-1]["id"]


def behind(books: Books, after: str) -> int:
    """How many events came after one."""
    return int(books.rows(_BEHIND, {"after": after})[0]["events"])


def dead_like(books: Books, sink: str, prefix: str) -> list[str]:
    """Dead letters of a sink whose ids begin so: two at most, which says that there are more than one."""
    rows = books.rows(_BY_PREFIX, {"sink": sink, "low": prefix, "high": prefix + LAST_ID})
    return [str(row["event_id"]) for row in rows]


def latest_events(books: Books, most: int) -> list[Row]:
    """The newest events, oldest of them first."""
    return books.rows(_LATEST, {"most": most})[::-1]


def events_after(books: Books, after: str, most: int = 500) -> list[Row]:
    return books.rows(_AFTER, {"after": after, "most": most})


def events_of(books: Books, transfer: str) -> list[Row]:
    return books.rows(_OF_TRANSFER, {"transfer": transfer})
