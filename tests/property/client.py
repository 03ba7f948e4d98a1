"""A raw SFTP client: it sends what it is told, right or wrong, and hands back what was answered.

Real clients ask before they act, and never do half of what they could. This one opens with any flags, writes anywhere,
sends without waiting, and vanishes. SSH is asyncssh's; packets are built with the nouns of `mft.wire.sftp`.
"""

import asyncio
import itertools
import socket
import struct
from collections.abc import Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import asyncssh

from mft.wire.sftp import Attrs, Message, OpenFlag, Status
from mft.wire.sftp.shapes import Fields
from tests.harness import DEADLINE_SECONDS, Partner

T = TypeVar("T")
GREETING = struct.pack(">IBI", 5, Message.INIT, 3)


def string(value: bytes) -> bytes:
    return struct.pack(">I", len(value)) + value


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back for one request. `words` is what a person gets to read."""

    kind: Message
    body: bytes

    def _fields(self) -> Fields:
        return Fields(self.body, 0)

    @property
    def status(self) -> Status:
        return Status(self._fields().u32()) if self.kind is Message.STATUS else Status.OK

    @property
    def ok(self) -> bool:
        return self.status is Status.OK

    @property
    def words(self) -> str:
        if self.kind is not Message.STATUS:
            return ""
        fields = self._fields()
        fields.u32()
        return fields.string().decode()

    @property
    def handle(self) -> bytes:
        assert self.kind is Message.HANDLE
        return self._fields().string()

    @property
    def attrs(self) -> Attrs:
        assert self.kind is Message.ATTRS
        return self._fields().attrs()

    @property
    def names(self) -> list[tuple[bytes, Attrs]]:
        assert self.kind is Message.NAME
        fields, found = self._fields(), []
        for _ in range(fields.u32()):
            name, _long = fields.string(), fields.string()
            found.append((name, fields.attrs()))
        return found


class Client:
    """One connection with one session. Raises EOFError once the server has ended it.

    Resource handling: a connection ends with `leave` or `cut`. `loop` runs while something is asked, and only then.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, port: int, partner: Partner) -> None:
        self._loop = loop
        self._ids = itertools.count(1)
        self._wait(self._connect(port, partner))

    async def _connect(self, port: int, partner: Partner) -> None:
        self._connection = await asyncssh.connect(
            "127.0.0.1", port, username=partner.name, client_keys=[str(partner.key)], known_hosts=None, config=None
        )
        self._out, self._in, _ = await self._connection.open_session(subsystem="sftp", encoding=None)
        self._out.write(GREETING)
        assert (await self._packet())[0] == Message.VERSION

    def _wait(self, asked: Coroutine[Any, Any, T]) -> T:
        return self._loop.run_until_complete(asyncio.wait_for(asked, DEADLINE_SECONDS))

    def ask(self, message: Message, body: bytes) -> Answer:
        """Send a request and wait for its answer."""
        return self._wait(self._ask(message, body))

    async def _ask(self, message: Message, body: bytes) -> Answer:
        request_id = next(self._ids)
        self._out.write(struct.pack(">IBI", 5 + len(body), message, request_id) + body)
        packet = await self._packet()
        kind, answers = struct.unpack_from(">BI", packet)
        assert answers == request_id, "an answer to another request"
        return Answer(Message(kind), packet[5:])

    async def _packet(self) -> bytes:
        try:
            (size,) = struct.unpack(">I", await self._in.readexactly(4))
            return bytes(await self._in.readexactly(size))
        except (asyncio.IncompleteReadError, OSError, asyncssh.Error) as error:
            raise EOFError("the server has ended the session") from error

    def send(self, requests: list[tuple[Message, bytes]], *, without: int = 0) -> None:
        """Send requests, wait for nothing, and leave out the last bytes of the last."""
        packets = [struct.pack(">IBI", 5 + len(body), kind, next(self._ids)) + body for kind, body in requests]
        whole = b"".join(packets)
        self._out.write(whole[: len(whole) - min(without, len(packets[-1]))])
        self._wait(asyncio.sleep(0))

    def hang_up(self) -> None:
        """End the connection behind all that was sent, without a word."""
        self._wait(self._hung_up())

    async def _hung_up(self) -> None:
        transport: Any = self._connection._transport
        left = asyncio.get_running_loop().create_future()

        def look() -> None:
            if transport.get_write_buffer_size() or self._out.channel._send_buf:
                asyncio.get_running_loop().call_later(0.005, look)
            else:
                left.set_result(None)

        look()
        await left
        transport.get_extra_info("socket").shutdown(socket.SHUT_WR)

    def leave(self) -> None:
        """Say goodbye, and wait until the server has heard it."""
        self._out.write_eof()
        assert self._wait(self._in.read()) == b"", "an answer that nobody asked for"
        self.cut()

    def cut(self) -> None:
        """Be gone from one moment to the next; what is on its way may or may not arrive."""
        self._connection.abort()
        self._wait(self._connection.wait_closed())

    # Requests, by name

    def open(self, path: bytes, flags: OpenFlag) -> Answer:
        return self.ask(Message.OPEN, open_body(path, flags))

    def listing(self, folder: bytes) -> list[tuple[bytes, Attrs]]:
        """Every entry of a folder but "." and ".."."""
        handle = self.ask(Message.OPENDIR, string(folder)).handle
        entries = list(self._entries(handle))
        assert self.ask(Message.CLOSE, string(handle)).ok
        return [(name, attrs) for name, attrs in entries if name not in {b".", b".."}]

    def _entries(self, handle: bytes) -> Iterator[tuple[bytes, Attrs]]:
        while (answer := self.ask(Message.READDIR, string(handle))).kind is Message.NAME:
            yield from answer.names
        assert answer.status is Status.EOF


def open_body(path: bytes, flags: OpenFlag) -> bytes:
    return string(path) + struct.pack(">I", flags) + Attrs().encode()


def write_body(handle: bytes, offset: int, data: bytes) -> bytes:
    return string(handle) + struct.pack(">Q", offset) + string(data)
