"""Any bytes: never an exception, one Identified, one Finished, and the same events however the feed is cut."""

from itertools import pairwise
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import parsers
from parsers import source
from parsers.events import (
    Finished,
    GroupClosed,
    GroupOpened,
    Identified,
    InterchangeClosed,
    InterchangeOpened,
    RecordBatch,
    SetClosed,
    SetOpened,
)
from parsers.findings import Finding
from parsers.limits import Limits
from tests.fuzz import promises

LIMIT = Limits().findings

PATIENCE = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])

ISA = "ISA*00*          *00*          *ZZ*S              *ZZ*R              *260302*0915*^*00501*000000905*0*T*:~"
X12 = [
    ISA, ISA.replace("*", "|").replace("~", "'"), ISA.replace("~", "\n"), ISA[:50], "IEA*1*000000905~", "IEA*1*0000", "IEA~",
    "GS*HC*S*R*20260302*0915*17*X*005010X222A1~", "GS*PO*S*R*20260302*0915*17*X*004010~", "GE*1*17~", "GE~",
    "ST*837*0001~", "ST*850*0001~", "ST*835*0001~", "ST~", "SE*2*0001~", "SE*99999999999999999999*~", "HL*1**20*1~", "HL*2*1*22*0~",
    "HL*3*2*23~", "HL~", "NM1*85*2*A*****XX*1~", "NM1*IL*1*A*B****MI*2~", "NM1~", "N3*1~", "N4*A*B*C~", "DMG*D8*19800115*F~", "SBR*P~",
    "PAT*19~", "CLM*A*1.5***11:B:1~", "CLM~", "HI*ABK:J069~", "HI~", "LX*1~", "SV1*HC:1:2*5*UN*1***1:2~", "SV1~", "DTP*472*D8*20260216~",
    "DTP*472*RD8*2026~", "DTP~", "REF*6R*1~", "PRV*BI*PXC*1~", "CUR*85*EUR~", "BEG*00*SA*1**20260227~", "BEG~", "PO1*1*2*EA*3**UP*4~", "PO1~",
    "PID*F****X~", "N1*BY*A*92*1~", "N1~", "CTT*1~", "AMT*TT*1~", "DTM*002*20260316*12~", "MSG*A~", "TA1*1~", "~", "\n", "\r\n", " ",
    "ü", "|", "*", ":", "\x00", "\x1a", "\ufeff", "junk",
]  # fmt: skip
HL7 = [
    "FHS|^~\\&|A|B|C|D|||||F1\r", "BHS|^~\\&|A|B|C|D|||||B1\r", "MSH|^~\\&|A|B|C|D|20260302||ADT^A01|1|P|2.5.1||||||8859/1\r", "MSH|^~\\&|||||||ORU\r",
    "MSH*@!\\&*A\r", "MSH||\r", "MSH\r", "MSH|", "BTS|1\r", "BTS\r", "FTS|1\r", "FTS", "EVN|A01|20260302\r", "EVN\r", "PID|1||M1^^^H&1^MR~M2||A^B||19800115|F\r",
    'PID|||""||""||""\r', "PID|\r", "PID\r", "PV1|1|I|W^1|||||\r", "PV1\r", "NK1|1|A^B|C\r", "DG1|1||J18.9^P\r", "AL1|1||P||H~S\r", "IN1|1|P|Q|R\r", "MRG|M9\r",
    "ZPI|1\r", "Z\r", "ZZ", "\r", "\n", "\r\n", "\x0b", "\x1c\r", "\\T\\", "\\X4", "~", "^", "&", "|", "ü", "\x00", "\ufeff", "text\r",
]  # fmt: skip


def files() -> st.SearchStrategy[bytes]:
    """Any bytes, and bytes that look enough like EDI to get past the door."""
    spelt = st.sampled_from(["utf-8", "latin-1", "cp1252"])

    def of(fragments: list[str], first: list[str]) -> st.SearchStrategy[bytes]:
        rest = st.lists(st.sampled_from(fragments), max_size=40).map("".join)
        return st.builds(
            lambda head, tail, codec: (head + tail).encode(codec, "replace"), st.sampled_from(first), rest, spelt
        )

    return st.one_of(st.binary(max_size=400), of(X12, X12[:4]), of(HL7, HL7[:4]))


