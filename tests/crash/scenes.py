"""Scenes of a crash: clients that know what they were promised, ways to take the server away, and the reckoning.

A promise is an OK to CLOSE that a client has in its hands. After any number of kills and power cuts `check_promises`
and `check_books` hold what is on the disk against what was promised; they know nothing of how it was lost.
"""

import asyncio
import fcntl
import hashlib
import os
import random
import shutil
import signal
import struct
import subprocess
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh
from sqlalchemy import select

from mft.audit import checkpoint
from mft.audit.query import leaves
from mft.crypto.keyring import NEXT_SIGNING_KEY, SIGNING_KEY, VERIFY_KEY, FolderKeyring
from mft.crypto.signing import SigningKey, VerifyKey
from mft.crypto.stream import context
from mft.domain import OUTBOUND, Stage
from mft.errors import MFTError
from mft.home import Home
from mft.installation import open_vault
from mft.ledger.acknowledgments import acknowledgment_rows
from mft.ledger.database import Books, Ledger, Row, database_errors, reading
from mft.ledger.keys import key_pairs
from mft.ledger.objects import object_files, sealed_object
from mft.ledger.tables import CHECKPOINT, OBJECT
from mft.ledger.transfers import parts, transfer_rows
from mft.vault.store import BLOB_MAX, Vault
from tests.crash.forked import Forked
from tests.harness import DEADLINE_SECONDS, MFT, ROOT, Partner, Site, environment, eventually, peer, run_mft, sample

AT_WORK = {Stage.RECEIVED, Stage.IDENTIFIED, Stage.PARSED, Stage.VALIDATED, Stage.CANONICALIZED}
NEVER_PUBLISHED = {Stage.RECEIVING, Stage.PARTIAL, Stage.EXPIRED, Stage.SUPERSEDED}
RECEIVED_EVENT = "mft.transfer.received.v1"
SETTLE_SECONDS = 30.0

SMALL = (0, 1, 100, 8_000, BLOB_MAX - 1, BLOB_MAX)
LARGE = (BLOB_MAX + 1, 200_000, 1_048_520, 1_048_521, 2_500_000, 4_000_000)
ORDER_LINES = (1, 30, 1_500)  # The last has records too large for the ledger.


class ForkedSite(Site):
    """A site whose server starts in a tenth of a second. It lets in as many as come: limits have tests of their own."""

    def _spawn(self, arguments: list[str], env: dict[str, str], fault: str | None) -> Forked:
        many = {"MFT_DOORS__SFTP__ARRIVALS_PER_SECOND_MAX": "100000", "MFT_DOORS__SFTP__UNPROVEN_PER_SOURCE_MAX": "100"}
        return Forked(arguments, {**many, **env}, fault)


def seeded(seed: int) -> random.Random:
    """What a scene rolls its dice with: one seed, one scene."""
    return random.Random(seed)  # noqa: S311  Dice, not keys.


def purchase_order(lines: int, number: int = 2001) -> bytes:
    """The sample order's first set, with so many lines, in an interchange of that number."""
    segments = sample("orders-850.edi").decode().replace("\n", "").replace("\r", "").split("~")
    first_end = next(index for index, segment in enumerate(segments) if segment.startswith("SE*"))
    head = segments[: next(index for index, segment in enumerate(segments) if segment.startswith("PO1*"))]
    body = [f"PO1*{line}*24*EA*12.5*PE*IN*BLUE-CUP*UP*614141000012" for line in range(1, lines + 1)]
    count = len(head) - 2 + len(body) + 2  # Without ISA and GS, with CTT and SE.
    end = segments[first_end].split("*")[2]
    tail = [f"CTT*{lines}", f"SE*{count}*{end}", "GE*1*2001", "IEA*1*000002001", ""]
    return "~".join([*head, *body, *tail]).replace("000002001", f"{number:09}").encode()


# --- what was sent, and what was promised ---


@dataclass(frozen=True)
class Digest:
    size_bytes: int
    sha256: bytes


