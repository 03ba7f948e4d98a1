"""Small objects leave the ledger for files, unchanged; and nothing is lost wherever that is cut short."""

import errno
import os
from typing import TYPE_CHECKING, Any

import pytest

from mft.errors import NoSpace
from mft.ledger.database import Ledger
from mft.ledger.objects import erase_object, is_blob, object_files, sealed_object
from mft.mend import sweep
from mft.pipeline import small_objects
from mft.pipeline.erase import Erase
from mft.pipeline.small_objects import BlobsMoved, Mover, move_blobs
from tests.harness import eventually

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.mft.pipeline.conftest import Desk

ALL = 1 << 62


@pytest.fixture
def transfers(desk: "Desk") -> list[str]:
    return [desk.receive(f"{number}.txt".encode(), b"hello %d" % number) for number in range(5)]


def content(desk: "Desk", transfer: str) -> bytes:
    return desk.opened(desk.row(transfer)["object_id"])


def move(desk: "Desk", *, before: int = ALL) -> int:
    return move_blobs(desk.vault, desk.books, desk.core.run, before=before)


def swept(desk: "Desk", tmp_path: "Path") -> int:
    return sweep(Ledger(f"sqlite:{tmp_path / 'ledger.db'}"), desk.vault)


def test_they_become_files_as_they_were_sealed(desk: "Desk", transfers: list[str]) -> None:
    sealed = [sealed_object(desk.books, desk.row(one)["object_id"]) for one in transfers]
    assert move(desk) == 5
    assert move(desk) == 0
    assert sorted(desk.files()) == sorted(one.id for one in sealed) == sorted(object_files(desk.books))
    for one in sealed:
        assert one.blob == (desk.vault.root / one.id[:2] / one.id).read_bytes()
        assert sealed_object(desk.books, one.id).blob is None
    assert [content(desk, one) for one in transfers] == [b"hello %d" % number for number in range(5)]


def test_an_open_file_stays_open(desk: "Desk", transfers: list[str]) -> None:
    before = desk.vault.open(sealed_object(desk.books, desk.row(transfers[0])["object_id"]))
    move(desk)
    assert before.read_at(0, 100) == b"hello 0"
    before.close()


def test_the_young_stay(desk: "Desk", transfers: list[str]) -> None:
    at = [desk.row(one)["received_at"] for one in transfers]
    assert move(desk, before=at[2]) == 2
    assert [is_blob(desk.books, desk.row(one)["object_id"]) for one in transfers] == [False, False, True, True, True]


def test_in_batches(desk: "Desk", transfers: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_objects, "BATCH", 2)
    assert [move(desk) for _ in range(4)] == [2, 2, 1, 0]


@pytest.mark.parametrize("written", [1, 3, 5])
def test_killed_before_the_commit_the_ledger_still_has_them(
    desk: "Desk", transfers: list[str], written: int, tmp_path: "Path", monkeypatch: pytest.MonkeyPatch
) -> None:
    write, done = desk.vault.write_whole, []

    def dies(object_id: str, sealed: bytes) -> None:
        if len(done) == written:
            raise SystemExit
        done.append(object_id)
        write(object_id, sealed)

    monkeypatch.setattr(desk.vault, "write_whole", dies)
    monkeypatch.setattr(desk.vault, "remove", lambda object_id: None)  # Who is killed takes nothing back.
    with pytest.raises(SystemExit):
        move_blobs(desk.vault, desk.books, _dies, before=ALL)
    monkeypatch.undo()
    assert len(desk.files()) == written
    assert swept(desk, tmp_path) == 0  # No orphan is made of them.
    assert desk.files() == []
    assert [content(desk, one) for one in transfers] == [b"hello %d" % number for number in range(5)]
    assert move(desk) == 5


def _dies(command: Any) -> None:
    raise SystemExit


def test_killed_behind_the_commit_nothing_is_missing(desk: "Desk", transfers: list[str], tmp_path: "Path") -> None:
    move(desk)
    assert swept(desk, tmp_path) == 0
    assert len(desk.files()) == 5
    assert content(desk, transfers[4]) == b"hello 4"


def test_a_torn_file_of_an_earlier_try_is_written_anew(desk: "Desk", transfers: list[str]) -> None:
    object_id = desk.row(transfers[0])["object_id"]
    path = desk.vault.root / object_id[:2] / object_id
    path.parent.mkdir()
    path.write_bytes(b"torn")
    assert move(desk) == 5
    assert content(desk, transfers[0]) == b"hello 0"


def test_what_is_erased_meanwhile_leaves_no_file(desk: "Desk", transfers: list[str]) -> None:
    gone = desk.row(transfers[1])["object_id"]

    def run(command: BlobsMoved) -> Any:
        desk.core.run(Erase(transfers[1], ("original",), "test", "cli:0"))
        return desk.core.run(command)

    assert move_blobs(desk.vault, desk.books, run, before=ALL) == 5
    eventually(lambda: len(desk.files()) == 4, what="its file is removed behind the commit")
    assert gone not in desk.files()


def test_a_full_disk_leaves_everything_as_it_was(
    desk: "Desk", transfers: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    write, calls = os.write, []

    def full(fd: int, data: Any) -> int:
        calls.append(fd)
        if len(calls) == 3:
            raise OSError(errno.ENOSPC, "no space")
        return write(fd, data)

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(NoSpace):
        move(desk)
    monkeypatch.undo()
    assert desk.files() == []
    assert all(is_blob(desk.books, desk.row(one)["object_id"]) for one in transfers)
    assert move(desk) == 5


def test_the_ledger_gets_its_room_back(desk: "Desk") -> None:
    for number in range(40):
        desk.receive(b"%d" % number, os.urandom(50_000))
    free = "SELECT freelist_count FROM pragma_freelist_count"
    assert desk.core.writer.run(lambda books: books._connection.execute(free).fetchone()[0]) < 100
    move(desk)
    assert desk.core.writer.run(lambda books: books._connection.execute(free).fetchone()[0]) > 400


def test_the_thread_does_it(desk: "Desk", transfers: list[str]) -> None:
    broken: list[Exception] = []
    mover = Mover(desk.vault, desk.readers.get, desk.core.run, broken.append, after_hours=0)
    mover.start()
    eventually(lambda: len(desk.files()) == 5, what="all five are files")
    mover.stop()
    assert broken == []


def test_an_object_that_was_erased_is_not_touched(desk: "Desk", transfers: list[str]) -> None:
    object_id = desk.row(transfers[0])["object_id"]
    desk.core.writer.run(lambda books: erase_object(books, object_id, at=1))
    assert move(desk) == 4
    assert desk.core.run(BlobsMoved((object_id,))) == 0
