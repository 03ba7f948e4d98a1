"""The server's half of SFTP version 3, without a socket: bytes in, events out; answers in, bytes out.

The protocol is draft-ietf-secsh-filexfer-02, the one that every client speaks; section numbers below are the
draft's. Extensions are named and described by the file PROTOCOL in OpenSSH's sources.

**A packet** (section 3) is a length, a type and a body. A client's packet is a request: after the type comes
an id, which the answer repeats. Integers are big-endian; a string is a length and bytes. Many requests are
under way at once, answers may come in any order, and each request gets exactly one. The sole exception is the
greeting, INIT and VERSION (section 4), which has no ids and comes first and once.

**What comes out of `receive`** is one of three things:

- `Init`: the client has greeted; answer with `version()`.
- a `Request`: well-formed, of a kind we do, on a handle that is open and fit for it. Answer it once, by id.
- a `Refusal`: already answered; send its `reply`. The tables say what lands here: `REFUSED` and whatever is
  neither in `SHAPES` nor in `EXTENSIONS`, what `ALLOWED` does not grant a handle, bodies that end too early.

When no answer would help, `ProtocolViolation` is raised and the session must end: a length that cannot be, a
request before the greeting, a second greeting. What was complete before the violation has come out by then.

**Handles** (section 6.3) are made and counted here. A request names the `Handle` object itself: the endpoint
keeps what belongs to it in `context` and never looks anything up. CLOSE takes the handle off the table as it
is handed out: whatever arrives later with that id is refused; earlier requests may still await their answers.

**Writes are not collected.** A WRITE is up to 255 KiB and reaches us in pieces of 32 KiB. As soon as its 29
leading bytes are here, every piece is handed out as it lies in the receive buffer: a `Write` with `more` set
until the last one, which is the one to answer. A WRITE that will be refused (strange handle, short body) goes
the way of all other packets: gathered whole, up to `PACKET_BYTES_MAX`. Bytes behind a body's last field are
skipped, as OpenSSH does; old clients written in Go leave such padding after the data.

**A path** is bytes and stays bytes: no character set, no file system. `normalise` makes it absolute.
"""

import secrets
import stat
import struct
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum, IntEnum, IntFlag
from typing import Any

from mft.errors import Busy, ProtocolViolation

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


_HAS_SIZE, _HAS_OWNER, _HAS_PERMISSIONS, _HAS_TIMES, _HAS_EXTENDED = 0x1, 0x2, 0x4, 0x8, 0x8000_0000
_U32, _U64, _PAIR = struct.Struct(">I"), struct.Struct(">Q"), struct.Struct(">II")


def _string(value: bytes) -> bytes:
    return _U32.pack(len(value)) + value


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
            flags |= _HAS_SIZE
            parts.append(_U64.pack(self.size))
        if self.uid is not None and self.gid is not None:
            flags |= _HAS_OWNER
            parts.append(_PAIR.pack(self.uid, self.gid))
        if self.permissions is not None:
            flags |= _HAS_PERMISSIONS
            parts.append(_U32.pack(self.permissions))
        if self.atime is not None and self.mtime is not None:
            flags |= _HAS_TIMES
            parts.append(_PAIR.pack(self.atime, self.mtime))
        if self.extended:
            flags |= _HAS_EXTENDED
            parts.append(_U32.pack(len(self.extended)))
            parts += [_string(word) for pair in self.extended for word in pair]
        return _U32.pack(flags) + b"".join(parts)


@dataclass(frozen=True, slots=True)
class Name:
    """One entry of a NAME answer (section 7): a name, the line that `ls -l` shows, and the attributes."""

    filename: bytes
    longname: bytes
    attrs: Attrs = Attrs()

    def encode(self) -> bytes:
        return _string(self.filename) + _string(self.longname) + self.attrs.encode()


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


# ── What is accepted: the tables ────────────────────────────────────────────────────────────────────────────


class _Unfit(Exception):
    def __init__(self, status: Status, message: str) -> None:
        self.status = status
        self.message = message