@dataclass
class Sent:
    """What clients have begun to send, by name, and the names for which they heard yes.

    Whoever does not hear yes sends the file again: `owed` are the contents of those.
    """

    begun: dict[str, Digest] = field(default_factory=dict)
    promised: set[str] = field(default_factory=set)
    owed: dict[str, bytes] = field(default_factory=dict)
    again: int = 0  # How often a file was sent again.
    refused: list[str] = field(default_factory=list)
    powered: bool = True  # Nobody hears a promise when the power is gone.

    def begin(self, name: str, content: bytes) -> None:
        self.again += name in self.owed
        self.begun[name] = Digest(len(content), hashlib.sha256(content).digest())
        self.owed[name] = content

    def hear(self, name: str) -> None:
        """The CLOSE of this name, or the RENAME to it, was answered OK."""
        if self.powered:
            self.promised.add(name)
            del self.owed[name]


def contents(rng: random.Random, *, large: bool) -> tuple[str, bytes]:
    """A file as partners send them: its name's ending, and bytes that no other file has."""
    if large:
        size = rng.choice(LARGE)
    elif rng.random() < 0.3:
        return "edi", purchase_order(rng.choice(ORDER_LINES), rng.randrange(1, 10**9))
    else:
        size = rng.choice(SMALL)
    return "bin", rng.randbytes(size)


class Senders:
    """Sessions that upload one file after the other: first those that are owed, then new ones."""

    def __init__(
        self,
        site: Site,
        partner: Partner,
        sent: Sent,
        rng: random.Random,
        *,
        round_name: str,
        port: int | None = None,
        files_max: int = 1 << 30,
    ) -> None:
        self._site, self._partner, self._sent, self._rng = site, partner, sent, rng
        self._round = round_name
        self._port = port or site.port
        self._left = files_max  # New files that are still to be sent, by all sessions.
        self._again = deque(sent.owed.items())
        self._number = 0
        self._news = asyncio.Condition()
        self._begun = self._kept = 0

    async def until(self, promises: int, fault: Callable[[], None], *, sessions: int = 4, jitter_ms: int = 30) -> None:
        """Upload until so many CLOSEs, or none, were answered OK, and a random moment after; then `fault` strikes.

        It always strikes with files on their way: a session begins the next one when it has its answer.
        """
        _ignore_dropped_tasks()
        tasks = [asyncio.create_task(self._session(number)) for number in range(sessions)]
        moment = self._rng.uniform(0, jitter_ms / 1000)
        try:
            try:
                async with asyncio.timeout(SETTLE_SECONDS), self._news:
                    await self._news.wait_for(lambda: self._begun and self._kept >= promises)
            except TimeoutError:
                for task in tasks:
                    if task.done():
                        task.result()
                refused = ", ".join(self._sent.refused) or "nothing refused"
                raise AssertionError(f"{self._kept} of {promises} uploads were answered; {refused}") from None
            await asyncio.sleep(moment)
            fault()
            done, waiting = await asyncio.wait(tasks, timeout=SETTLE_SECONDS)
        finally:
            for task in tasks:
                task.cancel()
        assert not waiting, "a session outlives its server"
        for task in done:
            task.result()

    async def all_sent(self, *, sessions: int = 4) -> None:
        """Upload until every file was answered, or there is no server any more."""
        _ignore_dropped_tasks()
        async with asyncio.timeout(2 * SETTLE_SECONDS), asyncio.TaskGroup() as tasks:
            for number in range(sessions):
                tasks.create_task(self._session(number))

    async def connected_until(self, enough: Callable[[], bool], *, sessions: int = 4) -> None:
        """Upload until it is enough; who loses the connection begins a new one."""
        _ignore_dropped_tasks()

        async def come_back(number: int) -> None:
            while not enough():
                await self._session(number)

        async with asyncio.TaskGroup() as tasks:
            for number in range(sessions):
                tasks.create_task(come_back(number))

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[asyncssh.SSHClientConnection]:
        async with asyncssh.connect(
            "127.0.0.1",
            self._port,
            username=self._partner.name,
            client_keys=[_key(self._partner.key)],
            known_hosts=None,
            config=None,
            agent_path=None,
            kex_algs=["curve25519-sha256"],
        ) as connection:
            yield connection

    async def upload_all(self, connection: asyncssh.SSHClientConnection, *, large: bool = False) -> None:
        """Upload in one session, for as long as there is something to upload."""
        async with connection.start_sftp_client() as client:
            await self._upload_on(client, large=large)

    async def _session(self, number: int) -> None:
        try:
            async with self.connected() as connection:
                await self.upload_all(connection, large=number == 0)
        except (asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost):
            return  # The fault has struck.
        except asyncssh.SFTPError as error:
            self._sent.refused.append(f"{self._round}-{number}: {error.reason}")
        except (asyncssh.Error, OSError):  # Struck before there was a session.
            return

    async def _upload_on(self, client: asyncssh.SFTPClient, *, large: bool) -> None:
        while (found := self._next(large=large)) is not None:
            name, content = found
            again = name in self._sent.owed
            self._sent.begin(name, content)
            async with self._news:
                self._begun += 1
                self._news.notify_all()
            try:
                await self._upload(client, name, content, resume=again and self._rng.random() < 0.5)
            except (asyncssh.SFTPNoConnection, asyncssh.SFTPConnectionLost, asyncssh.ConnectionLost, OSError):
                self._again.append((name, content))
                raise
            except asyncssh.SFTPFailure as error:  # Of this file; its sender tries again later.
                self._sent.refused.append(f"{name}: {error.reason}")
                if "under way" in error.reason:  # Its connection is gone, and the server is about to notice.
                    self._again.append((name, content))
                    await asyncio.sleep(0.01)
                continue
            self._sent.hear(name)
            async with self._news:
                self._kept += 1
                self._news.notify_all()

    def _next(self, *, large: bool) -> tuple[str, bytes] | None:
        if self._again:
            return self._again.popleft()
        if not self._left:
            return None
        self._left -= 1
        self._number += 1
        ending, content = contents(self._rng, large=large)
        idiom = "t" if self._rng.random() < 0.3 else "p"
        return f"{self._round}-{self._number:04}-{idiom}.{ending}", content

    async def _upload(self, client: asyncssh.SFTPClient, name: str, content: bytes, *, resume: bool) -> None:
        """As clients do: under a temporary name and renamed, or plainly; anew, or from where it broke off."""
        temporary = "-t." in name
        target = f"{name}.tmp" if temporary else name
        begin = await self._resumes_at(client, target, len(content)) if resume else 0
        flags = asyncssh.FXF_WRITE if begin else asyncssh.FXF_WRITE | asyncssh.FXF_CREAT | asyncssh.FXF_TRUNC
        file = await client.open(target, flags, encoding=None)
        await file.write(content[begin:], begin)
        await close_answered(client, file)
        if temporary:
            await client.rename(target, name)

    async def _resumes_at(self, client: asyncssh.SFTPClient, target: str, size: int) -> int:
        try:
            there = (await client.stat(target)).size or 0
        except asyncssh.SFTPNoSuchFile:
            return 0
        return there if there < size else 0


