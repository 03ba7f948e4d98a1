"""The core: the only writer of the ledger. What is to be written reaches it as commands, plain data.

Whoever is in the same process calls `submit`; everybody else sends the same commands over a Unix socket,
`run/core.sock`. Commands that wait are committed together, each in a savepoint of its own.
"""

import asyncio
import fcntl
import itertools
import os
import socket
import struct
import threading
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any, Final, Literal

import msgspec
from sqlalchemy import insert, select

from mft import errors
from mft.audit.log import Fact
from mft.clock import new_id, now_us
from mft.domain import TENANT
from mft.errors import Broken, HomeInUse, MFTError, NotAllowed, Refused
from mft.ledger.database import Books, Ledger, Writer
from mft.ledger.profiles import keep_profile
from mft.ledger.tables import INSTALLATION
from mft.pipeline import (
    acknowledge,
    anchor,
    conclude,
    deadlines,
    deliver,
    emit,
    erase,
    keys,
    mailbox,
    receipts,
    receive,
    redact,
    release,
    replay,
    retention,
    runner,
    small_objects,
)
from mft.pipeline.journal import Journal
from mft.records import cache

_INSTALLATION = select(INSTALLATION.c.id).limit(1)
_INSTALL = insert(INSTALLATION)
_MESSAGE_MAX: Final = 64 << 20
_UNDER_WAY_MAX: Final = 1024  # Requests of one connection.


class Note(msgspec.Struct, frozen=True, tag=True):
    """Something happened that only the audit log keeps."""

    kind: str
    actor: str
    connection: str | None = None
    transfer: str | None = None
    result: str = "ok"
    facts: dict[str, Fact] = {}
    private: dict[str, str] = {}


class KeepProfile(msgspec.Struct, frozen=True, tag=True):
    """A partner file, a guide beside them, the routes or our own settings are in force, as they stand in `body`."""

    digest: str
    subject: str
    name: str
    body: str
    kind: Literal["connection", "guide", "routes", "settings"] = "connection"


class Reload(msgspec.Struct, frozen=True, tag=True):
    """Read the partner files again. Only a running server can."""

    actor: str


class ReloadKeys(msgspec.Struct, frozen=True, tag=True):
    """Read the folder of keys again: answered with the id of the key that seals, by retention class."""

    actor: str


class ChangeSigningKey(msgspec.Struct, frozen=True, tag=True):
    """Put the signing key in `audit-next.key` into force: answered with the vkeys `old` and `new`."""

    actor: str


class UnwrapDek(msgspec.Struct, frozen=True, tag=True):
    """Hand out the DEK of one object, to a door that holds no private key."""

    object_id: str


Request = Reload | ReloadKeys | ChangeSigningKey
"""What is asked of the one who runs a home, who does more for it than write the ledger."""

Command = (
    receive.Begin
    | receive.Resume
    | receive.Keep
    | receive.Receive
    | receive.Heard
    | receive.Salvage
    | receive.Deposit
    | mailbox.Rename
    | mailbox.Remove
    | mailbox.SetModified
    | mailbox.MakeFolder
    | mailbox.RemoveFolder
    | mailbox.Fetched
    | runner.StartRunner
    | runner.EndRunner
    | runner.Claim
    | runner.GiveBack
    | acknowledge.AllocateNumbers
    | conclude.Conclude
    | replay.Supersede
    | release.ReleaseHeld
    | release.RejectHeld
    | release.AddFlowHold
    | release.LiftFlowHold
    | emit.Delivered
    | emit.DeliveryFailed
    | deliver.FileDelivered
    | deliver.FileNotDelivered
    | deliver.RetryDelivery
    | deadlines.Due
    | erase.Erase
    | retention.EraseDue
    | retention.Swept
    | retention.MakeHold
    | retention.LiftHold
    | redact.Redact
    | small_objects.BlobsMoved
    | keys.KeepKey
    | keys.Rewrap
    | keys.Emptied
    | keys.Shred
    | keys.EraseShredded
    | keys.TellExpiring
    | anchor.Anchored
    | anchor.AnchorFailed
    | receipts.PutReceipts
    | receipts.EndReceipts
    | cache.KeepPart
    | cache.DropPart
    | cache.LeaveUncached
    | Note
    | KeepProfile
)


