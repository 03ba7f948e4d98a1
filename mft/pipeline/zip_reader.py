"""Reads zip archives as strangers' data: what the directory says is held against what the bytes are.

Nothing is taken for granted: entries may not lie over each other, what an entry says of itself at its beginning must be
what the directory says, no more bytes come out than were announced, and names are bytes that no file system sees.
Memory: the directory's names and one piece.

Spec: PKWARE APPNOTE 6.3.10, of which methods 0 and 8 and no encryption.
"""

import stat
import struct
import zlib
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from mft.errors import Malformed
from mft.vault.store import Readable

_END: Final = struct.Struct("<4s4H2LH")
_END_64: Final = struct.Struct("<4sQ2H2L4Q")
_LOCATOR: Final = struct.Struct("<4sLQL")
_CENTRAL: Final = struct.Struct("<4s6H3L5H2L")
_LOCAL: Final = struct.Struct("<4s5H3L2H")
_COMMENT_MAX: Final = 0xFFFF
_LARGE: Final = 0xFFFFFFFF  # Stands for a number that is in the extra field instead.
_EXTRA_64: Final = 0x0001
_ENCRYPTED: Final = 0x2041  # Any of: encrypted, strongly so, the directory too.
_PATCH: Final = 0x0020
_SIZES_BEHIND: Final = 0x0008  # Behind the data, because who wrote it did not know them before.
_STORED, _DEFLATED = 0, 8
_PATH_MAX: Final = 1024
_PACKED: Final = 1 << 16
PIECE: Final = 1 << 18
_OF_DOCUMENTS: Final = {b"[Content_Types].xml", b"mimetype", b"META-INF/MANIFEST.MF"}


class BadZip(Malformed):
    """The message says which rule is broken, and of which entry, by its number."""

    code = "malformed.zip"


