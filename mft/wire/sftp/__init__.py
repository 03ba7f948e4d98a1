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

from mft.wire.sftp.messages import (
    HANDLES_MAX,
    OFFSET_MAX,
    PACKET_BYTES_MAX,
    PACKET_BYTES_OFFERED,
    PATH_BYTES_MAX,
    READ_BYTES_MAX,
    VERSION,
    WRITE_BYTES_MAX,
    Attrs,
    Close,
    Event,
    Fsetstat,
    Fstat,
    Fsync,
    Handle,
    HandleKind,
    HandleRequest,
    Init,
    Limits,
    Lstat,
    Message,
    Mkdir,
    Name,
    Open,
    Opendir,
    OpenFlag,
    PathRequest,
    PosixRename,
    Read,
    Readdir,
    Realpath,
    Refusal,
    Remove,
    Rename,
    Request,
    Rmdir,
    Setstat,
    Stat,
    Status,
    Statvfs,
    TwoPathRequest,
    Write,
)
from mft.wire.sftp.names import fitting, longname, normalise
from mft.wire.sftp.session import SftpSession
from mft.wire.sftp.shapes import ALLOWED, EXTENSIONS, REFUSED, SHAPES

__all__ = [
    "ALLOWED",
    "EXTENSIONS",
    "HANDLES_MAX",
    "OFFSET_MAX",
    "PACKET_BYTES_MAX",
    "PACKET_BYTES_OFFERED",
    "PATH_BYTES_MAX",
    "READ_BYTES_MAX",
    "REFUSED",
    "SHAPES",
    "VERSION",
    "WRITE_BYTES_MAX",
    "Attrs",
    "Close",
    "Event",
    "Fsetstat",
    "Fstat",
    "Fsync",
    "Handle",
    "HandleKind",
    "HandleRequest",
    "Init",
    "Limits",
    "Lstat",
    "Message",
    "Mkdir",
    "Name",
    "Open",
    "OpenFlag",
    "Opendir",
    "PathRequest",
    "PosixRename",
    "Read",
    "Readdir",
    "Realpath",
    "Refusal",
    "Remove",
    "Rename",
    "Request",
    "Rmdir",
    "Setstat",
    "SftpSession",
    "Stat",
    "Status",
    "Statvfs",
    "TwoPathRequest",
    "Write",
    "fitting",
    "longname",
    "normalise",
]