class _Fields:
    """Reads the body of one packet from front to back; each method takes the next field."""

    __slots__ = ("body", "offset")

    def __init__(self, body: bytes, offset: int) -> None:
        self.body = body
        self.offset = offset

    def u32(self) -> int:
        return self._integer(_U32)

    def u64(self) -> int:
        return self._integer(_U64)

    def _integer(self, layout: struct.Struct) -> int:
        try:
            (value,) = layout.unpack_from(self.body, self.offset)
        except struct.error:
            raise _Unfit(Status.BAD_MESSAGE, "the packet ends within a number") from None
        self.offset += layout.size
        return int(value)

    def string(self) -> bytes:
        end = self.u32() + self.offset
        if end > len(self.body):
            raise _Unfit(Status.BAD_MESSAGE, "the packet ends within a string")
        value = self.body[self.offset : end]
        self.offset = end
        return value

    handle = string

    def pairs(self, count: int) -> tuple[tuple[bytes, bytes], ...]:
        return tuple((self.string(), self.string()) for _ in range(count))

    def path(self) -> bytes:
        value = self.string()
        if len(value) > PATH_BYTES_MAX:
            raise _Unfit(Status.FAILURE, f"a path may have {PATH_BYTES_MAX} bytes and no more")
        if b"\0" in value:
            raise _Unfit(Status.NO_SUCH_FILE, "no name here contains a NUL byte")
        return value

    def flags(self) -> OpenFlag:
        return OpenFlag(self.u32() & 0x3F)  # Unknown bits say nothing, as in OpenSSH.

    def file_offset(self) -> int:
        value = self.u64()
        if value > OFFSET_MAX:
            raise _Unfit(Status.FAILURE, "the offset is beyond any file")
        return value

    def read_length(self) -> int:
        return min(self.u32(), READ_BYTES_MAX)

    def data(self) -> memoryview:
        return memoryview(self.string())

    def attrs(self) -> Attrs:
        flags = self.u32()
        size = self.u64() if flags & _HAS_SIZE else None
        uid, gid = (self.u32(), self.u32()) if flags & _HAS_OWNER else (None, None)
        permissions = self.u32() if flags & _HAS_PERMISSIONS else None
        atime, mtime = (self.u32(), self.u32()) if flags & _HAS_TIMES else (None, None)
        extended = self.pairs(self.u32()) if flags & _HAS_EXTENDED else ()
        return Attrs(size, uid, gid, permissions, atime, mtime, extended)


_Shape = tuple[type[Request], tuple[Callable[[_Fields], Any], ...]]

SHAPES: dict[int, _Shape] = {  # What a body holds; then section, and answer if not `status`.
    Message.OPEN: (Open, (_Fields.path, _Fields.flags, _Fields.attrs)),  # 6.3: handle
    Message.CLOSE: (Close, (_Fields.handle,)),  # 6.3
    Message.READ: (Read, (_Fields.handle, _Fields.file_offset, _Fields.read_length)),  # 6.4: data, or EOF
    Message.WRITE: (Write, (_Fields.handle, _Fields.file_offset, _Fields.data)),  # 6.4
    Message.LSTAT: (Lstat, (_Fields.path,)),  # 6.8: attrs
    Message.FSTAT: (Fstat, (_Fields.handle,)),  # 6.8: attrs
    Message.SETSTAT: (Setstat, (_Fields.path, _Fields.attrs)),  # 6.9
    Message.FSETSTAT: (Fsetstat, (_Fields.handle, _Fields.attrs)),  # 6.9
    Message.OPENDIR: (Opendir, (_Fields.path,)),  # 6.7: handle
    Message.READDIR: (Readdir, (_Fields.handle,)),  # 6.7: names, or EOF when all have been told
    Message.REMOVE: (Remove, (_Fields.path,)),  # 6.5
    Message.MKDIR: (Mkdir, (_Fields.path, _Fields.attrs)),  # 6.6
    Message.RMDIR: (Rmdir, (_Fields.path,)),  # 6.6
    Message.REALPATH: (Realpath, (_Fields.path,)),  # 6.11: names, a single one
    Message.STAT: (Stat, (_Fields.path,)),  # 6.8: attrs
    Message.RENAME: (Rename, (_Fields.path, _Fields.path)),  # 6.5
}