def _ignore_dropped_tasks() -> None:
    """The library drops tasks of its own when the connection goes; their end is no news."""
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)


_keys: dict[Path, asyncssh.SSHKey] = {}


def _key(path: Path) -> asyncssh.SSHKey:
    if path not in _keys:
        _keys[path] = asyncssh.read_private_key(path)
    return _keys[path]


async def close_answered(client: asyncssh.SFTPClient, file: asyncssh.SFTPClientFile) -> None:
    """CLOSE a file and hear OK; raises for any other answer, and for none.

    The library's own `file.close()` returns as if all were well when the connection is gone already.
    """
    await client._handler._make_request(asyncssh.sftp.FXP_CLOSE, asyncssh.packet.String(file._handle))


def upload_until(
    site: Site,
    partner: Partner,
    sent: Sent,
    rng: random.Random,
    fault: Callable[[], None],
    *,
    name: str,
    promises: int | None = None,
) -> None:
    """Upload to the running server until so many promises, by default a random number, and let `fault` strike."""
    senders = Senders(site, partner, sent, rng, round_name=name)
    asyncio.run(senders.until(rng.choice((0, 1, 5, 20, 40)) if promises is None else promises, fault))


def send_what_is_owed(site: Site, partner: Partner, sent: Sent, rng: random.Random) -> None:
    """Whoever did not hear yes sends their file once more, to a server that nobody harms."""
    asyncio.run(Senders(site, partner, sent, rng, round_name="", files_max=0).all_sent())
    assert not sent.owed, f"{len(sent.owed)} files never got through, first: {min(sent.owed)}"


