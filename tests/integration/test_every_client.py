"""Every client that partners use: what they send arrives whole and once, however they send it and whatever breaks."""

import hashlib
import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import asyncssh
import pytest

from bench.latency import claims
from mft.clock import new_id
from mft.home import HOST_KEYS, Home
from partners.connection import Connection, Key, Login
from partners.load import render
from partners.uploads import Uploads
from tests.harness import DEADLINE_SECONDS, Partner, Site, eventually
from tests.integration.clients import (
    CLIENTS,
    Client,
    Curl,
    CurrentRclone,
    Done,
    Lftp,
    Line,
    OpenSSH,
    Psftp,
    Rclone,
    Wire,
)
from tests.integration.test_sftp_clients import deposit

SIZES = {"0": 0, "1": 1, "100k": 100_000, "5m": 5_000_000}
RESTING = {"done", "held", "rejected", "unsupported", "incomplete"}
OVER = {"superseded", "expired"}
LARGE = os.urandom(3_000_000)

every_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, fresh_home: Path) -> Iterator[Site]:
    """A server with a partner for each client: a staging folder, leave to make folders, and a file to fetch."""
    root = tmp_path_factory.mktemp("town")
    shutil.copytree(fresh_home, root, dirs_exist_ok=True)
    site = Site(root)
    key = Key(key=(root / "acme.pub").read_text().strip())
    uploads = Uploads(staging=("tmp",), make_folders=True)
    for client in CLIENTS:
        profile = Connection(
            id=new_id(), name=client.name, uploads=uploads, logins=[Login(user=client.name, keys=[key])]
        )
        (Home(site.home).partners / f"{client.name}.toml").write_text(render(profile))
        deposit(site, Partner(client.name, root / "acme"), b"large.bin", LARGE)
    site.start()
    yield site
    site.kill()


@pytest.fixture
def line_of(town: Site, tmp_path: Path) -> Callable[[Client], Line]:
    def line(client: Client) -> Line:
        keys = [asyncssh.read_private_key(Home(town.home).keys / name) for name in HOST_KEYS]
        folder = tmp_path / "client"
        folder.mkdir(exist_ok=True)
        return Line(
            town.port, client.name, town.root / "acme", tuple(key.get_fingerprint("sha256") for key in keys), folder
        )

    return line


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def named(site: Site, client: Client, name: str, folder: str = "/inbound") -> list[dict[str, Any]]:
    """All that was ever begun under a name, newest first."""
    return [
        row for row in site.transfers() if (row["partner"], row["folder"], row["name"]) == (client.name, folder, name)
    ]


def refused(row: dict[str, Any]) -> bool:
    """Nothing is kept of it but the fact."""
    return bool(row["stage"] == "partial" and row["size_bytes"] == 0)


def published(site: Site, client: Client, name: str, folder: str = "/inbound") -> list[dict[str, Any]]:
    """What its sender heard yes for, oldest first, once nothing more is done to it; nothing else is left of the name."""

    def ask() -> list[list[dict[str, Any]]]:
        rows = [row for row in named(site, client, name, folder) if row["stage"] not in OVER and not refused(row)]
        return [rows[::-1]] if all(row["stage"] in RESTING for row in rows) else []

    (found,) = eventually(ask, what=f"{name} comes to rest")
    return list(found)


@every_client
def test_uploads_arrive_byte_for_byte(
    town: Site, line_of: Callable[[Client], Line], tmp_path: Path, client: Client
) -> None:
    for size, count in SIZES.items():
        name = f"{client.name}-{size}.bin"
        source = write(tmp_path / name, os.urandom(count))
        done = client.upload(line_of(client), source, f"/inbound/{name}")
        assert done.ok, done.said
        (row,) = published(town, client, name)
        assert town.opened(row) == source.read_bytes()


