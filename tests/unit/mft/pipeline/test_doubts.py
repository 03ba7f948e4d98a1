"""What holds a file, what a release waives, what an operator holds back; and interchanges that wait by themselves."""

import json
from typing import Any

import pytest

from mft.clock import now_us
from mft.domain import TENANT
from mft.errors import Missing
from mft.ledger import flow_holds
from mft.ledger.acknowledgments import acknowledgments_of
from mft.ledger.database import Row
from mft.ledger.transfers import children_of
from mft.pipeline.conclude import Conclude
from mft.pipeline.deadlines import Due
from mft.pipeline.parse import Parser
from mft.pipeline.release import AddFlowHold, LiftFlowHold, NotWaiting, RejectHeld, ReleaseHeld
from mft.pipeline.upload import Upload
from partners.feed import Feed
from partners.trading_partner import TradingPartner
from tests.harness import sample
from tests.unit.mft.ledger.entries import ACME, OTHER, arrival
from tests.unit.mft.pipeline.conftest import Desk
from tests.unit.mft.pipeline.test_acknowledge import elements, lying, send
from tests.unit.mft.pipeline.test_runner import ORDERS, numbered

PDF = b"%PDF-1.7\n" + b"made up\n" * 20
HL7 = sample("admissions-adt.hl7")
STORES = TradingPartner(name="stores", ids=("ZZ:SAMPLESTORES",))


def from_to(content: bytes, sender: bytes = b"SAMPLESTORES", receiver: bytes = b"EXAMPLEWORKS") -> bytes:
    """X12 with other parties in ISA."""
    head, rest = content[:106], content[106:]
    head = head.replace(b"SAMPLESTORES   ", sender.ljust(15)).replace(b"EXAMPLEWORKS   ", receiver.ljust(15))
    return head + rest


def usage(content: bytes, sign: bytes) -> bytes:
    """X12 with another ISA15."""
    return content[:102] + sign + content[103:]


def release(desk: Desk, parser: Parser, transfer: str) -> Row:
    desk.core.run(ReleaseHeld(transfer, "cli:0", "it is well"))
    desk.turn(parser)
    return desk.row(transfer)


def doubt_of(desk: Desk, row: Row) -> str:
    """The code of what holds a transfer, which its leaf tells, too."""
    assert row["stage"] == "held", row["reason"]
    assert desk.leaf(row["id"], "transfer.held")["facts"] == {"doubt": row["doubt"]}
    assert desk.types(row["id"])[-1] == "transfer.held"
    return str(row["doubt"])


FEEDS: list[tuple[dict[str, Any], bytes, bytes, str]] = [
    ({"expect": "edi"}, b"a.pdf", PDF, "unexpected"),
    ({"expect": ("csv",)}, b"a.edi", ORDERS, "unexpected"),
    ({"min_bytes": 1_000_000}, b"a.edi", ORDERS, "bounds"),
    ({"max_bytes": 10}, b"a.edi", ORDERS, "bounds"),
    ({"min_sets": 3}, b"a.edi", ORDERS, "bounds"),
    ({"max_sets": 1}, b"a.edi", ORDERS, "bounds"),
    ({"pattern": "a.{usage}.edi"}, b"a.prod.edi", ORDERS, "usage"),
    ({"pattern": "a.{usage}.edi"}, b"a.what.edi", ORDERS, "usage"),
    ({"pattern": "a.{usage}.edi"}, b"a.test.edi", usage(ORDERS, b"P"), "usage"),
    ({"usage": "test"}, b"a.edi", usage(ORDERS, b"P"), "usage"),
    ({"usage": "test", "pattern": "a.{usage}.edi"}, b"a.prod.edi", PDF, "usage"),
]


