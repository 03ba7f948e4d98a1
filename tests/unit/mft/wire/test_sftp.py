"""The SFTP core against bytes written by hand from draft-ietf-secsh-filexfer-02, and against paramiko's client."""

import io
import logging
import stat
import struct
from dataclasses import FrozenInstanceError, dataclass, field, replace

import pytest
from asyncssh.packet import SSHPacket
from asyncssh.sftp import SFTPAttrs, SFTPName, SFTPVFSAttrs
from paramiko import SFTPClient

from mft.errors import Busy, ProtocolViolation
from mft.wire import sftp
from mft.wire.sftp import (
    ALLOWED,
    PACKET_BYTES_MAX,
    PATH_BYTES_MAX,
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
    Mkdir,
    Name,
    Open,
    Opendir,
    OpenFlag,
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
    SftpSession,
    Stat,
    Status,
    Statvfs,
    Write,
    fitting,
    longname,
    normalise,
)

INIT = bytes.fromhex("00000005 01 00000003")
EVERY_ATTR = Attrs(size=0x0102030405060708, uid=1, gid=2, permissions=0o644, atime=3, mtime=4, extended=((b"a", b"b"),))
EVERY_ATTR_HEX = (
    "8000000f 0102030405060708 00000001 00000002 000001a4 00000003 00000004 00000001 00000001 61 00000001 62"
)


class Opened(SftpSession):
    """A greeted session with one handle of each kind: 00000001 writes, 00000002 reads, 00000003 lists."""

    def __init__(self, **options):
        super().__init__(first_handle=1, **options)
        assert list(self.receive(INIT)) == [Init(3)]
        self.w = self.open_handle(HandleKind.WRITING, "w")
        self.r = self.open_handle(HandleKind.READING, "r")
        self.l = self.open_handle(HandleKind.LISTING, "l")


def packet(body):
    return struct.pack(">I", len(body)) + body


def string(value):
    return struct.pack(">I", len(value)) + value


def write(data, *, handle=b"\0\0\0\1", offset=0, request_id=9, padding=b""):
    return packet(
        b"\x06" + struct.pack(">I", request_id) + string(handle) + struct.pack(">Q", offset) + string(data) + padding
    )


@dataclass
class Told:
    """What came out of a session, with the pieces of a WRITE joined: equal however the bytes were cut."""

    events: list = field(default_factory=list)
    violation: str | None = None

    def hear(self, session, data):
        try:
            for event in session.receive(data):
                self.add(event)
        except ProtocolViolation as error:
            self.violation = str(error)
        return self

    def add(self, event: Event):
        last = self.events[-1] if self.events else None
        if isinstance(event, Write):
            event = replace(event, data=bytes(event.data))  # It would not outlive the buffer.
            assert event.data or not event.more, "a piece without data says nothing"
        if isinstance(last, Write) and last.more:
            assert isinstance(event, Write)
            assert (event.request_id, event.handle) == (last.request_id, last.handle)
            assert event.offset == last.offset + len(last.data)
            event = replace(last, data=last.data + event.data, more=event.more)
            self.events.pop()
        self.events.append(event)


def told(session, *feeds):
    told = Told()
    for feed in feeds:
        told.hear(session, feed)
    return told


