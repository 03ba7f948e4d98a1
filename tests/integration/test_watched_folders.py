"""Files that others put into a watched folder, in every way that they do: each becomes one transfer, whole."""

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from mft.audit.query import leaves
from mft.ledger.database import Ledger, reading
from mft.ledger.transfers import transfer_row
from tests.harness import Partner, Site, eventually, peer, sample

ODD = [b"-rf", b"two\nlines.edi", b"caf\xe9.edi", b"n" * 255, b" ", b"$(reboot).edi", b"\\..\\x.edi", "ü☃.edi".encode()]
ORDER = sample("orders-850.edi")


def watch(site: Site, folder: Path, *, name: str = "drop", **keys: Any) -> Path:
    """Have acme's partner file name a folder, which is made."""
    folder.mkdir(parents=True, exist_ok=True)
    known = {"name": name, "path": str(folder), "stable_seconds": 1, "poll_seconds": 1, **keys}
    lines = [f"{key} = {json.dumps(value)}" for key, value in known.items()]
    with (site.home / "config" / "partners" / "acme.toml").open("a") as file:
        file.write("\n".join(["", "[[watched_folders]]", *lines, ""]))
    return folder


def emptied(folder: Path) -> bool:
    """Whether nothing lies there, and nothing is under way."""
    found = [name for _, folders, files in os.walk(folder) for name in (*folders, *files)]
    return found == [".mft"]


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {".mft"}


def received(site: Site, folder: str = "/inbound") -> dict[str, list[dict[str, Any]]]:
    """Transfers that came into a folder, by name."""
    found: dict[str, list[dict[str, Any]]] = {}
    for row in site.transfers():
        if row["direction"] == "inbound" and row["folder"] == folder:
            found.setdefault(row["name"], []).append(row)
    return found


def check_once(site: Site, sent: dict[str, bytes], folder: str = "/inbound") -> None:
    """Each file that was sent is there once, byte for byte, and nothing else."""
    found = received(site, folder)
    assert sorted(found) == sorted(sent)
    for name, rows in found.items():
        assert len(rows) == 1, f"{name} was received {len(rows)} times"
        assert rows[0]["sha256"] == sha256(sent[name]).hexdigest(), f"{name} is not what was sent"
        assert site.opened(rows[0]) == sent[name]


def told(site: Site, kind: str) -> list[dict[str, Any]]:
    with reading(Ledger(f"sqlite:{site.home / 'data' / 'ledger.db'}")) as books:
        return list(leaves(books, kind=(kind,), newest_first=False))


def row_of(site: Site, transfer: str) -> dict[str, Any]:
    with reading(Ledger(f"sqlite:{site.home / 'data' / 'ledger.db'}")) as books:
        return dict(transfer_row(books, transfer))


@pytest.fixture(scope="module")
def acme_site(tmp_path_factory: pytest.TempPathFactory, fresh_home: Path) -> Iterator[Site]:
    """A server that the tests of this module share: each has a folder of its own, of one of these kinds."""
    root = tmp_path_factory.mktemp("watched")
    shutil.copytree(fresh_home, root, dirs_exist_ok=True)
    site = Site(root)
    for name in (
        "append",
        "reopened",
        "copied",
        "moved",
        "rsync",
        "rsync-inplace",
        "rclone",
        "many",
        "links",
        "odd",
        "heard",
        "left",
    ):
        watch(site, root / name, name=name, to=f"/inbound/{name}")
    watch(site, root / "polled", name="polled", to="/inbound/polled", observer="polling")
    watch(site, root / "at-once", name="at-once", to="/inbound/at-once", stable_seconds=0, poll_seconds=600)
    watch(site, root / "renamed", name="renamed", to="/inbound/renamed", take="rename", poll_seconds=600)
    watch(site, root / "done", name="done", to="/inbound/done", take="done-file")
    watch(site, root / "trailer", name="trailer", to="/inbound/trailer", take="trailer")
    watch(site, root / "tree", name="tree", to="/inbound/tree", recursive=True)
    watch(site, root / "some", name="some", to="/inbound/some", include=["*.edi"], exclude=["draft*"])
    watch(site, root / "marked", name="marked", to="/inbound/marked", then="mark")
    (root / "kept").mkdir()
    archive = str(root / "kept")
    watch(site, root / "archived", name="archived", to="/inbound/archived", then="archive", archive=archive)
    (root / "many" / "waited.edi").write_bytes(ORDER)
    site.start()
    yield site
    site.kill()


