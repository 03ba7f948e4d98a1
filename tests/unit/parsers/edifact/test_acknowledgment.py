"""CONTRL for findings of every kind, read back by our reader and by pydifact."""

from datetime import UTC, datetime

import pytest

from parsers.acknowledgment import Numbers, Wish, answer, write
from tests.unit.parsers.judging import codes_of, finding, judged

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
UNB = "UNB+UNOC:3+ACME:14:BACK+EXAMPLE:ZZ+260302:0915+REF1++++1++1'"
M1 = "UNH+1+ORDERS:D:96A:UN:EAN008'BGM+220+PO1+9'DTM+137:20260302:102'UNT+4+1'"
M2 = "UNH+2+INVOIC:D:96A:UN'BGM+380+I1+9'UNT+3+2'"
TWO = UNB + M1 + M2 + "UNZ+2+REF1'"
UNG = "UNG+ORDERS+APP1:1+APP2:ZZ+260302:0915+G1+UN+D:96A'"
GROUPED = UNB + UNG + M1 + "UNE+1+G1'" + UNG.replace("G1", "G2") + M2 + "UNE+1+G2'UNZ+2+REF1'"
FOUR = TWO.replace("UNOC:3", "UNOC:4").replace("260302:0915", "20260302:0915")
ERROR = finding("edifact.segment-missing", segment="LIN", position=3, path="SG25/LIN")


def said(text=TWO, of=None, wish=None, guide="a/guide", *, duplicate=False) -> list[str] | None:
    """The segments that go back; the file is one that our own reader finds nothing wrong with."""
    made = answer(judged(text, of, guide), wish or Wish(), duplicate=duplicate)
    if made is None:
        return None
    data = write(made, Numbers(interchange="77"), AT)
    assert codes_of(data) == []
    return data.decode("latin-1").removesuffix("'").split("'")


def inside(*arguments, **more) -> list[str]:
    """From UCI to what stands before UNT."""
    segments = said(*arguments, **more)
    assert segments is not None
    return segments[4 if segments[1] == "" else 3 : -2]


def test_a_clean_interchange_is_acknowledged_message_by_message():
    assert said() == [
        "UNA:+.? ",
        "UNB+UNOC:3+EXAMPLE:ZZ+ACME:14:BACK+260302:1000+77++++++1",
        "UNH+1+CONTRL:D:3:UN",
        "UCI+REF1+ACME:14:BACK+EXAMPLE:ZZ+7",
        "UCM+1+ORDERS:D:96A:UN:EAN008+7",
        "UCM+2+INVOIC:D:96A:UN+7",
        "UNT+5+1",
        "UNZ+1+77",
    ]


def test_version_4_is_answered_in_version_4():
    segments = said(FOUR)
    assert segments is not None
    assert segments[:3] == [
        "UNA:+.?*", "UNB+UNOC:4+EXAMPLE:ZZ+ACME:14:BACK+20260302:1000+77++++++1", "UNH+1+CONTRL:4:1:UN",
    ]  # fmt: skip


def test_production_has_no_test_indicator():
    segments = said(TWO.replace("++++1++1'", "++++1'"))
    assert segments is not None
    assert segments[1] == "UNB+UNOC:3+EXAMPLE:ZZ+ACME:14:BACK+260302:1000+77"


def test_only_receipt_is_told_where_only_receipt_is_asked_for():
    text = TWO.replace("++++1++1'", "++++2'")
    assert inside(text, {1: [ERROR]}) == ["UCI+REF1+ACME:14:BACK+EXAMPLE:ZZ+8"]
    assert inside(text.replace("UNZ+2", "UNZ+3")) == ["UCI+REF1+ACME:14:BACK+EXAMPLE:ZZ+4+29+UNZ+2"]
    assert inside(text, wish=Wish(kind="contrl"))[1:] == ["UCM+1+ORDERS:D:96A:UN:EAN008+7", "UCM+2+INVOIC:D:96A:UN+7"]


