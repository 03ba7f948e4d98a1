"""Rows of keys, and what is wrapped to them, on both databases."""

import pytest
from sqlalchemy import update

from mft.domain import TENANT, SealedObject
from mft.errors import StageConflict
from mft.ledger import keys
from mft.ledger.database import Books, Writer
from mft.ledger.holds import add_hold, lift_hold
from mft.ledger.objects import erase_object, insert_object
from mft.ledger.tables import TRANSFER
from tests.unit.mft.ledger.entries import received

_OWN = update(TRANSFER)


def add(books: Books, key: str, *, retention: str = "standard", at: int = 1) -> None:
    keys.add_key(books, key, "bucket", retention=retention, public=None, made_at=at, at=at)


def seal(books: Books, name: str, key: str, *, at: int = 1, continues: str | None = None) -> None:
    wrapped = f"{name} to {key}".encode()
    insert_object(books, SealedObject(name, TENANT, key, wrapped, 1, 57, b"x", continues=continues), at=at)


def own(books: Books, name: str, *, transfer_of: bytes) -> str:
    """A transfer whose original an object is."""
    transfer = received(books, transfer_of)
    books.execute(_OWN.where(TRANSFER.c.id == transfer).values(object_id=name))
    return transfer


def test_the_last_that_came_into_force_is_and_the_others_were(writer: Writer) -> None:
    def work(books: Books) -> None:
        add(books, "old", at=1)
        add(books, "new", at=2)
        keys.retire_key(books, "old", at=2)
        add(books, "claims", retention="claims", at=3)
        keys.add_key(books, "vkey", "signing", retention=None, public="vkey", made_at=4, at=4)
        assert keys.key_in_force(books, "bucket", "standard")["id"] == "new"
        assert keys.key_in_force(books, "bucket", "claims")["id"] == "claims"
        assert keys.key_in_force(books, "signing")["id"] == "vkey"
        assert keys.key_in_force(books, "bucket", "payroll") is None
        keys.destroy_key(books, "new", at=5)
        assert keys.key_in_force(books, "bucket", "standard") is None
        assert keys.shredded_keys(books) == {"new"}
        assert [row["id"] for row in keys.key_pairs(books) if row["kind"] == "bucket"] == ["claims", "old", "new"]

    writer.run(work)


def test_objects_by_their_key_from_either_end(writer: Writer) -> None:
    def work(books: Books) -> None:
        for number in range(5):
            seal(books, f"o{number}", "one", at=number)
        seal(books, "other", "two")
        assert keys.buckets(books) == ["one", "two"]
        assert keys.objects_under(books, "one") == 5
        assert [row["id"] for row in keys.wrapped_under(books, "one", most=2)] == ["o0", "o1"]
        assert [row["id"] for row in keys.wrapped_under(books, "one", most=2, newest_first=True)] == ["o4", "o3"]
        erase_object(books, "other", at=9)
        erase_object(books, "o0", at=9)
        assert keys.buckets(books) == ["one"]
        assert keys.objects_under(books, "one") == 4

    writer.run(work)


@pytest.mark.parametrize(
    ("bucket", "old", "moved"), [("one", b"o to one", True), ("one", b"another", False), ("two", b"o to one", False)]
)
def test_a_wrapping_is_replaced_only_where_it_stands(writer: Writer, bucket: str, old: bytes, *, moved: bool) -> None:
    def work(books: Books) -> None:
        seal(books, "o", "one")
        assert keys.rewrap_object(books, "o", bucket=bucket, old=old, to="three", new=b"new") == moved
        assert keys.buckets(books) == ["three" if moved else "one"]

    writer.run(work)


def test_a_retired_key_is_empty_once(writer: Writer) -> None:
    def work(books: Books) -> None:
        add(books, "old")
        assert not keys.mark_emptied(books, "old", at=2)
        keys.retire_key(books, "old", at=2)
        keys.count_moved(books, "old", 3)
        keys.count_moved(books, "old", 4)
        assert keys.mark_emptied(books, "old", at=3)
        assert not keys.mark_emptied(books, "old", at=4)
        row = keys.key_row(books, "old")
        assert (row["moved"], row["emptied_at"]) == (7, 3)
        keys.use_again(books, "old", at=5)
        assert keys.key_in_force(books, "bucket", "standard")["in_force_at"] == 5

    writer.run(work)


def test_who_is_sealed_under_a_key(writer: Writer) -> None:
    def work(books: Books) -> None:
        for name, key in (("first", "one"), ("a", "one"), ("b", "two"), ("c", "one")):
            seal(books, name, key)
        seal(books, "last", "two", continues="first")
        a, b, c, resumed = (own(books, name, transfer_of=name.encode()) for name in ("a", "b", "c", "last"))
        assert keys.transfers_under(books, "one", after="", most=10) == sorted([a, c])
        assert keys.transfers_under(books, "one", after=a, most=10) == [c]
        assert keys.transfers_under(books, "one", after="", most=1) == [a]
        assert keys.owner_of(books, "first") == resumed
        assert keys.owner_of(books, "b") == b
        assert keys.parts_under(books, "one") == []
        assert keys.held_under(books, "one") is None
        hold = add_hold(books, "a suit", at=1, by="cli:0", transfer=c)
        add_hold(books, "another", at=1, by="cli:0", transfer=b)
        assert keys.held_under(books, "one") == {"id": c, "hold": hold}
        lift_hold(books, hold, at=2)
        assert keys.held_under(books, "one") is None

    writer.run(work)


def test_nothing_is_entered_under_a_shredded_key(writer: Writer) -> None:
    def work(books: Books) -> None:
        add(books, "one")
        seal(books, "before", "one")
        keys.destroy_key(books, "one", at=2)
        with pytest.raises(StageConflict, match="shredded meanwhile"):
            seal(books, "after", "one")

    writer.run(work)


def test_what_was_told_of_is_known(writer: Writer) -> None:
    def work(books: Books) -> None:
        keys.set_notice(books, "a", 30, at=1)
        keys.set_notice(books, "a", 7, at=2)
        keys.set_notice(books, "b", -1, at=2)
        assert keys.notices(books) == {"a": 7, "b": -1}
        assert (keys.notice(books, "a"), keys.notice(books, "none")) == (7, None)
        keys.set_notice(books, "a", None, at=3)
        assert keys.notices(books) == {"b": -1}

    writer.run(work)