def note(journal: Journal, command: Note) -> None:
    journal.leaf(
        command.kind,
        actor=command.actor,
        connection=command.connection,
        transfer=command.transfer,
        result=command.result,
        facts=command.facts,
        private=command.private,
    )


def keep(journal: Journal, command: KeepProfile) -> None:
    keep_profile(
        journal.books,
        digest=command.digest,
        subject=command.subject,
        name=command.name,
        body=command.body,
        at=journal.at,
        kind=command.kind,
    )


HANDLERS: Mapping[type, Callable[[Journal, Any], Any]] = {
    receive.Begin: receive.begin,
    receive.Resume: receive.resume,
    receive.Keep: receive.keep,
    receive.Receive: receive.receive,
    receive.Heard: receive.hear,
    receive.Salvage: receive.salvage,
    receive.Deposit: receive.deposit,
    mailbox.Rename: mailbox.rename,
    mailbox.Remove: mailbox.remove,
    mailbox.SetModified: mailbox.set_modified,
    mailbox.MakeFolder: mailbox.make_folder,
    mailbox.RemoveFolder: mailbox.remove_folder,
    mailbox.Fetched: mailbox.fetched,
    runner.StartRunner: runner.start_runner,
    runner.EndRunner: runner.end_runner,
    runner.Claim: runner.claim,
    runner.GiveBack: runner.give_back,
    acknowledge.AllocateNumbers: acknowledge.allocate_numbers,
    conclude.Conclude: conclude.conclude,
    replay.Supersede: replay.supersede,
    release.ReleaseHeld: release.release_held,
    release.RejectHeld: release.reject_held,
    release.AddFlowHold: release.add_flow_hold,
    release.LiftFlowHold: release.lift_flow_hold,
    emit.Delivered: emit.delivered,
    emit.DeliveryFailed: emit.delivery_failed,
    deliver.FileDelivered: deliver.file_delivered,
    deliver.FileNotDelivered: deliver.file_not_delivered,
    deliver.RetryDelivery: deliver.retry_delivery,
    deadlines.Due: deadlines.due,
    erase.Erase: erase.erase,
    retention.EraseDue: retention.erase_due,
    retention.Swept: retention.swept,
    retention.MakeHold: retention.make_hold,
    retention.LiftHold: retention.lift_hold,
    redact.Redact: redact.redact,
    small_objects.BlobsMoved: small_objects.blobs_moved,
    keys.KeepKey: keys.keep_key,
    keys.Rewrap: keys.rewrap,
    keys.Emptied: keys.emptied,
    keys.Shred: keys.shred,
    keys.EraseShredded: keys.erase_shredded,
    keys.TellExpiring: keys.tell_expiring,
    anchor.Anchored: anchor.anchored,
    anchor.AnchorFailed: anchor.anchor_failed,
    receipts.PutReceipts: receipts.put_receipts,
    receipts.EndReceipts: receipts.end_receipts,
    cache.KeepPart: cache.keep_part,
    cache.DropPart: cache.drop_part,
    cache.LeaveUncached: cache.leave_uncached,
    Note: note,
    KeepProfile: keep,
}


def install(books: Books) -> str:
    """This installation's id; made at the first call."""
    row = books.first(_INSTALLATION)
    if row is None:
        row = {"id": new_id(), "tenant_id": TENANT, "created_at": now_us()}
        books.execute(_INSTALL, row)
    return str(row["id"])


