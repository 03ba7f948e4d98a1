"""The vault: sealed objects under random ids, written once, read at any offset, erased by forgetting their DEK.

An object of up to 64 KiB is a blob that its owner commits with the ledger's row (one fsync for both); a larger one is a
file `vault/ab/abcd…`. Whoever seals holds only the bucket's public key; opening wants the private one. A file whose
upload was resumed is a row of objects, its pieces, each under a DEK of its own: no segment is ever sealed again.

Durability: after `ObjectWriter.finish` a file and its name are on the disk; a blob is when the ledger's commit returns.
Loss: an object that is lost is a partner's file that is lost; without the bucket's private key all are.
Trust: who can write here can destroy, never alter unnoticed, and learns only sizes and times.
"""

import hashlib
import itertools
import mmap
import os
import time
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from mft.clock import ALPHABET, random_id
from mft.crypto.keyring import Keyring
from mft.crypto.keys import BucketPublicKey, new_dek
from mft.crypto.stream import (
    HEADER_SIZE,
    SEGMENT_SIZE,
    TAG_SIZE,
    Opener,
    Sealer,
    context,
    open_bytes,
    seal_bytes,
    sealed_size,
)
from mft.domain import STANDARD, SealedObject
from mft.durable import (
    create_file,
    disk_errors,
    sync_data,
    sync_directory,
    sync_file,
    through_cache,
    truncate_file,
    write_new,
)
from mft.errors import FileGone, SyncFailed, UnsealFailed

if TYPE_CHECKING:
    from hashlib import _Hash as Digest

BLOB_MAX: Final = 64 * 1024  # Plaintext bytes that still go into the ledger.
SYNC_EVERY: Final = 64 << 20  # Bytes between two syncs of a growing file, so that the last one is short.

_FULL: Final = SEGMENT_SIZE - TAG_SIZE  # Where the plaintext of a full segment ends in its buffer.

_hashing: Final = ThreadPoolExecutor(2, thread_name_prefix="hashing")  # Hashing lets others have the interpreter.
_spare: deque[mmap.mmap] = deque(maxlen=16)  # Segment buffers between two uses: a fresh megabyte costs 0.1 ms.