# Section, bytes, and the event in a session as above. Every id is 7 except where the message has none.
REQUESTS = {
    "OPEN to write": (
        "0000001b 03 00000007 00000006 2f696e2f6161 0000001a 00000004 000001a4",
        lambda _: Open(7, b"/in/aa", OpenFlag.WRITE | OpenFlag.CREAT | OpenFlag.TRUNC, Attrs(permissions=0o644)),
    ),
    "OPEN to read": (
        "00000013 03 00000007 00000002 2f61 00000001 00000000",
        lambda _: Open(7, b"/a", OpenFlag.READ, Attrs()),
    ),
    "OPEN with every attribute": (
        f"0000003d 03 00000007 00000002 2f61 0000003f {EVERY_ATTR_HEX}",
        lambda _: Open(7, b"/a", OpenFlag(63), EVERY_ATTR),
    ),
    "OPEN with flags of later versions": (
        "00000013 03 00000007 00000002 2f61 00000042 00000000",
        lambda _: Open(7, b"/a", OpenFlag.WRITE, Attrs()),
    ),
    "CLOSE": ("0000000d 04 00000007 00000004 00000001", lambda s: Close(7, s.w)),
    "READ": (
        "00000019 05 00000007 00000004 00000002 0000000100000000 00008000",
        lambda s: Read(7, s.r, 2**32, 32768),
    ),
    "READ of more than is given": (
        "00000019 05 00000007 00000004 00000002 0000000000000000 ffffffff",
        lambda s: Read(7, s.r, 0, 261120),
    ),
    "WRITE": (
        "0000001e 06 00000007 00000004 00000001 0000000000000010 00000005 68656c6c6f",
        lambda s: Write(7, s.w, 16, b"hello"),
    ),
    "WRITE of nothing": (
        "00000019 06 00000007 00000004 00000001 0000000000000010 00000000",
        lambda s: Write(7, s.w, 16, b""),
    ),
    "LSTAT": ("0000000b 07 00000007 00000002 2f61", lambda _: Lstat(7, b"/a")),
    "FSTAT": ("0000000d 08 00000007 00000004 00000002", lambda s: Fstat(7, s.r)),
    "SETSTAT": (
        "00000017 09 00000007 00000002 2f61 00000001 0000000000000400",
        lambda _: Setstat(7, b"/a", Attrs(size=1024)),
    ),
    "FSETSTAT": (
        "00000019 0a 00000007 00000004 00000001 00000008 00000003 00000004",
        lambda s: Fsetstat(7, s.w, Attrs(atime=3, mtime=4)),
    ),
    "OPENDIR": ("0000000a 0b 00000007 00000001 2f", lambda _: Opendir(7, b"/")),
    "READDIR": ("0000000d 0c 00000007 00000004 00000003", lambda s: Readdir(7, s.l)),
    "REMOVE": ("0000000b 0d 00000007 00000002 2f61", lambda _: Remove(7, b"/a")),
    "MKDIR": (
        "00000013 0e 00000007 00000002 2f61 00000004 000001ed",
        lambda _: Mkdir(7, b"/a", Attrs(permissions=0o755)),
    ),
    "RMDIR": ("0000000b 0f 00000007 00000002 2f61", lambda _: Rmdir(7, b"/a")),
    "REALPATH": ("0000000a 10 00000007 00000001 2e", lambda _: Realpath(7, b".")),
    "REALPATH of nothing": ("00000009 10 00000007 00000000", lambda _: Realpath(7, b"")),
    "STAT": ("0000000b 11 00000007 00000002 c3ff", lambda _: Stat(7, b"\xc3\xff")),
    "RENAME": ("00000011 12 00000007 00000002 2f61 00000002 2f62", lambda _: Rename(7, b"/a", b"/b")),
    "posix-rename": (
        "0000002d c8 00000007 00000018 706f7369782d72656e616d65406f70656e7373682e636f6d 00000002 2f61 00000002 2f62",
        lambda _: PosixRename(7, b"/a", b"/b"),
    ),
    "fsync": (
        "00000022 c8 00000007 00000011 6673796e63406f70656e7373682e636f6d 00000004 00000001",
        lambda s: Fsync(7, s.w),
    ),
    "limits": ("0000001b c8 00000007 00000012 6c696d697473406f70656e7373682e636f6d", lambda _: Limits(7)),
    "statvfs": (
        "00000021 c8 00000007 00000013 73746174766673406f70656e7373682e636f6d 00000001 2f",
        lambda _: Statvfs(7, b"/"),
    ),
}
NOUNS = {type(event(Opened())) for _, event in REQUESTS.values()}
ON_HANDLE = [name for name, (_, event) in REQUESTS.items() if isinstance(event(Opened()), HandleRequest)]
HANDLE_IN_USE = {Close: 1, Read: 2, Write: 1, Fstat: 2, Fsetstat: 1, Readdir: 3, Fsync: 1}


def request_bytes(name):
    return bytes.fromhex(REQUESTS[name][0])


def with_handle(name, handle):
    """The same request on another handle (four bytes, as those we give out)."""
    raw = request_bytes(name)
    noun = type(REQUESTS[name][1](Opened()))
    head = 9 + (4 + 17 if noun is Fsync else 0)
    assert raw[head : head + 8] == bytes.fromhex("00000004") + HANDLE_IN_USE[noun].to_bytes(4)
    return raw[: head + 4] + handle + raw[head + 8 :]


# ── Requests ────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", REQUESTS)
def test_request(name):
    session = Opened()
    raw, event = REQUESTS[name]
    assert told(session, bytes.fromhex(raw)) == Told([event(session)])
    assert session.outstanding == 1


@pytest.mark.parametrize("name", REQUESTS)
def test_request_a_byte_at_a_time(name):
    session = Opened()
    raw, event = REQUESTS[name]
    assert told(session, *[bytes([byte]) for byte in bytes.fromhex(raw)]) == Told([event(session)])


def test_all_requests_in_one_feed_and_cut_in_two_anywhere():
    session = Opened()
    order = [name for name in REQUESTS if name != "CLOSE"]
    stream = b"".join(map(request_bytes, order))
    whole = [REQUESTS[name][1](session) for name in order]
    assert told(session, stream) == Told(whole)
    for cut in range(len(stream)):
        assert told(session, stream[:cut], stream[cut:]) == Told(whole)


@pytest.mark.parametrize("name", REQUESTS)
def test_request_before_the_greeting_ends_the_session(name):
    heard = told(SftpSession(), request_bytes(name))
    assert heard == Told([], "the client asks for something before it has greeted")