@every_client
def test_an_upload_that_was_cut_is_resumed(
    town: Site, line_of: Callable[[Client], Line], tmp_path: Path, client: Client
) -> None:
    line, name = line_of(client), f"{client.name}-cut.bin"
    source = write(tmp_path / name, os.urandom(5_000_000))
    with Wire(town.port, cut_after=3_000_000) as wire:
        client.upload(wire.through(line), source, f"/inbound/{name}")
        assert wire.count >= 1

    def kept() -> list[dict[str, Any]]:
        rows = town.transfers_of(Partner(client.name, line.key))
        return [row for row in rows if row["name"].startswith(name) and row["stage"] == "partial"]

    (partial,) = eventually(kept, what="what arrived is kept")
    assert 0 < partial["size_bytes"] < source.stat().st_size
    with town.paramiko(Partner(client.name, line.key)) as looking:
        assert looking.stat(f"/inbound/{partial['name']}").st_size == partial["size_bytes"]
    done = client.resume(line, source, f"/inbound/{name}")
    assert done.ok, done.said
    (row,) = published(town, client, name)
    assert town.opened(row) == source.read_bytes()
    assert row["sha256"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert (row["id"] == partial["id"]) == client.resumes
    assert kept() == []


def test_lftp_goes_on_by_itself_after_a_cut(town: Site, line_of: Callable[[Client], Line], tmp_path: Path) -> None:
    lftp = Lftp()
    source = write(tmp_path / "source", os.urandom(5_000_000))
    with Wire(town.port, cut_after=3_000_000, heals=True) as wire:
        done = lftp.upload(wire.through(line_of(lftp)), source, "/inbound/by-itself.bin")
        assert done.ok, done.said
        assert wire.count == 2
    (row,) = published(town, lftp, "by-itself.bin")
    assert town.opened(row) == source.read_bytes()


@pytest.mark.parametrize("first", ["/inbound/{}.tmp", "/inbound/tmp/{}"], ids=["temporary name", "staging folder"])
@every_client
def test_a_file_is_renamed_into_its_place(
    town: Site, line_of: Callable[[Client], Line], tmp_path: Path, client: Client, first: str
) -> None:
    name = f"{client.name}-{'staged' if '/tmp/' in first else 'renamed'}.bin"
    contents = [os.urandom(200_000), os.urandom(90_000)]  # The second takes the place of the first, by plain RENAME.
    for content in contents:
        source = write(tmp_path / "source", content)
        done = client.upload_and_rename(line_of(client), source, first.format(name), f"/inbound/{name}")
        assert done.ok, done.said
    rows = published(town, client, name)
    assert [town.opened(row) for row in rows] == contents
    assert len(named(town, client, name)) == 2


@every_client
def test_a_temporary_name_is_not_published(
    town: Site, line_of: Callable[[Client], Line], tmp_path: Path, client: Client
) -> None:
    source = write(tmp_path / "source", os.urandom(100_000))
    name = f"{client.name}-waiting.bin.tmp"
    done = client.upload(line_of(client), source, f"/inbound/{name}")
    assert done.ok, done.said
    (row,) = named(town, client, name)
    assert row["stage"] == "receiving"


@pytest.mark.parametrize("client", [client for client in CLIENTS if client.mirrors], ids=lambda client: client.name)
def test_a_folder_is_mirrored(town: Site, line_of: Callable[[Client], Line], tmp_path: Path, client: Client) -> None:
    folder = tmp_path / "folder"
    (folder / "below").mkdir(parents=True)
    files = {"one.bin": 100_000, "two.bin": 0, "below/three.bin": 300_000}
    for name, size in files.items():
        write(folder / name, os.urandom(size))
    for _ in range(2):
        done = client.mirror(line_of(client), folder, "/inbound/folder")
        assert done.ok, done.said
    for name in files:
        below, _, last = f"/inbound/folder/{name}".rpartition("/")
        rows = published(town, client, last, below)
        assert len(rows) == (1 if client.unchanged_is_left else 2)
        assert {town.opened(row) for row in rows} == {(folder / name).read_bytes()}


@every_client
def test_a_file_is_fetched(town: Site, line_of: Callable[[Client], Line], tmp_path: Path, client: Client) -> None:
    done = client.download(line_of(client), "/outbound/large.bin", tmp_path / "fetched.bin")
    assert done.ok, done.said
    assert (tmp_path / "fetched.bin").read_bytes() == LARGE


DAYS = [60_000, 150_000, 40_000, 150_000, 700]  # What a daily file weighs; the name is the same every day.


def first_then(first: Callable[[], Done], then: Callable[[], Done]) -> Done:
    done = first()
    return done if done.ok else then()


SCRIPTS: dict[str, Callable[[Client, Line, Path, str], Done]] = {
    "rename": lambda client, line, source, target: client.upload_and_rename(line, source, f"{target}.tmp", target),
    "upload or resume": lambda client, line, source, target: first_then(
        lambda: client.upload(line, source, target), lambda: client.resume(line, source, target)
    ),
    "resume or upload": lambda client, line, source, target: first_then(
        lambda: client.resume(line, source, target), lambda: client.upload(line, source, target)
    ),
}


def five_days(
    site: Site, client: Client, line: Line, source: Path, name: str, script: Callable[[Client, Line, Path, str], Done]
) -> list[Done]:
    """The same script with another file each day. What it was told yes for is whole, in order and once; else nothing."""
    contents = [os.urandom(size) for size in DAYS]
    told = [script(client, line, write(source, content), f"/inbound/{name}") for content in contents]
    arrived = [row["sha256"] for row in published(site, client, name)]
    days = [hashlib.sha256(content).hexdigest() for content in contents]
    assert arrived == [day for day, done in zip(days, told, strict=True) if done.ok]
    assert all(done.said.strip() for done in told if not done.ok)
    return told


@pytest.mark.parametrize("script", SCRIPTS)
@every_client
def test_five_days_under_one_name_are_five_transfers(
    town: Site, line_of: Callable[[Client], Line], tmp_path: Path, client: Client, script: str
) -> None:
    name = f"{client.name}-{script.replace(' ', '-')}.txt"
    told = five_days(town, client, line_of(client), tmp_path / "claims.txt", name, SCRIPTS[script])
    assert all(done.ok for done in told), [done.said for done in told]


@every_client
def test_five_days_of_resuming_alone_never_mix(
    town: Site, line_of: Callable[[Client], Line], tmp_path: Path, client: Client
) -> None:
    line, name = line_of(client), f"{client.name}-resumed.txt"

    def resume(client: Client, line: Line, source: Path, target: str) -> Done:
        begun = bool(named(town, client, name))  # There must be something to resume on the first day.
        return (client.resume if begun else client.upload)(line, source, target)

    told = five_days(town, client, line, tmp_path / "claims.txt", name, resume)
    assert [done.ok for done in told] == [True, *[not client.resumes] * 4]


@every_client
def test_five_days_of_resuming_what_is_not_listed_any_more(
    town: Site, line_of: Callable[[Client], Line], tmp_path: Path, client: Client
) -> None:
    line, name = line_of(client), f"{client.name}-forgotten.txt"

    def resume(client: Client, line: Line, source: Path, target: str) -> Done:
        if published(town, client, name):
            with town.paramiko(Partner(client.name, line.key)) as forgetting:
                forgetting.remove(target)  # As the hours do.
        return client.resume(line, source, target)

    told = five_days(town, client, line, tmp_path / "claims.txt", name, resume)
    assert all(done.ok == client.begins for done in told), [done.said for done in told]


IDIOMS: dict[str, Callable[[Line, Path, str], Done]] = {
    "openssh, put -f": lambda line, source, target: OpenSSH().batch(line, f"put -f {source} {target}"),
    "openssh, put -p": lambda line, source, target: OpenSSH().batch(line, f"put -p {source} {target}"),
    "openssh, 4 kB writes": lambda line, source, target: line.run(
        *OpenSSH().command(line, "-B", "4096"), said=f"put {source} {target}\n"
    ),
    "lftp, use-temp-file": lambda line, source, target: Lftp().batch(
        line, "set xfer:use-temp-file yes", f"put {source} -o {target}"
    ),
    "curl, --append": lambda line, source, target: Curl().go(line, "-a", "-T", source, line.url + target),
    "curl, from a pipe": lambda line, source, target: line.run(
        "/bin/sh", "-c", 'cat $0 | exec "$@"', source, *Curl().command(line), "-T", "-", line.url + target
    ),
    "curl, --ftp-create-dirs": lambda line, source, target: Curl().go(
        line, "--ftp-create-dirs", "-T", source, line.url + target
    ),
    "rclone, no shell": lambda line, source, target: Rclone().go(
        line, "copyto", "--sftp-shell-type", "none", "--sftp-disable-hashcheck", source, f":sftp:{target}"
    ),
    "rclone-current, --inplace": lambda line, source, target: CurrentRclone().go(
        line, "copyto", "--inplace", source, f":sftp:{target}"
    ),
}


@pytest.mark.parametrize("idiom", IDIOMS)
def test_an_idiom_of_one_client(town: Site, line_of: Callable[[Client], Line], tmp_path: Path, idiom: str) -> None:
    name, _, how = idiom.partition(", ")
    client = next(client for client in CLIENTS if client.name == name)
    folder = f"/inbound/made/by-{name}" if "create-dirs" in how else "/inbound"
    file = f"{idiom.replace(', ', '-').replace(' ', '-')}.bin"
    source = write(tmp_path / "source", os.urandom(300_000))
    done = IDIOMS[idiom](line_of(client), source, f"{folder}/{file}")
    assert done.ok, done.said
    (row,) = published(town, client, file, folder)
    assert town.opened(row) == source.read_bytes()


@pytest.mark.parametrize(
    ("client", "says"),
    [
        (OpenSSH(), "unsupported"),
        (Psftp(), "unsupported"),
        (Curl(), "not supported"),
        (Lftp(), "upload the whole file"),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_adding_to_a_received_file_is_refused_in_words(
    town: Site, line_of: Callable[[Client], Line], tmp_path: Path, client: Client, says: str
) -> None:
    line, target = line_of(client), f"/inbound/{client.name}-added.txt"
    assert client.upload(line, write(tmp_path / "source", b"day one"), target).ok
    done = client.resume(line, write(tmp_path / "source", b"day two, and more"), target)
    assert not done.ok
    assert says in done.said


def test_an_interrupted_put_of_claims_is_superseded_by_the_whole_file(
    town: Site, line_of: Callable[[Client], Line], tmp_path: Path
) -> None:
    openssh, source = OpenSSH(), tmp_path / "claims.edi"
    source.write_bytes(claims(20_000_000))
    line = line_of(openssh)
    with Wire(town.port, hold_after=2_000_000) as wire:
        put = subprocess.Popen(
            openssh.command(wire.through(line)), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert put.stdin is not None
        put.stdin.write(f"put {source} /inbound/claims.edi\n")
        put.stdin.close()
        assert wire.held.wait(DEADLINE_SECONDS)
        put.send_signal(signal.SIGINT)
        wire.go_on.set()
        put.wait(DEADLINE_SECONDS)
    (half,) = published(town, openssh, "claims.edi")
    assert half["stage"] == "incomplete"
    assert half["size_bytes"] < source.stat().st_size
    assert openssh.upload(line, source, "/inbound/claims.edi").ok
    (whole,) = published(town, openssh, "claims.edi")
    assert whole["stage"] == "done"
    assert town.opened(whole) == source.read_bytes()
    stages = {row["id"]: row["stage"] for row in named(town, openssh, "claims.edi")}
    assert stages == {half["id"]: "superseded", whole["id"]: "done"}

    def told(row: dict[str, Any]) -> list[str]:
        return [event["type"] for event in town.events() if event["subject"] == row["id"]]

    eventually(lambda: "mft.transfer.completed.v1" in told(whole), what="the whole file is told of")
    assert told(whole).count("mft.transfer.received.v1") == 1
    assert told(whole).count("mft.transfer.completed.v1") == 1
    assert told(half) == []
