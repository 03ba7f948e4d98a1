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
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import asyncssh

from mft.config import Home
from mft.domain import Stage
from mft.errors import MFTError
from mft.ledger.database import Ledger, Row, database_errors, reading
from mft.ledger.objects import object_files, sealed_object
from mft.ledger.transfers import parts, transfer_rows
from mft.server import open_vault
from mft.vault.store import BLOB_MAX
from tests.harness import MFT, ROOT, Partner, Site, environment, eventually, run_mft, sample

LAUNCHER = Path(__file__).with_name("faulty_serve.py")

AT_WORK = {Stage.RECEIVING, Stage.RECEIVED, Stage.IDENTIFIED, Stage.PARSED, Stage.VALIDATED, Stage.CANONICALIZED}
RECEIVED_EVENT = "mft.transfer.received.v1"
SETTLE_SECONDS = 30.0

SMALL = (0, 1, 100, 8_000, BLOB_MAX - 1, BLOB_MAX)
LARGE = (BLOB_MAX + 1, 200_000, 1_048_520, 1_048_521, 2_500_000, 4_000_000)
ORDER_LINES = (1, 30, 1_500)  # The last has records too large for the ledger.


def with_fault(name: str) -> list[str]:
    """The `prefix` for `Site.start` that serves with a planted fault; see `faulty_serve`."""
    return [sys.executable, str(LAUNCHER), name]


def seeded(seed: int) -> random.Random:
    """What a scene rolls its dice with: one seed, one scene."""
    return random.Random(seed)  # noqa: S311  Dice, not keys.


def purchase_order(lines: int) -> bytes:
    """The sample order's first set, with so many lines."""
    segments = sample("orders-850.edi").decode().replace("\n", "").replace("\r", "").split("~")
    first_end = next(index for index, segment in enumerate(segments) if segment.startswith("SE*"))
    head = segments[: next(index for index, segment in enumerate(segments) if segment.startswith("PO1*"))]
    body = [f"PO1*{line}*24*EA*12.5*PE*IN*BLUE-CUP*UP*614141000012" for line in range(1, lines + 1)]
    count = len(head) - 2 + len(body) + 2  # Without ISA and GS, with CTT and SE.
    end = segments[first_end].split("*")[2]
    tail = [f"CTT*{lines}", f"SE*{count}*{end}", "GE*1*2001", "IEA*1*000002001", ""]
    return "~".join([*head, *body, *tail]).encode()


# --- what was sent, and what was promised ---


@dataclass(frozen=True)
class Digest:
    size_bytes: int
    sha256: bytes


@dataclass
class Sent:
    """What clients have begun to send, by name, and the names whose CLOSE was answered OK."""

    begun: dict[str, Digest] = field(default_factory=dict)
    promised: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    powered: bool = True  # Nobody hears a promise when the power is gone.

    def hear(self, name: str) -> None:
        """CLOSE of this name was answered OK."""
        if self.powered:
            self.promised.add(name)


def contents(rng: random.Random, *, large: bool) -> tuple[str, bytes]:
    """A file as partners send them: its name's ending, and bytes that no other file has."""
    if large:
        size = rng.choice(LARGE)
    elif rng.random() < 0.3:
        return "edi", purchase_order(rng.choice(ORDER_LINES))
    else:
        size = rng.choice(SMALL)
    return "bin", rng.randbytes(size)