@pytest.mark.parametrize("name", REQUESTS)
def test_request_with_bytes_behind_its_last_field(name):
    session = Opened()
    raw = request_bytes(name)
    padded = packet(raw[4:] + b"padding") + request_bytes("LSTAT")
    for feeds in ([padded], [bytes([byte]) for byte in padded]):
        assert told(Opened(), *feeds).events[1] == Lstat(7, b"/a")
    assert told(session, padded).events[0] == REQUESTS[name][1](session)


@pytest.mark.parametrize("name", REQUESTS)
def test_request_that_ends_too_early(name):
    raw = request_bytes(name)
    for size in range(5, len(raw) - 4):
        session = Opened()
        heard = told(session, packet(raw[4 : 4 + size]) + request_bytes("LSTAT"))
        refusal, after = heard.events
        assert (refusal.request_id, refusal.status) == (7, Status.BAD_MESSAGE)
        assert refusal.message in {"the packet ends within a number", "the packet ends within a string"}
        assert after == Lstat(7, b"/a"), "the next packet is not touched by it"
        assert session.outstanding == 1
        assert len(session.handles) == 3, "a broken CLOSE closes nothing"


@pytest.mark.parametrize("size", range(5))
def test_a_packet_without_room_for_an_id_ends_the_session(size):
    heard = told(Opened(), packet(b"\x11\0\0\0\0"[:size]) + b"\0")
    assert heard.violation == "a packet has an impossible length: this is not SFTP"


@pytest.mark.parametrize("name", ON_HANDLE)
@pytest.mark.parametrize("handle", [b"\0\0\0\4", b"\0\0\0\0", b"\xff\xff\xff\xff"])
def test_unknown_handle(name, handle):
    session = Opened()
    (refusal,) = told(session, with_handle(name, handle)).events
    assert isinstance(refusal, Refusal)
    assert (refusal.request_id, refusal.status) == (7, Status.FAILURE)
    assert refusal.message == "no such handle: it was never open, or is closed"
    assert session.outstanding == 0


@pytest.mark.parametrize("size", [0, 1, 3, 5, 8, 256])
def test_handle_of_another_length(size):
    (refusal,) = told(Opened(), write(b"data", handle=b"\0\0\0\1\0\0\0\1".ljust(size, b"\0")[:size])).events
    assert refusal.message == "no such handle: it was never open, or is closed"


MAY = {  # Written out once more, so that a slip in ALLOWED shows.
    ("CLOSE", HandleKind.WRITING), ("CLOSE", HandleKind.READING), ("CLOSE", HandleKind.LISTING),
    ("WRITE", HandleKind.WRITING), ("WRITE of nothing", HandleKind.WRITING), ("fsync", HandleKind.WRITING),
    ("FSETSTAT", HandleKind.WRITING), ("FSTAT", HandleKind.WRITING), ("FSTAT", HandleKind.READING),
    ("READ", HandleKind.READING), ("READ of more than is given", HandleKind.READING),
    ("READDIR", HandleKind.LISTING),
}  # fmt: skip


@pytest.mark.parametrize("kind", HandleKind)
@pytest.mark.parametrize("name", ON_HANDLE)
def test_handle_kind(name, kind):
    session = Opened()
    handle = session.open_handle(kind, None)
    (event,) = told(session, with_handle(name, handle.id)).events
    if (name, kind) in MAY:
        assert event.handle is handle
    else:
        assert (event.request_id, event.status) == (7, Status.FAILURE)
        assert event.message == f"the handle is open for {kind.value}, and not for that"
        assert handle in session.handles


def test_every_noun_is_tried():
    shapes = [*sftp.SHAPES.values(), *(shape for _, shape in sftp.EXTENSIONS.values())]
    assert {noun for noun, _ in shapes} == NOUNS


def test_every_request_on_a_handle_is_in_the_table():
    on_handle = {noun for noun in NOUNS if issubclass(noun, HandleRequest)}
    assert set().union(*ALLOWED.values()) == on_handle == set(HANDLE_IN_USE)
    assert set(ALLOWED) == set(HandleKind)


