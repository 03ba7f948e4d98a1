"""Runners in the ledger: claims, moves, what a dead one leaves."""

import threading
from typing import Any

import pytest

from mft.domain import Stage
from mft.errors import StageConflict
from mft.ledger import runners
from mft.ledger.database import Books, Ledger, Writer, reading
from mft.ledger.transfers import transfer_row
from tests.unit.mft.ledger.entries import NOTHING_FOUND, received


def advance(books: Books, transfer: str, runner: str, attempt: int, *passed: Stage, **found: Any) -> None:
    runners.advance(books, transfer, passed, runner=runner, attempt=attempt, at=50, found={**NOTHING_FOUND, **found})


class TestClaim:
    def test_oldest_first_and_only_what_waits(self, writer: Writer) -> None:
        def work(books: Books) -> tuple[list[str], list[str]]:
            waiting = [received(books, b"%d" % number) for number in range(3)]
            received(books, b"partial", stage=Stage.PARTIAL)
            received(books, b"done", stage=Stage.DONE)
            rows = runners.claim(books, "r1", most=10, at=20)
            assert {(row["runner"], row["attempt"], row["updated_at"]) for row in rows} == {("r1", 1, 20)}
            return waiting, [row["id"] for row in rows]

        waiting, claimed = writer.run(work)
        assert claimed == waiting

    def test_no_more_than_asked_for(self, writer: Writer) -> None:
        def work(books: Books) -> list[int]:
            for number in range(5):
                received(books, b"%d" % number)
            return [len(runners.claim(books, f"r{turn}", most=2, at=20)) for turn in range(4)]

        assert writer.run(work) == [2, 2, 1, 0]

    def test_two_runners_never_get_the_same(self, ledger: Ledger, writer: Writer) -> None:
        """Also two processes do not, where the database lets both write at once."""
        writer.run(lambda books: [received(books, b"%d" % number) for number in range(60)])
        got: dict[str, list[str]] = {"r1": [], "r2": []}
        writers = {"r1": writer, "r2": Writer(ledger)}
        start = threading.Barrier(2)

        def runner(name: str) -> None:
            start.wait(30)
            while rows := writers[name].run(lambda books: runners.claim(books, name, most=3, at=20)):
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
        assert len(runners.claim(first, "r1", most=1, at=20)) == 1
        second = Writer(ledger)
        future = second.submit(lambda books: runners.claim(books, "r2", most=1, at=20))
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
            runners.claim(books, "r1", most=1, at=20)
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
        writer.run(lambda books: runners.claim(books, "r1", most=1, at=20))
        with pytest.raises(StageConflict):
            writer.run(lambda books: advance(books, transfer, runner, attempt, Stage.IDENTIFIED, Stage.DONE))
        with reading(ledger) as books:
            assert transfer_row(books, transfer)["stage"] == "received"

    def test_not_twice(self, writer: Writer) -> None:
        def work(books: Books) -> None:
            transfer = received(books, b"a")
            runners.claim(books, "r1", most=1, at=20)
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
            runners.claim(books, "r1", most=1, at=20)
            advance(books, transfer, "r1", 1, *passed)

        with pytest.raises(AssertionError, match="cannot become"):
            writer.run(work)


class TestRelease:
    def test_gives_back_for_another_attempt(self, writer: Writer) -> None:
        def work(books: Books) -> tuple[int, int]:
            transfer = received(books, b"a")
            (first,) = runners.claim(books, "r1", most=1, at=20)
            runners.release(books, transfer, runner="r1", attempt=1, at=21, counts=True)
            (second,) = runners.claim(books, "r2", most=1, at=22)
            return first["attempt"], second["attempt"]

        assert writer.run(work) == (1, 2)

    def test_only_by_who_has_it(self, writer: Writer) -> None:
        def work(books: Books) -> list[Any]:
            transfer = received(books, b"a")
            runners.claim(books, "r1", most=1, at=20)
            runners.release(books, transfer, runner="r2", attempt=1, at=21, counts=True)
            runners.release(books, transfer, runner="r1", attempt=7, at=21, counts=True)
            return runners.claim(books, "r2", most=1, at=22)

        assert writer.run(work) == []

    @pytest.mark.parametrize("how", ["a new runner finds it dead", "it ends by itself", "another node starts"])
    def test_what_a_dead_runner_had_is_free(self, writer: Writer, how: str) -> None:
        def work(books: Books) -> list[Any]:
            received(books, b"a")
            runners.register_runner(books, "r1", boot_id="b", pid=1, node="here", at=10)
            runners.claim(books, "r1", most=1, at=20)
            if how == "it ends by itself":
                runners.end_runner(books, "r1", at=21)
            else:
                node = "here" if how == "a new runner finds it dead" else "there"
                runners.register_runner(books, "r2", boot_id="b", pid=2, node=node, at=21)
            return runners.claim(books, "r2", most=1, at=22)

        assert len(writer.run(work)) == (0 if how == "another node starts" else 1)
