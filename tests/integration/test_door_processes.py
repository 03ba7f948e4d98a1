"""Doors as processes of their own: they serve as the door inside does, hold no private key, and come and go."""

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from mft.command_socket import CoreLine, UnwrapDek
from mft.errors import NotAllowed
from mft.ledger.database import Ledger, reading
from mft.ledger.objects import sealed_object
from mft.ledger.transfers import transfer_row
from tests.harness import MFT, ROOT, Partner, Site, eventually, peer, run_mft, sample

ONE = {"MFT_DOORS__PROCESSES": "1"}
TWO = {"MFT_DOORS__PROCESSES": "2"}


def doors(site: Site) -> list[int]:
    """The door processes of a running server."""
    return [pid for pid, parent in _door_processes().items() if parent == site.process.pid]


def _door_processes() -> dict[int, int]:
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            if b"mft.endpoints.process" in (path / "cmdline").read_bytes().split(b"\0"):
                found[int(path.name)] = int((path / "stat").read_text().rpartition(") ")[2].split()[1])
        except OSError:  # It ended.
            continue
    return found


def is_gone(pid: int) -> bool:
    return pid not in _door_processes()


def half_a_file(site: Site, partner: Partner, content: bytes, then: Callable[[], Any]) -> None:
    """Have a megabyte and more of a file reach the disk, without its CLOSE, and then…"""
    with suppress(EOFError), site.paramiko(partner) as client:  # Whose other end may be dead when it says goodbye.
        file = client.open("/inbound/large.bin", "wb")
        file.set_pipelined(pipelined=True)
        file.write(content)
        vault = site.home / "data" / "vault"
        eventually(
            lambda: any(path.stat().st_size >= 2 << 20 for path in vault.glob("*/*")), what="segments on the disk"
        )
        eventually(lambda: [row["stage"] for row in site.transfers()] == ["receiving"], what="a row of the upload")
        then()


