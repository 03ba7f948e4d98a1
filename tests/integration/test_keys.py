"""Keys of a running server: rotated under its sessions, reloaded, shredded; and what of them can be seen from outside."""

import base64
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mft.crypto.keys import BucketPrivateKey
from mft.durable import write_file
from mft.home import Home
from tests.harness import DEADLINE_SECONDS, MFT, ROOT, Partner, Site, environment, eventually, run_mft


def keys_of(site: Site, use: str, state: str = "in force") -> list[dict[str, Any]]:
    done = run_mft("keys", "list", "--json", home=site.home)
    assert done.returncode == 0, done.stderr
    rows = map(json.loads, done.stdout.splitlines())
    return [row for row in rows if row["use"] == use and row["state"] == state]


def rotate(site: Site, *arguments: str) -> dict[str, Any]:
    done = run_mft("keys", "rotate", *arguments, "--json", home=site.home)
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def put(site: Site, partner: Partner, name: str, content: bytes) -> dict[str, Any]:
    with site.paramiko(partner) as client, client.open(name, "wb") as file:
        file.write(content)
    return site.rested(name)


def test_a_session_goes_on_while_its_keys_change(serving: Site, acme: Partner) -> None:
    (before,) = keys_of(serving, "bucket")
    with serving.paramiko(acme) as client:
        with client.open("early.bin", "wb") as file:
            file.write(b"under the first key")
        with client.open("slow.bin", "wb") as file:
            file.write(b"a" * 100_000)
            said = rotate(serving, "bucket")
            rotate(serving, "signing")
            file.write(b"b" * 100_000)
        with client.open("late.bin", "wb") as file:
            file.write(b"under the second key")
    rows = {name: serving.rested(name) for name in ("early.bin", "slow.bin", "late.bin")}
    assert said["made"]
    assert said["moved"] >= 1
    (now,) = keys_of(serving, "bucket")
    assert now["key"] == said["key"] != before["key"]
    # What came in behind the command, from a session that was older than the key:
    assert rotate(serving, "bucket")["left"] == 0 or not keys_of(serving, "bucket", "retired")[0]["objects"]
    assert serving.opened(rows["slow.bin"]) == b"a" * 100_000 + b"b" * 100_000
    assert serving.opened(rows["early.bin"]) == b"under the first key"
    assert serving.opened(rows["late.bin"]) == b"under the second key"
    assert serving.stop() == 0


def test_a_server_moves_leftovers_by_itself_at_its_start(site: Site, acme: Partner) -> None:
    site.start()
    row = put(site, acme, "a.bin", b"content")
    assert site.stop() == 0
    (old,) = keys_of(site, "bucket")
    key = BucketPrivateKey(bytes(32), made_at=1 << 60)
    write_file(site.home / "keys" / key.file_name, key.text().encode(), mode=0o400)
    site.start()
    retired = eventually(
        lambda: [one for one in keys_of(site, "bucket", "retired") if one["emptied_at"]], what="the old key is empty"
    )
    assert [one["key"] for one in retired] == [old["key"]]
    (site.home / "keys" / f"bucket-{old['key']}.key").unlink()
    assert site.opened(row) == b"content"
    assert site.stop() == 0


def test_a_rotation_cut_short_anywhere_goes_on_without_a_key_more(site: Site, acme: Partner) -> None:
    site.start()
    put(site, acme, "a.bin", b"content")
    assert site.stop() == 0
    folder = site.home / "keys"
    key = BucketPrivateKey(bytes(32), made_at=1 << 60)  # Written, and then the command was killed.
    write_file(folder / key.file_name, key.text().encode(), mode=0o400)
    staged = folder / ".bucket-feed.key.1.staged"
    staged.write_text("half")
    said = rotate(site, "bucket")
    assert (said["made"], said["key"]) == (False, key.id)
    assert said["left"] == 0
    again = rotate(site, "bucket")  # Nothing is left of the first: this is another rotation.
    assert again["made"]
    assert not staged.exists()
    assert len(list(folder.glob("bucket-*.key"))) == 3


