"""Scenes of a watched folder: files that others put there, a watch that dies, names that change under its hands."""

import json
import os
import shutil
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from mft.config import load_config
from mft.core import Core
from mft.endpoints.folder import House, beneath
from mft.endpoints.folder.claims import Claim, Ground, Left, NotYet
from mft.endpoints.folder.watch import Watch
from mft.home import Home
from mft.installation import load_partners, open_vault
from mft.ledger.database import Ledger, Readers, reading
from mft.ledger.transfers import transfer_rows
from mft.mend import salvage, sweep
from partners.watched_folder import WatchedFolder
from tests.crash import forked
from tests.crash.faulty_serve import FAULTS
from tests.crash.scenes import LARGE, SMALL, Sent
from tests.harness import Site, eventually


def watch(site: Site, name: str = "drop", **keys: Any) -> Path:
    """Have acme's partner file name a folder, which is made, and one for its archive."""
    folder, kept = site.root / name, site.root / f"{name}-kept"
    folder.mkdir()
    kept.mkdir()
    known = {"name": name, "path": str(folder), "poll_seconds": 1, **keys}
    known |= {"archive": str(kept)} if keys.get("then") == "archive" else {}
    lines = [f"{key} = {json.dumps(value)}" for key, value in known.items()]
    with (site.home / "config" / "partners" / "acme.toml").open("a") as file:
        file.write("\n".join(["", "[[watched_folders]]", *lines, ""]))
    return folder


def put(folder: Path, sent: Sent, name: str, content: bytes, *, done: bool = False) -> None:
    """Write a file under a temporary name, and give it its own."""
    sent.begin(name.rpartition("/")[2], content)
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / f"{name}.tmp").write_bytes(content)
    (folder / f"{name}.tmp").rename(folder / name)
    if done:
        (folder / f"{name}.done").touch()


def put_some(folder: Path, sent: Sent, rng: Random, *, name: str) -> None:
    """Some files, large and small ones, some of them in folders of their own, some by other ways."""
    for number in range(rng.randrange(1, 8)):
        content = rng.randbytes(rng.choice(LARGE if rng.random() < 0.2 else SMALL))
        path = rng.choice(["", "", "x/", "x/y/"]) + f"{name}-{number}.bin"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        if rng.random() < 0.7:
            put(folder, sent, path, content)
            continue
        sent.begin(path.rpartition("/")[2], content)
        with (folder / path).open("wb") as file:  # Open all the while: nobody takes it before it is whole.
            for offset in range(0, len(content), 100_000):
                file.write(content[offset : offset + 100_000])


def left_in(folder: Path, *, then: str = "delete") -> list[str]:
    """Files that are still to be received, and what is under way."""
    found = []
    for above, folders, files in os.walk(folder):
        found += [name for name in files if not (then == "mark" and name.endswith(".received"))]
        found += folders if above.endswith("/.mft") else []
    return found


def all_received(folder: Path, sent: Sent, *, then: str = "delete", seconds: float = 30) -> None:
    """Wait for it; what is gone from the folder has been promised."""
    eventually(lambda: not left_in(folder, then=then), what="the folder is empty", seconds=seconds)
    for name in list(sent.owed):
        sent.hear(name)


def lone_watch(site: Site, *, dies_at: int = 0) -> bool:
    """Look once into the folder in a process of its own, which dies ahead of a step. Returns whether it lived."""
    process = forked._CONTEXT.Process(target=_look_once, args=(site.home, dies_at), daemon=True)
    process.start()
    process.join(60)
    assert process.exitcode in {0, -signal.SIGKILL}, f"the watch ended with {process.exitcode}"
    return process.exitcode == 0


def _look_once(root: Path, dies_at: int) -> None:
    home = Home(root)
    if dies_at:
        os.environ["DIES_AT"] = str(dies_at)
        FAULTS["folder-dies"]()
    broken: list[Exception] = []
    directory = load_partners(home)
    ledger = Ledger(home.ledger_url(load_config(home).ledger.url))
    vault = open_vault(home)
    core = Core(ledger, subscriptions={"file": ()}, on_broken=broken.append, remove_object=vault.remove)
    salvage(core, ledger, vault)
    sweep(ledger, vault)
    vault.scratch.mkdir(mode=0o700, exist_ok=True)
    house = House(vault, Readers(ledger), core.submit, lambda: directory, broken.append, 0)
    (profile,) = (one for one in directory.profiles.values() if one.connection.watched_folders)
    one = Watch(house, profile.connection.id, profile.connection.watched_folders[0], lambda: None)
    thread = threading.Thread(target=one.round, name="folder drop")
    thread.start()
    thread.join()
    core.close()
    assert not broken


