"""Commands from other processes: a Unix socket, `run/core.sock`, where the core takes them, and both ways to send them.

A message is msgpack behind a length of four bytes. The command line sends one and waits; a door has many under way.
"""

import asyncio
import itertools
import os
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final

import msgspec

from mft.core import Command, Core, Request
from mft.errors import Broken, Busy, MFTError, NotAllowed, ProtocolViolation, Refused
from mft.pipeline import mailbox, receive

_MESSAGE_MAX: Final = 64 << 20
_UNDER_WAY_MAX: Final = 1024  # Requests of one connection.
_GIVE_WAY_SECONDS: Final = 5.0  # So long a door waits for a name that another one holds.


class UnwrapDek(msgspec.Struct, frozen=True, tag=True):
    """Hand out the DEK of one object, to a door that holds no private key."""

    object_id: str


class HoldName(msgspec.Struct, frozen=True, tag=True):
    """Write a file of this name, alone among all doors: answered when no other does, refused while one goes on."""

    connection: str
    folder: bytes
    name: bytes


class FreeName(msgspec.Struct, frozen=True, tag=True):
    """The writing has ended."""

    connection: str
    folder: bytes
    name: bytes


OfDoor = UnwrapDek | HoldName | FreeName
"""What only a door in a process of its own asks for."""


class _Request(msgspec.Struct):
    command: Command | Request | OfDoor
    number: int = 0


class _Reply(msgspec.Struct):
    """`number` is the request's: where several are under way, answers come in any order."""

    result: Any = None
    error: str | None = None
    message: str = ""
    number: int = 0


def _error_kinds(root: type[MFTError] = MFTError) -> dict[str, type[MFTError]]:
    kinds = {root.code: root}
    for kind in root.__subclasses__():
        kinds |= _error_kinds(kind)
    return kinds


def no_unwrap(_: str) -> bytes:
    """For a core that has no doors outside: nobody has a DEK to ask for."""
    raise NotAllowed("no door runs as a process of its own here")


async def _nobody_gone(_: set[str]) -> None:
    return


async def _nobody_told(_: HoldName) -> None:
    return


class _Names:
    """The names that files are written under, each by the door at the other end of one connection."""

    def __init__(self, wanted: Callable[[HoldName], Awaitable[None]]) -> None:
        self._wanted = wanted
        self._held: dict[tuple[str, bytes, bytes], tuple[object, asyncio.Event]] = {}

    async def hold(self, door: object, command: HoldName) -> None:
        """Raises Busy: another door goes on writing it."""
        name = (command.connection, command.folder, command.name)
        try:
            async with asyncio.timeout(_GIVE_WAY_SECONDS):
                while (other := self._other(door, name)) is not None:
                    await self._wanted(command)
                    await other.wait()
        except TimeoutError:
            raise _busy() from None
        self._held[name] = door, asyncio.Event()

    def _other(self, door: object, name: tuple[str, bytes, bytes]) -> asyncio.Event | None:
        """What tells when another door has ended to write a name, if one does."""
        holder, freed = self._held.get(name, (door, None))
        return None if holder is door else freed

    def free(self, door: object, command: FreeName) -> None:
        name = (command.connection, command.folder, command.name)
        if name in self._held and self._held[name][0] is door:
            self._held.pop(name)[1].set()

    def free_all(self, door: object) -> None:
        for name in [name for name, (holder, _) in self._held.items() if holder is door]:
            self._held.pop(name)[1].set()

    def check(self, door: object, command: Command) -> None:
        """Raises Busy or NotAllowed: it changes a name that another door writes."""
        match command:
            case mailbox.Rename(who, folder, name, new_folder, new_name):
                names = [(who.connection, folder, name), (who.connection, new_folder, new_name)]
            case mailbox.Remove(who, folder, name):
                names = [(who.connection, folder, name)]
            case mailbox.MakeFolder(who, path):
                folder, _, name = path.rpartition(b"/")
                names = [(who.connection, folder, name)]
            case mailbox.RemoveFolder(who, path):
                inside = (name for name in self._held if name[:2] == (who.connection, path))
                if any(self._other(door, name) for name in inside):
                    raise NotAllowed("the folder is not empty")
                return
            case _:
                return
        if any(self._other(door, name) for name in names):
            raise _busy()


