"""Leaves: what they may say, how they are numbered, when a checkpoint is signed over them."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from mft.audit import checkpoint as notes
from mft.audit.log import KINDS, append, canonical, load_frontier, make_checkpoint, sequence
from mft.audit.verify import verify_log
from mft.crypto.signing import SigningKey, commit
from mft.ledger.database import Books, Ledger, Writer, reading
from mft.ledger.migrate import migrate
from mft.ledger.tables import CHECKPOINT, LEAF, LEAF_CLEAR

KEY = SigningKey("mft/test", bytes(range(32)))
_LEAVES = select(LEAF).order_by(LEAF.c.id)
_CHECKPOINTS = select(CHECKPOINT).order_by(CHECKPOINT.c.size)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    ledger = Ledger(f"sqlite:{tmp_path / 'ledger.db'}")
    migrate(ledger)
    return ledger


@pytest.fixture
def writer(ledger: Ledger) -> Iterator[Writer]:
    writer = Writer(ledger)
    yield writer
    writer.close()


def stopped(books: Books) -> str:
    return append(books, "server.stopped", at=5, actor="server")


def test_canonical_is_what_the_standard_library_writes_sorted_and_without_blanks() -> None:
    texts = [chr(code) for code in (*range(0xD800), *range(0xE000, 0x11000), 0x1F600, 0x10FFFF)]
    numbers = [0, -1, 2**53 - 1, -(2**63), 2**63 - 1]
    for value in (*texts, *numbers, None, "".join(texts[:300])):
        said = {"b": value, "a": {"z": 1, "Z": value, "": None}}
        plain = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert canonical(said) == plain


class TestAppend:
    def test_a_leaf_is_its_body_and_columns_that_repeat_it(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            leaf = append(
                books,
                "transfer.received",
                at=1234,
                actor="connection:c1",
                connection="c1",
                transfer="t1",
                facts={"door": "sftp", "size_bytes": 7, "object": None},
                private={"name": "päth\n", "sha256": "ab"},
            )
            (row,) = books.rows(_LEAVES)
            said = json.loads(row["body"])
            assert canonical(said) == row["body"]
            commitments = said.pop("commitments")
            assert said == {
                "v": 1, "id": leaf, "at": 1234, "kind": "transfer.received", "tenant": 1, "actor": "connection:c1",
                "connection": "c1", "transfer": "t1", "result": "ok",
                "facts": {"door": "sftp", "size_bytes": 7, "object": None},
            }  # fmt: skip
            columns = {key: value for key, value in row.items() if key != "body"}
            assert columns == {
                "id": leaf, "tenant_id": 1, "seq": None, "at": 1234, "kind": "transfer.received",
                "actor": "connection:c1", "connection": "c1", "transfer_id": "t1", "result": "ok",
            }  # fmt: skip
            clears = {clear["field"]: clear for clear in books.rows(select(LEAF_CLEAR))}
            assert {field: clear["value"] for field, clear in clears.items()} == {"name": "päth\n", "sha256": "ab"}
            for field, clear in clears.items():
                assert commit(clear["salt"], clear["value"].encode()).hex() == commitments[field]
                assert hashlib.sha256(clear["value"].encode()).hexdigest() != commitments[field]
            assert clears["name"]["salt"] != clears["sha256"]["salt"]

        writer.run(work)

    @pytest.mark.parametrize(
        ("kind", "facts", "private"),
        [
            ("server.stopped", {"why": "x"}, {}),
            ("transfer.received", {"name": "acme.edi"}, {}),  # Only as a commitment.
            ("transfer.received", {}, {"door": "sftp"}),
            ("login.refused", {"password": "x"}, {}),
            ("transfer.fetched", {}, {"name": "x"}),
        ],
    )
    def test_what_is_not_on_the_list_is_our_mistake(
        self, writer: Writer, kind: str, facts: dict[str, Any], private: dict[str, str]
    ) -> None:
        with pytest.raises(AssertionError, match="may not"):
            writer.run(lambda books: append(books, kind, at=1, actor="server", facts=facts, private=private))

    def test_an_unknown_kind_is_our_mistake(self, writer: Writer) -> None:
        with pytest.raises(KeyError):
            writer.run(lambda books: append(books, "transfer.eaten", at=1, actor="server"))

    def test_every_kind_with_all_it_may_say(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            for kind, (facts, private) in KINDS.items():
                append(
                    books, kind, at=1, actor="server",
                    facts=dict.fromkeys(facts, 1), private=dict.fromkeys(private, "x"),
                )  # fmt: skip
            make_checkpoint(books, KEY, at=2)

        writer.run(work)
        with reading(writer._ledger) as books:
            assert verify_log(books, [KEY.verify_key]).leaves == len(KINDS)

    def test_no_name_or_hash_of_content_stands_in_clear(self) -> None:
        for kind, (facts, _) in KINDS.items():
            assert not facts & {"name", "new_name", "sha256", "account", "source_address"}, kind


class TestSequence:
    def test_gapless_in_the_order_of_insertion(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            made = [stopped(books) for _ in range(7)]
            assert [sequence(books, most=3) for _ in range(4)] == [3, 3, 1, 0]
            made += [stopped(books) for _ in range(2)]
            assert sequence(books) == 2
            rows = books.rows(_LEAVES)
            assert [row["id"] for row in rows] == made
            assert [row["seq"] for row in rows] == list(range(9))

        writer.run(work)

    def test_the_tree_grows_over_commits_as_at_once(self, ledger: Ledger, writer: Writer) -> None:
        for _ in range(11):
            writer.run(stopped)
            writer.run(sequence)
        root = writer.run(load_frontier).root()
        with reading(ledger) as books:
            assert books.rows(select(CHECKPOINT)) == []
        assert writer.run(lambda books: make_checkpoint(books, KEY, at=1)).root == root
        with reading(ledger) as books:
            assert verify_log(books, [KEY.verify_key]).root == root.hex()

    def test_a_refused_command_leaves_no_number_behind(self, ledger: Ledger, writer: Writer) -> None:
        def refused(books: Books) -> None:
            stopped(books)
            raise ValueError

        for work in (stopped, refused, stopped):
            future = writer.submit(work)
            future.exception()
        writer.run(lambda books: make_checkpoint(books, KEY, at=1))
        with reading(ledger) as books:
            assert [row["seq"] for row in books.rows(_LEAVES)] == [0, 1]


class TestCheckpoint:
    def test_over_everything_and_not_twice(self, ledger: Ledger, writer: Writer) -> None:
        for count in (2, 0, 3):
            for _ in range(count):
                writer.run(stopped)
            writer.run(lambda books: make_checkpoint(books, KEY, at=9))
        with reading(ledger) as books:
            rows = books.rows(_CHECKPOINTS)
            verified = verify_log(books, [KEY.verify_key])
        assert [row["size"] for row in rows] == [2, 5]
        assert notes.verify(rows[-1]["note"], KEY.verify_key).size == 5
        assert (verified.leaves, verified.unsigned, verified.checkpoints, verified.size) == (5, 0, 2, 5)

    def test_leaves_behind_the_last_one_are_counted_as_unsigned(self, ledger: Ledger, writer: Writer) -> None:
        writer.run(stopped)
        writer.run(lambda books: make_checkpoint(books, KEY, at=9))
        writer.run(stopped)
        writer.run(sequence)
        writer.run(stopped)
        with reading(ledger) as books:
            verified = verify_log(books, [KEY.verify_key])
        assert (verified.leaves, verified.unsigned, verified.size) == (3, 2, 1)
