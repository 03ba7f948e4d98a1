"""Parts of the cache: what is in them, when they are made, and that nothing of them is left when it must go."""

from typing import Any

import pytest
from sqlalchemy import select, update

from mft.audit.query import leaves
from mft.clock import now_us
from mft.errors import Busy, MFTError, NoSpace, StageConflict
from mft.ledger import record_parts
from mft.ledger.objects import erase_object, object_files, sealed_object
from mft.ledger.tables import OBJECT, RECORDS, RECORDS_PART
from mft.mend import forget_lost_parts, sweep
from mft.records import cache, files
from mft.records.cache import Compactor, KeepPart, mergeable
from mft.records.views import shape_of
from mft.vault.store import Vault
from tests.unit.mft.records.conftest import DAY, NOW, OTHER, Shelf

COUNT = "SELECT count(*) FROM claims"


def claim(number: int, **more: Any) -> dict[str, Any]:
    return {"type": "P", "claim_id": f"C-{number}", "total_charge": {"amount": f"{number}.50"}} | more


def compactor(shelf: Shelf) -> Compactor:
    return Compactor(shelf.vault, shelf.readers.get, shelf.core.run)


def compact(shelf: Shelf) -> Compactor:
    made = compactor(shelf)
    while made.step(everything=True):
        pass
    return made


def parts(shelf: Shelf) -> list[dict[str, Any]]:
    return shelf.books.rows(select(RECORDS_PART).order_by(RECORDS_PART.c.day))


def waits(shelf: Shelf) -> int:
    return len(record_parts.waiting(shelf.books, "claim/1"))


def parquet(shelf: Shelf, part: dict[str, Any]) -> bytes:
    reader = shelf.vault.open(sealed_object(shelf.books, part["object_id"]))
    content = b"".join(reader.chunks())
    reader.close()
    return content


