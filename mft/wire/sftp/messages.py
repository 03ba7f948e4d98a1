"""The nouns of the protocol: packet types, statuses, flags, attributes, names, and the events that packets become."""

import struct
from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag
from typing import Any

VERSION = 3
READ_BYTES_MAX = WRITE_BYTES_MAX = 261_120  # 255 KiB, as in OpenSSH, so that data and header fit a packet.
PACKET_BYTES_OFFERED = 262_144
PACKET_BYTES_MAX = PACKET_BYTES_OFFERED + 4096  # For clients that put a round 256 KiB behind the header.
PATH_BYTES_MAX = 4096
OFFSET_MAX = 2**62  # Far beyond any file, and offset plus length still fits 63 bits.
HANDLES_MAX = 128


class Message(IntEnum):
    """Packet types (section 3)."""

    INIT = 1
    VERSION = 2
    OPEN = 3
    CLOSE = 4
    READ = 5
    WRITE = 6
    LSTAT = 7
    FSTAT = 8
    SETSTAT = 9
    FSETSTAT = 10
    OPENDIR = 11
    READDIR = 12
    REMOVE = 13
    MKDIR = 14
    RMDIR = 15
    REALPATH = 16
    STAT = 17
    RENAME = 18
    READLINK = 19
    SYMLINK = 20
    STATUS = 101
    HANDLE = 102
    DATA = 103
    NAME = 104
    ATTRS = 105
    EXTENDED = 200
    EXTENDED_REPLY = 201


class Status(IntEnum):
    """Outcomes (section 7)."""

    OK = 0
    EOF = 1
    NO_SUCH_FILE = 2
    PERMISSION_DENIED = 3
    FAILURE = 4
    BAD_MESSAGE = 5
    NO_CONNECTION = 6
    CONNECTION_LOST = 7
    OP_UNSUPPORTED = 8


class OpenFlag(IntFlag):
    """What OPEN asks for (section 6.3)."""

    READ = 0x01
    WRITE = 0x02
    APPEND = 0x04
    CREAT = 0x08
    TRUNC = 0x10
    EXCL = 0x20


class HandleKind(Enum):
    WRITING = "writing"
    READING = "reading"
    LISTING = "listing a folder"


@dataclass(frozen=True, slots=True, eq=False)
class Handle:
    """An open file or folder of one session. `context` is the endpoint's own."""

    id: bytes
    kind: HandleKind
    context: Any


HAS_SIZE, HAS_OWNER, HAS_PERMISSIONS, HAS_TIMES, HAS_EXTENDED = 0x1, 0x2, 0x4, 0x8, 0x8000_0000
U32, U64, PAIR = struct.Struct(">I"), struct.Struct(">Q"), struct.Struct(">II")


def string(value: bytes) -> bytes:
    return U32.pack(len(value)) + value


@dataclass(frozen=True, slots=True)
class Attrs:
    """What is known of a file, or asked for it (section 5). None means: not said."""

    size: int | None = None
    uid: int | None = None
    gid: int | None = None
    permissions: int | None = None
    atime: int | None = None
    mtime: int | None = None
    extended: tuple[tuple[bytes, bytes], ...] = ()

    def __post_init__(self) -> None:
        if (self.uid is None) != (self.gid is None) or (self.atime is None) != (self.mtime is None):
            raise ValueError("uid and gid, and atime and mtime, travel in pairs")
        if self.size is not None and not 0 <= self.size < 2**64:
            raise ValueError("size does not fit 64 bits")
        for value in (self.uid, self.gid, self.permissions, self.atime, self.mtime):
            if value is not None and not 0 <= value < 2**32:
                raise ValueError("owner, permissions or time does not fit 32 bits")

    def encode(self) -> bytes:
        flags, parts = 0, []
        if self.size is not None:
            flags |= HAS_SIZE
            parts.append(U64.pack(self.size))
        if self.uid is not None and self.gid is not None:
            flags |= HAS_OWNER
            parts.append(PAIR.pack(self.uid, self.gid))
        if self.permissions is not None:
            flags |= HAS_PERMISSIONS
            parts.append(U32.pack(self.permissions))
        if self.atime is not None and self.mtime is not None:
            flags |= HAS_TIMES
            parts.append(PAIR.pack(self.atime, self.mtime))
        if self.extended:
            flags |= HAS_EXTENDED
            parts.append(U32.pack(len(self.extended)))
            parts += [string(word) for pair in self.extended for word in pair]
        return U32.pack(flags) + b"".join(parts)


