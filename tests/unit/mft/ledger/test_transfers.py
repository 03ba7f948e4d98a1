"""Transfers in the ledger: claims, moves, names, pages."""

import itertools
import json
import threading
from typing import Any

import pytest

from mft.clock import new_id
from mft.domain import ERRORS, INBOUND, OUTBOUND, Direction, Stage
from mft.errors import Missing, StageConflict
from mft.ledger import transfers
from mft.ledger.database import Books, Ledger, Writer, reading
from mft.ledger.transfers import keep_profile, public, transfer_row, transfer_rows
from tests.unit.mft.ledger.entries import ACME, NOTHING_FOUND, OTHER, arrival, received, sealed

# The keys of `mft transfer list --json`: scripts depend on them.
CONTRACT = {
    "id", "partner", "connection", "direction", "folder", "name", "stage", "size_bytes", "sha256", "standard", "sets",
    "sets_accepted", "sets_rejected", "usage", "feed", "business_date", "received_at", "updated_at", "reason",
}  # fmt: skip


def advance(books: Books, transfer: str, runner: str, attempt: int, *passed: Stage, **found: Any) -> None:
    transfers.advance(books, transfer, passed, runner=runner, attempt=attempt, at=50, found={**NOTHING_FOUND, **found})


class TestClaim:
    def test_oldest_first_and_only_what_waits(self, writer: Writer) -> None:
        def work(books: Books) -> tuple[list[str], list[str]]:
            waiting = [received(books, b"%d" % number) for number in range(3)]
            received(books, b"partial", stage=Stage.PARTIAL)
            received(books, b"done", stage=Stage.DONE)
            rows = transfers.claim(books, "r1", most=10, at=20)
            assert {(row["runner"], row["attempt"], row["updated_at"]) for row in rows} == {("r1", 1, 20)}
            return waiting, [row["id"] for row in rows]

        waiting, claimed = writer.run(work)
        assert claimed == waiting

    def test_no_more_than_asked_for(self, writer: Writer) -> None:
        def work(books: Books) -> list[int]:
            for number in range(5):
                received(books, b"%d" % number)
            return [len(transfers.claim(books, f"r{turn}", most=2, at=20)) for turn in range(4)]

        assert writer.run(work) == [2, 2, 1, 0]

    def test_two_runners_never_get_the_same(self, ledger: Ledger, writer: Writer) -> None:
        """Also two processes do not, where the database lets both write at once."""
        writer.run(lambda books: [received(books, b"%d" % number) for number in range(60)])
        got: dict[str, list[str]] = {"r1": [], "r2": []}
        writers = {"r1": writer, "r2": Writer(ledger)}
        start = threading.Barrier(2)

        def runner(name: str) -> None:
            start.wait(30)
            while rows := writers[name].run(lambda books: transfers.claim(books, name, most=3, at=20)):
                got[name] += [row["id"] for row in rows]

        threads = [threading.Thread(target=runner, args=(name,)) for name in got]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        writers["r2"].close()
        everything = got["r1"] + got["r2"]
        assert len(everything) == len(set(everything)) == 60

    @pytest.mark.parametrize("ledger", ["postgresql"], indirect=True)  # SQLite has one writer at a time.
    def test_a_claim_that_is_not_committed_yet_is_not_taken_over(self, ledger: Ledger, writer: Writer) -> None:
        writer.run(lambda books: received(books, b"a"))
        first = ledger.open_writer()
        first.script("BEGIN")
        assert len(transfers.claim(first, "r1", most=1, at=20)) == 1
        second = Writer(ledger)
        future = second.submit(lambda books: transfers.claim(books, "r2", most=1, at=20))
        with reading(ledger) as books:
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            for _ in range(10_000):
                books.script(waits)
                if future.done() or books._cursor.fetchone()[0]:
                    break
        first.script("COMMIT")
        assert future.result(30) == []
        second.close()
        first.close()