REFUSED = {
    "SYMLINK": ("00000011 14 00000007 00000002 2f61 00000002 2f62", "there are no symbolic links here"),
    "READLINK": ("0000000b 13 00000007 00000002 2f61", "there are no symbolic links here"),
    "an empty READLINK": ("00000005 13 00000007", "there are no symbolic links here"),
    "hardlink": (
        "00000029 c8 00000007 00000014 686172646c696e6b406f70656e7373682e636f6d 00000002 2f61 00000002 2f62",
        "there are no hard links here",
    ),
    "copy-data": (
        "00000012 c8 00000007 00000009 636f70792d64617461",
        "files are not copied here; upload the file again",
    ),
    "fstatvfs": (
        "00000025 c8 00000007 00000014 6673746174766673406f70656e7373682e636f6d 00000004 00000001",
        "this server does not offer that request",
    ),
    "an extension without a name": (
        "00000009 c8 00000007 00000000",
        "this server does not offer that request",
    ),
    "VERSION": ("00000005 02 00000007", "this server does not offer that request"),
    "STATUS": ("00000009 65 00000007 00000000", "this server does not offer that request"),
    "LINK of version 6": ("00000005 15 00000007", "this server does not offer that request"),
    "type 255": ("00000005 ff 00000007", "this server does not offer that request"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_for_good(name):
    raw, message = REFUSED[name]
    session = Opened()
    (refusal,) = told(session, bytes.fromhex(raw)).events
    assert (refusal.request_id, refusal.status, refusal.message) == (7, Status.OP_UNSUPPORTED, message)
    assert refusal.reply == packet(bytes.fromhex("65 00000007 00000008") + string(message.encode()) + string(b""))
    assert session.outstanding == 0


@pytest.mark.parametrize("message", range(256))
def test_every_type_is_answered_or_handed_out(message):
    session = Opened()
    heard = told(session, packet(bytes([message]) + b"\0\0\0\7"))
    if message == 1:
        assert heard.violation == "the client greets a second time"
    else:
        (event,) = heard.events
        known = message in sftp.SHAPES or message == 200
        assert event.status is (Status.BAD_MESSAGE if known else Status.OP_UNSUPPORTED)


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (b"a" * PATH_BYTES_MAX, None),
        (b"a" * (PATH_BYTES_MAX + 1), Status.FAILURE),
        (b"\0", Status.NO_SUCH_FILE),
        (b"/in/850.edi\0.txt", Status.NO_SUCH_FILE),
    ],
)
def test_paths_that_cannot_be(path, status):
    for body in (
        b"\x11\0\0\0\7" + string(path),
        b"\x12\0\0\0\7" + string(b"old") + string(path),
        b"\x12\0\0\0\7" + string(path) + string(b"new"),
        b"\x03\0\0\0\7" + string(path) + bytes(8),
        b"\xc8\0\0\0\7" + string(b"statvfs@openssh.com") + string(path),
    ):
        (event,) = told(Opened(), packet(body)).events
        assert (event.status if isinstance(event, Refusal) else None) is status


# ── The greeting ────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("raw", "event"),
    [
        ("00000005 01 00000003", Init(3)),
        ("00000005 01 00000006", Init(6)),
        ("00000005 01 ffffffff", Init(2**32 - 1)),
        ("0000000f 01 00000003 00000001 61 00000001 31", Init(3, ((b"a", b"1"),))),
    ],
)
def test_greeting(raw, event):
    session = SftpSession()
    assert told(session, bytes.fromhex(raw)) == Told([event])
    assert session.version()[4:9] == bytes.fromhex("02 00000003")


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("00000005 01 00000002", "the client speaks SFTP version 2, and this server speaks 3"),
        ("00000005 01 00000000", "the client speaks SFTP version 0, and this server speaks 3"),
        ("00000009 01 00000003 00000001", "the client's greeting ends within an extension"),
        ("0000000a 01 00000003 00000001 61", "the client's greeting ends within an extension"),
        ("00000005 02 00000003", "the client asks for something before it has greeted"),
        ("5353482d 32", "a packet has an impossible length: this is not SFTP"),
    ],
)
def test_greeting_that_ends_the_session(raw, words):
    session = SftpSession()
    assert told(session, bytes.fromhex(raw)) == Told([], words)
    assert told(session, INIT) == Told([], words), "there is no way back"


def test_second_greeting_comes_after_what_was_complete():
    session = Opened()
    heard = told(session, request_bytes("LSTAT") + INIT + request_bytes("STAT"))
    assert heard == Told([Lstat(7, b"/a")], "the client greets a second time")


@pytest.mark.parametrize(
    ("length", "ends"), [(PACKET_BYTES_MAX, False), (PACKET_BYTES_MAX + 1, True), (2**32 - 1, True)]
)
def test_longest_packet(length, ends):
    session = Opened()
    heard = told(session, struct.pack(">IB", length, 17))
    assert (heard.violation is not None) is ends


# ── Writes ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_write_cut_in_two_anywhere_hands_out_every_byte_at_once():
    data = bytes(range(100))
    stream = write(data, offset=5)
    for cut in range(len(stream) + 1):
        session = Opened()
        first, second = list(session.receive(stream[:cut])), list(session.receive(stream[cut:]))
        arrived = max(cut - 29, 0)
        assert b"".join(event.data for event in first) == data[:arrived], "nothing is held back"
        assert [event.more for event in first] == ([] if arrived == 0 else [arrived < 100])
        whole = Told()
        for event in first + second:
            whole.add(event)
        assert whole == Told([Write(9, session.w, 5, data)])
        assert session.outstanding == 1
        assert not session._gathered