def test_a_server_that_does_not_see_the_new_key_is_told_of(site: Site, acme: Partner, tmp_path: Path) -> None:
    """As with credentials, which a service has from its start."""
    elsewhere = tmp_path / "elsewhere"
    subprocess.run(["cp", "-a", str(site.home / "keys"), str(elsewhere)], check=True)
    site.start(env={"MFT_KEYS__FOLDER": "credentials", "CREDENTIALS_DIRECTORY": str(elsewhere)})
    row = put(site, acme, "a.bin", b"content")
    done = run_mft("keys", "rotate", "bucket", home=site.home)
    assert done.returncode == 3
    assert "restart the server, then run this again" in done.stderr
    assert run_mft("keys", "list", home=site.home, env={"MFT_KEYS__FOLDER": "credentials"}).returncode == 2
    assert site.stop() == 0
    site.start()
    assert rotate(site, "bucket")["left"] == 0
    assert site.opened(row) == b"content"
    assert site.stop() == 0


def test_shredding_a_key_of_a_running_server(serving: Site, acme: Partner) -> None:
    (old,) = keys_of(serving, "bucket")
    row = put(serving, acme, "a.bin", b"x" * 100_000)
    refused = run_mft("keys", "shred", "bucket", old["key"], "--yes", home=serving.home)
    assert refused.returncode == 3
    assert "new files of class standard are sealed for bucket key" in refused.stderr
    rotate(serving, "bucket")
    done = run_mft("keys", "shred", "bucket", old["key"], "--yes", home=serving.home)
    assert done.returncode == 0, done.stderr
    assert f"backups of keys/ that have bucket-{old['key']}.key" in done.stdout
    assert not (serving.home / "keys" / f"bucket-{old['key']}.key").exists()
    assert [one["key"] for one in keys_of(serving, "bucket", "shredded")] == [old["key"]]
    assert serving.opened(row) == b"x" * 100_000  # Moved in time.
    assert put(serving, acme, "b.bin", b"y")["stage"] == "done"
    assert serving.stop() == 0


@pytest.mark.parametrize(("typed", "code"), [("{}\n", 0), ("yes\n", 3), ("", 3)])
def test_shredding_wants_the_id_typed(site: Site, typed: str, code: int) -> None:
    (old,) = keys_of(site, "bucket")
    rotate(site, "bucket")
    done = subprocess.run(
        [*MFT, "keys", "shred", "bucket", old["key"], "--home", str(site.home)],
        input=typed.format(old["key"]), capture_output=True, text=True, env=environment(), cwd=ROOT,
    )  # fmt: skip
    assert done.returncode == code
    assert f"0 objects are wrapped to bucket key {old['key']} and will be unreadable for ever." in done.stderr
    assert (site.home / "keys" / f"bucket-{old['key']}.key").exists() == bool(code)


def test_an_expiring_key_is_announced(site: Site, acme: Partner) -> None:
    path = site.home / "config" / "partners" / "acme.toml"
    soon = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    path.write_text(path.read_text().rstrip() + f"\nexpires = {soon}\n")
    site.start(env={"MFT_KEYS__SIGNING_DAYS_MAX": "1"})

    def told() -> list[dict[str, Any]]:
        found = [event for event in site.events() if event["type"] == "mft.key.expiring.v1"]
        return found if len(found) == 2 else []

    ours, theirs = sorted(eventually(told, what="both are announced"), key=lambda event: "partner" in event)
    assert ours["data"] == {"use": "signing", "days_left": 0}
    assert theirs["partner"] == "acme"
    assert theirs["data"]["use"] == "ssh"
    assert theirs["data"]["days_left"] in {2, 3}
    assert site.stop() == 0
    site.start(env={"MFT_KEYS__SIGNING_DAYS_MAX": "1"})
    assert site.stop() == 0
    assert len(told()) == 2  # Once each.


# --- secrets ---


def secrets_of(home: Path) -> dict[str, list[bytes]]:
    """Every private key of a home, by its file, in the forms in which it could be left somewhere."""
    found: dict[str, list[bytes]] = {}
    for path in (home / "keys").iterdir():
        text = path.read_text()
        if path.name.startswith("bucket-"):
            seed = base64.b64decode(json.loads(text)["key"])
        elif path.name.endswith(".key"):
            seed = base64.b64decode(text.strip().split("+", 4)[4])[1:]
        elif path.name.startswith("ssh_host") and path.suffix != ".pub":
            seed = base64.b64decode("".join(text.splitlines()[1:-1]))[-120:-40]
        else:
            continue
        encoded = {base64.b64encode(b"\0" * shift + seed)[4 if shift else 0 : -4] for shift in range(3)}
        found[path.name] = [seed, seed.hex().encode(), *encoded]
    return found


def seen_of(pid: int) -> dict[str, bytes]:
    root = Path("/proc", str(pid))
    return {str(root / name): (root / name).read_bytes() for name in ("cmdline", "environ")}


