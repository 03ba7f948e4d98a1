"""Servers to measure: ours on a home, OpenSSH's on a folder; each on a free port, ended by its id.

Both have /inbound, where a session begins, and /outbound beside it, so that one batch of a client suits both.
"""

import hashlib
import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import paramiko

from bench.payload import sha256
from bench.settings import Unmeasured
from mft.home import Home
from mft.installation import open_vault
from mft.ledger.database import Ledger, reading
from mft.ledger.objects import sealed_object
from mft.ledger.transfers import counts, transfer_rows

MFT = [sys.executable, "-c", "from mft.cli.main import main; main()"]
HUNG_SECONDS = 1800
_TICKS = os.sysconf("SC_CLK_TCK")

# Every client comes from one address, as fast as it can; and who breaks off does not wait for open files.
_SETTINGS = {
    "MFT_DOORS__SFTP__LISTEN": "127.0.0.1:0",
    "MFT_DOORS__SFTP__ARRIVALS_PER_SECOND_MAX": "100000",
    "MFT_DOORS__SFTP__UNPROVEN_MAX": "1000",
    "MFT_DOORS__SFTP__UNPROVEN_PER_SOURCE_MAX": "1000",
    "MFT_DOORS__SFTP__DRAIN_SECONDS": "0",
}


@dataclass(eq=False)
class Server(ABC):
    """Where it listens, its process, and how a client gets in."""

    name: str
    port: int
    pid: int
    folder: Path
    user: str
    key: Path

    def cpu_seconds(self) -> float:
        """Processor time of the whole tree so far, ended children included."""
        return sum(_cpu(pid) for pid in _tree(self.pid))

    def options(self) -> list[str]:
        """What OpenSSH's programs are told: the same algorithms for both servers, of those that both have."""
        options = [
            f"Port={self.port}", f"User={self.user}", f"IdentityFile={self.key}", "IdentitiesOnly=yes", "BatchMode=yes",
            "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR",
            "Ciphers=aes128-gcm@openssh.com", "KexAlgorithms=curve25519-sha256", "HostKeyAlgorithms=ssh-ed25519",
        ]  # fmt: skip
        return ["-F", "none", *(word for option in options for word in ("-o", option))]

    def sftp(self, *batches: str) -> None:
        """Run OpenSSH's client, a session for each batch, side by side. Raises Unmeasured: one failed."""
        sessions = [
            subprocess.Popen(
                [program("sftp"), *self.options(), "-b", "-", "127.0.0.1"],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )
            for _ in batches
        ]  # fmt: skip
        try:
            for session, batch in zip(sessions, batches, strict=True):
                assert session.stdin is not None
                with suppress(BrokenPipeError):  # It says itself, below, why it is gone.
                    session.stdin.write(batch)
                    session.stdin.flush()
                    session.stdin.close()
                session.stdin = None  # Else communicate() would close it again.
            for session in sessions:
                said = session.communicate(timeout=HUNG_SECONDS)[1]
                if session.returncode:
                    raise Unmeasured(f"sftp to {self.name} failed: {said.strip() or f'exit {session.returncode}'}")
        except subprocess.TimeoutExpired:
            raise Unmeasured(f"sftp to {self.name} was not done within {HUNG_SECONDS} seconds") from None
        finally:
            for session in sessions:
                if session.poll() is None:
                    session.terminate()  # It takes its ssh with it.
                    session.wait()

    @abstractmethod
    def end_sessions(self) -> None:
        """Wait until what a session cost can be read."""

    @abstractmethod
    def rest(self) -> None:
        """Wait until nothing more is done to any file."""

    @abstractmethod
    def arrived(self, names: Collection[str]) -> dict[str, str]:
        """SHA-256 of what lies under each name."""

    @abstractmethod
    def clear(self) -> None:
        """Remove the files that were uploaded."""


class Ours(Server):
    def end_sessions(self) -> None:
        """It is one process."""

    def rest(self) -> None:
        def resting() -> bool:
            with reading(_ledger(self.folder)) as books:
                return not counts(books).get("received")

        _wait(resting, what="mft has read every file", seconds=HUNG_SECONDS)

    def arrived(self, names: Collection[str]) -> dict[str, str]:
        """Opened again out of the vault: the ledger's own digest would prove nothing of what is on the disk."""
        vault, found = open_vault(Home(self.folder)), {}
        with reading(_ledger(self.folder)) as books:
            for row in transfer_rows(books, most=1_000_000):
                name = bytes(row["name_bytes"]).decode()
                if name not in names or not row["object_id"]:
                    continue
                digest = hashlib.sha256()
                reader = vault.open(sealed_object(books, row["object_id"]))
                try:
                    for piece in reader.chunks():
                        digest.update(piece)
                finally:
                    reader.close()
                found[name] = digest.hexdigest()
        return found

    def clear(self) -> None:
        """Files only: what is small lies in the ledger, and stays."""
        _unlink_all(Home(self.folder).vault)


