"""Every message of real senders that has a map makes records of its type, and nothing in them makes no sense."""

from collections import Counter

import msgspec

import parsers
from parsers.canonical.catalogue import BY_SCHEMA
from parsers.events import RecordBatch, SetClosed
from parsers.findings import Finding
from tests import corpus

pytestmark = corpus.needed

RECORDS = {
    "camt.029-1": 12, "camt.052-1": 24, "camt.053-1": 27, "camt.054-1": 22, "camt.056-1": 8, "camt.057-1": 3,
    "pacs.002-1": 27, "pacs.003-1": 4, "pacs.004-1": 15, "pacs.008-1": 54, "pacs.009-1": 14, "pacs.010-1": 2,
    "pain.001-1": 26, "pain.002-1": 19, "pain.008-1": 5, "pain.013-1": 8,
}  # fmt: skip

WITHOUT_RECORDS = ("camt053.v2.wrong.xml", "valid_camt_v09.xml")
"""The first has no statement, the second nothing to recall."""

OF_ENVELOPES = {"nboftxs-mismatch", "ctrlsum-mismatch", "namespace-missing", "namespace-unused", "ill-formed"}


def test_every_message_that_is_mapped_makes_records_of_its_type():
    made = Counter[str]()
    for row in corpus.ROWS:
        if row["format"] != "iso20022":
            continue
        for event in parsers.read([corpus.data_of(row)]):
            if isinstance(event, RecordBatch):
                for line in event.ndjson.splitlines():
                    record = msgspec.json.decode(line)
                    msgspec.json.decode(line, type=BY_SCHEMA[record["schema"]], strict=True)
                    made[record["provenance"]["map"]] += 1
            elif isinstance(event, Finding):
                code = event.code.partition(".")[2]
                assert code in OF_ENVELOPES or row["path"].endswith(WITHOUT_RECORDS), row["path"]
            elif isinstance(event, SetClosed) and event.map_version:
                assert event.records or row["path"].endswith(WITHOUT_RECORDS), row["path"]
    assert made == RECORDS
