"""A watched folder while it is open, and the files in it that are claimed.

    FOLDER/name                     as somebody put it there
    FOLDER/.mft/ID/name             claimed, by a rename: nobody else can reach it; ID is its transfer's
    FOLDER/.mft/ID.done/name.done   the done file that spoke of it, claimed before it

Of a file in a sub-folder, that stands between ID and its name. What lies there after a crash tells by its ID, with the
ledger, what is left to do: a file that was received is removed, one that was not is received.

Durability: a claim is on the disk after `Ground.sync_claims`. Loss: a file below .mft is a partner's file that is not
received yet. Trust: the folder .mft is ours alone; whoever can write the watched folder can move it away, and only
harms themselves.
"""

import errno
import fcntl
import hashlib
import os
import re
import stat
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, closing, suppress
from dataclasses import dataclass
from typing import Final, Self

from mft.clock import new_id
from mft.durable import sync_names
from mft.endpoints.folder import beneath
from mft.endpoints.folder.beneath import NAME_MAX, Look, Path
from mft.endpoints.folder.trailer import SEEN_BYTES, has_trailer
from partners.watched_folder import PRIVATE, RECEIVED, WatchedFolder

DEPTH_MAX: Final = 8  # Of sub-folders.
_ID: Final = re.compile(rb"[0-9a-z]{26}")
_DONE: Final = b".done"
_UNKNOWN_SECONDS: Final = 2  # Unchanged for so long, where the kernel does not tell of writers.
_GONE: Final = {errno.ENOENT, errno.ENOTDIR}
_IN_USE: Final = {errno.EAGAIN, errno.EBUSY, errno.ETXTBSY}
_NOT_OURS: Final = {errno.EACCES, errno.EPERM, errno.ELOOP, errno.ENXIO, errno.ENODEV, errno.EXDEV}


class Unfit(Exception):
    """The folder cannot be watched as it is; the text says why."""


class NotYet(Exception):
    """A file is not taken now. Look again in so many seconds; None: when something happens to it."""

    def __init__(self, seconds: float | None = None) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Left(Exception):
    """A file is left where it is; the text says why."""


@dataclass(slots=True)
class Claim:
    """A file that is ours, and open. `look` is what it was when it had become so."""

    id: str
    look: Look
    fd: int
    done: bytes | None

    @property
    def place(self) -> Path:
        return (self.id.encode(), *self.look.folder)

    def untouched(self) -> bool:
        """Whether nobody has done anything to it since."""
        return beneath.look_into(self.fd, self.look.folder, self.look.name) == self.look

    def is_written(self) -> bool:
        """Whether somebody may still write to it, as far as the kernel tells."""
        return beneath.is_written(self.fd) is True

    def close(self) -> None:
        os.close(self.fd)


