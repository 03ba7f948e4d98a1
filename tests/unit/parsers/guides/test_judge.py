"""A set against its guide: each way to be wrong, with the place that is told."""

import pytest

import parsers
from parsers.findings import Finding
from parsers.guides.terms import Judging
from tests.unit.parsers.guides.sample import CLEAN, changed, file_of, judged, places

FAULTS = {
    "unknown": (changed(3, "ZZZ*1", CLEAN[2]), [("segment-unknown", "", 3, None)]),
    "not here": (changed(4, CLEAN[3], "REF*VN*2"), [("segment-unexpected", "N1/REF", 5, None)]),
    "with another code": (changed(3, CLEAN[2], "REF*XX*2"), [("segment-unexpected", "REF", 4, None)]),
    "not used": (changed(5, CLEAN[4], "SAC*C"), [("segment-not-used", "PO1/SAC", 6, None)]),
    "a segment is missing": (changed(2), [("segment-missing", "BEG", 2, None)]),
    "its second place, too": (changed(3, "REF*CO*1"), [("segment-missing", "REF", 4, None)]),
    "a loop is missing": (file_of(*CLEAN[:4], "SE*5*0001"), [("loop-missing", "PO1", 5, None)]),
    "too often": (changed(3, "REF*VN*1", "REF*VN*1"), [("segment-repeats", "REF[2]", 4, None)]),
    "a loop too often": (
        changed(4, "N1*SE*A", "N1*SE*B", "N1*SE*C"), [("loop-repeats", "N1", 6, None)],
    ),
    "any order in one place": (changed(3, "REF*VN*1", "REF*CO*1"), []),
    "an element is missing": (changed(2, "BEG*00"), [("element-missing", "BEG/02", 2, "BEG02")]),
    "an element is not used": (changed(2, "BEG*00*PO123****X"), [("element-not-used", "BEG/06", 2, "BEG06")]),
    "an element too many": (changed(2, "BEG*00*PO123*****X"), [("element-surplus", "BEG/07", 2, "BEG07")]),
    "too short": (changed(2, "BEG*00*P"), [("element-too-short", "BEG/02", 2, "BEG02")]),
    "too long": (changed(2, "BEG*00*P2345678901"), [("element-too-long", "BEG/02", 2, "BEG02")]),
    "a control character": (changed(2, "BEG*00*PO\x07"), [("element-characters", "BEG/02", 2, "BEG02")]),
    "letters for a number": (changed(5, "PO1*1*ABC*EA*3.50"), [("element-characters", "PO1/PO1/02", 5, "PO102")]),
    "no number": (changed(5, "PO1*1*2X*EA*3.50"), [("element-characters", "PO1/PO1/02", 5, "PO102")]),
    "a code": (changed(2, "BEG*01*PO123"), [("code-unknown", "BEG/01", 2, "BEG01")]),
    "an open code": (changed(5, "PO1*1*2*XX*3.50"), [("code-unknown", "PO1/PO1/03", 5, "PO103")]),
    "no date": (changed(2, "BEG*00*PO123**20260230*1200"), [("date-invalid", "BEG/04", 2, "BEG04")]),
    "no time": (changed(2, "BEG*00*PO123**20260228*2400"), [("time-invalid", "BEG/05", 2, "BEG05")]),
    "if one then the other": (changed(2, "BEG*00*PO123**20260228"), [("elements-conditional", "BEG/05", 2, "BEG05")]),
    "one at least": (changed(3, "REF*CO", CLEAN[2]), [("elements-conditional", "REF/02", 3, "REF02")]),
    "both or none": (changed(4, "N1*SE*A*UL"), [("elements-conditional", "N1/N1/04", 4, "N104")]),
    "one at most": (changed(5, "PO1*1*2*EA*3.50**A*B"), [("elements-exclusive", "PO1/PO1/07", 5, "PO107")]),
    "a component is missing": (changed(5, "PO1*1*2*EA*3.50*:B"), [("element-missing", "PO1/PO1/05-1", 5, "PO105-1")]),
    "a component too many": (changed(5, "PO1*1*2*EA*3.50*A:B:C"), [("component-surplus", "PO1/PO1/05", 5, "PO105")]),
    "repeated too often": (changed(5, "PO1*1*2*EA*3.50*A^B^C"), [("element-repeats", "PO1/PO1/05", 5, "PO105")]),
    "separators at the end": (changed(2, "BEG*00*PO123**"), [("trailing-separators", "BEG", 2, None)]),
    "a balance": (changed(7, "CTT*3*800"), [("balance", "CTT", 7, "CTT01")]),
    "a balance of products": (changed(7, "CTT*2*801"), [("balance", "CTT", 7, "CTT02")]),
    "an amount that nobody can add up": (
        changed(6, "PO1*2*1*CA*sNaN"), [("element-characters", "PO1/PO1/04", 6, "PO104")],
    ),
    "an amount of the size of the universe": (
        changed(6, "PO1*2*1*CA*1E999999999"), [("element-characters", "PO1/PO1/04", 6, "PO104")],
    ),
    "a check digit": (changed(4, "N1*SE*A*UL*0614141000013"), [("check-digit", "N1/N1", 4, "N104")]),
    "what is required then": (changed(4, "N1*BY*A"), [("rule-vendor-of-buyer", "N1/N1", 4, "N104")]),
    "what is forbidden then": (
        changed(4, "N1*BY*A*UL*0614141000012", "N3*A*B"), [("rule-vendor-of-buyer", "N1/N3", 5, "N302")],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_each_fault_has_its_code_and_place(name: str) -> None:
    data, expected = FAULTS[name]
    findings, _, _ = judged(data)
    assert places(findings) == expected


CODES = """
id = "acme"
extends = "x12/004010/850-small"
[[situation]]
name = "cases-of-buyers"
level = 7
loop = "PO1"
when = { PO103 = ["CA"] }
codes = { PO102 = ["12", "24"] }
message = "Cases are of twelve."
hint = "Send 12 or 24 in PO102."
source = "A"
"""


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("PO1*2*12*CA*1", []),
        ("PO1*2*11*EA*1", []),
        ("PO1*2*11*CA*1", [("rule-cases-of-buyers", "PO1/PO1", 6, "PO102")]),
    ],
)
def test_codes_that_must_stand_then(line: str, said: list[tuple[str, str, int, str]]) -> None:
    findings, _, _ = judged(changed(6, line).replace(b"CTT*2*800", b"CTT*2"), CODES, guide="acme")
    assert places(findings) == said