def put(site: Site, folder: str, sent: dict[str, bytes]) -> None:
    for name, content in sent.items():
        (site.root / folder / name).write_bytes(content)


def settled(site: Site, folder: str, sent: dict[str, bytes]) -> None:
    """Wait until a folder is empty, and see that each file was received once."""
    eventually(lambda: emptied(site.root / folder), what=f"{folder} is empty", seconds=30)
    check_once(site, sent, f"/inbound/{folder}")


class TestWriters:
    def test_what_lay_there_before_the_start_and_what_comes_later(self, acme_site: Site) -> None:
        sent = {"came.bin": os.urandom(3_000_000), "empty": b"", **{f"{n:03}": b"%d" % n for n in range(200)}}
        put(acme_site, "many", sent)
        settled(acme_site, "many", {"waited.edi": ORDER, **sent})
        found = received(acme_site, "/inbound/many")["waited.edi"][0]
        row = row_of(acme_site, found["id"])
        assert (row["door"], row["account"], row["source_address"]) == ("folder", "", "")
        assert json.loads(row["evidence"])["taken"] == "stable"
        eventually(lambda: row_of(acme_site, found["id"])["heard_at"], what="its yes is heard")
        assert acme_site.rested("waited.edi")["stage"] == "done"

    def test_one_who_appends_slowly(self, acme_site: Site) -> None:
        """Unchanged for longer than `stable_seconds`, and open: it is not taken."""
        with (acme_site.root / "append" / "slow.edi").open("wb") as file:
            for number in range(2):
                file.write(b"part\n")
                file.flush()
                marker = f"marker-{number}"
                put(acme_site, "append", {marker: b""})
                eventually(
                    lambda name=marker: name in received(acme_site, "/inbound/append"), what="a later one is taken"
                )
                assert "slow.edi" not in received(acme_site, "/inbound/append")
        settled(acme_site, "append", {"slow.edi": b"part\npart\n", "marker-0": b"", "marker-1": b""})

    def test_one_who_opens_it_for_each_line(self, acme_site: Site) -> None:
        script = "for n in 1 2 3 4 5 6 7 8 9 10 11 12; do echo line >> log.edi; sleep 0.15; done"
        subprocess.run(["sh", "-c", script], cwd=acme_site.root / "reopened", check=True)
        settled(acme_site, "reopened", {"log.edi": b"line\n" * 12})

    def test_one_who_copies_and_then_renames(self, acme_site: Site) -> None:
        folder = acme_site.root / "copied"
        (folder / "a.edi.tmp").write_bytes(ORDER)
        (folder / ".b.edi").write_bytes(ORDER)
        put(acme_site, "copied", {"marker": b""})
        eventually(lambda: "marker" in received(acme_site, "/inbound/copied"), what="a later one is taken")
        assert list(received(acme_site, "/inbound/copied")) == ["marker"]
        (folder / "a.edi.tmp").rename(folder / "a.edi")
        (folder / ".b.edi").rename(folder / "b.edi")
        settled(acme_site, "copied", {"a.edi": ORDER, "b.edi": ORDER, "marker": b""})

    def test_mv_from_another_file_system_and_cp(self, acme_site: Site, tmp_path: Path) -> None:
        content = os.urandom(20_000_000)
        elsewhere = Path("/dev/shm") / f"mft-{os.getpid()}.bin"
        elsewhere.write_bytes(content)
        (tmp_path / "c.bin").write_bytes(content)
        try:
            subprocess.run(["mv", elsewhere, acme_site.root / "moved"], check=True)
            subprocess.run(["cp", "-p", tmp_path / "c.bin", acme_site.root / "moved"], check=True)
        finally:
            elsewhere.unlink(missing_ok=True)
        settled(acme_site, "moved", {elsewhere.name: content, "c.bin": content})

    @pytest.mark.parametrize("how", ["rsync", "rsync-inplace", "rclone"])
    def test_a_program_that_copies_folders(self, acme_site: Site, tmp_path: Path, how: str) -> None:
        sent = {f"{number:02}.edi": os.urandom(1 + number * 70_000) for number in range(20)}
        for name, content in sent.items():
            (tmp_path / name).write_bytes(content)
        target = str(acme_site.root / how)
        program, _, inplace = how.partition("-")
        rsync = ["-a", *([f"--{inplace}"] if inplace else []), f"{tmp_path}/", target]
        options = rsync if program == "rsync" else ["copy", str(tmp_path), target]
        subprocess.run([peer(program), *options], check=True, capture_output=True)
        settled(acme_site, how, sent)

    def test_names_are_bytes(self, acme_site: Site) -> None:
        folder = os.fsencode(acme_site.root / "odd")
        for name in ODD:
            Path(os.fsdecode(folder + b"/" + name)).write_bytes(name)
        eventually(lambda: emptied(acme_site.root / "odd"), what="the folder is empty", seconds=30)
        rows = [row for rows in received(acme_site, "/inbound/odd").values() for row in rows]
        assert {row_of(acme_site, row["id"])["name_bytes"] for row in rows} == set(ODD)
        assert sorted(acme_site.opened(row) for row in rows) == sorted(ODD)

    def test_a_folder_that_is_polled(self, acme_site: Site) -> None:
        put(acme_site, "polled", {"a.edi": ORDER})
        settled(acme_site, "polled", {"a.edi": ORDER})


