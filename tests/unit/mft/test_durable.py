"""Writing so that it is there after a power cut: which calls, in which order, and what their failing is called."""

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from mft import durable
from mft.errors import NoSpace, SyncFailed


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Syncs and renames as they happen, with what they were done to."""
    said: list[str] = []
    fsync, replace = os.fsync, Path.replace

    def synced(fd: int) -> None:
        said.append(f"sync {Path(f'/proc/self/fd/{fd}').readlink().relative_to(tmp_path)}")
        fsync(fd)

    def replaced(self: Path, target: Path) -> Path:
        said.append(f"replace {target.relative_to(tmp_path)}")
        return replace(self, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(Path, "replace", replaced)
    return said


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o400])
def test_a_small_file_is_the_old_or_the_new_whole(tmp_path: Path, calls: list[str], mode: int) -> None:
    path = tmp_path / "file"
    for content in (b"old", b"new"):
        durable.write_file(path, content, mode=mode)
        assert path.read_bytes() == content
        assert stat.S_IMODE(path.stat().st_mode) == mode
    assert list(tmp_path.iterdir()) == [path]
    staged = calls[0]
    assert calls == 2 * [staged, "replace file", "sync ."]
    assert staged.startswith("sync .file.")


def test_what_a_killed_writer_of_our_pid_left_is_in_nobodys_way(tmp_path: Path) -> None:
    """In a container every server is process 1. And what is left may be a name of another file."""
    other = tmp_path / "other"
    other.write_bytes(b"mine")
    other.chmod(0o400)  # Its owner may not write it either.
    (tmp_path / f".file.{os.getpid()}.staged").hardlink_to(other)
    durable.write_file(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"
    assert other.read_bytes() == b"mine"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
@pytest.mark.parametrize("write", [durable.write_file, durable.write_new], ids=["write_file", "write_new"])
def test_what_root_writes_belongs_to_whoever_the_folder_does(tmp_path: Path, write: Any) -> None:
    os.chown(tmp_path, 4711, 4712)
    write(tmp_path / "file", b"content")
    found = (tmp_path / "file").stat()
    assert (found.st_uid, found.st_gid) == (4711, 4712)


@pytest.mark.parametrize("call", ["fsync", "fchmod"])
@pytest.mark.parametrize(
    ("number", "kind"), [(errno.ENOSPC, NoSpace), (errno.EDQUOT, NoSpace), (errno.EIO, SyncFailed)]
)
def test_a_failed_write_leaves_the_old_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str, number: int, kind: type[Exception]
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    tried: list[int] = []

    def fails(*_: Any) -> None:
        tried.append(1)
        raise OSError(number, "x")

    monkeypatch.setattr(os, call, fails)
    with pytest.raises(kind):
        durable.write_file(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
    assert len(tried) == 1  # A failed sync is never tried again.


def test_a_new_file_replaces_nothing_and_follows_no_link(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"old")
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for name in ("there", "link"):
        with pytest.raises(SyncFailed):
            durable.create_file(tmp_path / name)
    assert (tmp_path / "there").read_bytes() == b"old"
    assert not (tmp_path / "elsewhere").exists()


def test_a_new_folder_for_a_new_file_is_made_durably(tmp_path: Path, calls: list[str]) -> None:
    path = tmp_path / "ab" / "abc"
    fd = durable.create_file(path)
    durable.through_cache(fd)
    os.write(fd, b"x")
    durable.sync_file(fd, path)
    os.close(fd)
    assert calls == ["sync .", "sync ab/abc", "sync ab"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize(
    ("number", "kind"),
    [
        (errno.ENOSPC, NoSpace),
        (errno.EDQUOT, NoSpace),
        (errno.EFBIG, NoSpace),
        (errno.EIO, SyncFailed),
        (errno.EROFS, SyncFailed),
        (errno.EBADF, SyncFailed),
    ],
)
def test_every_way_to_fail_has_its_name(number: int, kind: type[Exception]) -> None:
    with pytest.raises(kind), durable.disk_errors():
        raise OSError(number, os.strerror(number), "/secret/path")


def test_what_is_not_the_disks_fault_passes(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ours"), durable.disk_errors():
        raise ValueError("ours")


def test_what_is_written_apart_takes_no_name_that_another_file_has(tmp_path: Path) -> None:
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        (tmp_path / "a").write_bytes(b"other")
        with pytest.raises(FileExistsError):
            durable.write_apart(folder, b"a", b".part", [b"ours"], mode=0o640)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"other"}
        durable.write_apart(folder, b"a", b".part", [b"ou", b"rs"], mode=0o640, replace=True)
        assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == {"a": b"ours"}
    finally:
        os.close(folder)
