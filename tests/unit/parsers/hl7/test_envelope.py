"""The envelope by its rules: each case is a file and names all that must be said of it."""

import pytest

import parsers
from parsers.events import Finished, GroupClosed, InterchangeClosed, InterchangeOpened, SetClosed, SetOpened
from parsers.findings import Finding

FHS = "FHS|^~\\&|HIS|HOSPITAL|MFT|PARTNER|20260302||||F1\r"
BHS = "BHS|^~\\&|HIS|HOSPITAL|MFT|PARTNER|20260302||||B1\r"
MSH = "MSH|^~\\&|HIS|HOSPITAL|MFT|PARTNER|20260302||MFN^M02^MFN_M02|M1|P|2.5.1\rPID|1\r"


def verdicts(text: str) -> tuple[list[str], list[str], str]:
    said, ended, outcome = [], [], ""
    for event in parsers.read([text.encode()]):
        match event:
            case Finding():
                said.append(event.code if event.severity == "error" else f"{event.severity} {event.code}")
            case SetClosed():
                ended.append(event.verdict)
            case GroupClosed():
                ended.append(f"batch {event.verdict}")
            case InterchangeClosed():
                ended.append(f"interchange {event.verdict}" + (", trailer" if event.trailer_seen else ""))
            case Finished():
                outcome = event.outcome
    return said, ended, outcome