def peak_mib(pid: int) -> int:
    """The most memory that a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) >> 10


def many(site: Site, count: int) -> int:
    """So many files wait before a server starts; returns by how many MiB its memory grew over that of a few hundred.

    Raises AssertionError: one was not received, or not once.
    """
    folder = watch(site, take="rename")
    few = 300
    for number in range(few):
        (folder / f"few-{number}").write_bytes(b"%d" % number)
    site.start()
    eventually(lambda: not left_in(folder), what="the first ones are received")
    before = peak_mib(site.process.pid)
    assert site.stop() == 0
    for number in range(count):
        (folder / f"{number:06}").write_bytes(b"%d" % number)
    site.start()
    eventually(lambda: not left_in(folder), what="all are received", seconds=60 + count / 50)
    grown = peak_mib(site.process.pid) - before
    assert site.stop() == 0
    with reading(Ledger(Home(site.home).ledger_url(load_config(Home(site.home)).ledger.url))) as books:
        names = [row["name_bytes"] for row in transfer_rows(books, most=10_000_000) if row["direction"] == "inbound"]
    assert len(names) == len(set(names)) == few + count
    return grown


# --- what changes between a look and a claim ---


class Swaps:
    """A folder in which names become other things at any moment, and what a watch makes of it.

    Each race puts a file there, looks at it, and has something done to it before one of the calls of claiming it. A
    claim must be the very file that was looked at; and nothing may be lost: whatever was there is still somewhere.
    """

    def __init__(self, root: Path, rng: Random) -> None:
        self._root = root
        self._rng = rng
        self.folder = root / "drop"
        self.secret = root / "secret"
        self.folder.mkdir()
        self.secret.write_bytes(b"not yours")
        self.spec = WatchedFolder(name="drop", path=str(self.folder), take="rename")
        self.claimed = self.struck = 0

    def run(self, races: int) -> None:
        with pytest.MonkeyPatch.context() as patch:
            self._left = 0
            for name in ("open_below", "open_file", "look_into", "is_written", "move", "look_at"):
                patch.setattr(beneath, name, self._hooked(getattr(beneath, name)))
            for number in range(races):
                if number % 1000 == 0:
                    shutil.rmtree(self.folder)
                    self.folder.mkdir()
                self._race(number)

    def _hooked(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **named: Any) -> Any:
            self._left -= 1
            if self._left == 0:
                self.struck += 1
                self._strike()
            return call(*args, **named)

        return called

    def _race(self, number: int) -> None:
        self._name = os.fsencode(f"{number}.edi")
        self._path = self.folder / f"{number}.edi"
        self._spare = self._root / f"spare-{number}"
        self._path.write_bytes(b"%d" % number)
        self._open: int | None = None
        self._left = 0
        with Ground(self.spec) as ground:
            look = beneath.look_at(ground.root, (), self._name)
            inode = look.identity[1]
            self._left = self._rng.randrange(1, 13)
            claim: Claim | None = None
            with suppress(NotYet, Left, FileNotFoundError):
                claim = ground.claim(look, age_seconds=1e9)
            self._left = 0
            if claim is not None:
                self._check_claim(claim, number, inode)
            self._check_rest(ground, claim, inode)
        if self._open is not None:
            os.close(self._open)
        self._tidy()

    def _strike(self) -> None:
        kind = self._rng.choice(
            ("symlink", "hard link", "other", "append", "fifo", "folder", "gone", "writer", "linked")
        )
        if kind in {"linked", "append", "writer"}:
            with suppress(FileNotFoundError):
                if kind == "linked":
                    os.link(self._path, self._spare)
                else:
                    self._open = os.open(self._path, os.O_WRONLY | os.O_APPEND)
                    if kind == "append":
                        os.write(self._open, b" and more")
                        os.close(self._open)
                        self._open = None
            return
        with suppress(FileNotFoundError):
            self._path.rename(self._spare)
        makers: dict[str, Callable[[], Any]] = {
            "symlink": lambda: self._path.symlink_to(self.secret),
            "hard link": lambda: os.link(self.secret, self._path),
            "other": lambda: self._path.write_bytes(b"another"),
            "fifo": lambda: os.mkfifo(self._path),
            "folder": self._path.mkdir,
            "gone": lambda: None,
        }
        makers[kind]()

    def _check_claim(self, claim: Claim, number: int, inode: int) -> None:
        found = os.fstat(claim.fd)
        content = os.pread(claim.fd, 100, 0)
        claim.close()
        assert self._open is None, "a file was claimed that somebody writes to"
        assert content == b"%d" % number, f"{content!r} was claimed"
        assert stat.S_ISREG(found.st_mode)
        assert found.st_ino == inode, "another file than the one that was looked at was claimed"
        there = self.folder / ".mft" / claim.id / os.fsdecode(self._name)
        assert there.lstat().st_ino == inode
        self.claimed += 1

    def _check_rest(self, ground: Ground, claim: Claim | None, inode: int) -> None:
        """The file is claimed, where it was, or where the race moved it; nothing of others is in our folder."""
        hidden = [path for path in (self.folder / ".mft").rglob("*") if not path.is_dir() or path.is_symlink()]
        if claim is None:
            places = [*self._there(self._path), *self._there(self._spare), *(path.lstat().st_ino for path in hidden)]
            assert inode in places, "a file is lost"
            for one in ground.left_behind():  # What could not go back, because its name is taken, does later.
                look = ground.file_of(one)
                assert look is None or list(self._there(self._path)), "a claim was not put back"
        else:
            assert [path.lstat().st_ino for path in hidden] == [inode]
        assert self.secret.read_bytes() == b"not yours"

    def _there(self, path: Path) -> Iterator[int]:
        with suppress(FileNotFoundError):
            yield path.lstat().st_ino

    def _tidy(self) -> None:
        for path in (self._path, self._spare):
            with suppress(FileNotFoundError):
                path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        for path in (self.folder / ".mft").iterdir():
            shutil.rmtree(path)