def test_a_clean_set_is_accepted_by_its_guide() -> None:
    findings, (closed,), _ = judged(file_of(*CLEAN))
    assert findings == []
    assert closed.guide == "x12/004010/850-small"
    assert closed.guide_hash is not None
    assert closed.verdict == "accepted"


def test_levels_decide_what_rejects() -> None:
    data = changed(7, "CTT*3*800")
    assert [(one.severity, one.level) for one in judged(data)[0]] == [("warning", 3)]
    assert judged(data)[1][0].verdict == "accepted"
    assert [one.severity for one in judged(data, levels={3: "reject"})[0]] == ["error"]
    assert judged(data, levels={3: "reject"})[1][0].verdict == "rejected"
    assert [one.severity for one in judged(changed(2, "BEG*01*PO1"), levels={2: "report"})[0]] == ["info"]


def test_values_are_handed_out_only_when_asked_for() -> None:
    data = changed(2, "BEG*01*P")
    secret = judged(data, quote="none")
    assert secret[2] == []
    assert judged(data, quote="codes")[2] == ["01"]  # A code, and nobody's number.
    assert judged(data, quote="all")[2] == ["01", "P"]
    told = " ".join(one.message + one.hint for one in judged(changed(2, "BEG*SECRET1*SECRETSECRET"))[0])
    assert "SECRET" not in told


def test_a_set_without_a_guide_is_told_of_and_its_neighbours_are_judged() -> None:
    data = file_of(*CLEAN).replace(b"~GE*1*1", b"~ST*999*0002~SE*2*0002~GE*2*1").replace(b"004010", b"007777")
    findings = [one for one in parsers.read([data], judge=Judging()) if isinstance(one, Finding)]
    assert [one.code for one in findings if one.code.endswith("no-guide")] == ["x12.no-guide", "x12.no-guide"]


@pytest.mark.parametrize("size", [1, 7, 64, 1000])
def test_pieces_of_any_size_give_the_same_findings(size: int) -> None:
    for data, _ in FAULTS.values():
        whole = [one for one in parsers.read([data], judge=Judging()) if isinstance(one, Finding)]
        pieces = (data[at : at + size] for at in range(0, len(data), size))
        assert [one for one in parsers.read(pieces, judge=Judging()) if isinstance(one, Finding)] == whole