def opened(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The objects that are opened from here on."""
    seen: list[str] = []
    real = Vault.open

    def watched(self: Vault, sealed: Any) -> Any:
        seen.append(sealed.id)
        return real(self, sealed)

    monkeypatch.setattr(Vault, "open", watched)
    return seen


# What is in it


def test_answers_are_the_same_from_the_cache(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [{"number": "1", "procedure": {"system": "HCPCS", "code": "1", "modifiers": ["25"]}}, {"number": "2"}]
    shelf.keep("claim/1", claim(1, lines=lines), claim(2))
    shelf.keep("claim/1", claim(3, lines=lines[:1]), who=OTHER, at=NOW + DAY)
    statements = ["SELECT * FROM claims ORDER BY ALL", "SELECT * FROM claim_lines ORDER BY ALL"]
    before = [shelf.ask(statement, reveal=True) for statement in statements]
    made = compact(shelf)
    assert (made.sets, made.parts, waits(shelf)) == (2, 2, 0)
    seen = opened(shelf, monkeypatch)
    assert [shelf.ask(statement, reveal=True) for statement in statements] == before
    assert set(seen) == {part["object_id"] for part in parts(shelf)}


def test_a_part_is_of_one_type_connection_and_day(shelf: Shelf) -> None:
    for at, who in ((NOW, OTHER), (NOW, None), (NOW + DAY, None)):
        for _ in range(2):
            shelf.keep("claim/1", claim(1), at=at, **({"who": who} if who else {}))
    shelf.keep("remittance/1", {"trace": "T"})
    compact(shelf)
    assert sorted(
        (part["record_schema"], part["connection"][:4], part["day"], part["records"]) for part in parts(shelf)
    ) == [
        ("claim/1", "acme", "2026-02-25", 2),
        ("claim/1", "acme", "2026-02-26", 2),
        ("claim/1", "othe", "2026-02-25", 2),
        ("remittance/1", "acme", "2026-02-25", 1),
    ]


def test_a_part_is_sealed(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mft.vault.store.BLOB_MAX", 10)  # Its bytes are a file then.
    shelf.keep("claim/1", claim(1, submitter="MARKER-OF-THE-TEST"))
    compact(shelf)
    (part,) = parts(shelf)
    assert parquet(shelf, part)[:4] == b"PAR1"
    assert b"MARKER-OF-THE-TEST" in parquet(shelf, part)
    stored = [path for path in shelf.vault.root.parent.rglob("*") if path.is_file()]
    assert part["object_id"] in {path.name for path in stored}
    for path in stored:
        assert b"MARKER-OF-THE-TEST" not in path.read_bytes(), path
        assert b"PAR1" not in path.read_bytes(), path


def test_new_sets_are_seen_before_they_are_cached(shelf: Shelf) -> None:
    shelf.keep("claim/1", claim(1))
    compact(shelf)
    shelf.keep("claim/1", claim(2))
    assert shelf.one(COUNT) == 2
    assert waits(shelf) == 1


@pytest.mark.parametrize("cached", ["nothing", "the old one", "both"])
def test_only_the_newest_map_counts(shelf: Shelf, cached: str) -> None:
    transfer = shelf.keep("claim/1", claim(1), claim(2), made_by="837p-1")
    other = shelf.keep("claim/1", claim(9))
    if cached != "nothing":
        compact(shelf)
    old = record_parts.records_row(shelf.books, transfer, 1, "837p-1")
    shelf.keep("claim/1", claim(5), transfer=transfer, made_by="837p-2", at=NOW + 1)
    if cached == "both":
        compact(shelf)
        assert record_parts.stale_parts(shelf.books, "claim/1") == set()
        assert [part["records"] for part in parts(shelf)] == [2]
    shown = shelf.ask("SELECT transfer, map, claim_id FROM claims ORDER BY map", reveal=True)
    assert shown == [(transfer, "837p-2", "C-5"), (other, "test/1", "C-9")]
    assert old is not None
    assert sealed_object(shelf.books, old["object_id"]).plain_size  # The old records stay.


def test_another_set_of_the_transfer_is_not_superseded(shelf: Shelf) -> None:
    transfer = shelf.keep("claim/1", claim(1))
    shelf.keep("claim/1", claim(2), transfer=transfer, position=2)
    assert shelf.one(COUNT) == 2


def test_a_part_of_another_shape_is_not_read_and_made_again(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.keep("claim/1", claim(1))
    compact(shelf)
    shelf.core.writer.run(lambda books: books.execute(update(RECORDS_PART).values(shape="of old")))
    (old,) = parts(shelf)
    with monkeypatch.context() as patch:
        seen = opened(shelf, patch)
        assert shelf.one(COUNT) == 1
        assert old["object_id"] not in seen
    compact(shelf)
    (new,) = parts(shelf)
    assert (new["shape"], new["records"]) == (shape_of("claim/1"), 1)
    assert new["id"] != old["id"]
    assert shelf.one(COUNT) == 1


def test_long_sets_are_read_in_pieces(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_LINES_BYTES", 2_000)
    shelf.keep("claim/1", *(claim(number) for number in range(300)))
    shelf.keep("claim/1", claim(1), claim(2))
    ordinals = "SELECT set_number, min(record), max(record), count(DISTINCT record), count(*) FROM claims GROUP BY transfer, set_number"
    expected = [(1, 1, 2, 2, 2), (1, 1, 300, 300, 300)]
    assert sorted(shelf.ask(ordinals)) == expected
    compact(shelf)
    assert sorted(shelf.ask(ordinals)) == expected


def test_a_long_set_with_a_record_in_parts(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_LINES_BYTES", 500)
    about = {"set": 1, "start": 0, "end": 1}
    parts_of_one = [
        {"provenance": about | {"part": n} | ({"continued": True} if n < 40 else {}), "number": "X"}
        for n in range(1, 41)
    ]
    shelf.keep("purchase-order/2", *parts_of_one, {"number": "Y"})
    assert shelf.ask("SELECT record, number FROM purchase_orders ORDER BY 1") == [(1, "X"), (2, "Y")]


# When parts are made


def test_many_small_transfers_become_few_parts(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_SETS_MAX", 25)
    for number in range(120):
        shelf.keep("claim/1", claim(number))
    compact(shelf)
    assert [part["records"] for part in parts(shelf)] == [120]
    assert shelf.one(COUNT) == 120


def test_a_part_that_was_replaced_is_gone(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mft.vault.store.BLOB_MAX", 10)
    shelf.keep("claim/1", claim(1))
    compact(shelf)
    (old,) = parts(shelf)
    shelf.keep("claim/1", claim(2))
    compact(shelf)
    (new,) = parts(shelf)
    assert new["records"] == 2
    assert shelf.books.first(select(OBJECT).where(OBJECT.c.id == old["object_id"])) is None
    assert old["object_id"] not in set(shelf.vault.files())
    assert new["object_id"] in set(shelf.vault.files())


@pytest.mark.parametrize(
    ("sizes", "new", "over", "taken"),
    [
        ([40, 30], 1, False, []),
        ([40, 30, 3], 2, False, [3]),
        ([40, 30, 3], 20, False, [3, 30]),
        ([40, 30, 3], 0, True, [3, 30]),
        ([64, 64], 0, True, [64]),
        ([1, 1, 1], 0, False, [1, 1, 1]),  # Small ones always.
    ],
)
def test_which_parts_are_written_again(sizes: list[int], new: int, *, over: bool, taken: list[int]) -> None:
    merged = mergeable([{"size_bytes": size << 20, "records": 1} for size in sizes], new << 20, 1, over=over)
    assert [row["size_bytes"] >> 20 for row in merged] == taken


def test_a_part_has_its_limit_of_records() -> None:
    rows = [{"size_bytes": 1, "records": 600_000}, {"size_bytes": 2, "records": 600_000}]
    assert mergeable(rows, 0, 0, over=True) == rows[:1]


def test_what_is_little_and_new_may_wait(shelf: Shelf) -> None:
    shelf.keep("claim/1", claim(1), at=now_us())
    made = compactor(shelf)
    assert not made.step()
    for number in range(cache._DUE_SETS):
        shelf.keep("claim/1", claim(number), at=now_us())
    assert made.step()
    assert waits(shelf) == 0


def test_what_is_little_waits_a_quarter_of_an_hour_at_most(shelf: Shelf) -> None:
    shelf.keep("claim/1", claim(1), at=now_us() - cache._DUE_US)
    assert compactor(shelf).step()


def test_parts_of_a_day_that_is_over_become_one(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(cache, "mergeable", lambda *_, **__: [])
        for number in range(3):
            shelf.keep("claim/1", claim(number))
            while compactor(shelf).step(everything=True):
                pass
    assert len(parts(shelf)) == 3
    assert compactor(shelf).step()
    assert [part["records"] for part in parts(shelf)] == [3]
    assert shelf.one(COUNT) == 3
    assert not compactor(shelf).step()


# What may go wrong


def test_records_that_were_superseded_meanwhile(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mft.vault.store.BLOB_MAX", 10)
    transfer = shelf.keep("claim/1", claim(1))
    submit = shelf.core.run

    def late(command: Any) -> Any:
        if isinstance(command, KeepPart) and command.sets[0][2] == "test/1":
            shelf.keep("claim/1", claim(2), transfer=transfer, made_by="test/2", at=NOW + 1)
        return submit(command)

    made = Compactor(shelf.vault, shelf.readers.get, late)
    assert made.step(everything=True)
    assert (made.parts, parts(shelf)) == (0, [])
    assert set(shelf.vault.files()) == object_files(shelf.books)  # What was abandoned left no file.
    assert made.step(everything=True)
    assert shelf.ask("SELECT map FROM claims") == [("test/2",)]
    assert set(shelf.vault.files()) == object_files(shelf.books)


def test_records_that_were_erased_meanwhile(shelf: Shelf) -> None:
    transfer = shelf.keep("claim/1", claim(1))
    shelf.keep("claim/1", claim(2))
    submit = shelf.core.run

    def late(command: Any) -> Any:
        forget(shelf, transfer)
        return submit(command)

    made = Compactor(shelf.vault, shelf.readers.get, late)
    assert made.step(everything=True)
    assert parts(shelf) == []
    compact(shelf)
    assert [part["records"] for part in parts(shelf)] == [1]
    assert shelf.ask("SELECT claim_id FROM claims", reveal=True) == [("C-2",)]


def test_a_part_that_was_changed_meanwhile(shelf: Shelf) -> None:
    first = shelf.keep("claim/1", claim(1))
    compact(shelf)
    shelf.keep("claim/1", claim(2))
    submit = shelf.core.run

    def late(command: Any) -> Any:
        forget(shelf, first)
        return submit(command)

    made = Compactor(shelf.vault, shelf.readers.get, late)
    assert made.step(everything=True)
    assert parts(shelf) == []
    assert shelf.ask("SELECT claim_id FROM claims", reveal=True) == [("C-2",)]


def test_a_full_disk_is_not_a_fault_of_the_records(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    shelf.keep("claim/1", claim(1))

    def full(*_: Any) -> None:
        raise NoSpace("full")

    made = compactor(shelf)
    with monkeypatch.context() as patch:
        patch.setattr("mft.vault.store.ObjectWriter.flush", full)
        with pytest.raises(NoSpace):
            made.step(everything=True)
    assert made.step(everything=True)
    assert len(parts(shelf)) == 1


def test_records_that_cannot_be_read_are_set_aside_and_the_others_go_on(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mft.vault.store.BLOB_MAX", 10)
    shelf.keep("claim/1", claim(1))
    (lost,) = shelf.vault.files()
    monkeypatch.undo()
    shelf.vault.remove(lost)
    shelf.keep("claim/1", claim(2), at=NOW + DAY)
    made = compact(shelf)
    assert (made.sets, len(made.left)) == (1, 1)
    (leaf,) = leaves(shelf.books, kind="records.uncached")
    assert leaf["facts"] == {"type": "claim/1", "day": "2026-02-25", "error": "broken.file-gone"}
    with pytest.raises(MFTError):
        shelf.one(COUNT)


def test_what_is_set_aside_hides_nothing_behind_it(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "_SETS_MAX", 3)
    with monkeypatch.context() as patch:
        patch.setattr("mft.vault.store.BLOB_MAX", 10)
        for number in range(4):
            shelf.keep("claim/1", claim(number))
    for lost in shelf.vault.files():
        shelf.vault.remove(lost)
    for number in range(4):
        shelf.keep("claim/1", claim(number), at=NOW + DAY)
    made = compact(shelf)
    assert (made.sets, len(made.left)) == (4, 1)


def test_a_part_whose_file_is_lost_is_made_again(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mft.vault.store.BLOB_MAX", 10)
    shelf.keep("claim/1", claim(1))
    compact(shelf)
    (old,) = parts(shelf)
    ledger = shelf.readers._ledger
    forget_lost_parts(shelf.core, ledger, shelf.vault)
    assert parts(shelf) == [old]
    shelf.vault.remove(old["object_id"])
    with pytest.raises(Busy, match="ask again"):
        shelf.one(COUNT)
    forget_lost_parts(shelf.core, ledger, shelf.vault)
    assert sweep(ledger, shelf.vault) == 0
    assert shelf.one(COUNT) == 1
    compact(shelf)
    assert len(parts(shelf)) == 1


def test_a_part_that_went_while_it_was_read_is_no_failure(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mft.vault.store.BLOB_MAX", 10)
    shelf.keep("claim/1", claim(1))
    compact(shelf)
    (old,) = parts(shelf)
    real = Vault.open
    asked: list[str] = []

    def gone_once(self: Vault, sealed: Any) -> Any:
        asked.append(sealed.id)
        if sealed.id == old["object_id"]:  # Rebuilt between our look at the ledger and this.
            shelf.core.writer.run(lambda books: record_parts.drop_part(books, old["id"]))
            shelf.vault.remove(old["object_id"])
        return real(self, sealed)

    monkeypatch.setattr(Vault, "open", gone_once)
    assert shelf.one(COUNT) == 1
    assert old["object_id"] in asked


# What must go


def forget(shelf: Shelf, transfer: str) -> list[str]:
    """As whoever erases a transfer does it: the cache first, then the records' own keys, in one transaction."""

    def erase(books: Any) -> list[str]:
        gone = record_parts.forget(books, transfer, at=NOW)
        for row in books.rows(select(RECORDS.c.object_id).where(RECORDS.c.transfer_id == transfer)):
            erase_object(books, row["object_id"], at=NOW)
            gone.append(row["object_id"])
        return gone

    gone = shelf.core.writer.run(erase)
    for object_id in gone:
        shelf.vault.remove(object_id)
    return gone


def test_nothing_of_a_forgotten_transfer_is_left(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mft.vault.store.BLOB_MAX", 10)
    first = shelf.keep("claim/1", claim(1))
    shelf.keep("claim/1", claim(2), transfer=first, position=2)
    second = shelf.keep("claim/1", claim(3))
    elsewhere = shelf.keep("claim/1", claim(4), at=NOW + DAY)
    compact(shelf)
    held, kept = parts(shelf)
    gone = forget(shelf, first)
    assert held["object_id"] in gone
    row = shelf.books.first(select(OBJECT).where(OBJECT.c.id == held["object_id"]))
    assert row is not None
    assert (row["wrapped_dek"], row["blob"]) == (None, None)
    assert [part["id"] for part in parts(shelf)] == [kept["id"]]
    assert held["object_id"] not in set(shelf.vault.files())
    cached = shelf.books.rows(select(RECORDS.c.transfer_id).where(RECORDS.c.part_id.is_not(None)))
    assert [one["transfer_id"] for one in cached] == [elsewhere]
    assert shelf.ask("SELECT transfer FROM claims ORDER BY 1") == [(second,), (elsewhere,)]
    compact(shelf)
    assert shelf.ask("SELECT transfer FROM claims ORDER BY 1") == [(second,), (elsewhere,)]
    for part in parts(shelf):
        assert first.encode() not in parquet(shelf, part)


def test_a_transfer_that_is_in_no_part_is_forgotten_too(shelf: Shelf) -> None:
    transfer = shelf.keep("claim/1", claim(1))
    assert shelf.core.writer.run(lambda books: record_parts.forget(books, transfer, at=NOW)) == []


def test_what_is_rolled_back_was_not_forgotten(shelf: Shelf) -> None:
    transfer = shelf.keep("claim/1", claim(1))
    compact(shelf)

    def fails(books: Any) -> None:
        record_parts.forget(books, transfer, at=NOW)
        raise StageConflict("no")

    with pytest.raises(StageConflict):
        shelf.core.writer.run(fails)
    assert waits(shelf) == 0
    assert shelf.one(COUNT) == 1


def test_the_ledger_finds_what_waits_by_its_index(shelf: Shelf) -> None:
    """Or each question would look through the records of years."""
    from mft.ledger.database import _compiled

    for statement in (record_parts._WAITING, record_parts._STALE):
        keys = {"of_schema": "claim/1", "most": 10}
        text, fixed = _compiled(statement, tuple(keys), "sqlite")
        shelf.books._cursor.execute(f"EXPLAIN QUERY PLAN {text}", {**fixed, **keys})
        plan = " ".join(str(row) for row in shelf.books._cursor.fetchall())
        assert "ix_records_waiting" in plan or "ix_records_stale" in plan
