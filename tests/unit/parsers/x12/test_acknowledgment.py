"""TA1, 997 and 999 for findings of every kind; read back by our reader, and by pyx12 against its maps."""

import io
import json
from datetime import UTC, datetime

import pytest

from parsers.acknowledgment import Numbers, Wish, answer, write
from parsers.events import Quoted
from tests.unit.parsers.judging import codes_of, finding, judged

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
NUMBERS = Numbers(interchange=7, groups=(3, 4, 5, 6))
ISA = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260302*0915*^*00501*000000905*0*T*:~"
GS = "GS*HC*SENDCODE*RECVCODE*20260302*0915*17*X*005010X222A1~"
SETS = "ST*837*0001*005010X222A1~BHT*1~SE*3*0001~ST*837*0002*005010X222A1~BHT*1~SE*3*0002~"
HIPAA = ISA + GS + SETS + "GE*2*17~IEA*1*000000905~"
OLD_ISA = ISA.replace("*^*00501*", "*U*00401*")
RETAIL = (
    OLD_ISA + "GS*HC*SENDCODE*RECVCODE*20260302*0915*17*X*004010~ST*837*0001~BHT*1~SE*3*0001~GE*1*17~IEA*1*000000905~"
)
ASKED = "000000905*1*T"


def said(text=HIPAA, of=None, wish=None, guide="a/guide", *, duplicate=False) -> list[str] | None:
    """The segments that go back; the file is one that our own reader finds nothing wrong with."""
    made = answer(judged(text, of, guide), wish or Wish(), duplicate=duplicate)
    if made is None:
        return None
    data = write(made, NUMBERS, AT)
    assert codes_of(data) == []
    return data.decode("ascii").removesuffix("~").split("~")


def inside(segments: list[str] | None) -> list[str]:
    """Without envelopes."""
    assert segments is not None
    return [one for one in segments if one[:2] not in {"IS", "GS", "ST", "SE", "GE", "IE"}]


def test_a_clean_group_of_hipaa_gets_a_999():
    assert said() == [
        "ISA*00*          *00*          *ZZ*RECEIVER       *ZZ*SENDER         *260302*1000*^*00501*000000007*0*T*:",
        "GS*FA*RECVCODE*SENDCODE*20260302*1000*3*X*005010X231A1",
        "ST*999*0001*005010X231A1",
        "AK1*HC*17*005010X222A1",
        "AK2*837*0001*005010X222A1",
        "IK5*A",
        "AK2*837*0002*005010X222A1",
        "IK5*A",
        "AK9*A*2*2*2",
        "SE*8*0001",
        "GE*1*3",
        "IEA*1*000000007",
    ]


def test_a_clean_group_of_another_version_gets_a_997_in_its_own():
    assert said(RETAIL) == [
        "ISA*00*          *00*          *ZZ*RECEIVER       *ZZ*SENDER         *260302*1000*U*00401*000000007*0*T*:",
        "GS*FA*RECVCODE*SENDCODE*20260302*1000*3*X*004010",
        "ST*997*0001",
        "AK1*HC*17",
        "AK2*837*0001",
        "AK5*A",
        "AK9*A*1*1*1",
        "SE*6*0001",
        "GE*1*3",
        "IEA*1*000000007",
    ]


VERSIONS = [
    ("004010VICS", "004010VICS"), ("004010X098A1", "004010"), ("003060", "003060"), ("", "004010"), ("4010", "004010"),
    ("005010", "005010"),
]  # fmt: skip


@pytest.mark.parametrize(("sent", "answered"), VERSIONS)
def test_the_997_has_the_version_of_the_group(sent, answered):
    segments = said(RETAIL.replace("*004010~", f"*{sent}~"))
    assert segments is not None
    assert segments[1].endswith(f"*X*{answered}")


