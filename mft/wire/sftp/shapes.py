"""What is accepted: the fields of each request's body, and the requests that each kind of handle allows."""

import struct
from collections.abc import Callable
from typing import Any

from mft.wire.sftp.messages import (
    HAS_EXTENDED,
    HAS_OWNER,
    HAS_PERMISSIONS,
    HAS_SIZE,
    HAS_TIMES,
    OFFSET_MAX,
    PATH_BYTES_MAX,
    READ_BYTES_MAX,
    U32,
    U64,
    Attrs,
    Close,
    Fsetstat,
    Fstat,
    Fsync,
    HandleKind,
    Limits,
    Lstat,
    Message,
    Mkdir,
    Open,
    Opendir,
    OpenFlag,
    PosixRename,
    Read,
    Readdir,
    Realpath,
    Remove,
    Rename,
    Request,
    Rmdir,
    Setstat,
    Stat,
    Status,
    Statvfs,
    Write,
)


class Unfit(Exception):
    """A body that gets its answer here, and never comes out as a request."""

    def __init__(self, status: Status, message: str) -> None:
        self.status = status
        self.message = message


class Fields:
    """Reads the body of one packet from front to back; each method takes the next field."""

    __slots__ = ("body", "offset")

    def __init__(self, body: bytes, offset: int) -> None:
        self.body = body
        self.offset = offset

    def u32(self) -> int:
        return self._integer(U32)

    def u64(self) -> int:
        return self._integer(U64)

    def _integer(self, layout: struct.Struct) -> int:
        try:
            (value,) = layout.unpack_from(self.body, self.offset)
        except struct.error:
            raise Unfit(Status.BAD_MESSAGE, "the packet ends within a number") from None
        self.offset += layout.size
        return int(value)

    def string(self) -> bytes:
        end = self.u32() + self.offset
        if end > len(self.body):
            raise Unfit(Status.BAD_MESSAGE, "the packet ends within a string")
        value = self.body[self.offset : end]
        self.offset = end
        return value

    handle = string

    def pairs(self, count: int) -> tuple[tuple[bytes, bytes], ...]:
        return tuple((self.string(), self.string()) for _ in range(count))

    def path(self) -> bytes:
        value = self.string()
        if len(value) > PATH_BYTES_MAX:
            raise Unfit(Status.FAILURE, f"a path may have {PATH_BYTES_MAX} bytes and no more")
        if b"\0" in value:
            raise Unfit(Status.NO_SUCH_FILE, "no name here contains a NUL byte")
        return value

    def flags(self) -> OpenFlag:
        return OpenFlag(self.u32() & 0x3F)  # Unknown bits say nothing, as in OpenSSH.

    def file_offset(self) -> int:
        value = self.u64()
        if value > OFFSET_MAX:
            raise Unfit(Status.FAILURE, "the offset is beyond any file")
        return value

    def read_length(self) -> int:
        return min(self.u32(), READ_BYTES_MAX)

    def data(self) -> memoryview:
        return memoryview(self.string())

    def attrs(self) -> Attrs:
        flags = self.u32()
        size = self.u64() if flags & HAS_SIZE else None
        uid, gid = (self.u32(), self.u32()) if flags & HAS_OWNER else (None, None)
        permissions = self.u32() if flags & HAS_PERMISSIONS else None
        atime, mtime = (self.u32(), self.u32()) if flags & HAS_TIMES else (None, None)
        extended = self.pairs(self.u32()) if flags & HAS_EXTENDED else ()
        return Attrs(size, uid, gid, permissions, atime, mtime, extended)


Shape = tuple[type[Request], tuple[Callable[[Fields], Any], ...]]

SHAPES: dict[int, Shape] = {  # What a body holds; then section, and answer if not `status`.
    Message.OPEN: (Open, (Fields.path, Fields.flags, Fields.attrs)),  # 6.3: handle
    Message.CLOSE: (Close, (Fields.handle,)),  # 6.3
    Message.READ: (Read, (Fields.handle, Fields.file_offset, Fields.read_length)),  # 6.4: data, or EOF
    Message.WRITE: (Write, (Fields.handle, Fields.file_offset, Fields.data)),  # 6.4
    Message.LSTAT: (Lstat, (Fields.path,)),  # 6.8: attrs
    Message.FSTAT: (Fstat, (Fields.handle,)),  # 6.8: attrs
    Message.SETSTAT: (Setstat, (Fields.path, Fields.attrs)),  # 6.9
    Message.FSETSTAT: (Fsetstat, (Fields.handle, Fields.attrs)),  # 6.9
    Message.OPENDIR: (Opendir, (Fields.path,)),  # 6.7: handle
    Message.READDIR: (Readdir, (Fields.handle,)),  # 6.7: names, or EOF when all have been told
    Message.REMOVE: (Remove, (Fields.path,)),  # 6.5
    Message.MKDIR: (Mkdir, (Fields.path, Fields.attrs)),  # 6.6
    Message.RMDIR: (Rmdir, (Fields.path,)),  # 6.6
    Message.REALPATH: (Realpath, (Fields.path,)),  # 6.11: names, a single one
    Message.STAT: (Stat, (Fields.path,)),  # 6.8: attrs
    Message.RENAME: (Rename, (Fields.path, Fields.path)),  # 6.5
}

EXTENSIONS: dict[bytes, tuple[bytes, Shape]] = {  # Name → the version that VERSION announces, and as above.
    b"posix-rename@openssh.com": (b"1", (PosixRename, (Fields.path, Fields.path))),
    b"fsync@openssh.com": (b"1", (Fsync, (Fields.handle,))),
    b"limits@openssh.com": (b"1", (Limits, ())),  # limits
    b"statvfs@openssh.com": (b"2", (Statvfs, (Fields.path,))),  # statvfs
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
