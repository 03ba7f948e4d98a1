"""The envelope by its rules: each case breaks one thing in a good file and names all that must be said of it."""

import pytest

import parsers
from parsers import Limits, Raw
from parsers.events import GroupClosed, GroupOpened, InterchangeClosed, InterchangeOpened, SetClosed, SetOpened
from parsers.findings import Finding

ISA = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260302*0915*^*00501*000000905*0*T*:~"
GS = "GS*HP*SENDER*RECEIVER*20260302*0915*17*X*005010X221A1~"
SET = "ST*811*0001~BPR*I*1~SE*3*0001~"
GOOD = ISA + GS + SET + "GE*1*17~IEA*1*000000905~"


def verdicts(text: str) -> tuple[list[str], list[str]]:
    """What was said, and how each envelope ended, innermost first."""
    said, ended = [], []
    for event in parsers.read([text.encode()]):
        if isinstance(event, Finding):
            said.append(event.code if event.severity == "error" else f"{event.severity} {event.code}")
        elif isinstance(event, SetClosed | GroupClosed | InterchangeClosed):
            ended.append(f"{type(event).__name__.removesuffix('Closed').lower()} {event.verdict}")
    return said, ended


SOUND = ["set unsupported", "group accepted", "interchange accepted"]
CASES = [
    ("good", GOOD, [], SOUND),
    ("SE01", GOOD.replace("SE*3", "SE*4"), ["x12.se01-count-mismatch"], ["set rejected", *SOUND[1:]]),
    ("SE01 padded", GOOD.replace("SE*3", "SE*0003"), [], SOUND),
    ("SE01 no number", GOOD.replace("SE*3", "SE*-3"), ["x12.se01-count-mismatch"], ["set rejected", *SOUND[1:]]),
    ("SE01 huge", GOOD.replace("SE*3", "SE*" + "9" * 9999), ["x12.se01-count-mismatch"], ["set rejected", *SOUND[1:]]),
    ("SE02", GOOD.replace("SE*3*0001", "SE*3*0002"), ["x12.se02-control-mismatch"], ["set rejected", *SOUND[1:]]),
    ("SE02 padded", GOOD.replace("SE*3*0001", "SE*3*1"), ["warning x12.se02-control-mismatch"], SOUND),
    ("SE empty", GOOD.replace("SE*3*0001", "SE"), ["x12.se01-count-mismatch", "x12.se02-control-mismatch"], ["set rejected", *SOUND[1:]]),
    ("GE01", GOOD.replace("GE*1", "GE*2"), ["x12.ge01-count-mismatch"], ["set unsupported", "group rejected", "interchange accepted"]),
    ("GE02", GOOD.replace("GE*1*17", "GE*1*18"), ["x12.ge02-control-mismatch"], ["set unsupported", "group rejected", "interchange accepted"]),
    ("IEA01", GOOD.replace("IEA*1", "IEA*0"), ["x12.iea01-count-mismatch"], ["set unsupported", "group accepted", "interchange rejected"]),
    ("IEA02", GOOD.replace("IEA*1*000000905", "IEA*1*000000906"), ["x12.iea02-control-mismatch"], ["set unsupported", "group accepted", "interchange rejected"]),
    ("no SE", GOOD.replace("SE*3*0001~", ""), ["x12.se-missing"], ["set rejected", *SOUND[1:]]),
    ("no GE", GOOD.replace("GE*1*17~", ""), ["x12.ge-missing"], ["set unsupported", "group rejected", "interchange accepted"]),
    ("no SE, no GE", GOOD.replace("SE*3*0001~GE*1*17~", ""), ["x12.se-missing", "x12.ge-missing"], ["set rejected", "group rejected", "interchange accepted"]),
    ("ST inside of ST", GOOD.replace("SE*3*0001~", "ST*811*0002~SE*2*0002~").replace("GE*1", "GE*2"), ["x12.se-missing"], ["set rejected", *SOUND]),
    ("GS inside of ST", GOOD.replace("SE*3*0001~", GS.replace("*17*", "*18*") + SET).replace("GE*1*17", "GE*1*18"), ["x12.se-missing", "x12.ge-missing", "x12.iea01-count-mismatch"], ["set rejected", "group rejected", "set unsupported", "group accepted", "interchange rejected"]),
    ("cut behind SE", ISA + GS + SET, ["x12.iea-missing"], ["set unsupported", "group incomplete", "interchange incomplete"]),
    ("cut in the set", ISA + GS + "ST*811*0001~BPR*I", ["x12.segment-cut-off", "x12.iea-missing"], ["set incomplete", "group incomplete", "interchange incomplete"]),
    ("cut in IEA", GOOD[:-5], ["warning x12.terminator-missing", "x12.iea02-control-mismatch"], ["set unsupported", "group accepted", "interchange incomplete"]),
    ("IEA unterminated", GOOD[:-1], ["warning x12.terminator-missing"], SOUND),
    ("IEA unterminated and wrong", GOOD[:-2] + "9", ["warning x12.terminator-missing", "x12.iea02-control-mismatch"], ["set unsupported", "group accepted", "interchange rejected"]),
    ("cut, then another", ISA + GS + SET + GOOD, ["x12.iea-missing"], ["set unsupported", "group incomplete", "interchange incomplete", *SOUND]),
    ("two interchanges", GOOD + "\n" + GOOD.replace("*", "|"), [], SOUND + SOUND),
    ("junk between", GOOD + "junk" + GOOD, ["warning x12.data-outside-interchange"], SOUND + SOUND),
    ("ST02 twice", GOOD.replace(SET, SET + SET).replace("GE*1", "GE*2"), ["x12.st02-duplicate"], ["set unsupported", "set rejected", *SOUND[1:]]),
    ("ST02 twice in two groups", GOOD.replace("IEA*1", GS.replace("*17*", "*18*") + SET + "GE*1*18~IEA*2"), [], [*SOUND[:2], *SOUND]),
    ("GS06 twice", GOOD.replace("IEA*1", GS + SET + "GE*1*17~IEA*2"), ["x12.gs06-duplicate"], [*SOUND[:2], "set unsupported", "group rejected", "interchange accepted"]),
    ("stray SE", GOOD.replace("GE*1", "SE*1*1~GE*1"), ["x12.trailer-out-of-place"], ["set unsupported", "group rejected", "interchange accepted"]),
    ("stray GE", ISA + "GE*1*17~IEA*0*000000905~", ["x12.trailer-out-of-place"], ["interchange rejected"]),
    ("segment between sets", GOOD.replace("GE*1", "N1*PR*A~GE*1"), ["x12.segment-out-of-place"], ["set unsupported", "group rejected", "interchange accepted"]),
    ("TA1 alone", ISA + "TA1*000000901*260301*0900*A*000~IEA*0*000000905~", [], ["interchange accepted"]),
    ("TA1 in a group", GOOD.replace("ST*", "TA1*1~ST*", 1), ["x12.segment-out-of-place"], ["set unsupported", "group rejected", "interchange accepted"]),
    ("ST without a group", ISA + SET + "IEA*1*000000905~", ["x12.st-outside-group"], ["set rejected", "interchange accepted"]),
    ("empty segment", GOOD.replace("BPR", "~BPR"), ["warning x12.empty-segment"], SOUND),
    ("narrow ISA", GOOD.replace("*SENDER  ", "*SENDER "), ["warning x12.isa-width"], SOUND),
    ("sender too long", GOOD.replace("SENDER         ", "SENDERSENDERSENDER"), ["x12.envelope-element-too-long", "warning x12.isa-width"], ["set unsupported", "group accepted", "interchange rejected"]),
    ("wrapped", GOOD.replace("BPR*I", "BPR*\nI"), ["warning x12.line-break-in-segment"], SOUND),
    ("IEA wrapped", GOOD.replace("~IEA", "~I\nEA") + "N1*A~", ["warning x12.line-break-in-segment", "warning x12.data-outside-interchange"], SOUND),
    ("names that begin like an envelope's", GOOD.replace("BPR*I*1~", "STC*1~GS1*1~SE1*1~IEAX*1~BPR*I*1~").replace("SE*3", "SE*7"), [], SOUND),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said", "ended"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_broken_is_said_once_and_judged_in_its_place(text, said, ended):
    assert verdicts(text) == (said, ended)


def test_a_finding_says_where_and_what_we_counted_and_no_value_of_the_file():
    text = GOOD.replace("SE*3*0001", "SE*98765*0001")
    finding = next(event for event in parsers.read([text.encode()]) if isinstance(event, Finding))
    assert finding.code == "x12.se01-count-mismatch"
    assert (finding.set, finding.path, finding.segment, finding.position, finding.element) == (
        1,
        "ISA[1]/GS[1]/ST[1]",
        "SE",
        3,
        "SE01",
    )
    assert text[finding.offset :].startswith("SE*")
    assert "counted 3" in finding.message
    assert "98765" not in finding.message + finding.hint


def test_opened_envelopes_carry_what_was_sent():
    events = list(parsers.read([GOOD.encode()]))
    interchange = next(event for event in events if isinstance(event, InterchangeOpened))
    group = next(event for event in events if isinstance(event, GroupOpened))
    opened = next(event for event in events if isinstance(event, SetOpened))
    assert interchange == InterchangeOpened(
        index=1, standard="x12", version="00501", sender="SENDER", sender_qualifier="ZZ", receiver="RECEIVER",
        receiver_qualifier="ZZ", control_number="000000905", usage="T", offset=0, sent_at="2603020915",
        acknowledgment="0",
    )  # fmt: skip
    assert group == GroupOpened(
        interchange=1, index=1, functional_id="HP", sender="SENDER", receiver="RECEIVER", control_number="17",
        version="005010X221A1", offset=106,
    )  # fmt: skip
    assert opened == SetOpened(
        interchange=1, group=1, index=1, set="811", version="005010X221A1", control_number="0001", usage="T",
        offset=GOOD.index("ST*"), identifier=("811", ""),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("sent", "kept"), [("000000905", "000000905"), ("905", "905"), ("0000009051", None), ("", None)]
)
def test_a_control_number_longer_than_the_standard_allows_is_not_kept(sent, kept):
    events = list(parsers.read([GOOD.replace("000000905", sent).encode()]))
    assert events[1].control_number == kept


def test_ordinals_count_over_the_whole_file():
    three = ISA + GS + SET + SET.replace("0001", "0002") + "GE*2*17~" + GS + SET + "GE*1*17~IEA*2*000000905~"
    opened = [event for event in parsers.read([(three + three).encode()]) if isinstance(event, SetOpened)]
    assert [(event.interchange, event.group, event.index) for event in opened] == [
        (1, 1, 1), (1, 1, 2), (1, 2, 3), (2, 3, 4), (2, 3, 5), (2, 4, 6),
    ]  # fmt: skip


def test_segments_that_are_too_long_to_hold_still_count():
    long = GOOD.replace("BPR*I*1", "BPR*" + "I" * 3_000_000)
    items = list(parsers.segments([long.encode()], Limits(held_bytes=1000, segment_bytes=2_000_000)))
    assert [item.code for item in items if isinstance(item, Finding)] == ["x12.segment-too-long"]
    assert [item.verdict for item in items if isinstance(item, SetClosed)] == ["rejected"]
    (position,) = {item.position for item in items if isinstance(item, Raw)}
    assert position == 2