NM109 = {"segment": "NM1", "position": 2, "element": "NM109", "path": "2000A/2010AA/NM1[2]/09"}
SV101 = {"segment": "SV1", "position": 4, "element": "SV101-2", "path": "2000B/2300/2400/SV1/01-2"}
REF = {"segment": "REF", "position": 3, "path": "2000B/2300/REF"}
FINDINGS = [
    # name, findings, 999, 997
    ("segment-unknown", [finding("x12.segment-unknown", **REF)], ["IK3*REF*3*2300*1", "IK5*R*5"], ["AK3*REF*3*2300*1", "AK5*R*5"]),
    ("segment-unexpected", [finding("x12.segment-unexpected", **REF)], ["IK3*REF*3*2300*2", "IK5*R*I5"], ["AK3*REF*3*2300*2", "AK5*R*5"]),
    ("segment-not-used", [finding("x12.segment-not-used", **REF)], ["IK3*REF*3*2300*I4", "IK5*R*I5"], ["AK3*REF*3*2300*2", "AK5*R*5"]),
    ("segment-missing", [finding("x12.segment-missing", **REF)], ["IK3*REF*3*2300*3", "IK5*R*I5"], ["AK3*REF*3*2300*3", "AK5*R*5"]),
    ("loop-missing", [finding("x12.loop-missing", segment="NM1", position=3, path="2000B/2010BA")], ["IK3*NM1*3*2010BA*3", "IK5*R*I5"], ["AK3*NM1*3**3", "AK5*R*5"]),
    ("segment-repeats", [finding("x12.segment-repeats", **REF)], ["IK3*REF*3*2300*5", "IK5*R*I5"], ["AK3*REF*3*2300*5", "AK5*R*5"]),
    ("loop-repeats", [finding("x12.loop-repeats", **REF)], ["IK3*REF*3*2300*4", "IK5*R*I5"], ["AK3*REF*3*2300*4", "AK5*R*5"]),
    ("element-missing", [finding("x12.element-missing", **NM109)], ["IK3*NM1*2*2010AA*8", "IK4*9**1", "IK5*R*I5"], ["AK3*NM1*2**8", "AK4*9**1", "AK5*R*5"]),
    ("component", [finding("x12.code-unknown", **SV101)], ["IK3*SV1*4*2400*8", "IK4*1:2**7", "IK5*R*I5"], ["AK3*SV1*4*2400*8", "AK4*1:2**7", "AK5*R*5"]),
    ("element-not-used", [finding("x12.element-not-used", **NM109)], ["IK3*NM1*2*2010AA*8", "IK4*9**I10", "IK5*R*I5"], ["AK3*NM1*2**8", "AK5*R*5"]),
    ("element-surplus", [finding("x12.element-surplus", **NM109)], ["IK3*NM1*2*2010AA*8", "IK4*9**3", "IK5*R*5"], ["AK3*NM1*2**8", "AK4*9**3", "AK5*R*5"]),
    ("component-surplus", [finding("x12.component-surplus", **SV101)], ["IK3*SV1*4*2400*8", "IK4*1:2**13", "IK5*R*5"], ["AK3*SV1*4*2400*8", "AK4*1:2**3", "AK5*R*5"]),
    ("element-too-short", [finding("x12.element-too-short", **NM109)], ["IK3*NM1*2*2010AA*8", "IK4*9**4", "IK5*R*5"], ["AK3*NM1*2**8", "AK4*9**4", "AK5*R*5"]),
    ("element-too-long", [finding("x12.element-too-long", **NM109)], ["IK3*NM1*2*2010AA*8", "IK4*9**5", "IK5*R*5"], ["AK3*NM1*2**8", "AK4*9**5", "AK5*R*5"]),
    ("element-characters", [finding("x12.element-characters", **NM109)], ["IK3*NM1*2*2010AA*8", "IK4*9**6", "IK5*R*5"], ["AK3*NM1*2**8", "AK4*9**6", "AK5*R*5"]),
    ("date-invalid", [finding("x12.date-invalid", **NM109)], ["IK3*NM1*2*2010AA*8", "IK4*9**8", "IK5*R*5"], ["AK3*NM1*2**8", "AK4*9**8", "AK5*R*5"]),
    ("time-invalid", [finding("x12.time-invalid", **NM109)], ["IK3*NM1*2*2010AA*8", "IK4*9**9", "IK5*R*5"], ["AK3*NM1*2**8", "AK4*9**9", "AK5*R*5"]),
    ("conditional", [finding("x12.elements-conditional", **NM109)], ["IK3*NM1*2*2010AA*8", "IK4*9**2", "IK5*R*5"], ["AK3*NM1*2**8", "AK4*9**2", "AK5*R*5"]),
    ("exclusive", [finding("x12.elements-exclusive", **NM109)], ["IK3*NM1*2*2010AA*8", "IK4*9**10", "IK5*R*5"], ["AK3*NM1*2**8", "AK4*9**10", "AK5*R*5"]),
    ("element-repeats", [finding("x12.element-repeats", **NM109)], ["IK3*NM1*2*2010AA*8", "IK4*9**12", "IK5*R*5"], ["AK3*NM1*2**8", "AK4*9**3", "AK5*R*5"]),
    ("hl-parent", [finding("x12.hl-parent", segment="HL", position=3, element="HL02", path="2000B/HL/02")], ["IK3*HL*3*2000B*8", "IK4*2**7", "IK5*R*I5"], ["AK3*HL*3**8", "AK4*2**7", "AK5*R*5"]),
    ("quoted", [finding("x12.code-unknown", **NM109), Quoted(text="A*B~C:D^E\r\x1d\u20ac" + "x" * 200)], ["IK3*NM1*2*2010AA*8", "IK4*9**7*A?B?C?D?E???" + "x" * 87, "IK5*R*I5"], ["AK3*NM1*2**8", "AK4*9**7*A?B?C?D?E???" + "x" * 87, "AK5*R*5"]),
    ("two in a segment", [finding("x12.element-missing", **NM109), finding("x12.code-unknown", **{**NM109, "element": "NM101", "path": "2000A/2010AA/NM1[2]/01"})], ["IK3*NM1*2*2010AA*8", "IK4*9**1", "IK4*1**7", "IK5*R*I5"], ["AK3*NM1*2**8", "AK4*9**1", "AK4*1**7", "AK5*R*5"]),
    ("in the order of the set", [finding("x12.segment-repeats", **REF), finding("x12.element-missing", **NM109)], ["IK3*NM1*2*2010AA*8", "IK4*9**1", "IK3*REF*3*2300*5", "IK5*R*I5"], ["AK3*NM1*2**8", "AK4*9**1", "AK3*REF*3*2300*5", "AK5*R*5"]),
    ("said twice", [finding("x12.code-unknown", **NM109), finding("x12.code-unknown", **NM109)], ["IK3*NM1*2*2010AA*8", "IK4*9**7", "IK5*R*I5"], ["AK3*NM1*2**8", "AK4*9**7", "AK5*R*5"]),
    ("warning", [finding("x12.code-unknown", **NM109, severity="warning")], ["IK3*NM1*2*2010AA*8", "IK4*9**7", "IK5*E*I5"], ["AK3*NM1*2**8", "AK4*9**7", "AK5*E*5"]),
    ("warning of level 1", [finding("x12.element-too-long", **NM109, severity="warning")], ["IK3*NM1*2*2010AA*8", "IK4*9**5", "IK5*E*5"], ["AK3*NM1*2**8", "AK4*9**5", "AK5*E*5"]),
    ("warning of balance", [finding("x12.balance", **NM109, level=3, severity="warning")], ["IK5*A"], ["AK5*A"]),
    ("warning of a check digit", [finding("x12.check-digit", **NM109, level=5, severity="warning")], ["IK5*A"], ["AK5*A"]),
    ("warning of a rule", [finding("x12.rule-original", **REF, level=7, severity="warning")], ["IK5*A"], ["AK5*A"]),
    ("warning without a code", [finding("x12.trailing-separators", **NM109, severity="warning")], ["IK5*A"], ["AK5*A"]),
    ("balance", [finding("x12.balance", **NM109, level=3)], ["IK3*NM1*2*2010AA*8", "IK4*9**I12", "IK5*R*I5"], ["AK3*NM1*2**8", "AK4*9**7", "AK5*R*5"]),
    ("rule of segments", [finding("x12.rule-original", **REF, level=4)], ["IK3*REF*3*2300*I6", "CTX*SITUATIONAL TRIGGER*REF*3*2300", "IK5*R*I5"], ["AK3*REF*3*2300*8", "AK5*R*5"]),
    ("rule of elements", [finding("x12.rule-original", **SV101, level=7)], ["IK3*SV1*4*2400*8", "IK4*1:2**I9", "CTX*SITUATIONAL TRIGGER*SV1*4*2400*1:2", "IK5*R*I5"], ["AK3*SV1*4*2400*8", "AK4*1:2**7", "AK5*R*5"]),
    ("no place", [finding("x12.record-too-long")], ["IK5*R*5"], ["AK5*R*5"]),
    ("a tag that is the sender's text", [finding("x12.segment-unknown", segment="A*~", position=2)], ["IK3*???*2**1", "IK5*R*5"], ["AK3*???*2**1", "AK5*R*5"]),
    ("a root with a long name", [finding("x12.segment-missing", segment="BHT", position=2, path="ST_LOOP/HEADER/BHT")], ["IK3*BHT*2*HEADER*3", "IK5*R*I5"], ["AK3*BHT*2**3", "AK5*R*5"]),
]  # fmt: skip


