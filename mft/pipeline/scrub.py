"""Everything in the vault, read again and checked: a silent disk is found out while a backup still has the bytes.

An object is whole when its key unwraps, each of its segments opens in its place, and it has the size that the ledger
says; a file when its pieces are, and together have the SHA-256 with which it was received. Files of the vault that no
row speaks of are no damage, and are named: the next start sets them aside.
"""

import hashlib
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from mft.errors import FileGone, Missing, SyncFailed, UnsealFailed
from mft.ledger.database import Books, Row
from mft.ledger.objects import is_known, sealed_object
from mft.ledger.sealed import files_to_check, objects_to_check, records_to_check, size_to_check
from mft.vault.store import Vault

_CHUNK: Final = 1 << 20
_QUIET_SECONDS: Final = 3600  # A younger file may be an upload whose row is on its way.


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with an object, in words; with the transfer that it belongs to, where there is one."""

    object: str
    transfer: str | None
    connection: str | None
    code: str
    message: str


class Pace:
    """Keeps to so many bytes a second, counted from the first."""

    def __init__(
        self,
        bytes_per_second: int,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = bytes_per_second
        self._clock = clock
        self._sleep = sleep
        self._begun = clock()
        self._passed = 0

    def passed(self, count: int) -> None:
        """So many bytes more; waits until that is not too soon."""
        self._passed += count
        if self._rate:
            ahead = self._begun + self._passed / self._rate - self._clock()
            if ahead > 0:
                self._sleep(ahead)


class Scrub:
    """One pass over all that is sealed. `objects`, `size_bytes` (of plaintext) and `damaged` say how far it is.

    Objects that are erased while it goes on are left out. Memory: a page of rows and a segment.
    """

    def __init__(self, vault: Vault, books: Books, pace: Pace, *, wall_clock: Callable[[], float] = time.time) -> None:
        self.objects = 0
        self.size_bytes = 0
        self.damaged: list[Damage] = []
        self.strangers: list[str] = []
        self._vault = vault
        self._books = books
        self._pace = pace
        self._wall_clock = wall_clock

    def total_bytes(self) -> int:
        """Plaintext bytes that there are to read, about."""
        return size_to_check(self._books)

    def run(self) -> Iterator[int]:
        """Check everything; yields the bytes read since the last time."""
        for row in files_to_check(self._books):
            yield from self._check(row, sha256=row["sha256"])
        for rows in (records_to_check(self._books), objects_to_check(self._books)):
            for row in rows:
                yield from self._check(row, sha256=None)
        self._look_for_strangers()

    def _look_for_strangers(self) -> None:
        quiet_since = self._wall_clock() - _QUIET_SECONDS
        for object_id in self._vault.files():
            if not is_known(self._books, object_id) and self._vault.quiet(object_id, since=quiet_since):
                self.strangers.append(object_id)

    def _check(self, row: Row, *, sha256: bytes | None) -> Iterator[int]:
        digest, size = hashlib.sha256(), 0
        try:
            sealed = sealed_object(self._books, row["object_id"])
            self.objects += 1 + len(sealed.before)
            reader = self._vault.open(sealed)
            try:
                for chunk in reader.chunks(_CHUNK):
                    digest.update(chunk)
                    size += len(chunk)
                    self.size_bytes += len(chunk)
                    self._pace.passed(len(chunk))
                    yield len(chunk)
            finally:
                reader.close()
            if sha256 is not None and digest.digest() != bytes(sha256):
                raise UnsealFailed(
                    f"object {row['object_id']} opens, and is not what was received: its SHA-256 differs"
                )
        except Missing:
            return  # Erased since its row was read.
        except (UnsealFailed, FileGone) as error:
            self._damage(row, error.code, str(error))
        except (SyncFailed, OSError) as error:  # A sector that the disk cannot read: no reason to leave out the rest.
            self._damage(row, SyncFailed.code, f"object {row['object_id']} cannot be read: {error}")

    def _damage(self, row: Row, code: str, message: str) -> None:
        if self._still_there(row["object_id"]):
            self.damaged.append(Damage(row["object_id"], row.get("transfer"), row.get("connection"), code, message))

    def _still_there(self, object_id: str) -> bool:
        try:
            sealed_object(self._books, object_id)
        except Missing:
            return False
        return True
