"""One session: bytes become events, and answers become bytes."""

import secrets
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from mft.errors import Busy, ProtocolViolation
from mft.wire.sftp.messages import (
    HANDLES_MAX,
    OFFSET_MAX,
    PACKET_BYTES_MAX,
    PACKET_BYTES_OFFERED,
    READ_BYTES_MAX,
    U32,
    VERSION,
    WRITE_BYTES_MAX,
    Attrs,
    Close,
    Event,
    Handle,
    HandleKind,
    HandleRequest,
    Init,
    Message,
    Name,
    Open,
    Opendir,
    Refusal,
    Request,
    Status,
    Write,
    string,
)
from mft.wire.sftp.shapes import ALLOWED, EXTENSIONS, REFUSED, SHAPES, Fields, Unfit

_OPENING: frozenset[type[Request]] = frozenset({Open, Opendir})  # What comes out with a handle.

_HEAD = struct.Struct(">IB")
_WRITE_HEAD = struct.Struct(">IBII4sQI")  # Length, type, id, handle (4 and its bytes), offset, data length.
_DATA_HEAD = struct.Struct(">IBII")
_STATUS_HEAD = struct.Struct(">IBIII")
_BODY_BYTES_MIN = 5  # Type, and id or version: less cannot even be refused.


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
            return self._greet(Fields(body, 1))
        fields = Fields(body, 1)
        request_id = fields.u32()
        try:
            request = self._request(body[0], request_id, fields)
        except Unfit as unfit:
            reply = _status(request_id, unfit.status, unfit.message)
            return Refusal(request_id, unfit.status, unfit.message, reply)
        self.outstanding += 1
        return request

    def _greet(self, fields: Fields) -> Init:
        version, extensions = fields.u32(), []
        if version < VERSION:
            raise self._violated(f"the client speaks SFTP version {version}, and this server speaks {VERSION}")
        try:
            while fields.offset < len(fields.body):
                extensions.append((fields.string(), fields.string()))
        except Unfit:
            raise self._violated("the client's greeting ends within an extension") from None
        self._greeted = True
        return Init(version, tuple(extensions))

    def _request(self, message: int, request_id: int, fields: Fields) -> Request:
        name: int | bytes = fields.string() if message == Message.EXTENDED else message
        if name in REFUSED:
            raise Unfit(Status.OP_UNSUPPORTED, REFUSED[name])
        if isinstance(name, bytes):
            _, shape = EXTENSIONS.get(name, (b"", None))
        else:
            shape = SHAPES.get(name)
        if shape is None:
            raise Unfit(Status.OP_UNSUPPORTED, "this server does not offer that request")
        noun, readers = shape
        values = [read(fields) for read in readers]
        if issubclass(noun, HandleRequest):
            values[0] = self._find(noun, values[0])
        elif noun in _OPENING and self.handles_full:
            raise Unfit(Status.FAILURE, f"{self._handles_max} files and folders are open: close one first")
        return noun(request_id, *values)

    def _find(self, noun: type[Request], handle_id: bytes) -> Handle:
        handle = self._handles.get(handle_id)
        if handle is None:
            raise Unfit(Status.FAILURE, "no such handle: it was never open, or is closed")
        if noun not in ALLOWED[handle.kind]:
            raise Unfit(Status.FAILURE, f"the handle is open for {handle.kind.value}, and not for that")
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
        while (handle_id := U32.pack(self._next_handle)) in self._handles:
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
        offered = b"".join(string(name) + string(version) for name, (version, _) in EXTENSIONS.items())
        return _packet(Message.VERSION, U32.pack(VERSION) + offered)

    def status(self, request_id: int, status: Status = Status.OK, message: str = "") -> bytes:
        """The outcome; some clients show `message` to their user instead of their own words."""
        self._settle()
        return _status(request_id, status, message)

    def handle(self, request_id: int, handle: Handle) -> bytes:
        return self._answer(Message.HANDLE, request_id, string(handle.id))

    def data(self, request_id: int, data: bytes | bytearray | memoryview) -> bytes:
        return b"".join((self.data_header(request_id, len(data)), data))

    def data_header(self, request_id: int, length: int) -> bytes:
        """The 13 bytes that stand before `length` bytes of data, for a caller that has these in a buffer."""
        self._settle()
        return _DATA_HEAD.pack(9 + length, Message.DATA, request_id, length)

    def names(self, request_id: int, names: Sequence[Name]) -> bytes:
        """Some entries of a folder, at most `fitting` of them; or the one path that REALPATH asked for."""
        entries = b"".join([name.encode() for name in names])
        return self._answer(Message.NAME, request_id, U32.pack(len(names)) + entries)

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
        return _packet(message, U32.pack(request_id) + body)

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