CASES = [
    ("bare", MSH, [], ["unsupported", "interchange accepted"], "complete"),
    ("bare, no final CR", MSH[:-1], [], ["unsupported", "interchange accepted"], "complete"),
    ("bare concatenation", MSH + MSH, [], ["unsupported", "unsupported", "interchange accepted"], "complete"),
    ("batch", BHS + MSH + MSH + "BTS|2\r", [], ["unsupported", "unsupported", "interchange accepted, trailer"], "complete"),
    ("batch without a count", BHS + MSH + "BTS\r", [], ["unsupported", "interchange accepted, trailer"], "complete"),
    ("file", FHS + BHS + MSH + "BTS|1\rFTS|1\r", [], ["unsupported", "batch accepted", "interchange accepted, trailer"], "complete"),
    ("file without batches", FHS + MSH + "FTS\r", [], ["unsupported", "interchange accepted, trailer"], "complete"),
    ("two batches", BHS + MSH + "BTS|1\r" + BHS + MSH + "BTS|1\r", [], ["unsupported", "interchange accepted, trailer"] * 2, "complete"),
    ("file of two batches", FHS + (BHS + MSH + "BTS|1\r") * 2 + "FTS|2\r", [], ["unsupported", "batch accepted", "unsupported", "batch accepted", "interchange accepted, trailer"], "complete"),
    ("bare, then a batch", MSH + BHS + MSH + "BTS|1\r", [], ["unsupported", "interchange accepted", "unsupported", "interchange accepted, trailer"], "complete"),
    ("BTS-1", BHS + MSH + "BTS|2\r", ["hl7.bts1-count-mismatch"], ["unsupported", "interchange rejected, trailer"], "complete"),
    ("BTS-1 no number", BHS + MSH + "BTS|one\r", ["hl7.bts1-count-mismatch"], ["unsupported", "interchange rejected, trailer"], "complete"),
    ("BTS-1 huge", BHS + MSH + f"BTS|{'9' * 9999}\r", ["hl7.bts1-count-mismatch"], ["unsupported", "interchange rejected, trailer"], "complete"),
    ("FTS-1", FHS + BHS + MSH + "BTS|1\rFTS|2\r", ["hl7.fts1-count-mismatch"], ["unsupported", "batch accepted", "interchange rejected, trailer"], "complete"),
    ("no BTS", BHS + MSH + MSH, ["hl7.bts-missing"], ["unsupported", "incomplete", "interchange incomplete"], "incomplete"),
    ("no FTS", FHS + BHS + MSH + "BTS|1\r", ["hl7.fts-missing"], ["unsupported", "batch accepted", "interchange incomplete"], "incomplete"),
    ("no BTS and no FTS", FHS + BHS + MSH, ["hl7.fts-missing"], ["incomplete", "batch incomplete", "interchange incomplete"], "incomplete"),
    ("no BTS before FTS", FHS + BHS + MSH + "FTS|1\r", ["hl7.bts-missing"], ["unsupported", "batch rejected", "interchange accepted, trailer"], "complete"),
    ("batch cut, then another", BHS + MSH + BHS + MSH + "BTS|1\r", ["hl7.bts-missing"], ["incomplete", "interchange incomplete", "unsupported", "interchange accepted, trailer"], "incomplete"),
    ("file cut, then another", FHS + MSH + FHS + MSH + "FTS\r", ["hl7.fts-missing"], ["incomplete", "interchange incomplete", "unsupported", "interchange accepted, trailer"], "incomplete"),
    ("batch without messages", BHS + "BTS|0\r", [], ["interchange accepted, trailer"], "complete"),
    ("segments without a message", BHS + "EVN|A01\rPID|1\rBTS|0\r", ["hl7.segment-out-of-place"], ["interchange rejected, trailer"], "complete"),
    ("stray BTS", MSH + "BTS|1\r", ["warning hl7.trailer-out-of-place"], ["unsupported", "interchange accepted"], "complete"),
    ("no MSH-2", MSH.replace("^~\\&", ""), ["hl7.encoding-characters"], ["rejected", "interchange accepted"], "complete"),
    ("a line break in a value", MSH + "NTE|1||first\nsecond line\n", ["warning hl7.line-not-a-segment"], ["unsupported", "interchange accepted"], "complete"),
    ("sender too long", MSH.replace("HIS", "H" * 228), ["hl7.header-field-too-long"], ["rejected", "interchange accepted"], "complete"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "said", "ended", "outcome"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_what_is_broken_is_said_once_and_judged_in_its_place(text, said, ended, outcome):
    assert verdicts(text) == (said, ended, outcome)


def test_a_bare_file_opens_one_interchange_with_the_first_message_s_parties():
    events = list(parsers.read([(MSH + MSH.replace("|HIS|", "|LAB|").replace("M1", "M2")).encode()]))
    assert [event for event in events if isinstance(event, InterchangeOpened)] == [
        InterchangeOpened(
            index=1, standard="hl7", version="2.5.1", sender="HIS", sender_qualifier="HOSPITAL", receiver="MFT",
            receiver_qualifier="PARTNER", control_number="M1", usage="P", offset=0,
        )
    ]  # fmt: skip
    second = [event for event in events if isinstance(event, SetOpened)][1]
    assert second == SetOpened(
        interchange=1, group=None, index=2, set="MFN^M02", version="2.5.1", control_number="M2", usage="P", offset=len(MSH),
        sender="LAB", sender_qualifier="HOSPITAL", receiver="MFT", receiver_qualifier="PARTNER",
        identifier=("MFN", "M02", "MFN_M02"), separators="|^~\\&",
    )  # fmt: skip


def test_a_file_header_carries_its_own_control_number():
    opened = next(
        event for event in parsers.read([(FHS + MSH + "FTS\r").encode()]) if isinstance(event, InterchangeOpened)
    )
    assert (opened.control_number, opened.sender, opened.version) == ("F1", "HIS", None)


def test_a_finding_says_the_way_in():
    text = FHS + BHS + MSH + "BTS|7\rFTS|1\r"
    finding = next(event for event in parsers.read([text.encode()]) if isinstance(event, Finding))
    assert (finding.path, finding.segment, finding.element, finding.set) == ("FHS[1]/BHS[1]", "BTS", "BTS-1", None)
    assert text[finding.offset :].startswith("BTS")
    inside = next(
        event
        for event in parsers.read([(BHS + MSH.replace("^~\\&", "") + "BTS\r").encode()])
        if isinstance(event, Finding)
    )
    assert (inside.path, inside.set, inside.element) == ("BHS[1]/MSH[1]", 1, "MSH-2")
