"""Scrubbing: whatever is damaged is found and named, what is erased meanwhile is not, and nobody is hurried."""

import errno
import os
from typing import TYPE_CHECKING, Any

import pytest

from mft.domain import TENANT
from mft.ledger.objects import sealed_object
from mft.pipeline.erase import Erase
from mft.pipeline.scrub import Damage, Pace, Scrub
from mft.pipeline.small_objects import move_blobs
from mft.pipeline.upload import Upload
from tests.harness import sample
from tests.unit.mft.ledger.entries import arrival

if TYPE_CHECKING:
    from mft.pipeline.parse import Parser
    from tests.unit.mft.pipeline.conftest import Desk

BIG = bytes(range(256)) * 12_000  # Three segments.


def scrub(desk: "Desk") -> Scrub:
    looked = Scrub(desk.vault, desk.books, Pace(0))
    assert sum(looked.run()) == looked.size_bytes
    return looked


def damage(desk: "Desk") -> list[Damage]:
    return scrub(desk).damaged


def resumed(desk: "Desk", name: bytes, *pieces: bytes) -> str:
    """A file that came in several pieces; returns its transfer."""
    upload = Upload(desk.vault, TENANT, arrival(name))
    for piece in pieces:
        upload.write(upload.size, memoryview(piece))
        upload.part()
        command = upload.seal_part()
        assert command is not None
        desk.core.run(command)
        upload.entered(command)
    upload.write(upload.size, memoryview(b"the end"))
    return desk.close(upload)


@pytest.fixture
def filled(desk: "Desk", parser: "Parser") -> dict[str, str]:
    """A blob, a large file, one in three pieces, and claims with their records and acknowledgment."""
    found = {
        "small": desk.receive(b"small.txt", b"hello"),
        "large": desk.receive(b"large.bin", BIG),
        "pieces": resumed(desk, b"pieces.bin", BIG, b"more"),
        "claims": desk.receive(b"claims.edi", sample("claims-837p.edi")),
    }
    while desk.turn(parser):
        pass
    return found


def object_of(desk: "Desk", transfer: str) -> str:
    object_id = desk.row(transfer)["object_id"]
    assert isinstance(object_id, str)
    return object_id


def test_all_is_whole_and_each_object_is_met_once(desk: "Desk", filled: dict[str, str]) -> None:
    looked = scrub(desk)
    assert looked.damaged == []
    count = desk.books._connection.execute("SELECT count(*), sum(plain_size) FROM object WHERE wrapped_dek IS NOT NULL")
    assert (looked.objects, looked.size_bytes) == count.fetchone()
    assert looked.size_bytes == looked.total_bytes()
    assert looked.objects > 6


@pytest.mark.parametrize("at", [0, 1, 33, 40, 100, 1 << 20, (1 << 20) + 5, -1])
def test_a_byte_of_a_large_file(desk: "Desk", filled: dict[str, str], at: int) -> None:
    object_id = object_of(desk, filled["large"])
    path = desk.vault.root / object_id[:2] / object_id
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)
    (found,) = damage(desk)
    assert (found.object, found.transfer, found.code) == (object_id, filled["large"], "malformed.unseal-failed")
    assert found.connection is not None


def test_a_file_that_is_gone_or_short(desk: "Desk", filled: dict[str, str]) -> None:
    object_id = object_of(desk, filled["large"])
    path = desk.vault.root / object_id[:2] / object_id
    content = path.read_bytes()
    path.write_bytes(content[: 1 << 20])
    assert [one.object for one in damage(desk)] == [object_id]
    path.unlink()
    (found,) = damage(desk)
    assert (found.object, found.code) == (object_id, "broken.file-gone")


def test_a_blob_a_row_and_records(desk: "Desk", filled: dict[str, str]) -> None:
    small = object_of(desk, filled["small"])
    records = desk.parts("records", filled["claims"])[0]["object_id"]
    for object_id in (small, records):
        desk.core.writer.run(
            lambda books, one=object_id: books._connection.execute(
                "UPDATE object SET blob = zeroblob(length(blob)) WHERE id = ?", (one,)
            )
        )
    assert {(one.object, one.transfer) for one in damage(desk)} == {
        (small, filled["small"]), (records, filled["claims"]),
    }  # fmt: skip