class Theirs(Server):
    def end_sessions(self) -> None:
        """Each is a process, and is accounted for when it has ended."""
        _wait(lambda: _tree(self.pid) == [self.pid], what="the sessions of sshd have ended", seconds=30)

    def rest(self) -> None:
        """It is done when it has answered."""

    def arrived(self, names: Collection[str]) -> dict[str, str]:
        paths = ((name, self.folder / "inbound" / name) for name in names)
        return {name: sha256(path) for name, path in paths if path.exists()}

    def clear(self) -> None:
        _unlink_all(self.folder / "inbound")


def program(name: str) -> str:
    """The path of one of OpenSSH's programs. Raises Unmeasured: it is not installed."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin")
    if found is None:
        package = "openssh-server" if name == "sshd" else "openssh-client"
        raise Unmeasured(f"OpenSSH's {name} is not installed: apt-get install {package}")
    return os.path.abspath(found)  # sshd runs itself again, and wants to know where it is.


def run(command: list[str]) -> None:
    """Raises Unmeasured: with what it said."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unmeasured(f"{' '.join(command[-4:])} failed: {done.stderr.strip() or f'exit {done.returncode}'}")


def make_key(path: Path) -> Path:
    run([program("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", str(path)])
    return path


@contextmanager
def ours(folder: Path, key: Path, *, prepare: Callable[[Home], None] = lambda home: None) -> Iterator[Ours]:  # noqa: ARG005
    """`mft serve` with one partner, bench. `prepare` comes before it starts."""
    home = folder / "home"
    run([*MFT, "init", str(home)])
    run([*MFT, "partner", "add", "bench", "--ssh-key", f"{key}.pub", "--home", str(home)])
    prepare(Home(home))
    log = folder / "mft.log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            [*MFT, "serve", "--home", str(home)],
            stdout=subprocess.PIPE, stderr=said, text=True, env={**os.environ, **_SETTINGS},
            start_new_session=True,  # Ctrl-C is for us; we end it when its clients are gone.
        )  # fmt: skip
    with _ending(process):
        assert process.stdout is not None
        if not any("ready" in line for line in process.stdout):
            raise Unmeasured(f"mft serve did not start: {log.read_text().strip()}")
        port = int(json.loads(Home(home).ports.read_text())["sftp"].rpartition(":")[2])
        yield Ours("mft", port, process.pid, home, "bench", key)


@contextmanager
def openssh(folder: Path, key: Path) -> Iterator[Theirs]:
    """OpenSSH's sshd with its internal-sftp, plain files in a folder."""
    root = folder / "openssh"
    for name in ("inbound", "outbound"):
        (root / name).mkdir(parents=True)
    host_key = make_key(root / "host_key")
    (root / "authorized_keys").write_text(Path(f"{key}.pub").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = root / "sshd_config"
    config.write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nPidFile none\nUsePAM no\nStrictModes no\n"
        "LogLevel ERROR\n"
        f"AuthorizedKeysFile {root / 'authorized_keys'}\nMaxStartups 500:30:1000\nPermitRootLogin yes\n"
        f"Subsystem sftp internal-sftp -d {root / 'inbound'}\n"
    )
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # Where sshd locks its strangers in; systemd would have made it.
    log = folder / "sshd.log"
    command = [program("sshd"), "-D", "-e", "-f", str(config)]
    with log.open("wb") as said:
        process = subprocess.Popen(command, stderr=said, start_new_session=True)

    def listening() -> bool:
        if process.poll() is not None:
            raise Unmeasured(f"sshd did not start: {log.read_text().strip()}")
        with socket.socket() as trial:
            return trial.connect_ex(("127.0.0.1", port)) == 0

    with _ending(process):
        _wait(listening, what="sshd listens", seconds=10)
        yield Theirs("sshd", port, process.pid, root, pwd.getpwuid(os.geteuid()).pw_name, key)


@contextmanager
def _ending(process: "subprocess.Popen[Any]") -> Iterator[None]:
    """End a server with the block, whatever comes; one that does not go is killed."""
    try:
        yield
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(60)
        finally:
            process.kill()
            process.wait()
            if process.stdout is not None:
                process.stdout.close()


def _wait(ask: Callable[[], bool], *, what: str, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not ask():
        if time.monotonic() > deadline:
            raise Unmeasured(f"not within {seconds:.0f} seconds: {what}")
        time.sleep(0.02)


def _ledger(home: Path) -> Ledger:
    return Ledger(f"sqlite:{home / 'data' / 'ledger.db'}")


def _unlink_all(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()


def _tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def _cpu(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / _TICKS


@contextmanager
def paramiko_session(server: Server) -> Iterator[paramiko.SFTPClient]:
    with paramiko.Transport(("127.0.0.1", server.port)) as transport:
        transport.connect(username=server.user, pkey=paramiko.Ed25519Key.from_private_key_file(str(server.key)))
        client = paramiko.SFTPClient.from_transport(transport)
        assert client is not None
        yield client