# --- the reckoning ---


def check_promises(home: Path, sent: Sent) -> Counter[str]:
    """Every promised file is there exactly once and whole; whatever else was published is whole too.

    Returns how many transfers stand in each stage. Raises AssertionError with what was lost.
    """
    vault = open_vault(Home(home))
    ledger = _ledger(home)
    try:
        with reading(ledger) as books:
            rows = transfer_rows(books, most=10_000_000)
            stages = Counter(row["stage"] for row in rows)
            published = [row for row in rows if row["direction"] == "inbound" and row["stage"] not in NEVER_PUBLISHED]
            names = Counter(row["name_bytes"].decode() for row in published)
            lost = sorted(sent.promised - names.keys())
            assert not lost, f"{len(lost)} of {len(sent.promised)} promised files are lost, first: {lost[0]}"
            twice = sorted(name for name, count in names.items() if count > 1)
            assert not twice, f"{len(twice)} files were received twice, first: {twice[0]}"
            for row in published:
                name = row["name_bytes"].decode()
                assert name in sent.begun, f"{name} was never sent"
                reader = vault.open(sealed_object(books, row["object_id"]))
                try:
                    digest = hashlib.sha256()
                    for chunk in reader.chunks():
                        digest.update(chunk)
                finally:
                    reader.close()
                there = Digest(reader.size, digest.digest())
                said = Digest(row["size_bytes"], bytes(row["sha256"]))
                assert there == said == sent.begun[name], f"{name} was published, and is not what was sent"
            return stages
    except (MFTError, OSError, *database_errors("sqlite")) as error:
        raise AssertionError(f"a published file cannot be read: {error}") from error


def check_books(home: Path) -> None:
    """Of a server that has come to rest: no claim is held, no vault file is nobody's, no event is missing or doubled.

    Raises AssertionError with what does not add up.
    """
    vault = open_vault(Home(home))
    with reading(_ledger(home)) as books:
        rows = transfer_rows(books, most=10_000_000)
        received = Counter(leaf["transfer"] for leaf in leaves(books, kind="transfer.received"))
        for row in rows:
            assert not _is_at_work(row), f"transfer {row['id']} never came to rest: {row['stage']}"
            assert row["runner"] is None, f"transfer {row['id']} is still claimed"
            due = int(row["direction"] == "inbound" and row["stage"] not in NEVER_PUBLISHED)
            assert received[row["id"]] == due, f"transfer {row['id']} has {received[row['id']]} leaves of its arrival"
        orphans = set(vault.files()) - object_files(books)
        assert not orphans, f"{len(orphans)} vault files are nobody's, first: {min(orphans)}"
        missing = object_files(books) - set(vault.files())
        assert not missing, f"{len(missing)} vault files are gone, first: {min(missing)}"
        for row in rows:
            for records in parts(books, "records", row["id"]):
                reader = vault.open(sealed_object(books, records["object_id"]))
                lines = sum(chunk.count(b"\n") for chunk in reader.chunks())
                reader.close()
                assert lines == records["records"], f"transfer {row['id']} has lost records"
        _check_acknowledgments(books, vault, rows)
    _check_events(home, rows)


def _check_acknowledgments(books: Books, vault: Vault, rows: list[Row]) -> None:
    """What was taken is acknowledged once, by a file that says what the ledger says; no number of ours stands twice."""
    told = {row["outbound_id"]: row for row in acknowledgment_rows(books, most=10_000_000)}
    lying = {row["id"] for row in rows if row["direction"] == "outbound" and row["folder_bytes"] == OUTBOUND}
    assert lying == told.keys(), "acknowledgments lie there that no row tells of, or the other way round"
    answered = Counter(row["transfer_id"] for row in told.values())
    for row in rows:
        if row["sets_accepted"] and row["standard"] == "x12":
            assert answered[row["id"]] == 1, f"transfer {row['id']} was acknowledged {answered[row['id']]} times"
    numbers = Counter(row["control_number"] for row in told.values() if row["repeats"] is None)
    twice = sorted(number for number, count in numbers.items() if count > 1)
    assert not twice, f"control number {twice[0]} was given out twice"
    for row in told.values():
        reader = vault.open(sealed_object(books, row["object_id"]))
        content = b"".join(reader.chunks())
        reader.close()
        assert content.split(b"*")[13].decode() == row["control_number"], "an acknowledgment has another number"


