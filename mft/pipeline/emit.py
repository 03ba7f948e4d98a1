"""The last stage: events leave the outbox for their sinks, at least once, each under one id for ever.

In a lane (the events of one partner, to one sink) they go in the order of the ledger. A sink that cannot be reached is
tried again for as long as that takes, and nothing is given up. One that answers, and refuses an event, is asked again
with growing waits until `give_up_hours` are over: then the event is a dead letter, which an operator retries or drops.
Meanwhile its lane waits ("block"), or goes on without it ("park"). Other lanes never wait.
"""

import random
import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import islice
from time import monotonic
from typing import Final, Literal, NamedTuple, Protocol

import msgspec

from mft.clock import now_us
from mft.errors import Broken, Busy, MFTError
from mft.ledger import flow_holds, outbox
from mft.ledger.database import Readers, Row
from mft.ledger.outbox import Refusal
from mft.pipeline.journal import Journal
from mft.threads import watched

_BATCH: Final = 500  # Events between two commits.
_TURN_SECONDS: Final = 1.0  # No longer than this either.
_POLL_SECONDS: Final = 5.0
_WAIT_SECONDS_MAX: Final = 300
_PROBES: Final = 3
_HOUR_SECONDS: Final = 3600


class Outgoing(NamedTuple):
    """One event on its way. `body` is the CloudEvent in JSON; `lane` its partner's name, or empty.

    `replays` says how often an operator asked for it again.
    """

    id: str
    type: str
    lane: str
    body: bytes
    replays: int = 0

    @property
    def once(self) -> str:
        """What a broker that drops repetitions may know it by: a replay is none."""
        return f"{self.id}.{self.replays}" if self.replays else self.id


class Gone(MFTError):
    """The other side wants nothing any more, for good: its sink is held until an operator lifts that."""

    code = "gone"


class Later(Busy):
    """The other side names a time: try again in `seconds`."""

    code = "busy.later"

    def __init__(self, message: str, seconds: float = 1.0) -> None:
        super().__init__(message)
        self.seconds = seconds


class Unreached(MFTError):
    """A sink could take no more for a reason that has nothing to do with one event: it is full, cut off, not there.

    `why` says which, as a stable dotted word. What it had `delivered` before, it has for good.
    """

    code = "sink.unreached"

    def __init__(self, why: str, delivered: Iterable[str] = ()) -> None:
        super().__init__(why)
        self.why = why
        self.delivered = frozenset(delivered)


class Sink(Protocol):
    """Where events go.

    `window` says how many events of one lane `deliver` gets at once. More than 1 is for sinks of which one can be sure
    that none overtakes another which was refused: those that take all or nothing.
    """

    name: str
    window: int

    def deliver(self, events: Sequence[Outgoing]) -> Mapping[str, str]:
        """Hand events over; in the order given, so far as they are of one lane.

        Returns:
            Those that the other side refused, by id, each with why as a stable dotted word ("rabbitmq.unroutable"),
            never with text from elsewhere. It has all others for good.

        Raises:
            OSError, MFTError: it cannot be reached, or gave no answer that says which it has: all of them come again.
            Unreached, Gone, Later: see there.
        """

    def close(self) -> None: ...


class ClaimSink(msgspec.Struct, frozen=True, tag=True):
    """From now on this server delivers to a sink, and nobody else. Answered with the fence."""

    sink: str
    by: str


class Settled(msgspec.Struct, frozen=True, tag=True):
    """What became of one turn: these were delivered, these refused; `failed` says why the sink was not reached."""

    sink: str
    fence: int
    delivered: tuple[str, ...]
    refused: tuple[Refusal, ...] = ()
    failed: str | None = None
    well: bool = False


class SinkGone(msgspec.Struct, frozen=True, tag=True):
    """A sink said that it wants nothing any more."""

    sink: str


def claim_sink(journal: Journal, command: ClaimSink) -> int:
    return outbox.claim_sink(journal.books, command.sink, by=command.by, at=journal.at)


def settled(journal: Journal, command: Settled) -> None:
    """Raises SinkTaken."""
    books = journal.books
    outbox.check_fence(books, command.sink, command.fence)
    outbox.mark_delivered(books, command.sink, command.delivered, at=journal.at)
    outbox.put_off(books, command.sink, command.refused, at=journal.at)
    for one in command.refused:
        if one.state == outbox.DEAD:
            journal.leaf(
                "event.dead",
                actor="server",
                result="refused",
                facts={"sink": command.sink, "event": one.event, "error": one.error},
            )
    if command.failed:
        outbox.sink_failed(books, command.sink, command.failed, at=journal.at)
    elif command.well:
        outbox.sink_well(books, command.sink)


