"""Every EDIFACT message of real senders that we have a map for makes one record, which is of its type."""

import json
from collections import Counter

import msgspec
import pytest

import parsers
from parsers.canonical.catalogue import BY_SCHEMA
from parsers.events import RecordBatch, SetClosed
from tests import corpus
from tests.corpus import ROWS, data_of

pytestmark = corpus.needed
FILES = [pytest.param(row, id=row["path"]) for row in ROWS if row["format"] == "edifact"]
IN_ALL = {
    "purchase-order/2": 21,
    "order-response/1": 5,
    "ship-notice/1": 12,
    "invoice/1": 15,
    "payment/1": 4,
    "acknowledgment/1": 6,
}


def records_of(row: dict[str, str]) -> list[bytes]:
    batches = [event for event in parsers.read([data_of(row)]) if isinstance(event, RecordBatch)]
    return [line for batch in batches for line in batch.ndjson.splitlines()]


@pytest.mark.parametrize("row", FILES)
def test_each_message_makes_one_record_of_its_type(row):
    closed = [event for event in parsers.read([data_of(row)]) if isinstance(event, SetClosed)]
    mapped = [event for event in closed if event.map_version is not None]
    parts = 2 if row["path"].endswith("huge_file2.edi") else 1  # One message of 2 MiB.
    assert [event.records for event in mapped] == [parts] * len(mapped)
    for line in records_of(row):
        record = json.loads(line)
        made = msgspec.json.decode(line, type=BY_SCHEMA[record["schema"]], strict=True)
        assert json.loads(msgspec.json.encode(made)) == record  # Nothing that its type does not have.


def test_how_many_there_are():
    schemas = Counter(json.loads(line)["schema"] for param in FILES for line in records_of(param.values[0]))
    assert schemas == IN_ALL
