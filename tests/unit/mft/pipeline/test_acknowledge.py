"""What goes back for a file: answers and their numbers, what came before, what was agreed, and no answer twice."""

import json
import re
from typing import Any

import pytest
from sqlalchemy import update

import parsers
from mft.domain import ERRORS, OUTBOUND
from mft.ledger import mailboxes
from mft.ledger.acknowledgments import acknowledgments_of
from mft.ledger.control_numbers import Scope
from mft.ledger.tables import CONTROL_NUMBER
from mft.pipeline import acknowledge
from mft.pipeline.acknowledge import AllocateNumbers, Overtaken
from mft.pipeline.conclude import Conclude
from mft.pipeline.parse import Parser
from parsers.judged import interchanges
from partners.agreement import Agreement
from tests.harness import sample
from tests.unit.mft.ledger.entries import ACME, arrival
from tests.unit.mft.pipeline.conftest import Desk
from tests.unit.mft.pipeline.test_runner import EDIFACT, NO_MAP, ORDERS, numbered, of_sets, order

CLAIMS = sample("claims-837p.edi")
WRONG_COUNT = sample("claims-wrong-count.edi")
HL7 = sample("admissions-adt.hl7")


def lying(desk: Desk, folder: bytes = OUTBOUND) -> dict[bytes, bytes]:
    """What acme finds in a folder: content by name."""
    rows = mailboxes.listing(desk.books, ACME.connection, folder, since=0)
    return {bytes(row["name_bytes"]): desk.opened(row["object_id"]) for row in rows}


def send(desk: Desk, parser: Parser, name: bytes, content: bytes) -> dict[str, Any]:
    transfer = desk.receive(name, content)
    desk.turn(parser)
    return desk.row(transfer)


def elements(content: bytes, tag: str) -> list[list[str]]:
    """The segments of that tag, split."""
    return [one.split("*") for one in content.decode().replace("\n", "").split("~") if one.startswith(tag + "*")]


class TestAGoodFile:
    def test_is_answered_by_one_file_that_our_own_parser_reads(self, desk: Desk, parser: Parser) -> None:
        row = send(desk, parser, b"claims.edi", CLAIMS)
        ((name, content),) = lying(desk).items()
        assert name == b"claims.edi.999"
        (answer,) = interchanges(parsers.read([content]))
        assert not answer.failed
        assert (answer.opened.sender, answer.opened.receiver) == ("SAMPLEPAYER", "SAMPLESENDER")
        assert answer.opened.control_number == "000000001"
        (group,) = elements(content, "AK1")
        assert group[1:] == ["HC", "1001", "005010X222A1"]
        assert [one[1] for one in elements(content, "IK5")] == ["A"]
        assert [one[1] for one in elements(content, "AK9")] == ["A"]
        assert row["stage"] == "done"

    def test_is_told_in_rows_leaves_and_events(self, desk: Desk, parser: Parser) -> None:
        row = send(desk, parser, b"claims.edi", CLAIMS)
        (told,) = acknowledgments_of(desk.books, row["id"])
        assert (told["kinds"], told["verdict"], told["control_number"]) == ("999", "accepted", "000000001")
        assert (told["repeats"], told["fetched_at"]) == (None, None)
        ack = desk.row(told["outbound_id"])
        assert (ack["parent_id"], ack["root_id"], ack["direction"]) == (row["id"], row["id"], "outbound")
        assert (ack["standard"], ack["sets"], ack["usage"]) == ("x12", '["999"]', "T")
        assert desk.leaf(row["id"], "transfer.acknowledged")["facts"] == {"kinds": "999", "sent": 1}
        facts = desk.leaf(ack["id"], "transfer.deposited")["facts"]
        assert (facts["kinds"], facts["verdict"], facts["control_number"]) == ("999", "accepted", "000000001")
        assert desk.leaf(row["id"], "transfer.validated")["facts"] == {
            "findings": 0,
            "sets_accepted": 1,
            "sets_rejected": 0,
            "guides": "x12/005010X222A1",
            "profile": None,
        }
        (one,) = desk.parts("transaction_set", row["id"])
        assert one["guide"] == "x12/005010X222A1"
        assert re.fullmatch(r"[0-9a-f]{64}", one["guide_hash"])
        event = desk.events(row["id"])[-1]
        assert (event["type"], event["subject"]) == ("mft.ack.sent.v1", row["id"])
        assert event["data"] == {
            "connection": ACME.connection,
            "ack": ack["id"],
            "folder": "/outbound",
            "name": "claims.edi.999",
            "kinds": "999",
            "verdict": "accepted",
            "control_number": "000000001",
            "interchange": 1,
            "repeated": False,
        }

    def test_numbers_are_counted_for_each_pair_of_parties(self, desk: Desk, parser: Parser) -> None:
        for number in range(3):
            send(desk, parser, b"%d.edi" % number, numbered(number))
        send(desk, parser, b"claims.edi", CLAIMS)
        ours = {name: elements(content, "ISA")[0][13] for name, content in lying(desk).items()}
        assert sorted(ours.values()) == ["000000001", "000000001", "000000002", "000000003"]
        groups = {name: elements(content, "GS")[0][6] for name, content in lying(desk).items()}
        assert groups[b"2.edi.997"] == "3"


