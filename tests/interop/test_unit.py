"""The unit of systemd, as far as it can be tried without one: it is understood, it shuts in, and a server fits in it."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.harness import MFT, ROOT, Partner, Site, peer, run_mft, sample

UNIT = ROOT / "systemd" / "mft.service"
EXPOSURE_MAX = "15"  # Tenths.
NO_NEW_CODE = """
import ctypes, os, sys
assert ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) == 0  # PR_SET_MDWE: no memory that is written becomes code.
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture(params=["keys in the home", "keys as credentials"])
def unit(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The unit, its program being one that is there; and with what stands in it as comments."""
    text = UNIT.read_text(encoding="utf-8").replace("/opt/mft/bin/mft", "/bin/true")
    if request.param == "keys as credentials":
        text = re.sub(r"^# (LoadCredential=|Environment=)", r"\1", text, flags=re.MULTILINE)
    path = tmp_path / "mft.service"
    path.write_text(text)
    return path


def analyze(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([peer("systemd-analyze"), *arguments], capture_output=True, text=True)


def test_systemd_understands_it(unit: Path) -> None:
    done = analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_shuts_in(unit: Path) -> None:
    done = analyze("security", "--offline=true", f"--threshold={EXPOSURE_MAX}", unit)
    assert done.returncode == 0, done.stdout


def allowed_calls() -> set[str]:
    """The system calls that the unit's filter lets pass."""
    sets: dict[str, set[str]] = {}
    name = ""
    for line in analyze("syscall-filter", "--no-pager").stdout.splitlines():
        if line.startswith("@"):
            name = line.strip()
            sets[name] = set()
        elif name and re.fullmatch(r" +[@\w-]+", line):
            sets[name].add(line.strip())

    def members(one: str) -> set[str]:
        return set().union(*map(members, sets[one])) if one.startswith("@") else {one}

    allowed: set[str] = set()
    for said in re.findall(r"^SystemCallFilter=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE):
        allowed = allowed - members(said[1:]) if said.startswith("~") else allowed | members(said)
    return allowed


def test_a_server_fits_in_it(site: Site, acme: Partner, tmp_path: Path) -> None:
    """It asks the kernel for nothing that the unit forbids, and makes no code."""
    log = tmp_path / "calls"

    def spawn(arguments: list[str], env: dict[str, str], _: str | None) -> Any:
        trace = [peer("strace"), "-D", "-f", "-qq", "-c", "-U", "name", "-o", str(log)]
        inside = [sys.executable, "-c", NO_NEW_CODE, *MFT]
        return subprocess.Popen(
            [*trace, *inside, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=ROOT,
        )  # fmt: skip

    site._spawn = spawn  # type: ignore[method-assign]
    (site.home / "config" / "mft.toml").write_text(
        "[audit]\nsend_seconds = 1\n[audit.send]\ncommand = ['/bin/cat']\n[doors]\nprocesses = 2\n"
    )
    site.start()
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(3 << 20))
    claim = tmp_path / "claim.edi"
    claim.write_bytes(sample("claims-837p.edi"))
    assert site.sftp(acme, f"put {large} /inbound/large.bin", f"put {claim} /inbound/claim.edi").returncode == 0
    site.rested("claim.edi")
    assert site.opened(site.rested("large.bin")) == large.read_bytes()
    assert site.sftp(acme, f"get /outbound/* {tmp_path}").returncode == 0
    assert run_mft("keys", "rotate", "signing", home=site.home).returncode == 0
    assert site.stop() == 0
    calls = {call for call in log.read_text().split() if re.fullmatch(r"[a-z][a-z0-9_]+", call)} - {"syscall", "total"}
    calls -= {"fchown"} if os.getuid() == 0 else set()  # SQLite asks for it as root alone.
    assert {"openat", "fsync", "accept4"} <= calls
    assert calls <= allowed_calls(), calls - allowed_calls()
