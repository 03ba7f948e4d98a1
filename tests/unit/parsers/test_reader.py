import gzip

import pytest

import parsers
from parsers import source
from parsers.events import Finished, Identified, RecordBatch, SetClosed
from parsers.findings import Finding
from parsers.limits import Limits

LIMIT = Limits().findings

MSH = b"MSH|^~\\&|A|B|C|D|20260302||ADT^A01|1|P|2.5.1\r"

CASES = [
    (b"", "empty", "no bytes"),
    (b" \r\n\x00", "empty", "nothing but blanks"),
    (b" " * 70_000 + b"late", "opaque", None),
    (b"%PDF-1.7\n", "opaque", None),
    (b"a,b\n1,2\n", "opaque", None),
    (b"UNB+UNOA:3+A+B+260302:0915+1'", "incomplete", "Interchange 1"),
    (b"{1:F01SAMPUS33AXXX0000000000}{4:\n:20:1\n-}", "complete", "no map"),
    (gzip.compress(b"ISA", mtime=0), "unsupported", "gzip"),
    ("ISA*00*  ".encode("utf-16"), "incomplete", "header"),
    (MSH, "complete", None),
    (MSH.replace(b"ADT", b"ORU"), "complete", "no map"),
    (b"BHS|^~\\&\rBTS\r", "complete", "no transaction sets"),
    (b"BHS|^~\\&\r" + MSH, "incomplete", "Interchange 1"),
    (b"GS*HC*A*B*20260302*0915*1*X*005010X222A1~", "incomplete", "header"),
    (b"ISA*00*", "incomplete", "header"),
]


@pytest.mark.parametrize(("data", "outcome", "reason"), CASES)
def test_the_outcome_and_its_reason(data, outcome, reason):
    first, *_, last = parsers.read([data])
    assert isinstance(first, Identified)
    assert isinstance(last, Finished)
    assert (last.outcome, last.size_bytes) == (outcome, len(data))
    assert (reason in last.reason) if reason else last.reason is None


def test_finished_counts_what_passed(x12):
    data = x12("CLM*A1*1~CLM*A2*1~", "CLM*A3*1~") * 2
    events = list(parsers.read([data]))
    last = events[-1]
    assert isinstance(last, Finished)
    assert (last.interchanges, last.sets, last.records) == (2, 4, 6)
    assert sum(event.count for event in events if isinstance(event, RecordBatch)) == 6
    assert [event.records for event in events if isinstance(event, SetClosed)] == [2, 1, 2, 1]


def test_findings_are_limited_and_the_rest_counted(x12):
    events = list(parsers.read([x12("~" * (LIMIT + 500))]))
    findings = [event for event in events if isinstance(event, Finding)]
    assert len(findings) == LIMIT + 1
    assert findings[-1].code == "findings.more-left-out"
    assert findings[-1].message.startswith("501 more")  # The empty segments are not counted in SE01, which is one more.
    assert isinstance(events[-1], Finished)


def test_a_finding_that_was_left_out_still_decides_the_verdict(x12):
    data = x12("~" * (LIMIT + 1)).replace(b"SE*1003", b"SE*1")
    assert b"SE*1*" in data
    (closed,) = [event for event in parsers.read([data]) if isinstance(event, SetClosed)]
    assert closed.verdict == "rejected"


def test_records_leave_in_batches_of_bounded_size(x12):
    claims = "".join(f"CLM*A{number}*1***11:B:1~" for number in range(5000))
    events = list(parsers.read([x12(claims)]))
    batches = [event for event in events if isinstance(event, RecordBatch)]
    assert len(batches) > 1
    assert all(len(batch.ndjson) < 300 << 10 for batch in batches)
    assert all(batch.ndjson.count(b"\n") == batch.count for batch in batches)
    lines = b"".join(batch.ndjson for batch in batches).splitlines()
    assert len(lines) == 5000
    assert b'"claim_id":"A4999"' in lines[-1]


def test_a_file_is_read_as_it_comes(monkeypatch, x12):
    """What is known goes out before the last byte has come in."""
    monkeypatch.setattr(source, "PIECE_BYTES", 1024)
    taken = []

    def feed():
        for at in range(0, len(data), 1024):
            taken.append(at)
            yield data[at : at + 1024]

    data = x12("CLM*A1*1~" * 10_000)
    events = iter(parsers.read(feed()))
    for event in events:
        if type(event).__name__ == "SetOpened":
            break
    assert len(taken) < 10
    assert isinstance(list(events)[-1], Finished)


def test_what_the_feed_raises_comes_through():
    def feed():
        yield MSH
        raise OSError

    with pytest.raises(OSError):
        list(parsers.read(feed()))