class TestAFeed:
    @pytest.mark.parametrize(("says", "name", "content", "code"), FEEDS)
    def test_holds_what_it_does_not_expect_until_somebody_lets_it_pass(
        self, desk: Desk, parser: Parser, says: dict[str, Any], name: bytes, content: bytes, code: str
    ) -> None:
        desk.agree(feeds=(Feed(name="daily", **says),))
        row = send(desk, parser, name, content)
        assert doubt_of(desk, row) == code
        assert lying(desk) == {}
        assert desk.parts("records", row["id"]) == []
        passed = release(desk, parser, row["id"])
        assert (passed["stage"], passed["waived"], passed["doubt"]) == ("done", code, None)
        assert passed["sets_accepted"] == (0 if content == PDF else 2)
        assert desk.leaf(row["id"], "transfer.released")["facts"] == {"doubt": code, "why": "it is well"}
        assert "transfer.released" in desk.types(row["id"])

    @pytest.mark.parametrize(
        ("says", "name", "content"),
        [
            ({"expect": "edi", "min_sets": 2, "max_sets": 2, "min_bytes": 1}, b"a.edi", ORDERS),
            ({"expect": ("pdf",)}, b"a.pdf", PDF),
            ({"expect": "edi"}, b"a.edi.done", b""),
            ({"empty": "accept"}, b"none-today.edi", b""),
            ({"pattern": "a.{usage}.edi"}, b"a.test.edi", ORDERS),
            ({"pattern": "a.{usage}.edi"}, b"a.P.edi", usage(ORDERS, b"P")),
        ],
    )
    def test_lets_pass_what_it_expects(
        self, desk: Desk, parser: Parser, says: dict[str, Any], name: bytes, content: bytes
    ) -> None:
        desk.agree(feeds=(Feed(name="daily", **says),))
        assert send(desk, parser, name, content)["stage"] == "done"

    def test_a_test_on_a_feed_for_production_is_processed_as_one(self, desk: Desk, parser: Parser) -> None:
        row = send(desk, parser, b"a.edi", ORDERS)
        (records, *_) = [one for one in desk.events(row["id"]) if one["type"] == "mft.records.ready.v1"]
        assert (row["usage"], records["usage"]) == ("T", "T")

    def test_each_interchange_says_for_itself_whether_it_is_a_test(self, desk: Desk, parser: Parser) -> None:
        row = send(desk, parser, b"a.edi", numbered(1) + usage(numbered(2), b"P"))
        usages = [one["usage"] for one in desk.events(row["id"]) if one["type"] == "mft.records.ready.v1"]
        assert usages == ["T", "T", "P", "P"]

    def test_an_empty_file_is_held_and_can_be_let_pass(self, desk: Desk, parser: Parser) -> None:
        row = send(desk, parser, b"a.edi", b"")
        assert doubt_of(desk, row) == "empty"
        assert release(desk, parser, row["id"])["stage"] == "done"


class TestNumbersInNames:
    def numbers(self, desk: Desk, parser: Parser, *names: bytes) -> list[list[str]]:
        desk.agree(feeds=(Feed(name="daily", pattern="{entity}.{sequence}.csv"),))
        found = []
        for index, name in enumerate(names):
            row = send(desk, parser, name, b"a;b\n%d;2\n" % index)
            assert row["stage"] == "done"
            found.append([json.loads(one["body"])["message"] for one in desk.parts("finding", row["id"])])
        return found

    def test_a_gap_is_told_and_holds_nothing(self, desk: Desk, parser: Parser) -> None:
        said = self.numbers(desk, parser, b"east.7.csv", b"west.1.csv", b"east.008.csv", b"east.11.csv", b"east.13.csv")
        assert said[:3] == [[], [], []]
        assert said[3] == ["The name's number is 11, after 8: 9 to 10 is missing."]
        assert said[4] == ["The name's number is 13, after 11: 12 is missing."]

    def test_a_number_that_goes_back_is_told(self, desk: Desk, parser: Parser) -> None:
        said = self.numbers(desk, parser, b"east.7.csv", b"east.7.csv", b"east.1.csv", b"east.2.csv")
        told = ["The name's number is 7, after 7."], ["The name's number is 1, after 7."], []
        assert said == [[], *told]


