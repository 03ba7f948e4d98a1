"""Records written back as X12: what is written says the same, and its guide has nothing to say against it."""

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch, SetClosed, SetOpened
from parsers.guides.terms import Judging
from parsers.rewriting import rewritten
from tests.corpus import ROWS, data_of, needed
from tests.harness import sample

WRITABLE = {"850", "855", "810", "860", "820", "835", "997", "999"}
GUIDED = {"850", "855", "810", "997", "999"}


def records(data: bytes) -> list[tuple[str, str, dict]]:
    """Each with its set and version; what the guide refuses is no promise."""
    opened: dict[int, SetOpened] = {}
    made: dict[int, list[dict]] = {}
    accepted: list[int] = []
    for event in parsers.read([data], judge=Judging()):
        if isinstance(event, SetOpened):
            opened[event.index] = event
        elif isinstance(event, RecordBatch):
            made.setdefault(event.set, []).extend(map(msgspec.json.decode, event.ndjson.splitlines()))
        elif isinstance(event, SetClosed) and event.verdict == "accepted":
            accepted.append(event.index)
    return [(opened[n].set or "", opened[n].version or "", one) for n in accepted for one in made.get(n, ())]


def test_a_purchase_order_is_written_as_it_was_read():
    text = sample("orders-850.edi").decode()
    for set_code, version, record in records(text.encode()):
        made = rewritten(record, set_code=set_code, version=version)
        assert made.lost == []
        assert [one.code for one in made.findings if one.severity != "info"] == []
        assert ("BEG", ["00", "SA", record["number"], "", "20260227"]) in made.segments
        tags = [tag for tag, _ in made.segments]
        assert tags.index("REF") < tags.index("N1") < tags.index("PO1") < tags.index("PID") < tags.index("CTT")


@needed
@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=row["path"])
        for row in ROWS
        if row["format"] == "x12" and set(row["set"].split("+")) & WRITABLE
    ],
)
def test_what_is_written_says_the_same(row):
    for set_code, version, record in records(data_of(row)):
        if set_code not in WRITABLE:
            continue
        made = rewritten(record, set_code=set_code, version=version)
        lost = {change.field.partition("[")[0].partition(".")[0] for change in made.lost}
        assert lost <= {"parties"}, made.lost  # An identifier of REF alone comes back as N1's; a third line of N3.
        if set_code in GUIDED and not lost and "lines" in record:
            wrong = [one for one in made.findings if one.severity == "error"]
            assert [one.code for one in wrong] == [], wrong


def test_what_cannot_be_said_is_named():
    (_, version, record), *_ = records(sample("orders-850.edi"))
    record["lines"][0]["action"] = "delete"  # A change has it; an order does not.
    made = rewritten(record, set_code="850", version=version)
    assert [change.field for change in made.lost] == ["lines[1].action"]


def test_there_is_no_set_for_other_records():
    with pytest.raises(ValueError, match="no map makes claim/1 of an X12 850"):
        rewritten({"schema": "claim/1"}, set_code="850", version="004010")
    with pytest.raises(ValueError, match="not written back"):
        rewritten({"schema": "ship-notice/1"}, set_code="856", version="004010")