@pytest.mark.parametrize(("found", "of_999"), [case[1:3] for case in FINDINGS], ids=[case[0] for case in FINDINGS])
def test_what_was_found_in_a_999(found, of_999):
    segments = inside(said(of={1: found}))
    assert segments[2 : segments.index("AK2*837*0002*005010X222A1")] == of_999


@pytest.mark.parametrize(("found", "of_997"), [(case[1], case[3]) for case in FINDINGS], ids=[case[0] for case in FINDINGS])  # fmt: skip
def test_what_was_found_in_a_997(found, of_997):
    segments = inside(said(RETAIL, of={1: found}))
    assert segments[2:-1] == of_997


ERROR = finding("x12.segment-missing", **REF)
STATUS = [
    # name, text, findings, wish, sets' verdicts, AK9, verdict
    ("all", HIPAA, {}, Wish(), ["A", "A"], "AK9*A*2*2*2", "accepted"),
    ("one rejected", HIPAA, {2: [ERROR]}, Wish(), ["A", "R"], "AK9*P*2*2*1", "partial"),
    ("both rejected", HIPAA, {1: [ERROR], 2: [ERROR]}, Wish(), ["R", "R"], "AK9*R*2*2*0", "rejected"),
    ("all or nothing", HIPAA, {2: [ERROR]}, Wish(all_or_nothing=True), ["R"], "AK9*R*2*2*0", "rejected"),
    ("a warning", HIPAA, {1: [finding("x12.code-unknown", **NM109, severity="warning")]}, Wish(), ["E", "A"], "AK9*E*2*2*2", "accepted"),
    ("GE01", HIPAA.replace("GE*2", "GE*3"), {}, Wish(), [], "AK9*R*2*2*0*5", "rejected"),
    ("GE02", HIPAA.replace("GE*2*17", "GE*2*18"), {}, Wish(), [], "AK9*R*2*2*0*4", "rejected"),
    ("GE02 padded", HIPAA.replace("GE*2*17", "GE*2*017"), {}, Wish(), ["A", "A"], "AK9*E*2*2*2*4", "accepted"),
    ("no GE", HIPAA.replace("GE*2*17~", ""), {}, Wish(), [], "AK9*R*2*2*0*3", "rejected"),
    ("GS06 too long", HIPAA.replace("*17*X", "*1234567890*X").replace("GE*2*17", "GE*2*1234567890"), {}, Wish(), [], "AK9*R*2*2*0*6", "rejected"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "of", "wish", "sets", "group", "verdict"), [case[1:] for case in STATUS], ids=[case[0] for case in STATUS])  # fmt: skip
