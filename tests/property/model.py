"""What a partner may expect of their folders, as a program of a few hundred lines without a disk, a ledger or a socket.

A `Namespace` is one partner's view. `may` says how a request must be answered: True for yes, False for a refusal, None
where partners are promised neither. `done` is told how it was answered, and follows. An interruption leaves what is
`Unsure`: `agrees` holds every allowed outcome against what was found afterwards, and `adopt` goes on from there.
"""

from collections import Counter
from copy import deepcopy
from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from mft.wire.sftp import OpenFlag

TEMPORARY = (b".tmp", b".temp", b".part", b".partial", b".filepart", b".uploading", b".incomplete", b"~")


@dataclass(frozen=True)
class Place:
    """A folder and a name in it."""

    folder: bytes
    name: bytes

    @classmethod
    def of(cls, path: bytes) -> "Place":
        folder, _, name = path.rpartition(b"/")
        return cls(folder, name)

    def __str__(self) -> str:
        return (self.folder + b"/" + self.name).decode(errors="backslashreplace")


# ── Requests ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Open:
    """`upload` is the number that later requests call the handle by."""

    upload: int
    path: bytes
    flags: OpenFlag


@dataclass(frozen=True)
class Write:
    upload: int
    offset: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Close:
    upload: int


@dataclass(frozen=True)
class Resize:
    """FSETSTAT with a size."""

    upload: int
    size: int


@dataclass(frozen=True)
class Date:
    """FSETSTAT with times."""

    upload: int
    mtime: int


@dataclass(frozen=True)
class Fsync:
    upload: int


@dataclass(frozen=True)
class SetDate:
    """SETSTAT with times."""

    path: bytes
    mtime: int


@dataclass(frozen=True)
class SetMode:
    path: bytes


@dataclass(frozen=True)
class SetSize:
    path: bytes
    size: int


@dataclass(frozen=True)
class Rename:
    old: bytes
    new: bytes
    replace: bool


@dataclass(frozen=True)
class Remove:
    path: bytes


@dataclass(frozen=True)
class Mkdir:
    path: bytes


@dataclass(frozen=True)
class Rmdir:
    path: bytes


Request: TypeAlias = (
    Open | Write | Close | Resize | Date | Fsync | SetDate | SetMode | SetSize | Rename | Remove | Mkdir | Rmdir
)


# ── What is there ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Content:
    """The bytes of an upload, and which of them were ever written."""

    data: bytes = b""
    spans: tuple[tuple[int, int], ...] = ()

    @classmethod
    def whole(cls, data: bytes) -> "Content":
        return cls(data, ((0, len(data)),) if data else ())

    def put(self, offset: int, data: bytes) -> "Content":
        end = offset + len(data)
        below = self.data[:offset].ljust(offset, b"\0")
        spans, new = [], (offset, end)
        for span in self.spans:
            if span[1] < new[0] or new[1] < span[0]:
                spans.append(span)
            else:
                new = (min(span[0], new[0]), max(span[1], new[1]))
        return Content(below + data + self.data[end:], tuple(sorted([*spans, new])))

    def cut(self, size: int) -> "Content":
        spans = tuple((start, min(end, size)) for start, end in self.spans if start < size)
        return Content(self.data[:size], spans)

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def head(self) -> bytes:
        """What lies before the first hole."""
        return self.data[: self.spans[0][1]] if self.spans and self.spans[0][0] == 0 else b""

    @property
    def has_hole(self) -> bool:
        return len(self.head) < len(self.data)


class Kind(Enum):
    PARTIAL = "partial"
    PARKED = "parked"
    PUBLISHED = "published"


@dataclass(eq=False)
class Transfer:
    """A promise: what was published. `place` is its label, which outlives its listing."""

    place: Place
    data: bytes
    heard: bool = False


@dataclass(frozen=True)
class Entry:
    """`mtime` is None where the server may choose."""

    kind: Kind
    data: bytes
    mtime: int | None = None
    transfer: Transfer | None = None


@dataclass
class Upload:
    """A handle for writing."""

    session: int
    place: Place
    content: Content = Content()
    append: bool = False
    resumes: bool = False  # What lies there already is the beginning of this one.
    from_start: bool = False  # A published file of the name is there: the first byte must be byte 0.
    touched: bool = False
    refused: bool = False
    in_order: bool = True
    expected: int | None = None
    mtime: int | None = None
    versions: list[bytes] = field(default_factory=list)  # Heads that were written over since.
    floor: int = 0  # So many bytes are safe from anything,
    synced: bool = False  # in the place of what lay there before.