@pytest.mark.parametrize("cut", range(1, 29))
def test_write_cut_within_its_head_is_not_gathered_either(cut):
    session, stream = Opened(), write(b"abcd")
    assert list(session.receive(stream[:cut])) == []
    assert list(session.receive(stream[cut:31])) == [Write(9, session.w, 0, memoryview(b"ab"), more=True)]
    assert not session._gathered


def test_pieces_are_views_of_the_callers_buffer():
    buffer = bytearray(write(b"abcd"))
    (event,) = Opened().receive(buffer)
    buffer[29:33] = b"wxyz"
    assert event.data == b"wxyz"


def test_answer_belongs_to_the_last_piece():
    session, stream = Opened(), write(b"abcd")
    (piece,) = session.receive(stream[:31])
    assert piece.more
    assert session.outstanding == 0
    with pytest.raises(RuntimeError):
        session.status(piece.request_id)
    (last,) = session.receive(stream[31:])
    assert not last.more
    session.status(last.request_id)


@pytest.mark.parametrize("padding", [b"\0", b"x" * 28, b"x" * 29, b"\0\0\0\5\1\0\0\0\3", b"p" * 4000])
@pytest.mark.parametrize("data", [b"", b"d", b"data" * 50])
def test_padded_write(data, padding):
    stream = write(data, padding=padding) + write(b"next", offset=len(data), request_id=10)
    for feeds in ([stream], [stream[i : i + 1] for i in range(len(stream))], [stream[:40], stream[40:]]):
        session = Opened()
        assert told(session, *feeds) == Told([Write(9, session.w, 0, data), Write(10, session.w, len(data), b"next")])


def test_refused_write_is_skipped_whole_and_bounded():
    session = Opened()
    stream = write(bytes(261_120), handle=b"\0\0\0\2") + write(b"next")
    refusal, after = told(session, *[stream[i : i + 32768] for i in range(0, len(stream), 32768)]).events
    assert refusal.message == "the handle is open for reading, and not for that"
    assert after == Write(9, session.w, 0, b"next")


def test_write_whose_handle_is_opened_while_it_arrives():
    session, stream = Opened(), write(b"guessed", handle=b"\0\0\0\4") + request_bytes("LSTAT")
    assert told(session, stream[:31]) == Told([])
    handle = session.open_handle(HandleKind.WRITING, None)
    assert handle.id == b"\0\0\0\4"
    assert told(session, stream[31:]) == Told([Write(9, handle, 0, b"guessed"), Lstat(7, b"/a")])


@pytest.mark.parametrize(("offset", "fits"), [(2**62, True), (2**62 + 1, False), (2**64 - 1, False)])
def test_offset_beyond_any_file(offset, fits):
    session = Opened()
    for raw in (
        write(b"data", offset=offset),
        packet(b"\5\0\0\0\7" + string(b"\0\0\0\2") + struct.pack(">QI", offset, 1)),
    ):
        (event,) = told(session, raw).events
        assert isinstance(event, Write | Read) if fits else event.message == "the offset is beyond any file"


def test_write_goes_on_when_the_endpoint_gives_up_its_handle():
    session, stream = Opened(), write(b"abcd") + write(b"more")
    (piece,) = session.receive(stream[:31])
    session.close_handle(session.w)
    last, refusal = session.receive(stream[31:])
    assert (piece.data, last.data) == (b"ab", b"cd")
    assert last.handle is session.w
    assert refusal.message == "no such handle: it was never open, or is closed"


# ── Handles ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_close_takes_the_handle_off_the_table():
    session = Opened()
    close, again, late = told(session, request_bytes("CLOSE") * 2 + write(b"late")).events
    assert close == Close(7, session.w)
    assert again.message == late.message == "no such handle: it was never open, or is closed"
    assert session.handles == (session.r, session.l)
    session.close_handle(session.w)
    assert session.handles == (session.r, session.l)


def test_handle_limit():
    session = Opened(handles_max=4)
    assert not session.handles_full
    assert isinstance(told(session, request_bytes("OPENDIR")).events[0], Opendir)
    session.open_handle(HandleKind.LISTING, None)
    assert session.handles_full
    for name in ("OPENDIR", "OPEN to read", "OPEN to write"):
        (refusal,) = told(session, request_bytes(name)).events
        assert (refusal.status, refusal.message) == (
            Status.FAILURE,
            "4 files and folders are open: close one first",
        )
    with pytest.raises(Busy):
        session.open_handle(HandleKind.LISTING, None)
    told(session, request_bytes("CLOSE"))
    assert isinstance(told(session, request_bytes("OPENDIR")).events[0], Opendir)


def test_handle_ids_wrap_around_those_in_use():
    session = SftpSession(first_handle=2**32 - 1)
    first = session.open_handle(HandleKind.READING, None)
    assert (first.id, session.open_handle(HandleKind.READING, None).id) == (b"\xff\xff\xff\xff", b"\0\0\0\0")
    session._next_handle = 2**32 - 1
    assert session.open_handle(HandleKind.READING, None).id == b"\0\0\0\1"