def sink_gone(journal: Journal, command: SinkGone) -> None:
    """Hold it; an operator lifts that."""
    if flow_holds.is_sink_held(journal.books, command.sink):
        return
    why = "the other side wants no events any more"
    hold = flow_holds.add_hold(journal.books, why, until=None, at=journal.at, by="server", sink=command.sink)
    journal.leaf("flow-hold.made", actor="server", facts={"hold": hold, "sink": command.sink}, private={"why": why})


def as_announced(row: Row) -> bytes:
    """The CloudEvent as it was committed; a replay says of itself that it is one."""
    body = str(row["body"])
    return (f'{body[:-1]},"replay":true}}' if row["replays"] else body).encode()


@dataclass(frozen=True, slots=True)
class Terms:
    """What is done about events that a sink refuses, and how its events look."""

    refused: Literal["block", "park"] = "block"
    give_up_hours: float = 72.0
    dress: Callable[[Row], bytes] = as_announced


def wait_seconds(attempts: int) -> float:
    """How long after so many attempts another one is made, at least: 1, 2, 4 … seconds, up to 5 minutes."""
    return float(min(2 ** min(max(attempts - 1, 0), 16), _WAIT_SECONDS_MAX))


def _jittered(seconds: float) -> float:
    """A fifth more at the most, so that those who failed together do not come again together."""
    return seconds * random.uniform(1.0, 1.2)  # noqa: S311  Nobody gains from guessing it.


def attempts_in(hours: float) -> int:
    """How many attempts fit: the waits between them are counted, not a clock, which may jump."""
    attempts, waited = 1, 0.0
    while waited < hours * _HOUR_SECONDS:
        waited += wait_seconds(attempts)
        attempts += 1
    return attempts


@dataclass(slots=True)
class _Turn:
    """What one turn has come to so far."""

    delivered: list[str] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)
    failed: str | None = None