@pytest.mark.parametrize("settings", [ONE, TWO], ids=["one", "two"])
def test_they_serve_as_the_door_inside_does(
    site: Site, acme: Partner, tmp_path: Path, settings: dict[str, str]
) -> None:
    site.start(env=settings)
    assert len(doors(site)) == int(settings["MFT_DOORS__PROCESSES"])
    claim, large = tmp_path / "claim.edi", tmp_path / "large.bin"
    claim.write_bytes(sample("claims-837p.edi"))
    large.write_bytes(os.urandom(5 << 20))
    done = site.sftp(
        acme, f"put {claim} /inbound/claim.tmp", "rename /inbound/claim.tmp /inbound/claim.edi",
        f"put {large} /inbound/large.bin",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    site.rested("claim.edi")
    assert site.opened(site.rested("large.bin")) == large.read_bytes()
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    done = site.sftp(acme, f"get /outbound/* {fetched}")
    assert done.returncode == 0, done.stderr
    assert any(b"ST*999*" in path.read_bytes() for path in fetched.iterdir())
    children = doors(site)
    assert site.stop() == 0
    assert all(is_gone(pid) for pid in children)
    assert site.verify().returncode == 0


@pytest.mark.parametrize("processes", ["0", "1"])
def test_a_dek_is_handed_out_only_where_there_are_some(site: Site, acme: Partner, processes: str) -> None:
    site.start(env={"MFT_DOORS__PROCESSES": processes})
    with site.paramiko(acme) as client, client.open("a.bin", "wb") as file:
        file.write(b"content")
    with reading(Ledger(f"sqlite:{site.home / 'data' / 'ledger.db'}")) as books:
        asked = transfer_row(books, site.rested("a.bin")["id"])["object_id"]
    line = CoreLine(site.home / "run" / "core.sock", on_lost=lambda: None)
    try:
        if processes == "0":
            with pytest.raises(NotAllowed, match="no door runs as a process"):
                line.submit(UnwrapDek(asked)).result(60)
        else:
            assert len(line.submit(UnwrapDek(asked)).result(60)) == 32
    finally:
        line.close()


def test_a_reload_reaches_them(site: Site, acme: Partner) -> None:
    site.start(env=TWO)
    beta = site.add_partner("beta")
    assert site.sftp(beta, "ls").returncode == 0
    (site.home / "config" / "partners" / "acme.toml").rename(site.root / "acme.toml")
    site.process.send_signal(signal.SIGHUP)
    eventually(lambda: site.sftp(acme, "ls").returncode == 255, what="acme is let in no more")
    assert site.sftp(beta, "ls").returncode == 0


def test_a_name_has_one_writer_among_all_of_them(site: Site, acme: Partner) -> None:
    site.start(env=TWO)

    def another(number: int) -> str:
        with site.paramiko(acme) as client:
            try:
                client.open("daily.txt", "wb").close()
            except OSError as error:
                return str(error)
            return f"{number} wrote it too"

    with site.paramiko(acme) as client:
        with client.open("daily.txt", "wb") as file:
            file.write(b"the first")
            said = set(map(another, range(3)))  # In turn: a process takes all who come at once.
            assert said == {"another upload of that name is under way: try again later"}
            with pytest.raises(OSError, match="another upload"), site.paramiko(acme) as other:
                other.rename("daily.txt", "b.txt")
        assert another(1) == "1 wrote it too"
    with ThreadPoolExecutor(8) as pool:  # One after the other, they all may.
        texts = list(pool.map(another, range(8)))
    assert [text for text in texts if "wrote" in text]
    assert site.stop() == 0


def resumed(site: Site, partner: Partner, name: str, content: bytes) -> bool:
    """Whether the rest of a file was taken; not so while its former connection is still at it."""
    try:
        with site.paramiko(partner) as client, client.open(name, "ab") as file:
            done = client.stat(name).st_size or 0
            file.write(content[done:])
    except OSError as error:
        if "another upload" not in str(error):
            raise
        return False
    return True


def test_what_was_broken_off_in_one_is_resumed_in_any(site: Site, acme: Partner) -> None:
    """The client comes back at once: the process that it was cut off from is still at it."""
    content = os.urandom(3 << 20)
    site.start(env=TWO)
    for number in range(6):
        name = f"{number}.bin"
        with suppress(EOFError), site.paramiko(acme) as client:
            file = client.open(name, "wb")
            file.set_pipelined(pipelined=True)
            file.write(content[: 2 << 20])
            client.get_channel().get_transport().sock.close()  # type: ignore[union-attr]
        eventually(lambda name=name: resumed(site, acme, name, content), what="the name is free")
        assert site.opened(site.rested(name)) == content
    assert site.stop() == 0


def test_a_rotation_reaches_them(site: Site, acme: Partner) -> None:
    site.start(env=TWO)
    done = run_mft("keys", "rotate", "bucket", "--json", home=site.home)
    assert done.returncode == 0, done.stderr
    key = json.loads(done.stdout)["key"]

    def put(number: int) -> None:
        with site.paramiko(acme) as client, client.open(f"{number}.bin", "wb") as file:
            file.write(b"under the new key")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(8)))
    with reading(Ledger(f"sqlite:{site.home / 'data' / 'ledger.db'}")) as books:
        sealed = [sealed_object(books, transfer_row(books, row["id"])["object_id"]) for row in site.transfers()]
    assert len(sealed) == 8
    assert {one.bucket for one in sealed} == {key}
    assert site.stop() == 0


def test_a_killed_one_leaves_a_partial_and_another_serves(site: Site, acme: Partner, tmp_path: Path) -> None:
    content = os.urandom(4 << 20)
    site.start(env=ONE)
    (child,) = doors(site)
    half_a_file(site, acme, content[: 3 << 20], lambda: os.kill(child, signal.SIGKILL))
    eventually(lambda: [row["stage"] for row in site.transfers()] == ["partial"], what="a partial, without a restart")
    (partial,) = site.transfers()
    assert partial["size_bytes"] >= 1 << 20
    large = tmp_path / "large.bin"
    large.write_bytes(content)
    done = site.sftp(acme, f"reput {large} /inbound/large.bin")
    assert done.returncode == 0, done.stderr
    rested = site.rested("large.bin")
    assert rested["id"] == partial["id"]
    assert site.opened(rested) == content
    assert doors(site) != [child]
    assert site.stop() == 0