QTY = {"segment": "QTY", "position": 3, "element": "QTY-1.2", "path": "SG25/QTY/01-2"}
WHOLE = {"segment": "BGM", "position": 2, "element": "BGM-2", "path": "BGM/02"}
FINDINGS = [
    ("segment-unknown", [("segment-unknown", {"segment": "XYZ", "position": 3})], ["UCS+3+15"]),
    ("segment-unexpected", [("segment-unexpected", {"segment": "DTM", "position": 3})], ["UCS+3+15"]),
    ("segment-not-used", [("segment-not-used", {"segment": "DTM", "position": 3})], ["UCS+3+15"]),
    ("segment-missing", [("segment-missing", {"segment": "LIN", "position": 4})], ["UCS+3+13"]),
    ("loop-missing", [("loop-missing", {"segment": "LIN", "position": 4})], ["UCS+3+13"]),
    ("segment-repeats", [("segment-repeats", {"segment": "DTM", "position": 3})], ["UCS+3+35"]),
    ("loop-repeats", [("loop-repeats", {"segment": "LIN", "position": 3})], ["UCS+3+36"]),
    ("element-missing", [("element-missing", QTY)], ["UCS+3", "UCD+13+2:2"]),
    ("element-not-used", [("element-not-used", WHOLE)], ["UCS+2", "UCD+15+3"]),
    ("element-surplus", [("element-surplus", WHOLE)], ["UCS+2", "UCD+16+3"]),
    ("component-surplus", [("component-surplus", QTY)], ["UCS+3", "UCD+16+2:2"]),
    ("element-too-long", [("element-too-long", WHOLE)], ["UCS+2", "UCD+39+3"]),
    ("element-too-short", [("element-too-short", WHOLE)], ["UCS+2", "UCD+40+3"]),
    ("element-characters", [("element-characters", QTY)], ["UCS+3", "UCD+21+2:2"]),
    ("element-repeats", [("element-repeats", WHOLE)], ["UCS+2", "UCD+35+3"]),
    ("code-unknown", [("code-unknown", QTY)], ["UCS+3", "UCD+12+2:2"]),
    ("date-invalid", [("date-invalid", QTY)], ["UCS+3", "UCD+12+2:2"]),
    ("check-digit", [("check-digit", QTY)], ["UCS+3", "UCD+12+2:2"]),
    ("rule", [("rule-acme", QTY)], ["UCS+3", "UCD+18+2:2"]),
    ("rule of a segment", [("rule-acme", {"segment": "DTM", "position": 3})], ["UCS+3+18"]),
    ("two elements", [("code-unknown", QTY), ("element-missing", {**QTY, "element": "QTY-1.1"}), ("code-unknown", QTY)], ["UCS+3", "UCD+12+2:2", "UCD+13+2:1"]),
    ("in order", [("code-unknown", QTY), ("element-missing", WHOLE)], ["UCS+2", "UCD+13+3", "UCS+3", "UCD+12+2:2"]),
]  # fmt: skip


@pytest.mark.parametrize(("found", "told"), [case[1:] for case in FINDINGS], ids=[case[0] for case in FINDINGS])
def test_what_was_found_in_a_message(found, told):
    of = {1: [finding(f"edifact.{code}", **place) for code, place in found]}
    assert inside(of=of)[1:] == ["UCM+1+ORDERS:D:96A:UN:EAN008+4", *told, "UCM+2+INVOIC:D:96A:UN+7"]


def test_a_warning_is_not_told():
    assert inside(of={1: [finding("edifact.code-unknown", **QTY, severity="warning")]}) == inside()


