"""The one that numbers leaves: a thread of the core, which also signs a checkpoint in time."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mft.audit.log import append, make_checkpoint, sequence
from mft.clock import now_us
from mft.crypto.signing import SigningKey
from mft.errors import Broken, Busy
from mft.ledger.database import Books
from mft.threads import watched

if TYPE_CHECKING:
    from concurrent.futures import Future

_EVERY_SECONDS: Final = 0.25
_LOOK_SECONDS: Final = 1.0  # At most this long until a step of the clock is seen.
_STEP_SECONDS: Final = 2.0


class Sequencer:
    """Numbers leaves four times a second; signs a checkpoint at start, at stop, and by count or time in between.

    A step of the wall clock is a leaf, signed at once: leaves before it were dated by another clock than those behind.
    `signed` is called after each checkpoint; `wall` and `monotonic` are the clocks, in seconds.
    `key` is asked within the transaction of each checkpoint who signs it.
    """

    def __init__(
        self,
        submit: Callable[[Callable[[Books], int]], "Future[int]"],
        key: Callable[[Books], SigningKey],
        on_broken: Callable[[Broken], None],
        *,
        checkpoint_seconds: int,
        checkpoint_leaves: int,
        signed: Callable[[], None] = lambda: None,
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._submit = submit
        self._key = key
        self._seconds = checkpoint_seconds
        self._leaves = checkpoint_leaves
        self._signed = signed
        self._wall = wall
        self._monotonic = monotonic
        self._offset = wall() - monotonic()
        self._dirty = threading.Event()
        self._stop = threading.Event()
        self._thread = watched("sequencer", self._run, on_broken)

    def start(self) -> None:
        self.checkpoint()
        self._thread.start()

    def wake(self) -> None:
        """There may be leaves without a number."""
        self._dirty.set()

    def stop(self) -> None:
        """End, with a checkpoint over everything."""
        self._stop.set()
        self._dirty.set()
        self._thread.join()
        try:
            self.checkpoint()
        except (Broken, Busy):
            return  # The next start takes it up; the writer has said why.

    def checkpoint(self) -> None:
        self._submit(lambda books: make_checkpoint(books, self._key(books), at=now_us()).size).result()
        self._signed()

    def _look_at_clock(self) -> None:
        """Note a step of the wall clock. What it drifts is followed, not told."""
        offset = self._wall() - self._monotonic()
        step = offset - self._offset
        if abs(step) > _STEP_SECONDS:
            self._submit(lambda books: _note_step(books, round(step))).result()
            self.checkpoint()
        self._offset = offset

    def _run(self) -> None:
        since, leaves = self._monotonic(), 0
        while not self._stop.is_set():
            due_in = max(0.0, since + self._seconds - self._monotonic()) if leaves else _LOOK_SECONDS
            try:
                self._look_at_clock()
                if self._dirty.wait(min(due_in, _LOOK_SECONDS)):
                    self._dirty.clear()
                    while numbered := self._submit(sequence).result():
                        leaves += numbered
                if leaves and (leaves >= self._leaves or self._monotonic() - since >= self._seconds):
                    self.checkpoint()
                    since, leaves = self._monotonic(), 0
                elif not leaves:
                    since = self._monotonic()
            except Busy:
                self._dirty.set()  # The disk is full: the leaves wait with everything else.
            self._stop.wait(_EVERY_SECONDS)


def _note_step(books: Books, seconds: int) -> int:
    append(books, "clock.stepped", at=now_us(), actor="server", facts={"seconds": seconds})
    return seconds
