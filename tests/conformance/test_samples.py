"""The demo files, read whole: records as reviewed against their segments, and every verdict."""

from pathlib import Path

import msgspec
import pytest

import mft.samples
import parsers
from parsers.events import Finished, InterchangeClosed, RecordBatch, SetClosed
from parsers.findings import Finding

SAMPLES = Path(mft.samples.__file__).parent
EXPECTED = Path(__file__).parent / "samples"

TABLE = [
    ("claims-837p.edi", "complete", ["accepted"], []),
    ("orders-850.edi", "complete", ["accepted", "accepted"], []),
    ("admissions-adt.hl7", "complete", ["accepted"] * 4, []),
    ("claims-wrong-count.edi", "complete", ["rejected"], ["x12.se01-count-mismatch"]),
    ("claims-cut-off.edi", "incomplete", ["incomplete"], ["x12.segment-cut-off", "x12.iea-missing"]),
    ("remittance-note.pdf", "opaque", [], []),
]


@pytest.mark.parametrize(("name", "outcome", "verdicts", "codes"), TABLE)
def test_what_becomes_of_a_sample(name, outcome, verdicts, codes):
    events = list(parsers.read([(SAMPLES / name).read_bytes()]))
    assert [event.verdict for event in events if isinstance(event, SetClosed)] == verdicts
    assert [event.code for event in events if isinstance(event, Finding)] == codes
    (finished,) = [event for event in events if isinstance(event, Finished)]
    assert finished.outcome == outcome
    assert all(
        event.trailer_seen == (outcome == "complete") for event in events if isinstance(event, InterchangeClosed)
    )


@pytest.mark.parametrize("name", [row[0] for row in TABLE])
def test_the_records_of_a_sample(name):
    batches = [event for event in parsers.read([(SAMPLES / name).read_bytes()]) if isinstance(event, RecordBatch)]
    records = [msgspec.json.decode(line) for batch in batches for line in batch.ndjson.splitlines()]
    expected = EXPECTED / f"{name}.records.json"
    assert records == (msgspec.json.decode(expected.read_bytes()) if expected.exists() else [])


def test_every_sample_is_in_the_table():
    assert {path.name for path in SAMPLES.iterdir() if path.suffix not in {".py", ""}} == {row[0] for row in TABLE}