class TestARejectedFile:
    def test_is_answered_and_reported(self, desk: Desk, parser: Parser) -> None:
        row = send(desk, parser, b"claims.edi", WRONG_COUNT)
        assert row["stage"] == "rejected"
        (content,) = lying(desk).values()
        assert [one[1:3] for one in elements(content, "IK5")] == [["R", "4"]]
        assert len(lying(desk, ERRORS)) == 1
        assert desk.parts("records", row["id"]) == []

    def test_siblings_flow_on(self, desk: Desk, parser: Parser) -> None:
        row = send(desk, parser, b"mixed.edi", of_sets(order(1), order(2, count=99), order(3)))
        assert (row["stage"], row["sets_accepted"], row["sets_rejected"]) == ("done", 2, 1)
        (content,) = lying(desk).values()
        assert [one[1] for one in elements(content, "AK5")] == ["A", "R", "A"]
        assert elements(content, "AK9")[0][1:] == ["P", "3", "3", "2"]
        assert acknowledgments_of(desk.books, row["id"])[0]["verdict"] == "partial"

    def test_siblings_do_not_where_all_or_nothing_was_agreed(self, desk: Desk, parser: Parser) -> None:
        desk.agree(Agreement(standard="x12", all_or_nothing=True))
        two_groups = of_sets(order(1), order(2, count=99)).replace(b"IEA*1", b"IEA*2")
        group = re.search(rb"GS\*.*?GE\*\d+\*\d+~\s*", of_sets(order(3)), re.DOTALL)
        assert group
        second = group[0].replace(b"*2001*", b"*2002*").replace(b"*2001~", b"*2002~")
        row = send(desk, parser, b"mixed.edi", two_groups.replace(b"IEA*2", second + b"IEA*2"))
        assert (row["stage"], row["sets_accepted"], row["sets_rejected"]) == ("rejected", 0, 3)
        assert desk.parts("records", row["id"]) == []
        (content,) = lying(desk).values()
        assert {one[1] for one in elements(content, "AK9")} == {"R"}
        codes = [finding["code"] for finding in desk.parts("finding", row["id"]) if finding["severity"] == "error"]
        assert codes == ["x12.se01-count-mismatch", "x12.all-or-nothing"]

    def test_a_broken_envelope_rejects_what_is_inside_whether_it_is_told_or_not(
        self, desk: Desk, parser: Parser
    ) -> None:
        for number, agreed in enumerate((Agreement(), Agreement(acknowledge="none"))):
            desk.agree(agreed)
            broken = numbered(number).replace(b"IEA*1*", b"IEA*7*")
            row = send(desk, parser, b"%d.edi" % number, broken)
            assert (row["stage"], row["sets_accepted"]) == ("rejected", 0)
        assert list(lying(desk)) == [b"0.edi.ta1"]
        assert elements(lying(desk)[b"0.edi.ta1"], "TA1")[0][4:] == ["R", "021"]


class TestNoAnswer:
    @pytest.mark.parametrize(
        ("content", "agreed"),
        [
            (sample("claims-cut-off.edi"), Agreement()),
            (sample("remittance-note.pdf"), Agreement()),
            (b"", Agreement()),
            (HL7.replace(b"|AL|", b"||"), Agreement()),  # Nobody asks.
            (EDIFACT, Agreement()),
            (of_sets(NO_MAP), Agreement()),  # It waits for a newer parser.
            (CLAIMS, Agreement(acknowledge="none")),
            (CLAIMS, Agreement(acknowledge="contrl")),
        ],
    )
    def test_goes_back(self, desk: Desk, parser: Parser, content: bytes, agreed: Agreement) -> None:
        desk.agree(agreed)
        row = send(desk, parser, b"file", content)
        assert lying(desk) == {}
        assert "transfer.acknowledged" not in desk.kinds(row["id"])
        assert acknowledgments_of(desk.books, row["id"]) == []

    def test_for_what_is_held(self, desk: Desk, parser: Parser) -> None:
        desk.receive(b"orders.edi.sha256", b"0" * 64)
        desk.turn(parser)
        row = send(desk, parser, b"orders.edi", ORDERS)
        assert row["stage"] == "held"
        assert lying(desk) == {}