def test_handle_ids_begin_anywhere():
    assert len({SftpSession().open_handle(HandleKind.READING, None).id for _ in range(8)}) > 1


# ── Answers ─────────────────────────────────────────────────────────────────────────────────────────────────

ANSWERS = {
    "OK": (lambda s: s.status(7), "00000011 65 00000007 00000000 00000000 00000000"),
    "EOF": (lambda s: s.status(7, Status.EOF), "00000011 65 00000007 00000001 00000000 00000000"),
    "words": (
        lambda s: s.status(7, Status.NO_SUCH_FILE, "nö"),
        "00000014 65 00000007 00000002 00000003 6ec3b6 00000000",
    ),
    "words from a broken name": (
        lambda s: s.status(7, Status.FAILURE, "\udcff"),
        "00000012 65 00000007 00000004 00000001 3f 00000000",
    ),
    "handle": (lambda s: s.handle(7, s.r), "0000000d 66 00000007 00000004 00000002"),
    "data": (lambda s: s.data(7, b"abc"), "0000000c 67 00000007 00000003 616263"),
    "data of a view": (lambda s: s.data(7, memoryview(b"abc")[1:]), "0000000b 67 00000007 00000002 6263"),
    "data header": (lambda s: s.data_header(7, 261120), "0003fc09 67 00000007 0003fc00"),
    "no names": (lambda s: s.names(7, []), "00000009 68 00000007 00000000"),
    "one name": (
        lambda s: s.names(7, [Name(b"/", b"")]),
        "00000016 68 00000007 00000001 00000001 2f 00000000 00000000",
    ),
    "two names": (
        lambda s: s.names(7, [Name(b"a", b"long", Attrs(size=1)), Name(b"b", b"", Attrs(permissions=0o644))]),
        """00000033 68 00000007 00000002
           00000001 61 00000004 6c6f6e67 00000001 0000000000000001
           00000001 62 00000000 00000004 000001a4""",
    ),
    "attrs": (lambda s: s.attrs(7, EVERY_ATTR), f"00000033 69 00000007 {EVERY_ATTR_HEX}"),
    "no attrs": (lambda s: s.attrs(7, Attrs()), "00000009 69 00000007 00000000"),
    "limits": (
        lambda s: s.limits(7),
        "00000025 c9 00000007 0000000000040000 000000000003fc00 000000000003fc00 0000000000000080",
    ),
    "statvfs": (
        lambda s: s.statvfs(7, block_bytes=4096, blocks=100, blocks_free=50),
        """0000005d c9 00000007
           0000000000001000 0000000000001000 0000000000000064 0000000000000032 0000000000000032
           0000000000000000 0000000000000000 0000000000000000
           0000000000000000 0000000000000000 00000000000000ff""",
    ),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_answer(name):
    session = Opened()
    told(session, request_bytes("STAT"))
    call, raw = ANSWERS[name]
    assert call(session) == bytes.fromhex(raw)
    assert session.outstanding == 0
    with pytest.raises(RuntimeError):  # Each request is answered once.
        call(session)


def test_version():
    names = (b"posix-rename@openssh.com", b"1", b"fsync@openssh.com", b"1", b"limits@openssh.com", b"1")
    names += (b"statvfs@openssh.com", b"2")
    assert SftpSession().version() == packet(bytes.fromhex("02 00000003") + b"".join(map(string, names)))


def test_other_libraries_read_our_attributes_and_names():
    theirs = SFTPAttrs.decode(SSHPacket(Attrs(5, 1, 2, 0o100644, 3, 4).encode()), 3)
    assert (theirs.size, theirs.uid, theirs.gid, theirs.permissions, theirs.atime, theirs.mtime) == (
        5,
        1,
        2,
        0o100644,
        3,
        4,
    )
    name = SFTPName.decode(SSHPacket(Name(b"a\xff", b"-rw a", Attrs(5)).encode()), 3)
    assert (name.filename, name.longname, name.attrs.size) == (b"a\xff", b"-rw a", 5)
    session = Opened()
    told(session, request_bytes("statvfs"))
    space = SFTPVFSAttrs.decode(SSHPacket(session.statvfs(7, block_bytes=4096, blocks=9, blocks_free=8)[9:]), 3)
    assert (space.bsize, space.blocks, space.bavail, space.namemax) == (4096, 9, 8, 255)


@pytest.mark.parametrize(
    "theirs",
    [
        {"size": 2**63},
        {"uid": 1, "gid": 2},
        {"permissions": 0o600},
        {"atime": 1, "mtime": 2},
        {
            "size": 1,
            "uid": 2,
            "gid": 3,
            "permissions": 4,
            "atime": 5,
            "mtime": 6,
            "extended": ((b"k", b"v"), (b"", b"")),
        },
    ],
)
def test_we_read_attributes_of_other_libraries(theirs):
    raw = SFTPAttrs(**theirs).encode(3)
    (event,) = told(Opened(), packet(b"\x09\0\0\0\7" + string(b"/a") + raw)).events
    assert event == Setstat(7, b"/a", Attrs(**theirs))
    assert event.attrs.encode() == raw


# ── Events refuse to be built wrong ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "build",
    [
        lambda: Attrs(uid=1),
        lambda: Attrs(gid=1),
        lambda: Attrs(atime=1),
        lambda: Attrs(size=-1),
        lambda: Attrs(size=2**64),
        lambda: Attrs(permissions=2**32),
        lambda: Attrs(atime=1, mtime=-1),
        lambda: Init(2),
        lambda: Limits(2**32),
        lambda: Limits(-1),
        lambda: Stat(-1, b"/"),
        lambda: Stat(1, b"a\0b"),
        lambda: Stat(1, b"a" * (PATH_BYTES_MAX + 1)),
        lambda: Rename(1, b"a", b"\0"),
        lambda: Rename(1, b"\0", b"a"),
        lambda: Rename(2**32, b"a", b"b"),
    ],
)
def test_wrong_event(build):
    with pytest.raises(ValueError):
        build()


