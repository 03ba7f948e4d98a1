"""One SFTP session: requests in, answers out."""

import asyncio
import shutil
import socket
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

import asyncssh

from mft.clock import now_us
from mft.core import Command
from mft.domain import FOLDERS, INBOUND, TENANT, Arrival, Principal, SealedObject
from mft.endpoints.sftp.writing import Writing
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
    NotWhole,
    ProtocolViolation,
    Refused,
)
from mft.ledger import mailboxes
from mft.ledger.database import Row
from mft.ledger.objects import sealed_object
from mft.pipeline import mailbox
from mft.pipeline.receive import Heard, Resume
from mft.pipeline.upload import PIECES_MAX, Onto, Upload
from mft.vault.store import Reader
from mft.wire import sftp as wire
from mft.wire.sftp import Attrs, HandleKind, OpenFlag, Status
from partners.connection import KeptAs
from partners.uploads import Uploads

if TYPE_CHECKING:
    from mft.endpoints.sftp.door import SftpDoor

T = TypeVar("T")

STATUS: Final[Mapping[type[MFTError], Status]] = {
    NotSupported: Status.OP_UNSUPPORTED,
    Refused: Status.PERMISSION_DENIED,
    Malformed: Status.BAD_MESSAGE,
    NotWhole: Status.FAILURE,
    Duplicate: Status.FAILURE,
    Missing: Status.NO_SUCH_FILE,
    Busy: Status.FAILURE,
    Broken: Status.FAILURE,
    MFTError: Status.FAILURE,
}

_REQUESTS_AHEAD: Final = 256  # Requests that may wait for their turn before we stop reading.
_HEARD_SECONDS: Final = 1.0  # So long a commit may come by that takes them along.
_FOLDERS_MAX: Final = 1000  # That one partner may make.
_FOLDER_MODE: Final = 0o040755
_FILE_MODE: Final = 0o100644
_ROOT: Final = b"/"


def status_of(error: MFTError) -> Status:
    """The status code of an error: its own kind's, else the nearest kind above it."""
    return next(STATUS[kind] for kind in type(error).__mro__ if kind in STATUS)


@dataclass(slots=True)
class _Reading:
    row: Row
    reader: Reader
    read_to: int = 0


@dataclass(slots=True)
class _Listing:
    """What is still to be told: names at hand, then the files of a folder behind `after`."""

    names: list[wire.Name]
    folder: bytes | None
    after: bytes = b""


