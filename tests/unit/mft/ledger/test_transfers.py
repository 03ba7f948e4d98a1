"""Transfers in the ledger: ids, pages, what scripts read, what was found in one."""

import itertools
import json

import pytest

from mft.domain import Stage
from mft.errors import Missing
from mft.ledger import transfers
from mft.ledger.database import Books, Ledger, Writer, reading
from mft.ledger.transfers import counts, public, transfer_row, transfer_rows
from tests.unit.mft.ledger.entries import OTHER, received

# The keys of `mft transfer list --json`: scripts depend on them.
CONTRACT = {
    "id", "partner", "connection", "direction", "folder", "name", "stage", "size_bytes", "sha256", "standard", "sets",
    "sets_accepted", "sets_rejected", "usage", "feed", "business_date", "retention", "erased", "received_at", "updated_at", "reason",
    "doubt", "parent",
}  # fmt: skip


class TestById:
    def test_a_unique_beginning_is_enough(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            one, two = received(books, b"a"), received(books, b"b")
            shared = "".join(
                x for x, y in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(one, two, strict=True))
            )
            for transfer in (one, two):
                for length in range(len(shared) + 1, len(transfer) + 1):
                    assert transfer_row(books, transfer[:length])["id"] == transfer
            with pytest.raises(Missing, match="more than one"):
                transfer_row(books, shared)

        writer.run(work)

    @pytest.mark.parametrize("prefix", ["", "zzzz", "~", "%", "_", "0" * 27, "'"])
    def test_what_begins_no_id(self, writer: Writer, prefix: str) -> None:
        writer.run(lambda books: [received(books, b"a"), received(books, b"b")])
        with pytest.raises(Missing, match="no transfer"):
            writer.run(lambda books: transfer_row(books, prefix))


class TestPages:
    def test_newest_first_without_gap_or_repeat(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            made = [received(books, b"%d" % number) for number in range(10)]
            seen: list[str] = []
            before: dict[str, str] = {}
            while page := transfer_rows(books, most=3, **before):
                seen += [row["id"] for row in page]
                before = {"before": page[-1]["id"]}
                if len(seen) == 3:
                    received(books, b"arrives in between")
            assert seen == made[::-1]

        writer.run(work)

    def test_by_stage_and_partner(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            one = received(books, b"a")
            two = received(books, b"b", who=OTHER)
            three = received(books, b"c", stage=Stage.PARTIAL)
            ids = lambda **asked: [row["id"] for row in transfer_rows(books, **asked)]  # noqa: E731
            assert ids() == [three, two, one]
            assert ids(stage="received") == [two, one]
            assert ids(partner="acme") == [three, one]
            assert ids(partner="acme", stage="received") == [one]
            assert ids(partner="nobody") == []
            assert counts(books) == {"received": 2, "partial": 1}

        writer.run(work)


class TestPublic:
    def test_its_keys_are_the_contract(self, ledger: Ledger, writer: Writer) -> None:
        transfer = writer.run(lambda books: received(books, b"a\xff\x1b.edi"))
        with reading(ledger) as books:
            row = public(transfer_row(books, transfer))
            listed = public(transfer_rows(books)[0])
        assert row == listed
        assert set(row) == CONTRACT
        assert json.loads(json.dumps(row)) == row
        assert (row["partner"], row["folder"], row["name"]) == ("acme", "/inbound", r"a\xff\x1b.edi")
        assert row["sha256"] == "01" * 32
        assert row["sets"] == []


def test_the_parts_of_a_transfer_come_back_in_order(writer: Writer) -> None:
    def work(books: Books) -> None:
        transfer, other = received(books, b"a"), received(books, b"b")
        rows = [
            {"transfer_id": of, "position": position, "tenant_id": 1, "code": "c", "severity": "error", "body": "{}"}
            for of in (transfer, other)
            for position in (2, 10, 1)
        ]
        transfers.add_parts(books, "finding", rows)
        transfers.add_parts(books, "finding", [])
        assert [row["position"] for row in transfers.parts(books, "finding", transfer)] == [1, 2, 10]

    writer.run(work)


def test_a_set_without_a_code_is_a_row_too(writer: Writer) -> None:
    def work(books: Books) -> None:
        transfer = received(books, b"a")
        row = {"transfer_id": transfer, "tenant_id": 1, "position": 1, "interchange": 1, "set_code": None}
        transfers.add_parts(books, "transaction_set", [{**row, "start_offset": 0}])
        assert transfers.parts(books, "transaction_set", transfer)[0]["set_code"] is None

    writer.run(work)
