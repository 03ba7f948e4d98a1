"""Guides of ORDERS, ORDRSP, DESADV, INVOIC and CONTRL: right messages, one fault of each kind, and real files."""

import pytest

import parsers
from parsers.acknowledgment import Numbers, Wish, answer, write
from parsers.events import SetClosed
from parsers.findings import Finding
from parsers.guides.terms import Judging
from tests import corpus
from tests.unit.parsers.edifact import test_acknowledgment as ours
from tests.unit.parsers.judging import finding
from tests.unit.parsers.judging import judged as by_hand

LINE = "LIN+1++4000862141404:EN"
HEAD = ("DTM+137:20260302:102", "RFF+ON:PO1001", "NAD+BY+5412345000013::9", "CTA+OC+:A BUYER", "COM+555 0100:TE")
ORDER = (*HEAD, "CUX+2:EUR:9", LINE, "QTY+21:12", "PRI+AAA:9.5", "UNS+S", "CNT+2:1")
CLEAN = {
    "ORDERS:D:96A": ("BGM+220+PO1001+9", *ORDER),
    "ORDRSP:D:96A": ("BGM+231+PO1001+29", *ORDER),
    "INVOIC:D:96A": (
        "BGM+380+INV1+9", *HEAD, "CUX+2:EUR:4", LINE, "QTY+47:12", "MOA+203:114", "PRI+AAA:9.5", "TAX+7+VAT+++:::19",
        "UNS+S", "CNT+2:1", "MOA+77:135.66", "TAX+7+VAT+++:::19", "MOA+124:21.66",
    ),
    "DESADV:D:96A": (
        "BGM+351+SHIP1+9", *HEAD[:3], "CPS+1", "PAC+1++201", "PCI+33E", "GIN+BJ+106141411234567897", LINE, "QTY+12:12",
        "CNT+2:1",
    ),
}  # fmt: skip
CLEAN |= {
    name.replace("96A", "01B"): tuple(one.replace(":EN", ":SRV") for one in segments)
    for name, segments in CLEAN.items()
}
CONTRL = ("UCI+REF1+ACME:14+EXAMPLE:ZZ+4", "UCM+1+ORDERS:D:96A:UN+4", "UCS+2", "UCD+13+1:1", "UCM+2+INVOIC:D:96A:UN+7")
CLEAN |= {"CONTRL:D:3": CONTRL, "CONTRL:4:1": CONTRL}
IDS = {"CONTRL:D:3": "edifact/D3/CONTRL", "CONTRL:4:1": "edifact/41/CONTRL"}


def file_of(name: str, segments: list[str]) -> bytes:
    syntax, day = ("UNOC:4", "20260302") if name == "CONTRL:4:1" else ("UNOC:3", "260302")
    body = [f"UNH+1+{name}:UN", *segments, f"UNT+{len(segments) + 2}+1"]
    return "".join(f"{one}'" for one in (f"UNB+{syntax}+ACME+EXAMPLE+{day}:0915+1", *body, "UNZ+1+1")).encode()


def judged(data: bytes) -> tuple[list[Finding], list[SetClosed]]:
    events = list(parsers.read([data], judge=Judging()))
    return (
        [one for one in events if isinstance(one, Finding)],
        [one for one in events if isinstance(one, SetClosed)],
    )


