"""Maps that ask for it are given the headers of their set, and those around it."""

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch
from parsers.findings import Finding
from parsers.maps.language import read_map
from parsers.maps.model import MapError
from parsers.records import with_records

MAP = """
id = "orders-1"
record = "purchase-order/2"
standard = "x12"
sets = ["850"]
envelope = true

[set]
record = true
begins = "BEG"
number = "BEG03"
release = "GS06"
date = "GS04"
type = "ST02"
"""
TWO = (
    "ISA*00*          *00*          *ZZ*A              *ZZ*B              *260302*0915*^*00501*000000001*0*T*:~"
    "GS*PO*A*B*{day}*0915*7*X*004010~ST*850*0001~BEG*00*SA*P1~SE*3*0001~ST*850*0002~BEG*00*SA*P2~SE*3*0002~GE*2*7~"
    "GS*PO*A*B*20260304*0915*8*X*004010~ST*850*0003~BEG*00*SA*P3~SE*3*0003~GE*1*8~IEA*2*000000001~"
)


def read(data: bytes, text: str = MAP) -> tuple[list[dict], list[Finding]]:
    events = list(with_records(parsers.segments([data]), maps={"orders.toml": text}))
    lines = [line for event in events if isinstance(event, RecordBatch) for line in event.ndjson.splitlines()]
    return [msgspec.json.decode(line) for line in lines], [event for event in events if isinstance(event, Finding)]


def test_each_set_has_the_headers_that_it_stands_in():
    data = TWO.format(day="20260302").encode()
    records, said = read(data)
    assert said == []
    assert [(one["number"], one["release"], one["date"], one["type"]) for one in records] == [
        ("P1", "7", "2026-03-02", "0001"),
        ("P2", "7", "2026-03-02", "0002"),
        ("P3", "8", "2026-03-04", "0003"),
    ]
    assert [data[one["provenance"]["start"] :][:3] for one in records] == [b"BEG"] * 3


def test_a_map_that_does_not_ask_is_given_none_of_it():
    records, _ = read(TWO.format(day="20260302").encode(), MAP.replace("envelope = true", "envelope = false"))
    assert [set(one) for one in records] == [{"schema", "provenance", "number"}] * 3


def test_what_is_wrong_with_a_header_is_said_once_and_where():
    _, said = read(TWO.format(day="20261302").encode())
    assert [(one.code, one.segment, one.element, one.set, one.offset) for one in said] == [
        ("x12.not-a-date", "GS", "GS04", None, 106)
    ]


def test_a_header_is_traced_too():
    data = TWO.format(day="20260302").encode()
    traced = {
        one.field: one.segment.partition("*")[0] for one in parsers.trace([data], set=3, maps={"orders.toml": MAP})
    }
    assert traced == {"number": "BEG", "release": "GS", "date": "GS", "type": "ST"}


STATEMENT = """
id = "statements-1"
record = "account-statement/1"
standard = "x12"
sets = ["850"]

[set]
record = true
begins = "BEG"
number = "BEG03"
in_currency = ["CUR02", "ITD12"]

[loop.PO1]
begins = "PO1"
into = "entries"
amount = ["PO104 where PO103=C", "minus PO104 where PO103=D"]
"""


def test_minus_turns_a_sign_around_and_amounts_take_the_last_currency_named():
    body = "BEG*00*SA*P1~CUR*BY*EUR~PO1*1*1*D*2.50~PO1*2*1*C*1~ITD************USD~PO1*3*1*D*-3~PO1*4*1*D*0.00~"
    data = TWO.format(day="20260302").replace("BEG*00*SA*P1~", body).encode()
    (record, *_), _ = read(data, STATEMENT)
    assert [tuple(one["amount"].values()) for one in record["entries"]] == [
        ("-2.50", "EUR"), ("1", "EUR"), ("3", "USD"), ("0.00", "USD"),
    ]  # fmt: skip


def test_only_an_amount_can_be_turned_around():
    with pytest.raises(MapError, match="`minus BEG03`: number is no amount"):
        read_map(STATEMENT + 'reversal = "PO105"\n[loop.X]\nbegins = "BEG"\nnumber = "minus BEG03"\n', "x.toml")