class TestWhatWasAgreed:
    def test_the_kind_the_folder_and_the_name(self, desk: Desk, parser: Parser) -> None:
        desk.agree(
            Agreement(standard="hl7", acknowledge="hl7"),
            Agreement(
                set="837",
                usage="T",
                acknowledge="997",
                ack_folder="/outbound/acks",
                ack_name="{stem}-{control_number}-{number}.{kind}",
            ),
        )
        send(desk, parser, b"claims.edi", CLAIMS)
        send(desk, parser, b"admissions.hl7", HL7)
        assert list(lying(desk)) == [b"admissions.hl7.ack"]
        assert list(lying(desk, b"/outbound/acks")) == [b"claims-000001001-000000001.997"]

    def test_levels_decide(self, desk: Desk, parser: Parser) -> None:
        wrong_total = re.sub(rb"CLM\*([^*]*)\*[^*]*", rb"CLM*\1*999999", CLAIMS, count=1)
        row = send(desk, parser, b"claims.edi", wrong_total)
        assert row["stage"] == "done"
        assert any(one["code"] == "x12.balance" for one in desk.parts("finding", row["id"]))
        desk.agree(Agreement(set="837", levels={3: "reject"}, duplicate_days=0))
        assert send(desk, parser, b"claims.edi", wrong_total)["stage"] == "rejected"

    @pytest.mark.parametrize("quoted", [True, False])
    def test_whether_wrong_codes_are_quoted(self, desk: Desk, parser: Parser, *, quoted: bool) -> None:
        desk.agree(Agreement(quote_codes=quoted))
        wrong = CLAIMS.replace(b"PRV*BI*PXC*", b"PRV*BI*QQQ*")
        row = send(desk, parser, b"claims.edi", wrong)
        (content,) = lying(desk).values()
        assert row["stage"] == "rejected"
        assert (b"QQQ" in content) is quoted
        assert b"QQQ" not in json.dumps(desk.parts("finding", row["id"])).encode()

    def test_nobodys_acknowledgment_vanishes_under_anothers_name(self, desk: Desk, parser: Parser) -> None:
        for number in range(3):
            send(desk, parser, b"orders.edi", numbered(number))
        assert list(lying(desk)) == [b"orders.edi.000000002.997", b"orders.edi.000000003.997", b"orders.edi.997"]

    def test_several_interchanges_have_an_answer_each(self, desk: Desk, parser: Parser) -> None:
        row = send(desk, parser, b"orders.edi", numbered(1) + numbered(2))
        assert list(lying(desk)) == [b"orders.edi.000000002.997", b"orders.edi.997"]
        assert [one["interchange"] for one in acknowledgments_of(desk.books, row["id"])] == [1, 2]
        assert desk.leaf(row["id"], "transfer.acknowledged")["facts"] == {"kinds": "997", "sent": 2}