def _check_events(home: Path, rows: list[Row]) -> None:
    told: dict[str, str] = {}
    received: dict[str, set[str]] = {}
    for event in Site(home.parent).events():
        body = repr(event)
        assert told.setdefault(event["id"], body) == body, f"event {event['id']} was told in two ways"
        if event["type"] == RECEIVED_EVENT:
            received.setdefault(event["subject"], set()).add(event["id"])
    for row in rows:
        events = received.pop(row["id"], set())
        due = int(row["direction"] == "inbound" and row["stage"] not in {*NEVER_PUBLISHED, Stage.INCOMPLETE})
        assert len(events) == due, f"transfer {row['id']} ({row['stage']}) has {len(events)} received events"
    assert not received, f"events tell of transfers that are not there, first: {min(received)}"


def check_log(site: Site) -> None:
    """The audit log proves itself. The server is stopped."""
    done = site.verify()
    assert done.returncode == 0, f"audit verify says: {done.stdout}{done.stderr}"


def check_all(site: Site, sent: Sent) -> Counter[str]:
    """Start once more, wait for rest, stop in order, reckon. Returns how many transfers stand in each stage."""
    if site.process is None:
        site.start()
    eventually(lambda: at_rest(site), what="all transfers come to rest")
    assert site.stop() == 0
    stages = check_promises(site.home, sent)
    check_books(site.home)
    check_log(site)
    return stages


def at_rest(site: Site) -> bool:
    with reading(_ledger(site.home)) as books:
        return not any(map(_is_at_work, transfer_rows(books, most=10_000_000)))


def _is_at_work(row: Row) -> bool:
    """A file that lies closed under its temporary name rests, too."""
    return row["stage"] in AT_WORK or (row["stage"] == Stage.RECEIVING and row["sha256"] is None)


def _ledger(home: Path) -> Ledger:
    return Ledger(f"sqlite:{home / 'data' / 'ledger.db'}")


# --- kill -9 ---


def kill_round(
    site: Site, partner: Partner, sent: Sent, rng: random.Random, *, name: str, promises: int | None = None
) -> None:
    """Upload to the running server, and kill it at a random moment with uploads under way."""
    assert site.process is not None
    server = site.process
    upload_until(site, partner, sent, rng, server.kill, name=name, promises=promises)
    site.kill()


def start_and_sweep(site: Site, *, fault: str | None = None) -> int:
    """Start after a crash; what no row speaks of must be gone from the vault. Returns how many files that were.

    The ledger is opened only behind the server, whose recovery is to meet it as the crash left it.
    """
    vault = open_vault(Home(site.home))
    before = set(vault.files())
    site.start(fault=fault)
    with reading(_ledger(site.home)) as books:
        known = object_files(books)
    orphans = before - known
    assert not orphans & set(vault.files()), "a start leaves files in the vault that nobody owns"
    return len(orphans)


