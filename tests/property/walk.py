"""A walk: one partner's sessions at a real server, with the model beside them at every step."""

import asyncio
from collections import Counter
from functools import cache
from itertools import count
from random import Random
from typing import Any

from mft.domain import Direction, SealedObject, Stage
from mft.home import Home
from mft.installation import open_vault
from mft.ledger.database import Ledger, Row, reading
from mft.ledger.objects import sealed_object
from mft.ledger.transfers import transfer_rows
from mft.vault.store import Vault
from mft.wire.sftp import Attrs, Message, OpenFlag
from tests.harness import Partner, Site, eventually
from tests.property import model as m
from tests.property.client import Answer, Client, open_body, string, write_body
from tests.property.model import Entry, Found, Kind, Namespace, Place

FOLDERS = frozenset({b"/inbound/claims"})
STAGING = frozenset({b"/inbound/tmp"})
WRITE_BYTES = 200_000  # Larger ones go in several requests.
SETTLE_SECONDS = 10
NEVER_PUBLISHED = {Stage.RECEIVING, Stage.PARTIAL, Stage.EXPIRED}
FRESH = OpenFlag.WRITE | OpenFlag.CREAT | OpenFlag.TRUNC


@cache
def bytes_of(size: int, salt: int) -> bytes:
    """So many bytes that look like nothing; the same for the same salt, however many."""
    return Random(salt).randbytes(2_200_000)[:size] if size else b""  # noqa: S311  Dice, not keys.


class Disagreement(AssertionError):
    """Server and model differ; the message is the walk so far."""