@dataclass(frozen=True, slots=True)
class Name:
    """One entry of a NAME answer (section 7): a name, the line that `ls -l` shows, and the attributes."""

    filename: bytes
    longname: bytes
    attrs: Attrs = Attrs()

    def encode(self) -> bytes:
        return string(self.filename) + string(self.longname) + self.attrs.encode()


# ── Events ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Init:
    """The client's greeting (section 4). `version` is what it offers, at least 3; we speak 3."""

    version: int
    extensions: tuple[tuple[bytes, bytes], ...] = ()

    def __post_init__(self) -> None:
        if self.version < VERSION:
            raise ValueError("no such version is spoken here")


@dataclass(frozen=True, slots=True)
class Refusal:
    """A request that was answered without asking the endpoint: send `reply`."""

    request_id: int
    status: Status
    message: str
    reply: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """Anything that must be answered, once; the comments in `SHAPES` and `EXTENSIONS` say with what."""

    request_id: int

    def __post_init__(self) -> None:
        if not 0 <= self.request_id < 2**32:
            raise ValueError("a request id has 32 bits")


@dataclass(frozen=True, slots=True)
class HandleRequest(Request):
    handle: Handle


@dataclass(frozen=True, slots=True)
class PathRequest(Request):
    path: bytes

    def __post_init__(self) -> None:
        Request.__post_init__(self)
        _check_path(self.path)


@dataclass(frozen=True, slots=True)
class TwoPathRequest(Request):
    old: bytes
    new: bytes

    def __post_init__(self) -> None:
        Request.__post_init__(self)
        _check_path(self.old)
        _check_path(self.new)


def _check_path(path: bytes) -> None:
    if len(path) > PATH_BYTES_MAX or b"\0" in path:
        raise ValueError("a path has no NUL and a limited length")


@dataclass(frozen=True, slots=True)
class Open(PathRequest):
    flags: OpenFlag
    attrs: Attrs = Attrs()

    @property
    def kind(self) -> HandleKind:
        """Which kind of handle serves it: one for reading, unless a flag asks for more than that."""
        return HandleKind.WRITING if self.flags & ~OpenFlag.READ else HandleKind.READING


@dataclass(frozen=True, slots=True)
class Close(HandleRequest): ...


@dataclass(frozen=True, slots=True)
class Read(HandleRequest):
    """`length` is at most `READ_BYTES_MAX`, whatever was asked for."""

    offset: int
    length: int


@dataclass(frozen=True, slots=True)
class Write(HandleRequest):
    """A piece of a WRITE, to be put at `offset` in the file. Answer the last, where `more` is False.

    `data` lies in the caller's receive buffer and is good until that buffer is used again.
    """

    offset: int
    data: memoryview
    more: bool = False


@dataclass(frozen=True, slots=True)
class Lstat(PathRequest): ...


@dataclass(frozen=True, slots=True)
class Stat(PathRequest): ...


@dataclass(frozen=True, slots=True)
class Fstat(HandleRequest): ...


@dataclass(frozen=True, slots=True)
class Setstat(PathRequest):
    attrs: Attrs


@dataclass(frozen=True, slots=True)
class Fsetstat(HandleRequest):
    attrs: Attrs


@dataclass(frozen=True, slots=True)
class Opendir(PathRequest): ...


@dataclass(frozen=True, slots=True)
class Readdir(HandleRequest): ...


@dataclass(frozen=True, slots=True)
class Remove(PathRequest): ...


@dataclass(frozen=True, slots=True)
class Mkdir(PathRequest):
    attrs: Attrs = Attrs()


@dataclass(frozen=True, slots=True)
class Rmdir(PathRequest): ...


@dataclass(frozen=True, slots=True)
class Realpath(PathRequest): ...


@dataclass(frozen=True, slots=True)
class Rename(TwoPathRequest):
    """Must fail where `new` exists."""


@dataclass(frozen=True, slots=True)
class PosixRename(TwoPathRequest):
    """Replaces what `new` names."""


@dataclass(frozen=True, slots=True)
class Fsync(HandleRequest): ...


@dataclass(frozen=True, slots=True)
class Limits(Request): ...


@dataclass(frozen=True, slots=True)
class Statvfs(PathRequest): ...


Event = Init | Request | Refusal
