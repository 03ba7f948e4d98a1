"""Checkpoints leave the host: what is elsewhere fixes the log's past, against anybody who takes this machine over.

A leaf tells when sending to a place begins to fail, and when it works again; a leaf for each sending would ask for
the next checkpoint, and that one for the next sending.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Final, Protocol

import msgspec

from mft.audit.log import Fact, newest_checkpoint
from mft.domain import printable
from mft.errors import Broken, Busy, MFTError
from mft.ledger.anchors import anchor_of, mark_failed, mark_sent
from mft.ledger.database import Books
from mft.pipeline.journal import Journal
from mft.threads import watched

_RETRY_SECONDS: Final = 60
_STOP_SECONDS: Final = 5.0
_FAILURE_MAX: Final = 300


class Destination(Protocol):
    """A place outside this host. `send` returns when it has the note; else it raises OSError or MFTError, in time.

    `id` names it in the ledger and in leaves: its kind and a digest of its address, so that another address is
    another place.
    """

    id: str

    def send(self, size: int, note: str) -> None: ...


class Anchored(msgspec.Struct, frozen=True, tag=True):
    """A destination has the checkpoint of this size."""

    destination: str
    size: int


class AnchorFailed(msgspec.Struct, frozen=True, tag=True):
    """A destination did not take a checkpoint. `error` is the error's class, `failure` its words for operators."""

    destination: str
    error: str
    failure: str


def anchored(journal: Journal, command: Anchored) -> None:
    if mark_sent(journal.books, command.destination, command.size, at=journal.at):
        facts: dict[str, Fact] = {"destination": command.destination, "size": command.size}
        journal.leaf("checkpoint.sent-again", actor="server", facts=facts)


def anchor_failed(journal: Journal, command: AnchorFailed) -> None:
    if mark_failed(journal.books, command.destination, command.failure, at=journal.at):
        facts = {"destination": command.destination, "error": command.error}
        journal.leaf("checkpoint.unsent", actor="server", result="refused", facts=facts)


def attempt(destination: Destination, size: int, note: str) -> Anchored | AnchorFailed:
    """Send once; returns what the ledger must know of it."""
    try:
        destination.send(size, note)
    except (OSError, MFTError) as error:
        kind = type(error).__name__
        said = printable(str(error).encode(errors="replace"))[:_FAILURE_MAX]
        return AnchorFailed(destination.id, kind, said or kind)
    except ValueError as error:  # What a library says of a host or a header that none can be; it may quote secrets.
        return AnchorFailed(destination.id, type(error).__name__, "its address or another setting is not usable")
    return Anchored(destination.id, size)


class Anchors:
    """A thread for each destination, so that one that is dead holds up no other.

    Resource handling: `stop` sends what is new once more, and waits for all together a few seconds at most; a thread
    that still hangs in its network then is left behind, and touches nothing of ours any more.
    """

    def __init__(
        self,
        destinations: Iterable[Destination],
        readers: Callable[[], Books],
        commit: Callable[[Anchored | AnchorFailed], None],
        on_broken: Callable[[Broken], None],
        *,
        send_seconds: float,
    ) -> None:
        self._readers = readers
        self._commit = commit
        self._seconds = send_seconds
        self._stopping = threading.Event()
        self._left = False
        self._lock = threading.Lock()
        self._threads: Sequence[threading.Thread] = [
            watched(place.id, lambda place=place: self._run(place), on_broken)  # type: ignore[misc]  # Bound now.
            for place in destinations
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopping.set()
        until = time.monotonic() + _STOP_SECONDS
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))
        with self._lock:
            self._left = True

    def _run(self, place: Destination) -> None:
        last = False
        while not last:
            last = self._stopping.is_set()  # Before the sending: once more for what was signed at the stop.
            went_well = True
            with suppress(Busy):  # The ledger's disk is full: the next round sees the same.
                went_well = self._send_newest(place)
            if not last:
                self._stopping.wait(self._seconds if went_well else min(self._seconds, _RETRY_SECONDS))

    def _send_newest(self, place: Destination) -> bool:
        with self._lock:
            if self._left:
                return True
            newest, known = newest_checkpoint(self._readers()), anchor_of(self._readers(), place.id)
        if newest is None or (known is not None and known["size"] >= newest["size"] and known["failed_at"] is None):
            return True
        outcome = attempt(place, newest["size"], newest["note"])
        with self._lock:
            if not self._left:
                self._commit(outcome)
        return isinstance(outcome, Anchored)