def kill_in_start(site: Site, rng: random.Random) -> None:
    """Kill a server on its way up: recovery itself must stand it."""
    process = subprocess.Popen(
        [*MFT, "serve", "--home", str(site.home)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT,
        env={**environment(), "MFT_DOORS__SFTP__LISTEN": "127.0.0.1:0"},
    )  # fmt: skip
    try:
        with suppress(subprocess.TimeoutExpired):
            process.wait(rng.uniform(0.3, 1.5))
    finally:
        process.kill()
        process.wait()


# --- a line that breaks ---


class Breaking:
    """A way to the server on which each connection breaks at a random byte, in one direction or the other."""

    def __init__(self, port: int, rng: random.Random) -> None:
        self.breaks = 0
        self.port = 0
        self._to = port
        self._rng = rng
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> asyncio.Server:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        left = [self._rng.randrange(self._rng.choice((4_000, 20_000, 200_000, 3_000_000)))]
        hard = self._rng.random() < 0.5  # By RST, which may take with it what was on its way.
        ends = [writer]
        try:  # The round may end before the connection breaks.
            there, back = await asyncio.open_connection("127.0.0.1", self._to)
            ends.append(back)
            pumps = [
                asyncio.create_task(_pump(reader, back, left)),
                asyncio.create_task(_pump(there, writer, left)),
            ]
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            for pump in pumps:
                pump.cancel()
            self.breaks += 1
        finally:
            for end in ends:
                (end.transport.abort if hard else end.close)()


async def _pump(source: asyncio.StreamReader, to: asyncio.StreamWriter, left: list[int]) -> None:
    with suppress(OSError):
        while data := await source.read(1 << 16):
            part, left[0] = data[: left[0]], left[0] - len(data)
            to.write(part)
            await to.drain()
            if left[0] <= 0:
                return


def break_round(site: Site, partner: Partner, sent: Sent, rng: random.Random, *, name: str, breaks: int) -> None:
    """Upload to the running server on connections that break, so many of them; then send what is owed, undisturbed."""

    async def scene() -> None:
        line = Breaking(site.port, rng)
        async with await line.open():
            senders = Senders(site, partner, sent, rng, round_name=name, port=line.port)
            await senders.connected_until(lambda: line.breaks >= breaks)

    asyncio.run(scene())
    send_what_is_owed(site, partner, sent, rng)


# --- syscalls that fail ---

CALLS = ("openat", "write", "pwrite64", "fsync", "fdatasync", "ftruncate", "pread64", "unlink", "mkdir")
HOWS = ("error=EIO", "error=ENOSPC", "error=EINTR", "signal=KILL")


def syscall_round(
    site: Site, partner: Partner, sent: Sent, rng: random.Random, *, name: str, call: str, how: str, turn: int
) -> bool:
    """Upload to the running server while its next but so many such syscall fails; returns whether one did.

    Raises AssertionError if the server ended in a way that is neither a kill nor "the disk is broken".
    """
    assert site.process is not None
    server, log = site.process, site.root / "strace"
    tracer = subprocess.Popen(
        [
            peer("strace"), "-f", "-qq", "-o", str(log), "-e", f"trace={call}",
            "-e", f"inject={call}:{how}:when={turn}", "-p", str(server.pid),
        ],
        stderr=subprocess.PIPE,
    )  # fmt: skip
    try:
        eventually(lambda: _is_traced(server.pid), what="strace is attached")
        for batch in range(_BATCHES_MAX):  # strace counts the calls of each thread, and which one does them is chance.
            asyncio.run(Senders(site, partner, sent, rng, round_name=f"{name}-{batch}", files_max=8).all_sent())
            with suppress(subprocess.TimeoutExpired):
                server.wait(0)
            if server.returncode is not None or _was_struck(log):
                break
    finally:
        tracer.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):  # At times it waits for a thread that has ended.
            tracer.wait(5)
        tracer.kill()
        tracer.communicate()
    with suppress(subprocess.TimeoutExpired):
        server.wait(0.2)
    assert server.returncode in {None, 4, -signal.SIGKILL}, f"{call} {how} {turn}: exit code {server.returncode}"
    site.kill()
    return _was_struck(log)


_BATCHES_MAX = 6


def _was_struck(log: Path) -> bool:
    return "INJECTED" in log.read_text() or "killed by SIGKILL" in log.read_text()


def _is_traced(pid: int) -> bool:
    """Whether every thread of a process is."""
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        with suppress(FileNotFoundError):
            if "TracerPid:\t0\n" in status.read_text():
                return False
    return True


# --- keys that change ---

ROTATIONS = (("bucket",), ("bucket", "--new"), ("signing",))


def rotating(site: Site, *arguments: str) -> Forked:
    """`mft keys rotate …`, on its way."""
    settings = {**environment(), "PYTHONDONTWRITEBYTECODE": ""}
    return Forked(["keys", "rotate", *arguments, "--home", str(site.home)], settings, None)


def rotate(site: Site, *arguments: str) -> None:
    """The same to its end."""
    command = rotating(site, *arguments)
    _, said = command.communicate(DEADLINE_SECONDS)
    assert command.returncode == 0, f"mft keys rotate {' '.join(arguments)}: {command.returncode} {said}"


