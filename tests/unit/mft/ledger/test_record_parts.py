"""Rows of the cache of records, on both databases: what waits, what is in a part, what does not count any more."""

from typing import Any

import pytest

from mft.domain import TENANT
from mft.errors import StageConflict
from mft.ledger import record_parts, transfers
from mft.ledger.database import Books, Ledger, Writer, reading
from mft.ledger.objects import erase_object, insert_object
from tests.unit.mft.ledger.entries import received, sealed

PART: dict[str, Any] = {
    "record_schema": "claim/1",
    "connection": "acme",
    "day": "2026-02-25",
    "shape": "s",
    "records": 2,
}
CLAIM = "claim/1"


def keep(books: Books, transfer: str, position: int = 1, made_by: str = "m1", at: int = 1) -> None:
    record_parts.supersede(books, transfer, [position])
    of = sealed()
    insert_object(books, of, at=at)
    row = {
        "transfer_id": transfer, "tenant_id": TENANT, "set_position": position, "map_version": made_by,
        "record_schema": CLAIM, "records": 1, "object_id": of.id, "created_at": at,
    }  # fmt: skip
    transfers.add_parts(books, "records", [row])


def add(books: Books, name: str, *sets: tuple[str, int, str], replaced: tuple[tuple[str, str], ...] = ()) -> str:
    of = sealed()
    insert_object(books, of, at=1)
    record_parts.add_part(books, {**PART, "id": name, "object_id": of.id, "created_at": 1}, sets, replaced)
    for old, _ in replaced:
        record_parts.drop_part(books, old)
    return of.id


def waiting(ledger: Ledger) -> list[tuple[str, int, str]]:
    with reading(ledger) as books:
        rows = record_parts.waiting(books, CLAIM)
    return [(row["transfer_id"], row["set_position"], row["map_version"]) for row in rows]


def test_what_waits_goes_into_a_part(ledger: Ledger, writer: Writer) -> None:
    first = writer.run(lambda books: received(books, b"a"))
    writer.run(lambda books: (keep(books, first), keep(books, first, 2)))
    assert waiting(ledger) == [(first, 1, "m1"), (first, 2, "m1")]
    writer.run(lambda books: add(books, "p1", (first, 1, "m1")))
    assert waiting(ledger) == [(first, 2, "m1")]
    with reading(ledger) as books:
        assert record_parts.waiting(books, "remittance/1") == []
        (row,) = record_parts.sets_in(books, "p1")
        assert (row["partner"], row["records"], row["plain_size"], row["received_at"]) == ("acme", 1, 5, 1000)
        (part,) = record_parts.record_parts(books, CLAIM)
        assert (part["id"], part["size_bytes"]) == ("p1", 5)
        assert record_parts.part_of_other_shape(books, CLAIM, "s") is None
        assert record_parts.part_of_other_shape(books, CLAIM, "t") == "p1"


def test_a_set_is_in_one_part(writer: Writer) -> None:
    first = writer.run(lambda books: received(books, b"a"))
    writer.run(lambda books: keep(books, first))
    writer.run(lambda books: add(books, "p1", (first, 1, "m1")))
    with pytest.raises(StageConflict):
        writer.run(lambda books: add(books, "p2", (first, 1, "m1")))


def test_a_later_map_makes_a_set_stale_and_a_new_part_leaves_it_out(ledger: Ledger, writer: Writer) -> None:
    first = writer.run(lambda books: received(books, b"a"))
    writer.run(lambda books: (keep(books, first), keep(books, first, 2)))
    writer.run(lambda books: add(books, "p1", (first, 1, "m1"), (first, 2, "m1")))
    writer.run(lambda books: keep(books, first, 1, "m2", at=2))
    assert waiting(ledger) == [(first, 1, "m2")]
    with reading(ledger) as books:
        stale = {"transfer_id": first, "set_position": 1, "map_version": "m1", "part_id": "p1"}
        assert record_parts.stale(books, CLAIM) == [stale]
        assert record_parts.stale_parts(books, CLAIM) == {"p1"}
        live = record_parts.live_sets(books, "p1")
        assert live
    with pytest.raises(StageConflict):
        writer.run(lambda books: add(books, "p2", (first, 1, "m2"), replaced=(("p1", ""),)))
    writer.run(lambda books: add(books, "p2", (first, 1, "m2"), replaced=(("p1", live),)))
    with reading(ledger) as books:
        assert record_parts.stale(books, CLAIM) == []
        assert record_parts.live_sets(books, "p2") not in {"", live}
        assert [part["id"] for part in record_parts.record_parts(books, CLAIM)] == ["p2"]
        old = record_parts.records_row(books, first, 1, "m1")
        assert old is not None
        assert (old["superseded"], old["part_id"]) == (1, None)
    assert waiting(ledger) == []


def test_other_sets_than_were_read_make_no_part_of_another(ledger: Ledger, writer: Writer) -> None:
    """As many as there were, but not the same: while the part was written one was superseded, and another renewed."""
    first = writer.run(lambda books: received(books, b"a"))
    writer.run(lambda books: (keep(books, first), keep(books, first, 2)))
    writer.run(lambda books: add(books, "p1", (first, 1, "m1"), (first, 2, "m1")))
    writer.run(lambda books: keep(books, first, 2, "m2", at=2))
    with reading(ledger) as books:
        live = record_parts.live_sets(books, "p1")

    def meanwhile(books: Books) -> None:
        keep(books, first, 1, "m2", at=3)
        record_parts.supersede(books, first, [2])
        record_parts.renew(books, first, 2, "m1")

    writer.run(meanwhile)
    with pytest.raises(StageConflict):
        writer.run(lambda books: add(books, "p2", replaced=(("p1", live),)))


def test_records_whose_key_is_erased_are_neither_read_nor_cached(ledger: Ledger, writer: Writer) -> None:
    first = writer.run(lambda books: received(books, b"a"))
    writer.run(lambda books: keep(books, first))
    with reading(ledger) as books:
        row = record_parts.records_row(books, first, 1, "m1")
    assert row is not None
    writer.run(lambda books: erase_object(books, row["object_id"], at=2))
    assert waiting(ledger) == []
    with pytest.raises(StageConflict):
        writer.run(lambda books: add(books, "p1", (first, 1, "m1")))


def test_forgetting_takes_whole_parts_and_nobody_elses_records(ledger: Ledger, writer: Writer) -> None:
    first, second = (writer.run(lambda books, name=name: received(books, name)) for name in (b"a", b"b"))
    writer.run(lambda books: (keep(books, first), keep(books, second), keep(books, second, 2)))
    both = writer.run(lambda books: add(books, "p1", (first, 1, "m1"), (second, 1, "m1")))
    writer.run(lambda books: add(books, "p2", (second, 2, "m1")))
    assert writer.run(lambda books: record_parts.forget(books, first, at=9)) == [both]
    with reading(ledger) as books:
        assert [part["id"] for part in record_parts.record_parts(books, CLAIM)] == ["p2"]
    assert sorted(waiting(ledger)) == sorted([(first, 1, "m1"), (second, 1, "m1")])
    assert writer.run(lambda books: record_parts.forget(books, first, at=9)) == []