def test_a_group_is_what_its_sets_are(text, of, wish, sets, group, verdict):
    segments = inside(said(text, of, wish))
    assert [one.split("*")[1] for one in segments if one.startswith("IK5")] == sets
    assert segments[-1] == group
    made = answer(judged(text, of), wish)
    assert made is not None
    assert made.verdict == verdict
    assert [v == "rejected" for v in made.sets.values()].count(True) == 2 - int(group.split("*")[4])


SET_CODES = [
    ("SE01", RETAIL.replace("SE*3", "SE*4"), "AK5*R*4"),
    ("SE02", RETAIL.replace("SE*3*0001", "SE*3*0002"), "AK5*R*3"),
    ("SE02 padded", RETAIL.replace("SE*3*0001", "SE*3*1"), "AK5*E*3"),
    ("both", RETAIL.replace("SE*3*0001", "SE*4*0002"), "AK5*R*4*3"),
    ("no SE", RETAIL.replace("SE*3*0001~", ""), "AK5*R*2"),
    ("ST02 too long", RETAIL.replace("*0001", "*1234567890"), "AK5*R*7"),
    ("ST02 empty", RETAIL.replace("ST*837*0001", "ST*837*").replace("SE*3*0001", "SE*3*"), "AK5*E*7"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "ak5"), [case[1:] for case in SET_CODES], ids=[case[0] for case in SET_CODES])
