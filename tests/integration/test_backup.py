"""The rehearsal: a home under load is backed up and lost, and comes back from the backup and the keys."""

import asyncio
import hashlib
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from mft.backup import MANIFEST, read_manifest
from mft.ledger.database import Ledger, reading
from mft.ledger.tables import CHECKPOINT
from tests.crash import scenes
from tests.crash.scenes import Disk, NoDisk, Senders, Sent
from tests.harness import ROOT, Partner, Site, environment, eventually, run_mft

NEWEST = select(CHECKPOINT.c.size, CHECKPOINT.c.note).order_by(CHECKPOINT.c.size.desc()).limit(1)
KILLED = """
import os, random, signal, sys
import mft.backup
from mft.cli.main import main
left = int(sys.argv.pop(1))
def deadly(call):
    def do(*arguments, **options):
        global left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return call(*arguments, **options)
    return do
for name in ("copy_file", "sync_copy", "sync_directory", "write_file", "hash_of", "copy_keys"):
    setattr(mft.backup, name, deadly(getattr(mft.backup, name)))
sys.argv[0] = "mft"
main()
"""
"""`mft` that kills itself before the Nth thing that a backup does to the disk."""


def newest_checkpoint(home: Path) -> tuple[int, str]:
    with reading(Ledger(f"sqlite:{home / 'data' / 'ledger.db'}")) as books:
        row = books.rows(NEWEST)[0]
    return row["size"], row["note"]


@contextmanager
def load(site: Site, acme: Partner, sent: Sent) -> Iterator[None]:
    """Partners upload until the server is gone."""
    senders = Senders(site, acme, sent, scenes.seeded(71), round_name="load")
    thread = threading.Thread(target=lambda: asyncio.run(senders.all_sent()), name="load")
    thread.start()
    try:
        yield
    finally:
        site.kill()
        thread.join()


def backed_up(site: Site, root: Path) -> dict[str, Any]:
    done = run_mft("backup", root / "backup", "--keys", root / "safe", "--json", home=site.home)
    assert (done.returncode, done.stderr) == (0, "")
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def restore(root: Path, new: Path, *options: str | Path) -> subprocess.CompletedProcess[str]:
    return run_mft("restore", root / "backup", "--keys", root / "safe", "--home", new, "--json", *options)


def test_a_home_that_was_lost_under_load_comes_back_as_of_its_backup(site: Site, acme: Partner, tmp_path: Path) -> None:
    sent = Sent()
    site.start(env={"MFT_AUDIT__CHECKPOINT_SECONDS": "1"})
    with load(site, acme, sent):
        eventually(lambda: len(sent.promised) >= 10, what="uploads are under way")
        first = backed_up(site, tmp_path)
        promised = set(sent.promised)
        second = backed_up(site, tmp_path)
        assert 0 < second["copied"] < second["objects"], "the second one copies only what is new"
        assert second["leaves"] > first["leaves"]
        eventually(lambda: newest_checkpoint(site.home)[0] > second["leaves"], what="a later checkpoint")
        size, note = newest_checkpoint(site.home)
        assert len(sent.promised) > len(promised), "nobody uploaded while the backup was made"
    assert sent.refused == [], "a backup holds up an upload"
    shutil.rmtree(site.home)  # The disk is gone; two others are left, and a checkpoint elsewhere.
    kept = tmp_path / "checkpoint.txt"
    kept.write_text(note)

    new = Site(tmp_path)
    new.home = tmp_path / "again"
    done = restore(tmp_path, new.home, "--checkpoint", kept)
    assert done.returncode == 3
    assert f"{size - second['leaves']} leaves at least came after it" in done.stderr
    assert not new.home.exists()
    done = restore(tmp_path, new.home, "--checkpoint", kept, "--accept-loss", "--verify")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    assert (said["backup"], said["lost"], said["opened"]) == (second["backup"], size - second["leaves"], True)

    restored = Sent(begun=dict(sent.begun), promised=promised)
    try:
        new.start()
        with new.paramiko(acme) as client, client.open("later.bin", "wb") as file:
            file.write(b"after the loss")
        restored.begin("later.bin", b"after the loss")
        restored.hear("later.bin")
        eventually(lambda: scenes.at_rest(new), what="all transfers come to rest")
        assert new.stop() == 0
    finally:
        new.kill()
    stages = scenes.check_promises(new.home, restored)
    scenes.check_log(new)
    sys.stdout.write(f"{len(promised)} promised before the backup, {len(sent.promised)} in all, {dict(stages)}\n")
    done = run_mft("audit", "verify", "--checkpoint", kept, home=new.home)
    assert done.returncode == 1, "the checkpoint of the lost stretch must go on saying no"


