"""The SFTP door: asyncssh carries and authenticates, `mft.wire.sftp` speaks, `pipeline` receives.

A session works through its requests in their order; pieces of a WRITE alone are taken the moment they come. Only a
CLOSE that was received makes a file received: a connection that ends leaves nothing published.

Resource handling: a session holds one segment for each open file and the segments on their way to the disk; it stops
reading from a client that is ahead of the disk, and stops answering one that does not read its answers.
Error handling: `STATUS` turns kinds of error into status codes; what is not our own kind of error ends that session.
"""

import asyncio
import logging
import os
import shutil
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import asyncssh

from mft.clock import now_us
from mft.core import Command, Note
from mft.domain import FOLDERS, INBOUND, TENANT, Arrival, Principal
from mft.errors import (
    Broken,
    Busy,
    Duplicate,
    Malformed,
    MFTError,
    Missing,
    NameTaken,
    NotAllowed,
    NotSupported,
    ProtocolViolation,
    Refused,
)
from mft.ledger import transfers
from mft.ledger.database import Readers, Row
from mft.pipeline import mailbox
from mft.pipeline.receive import Upload
from mft.vault.store import ObjectReader, Vault
from mft.wire import sftp as wire
from mft.wire.sftp import Attrs, HandleKind, OpenFlag, Status
from partners.connection import fingerprint
from partners.load import Directory

STATUS: Final[Mapping[type[MFTError], Status]] = {
    NotSupported: Status.OP_UNSUPPORTED,
    Refused: Status.PERMISSION_DENIED,
    Malformed: Status.BAD_MESSAGE,
    Duplicate: Status.FAILURE,
    Missing: Status.NO_SUCH_FILE,
    Busy: Status.FAILURE,
    Broken: Status.FAILURE,
    MFTError: Status.FAILURE,
}

ENCRYPTION: Final = ("aes256-gcm@openssh.com", "aes128-gcm@openssh.com", "aes256-ctr", "aes128-ctr")
KEY_EXCHANGE: Final = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group18-sha512",
)
MAC: Final = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
SIGNATURES: Final = (
    "ssh-ed25519",
    "sk-ssh-ed25519@openssh.com",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)

_SEGMENTS_AHEAD: Final = 4  # Full segments that may wait for the disk before we stop reading.
_SESSIONS_MAX: Final = 64  # In the life of one connection; each may hold 128 files.
_UPLOADS_MAX: Final = 256  # Of one partner at once; each may hold a megabyte.
_REQUESTS_AHEAD: Final = 256  # Requests that may wait for their turn before we stop reading.
_FOLDER_MODE: Final = 0o040755
_FILE_MODE: Final = 0o100644
_ROOT: Final = b"/"