class Ground:
    """A watched folder, open for the time of one round, with our private folder in it, for us alone."""

    def __init__(self, folder: WatchedFolder, known: tuple[int, int] | None = None) -> None:
        """`known` is the folder's identity when it was seen last.

        Raises:
            OSError, Unfit: there is no such folder, or we cannot work in it.
        """
        self.spec = folder
        with ExitStack() as opened:
            self.root = self._keep(opened, beneath.open_folder(folder.path))
            self.identity = self._identity(self.root)
            if known is not None and known[0] != self.identity[0] and not beneath.exists(self.root, PRIVATE):
                raise Unfit("another file system lies there: is the right one mounted?")
            self.private = self._keep(opened, self._open_private())
            self.archive, self.archived = -1, None
            if folder.archive is not None:
                try:
                    self.archive = self._keep(opened, beneath.open_folder(folder.archive))
                except OSError as error:
                    raise Unfit(f"the archive cannot be opened: {os.strerror(error.errno or 0).lower()}") from None
                self.archived = self._identity(self.archive)
                if self.archived[0] != self.identity[0]:
                    raise Unfit("the archive lies on another file system: files could not be moved there")
            try:
                fcntl.flock(self.private, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Unfit("another mft takes files from it") from None
            os.utime(self.private)
            self.now = os.fstat(self.private).st_ctime_ns  # The clock of the file system, which may be another host's.
            self._opened = opened.pop_all()

    def _keep(self, opened: ExitStack, fd: int) -> int:
        opened.callback(os.close, fd)
        return fd

    def _identity(self, fd: int) -> tuple[int, int]:
        found = os.fstat(fd)
        return found.st_dev, found.st_ino

    def _open_private(self) -> int:
        fd = beneath.open_below(self.root, (PRIVATE,), make=True)
        try:
            sync_names(self.root)
            found = os.fstat(fd)
            if found.st_dev != self.identity[0]:
                raise Unfit("its folder .mft lies on another file system")
            if found.st_uid != os.geteuid():
                raise Unfit("its folder .mft belongs to somebody else: remove it")
            if stat.S_IMODE(found.st_mode) & 0o077:
                os.fchmod(fd, 0o700)
        except BaseException:
            os.close(fd)
            raise
        return fd

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._opened.close()

    # Claiming

    def claim(self, look: Look, *, age_seconds: float) -> Claim:
        """Make a file ours, if what was agreed as evidence of its being whole is there.

        Raises:
            NotYet: it is not, or somebody writes to the file.
            Left: it cannot be taken as long as it is what it is.
            OSError: of the folder as a whole.
        """
        try:
            folder = beneath.open_below(self.root, look.folder)
        except OSError as error:
            raise self._of_one_file(error) from None
        try:
            fd = beneath.open_file(folder, look.name)
        except OSError as error:
            os.close(folder)
            raise self._of_one_file(error) from None
        try:
            self._check(fd, look, age_seconds)
            return self._move_in(fd, folder, look)
        except BaseException as error:
            os.close(fd)
            if isinstance(error, OSError):
                raise self._of_one_file(error) from None
            raise
        finally:
            os.close(folder)

    def _of_one_file(self, error: OSError) -> Exception:
        """What an error says of one file alone; the error itself where it is of the folder."""
        if error.errno in _GONE | _IN_USE:
            return NotYet()
        if error.errno in _NOT_OURS:
            return Left(os.strerror(error.errno).lower())
        return error

    def _check(self, fd: int, look: Look, age_seconds: float) -> None:
        """Raises NotYet."""
        if not beneath.look_into(fd, look.folder, look.name).same(look):
            raise NotYet
        written = beneath.is_written(fd)
        if written:
            raise NotYet
        needed = float(self.spec.stable_seconds)
        if self.spec.take == "trailer":
            tail = os.pread(fd, SEEN_BYTES, max(0, look.size - SEEN_BYTES))
            has = has_trailer(os.pread(fd, SEEN_BYTES, 0), tail)
            if has is False:
                raise NotYet
            needed = 0.0 if has else needed
        elif self.spec.take != "stable":
            needed = 0.0
        if written is None and self.spec.take in {"stable", "trailer"}:
            needed = max(needed, _UNKNOWN_SECONDS)
        if age_seconds < needed:
            raise NotYet(needed - age_seconds)

    def _move_in(self, fd: int, folder: int, look: Look) -> Claim:
        claim = Claim(new_id(), look, fd, None)
        if self.spec.take == "done-file":
            claim.done = self.spec.done_of(look.name)
            self._hide(claim.id.encode() + _DONE, folder, look.folder, claim.done)
        try:
            self._hide(claim.id.encode(), folder, look.folder, look.name)
        except OSError:
            self._clear(claim)
            raise
        hidden = beneath.open_below(self.private, claim.place)
        try:
            moved = beneath.look_at(hidden, look.folder, look.name)
        finally:
            os.close(hidden)
        claim.look = beneath.look_into(fd, look.folder, look.name)
        ours = moved.identity == claim.look.identity and moved.is_plain and claim.look.same(look)
        if not ours or beneath.is_written(fd):
            self.put_back(claim.id, look.folder, look.name)
            raise NotYet
        return claim

    def _hide(self, place: bytes, folder: int, path: Path, name: bytes) -> None:
        hidden = beneath.open_below(self.private, (place, *path), make=True)
        try:
            beneath.move(folder, name, hidden, name)
        except BaseException:
            os.close(hidden)
            hidden = -1
            beneath.remove_chain(self.private, (place, *path))
            raise
        finally:
            if hidden >= 0:
                os.close(hidden)

    def sync_claims(self, claims: Iterable[Claim]) -> None:
        """Put claims on the disk: where they lie, and that they are gone from where they lay."""
        sources: set[Path] = set()
        for claim in claims:
            beneath.sync_chain(self.private, claim.place)
            if claim.done is not None:
                beneath.sync_chain(self.private, (claim.id.encode() + _DONE, *claim.look.folder))
            sources.add(claim.look.folder)
        sync_names(self.private)
        self._sync_folders(self.root, sources)

    def _sync_folders(self, root: int, folders: Iterable[Path]) -> None:
        for path in folders:
            with suppress(FileNotFoundError):
                fd = beneath.open_below(root, path)
                try:
                    sync_names(fd)
                finally:
                    os.close(fd)

    # Giving up

    def put_back(self, claim_id: str, folder: Path, name: bytes) -> bool:
        """Have what lies in a claim lie where it was. False: another file has that name by now; it stays claimed."""
        if not self._put_back(claim_id.encode(), folder, name):
            return False
        self._put_back_done(claim_id.encode())
        return True

    def _put_back(self, place: bytes, folder: Path, name: bytes) -> bool:
        hidden = beneath.open_below(self.private, (place, *folder))
        try:
            back = beneath.open_below(self.root, folder, make=True)
            try:
                beneath.move(hidden, name, back, name)
            except FileExistsError:
                return False
            finally:
                os.close(back)
        finally:
            os.close(hidden)
        beneath.remove_chain(self.private, (place, *folder))
        return True

    def _put_back_done(self, place: bytes) -> None:
        done = self._inside((place + _DONE,))
        if done is None:
            self._remove_empty((place + _DONE,))
        else:
            self._put_back(place + _DONE, done[0][1:], done[1])

    def _clear(self, claim: Claim) -> None:
        beneath.remove_chain(self.private, claim.place)
        self._put_back_done(claim.id.encode())

    # What was received

    def finish(self, claim: Claim, sha256: bytes, *, seen: bool) -> None:
        """Do with a file that was received what was agreed; one with other content by now goes back, to come again.

        `seen` says that `claim.look` is what it was when its bytes were read.
        """
        if claim.is_written():
            return  # Nobody should be able to. It is settled when they are done.
        if not (seen and claim.untouched()) and sha256_of(claim) != sha256:
            self.put_back(claim.id, claim.look.folder, claim.look.name)
            return
        hidden = beneath.open_below(self.private, claim.place)
        try:
            self._end(hidden, claim.look.folder, claim.look.name)
        finally:
            os.close(hidden)
        self.forget(claim.id)

    def forget(self, claim_id: str) -> None:
        """Remove the done file of a claim whose file is gone, and the claim."""
        place = claim_id.encode()
        done = self._inside((place + _DONE,))
        if done is not None:
            hidden = beneath.open_below(self.private, done[0])
            try:
                if self.spec.then == "archive":
                    self._archive(hidden, done[0][1:], done[1])
                else:
                    os.unlink(done[1], dir_fd=hidden)
            finally:
                os.close(hidden)
        for path in ((place + _DONE,), (place,)):
            self._remove_empty(path)

    def _remove_empty(self, path: Path) -> None:
        """Remove a folder and those in it, which hold no file."""
        with suppress(FileNotFoundError):
            fd = beneath.open_below(self.private, path)
            try:
                with closing(beneath.names_in(fd)) as names:
                    below = next(names, None)
            finally:
                os.close(fd)
            if below is not None and len(path) <= DEPTH_MAX:
                self._remove_empty((*path, below))
            beneath.remove_chain(self.private, path)

    def _end(self, hidden: int, folder: Path, name: bytes) -> None:
        if self.spec.then == "delete":
            os.unlink(name, dir_fd=hidden)
        elif self.spec.then == "archive":
            self._archive(hidden, folder, name)
        else:
            back = beneath.open_below(self.root, folder, make=True)
            try:
                _move_as(hidden, name, back, lambda turn: marked(name, turn))
            finally:
                os.close(back)

    def _archive(self, hidden: int, folder: Path, name: bytes) -> None:
        day = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime()).encode()
        kept = beneath.open_below(self.archive, folder, make=True)
        try:
            _move_as(hidden, name, kept, lambda turn: dated(day, name, turn))
        finally:
            os.close(kept)

    def sync_ends(self, folders: Iterable[Path]) -> None:
        """Put on the disk what `finish` has done with files of these folders."""
        sync_names(self.private)
        if self.spec.then != "delete":
            self._sync_folders(self.archive if self.spec.then == "archive" else self.root, set(folders))

    # After a crash

    def left_behind(self) -> Iterator[str]:
        """Ids of claims that lie there, a snapshot of some, oldest first."""
        found = set()
        for name in beneath.names_in(self.private):
            place = name.removesuffix(_DONE)
            if _ID.fullmatch(place):
                found.add(place.decode())
        yield from sorted(found)

    def file_of(self, claim_id: str) -> Look | None:
        """What lies in a claim; None: nothing, or nothing any more."""
        found = self._inside((claim_id.encode(),))
        if found is None:
            self._remove_empty((claim_id.encode(),))
            return None
        (_, *folder), name = found
        hidden = beneath.open_below(self.private, found[0])
        try:
            return beneath.look_at(hidden, tuple(folder), name)
        finally:
            os.close(hidden)

    def _inside(self, path: Path) -> tuple[Path, bytes] | None:
        """The one thing in a folder of ours that is no folder, or in those below it."""
        if len(path) > DEPTH_MAX + 2:
            return None
        try:
            fd = beneath.open_below(self.private, path)
        except FileNotFoundError:
            return None
        try:
            with closing(beneath.names_in(fd)) as names:
                for name in names:
                    if not stat.S_ISDIR(beneath.look_at(fd, (), name).mode):
                        return path, name
                    below = self._inside((*path, name))
                    if below is not None:
                        return below
        finally:
            os.close(fd)
        return None

    def reopen(self, claim_id: str, look: Look) -> Claim | None:
        """A claim of before, open again. None: it is nothing that can be received."""
        if not look.is_plain:
            return None
        hidden = beneath.open_below(self.private, (claim_id.encode(), *look.folder))
        try:
            fd = beneath.open_file(hidden, look.name)
        finally:
            os.close(hidden)
        done = self._inside((claim_id.encode() + _DONE,))
        return Claim(claim_id, look, fd, done[1] if done else None)

    def call(self, claim_id: str, new: str) -> None:
        """Give a claim another id, its done file first: a crash in between finds one of both, and puts it back."""
        for suffix in (_DONE, b""):
            with suppress(FileNotFoundError):
                beneath.move(self.private, claim_id.encode() + suffix, self.private, new.encode() + suffix)

    def put_back_done(self, claim_id: str) -> None:
        """Have a done file lie where it was whose own file was never claimed."""
        self._put_back_done(claim_id.encode())


def sha256_of(claim: Claim) -> bytes:
    digest, offset = hashlib.sha256(), 0
    while chunk := os.pread(claim.fd, 1 << 20, offset):
        digest.update(chunk)
        offset += len(chunk)
    return digest.digest()


def _move_as(at: int, name: bytes, to: int, new_name: Callable[[int], bytes]) -> None:
    turn = 1
    while True:
        try:
            beneath.move(at, name, to, new_name(turn))
        except FileExistsError:
            turn += 1
        else:
            return


def marked(name: bytes, turn: int = 1) -> bytes:
    """What a received file that stays is called: `a.edi.received`, `a.edi.2.received`."""
    behind = (b".%d" % turn if turn > 1 else b"") + RECEIVED
    return name[: NAME_MAX - len(behind)] + behind


def dated(day: bytes, name: bytes, turn: int = 1) -> bytes:
    """What a received file is called in an archive: `20260301T093000Z-a.edi`, `20260301T093000Z-2-a.edi`."""
    before = day + (b"-%d-" % turn if turn > 1 else b"-")
    return before + name[-(NAME_MAX - len(before)) :]
