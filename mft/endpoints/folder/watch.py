"""One watched folder: what lies in it, when it is taken, and how it becomes a transfer.

A round looks at everything, in bounded batches, oldest first; an event only says that a round is worth while, so none
that is lost loses a file. A file goes through the same steps always, and a crash between two of them is made good by
the beginning of the next round:

    claimed by a rename → the claim is on the disk → read and sealed → unchanged? → the commit → removed → heard
"""

import os
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass
from heapq import nsmallest
from shutil import disk_usage
from typing import Any, Final

import msgspec

from mft.clock import new_id
from mft.core import Command, Note
from mft.domain import TENANT, Arrival, Principal, printable
from mft.endpoints.folder import beneath
from mft.endpoints.folder.beneath import Look, Path
from mft.endpoints.folder.claims import DEPTH_MAX, Claim, Ground, Left, NotYet, Unfit
from mft.errors import Broken, Busy, MFTError, Missing
from mft.ledger.database import Readers, Row
from mft.ledger.transfers import transfer_row
from mft.pipeline.receive import Heard, Receive
from mft.pipeline.upload import Upload
from mft.threads import watched
from mft.vault.store import Vault
from partners.load import Directory, Profile
from partners.uploads import Uploads
from partners.watched_folder import PRIVATE, RECEIVED, WatchedFolder

SEEN_MAX: Final = 2048  # Names that are held at once,
CLAIMS_MAX: Final = 32  # files that are under way,
CLAIMS_BYTES_MAX: Final = 64 << 20  # and bytes of these, unless a single one has more.
_PUT_OFF_MAX: Final = 20_000  # Names that one round found not to be whole.
_TOLD_MAX: Final = 1000  # Names that were told of.
_UNSURE_SECONDS: Final = 5.0  # A hard link may be a file that is just being published.
_TRAILER_SECONDS: Final = 600.0  # Unchanged for so long, a file without its trailer is told of.
_NO_REPEAT: Final = 1 << 62  # Whoever writes to a folder repeats nothing: what was received is gone from it.
_PAUSE_SECONDS: Final = 0.05

Key = tuple[Path, bytes]


@dataclass(frozen=True, slots=True)
class House:
    """What a watch needs of the server."""

    vault: Vault
    readers: Readers
    submit: Callable[[Command], Future[Any]]
    directory: Callable[[], Directory]
    on_broken: Callable[[Broken], None]
    free_bytes_min: int


class Stopped(Exception):
    """The watch was asked to stop, or its partner file is gone."""


@dataclass(frozen=True, slots=True)
class _Sealed:
    claim: Claim
    upload: Upload
    receive: Receive


