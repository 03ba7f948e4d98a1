"""PPD and CCD batches by their guide: a clean one, one fault of each kind, and real files."""

import pytest

import parsers
from parsers.events import SetClosed
from parsers.findings import Finding
from parsers.guides.terms import Judging
from tests import corpus
from tests.unit.parsers.nacha import sample


def judged(records: list[str]) -> tuple[list[Finding], list[SetClosed]]:
    return judged_data("\n".join([*records, *sample.FILL, ""]).encode())


def judged_data(data: bytes) -> tuple[list[Finding], list[SetClosed]]:
    """Findings of the guide alone: the reader's have no path through the batch."""
    events = list(parsers.read([data], judge=Judging()))
    findings = [
        one
        for one in events
        if isinstance(one, Finding) and one.severity != "info" and not (one.path or "").startswith("1[")
    ]
    return findings, [one for one in events if isinstance(one, SetClosed)]


def test_a_clean_batch_is_accepted() -> None:
    findings, (payroll, vendors) = judged(sample.RECORDS)
    assert findings == []
    assert payroll.guide == "nacha/ppd-ccd"
    assert vendors.guide is None  # CTX has no guide.


def replaced(at: int, begin: int, text: str) -> list[str]:
    """The sample with other characters in one record, both counted from 0."""
    records = list(sample.RECORDS)
    records[at] = records[at][:begin] + text + records[at][begin + len(text) :]
    return records


@pytest.mark.parametrize(
    ("records", "code", "path", "position"),
    [
        (replaced(2, 1, "99"), "code-unknown", "entry/6/02", 2),
        (replaced(2, 78, "2"), "code-unknown", "entry/6/10", 2),
        (replaced(2, 12, " " * 17), "element-missing", "entry/6/05", 2),
        (sample.RECORDS[:5] + sample.RECORDS[4:], "segment-repeats", "entry/7[2]", 5),
    ],
)
def test_a_fault_has_its_place(records: list[str], code: str, path: str, position: int) -> None:
    findings, _ = judged(records)
    assert (f"nacha.{code}", path, position) in [(one.code, one.path, one.position) for one in findings]


@corpus.needed
def test_real_files() -> None:
    """None that is labelled valid has a finding of the guide."""
    judged_batches = 0
    for row in corpus.ROWS:
        if row["format"] == "nacha" and row["label"] == "valid":
            findings, sets = judged_data(corpus.data_of(row))
            judged_batches += sum(one.guide is not None for one in sets)
            assert not [one.code for one in findings if one.severity == "error" and one.set is not None], row["path"]
    assert judged_batches > 20