def normalised(events: list) -> list:
    """Batches of one set joined: where a batch ends is no part of the promise."""
    made: list = []
    for event in events:
        last = made[-1] if made else None
        if isinstance(event, RecordBatch) and isinstance(last, RecordBatch) and last.set == event.set:
            made[-1] = RecordBatch(set=event.set, ndjson=last.ndjson + event.ndjson, count=last.count + event.count)
        else:
            made.append(event)
    return made


@PATIENCE
@given(files())
def test_any_bytes_give_a_well_formed_stream(data):
    events = list(parsers.read([data]))
    assert isinstance(events[0], Identified)
    assert isinstance(events[-1], Finished)
    assert sum(isinstance(event, Identified | Finished) for event in events) == 2
    assert events[-1].size_bytes == len(data)
    assert sum(isinstance(event, Finding) for event in events) <= LIMIT + 1
    for opened, closed in ((InterchangeOpened, InterchangeClosed), (GroupOpened, GroupClosed), (SetOpened, SetClosed)):
        begun = [event.index for event in events if isinstance(event, opened)]
        assert begun == list(range(1, len(begun) + 1))
        assert [event.index for event in events if isinstance(event, closed)] == begun


@PATIENCE
@given(files())
def test_envelopes_nest_and_records_stand_in_their_set(data):
    stack: list[str] = []
    count = 0
    for event in parsers.read([data]):
        name = type(event).__name__
        if name.endswith("Opened"):
            stack.append(name.removesuffix("Opened"))
            count = 0
        elif name.endswith("Closed"):
            assert stack.pop() == name.removesuffix("Closed")
            if isinstance(event, SetClosed):
                assert event.records == count
        elif isinstance(event, RecordBatch):
            assert stack[-1] == "Set"
            count += event.count
    assert stack == []


@PATIENCE
@given(files(), st.lists(st.integers(0, 400), max_size=6))
def test_where_the_feed_is_cut_changes_nothing(data, cuts):
    edges = [0, *sorted(cut for cut in cuts if cut < len(data)), len(data)]
    chunks = [data[start:stop] for start, stop in pairwise(edges)]
    assert list(parsers.read(chunks)) == list(parsers.read([data]))


@PATIENCE
@given(files(), st.integers(1, 300))
def test_the_size_of_a_piece_changes_nothing(data, size):
    """Once the first piece is long enough to identify the file, of course."""
    whole = list(parsers.read([data]))
    with (
        mock.patch.object(source, "PIECE_BYTES", size),
        mock.patch.object(parsers.reader, "identify", return_value=whole[0]),
    ):
        small = list(parsers.read([data]))
    assert normalised(small) == normalised(whole)


@PATIENCE
@given(files(), st.integers(1, 300))
def test_every_byte_is_handed_out_wherever_it_is_cut(data, size):
    promises.hold(data, size)


@PATIENCE
@given(files())
def test_limits_bound_what_is_held_and_lose_no_byte(data):
    small = Limits(findings=3, segment_bytes=40, held_bytes=10, elements=2, repeats=2, nesting=1, attributes=1)
    promises.every_byte_is_handed_out(data, small)


@pytest.mark.parametrize("held", [1, 2, 7, 17])
@pytest.mark.parametrize("encoding", ["latin-1", "utf-16-le"])
@pytest.mark.parametrize("text", ["FHS|", X12[0] + "ISX*?~A??", "UNB+UNOA:3+S+R+260302:0915+1'A??"])
def test_the_smallest_limits_hang_nothing(text, encoding, held):
    promises.every_byte_is_handed_out(text.encode(encoding), Limits(held_bytes=held))


@PATIENCE
@given(files(), st.data())
def test_findings_never_tell_what_the_file_says(data, draw):
    """A marker put into the file anywhere turns up in no finding and no reason."""
    at = draw.draw(st.integers(0, len(data)))
    marked = data[:at] + b"XQZJ7" + data[at:]
    for event in parsers.read([marked]):
        if isinstance(event, Finding):
            told = [event.message, event.hint, event.path or "", event.segment or "", event.element or ""]
            assert not any("XQZJ7" in text for text in told)
        if isinstance(event, Finished):
            assert "XQZJ7" not in (event.reason or "")
