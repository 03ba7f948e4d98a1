"""System calls beneath a folder: none follows a link, none replaces anything."""

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from mft.endpoints.folder import beneath
from mft.own_process import die_with


@pytest.fixture
def root(tmp_path: Path) -> Iterator[int]:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "a.edi").write_bytes(b"a")
    (tmp_path / "link").symlink_to("below")
    (tmp_path / "to-file").symlink_to("below/a.edi")
    os.mkfifo(tmp_path / "fifo")
    fd = beneath.open_folder(str(tmp_path))
    yield fd
    os.close(fd)


def test_a_folder_is_reached_by_its_own_name_alone(root: int) -> None:
    os.close(beneath.open_below(root, (b"below",)))
    for names in ((b"link",), (b"to-file",), (b"fifo",), (b"below", b"a.edi"), (b"missing",)):
        with pytest.raises(OSError, match=r"Not a directory|No such file|symbolic links"):
            beneath.open_below(root, names)


def test_folders_are_made_for_ourselves_alone(root: int, tmp_path: Path) -> None:
    os.close(beneath.open_below(root, (b"x", b"y"), make=True))
    assert [(tmp_path / path).stat().st_mode & 0o777 for path in ("x", "x/y")] == [0o700, 0o700]
    with pytest.raises(OSError, match="Not a directory"):
        beneath.open_below(root, (b"link", b"z"), make=True)
    assert not (tmp_path / "below" / "z").exists()
    beneath.remove_chain(root, (b"x", b"y"))
    assert not (tmp_path / "x").exists()
    beneath.remove_chain(root, (b"below", b"missing"))
    assert (tmp_path / "below" / "a.edi").exists(), "what is not empty stays"


def test_a_link_is_not_opened_and_a_fifo_does_not_make_us_wait(root: int) -> None:
    with pytest.raises(OSError, match="symbolic links"):
        beneath.open_file(root, b"to-file")
    os.close(beneath.open_file(root, b"fifo"))


@pytest.mark.parametrize("renameat2", [True, False])
def test_a_move_replaces_nothing(
    root: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, renameat2: bool
) -> None:
    if not renameat2:
        monkeypatch.setattr(beneath, "_renameat2", None)
    (tmp_path / "b").write_bytes(b"b")
    (tmp_path / "c").write_bytes(b"c")
    with pytest.raises(FileExistsError):
        beneath.move(root, b"b", root, b"c")
    with pytest.raises(FileExistsError):
        beneath.move(root, b"b", root, b"to-file")
    beneath.move(root, b"b", root, b"-\xff\n")
    assert (tmp_path / "c").read_bytes() == b"c"
    assert b"-\xff\n" in list(beneath.names_in(root))


def test_a_file_system_that_knows_no_such_rename(root: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beneath, "_renameat2", lambda *_: -1)
    for number, moved in ((errno.EINVAL, True), (errno.EXDEV, False)):
        monkeypatch.setattr("ctypes.get_errno", lambda number=number: number)
        (tmp_path / "b").write_bytes(b"b")
        if moved:
            beneath.move(root, b"b", root, b"moved")
        else:
            with pytest.raises(OSError, match="Invalid cross-device"):
                beneath.move(root, b"b", root, b"elsewhere")


def test_who_writes_to_a_file_is_seen(root: int, tmp_path: Path) -> None:
    fd = beneath.open_file(beneath.open_below(root, (b"below",)), b"a.edi")
    assert beneath.is_written(fd) is False
    with (tmp_path / "below" / "a.edi").open("ab"):
        assert beneath.is_written(fd) is True
    assert beneath.is_written(fd) is False
    with (tmp_path / "below" / "a.edi").open("rb"):
        assert beneath.is_written(fd) is False
    os.close(fd)
    reading, writing = os.pipe()
    assert beneath.is_written(reading) is None, "of this nothing can be known"
    os.close(reading)
    os.close(writing)


def test_a_writer_who_comes_while_we_ask_does_not_end_us(root: int, tmp_path: Path) -> None:
    """A lease that is broken sends a signal: the one that we chose is ignored by default."""
    path = tmp_path / "below" / "a.edi"
    parent, pid = os.getpid(), os.fork()
    if pid == 0:
        while die_with(parent):
            with path.open("ab"):
                pass
    try:
        fd = beneath.open_file(beneath.open_below(root, (b"below",)), b"a.edi")
        assert {beneath.is_written(fd) for _ in range(20_000)} <= {True, False}
        os.close(fd)
    finally:
        os.kill(pid, 9)
        os.waitpid(pid, 0)
