"""The vault: sealed objects under random ids, written once, read at any offset, erased by forgetting their DEK.

An object of up to 64 KiB is a blob that its owner commits with the ledger's row (one fsync for both); a larger one is a
file `vault/ab/abcd…`. Whoever seals holds only the bucket's public key; opening wants the private one.

Durability: after `ObjectWriter.finish` a file and its name are on the disk; a blob is when the ledger's commit returns.
Loss: an object that is lost is a partner's file that is lost; without the bucket's private key all are.
Trust: who can write here can destroy, never alter unnoticed, and learns only sizes and times.
"""

import hashlib
import itertools
import mmap
import os
import time
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from mft.clock import ALPHABET, random_id
from mft.crypto.keys import BucketPrivateKey, BucketPublicKey, new_dek
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
from mft.domain import SealedObject
from mft.durable import create_file, disk_errors, sync_data, sync_directory, sync_file, through_cache
from mft.errors import Broken, SyncFailed, UnsealFailed

BLOB_MAX: Final = 64 * 1024  # Plaintext bytes that still go into the ledger.
SYNC_EVERY: Final = 64 << 20  # Bytes between two syncs of a growing file, so that the last one is short.

_FULL: Final = SEGMENT_SIZE - TAG_SIZE  # Where the plaintext of a full segment ends in its buffer.

_spare: deque[mmap.mmap] = deque(maxlen=16)  # Segment buffers between two uses: a fresh megabyte costs 0.1 ms.


def _buffer() -> mmap.mmap:
    """A megabyte that begins at a page: a sealed segment, in the first one's place with the header before it."""
    try:
        return _spare.pop()
    except IndexError:
        return mmap.mmap(-1, SEGMENT_SIZE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)


class ObjectWriter:
    """Seals and hashes one object as it arrives.

    `append` only copies, and belongs where bytes come in; `flush` and `finish` hash, encrypt and write, and may run in
    another thread, one call at a time. Memory: the segments that wait for `flush`, and one.
    """

    def __init__(self, root: Path, tenant: int, bucket: BucketPublicKey) -> None:
        self.id: Final = random_id()
        self.size = 0
        self._root = root
        self._path = root / self.id[:2] / self.id
        self._tenant = tenant
        self._bucket = bucket
        self._hash = hashlib.sha256()
        self._dek = new_dek()
        self._small = bytearray()
        self._sealer: Sealer | None = None
        self._fd = -1
        self._buffer: mmap.mmap | None = None
        self._filled = HEADER_SIZE
        self._full: deque[mmap.mmap] = deque()
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
            buffer = self._full[0]
            self._write(buffer, _FULL, last=False)
            self._full.popleft()
            _spare.append(buffer)
            if self._written - self._synced >= SYNC_EVERY:
                sync_data(self._fd)
                self._synced = self._written

    def _write(self, buffer: mmap.mmap, end: int, *, last: bool) -> None:
        """Hash, seal and write a segment: the header before the first, then plaintext up to `end`, then the tag."""
        view = memoryview(buffer)
        begin = 0
        if self._sealer is None:
            self._sealer = Sealer(self._dek, context(self._tenant, self.id))
            self._fd = create_file(self._path)
            begin = HEADER_SIZE
            view[:begin] = self._sealer.header
        self._hash.update(view[begin:end])
        self._sealer.seal_segment(self._index, view[begin:], end - begin, last=last)
        self._index += 1
        if last:
            through_cache(self._fd)
        self._write_all(view[: end + TAG_SIZE])

    def _write_all(self, view: memoryview) -> None:
        self._written += len(view)
        with disk_errors():
            while rest := view[os.write(self._fd, view) :]:
                through_cache(self._fd)  # What is left of it does not begin at a page.
                view = rest

    def finish(self) -> tuple[SealedObject, bytes]:
        """Seal the rest and put all on the disk.

        Returns:
            The object, for the ledger's row, and the SHA-256 of its plaintext.
        """
        blob = None
        if self._buffer is None:
            self._hash.update(self._small)
            blob = seal_bytes(self._dek, context(self._tenant, self.id), bytes(self._small))
            self._small = bytearray()
        else:
            self.flush()
            self._write(self._buffer, self._filled, last=True)
            _spare.append(self._buffer)
            fd, self._fd = self._fd, -1
            try:
                sync_file(fd, self._path)
            finally:
                os.close(fd)
        wrapped = self._bucket.wrap(self._dek, context(self._tenant, self.id))
        self._dek = b""
        size = sealed_size(self.size)
        sealed = SealedObject(self.id, self._tenant, self._bucket.id, wrapped, self.size, size, blob)
        return sealed, self._hash.digest()

    def abandon(self) -> None:
        """Forget the object: nothing of it stays."""
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

    def __init__(self, root: Path, sealed: SealedObject, keys: Mapping[str, BucketPrivateKey]) -> None:
        if sealed.bucket not in keys:
            raise UnsealFailed(f"the private key of bucket {sealed.bucket} is not here")
        about = context(sealed.tenant, sealed.id)
        dek = keys[sealed.bucket].unwrap(sealed.wrapped_dek, about)
        self.size: Final = sealed.plain_size
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
            raise Broken(f"object {sealed.id} is in the ledger, and its file is gone from the vault") from None
        try:
            self._opener = Opener(dek, about, os.pread(self._fd, HEADER_SIZE, 0), sealed.sealed_size)
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

    def chunks(self, size: int = 1 << 18) -> Iterator[bytes]:
        """The whole plaintext, in pieces."""
        for offset in range(0, self.size, size):
            yield self.read_at(offset, size)

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1


class Vault:
    """The folder of sealed files, with the key to seal for and the keys to open with."""

    def __init__(
        self, root: Path, seal_for: BucketPublicKey, open_with: Mapping[str, BucketPrivateKey] | None = None
    ) -> None:
        self.root = root
        self._seal_for = seal_for
        self._open_with = open_with or {}

    def writer(self, tenant: int) -> ObjectWriter:
        return ObjectWriter(self.root, tenant, self._seal_for)

    def seal(self, tenant: int, content: bytes) -> tuple[SealedObject, bytes]:
        """A whole object at once; see `ObjectWriter.finish`."""
        writer = self.writer(tenant)
        writer.append(content)
        return writer.finish()

    def open(self, sealed: SealedObject) -> ObjectReader:
        """Raises UnsealFailed: no key for it, or its bytes are not what was sealed."""
        return ObjectReader(self.root, sealed, self._open_with)

    def remove(self, object_id: str) -> None:
        """Delete the file of an object that no row speaks of."""
        (self.root / object_id[:2] / object_id).unlink(missing_ok=True)

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