class TestWhatCameBefore:
    def test_the_same_bytes_are_held_and_the_first_is_named(self, desk: Desk, parser: Parser) -> None:
        first = send(desk, parser, b"a.pdf", PDF)
        row = send(desk, parser, b"b.pdf", PDF)
        assert doubt_of(desk, row) == "duplicate"
        assert row["reason"] == f"the same bytes came before, as transfer {first['id']}"
        assert release(desk, parser, row["id"])["stage"] == "done"

    def test_not_those_of_another_connection(self, desk: Desk, parser: Parser) -> None:
        upload = Upload(desk.vault, TENANT, arrival(b"a.pdf", who=OTHER))
        upload.write(0, memoryview(PDF))
        desk.close(upload)
        desk.turn(parser)
        assert send(desk, parser, b"a.pdf", PDF)["stage"] == "done"

    def test_not_those_of_long_ago(self, desk: Desk, parser: Parser, monkeypatch: pytest.MonkeyPatch) -> None:
        send(desk, parser, b"a.pdf", PDF)
        later = now_us() + 31 * 86_400_000_000
        monkeypatch.setattr("mft.core.now_us", lambda: later)
        assert send(desk, parser, b"b.pdf", PDF)["stage"] == "done"

    def test_of_two_at_once_the_second_to_be_concluded_is_held(
        self, desk: Desk, parser: Parser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, second = desk.receive(b"a.pdf", PDF), desk.receive(b"b.pdf", PDF)
        jobs = {job["id"]: job for job in desk.claim()}
        submit = desk.runner._submit

        def second_first(command: Any) -> Any:
            if isinstance(command, Conclude) and command.transfer == first:
                monkeypatch.undo()
                desk.runner._work(parser, jobs[second])
            return submit(command)

        monkeypatch.setattr(desk.runner, "_submit", second_first)
        desk.runner._work(parser, jobs[first])
        assert (desk.row(second)["stage"], desk.row(first)["stage"]) == ("done", "received")
        desk.turn(parser)
        assert desk.row(first)["reason"] == f"the same bytes came before, as transfer {second}"

    def test_one_that_was_never_processed_does_not_count(self, desk: Desk, parser: Parser) -> None:
        desk.agree(feeds=(Feed(name="daily", min_bytes=1_000_000),))
        assert send(desk, parser, b"a.pdf", PDF)["doubt"] == "bounds"
        desk.agree()
        assert send(desk, parser, b"b.pdf", PDF)["stage"] == "done"

    def test_an_interchange_is_left_to_its_agreement(self, desk: Desk, parser: Parser) -> None:
        first = send(desk, parser, b"a.edi", ORDERS)
        row = send(desk, parser, b"b.edi", ORDERS)
        assert (row["stage"], row["reason"]) == ("done", f"duplicate of {first['id']}")

    def test_a_feed_may_want_to_be_told_or_nothing(self, desk: Desk, parser: Parser) -> None:
        send(desk, parser, b"a.pdf", PDF)
        desk.agree(feeds=(Feed(name="daily", same_content="flag"),))
        flagged = send(desk, parser, b"b.pdf", PDF)
        assert [one["code"] for one in desk.parts("finding", flagged["id"])] == ["feed.same-content"]
        desk.agree(feeds=(Feed(name="daily", same_content="accept"),))
        accepted = send(desk, parser, b"c.pdf", PDF)
        assert (accepted["stage"], desk.parts("finding", accepted["id"])) == ("done", [])

    def test_triggers_are_the_same_every_day(self, desk: Desk, parser: Parser) -> None:
        stages = [send(desk, parser, b"a.edi.done", b"")["stage"] for _ in range(2)]
        assert stages == ["done", "done"]

    @pytest.mark.parametrize(("policy", "stage", "codes"), [("hold", "held", []), ("flag", "done", ["feed.same-name"])])
    def test_the_same_name_where_that_is_asked_for(
        self, desk: Desk, parser: Parser, policy: Any, stage: str, codes: list[str]
    ) -> None:
        desk.agree(feeds=(Feed(name="daily", same_name=policy),))
        send(desk, parser, b"a.pdf", PDF)
        row = send(desk, parser, b"a.pdf", PDF + b"more")
        assert (row["stage"], [one["code"] for one in desk.parts("finding", row["id"])]) == (stage, codes)
        assert row["doubt"] == ("same-name" if stage == "held" else None)


class TestTradingPartners:
    def test_without_any_everybody_may_send(self, desk: Desk, parser: Parser) -> None:
        assert send(desk, parser, b"a.edi", from_to(ORDERS, b"ANYBODY"))["stage"] == "done"

    def test_one_that_is_known_is_named(self, desk: Desk, parser: Parser) -> None:
        desk.agree(trading_partners=(STORES,), our_ids=("EXAMPLEWORKS",))
        row = send(desk, parser, b"a.edi", ORDERS)
        assert row["stage"] == "done"
        assert desk.parts("interchange", row["id"])[0]["trading_partner"] == "stores"
        ready = [one["data"] for one in desk.events(row["id"]) if one["type"] == "mft.records.ready.v1"]
        assert {one["trading_partner"] for one in ready} == {"stores"}

    @pytest.mark.parametrize(
        ("content", "code"),
        [
            (from_to(ORDERS, b"STRANGER"), "sender"),
            (ORDERS.replace(b"*ZZ*SAMPLESTORES", b"*30*SAMPLESTORES"), "sender"),
            (from_to(ORDERS, receiver=b"NOTUS"), "receiver"),
            (HL7, "sender"),
        ],
    )
    def test_one_that_is_not_is_held_and_nothing_goes_back(
        self, desk: Desk, parser: Parser, content: bytes, code: str
    ) -> None:
        desk.agree(trading_partners=(STORES,), our_ids=("ZZ:EXAMPLEWORKS",))
        row = send(desk, parser, b"a.edi", content)
        assert doubt_of(desk, row) == code
        assert b"STRANGER" not in (row["reason"] or "").encode()
        assert lying(desk) == {}
        assert release(desk, parser, row["id"])["stage"] == "done"
        assert len(lying(desk)) == 1

    def test_one_that_becomes_known_needs_no_waiver(self, desk: Desk, parser: Parser) -> None:
        desk.agree(trading_partners=(TradingPartner(name="other", ids=("OTHER",)),))
        row = send(desk, parser, b"a.edi", ORDERS)
        desk.agree(trading_partners=(STORES,))
        assert release(desk, parser, row["id"])["stage"] == "done"
        assert desk.parts("interchange", row["id"])[0]["trading_partner"] == "stores"


class TestSeveralInterchanges:
    def mixed(self, desk: Desk, parser: Parser) -> tuple[Row, list[Row]]:
        """Two that are well and, between and behind them, one of a stranger and one for somebody else."""
        desk.agree(trading_partners=(STORES,), our_ids=("EXAMPLEWORKS",))
        parts = [numbered(1), from_to(numbered(2), b"STRANGER"), numbered(3), from_to(numbered(4), receiver=b"NOTUS")]
        row = send(desk, parser, b"mixed.edi", b"".join(parts))
        return row, children_of(desk.books, row["id"])

    def test_those_that_may_pass_do_and_the_others_wait_as_transfers_of_their_own(
        self, desk: Desk, parser: Parser
    ) -> None:
        row, children = self.mixed(desk, parser)
        assert (row["stage"], row["sets_accepted"]) == ("done", 4)
        assert row["reason"] == "partly done: 2 interchanges wait as transfers of their own"
        assert [one["verdict"] for one in desk.parts("interchange", row["id"])] == [
            "accepted", "held", "accepted", "held",
        ]  # fmt: skip
        assert [(one["stage"], one["doubt"], bytes(one["name_bytes"])) for one in children] == [
            ("held", "sender", b"mixed.2.edi"),
            ("held", "receiver", b"mixed.4.edi"),
        ]
        assert desk.opened(children[0]["object_id"]) == from_to(numbered(2), b"STRANGER")
        assert {one["root_id"] for one in children} == {row["id"]}
        assert not any(one["listed"] for one in children)
        assert [one["interchange"] for one in acknowledgments_of(desk.books, row["id"])] == [1, 3]
        assert desk.kinds(children[0]["id"]) == ["transfer.split-off", "transfer.held"]

    def test_one_that_is_let_pass_is_answered_and_no_duplicate_of_where_it_came_from(
        self, desk: Desk, parser: Parser
    ) -> None:
        _, (stranger, _) = self.mixed(desk, parser)
        row = release(desk, parser, stranger["id"])
        assert (row["stage"], row["sets_accepted"], row["reason"]) == ("done", 2, None)
        (ack,) = acknowledgments_of(desk.books, row["id"])
        assert elements(desk.opened(ack["object_id"]), "ISA")[0][8].strip() == "STRANGER"

    def test_the_whole_file_again_leaves_the_same_two(self, desk: Desk, parser: Parser) -> None:
        first, _ = self.mixed(desk, parser)
        parts = [numbered(1), from_to(numbered(2), b"STRANGER"), numbered(3), from_to(numbered(4), receiver=b"NOTUS")]
        row = send(desk, parser, b"again.edi", b"".join(parts))
        assert (row["stage"], row["reason"]) == ("done", f"duplicate of {first['id']}")
        assert len(children_of(desk.books, row["id"])) == 2

    def test_a_conclusion_that_fails_leaves_nothing_of_them(
        self, desk: Desk, parser: Parser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("mft.vault.store.BLOB_MAX", 100)  # So that each is a file.
        submit = desk.runner._submit

        def refuse(command: Any) -> Any:
            if isinstance(command, Conclude) and command.children:
                raise RuntimeError("a fault")
            return submit(command)

        monkeypatch.setattr(desk.runner, "_submit", refuse)
        row, children = self.mixed(desk, parser)
        assert (row["stage"], children) == ("quarantined", [])
        assert desk.files() == [row["object_id"]]


class TestDeciding:
    def test_a_rejected_file_stays_so_and_says_why(self, desk: Desk, parser: Parser) -> None:
        row = send(desk, parser, b"a.edi", b"")
        desk.core.run(RejectHeld(row["id"], "cli:0", "sent by mistake"))
        row = desk.row(row["id"])
        assert (row["stage"], row["reason"]) == ("rejected", "refused by an operator: sent by mistake")
        assert desk.leaf(row["id"], "transfer.rejected")["actor"] == "cli:0"
        assert desk.events(row["id"])[-1]["data"]["reason"] == "by an operator"
        with pytest.raises(NotWaiting):
            desk.core.run(ReleaseHeld(row["id"], "cli:0"))

    def test_a_quarantined_file_is_tried_again(
        self, desk: Desk, parser: Parser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with monkeypatch.context() as patch:
            patch.setattr("mft.pipeline.reading._SETS_MAX", 1)
            row = send(desk, parser, b"a.edi", ORDERS)
        assert row["stage"] == "quarantined"
        assert release(desk, parser, row["id"])["stage"] == "done"

    @pytest.mark.parametrize("content", [ORDERS, ORDERS[:-40]])
    def test_what_does_not_wait_cannot_be_released(self, desk: Desk, parser: Parser, content: bytes) -> None:
        row = send(desk, parser, b"a.edi", content)
        with pytest.raises(NotWaiting, match=row["stage"]):
            desk.core.run(ReleaseHeld(row["id"], "cli:0"))
        assert desk.row(row["id"])["stage"] == row["stage"]

    def test_every_doubt_is_waived_by_itself(self, desk: Desk, parser: Parser) -> None:
        desk.agree(feeds=(Feed(name="daily", expect="edi", max_bytes=10),))
        row = send(desk, parser, b"a.pdf", PDF)
        assert row["doubt"] == "unexpected"
        row = release(desk, parser, row["id"])
        assert (row["stage"], row["doubt"]) == ("held", "bounds")
        row = release(desk, parser, row["id"])
        assert (row["stage"], row["waived"]) == ("done", "unexpected bounds")


class TestFlowHolds:
    @pytest.mark.parametrize(
        ("named", "fits"),
        [
            ({}, True),
            ({"connection": ACME.connection}, True),
            ({"connection": "another"}, False),
            ({"standard": "x12", "set_code": "850"}, True),
            ({"set_code": "837"}, False),
            ({"feed": "daily"}, True),
            ({"feed": "nightly"}, False),
            ({"sink": "file"}, False),
        ],
    )
    def test_hold_what_fits_and_let_it_go_in_order(
        self, desk: Desk, parser: Parser, named: dict[str, str], *, fits: bool
    ) -> None:
        desk.agree(feeds=(Feed(name="daily"),))
        hold = desk.core.run(AddFlowHold("claims system down", "cli:0", **named))
        rows = [send(desk, parser, b"%d.edi" % number, numbered(number)) for number in range(3)]
        assert {row["stage"] for row in rows} == ({"held"} if fits else {"done"})
        if not fits:
            return
        assert {doubt_of(desk, row) for row in rows} == {"on-hold"}
        assert rows[0]["reason"] == "held back: claims system down"
        assert [row["waiting"] for row in flow_holds.holds(desk.books)] == [3]
        desk.core.run(LiftFlowHold(hold, "cli:0"))
        jobs = desk.claim()
        assert [job["id"] for job in jobs] == [row["id"] for row in rows]
        for job in jobs:
            desk.runner._work(parser, job)
        assert {desk.row(row["id"])["stage"] for row in rows} == {"done"}
        assert desk.row(rows[0]["id"])["waived"] is None

    def test_end_by_themselves(self, desk: Desk, parser: Parser) -> None:
        desk.core.run(AddFlowHold("until six", "cli:0", until=now_us() - 1))
        row = send(desk, parser, b"a.edi", ORDERS)
        assert row["stage"] == "held"
        desk.core.run(Due(expire_before=0, stalled_before=0, incomplete_before=0))
        desk.turn(parser)
        assert desk.row(row["id"])["stage"] == "done"

    def test_one_by_one_is_let_pass_all_the_same(self, desk: Desk, parser: Parser) -> None:
        desk.core.run(AddFlowHold("claims system down", "cli:0"))
        row = send(desk, parser, b"a.edi", ORDERS)
        assert release(desk, parser, row["id"])["stage"] == "done"

    def test_lifted_while_a_file_is_read_hold_it_no_more(
        self, desk: Desk, parser: Parser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        hold = desk.core.run(AddFlowHold("claims system down", "cli:0"))
        submit = desk.runner._submit

        def lift_first(command: Any) -> Any:
            if isinstance(command, Conclude) and command.found["flow_hold"]:
                desk.core.run(LiftFlowHold(hold, "cli:0"))
            return submit(command)

        monkeypatch.setattr(desk.runner, "_submit", lift_first)
        transfer = desk.receive(b"a.edi", ORDERS)
        desk.turn(parser)
        assert desk.row(transfer)["stage"] == "received"
        desk.turn(parser)
        assert desk.row(transfer)["stage"] == "done"

    def test_are_lifted_once(self, desk: Desk) -> None:
        hold = desk.core.run(AddFlowHold("claims system down", "cli:0"))
        desk.core.run(LiftFlowHold(hold, "cli:0"))
        with pytest.raises(Missing):
            desk.core.run(LiftFlowHold(hold, "cli:0"))


def test_a_feed_in_order_is_worked_on_one_by_one(desk: Desk, parser: Parser) -> None:
    desk.agree(feeds=(Feed(name="adt", pattern="*.hl7", in_order=True),))
    first, second = desk.receive(b"1.hl7", HL7), desk.receive(b"2.hl7", HL7)
    other = desk.receive(b"a.edi", ORDERS)
    jobs = desk.claim()
    assert [job["id"] for job in jobs] == [first, other]
    assert desk.claim() == []
    for job in jobs:
        desk.runner._work(parser, job)
    assert [job["id"] for job in desk.claim()] == [second]
