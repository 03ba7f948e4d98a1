"""Small objects move out of the ledger: sealed bytes that lay in a row for a while become files, as they are.

A blob costs its sender one fsync instead of three, and the ledger its size for ever. So blobs leave it when nobody
waits any more: files first, all on the disk, then one commit for all of them. Killed in between, the row still has
the bytes, and the file is taken away at the next start.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import msgspec

from mft.clock import now_us
from mft.errors import Broken, Busy
from mft.ledger.database import Books
from mft.ledger.objects import blobs_before, forget_blob
from mft.pipeline.journal import Journal
from mft.threads import watched
from mft.vault.store import Vault

BATCH: Final = 100
_LOOK_SECONDS: Final = 600


class BlobsMoved(msgspec.Struct, frozen=True, tag=True):
    """The bytes of these objects are on the disk, as files."""

    objects: tuple[str, ...]


def blobs_moved(journal: Journal, command: BlobsMoved) -> int:
    """Returns how many rows let go of their bytes; what was erased meanwhile loses its file again."""
    moved = 0
    for object_id in command.objects:
        if forget_blob(journal.books, object_id):
            moved += 1
        else:
            journal.forgotten.append(object_id)
    return moved


def move_blobs(vault: Vault, books: Books, run: Callable[[Any], Any], *, before: int) -> int:
    """Move a batch of blobs that were entered before a moment; returns how many were looked at: 0, there are none.

    Raises:
        NoSpace, SyncFailed: nothing has moved.
    """
    rows = blobs_before(books, before, most=BATCH)
    if not rows:
        return 0
    written = []
    try:
        for row in rows:
            written.append(row["id"])
            vault.write_whole(row["id"], bytes(row["blob"]))
        vault.sync_folders(written)
        run(BlobsMoved(tuple(written)))
    except Broken:
        raise  # It may have come through: the next start tells.
    except BaseException:
        for object_id in written:
            vault.remove(object_id)
        raise
    return len(rows)


class Mover:
    """A thread that looks now and then for blobs that are old enough."""

    def __init__(
        self,
        vault: Vault,
        books: Callable[[], Books],
        run: Callable[[Any], Any],
        on_broken: Callable[[Broken], None],
        *,
        after_hours: int,
    ) -> None:
        self._vault = vault
        self._books = books
        self._run_command = run
        self._after_us = after_hours * 3_600_000_000
        self._stop = threading.Event()
        self._thread = watched("small objects", self._run, on_broken)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch in hand, and end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(Busy):  # The disk is full: they stay where they are.
                before = now_us() - self._after_us
                while not self._stop.is_set() and move_blobs(
                    self._vault, self._books(), self._run_command, before=before
                ):
                    pass
            self._stop.wait(_LOOK_SECONDS)