EXTENSIONS: dict[bytes, tuple[bytes, _Shape]] = {  # Name → the version that VERSION announces, and as above.
    b"posix-rename@openssh.com": (b"1", (PosixRename, (_Fields.path, _Fields.path))),
    b"fsync@openssh.com": (b"1", (Fsync, (_Fields.handle,))),
    b"limits@openssh.com": (b"1", (Limits, ())),  # limits
    b"statvfs@openssh.com": (b"2", (Statvfs, (_Fields.path,))),  # statvfs
}

REFUSED: dict[int | bytes, str] = {  # Refused for good, with the words that the client gets to see.
    Message.SYMLINK: "there are no symbolic links here",
    Message.READLINK: "there are no symbolic links here",
    b"hardlink@openssh.com": "there are no hard links here",
    b"copy-data": "files are not copied here; upload the file again",
}

ALLOWED: dict[HandleKind, frozenset[type[Request]]] = {
    HandleKind.WRITING: frozenset({Write, Fstat, Fsetstat, Fsync, Close}),
    HandleKind.READING: frozenset({Read, Fstat, Close}),
    HandleKind.LISTING: frozenset({Readdir, Close}),
}

_OPENING: frozenset[type[Request]] = frozenset({Open, Opendir})  # What comes out with a handle.

_HEAD = struct.Struct(">IB")
_WRITE_HEAD = struct.Struct(">IBII4sQI")  # Length, type, id, handle (4 and its bytes), offset, data length.
_DATA_HEAD = struct.Struct(">IBII")
_STATUS_HEAD = struct.Struct(">IBIII")
_BODY_BYTES_MIN = 5  # Type, and id or version: less cannot even be refused.


# ── The session ─────────────────────────────────────────────────────────────────────────────────────────────


