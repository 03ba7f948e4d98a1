"""Guides of 850, 855, 856, 810 and 997: clean sets, one fault of each kind, and real files."""

import pytest

import parsers
from parsers.events import SetClosed
from parsers.findings import Finding
from parsers.guides.terms import Judging
from tests import corpus

CLEAN = {
    "850": (
        "BEG*00*SA*PO1001**20260302", "REF*DP*041", "DTM*002*20260316", "N1*BY*BIRCH STORES*UL*0614141000012",
        "PO1*1*12*EA*9.5**UP*036000291452*VN*A1", "PID*F****LAMP", "CTT*1",
    ),
    "855": (
        "BAK*00*AC*PO1001*20260302", "N1*SE*CEDAR WORKS", "PO1*1*12*EA*9.5**VN*A1", "ACK*IA*12*EA", "CTT*1",
    ),
    "856": (
        "BSN*00*SHIP1*20260302*0915", "HL*1**S", "TD5*B*2*ABCD", "MAN*GM*106141411234567897", "HL*2*1*O", "PRF*PO1001",
        "HL*3*2*I", "LIN**VN*A1", "SN1**12*EA", "CTT*3",
    ),
    "810": (
        "BIG*20260303*INV1*20260302*PO1001", "N1*RE*CEDAR WORKS", "IT1*1*12*EA*9.5**VN*A1", "TDS*11400", "CTT*1",
    ),
    "997": ("AK1*PO*1*004010", "AK2*850*0001", "AK3*BEG*2**8", "AK4*3*324*1", "AK5*R*5", "AK9*R*1*1*0"),
}  # fmt: skip
FAULTS = [
    ("850", 0, "BEG*00*SA**20260302", "element-missing", 2, "BEG03"),
    ("850", 0, "BEG*00*SA*PO1001**260302", "element-too-short", 2, "BEG05"),
    ("850", 2, "DTM*002*20261316", "date-invalid", 4, "DTM02"),
    ("850", 3, "N1*BY*BIRCH STORES*UL", "elements-conditional", 5, "N104"),
    ("850", 4, "PO1*1*12X*EA*9.5", "element-characters", 6, "PO102"),
    ("850", 6, "CTT*2", "balance", 8, "CTT01"),
    ("850", 1, "QQQ*1", "segment-unknown", 3, None),
    ("855", 0, "BAK*00*AC*PO1001", "element-missing", 2, "BAK04"),
    ("855", 3, "ACK*IA*12", "elements-conditional", 5, "ACK03"),
    ("855", 3, "ACK*IA**EA", "elements-conditional", 5, "ACK02"),
    ("856", 3, "MAN*GM*106141411234567890", "check-digit", 5, "MAN02"),
    ("856", 1, "HL*1*5*S", "hl-parent", 3, "HL02"),
    ("856", 8, "SN1**12", "element-missing", 10, "SN103"),
    ("810", 3, None, "segment-missing", 5, None),
    ("810", 0, "BIG*20260303", "element-missing", 2, "BIG02"),
    ("997", 4, "AK5*Q", "code-unknown", 6, "AK501"),
    ("997", 5, None, "segment-missing", 7, None),
]
REASONS = {
    "_850/Example4_Adobe_ShrinkWrapped.txt": "dates and codes are padded with blanks",
    "messages/850-lineBreak-LF.x12": "no line",
    "messages/850-lineBreak.x12": "no line",
    "messages/850.x12": "no line",
    "_810/Example5_Walmart.txt": "ISS stands before TDS",
    "_856/Example4.txt": "a state of more than two letters",
}
"""Real files that break the standard, and how."""


def file_of(code: str, segments: list[str]) -> bytes:
    kinds = {"850": "PO", "855": "PR", "856": "SH", "810": "IN", "997": "FA"}
    isa = f"ISA*00*{'':10}*00*{'':10}*ZZ*{'BIRCH':15}*ZZ*{'CEDAR':15}*260302*0915*U*00401*000000001*0*T*>~"
    body = [f"ST*{code}*0001", *segments, f"SE*{len(segments) + 2}*0001"]
    return (
        f"{isa}GS*{kinds[code]}*BIRCH*CEDAR*20260302*0915*1*X*004010~{'~'.join(body)}~GE*1*1~IEA*1*000000001~".encode()
    )


def judged(data: bytes) -> tuple[list[Finding], list[SetClosed]]:
    events = list(parsers.read([data], judge=Judging()))
    findings = [one for one in events if isinstance(one, Finding) and not one.code.startswith("x12.not-a-")]
    return findings, [one for one in events if isinstance(one, SetClosed)]


@pytest.mark.parametrize("code", CLEAN)
def test_a_clean_set_is_accepted(code: str) -> None:
    findings, (closed,) = judged(file_of(code, list(CLEAN[code])))
    assert findings == []
    assert closed.guide == f"x12/004010/{code}"


@pytest.mark.parametrize(("code", "at", "instead", "fault", "position", "element"), FAULTS)
def test_a_fault_has_its_place(
    code: str, at: int, instead: str | None, fault: str, position: int, element: str | None
) -> None:
    segments = [*CLEAN[code][:at], *([instead] if instead else []), *CLEAN[code][at + 1 :]]
    findings, _ = judged(file_of(code, segments))
    assert (f"x12.{fault}", position, element) in [(one.code, one.position, one.element) for one in findings]


@corpus.needed
def test_real_files() -> None:
    wrong = set()
    for row in corpus.ROWS:
        if row["format"] == "x12" and row["set"] in CLEAN and row["label"] == "valid":
            findings, sets = judged(corpus.data_of(row))
            broken = [one for one in findings if one.severity == "error" and not (one.path or "").startswith("ISA")]
            if broken and any(one.guide for one in sets):
                wrong.add(next((end for end in REASONS if row["path"].endswith(end)), row["path"]))
    assert wrong == REASONS.keys()