def _buffer() -> mmap.mmap:
    """A megabyte that begins at a page: a sealed segment, in the first one's place with the header before it."""
    try:
        return _spare.pop()
    except IndexError:
        return mmap.mmap(-1, SEGMENT_SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


class Readable(Protocol):
    """Plaintext at any offset."""

    @property
    def size(self) -> int: ...

    def read_at(self, offset: int, size: int) -> bytes: ...


class ObjectWriter:
    """Seals and hashes one object as it arrives.

    `append` only copies, and belongs where bytes come in; `flush` and `finish` hash, encrypt and write, and may run in
    another thread, one call at a time. Memory: the segments that wait for `flush`, and one.

    `digest` goes on from where it is: for a piece it has seen the pieces before.
    """

    def __init__(
        self, root: Path, tenant: int, bucket: BucketPublicKey, *, digest: "Digest | None" = None, continues: str | None
    ) -> None:
        self.id: Final = random_id()
        self.size = 0
        self.digest: Digest = digest or hashlib.sha256()
        self._continues = continues
        self._root = root
        self._path = root / self.id[:2] / self.id
        self._tenant = tenant
        self._bucket = bucket
        self._dek = new_dek()
        self._wrapped = b""
        self._small = bytearray()
        self._sealer: Sealer | None = None
        self._fd = -1
        self._buffer: mmap.mmap | None = None
        self._filled = HEADER_SIZE
        self._full: deque[mmap.mmap] = deque()
        self._hashed: tuple[Future[None], mmap.mmap] | None = None  # A segment, while it is hashed.
        self._written = 0
        self._index = 0
        self._synced = 0

    @property
    def waiting(self) -> int:
        """Full segments that wait for `flush`."""
        return len(self._full)

    @property
    def on_disk(self) -> bool:
        """Whether the object has become too large for the ledger."""
        return self._buffer is not None

    @property
    def has_file(self) -> bool:
        return self._sealer is not None

    def append(self, data: bytes | memoryview) -> None:
        """Take in the next bytes."""
        self.size += len(data)
        if self._buffer is None:
            if self.size <= BLOB_MAX:
                self._small += data
                return
            self._buffer = _buffer()
            small, self._small = self._small, bytearray()
            self._fill(memoryview(small))
        self._fill(memoryview(data))

    def _fill(self, rest: memoryview) -> None:
        buffer = self._buffer
        assert buffer is not None
        while len(rest) > (room := _FULL - self._filled):  # A full segment may yet be the last.
            buffer[self._filled : _FULL] = rest[:room]
            self._full.append(buffer)
            rest = rest[room:]
            buffer = self._buffer = _buffer()
            self._filled = 0
        end = self._filled + len(rest)
        buffer[self._filled : end] = rest
        self._filled = end

    def flush(self) -> None:
        """Hash, seal and write the segments that are full by now.

        Raises:
            NoSpace, SyncFailed: the object must be abandoned.
        """
        for _ in range(len(self._full)):  # Not what comes in meanwhile: the caller looks how far the disk is behind.
            self._write(self._full[0], _FULL, last=False)
            self._full.popleft()
            if self._written - self._synced >= SYNC_EVERY:
                sync_data(self._fd)
                self._synced = self._written

    def _write(self, buffer: mmap.mmap, end: int, *, last: bool) -> None:
        """Hash, seal and write a segment: the header before the first, then plaintext up to `end`, then the tag.

        It is hashed while it is sealed into other memory and written, and while the next one fills: hashing alone
        takes longer than all of that.
        """
        view, into = memoryview(buffer), _buffer()
        begin = 0
        if self._sealer is None:
            self._sealer = Sealer(self._dek, context(self._tenant, self.id))
            self._fd = create_file(self._path)
            begin = HEADER_SIZE
            into[:begin] = self._sealer.header
        self._await_hash()
        self._hashed = _hashing.submit(self.digest.update, view[begin:end]), buffer
        sealed = memoryview(into)
        self._sealer.seal_segment(self._index, view[begin:], end - begin, last=last, into=sealed[begin:])
        self._index += 1
        if last:
            through_cache(self._fd)
        self._write_all(sealed[: end + TAG_SIZE])
        _spare.append(into)

    def _await_hash(self) -> None:
        """The digest has taken in every segment so far, and none of them is read any more."""
        if self._hashed is not None:
            (hashed, buffer), self._hashed = self._hashed, None
            hashed.result()
            _spare.append(buffer)

    def _write_all(self, view: memoryview) -> None:
        self._written += len(view)
        with disk_errors():
            while rest := view[os.write(self._fd, view) :]:
                through_cache(self._fd)  # What is left of it does not begin at a page.
                view = rest

    def under_way(self) -> SealedObject:
        """What the ledger must know of it while it is written, so that a crash loses no segment on the disk."""
        return self._sealed(plain_size=0, size=0, cut=True)

    def finish(self) -> tuple[SealedObject, bytes]:
        """Seal the rest and put all on the disk.

        Returns:
            The object, for the ledger's row, and the SHA-256 of its plaintext (of all pieces up to this one).
        """
        blob = None
        if self._buffer is None:
            self.digest.update(self._small)
            blob = seal_bytes(self._dek, context(self._tenant, self.id), bytes(self._small))
            self._small = bytearray()
        else:
            self._seal_end()
            fd, self._fd = self._fd, -1
            try:
                sync_file(fd, self._path)
            finally:
                os.close(fd)
        sealed = self._sealed(plain_size=self.size, size=sealed_size(self.size), blob=blob)
        self._dek = b""
        return sealed, self.digest.digest()

    def read_back(self) -> "ObjectReader":
        """Seal the rest, and read the object: by its own DEK, without the bucket's key. It is not put on the disk."""
        blob = None
        if self._buffer is None:
            blob = seal_bytes(self._dek, context(self._tenant, self.id), bytes(self._small))
            self._small = bytearray()
        else:
            self._seal_end()
            fd, self._fd = self._fd, -1
            os.close(fd)
        sealed = SealedObject(self.id, self._tenant, "", b"", self.size, sealed_size(self.size), blob)
        dek, self._dek = self._dek, b""
        return ObjectReader(self._root, sealed, dek)

    def _seal_end(self) -> None:
        assert self._buffer is not None
        self.flush()
        self._write(self._buffer, self._filled, last=True)
        self._await_hash()

    def _sealed(self, *, plain_size: int, size: int, blob: bytes | None = None, cut: bool = False) -> SealedObject:
        self._wrapped = self._wrapped or self._bucket.wrap(self._dek, context(self._tenant, self.id))
        return SealedObject(
            self.id, self._tenant, self._bucket.id, self._wrapped, plain_size, size, blob, cut, self._continues
        )

    def abandon(self) -> None:
        """Forget the object: nothing of it stays."""
        self._await_hash()
        self._full.clear()
        self._small = bytearray()
        self._dek = b""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
        if self._sealer is not None:
            self._path.unlink(missing_ok=True)


class ObjectReader:
    """One object's plaintext, at any offset; holds one open segment."""

    def __init__(self, root: Path, sealed: SealedObject, dek: bytes) -> None:
        about = context(sealed.tenant, sealed.id)
        self.size = sealed.plain_size
        self._fd = -1
        self._plain: memoryview | None = None
        if sealed.blob is not None:
            self._plain = memoryview(open_bytes(dek, about, sealed.blob))
            if len(self._plain) != sealed.plain_size:
                raise UnsealFailed(f"object {sealed.id} does not have the size that the ledger says")
            self._begin = 0
            return
        path = root / sealed.id[:2] / sealed.id
        try:
            with disk_errors():
                self._fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except SyncFailed as error:
            if not isinstance(error.__cause__, FileNotFoundError):
                raise
            raise FileGone(f"object {sealed.id} is in the ledger, and its file is gone from the vault") from None
        try:
            header = os.pread(self._fd, HEADER_SIZE, 0)
            self._opener = Opener(dek, about, header, sealed.sealed_size, cut=sealed.cut)
            if self._opener.plain_size != sealed.plain_size:
                raise UnsealFailed(f"object {sealed.id} does not have the size that the ledger says")
        except BaseException:
            self.close()
            raise
        self._begin = 0
        self._buffer = bytearray(SEGMENT_SIZE)

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`: fewer at the end, none behind it."""
        size = min(size, self.size - offset)
        pieces = []
        while size > 0:
            plain = self._segment_at(offset)
            piece = plain[offset - self._begin : offset - self._begin + size]
            pieces.append(bytes(piece))
            offset += len(piece)
            size -= len(piece)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _segment_at(self, offset: int) -> memoryview:
        if self._plain is not None and self._begin <= offset < self._begin + len(self._plain):
            return self._plain
        index = self._opener.segment_of(offset)
        begin, length = self._opener.segment_range(index)
        self._plain = None
        view = memoryview(self._buffer)[:length]
        if os.preadv(self._fd, [view], begin) != length:
            raise UnsealFailed("a sealed object is cut short")
        self._plain = self._opener.open_segment(index, view)
        self._begin = self._opener.plain_range(index)[0]
        return self._plain

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Reader:
    """A file's plaintext, at any offset, out of its pieces; holds an open segment for each."""

    def __init__(self, pieces: Sequence[ObjectReader]) -> None:
        self.pieces = pieces
        self._ends = list(itertools.accumulate(piece.size for piece in pieces))
        self.size = self._ends[-1] if pieces else 0

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`: fewer at the end, none behind it."""
        found = []
        index = bisect_right(self._ends, offset)
        while size > 0 and index < len(self.pieces):
            piece = self.pieces[index]
            data = piece.read_at(offset - (self._ends[index] - piece.size), size)
            found.append(data)
            offset += len(data)
            size -= len(data)
            index += 1
        return found[0] if len(found) == 1 else b"".join(found)

    def chunks(self, size: int = 1 << 18) -> Iterator[bytes]:
        """The whole plaintext, in order."""
        for offset in range(0, self.size, size):
            yield self.read_at(offset, size)

    def close(self) -> None:
        for piece in self.pieces:
            piece.close()


class Vault:
    """The folder of sealed files, with the keys to seal for and to open with."""

    def __init__(self, root: Path, keyring: Keyring) -> None:
        self.root = root
        self.scratch = root.parent / "scratch"  # Files without a name, gone with the process.
        self.keyring = keyring

    def writer(
        self,
        tenant: int,
        *,
        retention: str = STANDARD,
        digest: "Digest | None" = None,
        continues: str | None = None,
    ) -> ObjectWriter:
        """Raises BadConfig: the retention class has no key."""
        bucket = self.keyring.seal_for(retention)
        return ObjectWriter(self.root, tenant, bucket, digest=digest, continues=continues)

    def seal(self, tenant: int, content: bytes, *, retention: str = STANDARD) -> tuple[SealedObject, bytes]:
        """A whole object at once; see `ObjectWriter.finish`."""
        writer = self.writer(tenant, retention=retention)
        writer.append(content)
        return writer.finish()

    def open(self, sealed: SealedObject) -> Reader:
        """A file by its last piece. Raises UnsealFailed: no key for it, or its bytes are not what was sealed."""
        pieces: list[ObjectReader] = []
        try:
            for piece in (*sealed.before, sealed):
                pieces.append(ObjectReader(self.root, piece, self._dek(piece)))  # noqa: PERF401  Closed below if one fails.
        except BaseException:
            Reader(pieces).close()
            raise
        return Reader(pieces)

    def _dek(self, sealed: SealedObject) -> bytes:
        return self.keyring.unwrap(sealed.bucket, sealed.wrapped_dek, context(sealed.tenant, sealed.id))

    def salvage(self, sealed: SealedObject) -> int:
        """Keep what is whole of an object whose writer died: its sealed size, 0 if no segment is.

        What follows the last good segment is cut off the file. What was synced is taken as good here; reading it
        verifies every segment in any case.

        Raises:
            UnsealFailed: no key for it; nothing is done to the file.
        """
        dek = self._dek(sealed)
        path = self.root / sealed.id[:2] / sealed.id
        if not path.exists():
            return 0
        with disk_errors():
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            count = os.fstat(fd).st_size // SEGMENT_SIZE
            first = max(0, count - 2 * SYNC_EVERY // SEGMENT_SIZE)
            good = first
            if count:
                opener = Opener(
                    dek,
                    context(sealed.tenant, sealed.id),
                    os.pread(fd, HEADER_SIZE, 0),
                    count * SEGMENT_SIZE,
                    cut=True,
                )
                with suppress(UnsealFailed):
                    for index in range(first, count):
                        begin, length = opener.segment_range(index)
                        opener.open_segment(index, os.pread(fd, length, begin))
                        good = index + 1
            if good:
                truncate_file(fd, good * SEGMENT_SIZE, path)
        except UnsealFailed:  # Not even its header reached the disk.
            good = 0
        finally:
            os.close(fd)
        return good * SEGMENT_SIZE

    def write_whole(self, object_id: str, sealed: bytes) -> None:
        """Write an object's sealed bytes as its file, which is complete after `sync_folders`.

        A file that is there already was left half-written by one who died at it.

        Raises:
            NoSpace, SyncFailed: what there is of the file is to be removed.
        """
        self.remove(object_id)
        write_new(self.root / object_id[:2] / object_id, sealed)

    def sync_folders(self, object_ids: Iterable[str]) -> None:
        """Put the names of these files on the disk."""
        for folder in sorted({object_id[:2] for object_id in object_ids}):
            sync_directory(self.root / folder)

    def remove(self, object_id: str) -> None:
        """Delete the file of an object that no row speaks of."""
        (self.root / object_id[:2] / object_id).unlink(missing_ok=True)

    def has_file(self, object_id: str) -> bool:
        return (self.root / object_id[:2] / object_id).exists()

    def quiet(self, object_id: str, *, since: float) -> bool:
        """Whether the object's file is there, and nobody has written to it since a moment."""
        try:
            return (self.root / object_id[:2] / object_id).stat().st_mtime < since
        except FileNotFoundError:
            return False

    def lay_out(self) -> None:
        """Make the folders ahead of the first upload in each, which would wait for two syncs more."""
        for first, second in itertools.product(ALPHABET[:8], ALPHABET):  # The first digit holds three bits.
            (self.root / f"{first}{second}").mkdir(mode=0o700)
        sync_directory(self.root)

    def files(self) -> Iterator[str]:
        """Ids of the objects that are files."""
        for first, second in itertools.product(ALPHABET, ALPHABET):
            folder = self.root / f"{first}{second}"
            if folder.is_dir():
                yield from sorted(path.name for path in folder.iterdir())

    def set_aside(self, object_id: str) -> None:
        """Move a file that no row speaks of to `orphans/`, beside the vault: a wrong backup may have lost its row."""
        orphans = self.root.parent / "orphans"
        with disk_errors():
            orphans.mkdir(mode=0o700, exist_ok=True)
            moved = orphans / object_id
            (self.root / object_id[:2] / object_id).replace(moved)
            os.utime(moved)

    def forget_orphans(self, *, older_than_seconds: float) -> None:
        """Delete what was set aside so long ago."""
        for path in (self.root.parent / "orphans").glob("*"):
            if time.time() - path.stat().st_mtime > older_than_seconds:
                path.unlink()