def test_events_are_frozen():
    for noun in (*NOUNS, Request, Init, Refusal, Attrs, Name, Handle):
        assert noun.__dataclass_params__.frozen
        assert "__slots__" in vars(noun)
    with pytest.raises(FrozenInstanceError):
        Stat(1, b"/").path = b"/other"


@pytest.mark.parametrize(
    ("flags", "kind"),
    [
        (OpenFlag(0), HandleKind.READING),
        (OpenFlag.READ, HandleKind.READING),
        (OpenFlag.WRITE, HandleKind.WRITING),
        (OpenFlag.READ | OpenFlag.WRITE, HandleKind.WRITING),
        (OpenFlag.READ | OpenFlag.APPEND, HandleKind.WRITING),
        (OpenFlag.READ | OpenFlag.TRUNC, HandleKind.WRITING),
        (OpenFlag.CREAT, HandleKind.WRITING),
    ],
)
def test_kind_of_handle_that_open_asks_for(flags, kind):
    assert Open(1, b"/a", flags).kind is kind


# ── Names ───────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("path", "start", "expected"),
    [
        (b"", b"/in", b"/in"),
        (b".", b"/in", b"/in"),
        (b"", b"/", b"/"),
        (b"a", b"/", b"/a"),
        (b"a", b"/in", b"/in/a"),
        (b"/a", b"/in", b"/a"),
        (b"a/./b//c/", b"/in", b"/in/a/b/c"),
        (b"..", b"/in/b", b"/in"),
        (b"../..", b"/in", b"/"),
        (b"../../../etc/passwd", b"/in", b"/etc/passwd"),
        (b"/..", b"/in", b"/"),
        (b"/../../a", b"/in", b"/a"),
        (b"a/../../b", b"/in", b"/b"),
        (b"...", b"/", b"/..."),
        (b"..a/.b", b"/", b"/..a/.b"),
        (b"~", b"/in", b"/in/~"),
        (b"a\\..\\b", b"/", b"/a\\..\\b"),
        (b"\xff\xfe", b"/", b"/\xff\xfe"),
        (b"//a", b"/in", b"/a"),
    ],
)
def test_normalise(path, start, expected):
    assert normalise(path, start) == expected


NOW = 1_795_356_000  # 2026-11-22 14:00 UTC


@pytest.mark.parametrize(
    ("attrs", "line"),
    [
        (
            Attrs(size=348911, permissions=stat.S_IFREG | 0o644, atime=0, mtime=NOW - 60),
            b"-rw-r--r--   1 acme     acme       348911 Nov 22 13:59 850.edi",
        ),
        (
            Attrs(size=0, permissions=stat.S_IFDIR | 0o755, atime=0, mtime=NOW + 1),
            b"drwxr-xr-x   1 acme     acme            0 Nov 22  2026 850.edi",
        ),
        (
            Attrs(size=2**40, permissions=stat.S_IFREG | 0o400, atime=0, mtime=0),
            b"-r--------   1 acme     acme     1099511627776 Jan  1  1970 850.edi",
        ),
        (Attrs(), b"?---------   1 acme     acme            0 Jan  1  1970 850.edi"),
    ],
)
def test_longname(attrs, line):
    assert longname(b"850.edi", attrs, owner=b"acme", now=NOW) == line


def test_longname_keeps_bytes():
    assert longname(b"\xff\n", Attrs(), owner=b"\xfe", now=NOW).endswith(b" 1970 \xff\n")


def test_fitting_keeps_an_answer_within_a_packet():
    names = [Name(b"n" * 250, b"l" * 320, Attrs(size=1)) for _ in range(1000)]
    count = fitting(names)
    session = Opened()
    told(session, request_bytes("READDIR") * 2)
    assert len(session.names(7, names[:count])) <= 4 + 262_144 < len(session.names(7, names[: count + 1]))
    assert [fitting([]), fitting(names[:3]), fitting([Name(b"n" * 300_000, b"")])] == [0, 3, 1]