def _busy() -> Busy:
    return Busy("another upload of that name is under way: try again later")


class CommandSocket:
    """Takes commands from other processes of the same user.

    Commands of one connection are queued in the order in which they came, and answered as they are done. `unwrap`
    gives the DEK of an object by its id; `on_wanted` tells all doors of a name that one wants and another one holds.
    When a connection ends, `on_gone` gets the transfers that it had begun to upload and neither finished nor kept.
    """

    def __init__(
        self,
        path: Path,
        core: Core,
        reload: Callable[[Any], Any],
        *,
        unwrap: Callable[[str], bytes] = no_unwrap,
        on_wanted: Callable[[HoldName], Awaitable[None]] = _nobody_told,
        on_gone: Callable[[set[str]], Awaitable[None]] = _nobody_gone,
    ) -> None:
        """`reload` answers a `Request`."""
        self._path = path
        self._core = core
        self._reload = reload
        self._unwrap = unwrap
        self._on_gone = on_gone
        self._names = _Names(on_wanted)
        self._server: asyncio.Server | None = None
        self._clients: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[Any]] = set()

    async def start(self) -> None:
        self._path.unlink(missing_ok=True)  # Ours: we hold the home's lock.
        try:
            self._server = await asyncio.start_unix_server(self._serve, self._path)
        except OSError as error:
            raise Refused(
                f"cannot make {self._path}: {error.strerror or error}. "
                "A socket's path has 107 bytes at most: move the home nearer to the root"
            ) from None
        self._path.chmod(0o600)

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
            for client in self._clients:
                client.close()  # One that asks nothing more would hold up the stop.
            await self._server.wait_closed()
        if self._serving:
            await asyncio.wait(self._serving)
        self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving = asyncio.current_task()
        assert serving is not None
        self._serving.add(serving)
        self._clients.add(writer)
        begun: set[str] = set()
        answers: set[asyncio.Task[None]] = set()
        slots, lock = asyncio.Semaphore(_UNDER_WAY_MAX), asyncio.Lock()

        async def answer(packed: bytes, uid: int) -> None:
            try:
                reply = msgspec.msgpack.encode(await self._answer(packed, uid, writer, begun))
                async with lock:
                    writer.write(len(reply).to_bytes(4, "big") + reply)
                    with suppress(ConnectionError):
                        await writer.drain()
            finally:
                slots.release()

        try:
            peer = writer.get_extra_info("socket").getsockopt(
                socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")
            )
            _, uid, _ = struct.unpack("3i", peer)
            while True:
                header = await reader.readexactly(4)
                size = int.from_bytes(header, "big")
                if size > _MESSAGE_MAX:
                    return
                packed = await reader.readexactly(size)
                await slots.acquire()
                task = asyncio.create_task(answer(packed, uid))  # Tasks begin, and submit, in the order they are made.
                answers.add(task)
                task.add_done_callback(answers.discard)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            if answers:
                await asyncio.wait(answers)
            self._clients.discard(writer)
            writer.close()
            if begun:
                await self._on_gone(begun)
            self._names.free_all(writer)
            self._serving.discard(serving)

    async def _answer(self, packed: bytes, uid: int, door: object, begun: set[str]) -> _Reply:
        number = 0
        try:
            if uid not in {0, os.getuid()}:
                raise NotAllowed("only the server's own user may send it commands")
            request = msgspec.msgpack.decode(packed, type=_Request)
            number, command = request.number, request.command
            if isinstance(command, Request):
                return _Reply(await self._reload(command), number=number)
            if isinstance(command, UnwrapDek):
                return _Reply(await asyncio.to_thread(self._unwrap, command.object_id), number=number)
            if isinstance(command, HoldName):
                await self._names.hold(door, command)
                return _Reply(number=number)
            if isinstance(command, FreeName):
                self._names.free(door, command)
                return _Reply(number=number)
            self._names.check(door, command)
            if isinstance(command, receive.Begin):
                begun.add(command.transfer)
            result = await asyncio.wrap_future(self._core.submit(command))
            if isinstance(command, receive.Keep | receive.Receive):
                begun.discard(command.transfer)
            return _Reply(result, number=number)
        except MFTError as error:
            return _Reply(error=error.code, message=str(error), number=number)
        except msgspec.MsgspecError:
            code = ProtocolViolation.code
            return _Reply(error=code, message="not a command of this version of mft", number=number)
        except Exception as error:  # noqa: BLE001  One command's trouble is its sender's.
            trouble = f"a fault of mft itself ({type(error).__name__})"
            return _Reply(error=MFTError.code, message=trouble, number=number)


