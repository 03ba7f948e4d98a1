"""What time alone brings about: a partial expires, a stalled upload and an incomplete file are told, each once; a hold
ends.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from mft.clock import now_us
from mft.domain import Stage, printable
from mft.errors import Broken, Busy
from mft.events import TransferIncomplete, UploadStalled
from mft.ledger import uploads
from mft.ledger.database import Row
from mft.pipeline.journal import Journal
from mft.pipeline.receive import give_up
from mft.pipeline.release import lift_past_holds
from mft.threads import watched

_MOST: Final = 200  # At once: everybody else waits for the commit.


class Due(msgspec.Struct, frozen=True, tag=True):
    """Do what has come due. Moments in microseconds: what stands since before them is due."""

    expire_before: int
    stalled_before: int
    incomplete_before: int


def due(journal: Journal, command: Due) -> bool:
    """Returns whether there may be more."""
    books = journal.books
    expired = uploads.broken_off(books, until=command.expire_before, most=_MOST)
    for row in expired:
        give_up(journal, row["connection"], row, Stage.EXPIRED, "was not resumed in time")
    parked = uploads.untold(books, Stage.RECEIVING, until=command.stalled_before, most=_MOST)
    partial = uploads.untold(books, Stage.PARTIAL, until=command.stalled_before, most=_MOST)
    for row in (*parked, *partial):
        _tell_stalled(journal, row)
    cut_off = uploads.untold(books, Stage.INCOMPLETE, until=command.incomplete_before, most=_MOST)
    for row in cut_off:
        uploads.mark_told(books, row["id"], at=journal.at)
        journal.announce(
            TransferIncomplete(
                transfer=row["id"],
                connection=row["connection"],
                partner=row["profile_name"],
                standard=row["standard"],
                usage=row["usage"],
                name=printable(row["name_bytes"]),
                reason=row["reason"] or "",
            )
        )
    more = lift_past_holds(journal, most=_MOST)
    return more or any(len(found) == _MOST for found in (expired, parked, partial, cut_off))


def _tell_stalled(journal: Journal, row: Row) -> None:
    uploads.mark_told(journal.books, row["id"], at=journal.at)
    journal.leaf("upload.stalled", actor="server", connection=row["connection"], transfer=row["id"])
    journal.announce(
        UploadStalled(
            transfer=row["id"],
            connection=row["connection"],
            partner=row["profile_name"],
            name=printable(row["name_bytes"]),
            stage=row["stage"],
            size_bytes=row["size_bytes"],
        )
    )


class Deadlines:
    """A thread that looks, now and then, for what has come due."""

    def __init__(
        self,
        commit: Callable[[Due], bool],
        on_broken: Callable[[Broken], None],
        *,
        retry_seconds: int,
        stalled_seconds: int,
        incomplete_seconds: int,
    ) -> None:
        self._commit = commit
        self._after = (retry_seconds, stalled_seconds, incomplete_seconds)
        # Often enough that nobody hears of it much later than was asked for.
        self._look_seconds = max(0.2, min(30.0, *(seconds / 4 for seconds in self._after)))
        self._stop = threading.Event()
        self._thread = watched("deadlines", self._run, on_broken)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(Busy):  # The ledger's disk is full: what is due stays due.
                now = now_us()
                while self._commit(Due(*(now - seconds * 1_000_000 for seconds in self._after))):
                    pass
            self._stop.wait(self._look_seconds)
