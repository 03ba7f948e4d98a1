"""Asking the log: every filter, alone and together, over pages; which index serves it; what was redacted."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, insert, text

from mft.audit import query
from mft.audit.log import append, sequence
from mft.audit.query import REDACTED, last_number, leaves, numbered
from mft.errors import Missing
from mft.ledger.database import Books, Ledger, Writer, _compiled
from mft.ledger.migrate import migrate
from mft.ledger.tables import FUNCTIONAL_GROUP, INTERCHANGE, LEAF_CLEAR, TRANSACTION_SET, TRANSFER

COUNT = 1200


@pytest.fixture(scope="module")
def books(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Books]:
    """1,200 leaves, one a microsecond from 0 on, of five transfers; every third names a file; every 100th is refused."""
    ledger = Ledger(f"sqlite:{tmp_path_factory.mktemp('query') / 'ledger.db'}")
    migrate(ledger)
    writer = Writer(ledger)
    writer.run(_fill)
    writer.run(lambda books: sequence(books, COUNT))
    writer.close()
    reader = ledger.open_reader()
    yield reader
    reader.close()


def _fill(books: Books) -> None:
    for at in range(COUNT):
        kind = "transfer.fetched" if at % 3 else "transfer.removed"
        private = {} if at % 3 else {"name": f"n{at}.edi"}
        result = "ok" if at % 100 else "refused"
        append(
            books,
            kind,
            at=at,
            actor=f"a{at % 2}",
            connection="c",
            transfer=f"t{at % 5}",
            private=private,
            result=result,
        )
    append(books, "folder.made", at=5000, actor="a9", connection="d", private={"name": "n7"})
    for number in range(5):
        books.execute(insert(TRANSFER), _transfer(f"t{number}"))
    of = {"transfer_id": "t3", "tenant_id": 1, "position": 1, "start_offset": 0}
    books.execute(insert(INTERCHANGE), {**of, "standard": "x12", "control_number": "000000905"})
    books.execute(insert(FUNCTIONAL_GROUP), {**of, "transfer_id": "t4", "interchange": 1, "control_number": "905"})
    books.execute(insert(TRANSACTION_SET), {**of, "transfer_id": "t2", "interchange": 1, "control_number": "0905"})


def _transfer(transfer: str) -> dict[str, Any]:
    return {
        "id": transfer, "tenant_id": 1, "root_id": transfer, "direction": "inbound", "stage": "done", "connection": "c",
        "partner": "c", "door": "sftp", "profile_hash": "h", "folder_bytes": b"/inbound", "name_bytes": b"n",
        "updated_at": 1,
    }  # fmt: skip


def times(found: Iterator[dict[str, Any]]) -> list[int]:
    return [leaf["at"] for leaf in found]


ASKED: list[tuple[dict[str, Any], Any]] = [
    ({}, lambda at: True),
    ({"kind": "transfer.removed"}, lambda at: at < COUNT and at % 3 == 0),
    ({"kind": "transfer.*"}, lambda at: at < COUNT),
    ({"kind": "folder.*"}, lambda at: at == 5000),
    ({"kind": "partner.*"}, lambda at: False),
    ({"kind": ("transfer.removed", "folder.*", "folder.made")}, lambda at: at % 3 == 0 or at == 5000),
    ({"kind": ("folder.made", "transfer.fetched"), "actor": "a1"}, lambda at: at != 5000 and at % 3 and at % 2),
    ({"actor": "a1", "transfer": "t2"}, lambda at: at < COUNT and at % 2 == 1 and at % 5 == 2),
    ({"since": 100, "until": 110}, lambda at: 100 <= at < 110),
    ({"connection": "nobody"}, lambda at: False),
    ({"result": "refused"}, lambda at: at < COUNT and at % 100 == 0),
    ({"result": "ok"}, lambda at: at == 5000 or at % 100 != 0),
    ({"name": "n6.edi"}, lambda at: at < COUNT and at % 5 == 1),  # Leaf 6 names it: all of its transfer's.
    ({"name": "n7"}, lambda at: at == 5000),
    ({"name": "n6"}, lambda at: False),
    ({"name": "n12*"}, lambda at: at < COUNT),  # 12, 120, 123, 126, 129: of five transfers.
    ({"name": "n%"}, lambda at: False),
    ({"control_number": "000000905"}, lambda at: at < COUNT and at % 5 == 3),
    ({"control_number": "905"}, lambda at: at < COUNT and at % 5 == 4),
    ({"control_number": "0905", "result": "refused"}, lambda at: False),
]


@pytest.mark.parametrize(("asked", "fits"), ASKED, ids=[str(asked) for asked, _ in ASKED])
class TestFilters:
    def test_by_time_in_both_directions_over_pages(
        self, books: Books, asked: Any, fits: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        expected = [at for at in (*range(COUNT), 5000) if fits(at)]
        assert times(leaves(books, newest_first=False, **asked)) == expected
        assert times(leaves(books, **asked)) == expected[::-1]
        assert times(leaves(books, most=7, **asked)) == expected[::-1][:7]
        monkeypatch.setattr(query, "_PAGE", 3)
        assert times(leaves(books, **asked)) == expected[::-1]
        assert times(leaves(books, newest_first=False, **asked)) == expected

    def test_by_number(self, books: Books, asked: Any, fits: Any) -> None:
        expected = [at for at in range(COUNT) if fits(at)]  # The last has no number yet.
        assert times(numbered(books, **asked)) == expected
        assert times(numbered(books, after=599, **asked)) == [at for at in expected if at > 599]
        assert times(numbered(books, until_number=9, **asked)) == [at for at in expected if at <= 9]


def test_a_page_begins_where_the_last_one_ended(books: Books) -> None:
    first = list(leaves(books, most=600))
    second = list(leaves(books, before=first[-1]["id"]))
    assert times(iter(first + second)) == [5000, *range(COUNT - 1, -1, -1)]


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("at", [50, 99, 100, 105, 109, 110, 150])
def test_a_page_begins_within_the_time_that_is_asked_for(books: Books, at: int, *, newest_first: bool) -> None:
    (there,) = leaves(books, since=at, until=at + 1)
    found = times(leaves(books, before=there["id"], since=100, until=110, newest_first=newest_first))
    assert found == [
        one
        for one in (range(109, 99, -1) if newest_first else range(100, 110))
        if (one < at) == newest_first and one != at
    ]


@pytest.mark.parametrize(("newest_first", "bounds"), [(True, {"since", "place_at"}), (False, {"until", "place_at"})])
def test_no_two_bounds_stand_on_one_side(books: Books, bounds: set[str], *, newest_first: bool) -> None:
    """SQLite would take one of them for its walk, and pass over all that the other leaves out."""
    asked: list[set[str]] = []

    class Noting(Books):
        def rows(self, statement: Any, parameters: Any = None) -> list[dict[str, Any]]:
            asked.append(set(parameters))
            return []

    noting = Noting(books._connection, "sqlite")
    list(leaves(noting, kind="transfer.removed", since=100, until=110, newest_first=newest_first))
    assert asked == [{"kind", "place", "most"} | bounds]


def test_leaves_of_one_moment_are_parted_by_their_ids(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:{tmp_path / 'ledger.db'}")
    migrate(ledger)
    books = ledger.open_writer()
    ids = [append(books, "server.stopped", at=1, actor="server") for _ in range(10)]
    pages = [list(leaves(books, most=4))]
    while len(pages[-1]) == 4:
        pages.append(list(leaves(books, most=4, before=pages[-1][-1]["id"])))
    assert [leaf["id"] for page in pages for leaf in page] == ids[::-1]
    books.close()


def test_a_page_behind_no_leaf_is_refused(books: Books) -> None:
    with pytest.raises(Missing, match="there is no leaf none"):
        list(leaves(books, before="none"))


def test_the_newest_number(books: Books) -> None:
    assert last_number(books) == COUNT - 1


def test_clear_values_stand_among_the_facts_and_redacted_ones_are_told(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:{tmp_path / 'ledger.db'}")
    migrate(ledger)
    books = ledger.open_writer()
    private = {"name": "n", "sha256": "00"}
    append(books, "transfer.received", at=1, actor="a", facts={"size_bytes": 3}, private=private)
    (leaf,) = leaves(books)
    assert leaf["facts"] == {"size_bytes": 3, "name": "n", "sha256": "00"}
    assert set(leaf) == {"seq", "id", "at", "kind", "actor", "connection", "transfer", "result", "facts"}
    books.execute(delete(LEAF_CLEAR).where(LEAF_CLEAR.c.field == "name"))
    (leaf,) = leaves(books)
    assert leaf["facts"] == {"size_bytes": 3, "name": REDACTED, "sha256": "00"}
    books.close()


def _plans(books: Books, ask: Any, **asked: Any) -> list[list[str]]:
    """What SQLite would do, statement by statement."""

    class Explained(Books):
        def rows(self, statement: Any, parameters: Any = None) -> list[dict[str, Any]]:
            if statement is query._NEXT_KIND:
                return books.rows(statement, parameters)
            sql, fixed = _compiled(statement, tuple(parameters or ()), "sqlite")
            plan = books.rows(text(f"EXPLAIN QUERY PLAN {sql}"), {**fixed, **(parameters or {})})
            plans.append([row["detail"] for row in plan])
            return []

    plans: list[list[str]] = []
    list(ask(Explained(books._connection, "sqlite"), **asked))
    return plans


@pytest.mark.parametrize("asked", [asked for asked, _ in ASKED], ids=str)
def test_what_follows_is_read_by_number_whatever_is_asked(books: Books, asked: dict[str, Any]) -> None:
    for plan in _plans(books, numbered, after=1, until_number=3, **asked):
        assert "SEARCH leaf USING INDEX sqlite_autoindex_leaf_2 (seq>? AND seq<?)" in plan, plan


def test_no_page_sorts_more_than_one_moment(books: Books) -> None:
    for asked in ({}, {"kind": "transfer.*"}, {"kind": "k", "actor": "a"}, {"connection": "c", "since": 4, "until": 9}):
        for plan in _plans(books, leaves, **asked):
            assert "USE TEMP B-TREE FOR ORDER BY" not in plan


@pytest.mark.parametrize(
    ("asked", "index"),
    [
        ({}, "ix_leaf_at (at<?)"),
        ({"kind": "k"}, "ix_leaf_kind_at (kind=?"),
        ({"kind": "k", "since": 1, "until": 2}, "ix_leaf_kind_at (kind=? AND at>? AND at<?)"),
        ({"kind": "transfer.*"}, "ix_leaf_kind_at (kind=? AND at<?)"),
        ({"actor": "a", "until": 2}, "ix_leaf_actor_at (actor=? AND at<?)"),
        ({"connection": "c", "since": 1, "until": 2}, "ix_leaf_connection_at (connection=? AND at>? AND at<?)"),
        ({"transfer": "t"}, "ix_leaf_transfer_id (transfer_id=?)"),
        ({"result": "refused"}, "ix_leaf_not_ok"),
        ({"name": "n"}, "ix_leaf_clear_name (value=?)"),
        ({"name": "n*"}, "ix_leaf_clear_name (value>? AND value<?)"),
        ({"control_number": "1"}, "ix_interchange_control_number (control_number=?)"),
        ({"control_number": "1"}, "ix_transaction_set_control_number (control_number=?)"),
        ({"control_number": "1"}, "ix_leaf_transfer_id (transfer_id=?)"),
        # Together: by the one that tells most.
        ({"transfer": "t", "kind": "k", "connection": "c", "since": 1}, "ix_leaf_transfer_id (transfer_id=?)"),
        ({"control_number": "1", "kind": "k", "connection": "c"}, "ix_leaf_transfer_id (transfer_id=?)"),
        ({"name": "n", "connection": "c", "since": 1}, "sqlite_autoindex_leaf_1 (id=?)"),
        ({"result": "refused", "kind": "k", "since": 1}, "ix_leaf_not_ok (at>? AND at<?)"),
        ({"connection": "c", "kind": ("k", "l"), "actor": "a"}, "ix_leaf_connection_at (connection=? AND at<?)"),
        ({"kind": ("k", "l"), "since": 1}, "ix_leaf_kind_at (kind=? AND at>? AND at<?)"),
    ],
    ids=str,
)
def test_an_index_serves_every_filter(books: Books, asked: dict[str, Any], index: str) -> None:
    plan = [step for steps in _plans(books, leaves, **asked) for step in steps]
    assert any(index in step for step in plan), plan
    assert not any(step.startswith("SCAN leaf") and "USING" not in step for step in plan), plan
