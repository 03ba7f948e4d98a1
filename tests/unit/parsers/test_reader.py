import gzip

import msgspec
import pytest

import parsers
from mft.cli.tree import json_lines, text_lines
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
    (MSH.replace(b"ADT", b"MFN"), "complete", "no map"),
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


BEYOND = {
    "x12": "ISA*00*          *00*          *ZZ*@              *ZZ*R              *260302*0915*^*00501*00000090@*0*T*:~"
    "GS*HC*@*R*20260302*0915*17*X*005010X222A1~ST*837*00@~NM1*85*2*@~@*1~SE*4*00@~GE*1*17~IEA*1*00000090@~",
    "edifact": "UNB+UNOC:3+S@+R+260302:0915+1@'UNH+1@+ORDERS:D:96A:UN'BGM+@'@+1'UNT+4+1@'UNZ+1+1@'",
    "hl7": "MSH|^~\\&|A@|B|C|D|20260302||ADT^A01|1@|P|2.5.1\rPID|1||M@||A@^B\rZPI|@\r",
    "swift-mt": ":20:A@\r\n:25:B\r\n:28C:1\r\n:60F:C260302EUR1,\r\n:86:@\r\n:62F:C260302EUR1,\r\n",
    "bai2": "01,A@,B,260302,0915,1@,80,1,2/\n02,A@,B,1,260302,0915,EUR,2/\n",
    "iso20022": "<Document xmlns='urn:iso:std:iso:20022:tech:xsd:pain.001.001.03'><A><GrpHdr><MsgId>@</MsgId></GrpHdr></A></Document>",
}


@pytest.mark.parametrize("odd", ["\U0001f600", "\ud83d"])
@pytest.mark.parametrize("standard", BEYOND)
def test_characters_beyond_the_first_plane_travel_whole(standard, odd):
    """In UTF-16 they are two, and nothing that is encoded may hold but one of them."""
    data = b"\xff\xfe" + BEYOND[standard].replace("@", odd).encode("utf-16-le", "surrogatepass")
    told = "".join(str(event) for event in parsers.read([data]))
    items = list(parsers.segments([data]))
    assert items[0].standard == standard
    told += b"".join(json_lines(items)).decode() + b"".join(text_lines(items)).decode()
    assert not any("\ud800" <= character <= "\udfff" for character in told)
    assert ("\U0001f600" if len(odd.encode("utf-16-le", "surrogatepass")) == 4 else "\ufffd") in told
    for event in parsers.read([data]):
        msgspec.msgpack.encode(event)
