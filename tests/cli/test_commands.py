"""What every command has in common, and what two of them do to each other."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer

from mft.cli.main import app
from tests.cli.conftest import Mft
from tests.harness import MFT, Partner, Site

HEAVY = ("asyncssh", "sqlalchemy", "fastapi", "cryptography", "paramiko", "alembic", "duckdb", "fsspec")


def commands(command: Any, *above: str) -> list[tuple[tuple[str, ...], Any]]:
    """Every command that does something, by its words."""
    inner = getattr(command, "commands", None)
    if inner is None:
        return [(above, command)]
    return [found for name, below in inner.items() for found in commands(below, *above, name)]


COMMANDS = commands(typer.main.get_command(app))


@pytest.mark.parametrize(("words", "command"), COMMANDS, ids=[" ".join(words) for words, _ in COMMANDS])
def test_help_says_what_it_does_and_shows_an_example(mft: Mft, words: tuple[str, ...], command: Any) -> None:
    done = mft(*words, "--help")
    assert done.code == 0
    assert done.err == ""
    said = " ".join(done.out.split())
    assert (command.help or "").split("\n")[0].split()[0] in said
    assert f"mft {' '.join(words)}" in done.out.split("\n", 1)[1], "no example"
    for option in command.params:
        assert getattr(option, "help", None) or type(option).__name__.endswith("Argument"), option.name


def test_help_and_version_load_nothing_heavy() -> None:
    script = (
        "import sys\n"
        "from mft.cli.main import main\n"
        "for words in (['--help'], ['--version'], ['transfer', 'list', '--help'], ['serve', '--help']):\n"
        "    sys.argv = ['mft', *words]\n"
        "    try:\n"
        "        main()\n"
        "    except SystemExit as ended:\n"
        "        assert not ended.code\n"
        f"print(sorted(set({HEAVY!r}) & set(sys.modules)))\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_json_rows_are_one_object_a_line(mft: Mft, home: Path) -> None:
    for words in (
        ("transfer", "list"), ("audit", "query"), ("audit", "tail"), ("events", "tail"), ("partner", "list"),
        ("doctor",), ("records", "schema"), ("records", "views"), ("records", "views", "claims"), ("records", "compact"),
        ("records", "query", "FROM claims"),
    ):  # fmt: skip
        done = mft(*words, "--json")
        assert done.err == ""
        assert done.out.endswith("\n")
        assert all(isinstance(json.loads(line), dict) for line in done.out.splitlines())
    assert json.loads(mft("partner", "show", "acme", "--json").out)["name"] == "acme"


def test_a_hold_is_made_and_lifted(mft: Mft, home: Path) -> None:
    made = json.loads(mft("hold", "add", "asked them to stop", "--partner", "acme", "--json").out)["hold"]
    assert mft("hold", "lift", made).out == "lifted; 0 transfers go on\n"
    assert mft("hold", "list").out == "nothing is held back\n"
    (row,) = map(json.loads, mft("hold", "list", "--all", "--json").out.splitlines())
    assert (row["id"], row["partner"], row["lifted_at"] is None) == (made, "acme", False)
    kinds = [
        json.loads(one)["kind"] for one in mft("audit", "query", "--kind", "flow-hold.*", "--json").out.splitlines()
    ]
    assert kinds == ["flow-hold.lifted", "flow-hold.made"]


def test_the_keys_of_transfer_show(mft: Mft, home: Path) -> None:
    first = json.loads(mft("transfer", "list", "--json", "--stage", "rejected").out)
    known = json.loads(mft("transfer", "show", first["id"][:25], "--json").out)
    assert {key: known[key] for key in first} == first
    assert set(known) - set(first) == {
        "timeline", "evidence", "interchanges", "groups", "transaction_sets", "findings", "records",
        "events", "acknowledgments", "parts", "deliveries",
    }  # fmt: skip
    (finding,) = known["findings"]
    assert set(finding) == {
        "code", "level", "severity", "standard", "set", "path", "segment", "position", "element", "offset", "message",
        "hint",
    }  # fmt: skip


@pytest.mark.parametrize("name", [b"\xff\xfe.edi", "größe\x1b[31m.edi".encode(), b"new\nline.edi"])
def test_a_file_of_any_name_is_identified(mft: Mft, tmp_path: Path, name: bytes) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    with open(os.fsencode(folder) + b"/" + name, "wb") as file:  # noqa: PTH123  No Path has this name.
        file.write(b"ISA*00*")
    done = mft("identify", "-r", "in")
    assert (done.code, done.err) == (0, "")
    assert "x12" in done.out
    done = mft("identify", "-r", "in", "--json")
    assert json.loads(done.out)["standard"] == "x12"


def test_get_writes_the_bytes_and_nothing_else_to_a_pipe(home: Path) -> None:
    listed = subprocess.run([*MFT, "transfer", "list", "--json", "--home", home], capture_output=True, check=True)
    row = next(row for row in map(json.loads, listed.stdout.splitlines()) if row["name"] == "remittance-note.pdf")
    done = subprocess.run([*MFT, "transfer", "get", row["id"], "--home", home], capture_output=True, check=True)
    assert len(done.stdout) == row["size_bytes"]
    assert done.stdout.startswith(b"%PDF")
    assert done.stderr == b""


def test_a_reader_that_goes_away_is_no_error(home: Path) -> None:
    """`mft … | head`"""
    process = subprocess.Popen(
        [*MFT, "audit", "query", "--json", "--home", home], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert process.stdout is not None
    process.stdout.close()
    assert process.stderr is not None
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait() in {0, 1}  # What typer makes of it; nobody reads that code behind a pipe.


def test_what_is_followed_comes_once_and_ctrl_c_ends_it(mft: Mft, home: Path) -> None:
    asked = ("--kind", "server.stopped", "--kind", "transfer.op*", "--json", "-n", "1", "--home", str(home))
    process = subprocess.Popen(
        [*MFT, "audit", "tail", "--follow", *asked], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    try:
        assert json.loads(process.stdout.readline())["kind"] == "server.stopped"
        row = next(row for row in map(json.loads, mft("transfer", "list", "--json").out.splitlines()))
        for name in ("first", "second"):
            assert mft("transfer", "get", row["id"], "--out", name).code == 0
        opened = [json.loads(process.stdout.readline()) for _ in range(2)]
        assert [leaf["kind"] for leaf in opened] == ["transfer.opened"] * 2
        assert opened[0]["seq"] < opened[1]["seq"]
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == ("", "")
        assert process.returncode == 130
    finally:
        process.kill()


def test_a_fault_of_ours_is_said_so_without_a_traceback(mft: Mft, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError("a value out of the file")

    monkeypatch.setattr("mft.cli.identify._files", fails)
    done = mft("identify", "x")
    assert (done.code, done.out) == (4, "")
    assert done.err.startswith("mft: this is a fault of mft itself (RuntimeError)")
    assert "value" not in done.err


class TestBesideAServer:
    @pytest.fixture
    def site(self, tmp_path: Path, fresh_home: Path) -> Any:
        shutil.copytree(fresh_home / "home", tmp_path / "home")
        site = Site(tmp_path)
        yield site
        site.kill()

    def test_a_second_one_is_refused_and_commands_go_through_the_first(
        self, site: Site, mft: Mft, fresh_home: Path, tmp_path: Path
    ) -> None:
        site.start()
        assert site.process is not None
        pid = site.process.pid
        done = mft("serve", "--home", site.home)
        assert (done.code, done.out) == (3, "")
        assert done.err.startswith(f"mft: another mft (pid {pid}) works on {site.home}: stop it first")
        assert len(done.err.splitlines()) == 1

        shutil.copy(fresh_home / "acme.pub", tmp_path / "bob.pub")
        shutil.copy(fresh_home / "acme", tmp_path / "bob")
        added = mft("partner", "add", "bob", "--ssh-key", "bob.pub", "--home", site.home)
        assert (added.code, added.err) == (0, "")
        assert "the running server lets them in now" in added.out
        with site.paramiko(Partner("bob", tmp_path / "bob")) as client:
            assert sorted(client.listdir("/")) == ["errors", "inbound", "outbound"]
        said = json.loads(mft("audit", "query", "--kind", "config.loaded", "--limit", "1", "--json", "--home",
                              site.home).out)  # fmt: skip
        assert said["facts"] == {"added": 1, "changed": 0, "removed": 0}
        assert said["actor"] == f"cli:{os.getuid()}"

        doctor = mft("doctor", "--home", site.home)
        assert doctor.code == 0
        assert 'runs; {"sftp": "127.0.0.1:' in doctor.out
        assert site.stop() == 0
        assert mft("audit", "verify", "--home", site.home).code == 0

    def test_a_port_in_use_is_one_line(self, site: Site, mft: Mft) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            address = f"127.0.0.1:{taken.getsockname()[1]}"
            env = {"MFT_DOORS__SFTP__LISTEN": address}
            done = mft("serve", "--home", site.home, env=env)
            doctor = mft("doctor", "--home", site.home, env=env)
        assert (done.code, done.out) == (3, "")
        assert done.err.lower() == (
            f"mft: cannot listen on {address}: address already in use. "
            "stop what uses the port, or set [doors.sftp] listen in mft.toml\n"
        )
        assert doctor.code == 1
        assert f"cannot listen on {address}" in doctor.out
        assert not (site.home / "run" / "ports.json").exists()
        assert not (site.home / "run" / "core.sock").exists()


@pytest.mark.parametrize("maps", [True, False])
def test_the_demo_ends_well_only_when_its_files_do(tmp_path: Path, *, maps: bool) -> None:
    """Where the maps of guides are not installed, no parser lives."""
    empty = tmp_path / "path" / ("nothing" if maps else "pyx12")
    empty.mkdir(parents=True)
    (empty / "__init__.py").touch()
    done = subprocess.run(
        [*MFT, "demo", "--exit", "--dir", str(tmp_path / "demo")],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(empty.parent)},
    )
    assert (done.returncode == 0) is maps
    assert ("leaves are as they were written" if maps else "not as done: see mft doctor") in done.stdout + done.stderr