# ── paramiko's client, without a network ────────────────────────────────────────────────────────────────────


class Loopback:
    """The least endpoint there can be, behind a socket's `send` and `recv`: files in a dict."""

    def __init__(self):
        self.session, self.files, self.folders, self.out = SftpSession(), {}, {b"/", b"/in"}, bytearray()

    def send(self, data):
        for start in range(0, len(data), 1000):
            for event in self.session.receive(data[start : start + 1000]):
                self.out += self.answer(event)
        return len(data)

    def recv(self, size):
        taken = bytes(self.out[:size])
        del self.out[:size]
        return taken

    def get_name(self):
        return "loopback"

    def close(self):
        """Nothing is held."""

    def about(self, path):
        if path in self.folders:
            return Attrs(permissions=stat.S_IFDIR | 0o755)
        return Attrs(size=len(self.files[path]), permissions=stat.S_IFREG | 0o644, atime=NOW, mtime=NOW)

    def answer(self, event):
        session = self.session
        try:
            match event:
                case Init():
                    return session.version()
                case Refusal():
                    return event.reply
                case Open(path=path):
                    if event.kind is HandleKind.WRITING:
                        self.files[path] = bytearray()
                    return session.handle(event.request_id, session.open_handle(event.kind, (path, self.files[path])))
                case Write(handle=Handle(context=(_, file))):
                    assert event.offset == len(file)
                    file += event.data
                    return b"" if event.more else session.status(event.request_id)
                case Read(handle=Handle(context=(_, file))):
                    data = file[event.offset : event.offset + event.length]
                    return (
                        session.data(event.request_id, data) if data else session.status(event.request_id, Status.EOF)
                    )
                case Opendir(path=path):
                    found = [
                        p
                        for p in (*self.files, *self.folders)
                        if p != b"/" and p.rpartition(b"/")[0] == path.rstrip(b"/")
                    ]
                    names = [p.rpartition(b"/")[2] for p in found]
                    entries = [
                        Name(n, longname(n, a, owner=b"o", now=NOW), a)
                        for n, a in zip(names, map(self.about, found), strict=True)
                    ]
                    return session.handle(event.request_id, session.open_handle(HandleKind.LISTING, entries))
                case Readdir(handle=Handle(context=entries)):
                    batch, entries[:] = entries[:1], entries[1:]
                    return (
                        session.names(event.request_id, batch)
                        if batch
                        else session.status(event.request_id, Status.EOF)
                    )
                case Fstat(handle=Handle(context=(path, _))) | Stat(path=path) | Lstat(path=path):
                    return session.attrs(event.request_id, self.about(path))
                case Realpath(path=path):
                    return session.names(event.request_id, [Name(normalise(path, b"/in"), b"")])
                case Rename(old=old, new=new) | PosixRename(old=old, new=new):
                    self.files[new] = self.files.pop(old)
                case Remove(path=path):
                    del self.files[path]
                case Mkdir(path=path):
                    self.folders.add(path)
                case Rmdir(path=path):
                    self.folders.remove(path)
            return session.status(event.request_id)
        except KeyError:
            return session.status(event.request_id, Status.NO_SUCH_FILE, "no such file")


def test_paramiko_as_client(caplog):
    caplog.set_level(logging.CRITICAL)
    server = Loopback()
    client = SFTPClient(server)
    payload = bytes(range(256)) * 500
    client.putfo(io.BytesIO(payload), "/in/850.edi")
    with client.open("/in/850.edi") as file:
        assert file.read() == payload
        assert file.stat().st_size == len(payload)
    client.mkdir("/out")
    assert sorted(client.listdir("/")) == ["in", "out"]
    (entry,) = client.listdir_attr("/in")
    assert (entry.filename, entry.st_size, entry.st_mode, entry.st_mtime) == (
        "850.edi",
        len(payload),
        0o100644,
        NOW,
    )
    assert entry.longname.startswith("-rw-r--r--   1 o")
    client.rename("/in/850.edi", "/out/a")
    client.posix_rename("/out/a", "/out/b")
    assert client.lstat("/out/b").st_size == len(payload)
    client.chmod("/out/b", 0o600)
    client.utime("/out/b", (1, 2))
    client.truncate("/out/b", 3)
    client.remove("/out/b")
    with pytest.raises(FileNotFoundError):
        client.stat("/out/b")
    client.rmdir("/out")
    assert client.normalize("../x/./y") == "/x/y"
    with pytest.raises(OSError, match="there are no symbolic links here"):
        client.symlink("/in", "/link")
    with pytest.raises(OSError, match="there are no symbolic links here"):
        client.readlink("/link")
    assert server.session.outstanding == 0
    assert server.session.handles == ()
    assert not server.out