class TestEvidence:
    def test_a_close_is_enough_where_that_was_agreed(self, acme_site: Site) -> None:
        with (acme_site.root / "at-once" / "a.edi").open("wb") as file:
            file.write(b"half")
            file.flush()
            put(acme_site, "at-once", {"marker": b""})
            eventually(lambda: "marker" in received(acme_site, "/inbound/at-once"), what="a later one is taken")
            file.write(b" and half")
        settled(acme_site, "at-once", {"a.edi": b"half and half", "marker": b""})

    def test_a_rename(self, acme_site: Site) -> None:
        """It wakes the watch: nothing looks by itself for ten minutes."""
        folder, sent = acme_site.root / "renamed", {}
        for number in range(5):
            (folder / f"{number}.edi.part").write_bytes(ORDER)
            (folder / f"{number}.edi.part").rename(folder / f"{number}.edi")
            sent[f"{number}.edi"] = ORDER
            settled(acme_site, "renamed", sent)

    def test_a_done_file(self, acme_site: Site) -> None:
        put(acme_site, "done", {"a.edi": ORDER, "b.edi": ORDER, "b.edi.done": b""})
        eventually(lambda: "b.edi" in received(acme_site, "/inbound/done"), what="b.edi is taken")
        assert "a.edi" not in received(acme_site, "/inbound/done")
        put(acme_site, "done", {"a.edi.done": b"yes"})
        settled(acme_site, "done", {"a.edi": ORDER, "b.edi": ORDER})

    def test_a_trailer(self, acme_site: Site) -> None:
        put(acme_site, "trailer", {"half.edi": ORDER[:-30], "whole.edi": ORDER, "other.txt": b"no EDI"})
        names = {"whole.edi", "other.txt"}
        eventually(lambda: set(received(acme_site, "/inbound/trailer")) >= names, what="others are taken")
        put(acme_site, "trailer", {"marker": b""})
        eventually(lambda: "marker" in received(acme_site, "/inbound/trailer"), what="a later one is taken")
        assert "half.edi" not in received(acme_site, "/inbound/trailer")
        with (acme_site.root / "trailer" / "half.edi").open("ab") as file:
            file.write(ORDER[-30:])
        sent = {"half.edi": ORDER, "whole.edi": ORDER, "other.txt": b"no EDI", "marker": b""}
        settled(acme_site, "trailer", sent)

    def test_only_names_that_are_asked_for(self, acme_site: Site) -> None:
        put(acme_site, "some", {"a.edi": ORDER, "a.txt": b"", "draft.edi": b""})
        eventually(lambda: received(acme_site, "/inbound/some"), what="one is taken")
        check_once(acme_site, {"a.edi": ORDER}, "/inbound/some")
        assert names(acme_site.root / "some") == {"a.txt", "draft.edi"}


class TestFoldersInFolders:
    def test_they_are_mirrored(self, acme_site: Site) -> None:
        tree = acme_site.root / "tree"
        (tree / "x" / "y").mkdir(parents=True)
        (tree / "x" / "y" / "deep.edi").write_bytes(ORDER)
        (tree / "x" / "a.edi").write_bytes(ORDER)
        (tree / ".hidden").mkdir()
        (tree / ".hidden" / "b.edi").write_bytes(ORDER)
        (tree / "out").symlink_to(acme_site.home)
        eventually(lambda: received(acme_site, "/inbound/tree/x/y"), what="the file below is taken")
        eventually(lambda: received(acme_site, "/inbound/tree/x"), what="the other one is taken")
        check_once(acme_site, {"deep.edi": ORDER}, "/inbound/tree/x/y")
        check_once(acme_site, {"a.edi": ORDER}, "/inbound/tree/x")
        left = {path.relative_to(tree).as_posix() for path in tree.rglob("*") if not path.is_dir()}
        assert left == {".hidden/b.edi"}

    def test_otherwise_they_are_left(self, acme_site: Site) -> None:
        folder = acme_site.root / "left"
        (folder / "below").mkdir()
        (folder / "below" / "a.edi").write_bytes(ORDER)
        put(acme_site, "left", {"b.edi": ORDER})
        eventually(lambda: received(acme_site, "/inbound/left"), what="the other one is taken")
        assert (folder / "below" / "a.edi").read_bytes() == ORDER