def test_kill_9_of_a_backup_leaves_the_former_one(site: Site, acme: Partner, tmp_path: Path) -> None:
    for path in (site.home / "config" / "partners").glob("guest-*"):
        path.unlink()
    site.start()
    contents = {f"{number}.bin": hashlib.sha256(bytes([number])).digest() * 4000 for number in range(6)}
    with site.paramiko(acme) as client:
        for number, (name, content) in enumerate(contents.items()):
            with client.open(name, "wb") as file:
                file.write(content)
            if number == 2:
                site.rested(name)
                former = backed_up(site, tmp_path)
    rng = scenes.seeded(72)
    ends = set()
    for number in sorted(rng.sample(range(1, 26), 8)):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(number), "backup", tmp_path / "backup", "--keys", tmp_path / "safe",
             "--home", site.home],
            capture_output=True, text=True, env=environment(), cwd=ROOT,
        )  # fmt: skip
        ends.add(done.returncode)
        done = restore(tmp_path, tmp_path / "again", "--verify")
        assert (done.returncode, done.stderr) == (0, ""), f"killed before step {number}"
        new = Site(tmp_path)
        new.home = tmp_path / "again"
        rows = {row["name"]: row for row in new.transfers()}
        assert set(contents) >= rows.keys() >= set(list(contents)[:3])
        assert all(new.opened(row) == contents[name] for name, row in rows.items())
        shutil.rmtree(new.home)
    assert -9 in ends
    last = backed_up(site, tmp_path)
    assert last["backup"] != former["backup"]
    assert len(list((tmp_path / "backup").iterdir())) == 3
    assert site.stop() == 0


def test_a_backup_that_the_disk_has_no_room_for_leaves_the_former_one(
    site: Site, acme: Partner, tmp_path: Path
) -> None:
    folder = tmp_path / "backup"
    folder.mkdir()
    disk = Disk(tmp_path / "disk.img", folder, kind="ext4", size_mib=64)
    try:
        disk.make()
    except NoDisk as error:
        pytest.skip(str(error))
    try:
        (folder / "lost+found").rmdir()
        disk_full(site, acme, tmp_path)
    finally:
        disk.remove()


def disk_full(site: Site, acme: Partner, root: Path) -> None:
    site.start()
    backed_up(site, root)
    former = read_manifest(root / "backup")
    with site.paramiko(acme) as client, client.open("large.bin", "wb") as file:
        file.write(bytes(8 << 20))
    ballast = root / "backup" / "ballast"
    free = shutil.disk_usage(root / "backup").free
    for left in (4 << 10, 5 << 20):  # No room for the ledger; none for the file.
        ballast.write_bytes(bytes(free - left))
        ballast = ballast.rename(root / "backup" / "vault" / ".ballast")
        done = run_mft("backup", root / "backup", "--keys", root / "safe", home=site.home)
        assert done.returncode == 3
        assert "full" in done.stderr
        assert "Traceback" not in done.stderr
        assert read_manifest(root / "backup") == former
        assert {path.name for path in (root / "backup").iterdir()} == {MANIFEST, "vault", former.id}
        done = restore(root, root / "again", "--verify")
        assert (done.returncode, done.stderr) == (0, "")
        shutil.rmtree(root / "again")
        ballast.unlink()
        ballast = root / "backup" / "ballast"
    assert backed_up(site, root)["copied"] == 1
    assert site.stop() == 0
