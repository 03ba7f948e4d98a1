"""Sealed objects: Tink's AES256-GCM-HKDF-1MB streaming format. Bytes in, bytes out; no I/O here.

An object is a 40-byte header (1 byte 40 | 32-byte salt | 7-byte nonce prefix) and segments of 1 MiB; the
header counts as part of the first one, and the last may be shorter. Each segment is AES-256-GCM under
HKDF-SHA256(DEK, salt, info=context), nonce = prefix | u32 index | 1 byte "last", no further associated data.
So a segment that was altered, moved, dropped or added does not open, nor any under another object's context.

A receive path that hashes, seals and writes in a worker thread fills its own buffers and calls
`seal_segment`; whoever just has bytes to write uses `append` and `finish`:

    sealer = Sealer(dek, context(1, object_id))
    file.write(sealer.header)
    for chunk in chunks:
        file.writelines(sealer.append(chunk))
    file.write(sealer.finish())

Spec: docs/formats/sealed-object.md; Tink "AES-GCM-HKDF Streaming AEAD".
"""

import itertools
import json
import secrets
from collections.abc import Iterable, Iterator
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mft.errors import UnsealFailed

SEGMENT_SIZE: Final = 1 << 20  # Sealed bytes of each segment but the last; the first includes the header.
HEADER_SIZE: Final = 40
SALT_SIZE: Final = 32
PREFIX_SIZE: Final = 7
TAG_SIZE: Final = 16
DEK_SIZE: Final = 32
FIRST_SEGMENT_CAPACITY: Final = SEGMENT_SIZE - HEADER_SIZE - TAG_SIZE  # Plaintext bytes.
SEGMENT_CAPACITY: Final = SEGMENT_SIZE - TAG_SIZE
MAX_SEGMENTS: Final = 1 << 32  # The index has four bytes: 4 PiB an object.