def keys_round(
    site: Site, partner: Partner, sent: Sent, rng: random.Random, *, name: str, strikes: int, files: int = 60
) -> int:
    """Upload to the running server while its keys are changed by commands that are killed; at times it is killed too.

    Returns how many commands came to their end before that.
    """
    server, done = site.process, 0
    assert server is not None

    def strike() -> None:
        nonlocal done
        for number in range(strikes):
            command = rotating(site, *rng.choice(ROTATIONS))
            with suppress(subprocess.TimeoutExpired):
                command.wait(rng.uniform(0.05, 1.0))
            command.kill()
            _, said = command.communicate()
            assert command.returncode in {0, 3, 4, -signal.SIGKILL}, f"mft keys rotate: {command.returncode} {said}"
            done += command.returncode == 0
            if number == strikes // 2 and rng.random() < 0.3:
                server.kill()

    async def scene() -> None:
        senders = Senders(site, partner, sent, rng, round_name=name, files_max=files)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(asyncio.to_thread(strike))
            tasks.create_task(senders.all_sent())

    asyncio.run(scene())
    return done


def rotate_to_the_end(site: Site, partner: Partner, sent: Sent, rng: random.Random) -> None:
    """One rotation of each kind that nobody harms, under uploads; then what came in meanwhile, without a server."""

    async def scene() -> None:
        senders = Senders(site, partner, sent, rng, round_name="last", files_max=40)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(senders.all_sent())
            for arguments in (("bucket", "--new"), ("signing",)):
                await asyncio.to_thread(rotate, site, *arguments)

    asyncio.run(scene())
    eventually(lambda: at_rest(site), what="all transfers come to rest")
    assert site.stop() == 0
    rotate(site, "bucket")


def check_keys(home: Path) -> None:
    """Of a server that is stopped behind a rotation: whatever is sealed opens by a key in force, each by a DEK of its
    own, and each checkpoint is signed by the key that the log says was in force, the first behind a change by both.

    Raises AssertionError with what does not add up.
    """
    keyring = FolderKeyring(Home(home).keys)
    with reading(_ledger(home)) as books:
        in_force = {row["id"] for row in key_pairs(books) if not row["retired_at"] and not row["destroyed_at"]}
        deks: dict[bytes, str] = {}
        for row in books.rows(select(OBJECT).where(OBJECT.c.wrapped_dek.is_not(None))):
            assert row["bucket"] in in_force, f"object {row['id']} is wrapped to {row['bucket']}, which is not in force"
            dek = keyring.unwrap(row["bucket"], bytes(row["wrapped_dek"]), context(row["tenant_id"], row["id"]))
            other = deks.setdefault(dek, row["id"])
            assert other == row["id"], f"objects {other} and {row['id']} are sealed under one DEK"
        changes = [
            (leaf["seq"], leaf["facts"])
            for leaf in leaves(books, kind="key.in-force", newest_first=False)
            if leaf["facts"]["use"] == "signing"
        ]
        notes = books.rows(select(CHECKPOINT).order_by(CHECKPOINT.c.size, CHECKPOINT.c.id))
    before = 0
    for row in notes:
        signers = {facts["key"] for seq, facts in changes if before <= seq < row["size"]}
        signers |= {facts["replaces"] for seq, facts in changes if before <= seq < row["size"]} - {None}
        signers |= {[facts["key"] for seq, facts in changes if seq < row["size"]][-1]}
        for vkey in signers:
            try:
                checkpoint.verify(row["note"], VerifyKey.parse(vkey))
            except MFTError as error:
                raise AssertionError(f"the checkpoint over {row['size']} leaves: {error}") from None
        before = row["size"]
    signing = SigningKey.load(home / "keys" / SIGNING_KEY).verify_key.vkey
    assert signing == changes[-1][1]["key"], "audit.key is not the key that the log says is in force"
    assert (home / "keys" / VERIFY_KEY).read_text() == f"{signing}\n"
    assert not (home / "keys" / NEXT_SIGNING_KEY).exists(), "a change of the signing key is not finished"


# --- power ---


