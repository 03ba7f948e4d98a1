import msgspec
import pytest

import parsers
from parsers.events import RecordBatch, SetClosed
from parsers.findings import Finding

BEG = "BEG*00*SA*PO1**20260227~"


def read(data: bytes) -> tuple[list[dict], list[str]]:
    events = list(parsers.read([data]))
    records = [
        msgspec.json.decode(line)
        for event in events
        if isinstance(event, RecordBatch)
        for line in event.ndjson.splitlines()
    ]
    return records, [event.code for event in events if isinstance(event, Finding)]


CASES = [
    ("number, type, purpose, date", BEG, {"number": "PO1", "type": "stand-alone", "purpose": "original", "date": "2026-02-27"}),
    ("words that we do not have", "BEG*99*ZZ*PO1~", {"type": "x12:ZZ", "purpose": "x12:99", "date": None}),
    ("currency", BEG + "CUR*BY*EUR~", {"currency": "EUR"}),
    ("dates", BEG + "DTM*002*20260316~DTM*001*20260330*1700~DTM*999*20260401~", {"dates": [{"kind": "requested-delivery", "period": {"start": "2026-03-16"}}, {"kind": "cancel-after", "period": {"start": "2026-03-30T17:00"}}, {"kind": "x12:999", "period": {"start": "2026-04-01"}}]}),
    ("references", BEG + "REF*DP*041~REF*ZZ**TEXT~REF*IA~", {"references": [{"scheme": "department", "value": "041"}, {"scheme": "x12:ZZ", "value": "TEXT"}]}),
    ("parties", BEG + "N1*BY*STORES*UL*061~N3*1 MAIN*DOCK~N4*TOWN*IL*62701*US~REF*VR*9~N1*ST**92*DC7~", {"parties": [{"role": "buyer", "name": "STORES", "identifiers": [{"scheme": "gln", "value": "061", "valid": False}, {"scheme": "vendor", "value": "9"}], "address": {"lines": ["1 MAIN", "DOCK"], "city": "TOWN", "state": "IL", "postal_code": "62701", "country": "US"}}, {"role": "ship-to", "identifiers": [{"scheme": "buyer-assigned", "value": "DC7"}]}]}),
    ("lines", BEG + "PO1*1*24*EA*12.50*PE*IN*CUP*UP*614~PID*F****BLUE CUP~REF*CT*C1~DTM*002*20260317~PO1*2*5*CA~", {"lines": [{"number": "1", "quantity": {"value": "24", "unit": "EA"}, "price": "12.50", "price_basis": "PE", "products": [{"scheme": "buyer-item", "value": "CUP"}, {"scheme": "upc", "value": "614", "valid": False}], "descriptions": ["BLUE CUP"], "references": [{"scheme": "contract", "value": "C1"}], "dates": [{"kind": "requested-delivery", "period": {"start": "2026-03-17"}}]}, {"number": "2", "quantity": {"value": "5", "unit": "CA"}}]}),
    ("a line's party is not the order's", BEG + "N1*BY*STORES~PO1*1*1*EA~N1*ST*SHOP 9~N3*2 SIDE~", {"parties": [{"role": "buyer", "name": "STORES"}]}),
    ("notes", BEG + "N9*ZZ*NOTES~MSG*BEFORE NOON~", {"notes": [{"text": "BEFORE NOON"}]}),
    ("totals", BEG + "PO1*1*1*EA~CTT*1*24~AMT*TT*300~", {"totals": {"line_count": "1", "hash_total": "24", "amount": "300"}}),
    ("no totals", BEG, {"totals": None, "lines": None}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_order_says_what_its_segments_say(x12, body, expected):
    records, said = read(x12(body, functional_id="PO", version="004010"))
    assert said == []
    assert [{key: record.get(key) for key in expected} for record in records] == [expected]


def test_an_order_for_each_set_and_each_stands_in_its_own(x12):
    data = x12(BEG, BEG.replace("PO1", "PO2"), functional_id="PO", version="005010")
    records, _ = read(data)
    assert [(record["number"], record["provenance"]["set"]) for record in records] == [("PO1", 1), ("PO2", 2)]
    second = records[1]["provenance"]
    assert data[second["start"] : second["end"]] == BEG.replace("PO1", "PO2").encode()


def test_a_set_without_its_first_segment_makes_no_order(x12):
    events = list(parsers.read([x12("REF*DP*041~", functional_id="PO", version="004010")]))
    assert [(event.verdict, event.records) for event in events if isinstance(event, SetClosed)] == [("accepted", 0)]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("BEG*00*SA*PO1**261327~", "x12.not-a-date"),
        (BEG + "DTM*002*20260316*2500~", "x12.not-a-date"),
        (BEG + "PO1*1*many*EA~", "x12.not-a-number"),
    ],
)
def test_a_value_that_makes_no_sense_is_said(x12, body, code):
    _, said = read(x12(body, functional_id="PO", version="004010"))
    assert said == [code]
