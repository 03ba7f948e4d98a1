"""A file on its way in: written in any order, resumed, broken off, and sealed all the while.

In order, bytes go straight into a sealed object. What comes a little too early waits in a window; what comes much too
early, or over again, turns the upload into a scratch that is sealed anew, under a new DEK, at its end.
"""

import hashlib
from bisect import bisect_left
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from mft.clock import new_id
from mft.domain import STANDARD, Arrival, SealedObject
from mft.errors import FileGone, NotSupported, NotWhole, QuotaExceeded, StageConflict
from mft.pipeline.receive import Begin, Keep, Receive
from mft.vault.scratch import Scratch
from mft.vault.store import ObjectWriter, Reader, Vault

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

WINDOW_BYTES: Final = 4 << 20  # That may wait for what belongs before them.
PIECES_MAX: Final = 64
_PIECE_COST: Final = 512  # What a waiting write costs beside its bytes.
_SPREAD_MAX: Final = 256  # Writes that one call of `work` spreads: others wait for the thread.


@dataclass(frozen=True, slots=True)
class Onto:
    """What is there already of a file that is resumed: its transfer, and its bytes."""

    transfer: str
    sealed: SealedObject


class Upload:
    """One file on its way in.

    `write` and `truncate` belong where bytes come in, and never wait, also not for the other calls: these come one at a
    time. `work`, `seal_part`, `finish` and `keep` read and write, and may run in another thread.
    """

    def __init__(
        self,
        vault: Vault,
        tenant: int,
        arrival: Arrival,
        *,
        onto: Onto | None = None,
        append: bool = False,
        only_from_start: str | None = None,
        bytes_max: int = 1 << 62,
        transfer: str | None = None,
    ) -> None:
        """`transfer` is its id, where it has one before it begins."""
        self.transfer = transfer or (onto.transfer if onto else new_id())
        self.arrival = arrival
        self.modified_at: int | None = None
        self.written = False  # Whether a single byte came.
        self._vault = vault
        self._tenant = tenant
        self._append = append
        self.only_from_start = only_from_start  # Why its first bytes must be those at its beginning.
        self._bytes_max = bytes_max
        self._kept = onto.sealed if onto else None  # The last piece that is sealed, and in the ledger.
        self._pieces = len(onto.sealed.before) + 1 if onto else 0
        self._in_ledger = onto is not None  # Whether the transfer has a row,
        self._entered: str | None = None  # and which object that is being written has one.
        self._made: list[str] = []  # All objects that we began.
        self._digest: Digest = hashlib.sha256()
        self._unhashed = self._kept  # What the digest has not seen yet.
        self._writer = self._new_writer(after=self._kept.id if self._kept else None)
        self._part: ObjectWriter | None = None  # A piece that ends, while it is put on the disk.
        self._frontier = self._kept.whole_size if self._kept else 0  # Where the bytes in order end.
        self._early: list[tuple[int, bytes]] = []  # By offset, without overlap.
        self._early_cost = 0
        self._expected: int | None = None
        self._scattered = False
        self._pending: deque[tuple[int, bytes | None]] = deque()  # For the scratch; None: cut the file there.
        self._put_off_bytes = self._spread_bytes = 0  # Each is counted by one side alone.
        self._scratch: Scratch | None = None
        self._base: Reader | None = None
        self._unkept = False
        self.size = self._frontier

    def _new_writer(self, *, after: str | None = None) -> ObjectWriter:
        writer = self._vault.writer(
            self._tenant, retention=self.arrival.retention or STANDARD, digest=self._digest, continues=after
        )
        self._made.append(writer.id)
        return writer

    # Where bytes come in

    @property
    def behind(self) -> int:
        """Megabytes that wait for `work`."""
        return self._writer.waiting + (self._put_off_bytes - self._spread_bytes + (1 << 20) - 1 >> 20)

    @property
    def begun(self) -> bool:
        """Whether the transfer has a row."""
        return self._in_ledger

    @property
    def slow(self) -> bool:
        """Whether `finish` and `keep` have to do with the disk."""
        return self._writer.on_disk or self._scattered or self._unhashed is not None

    def write(self, offset: int, data: memoryview) -> None:
        """Take in bytes.

        Raises:
            NotSupported: the first bytes of a file that takes a published one's place are not its beginning.
            QuotaExceeded: the file is larger than files may be.
        """
        if not data:
            return
        if not self.written:
            self._first_write(offset)
            self.written = True
        if self._append:
            offset = self._frontier if not self._scattered else self.size
        end = offset + len(data)
        if end > self._bytes_max:
            raise QuotaExceeded(f"a file may have {self._bytes_max:,} bytes and no more")
        if not self._scattered:
            if offset == self._frontier:
                self._extend(data)
            elif offset < self._frontier or not self._wait(offset, data):
                self._scatter()
        if self._scattered:
            self._put_off(offset, bytes(data))
        self.size = max(self.size, end)

    def _first_write(self, offset: int) -> None:
        if self.only_from_start is not None and offset:
            raise NotSupported(self.only_from_start)
        if self._kept is not None and offset == 0 and not self._append:  # Not a resumption: the file anew.
            self.transfer = new_id()
            self._kept = self._unhashed = None
            self._in_ledger = False
            self._pieces = 0
            self._digest = hashlib.sha256()
            self._writer = self._new_writer()
            self._frontier = self.size = 0

    def _extend(self, data: bytes | memoryview) -> None:
        self._writer.append(data)
        self._frontier += len(data)
        while self._early and self._early[0][0] == self._frontier:
            _, waiting = self._early.pop(0)
            self._early_cost -= len(waiting) + _PIECE_COST
            self._writer.append(waiting)
            self._frontier += len(waiting)
        if self._early and self._early[0][0] < self._frontier:  # The bytes that came now were there before.
            self._scatter()

    def _wait(self, offset: int, data: memoryview) -> bool:
        """Keep early bytes until their turn comes; False where that is too much, or they overlap others."""
        cost = len(data) + _PIECE_COST
        at = bisect_left(self._early, offset, key=lambda piece: piece[0])
        fits = self._early_cost + cost <= WINDOW_BYTES
        clear_before = at == 0 or self._early[at - 1][0] + len(self._early[at - 1][1]) <= offset
        clear_behind = at == len(self._early) or offset + len(data) <= self._early[at][0]
        if not (fits and clear_before and clear_behind):
            return False
        self._early.insert(at, (offset, bytes(data)))
        self._early_cost += cost
        return True

    def _scatter(self) -> None:
        self._scattered = True
        for offset, data in self._early:
            self._put_off(offset, data)
        self._early.clear()
        self._early_cost = 0

    def _put_off(self, offset: int, data: bytes | None) -> None:
        self._pending.append((offset, data))
        self._put_off_bytes += len(data or b"") + _PIECE_COST

    def truncate(self, size: int) -> None:
        """Cut the file; or hear how long it is going to be.

        Raises:
            QuotaExceeded: that is longer than files may be.
        """
        if size > self._bytes_max:
            raise QuotaExceeded(f"a file may have {self._bytes_max:,} bytes and no more")
        self._expected = size if size > self.size else None
        if size < self.size:
            self.written = True
            if not self._scattered:
                self._scatter()
            self._put_off(size, None)
            self.size = size

    # Where there is time

    def begin(self) -> Begin | None:
        """What the ledger must be told meanwhile, so that a crash of ours leaves what can be resumed; see `entered`."""
        if self._scratch is not None:
            if self._unkept or not self._in_ledger:
                return None
            # What lies there is not a beginning of this file any more.
            return self._begin(None, size=0, drop=self._all())
        if self._scattered or not self._writer.has_file or self._entered == self._writer.id:
            return None
        return self._begin(self._writer.under_way(), size=self._kept.whole_size if self._kept else 0)

    def _begin(self, sealed: SealedObject | None, *, size: int, drop: tuple[str, ...] = ()) -> Begin:
        entered = sealed is not None and sealed.id == self._entered
        return Begin(self.transfer, self.arrival, sealed, size, begun=self._in_ledger, object_begun=entered, drop=drop)

    def entered(self, command: Begin) -> None:
        """The command is committed. Until then nothing counts as being in the ledger."""
        self._in_ledger = True
        sealed = command.sealed
        if sealed is None:
            self._unkept = True
        elif sealed.cut:
            self._entered = sealed.id
        else:
            self._kept = replace(sealed, before=_pieces(self._kept))
            self._part = self._entered = None

    def part(self) -> None:
        """End a piece here; `seal_part` puts it on the disk.

        Raises:
            NotSupported: the bytes so far are not in order, or there are too many pieces.
        """
        if self._scattered or self._early:
            raise NotSupported("a file that is written out of order is on the disk when its CLOSE is answered")
        if self._pieces >= PIECES_MAX:
            raise NotSupported("fsync was asked for too often: the file is on the disk when its CLOSE is answered")
        if self._writer.size:
            self._pieces += 1
            self._part = self._writer
            self._writer = self._new_writer(after=self._part.id)

    def seal_part(self) -> Begin | None:
        """Put the piece that `part` ended on the disk; what remains is to commit the command that comes back."""
        if self._part is None:
            return None
        self._hash_kept()
        sealed, _ = self._part.finish()
        return self._begin(sealed, size=(self._kept.whole_size if self._kept else 0) + sealed.plain_size)

    def work(self) -> None:
        """Hash, seal and write some of what has come in; `behind` tells whether there is more.

        Raises:
            NoSpace, SyncFailed, NotSupported, StageConflict: the upload must be given up.
        """
        if self._scattered:
            self._spread(_SPREAD_MAX)
        else:
            self._hash_kept()
            self._writer.flush()

    def _hash_kept(self) -> None:
        if self._unhashed is not None:
            reader = self._open(self._unhashed)
            try:
                for chunk in reader.chunks(1 << 20):
                    self._digest.update(chunk)
            finally:
                reader.close()
            self._unhashed = None

    def _open(self, sealed: SealedObject) -> Reader:
        try:
            return self._vault.open(sealed)
        except FileGone:  # It expired while nothing came. If it was lost, the next start says so.
            raise StageConflict(
                "what was there of this upload is not there any more: upload the whole file again"
            ) from None

    def _spread(self, most: int) -> None:
        if self._scratch is None:
            before = self._open(self._kept).pieces if self._kept is not None else ()
            self._base = Reader((*before, self._writer.read_back()))
            self._scratch = Scratch(self._vault.scratch, self._base)
        for _ in range(min(most, len(self._pending))):
            offset, data = self._pending[0]
            if data is None:
                self._scratch.truncate(offset)
            else:
                self._scratch.write(offset, data)
            self._pending.popleft()
            self._spread_bytes += len(data or b"") + _PIECE_COST

    def _catch_up(self) -> None:
        self.work()
        if self._scattered:
            self._spread(len(self._pending))

    def finish(self, *, publish: bool, repeat_since: int, heard: tuple[str, ...] = ()) -> Receive:
        """Seal what is left and make it durable; what remains is to commit the command that comes back.

        Raises:
            NotWhole: bytes are missing: `keep` what is there.
        """
        self._catch_up()
        if self._expected is not None and self.size < self._expected:
            raise NotWhole(
                f"{self.size:,} bytes arrived of the {self._expected:,} that were announced: "
                "resume the upload, or upload the whole file again"
            )
        hole = self._scratch.first_hole() if self._scratch else self._frontier if self._early else None
        if hole is not None:
            raise NotWhole(f"no bytes arrived for offset {hole:,}, and later ones did: upload the whole file again")
        sealed: SealedObject | None
        if self._scratch is not None:
            sealed, sha256 = self._seal_anew(self.size)
        elif self._kept is not None and not self._writer.size:
            sealed, sha256 = None, self._digest.digest()
        else:
            sealed, sha256 = self._writer.finish()
        last = sealed or self._kept
        assert last is not None
        evidence: dict[str, Any] = {"announced_size": self._expected} if self._expected is not None else {}
        return Receive(
            transfer=self.transfer,
            arrival=self.arrival,
            sealed=sealed,
            last_object=last.id,
            size_bytes=self.size,
            sha256=sha256,
            publish=publish,
            begun=self._in_ledger,
            object_begun=self._entered == last.id,
            evidence=evidence,
            modified_at=self.modified_at,
            repeat_since=repeat_since,
            heard=heard,
            drop=self._all(but=last.id) if self._scratch is not None else (),
        )

    def _seal_anew(self, size: int) -> tuple[SealedObject, bytes]:
        scratch = self._scratch
        assert scratch is not None
        self._digest = hashlib.sha256()
        writer = self._writer = self._new_writer()
        for offset in range(0, size, 1 << 20):
            writer.append(scratch.read_at(offset, min(1 << 20, size - offset)))
            writer.flush()
        sealed = writer.finish()
        self._close_scratch()
        return sealed

    def _close_scratch(self) -> None:
        if self._scratch is not None:
            self._scratch.close()
        if self._base is not None:
            self._base.close()

    def _all(self, *, but: str | None = None) -> tuple[str, ...]:
        """Every object that has to do with this upload."""
        everything = [piece.id for piece in _pieces(self._kept)] + self._made
        return tuple(dict.fromkeys(object_id for object_id in everything if object_id != but))

    def keep(self, why: str) -> Keep | None:
        """Publish nothing; keep what arrived, up to the first hole. None: nothing changed since it was resumed."""
        if not self.written and self._in_ledger:
            return None
        self._catch_up()
        sealed: SealedObject | None = None
        size, last = self._frontier, self._kept
        drop: tuple[str, ...] = ()
        if self._scratch is not None:
            hole = self._scratch.first_hole()
            size = self.size if hole is None else hole
            last = sealed = self._seal_anew(size)[0] if size else None
            drop = self._all(but=last.id if last else None)
            self._close_scratch()
        elif self._writer.size:
            last = sealed = self._writer.finish()[0]
        return Keep(
            transfer=self.transfer,
            arrival=self.arrival,
            sealed=sealed,
            last_object=last.id if last else None,
            size_bytes=size,
            reason=f"broken off after {self.size:,} bytes: {why}",
            begun=self._in_ledger,
            object_begun=sealed is not None and sealed.id == self._entered,
            drop=drop,
        )

    def abandon(self, why: str) -> Keep:
        """Forget the bytes that came; what the ledger knew to be whole before they did stays, and so does the fact."""
        self._writer.abandon()
        if self._part is not None:
            self._part.abandon()
        self._close_scratch()
        last = self._kept if self._scratch is None else None
        stays = {piece.id for piece in _pieces(last)}
        return Keep(
            transfer=self.transfer,
            arrival=self.arrival,
            sealed=None,
            last_object=last.id if last else None,
            size_bytes=last.whole_size if last else 0,
            reason=f"given up after {self.size:,} bytes: {why}",
            begun=self._in_ledger,
            object_begun=False,
            drop=tuple(object_id for object_id in self._all() if object_id not in stays),
            replaces=True,
        )


def _pieces(last: SealedObject | None) -> tuple[SealedObject, ...]:
    return (*last.before, last) if last is not None else ()