class Senders:
    """Sessions that upload one file after the other for as long as there is a server."""

    def __init__(self, site: Site, partner: Partner, sent: Sent, rng: random.Random, *, round_name: str) -> None:
        self._site, self._partner, self._sent, self._rng = site, partner, sent, rng
        self._round = round_name
        self._news = asyncio.Condition()
        self._begun = self._kept = 0

    async def until(self, promises: int, fault: Callable[[], None], *, sessions: int = 4, jitter_ms: int = 30) -> None:
        """Upload until so many CLOSEs, or none, were answered OK, and a random moment after; then `fault` strikes.

        It always strikes with files on their way: a session begins the next one when it has its answer.
        """
        # The library drops tasks of its own when the connection goes; their end is no news.
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: None)
        tasks = [asyncio.create_task(self._session(number)) for number in range(sessions)]
        moment = self._rng.uniform(0, jitter_ms / 1000)
        try:
            try:
                async with asyncio.timeout(SETTLE_SECONDS), self._news:
                    await self._news.wait_for(lambda: self._begun and self._kept >= promises)
            except TimeoutError:
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

    async def _session(self, number: int) -> None:
        try:
            async with (
                asyncssh.connect(
                    "127.0.0.1",
                    self._site.port,
                    username=self._partner.name,
                    client_keys=[str(self._partner.key)],
                    known_hosts=None,
                    config=None,
                    agent_path=None,
                ) as connection,
                connection.start_sftp_client() as client,
            ):
                await self._upload_on(client, number)
        except (
            asyncssh.SFTPNoConnection,
            asyncssh.SFTPConnectionLost,
            asyncssh.DisconnectError,
            asyncssh.ChannelOpenError,  # Struck between the login and the session.
            OSError,
        ):
            return  # The fault has struck.
        except asyncssh.SFTPError as error:
            self._sent.refused.append(f"{self._round}-{number}: {error.reason}")

    async def _upload_on(self, client: asyncssh.SFTPClient, number: int) -> None:
        file_number = 0
        while True:
            ending, content = contents(self._rng, large=number == 0)
            name = f"{self._round}-{number}-{file_number:04}.{ending}"
            file_number += 1
            self._sent.begun[name] = Digest(len(content), hashlib.sha256(content).digest())
            async with self._news:
                self._begun += 1
                self._news.notify_all()
            file = await client.open(name, "wb")
            await file.write(content)
            await close_answered(client, file)
            self._sent.hear(name)
            async with self._news:
                self._kept += 1
                self._news.notify_all()


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
            published = [row for row in rows if row["direction"] == "inbound" and row["stage"] != Stage.PARTIAL]
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
        for row in rows:
            assert row["stage"] not in AT_WORK, f"transfer {row['id']} never came to rest: {row['stage']}"
            assert row["runner"] is None, f"transfer {row['id']} is still claimed"
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
    _check_events(home, rows)


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
        due = 1 if row["direction"] == "inbound" and row["stage"] != Stage.PARTIAL else 0
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
        return all(row["stage"] not in AT_WORK for row in transfer_rows(books, most=10_000_000))


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


def start_and_sweep(site: Site) -> int:
    """Start after a crash; what no row speaks of must be gone from the vault. Returns how many files that were.

    The ledger is opened only behind the server, whose recovery is to meet it as the crash left it.
    """
    vault = open_vault(Home(site.home))
    before = set(vault.files())
    site.start()
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
            process.wait(rng.uniform(0.1, 2.0))
    finally:
        process.kill()
        process.wait()


# --- power ---


class NoDisk(Exception):
    """This machine or user cannot mount a file as a disk."""


class Disk:
    """An ext4 file system in a file, mounted where a home's data is."""

    def __init__(self, image: Path, folder: Path, *, size_mib: int = 512) -> None:
        self.folder = folder
        self._image = image
        self._size_mib = size_mib

    def make(self) -> None:
        """Raises NoDisk, with the reason."""
        if os.geteuid() != 0:
            raise NoDisk("mounting a disk image needs root")
        if shutil.which("mkfs.ext4", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin") is None:
            raise NoDisk("mkfs.ext4 is not installed")
        with self._image.open("wb") as file:
            file.truncate(self._size_mib << 20)
        done = _tool("mkfs.ext4", "-q", "-F", str(self._image))
        if done.returncode == 0:
            done = _tool("mount", "-o", "loop", str(self._image), str(self.folder))
        if done.returncode != 0:
            raise NoDisk(f"a disk image cannot be mounted here: {done.stderr.strip()}")

    def fill(self, source: Path) -> None:
        """Copy files in, and let them reach the disk."""
        shutil.copytree(source, self.folder, dirs_exist_ok=True)
        _tool("sync", "-f", str(self.folder))

    def cut(self, sent: Sent) -> None:
        """Take the power away: what was not synced is lost (EXT4_IOC_SHUTDOWN without a flush of the journal).

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
        if os.path.ismount(self.folder):
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
def data_on_disk(site: Site) -> Iterator[Disk]:
    """The site's data on a disk of its own, whose power can be cut. Raises NoDisk."""
    data = site.home / "data"
    aside = site.root / "data-aside"
    data.rename(aside)
    data.mkdir(mode=0o700)
    disk = Disk(site.root / "disk.img", data)
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


def new_site(root: Path) -> tuple[Site, Partner]:
    """A home with one partner, outside of pytest."""
    done = run_mft("init", root / "home")
    assert done.returncode == 0, done.stderr
    site = Site(root)
    return site, site.add_partner("acme")
