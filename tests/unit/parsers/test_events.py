import msgspec
import pytest

import parsers
from parsers.events import Event, Finished, Identified, RecordBatch
from parsers.findings import Finding, Location

EXAMPLES = [
    Identified(standard="hl7", version="2.5.1", encoding="utf-8"),
    Finding.at(Location(standard="x12", offset=7), "x12.empty-segment", "m", "h"),
    RecordBatch(set=2, ndjson=b'{"a":1}\n', count=1),
    Finished(outcome="complete", interchanges=1, sets=1, records=1, size_bytes=99),
]


@pytest.mark.parametrize("event", EXAMPLES, ids=lambda event: type(event).__name__)
def test_an_event_survives_the_way_between_processes(event):
    sent = msgspec.msgpack.encode(event)
    assert msgspec.msgpack.Decoder(Event).decode(sent) == event


def test_every_event_of_a_file_survives_the_way(x12):
    decoder = msgspec.msgpack.Decoder(Event)
    events = list(parsers.read([x12("BHT*0019*00*1*20260302*0915*CH~CLM*A*1~")]))
    assert [decoder.decode(msgspec.msgpack.encode(event)) for event in events] == events
    assert {type(event).__name__ for event in events} == {
        "Identified", "InterchangeOpened", "GroupOpened", "SetOpened", "RecordBatch",
        "SetClosed", "GroupClosed", "InterchangeClosed", "Finished",
    }  # fmt: skip