EACH = [name for name in CLEAN if not name.startswith("CONTRL")]
FAULTS = [
    ("ORDERS:D:96A", "DTM+137:20260302:102", (), "segment-missing", 3, None),
    ("ORDERS:D:96A", "UNS+S", (), "segment-missing", 12, None),
    ("ORDERS:D:96A", "UNS+S", ("UNS+X",), "code-unknown", 12, "UNS-1"),
    ("ORDERS:D:96A", "QTY+21:12", ("QTY+21:12X",), "element-characters", 10, "QTY-1.2"),
    ("ORDERS:D:96A", "QTY+21:12", ("QTY",), "element-missing", 10, "QTY-1"),
    ("ORDERS:D:96A", "QTY+21:12", ("QTY+21:12:PCE:X",), "component-surplus", 10, "QTY-1"),
    ("ORDERS:D:96A", "QTY+21:12", ("QQQ+1",), "segment-unknown", 10, None),
    ("ORDERS:D:96A", LINE, ("LIN+1++4000862141400:EN",), "check-digit", 9, "LIN-3.1"),
    ("ORDERS:D:96A", HEAD[2], ("NAD+BY+5412345000010::9",), "check-digit", 5, "NAD-2.1"),
    ("ORDERS:D:96A", "CNT+2:1", ("CNT+2:2",), "balance", 13, "CNT-1.2"),
    ("ORDRSP:D:96A", "UNS+S", (), "segment-missing", 12, None),
    ("ORDRSP:D:96A", "PRI+AAA:9.5", ("PRI+AAA:9.5", "QTY+21:12"), "segment-unexpected", 12, None),
    ("INVOIC:D:96A", "MOA+77:135.66", (), "loop-missing", 16, None),
    ("INVOIC:D:96A", "MOA+203:114", ("MOA+203:" + "9" * 19,), "element-too-long", 11, "MOA-1.2"),
    ("DESADV:D:96A", "CPS+1", (), "segment-unexpected", 6, None),
    ("DESADV:D:96A", "GIN+BJ+106141411234567897", ("GIN+BJ+106141411234567890",), "check-digit", 9, "GIN-2.1"),
    ("DESADV:D:96A", "CPS+1", ("CPS+1+" + "1" * 13,), "element-too-long", 6, "CPS-2"),
    ("ORDERS:D:01B", "DTM+137:20260302:102", (), "segment-missing", 3, None),
    ("ORDERS:D:01B", "PRI+AAA:9.5", ("PRI+AAA:9.5X",), "element-characters", 11, "PRI-1.2"),
    ("ORDERS:D:01B", "LIN+1++4000862141404:SRV", ("LIN+1++4000862141400:SRV",), "check-digit", 9, "LIN-3.1"),
    ("ORDERS:D:01B", HEAD[1], ("RFF+ON:" + "1" * 71,), "element-too-long", 4, "RFF-1.2"),
    ("ORDRSP:D:01B", "UNS+S", (), "segment-missing", 12, None),
    ("INVOIC:D:01B", "MOA+77:135.66", (), "loop-missing", 16, None),
    ("INVOIC:D:01B", "CNT+2:1", ("CNT+2:2",), "balance", 15, "CNT-1.2"),
    ("DESADV:D:01B", "GIN+BJ+106141411234567897", ("GIN+BJ+106141411234567890",), "check-digit", 9, "GIN-2.1"),
    ("DESADV:D:01B", "CPS+1", (), "segment-unexpected", 6, None),
] + [
    (name, *fault)
    for name in IDS
    for fault in [
        (CONTRL[0], (), "segment-missing", 2, None),
        (CONTRL[0], ("UCI+REF1+ACME:14+EXAMPLE:ZZ+9",), "code-unknown", 2, "UCI-4"),
        (CONTRL[0], ("UCI+" + "1" * 36 + "+ACME:14+EXAMPLE:ZZ+4",), "element-too-long", 2, "UCI-1"),
        (CONTRL[1], (), "segment-unexpected", 3, None),
        (CONTRL[1], (CONTRL[2], CONTRL[1]), "segment-unexpected", 3, None),
        (CONTRL[3], ("UCD+13",), "element-missing", 5, "UCD-2"),
        (CONTRL[3], (CONTRL[3],) * 100, "segment-repeats", 104, None),
        (CONTRL[3], (CONTRL[2], CONTRL[3]) * 999, "loop-repeats", 2001, None),
    ]
]  # fmt: skip
"""A message, its segment, what stands in its place, and what is found: code, position, element."""

REASONS = {
    "EDIFACT-interchanges.edifact": ("valid", {"segment-missing"}),
    "huge_file2.edi": ("valid", {"segment-unexpected"}),
    "contrl.edi": ("valid", {"element-characters"}),
}
"""Real files that break the directory: how they are labelled, and what is found.

The first has orders without DTM and UNS; the second has BGM again and again in one message; the third has X for numbers.
"""

ENVELOPE = {"unz-missing", "unz-reference-mismatch", "unt-count-mismatch"}
"""Not said by a guide."""


def found(name: str, segments: list[str]) -> list[tuple[str, int | None, str | None]]:
    return [
        (one.code.removeprefix("edifact."), one.position, one.element) for one in judged(file_of(name, segments))[0]
    ]


@pytest.mark.parametrize("name", CLEAN)
def test_a_right_message_is_judged_right(name: str) -> None:
    findings, (closed,) = judged(file_of(name, list(CLEAN[name])))
    assert findings == []
    set_, *version = name.split(":")
    assert closed.guide == IDS.get(name, f"edifact/{''.join(version)}/{set_}")