def test_the_envelope_of_a_set(text, ak5):
    assert inside(said(text))[-2] == ak5


def test_a_set_that_no_guide_judged_is_not_supported():
    assert inside(said(RETAIL, guide=None))[1:] == ["AK2*837*0001", "AK5*R*1", "AK9*R*1*1*0"]
    assert "IK5*R*I6" in inside(said(guide=None))
    assert "IK5*A" in inside(said(guide=None, wish=Wish(without_guide="accept")))


def test_a_set_with_an_error_of_its_own_is_not_called_unsupported():
    assert inside(said(RETAIL.replace("SE*3", "SE*4"), guide=None))[2] == "AK5*R*4"


def test_st03_is_repeated_only_where_it_was_sent():
    assert "AK2*837*0001" in inside(said(HIPAA.replace("ST*837*0001*005010X222A1", "ST*837*0001")))


TA1 = [
    ("sound", HIPAA.replace("000000905*0*T", ASKED), "TA1*000000905*260302*0915*A*000", True),
    ("not asked for", HIPAA, None, True),
    ("IEA01", HIPAA.replace("IEA*1", "IEA*2"), "TA1*000000905*260302*0915*R*021", False),
    ("IEA02", HIPAA.replace("IEA*1*000000905", "IEA*1*000000906"), "TA1*000000905*260302*0915*R*001", False),
    ("IEA02 padded", HIPAA.replace("000000905*0*T", ASKED).replace("IEA*1*000000905", "IEA*1*905"), "TA1*000000905*260302*0915*E*001", True),
    ("no IEA", HIPAA.replace("IEA*1*000000905~", ""), "TA1*000000905*260302*0915*R*023", False),
    ("sender too long", HIPAA.replace("SENDER   ", "SENDERSENDERSENDER"), "TA1*000000905*260302*0915*R*006", False),
    ("receiver too long", HIPAA.replace("RECEIVER ", "RECEIVERRECEIVER"), "TA1*000000905*260302*0915*R*008", False),
    ("ISA13 too long", HIPAA.replace("000000905", "0000009050"), "TA1*000000000*260302*0915*R*018", False),
    ("narrow ISA", HIPAA.replace("SENDER   ", "SENDER ").replace("000000905*0*T", ASKED), "TA1*000000905*260302*0915*E*022", True),
    ("stray segment", HIPAA.replace("GS*", "N1*X~GS*"), "TA1*000000905*260302*0915*R*022", False),
    ("set without a group", ISA + "ST*837*0001~BHT*1~SE*3*0001~IEA*1*000000905~", "TA1*000000905*260302*0915*R*022", False),
    ("date that is none", HIPAA.replace("000000905*0*T", ASKED).replace("*260302*0915*^", "*26030A*0915*^"), "TA1*000000905*260302*1000*A*000", True),
]  # fmt: skip


@pytest.mark.parametrize(("text", "ta1", "groups"), [case[1:] for case in TA1], ids=[case[0] for case in TA1])
def test_the_interchange(text, ta1, groups):
    segments = said(text)
    assert segments is not None
    assert [one for one in segments if one.startswith("TA1")] == ([ta1] if ta1 else [])
    assert any(one.startswith("GS") for one in segments) is groups
    assert segments[1].startswith("TA1") or not ta1
    made = answer(judged(text), Wish())
    assert made is not None
    assert (set(made.sets.values()) == {"rejected"}) is not groups


def test_a_duplicate_is_rejected_whole_and_unread():
    segments = said(duplicate=True)
    assert inside(segments) == ["TA1*000000905*260302*0915*R*025"]
    assert segments is not None
    assert len(segments) == 3