class TestTheSameAgain:
    @pytest.mark.parametrize("content", [CLAIMS, WRONG_COUNT])
    def test_is_answered_by_the_same_bytes_and_not_processed(self, desk: Desk, parser: Parser, content: bytes) -> None:
        first = send(desk, parser, b"claims.edi", content)
        (answered,) = lying(desk).values()
        reported = lying(desk, ERRORS)
        again = send(desk, parser, b"again.edi", content)
        assert (again["stage"], again["reason"]) == ("done", f"duplicate of {first['id']}")
        assert (again["sets_accepted"], again["sets_rejected"]) == (0, 0)
        assert lying(desk) == {b"claims.edi.999": answered, b"again.edi.999": answered}
        assert lying(desk, ERRORS) == reported
        assert desk.parts("records", again["id"]) == []
        assert desk.types(again["id"]) == ["transfer.received", "transfer.parsed", "transfer.duplicate", "ack.sent"]
        assert desk.events(again["id"])[2]["data"]["duplicate_of"] == first["id"]
        assert desk.leaf(again["id"], "transfer.done")["facts"]["duplicate_of"] == first["id"]
        (told,) = acknowledgments_of(desk.books, again["id"])
        assert (told["repeats"], told["control_number"]) == (first["id"], "000000001")
        third = send(desk, parser, b"claims.edi", content)  # And again: always the first one's.
        assert third["reason"] == f"duplicate of {first['id']}"
        assert lying(desk) == {b"claims.edi.999": answered, b"again.edi.999": answered}

    def test_leaves_nothing_behind_in_the_vault(self, desk: Desk, parser: Parser) -> None:
        line = re.search(rb"PO1\*1\*.*?~\s*", ORDERS)
        assert line
        large = order(1).replace(line[0], line[0] * 1500)
        large = of_sets(re.sub(rb"SE\*\d+", b"SE*%d" % large.count(b"~"), large))
        send(desk, parser, b"large.edi", large)
        before = len(desk.files())
        send(desk, parser, b"large.edi", large)
        assert len(desk.files()) == before + 1  # The file itself, and none of its records.

    @pytest.mark.parametrize(
        ("policy", "names"),
        [
            ("ta1-025", [b"again.edi.ta1", b"claims.edi.999"]),
            ("silent", [b"claims.edi.999"]),
        ],
    )
    def test_gets_what_was_agreed(self, desk: Desk, parser: Parser, policy: Any, names: list[bytes]) -> None:
        desk.agree(Agreement(duplicates=policy))
        send(desk, parser, b"claims.edi", CLAIMS)
        row = send(desk, parser, b"again.edi", CLAIMS)
        assert (row["stage"], desk.parts("records", row["id"])) == ("done", [])
        found = lying(desk)
        assert list(found) == names
        if policy == "ta1-025":
            assert elements(found[b"again.edi.ta1"], "TA1")[0][1:] == ["000001001", "260302", "0915", "R", "025"]
            assert elements(found[b"again.edi.ta1"], "ISA")[0][13] == "000000002"

    def test_is_new_after_so_many_days(self, desk: Desk, parser: Parser) -> None:
        desk.agree(Agreement(duplicate_days=0))
        send(desk, parser, b"claims.edi", CLAIMS)
        row = send(desk, parser, b"claims.edi", CLAIMS)
        assert (row["reason"], row["sets_accepted"]) == (None, 1)

    def test_is_new_from_another_connection(self, desk: Desk, parser: Parser) -> None:
        """Nobody may use up another's numbers."""
        from mft.pipeline.upload import Upload
        from tests.unit.mft.ledger.entries import OTHER

        send(desk, parser, b"claims.edi", CLAIMS)
        upload = Upload(desk.vault, 1, arrival(b"claims.edi", who=OTHER))
        upload.write(0, memoryview(CLAIMS))
        transfer = desk.close(upload)
        desk.turn(parser)
        assert (desk.row(transfer)["reason"], desk.row(transfer)["sets_accepted"]) == (None, 1)

    def test_is_judged_anew_when_nothing_of_it_was_ever_taken(self, desk: Desk, parser: Parser) -> None:
        wrong_total = re.sub(rb"CLM\*([^*]*)\*[^*]*", rb"CLM*\1*999999", CLAIMS, count=1)
        desk.agree(Agreement(levels={3: "reject"}))
        assert send(desk, parser, b"claims.edi", wrong_total)["stage"] == "rejected"
        desk.agree(Agreement(levels={3: "warn"}))
        row = send(desk, parser, b"claims.edi", wrong_total)
        assert (row["stage"], row["sets_accepted"], row["reason"]) == ("done", 1, None)

    def test_beside_something_new_is_left_out_alone(self, desk: Desk, parser: Parser) -> None:
        first = send(desk, parser, b"one.edi", numbered(1))
        row = send(desk, parser, b"both.edi", numbered(1) + b"\r\n" + numbered(2))
        assert (row["stage"], row["sets_accepted"]) == ("done", 2)
        assert row["reason"] == "partly done: 1 interchange came before"
        assert [one["verdict"] for one in desk.parts("interchange", row["id"])] == ["duplicate", "accepted"]
        verdicts = [one["verdict"] for one in desk.parts("transaction_set", row["id"])]
        assert verdicts == ["duplicate", "duplicate", "accepted", "accepted"]
        assert [one["set_position"] for one in desk.parts("records", row["id"])] == [3, 4]
        told = acknowledgments_of(desk.books, row["id"])
        assert [(one["repeats"], one["control_number"]) for one in told] == [
            (first["id"], "000000001"),
            (None, "000000002"),
        ]

    def test_within_one_file_is_told_of_where_that_was_agreed(self, desk: Desk, parser: Parser) -> None:
        desk.agree(Agreement(duplicates="ta1-025"))
        row = send(desk, parser, b"twice.edi", numbered(1) + b"\r\n" + numbered(1))
        assert row["sets_accepted"] == 2
        assert list(lying(desk)) == [b"twice.edi.997", b"twice.edi.ta1"]

    def test_within_one_file_counts_once(self, desk: Desk, parser: Parser) -> None:
        row = send(desk, parser, b"twice.edi", numbered(1) + b"\r\n" + numbered(1))
        assert (row["stage"], row["sets_accepted"]) == ("done", 2)
        assert len(lying(desk)) == 1
        assert len(desk.parts("records", row["id"])) == 2


