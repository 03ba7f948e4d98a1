"""The sequencer: a checkpoint at the start, at the stop, by count and by time; and what a failing ledger does to it."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from typing import Any

import pytest

from mft.audit import sequencer as module
from mft.audit.log import sequence
from mft.audit.sequencer import Sequencer
from mft.crypto.signing import SigningKey
from mft.errors import Broken, MFTError, NoSpace, SyncFailed

KEY = SigningKey("mft/test", bytes(range(32)))
DEADLINE_SECONDS = 30


class Log:
    """A double of the core's writer: leaves that wait are numbers, and every step can be waited for."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.waiting = 0
        self.done: list[str] = []
        self.fails: MFTError | None = None
        self.told: list[Broken] = []

    def submit(self, work: Callable[..., int]) -> "Future[int]":
        future: Future[int] = Future()
        with self.changed:
            if self.fails is not None:
                self.done.append("failed")
                future.set_exception(self.fails)
            elif work is sequence:
                self.done.append(f"numbered {self.waiting}")
                future.set_result(self.waiting)
                self.waiting = 0
            elif "_note_step" in work.__code__.co_names:
                work(None)
                future.set_result(0)
            else:
                self.done.append("checkpoint")
                future.set_result(0)
            self.changed.notify_all()
        return future

    def until(self, said: str, *, times: int = 1) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: self.done.count(said) >= times, DEADLINE_SECONDS), self.done


@pytest.fixture
def log() -> Log:
    return Log()


@pytest.fixture
def start(log: Log, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sequencer]]:
    monkeypatch.setattr(module, "_EVERY_SECONDS", 0.001)
    monkeypatch.setattr(module, "_LOOK_SECONDS", 0.001)
    monkeypatch.setattr(module, "append", lambda books, kind, *, facts, **said: log.done.append(f"{kind} {facts}"))
    started: list[Sequencer] = []

    def begin(**limits: Any) -> Sequencer:
        made = Sequencer(
            log.submit,
            lambda books: KEY,
            log.told.append,
            **{"checkpoint_seconds": 3600, "checkpoint_leaves": 1000, **limits},
        )
        made.start()
        started.append(made)
        return made

    yield begin
    for made in started:
        made.stop()
        assert not made._thread.is_alive()


def test_a_checkpoint_at_the_start_and_at_the_stop(log: Log, start: Callable[..., Sequencer]) -> None:
    sequencer = start()
    assert log.done == ["checkpoint"]
    sequencer.stop()
    assert log.done[-1] == "checkpoint"
    assert log.done.count("checkpoint") == 2


def test_a_wake_numbers_what_waits_and_signs_nothing_yet(log: Log, start: Callable[..., Sequencer]) -> None:
    sequencer = start()
    log.waiting = 5
    sequencer.wake()
    log.until("numbered 5")
    log.until("numbered 0")
    assert log.done.count("checkpoint") == 1


def test_a_checkpoint_by_count(log: Log, start: Callable[..., Sequencer]) -> None:
    sequencer = start(checkpoint_leaves=10)
    log.waiting = 9
    sequencer.wake()
    log.until("numbered 9")
    log.until("numbered 0")
    assert log.done.count("checkpoint") == 1
    log.waiting = 1
    sequencer.wake()
    log.until("numbered 1")
    log.until("checkpoint", times=2)


def test_a_checkpoint_by_time(log: Log, start: Callable[..., Sequencer]) -> None:
    now = [1000.0]
    sequencer = start(checkpoint_seconds=60, monotonic=lambda: now[0], wall=lambda: now[0])
    log.waiting = 1
    sequencer.wake()
    log.until("numbered 1")
    log.until("numbered 0")
    assert log.done.count("checkpoint") == 1
    now[0] += 61
    sequencer.wake()
    log.until("checkpoint", times=2)
    log.waiting = 1  # The hour begins anew behind a checkpoint.
    sequencer.wake()
    log.until("numbered 1", times=2)
    log.until("numbered 0", times=3)
    assert log.done.count("checkpoint") == 2


@pytest.mark.parametrize("seconds", [3, -3600])
def test_a_step_of_the_wall_clock_is_noted_and_signed_at_once(
    log: Log, start: Callable[..., Sequencer], seconds: int
) -> None:
    wall, looked = [5000.0], threading.Semaphore(0)

    def look() -> float:
        looked.release()
        return wall[0]

    signed: list[str] = []
    start(wall=look, monotonic=lambda: 1000.0, signed=lambda: signed.append("signed"))
    assert signed == ["signed"]
    wall[0] += 1.5  # What NTP may do without a word, again and again.
    for _ in range(4):
        assert looked.acquire(timeout=DEADLINE_SECONDS)
    wall[0] += 1.5
    for _ in range(4):
        assert looked.acquire(timeout=DEADLINE_SECONDS)
    assert log.done == ["checkpoint"]
    wall[0] += seconds
    log.until(f"clock.stepped {{'seconds': {seconds}}}")
    log.until("checkpoint", times=2)
    for _ in range(4):
        assert looked.acquire(timeout=DEADLINE_SECONDS)
    assert log.done.count("checkpoint") == 2, "told once"
    assert len(signed) == 2


def test_a_full_disk_is_waited_out(log: Log, start: Callable[..., Sequencer]) -> None:
    sequencer = start()
    log.fails = NoSpace("full")
    sequencer.wake()
    log.until("failed", times=2)  # Comes back by itself.
    log.waiting = 3
    log.fails = None
    log.until("numbered 3")
    log.fails = NoSpace("full")
    sequencer.stop()  # And no error climbs out of a stop.


def test_a_broken_ledger_ends_it(log: Log, start: Callable[..., Sequencer]) -> None:
    sequencer = start()
    log.fails = SyncFailed("broken")
    sequencer.wake()
    sequencer._thread.join(DEADLINE_SECONDS)
    assert not sequencer._thread.is_alive()
    assert log.done.count("failed") == 1
    assert [str(error) for error in log.told] == ["broken"]