ENVELOPES = [
    ("UNT-1", TWO.replace("UNT+4", "UNT+9"), ["UCM+1+ORDERS:D:96A:UN:EAN008+4+29+UNT+2", "UCM+2+INVOIC:D:96A:UN+7"]),
    ("UNT-2", TWO.replace("UNT+4+1", "UNT+4+9"), ["UCM+1+ORDERS:D:96A:UN:EAN008+4+28+UNT+3", "UCM+2+INVOIC:D:96A:UN+7"]),
    ("no UNT", TWO.replace("UNT+4+1'", ""), ["UCM+1+ORDERS:D:96A:UN:EAN008+4+13+UNT", "UCM+2+INVOIC:D:96A:UN+7"]),
    ("UNH-1 too long", TWO.replace("UNH+1+", "UNH+123456789012345+").replace("UNT+4+1'", "UNT+4+123456789012345'"), ["UCM++ORDERS:D:96A:UN:EAN008+4+39+UNH+2", "UCM+2+INVOIC:D:96A:UN+7"]),
    ("no type", TWO.replace("ORDERS:D:96A:UN:EAN008", ""), ["UCM+1++4+13+UNH+3:1", "UCM+2+INVOIC:D:96A:UN+7"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), [case[1:] for case in ENVELOPES], ids=[case[0] for case in ENVELOPES])
def test_the_envelope_of_a_message(text, told):
    assert inside(text)[1:] == told


INTERCHANGES = [
    ("UNZ-1", TWO.replace("UNZ+2", "UNZ+3"), "4+29+UNZ+2"),
    ("UNZ-2", TWO.replace("UNZ+2+REF1", "UNZ+2+REF2"), "4+28+UNZ+3"),
    ("no UNZ", TWO.replace("UNZ+2+REF1'", ""), "4+13+UNZ"),
    ("sender too long", TWO.replace("ACME:", f"{'A' * 36}:"), "4+39+UNB+3:1"),
    ("stray segment", TWO.replace("UNH+1", "BGM+1'UNH+1"), "4+33"),
    ("groups mixed", GROUPED.replace("UNZ+2", M1 + "UNZ+2"), "4+30"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "told"), [case[1:] for case in INTERCHANGES], ids=[case[0] for case in INTERCHANGES])
def test_the_interchange(text, told):
    (uci,) = inside(text)
    assert uci.endswith(f":14:BACK+EXAMPLE:ZZ+{told}")
    made = answer(judged(text), Wish())
    assert made is not None
    assert set(made.sets.values()) == {"rejected"}


def test_a_duplicate_is_rejected_whole_and_unread():
    assert inside(duplicate=True) == ["UCI+REF1+ACME:14:BACK+EXAMPLE:ZZ+4+26"]


def test_a_message_that_no_guide_judged_is_not_supported():
    assert inside(guide=None)[1:] == ["UCM+1+ORDERS:D:96A:UN:EAN008+4+14+UNH+3:1", "UCM+2+INVOIC:D:96A:UN+4+14+UNH+3:1"]


def test_messages_stand_below_their_groups():
    parties = "APP1:1+APP2:ZZ"
    assert inside(GROUPED, {2: [ERROR]})[1:] == [
        f"UCF+G1+{parties}+7", "UCM+1+ORDERS:D:96A:UN:EAN008+7",
        f"UCF+G2+{parties}+7", "UCM+2+INVOIC:D:96A:UN+4", "UCS+2+13",
    ]  # fmt: skip
    assert inside(GROUPED.replace("UNE+1+G2", "UNE+2+G2"))[1:] == [
        f"UCF+G1+{parties}+7", "UCM+1+ORDERS:D:96A:UN:EAN008+7",
        f"UCF+G2+{parties}+4+29+UNE+2",
    ]  # fmt: skip


def test_all_or_nothing_names_the_messages_that_are_the_cause():
    wish = Wish(all_or_nothing=True)
    assert inside(of={2: [ERROR]}, wish=wish) == [
        "UCI+REF1+ACME:14:BACK+EXAMPLE:ZZ+4+18", "UCM+2+INVOIC:D:96A:UN+4", "UCS+2+13",
    ]  # fmt: skip
    made = answer(judged(TWO, {2: [ERROR]}), wish)
    assert made is not None
    assert (made.verdict, made.sets) == ("rejected", {1: "rejected", 2: "rejected"})


def test_acknowledgments_are_not_acknowledged():
    assert said(TWO.replace("ORDERS", "CONTRL").replace("INVOIC", "CONTRL")) is None
    assert inside(TWO.replace("ORDERS", "CONTRL"))[1:] == ["UCM+2+INVOIC:D:96A:UN+7"]


def test_text_with_separators_in_it_is_escaped():
    text = TWO.replace("EXAMPLE", "E?+X?'A").replace("REF1", "R?:1")
    segments = said(text)
    assert segments is not None
    assert "UCI+R?:1+ACME:14:BACK+E?+X?" in segments


def test_characters_that_the_level_has_not_are_replaced():
    text = TWO.replace("UNOC", "UNOA").replace("EXAMPLE", "M\xdcLLER")
    segments = said(text)
    assert segments is not None
    assert segments[1].startswith("UNB+UNOA:3+M??LLER:ZZ+")


@pytest.mark.filterwarnings("ignore:segments.xml not found")
@pytest.mark.parametrize(("text", "of"), [(TWO, {}), (TWO, {1: [ERROR]}), (FOUR, {2: [ERROR]})])
def test_pydifact_reads_it(text, of):
    segments = pytest.importorskip("pydifact.segmentcollection", reason="pydifact is not installed")
    made = answer(judged(text, of), Wish())
    assert made is not None
    interchange = segments.Interchange.from_str(write(made, Numbers(interchange="77"), AT).decode())
    assert (interchange.control_reference, interchange.recipient[0]) == ("77", "ACME")
    (message,) = interchange.get_messages()
    assert message.type == "CONTRL"
    uci = message.get_segment("UCI")
    assert uci is not None
    assert uci.elements == ["REF1", ["ACME", "14", "BACK"], ["EXAMPLE", "ZZ"], "7"]
    assert [one.elements[2] for one in message.get_segments("UCM")] == ["4" if nth in of else "7" for nth in (1, 2)]