class TestAdvance:
    def test_moves_and_ends_the_claim(self, ledger: Ledger, writer: Writer) -> None:
        def work(books: Books) -> str:
            transfer = received(books, b"a")
            transfers.claim(books, "r1", most=1, at=20)
            passed = (Stage.IDENTIFIED, Stage.PARSED, Stage.CANONICALIZED, Stage.DONE)
            advance(books, transfer, "r1", 1, *passed, standard="x12", sets='["837"]', sets_accepted=2, reason="why")
            return transfer

        transfer = writer.run(work)
        with reading(ledger) as books:
            row = transfer_row(books, transfer)
        assert (row["stage"], row["runner"], row["updated_at"]) == ("done", None, 50)
        assert (row["standard"], row["sets_accepted"], row["reason"]) == ("x12", 2, "why")

    @pytest.mark.parametrize(
        ("runner", "attempt"),
        [("r2", 1), ("r1", 2), ("r1", 0)],
    )
    def test_not_without_the_claim(self, ledger: Ledger, writer: Writer, runner: str, attempt: int) -> None:
        transfer = writer.run(lambda books: received(books, b"a"))
        writer.run(lambda books: transfers.claim(books, "r1", most=1, at=20))
        with pytest.raises(StageConflict):
            writer.run(lambda books: advance(books, transfer, runner, attempt, Stage.IDENTIFIED, Stage.DONE))
        with reading(ledger) as books:
            assert transfer_row(books, transfer)["stage"] == "received"

    def test_not_twice(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            transfer = received(books, b"a")
            transfers.claim(books, "r1", most=1, at=20)
            advance(books, transfer, "r1", 1, Stage.IDENTIFIED, Stage.DONE)
            advance(books, transfer, "r1", 1, Stage.IDENTIFIED, Stage.DONE)

        with pytest.raises(StageConflict):
            writer.run(work)

    @pytest.mark.parametrize(
        "passed",
        [(Stage.DONE,), (Stage.IDENTIFIED, Stage.RECEIVED), (Stage.PARSED,), (Stage.IDENTIFIED, Stage.SUPERSEDED)],
    )
    def test_only_along_the_table_of_stages(self, writer: Writer, passed: tuple[Stage, ...]) -> None:
        def work(books: Books) -> None:
            transfer = received(books, b"a")
            transfers.claim(books, "r1", most=1, at=20)
            advance(books, transfer, "r1", 1, *passed)

        with pytest.raises(AssertionError, match="cannot become"):
            writer.run(work)


class TestRelease:
    def test_gives_back_for_another_attempt(self, writer: Writer) -> None:
        def work(books: Books) -> tuple[int, int]:
            transfer = received(books, b"a")
            (first,) = transfers.claim(books, "r1", most=1, at=20)
            transfers.release(books, transfer, runner="r1", attempt=1, at=21, counts=True)
            (second,) = transfers.claim(books, "r2", most=1, at=22)
            return first["attempt"], second["attempt"]

        assert writer.run(work) == (1, 2)

    def test_only_by_who_has_it(self, writer: Writer) -> None:
        def work(books: Books) -> list[Any]:
            transfer = received(books, b"a")
            transfers.claim(books, "r1", most=1, at=20)
            transfers.release(books, transfer, runner="r2", attempt=1, at=21, counts=True)
            transfers.release(books, transfer, runner="r1", attempt=7, at=21, counts=True)
            return transfers.claim(books, "r2", most=1, at=22)

        assert writer.run(work) == []

    @pytest.mark.parametrize("how", ["a new runner finds it dead", "it ends by itself", "another node starts"])
    def test_what_a_dead_runner_had_is_free(self, writer: Writer, how: str) -> None:
        def work(books: Books) -> list[Any]:
            received(books, b"a")
            transfers.register_runner(books, "r1", boot_id="b", pid=1, node="here", at=10)
            transfers.claim(books, "r1", most=1, at=20)
            if how == "it ends by itself":
                transfers.end_runner(books, "r1", at=21)
            else:
                node = "here" if how == "a new runner finds it dead" else "there"
                transfers.register_runner(books, "r2", boot_id="b", pid=2, node=node, at=21)
            return transfers.claim(books, "r2", most=1, at=22)

        assert len(writer.run(work)) == (0 if how == "another node starts" else 1)


class TestNames:
    """What a connection sees in its folders."""

    def see(self, books: Books, *, since: int = 0, folder: bytes = INBOUND, who: str = ACME.connection) -> list[bytes]:
        return [bytes(row["name_bytes"]) for row in transfers.listing(books, who, folder, since=since)]

    def test_recent_uploads_of_ones_own(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            received(books, b"old", at=10)
            received(books, b"new", at=20)
            received(books, b"half", at=20, stage=Stage.PARTIAL)
            received(books, b"theirs", at=20, who=OTHER)
            assert self.see(books) == [b"half", b"new", b"old"]
            assert self.see(books, since=20) == [b"half", b"new"]
            assert self.see(books, since=21) == [b"half"]  # It is theirs to finish, however long ago they began.
            assert self.see(books, folder=OUTBOUND) == []
            assert self.see(books, who=OTHER.connection) == [b"theirs"]

        writer.run(work)

    def test_what_waits_for_them_stays_listed(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            transfers.insert_transfer(
                books,
                new_id(),
                arrival(b"report.txt", folder=ERRORS),
                at=10,
                stage=Stage.DONE,
                direction=Direction.OUTBOUND,
                size_bytes=5,
            )
            assert self.see(books, since=1 << 60, folder=ERRORS) == [b"report.txt"]

        writer.run(work)

    def test_the_newest_of_a_name_is_seen(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            first, second = received(books, b"a"), received(books, b"a")
            row = transfers.named(books, ACME.connection, INBOUND, b"a", since=0)
            assert row is not None
            assert row["id"] == second
            assert {row["id"] for row in transfers.listed_as(books, ACME.connection, INBOUND, b"a")} == {first, second}
            transfers.unlist(books, first, at=30)
            assert self.see(books) == [b"a"]
            assert transfer_row(books, first)["stage"] == "received"  # Out of sight, not gone.

        writer.run(work)

    def test_names_are_bytes(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            names = [b"A", b"a", b"a ", b"\xff\x00\n", "ä".encode(), b"%", b"a_"]
            for name in names:
                received(books, name)
            assert self.see(books) == sorted(names)
            for name in names:
                row = transfers.named(books, ACME.connection, INBOUND, name, since=0)
                assert row is not None
                assert bytes(row["name_bytes"]) == name

        writer.run(work)

    def test_pages_follow_each_other(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            for number in range(700):
                received(books, b"%03d" % number)
            first = transfers.listing(books, ACME.connection, INBOUND, since=0)
            second = transfers.listing(books, ACME.connection, INBOUND, since=0, after=first[-1]["name_bytes"])
            assert [bytes(row["name_bytes"]) for row in first + second] == [b"%03d" % number for number in range(700)]

        writer.run(work)

    def test_unlisted_names_are_gone_and_free(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            mine = received(books, b"a")
            received(books, b"a", who=OTHER)
            transfers.unlist(books, mine, at=30)
            assert self.see(books) == []
            assert transfers.named(books, ACME.connection, INBOUND, b"a", since=0) is None
            assert self.see(books, who=OTHER.connection) == [b"a"]
            received(books, b"a")
            assert self.see(books) == [b"a"]

        writer.run(work)

    def test_a_new_label_is_all_that_a_rename_changes(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            transfer = received(books, b"a")
            before = transfer_row(books, transfer)
            transfers.relabel(books, transfer, INBOUND, b"b", at=30)
            after = transfer_row(books, transfer)
            changed = {key for key in before if before[key] != after[key]}
            assert changed == {"name_bytes", "updated_at"}
            assert self.see(books) == [b"b"]

        writer.run(work)


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
            assert transfers.counts(books) == {"received": 2, "partial": 1}

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


def test_a_profile_is_kept_once(writer: Writer) -> None:
    def work(books: Books) -> None:
        for at, name in ((5, "acme"), (6, "acme"), (7, "renamed")):
            keep_profile(books, digest=f"h-{name}", subject="s1", name=name, body="{}", at=at)
        keep_profile(books, digest="h-2", subject="s2", name="acme", body="{}", at=8)
        assert transfers.connection_named(books, "renamed") == "s1"
        assert transfers.connection_named(books, "acme") == "s2"  # The last that was called so.
        with pytest.raises(Missing):
            transfers.connection_named(books, "nobody")

    writer.run(work)


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


def test_an_erased_object_is_missing(writer: Writer) -> None:
    from sqlalchemy import update

    from mft.ledger.objects import insert_object, object_files, sealed_object
    from mft.ledger.tables import OBJECT

    def work(books: Books) -> None:
        small, large = sealed(), sealed(100_000)
        insert_object(books, small, at=1)
        insert_object(books, type(large)(large.id, 1, "bucket", b"w", 100_000, 100_100, None), at=1)
        assert sealed_object(books, small.id) == small
        assert object_files(books) == {large.id}
        books.execute(update(OBJECT).values(wrapped_dek=None, erased_at=2))
        assert object_files(books) == set()
        for object_id in (small.id, large.id, "none"):
            with pytest.raises(Missing):
                sealed_object(books, object_id)

    writer.run(work)
