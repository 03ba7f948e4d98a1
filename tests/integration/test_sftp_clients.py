"""Real clients at the SFTP door: what they can do, and how it is refused to them."""

import asyncio
import os
import signal
import subprocess
import threading
from concurrent.futures import Future
from pathlib import Path

import asyncssh
import paramiko
import pytest

from mft.audit.query import leaves
from mft.cli.access import writing
from mft.clock import new_id
from mft.config import Config
from mft.core import KeepProfile
from mft.crypto.keyring import PublicKeyring
from mft.crypto.keys import BucketPrivateKey
from mft.domain import OUTBOUND, STANDARD, TENANT, Arrival, Principal
from mft.endpoints.limits import Admission
from mft.endpoints.sftp import SftpDoor
from mft.home import Home
from mft.installation import load_partners, open_vault
from mft.ledger.database import Ledger, Readers, reading
from mft.pipeline.receive import Deposit, Receive
from mft.vault.store import ObjectWriter, Vault
from tests.harness import Partner, Site, eventually, peer, sample


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_openssh_uploads_lists_renames_and_removes(shared: Site, guest: Partner, tmp_path: Path) -> None:
    source = write(tmp_path / "note.txt", b"hello partner\n")
    done = shared.sftp(
        guest,
        f"put {source}",
        "ls -1",
        "rename note.txt note-1.txt",
        "ls -1 /inbound",
        "pwd",
        "ls -1 /",
        "rm note-1.txt",
        "ls -1",
        "ls -1 /outbound",
    )
    assert done.returncode == 0, done.stderr
    said = [line for line in done.stdout.splitlines() if not line.startswith("sftp>")]
    assert said == [
        "note.txt",
        "/inbound/note-1.txt",
        "Remote working directory: /inbound",
        "/errors",
        "/inbound",
        "/outbound",
    ]
    assert shared.rested("note-1.txt")["stage"] == "done"


def test_what_was_uploaded_comes_back_byte_for_byte(shared: Site, guest: Partner, tmp_path: Path) -> None:
    sizes = [0, 1, 65536, 65537, 1048520, 1048521, 5_000_000]
    for size in sizes:
        write(tmp_path / f"f{size}.bin", os.urandom(size))
    done = shared.sftp(guest, *(f"put {tmp_path}/f{size}.bin" for size in sizes))
    assert done.returncode == 0, done.stderr
    for size in sizes:
        row = shared.rested(f"f{size}.bin")
        assert shared.opened(row) == (tmp_path / f"f{size}.bin").read_bytes()


def test_paramiko_uploads_lists_renames_and_removes(shared: Site, guest: Partner, tmp_path: Path) -> None:
    source = write(tmp_path / "data.bin", os.urandom(300_000))
    with shared.paramiko(guest) as client:
        assert client.normalize(".") == "/inbound"
        client.put(str(source), "data.bin")  # Checks the size by STAT when it is done.
        assert client.stat("data.bin").st_size == 300_000
        assert client.listdir("/inbound") == ["data.bin"]
        client.rename("data.bin", "renamed.bin")
        with pytest.raises(FileNotFoundError):
            client.stat("data.bin")
        with client.open("second.bin", "wb") as file:
            file.write(b"x" * 100)
        with pytest.raises(OSError, match="there already"):
            client.rename("second.bin", "renamed.bin")
        client.posix_rename("second.bin", "renamed.bin")
        assert client.stat("renamed.bin").st_size == 100
        client.remove("renamed.bin")
        assert client.listdir("/inbound") == []
    assert sorted(row["name"] for row in shared.transfers_of(guest)) == ["renamed.bin", "renamed.bin"]


def test_a_report_on_a_bad_file_can_be_fetched_from_errors(shared: Site, guest: Partner, tmp_path: Path) -> None:
    write(tmp_path / "bad.edi", sample("claims-wrong-count.edi"))
    assert shared.sftp(guest, f"put {tmp_path}/bad.edi").returncode == 0
    assert shared.rested("bad.edi")["stage"] == "rejected"
    done = shared.sftp(guest, f"lcd {tmp_path}", "cd /errors", "get bad.edi.*")
    assert done.returncode == 0, done.stderr
    (report,) = tmp_path.glob("bad.edi.*.txt")
    text = report.read_text()
    assert "SE01" in text
    assert "what to do" in text
    with shared.paramiko(guest) as client:
        (name,) = client.listdir("/errors")
        with client.open(f"/errors/{name}", "rb") as file:
            file.prefetch()
            assert file.read() == report.read_bytes()
        client.remove(f"/errors/{name}")
        assert client.listdir("/errors") == []