def context(tenant: int, object_id: str) -> bytes:
    """Name the object that sealed bytes and their wrapped DEK belong to; authenticated, stored in neither.

    Returns:
        RFC 8785 canonical JSON, for example `{"object":"6f1d","tenant":1,"v":1}`.
    """
    fields = {"object": object_id, "tenant": tenant, "v": 1}
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def sealed_size(plain_size: int) -> int:
    """Size in bytes of the sealed object that holds `plain_size` bytes. An empty one is 56 bytes."""
    more = max(0, plain_size - FIRST_SEGMENT_CAPACITY)
    segments = 1 + -(-more // SEGMENT_CAPACITY)
    return HEADER_SIZE + plain_size + segments * TAG_SIZE


def segment_count(sealed_size: int) -> int:
    """Number of segments of an object of `sealed_size` bytes."""
    return -(-sealed_size // SEGMENT_SIZE)


def capacity(index: int) -> int:
    """Plaintext bytes that segment `index` holds when it is full."""
    return SEGMENT_CAPACITY if index else FIRST_SEGMENT_CAPACITY


def plain_size(sealed_size: int, *, cut: bool = False) -> int:
    """Size in bytes of what an object of `sealed_size` bytes holds; a `cut` one has full segments only.

    Raises:
        UnsealFailed: no object has this size. A last segment is empty only when the whole object is.
    """
    segments = segment_count(sealed_size)
    if cut and sealed_size % SEGMENT_SIZE:
        raise UnsealFailed(f"no cut object has a size of {sealed_size} bytes")
    last = sealed_size - (segments - 1) * SEGMENT_SIZE
    smallest = HEADER_SIZE + TAG_SIZE if segments == 1 else TAG_SIZE + 1
    if not 1 <= segments <= MAX_SEGMENTS or last < smallest:
        raise UnsealFailed(f"no sealed object has a size of {sealed_size} bytes")
    return sealed_size - HEADER_SIZE - segments * TAG_SIZE


class Sealer:
    """Seals one object, once, from its first byte to its last.

    A segment index is never sealed twice: two plaintexts under one GCM nonce give away each other and the key
    that authenticates. So segments come in order, an index is used up before its bytes are touched, and a
    Sealer that refused a call refuses all later ones. A refusal is our own mistake: AssertionError, even
    under -O.

    Args:
        dek: 32 bytes that seal nothing else.
        context: what `context` returns; opening needs the same.
    """

    def __init__(self, dek: bytes, context: bytes) -> None:
        self.header: Final = bytes([HEADER_SIZE]) + secrets.token_bytes(SALT_SIZE + PREFIX_SIZE)
        """The first 40 bytes of the object, to be written before any segment."""
        self._key = _ObjectKey(dek, context, self.header)
        self._indexes = itertools.count()  # `next` is atomic: no two threads get the same index.
        self._ended = False
        self._index = 0
        self._buffer: bytearray | None = None  # Segment `_index`, being filled by `append`.
        self._filled = 0

    def seal_segment(
        self,
        index: int,
        buffer: bytearray | memoryview,
        size: int,
        *,
        last: bool = False,
        into: memoryview | None = None,
    ) -> memoryview:
        """Seal one segment, in place if it is not sealed `into` other memory. In any thread, one call at a time.

        Args:
            index: 0, 1, 2 …
            buffer: plaintext in its first `size` bytes, then, to be sealed in place, room for 16 more.
            size: `capacity(index)` bytes, or up to that when `last`.
            last: nothing follows. Decide late: a full segment may be the last, an empty one only at index 0.
            into: room for `size` + 16 bytes.

        Returns:
            The sealed bytes to write, a view of `buffer` or `into`: `size` + 16 bytes.
        """
        if self._buffer is not None:
            raise AssertionError("what append holds comes first, and only finish seals it")
        return self._seal(index, buffer, size, last=last, into=into)

    def append(self, data: bytes | bytearray | memoryview) -> list[memoryview]:
        """Take in the next bytes of the object, any number.

        Returns:
            Sealed segments to write now, often none. Each has its own memory and stays valid.
        """
        sealed = []
        rest = memoryview(data)
        buffer = self._buffer or bytearray(SEGMENT_SIZE)
        # A full segment waits for the next byte, because it may yet be the last.
        while len(rest) > (room := capacity(self._index) - self._filled):
            buffer[self._filled : self._filled + room] = rest[:room]
            sealed.append(self._seal(self._index, buffer, self._filled + room, last=False))
            rest = rest[room:]
            buffer = bytearray(SEGMENT_SIZE)
            self._index += 1
            self._filled = 0
        buffer[self._filled : self._filled + len(rest)] = rest
        self._filled += len(rest)
        self._buffer = buffer
        return sealed

    def finish(self) -> memoryview:
        """Seal what `append` still holds.

        Returns:
            The last segment, to be written; 16 bytes when the object is empty.
        """
        buffer = self._buffer or bytearray(TAG_SIZE)
        self._buffer = None
        return self._seal(self._index, buffer, self._filled, last=True)

    def _seal(
        self,
        index: int,
        buffer: bytearray | memoryview,
        size: int,
        *,
        last: bool,
        into: memoryview | None = None,
    ) -> memoryview:
        ended, self._ended = self._ended, True  # Until this segment turns out well.
        if ended or index != next(self._indexes):
            raise AssertionError(f"segment {index} is out of order, sealed already, or behind the last one")
        full = capacity(index)
        smallest = full if not last else min(index, 1)
        plain = memoryview(buffer)[:size]
        view = (memoryview(buffer) if into is None else into)[: size + TAG_SIZE]
        if not smallest <= size <= full or len(plain) != size or len(view) != size + TAG_SIZE:
            raise AssertionError(f"segment {index} cannot be {size} bytes in a buffer of {len(buffer)}")
        self._key.seal(index, plain, view, last=last)
        self._ended = last
        return view


class Opener:
    """Opens any segment of one sealed object.

    Every segment that opens is genuine and in its place. That none is missing at the end is certain once the
    last one opened, or when `sealed_size` comes from the ledger and not from the file.

    Args:
        dek: the object's 32 bytes.
        context: the one it was sealed with.
        header: its first 40 bytes.
        sealed_size: of the whole object in bytes, header included.
        cut: its writer died before it sealed a last segment; all that there are, are full.

    Raises:
        UnsealFailed: no object has such a header or size. A wrong DEK or context shows at the first segment.
    """

    def __init__(self, dek: bytes, context: bytes, header: bytes, sealed_size: int, *, cut: bool = False) -> None:
        self.plain_size: Final = plain_size(sealed_size, cut=cut)
        self._cut = cut
        self.segments: Final = segment_count(sealed_size)
        self._sealed_size = sealed_size
        self._key = _ObjectKey(dek, context, header)

    def segment_of(self, plain_offset: int) -> int:
        """Index of the segment that holds the plaintext byte at this offset."""
        return (plain_offset + HEADER_SIZE) // SEGMENT_CAPACITY

    def segment_range(self, index: int) -> tuple[int, int]:
        """Where segment `index` stands in the sealed object: (offset, length) in bytes."""
        begin = HEADER_SIZE if index == 0 else index * SEGMENT_SIZE
        return begin, min((index + 1) * SEGMENT_SIZE, self._sealed_size) - begin

    def plain_range(self, index: int) -> tuple[int, int]:
        """Where the plaintext of segment `index` belongs: (offset, length) in bytes."""
        begin = 0 if index == 0 else index * SEGMENT_CAPACITY - HEADER_SIZE
        return begin, self.segment_range(index)[1] - TAG_SIZE

    def open_segment(self, index: int, sealed: bytes | bytearray | memoryview) -> memoryview:
        """Open one segment; in place if `sealed` is writable memory.

        Args:
            index: below `segments`.
            sealed: the bytes at `segment_range(index)`. When they do not open, writable memory is cleared.

        Returns:
            The plaintext: a view of `sealed`, or of new memory when that is read-only.

        Raises:
            UnsealFailed: not these bytes, not here, not this object, or not this DEK.
        """
        if not 0 <= index < self.segments:
            raise AssertionError(f"segment {index} of an object that has {self.segments}")
        view = memoryview(sealed)
        if len(view) != self.segment_range(index)[1]:
            raise UnsealFailed(f"segment {index} of a sealed object is cut short")
        last = index == self.segments - 1 and not self._cut
        if view.readonly:
            return memoryview(self._key.open(index, view, last=last))
        return self._key.open_in_place(index, view, last=last)


def open_stream(dek: bytes, context: bytes, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Open a whole object that is read from its start, in chunks of any size.

    Yields:
        The plaintext of each segment as soon as it verified.

    Raises:
        UnsealFailed: altered, or another object's; or cut short, which shows only at the end. So nothing that
            was yielded is known to be complete before the iterator has ended by itself.
    """
    key: _ObjectKey | None = None
    index = 0
    pending = bytearray()
    for chunk in chunks:
        pending += chunk
        while len(pending) > SEGMENT_SIZE:  # A full segment may yet be the last.
            key = key or _ObjectKey(dek, context, bytes(pending[:HEADER_SIZE]))
            with memoryview(pending)[0 if index else HEADER_SIZE : SEGMENT_SIZE] as sealed:
                plain = key.open(index, sealed, last=False)
            del pending[:SEGMENT_SIZE]
            index += 1
            yield plain
    plain_size(index * SEGMENT_SIZE + len(pending))
    key = key or _ObjectKey(dek, context, bytes(pending[:HEADER_SIZE]))
    yield key.open(index, memoryview(pending)[0 if index else HEADER_SIZE :], last=True)


def seal_bytes(dek: bytes, context: bytes, data: bytes) -> bytes:
    """Seal a whole object in memory; `dek` seals nothing else, ever.

    Returns:
        The object, header included: `sealed_size(len(data))` bytes.
    """
    sealer = Sealer(dek, context)
    if len(data) > FIRST_SEGMENT_CAPACITY:
        return b"".join([sealer.header, *sealer.append(data), sealer.finish()])
    buffer = bytearray(data) + bytes(TAG_SIZE)  # Small objects are common: no megabyte for each.
    return sealer.header + sealer.seal_segment(0, buffer, len(data), last=True)


def open_bytes(dek: bytes, context: bytes, sealed: bytes) -> bytes:
    """Open a whole object in memory.

    Raises:
        UnsealFailed: altered, cut short, another object's, or another DEK's.
    """
    return b"".join(open_stream(dek, context, [sealed]))


class _ObjectKey:
    """What HKDF makes of a DEK for one object; opens and seals its segments by number."""

    def __init__(self, dek: bytes, context: bytes, header: bytes) -> None:
        if len(dek) != DEK_SIZE:
            raise AssertionError("a DEK has 32 bytes")
        if len(header) != HEADER_SIZE or header[0] != HEADER_SIZE:
            raise UnsealFailed("a sealed object begins with a header of 40 bytes")
        salt = header[1 : 1 + SALT_SIZE]
        self._prefix = header[1 + SALT_SIZE :]
        self._aead = AESGCM(HKDF(SHA256(), DEK_SIZE, salt=salt, info=context).derive(dek))

    def _nonce(self, index: int, *, last: bool) -> bytes:
        return self._prefix + index.to_bytes(4, "big") + bytes([last])

    def seal(self, index: int, plain: memoryview, into: memoryview, *, last: bool) -> None:
        self._aead.encrypt_into(self._nonce(index, last=last), plain, None, into)

    def open(self, index: int, sealed: memoryview, *, last: bool) -> bytes:
        try:
            return self._aead.decrypt(self._nonce(index, last=last), sealed, None)
        except InvalidTag:
            raise UnsealFailed(f"segment {index} of a sealed object does not verify") from None

    def open_in_place(self, index: int, sealed: memoryview, *, last: bool) -> memoryview:
        plain = sealed[:-TAG_SIZE]
        try:
            self._aead.decrypt_into(self._nonce(index, last=last), sealed, None, plain)
        except InvalidTag:
            plain[:] = bytes(len(plain))  # Unverified plaintext helps nobody but an attacker.
            raise UnsealFailed(f"segment {index} of a sealed object does not verify") from None
        return plain