def family(pid: int) -> Iterator[int]:
    yield pid
    for task in Path("/proc", str(pid), "task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


def test_no_private_key_is_seen_from_outside(site: Site, acme: Partner) -> None:
    """Not in arguments, environments, output, ledger or events: of server, parsers and commands, rotations included."""
    secrets = secrets_of(site.home)
    assert len(secrets) == 4
    seen: dict[str, bytes] = {}
    site.start()
    put(site, acme, "a.bin", b"content")
    for words in (("rotate", "bucket"), ("rotate", "signing"), ("list",)):
        command = subprocess.Popen(
            [*MFT, "keys", *words, "--home", str(site.home)],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), cwd=ROOT,
        )  # fmt: skip
        seen |= seen_of(command.pid)
        out, err = command.communicate(timeout=DEADLINE_SECONDS)
        assert command.returncode == 0, err
        seen |= {f"{words} stdout": out, f"{words} stderr": err}
    process = site.process
    pids = list(family(process.pid))
    assert len(pids) > 1  # A parser.
    for pid in pids:
        seen |= seen_of(pid)
        limits = Path("/proc", str(pid), "limits").read_text()
        assert [line.split()[4] for line in limits.splitlines() if line.startswith("Max core")] == ["0"]
    site.process = None
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=DEADLINE_SECONDS)
    seen |= {"stdout": out.encode(), "stderr": err.encode()}
    secrets |= secrets_of(site.home)
    for folder in ("data", "config", "run"):
        for path in (site.home / folder).rglob("*"):
            if path.is_file():
                seen[str(path)] = path.read_bytes()
    leaks = [
        f"{name} in {where}"
        for name, forms in secrets.items()
        for where, content in seen.items()
        if any(form in content for form in forms)
    ]
    assert leaks == []
    assert any(path.endswith("ledger.db") for path in seen)
    seed = secrets["audit.key"][0]
    assert any(form in b"planted " + base64.b64encode(b"x" + seed + b"yz") for form in secrets["audit.key"])


DUMPABLE = "import ctypes; print('dumpable', ctypes.CDLL(None).prctl(3, 0, 0, 0, 0), file=sys.stderr, flush=True)"
PARSER = f"import sys; from mft.pipeline import worker\ndef frame():\n {DUMPABLE}; sys.exit()\nworker._frame = frame\nsys.argv[1:] = ['1024', '60']; worker.main()"
COMMAND = f"import sys; from mft.cli import main\ntry: main.main()\nfinally:\n {DUMPABLE}"
SERVER = f"import sys; from mft import server\ndef told(state):\n {DUMPABLE}\nserver.notify = told\nfrom mft.cli.main import main; main()"


@pytest.mark.parametrize("who", ["server", "parser", "command"])
def test_nobody_can_look_into_the_memory(site: Site, who: str) -> None:
    script = {"server": SERVER, "parser": PARSER, "command": COMMAND}[who]
    words = {"server": ["serve"], "parser": [], "command": ["vault", "scrub"]}[who]
    options = ["--home", str(site.home)] if words else []
    env = {**environment(), "MFT_DOORS__SFTP__LISTEN": "127.0.0.1:0"}
    process = subprocess.Popen(
        [sys.executable, "-c", script, *words, *options],
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=env, cwd=ROOT,
    )  # fmt: skip
    assert process.stderr is not None
    ended = threading.Timer(DEADLINE_SECONDS, process.kill)
    ended.start()
    try:
        said = next((line for line in process.stderr if line.startswith("dumpable")), "nothing")
    finally:
        ended.cancel()
        process.kill()
        process.communicate()
    assert said == "dumpable 0\n"


def test_the_folder_is_where_the_configuration_says(site: Site, acme: Partner, tmp_path: Path) -> None:
    elsewhere = tmp_path / "etc"
    (site.home / "keys").rename(elsewhere)
    assert Home(site.home, str(elsewhere)).keys == elsewhere
    done = run_mft("vault", "scrub", home=site.home)
    assert done.returncode == 2
    (site.home / "config" / "mft.toml").write_text(f'[keys]\nfolder = "{elsewhere}"\n')
    site.start()
    with site.paramiko(acme) as client, client.open("a.bin", "wb") as file:
        file.write(b"content")
    site.rested("a.bin")
    assert rotate(site, "bucket")["left"] == 0
    rotate(site, "signing")
    assert site.stop() == 0
    assert {path.name.partition("-")[0] for path in elsewhere.glob("audit*")} == {"audit", "audit.key", "audit.pub"}
    assert not (site.home / "keys").exists()
