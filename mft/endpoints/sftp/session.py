"""One SFTP session: requests in, answers out."""

import asyncio
import shutil
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import asyncssh

from mft.clock import now_us
from mft.core import Command
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
from mft.ledger.database import Row
from mft.pipeline import mailbox
from mft.pipeline.receive import Upload
from mft.vault.store import ObjectReader
from mft.wire import sftp as wire
from mft.wire.sftp import Attrs, HandleKind, OpenFlag, Status

if TYPE_CHECKING:
    from mft.endpoints.sftp.door import SftpDoor

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

_SEGMENTS_AHEAD: Final = 4  # Full segments that may wait for the disk before we stop reading.
_REQUESTS_AHEAD: Final = 256  # Requests that may wait for their turn before we stop reading.
_FOLDER_MODE: Final = 0o040755
_FILE_MODE: Final = 0o100644
_ROOT: Final = b"/"


def status_of(error: MFTError) -> Status:
    """The status code of an error: its own kind's, else the nearest kind above it."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


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


class Session(asyncssh.SSHServerSession[bytes]):
    """One SFTP session: requests in, answers out."""

    def __init__(self, door: "SftpDoor", principal: Principal, source: str, client: str) -> None:
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