def test_acknowledgments_are_not_acknowledged():
    own = HIPAA.replace("GS*HC", "GS*FA")
    assert said(own) is None
    assert inside(said(own.replace("000000905*0*T", ASKED))) == ["TA1*000000905*260302*0915*A*000"]
    alone = ISA.replace("000000905*0*T", ASKED) + "TA1*000000901*260301*0900*A*000~IEA*0*000000905~"
    assert said(alone) is None
    assert said(alone, wish=Wish(kind="ta1")) is None
    mixed = HIPAA.replace(
        "IEA*1", GS.replace("HC", "FA").replace("*17*", "*18*") + "ST*999*0001~SE*2*0001~GE*1*18~IEA*2"
    )
    assert [one for one in inside(said(mixed)) if one.startswith("AK1")] == ["AK1*HC*17*005010X222A1"]


def test_every_group_is_acknowledged_by_one_with_its_own_number():
    two = HIPAA.replace("IEA*1", "GS*PO*S*R*20260302*0915*18*X*004010~ST*850*0001~BEG*1~SE*3*0001~GE*1*18~IEA*2")
    made = answer(judged(two), Wish())
    assert made is not None
    assert (made.kinds, made.groups, made.messages) == (("997", "999"), 2, 2)
    segments = said(two)
    assert segments is not None
    assert [one for one in segments if one[:2] in {"GS", "ST", "GE", "IE"}] == [
        "GS*FA*RECVCODE*SENDCODE*20260302*1000*3*X*005010X231A1", "ST*999*0001*005010X231A1", "GE*1*3",
        "GS*FA*R*S*20260302*1000*4*X*004010", "ST*997*0002", "GE*1*4", "IEA*2*000000007",
    ]  # fmt: skip


def test_text_with_our_separators_in_it_does_not_break_out():
    text = (
        RETAIL.replace("*", "|")
        .replace("~", "\n")
        .replace("|SENDER         |", "|S*E~N:D^R      |")
        .replace("0001", "00*1")
    )
    segments = inside(said(text.replace("GS|HC|SENDCODE", "GS|HC|S~GE*1")))
    assert segments[1] == "AK2*837*00?1"


def test_a_set_whose_findings_were_left_out_is_rejected_all_the_same():
    one = judged(RETAIL, {1: [ERROR]})
    one.groups[0].sets[0].findings.clear()
    made = answer(one, Wish())
    assert made is not None
    assert b"AK5*R*5~" in write(made, NUMBERS, AT)


# --- pyx12 ---

PYX12 = {
    **{f"999 {case[0]}": (HIPAA, {1: case[1]}, Wish()) for case in FINDINGS},
    **{f"997 {case[0]}": (RETAIL, {1: case[1]}, Wish()) for case in FINDINGS},
    **{f"group {case[0]}": (case[1], case[2], case[3]) for case in STATUS},
    **{f"set {case[0]}": (case[1], {}, Wish()) for case in SET_CODES},
    **{f"TA1 {case[0]}": (case[1], {}, Wish()) for case in TA1 if case[3]},
}
NARROW = {"447"}
"""Loop identifiers have four characters to pyx12; those of the HIPAA guides, as 2010AA, have six."""


@pytest.mark.parametrize("name", PYX12)
def test_pyx12_finds_nothing_wrong(name, tmp_path):
    document = pytest.importorskip("pyx12.x12n_document", reason="pyx12 is not installed")
    params = pytest.importorskip("pyx12.params", reason="pyx12 is not installed")
    text, of, wish = PYX12[name]
    made = answer(judged(text, of), wish)
    assert made is not None
    path = tmp_path / "acknowledgment.x12"
    path.write_bytes(write(made, NUMBERS, AT))
    errors = io.StringIO()
    sound = document.x12n_document(params.ParamsBase(), str(path), None, None, None, errors)
    found = list(complaints(json.loads(errors.getvalue())))
    assert sound is not bool(found)
    assert {number for number, _ in found} <= NARROW


def complaints(node, number=None):
    """pyx12's errors: the number of the data element, and its code."""
    if isinstance(node, list):
        for one in node:
            yield from complaints(one, number)
    elif isinstance(node, dict):
        number = node.get("ele_ref_num", number)
        for key, value in node.items():
            if key == "errors":
                yield from ((number, one.get("err_cde")) for one in value)
            elif isinstance(value, list | dict):
                yield from complaints(value, number)