class TestAfterwards:
    def test_marked(self, acme_site: Site) -> None:
        long = "n" * 255
        for count, content in ((2, b"one"), (4, b"two")):
            put(acme_site, "marked", {"a.edi": content, long: content})
            eventually(lambda n=count: len(_marked(acme_site)) == n, what=f"{content.decode()} is taken")
        assert _marked(acme_site) == {
            "a.edi.received": b"one",
            "a.edi.2.received": b"two",
            "n" * 246 + ".received": b"one",
            "n" * 244 + ".2.received": b"two",
        }
        found = received(acme_site, "/inbound/marked")
        assert {name: len(rows) for name, rows in found.items()} == {"a.edi": 2, long: 2}

    def test_archived(self, acme_site: Site) -> None:
        for content in (b"one", b"two"):
            put(acme_site, "archived", {"a.edi": content, "n" * 255: content})
            eventually(lambda: emptied(acme_site.root / "archived"), what=f"{content.decode()} is taken")
        kept = sorted((acme_site.root / "kept").iterdir())
        assert sorted(path.read_bytes() for path in kept) == [b"one", b"one", b"two", b"two"]
        assert all(path.name[8] == "T" and "Z-" in path.name and len(path.name) <= 255 for path in kept)


def _marked(site: Site) -> dict[str, bytes]:
    """What lies in the folder, once all of it is marked."""
    folder = site.root / "marked"
    if not all(name.endswith(".received") for name in names(folder)):
        return {}
    return {name: (folder / name).read_bytes() for name in names(folder)}


class TestWhatIsNoFile:
    def test_it_is_left_and_told_once(self, acme_site: Site) -> None:
        folder = acme_site.root / "links"
        secret = acme_site.root / "secret"
        secret.write_bytes(b"not yours")
        (folder / "link").symlink_to(secret)
        (folder / "dangling").symlink_to("nowhere")
        os.link(secret, folder / "hard")
        os.mkfifo(folder / "fifo")
        if os.geteuid() == 0:
            os.mknod(folder / "device", 0o600 | 0o020000, os.makedev(1, 3))
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(str(folder / "socket"))
        there = names(folder)
        eventually(lambda: len(_left(acme_site)) >= len(there), what="all are told", seconds=30)
        put(acme_site, "links", {"marker": b""})
        eventually(lambda: "marker" in received(acme_site, "/inbound/links"), what="a later one is taken")
        check_once(acme_site, {"marker": b""}, "/inbound/links")
        assert names(folder) == there
        kinds = {"link": "a link", "dangling": "a link", "hard": "a hard link", "fifo": "a FIFO", "socket": "a socket"}
        kinds |= {"device": "a device"} if "device" in there else {}
        assert sorted(_left(acme_site)) == sorted(kinds.items())


def _left(site: Site) -> list[tuple[str, str]]:
    found = told(site, "watched.left")
    return [(one["facts"]["name"], one["facts"]["reason"]) for one in found if one["facts"]["folder"] == "links"]


def test_a_folder_is_not_taken_for_a_sender_who_repeats(acme_site: Site, acme: Partner, tmp_path: Path) -> None:
    """The same name and bytes by SFTP, unheard, and by the folder: two senders, two transfers."""
    (tmp_path / "same.edi").write_bytes(ORDER)
    acme_site.sftp(acme, f"put {tmp_path / 'same.edi'}")  # Into /inbound, where nobody reads it back.
    first = received(acme_site)["same.edi"][0]
    put(acme_site, "heard", {"same.edi": ORDER})
    settled(acme_site, "heard", {"same.edi": ORDER})
    put(acme_site, "heard", {"same.edi": ORDER})  # And the same once more is another one, too.
    eventually(lambda: len(received(acme_site, "/inbound/heard")["same.edi"]) == 2, what="it is received")
    assert [row["id"] for row in received(acme_site)["same.edi"]] == [first["id"]]
    assert told(acme_site, "transfer.repeated") == []


