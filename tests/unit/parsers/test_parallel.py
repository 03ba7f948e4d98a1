"""Several processes say what one says, in the same order."""

from importlib import resources

import pytest

import parsers
from parsers import parallel
from parsers.events import RecordBatch

SAMPLES = [sample for sample in resources.files("mft.samples").iterdir() if sample.name.endswith((".edi", ".hl7"))]


def joined(events) -> list:
    """Batches of one set joined: where a batch ends is no part of the promise."""
    made: list = []
    for event in events:
        last = made[-1] if made else None
        if isinstance(event, RecordBatch) and isinstance(last, RecordBatch) and last.set == event.set:
            made[-1] = RecordBatch(set=event.set, ndjson=last.ndjson + event.ndjson, count=last.count + event.count)
        else:
            made.append(event)
    return made


@pytest.mark.parametrize("processes", [1, 2, 3])
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_the_events_are_those_of_one_process(sample, processes):
    data = sample.read_bytes() * 7
    assert joined(parallel.read(lambda: [data], processes)) == joined(parsers.read([data]))


def test_findings_in_every_share_come_in_order(x12):
    data = x12(*("CLM*A1*x~" + "~" * number for number in range(20)))
    assert list(parallel.read(lambda: [data], 3)) == list(parsers.read([data]))


def test_a_helper_that_dies_is_an_error_and_no_silence(x12, monkeypatch):
    monkeypatch.setattr(parallel, "_work", lambda *_: None)
    with pytest.raises(ChildProcessError):
        list(parallel.read(lambda: [x12("CLM*A1*1~", "CLM*A2*1~")], 2))


def test_the_helpers_end_when_nobody_asks_any_more(x12):
    events = parallel.read(lambda: [x12("CLM*A1*1~" * 5000, "CLM*A2*1~") * 50], 2)
    next(events)
    events.close()