class Core:
    """Carries out commands, and wakes whoever waits for what they did.

    Resource handling: `close` commits what is queued.
    Error handling: `on_broken` is called once, from the writer's thread, when disk or ledger have failed; every command
    from then on fails with the same error.

    `remove_object` is called, behind the commit, for each object that was forgotten.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        sinks: tuple[str, ...],
        on_broken: Callable[[Broken], None] | None = None,
        remove_object: Callable[[str], None] | None = None,
    ) -> None:
        self.writer = Writer(ledger, on_broken=on_broken)
        self.installation = self.writer.run(install)
        self._source = f"urn:mft:{self.installation}"
        self._node = runner.node()
        self._sinks = sinks
        self._happened: set[str] = set()
        self._remove_object = remove_object
        self._forgotten: list[str] = []
        self._wake: dict[str, list[Callable[[], None]]] = {"noted": [], "arrived": [], "announced": []}
        self.writer.after_commit(self._committed)
        self.writer.after_rollback(self._rolled_back)

    def on(self, what: str, wake: Callable[[], None]) -> None:
        """Have `wake` called after a commit in which something was `noted`, has `arrived` or was `announced`."""
        self._wake[what].append(wake)

    def submit(self, command: Command) -> Future[Any]:
        """Queue a command; the future resolves when it is durable, or has the error it was refused with."""
        handler = HANDLERS[type(command)]
        return self.writer.submit(lambda books: self._carry_out(handler, books, command))

    def run(self, command: Command) -> Any:
        """Carry a command out and wait until it is durable."""
        return self.submit(command).result()

    def close(self) -> None:
        self.writer.close()

    def _carry_out(self, handler: Callable[[Journal, Any], Any], books: Books, command: Command) -> Any:
        journal = Journal(books, now_us(), self._source, self._node, self._sinks)
        result = handler(journal, command)
        self._happened.update(what for what in self._wake if getattr(journal, what))
        self._forgotten += journal.forgotten
        return result

    def _rolled_back(self) -> None:
        """Nothing of it happened: what it would have forgotten is still known."""
        self._forgotten.clear()
        self._happened.clear()

    def _committed(self) -> None:
        forgotten, self._forgotten = self._forgotten, []
        for object_id in forgotten:
            if self._remove_object is not None:
                with suppress(OSError):  # What stays behind is set aside at the next start.
                    self._remove_object(object_id)
        for what in self._happened:
            for wake in self._wake[what]:
                wake()
        self._happened.clear()


class HomeLock:
    """One process at a time writes a home. The kernel drops the lock with the process, however it ends."""

    def __init__(self, path: Path) -> None:
        """Raises HomeInUse, with the pid of the holder."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            pid = os.pread(self._fd, 32, 0).decode(errors="replace").strip() or "unknown"
            os.close(self._fd)
            home = path.parent.parent
            raise HomeInUse(f"another mft (pid {pid}) works on {home}: stop it first, or use another home") from None
        os.ftruncate(self._fd, 0)
        os.pwrite(self._fd, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        os.close(self._fd)


class _Request(msgspec.Struct):
    command: Command | Request | UnwrapDek
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


def _no_unwrap(_: str) -> bytes:
    raise NotAllowed("no door runs as a process of its own here")


async def _nobody_gone(_: set[str]) -> None:
    return


class CommandSocket:
    """Takes commands from other processes of the same user: msgpack, each behind a length of four bytes.

    Commands of one connection are queued in the order in which they came, and answered as they are done. `unwrap`
    gives the DEK of an object by its id. When a connection ends, `on_gone` gets the transfers that it had begun to
    upload and neither finished nor kept.
    """

    def __init__(
        self,
        path: Path,
        core: Core,
        reload: Callable[[Any], Any],
        *,
        unwrap: Callable[[str], bytes] = _no_unwrap,
        on_gone: Callable[[set[str]], Awaitable[None]] = _nobody_gone,
    ) -> None:
        """`reload` answers a `Request`."""
        self._path = path
        self._core = core
        self._reload = reload
        self._unwrap = unwrap
        self._on_gone = on_gone
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
                reply = msgspec.msgpack.encode(await self._answer(packed, uid, begun))
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
            self._serving.discard(serving)

    async def _answer(self, packed: bytes, uid: int, begun: set[str]) -> _Reply:
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
            if isinstance(command, receive.Begin):
                begun.add(command.transfer)
            result = await asyncio.wrap_future(self._core.submit(command))
            if isinstance(command, receive.Keep | receive.Receive):
                begun.discard(command.transfer)
            return _Reply(result, number=number)
        except MFTError as error:
            return _Reply(error=error.code, message=str(error), number=number)
        except msgspec.MsgspecError:
            code = errors.ProtocolViolation.code
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

    def submit(self, command: Command | UnwrapDek) -> Future[Any]:
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