class Watch:
    """A thread that takes files out of one folder.

    Error handling: what is wrong with the folder is told once, as a leaf, and tried again; a full disk of ours, or a
    busy core, too. A disk of ours that fails ends the service.
    """

    def __init__(self, house: House, connection: str, spec: WatchedFolder, on_seen: Callable[[], None]) -> None:
        """`on_seen` is called, in the watch's thread, when the folder is there and was not before."""
        self.spec = spec
        self._house = house
        self._connection = connection
        self._on_seen = on_seen
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._thread = watched(f"folder {spec.name}", self._run, house.on_broken)
        self._known: tuple[int, int] | None = None  # Device and inode of the folder, when it was seen last.
        self._seen = False
        self._trouble: str | None = None
        self._told: OrderedDict[Key, tuple[int, int]] = OrderedDict()
        self._future: OrderedDict[Key, tuple[Look, float]] = OrderedDict()  # Files that are younger than now.
        self._put_off: dict[Key, Look | None] = {}  # In this round: as they are, or None: however they are.
        self._next = 0.0

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Something has happened in the folder."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the system call in hand; what is claimed by then waits for the next start."""
        self._stop.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            self._wake.clear()
            seconds = self.round()
            # Not more than half of the time is spent looking, however much happens.
            self._stop.wait(max(_PAUSE_SECONDS, min(1.0, time.monotonic() - began)))
            self._wake.wait(seconds)

    def round(self) -> float:
        """Look once at everything, and take what is whole. Returns in how many seconds to look again at the latest."""
        self._next = float(self.spec.poll_seconds)
        try:
            with Ground(self.spec, self._known) as ground:
                self._recognise(ground)
                if disk_usage(self._house.vault.root).free < self._house.free_bytes_min:
                    raise Busy("the server's disk is nearly full")
                self._take_up(ground)
                self._take(ground)
                self._well()
        except Stopped:
            pass
        except Unfit as error:
            self._lost(str(error))
        except OSError as error:
            self._lost(os.strerror(error.errno or 0).lower())
        except Broken:
            raise
        except MFTError as error:
            self._tell_trouble(str(error))
        return self._next

    # What is wrong, told once

    def _recognise(self, ground: Ground) -> None:
        if not self._seen or self._known != ground.identity:
            self._seen = True
            self._on_seen()
        self._known = ground.identity

    def _lost(self, why: str) -> None:
        self._seen = False
        self._tell_trouble(why)

    def _tell_trouble(self, why: str) -> None:
        if why != self._trouble:
            self._trouble = why
            self._note("watched.lost", {"folder": self.spec.name, "reason": why}, result="refused")

    def _well(self) -> None:
        if self._trouble is not None:
            self._trouble = None
            self._note("watched.found", {"folder": self.spec.name})

    def _leave(self, look: Look, why: str) -> None:
        key = (look.folder, look.name)
        if self._told.get(key) == look.identity or len(self._told) >= _TOLD_MAX:
            return
        self._told[key] = look.identity
        path = b"/".join((*look.folder, look.name))
        facts = {"folder": self.spec.name, "reason": why}
        self._note("watched.left", facts, result="refused", private={"name": printable(path)})

    def _note(
        self, kind: str, facts: dict[str, Any], *, result: str = "ok", private: dict[str, str] | None = None
    ) -> None:
        note = Note(kind, "server", connection=self._connection, result=result, facts=facts, private=private or {})
        with suppress(Busy):  # The ledger's disk is full, which others tell.
            self._house.submit(note).result()

    # Looking

    def _profile(self) -> Profile:
        profile = self._house.directory().profiles.get(self._connection)
        if profile is None or self._stop.is_set():
            raise Stopped
        return profile

    def _take(self, ground: Ground) -> None:
        """Take what is whole, until there is nothing more."""
        self._put_off.clear()
        while found := nsmallest(SEEN_MAX, self._ripe(ground), key=lambda look: look.modified):
            claims: list[Claim] = []
            for look in found:
                size = sum(one.look.size for one in claims) + look.size
                if claims and (len(claims) >= CLAIMS_MAX or size > CLAIMS_BYTES_MAX):
                    self._receive(ground, claims)
                    claims = []
                claims += self._claim(ground, look)
            self._receive(ground, claims)
            if len(self._put_off) >= _PUT_OFF_MAX:
                return

    def _ripe(self, ground: Ground) -> Iterator[Look]:
        """Files that may be whole, by what can be seen from outside."""
        return self._ripe_in(ground, ground.root, (), self._profile().connection.uploads)

    def _ripe_in(self, ground: Ground, fd: int, path: Path, rules: Uploads) -> Iterator[Look]:
        staged = rules.is_staging(b"/".join((*self._below_inbound(), *path)))
        for name in beneath.names_in(fd):
            if self._stop.is_set():
                raise Stopped
            if name == PRIVATE or rules.is_temporary(name):
                continue
            try:
                look = beneath.look_at(fd, path, name)
            except FileNotFoundError:
                continue
            if stat.S_ISDIR(look.mode):
                yield from self._ripe_below(ground, fd, look, rules)
            elif not staged and self._is_asked_for(name) and self._put_off.get((path, name), 0) not in {None, look}:
                wait = self._wait(ground, fd, look, rules)
                if wait is None:
                    continue
                if wait <= 0:
                    yield look
                else:
                    self._next = min(self._next, wait)

    def _below_inbound(self) -> list[bytes]:
        return self.spec.to.encode().split(b"/")[2:]

    def _ripe_below(self, ground: Ground, fd: int, look: Look, rules: Uploads) -> Iterator[Look]:
        if not self.spec.recursive or look.identity == ground.archived:
            return
        if look.identity[0] != ground.identity[0]:
            self._leave(look, "a folder of another file system")
            return
        if len(look.folder) >= DEPTH_MAX:
            self._leave(look, f"more than {DEPTH_MAX} folders in each other")
            return
        try:
            below = beneath.open_below(fd, (look.name,))
        except OSError as error:
            if beneath.exists(fd, look.name):
                self._leave(look, os.strerror(error.errno or 0).lower())
            return
        try:
            yield from self._ripe_in(ground, below, (*look.folder, look.name), rules)
        finally:
            os.close(below)

    def _is_asked_for(self, name: bytes) -> bool:
        marked = self.spec.then == "mark" and name.endswith(RECEIVED)
        return not marked and not self.spec.is_done_file(name) and self.spec.wants(name)

    def _wait(self, ground: Ground, fd: int, look: Look, rules: Uploads) -> float | None:
        """In how many seconds a file may be whole; None: not before something happens to it."""
        age = self._age(ground, look)
        if not look.is_plain:
            if look.kind != "a hard link" or age >= _UNSURE_SECONDS:
                self._leave(look, look.kind)
                return None
            return _UNSURE_SECONDS - age
        if look.size > rules.file_gib_max << 30:
            self._leave(look, "larger than files may be")
            return None
        if look.identity[0] != ground.identity[0]:
            self._leave(look, "a file of another file system")
            return None
        stable = self.spec.stable_seconds - age
        if self.spec.take == "stable":
            return stable
        if self.spec.take == "done-file":
            try:
                done = beneath.look_at(fd, look.folder, self.spec.done_of(look.name))
            except OSError:
                return None
            if not done.is_plain:
                self._leave(done, done.kind)
                return None
            return 0.0 if done.changed >= look.changed else stable  # An old one says nothing of newer bytes.
        return 0.0

    def _age(self, ground: Ground, look: Look) -> float:
        """For how many seconds nobody has done anything to a file."""
        if look.changed <= ground.now:
            return (ground.now - look.changed) / 1e9
        key = (look.folder, look.name)  # The clock went back: count for ourselves.
        before, since = self._future.pop(key, (look, time.monotonic()))
        self._future[key] = (look, since if before == look else time.monotonic())
        if len(self._future) > _TOLD_MAX:
            self._future.popitem(last=False)
        return time.monotonic() - self._future[key][1] if key in self._future else 0.0

    # Taking

    def _claim(self, ground: Ground, look: Look) -> list[Claim]:
        """The claim of a file; none where it is not to be taken now."""
        age = self._age(ground, look)
        try:
            return [ground.claim(look, age_seconds=age)]
        except NotYet as error:
            if error.seconds is not None:
                self._next = min(self._next, error.seconds)
            elif self.spec.take == "trailer" and age >= _TRAILER_SECONDS:
                self._leave(look, "without its trailer, or somebody writes to it")
        except Left as error:
            self._leave(look, str(error))
        self._put_off[look.folder, look.name] = look
        return []

    def _receive(self, ground: Ground, claims: Sequence[Claim]) -> None:
        """Receive what is claimed, all in one commit."""
        try:
            if claims:
                ground.sync_claims(claims)
                self._commit(ground, self._seal_all(ground, claims))
        finally:
            for claim in claims:
                claim.close()

    def _seal_all(self, ground: Ground, claims: Sequence[Claim]) -> list[_Sealed]:
        sealed: list[_Sealed] = []
        try:
            for claim in claims:
                sealed += self._seal(ground, claim)
        except Broken:
            raise
        except BaseException as error:
            for one in sealed:
                self._give_up(one.upload, str(error))
            raise
        return sealed

    def _commit(self, ground: Ground, sealed: Sequence[_Sealed]) -> None:
        received, trouble = [], None
        for one, future in [(one, self._house.submit(one.receive)) for one in sealed]:
            try:
                future.result()
            except Broken:
                raise
            except MFTError as error:
                self._give_up(one.upload, str(error))
                trouble = error
            else:
                received.append((one.claim, one.receive.sha256))
        self._end(ground, received, seen=True)
        if trouble is not None:
            raise trouble

    def _seal(self, ground: Ground, claim: Claim) -> list[_Sealed]:
        """Read and seal a claimed file. None: it goes back, because somebody writes to it or it cannot be read."""
        upload = Upload(self._house.vault, TENANT, self._arrival(claim.look), transfer=claim.id)
        upload.modified_at = claim.look.modified // 1000
        try:
            if self._read(claim, upload) == claim.look.size and claim.untouched() and not claim.is_written():
                receive = upload.finish(publish=True, repeat_since=_NO_REPEAT)
                taken = msgspec.structs.replace(receive, evidence={"taken": self.spec.take})
                return [_Sealed(claim, upload, taken)]
            why = "somebody wrote to the file while it was read"
        except OSError as error:
            why = os.strerror(error.errno or 0).lower()
            self._leave(claim.look, why)
        except Broken:
            raise
        except BaseException as error:
            self._give_up(upload, str(error))
            raise
        self._give_up(upload, why)
        ground.put_back(claim.id, claim.look.folder, claim.look.name)
        self._put_off[claim.look.folder, claim.look.name] = None
        return []

    def _read(self, claim: Claim, upload: Upload) -> int:
        """Returns how many bytes there were."""
        offset = 0
        while chunk := os.pread(claim.fd, 1 << 20, offset):
            if self._stop.is_set():
                raise Stopped
            upload.write(offset, memoryview(chunk))
            offset += len(chunk)
            if upload.behind:
                upload.work()
                self._begin(upload)
        return offset

    def _begin(self, upload: Upload) -> None:
        command = upload.begin()
        if command is not None:
            self._house.submit(command).result()
            upload.entered(command)

    def _give_up(self, upload: Upload, why: str) -> None:
        """Forget the bytes; the file itself is still there."""
        keep = upload.abandon(why)
        if upload.begun:
            with suppress(Busy):  # A full disk. The next start brings the row to its end.
                self._house.submit(keep).result()

    def _arrival(self, look: Look) -> Arrival:
        profile = self._profile()
        connection = profile.connection
        folder = b"/".join((self.spec.to.encode(), *look.folder))
        kept = connection.kept_as(folder, look.name)
        return Arrival(
            principal=Principal(connection.id, connection.name, "", "", profile.hash),
            door="folder",
            source_address="",
            client_version="",
            folder=folder,
            name=look.name,
            feed=kept.feed,
            retention=kept.retention,
            in_order=kept.in_order,
        )

    def _end(self, ground: Ground, received: Sequence[tuple[Claim, bytes]], *, seen: bool) -> None:
        """Remove what was received, and note that whoever put it there can know."""
        if received:
            for claim, sha256 in received:
                ground.finish(claim, sha256, seen=seen)
            ground.sync_ends(claim.look.folder for claim, _ in received)
            self._house.submit(Heard(tuple(claim.id for claim, _ in received))).result()

    # What a crash, or a full disk, has left

    def _take_up(self, ground: Ground) -> None:
        """Finish what is claimed already."""
        claims: list[Claim] = []
        for claim_id in ground.left_behind():
            row = self._row(claim_id)
            look = ground.file_of(claim_id)
            if row is not None and row["sha256"] is not None:
                self._take_up_received(ground, claim_id, look, bytes(row["sha256"]))
            elif look is None:
                ground.put_back_done(claim_id)
            else:
                claims += self._take_up_claimed(ground, claim_id, look, known=row is not None)
            if len(claims) >= CLAIMS_MAX:
                self._receive(ground, claims)
                claims = []
        self._receive(ground, claims)

    def _row(self, claim_id: str) -> Row | None:
        try:
            return transfer_row(self._house.readers.get(), claim_id)
        except Missing:
            return None

    def _take_up_received(self, ground: Ground, claim_id: str, look: Look | None, sha256: bytes) -> None:
        if look is None:
            ground.forget(claim_id)
            self._house.submit(Heard((claim_id,))).result()
            return
        claim = ground.reopen(claim_id, look)
        if claim is None:
            ground.put_back(claim_id, look.folder, look.name)
            return
        try:
            self._end(ground, [(claim, sha256)], seen=False)
        finally:
            claim.close()

    def _take_up_claimed(self, ground: Ground, claim_id: str, look: Look, *, known: bool) -> list[Claim]:
        claim = ground.reopen(claim_id, look)
        if claim is None or claim.is_written():
            if claim is not None:
                claim.close()
            if not ground.put_back(claim_id, look.folder, look.name):
                self._leave(look, "another file of its name came: it waits in .mft")
            return []
        if known:  # Begun, and broken off: its row has its own end.
            claim.id = new_id()
            ground.call(claim_id, claim.id)
        return [claim]
