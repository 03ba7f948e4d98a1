"""The relay: at least once, in order, under the same id, whatever the sink does."""

import json
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from mft.errors import Broken, NoSpace, SyncFailed
from mft.pipeline import emit
from mft.pipeline.emit import Delivered, Relay
from tests.unit.mft.pipeline.conftest import Desk


class FakeSink:
    name = "file"

    def __init__(self) -> None:
        self.got: list[list[str]] = []
        self.fails: list[Exception | None] = []
        self.closed = False
        self.changed = threading.Condition()

    def deliver(self, events: Sequence[bytes]) -> None:
        with self.changed:
            self.got.append([json.loads(event)["subject"] for event in events])
            self.changed.notify_all()
        error = self.fails.pop(0) if self.fails else None
        if error is not None:
            raise error

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Microseconds that the relay takes for now; far behind the events' own."""
    now = [1 << 52]
    monkeypatch.setattr(emit, "now_us", lambda: now[0])
    return now


def NOBODY(error: Broken) -> None:  # noqa: N802  Who is told of a failure where none is expected.
    raise AssertionError(error)


@pytest.fixture
def sink() -> FakeSink:
    return FakeSink()


@pytest.fixture
def relay(desk: Desk, sink: FakeSink, clock: list[int]) -> Iterator[Relay]:
    made = Relay(sink, desk.readers, desk.core.run, NOBODY)
    yield made
    if made._thread.is_alive():
        made.stop()


def test_in_the_order_of_the_ledger_and_once_when_all_goes_well(desk: Desk, sink: FakeSink, relay: Relay) -> None:
    arrived = [desk.announce(b"%d" % number) for number in range(5)]
    relay._deliver_batch()
    assert sink.got == [arrived]
    assert not relay._deliver_batch()
    assert sink.got == [arrived]


@pytest.mark.parametrize("error", [OSError("connection reset"), NoSpace("full")])
def test_what_a_sink_did_not_take_comes_again_before_anything_newer(
    desk: Desk, sink: FakeSink, relay: Relay, clock: list[int], error: Exception
) -> None:
    first = desk.announce(b"1")
    sink.fails = [error]
    relay._deliver_batch()
    second = desk.announce(b"2")
    relay._deliver_batch()
    assert sink.got == [[first]]  # Not due yet, and the second must not overtake it.
    clock[0] += 1_000_000
    relay._deliver_batch()
    assert sink.got == [[first], [first, second]]


def test_the_waits_grow_and_have_an_end(desk: Desk, sink: FakeSink, relay: Relay, clock: list[int]) -> None:
    desk.announce(b"1")
    waits = []
    for _ in range(12):
        sink.fails = [OSError("down")]
        before = len(sink.got)
        relay._deliver_batch()
        assert len(sink.got) == before + 1
        waited = 0
        while not due(desk, clock[0]):
            waited += 1
            clock[0] += 1_000_000
        waits.append(waited)
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def due(desk: Desk, now: int) -> list[dict[str, Any]]:
    from mft.ledger import outbox

    return outbox.due(desk.books, "file", now=now, wait_max=1 << 40, most=10)


def test_killed_between_delivery_and_mark_it_delivers_again_under_the_same_id(
    desk: Desk, sink: FakeSink, clock: list[int]
) -> None:
    desk.announce(b"1")
    seen: list[bytes] = []
    deliver = sink.deliver

    def watched(events: Sequence[bytes]) -> None:
        seen.extend(events)
        deliver(events)

    sink.deliver = watched  # type: ignore[method-assign]

    def dies(command: object) -> None:
        assert isinstance(command, Delivered)
        raise SyncFailed("killed")

    with pytest.raises(SyncFailed):
        Relay(sink, desk.readers, dies, NOBODY)._deliver_batch()
    Relay(sink, desk.readers, desk.core.run, NOBODY)._deliver_batch()
    assert len(seen) == 2
    assert seen[0] == seen[1]


def test_a_broken_disk_is_not_a_failed_delivery(desk: Desk, sink: FakeSink, relay: Relay) -> None:
    desk.announce(b"1")
    sink.fails = [SyncFailed("the events' disk")]
    with pytest.raises(SyncFailed):
        relay._deliver_batch()
    assert due(desk, 1 << 62)[0]["attempts"] == 0


@pytest.mark.parametrize("error", [SyncFailed("the events' disk"), RuntimeError("anything else")])
def test_a_thread_that_ends_is_never_unseen(desk: Desk, sink: FakeSink, error: Exception) -> None:
    told: list[Broken] = []
    desk.announce(b"1")
    sink.fails = [error]
    relay = Relay(sink, desk.readers, desk.core.run, told.append)
    relay.start()
    relay._thread.join(30)
    assert not relay._thread.is_alive()
    assert len(told) == 1


def test_it_works_by_itself_when_woken_and_once_more_at_the_stop(desk: Desk, sink: FakeSink, relay: Relay) -> None:
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


def test_a_full_ledger_does_not_end_it(desk: Desk, sink: FakeSink, clock: list[int]) -> None:
    tried = threading.Semaphore(0)
    full = [True]

    def commit(command: Any) -> None:
        tried.release()
        if full[0]:
            raise NoSpace("the ledger's disk is full")
        desk.core.run(command)

    relay = Relay(sink, desk.readers, commit, NOBODY)
    transfer = desk.announce(b"1")
    relay.start()
    assert tried.acquire(timeout=30)
    full[0] = False
    relay.wake()
    assert tried.acquire(timeout=30)
    relay.stop()
    assert sink.got[0] == sink.got[1] == [transfer]
    assert due(desk, 1 << 62) == []


def test_batches_follow_each_other(desk: Desk, sink: FakeSink, relay: Relay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(emit, "_BATCH", 2)
    arrived = [desk.announce(b"%d" % number) for number in range(5)]
    while relay._deliver_batch():
        pass
    assert sink.got == [arrived[:2], arrived[2:4], arrived[4:]]
