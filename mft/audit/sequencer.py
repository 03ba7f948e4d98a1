"""The one that numbers leaves: a thread of the core, which also signs a checkpoint in time."""

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from mft.audit.log import make_checkpoint, sequence
from mft.clock import now_us
from mft.crypto.signing import SigningKey
from mft.errors import Broken, Busy
from mft.ledger.database import Books
from mft.threads import watched

if TYPE_CHECKING:
    from concurrent.futures import Future

_EVERY_SECONDS: Final = 0.25


class Sequencer:
    """Numbers leaves four times a second; signs a checkpoint at start, at stop, and by count or time in between.

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
    ) -> None:
        self._submit = submit
        self._key = key
        self._seconds = checkpoint_seconds
        self._leaves = checkpoint_leaves
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

    def _run(self) -> None:
        since, leaves = time.monotonic(), 0
        while not self._stop.is_set():
            due_in = max(0.0, since + self._seconds - time.monotonic()) if leaves else None
            try:
                if self._dirty.wait(due_in):
                    self._dirty.clear()
                    while numbered := self._submit(sequence).result():
                        leaves += numbered
                if leaves and (leaves >= self._leaves or time.monotonic() - since >= self._seconds):
                    self.checkpoint()
                    since, leaves = time.monotonic(), 0
                elif not leaves:
                    since = time.monotonic()
            except Busy:
                self._dirty.set()  # The disk is full: the leaves wait with everything else.
            self._stop.wait(_EVERY_SECONDS)