class TestTheSameNumberWithOtherContent:
    def test_passes_and_is_told(self, desk: Desk, parser: Parser) -> None:
        first = send(desk, parser, b"orders.edi", ORDERS)
        row = send(desk, parser, b"other.edi", ORDERS.replace(b"BLUE-CUP", b"GREY-CUP"))
        assert (row["stage"], row["sets_accepted"]) == ("done", 2)
        (finding,) = [one for one in desk.parts("finding", row["id"]) if one["code"] == "x12.interchange-duplicate"]
        assert finding["severity"] == "warning"
        assert first["id"] in json.loads(finding["body"])["message"]

    def test_is_rejected_as_a_duplicate_where_that_was_agreed(self, desk: Desk, parser: Parser) -> None:
        desk.agree(Agreement(number_used="reject"))
        first = send(desk, parser, b"orders.edi", ORDERS)
        row = send(desk, parser, b"other.edi", ORDERS.replace(b"BLUE-CUP", b"GREY-CUP"))
        assert (row["stage"], row["sets_rejected"]) == ("rejected", 2)
        said = "The interchange's control number came before, with other content: see transfer "
        assert row["reason"] == said + first["id"] + "."
        assert desk.parts("records", row["id"]) == []
        content = lying(desk)[b"other.edi.ta1"]
        assert elements(content, "TA1")[0][4:] == ["R", "025"]
        assert desk.parts("interchange", row["id"])[0]["verdict"] == "rejected"
        assert "x12.interchange-duplicate" in [one["code"] for one in desk.parts("finding", row["id"])]

    def test_is_rejected_in_silence_where_that_was_agreed(self, desk: Desk, parser: Parser) -> None:
        desk.agree(Agreement(duplicates="silent", number_used="reject"))
        send(desk, parser, b"orders.edi", ORDERS)
        row = send(desk, parser, b"other.edi", ORDERS.replace(b"BLUE-CUP", b"GREY-CUP"))
        assert row["stage"] == "rejected"
        assert list(lying(desk)) == [b"orders.edi.997"]
        assert len(lying(desk, ERRORS)) == 1

    def test_is_how_a_rejected_file_is_mended(self, desk: Desk, parser: Parser) -> None:
        assert send(desk, parser, b"claims.edi", WRONG_COUNT)["stage"] == "rejected"
        wrong = int(re.search(rb"SE\*(\d+)\*", WRONG_COUNT)[1])  # type: ignore[index]
        mended = WRONG_COUNT.replace(b"SE*%d*" % wrong, b"SE*95*")
        assert send(desk, parser, b"claims.edi", mended)["stage"] == "done"

    def test_is_no_error_in_a_file_of_messages(self, desk: Desk, parser: Parser) -> None:
        bare = b"".join(
            line + b"\r" for line in HL7.split(b"\r") if line and line[:3] not in {b"FHS", b"BHS", b"BTS", b"FTS"}
        )
        assert send(desk, parser, b"a.hl7", bare)["stage"] == "done"
        row = send(desk, parser, b"b.hl7", bare[: bare.rindex(b"MSH|")])
        assert (row["stage"], row["sets_accepted"]) == ("done", 3)
        (finding,) = [one for one in desk.parts("finding", row["id"]) if one["code"] == "hl7.interchange-duplicate"]
        assert finding["severity"] == "warning"