class Walk:
    """Steps name sessions by number, and handles by how long they are open; one that has nothing to act on is left out.

    Resource handling: `end` closes what is open.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, site: Site, partner: Partner) -> None:
        self.model = Namespace(FOLDERS, STAGING)
        self.told: list[str] = []
        self._loop = loop
        self._site = site
        self._partner = partner
        self._clients: dict[int, Client] = {}
        self._observer: Client | None = None
        self._handles: dict[int, bytes] = {}
        self._numbers = count(1)
        self._opened: dict[str, bytes] = {}  # By object, which is written once.
        self._cut_off: set[Place] = set()  # Names whose writer vanished: for a moment the server may not know.

    # Asking

    def _client(self, session: int) -> Client:
        if session not in self._clients:
            self._clients[session] = Client(self._loop, self._site.port, self._partner)
        return self._clients[session]

    def ask(self, session: int, request: m.Request) -> Answer:
        """Send a request as that session, and hold the answer against the model."""
        client, expected = self._client(session), self.model.may(request)
        self.model.asks(session)
        kind, body = self.encoded(request)
        answer = client.ask(kind, body)
        if not answer.ok and expected is not False and self._lingers(request, answer):
            answer = eventually(
                lambda: None if self._lingers(request, again := client.ask(kind, body)) else again,
                what=f"the name of {request} is free after its writer vanished",
            )
        self._tell(f"session {session}: {request} -> {'OK' if answer.ok else answer.words}")
        if expected is not None and answer.ok != expected:
            raise self.disagreement(f"expected {'OK' if expected else 'a refusal'}")
        if not answer.ok and (len(answer.words.split()) < 2 or "fault" in answer.words):
            raise self.disagreement("refused, and not in words")
        if isinstance(request, m.Open) and answer.ok:
            self._handles[request.upload] = answer.handle
        self.model.done(session, request, ok=answer.ok)
        if isinstance(request, m.Close):
            del self._handles[request.upload]
        return answer

    def _lingers(self, request: m.Request, answer: Answer) -> bool:
        names = [Place.of(getattr(request, key)) for key in ("path", "old", "new") if hasattr(request, key)]
        vanished = any(name in self._cut_off and not self.model.is_busy(name) for name in names)
        return vanished and "under way" in answer.words

    def encoded(self, request: m.Request) -> tuple[Message, bytes]:
        match request:
            case m.Open(path=path, flags=flags):
                return Message.OPEN, open_body(path, flags)
            case m.Write(upload=number, offset=offset, data=data):
                return Message.WRITE, write_body(self._handles[number], offset, data)
            case m.Close(upload=number):
                return Message.CLOSE, string(self._handles[number])
            case m.Resize(upload=number, size=size):
                return Message.FSETSTAT, string(self._handles[number]) + Attrs(size=size).encode()
            case m.Date(upload=number, mtime=mtime):
                return Message.FSETSTAT, string(self._handles[number]) + Attrs(atime=mtime, mtime=mtime).encode()
            case m.Fsync(upload=number):
                return Message.EXTENDED, string(b"fsync@openssh.com") + string(self._handles[number])
            case m.SetDate(path=path, mtime=mtime):
                return Message.SETSTAT, string(path) + Attrs(atime=mtime, mtime=mtime).encode()
            case m.SetMode(path=path):
                return Message.SETSTAT, string(path) + Attrs(uid=7, gid=7, permissions=0o100600).encode()
            case m.SetSize(path=path, size=size):
                return Message.SETSTAT, string(path) + Attrs(size=size).encode()
            case m.Rename(old=old, new=new, replace=True):
                return Message.EXTENDED, string(b"posix-rename@openssh.com") + string(old) + string(new)
            case m.Rename(old=old, new=new):
                return Message.RENAME, string(old) + string(new)
            case m.Remove(path=path):
                return Message.REMOVE, string(path)
            case m.Mkdir(path=path):
                return Message.MKDIR, string(path) + Attrs().encode()
            case m.Rmdir(path=path):
                return Message.RMDIR, string(path)

    def _tell(self, line: str) -> None:
        self.told.append(line)

    def disagreement(self, what: str) -> Disagreement:
        return Disagreement("\n".join([*self.told, what]))

    # Steps

    def take(self, step: tuple[Any, ...]) -> None:
        """Take one step, and look whether every folder shows what it should."""
        if getattr(self, f"_{step[0]}")(*step[1:]):
            self.look()

    def _number(self, index: int) -> int | None:
        open_ones = sorted(self.model.uploads)
        return open_ones[index % len(open_ones)] if open_ones else None

    def _open(self, session: int, path: bytes, flags: OpenFlag) -> bool:
        self.ask(session, m.Open(next(self._numbers), path, flags))
        return True

    def _write(self, index: int, where: str, size: int, salt: int) -> bool:
        number = self._number(index)
        if number is None:
            return False
        upload = self.model.uploads[number]
        end = upload.content.size
        at = {"end": end, "start": 0, "middle": end // 2, "gap": end + 1000, "far": end + 5_000_000}[where]
        if where == "back" or end > 8_000_000:
            at = end
        for request in self._writes(number, at, bytes_of(size, salt)):
            self.ask(upload.session, request)
        return True

    def _writes(self, number: int, at: int, data: bytes) -> list[m.Request]:
        return [
            m.Write(number, at + offset, data[offset : offset + WRITE_BYTES])
            for offset in range(0, len(data), WRITE_BYTES)
        ]

    def _close(self, index: int) -> bool:
        number = self._number(index)
        if number is None:
            return False
        self.ask(self.model.uploads[number].session, m.Close(number))
        return True

    def _put(self, session: int, path: bytes, flags: OpenFlag, size: int, salt: int) -> bool:
        """A whole upload, as most clients do it."""
        number = next(self._numbers)
        if self.ask(session, m.Open(number, path, flags)).ok:
            for request in self._writes(number, 0, bytes_of(size, salt)):
                self.ask(session, request)
            self.ask(session, m.Close(number))
        return True

    def _resize(self, index: int, what: str) -> bool:
        number = self._number(index)
        if number is None:
            return False
        size = self.model.uploads[number].content.size
        wanted = {"nothing": 0, "half": size // 2, "same": size, "more": size + 500}[what]
        self.ask(self.model.uploads[number].session, m.Resize(number, wanted))
        return True

    def _date(self, index: int, mtime: int) -> bool:
        number = self._number(index)
        if number is None:
            return False
        self.ask(self.model.uploads[number].session, m.Date(number, mtime))
        return True

    def _fsync(self, index: int) -> bool:
        number = self._number(index)
        if number is None:
            return False
        self.ask(self.model.uploads[number].session, m.Fsync(number))
        return True

    def _fstat(self, index: int) -> bool:
        """How far an upload has come; where more was announced, that may be told as well."""
        number = self._number(index)
        if number is None:
            return False
        upload = self.model.uploads[number]
        self.model.asks(upload.session)
        size = self._client(upload.session).ask(Message.FSTAT, string(self._handles[number])).attrs.size
        self._tell(f"session {upload.session}: Fstat({number}) -> {size:,} bytes")
        if not upload.refused and size not in {upload.content.size, upload.expected}:
            raise self.disagreement(f"expected {upload.content.size:,} bytes")
        return False

    def _set(self, session: int, request: m.Request) -> bool:
        """A request on a path that changes no names."""
        self.ask(session, request)
        return True

    _name = _set

    # Interruptions

    def _leave(self, session: int) -> bool:
        """Say goodbye. Handles that are open are broken off."""
        if session not in self._clients:
            return False
        self._tell(f"session {session}: leaves")
        self._clients.pop(session).leave()
        self._gone(session)
        self.model.leaves(session)
        self._settle(self.model)
        return True

    def _cut(self, session: int, in_flight: tuple[int, int, int] | None) -> bool:
        """Vanish; with `in_flight`, while writes at the end of an upload and perhaps its CLOSE are on their way."""
        if session not in self._clients:
            return False
        before = self.model.copy()
        worlds = [self.model]
        if in_flight is not None:
            worlds = self._on_their_way(session, *in_flight, must_show=True)
        self._tell(f"session {session}: vanishes")
        self._clients.pop(session).cut()
        self._gone(session)
        for world in worlds:
            world.cut_while(session, before)
        self._settle(*worlds)
        return True

    def _kill(self, in_flight: tuple[int, int, int] | None) -> bool:
        """Kill the server, perhaps while requests are on their way, and start it again."""
        worlds = [self.model]
        if in_flight is not None and self._clients:
            session = min(self._clients)
            worlds = self._on_their_way(session, *in_flight, must_show=False)
        self._tell("the server is killed")
        self._site.kill()
        for world in worlds:
            world.die()
        self._restarted(*worlds)
        return True

    def _stop(self) -> bool:
        """Stop the server in order, and start it again."""
        self._tell("the server is stopped")
        code = self._site.stop()
        if code != 0:
            raise self.disagreement(f"the server ended with {code}")
        for session in list(self._clients):
            self.model.cut(session)
        self._restarted(self.model)
        return True

    def _restarted(self, *worlds: Namespace) -> None:
        self._forget_clients()
        self._handles.clear()
        self._cut_off.clear()
        self._site.start(env=SETTINGS)
        self._settle(*worlds)

    def _on_their_way(self, session: int, index: int, size: int, without: int, *, must_show: bool) -> list[Namespace]:
        """Send writes and a CLOSE without waiting; returns what each beginning of them makes of the model.

        `must_show` wants every outcome to look unlike what is there now, so that one can see when the server is done.
        """
        numbers = [number for number, upload in self.model.uploads.items() if upload.session == session]
        if not numbers:
            return [self.model]
        number = numbers[index % len(numbers)]
        upload = self.model.uploads[number]
        fit = upload.touched and upload.in_order and not upload.refused and upload.content.head
        fit = fit and not self.model.unheard.get(session)  # Who knows whether these would be heard by it.
        old = self.model.entries.get(upload.place)
        if not fit or (must_show and old is not None and old.data.startswith(upload.content.head)):
            return [self.model]
        data = bytes_of(size, index)
        requests: list[m.Request] = [*self._writes(number, upload.content.size, data)]
        closes = without % 2 == 0
        repeats = any(t.place == upload.place and not t.heard for t in self.model.transfers)
        if closes and not (must_show and repeats):
            requests.append(m.Close(number))
        worlds = [self.model.copy()]
        for request in requests:
            after = worlds[-1].copy()
            after.done(session, request, ok=bool(after.may(request)))
            worlds.append(after)
        self._tell(f"session {session}: sends {requests} without waiting, all but the last {without} bytes")
        self._clients[session].send([self.encoded(request) for request in requests], without=without)
        return worlds if closes else worlds[-1:]

    def _gone(self, session: int) -> None:
        for number, upload in self.model.uploads.items():
            if upload.session == session:
                self._handles.pop(number, None)
                self._cut_off.add(upload.place)

    # Looking

    def _settle(self, *worlds: Namespace) -> None:
        """Wait until the books show one of the allowed outcomes, and go on from it."""
        found = [self.found()]

        def ask() -> Namespace | None:
            found[0] = self.found()
            return next((world for world in worlds if world.agrees(found[0])), None)

        try:
            self.model = eventually(ask, what="an allowed outcome", seconds=SETTLE_SECONDS)
        except AssertionError:
            wrong = [line for world in worlds for line in (*world.disagreements(found[0]), "or")]
            raise self.disagreement("\n".join(wrong[:-1])) from None
        self.model.adopt(found[0])

    def found(self) -> Found:
        """What is in the books and in the vault."""
        home = self._site.home
        with reading(Ledger(f"sqlite:{home / 'data' / 'ledger.db'}")) as books:
            rows = transfer_rows(books, partner=self._partner.name, most=100_000)
            rows = [row for row in rows if row["direction"] == Direction.INBOUND]
            sealed = {
                row["id"]: sealed_object(books, row["object_id"])
                for row in rows
                if row["object_id"] and not _is_open(row) and row["stage"] not in {Stage.EXPIRED, Stage.SUPERSEDED}
            }
        vault = open_vault(Home(home))
        listed: dict[Place, Entry] = {}
        published: Counter[tuple[Place, bytes]] = Counter()
        for row in rows:
            place = Place(bytes(row["folder_bytes"]), bytes(row["name_bytes"]))
            data = b""
            if row["id"] in sealed:
                data = self._opened.get(row["object_id"]) or _content(vault, sealed[row["id"]])
                self._opened[row["object_id"]] = data
            kind = _kind(row)
            if kind is Kind.PUBLISHED:
                published[place, data] += 1
            if row["listed"] and kind is not None:
                if place in listed:
                    raise self.disagreement(f"{place} is listed twice")
                listed[place] = Entry(kind, data)
        return Found(listed, published)

    def look(self) -> None:
        """Ask, as a session that does nothing else, for every folder."""
        if self._observer is None:
            self._observer = Client(self._loop, self._site.port, self._partner)
        for folder in sorted(self.model.folders):
            entries = self._observer.listing(folder)
            seen = dict(entries)
            if len(seen) < len(entries):
                raise self.disagreement(f"{folder!r} lists a name twice: {[name for name, _ in entries]}")
            below = {path for path in self.model.folders if Place.of(path).folder == folder.rstrip(b"/")} - {b"/"}
            names = {Place.of(path).name for path in below}
            if missing := names - set(seen):
                raise self.disagreement(f"{folder!r} does not list its folders {missing}")
            here = {place.name: place for place in self._places() if place.folder == folder}
            for name in {*here, *seen} - names:
                place = Place(folder, name)
                size = seen[name].size if name in seen else None
                if not self.model.size_allowed(place, size):
                    raise self.disagreement(f"{place} is listed with {size} bytes, not {self.model.entries.get(place)}")
                entry = self.model.entries.get(place)
                dated = entry.mtime if entry and not self.model.is_busy(place) else None
                if dated is not None and seen[name].mtime != dated:
                    raise self.disagreement(f"{place} is dated {seen[name].mtime}, not {dated}")

    def _places(self) -> set[Place]:
        return {*self.model.entries, *(upload.place for upload in self.model.uploads.values())}

    # The reckoning

    def end(self) -> None:
        """Close what is open."""
        self._forget_clients()

    def _forget_clients(self) -> None:
        for client in (*self._clients.values(), *filter(None, [self._observer])):
            client.cut()
        self._clients.clear()
        self._observer = None

    def reckon(self) -> set[str]:
        """End every session, publish what is left, and hold all that was promised against the vault.

        Returns:
            The ids of what was published.
        """
        for session in list(self._clients):
            self._leave(session)
        for place, entry in sorted(self.model.entries.items(), key=str):
            path = place.folder + b"/" + place.name
            if entry.kind is Kind.PARTIAL:  # To be whole, it lacks but its CLOSE.
                number = next(self._numbers)
                self.ask(9, m.Open(number, path, OpenFlag.WRITE))
                self.ask(9, m.Close(number))
            if self.model.entries[place].kind is Kind.PARKED:
                self.ask(9, m.Rename(path, b"/inbound/whole-%d" % next(self._numbers), replace=False))
        self._leave(9)
        self._opened.clear()
        self.look()
        self._settle(self.model)
        rows = [row for row in self._site.transfers_of(self._partner) if row["stage"] not in NEVER_PUBLISHED]
        return {row["id"] for row in rows if row["stage"] != Stage.SUPERSEDED}


SETTINGS = {"MFT_DOORS__SFTP__DRAIN_SECONDS": "0", "MFT_DOORS__SFTP__ARRIVALS_PER_SECOND_MAX": "10000"}


def _content(vault: Vault, sealed: SealedObject) -> bytes:
    reader = vault.open(sealed)
    try:
        return b"".join(reader.chunks())
    finally:
        reader.close()


def _is_open(row: Row) -> bool:
    return row["stage"] == Stage.RECEIVING and row["sha256"] is None


def _kind(row: Row) -> Kind | None:
    if row["stage"] in {Stage.EXPIRED, Stage.SUPERSEDED}:
        return None
    if row["stage"] == Stage.RECEIVING and row["sha256"] is not None:
        return Kind.PARKED
    return Kind.PARTIAL if row["stage"] in {Stage.PARTIAL, Stage.RECEIVING} else Kind.PUBLISHED