def _connected(path: Path) -> socket.socket:
    """Raises OSError: no server listens there."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.connect(str(path))
    except BaseException:
        connection.close()
        raise
    return connection


def _read(connection: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = connection.recv(size - len(data))
        if not piece:
            raise Broken("the server ended before it answered")
        data += piece
    return bytes(data)


def _read_reply(connection: socket.socket) -> _Reply:
    """Raises Broken: the server is gone."""
    size = int.from_bytes(_read(connection, 4), "big")
    return msgspec.msgpack.decode(_read(connection, size), type=_Reply)


def _error(reply: _Reply) -> MFTError:
    return _error_kinds().get(reply.error or "", MFTError)(reply.message)


def _framed(request: _Request) -> bytes:
    packed = msgspec.msgpack.encode(request)
    return len(packed).to_bytes(4, "big") + packed


class CoreClient:
    """Sends commands to the running server; blocking, for the command line."""

    def __init__(self, path: Path) -> None:
        """Raises OSError: no server listens there."""
        self._socket = _connected(path)

    def run(self, command: Command | Request) -> Any:
        """Raises the error that the command was refused with."""
        try:
            self._socket.sendall(_framed(_Request(command)))
            reply = _read_reply(self._socket)
        except OSError:
            raise Broken("the server ended before it answered") from None
        if reply.error is not None:
            raise _error(reply)
        return reply.result

    def close(self) -> None:
        self._socket.close()


class CoreLine:
    """Sends commands to the running server as `Core.submit` takes them: many under way, none waited for.

    Resource handling: two threads; `close` returns when everything has been answered.
    Error handling: when the server is gone, what waits for it fails with Broken, and `on_lost` is called once.
    """

    def __init__(self, path: Path, *, on_lost: Callable[[], None]) -> None:
        """Raises OSError: no server listens there."""
        self._socket = _connected(path)
        self._on_lost = on_lost
        self._numbers = itertools.count(1)
        self._waiting: dict[int, Future[Any]] = {}
        self._lock = threading.Lock()
        self._to_send: SimpleQueue[bytes | None] = SimpleQueue()
        self._closed = self._lost = False
        self._reader = threading.Thread(target=self._receive, name="core-answers", daemon=True)
        self._reader.start()
        threading.Thread(target=self._send, name="core-commands", daemon=True).start()

    def submit(self, command: Command | OfDoor) -> Future[Any]:
        """Queue a command; the future resolves when it is durable, or has the error it was refused with."""
        future: Future[Any] = Future()
        future.set_running_or_notify_cancel()  # On its way: nobody calls it back.
        with self._lock:
            if not (self._lost or self._closed):
                number = next(self._numbers)
                self._waiting[number] = future
                self._to_send.put(_framed(_Request(command, number)))
                return future
        future.set_exception(Broken("the core is gone"))
        return future

    def _send(self) -> None:
        with suppress(OSError):  # The reader sees it too.
            while (packed := self._to_send.get()) is not None:
                self._socket.sendall(packed)
            self._socket.shutdown(socket.SHUT_WR)

    def _receive(self) -> None:
        with suppress(OSError, Broken, msgspec.MsgspecError):
            while True:
                reply = _read_reply(self._socket)
                with self._lock:
                    future = self._waiting.pop(reply.number)
                if reply.error is None:
                    future.set_result(reply.result)
                else:
                    future.set_exception(_error(reply))
        with self._lock:
            self._lost = True
            left, self._waiting = self._waiting, {}
        for future in left.values():
            future.set_exception(Broken("the core ended before it answered"))
        self._to_send.put(None)
        if not self._closed:
            self._on_lost()

    def close(self) -> None:
        with self._lock:
            self._closed = True
        self._to_send.put(None)
        self._reader.join()
        self._socket.close()