class NoDisk(Exception):
    """This machine or user cannot mount a file as a disk."""


class Disk:
    """A file system in a file, mounted where a home's data is."""

    def __init__(self, image: Path, folder: Path, *, kind: str, size_mib: int, options: tuple[str, ...] = ()) -> None:
        self.folder = folder
        self._image = image
        self._kind = kind
        self._size_mib = size_mib
        self._options = options

    def make(self) -> None:
        """Raises NoDisk, with the reason."""
        if os.geteuid() != 0:
            raise NoDisk("mounting a disk image needs root")
        if shutil.which(f"mkfs.{self._kind}", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            raise NoDisk(f"mkfs.{self._kind} is not installed")
        with self._image.open("wb") as file:
            file.truncate(self._size_mib << 20)
        force = {"ext4": "-F", "xfs": "-f"}[self._kind]
        done = _tool(f"mkfs.{self._kind}", "-q", force, *self._options, str(self._image))
        if done.returncode == 0:
            done = _tool("mount", "-o", "loop", str(self._image), str(self.folder))
        if done.returncode != 0:
            raise NoDisk(f"a disk image cannot be mounted here: {done.stderr.strip()}")

    def fill(self, source: Path) -> None:
        """Copy files in, and let them reach the disk."""
        shutil.copytree(source, self.folder, dirs_exist_ok=True)
        _tool("sync", "-f", str(self.folder))

    def cut(self, sent: Sent) -> None:
        """Take the power away: what was not synced is lost (EXT4_IOC_SHUTDOWN, XFS_IOC_GOINGDOWN, no flush of the log).

        The ioctl takes milliseconds, and an fsync meanwhile may succeed for a transaction of the journal that is being
        thrown away. With real power its caller would be gone as well, so from here on no promise counts.
        """
        sent.powered = False
        fd = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, 0x8004587D, struct.pack("I", 2))
        finally:
            os.close(fd)

    def power_on(self) -> None:
        """Mount again what the cut has left."""
        self.unmount()
        done = _tool("mount", "-o", "loop", str(self._image), str(self.folder))
        assert done.returncode == 0, done.stderr

    def unmount(self) -> None:
        if f" {self.folder} " in Path("/proc/self/mounts").read_text():  # Asking the folder fails without power.
            eventually(lambda: _tool("umount", str(self.folder)).returncode == 0, what="the disk is let go", seconds=10)

    def remove(self) -> None:
        """Undo all of it, also with files still open on it."""
        try:
            self.unmount()
        except AssertionError:
            _tool("umount", "--lazy", str(self.folder))
        self._image.unlink(missing_ok=True)


def _tool(*arguments: str) -> subprocess.CompletedProcess[str]:
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return subprocess.run(arguments, capture_output=True, text=True, env={**os.environ, "PATH": path, "LC_ALL": "C"})


@contextmanager
def data_on_disk(
    site: Site, *, kind: str = "ext4", size_mib: int = 2048, options: tuple[str, ...] = ()
) -> Iterator[Disk]:
    """The site's data on a disk of its own, whose power can be cut. Raises NoDisk."""
    data = site.home / "data"
    aside = site.root / "data-aside"
    data.rename(aside)
    data.mkdir(mode=0o700)
    disk = Disk(site.root / "disk.img", data, kind=kind, size_mib=size_mib, options=options)
    try:
        disk.make()
        disk.fill(aside)
        yield disk
    finally:
        site.kill()
        disk.remove()


def power_round(
    site: Site, partner: Partner, sent: Sent, rng: random.Random, disk: Disk, *, name: str, promises: int | None = None
) -> None:
    """Upload to the running server, cut the power at a random moment, and switch it on again."""
    assert site.process is not None
    server = site.process

    def cut() -> None:
        disk.cut(sent)
        server.kill()

    upload_until(site, partner, sent, rng, cut, name=name, promises=promises)
    site.kill()
    disk.power_on()
    sent.powered = True


def new_site(root: Path) -> tuple[ForkedSite, Partner]:
    """A home with one partner, outside of pytest."""
    done = run_mft("init", root / "home")
    assert done.returncode == 0, done.stderr
    site = ForkedSite(root)
    return site, site.add_partner("acme")