@pytest.mark.parametrize("call", ["open", "pread", "preadv"])
def test_a_disk_that_cannot_read_one_file_does_not_end_it(
    desk: "Desk", filled: dict[str, str], call: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    object_id, read = object_of(desk, filled["large"]), getattr(os, call)

    def bad_sector(file: Any, *rest: Any) -> Any:
        path = str(file) if call == "open" else os.readlink(f"/proc/self/fd/{file}")  # noqa: PTH115
        if path.endswith(object_id):
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return read(file, *rest)

    whole = scrub(desk)
    monkeypatch.setattr(os, call, bad_sector)
    looked = scrub(desk)
    monkeypatch.undo()
    (found,) = looked.damaged
    assert (found.object, found.transfer) == (object_id, filled["large"])
    assert "Input/output error" in found.message
    assert looked.objects == whole.objects


def test_files_that_no_row_speaks_of_are_named_once_they_are_quiet(desk: "Desk", filled: dict[str, str]) -> None:
    stranger = desk.vault.seal(TENANT, BIG)[0].id  # Never entered.
    desk.core.run(Erase(filled["pieces"], ("original",), "test", "cli:0"))  # Erased is no stranger, file or not.
    at = (desk.vault.root / stranger[:2] / stranger).stat().st_mtime
    for later, named in ((0, []), (3500, []), (3700, [stranger])):
        looked = Scrub(desk.vault, desk.books, Pace(0), wall_clock=lambda later=later: at + later)
        assert sum(looked.run()) > 0
        assert (looked.damaged, looked.strangers) == ([], named)


def test_an_earlier_piece(desk: "Desk", filled: dict[str, str]) -> None:
    sealed = sealed_object(desk.books, object_of(desk, filled["pieces"]))
    first = sealed.before[0].id
    path = desk.vault.root / first[:2] / first
    content = bytearray(path.read_bytes())
    content[500_000] ^= 1
    path.write_bytes(content)
    (found,) = damage(desk)
    assert found.transfer == filled["pieces"]


def test_an_object_that_opens_and_is_not_what_was_received(desk: "Desk", filled: dict[str, str]) -> None:
    desk.core.writer.run(
        lambda books: books._connection.execute(
            "UPDATE transfer SET sha256 = zeroblob(32) WHERE id = ?", (filled["small"],)
        )
    )
    (found,) = damage(desk)
    assert "SHA-256 differs" in found.message


def test_a_key_that_does_not_unwrap(desk: "Desk", filled: dict[str, str]) -> None:
    desk.core.writer.run(
        lambda books: books._connection.execute(
            "UPDATE object SET wrapped_dek = zeroblob(1168) WHERE id = ?", (object_of(desk, filled["large"]),)
        )
    )
    (found,) = damage(desk)
    assert "wrapped DEK" in found.message


def test_what_is_erased_meanwhile_is_no_damage(desk: "Desk", filled: dict[str, str]) -> None:
    looked = Scrub(desk.vault, desk.books, Pace(0))
    run = looked.run()
    next(run)
    desk.core.run(Erase(filled["large"], ("original",), "test", "cli:0"))
    desk.core.run(Erase(filled["claims"], ("original", "records"), "test", "cli:0"))
    assert sum(run) > 0
    assert looked.damaged == []


def test_files_and_blobs_alike(desk: "Desk", filled: dict[str, str]) -> None:
    before = scrub(desk)
    while move_blobs(desk.vault, desk.books, desk.core.run, before=1 << 62):
        pass
    after = scrub(desk)
    assert (after.objects, after.size_bytes, after.damaged) == (before.objects, before.size_bytes, [])


def test_the_pace_is_kept() -> None:
    now, waits = [0.0], []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        now[0] += seconds

    pace = Pace(100, clock=lambda: now[0], sleep=sleep)
    pace.passed(50)
    pace.passed(50)
    now[0] += 5  # It was held up elsewhere: it may catch up.
    pace.passed(100)
    assert waits == [0.5, 0.5]
    pace.passed(500)
    assert now[0] == pytest.approx(7.0)


def test_without_a_pace_nobody_waits() -> None:
    Pace(0, sleep=lambda seconds: pytest.fail("waited")).passed(1 << 40)