@pytest.mark.parametrize(
    ("command", "says"),
    [
        ("get note.txt", "Permission denied"),
        ("put {source} /outbound/note.txt", "Permission denied"),
        ("put {source} /etc/passwd", "No such file"),
        ("put {source} ../../../../etc/passwd", "No such file"),
        ("reput {grown} note.txt", "Operation unsupported"),
        ("symlink /etc/passwd link", "nsupported"),
        ("ln note.txt link", "not support"),
        ("mkdir sub", "Permission denied"),
        ("rmdir /inbound", "Permission denied"),
        ("rm absent.txt", "No such file"),
        ("cd /etc", "No such file"),
        ("rename note.txt /outbound/note.txt", "Permission denied"),
    ],
)
def test_openssh_is_refused(shared: Site, guest: Partner, tmp_path: Path, command: str, says: str) -> None:
    source = write(tmp_path / "note.txt", b"hello")
    grown = write(tmp_path / "grown.txt", b"hello, and more")
    assert shared.sftp(guest, f"put {source}").returncode == 0
    before = [row for row in shared.transfers_of(guest) if row["stage"] != "partial"]
    done = shared.sftp(guest, command.format(source=source, grown=grown))
    assert done.returncode != 0
    assert says in done.stderr, done.stderr
    assert [row["id"] for row in shared.transfers_of(guest) if row["stage"] != "partial"] == [
        row["id"] for row in before
    ]


@pytest.mark.parametrize("what", ["shell", "exec", "scp", "forward"])
def test_only_sftp_is_spoken(shared: Site, guest: Partner, tmp_path: Path, what: str) -> None:
    key = paramiko.Ed25519Key.from_private_key_file(str(guest.key))
    with paramiko.Transport(("127.0.0.1", shared.port)) as transport:
        transport.connect(username=guest.name, pkey=key)
        if what == "forward":
            with pytest.raises(paramiko.ChannelException):
                transport.open_channel("direct-tcpip", ("127.0.0.1", shared.port), ("127.0.0.1", 1))
            return
        channel = transport.open_session()
        asked = {
            "shell": channel.invoke_shell,
            "exec": lambda: channel.exec_command("id"),
            "scp": lambda: channel.exec_command("scp -t /inbound"),
        }[what]
        with pytest.raises(paramiko.SSHException):
            asked()


def test_a_name_has_one_writer(shared: Site, guest: Partner) -> None:
    with shared.paramiko(guest) as first, shared.paramiko(guest) as second:
        with first.open("same.bin", "wb") as file:
            file.write(b"one")
            with pytest.raises(OSError, match="under way"):
                second.open("same.bin", "wb")
        second.open("same.bin", "wb").close()
        assert second.stat("same.bin").st_size == 0


def test_a_client_that_vanishes_leaves_nothing_published(serving: Site, acme: Partner) -> None:
    key = paramiko.Ed25519Key.from_private_key_file(str(acme.key))
    transport = paramiko.Transport(("127.0.0.1", serving.port))
    transport.connect(username="acme", pkey=key)
    client = paramiko.SFTPClient.from_transport(transport)
    assert client is not None
    file = client.open("half.bin", "wb")
    file.set_pipelined(True)
    file.write(os.urandom(3_000_000))
    file.stat()  # Answered behind the writes: they have all arrived.
    transport.sock.close()
    transport.close()
    eventually(lambda: [row["stage"] for row in serving.transfers()] == ["partial"], what="the broken upload is noted")
    (row,) = serving.transfers()
    assert "3,000,000 bytes" in row["reason"]
    assert [event for event in serving.events() if event["subject"] == row["id"]] == []