def test_they_end_with_a_core_that_is_killed(site: Site, acme: Partner) -> None:
    site.start(env=TWO)
    children = doors(site)
    half_a_file(site, acme, os.urandom(3 << 20), lambda: os.kill(site.process.pid, signal.SIGKILL))
    eventually(lambda: all(is_gone(pid) for pid in children), what="no orphan")
    site.kill()
    site.start(env=TWO)
    assert [row["stage"] for row in site.transfers()] == ["partial"]


def test_a_server_whose_doors_keep_dying_ends(site: Site) -> None:
    site.start(env=ONE)
    killed: set[int] = set()

    def another() -> set[int]:
        return set(doors(site)) - killed

    while len(killed) < 5:
        alive = eventually(another, what="another door process")
        for pid in alive:
            os.kill(pid, signal.SIGKILL)
        killed |= alive
    process, site.process = site.process, None
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 4
    assert "died: signal 9" in errors
    assert "door processes died 5 times" in errors


def test_no_key_stands_in_their_arguments_or_environment(site: Site) -> None:
    site.start(env={**ONE, "MFT_AUDIT__CHECKPOINT_SECONDS": "61"})
    (child,) = doors(site)
    arguments = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
    assert arguments[1:3] == [b"-m", b"mft.endpoints.process"]
    assert len(arguments) == 5  # The number of the socket, and nothing behind it.
    assert arguments[3].isdigit()
    environment = Path(f"/proc/{child}/environ").read_bytes()
    names = {entry.partition(b"=")[0] for entry in environment.split(b"\0") if entry}
    assert names <= {b"PATH", b"PYTHONPATH", b"LANG", b"VIRTUAL_ENV", b"TZ"}


# What they open

OURS = ("data/ledger.db", "data/ledger.db-wal", "data/ledger.db-shm", "run/core.sock")
OURS_BELOW = ("data/vault", "data/scratch")
SYSTEM = (
    "/usr/lib", "/usr/local/lib", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/usr/share/zoneinfo",
    "/dev/null", "/dev/urandom", "/proc/self", "/proc/sys", "/proc/meminfo", "/proc/cpuinfo", "/sys/devices/system/cpu",
    "/sys/fs/cgroup/cpu", "/etc/nsswitch.conf", "/etc/passwd", "/var/run/nscd/socket", "/usr/share/locale",
    "/opt/pyca/cryptography/openssl/openssl.cnf",
    sys.prefix, sys.base_prefix,
)  # fmt: skip
SOURCES = ("mft", "parsers", "partners")
LOOKS_FOR_LIBRARIES = {"sh", "ldconfig", "gcc", "cc", "collect2", "ld", "ld.bfd", "lto-wrapper", "objdump", "dash"}
"""What Python's `ctypes.util.find_library` runs when asyncssh is imported and looks for libnettle."""


def foreign(home: Path, log: str, *, also: tuple[Path, ...] = ()) -> list[str]:
    """The paths that door processes opened, executed or connected to, beyond what they need."""
    calls = [(pid, call.strip()) for pid, _, call in (line.partition(" ") for line in log.splitlines())]
    mine = {pid for pid, call in calls if call.startswith("execve(") and '"mft.endpoints.process"' in call}
    for pid, call in calls * 3:  # A clone is told of when it returns: its child may have been at work before.
        cloned = re.match(r"(?:<\.\.\. )?(?:clone3?|v?fork)\b.* = (\d+)$", call)
        if cloned and pid in mine:
            mine.add(cloned[1])
    lookups: set[str] = set()  # Of `mine`: may read the system's files, and as little of the home.
    bad: list[str] = []
    seen = 0
    for pid, call in calls:
        if pid not in mine or (call.startswith("execve(") and '"mft.endpoints.process"' in call):
            continue
        opened = re.match(r'(openat|open|execve|connect)\(.*?"([^"]*)"', call)
        if not opened:
            if call.startswith("connect("):
                bad.append(call)
            continue
        seen += 1
        path = Path(os.path.normpath(ROOT / opened[2]))
        runs = opened[1] == "execve"
        if runs and path.name in LOOKS_FOR_LIBRARIES:
            lookups.add(pid)
        elif (runs or not _is_needed(home, path, also)) and (pid not in lookups or path.is_relative_to(home)):
            bad.append(str(path))
    assert seen > 100, "the trace shows no door process"
    return sorted(set(bad))


