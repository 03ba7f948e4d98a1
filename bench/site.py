"""Servers to measure: ours on a home, OpenSSH's on a folder; each on a free port, ended by its id."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from mft.ledger.database import Ledger, reading
from mft.ledger.transfers import counts

MFT = [sys.executable, "-c", "from mft.cli.main import main; main()"]
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """Where it listens, and its process."""

    port: int
    pid: int
    folder: Path
    user: str
    key: Path

    def cpu_seconds(self) -> float:
        """Processor time of the whole tree so far, ended children included."""
        return sum(_cpu(pid) for pid in _tree(self.pid))

    def sftp(self, commands: str, *, cipher: str = "aes128-gcm@openssh.com") -> float:
        """Run a batch of OpenSSH's client; returns its wall seconds."""
        begun = time.perf_counter()
        subprocess.run(
            [
                "sftp", "-q", "-F", "none", "-P", str(self.port), "-c", cipher, "-b", "-",
                "-o", f"IdentityFile={self.key}", "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=no",
                "-o", f"UserKnownHostsFile={self.key.parent / 'known_hosts'}", f"{self.user}@127.0.0.1",
            ],
            input=commands, text=True, check=True, capture_output=True,
        )  # fmt: skip
        return time.perf_counter() - begun


def make_key(path: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return path


@contextmanager
def ours(folder: Path, key: Path) -> Iterator[Server]:
    """`mft serve` with one partner, bench."""
    home = folder / "home"
    subprocess.run([*MFT, "init", str(home)], check=True, capture_output=True)
    add = ["partner", "add", "bench", "--ssh-key", f"{key}.pub", "--home", str(home)]
    subprocess.run([*MFT, *add], check=True, capture_output=True)
    process = subprocess.Popen(
        [*MFT, "serve", "--home", str(home)],
        stdout=subprocess.PIPE, text=True, env={**os.environ, "MFT_DOORS__SFTP__LISTEN": "127.0.0.1:0"},
    )  # fmt: skip
    try:
        assert process.stdout is not None
        next(line for line in process.stdout if "ready" in line)
        port = int(json.loads((home / "run" / "ports.json").read_text())["sftp"].rpartition(":")[2])
        yield Server(port, process.pid, home, "bench", key)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


@contextmanager
def openssh(folder: Path, key: Path) -> Iterator[Server]:
    """OpenSSH's sshd with its internal-sftp, plain files in a folder."""
    root = folder / "openssh"
    (root / "files").mkdir(parents=True)
    host_key = make_key(root / "host_key")
    (root / "authorized_keys").write_text(Path(f"{key}.pub").read_text())
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (root / "sshd_config").write_text(
        f"Port {port}\nListenAddress 127.0.0.1\nHostKey {host_key}\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"AuthorizedKeysFile {root / 'authorized_keys'}\nMaxStartups 500:30:1000\nPermitRootLogin yes\n"
        "Subsystem sftp internal-sftp\n"
    )
    Path("/run/sshd").mkdir(exist_ok=True)
    process = subprocess.Popen(["/usr/sbin/sshd", "-D", "-q", "-f", str(root / "sshd_config")])
    try:
        for _ in range(200):
            with socket.socket() as trial:
                if trial.connect_ex(("127.0.0.1", port)) == 0:
                    break
            time.sleep(0.02)
        yield Server(port, process.pid, root / "files", os.environ.get("USER") or "root", key)
    finally:
        process.terminate()
        process.wait(10)


def at_rest(home: Path) -> None:
    """Wait until nothing more is done to any transfer."""
    with reading(Ledger(f"sqlite:{home / 'data' / 'ledger.db'}")) as books:
        while counts(books).get("received"):
            time.sleep(0.05)


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