class TestLogin:
    @pytest.mark.parametrize("who", ["wrong key", "unknown user", "disabled", "expired"])
    def test_refused_without_a_hint(self, site: Site, acme: Partner, who: str) -> None:
        path = site.home / "config" / "partners" / "acme.toml"
        if who == "disabled":
            path.write_text(path.read_text().replace("enabled = true", "enabled = false"))
        elif who == "expired":
            path.write_text(path.read_text() + "expires = 2026-01-01\n")
        site.start()
        partner = acme
        if who == "wrong key":
            other = site.root / "other"
            subprocess.run([peer("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(other)], check=True)
            partner = Partner("acme", other)
        done = site.sftp(partner, "ls", user="nobody" if who == "unknown user" else None)
        assert done.returncode == 255
        assert "Permission denied (publickey)." in done.stderr

        def refused() -> list[dict[str, object]]:
            with reading(Ledger(f"sqlite:{site.home / 'data' / 'ledger.db'}")) as books:
                return list(leaves(books, kind="login.refused"))

        (leaf,) = eventually(refused, what="the refusal is in the log")
        assert leaf["result"] == "refused"
        facts = leaf["facts"]
        assert isinstance(facts, dict)
        assert facts["account"] == ("nobody" if who == "unknown user" else "acme")
        assert facts["source_address"] == "127.0.0.1"


def deposit(site: Site, partner: Partner, name: bytes, content: bytes) -> None:
    """Put a file into a partner's /outbound; the server must not run."""
    config = Config()
    home = Home(site.home)
    profile = load_partners(home).named(partner.name)
    assert profile is not None
    principal = Principal(profile.connection.id, partner.name, "", "", profile.hash)
    sealed, sha256 = open_vault(home).seal(TENANT, content)
    with writing(home, config) as run:
        run(KeepProfile(profile.hash, profile.connection.id, partner.name, profile.body))
        run(Deposit(new_id(), Arrival(principal, "server", "", "", OUTBOUND, name), sealed, sha256))


def test_a_large_file_is_fetched_with_a_thousand_reads_under_way(site: Site, acme: Partner, tmp_path: Path) -> None:
    content = os.urandom(40_000_000)
    deposit(site, acme, b"large.bin", content)
    site.start()
    with site.paramiko(acme) as client:
        assert client.listdir("/outbound") == ["large.bin"]
        client.get("/outbound/large.bin", str(tmp_path / "got.bin"))  # Asks for all of it at once.
    assert (tmp_path / "got.bin").read_bytes() == content
    assert site.sftp(acme, f"lcd {tmp_path}", "get /outbound/large.bin again.bin").returncode == 0
    assert (tmp_path / "again.bin").read_bytes() == content
    leaves_of_it = eventually(lambda: fetches(site), what="the fetches are in the log")
    assert len(leaves_of_it) == 2


def fetches(site: Site) -> list[dict[str, object]]:
    with reading(Ledger(f"sqlite:{site.home / 'data' / 'ledger.db'}")) as books:
        return list(leaves(books, kind="transfer.fetched"))


def test_access_that_is_withdrawn_ends_the_session(serving: Site, acme: Partner) -> None:
    path = serving.home / "config" / "partners" / "acme.toml"
    with serving.paramiko(acme) as client:
        with client.open("before.txt", "wb") as file:
            file.write(b"x")
        path.write_text(path.read_text().replace("enabled = true", "enabled = false"))
        assert serving.process is not None
        serving.process.send_signal(signal.SIGHUP)
        transport = client.get_channel().get_transport()
        eventually(lambda: not transport.is_active(), what="the connection is ended")
    assert [row["name"] for row in serving.transfers()] == ["before.txt"]


def test_a_client_ahead_of_the_disk_is_held_back(site: Site, acme: Partner, tmp_path: Path) -> None:
    """Memory stays bounded however slow the disk is: the segments that wait are few."""
    directory = load_partners(Home(site.home))
    readers = Readers(Ledger(f"sqlite:{site.home / 'data' / 'ledger.db'}"))
    profile = directory.named("acme")
    assert profile is not None
    gate, most = threading.Event(), [0]

    class Slow(ObjectWriter):
        def append(self, data: bytes | memoryview) -> None:
            super().append(data)
            most[0] = max(most[0], self.waiting)

        def _write(self, buffer: bytearray, size: int, *, last: bool) -> None:
            gate.wait(0.06)  # A disk of some 16 MB/s.
            super()._write(buffer, size, last=last)

    key = BucketPrivateKey(bytes(range(32)))
    (tmp_path / "vault").mkdir()
    vault = Vault(tmp_path / "vault", PublicKeyring([(STANDARD, key.public)]))
    vault.writer = lambda tenant, *, retention, **options: Slow(vault.root, tenant, key.public, **options)  # type: ignore[method-assign]

    async def play() -> None:
        received: asyncio.Future[object] = asyncio.get_running_loop().create_future()

        def submit(command: object) -> Future[object]:
            if isinstance(command, Receive):
                received.get_loop().call_soon_threadsafe(received.set_result, command)
            done: Future[object] = Future()
            done.set_result(None)
            return done

        door = SftpDoor(
            host="127.0.0.1",
            port=0,
            host_keys=[(site.home / "keys" / "ssh_host_ed25519_key").read_bytes()],
            directory=lambda: directory,
            on_broken=lambda error: None,
            submit=submit,
            readers=readers,
            vault=vault,
            admission=Admission(unproven_max=9, unproven_per_source_max=9, arrivals_per_second_max=9),
            login_seconds=30,
            idle_seconds=900,
            visible_seconds=3600,
            retry_seconds=3600,
            free_mib_min=0,
        )
        _, port = await door.start()
        async with (
            asyncssh.connect(
                "127.0.0.1",
                port,
                username="acme",
                client_keys=[str(acme.key)],
                known_hosts=None,
                config=None,
            ) as connection,
            connection.start_sftp_client() as client,
            client.open("large.bin", "wb") as file,
        ):
            await file.write(os.urandom(40_000_000))
        command = await received
        assert isinstance(command, Receive)
        assert command.sealed.plain_size == 40_000_000
        await door.drain(5)

    asyncio.run(play())
    assert 1 <= most[0] <= 8  # The four that may wait, and what one window of the channel brings behind them.
