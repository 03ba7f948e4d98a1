"""What integration and crash tests stand on: a home, a real `mft serve` in a process of its own, real clients."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import paramiko
import pytest

from mft.home import Home
from mft.installation import open_vault
from mft.ledger.database import Ledger, reading
from mft.ledger.objects import sealed_object
from mft.ledger.transfers import public, transfer_row, transfer_rows

ROOT = Path(__file__).parent.parent
MFT = [sys.executable, "-c", "from mft.cli.main import main; main()"]
DEADLINE_SECONDS = 60.0


def faulty(fault: str) -> list[str]:
    """What runs `mft` with a planted fault."""
    return [sys.executable, "-m", "tests.crash.faulty_serve", fault]


def peer(name: str, *, also: tuple[str, ...] = ()) -> str:
    """The path of a program that a test wants; where it is missing the test skips, or fails where peers are required."""
    for candidate in (name, *also):
        found = shutil.which(candidate) or (candidate if os.access(candidate, os.X_OK) else None)
        if found:
            return found
    missing(f"{name} is not installed")
    raise AssertionError


def missing(reason: str) -> None:
    if os.environ.get("MFT_REQUIRE_PEERS"):
        pytest.fail(reason)
    pytest.skip(reason)


def corpus() -> Path:
    """The folder of sample files of others; skips where it is absent."""
    found = Path(os.environ.get("MFT_CORPUS", ROOT.parent / "shared" / "corpus"))
    if not found.is_dir():
        pytest.skip("no sample corpus: set MFT_CORPUS")
    return found


def environment() -> dict[str, str]:
    """Ours, but that bytecode is kept: a server's imports take 2 seconds without and 1 with it."""
    return {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}


def sample(name: str) -> bytes:
    """One of the demo's files."""
    return (resources.files("mft.samples") / name).read_bytes()


def run_mft(
    *arguments: str | Path, home: Path | None = None, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    options = ["--home", str(home)] if home else []
    return subprocess.run(
        [*MFT, *map(str, arguments), *options],
        capture_output=True, text=True, timeout=DEADLINE_SECONDS, env={**environment(), **(env or {})}, cwd=ROOT,
    )  # fmt: skip


def eventually(ask: Any, *, what: str, seconds: float = DEADLINE_SECONDS) -> Any:
    """Ask until the answer is true; fails with `what` when time is up. For what another process does."""
    deadline = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:.0f} s: {what}")
        time.sleep(0.01)


@dataclass
class Partner:
    name: str
    key: Path


class Site:
    """A home with partners, and the server on it while it runs."""

    def __init__(self, root: Path) -> None:
        self.home = root / "home"
        self.root = root
        self.process: Any = None  # A `subprocess.Popen`, or a `Forked`.
        self.port = 0

    def add_partner(self, name: str) -> Partner:
        key = self.root / name
        subprocess.run([peer("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", str(key)], check=True)
        done = run_mft("partner", "add", name, "--ssh-key", f"{key}.pub", home=self.home)
        assert done.returncode == 0, done.stderr
        return Partner(name, key)

    def start(self, *, env: dict[str, str] | None = None, fault: str | None = None) -> None:
        """Serve on a free port; returns when the door is open. With a planted fault, see `faulty_serve`."""
        settings = {
            "MFT_DOORS__SFTP__LISTEN": "127.0.0.1:0",
            "MFT_DOORS__SFTP__ARRIVALS_PER_SECOND_MAX": "1000",  # All tests come from one source.
            "MFT_PIPELINE__PARSERS": "1",
            **environment(),
            **(env or {}),
        }
        self.process = self._spawn(["serve", "--home", str(self.home)], settings, fault)
        for line in self.process.stdout:
            if "ready" in line:
                break
        else:
            process, self.process = self.process, None
            raise AssertionError(f"the server did not start: {process.communicate()[1]}")
        self.port = int(json.loads((self.home / "run" / "ports.json").read_text())["sftp"].rpartition(":")[2])

    def _spawn(self, arguments: list[str], env: dict[str, str], fault: str | None) -> Any:
        return subprocess.Popen(
            [*(faulty(fault) if fault else MFT), *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=ROOT,
        )  # fmt: skip

    def stop(self) -> int:
        """SIGTERM, and wait; returns the exit code."""
        return self._end(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL: nothing of the process gets to say goodbye."""
        self._end(signal.SIGKILL)

    def _end(self, how: signal.Signals) -> int:
        process, self.process = self.process, None
        if process is None:
            return 0
        process.send_signal(how)
        process.communicate(timeout=DEADLINE_SECONDS)
        return process.returncode

    def transfers(self) -> list[dict[str, Any]]:
        """Every transfer, newest first, as `mft transfer list --json` prints it."""
        with reading(Ledger(f"sqlite:{self.home / 'data' / 'ledger.db'}")) as books:
            return [public(row) for row in transfer_rows(books, most=100_000)]

    def transfers_of(self, partner: Partner) -> list[dict[str, Any]]:
        return [row for row in self.transfers() if row["partner"] == partner.name]

    def opened(self, row: dict[str, Any]) -> bytes:
        """The original bytes of a transfer, out of the vault."""
        with reading(Ledger(f"sqlite:{self.home / 'data' / 'ledger.db'}")) as books:
            sealed = sealed_object(books, transfer_row(books, row["id"])["object_id"])
        reader = open_vault(Home(self.home)).open(sealed)
        try:
            return b"".join(reader.chunks())
        finally:
            reader.close()

    def rested(self, name: str) -> dict[str, Any]:
        """The newest transfer of that name, once nothing more is done to it."""
        at_work = {"receiving", "received", "identified", "parsed", "validated", "canonicalized"}

        def ask() -> dict[str, Any] | None:
            found = [row for row in self.transfers() if row["name"] == name]
            return found[0] if found and found[0]["stage"] not in at_work else None

        found: dict[str, Any] = eventually(ask, what=f"{name} comes to rest")
        return found

    def events(self) -> list[dict[str, Any]]:
        path = self.home / "data" / "events" / "events.ndjson"
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        return [json.loads(line) for line in lines]

    def sftp(self, partner: Partner, *commands: str, user: str | None = None) -> subprocess.CompletedProcess[str]:
        """A batch of OpenSSH's own client; it stops at the first command that fails."""
        return subprocess.run(
            [
                peer("sftp"), "-F", "none", "-P", str(self.port), "-b", "-",
                "-o", f"IdentityFile={partner.key}", "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes",
                "-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self.root / 'known_hosts'}",
                "-o", "LogLevel=INFO", f"{user or partner.name}@127.0.0.1",
            ],
            input="\n".join(commands) + "\n", capture_output=True, text=True, timeout=DEADLINE_SECONDS,
        )  # fmt: skip

    @contextmanager
    def paramiko(self, partner: Partner) -> Iterator[paramiko.SFTPClient]:
        """A session of paramiko, an SFTP client that shares no code with us."""
        with paramiko.Transport(("127.0.0.1", self.port)) as transport:
            key = paramiko.Ed25519Key.from_private_key_file(str(partner.key))
            transport.connect(username=partner.name, pkey=key)
            client = paramiko.SFTPClient.from_transport(transport)
            assert client is not None
            with client:
                yield client

    def verify(self) -> subprocess.CompletedProcess[str]:
        return run_mft("audit", "verify", home=self.home)
