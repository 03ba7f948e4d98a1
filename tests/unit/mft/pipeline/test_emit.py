"""The relay: at least once, in order in each lane, under the same id, whatever the sink does."""

import threading
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from mft.audit.query import leaves
from mft.errors import Broken, MFTError, NoSpace, SyncFailed
from mft.events import KeyExpiring
from mft.ledger import flow_holds, outbox
from mft.ledger.outbox import SinkTaken
from mft.pipeline import emit
from mft.pipeline.emit import Gone, Later, Outgoing, Relay, Settled, Terms, Unreached
from mft.pipeline.release import LiftFlowHold
from tests.unit.mft.pipeline.conftest import Desk


class FakeSink:
    name = "file"

    def __init__(self, window: int = 1) -> None:
        self.window = window
        self.got: list[list[str]] = []  # What was handed over, by subject.
        self.bodies: list[bytes] = []
        self.fails: list[Exception | None] = []  # Of the next calls.
        self.refuses: dict[str, str] = {}  # By subject.
        self.breaks: set[str] = set()  # Subjects that end the connection.
        self.closed = False
        self.changed = threading.Condition()

    def deliver(self, events: Sequence[Outgoing]) -> Mapping[str, str]:
        subjects = {event.id: subject_of(event) for event in events}
        with self.changed:
            self.got.append(list(subjects.values()))
            self.bodies += [event.body for event in events]
            self.changed.notify_all()
        error = self.fails.pop(0) if self.fails else None
        if error is not None:
            raise error
        if self.breaks & set(subjects.values()):
            raise ConnectionResetError
        return {key: self.refuses[subject] for key, subject in subjects.items() if subject in self.refuses}

    def close(self) -> None:
        self.closed = True


def subject_of(event: Outgoing) -> str:
    import json

    return str(json.loads(event.body)["subject"])