class SftpSession:
    """One SFTP session as the server sees it.

    `outstanding` counts requests handed out and not yet answered; refusals are not among them. An endpoint
    bounds what a peer can make it hold when it stops reading while that is high, or while its answers are not
    being read. One that answers a request nobody made gets a RuntimeError.
    """

    def __init__(self, *, handles_max: int = HANDLES_MAX, first_handle: int | None = None) -> None:
        self.outstanding = 0
        self._handles_max = handles_max
        self._handles: dict[bytes, Handle] = {}
        # Begins anywhere, so that an id kept from another session is a stranger here.
        self._next_handle = secrets.randbits(32) if first_handle is None else first_handle
        self._greeted = False
        self._violation: str | None = None
        self._gathered = bytearray()  # A packet, or the head of a WRITE, that began in an earlier call …
        self._wanted_bytes = 0  # … and how much of it must be here before it can be looked at again.
        self._writing: tuple[int, Handle]  # The WRITE whose data is arriving: request id and handle,
        self._write_offset = 0  # where its next piece belongs,
        self._write_bytes_left = 0  # how much of it is still to come,
        self._padding_bytes_left = 0  # and what to skip behind it.

    # Bytes in

    def receive(self, data: bytes | bytearray | memoryview) -> Iterator[Event]:
        """Take what the client sent; iterate to the end, for the bytes are parsed as you go.

        Raises:
            ProtocolViolation: end the session. What was complete before the offence has come out by then;
                every later call raises it again.
        """
        if self._violation is not None:
            raise ProtocolViolation(self._violation)
        view = memoryview(data)
        at, end = 0, len(view)
        while at < end:
            if self._write_bytes_left:
                piece = view[at : at + self._write_bytes_left]
                at += len(piece)
                yield self._piece(piece)
                continue
            if self._padding_bytes_left:
                skipped = min(self._padding_bytes_left, end - at)
                self._padding_bytes_left -= skipped
                at += skipped
                continue
            if self._gathered:
                added = view[at : at + self._wanted_bytes - len(self._gathered)]
                self._gathered += added
                at += len(added)
                taken_bytes, event = self._take(self._gathered, 0, len(self._gathered))
                if taken_bytes:
                    self._gathered.clear()
            else:
                taken_bytes, event = self._take(view, at, end - at)
                if not taken_bytes:
                    self._gathered += view[at:]
                    return
                at += taken_bytes
            if event is not None:
                yield event

    def _take(self, source: bytearray | memoryview, at: int, available: int) -> tuple[int, Event | None]:
        """Take the packet at `at`, or the head of a WRITE; 0 bytes when `_wanted_bytes` are not here yet."""
        if available < _HEAD.size:
            self._wanted_bytes = _HEAD.size
            return 0, None
        length, message = _HEAD.unpack_from(source, at)
        if not _BODY_BYTES_MIN <= length <= PACKET_BYTES_MAX:
            raise self._violated("a packet has an impossible length: this is not SFTP")
        if message == Message.INIT and self._greeted:
            raise self._violated("the client greets a second time")
        if message != Message.INIT and not self._greeted:
            raise self._violated("the client asks for something before it has greeted")
        self._wanted_bytes = 4 + length
        if message == Message.WRITE and self._wanted_bytes >= _WRITE_HEAD.size:
            if available < _WRITE_HEAD.size:
                self._wanted_bytes = _WRITE_HEAD.size
                return 0, None
            # A head is judged once: a handle opened since then must not make us forget data behind it.
            if len(self._gathered) <= _WRITE_HEAD.size and self._begin_write(source, at):
                return _WRITE_HEAD.size, None if self._write_bytes_left else self._piece(memoryview(b""))
        if available < self._wanted_bytes:
            return 0, None
        return self._wanted_bytes, self._event(bytes(source[at + 4 : at + 4 + length]))

    def _begin_write(self, source: bytearray | memoryview, at: int) -> bool:
        """Whether the WRITE at `at` is beyond reproach; if so, its data is what comes next."""
        length, _, request_id, id_bytes, handle_id, offset, data_bytes = _WRITE_HEAD.unpack_from(source, at)
        handle = self._handles.get(handle_id) if id_bytes == 4 else None
        padding_bytes = 4 + length - _WRITE_HEAD.size - data_bytes
        if handle is None or Write not in ALLOWED[handle.kind] or padding_bytes < 0 or offset > OFFSET_MAX:
            return False
        self._writing = request_id, handle
        self._write_offset = offset
        self._write_bytes_left = data_bytes
        self._padding_bytes_left = padding_bytes
        return True

    def _piece(self, data: memoryview) -> Write:
        request_id, handle = self._writing
        offset = self._write_offset
        self._write_offset = offset + len(data)
        self._write_bytes_left -= len(data)
        more = self._write_bytes_left > 0
        if not more:
            self.outstanding += 1
        return Write(request_id, handle, offset, data, more)

    def _event(self, body: bytes) -> Event:
        if body[0] == Message.INIT:
            return self._greet(_Fields(body, 1))
        fields = _Fields(body, 1)
        request_id = fields.u32()
        try:
            request = self._request(body[0], request_id, fields)
        except _Unfit as unfit:
            reply = _status(request_id, unfit.status, unfit.message)
            return Refusal(request_id, unfit.status, unfit.message, reply)
        self.outstanding += 1
        return request

    def _greet(self, fields: _Fields) -> Init:
        version, extensions = fields.u32(), []
        if version < VERSION:
            raise self._violated(f"the client speaks SFTP version {version}, and this server speaks {VERSION}")
        try:
            while fields.offset < len(fields.body):
                extensions.append((fields.string(), fields.string()))
        except _Unfit:
            raise self._violated("the client's greeting ends within an extension") from None
        self._greeted = True
        return Init(version, tuple(extensions))

    def _request(self, message: int, request_id: int, fields: _Fields) -> Request:
        name: int | bytes = fields.string() if message == Message.EXTENDED else message
        if name in REFUSED:
            raise _Unfit(Status.OP_UNSUPPORTED, REFUSED[name])
        if isinstance(name, bytes):
            _, shape = EXTENSIONS.get(name, (b"", None))
        else:
            shape = SHAPES.get(name)
        if shape is None:
            raise _Unfit(Status.OP_UNSUPPORTED, "this server does not offer that request")
        noun, readers = shape
        values = [read(fields) for read in readers]
        if issubclass(noun, HandleRequest):
            values[0] = self._find(noun, values[0])
        elif noun in _OPENING and self.handles_full:
            raise _Unfit(Status.FAILURE, f"{self._handles_max} files and folders are open: close one first")
        return noun(request_id, *values)

    def _find(self, noun: type[Request], handle_id: bytes) -> Handle:
        handle = self._handles.get(handle_id)
        if handle is None:
            raise _Unfit(Status.FAILURE, "no such handle: it was never open, or is closed")
        if noun not in ALLOWED[handle.kind]:
            raise _Unfit(Status.FAILURE, f"the handle is open for {handle.kind.value}, and not for that")
        if noun is Close:
            del self._handles[handle_id]
        return handle

    def _violated(self, message: str) -> ProtocolViolation:
        self._violation = message
        return ProtocolViolation(message)

    # Handles

    def open_handle(self, kind: HandleKind, context: Any) -> Handle:
        """Put a handle on the table.

        Raises:
            Busy: a session has no more handles than that. `receive` refuses OPEN and OPENDIR by then; only
                those that were under way together end here.
        """
        if self.handles_full:
            raise Busy(f"{self._handles_max} files and folders are open in this session: close one first")
        while (handle_id := _U32.pack(self._next_handle)) in self._handles:
            self._next_handle = (self._next_handle + 1) % 2**32
        self._next_handle = (self._next_handle + 1) % 2**32
        handle = self._handles[handle_id] = Handle(handle_id, kind, context)
        return handle

    def close_handle(self, handle: Handle) -> None:
        """Take a handle off the table without a CLOSE. Nothing happens when CLOSE was first.

        Pieces of a WRITE that is under way still come out.
        """
        self._handles.pop(handle.id, None)

    @property
    def handles(self) -> tuple[Handle, ...]:
        """Those still open, in the order they were opened: at a disconnect, what was never closed."""
        return tuple(self._handles.values())

    @property
    def handles_full(self) -> bool:
        return len(self._handles) >= self._handles_max

    # Answers out (section 7): each returns one packet, and settles one request

    def version(self) -> bytes:
        """The answer to `Init` (section 4): version 3, whatever more was offered, and our extensions."""
        offered = b"".join(_string(name) + _string(version) for name, (version, _) in EXTENSIONS.items())
        return _packet(Message.VERSION, _U32.pack(VERSION) + offered)

    def status(self, request_id: int, status: Status = Status.OK, message: str = "") -> bytes:
        """The outcome; some clients show `message` to their user instead of their own words."""
        self._settle()
        return _status(request_id, status, message)

    def handle(self, request_id: int, handle: Handle) -> bytes:
        return self._answer(Message.HANDLE, request_id, _string(handle.id))

    def data(self, request_id: int, data: bytes | bytearray | memoryview) -> bytes:
        return b"".join((self.data_header(request_id, len(data)), data))

    def data_header(self, request_id: int, length: int) -> bytes:
        """The 13 bytes that stand before `length` bytes of data, for a caller that has these in a buffer."""
        self._settle()
        return _DATA_HEAD.pack(9 + length, Message.DATA, request_id, length)

    def names(self, request_id: int, names: Sequence[Name]) -> bytes:
        """Some entries of a folder, at most `fitting` of them; or the one path that REALPATH asked for."""
        entries = b"".join([name.encode() for name in names])
        return self._answer(Message.NAME, request_id, _U32.pack(len(names)) + entries)

    def attrs(self, request_id: int, attrs: Attrs) -> bytes:
        return self._answer(Message.ATTRS, request_id, attrs.encode())

    def limits(self, request_id: int) -> bytes:
        """Longest packet, longest read and write, most handles (limits@openssh.com)."""
        limits = (PACKET_BYTES_OFFERED, READ_BYTES_MAX, WRITE_BYTES_MAX, self._handles_max)
        return self._answer(Message.EXTENDED_REPLY, request_id, struct.pack(">4Q", *limits))

    def statvfs(self, request_id: int, *, block_bytes: int, blocks: int, blocks_free: int) -> bytes:
        """As much of a file system as a virtual one has (statvfs@openssh.com)."""
        space = (block_bytes, block_bytes, blocks, blocks_free, blocks_free)
        files, file_system_id, flags, name_bytes_max = (0, 0, 0), 0, 0, 255
        body = struct.pack(">11Q", *space, *files, file_system_id, flags, name_bytes_max)
        return self._answer(Message.EXTENDED_REPLY, request_id, body)

    def _answer(self, message: Message, request_id: int, body: bytes) -> bytes:
        self._settle()
        return _packet(message, _U32.pack(request_id) + body)

    def _settle(self) -> None:
        if self.outstanding == 0:
            raise RuntimeError("an answer that no request is waiting for")
        self.outstanding -= 1


