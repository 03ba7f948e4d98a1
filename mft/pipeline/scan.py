"""Malware: what a scanner says of a file before anything else is done with it, and what follows from that.

A file in which something is found is quarantined. While the scanner does not answer, files are held, and go on by
themselves when it does; nothing passes unseen unless an operator, or the policy for what is too large, says so.
"""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

import msgspec

from mft.domain import Doubt
from mft.errors import Broken, Busy, MFTError
from mft.ledger import transfers
from mft.ledger.database import Books
from mft.pipeline.journal import Journal
from mft.pipeline.release import let_go
from mft.threads import watched

SCANNER_DOWN: Final = "scanner"
UNSCANNED: Final = "unscanned"
MALWARE: Final = "malware"
_AT_ONCE: Final = 200
_LOOK_SECONDS: Final = 60.0


class ScannerDown(MFTError):
    """It does not answer, or cannot say."""

    code = "busy.scanner"


class TooLargeToScan(MFTError):
    """The scanner did not look at all of it."""

    code = "refused.too-large-to-scan"


class Scanner(Protocol):
    """What looks for malware."""

    def scan(self, chunks: Iterator[bytes]) -> str | None:
        """The name of what it found; None: nothing.

        Raises:
            ScannerDown, TooLargeToScan: nobody knows.
        """
        ...

    def answers(self) -> bool:
        """Whether it is there."""
        ...


@dataclass(frozen=True, slots=True)
class Scanning:
    """A scanner, and the policy for what is larger than it looks at."""

    scanner: Scanner | None = None
    bytes_max: int = 0
    pass_large: bool = False

    def look(self, chunks: Iterator[bytes], size_bytes: int, waived: Collection[str]) -> Doubt | None:
        """Why a file may not pass; `waived` are the doubts that an operator let pass."""
        if {MALWARE, SCANNER_DOWN, UNSCANNED} & set(waived):
            return None
        if self.scanner is None:
            return Doubt(SCANNER_DOWN, "its feed wants a scan, and mft.toml names no scanner: set [scan] clamd")
        try:
            if size_bytes > self.bytes_max:
                raise TooLargeToScan
            found = self.scanner.scan(chunks)
        except ScannerDown as error:
            return Doubt(SCANNER_DOWN, f"{error}: it goes on when that does; a release lets it pass unscanned")
        except TooLargeToScan:
            if self.pass_large:
                return None
            return Doubt(UNSCANNED, "it is larger than the scanner looks at: a release lets it pass unscanned")
        return Doubt(MALWARE, f"malware: the scanner found {found}") if found else None


NO_SCANNER: Final = Scanning()


class ScannerBack(msgspec.Struct, frozen=True, tag=True):
    """The scanner answers: what waits for it is looked at anew."""


def scanner_back(journal: Journal, command: ScannerBack) -> bool:  # noqa: ARG001  It says nothing more.
    """Returns whether there may be more."""
    found = transfers.held_for(journal.books, SCANNER_DOWN, most=_AT_ONCE)
    for transfer in found:
        row = transfers.transfer_row(journal.books, transfer)
        let_go(journal, {**row, "doubt": None}, actor="server")  # Nothing is waived.
    return len(found) == _AT_ONCE


class Rescan:
    """A thread that asks, once a minute, whether a scanner answers that files wait for."""

    def __init__(
        self,
        scanner: Scanner,
        books: Callable[[], Books],
        commit: Callable[[ScannerBack], bool],
        on_broken: Callable[[Broken], None],
        *,
        look_seconds: float = _LOOK_SECONDS,
    ) -> None:
        self._scanner = scanner
        self._books = books
        self._commit = commit
        self._look_seconds = look_seconds
        self._stop = threading.Event()
        self._thread = watched("rescan", self._run, on_broken)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def look(self) -> None:
        if transfers.held_for(self._books(), SCANNER_DOWN, most=1) and self._scanner.answers():
            while self._commit(ScannerBack()):
                pass

    def _run(self) -> None:
        while not self._stop.wait(self._look_seconds):
            with suppress(Busy):  # The ledger's disk is full.
                self.look()