def status_of(error: MFTError) -> Status:
    """The status code of an error: its own kind's, else the nearest kind above it."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


def authenticate(directory: Directory, user: str, key_blob: bytes, *, now: datetime) -> Principal | None:
    """Who a user with a key is, or None.

    Signature checks are the transport's; it asks here for every key that is offered, and again for the one that signed.
    """
    return admit(directory, user, fingerprint(key_blob), now=now) if key_blob else None


def admit(directory: Directory, user: str, offered: str, *, now: datetime) -> Principal | None:
    """Who a user with a key of this fingerprint is, or None: the one place that decides it."""
    found = directory.login(user)
    if found is None:
        return None
    profile, login = found
    if not any(key.fingerprint == offered and key.usable(now) for key in login.keys):
        return None
    connection = profile.connection
    return Principal(
        connection=connection.id,
        partner=connection.name,
        login=login.user,
        key_fingerprint=offered,
        profile_hash=profile.hash,
        start=login.start.encode(),
    )


@dataclass(slots=True)
class _Writing:
    """A file on its way in. `refused` is why it cannot become one any more."""

    upload: Upload
    refused: MFTError | None = None
    flushing: asyncio.Future[None] | None = None


@dataclass(slots=True)
class _Reading:
    row: Row
    reader: ObjectReader
    read_to: int = 0


@dataclass(slots=True)
class _Listing:
    """What is still to be told: names at hand, then those of a folder behind `after`."""

    names: list[wire.Name]
    folder: bytes | None
    after: bytes = b""


class SftpDoor:
    """Listens, lets partners in, and keeps track of what is open."""

    def __init__(
        self,
        *,
        host: str,
        port: int,
        host_keys: list[Path],
        directory: Callable[[], Directory],
        on_broken: Callable[[Broken], None],
        submit: "Callable[[Command], Future[Any]]",
        readers: Readers,
        vault: Vault,
        login_seconds: int,
        visible_seconds: int,
    ) -> None:
        self._host, self._port = host, port
        # Loaded once: asyncssh would read files again at every login.
        self._host_keys = [asyncssh.read_private_key(path) for path in host_keys]
        self.directory = directory
        self.on_broken = on_broken
        self.submit = submit
        self.readers = readers
        self.vault = vault
        self._login_seconds = login_seconds
        self._visible_us = visible_seconds * 1_000_000
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.logins: set[_Login] = set()
        self._writing: set[tuple[str, bytes, bytes]] = set()  # Names with a writer: one at a time.
        self._quiet = asyncio.Event()
        self.draining = False
        self.threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="seal")

    async def start(self) -> tuple[str, int]:
        """Listen; returns the address. Raises Busy: it cannot be had."""
        logging.getLogger("asyncssh").setLevel(logging.ERROR)  # Its lines name users and files.
        try:
            self._acceptor = await asyncssh.listen(
                self._host,
                self._port,
                server_factory=lambda: _Login(self),
                server_host_keys=self._host_keys,
                server_version="mft",
                login_timeout=self._login_seconds,
                encryption_algs=ENCRYPTION,
                kex_algs=KEY_EXCHANGE,
                mac_algs=MAC,
                signature_algs=SIGNATURES,
                compression_algs=("none",),
                public_key_auth=True,
                password_auth=False,
                kbdint_auth=False,
                host_based_auth=False,
                gss_host=None,
                allow_pty=False,
                x11_forwarding=False,
                agent_forwarding=False,
                line_editor=False,
                encoding=None,
                keepalive_interval=30,
                reuse_address=True,
                backlog=256,
            )
        except OSError as error:
            reason = os.strerror(error.errno).lower() if error.errno else str(error)
            raise Busy(
                f"cannot listen on {self._host}:{self._port}: {reason}. "
                "Stop what uses the port, or set [doors.sftp] listen in mft.toml"
            ) from None
        host, port = self._acceptor.sockets[0].getsockname()[:2]
        return str(host), int(port)

    def since(self) -> int:
        """The oldest arrival, in microseconds, that is still listed."""
        return now_us() - self._visible_us

    def take_name(self, arrival: Arrival) -> None:
        """Raises Busy: the name has a writer already, or the partner too many."""
        who = arrival.principal.connection
        key = (who, arrival.folder, arrival.name)
        if key in self._writing:
            raise Busy("another upload of that name is under way: try again later")
        if sum(connection == who for connection, _, _ in self._writing) >= _UPLOADS_MAX:
            raise Busy(f"{_UPLOADS_MAX} uploads of yours are under way: finish some first")
        self._writing.add(key)

    def release_name(self, arrival: Arrival) -> None:
        self._writing.discard((arrival.principal.connection, arrival.folder, arrival.name))
        if not self._writing:
            self._quiet.set()

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run something that must not be lost when its session ends; `drain` waits for it."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def welcome(self, principal: Principal) -> bool:
        """Whether a principal would still be let in."""
        found = admit(self.directory(), principal.login, principal.key_fingerprint, now=datetime.now(UTC))
        return found is not None and found.connection == principal.connection

    def part_with_strangers(self) -> None:
        """End the connections of those who would not be let in any more."""
        for login in list(self.logins):
            if login.principal is not None and not self.welcome(login.principal):
                login.disconnect("access was withdrawn")

    async def drain(self, seconds: float) -> None:
        """Take no new session or file; let the open ones end for so long, then part."""
        self.draining = True
        if self._acceptor is not None:
            self._acceptor.close()
        if self._writing:
            self._quiet.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._quiet.wait(), seconds)
        logins = list(self.logins)
        for login in logins:
            login.disconnect("the server stops; try again later")
        for login in logins:
            await login.closed()
        while self._tasks:
            await asyncio.wait(self._tasks)
        self.threads.shutdown(wait=True)


class _Login(asyncssh.SSHServer):
    """One connection, from its first byte to its last."""

    def __init__(self, door: SftpDoor) -> None:
        self._door = door
        self._user = ""
        self._attempts = 0
        self._proven: Principal | None = None
        self.principal: Principal | None = None
        self._connection: asyncssh.SSHServerConnection
        self._source = "unknown"
        self._sessions = 0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._door.logins.add(self)
        peer = conn.get_extra_info("peername")  # Now: it is gone when the connection is.
        self._source = str(peer[0]) if peer else "unknown"

    def connection_lost(self, exc: Exception | None) -> None:
        self._door.logins.discard(self)
        if self.principal is None and self._attempts:
            self._note("login.refused", "server", result="refused", facts={"attempts": self._attempts})

    def disconnect(self, reason: str) -> None:
        self._connection.disconnect(asyncssh.DISC_BY_APPLICATION, reason)

    async def closed(self) -> None:
        await self._connection.wait_closed()

    def begin_auth(self, username: str) -> bool:
        self._user = username
        self._attempts += 1
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        self._proven = authenticate(self._door.directory(), username, key.public_data, now=datetime.now(UTC))
        return self._proven is not None

    def auth_completed(self) -> None:
        self.principal = self._proven
        if self.principal is not None:
            self._note(
                "login.accepted",
                f"connection:{self.principal.connection}",
                connection=self.principal.connection,
                facts={"fingerprint": self.principal.key_fingerprint},
            )

    def session_requested(self) -> "_Session | bool":
        if self.principal is None or self._door.draining or self._sessions >= _SESSIONS_MAX:
            return False
        self._sessions += 1  # Never given back: who needs more opens another connection.
        return _Session(self._door, self.principal, self._source, self._client_version())

    def _note(
        self,
        kind: str,
        actor: str,
        *,
        connection: str | None = None,
        result: str = "ok",
        facts: dict[str, str | int | None],
    ) -> None:
        self._door.submit(
            Note(
                kind,
                actor,
                connection=connection,
                result=result,
                facts={"door": "sftp", **facts},
                private={"account": self._user[:64], "source_address": self._source},
            )
        )

    def _client_version(self) -> str:
        version = self._connection.get_extra_info("client_version") or b""
        text = version.decode("ascii", "replace") if isinstance(version, bytes) else str(version)
        return "".join(c if c.isprintable() else "?" for c in text)[:128]


class _Session(asyncssh.SSHServerSession[bytes]):
    """One SFTP session: requests in, answers out."""

    def __init__(self, door: SftpDoor, principal: Principal, source: str, client: str) -> None:
        self._door = door
        self._principal = principal
        self._origin = (source, client)
        self._protocol = wire.SftpSession()
        self._channel: asyncssh.SSHServerChannel[bytes]
        self._out: list[bytes] = []
        self._waiting: deque[wire.Request] = deque()
        self._busy = False
        self._can_write = True
        self._holds_back: set[object] = set()  # Why we do not read: "queue", "answers", a file ahead of the disk.
        self._paused = False
        self._ended = False  # The client sends no more.
        self._gone = False  # Nobody is there to be answered.
        self._started_at = now_us()

    # The channel

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._channel = chan
        chan.set_write_buffer_limits(high=1 << 20)

    def shell_requested(self) -> bool:
        return False

    def exec_requested(self, command: str) -> bool:
        return False

    def subsystem_requested(self, subsystem: str) -> bool:
        return subsystem == "sftp"

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        try:
            for event in self._protocol.receive(data):
                if isinstance(event, wire.Write):
                    self._write(event)
                elif isinstance(event, wire.Refusal):
                    self._out.append(event.reply)
                elif isinstance(event, wire.Init):
                    self._out.append(self._protocol.version())
                else:
                    self._waiting.append(event)
                    self._proceed()
        except ProtocolViolation:
            self._send()
            self._channel.exit(1)
            return
        self._send()
        self._settle()

    def eof_received(self) -> bool:
        self._ended = True
        self._part()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        if self._paused:  # What was received while we did not read counts too.
            self._paused = False
            self._channel.resume_reading()
        self._gone = True
        for handle in self._protocol.handles:
            self._protocol.close_handle(handle)
            if isinstance(handle.context, _Writing):
                self._door.spawn(self._break_off(handle.context))
            elif isinstance(handle.context, _Reading):
                handle.context.reader.close()
        # A CLOSE that was received counts, though its turn has not come yet.
        self._waiting = deque(request for request in self._waiting if isinstance(request, wire.Close))
        self._can_write = True
        self._proceed()

    def pause_writing(self) -> None:
        self._can_write = False

    def resume_writing(self) -> None:
        self._can_write = True
        self._proceed()
        self._send()
        self._part()
        self._settle()

    def _part(self) -> None:
        """End the session once the client has said its last and has every answer."""
        if self._ended and not self._busy and not self._waiting and not self._gone:
            self._channel.exit(0)

    def _send(self) -> None:
        out, self._out = self._out, []  # Writing may call us again.
        if out and not self._gone and not self._channel.is_closing():
            self._channel.write(b"".join(out))

    def _hold_back(self, why: object, *, on: bool) -> None:
        (self._holds_back.add if on else self._holds_back.discard)(why)

    def _settle(self) -> None:
        """Read, or do not read, from the client. Comes last: reading again may call `data_received` at once."""
        self._hold_back("queue", on=len(self._waiting) > _REQUESTS_AHEAD)
        self._hold_back("answers", on=not self._can_write)
        pause = bool(self._holds_back)
        if pause != self._paused and not self._gone:
            self._paused = pause
            (self._channel.pause_reading if pause else self._channel.resume_reading)()

    # Requests, one after the other

    def _proceed(self) -> None:
        while self._waiting and not self._busy and self._can_write:
            request = self._waiting.popleft()
            try:
                later = self._REQUESTS[type(request)](self, request)
            except MFTError as error:
                self._refuse(request, error)
                continue
            if later is not None:
                self._busy = True
                self._door.spawn(self._finish(request, later))

    async def _finish(self, request: wire.Request, later: Awaitable[None]) -> None:
        try:
            await later
        except MFTError as error:
            self._refuse(request, error)
        except Exception:  # noqa: BLE001  Not our kind of error: this session ends, and others go on.
            self._refuse(request, MFTError("a fault of mft itself"))
            self._send()
            if not self._gone:
                self._channel.exit(1)
        self._busy = False
        self._proceed()
        self._send()
        self._part()
        self._settle()

    def _ok(self, request: wire.Request) -> None:
        self._out.append(self._protocol.status(request.request_id))

    def _refuse(self, request: wire.Request, error: MFTError) -> None:
        self._out.append(self._protocol.status(request.request_id, status_of(error), str(error)))

    # Names

    def _absolute(self, path: bytes) -> bytes:
        return wire.normalise(path, self._principal.start)

    def _since(self) -> int:
        """The oldest arrival, in microseconds, in the client's sight: this session's own stay in it."""
        return min(self._door.since(), self._started_at)

    def _file(self, path: bytes) -> tuple[bytes, bytes]:
        """Folder and name of a path that can be a file. Raises Missing: there is no such folder."""
        folder, _, name = self._absolute(path).rpartition(b"/")
        if folder not in FOLDERS:
            raise Missing("no such folder: there are /inbound, /outbound and /errors")
        return folder, name

    def _entry(self, path: bytes) -> Row:
        folder, name = self._file(path)
        return mailbox.entry(self._door.readers.get(), self._principal.connection, folder, name, since=self._since())

    def _realpath(self, request: wire.Realpath) -> None:
        path = self._absolute(request.path)
        self._out.append(self._protocol.names(request.request_id, [wire.Name(path, path)]))

    def _stat(self, request: wire.Stat | wire.Lstat) -> None:
        path = self._absolute(request.path)
        attrs = _folder_attrs() if path in {_ROOT, *FOLDERS} else _attrs(self._entry(path))
        self._out.append(self._protocol.attrs(request.request_id, attrs))

    def _fstat(self, request: wire.Fstat) -> None:
        context = request.handle.context
        if isinstance(context, _Writing):
            attrs = Attrs(size=context.upload.writer.size, permissions=_FILE_MODE)
        elif isinstance(context, _Reading):
            attrs = _attrs(context.row)
        else:
            attrs = _folder_attrs()
        self._out.append(self._protocol.attrs(request.request_id, attrs))

    def _setstat(self, request: wire.Setstat) -> None:
        if self._absolute(request.path) not in {_ROOT, *FOLDERS}:
            self._entry(request.path)
        if request.attrs.size is not None:
            raise NotSupported("a file that was received is not cut or stretched: upload it again")
        self._ok(request)  # Modes and times are accepted and mean nothing here.

    def _fsetstat(self, request: wire.Fsetstat) -> None:
        context = request.handle.context
        size = request.attrs.size
        if isinstance(context, _Writing) and size is not None and size != context.upload.writer.size:
            raise NotSupported("a file on its way in is not cut or stretched: upload it again")
        self._ok(request)

    def _opendir(self, request: wire.Opendir) -> None:
        path = self._absolute(request.path)
        if path not in {_ROOT, *FOLDERS}:
            raise Missing("no such folder: there are /inbound, /outbound and /errors")
        above = [b".", b"..", *(folder[1:] for folder in FOLDERS if path == _ROOT)]
        listing = _Listing([self._name(name, _folder_attrs()) for name in above], path if path in FOLDERS else None)
        handle = self._protocol.open_handle(HandleKind.LISTING, listing)
        self._out.append(self._protocol.handle(request.request_id, handle))

    def _name(self, name: bytes, attrs: Attrs) -> wire.Name:
        owner = self._principal.login.encode()
        return wire.Name(name, wire.longname(name, attrs, owner=owner, now=int(time.time())), attrs)

    def _readdir(self, request: wire.Readdir) -> None:
        listing: _Listing = request.handle.context
        names = listing.names
        if not names and listing.folder is not None:
            who, since = self._principal.connection, self._since()
            rows = mailbox.entries(self._door.readers.get(), who, listing.folder, since=since, after=listing.after)
            names += (self._name(row["name_bytes"], _attrs(row)) for row in rows)
            listing.after = rows[-1]["name_bytes"] if rows else listing.after
        if not names:
            self._out.append(self._protocol.status(request.request_id, Status.EOF, "no more names"))
            return
        count = wire.fitting(names)
        self._out.append(self._protocol.names(request.request_id, names[:count]))
        del names[:count]

    def _mkdir(self, request: wire.Mkdir) -> None:
        if self._absolute(request.path) in {_ROOT, *FOLDERS}:
            raise NameTaken("the folder is there already")
        raise NotAllowed("folders cannot be made here: put files into /inbound")

    def _rmdir(self, request: wire.Rmdir) -> None:
        raise NotAllowed("folders cannot be removed here")

    def _remove(self, request: wire.Remove) -> Awaitable[None]:
        folder, name = self._file(request.path)
        return self._commit(request, mailbox.Remove(self._principal, folder, name, self._since()))

    def _rename(self, request: wire.Rename | wire.PosixRename) -> Awaitable[None]:
        folder, name = self._file(request.old)
        new_folder, new_name = self._file(request.new)
        replacing = isinstance(request, wire.PosixRename)
        command = mailbox.Rename(self._principal, folder, name, new_folder, new_name, self._since(), replace=replacing)
        return self._commit(request, command)

    async def _commit(self, request: wire.Request, command: Command) -> None:
        await asyncio.wrap_future(self._door.submit(command))
        self._ok(request)

    # Files out

    def _open(self, request: wire.Open) -> None:
        folder, name = self._file(request.path)
        if request.kind is HandleKind.READING:
            self._open_reading(request, folder, name)
        else:
            self._open_writing(request, folder, name)

    def _open_reading(self, request: wire.Open, folder: bytes, name: bytes) -> None:
        row, sealed = mailbox.content(
            self._door.readers.get(), self._principal.connection, folder, name, since=self._since()
        )
        reader = self._door.vault.open(sealed)
        try:
            handle = self._protocol.open_handle(HandleKind.READING, _Reading(row, reader))
        except Busy:
            reader.close()
            raise
        self._out.append(self._protocol.handle(request.request_id, handle))

    def _read(self, request: wire.Read) -> None:
        context: _Reading = request.handle.context
        data = context.reader.read_at(request.offset, request.length)
        if not data:
            self._out.append(self._protocol.status(request.request_id, Status.EOF, "end of file"))
            return
        if request.offset <= context.read_to:  # Read without a gap.
            context.read_to = max(context.read_to, request.offset + len(data))
        self._out.append(self._protocol.data(request.request_id, data))
        self._send()  # So that `pause_writing` comes before the next answer is made.

    # Files in

    def _open_writing(self, request: wire.Open, folder: bytes, name: bytes) -> None:
        if folder != INBOUND:
            raise NotAllowed(f"{folder.decode()} is for downloads: put files into /inbound")
        if self._door.draining:
            raise Busy("the server is stopping: try again later")
        if not self._door.welcome(self._principal):
            raise NotAllowed("access was withdrawn")
        if request.flags & OpenFlag.APPEND:
            raise NotSupported("appending is not supported: upload the whole file again")
        if not request.flags & OpenFlag.CREAT:
            self._entry(request.path)
            raise NotSupported("a file that was received is not changed: upload it again, as a new file")
        if request.flags & OpenFlag.EXCL and self._exists(folder, name):
            raise NameTaken("a file of that name is there already")
        arrival = Arrival(self._principal, "sftp", *self._origin, folder, name)
        self._door.take_name(arrival)
        try:
            upload = Upload(self._door.vault, TENANT, arrival)
            handle = self._protocol.open_handle(HandleKind.WRITING, _Writing(upload))
        except Busy:
            self._door.release_name(arrival)
            raise
        self._out.append(self._protocol.handle(request.request_id, handle))

    def _exists(self, folder: bytes, name: bytes) -> bool:
        who = self._principal.connection
        found = transfers.named(self._door.readers.get(), who, folder, name, since=self._since())
        return found is not None

    def _write(self, event: wire.Write) -> None:
        file: _Writing = event.handle.context
        writer = file.upload.writer
        if file.refused is None:
            if event.offset == writer.size:
                writer.append(event.data)
                if writer.waiting and file.flushing is None:
                    self._flush(file)
                self._hold_back(id(file), on=writer.waiting > _SEGMENTS_AHEAD)
            else:
                file.refused = NotSupported(
                    f"the write at byte {event.offset:,} does not follow the {writer.size:,} bytes before it: "
                    "resuming and writing out of order are not supported; upload the whole file again"
                )
        if not event.more:
            if file.refused is None:
                self._ok(event)
            else:
                self._refuse(event, file.refused)

    def _flush(self, file: _Writing) -> None:
        """Seal and write the full segments in a thread; one at a time for each file."""
        loop = asyncio.get_running_loop()
        file.flushing = loop.run_in_executor(self._door.threads, file.upload.writer.flush)
        file.flushing.add_done_callback(lambda done: self._flushed(file, done))

    def _flushed(self, file: _Writing, done: asyncio.Future[None]) -> None:
        file.flushing = None
        error = done.exception()
        if error is not None:
            file.refused = error if isinstance(error, MFTError) else Broken("the upload could not be written")
        if isinstance(file.refused, Broken):
            self._door.on_broken(file.refused)
        waiting = file.upload.writer.waiting
        if file.refused is None and waiting:
            self._flush(file)
        self._hold_back(id(file), on=file.refused is None and waiting > _SEGMENTS_AHEAD)
        self._settle()

    def _close(self, request: wire.Close) -> Awaitable[None] | None:
        context = request.handle.context
        if isinstance(context, _Writing):
            return self._receive(request, context)
        if isinstance(context, _Reading):
            context.reader.close()
            if context.read_to >= context.reader.size:
                fetched = mailbox.Fetched(self._principal, context.row["id"], context.reader.size)
                return self._commit(request, fetched)
        self._ok(request)
        return None

    async def _receive(self, request: wire.Close, file: _Writing) -> None:
        """The "yes": said when the sealed bytes and the ledger's row are durable, and not before."""
        await self._written(file)
        if file.refused is not None:
            self._refuse(request, file.refused)
            await self._break_off(file)
            return
        try:
            if file.upload.writer.on_disk:
                loop = asyncio.get_running_loop()
                command = await loop.run_in_executor(self._door.threads, file.upload.finish)
            else:
                command = file.upload.finish()
            await asyncio.wrap_future(self._door.submit(command))
        except Broken as error:
            self._door.release_name(file.upload.arrival)
            self._door.on_broken(error)  # The row may be there after all: its bytes stay for the next start.
            raise
        except BaseException as error:  # Whatever it was, the upload came to nothing: forget its bytes.
            file.refused = error if isinstance(error, MFTError) else MFTError("a fault of mft itself")
            await self._break_off(file)  # Which releases the name: once, for by then it may be another's.
            raise
        self._door.release_name(file.upload.arrival)
        self._ok(request)

    async def _written(self, file: _Writing) -> None:
        """Wait until no thread works on the file."""
        while file.flushing is not None:
            await asyncio.wait([file.flushing])
            await asyncio.sleep(0)  # Its callback first: it may have begun another round.

    async def _break_off(self, file: _Writing) -> None:
        """Publish nothing; keep the fact."""
        await self._written(file)
        self._hold_back(id(file), on=False)
        self._door.release_name(file.upload.arrival)
        command = file.upload.break_off(str(file.refused) if file.refused else "the connection ended")
        try:
            await asyncio.wrap_future(self._door.submit(command))
        except MFTError:
            return  # Nobody is there to be told; a broken ledger has stopped the server.

    # The rest

    def _fsync(self, request: wire.Fsync) -> None:
        raise NotSupported("a file is on the disk when its CLOSE is answered, and not before")

    def _limits(self, request: wire.Limits) -> None:
        self._out.append(self._protocol.limits(request.request_id))

    def _statvfs(self, request: wire.Statvfs) -> None:
        space = shutil.disk_usage(self._door.vault.root)
        block = 4096
        self._out.append(
            self._protocol.statvfs(
                request.request_id,
                block_bytes=block,
                blocks=space.total // block,
                blocks_free=space.free // block,
            )
        )

    _REQUESTS: Final[Mapping[type[wire.Request], Callable[[Any, Any], Awaitable[None] | None]]] = {
        wire.Open: _open,
        wire.Close: _close,
        wire.Read: _read,
        wire.Stat: _stat,
        wire.Lstat: _stat,
        wire.Fstat: _fstat,
        wire.Setstat: _setstat,
        wire.Fsetstat: _fsetstat,
        wire.Opendir: _opendir,
        wire.Readdir: _readdir,
        wire.Remove: _remove,
        wire.Mkdir: _mkdir,
        wire.Rmdir: _rmdir,
        wire.Realpath: _realpath,
        wire.Rename: _rename,
        wire.PosixRename: _rename,
        wire.Fsync: _fsync,
        wire.Limits: _limits,
        wire.Statvfs: _statvfs,
    }


def _folder_attrs() -> Attrs:
    now = int(time.time())
    return Attrs(size=0, permissions=_FOLDER_MODE, atime=now, mtime=now)


def _attrs(row: Row) -> Attrs:
    seconds = row["received_at"] // 1_000_000
    return Attrs(size=row["size_bytes"], permissions=_FILE_MODE, atime=seconds, mtime=seconds)