@pytest.mark.parametrize(("name", "segment", "instead", "fault", "position", "element"), FAULTS)
def test_a_fault_has_its_place(
    name: str, segment: str, instead: tuple[str, ...], fault: str, position: int, element: str | None
) -> None:
    segments = list(CLEAN[name])
    at = segments.index(segment)
    segments[at : at + 1] = instead
    assert (fault, position, element) in found(name, segments)


@pytest.mark.parametrize("name", EACH)
def test_segments_in_a_wrong_order_are_told(name: str) -> None:
    first, second, *rest = CLEAN[name]
    assert found(name, [second, first, *rest]) == [("segment-missing", 2, None), ("segment-unexpected", 3, None)]


@pytest.mark.parametrize("name", EACH)
def test_a_document_number_that_is_too_long_is_told(name: str) -> None:
    element = "BGM-2" if name.endswith("96A") else "BGM-2.1"
    assert found(name, ["BGM+1+" + "9" * 36 + "+9", *CLEAN[name][1:]]) == [("element-too-long", 2, element)]


@pytest.mark.parametrize("name", EACH)
def test_a_group_is_told_when_it_stands_once_too_often(name: str) -> None:
    often, after = (10, 4) if name.startswith("DESADV") else (5, 7)
    before, behind = CLEAN[name][:after], CLEAN[name][after:]
    assert found(name, [*before, *["TOD+3++EXW"] * often, *behind]) == []
    assert found(name, [*before, *["TOD+3++EXW"] * (often + 1), *behind]) == [("loop-repeats", after + 2 + often, None)]


def in_version_4(text: str) -> str:
    return text.replace("UNOC:3", "UNOC:4").replace("260302:0915", "20260302:0915")


def answer_of(text: str, said: list[tuple[str, dict[str, object]]]) -> bytes:
    made = answer(by_hand(text, {1: [finding(f"edifact.{code}", **place) for code, place in said]}), Wish())
    assert made is not None
    return write(made, Numbers(interchange="77"), ours.AT)


NAMELESS = {"UNH-1 too long": "UCM-1", "no type": "UCM-2", "sender too long": "UCI-2.1"}
"""What an answer of version 3 has no right way to name: the directory asks for what UNH and UNB do not give."""
BROKEN = [*ours.ENVELOPES, *ours.INTERCHANGES]
FILES = [
    *(one[1] for one in BROKEN if one[0] not in NAMELESS),
    *(in_version_4(one[1]) for one in ours.ENVELOPES),
]
ANSWERED = [(text, case[1]) for text in (ours.TWO, ours.GROUPED, ours.FOUR) for case in [("", []), *ours.FINDINGS]]
ANSWERED += [(text, []) for text in FILES]


@pytest.mark.parametrize(("text", "said"), ANSWERED)
def test_our_own_contrl_is_judged_right(text: str, said: list[tuple[str, dict[str, object]]]) -> None:
    findings, sets = judged(answer_of(text, said))
    assert findings == []
    assert {one.guide for one in sets} == {IDS["CONTRL:4:1" if "UNOC:4" in text else "CONTRL:D:3"]}


@pytest.mark.parametrize("case", NAMELESS)
def test_an_answer_of_version_3_lacks_what_the_file_does_not_name(case: str) -> None:
    (text,) = (one[1] for one in BROKEN if one[0] == case)
    findings, _ = judged(answer_of(text, []))
    assert [(one.code, one.element) for one in findings] == [("edifact.element-missing", NAMELESS[case])]


@pytest.mark.parametrize("name", ["ORDERS:D:97A", "ORDERS:D:96B", "ORDERS:D:01C", "PRICAT:D:96A", "CONTRL:2:2"])
def test_another_version_is_not_judged_by_a_near_one(name: str) -> None:
    findings, (closed,) = judged(file_of(name, list(CLEAN["ORDERS:D:96A"])))
    assert [one.code for one in findings if not one.code.endswith("no-records")] == ["edifact.no-guide"]
    assert closed.guide is None


@corpus.needed
def test_real_files() -> None:
    wrong = {}
    for row in corpus.ROWS:
        if row["format"] == "edifact":
            findings, sets = judged(corpus.data_of(row))
            guided = {one.index for one in sets if one.guide}
            broken = [one for one in findings if one.severity == "error" and one.set in guided]
            codes = {one.code.removeprefix("edifact.") for one in broken} - ENVELOPE
            if codes:
                wrong[row["path"].rpartition("/")[2]] = (row["label"], codes)
    assert wrong == REASONS