class Clock:
    """What the relay takes for now, far behind the events' own, in microseconds; and its monotonic clock, in seconds."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 1 << 52
        self.ticks = 1000.0
        monkeypatch.setattr(emit, "now_us", lambda: self.now)
        monkeypatch.setattr(emit, "monotonic", lambda: self.ticks)
        monkeypatch.setattr(emit, "_jittered", lambda seconds: seconds)

    def go(self, seconds: float) -> None:
        self.now += int(seconds * 1_000_000)
        self.ticks += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def NOBODY(error: Broken) -> None:  # noqa: N802  Who is told of a failure where none is expected.
    raise AssertionError(error)


@pytest.fixture
def sink() -> FakeSink:
    return FakeSink()


@pytest.fixture
def relay(desk: Desk, sink: FakeSink, clock: Clock) -> Iterator[Relay]:
    made = Relay(sink, desk.readers, desk.core.run, NOBODY)
    yield made
    if made._thread.is_alive():
        made.stop()


def of_lane(desk: Desk, lane: str, subject: str) -> None:
    """An event of a lane of its own choice."""
    event = KeyExpiring(partner=lane, key=subject, use="ssh", days_left=1)
    desk.core.writer.run(lambda books: journal(desk, books).announce(event))


def journal(desk: Desk, books: Any) -> Any:
    from mft.pipeline.journal import Journal

    return Journal(books, 1, "urn:mft:test", "node", {"file": ()})


def waiting(desk: Desk) -> list[dict[str, Any]]:
    return [row for row in outbox.depths(desk.books) if row["state"] == outbox.WAITING]


def test_in_the_order_of_the_ledger_and_once_when_all_goes_well(desk: Desk, relay: Relay, sink: FakeSink) -> None:
    arrived = [desk.announce(b"%d" % number) for number in range(5)]
    relay.deliver_some()
    assert sink.got == [[one] for one in arrived]
    assert not relay.deliver_some()
    assert sink.got == [[one] for one in arrived]
    assert waiting(desk) == []


def test_a_sink_that_takes_all_or_nothing_gets_a_lane_at_once(desk: Desk, clock: Clock) -> None:
    arrived = [desk.announce(b"%d" % number) for number in range(5)]
    sink = FakeSink(window=500)
    Relay(sink, desk.readers, desk.core.run, NOBODY).deliver_some()
    assert sink.got == [arrived]


def test_lanes_go_beside_each_other(desk: Desk, relay: Relay, sink: FakeSink) -> None:
    for lane, subject in (("a", "a1"), ("a", "a2"), ("b", "b1"), ("a", "a3"), ("b", "b2")):
        of_lane(desk, lane, subject)
    relay.deliver_some()
    assert sink.got == [["a1", "b1"], ["a2", "b2"], ["a3"]]


@pytest.mark.parametrize("error", [OSError("connection reset"), NoSpace("full"), RuntimeError("a library's own")])
def test_what_a_sink_did_not_take_comes_again_before_anything_newer(
    desk: Desk, sink: FakeSink, relay: Relay, clock: Clock, error: Exception
) -> None:
    first = desk.announce(b"1")
    sink.fails = [error]
    relay.deliver_some()
    second = desk.announce(b"2")
    relay.deliver_some()
    assert sink.got == [[first]]  # Not yet, and the second must not overtake it.
    clock.go(1)
    assert relay.deliver_some()
    assert relay.deliver_some()
    assert sink.got == [[first], [first], [second]]


def test_the_waits_grow_and_have_an_end_and_an_outage_kills_nothing(
    desk: Desk, sink: FakeSink, relay: Relay, clock: Clock
) -> None:
    transfer = desk.announce(b"1")
    waits = []
    for _ in range(2000):
        sink.fails = [OSError("down")]
        before = len(sink.got)
        relay.deliver_some()
        assert len(sink.got) == before + 1
        waited = 0
        while clock.ticks < relay._rest_until:
            waited += 1
            clock.go(1)
        waits.append(waited)
    assert waits[:12] == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]
    assert sum(waits) > 72 * 3600
    (row,) = outbox.sinks(desk.books)
    assert (row["error"], row["attempts"]) == ("sink.OSError", 2000)
    relay.deliver_some()
    assert sink.got[-1] == [transfer]
    assert waiting(desk) == []
    (row,) = outbox.sinks(desk.books)
    assert (row["error"], row["attempts"], row["failing_since"]) == (None, 0, None)


def test_a_refused_event_blocks_its_lane_alone(desk: Desk, sink: FakeSink, relay: Relay, clock: Clock) -> None:
    for lane, subject in (("a", "a1"), ("a", "a2"), ("b", "b1"), ("b", "b2")):
        of_lane(desk, lane, subject)
    sink.refuses = {"a1": "web.500"}
    while relay.deliver_some():
        pass
    assert sink.got == [["a1", "b1"], ["b2"]]
    clock.go(1)
    while relay.deliver_some():
        pass
    assert sink.got[2:] == [["a1"]]
    clock.go(1)
    relay.deliver_some()
    assert sink.got[3:] == []  # The second wait is longer.
    sink.refuses = {}
    clock.go(1)
    while relay.deliver_some():
        pass
    assert sink.got[3:] == [["a1"], ["a2"]]


def test_a_refused_event_is_parked_where_that_was_agreed(desk: Desk, sink: FakeSink, clock: Clock) -> None:
    relay = Relay(sink, desk.readers, desk.core.run, NOBODY, terms=Terms(refused="park"))
    for subject in ("a1", "a2", "a3"):
        of_lane(desk, "a", subject)
    sink.refuses = {"a1": "web.500"}
    while relay.deliver_some():
        pass
    assert sink.got == [["a1"], ["a2"], ["a3"]]
    clock.go(1)
    while relay.deliver_some():
        pass
    sink.refuses = {}
    clock.go(2)
    while relay.deliver_some():
        pass
    assert sink.got[3:] == [["a1"], ["a1"]]
    assert outbox.depths(desk.books) == []


@pytest.mark.parametrize("refused", ["block", "park"])
def test_refused_for_too_long_it_is_a_dead_letter_and_the_lane_goes_on(
    desk: Desk, sink: FakeSink, clock: Clock, refused: Any
) -> None:
    relay = Relay(sink, desk.readers, desk.core.run, NOBODY, terms=Terms(refused=refused, give_up_hours=1))
    of_lane(desk, "a", "a1")
    of_lane(desk, "a", "a2")
    sink.refuses = {"a1": "web.500"}
    began = clock.now
    while not outbox.dead_letters(desk.books, "file"):
        while relay.deliver_some():
            pass
        clock.go(1)
    assert 3600 <= (clock.now - began) / 1e6 <= 3600 + 300
    while relay.deliver_some():
        pass
    assert ["a2"] in sink.got
    (row,) = outbox.dead_letters(desk.books, "file")
    assert (row["error"], row["lane"]) == ("web.500", "a")
    (leaf,) = leaves(desk.books, kind="event.dead")
    assert leaf["facts"]["error"] == "web.500"


def test_a_clock_that_jumps_gives_nothing_up(desk: Desk, sink: FakeSink, clock: Clock) -> None:
    relay = Relay(sink, desk.readers, desk.core.run, NOBODY, terms=Terms(give_up_hours=1))
    of_lane(desk, "a", "a1")
    sink.refuses = {"a1": "web.500"}
    relay.deliver_some()
    clock.now += 400 * 86_400 * 1_000_000
    relay.deliver_some()
    assert len(sink.got) == 2
    assert outbox.dead_letters(desk.books, "file") == []
    clock.now -= 800 * 86_400 * 1_000_000
    sink.refuses = {}
    relay.deliver_some()
    assert len(sink.got) == 3
    assert waiting(desk) == []


def test_an_event_that_ends_every_connection_is_found_out(
    desk: Desk, sink: FakeSink, relay: Relay, clock: Clock
) -> None:
    for lane, subject in (("a", "a1"), ("b", "b1"), ("c", "c1"), ("d", "d1")):
        of_lane(desk, lane, subject)
    sink.breaks = {"a1"}
    relay.deliver_some()
    assert sink.got == [["a1", "b1", "c1", "d1"]]
    clock.go(1)
    while relay.deliver_some():
        pass
    assert sink.got[1:] == [["a1"], ["b1"], ["c1", "d1"]]
    ((lane, events),) = [(row["lane"], row["events"]) for row in waiting(desk)]
    assert (lane, events) == ("a", 1)
    (row,) = outbox.refused(desk.books, "file")
    assert (row["attempts"], row["error"]) == (1, "sink.ConnectionResetError")


def test_what_a_sink_has_before_it_is_full_is_not_sent_again(
    desk: Desk, sink: FakeSink, relay: Relay, clock: Clock
) -> None:
    for lane in "abc":
        of_lane(desk, lane, f"{lane}1")
    first = outbox.latest_events(desk.books, 3)[0]["id"]
    sink.fails = [Unreached("web.full", [first])]
    relay.deliver_some()
    assert sorted(row["lane"] for row in waiting(desk)) == ["b", "c"]
    assert outbox.sinks(desk.books)[0]["error"] == "web.full"
    clock.go(1)
    sink.fails = [Unreached("web.full")]  # Of the first that is tried; another passes beside it.
    while relay.deliver_some():
        pass
    assert sink.got == [["a1", "b1", "c1"], ["b1"], ["c1"], ["b1"]]
    assert outbox.refused(desk.books, "file") == []  # Nobody counts that against it.


def test_more_lanes_than_fit_all_get_their_turn(
    desk: Desk, sink: FakeSink, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(emit, "_BATCH", 3)
    lanes = [f"lane{number}" for number in range(7)]
    for lane in lanes:
        of_lane(desk, lane, f"{lane} first")
        of_lane(desk, lane, f"{lane} second")
    sink.refuses = {f"{lane} first": "web.500" for lane in lanes[:3]}  # They must not starve the others.
    while relay.deliver_some():
        pass
    got = [subject for batch in sink.got for subject in batch]
    assert sorted(set(got)) == sorted([f"{lane} first" for lane in lanes] + [f"{lane} second" for lane in lanes[3:]])


def test_the_other_side_names_a_time(desk: Desk, sink: FakeSink, relay: Relay, clock: Clock) -> None:
    desk.announce(b"1")
    sink.fails = [Later("as it says", 30)]
    relay.deliver_some()
    clock.go(29)
    relay.deliver_some()
    assert len(sink.got) == 1
    clock.go(1)
    relay.deliver_some()
    assert len(sink.got) == 2


def test_the_other_side_wants_nothing_any_more(desk: Desk, sink: FakeSink, relay: Relay, clock: Clock) -> None:
    first = desk.announce(b"1")
    sink.fails = [Gone("410")]
    assert not relay.deliver_some()
    clock.go(86_400)
    assert not relay.deliver_some()
    assert sink.got == [[first]]
    (hold,) = flow_holds.holds(desk.books)
    assert (hold["sink"], hold["made_by"]) == ("file", "server")
    desk.core.run(LiftFlowHold(hold["id"], "cli:0"))
    relay.deliver_some()
    assert sink.got == [[first], [first]]
    assert waiting(desk) == []


def test_a_held_sink_gets_nothing(desk: Desk, sink: FakeSink, relay: Relay) -> None:
    from mft.pipeline.release import AddFlowHold

    desk.announce(b"1")
    desk.core.run(AddFlowHold("down", "cli:0", sink="file"))
    assert not relay.deliver_some()
    assert sink.got == []


def test_a_replay_says_that_it_is_one_under_the_same_id(desk: Desk, sink: FakeSink, relay: Relay) -> None:
    import json

    desk.announce(b"1")
    relay.deliver_some()
    (event,) = outbox.latest_events(desk.books, 10)
    desk.core.writer.run(lambda books: outbox.replay(books, "file", [event["id"]]))
    relay.deliver_some()
    first, second = map(json.loads, sink.bodies)
    assert second == {**first, "replay": True}


def test_killed_between_delivery_and_mark_it_delivers_again_under_the_same_id(
    desk: Desk, sink: FakeSink, clock: Clock
) -> None:
    desk.announce(b"1")

    def dies(command: object) -> object:
        if isinstance(command, Settled):
            raise SyncFailed("killed")
        return desk.core.run(command)  # type: ignore[arg-type]

    with pytest.raises(SyncFailed):
        Relay(sink, desk.readers, dies, NOBODY).deliver_some()
    Relay(sink, desk.readers, desk.core.run, NOBODY).deliver_some()
    first, second = sink.bodies
    assert first == second


def test_a_relay_whose_sink_was_claimed_by_another_marks_nothing(desk: Desk, sink: FakeSink, clock: Clock) -> None:
    ours = Relay(sink, desk.readers, desk.core.run, NOBODY)
    desk.announce(b"1")
    ours.deliver_some()
    theirs = FakeSink()
    second = desk.announce(b"2")
    theirs.refuses = {second: "web.500"}
    Relay(theirs, desk.readers, desk.core.run, NOBODY).deliver_some()
    clock.go(1)
    with pytest.raises(SinkTaken):
        ours.deliver_some()
    assert [row["events"] for row in waiting(desk)] == [1]


def test_a_broken_disk_is_not_a_failed_delivery(desk: Desk, sink: FakeSink, relay: Relay) -> None:
    desk.announce(b"1")
    sink.fails = [SyncFailed("the events' disk")]
    with pytest.raises(SyncFailed):
        relay.deliver_some()
    assert outbox.refused(desk.books, "file") == []


def test_a_thread_that_ends_is_never_unseen(desk: Desk, sink: FakeSink) -> None:
    told: list[Broken] = []
    desk.announce(b"1")
    sink.fails = [SyncFailed("the events' disk")]
    relay = Relay(sink, desk.readers, desk.core.run, told.append)
    relay.start()
    relay._thread.join(30)
    assert not relay._thread.is_alive()
    assert len(told) == 1


def test_it_works_by_itself_when_woken_and_once_more_at_the_stop(desk: Desk, sink: FakeSink) -> None:
    relay = Relay(sink, desk.readers, desk.core.run, NOBODY)
    desk.core.on("announced", relay.wake)
    relay.start()
    first = desk.announce(b"1")
    with sink.changed:
        assert sink.changed.wait_for(lambda: [first] in sink.got, 30)
    desk.core._wake["announced"].clear()
    second = desk.announce(b"2")
    relay.stop()
    assert sink.got[-1] == [second]
    assert sink.closed


def test_a_full_ledger_does_not_end_it(desk: Desk, sink: FakeSink) -> None:
    tried = threading.Semaphore(0)
    full = [True]

    def commit(command: Any) -> object:
        if not isinstance(command, Settled):
            return desk.core.run(command)
        tried.release()
        if full[0]:
            raise NoSpace("the ledger's disk is full")
        return desk.core.run(command)

    relay = Relay(sink, desk.readers, commit, NOBODY)
    transfer = desk.announce(b"1")
    relay.start()
    assert tried.acquire(timeout=30)
    full[0] = False
    relay.wake()
    assert tried.acquire(timeout=30)
    relay.stop()
    assert sink.got[0] == sink.got[1] == [transfer]
    assert waiting(desk) == []


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoSpace("x"), "busy.no-space"),
        (Unreached("web.full"), "web.full"),
        (ConnectionResetError("x"), "sink.ConnectionResetError"),
    ],
)
def test_a_failure_is_told_by_its_kind_and_never_by_its_text(error: MFTError | OSError, code: str) -> None:
    assert emit.code_of(error) == code


@pytest.mark.parametrize(("hours", "attempts"), [(1, 21), (72, 873)])
def test_how_many_attempts_fit(hours: float, attempts: int) -> None:
    assert emit.attempts_in(hours) == attempts