class Relay:
    """A thread for one sink: takes what is due, delivers, then marks. Killed in between, it delivers again.

    Error handling: a sink that is not reached is left alone for growing times; the first attempts behind that are of
    one event each, so that one which ends every connection is found out, and refused, where others pass.
    """

    def __init__(
        self,
        sink: Sink,
        readers: Readers,
        commit: Callable[[ClaimSink | Settled | SinkGone], object],
        on_broken: Callable[[Broken], None],
        *,
        terms: Terms = Terms(),
        by: str = "server",
    ) -> None:
        self._sink = sink
        self._readers = readers
        self._commit = commit
        self._terms = terms
        self._by = by
        self._attempts_max = attempts_in(terms.give_up_hours)
        self._fence = 0
        self._failures = 0  # In a row, of the sink as a whole.
        self._rest_until = 0.0  # By the monotonic clock.
        self._first_lane = ""
        self._wake = threading.Event()
        self._stop = False
        self._thread = watched(f"relay-{sink.name}", self._run, on_broken)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def ask_to_stop(self) -> None:
        """Deliver what is due once more, and end; `stop` waits for that."""
        self._stop = True
        self._wake.set()

    def stop(self) -> None:
        self.ask_to_stop()
        self._thread.join()
        self._sink.close()

    def _run(self) -> None:
        last = False
        while not last:
            self._wake.clear()
            last = self._stop  # Before the delivery: one round more for what came in between.
            with suppress(Busy):  # The ledger's disk is full: these come again.
                while self.deliver_some():
                    pass
            if not last:
                rest = self._rest_until - monotonic()
                self._wake.wait(min(rest, _POLL_SECONDS) if rest > 0 else _POLL_SECONDS)

    def deliver_some(self) -> bool:
        """One turn. Returns whether there may be more to deliver at once."""
        if monotonic() < self._rest_until or flow_holds.is_sink_held(self._readers.get(), self._sink.name):
            return False
        queues = self._due(_PROBES if self._failures else _BATCH)
        if not queues:
            return False
        if not self._fence:
            claimed = self._commit(ClaimSink(self._sink.name, self._by))
            assert isinstance(claimed, int)
            self._fence = claimed
        turn = _Turn()
        try:
            if self._failures:
                self._probe(queues, turn)
            else:
                self._pass_on(queues, turn)
        except Gone:
            self._settle(turn)
            self._commit(SinkGone(self._sink.name))
            return False
        self._settle(turn)
        return turn.failed is None and bool(turn.delivered or turn.refused)

    def _due(self, most: int) -> dict[str, deque[Row]]:
        """By lane what is due, oldest first. What was parked has a lane of its own."""
        books, sink, now = self._readers.get(), self._sink.name, now_us()
        asked = {"now": now, "wait_max": _WAIT_SECONDS_MAX * 2_000_000}
        queues: dict[str, deque[Row]] = {}
        lanes = list(islice(outbox.lanes(books, sink, start=self._first_lane), most + 1))
        # Of more lanes than fit, the next turn begins with the first that was left out.
        self._first_lane = lanes.pop() if len(lanes) > most else ""
        of_each = max(1, most // max(1, len(lanes)))
        for lane in lanes:
            if rows := outbox.waiting_in(books, sink, lane, most=of_each, **asked):
                queues[lane] = deque(rows)
        for row in outbox.parked(books, sink, most=most, **asked):
            queues[f"parked {row['id']}"] = deque([row])
        return queues

    def _pass_on(self, queues: dict[str, deque[Row]], turn: _Turn) -> None:
        """Round by round: of each lane so many as its sink takes at once."""
        until = monotonic() + _TURN_SECONDS
        while queues and monotonic() < until:
            batch = [row for rows in queues.values() for row in islice(rows, self._sink.window)]
            batch.sort(key=lambda row: str(row["id"]))
            refused = self._attempt(batch)
            if isinstance(refused, Exception):
                if isinstance(refused, Unreached):
                    turn.delivered += [row["id"] for row in batch if row["id"] in refused.delivered]
                self._failed(refused, turn)
                return
            self._sort_out(batch, refused, turn)
            for lane, rows in list(queues.items()):
                gone = [rows.popleft() for _ in range(min(self._sink.window, len(rows)))]
                blocked = self._terms.refused == "block" and any(row["id"] in refused for row in gone)
                if blocked or not rows:
                    del queues[lane]
        self._failures = 0

    def _probe(self, queues: dict[str, deque[Row]], turn: _Turn) -> None:
        """After a failure: single events of a few lanes, until one passes.

        Those that failed beside it, and nobody knows why, count as refused.
        """
        failed: list[tuple[Row, Exception]] = []
        for rows in islice(queues.values(), _PROBES):
            row = rows[0]
            refused = self._attempt([row])
            if isinstance(refused, Later):
                self._failed(refused, turn)
                return
            if isinstance(refused, Exception):
                failed.append((row, refused))
                continue
            self._sort_out([row], refused, turn)
            blamed = [(one, error) for one, error in failed if not isinstance(error, Unreached)]
            turn.refused += [self._refusal(one, code_of(error)) for one, error in blamed]
            self._failures = 0
            return
        if failed:
            self._failed(failed[-1][1], turn)

    def _attempt(self, batch: Sequence[Row]) -> Mapping[str, str] | Exception:
        """Returns what the sink refused; or why it was not reached. Raises Broken, Gone."""
        try:
            return self._sink.deliver([self._outgoing(row) for row in batch])
        except (Broken, Gone):
            raise
        except Exception as error:  # noqa: BLE001  Of whatever kind a library has: it comes again.
            return error

    def _outgoing(self, row: Row) -> Outgoing:
        return Outgoing(row["id"], row["type"], row["lane"], self._terms.dress(row), row["replays"])

    def _sort_out(self, batch: Iterable[Row], refused: Mapping[str, str], turn: _Turn) -> None:
        for row in batch:
            error = refused.get(row["id"])
            if error is None:
                turn.delivered.append(row["id"])
            else:
                turn.refused.append(self._refusal(row, error))

    def _refusal(self, row: Row, error: str) -> Refusal:
        attempts = row["attempts"] + 1
        if attempts >= self._attempts_max:
            return Refusal(row["id"], error, 0, outbox.DEAD)
        due = now_us() + int(_jittered(wait_seconds(attempts)) * 1_000_000)
        parked = self._terms.refused == "park"
        return Refusal(row["id"], error, due, outbox.PARKED if parked else outbox.WAITING)

    def _failed(self, error: Exception, turn: _Turn) -> None:
        self._failures += 1
        rest = error.seconds if isinstance(error, Later) else wait_seconds(self._failures)
        self._rest_until = monotonic() + _jittered(rest)
        turn.failed = code_of(error)

    def _settle(self, turn: _Turn) -> None:
        if turn.delivered or turn.refused or turn.failed:
            refused, well = tuple(turn.refused), turn.failed is None and bool(turn.delivered or turn.refused)
            self._commit(Settled(self._sink.name, self._fence, tuple(turn.delivered), refused, turn.failed, well))


def code_of(error: Exception) -> str:
    """What an operator sees of a failure: the kind of it alone, since its text may be somebody else's."""
    match error:
        case Unreached():
            return error.why
        case MFTError():
            return error.code
    return f"sink.{type(error).__name__}"