class TestTwoAtOnce:
    def test_the_second_to_be_concluded_learns_of_the_first(
        self, desk: Desk, parser: Parser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Two threads read the same file at the same time; the other one is first."""
        mine, other = desk.receive(b"mine.edi", CLAIMS), desk.receive(b"other.edi", CLAIMS)
        jobs = {job["id"]: job for job in desk.claim()}
        submit, overtaken = desk.core.run, []

        def submitting(command: Any) -> Any:
            if isinstance(command, Conclude) and command.transfer == mine and not overtaken:
                overtaken.append(True)
                desk.runner._work(parser, jobs[other])
            return submit(command)

        monkeypatch.setattr(desk.runner, "_submit", submitting)
        desk.runner._work(parser, jobs[mine])
        assert (desk.row(other)["stage"], desk.row(mine)["stage"]) == ("done", "received")
        assert desk.row(mine)["attempt"] == 0
        desk.turn(parser)
        assert desk.row(mine)["reason"] == f"duplicate of {other}"
        assert len(set(lying(desk).values())) == 1
        assert len(desk.parts("records", mine) + desk.parts("records", other)) == 1

    def test_a_conclusion_that_knows_too_little_is_refused(self, desk: Desk, parser: Parser) -> None:
        mine, other = desk.receive(b"mine.edi", CLAIMS), desk.receive(b"other.edi", CLAIMS)
        jobs = {job["id"]: job for job in desk.claim()}
        kept: list[Conclude] = []
        run = desk.core.run
        desk.runner._submit = lambda command: kept.append(command) if isinstance(command, Conclude) else run(command)
        desk.runner._work(parser, jobs[mine])
        desk.runner._submit = run
        desk.runner._work(parser, jobs[other])
        with pytest.raises(Overtaken):
            desk.core.run(kept[0])
        assert desk.row(mine)["stage"] == "received"


class TestNumbers:
    SCOPE = Scope(own="ZZ:US", partner="ZZ:THEM", standard="x12", kind="interchange", usage="P")

    def test_are_given_once_and_wrap(self, desk: Desk) -> None:
        take = lambda count: desk.core.run(AllocateNumbers(((self.SCOPE, count),)))  # noqa: E731
        assert take(1) == [[1]]
        assert take(3) == [[2, 3, 4]]
        assert take(0) == [[]]
        desk.core.writer.run(lambda books: books.execute(update(CONTROL_NUMBER).values(allocated=999_999_998)))
        assert take(3) == [[999_999_999, 1, 2]]

    def test_of_others_are_counted_by_themselves(self, desk: Desk) -> None:
        import msgspec

        for field in ("own", "partner", "standard", "kind", "usage"):
            other = msgspec.structs.replace(self.SCOPE, **{field: "else"})
            assert desk.core.run(AllocateNumbers(((other, 2),))) == [[1, 2]]
        assert desk.core.run(AllocateNumbers(((self.SCOPE, 1), (self.SCOPE, 1)))) == [[1], [2]]

    def test_of_an_attempt_that_failed_are_burned(
        self, desk: Desk, parser: Parser, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        transfer = desk.receive(b"claims.edi", CLAIMS)
        write, failed = acknowledge.write, []

        def failing(*args: Any) -> bytes:
            if not failed:
                failed.append(True)
                raise parse_died()
            return write(*args)

        monkeypatch.setattr(acknowledge, "write", failing)
        desk.turn(parser)
        assert desk.row(transfer)["stage"] == "received"
        desk.turn(parser)
        assert desk.row(transfer)["stage"] == "done"
        (content,) = lying(desk).values()
        assert elements(content, "ISA")[0][13] == "000000002"


def parse_died() -> Exception:
    from mft.pipeline.parse import ParserDied

    return ParserDied("as if killed")


def test_control_numbers_in_names_are_nobodys_path(desk: Desk, parser: Parser) -> None:
    desk.agree(Agreement(ack_name="{control_number}.{kind}"))
    send(desk, parser, b"orders.edi", ORDERS.replace(b"000002001", b"../..//\x077"))
    send(desk, parser, b"orders.edi", ORDERS.replace(b"000002001", b"../..//\x07 "))
    assert list(lying(desk)) == [b"0.997", b"7.997"]


def test_a_set_that_no_guide_judged_is_acknowledged_as_its_map_took_it(desk: Desk, parser: Parser) -> None:
    """Beside one that we can do nothing with: that one is told so."""
    unknown = re.sub(rb"(GS(?:\*[^*~]*){7}\*)[^~]*", rb"\g<1>004999XYZ", of_sets(order(1), NO_MAP))
    row = send(desk, parser, b"orders.edi", unknown)
    assert [one["guide"] for one in desk.parts("transaction_set", row["id"])] == [None, None]
    assert (row["stage"], row["sets_accepted"], row["sets_rejected"]) == ("done", 1, 0)
    (content,) = lying(desk).values()
    assert [one[1:] for one in elements(content, "AK5")] == [["A"], ["R", "1"]]