def _is_needed(home: Path, path: Path, also: tuple[Path, ...]) -> bool:
    if path.is_relative_to(home):
        below = path.relative_to(home)
        return str(below) in OURS or any(below.is_relative_to(folder) for folder in OURS_BELOW)
    if path.parent == Path(tempfile.gettempdir()) and re.fullmatch(r"(tmp)?[a-z0-9_]{8}", path.name):
        return True  # Of `find_library`, and Python's trial whether it can make one at all.
    if str(path) in sys.path:
        return True  # The folder itself, where modules are looked for.
    folders = [*map(Path, SYSTEM), *(ROOT / name for name in SOURCES), *also]
    return path == ROOT or any(path.is_relative_to(folder) for folder in folders)


def traced(site: Site, acme: Partner, tmp_path: Path, env: dict[str, str]) -> str:
    """The trace of a server while partners log in, upload, resume and fetch."""
    log = site.root / "strace"

    def spawn(arguments: list[str], env: dict[str, str], _: str | None) -> Any:
        calls = "trace=openat,open,execve,connect,clone,clone3,fork,vfork"
        return subprocess.Popen(
            [peer("strace"), "-D", "-f", "-qq", "-s", "4096", "-o", str(log), "-e", calls, *MFT, *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=ROOT,
        )  # fmt: skip

    site._spawn = spawn  # type: ignore[method-assign]
    site.start(env=env)
    small, large = tmp_path / "claim.edi", tmp_path / "scattered.bin"
    small.write_bytes(sample("claims-837p.edi"))
    large.write_bytes(os.urandom(3 << 20))
    content = large.read_bytes()
    half = tmp_path / "half.bin"
    half.write_bytes(content[: 2 << 20])
    assert site.sftp(acme, f"put {small} /inbound/claim.edi", f"put {half} /inbound/large.tmp").returncode == 0
    assert site.sftp(acme, f"reput {large} /inbound/large.tmp").returncode == 0
    with site.paramiko(acme) as client, client.open("/inbound/scattered.bin", "wb") as file:
        for offset in range(len(content) - (1 << 18), -1, -(1 << 18)):  # From its end: by way of a scratch.
            file.seek(offset)
            file.write(content[offset : offset + (1 << 18)])
    assert site.opened(site.rested("scattered.bin")) == content
    site.rested("claim.edi")
    assert site.sftp(acme, f"get /outbound/* {tmp_path}").returncode == 0
    assert site.sftp(Partner("nobody", acme.key), "ls").returncode == 255
    assert run_mft("doctor", home=site.home).returncode in {0, 1}
    assert site.stop() == 0
    return log.read_text()


def test_they_open_no_key_and_nothing_beyond_what_they_need(site: Site, acme: Partner, tmp_path: Path) -> None:
    log = traced(site, acme, tmp_path, TWO)
    assert f'"{site.home}/keys/bucket-' in log  # Core does, so the trace would show it.
    found = foreign(site.home, log)
    assert found == [], "\n".join(found)


def test_a_door_that_loads_a_bucket_key_is_seen(site: Site, acme: Partner, tmp_path: Path) -> None:
    plant = tmp_path / "plant"
    plant.mkdir()
    (plant / "sitecustomize.py").write_text(
        textwrap.dedent(f"""
            import sys
            if "mft.endpoints.process" in sys.orig_argv:
                from pathlib import Path
                from mft.crypto.keys import BucketPrivateKey
                for path in Path({str(site.home)!r}, "keys").glob("bucket-*.key"):
                    BucketPrivateKey.load(path)
        """)
    )
    paths = os.pathsep.join([str(plant), str(ROOT)])
    log = traced(site, acme, tmp_path, {**ONE, "PYTHONPATH": paths})
    found = foreign(site.home, log, also=(plant,))
    assert any(path.startswith(f"{site.home}/keys/bucket-") for path in found), found