def _packet(message: Message, body: bytes) -> bytes:
    return _HEAD.pack(1 + len(body), message) + body


def _status(request_id: int, status: Status, message: str) -> bytes:
    words = message.encode("utf-8", "replace")
    head = _STATUS_HEAD.pack(17 + len(words), Message.STATUS, request_id, status, len(words))
    return head + words + b"\0\0\0\0"  # No language tag, as in OpenSSH.


# ── Names ───────────────────────────────────────────────────────────────────────────────────────────────────


def normalise(path: bytes, start: bytes) -> bytes:
    """The absolute path that a client's path means, by its text alone (sections 6.2 and 6.11).

    Args:
        path: as sent; relative to `start` unless it begins with a slash, and `start` itself when empty.
        start: the login's first folder, absolute.

    Returns:
        "/" or "/a/b": no empty, "." or ".." component, no slash at the end. ".." at the top stays at the top.
    """
    components: list[bytes] = []
    for component in (path if path.startswith(b"/") else start + b"/" + path).split(b"/"):
        if component == b"..":
            del components[-1:]
        elif component not in {b"", b"."}:
            components.append(component)
    return b"/" + b"/".join(components)


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RECENT_SECONDS = 180 * 86_400


def longname(name: bytes, attrs: Attrs, *, owner: bytes, now: int) -> bytes:
    """The line of `ls -l` that section 7 recommends; some clients show it to their users as it is.

    Args:
        name: as it stands in the folder.
        attrs: what is not known shows as zero.
        owner: shown as user and as group.
        now: seconds since 1970, UTC. Where `ls` shows the year in place of the time of day, so do we.
    """
    mode = stat.filemode(attrs.permissions or 0)
    modified = attrs.mtime or 0
    when = time.gmtime(modified)
    recent = 0 <= now - modified < _RECENT_SECONDS
    clock = f"{when.tm_hour:02}:{when.tm_min:02}" if recent else f" {when.tm_year}"
    day = f"{_MONTHS[when.tm_mon - 1]} {when.tm_mday:2}"
    user = owner.ljust(8)
    return f"{mode}   1 ".encode() + user + b" " + user + f" {attrs.size or 0:8} {day} {clock} ".encode() + name


def fitting(names: Sequence[Name]) -> int:
    """How many of `names`, from the first, one NAME answer may carry: at least one, if there is one.

    OpenSSH's client ends the session over a packet of more than 256 KiB.
    """
    room = PACKET_BYTES_OFFERED - 9
    for count, name in enumerate(names):
        room -= len(name.encode())
        if room < 0:
            return max(count, 1)
    return len(names)
