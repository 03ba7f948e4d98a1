"""Small files of ours, and the records that they hold, as reviewed against their segments."""

from pathlib import Path

import msgspec
import pytest

import parsers
from parsers.canonical.catalogue import BY_SCHEMA
from parsers.events import RecordBatch

FOLDER = Path(__file__).parent / "samples" / "records"
EXPECTED = sorted(FOLDER.rglob("*.records.json"))


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: str(path.relative_to(FOLDER)))
def test_the_records_of_a_file(expected):
    name = expected.name.removesuffix(".records.json")
    (path,) = (one for one in expected.parent.iterdir() if one.stem == name and one != expected)
    batches = [event for event in parsers.read([path.read_bytes()]) if isinstance(event, RecordBatch)]
    records = [msgspec.json.decode(line) for batch in batches for line in batch.ndjson.splitlines()]
    for record in records:
        msgspec.convert(record, BY_SCHEMA[record["schema"]], strict=True)
    assert records == msgspec.json.decode(expected.read_bytes())