@dataclass(frozen=True)
class Unsure:
    """What an interruption may leave under a name: what lay there before, nothing, or a beginning of a version."""

    old: Entry | None
    old_may_stay: bool
    nothing_may: bool
    versions: tuple[bytes, ...] = field(repr=False)
    floor: int = 0

    def allows(self, found: Entry | None) -> bool:
        if self.old_may_stay and same(self.old, found):
            return True
        if found is None:
            return self.nothing_may
        safe = len(found.data) >= max(1, self.floor)
        return found.kind is Kind.PARTIAL and safe and any(whole.startswith(found.data) for whole in self.versions)


def same(one: Entry | None, other: Entry | None) -> bool:
    if one is None or other is None:
        return one is other
    return (one.kind, one.data) == (other.kind, other.data)


@dataclass(frozen=True)
class Found:
    """What the books and the vault hold of a partner. `published` counts places and bytes of all that were received."""

    listed: dict[Place, Entry]
    published: Counter[tuple[Place, bytes]]


class Namespace:
    """One partner's folders, by the contract. `folders` and `staging` are absolute."""

    def __init__(self, folders: frozenset[bytes], staging: frozenset[bytes]) -> None:
        self.fixed = folders | staging | {b"/", b"/inbound", b"/outbound", b"/errors"}
        self.staging = staging
        self.made: set[bytes] = set()
        self.entries: dict[Place, Entry] = {}
        self.uploads: dict[int, Upload] = {}
        self.transfers: list[Transfer] = []
        self.unheard: dict[int, list[Transfer]] = {}  # By session: what it was promised last, and may not have heard.
        self.unsure: dict[Place, Unsure] = {}

    def copy(self) -> "Namespace":
        return deepcopy(self)

    # What is where

    @property
    def folders(self) -> frozenset[bytes]:
        return self.fixed | self.made

    def is_plain(self, place: Place) -> bool:
        """Whether a file that is closed there is published."""
        name = place.name.lower()
        temporary = name.startswith((b".", b"~")) or name.endswith(TEMPORARY)
        below = any(place.folder == folder or place.folder.startswith(folder + b"/") for folder in self.staging)
        return not temporary and not below

    def is_busy(self, place: Place) -> bool:
        return any(upload.place == place for upload in self.uploads.values())

    def size_allowed(self, place: Place, size: int | None) -> bool:
        """Whether a listing may show that size, None for no entry. What is on its way may show as far as it has come."""
        entry = self.entries.get(place)
        if size == (len(entry.data) if entry else None):
            return True
        under_way = [upload for upload in self.uploads.values() if upload.place == place]
        if size is None:
            return any(upload.resumes for upload in under_way)
        return any(size <= upload.content.size for upload in under_way)

    def _is_inbound_file(self, path: bytes) -> bool:
        """Whether a file can lie there: a name that is no folder's, in a folder for uploads."""
        folder = Place.of(path).folder
        inbound = folder == b"/inbound" or folder.startswith(b"/inbound/")
        return inbound and folder in self.folders and path not in self.folders

    # How a request must be answered

    def may(self, request: Request) -> bool | None:
        match request:
            case Open(path=path, flags=flags):
                return self._may_open(path, flags)
            case Write(upload=number, offset=offset):
                upload = self.uploads[number]
                first_elsewhere = upload.from_start and not upload.touched and offset > 0
                return not upload.refused and not first_elsewhere
            case Close(upload=number):
                upload = self.uploads[number]
                short = upload.expected is not None and upload.content.size < upload.expected
                nothing = upload.from_start and not upload.touched
                return not (upload.refused or nothing or short or upload.content.has_hole)
            case Fsync(upload=number):
                upload = self.uploads[number]
                return None if not upload.in_order else not upload.refused
            case Resize(upload=number) | Date(upload=number):
                return None if self.uploads[number].refused else True
            case SetDate(path=path) | SetMode(path=path):
                if self.is_busy(Place.of(path)):
                    return None
                return path in self.folders or Place.of(path) in self.entries
            case SetSize(path=path):
                return None if path in self.folders or self.is_busy(Place.of(path)) else False
            case Rename():
                return self._may_rename(request)
            case Remove(path=path):
                place = Place.of(path)
                return place in self.entries and not self.is_busy(place)
            case Mkdir(path=path):
                place = Place.of(path)
                below = path.startswith(b"/inbound/") and place.folder in self.folders
                free = path not in self.folders and place not in self.entries and not self.is_busy(place)
                return below and free
            case Rmdir(path=path):
                under_way = [upload.place for upload in self.uploads.values()]
                inside = [*self.entries, *map(Place.of, self.made), *under_way]
                return path in self.made and not any(place.folder == path for place in inside)

    def _may_open(self, path: bytes, flags: OpenFlag) -> bool | None:
        place = Place.of(path)
        entry = self.entries.get(place)
        if not flags & ~OpenFlag.READ:
            return False  # Uploads are not read back, and these partners have nothing to fetch.
        if not self._is_inbound_file(path) or self.is_busy(place):
            return False
        if entry is None:
            allowed = bool(flags & OpenFlag.CREAT)
        elif flags & OpenFlag.EXCL:
            allowed = False
        elif flags & OpenFlag.TRUNC or entry.kind is not Kind.PUBLISHED:
            allowed = True
        else:
            allowed = bool(flags & OpenFlag.CREAT) and not flags & OpenFlag.APPEND
        return None if allowed and not flags & OpenFlag.WRITE else allowed

    def _may_rename(self, request: Rename) -> bool | None:
        if not (self._is_inbound_file(request.old) and self._is_inbound_file(request.new)):
            return False
        old, new = Place.of(request.old), Place.of(request.new)
        entry = self.entries.get(old)
        if entry is None or entry.kind is Kind.PARTIAL or self.is_busy(old) or self.is_busy(new):
            return False
        publishes = entry.kind is Kind.PARKED and self.is_plain(new)
        return new == old or new not in self.entries or publishes or request.replace

    # What an answer changes

    def asks(self, session: int) -> None:
        """Whoever asks for something more has heard what was promised before."""
        for transfer in self.unheard.pop(session, ()):
            transfer.heard = True

    def done(self, session: int, request: Request, *, ok: bool) -> None:
        """Follow a request that was answered."""
        match request:
            case Open() if ok and request.flags & ~OpenFlag.READ:
                self._open(session, request)
            case Write(upload=number) if not ok:
                self.uploads[number].refused = True
            case Write():
                self._write(self.uploads[request.upload], request.offset, request.data)
            case Close(upload=number):
                self._close(session, self.uploads.pop(number), ok=ok)
            case Resize() if ok:
                self._resize(self.uploads[request.upload], request.size)
            case Date() if ok:
                self.uploads[request.upload].mtime = request.mtime
            case Fsync(upload=number) if ok:
                upload = self.uploads[number]
                upload.floor = len(upload.content.head)
                upload.synced |= upload.floor > 0
            case SetDate(path=path) if ok and Place.of(path) in self.entries:
                entry = self.entries[Place.of(path)]
                self.entries[Place.of(path)] = Entry(entry.kind, entry.data, request.mtime, entry.transfer)
            case Rename() if ok:
                self._rename(session, Place.of(request.old), Place.of(request.new))
            case Remove(path=path) if ok:
                self.entries.pop(Place.of(path), None)
            case Mkdir(path=path) if ok:
                self.made.add(path)
            case Rmdir(path=path) if ok:
                self.made.discard(path)

    def _open(self, session: int, request: Open) -> None:
        place = Place.of(request.path)
        entry = self.entries.get(place)
        upload = Upload(session, place, append=bool(request.flags & OpenFlag.APPEND))
        if entry is not None and not request.flags & OpenFlag.TRUNC:
            upload.resumes = entry.kind is not Kind.PUBLISHED
            upload.from_start = entry.kind is Kind.PUBLISHED
            if upload.resumes:
                upload.content = Content.whole(entry.data)
                upload.floor = len(entry.data)
        self.uploads[request.upload] = upload

    def _begins_anew(self, upload: Upload, offset: int) -> bool:
        """Whether a write is no resumption, but the file anew."""
        return upload.resumes and not upload.append and not upload.touched and offset == 0

    def _write(self, upload: Upload, offset: int, data: bytes) -> None:
        if upload.append:
            offset = upload.content.size
        elif self._begins_anew(upload, offset):
            upload.resumes = False  # What lies there stays until this one is kept.
            upload.content = Content()
            upload.floor = 0
        upload.touched = True
        if offset != upload.content.size:
            upload.in_order = False
            upload.versions.append(upload.content.head)
        upload.content = upload.content.put(offset, data)

    def _resize(self, upload: Upload, size: int) -> None:
        if size < upload.content.size:
            upload.touched = True
            upload.in_order = False
            upload.versions.append(upload.content.head)
            upload.content = upload.content.cut(size)
            upload.floor = min(upload.floor, size)
        upload.expected = size if size > upload.content.size else None

    def _close(self, session: int, upload: Upload, *, ok: bool) -> None:
        place, data = upload.place, upload.content.data
        if not ok:
            self._keep(upload)
        elif self.is_plain(place):
            self._publish(session, place, data, upload.mtime)
        else:
            self.entries[place] = Entry(Kind.PARKED, data, upload.mtime)

    def _keep(self, upload: Upload) -> None:
        """What a broken upload leaves: a partial, if a single byte of it is there."""
        head = upload.content.head
        if not upload.touched or upload.refused:
            return
        if head:
            self.entries[upload.place] = Entry(Kind.PARTIAL, head)
        elif upload.resumes:
            self.entries.pop(upload.place, None)

    def _publish(self, session: int, place: Place, data: bytes, mtime: int | None) -> None:
        newest = next((transfer for transfer in reversed(self.transfers) if transfer.place == place), None)
        if newest is not None and not newest.heard and newest.data == data:
            transfer, mtime = newest, None
        else:
            transfer = Transfer(place, data)
            self.transfers.append(transfer)
        self.unheard.setdefault(session, []).append(transfer)
        self.entries[place] = Entry(Kind.PUBLISHED, data, mtime, transfer)

    def _rename(self, session: int, old: Place, new: Place) -> None:
        entry = self.entries.pop(old)
        if entry.kind is Kind.PARKED and self.is_plain(new):
            self._publish(session, new, entry.data, entry.mtime)
            return
        if entry.transfer is not None:
            entry.transfer.place = new
        self.entries[new] = entry

    # Interruptions

    def leaves(self, session: int) -> None:
        """The session has said goodbye: it has heard everything."""
        self.asks(session)
        self.cut(session)

    def cut(self, session: int) -> None:
        """The connection is gone, the server is not: what was answered is kept."""
        self.unheard.pop(session, None)
        for upload in self._end(session):
            self._keep(upload)

    def cut_while(self, session: int, before: "Namespace") -> None:
        """The same, with writes at the end under way: any of their bytes may have arrived; `before` is without them."""
        self.unheard.pop(session, None)
        arrived = {upload.place: upload.content.head for upload in before.uploads.values()}
        for upload in self._end(session):
            least, most = arrived[upload.place], upload.content.head
            if least == most:
                self._keep(upload)
            else:
                old = self.entries.get(upload.place)
                self.unsure[upload.place] = Unsure(
                    old, old_may_stay=False, nothing_may=False, versions=(most,), floor=len(least)
                )

    def die(self) -> None:
        """The server was killed: what was not synced may be gone, from its end."""
        self.unheard.clear()
        for session in {upload.session for upload in self.uploads.values()}:
            for upload in self._end(session):
                old = self.entries.get(upload.place)
                self.unsure[upload.place] = Unsure(
                    old,
                    old_may_stay=not upload.synced,
                    nothing_may=upload.floor == 0 and (upload.resumes or old is None),
                    versions=(*upload.versions, upload.content.head),
                    floor=upload.floor,
                )

    def _end(self, session: int) -> list[Upload]:
        numbers = [number for number, upload in self.uploads.items() if upload.session == session]
        return [self.uploads.pop(number) for number in numbers]

    # What is found afterwards

    def agrees(self, found: Found) -> bool:
        """Whether that is an allowed outcome."""
        return not self.disagreements(found)

    def disagreements(self, found: Found) -> list[str]:
        wrong = []
        for place in {*self.entries, *self.unsure, *found.listed}:
            here, there = self.entries.get(place), found.listed.get(place)
            if place in self.unsure:
                if not self.unsure[place].allows(there):
                    wrong.append(f"{place}: {_told(there)} after an interruption, allowed {self.unsure[place]}")
            elif not self.is_busy(place) and not same(here, there):
                wrong.append(f"{place}: expected {_told(here)}, found {_told(there)}")
        promised = Counter((transfer.place, transfer.data) for transfer in self.transfers)
        wrong += [f"lost: {place}, {len(data):,} bytes" for place, data in promised - found.published]
        wrong += [f"promised to nobody: {place}, {len(data):,} bytes" for place, data in found.published - promised]
        return wrong

    def adopt(self, found: Found) -> None:
        """Go on from the outcome that was found, which agrees."""
        for place in self.unsure:
            entry = found.listed.get(place)
            before = self.entries.pop(place, None)
            if entry is not None:
                self.entries[place] = before if before is not None and same(before, entry) else entry
        self.unsure.clear()


def _told(entry: Entry | None) -> str:
    return "nothing" if entry is None else f"{entry.kind.value} of {len(entry.data):,} bytes"
