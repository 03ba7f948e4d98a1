"""The power goes: what was promised is on the disk, because it was put there before the promise.

A cut is the file system's shutdown ioctl on a disk image: what was not synced is lost, in the page cache and in the
journal. Where no image can be mounted, the order of the syscalls proves the same of one upload.
"""

import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mft import durable
from mft.crypto.keyring import MemoryKeyring
from mft.crypto.keys import generate_bucket_key
from mft.domain import INBOUND, TENANT, Arrival, Principal
from mft.ledger.database import Books, Ledger, Writer
from mft.pipeline.upload import Upload
from mft.vault.store import BLOB_MAX, Vault
from tests.crash import scenes
from tests.crash.scenes import Disk, NoDisk, Sent
from tests.harness import Partner, Site

CUTS = 5


@pytest.fixture
def disk(site: Site) -> Iterator[Disk]:
    """The site's data on a disk whose power can be cut."""
    try:
        with scenes.data_on_disk(site) as disk:
            yield disk
    except NoDisk as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("seed", [11])
def test_power_cuts_lose_no_promise(site: Site, acme: Partner, disk: Disk, seed: int) -> None:
    sys.stdout.write(f"seed {seed}\n")
    rng = scenes.seeded(seed)
    sent = Sent()
    for number in range(1, CUTS + 1):
        scenes.start_and_sweep(site)
        scenes.power_round(site, acme, sent, rng, disk, name=f"{number:02}")
    scenes.start_and_sweep(site)
    stages = scenes.check_all(site, sent)
    sys.stdout.write(f"{CUTS} cuts, {len(sent.begun)} files begun, {len(sent.promised)} promised, {stages}\n")
    assert len(sent.promised) > CUTS


@pytest.mark.parametrize("fault", ["no-fsync", "no-commit-sync"])
def test_without_the_sync_the_same_check_fails(site: Site, acme: Partner, disk: Disk, fault: str) -> None:
    sent = Sent()
    site.start(fault=fault)
    scenes.power_round(site, acme, sent, scenes.seeded(12), disk, name="cut", promises=20)
    assert len(sent.promised) >= 20
    with pytest.raises(AssertionError, match=r"promised files are lost|cannot be read"):
        scenes.check_promises(site.home, sent)


def test_a_disk_that_fails_ends_the_server(site: Site, acme: Partner, disk: Disk) -> None:
    sent = Sent()
    site.start()
    server = site.process
    assert server is not None
    scenes.upload_until(site, acme, sent, scenes.seeded(13), lambda: disk.cut(sent), name="cut", promises=10)
    assert server.wait(timeout=30) == 4
    site.kill()
    disk.power_on()
    scenes.start_and_sweep(site)
    scenes.check_all(site, sent)


class Syscalls:
    """What a process asks of its disk, in order: opened, written, synced, by path."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.said: list[tuple[str, Path]] = []
        self._paths: dict[int, Path] = {}
        really_open = os.open

        def opened(path: Any, flags: int, mode: int = 0o777, **options: Any) -> int:
            fd = really_open(path, flags, mode, **options)
            self._paths[fd] = Path(os.fsdecode(path))
            if flags & os.O_CREAT:
                self.said.append(("create", self._paths[fd]))
            return fd

        patch.setattr(os, "open", opened)
        for name, word in (("write", "write"), ("fsync", "sync"), ("fdatasync", "sync data")):
            patch.setattr(os, name, self._noting(getattr(os, name), word))

    def _noting(self, call: Callable[..., Any], word: str) -> Callable[..., Any]:
        def noted(fd: int, *arguments: Any) -> Any:
            done = call(fd, *arguments)
            if fd in self._paths:
                self.said.append((word, self._paths[fd]))
            return done

        return noted

    def last(self, word: str, path: Path) -> int:
        """The turn of the last such call, -1 where there was none."""
        return max((turn for turn, said in enumerate(self.said) if said == (word, path)), default=-1)


def check_order(calls: Syscalls, root: Path) -> None:
    """Everything written has been put on the disk since, with its name and the name of its folder."""
    created = [path for word, path in calls.said if word == "create"]
    assert created, "nothing was written"
    for path in created:
        assert calls.last("sync", path) > calls.last("write", path) >= 0, "bytes were written after the last sync"
        assert calls.last("sync", path.parent) > calls.last("create", path), "the file's name is not on the disk"
        assert calls.last("sync", root) >= 0, "the folder's name is not on the disk"


def finished_upload(root: Path, size: int, calls: Syscalls) -> None:
    """Upload so many bytes; what `calls` has noted is what was done when the promise may be given."""
    principal = Principal("connection", "acme", "acme", "", "")
    bucket = generate_bucket_key()
    upload = Upload(Vault(root, MemoryKeyring([bucket])), TENANT, Arrival(principal, "sftp", "", "", INBOUND, b"name"))
    for _ in range(0, size, 1 << 18):
        upload.write(upload.size, memoryview(os.urandom(min(size, 1 << 18))))
        upload.work()
    receive = upload.finish(publish=True, repeat_since=0)
    assert receive.sealed is not None
    assert (receive.sealed.blob is None) == (size > BLOB_MAX)


@pytest.mark.parametrize("size", [BLOB_MAX + 1, 1 << 20, 5 << 20])
def test_an_upload_is_synced_before_it_is_finished(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    calls = Syscalls(monkeypatch)
    finished_upload(tmp_path, size, calls)
    check_order(calls, tmp_path)


@pytest.mark.parametrize(
    ("without", "says"),
    [
        ("sync_file", "after the last sync"),
        ("sync_directory", "name is not on the disk"),
        ("sync_parent", "folder's name"),
        ("late_write", "after the last sync"),
    ],
)
def test_a_sync_that_is_left_out_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, without: str, says: str
) -> None:
    calls = Syscalls(monkeypatch)
    really_sync_directory, really_sync_file = durable.sync_directory, durable.sync_file

    def sync_directory(path: Path) -> None:
        if path != tmp_path:
            really_sync_directory(path)

    def sync_then_write(fd: int, path: Path) -> None:
        really_sync_file(fd, path)
        os.write(fd, b"late")

    target, instead = {
        "sync_file": ("mft.vault.store.sync_file", lambda fd, path: None),
        "sync_directory": ("mft.durable.sync_directory", lambda path: None),
        "sync_parent": ("mft.durable.sync_directory", sync_directory),
        "late_write": ("mft.vault.store.sync_file", sync_then_write),
    }[without]
    monkeypatch.setattr(target, instead)
    finished_upload(tmp_path, 200_000, calls)
    with pytest.raises(AssertionError, match=says):
        check_order(calls, tmp_path)


def check_commits_are_synced(books: Books) -> None:
    """SQLite waits for the disk at each commit: journal_mode=WAL with synchronous=FULL (2) syncs the log."""
    cursor = books._connection.cursor()
    assert cursor.execute("PRAGMA synchronous").fetchone() == (2,), "a commit does not wait for the disk"
    assert cursor.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_the_ledger_waits_for_the_disk(tmp_path: Path) -> None:
    writer = Writer(Ledger(f"sqlite:{tmp_path / 'ledger.db'}"))
    try:
        check_commits_are_synced(writer._books)
        writer._books.script("PRAGMA synchronous=NORMAL")
        with pytest.raises(AssertionError, match="does not wait"):
            check_commits_are_synced(writer._books)
    finally:
        writer.close()
