"""837P segments into claims: each case is a few segments and the part of the claim that they make."""

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch, SetClosed
from parsers.findings import Finding
from parsers.maps import engine

ABOVE = "HL*1**20*1~NM1*85*2*SAMPLE CLINIC*****XX*1999999976~HL*2*1*22*0~SBR*P*18*GRP1******CI~NM1*IL*1*TESTPERSON*ALBA****MI*M1~NM1*PR*2*SAMPLE PLAN*****PI*P1~"
CLM = "CLM*A1*100***11:B:1*Y*A*Y*Y~"


@pytest.fixture
def claims(x12):
    def read(body: str, version: str = "005010X222A1") -> list[dict]:
        events = list(parsers.read([x12(body, version=version)]))
        assert not [event for event in events if isinstance(event, Finding)]
        return [
            msgspec.json.decode(line)
            for event in events
            if isinstance(event, RecordBatch)
            for line in event.ndjson.splitlines()
        ]

    return read


CASES = [
    ("id, charge, place, frequency", CLM, {"claim_id": "A1", "total_charge": {"amount": "100"}, "place_of_service": "11", "frequency": "1", "type": "P"}),
    ("replacement", "CLM*A1*100***11:B:7~REF*F8*OLD1~", {"frequency": "7", "references": [{"scheme": "original-claim", "value": "OLD1"}]}),
    ("billing provider", CLM, {"billing_provider": {"name": "SAMPLE CLINIC", "identifiers": [{"scheme": "npi", "value": "1999999976", "valid": True}]}}),
    ("subscriber", CLM, {"subscriber": {"name": {"family": "TESTPERSON", "given": "ALBA"}, "identifiers": [{"scheme": "member-id", "value": "M1"}]}}),
    ("payer", CLM, {"payer": {"name": "SAMPLE PLAN", "identifiers": [{"scheme": "payer-id", "value": "P1"}], "responsibility": "P", "group": "GRP1", "filing": "CI"}}),
    ("diagnoses", CLM + "HI*ABK:J069*ABF:R05*ABF:~HI*BF:78650~", {"diagnoses": [{"system": "ICD-10-CM", "code": "J069", "qualifier": "principal"}, {"system": "ICD-10-CM", "code": "R05", "qualifier": "other"}, {"system": "ICD-9-CM", "code": "78650", "qualifier": "other"}]}),
    ("codes that are no diagnoses", CLM + "HI*BG:09~", {"diagnoses": None}),
    ("dates", CLM + "DTP*431*D8*20260210~DTP*314*RD8*20260201-20260205~DTP*999*D8*20260101~", {"dates": [{"kind": "onset", "period": {"start": "2026-02-10"}}, {"kind": "disability", "period": {"start": "2026-02-01", "end": "2026-02-05"}}, {"kind": "x12:999", "period": {"start": "2026-01-01"}}]}),
    ("rendering provider", CLM + "NM1*82*1*EXAMPLE*DORA****XX*1888888819~PRV*PE*PXC*207X00000X~REF*0B*LIC1~", {"rendering_provider": {"person": {"family": "EXAMPLE", "given": "DORA"}, "identifiers": [{"scheme": "npi", "value": "1888888819", "valid": True}, {"scheme": "taxonomy", "value": "207X00000X"}, {"scheme": "state-license", "value": "LIC1"}]}}),
    ("line", CLM + "LX*1~SV1*HC:99213:25:59:::NOTE*125.50*UN*2*12**1:3~DTP*472*D8*20260216~REF*6R*L1~", {"lines": [{"number": "1", "procedure": {"system": "HCPCS", "code": "99213", "modifiers": ["25", "59"], "description": "NOTE"}, "charge": {"amount": "125.50"}, "units": {"value": "2", "unit": "UN"}, "place_of_service": "12", "diagnosis_pointers": [1, 3], "service": {"start": "2026-02-16"}, "control_number": "L1"}]}),
    ("two lines, one with its own provider", CLM + "LX*1~SV1*HC:1*5~NM1*82*1*EXAMPLE*DORA~LX*2~SV1*HC:2*6~", {"lines": [{"number": "1", "procedure": {"system": "HCPCS", "code": "1"}, "charge": {"amount": "5"}, "rendering_provider": {"person": {"family": "EXAMPLE", "given": "DORA"}}}, {"number": "2", "procedure": {"system": "HCPCS", "code": "2"}, "charge": {"amount": "6"}}], "rendering_provider": None}),
    ("another payer's subscriber is not ours", CLM + "SBR*S*18~DMG*D8*19900101*M~NM1*IL*1*OTHER*BRUNO****MI*M2~NM1*PR*2*OTHER PLAN*****PI*P2~LX*1~SV1*HC:1*5~", {"subscriber": {"name": {"family": "TESTPERSON", "given": "ALBA"}, "identifiers": [{"scheme": "member-id", "value": "M1"}]}, "patient": None}),
    ("another payer's provider and dates are not the claim's", CLM + "NM1*82*1*EXAMPLE*DORA~SBR*S*18~NM1*82*1*OTHER*EVA~DTP*573*D8*20260301~", {"rendering_provider": {"person": {"family": "EXAMPLE", "given": "DORA"}}, "dates": None}),
    ("date of another payer's payment is not the service date", CLM + "LX*1~SV1*HC:1*5~SVD*P2*4~DTP*573*D8*20260301~", {"lines": [{"number": "1", "procedure": {"system": "HCPCS", "code": "1"}, "charge": {"amount": "5"}, "adjudications": [{"payer": "P2", "paid": {"amount": "4"}, "dates": [{"kind": "claim-paid", "period": {"start": "2026-03-01"}}]}]}]}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_claim_says_what_its_segments_say(claims, body, expected):
    (claim,) = claims(ABOVE + body)
    assert {key: claim.get(key) for key in expected} == expected


def test_a_claim_stands_where_its_provenance_says(claims, x12):
    body = ABOVE + CLM + "LX*1~SV1*HC:1*5~" + CLM.replace("A1", "A2") + "LX*1~"
    first, second = claims(body)
    data = x12(body)
    assert data[first["provenance"]["start"] : first["provenance"]["end"]] == (CLM + "LX*1~SV1*HC:1*5~").encode()
    assert (
        data[second["provenance"]["start"] : second["provenance"]["end"]]
        == (CLM.replace("A1", "A2") + "LX*1~").encode()
    )
    assert first["provenance"]["set"] == 1


def test_levels_carry_over_until_they_are_said_anew(claims):
    dependent = "HL*3*2*23*0~PAT*19~NM1*QC*1*TESTCHILD*CARL~DMG*D8*20150601*M~"
    other_clinic = (
        "HL*5**20*1~PRV*BI*PXC*TAX2~CUR*85*CAD~NM1*85*2*OTHER CLINIC~HL*6*5*22*0~SBR*S*18~NM1*IL*1*MUSTER*FRIEDA~"
    )
    made = claims(
        ABOVE + CLM.replace("A1", "SELF") + dependent + CLM.replace("A1", "CHILD") + "HL*4*1*22*0~SBR*P*18~NM1*IL*1*MUSTER*GUSTAV~"
        + CLM.replace("A1", "NEXT") + other_clinic + CLM.replace("A1", "OTHER"),
    )  # fmt: skip
    people = [
        (claim["claim_id"], claim["billing_provider"]["name"], claim["subscriber"]["name"]["given"], claim.get("patient", {}).get("name", {}).get("given"), claim.get("payer", {}).get("name"))
        for claim in made
    ]  # fmt: skip
    assert people == [
        ("SELF", "SAMPLE CLINIC", "ALBA", None, "SAMPLE PLAN"),
        ("CHILD", "SAMPLE CLINIC", "ALBA", "CARL", "SAMPLE PLAN"),
        ("NEXT", "SAMPLE CLINIC", "GUSTAV", None, None),
        ("OTHER", "OTHER CLINIC", "FRIEDA", None, None),
    ]
    assert made[1]["patient"] == {
        "name": {"family": "TESTCHILD", "given": "CARL"},
        "relationship": "19",
        "birth_date": "2015-06-01",
        "gender": "M",
    }
    assert made[3]["billing_provider"]["identifiers"] == [{"scheme": "taxonomy", "value": "TAX2"}]
    assert [claim["total_charge"].get("currency") for claim in made] == [None, None, None, "CAD"]


@pytest.mark.parametrize(
    ("version", "mapped"),
    [
        ("005010X222A1", "837p-2"),
        ("005010X222A2", "837p-2"),
        ("005010X222", "837p-2"),
        ("004010X098A1", "837p-2"),
        ("005010X223A2", "837i-1"),
        ("005010", None),
    ],
)
def test_each_kind_of_claims_has_a_map_of_its_own(x12, version, mapped):
    closed = next(event for event in parsers.read([x12(ABOVE + CLM, version=version)]) if isinstance(event, SetClosed))
    assert (closed.verdict, closed.records, closed.map_version) == (
        ("accepted", 1, mapped) if mapped else ("unsupported", 0, None)
    )


@pytest.mark.parametrize(
    ("body", "code", "element"),
    [
        ("CLM*A1*1OO~", "x12.not-a-number", "CLM02"),
        (CLM + "DTP*431*D8*20260231~", "x12.not-a-date", "DTP03"),
        (CLM + "DTP*431*RD8*20260201~", None, None),
        (CLM + "LX*1~SV1*HC:1*1,5~", "x12.not-a-number", "SV102"),
    ],
)
def test_a_value_that_makes_no_sense_is_left_out_and_said(x12, body, code, element):
    data = x12(ABOVE + body)
    events = list(parsers.read([data]))
    said = [event for event in events if isinstance(event, Finding)]
    assert [finding.code for finding in said] == ([code] if code else [])
    for finding in said:
        assert (finding.element, finding.segment, finding.severity) == (element, element[:3], "warning")
        assert data[finding.offset :].startswith(element[:3].encode())
        assert finding.position == data[data.index(b"ST*") : finding.offset].count(b"~") + 1
    assert [event.verdict for event in events if isinstance(event, SetClosed)] == ["accepted"]


def test_a_claim_without_end_does_not_fill_the_memory(x12, monkeypatch):
    """It comes in parts, of which each has what is the claim's own, and its share of the lines."""
    monkeypatch.setattr(engine, "PART_BYTES", 100_000)
    body = ABOVE + CLM + "LX*1~SV1*HC:1*5~" * 40_000 + CLM.replace("A1", "A2")
    events = list(parsers.read([x12(body)]))
    records = [
        msgspec.json.decode(line)
        for event in events
        if isinstance(event, RecordBatch)
        for line in event.ndjson.splitlines()
    ]
    assert not [event for event in events if isinstance(event, Finding)]
    *parts, other = records
    assert other["claim_id"] == "A2"
    assert "part" not in other["provenance"]
    assert {part["claim_id"] for part in parts} == {"A1"}
    assert [part["provenance"]["part"] for part in parts] == list(range(1, len(parts) + 1))
    assert [part["provenance"].get("continued", False) for part in parts] == [True] * (len(parts) - 1) + [False]
    assert sum(len(part["lines"]) for part in parts) == 40_000
    assert all(len(part["lines"]) < 30_000 for part in parts)
    assert [event.verdict for event in events if isinstance(event, SetClosed)] == ["accepted"]


def test_what_cannot_be_parted_is_cut_and_said(x12, monkeypatch):
    monkeypatch.setattr(engine, "PART_BYTES", 500)
    monkeypatch.setattr(engine, "RECORD_BYTES_MAX", 1000)
    monkeypatch.setattr("parsers.source.PIECE_BYTES", 256)
    body = ABOVE + CLM + "LX*1~SV1*HC:1*5~" + "REF*9F*1~" * 400 + CLM.replace("A1", "A2")
    events = list(parsers.read([x12(body)]))
    records = [
        msgspec.json.decode(line)
        for event in events
        if isinstance(event, RecordBatch)
        for line in event.ndjson.splitlines()
    ]
    assert [event.code for event in events if isinstance(event, Finding)] == ["x12.record-too-long"]
    assert [record["claim_id"] for record in records] == ["A1", "A2"]
    assert 10 < len(records[0]["lines"][0]["references"]) < 300
    assert [event.verdict for event in events if isinstance(event, SetClosed)] == ["rejected"]
