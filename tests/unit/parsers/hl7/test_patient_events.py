"""ADT segments into patient events: each case is a few segments and the part of the event that they make."""

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch, SetClosed
from parsers.findings import Finding
from parsers.maps import engine

MSH = "MSH|^~\\&|HIS|HOSPITAL|MFT|PARTNER|20260302||ADT^A01^ADT_A01|M1|P|2.5.1\r"


def read(data: bytes) -> tuple[list[dict], list[Finding], list[str]]:
    events = list(parsers.read([data]))
    records = [
        msgspec.json.decode(line)
        for event in events
        if isinstance(event, RecordBatch)
        for line in event.ndjson.splitlines()
    ]
    return (
        records,
        [event for event in events if isinstance(event, Finding)],
        [event.verdict for event in events if isinstance(event, SetClosed)],
    )


CASES = [
    ("event", "EVN|A01|202603020815+0100||||20260302\r", {"event": "A01", "message_type": "ADT", "recorded_at": "2026-03-02T08:15+01:00", "occurred_at": "2026-03-02"}),
    ("event of EVN-1 before MSH-9", "EVN|A08\r", {"event": "A08"}),
    ("no EVN", "", {"event": "A01", "message_type": "ADT", "recorded_at": "absent"}),
    ("identifiers", "PID|1|OLD1|M1^^^HOSPITAL&1.2.3&ISO^MR~N2^^^REG^NI\r", {"patient": {"identifiers": [{"value": "M1", "assigner": "HOSPITAL", "type": "MR"}, {"value": "N2", "assigner": "REG", "type": "NI"}, {"value": "OLD1"}]}}),
    ("names", "PID|||||TEST&VON^ALBA^Q^JR^DR^^L~TEST^AL^^^^^N||||KNOWN^AS\r", {"patient": {"names": [{"family": "TEST", "given": "ALBA", "middle": "Q", "suffix": "JR", "prefix": "DR", "type": "L"}, {"family": "TEST", "given": "AL", "type": "N"}, {"family": "KNOWN", "given": "AS"}]}}),
    ("birth and sex", "PID|||||||198001|F\r", {"patient": {"birth_date": "1980-01", "sex": "F"}}),
    ("address", "PID|||||||||||1 MAIN^APT 2^TOWN^IL^62701^USA^H\r", {"patient": {"addresses": [{"street": "1 MAIN", "other": "APT 2", "city": "TOWN", "state": "IL", "postal_code": "62701", "country": "USA", "type": "H"}]}}),
    ("phones", "PID|||||||||||||555-1^PRN~^WPN^PH^^1^555^2|555-3\r", {"patient": {"phones": [{"number": "555-1", "use": "PRN"}, {"number": "1 555 2", "use": "WPN", "kind": "PH"}, {"number": "555-3"}]}}),
    ("account", "PID||||||||||||||||||ACC1^^^HOSPITAL\r", {"patient": {"account": {"value": "ACC1", "assigner": "HOSPITAL"}}}),
    ("deleted, empty and sent", 'PID|||||""||""||||""||""^PRN|||||""\r', {"patient": {"names": None, "birth_date": None, "addresses": None, "phones": [{"number": None, "use": "PRN"}], "account": None}}),
    ("escapes", "PID|||||O\\T\\BRIEN^A\\S\\B\r", {"patient": {"names": [{"family": "O&BRIEN", "given": "A^B"}]}}),
    ("visit", "PV1|1|I|W3^301^A^HOSPITAL||||9^EXAMPLE^DORA~8|||MED|||||||||V1|||||||||||||||||||||||||20260302|202603031130\r", {"visit": {"number": "V1", "patient_class": "I", "location": {"point_of_care": "W3", "room": "301", "bed": "A", "facility": "HOSPITAL"}, "attending": [{"identifier": "9", "name": {"family": "EXAMPLE", "given": "DORA"}}, {"identifier": "8"}], "hospital_service": "MED", "admitted_at": "2026-03-02", "discharged_at": "2026-03-03T11:30"}}),
    ("next of kin", "NK1|1|TEST^BRUNO|SPO^SPOUSE^HL70063||555\rNK1|2|TEST^CARL\r", {"next_of_kin": [{"names": [{"family": "TEST", "given": "BRUNO"}], "relationship": {"code": "SPO", "text": "SPOUSE", "system": "HL70063"}, "phones": [{"number": "555"}]}, {"names": [{"family": "TEST", "given": "CARL"}]}]}),
    ("diagnosis", "DG1|1||J18.9^PNEUMONIA^I10||20260302|A\r", {"diagnoses": [{"diagnosis": {"code": "J18.9", "text": "PNEUMONIA", "system": "I10"}, "at": "2026-03-02", "type": "A"}]}),
    ("allergy", "AL1|1|DA|PCN^PENICILLIN|SV|HIVES~SWELLING|2010\r", {"allergies": [{"type": {"code": "DA"}, "allergen": {"code": "PCN", "text": "PENICILLIN"}, "severity": {"code": "SV"}, "reactions": ["HIVES", "SWELLING"], "identified_on": "2010"}]}),
    ("insurance", "IN1|1|PPO|P1^^^PLAN|PLAN||||G1||||||||TEST^ALBA|18" + "|" * 19 + "POL1\r", {"insurance": [{"plan": {"code": "PPO"}, "company_identifiers": [{"value": "P1", "assigner": "PLAN"}], "company_name": "PLAN", "group_number": "G1", "policy_number": "POL1", "insured": [{"family": "TEST", "given": "ALBA"}], "insured_relationship": {"code": "18"}}]}),
    ("merge", "MRG|M9^^^HOSPITAL^MR\r", {"merged_identifiers": [{"value": "M9", "assigner": "HOSPITAL", "type": "MR"}]}),
    ("the sender's own segments", "ZPI|1|MEAL^VEGAN||\rZZZ\r", {"extensions": [{"segment": "ZPI", "fields": ["1", "MEAL^VEGAN", "", ""]}, {"segment": "ZZZ", "fields": []}]}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_an_event_says_what_its_segments_say(body, expected):
    text = MSH + body if "PID|" in body else MSH + (body + "PID|1\r" if body.startswith("EVN") else "PID|1\r" + body)
    (record,), said, verdicts = read(text.encode())
    assert (said, verdicts) == ([], ["accepted"])
    assert {key: record.get(key, "absent") for key in expected} == expected


def test_each_patient_of_a_message_has_an_event_of_its_own():
    text = MSH.replace("A01", "A17") + "EVN|A17\rPID|||M1\rPV1||I\rPID|||M2\rPV1||O\r"
    records, _, _ = read(text.encode())
    assert [
        (record["patient"]["identifiers"][0]["value"], record["visit"]["patient_class"], record["event"])
        for record in records
    ] == [("M1", "I", "A17"), ("M2", "O", "A17")]
    data = text.encode()
    places = [record["provenance"] for record in records]
    assert data[places[1]["start"] : places[1]["end"]] == b"PID|||M2\rPV1||O\r"
    assert data[places[0]["start"] : places[0]["end"]] == b"PID|||M1\rPV1||I\r"
    assert [place["set"] for place in places] == [1, 1]


def test_other_separators():
    (record,), said, _ = read(b"MSH*@!\\&*HIS*H*MFT*P*20260302**ADT@A04*M1*P*2.3\rPID***M1@@@H@MR!M2\r")
    assert said == []
    assert record["patient"]["identifiers"] == [{"value": "M1", "assigner": "H", "type": "MR"}, {"value": "M2"}]
    assert record["event"] == "A04"


@pytest.mark.parametrize(
    ("charset", "raw"),
    [
        ("", "MÜLLER".encode()),
        ("", "MÜLLER".encode("cp1252")),
        ("8859/1", "MÜLLER".encode("latin-1")),
        ("UNICODE UTF-8", "MÜLLER".encode()),
    ],
)
def test_names_are_decoded_by_msh_18(charset, raw):
    header = MSH.rstrip("\r") + "||||||" + charset + "\r"
    (record,), _, _ = read(header.encode() + b"PID|||||" + raw + b"\r")
    assert record["patient"]["names"] == [{"family": "MÜLLER"}]


def test_a_moment_that_makes_no_sense_is_left_out_and_said():
    text = MSH + "PID|||||||19801399\r"
    (record,), (finding,), verdicts = read(text.encode())
    assert "patient" not in record
    assert (finding.code, finding.element, finding.segment, finding.position, finding.severity) == (
        "hl7.not-a-moment",
        "PID-7",
        "PID",
        2,
        "warning",
    )
    assert text[finding.offset :].startswith("PID")
    assert verdicts == ["accepted"]


def test_a_message_without_end_does_not_fill_the_memory(monkeypatch):
    monkeypatch.setattr(engine, "PART_BYTES", 100_000)
    records, said, verdicts = read((MSH + "PID|||M1\r" + "NK1|1|TEST\r" * 50_000).encode())
    assert (said, verdicts) == ([], ["accepted"])
    assert len(records) > 2
    assert sum(len(record["next_of_kin"]) for record in records) == 50_000
    assert {record["patient"]["identifiers"][0]["value"] for record in records} == {"M1"}


def test_a_message_without_a_patient_is_an_event_all_the_same():
    """A20 changes the status of a bed."""
    (record,), said, _ = read((MSH.replace("A01", "A20") + "EVN|A20\rNPU|1\r").encode())
    assert (record["event"], said) == ("A20", [])


def test_many_of_one_kind_are_collected_in_linear_time():
    """Copied for each, a hundred thousand took half a minute."""
    (record,), _, _ = read((MSH + "PID|1\r" + "NK1|1|A\r" * 100_000).encode())
    assert len(record["next_of_kin"]) == 100_000
