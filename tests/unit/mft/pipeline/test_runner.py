"""What becomes of a file: the stages, leaves, rows and events of every outcome, and of every way to fail."""

import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from mft.domain import ERRORS, Stage
from mft.errors import NoSpace, SyncFailed, UnsealFailed
from mft.ledger import mailboxes, transfers
from mft.ledger.database import Books
from mft.ledger.tables import METADATA, RECORDS, TRANSFER
from mft.pipeline import parse, reading, runner
from mft.pipeline.parse import Parser, ParserDied, ParserTooSlow
from mft.pipeline.runner import Claim, GiveBack, Runner
from parsers.events import Finished, Identified, SetClosed
from parsers.guides.terms import Judging
from tests.harness import eventually, sample
from tests.unit.mft.ledger.entries import ACME
from tests.unit.mft.pipeline.conftest import Desk

ORDERS = sample("orders-850.edi")
EDIFACT = b"UNB+UNOC:3+SENDER+RECEIVER+260302:0915+1'UNH+1+PARTIN:D:95B:UN'UNT+2+1'UNZ+1+1'"


def numbered(number: int, content: bytes = ORDERS) -> bytes:
    """An interchange of the sample's under another control number."""
    return content.replace(b"000002001", b"%09d" % number)


def of_sets(*sets: bytes) -> bytes:
    """The sample's interchange around other sets."""
    head, rest = ORDERS[: ORDERS.index(b"ST*850")], ORDERS[ORDERS.index(b"GE*") :]
    return head + b"".join(sets) + re.sub(rb"GE\*\d+", b"GE*%d" % len(sets), rest, count=1)


def order(number: int, *, count: int | None = None) -> bytes:
    """The sample's first 850 under another number; `count` is what SE01 says instead of the truth."""
    found = re.search(rb"ST\*850.*?SE\*(\d+)\*\d+~\s*", ORDERS, re.DOTALL)
    assert found
    body = re.sub(rb"ST\*850\*\d+", b"ST*850*%04d" % number, found[0])
    return re.sub(rb"SE\*(\d+)\*\d+", b"SE*%d*%04d" % (count or int(found[1]), number), body)


NO_MAP = b"ST*811*0009~\nBIG*20260302*1~\nSE*3*0009~\n"

