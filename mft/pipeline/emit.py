"""The last stage: events leave the outbox for their sinks, at least once, in order, each under one id for ever."""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final, Protocol

import msgspec

from mft.clock import now_us
from mft.errors import Broken, Busy, MFTError
from mft.ledger import outbox
from mft.ledger.database import Readers
from mft.ledger.flow_holds import is_sink_held
from mft.pipeline.journal import Journal
from mft.threads import watched

_BATCH: Final = 500
_POLL_SECONDS: Final = 5.0
_RETRY_SECONDS_MAX: Final = 300


class Sink(Protocol):
    """Where events go. `deliver` returns when the other side has them for good; else it raises OSError or MFTError."""

    name: str

    def deliver(self, events: Sequence[bytes]) -> None: ...

    def close(self) -> None: ...


class Delivered(msgspec.Struct, frozen=True, tag=True):
    """A sink has confirmed these events."""

    sink: str
    events: tuple[str, ...]


class DeliveryFailed(msgspec.Struct, frozen=True, tag=True):
    """A sink did not take these events: try again at `due`, microseconds."""

    sink: str
    events: tuple[str, ...]
    due: int


def delivered(journal: Journal, command: Delivered) -> None:
    outbox.mark_delivered(journal.books, command.sink, command.events, at=journal.at)


def delivery_failed(journal: Journal, command: DeliveryFailed) -> None:
    outbox.put_off(journal.books, command.sink, command.events, due=command.due)


class Relay:
    """A thread for one sink: takes what is due, delivers, then marks. Killed in between, it delivers again."""

    def __init__(
        self,
        sink: Sink,
        readers: Readers,
        commit: Callable[[Delivered | DeliveryFailed], None],
        on_broken: Callable[[Broken], None],
    ) -> None:
        self._sink = sink
        self._readers = readers
        self._commit = commit
        self._wake = threading.Event()
        self._stop = False
        self._thread = watched(f"relay-{sink.name}", self._run, on_broken)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        """Deliver what is due once more, and end."""
        self._stop = True
        self._wake.set()
        self._thread.join()
        self._sink.close()

    def _run(self) -> None:
        last = False
        while not last:
            self._wake.clear()
            last = self._stop  # Before the delivery: one round more for what came in between.
            with suppress(Busy):  # The ledger's disk is full: these come again.
                while self._deliver_batch():
                    pass
            if not last:
                self._wake.wait(_POLL_SECONDS)

    def _deliver_batch(self) -> bool:
        """Returns whether there may be more."""
        if is_sink_held(self._readers.get(), self._sink.name):
            return False
        wait_max = _RETRY_SECONDS_MAX * 1_000_000
        rows = outbox.due(self._readers.get(), self._sink.name, now=now_us(), wait_max=wait_max, most=_BATCH)
        if not rows:
            return False
        ids = tuple(row["id"] for row in rows)
        try:
            self._sink.deliver([row["body"].encode() for row in rows])
        except Broken:
            raise
        except (OSError, MFTError):
            wait = min(2 ** min(rows[0]["attempts"], 16), _RETRY_SECONDS_MAX)
            self._commit(DeliveryFailed(self._sink.name, ids, now_us() + wait * 1_000_000))
            return False
        self._commit(Delivered(self._sink.name, ids))
        return len(rows) == _BATCH