class TestFoldersThatComeAndGo:
    def test_one_that_vanishes_is_told_of_once(self, site: Site) -> None:
        folder = watch(site, site.root / "drop")
        site.start()
        (folder / "a.edi").write_bytes(ORDER)
        eventually(lambda: emptied(folder), what="the folder is empty")
        folder.rename(site.root / "away")
        eventually(lambda: told(site, "watched.lost"), what="it is told")
        (site.root / "away" / "b.edi").write_bytes(ORDER)
        (site.root / "away").rename(folder)
        eventually(lambda: "b.edi" in received(site), what="it goes on")
        eventually(lambda: told(site, "watched.found"), what="it is told")
        shutil.rmtree(folder)
        eventually(lambda: len(told(site, "watched.lost")) == 2, what="it is told again")
        folder.mkdir()
        (folder / "c.edi").write_bytes(ORDER)
        eventually(lambda: "c.edi" in received(site), what="it goes on in a new folder")
        assert [one["facts"]["reason"] for one in told(site, "watched.lost")] == ["no such file or directory"] * 2
        assert site.stop() == 0
        assert site.verify().returncode == 0

    def test_one_that_is_unmounted(self, site: Site) -> None:
        folder = watch(site, site.root / "drop")
        try:
            _mount(folder)
            site.start()
            (folder / "a.edi").write_bytes(ORDER)
            eventually(lambda: emptied(folder), what="the folder is empty")
            eventually(lambda: _unmounted(folder), what="nothing holds it")
            eventually(lambda: told(site, "watched.lost"), what="it is told")
            (folder / "b.edi").write_bytes(ORDER)  # Below the mount point: not what was agreed.
            assert "file system" in told(site, "watched.lost")[0]["facts"]["reason"]
            _mount(folder, made=True)
            (folder / "c.edi").write_bytes(ORDER)
            eventually(lambda: "c.edi" in received(site), what="it goes on")
            check_once(site, {"a.edi": ORDER, "c.edi": ORDER})
        finally:
            subprocess.run(["umount", folder], check=False, capture_output=True)

    def test_a_reload_adds_changes_and_ends_them(self, site: Site) -> None:
        site.start()
        one, two = site.root / "one", site.root / "two"
        file = site.home / "config" / "partners" / "acme.toml"
        before = file.read_text()
        watch(site, one, name="one")
        _hang_up(site, 1)
        (one / "a.edi").write_bytes(ORDER)
        eventually(lambda: "a.edi" in received(site), what="the folder is watched")
        file.write_text(before)
        watch(site, two, name="two")
        watch(site, one, name="one", exclude=["*.no"])
        _hang_up(site, 2)
        (one / "b.no").write_bytes(ORDER)
        (one / "b.edi").write_bytes(ORDER)
        (two / "c.edi").write_bytes(ORDER)
        eventually(lambda: {"b.edi", "c.edi"} <= received(site).keys(), what="both are watched")
        assert "b.no" not in received(site)
        file.write_text(before)
        watch(site, two, name="two")
        _hang_up(site, 3)
        (one / "d.edi").write_bytes(ORDER)
        (two / "e.edi").write_bytes(ORDER)
        eventually(lambda: "e.edi" in received(site), what="the other one is watched on")
        assert (one / "d.edi").exists()
        file.write_text(before.replace("enabled = true", "enabled = false"))
        watch(site, two, name="two")
        _hang_up(site, 4)
        (two / "f.edi").write_bytes(ORDER)
        assert site.stop() == 0
        assert (two / "f.edi").exists()

    def test_none_is_watched_where_the_door_is_closed(self, site: Site) -> None:
        folder = watch(site, site.root / "drop")
        (folder / "a.edi").write_bytes(ORDER)
        site.start(env={"MFT_DOORS__FOLDER__ENABLED": "false"})
        assert site.stop() == 0
        assert names(folder) == {"a.edi"}


def _hang_up(site: Site, times: int) -> None:
    site.process.send_signal(1)
    eventually(lambda: len(told(site, "config.loaded")) > times, what="the partner files are read again")


def _unmounted(folder: Path) -> bool:
    """Not while somebody looks into it."""
    return subprocess.run(["umount", folder], check=False, capture_output=True).returncode == 0


def _mount(folder: Path, *, made: bool = False) -> None:
    """Mount a fresh file system; `made`: one where we worked before."""
    done = subprocess.run(["mount", "-t", "tmpfs", "none", folder], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("nothing can be mounted here")
    if made:
        (folder / ".mft").mkdir(mode=0o700)