class TooManyEntries(BadZip):
    code = "malformed.zip-entries"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file of an archive. `position` is its place in the directory, `path` its name as it was sent."""

    position: int
    path: bytes
    flags: int
    method: int
    crc: int
    packed_bytes: int
    size_bytes: int
    header_at: int
    data_at: int = 0

    @property
    def name(self) -> bytes:
        return self.path.rpartition(b"/")[2]


def entries(file: Readable, *, most: int) -> list[Entry]:
    """Every regular file of an archive, in the order of its directory. Folders are passed over.

    Raises:
        BadZip: the archive, or one entry of it, breaks a rule.
    """
    count, at, end = _directory(file)
    if count > most:
        raise TooManyEntries(f"it has {count:,} entries, and {most:,} are allowed")
    found: list[Entry] = []
    for position in range(1, count + 1):
        entry, external, at = _central(file, position, at, end)
        if entry is not None:
            _check_kind(entry, external)
            found.append(entry)
    if at != end:
        raise BadZip("its directory is longer than its entries")
    return [entry for entry in _spans(file, found, end) if not entry.path.endswith(b"/")]


def is_document(found: Iterable[Entry]) -> bool:
    """Whether an archive is one document: of Office or OpenDocument, an EPUB, a JAR. Its entries are no files."""
    return any(entry.path in _OF_DOCUMENTS for entry in found)


def _directory(file: Readable) -> tuple[int, int, int]:
    """How many entries there are, and where their directory begins and ends."""
    tail_at = max(0, file.size - _END.size - _COMMENT_MAX)
    tail = file.read_at(tail_at, _END.size + _COMMENT_MAX)
    ends = []
    found = tail.find(b"PK\x05\x06")
    while found >= 0:
        if found + _END.size <= len(tail) and found + _END.size + _END.unpack_from(tail, found)[7] == len(tail):
            ends.append(found)
        found = tail.find(b"PK\x05\x06", found + 1)
    if not ends:
        raise BadZip("it does not end as an archive does: it is cut short, or something stands behind it")
    if len(ends) > 1:
        raise BadZip("it has two directories")
    _, disk, first_disk, here, count, size, at, _ = _END.unpack_from(tail, ends[0])
    end = tail_at + ends[0]
    if 0xFFFF in {here, count} or _LARGE in {size, at}:
        disk, first_disk, here, count, size, at, end = _directory_64(file, end)
    if disk or first_disk or here != count:
        raise BadZip("it is one part of several")
    if at + size != end:
        raise BadZip("its directory is not where it says")
    return count, at, end


def _directory_64(file: Readable, end: int) -> tuple[int, int, int, int, int, int, int]:
    locator = file.read_at(max(0, end - _LOCATOR.size), _LOCATOR.size)
    if end < _LOCATOR.size or locator[:4] != b"PK\x06\x07":
        raise BadZip("its directory is not where it says")
    record_at = _LOCATOR.unpack(locator)[2]
    record = file.read_at(record_at, _END_64.size)
    if len(record) < _END_64.size or record[:4] != b"PK\x06\x06":
        raise BadZip("its directory is not where it says")
    _, length, _, _, disk, first_disk, here, count, size, at = _END_64.unpack(record)
    if record_at + 12 + length != end - _LOCATOR.size:
        raise BadZip("its directory is not where it says")
    return disk, first_disk, here, count, size, at, record_at


def _central(file: Readable, position: int, at: int, end: int) -> tuple[Entry | None, int, int]:
    """An entry of the directory, its attributes, and where the next one begins."""
    head = file.read_at(at, _CENTRAL.size)
    if len(head) < _CENTRAL.size or head[:4] != b"PK\x01\x02":
        raise BadZip(f"entry {position} is not in its directory")
    fields = _CENTRAL.unpack(head)
    flags, method, crc, packed, size, path_length, extra_length, comment_length, disk = (
        fields[index] for index in (3, 4, 7, 8, 9, 10, 11, 12, 13)
    )
    external, begin = fields[15:]
    at += _CENTRAL.size
    following = at + path_length + extra_length + comment_length
    if following > end:
        raise BadZip(f"entry {position} is longer than its directory")
    if path_length > _PATH_MAX:
        raise BadZip(f"the name of entry {position} is longer than {_PATH_MAX:,} bytes")
    path = file.read_at(at, path_length)
    if _LARGE in {packed, size, begin} or disk == 0xFFFF:
        large = _extra_64(file.read_at(at + path_length, extra_length))
        try:
            size = large.pop(0) if size == _LARGE else size
            packed = large.pop(0) if packed == _LARGE else packed
            begin = large.pop(0) if begin == _LARGE else begin
        except IndexError:
            raise BadZip(f"entry {position} does not say how large it is") from None
        disk = 0 if disk == 0xFFFF else disk
    if disk:
        raise BadZip("it is one part of several")
    return Entry(position, path, flags, method, crc, packed, size, begin), external, following


def _extra_64(extra: bytes) -> list[int]:
    at = 0
    while at + 4 <= len(extra):
        kind, length = struct.unpack_from("<2H", extra, at)
        field = extra[at + 4 : at + 4 + length]
        if kind == _EXTRA_64:
            return [number for (number,) in struct.iter_unpack("<Q", field[: len(field) // 8 * 8])]
        at += 4 + length
    return []


def _check_kind(entry: Entry, external: int) -> None:
    """Raises BadZip: it is encrypted, packed in a way of its own, no regular file, or its name leads elsewhere."""
    which, path = f"entry {entry.position}", entry.path
    if entry.flags & _ENCRYPTED:
        raise BadZip(f"{which} is encrypted with a password: ask for PGP, or for an archive without")
    if entry.method not in {_STORED, _DEFLATED} or entry.flags & _PATCH:
        raise BadZip(f"{which} is packed by method {entry.method}; 0 (stored) and 8 (deflated) are read")
    parts = path.split(b"/")
    if not path or b"\x00" in path:
        raise BadZip(f"{which} has no name")
    if b"\\" in path:
        raise BadZip(f"the name of {which} has a backslash in it")
    if path.startswith(b"/") or (path[:1].isalpha() and path[1:2] == b":"):
        raise BadZip(f"the name of {which} begins at the root of a disk")
    if b".." in parts or parts[-1] == b".":
        raise BadZip(f"the name of {which} leads out of its folder")
    if len(parts[-1]) > 255:
        raise BadZip(f"the name of {which} is longer than 255 bytes")
    kind = stat.S_IFMT(external >> 16)
    folder = path.endswith(b"/")
    if kind and not (stat.S_ISDIR(kind) if folder else stat.S_ISREG(kind)):
        raise BadZip(f"{which} is a link, a device or another thing that is no file")
    if folder and entry.size_bytes:
        raise BadZip(f"{which} is a folder with content")


def _spans(file: Readable, found: list[Entry], directory_end: int) -> list[Entry]:
    """The same entries, with where their data begins.

    Raises:
        BadZip: two lie over each other, or one says something else of itself than the directory does.
    """
    placed = [_placed(file, entry) for entry in found]
    by_place = sorted(placed, key=lambda entry: entry.header_at)
    for before, after in pairwise(by_place):
        if before.data_at + before.packed_bytes > after.header_at:
            raise BadZip(f"entries {before.position} and {after.position} lie over each other")
    if by_place and by_place[-1].data_at + by_place[-1].packed_bytes > directory_end:
        raise BadZip(f"entry {by_place[-1].position} is longer than the archive")
    return placed


def _placed(file: Readable, entry: Entry) -> Entry:
    head = file.read_at(entry.header_at, _LOCAL.size)
    if len(head) < _LOCAL.size or head[:4] != b"PK\x03\x04":
        raise BadZip(f"entry {entry.position} is not where the directory says")
    _, _, flags, method, _, _, crc, packed, size, path_length, extra_length = _LOCAL.unpack(head)
    sizes = (crc, packed, size)
    known = (entry.crc, entry.packed_bytes, entry.size_bytes)
    tells = flags & _SIZES_BEHIND == 0 and _LARGE not in sizes[1:]
    if (
        file.read_at(entry.header_at + _LOCAL.size, path_length) != entry.path
        or method != entry.method
        or (flags ^ entry.flags) & (_ENCRYPTED | _PATCH)
        or (tells and sizes != known)
    ):
        raise BadZip(f"entry {entry.position} is something else than the directory says")
    return Entry(
        entry.position, entry.path, entry.flags, entry.method, entry.crc, entry.packed_bytes, entry.size_bytes,
        entry.header_at, entry.header_at + _LOCAL.size + path_length + extra_length,
    )  # fmt: skip


def content(file: Readable, entry: Entry) -> Generator[bytes, None, None]:
    """An entry's bytes, in pieces of at most `PIECE`.

    Raises:
        BadZip: more or fewer come out than were announced, or others. What came before may not be used.
    """
    produced, crc = 0, 0
    for piece in _stored(file, entry) if entry.method == _STORED else _inflated(file, entry):
        produced += len(piece)
        if produced > entry.size_bytes:
            raise BadZip(f"entry {entry.position} is larger than the directory says")
        crc = zlib.crc32(piece, crc)
        yield piece
    if produced != entry.size_bytes:
        raise BadZip(f"entry {entry.position} is smaller than the directory says")
    if crc != entry.crc:
        raise BadZip(f"entry {entry.position} is damaged: its checksum is another")


def _packed(file: Readable, entry: Entry) -> Iterator[bytes]:
    for offset in range(0, entry.packed_bytes, _PACKED):
        yield file.read_at(entry.data_at + offset, min(_PACKED, entry.packed_bytes - offset))


_stored = _packed


def _inflated(file: Readable, entry: Entry) -> Iterator[bytes]:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    damaged = BadZip(f"entry {entry.position} is damaged: it does not unpack")
    try:
        for packed in _packed(file, entry):
            rest = packed
            while rest:
                if stream.eof:
                    raise damaged
                yield stream.decompress(rest, PIECE)
                rest = stream.unused_data or stream.unconsumed_tail
        while not stream.eof and (piece := stream.decompress(b"", PIECE)):
            yield piece
    except zlib.error:
        raise damaged from None
    if not stream.eof:
        raise damaged
