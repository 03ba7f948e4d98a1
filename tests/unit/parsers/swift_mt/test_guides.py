"""MT940 and MT942 by their guides: clean ones, one fault of each kind, and real files."""

import pytest

import parsers
from parsers.events import SetClosed
from parsers.findings import Finding
from parsers.guides.terms import Judging
from tests import corpus

STATEMENT = (
    ":20:BIRCH1", ":25:10020030/1234567", ":28C:1/1", ":60F:C260301EUR100,", ":61:2603020302D10,NTRFNONREF",
    ":86:RENT", ":62F:C260302EUR90,", ":64:C260302EUR90,",
)  # fmt: skip
REPORT = (
    ":20:BIRCH1", ":25:10020030/1234567", ":28C:1/1", ":34F:EUR0,", ":13D:2603021200+0100",
    ":61:2603020302D10,NTRFNONREF", ":86:RENT", ":90D:1EUR10,",
)  # fmt: skip
FAULTS = [
    (STATEMENT, 1, None, "segment-missing", "25", 2),
    (STATEMENT, 3, None, "segment-missing", "60F", 4),
    (STATEMENT, 7, ":21:X", "segment-unexpected", "21", 8),
    (STATEMENT, 0, ":20:12345678901234567", "format", "20", 1),
    (STATEMENT, 6, ":62F:C260302EUR90,\r\n:62F:C260302EUR90,", "segment-repeats", "62F", 8),
    (REPORT, 3, None, "segment-missing", "34F", 4),
    (REPORT, 1, None, "segment-missing", "25", 2),
]
REASONS = {
    "swift-mt/WoLpH-mt940/betterplace/with_binary_character.sta": "its reference has a letter outside of SWIFT's set",
    "swift-mt/WoLpH-mt940/self-provided/gv_codes.sta": "it ends inside of a message",
    "swift-mt/railslove-cmxl/mt940-with-colon-after-line-break.txt": "it ends inside of a message",
}


def judged(data: bytes) -> tuple[list[Finding], list[SetClosed]]:
    events = list(parsers.read([data], judge=Judging()))
    findings = [one for one in events if isinstance(one, Finding) and one.severity == "error"]
    return findings, [one for one in events if isinstance(one, SetClosed)]


def message(fields: tuple[str, ...]) -> bytes:
    return ("\r\n".join(fields) + "\r\n-\r\n").encode()


@pytest.mark.parametrize(("fields", "guide"), [(STATEMENT, "swift-mt/940"), (REPORT, "swift-mt/942")])
def test_a_clean_message_is_accepted(fields: tuple[str, ...], guide: str) -> None:
    findings, (closed,) = judged(message(fields))
    assert findings == []
    assert closed.guide == guide
    assert closed.verdict != "rejected"


@pytest.mark.parametrize(("fields", "at", "instead", "code", "segment", "position"), FAULTS)
def test_a_fault_has_its_place(
    fields: tuple[str, ...], at: int, instead: str | None, code: str, segment: str, position: int
) -> None:
    changed = [*fields[:at], *([instead] if instead else []), *fields[at + 1 :]]
    if code == "segment-missing":
        position -= 0 if at < len(fields) - 1 else 1
    findings, (closed,) = judged(message(tuple(changed)))
    assert (f"swift-mt.{code}", segment, position) in [(one.code, one.segment, one.position) for one in findings]
    assert closed.verdict == "rejected"


@corpus.needed
def test_real_files() -> None:
    wrong = set()
    for row in corpus.ROWS:
        if row["format"] == "swift-mt" and row["label"] == "valid":
            findings, sets = judged(corpus.data_of(row))
            if findings and any(one.guide for one in sets):
                wrong.add(row["path"])
    assert wrong == REASONS.keys()