OUTCOMES: dict[str, tuple[bytes, str, list[str], list[str]]] = {
    # content, stage, stages that leave a leaf behind "received", events behind "received"
    "complete": (
        ORDERS,
        "done",
        ["identified", "parsed", "validated", "canonicalized", "acknowledged", "done"],
        ["transfer.parsed", "records.ready", "records.ready", "transfer.completed", "ack.sent"],
    ),
    "rejected": (
        sample("claims-wrong-count.edi"),
        "rejected",
        ["identified", "parsed", "validated", "acknowledged", "rejected"],
        ["transfer.parsed", "transfer.rejected", "ack.sent"],
    ),
    "incomplete": (
        sample("claims-cut-off.edi"),
        "incomplete",
        ["identified", "incomplete"],
        [],
    ),
    "incomplete behind a good set": (
        of_sets(order(1), order(2))[:-300],
        "incomplete",
        ["identified", "incomplete"],
        [],
    ),
    "unsupported": (EDIFACT, "unsupported", ["identified", "parsed", "unsupported"],
                    ["transfer.parsed", "transfer.held"]),
    "no map": (of_sets(NO_MAP), "unsupported", ["identified", "parsed", "unsupported"],
               ["transfer.parsed", "transfer.held"]),
    "wrapped": (b"\x1f\x8b\x08\x00" + bytes(20), "unsupported", ["identified", "unsupported"], ["transfer.held"]),
    "opaque": (sample("remittance-note.pdf"), "done", ["identified", "done"], ["transfer.completed"]),
    "empty": (b"", "held", ["identified", "held"], ["transfer.held"]),
    "blank": (b" \r\n\r\n", "held", ["identified", "held"], ["transfer.held"]),
    "mixed": (
        of_sets(order(1), order(2, count=99), order(3)),
        "done",
        ["identified", "parsed", "validated", "canonicalized", "acknowledged", "done"],
        ["transfer.parsed", "records.ready", "records.ready", "transfer.completed", "ack.sent"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_every_outcome_has_its_stages_leaves_and_events(desk: Desk, parser: Parser, outcome: str) -> None:
    content, stage, stages, events = OUTCOMES[outcome]
    transfer = desk.receive(b"file", content)
    assert desk.turn(parser) == 1
    row = desk.row(transfer)
    assert (row["stage"], row["runner"], row["attempt"]) == (stage, None, 1)
    assert desk.kinds(transfer) == ["transfer.received", *(f"transfer.{name}" for name in stages)]
    # Half a file is told of by time alone, and to operators.
    assert desk.types(transfer) == ([] if stage == "incomplete" else ["transfer.received", *events])
    assert desk.turn(parser) == 0
    ready = desk.types(transfer).count("records.ready")
    assert len(desk.parts("records", transfer)) == ready


def test_a_good_file_is_told_row_by_row(desk: Desk, parser: Parser) -> None:
    transfer = desk.receive(b"orders.edi", ORDERS)
    desk.turn(parser)
    row = desk.row(transfer)
    assert (row["standard"], row["version"], json.loads(row["sets"]), row["usage"]) == ("x12", "00401", ["850"], "T")
    assert (row["sets_accepted"], row["sets_rejected"], row["reason"]) == (2, 0, None)
    assert json.loads(row["evidence"]) == {"trailer": "seen"}
    (interchange,) = desk.parts("interchange", transfer)
    assert (interchange["control_number"], interchange["verdict"]) == ("000002001", "accepted")
    assert interchange["end_offset"] <= len(ORDERS)
    (group,) = desk.parts("functional_group", transfer)
    assert (group["functional_id"], group["control_number"]) == ("PO", "2001")
    sets = desk.parts("transaction_set", transfer)
    assert [(one["control_number"], one["verdict"], one["records"]) for one in sets] == [
        ("0001", "accepted", 1),
        ("0002", "accepted", 1),
    ]
    assert [finding for finding in desk.parts("finding", transfer) if finding["severity"] != "info"] == []
    kept = desk.parts("records", transfer)
    ready = [event for event in desk.events(transfer) if event["type"] == "mft.records.ready.v1"]
    for records, event in zip(kept, ready, strict=True):
        lines = desk.opened(records["object_id"]).splitlines()
        assert len(lines) == records["records"] == event["data"]["records"] == 1
        assert json.loads(lines[0])["number"].startswith("PO-26-01")
        place = f"{records['set_position']}@{records['map_version']}"
        assert event["data"]["ref"] == f"mft:/transfers/{transfer}/records/{place}"
        assert event["data"]["record_schema"] == records["record_schema"]
        assert (event["partner"], event["standard"], event["usage"]) == ("acme", "x12", "T")
    assert row["map_version"] == kept[0]["map_version"]


def test_a_mixed_file_keeps_the_records_of_its_good_sets_only(desk: Desk, parser: Parser) -> None:
    transfer = desk.receive(b"mixed.edi", OUTCOMES["mixed"][0])
    desk.turn(parser)
    row = desk.row(transfer)
    assert (row["sets_accepted"], row["sets_rejected"]) == (2, 1)
    assert row["reason"] == "partly done: 1 set was rejected"
    assert [one["set_position"] for one in desk.parts("records", transfer)] == [1, 3]
    verdicts = [one["verdict"] for one in desk.parts("transaction_set", transfer)]
    assert verdicts == ["accepted", "rejected", "accepted"]
    assert desk.leaf(transfer, "transfer.done")["facts"] == {"sets_accepted": 2, "sets_rejected": 1}
    codes = [finding["code"] for finding in desk.parts("finding", transfer)]
    assert "x12.se01-count-mismatch" in codes
    assert len(reports(desk)) == 1


def reports(desk: Desk) -> list[dict[str, Any]]:
    return mailboxes.listing(desk.books, ACME.connection, ERRORS, since=0)


def test_records_of_a_later_map_supersede_those_of_an_earlier_one(desk: Desk, parser: Parser) -> None:
    transfer = desk.receive(b"orders.edi", ORDERS)
    desk.turn(parser)

    def as_of_old(books: Books) -> None:
        """The same transfer as an earlier version of mft left it, and about to be read again."""
        books.execute(update(RECORDS).values(map_version="850-0", created_at=1))
        for part in ("interchange", "functional_group", "transaction_set", "acknowledgment"):
            books.execute(delete(METADATA.tables[part]))
        books.execute(update(TRANSFER).where(TRANSFER.c.id == transfer).values(stage="received"))

    desk.core.writer.run(as_of_old)
    desk.turn(parser)
    rows = [
        (row["set_position"], row["map_version"] == "850-0", row["superseded"])
        for row in desk.parts("records", transfer)
    ]
    assert sorted(rows) == [(1, False, 0), (1, True, 1), (2, False, 0), (2, True, 1)]


@pytest.mark.parametrize(
    ("outcome", "reported"),
    [("complete", False), ("rejected", True), ("incomplete", True), ("unsupported", False), ("opaque", False),
     ("empty", False)],
)  # fmt: skip
def test_a_partner_is_told_what_was_wrong_with_theirs(
    desk: Desk, parser: Parser, outcome: str, *, reported: bool
) -> None:
    transfer = desk.receive(b"bad\xff.edi", OUTCOMES[outcome][0])
    desk.turn(parser)
    assert len(reports(desk)) == int(reported)
    for report in reports(desk):
        assert bytes(report["name_bytes"]) == b"bad\xff.edi." + transfer.encode() + b".txt"
        text = desk.opened(report["object_id"]).decode()
        for words in (r"bad\xff.edi", transfer, desk.row(transfer)["reason"], "what to do", "send it again whole"):
            assert words in text
        deposited = desk.row(report["id"])
        assert (deposited["parent_id"], deposited["root_id"], deposited["direction"]) == (
            transfer,
            transfer,
            "outbound",
        )
        assert desk.kinds(report["id"]) == ["transfer.deposited"]
        assert desk.types(report["id"]) == []


@pytest.mark.parametrize("outcome", ["rejected", "incomplete", "mixed"])
def test_no_value_of_the_file_stands_in_leaf_event_or_reason(desk: Desk, parser: Parser, outcome: str) -> None:
    transfer = desk.receive(b"file", OUTCOMES[outcome][0])
    desk.turn(parser)
    told = json.dumps([desk.events(transfer), desk.row(transfer)["reason"]])
    bodies = [bytes(row["body"]) for row in desk.books.rows(all_leaves())]
    for value in ("TESTPERSON", "SAMPLE CLINIC", "BLUE-CUP", "KETTLE", "PO-26-0101"):
        assert value not in told
        assert all(value.encode() not in body for body in bodies)


def all_leaves() -> Any:
    from sqlalchemy import select

    from mft.ledger.tables import LEAF

    return select(LEAF.c.body)


def test_records_too_large_for_the_ledger_are_files_and_of_a_rejected_set_none(desk: Desk, parser: Parser) -> None:
    line = re.search(rb"PO1\*1\*.*?~\s*", ORDERS)
    assert line
    many = line[0] * 1500
    good = order(1).replace(line[0], many)
    good = re.sub(rb"SE\*\d+", b"SE*%d" % good.count(b"~"), good)
    bad = re.sub(rb"SE\*\d+", b"SE*7", good)
    transfer = desk.receive(b"large.edi", of_sets(good, bad))
    before = set(desk.files())
    desk.turn(parser)
    (kept,) = desk.parts("records", transfer)
    assert set(desk.files()) - before == {kept["object_id"]}
    assert desk.row(transfer)["sets_accepted"] == 1


class Fake:
    """A parser's double that answers as it is told."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)

    def read(self, chunks: Iterator[bytes], judging: Judging) -> Iterator[Any]:
        for answer in self.answers:
            if isinstance(answer, BaseException):
                raise answer
            if callable(answer):
                answer()
            else:
                yield answer


IDENTIFIED = Identified(standard="text")
FINISHED = Finished(outcome="opaque", interchanges=0, sets=0, records=0, size_bytes=5)


def test_a_file_that_kills_its_parser_is_tried_three_times_and_quarantined(desk: Desk) -> None:
    transfer = desk.receive(b"bomb.edi", b"bomb")
    turns = 0
    while desk.turn(Fake(IDENTIFIED, ParserDied("the parser process ended"))):  # type: ignore[arg-type]
        turns += 1
    row = desk.row(transfer)
    assert (turns, row["attempt"], row["stage"]) == (3, 3, "quarantined")
    assert row["reason"] == "the parser process ended, 3 times"
    assert desk.kinds(transfer) == ["transfer.received", "transfer.quarantined"]
    assert desk.types(transfer) == ["transfer.received", "transfer.quarantined"]
    assert desk.leaf(transfer, "transfer.quarantined")["facts"] == {"attempts": 3}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ParserTooSlow("reading took longer than 1 seconds"), "reading took longer than 1 seconds"),
        (UnsealFailed("a sealed object is cut short"), "a sealed object is cut short"),
        (KeyError("a value out of the file"), "a fault of mft itself (KeyError)"),
    ],
)
def test_what_another_try_would_repeat_is_quarantined_at_once(desk: Desk, error: Exception, reason: str) -> None:
    transfer = desk.receive(b"slow.edi", b"slow")
    desk.turn(Fake(IDENTIFIED, error))  # type: ignore[arg-type]
    row = desk.row(transfer)
    assert (row["stage"], row["reason"], row["attempt"]) == ("quarantined", reason, 1)
    assert desk.types(transfer) == ["transfer.received", "transfer.quarantined"]


@pytest.mark.parametrize(
    "answers",
    [
        (FINISHED,),  # Nothing was identified.
        (IDENTIFIED,),  # Nothing was finished.
        (IDENTIFIED, SetClosed(index=7, verdict="accepted", end_offset=1, records=1, record_schema="x/1", map_version="x"),
         FINISHED),
    ],
)  # fmt: skip
def test_a_parser_that_makes_no_sense_harms_one_file(desk: Desk, parser: Parser, answers: tuple[Any, ...]) -> None:
    odd = desk.receive(b"odd.edi", b"odd")
    desk.turn(Fake(*answers))  # type: ignore[arg-type]
    good = desk.receive(b"good.edi", ORDERS)
    desk.turn(parser)
    assert desk.row(odd)["stage"] == "quarantined"
    assert desk.row(good)["stage"] == "done"


def test_a_full_disk_is_the_files_fault_never(desk: Desk, parser: Parser) -> None:
    transfer = desk.receive(b"orders.edi", ORDERS)
    for _ in range(5):
        desk.turn(Fake(IDENTIFIED, NoSpace("full")))  # type: ignore[arg-type]
    assert desk.row(transfer)["stage"] == "received"
    desk.turn(parser)
    assert desk.row(transfer)["stage"] == "done"


def test_a_broken_disk_ends_the_runner_and_leaves_the_claim(desk: Desk) -> None:
    transfer = desk.receive(b"orders.edi", ORDERS)
    with pytest.raises(SyncFailed):
        desk.turn(Fake(IDENTIFIED, SyncFailed("broken")))  # type: ignore[arg-type]
    assert desk.row(transfer)["runner"] == desk.runner.id


def test_a_file_that_never_comes_to_an_end_is_parked(desk: Desk, parser: Parser) -> None:
    transfer = desk.receive(b"orders.edi", ORDERS)
    for attempt in range(1, runner._CLAIMS_MAX + 1):  # As if the server had died with it, over and over.
        desk.core.run(Claim(desk.runner.id, 1))
        desk.core.run(GiveBack(transfer, desk.runner.id, attempt))
    desk.turn(parser)
    assert desk.row(transfer)["stage"] == "quarantined"


def test_too_many_sets_in_one_file_are_parked_with_words(
    desk: Desk, parser: Parser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_SETS_MAX", 2)
    transfer = desk.receive(b"large.edi", of_sets(*(order(number) for number in range(1, 4))))
    desk.turn(parser)
    assert desk.row(transfer)["stage"] == "quarantined"
    assert "send it in parts" in desk.row(transfer)["reason"]


def test_too_many_interchanges_in_one_file_are_parked_with_words(
    desk: Desk, parser: Parser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_INTERCHANGES_MAX", 2)
    transfer = desk.receive(b"large.edi", b"".join(numbered(number) for number in range(3)))
    desk.turn(parser)
    assert desk.row(transfer)["stage"] == "quarantined"
    assert "more than 2 interchanges" in desk.row(transfer)["reason"]


@pytest.mark.parametrize("then", ["concludes", "dies", "is refused"])
def test_a_claim_that_was_lost_counts_for_nothing(desk: Desk, parser: Parser, then: str) -> None:
    transfer = desk.receive(b"large.edi", of_sets(*(order(number) for number in range(1, 4))))
    files = desk.files()

    def lose() -> None:
        desk.core.run(GiveBack(transfer, desk.runner.id, 1))

    ends = {"concludes": FINISHED, "dies": ParserDied("died"), "is refused": UnsealFailed("altered")}[then]
    desk.turn(Fake(IDENTIFIED, lose, ends))  # type: ignore[arg-type]
    assert desk.row(transfer)["stage"] == "received"
    assert desk.kinds(transfer) == ["transfer.received"]
    assert desk.types(transfer) == []
    assert desk.files() == files
    desk.turn(parser)
    assert (desk.row(transfer)["stage"], desk.row(transfer)["attempt"]) == ("done", 2)


class TestThreads:
    """The runner by itself, with its own threads and parser processes."""

    def test_works_on_what_arrives_and_stops(self, desk: Desk) -> None:
        ours = Runner(
            vault=desk.vault,
            readers=desk.readers,
            submit=desk.core.run,
            on_broken=lambda error: None,
            threads=2,
            memory_mib=1024,
            seconds=60,
        )
        desk.core.on("arrived", ours.wake)
        ours.start()
        try:
            waiting = [desk.receive(b"%d.edi" % number, numbered(number)) for number in range(6)]
            eventually(lambda: transfers.counts(desk.books) == {"done": 12}, what="all are done, and acknowledged")
            assert all(len(desk.parts("records", transfer)) == 2 for transfer in waiting)
        finally:
            ours.stop()
        assert not any(thread.is_alive() for thread in ours._threads)

    def test_a_killed_parser_is_replaced_and_the_file_read_again(
        self, desk: Desk, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The process is killed by its id in the middle of a file that is larger than the pipes."""
        first = Parser(memory_mib=1024, seconds=60)
        large = of_sets(*(order(number) for number in range(1, 1000)))
        transfer = desk.receive(b"large.edi", large)
        killed: list[int] = []
        take = reading.Reading.take

        def taking(self: Any, event: Any) -> None:
            if not killed and first._process is not None and isinstance(event, SetClosed):
                killed.append(first._process.pid)
                os.kill(first._process.pid, signal.SIGKILL)
            take(self, event)

        monkeypatch.setattr(reading.Reading, "take", taking)
        try:
            assert desk.turn(first) == 1
            assert (desk.row(transfer)["stage"], desk.kinds(transfer)) == ("received", ["transfer.received"])
            assert desk.turn(first) == 1
        finally:
            first.close()
        assert len(killed) == 1
        row = desk.row(transfer)
        assert (row["stage"], row["attempt"], row["sets_accepted"]) == ("done", 2, 999)


class TestParser:
    def fake_worker(self, script: str) -> Parser:
        parser = Parser.__new__(Parser)
        Parser.__init__(parser, memory_mib=256, seconds=60)
        parser.close()
        parser._arguments = [parser._arguments[0], "-c", script]
        return parser

    @pytest.mark.parametrize(
        "script",
        [
            "pass",
            "import sys; sys.exit(3)",
            "import os; os.kill(os.getpid(), 11)",
            "import sys; sys.stdout.buffer.write(b'\\0\\0\\0\\5hello'); sys.stdout.flush(); sys.stdin.buffer.read()",
            "import sys; sys.stdin.buffer.read(4); sys.stdout.buffer.write(b'\\0\\0\\1\\0half')",
        ],
    )
    def test_a_process_that_does_not_answer_in_events_has_died(self, script: str) -> None:
        parser = self.fake_worker(script)
        with pytest.raises(ParserDied):
            list(parser.read(iter([b"x" * 1_000_000])))
        assert parser._process is None  # And was waited for.

    def test_a_process_that_hangs_is_ended(self) -> None:
        parser = self.fake_worker("import sys; sys.stdin.buffer.read(); input()")
        parser._seconds = 0
        with pytest.raises(ParserTooSlow):
            list(parser.read(iter([b"x"])))
        assert parser._process is None

    def test_one_process_reads_many_files_and_then_makes_way(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(parse, "_JOBS_MAX", 2)
        parser = Parser(memory_mib=1024, seconds=60)
        pids = []
        for _ in range(4):
            events = list(parser.read(iter([ORDERS[:100], ORDERS[100:]])))
            assert isinstance(events[0], Identified)
            assert isinstance(events[-1], Finished)
            assert events[-1].size_bytes == len(ORDERS)
            assert parser._process is not None
            pids.append(parser._process.pid)
        parser.close()
        assert pids[0] == pids[1] != pids[2] == pids[3]

    def test_a_reader_that_stops_in_the_middle_gets_a_fresh_process_next(self, parser: Parser) -> None:
        reading = parser.read(iter([ORDERS]))
        next(reading)
        reading.close()
        assert isinstance(list(parser.read(iter([b""])))[-1], Finished)

    def test_the_process_has_no_secrets_of_ours_around_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MFT_SECRET", "s3cret")
        parser = self.fake_worker("pass")
        process = parser._start()
        environment = Path(f"/proc/{process.pid}/environ").read_bytes()
        parser.close()
        assert b"s3cret" not in environment


def test_every_stage_of_the_runner_has_a_way_on() -> None:
    from mft.domain import NEXT_STAGES

    assert set(NEXT_STAGES) == set(Stage)