class Session(asyncssh.SSHServerSession[bytes]):
    """One SFTP session: requests in, answers out."""

    def __init__(
        self, door: "SftpDoor", principal: Principal, source: str, client: str, disconnect: Callable[[str], None]
    ) -> None:
        self._door = door
        self.disconnect = disconnect  # The whole connection, with a reason.
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
        self.parting = False  # We end it.
        self._started_at = now_us()
        self.active_at = time.monotonic()
        self._unheard: list[str] = []  # Transfers whose yes we have sent, and nothing came back since.
        self._heard: list[str] = []  # Those that the ledger should know of; the next commit takes them along.

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
        self.active_at = time.monotonic()
        self._listen()
        try:
            for event in self._protocol.receive(data):
                if isinstance(event, wire.Write):
                    self._write(event)
                elif isinstance(event, wire.Fsetstat):
                    self._fsetstat(event)  # In its place among the WRITEs, which do not wait either.
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
        if not self._out:
            self._ask_for_more()
        self._send()
        self._settle()

    def _ask_for_more(self) -> None:
        """Have TCP acknowledge at once: a client with Nagle's algorithm on holds the rest of a request back till then.

        Otherwise it waits 40 ms for each WRITE that it does not send in one piece (RFC 1122 section 4.2.3.2).
        """
        link = self._channel.get_extra_info("socket")
        if link is not None and not self._gone:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def eof_received(self) -> bool:
        self._listen()
        self._ended = True
        self._part()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self._gone = True
        if self._paused:  # What was received while we did not read counts too.
            self._paused = False
            self._channel.resume_reading()
        if exc is None and not self.parting:  # They left in order.
            self._listen()
        self._tell_heard()
        for handle in self._protocol.handles:
            self._protocol.close_handle(handle)
            if isinstance(handle.context, Writing):
                self._door.spawn(handle.context.break_off())
            elif isinstance(handle.context, _Reading):
                self._end_reading(handle.context)
        # A CLOSE that was received counts, though its turn has not come yet.
        self._waiting = deque(request for request in self._waiting if isinstance(request, wire.Close))
        self._can_write = True
        self._proceed()

    @property
    def gone(self) -> bool:
        return self._gone

    @property
    def at_work(self) -> bool:
        """Whether it is us that the client waits for; not so if it does not read what we have answered."""
        return self._busy or (bool(self._waiting) and self._can_write) or bool(self._holds_back - {"queue", "answers"})

    def shares_connection(self, other: "Session") -> bool:
        return self.disconnect == other.disconnect

    def _listen(self) -> None:
        """The client has said something: our answers before it were heard."""
        if self._unheard:
            self._note_heard(self._unheard)
            self._unheard = []

    def _note_heard(self, transfers_heard: Iterable[str]) -> None:
        if not self._heard:
            asyncio.get_running_loop().call_later(_HEARD_SECONDS, self._tell_heard)
        self._heard += transfers_heard

    def _tell_heard(self) -> None:
        if self._heard:
            self._door.submit(Heard(self._take_heard()))

    def _take_heard(self) -> tuple[str, ...]:
        heard, self._heard = tuple(self._heard), []
        return heard

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
            except Exception:  # noqa: BLE001  A disk that cannot be read: others go on.
                self._refuse(request, MFTError("a fault of mft itself"))
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

    @property
    def _rules(self) -> Uploads:
        return self._door.rules(self._principal)

    def _folders(self) -> list[bytes]:
        of_profile = self._door.folders(self._principal)
        return mailbox.folders(self._door.readers.get(), self._principal.connection, of_profile)

    def _is_folder(self, path: bytes) -> bool:
        return path == _ROOT or path in FOLDERS or path in self._folders()

    def _file(self, path: bytes) -> tuple[bytes, bytes]:
        """Folder and name of a path that can be a file. Raises Missing: there is no such folder."""
        folder, _, name = self._absolute(path).rpartition(b"/")
        if folder not in FOLDERS and folder not in self._folders():
            raise Missing("no such folder: there are /inbound, /outbound and /errors, and what `ls /inbound` shows")
        return folder, name

    def _publishes(self, folder: bytes, name: bytes) -> bool:
        """Whether a file that is closed there, or renamed to that, is received with it."""
        rules = self._rules
        return not (rules.is_temporary(name) or rules.is_staging(folder[len(INBOUND) + 1 :]))

    def _kept_as(self, folder: bytes, name: bytes) -> KeptAs:
        """What is agreed of a file: a temporary name counts as the one that it is going to be."""
        connection = self._door.connection(self._principal)
        return connection.kept_as(folder, connection.uploads.final_name(name)) if connection else KeptAs()

    def _entry(self, path: bytes) -> Row:
        folder, name = self._file(path)
        return mailbox.entry(self._door.readers.get(), self._principal.connection, folder, name, since=self._since())

    def _realpath(self, request: wire.Realpath) -> None:
        path = self._absolute(request.path)
        self._out.append(self._protocol.names(request.request_id, [wire.Name(path, path)]))

    def _stat(self, request: wire.Stat | wire.Lstat) -> None:
        path = self._absolute(request.path)
        attrs = _folder_attrs() if self._is_folder(path) else _attrs(self._entry(path))
        self._out.append(self._protocol.attrs(request.request_id, attrs))

    def _fstat(self, request: wire.Fstat) -> None:
        context = request.handle.context
        if isinstance(context, Writing):
            attrs = Attrs(size=context.upload.size, permissions=_FILE_MODE)
        elif isinstance(context, _Reading):
            attrs = _attrs(context.row)
        else:
            attrs = _folder_attrs()
        self._out.append(self._protocol.attrs(request.request_id, attrs))

    def _setstat(self, request: wire.Setstat) -> Awaitable[None] | None:
        path = self._absolute(request.path)
        if self._is_folder(path):
            self._ok(request)
            return None
        folder, name = self._file(path)
        self._entry(path)
        if request.attrs.size is not None:
            raise NotSupported("a file that is closed is not cut or stretched: upload it again")
        if request.attrs.mtime is None:
            self._ok(request)  # Modes and owners are accepted and mean nothing here.
            return None
        moment = request.attrs.mtime * 1_000_000
        return self._commit(request, mailbox.SetModified(self._principal, folder, name, self._since(), moment))

    def _fsetstat(self, request: wire.Fsetstat) -> None:
        context, attrs = request.handle.context, request.attrs
        if isinstance(context, Writing):
            if attrs.mtime is not None:
                context.upload.modified_at = attrs.mtime * 1_000_000
            if attrs.size is not None:
                context.truncate(attrs.size)
            if context.refused is not None:
                self._refuse(request, context.refused)
                return
        self._ok(request)

    def _opendir(self, request: wire.Opendir) -> None:
        path = self._absolute(request.path)
        if not self._is_folder(path):
            raise Missing("no such folder: there are /inbound, /outbound and /errors, and what `ls /inbound` shows")
        inside = b"/" if path == _ROOT else path + b"/"
        below = [folder[len(inside) :] for folder in self._folders() if folder.startswith(inside)]
        above = [b".", b"..", *(name for name in below if b"/" not in name)]
        names = [self._name(name, _folder_attrs()) for name in above]
        listing = _Listing(names, None if path == _ROOT else path)
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

    def _mkdir(self, request: wire.Mkdir) -> Awaitable[None]:
        path = self._absolute(request.path)
        if self._is_folder(path):
            raise NameTaken("the folder is there already")
        self._may_make_folders()
        above, _, name = path.rpartition(b"/")
        if not above.startswith(INBOUND) or above not in self._folders():
            raise Missing("no such folder to make one in: folders go below /inbound")
        if mailboxes.named(self._door.readers.get(), self._principal.connection, above, name, since=self._since()):
            raise NameTaken("a file of that name is there already")
        self._door.check_free(self._principal, above, name)
        if len(self._folders()) >= _FOLDERS_MAX:
            raise NotAllowed(f"there are {_FOLDERS_MAX} folders already: remove some first")
        return self._commit(request, mailbox.MakeFolder(self._principal, path))

    def _rmdir(self, request: wire.Rmdir) -> Awaitable[None]:
        path = self._absolute(request.path)
        if not self._is_folder(path):
            raise Missing("no such folder")
        self._may_make_folders()
        if self._door.is_written_in(self._principal, path):
            raise NotAllowed("the folder is not empty")
        return self._commit(request, mailbox.RemoveFolder(self._principal, path, self._since()))

    def _may_make_folders(self) -> None:
        if not self._rules.make_folders:
            raise NotAllowed("folders are made in your profile, not here: put files into /inbound")

    def _remove(self, request: wire.Remove) -> Awaitable[None]:
        folder, name = self._file(request.path)
        self._door.check_free(self._principal, folder, name)
        return self._commit(request, mailbox.Remove(self._principal, folder, name, self._since()))

    def _rename(self, request: wire.Rename | wire.PosixRename) -> Awaitable[None]:
        for path in (request.old, request.new):
            if self._is_folder(self._absolute(path)):
                raise NotAllowed("folders are not renamed, and no file takes the place of one")
        folder, name = self._file(request.old)
        new_folder, new_name = self._file(request.new)
        self._door.check_free(self._principal, folder, name)
        self._door.check_free(self._principal, new_folder, new_name)
        kept = self._kept_as(new_folder, new_name)
        command = mailbox.Rename(
            self._principal,
            folder,
            name,
            new_folder,
            new_name,
            self._since(),
            feed=kept.feed,
            retention=kept.retention,
            in_order=kept.in_order,
            replace=isinstance(request, wire.PosixRename),
            publish=self._publishes(new_folder, new_name),
            repeat_since=self._door.repeat_since(),
            heard=self._take_heard(),
        )
        return self._renamed(request, command)

    async def _renamed(self, request: wire.Request, command: mailbox.Rename) -> None:
        try:
            published = await asyncio.wrap_future(self._door.submit(command))
        except MFTError:
            self._note_heard(command.heard)
            raise
        if published is not None:
            self._unheard.append(published)
        self._ok(request)

    async def _commit(self, request: wire.Request, command: Command) -> None:
        await asyncio.wrap_future(self._door.submit(command))
        self._ok(request)

    # Files out

    def _open(self, request: wire.Open) -> Awaitable[None] | None:
        path = self._absolute(request.path)
        if self._is_folder(path):
            raise NotAllowed("that is a folder")
        folder, name = self._file(path)
        if request.kind is HandleKind.READING:
            return self._open_reading(request, folder, name)
        leaving = self._door.leaving(self._principal, folder, name, asks=self)
        return self._open_writing(request, folder, name, leaving)

    def _open_reading(self, request: wire.Open, folder: bytes, name: bytes) -> Awaitable[None] | None:
        row, sealed = mailbox.content(
            self._door.readers.get(), self._principal.connection, folder, name, since=self._since()
        )
        self._door.begin_reading(self._principal)
        if self._door.opens_by_core:
            return self._open_in_thread(request, row, sealed)
        try:
            reader = self._door.vault.open(sealed)
        except BaseException:
            self._door.end_reading(self._principal)
            raise
        self._opened(request, row, reader)
        return None

    async def _open_in_thread(self, request: wire.Open, row: Row, sealed: SealedObject) -> None:
        try:
            reader = await self._door.in_thread(self._principal, lambda: self._door.vault.open(sealed))
        except BaseException:
            self._door.end_reading(self._principal)
            raise
        self._opened(request, row, reader)

    def _opened(self, request: wire.Open, row: Row, reader: Reader) -> None:
        reading = _Reading(row, reader)
        try:
            if self._gone:
                raise Busy("the connection has ended")
            handle = self._protocol.open_handle(HandleKind.READING, reading)
        except Busy:
            self._end_reading(reading)
            raise
        self._out.append(self._protocol.handle(request.request_id, handle))

    def _end_reading(self, reading: _Reading) -> None:
        reading.reader.close()
        self._door.end_reading(self._principal)

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

    async def _open_writing(
        self, request: wire.Open, folder: bytes, name: bytes, leaving: asyncio.Future[None] | None
    ) -> None:
        door, rules = self._door, self._rules
        if not folder.startswith(INBOUND):
            raise NotAllowed(f"{folder.decode()} is for downloads: put files into /inbound")
        if leaving is not None:  # What its last writer wrote is being put in order.
            await asyncio.wait([leaving])
        if door.draining:
            raise Busy("the server is stopping: try again later")
        if self._gone:
            raise Busy("the connection has ended")
        if not door.welcome(self._principal):
            raise NotAllowed("access was withdrawn")
        feed, retention, in_order = self._kept_as(folder, name)
        arrival = Arrival(self._principal, "sftp", *self._origin, folder, name, feed, retention, in_order)
        door.take_name(arrival, self)
        try:
            await door.hold_name(arrival)
            row = mailboxes.named(door.readers.get(), self._principal.connection, folder, name, since=self._since())
            if row is not None and request.flags & OpenFlag.EXCL:
                raise NameTaken("a file of that name is there already")
            if row is None and not request.flags & OpenFlag.CREAT:
                raise Missing("no such file")
            onto, only_from_start = self._resumes(row, request.flags, may=rules.resume)
            if onto is not None:
                await asyncio.wrap_future(door.submit(Resume(onto.transfer, onto.sealed.id)))
            upload = Upload(
                door.vault,
                TENANT,
                arrival,
                onto=onto,
                append=bool(request.flags & OpenFlag.APPEND),
                only_from_start=only_from_start,
                bytes_max=rules.file_gib_max << 30,
            )
            if request.attrs.size is not None and request.attrs.size > upload.size:
                upload.truncate(request.attrs.size)  # It says how long the file is going to be.
            file = Writing(door, self._principal, upload, door.intake(self._principal), self._on_behind)
            if self._gone:
                raise Busy("the connection has ended")
            handle = self._protocol.open_handle(HandleKind.WRITING, file)
        except BaseException:
            door.release_name(arrival)
            raise
        self._out.append(self._protocol.handle(request.request_id, handle))

    def _resumes(self, row: Row | None, flags: OpenFlag, *, may: bool) -> tuple[Onto | None, str | None]:
        """What an upload goes on with; or why its first bytes must be those at its beginning."""
        if row is None or flags & OpenFlag.TRUNC:
            return None, None
        closed = "the file was received, and nothing is added to it: upload the whole file again"
        switched_off = "resuming is switched off in your profile: upload the whole file again"
        lost = "of what was there of this upload nothing can be resumed: upload the whole file again"
        published = not (mailbox.is_partial(row) or mailbox.is_parked(row))
        why = closed if published else lost if mailbox.is_lost(row) else None if may else switched_off
        if why is not None:
            if flags & OpenFlag.APPEND or not flags & OpenFlag.CREAT:
                raise NotSupported(why)
            return None, why
        sealed = sealed_object(self._door.readers.get(), row["object_id"])
        if len(sealed.before) + 1 >= PIECES_MAX:
            raise NotSupported("the upload was resumed too often: upload the whole file again")
        return Onto(row["id"], sealed), None

    def _write(self, event: wire.Write) -> None:
        file: Writing = event.handle.context
        file.write(event.offset, event.data)
        if not event.more:
            if file.refused is None:
                self._ok(event)
            else:
                self._refuse(event, file.refused)

    def _on_behind(self, file: Writing) -> None:
        """The disk is behind with a file, or has caught up."""
        self._hold_back(file, on=file.is_behind)
        self._settle()

    def _close(self, request: wire.Close) -> Awaitable[None] | None:
        context = request.handle.context
        if isinstance(context, Writing):
            return self._receive(request, context)
        if isinstance(context, _Reading):
            self._end_reading(context)
            if context.read_to >= context.reader.size:
                fetched = mailbox.Fetched(self._principal, context.row["id"], context.reader.size)
                return self._commit(request, fetched)
        self._ok(request)
        return None

    async def _receive(self, request: wire.Close, file: Writing) -> None:
        """The "yes": said when the sealed bytes and the ledger's row are durable, and not before."""
        arrival, heard = file.upload.arrival, self._take_heard()
        publish = self._publishes(arrival.folder, arrival.name)
        try:
            transfer = await file.receive(publish=publish, repeat_since=self._door.repeat_since(), heard=heard)
        except BaseException:
            self._note_heard(heard)
            raise
        finally:
            self._hold_back(file, on=False)
        if publish:
            self._unheard.append(transfer)
        self._ok(request)

    # The rest

    async def _put_on_disk(self, request: wire.Fsync) -> None:
        file: Writing = request.handle.context
        await file.put_on_disk()
        self._ok(request)

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
        wire.Opendir: _opendir,
        wire.Readdir: _readdir,
        wire.Remove: _remove,
        wire.Mkdir: _mkdir,
        wire.Rmdir: _rmdir,
        wire.Realpath: _realpath,
        wire.Rename: _rename,
        wire.PosixRename: _rename,
        wire.Fsync: _put_on_disk,
        wire.Limits: _limits,
        wire.Statvfs: _statvfs,
    }


def _folder_attrs() -> Attrs:
    now = int(time.time())
    return Attrs(size=0, permissions=_FOLDER_MODE, atime=now, mtime=now)


def _attrs(row: Row) -> Attrs:
    seconds = (row["received_at"] if row["modified_at"] is None else row["modified_at"]) // 1_000_000
    return Attrs(size=row["size_bytes"], permissions=_FILE_MODE, atime=seconds, mtime=seconds)
