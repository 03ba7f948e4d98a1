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
    ("the header", "PID|1\r", {"sending_application": "HIS", "sending_facility": "HOSPITAL", "receiving_application": "MFT", "receiving_facility": "PARTNER", "message_id": "M1", "processing": "P", "sent_at": "2026-03-02"}),
    ("planned, why, by whom", "EVN|A14|20260302|20260305|02|7^BIRCH^ADA\r", {"planned_at": "2026-03-05", "reason": "02", "operators": [{"identifier": "7", "name": {"family": "BIRCH", "given": "ADA"}}]}),
    ("numbers of persons", "PID|||M1||||||||||||||||000-00-0001|D12^IL\r", {"patient": {"identifiers": [{"value": "M1"}, {"type": "SS", "value": "000-00-0001"}, {"type": "DL", "value": "D12", "assigner": "IL"}]}}),
    ("who gave a number out, by its number", "PID|||M1^^^&1.2.3&ISO^MR\r", {"patient": {"identifiers": [{"value": "M1", "assigner": "1.2.3", "type": "MR"}]}}),
    ("race, language, religion", "PID||||||FIR^JUNE||||2106-3^White^HL70005~2028-9|||||en^English|M^Married|BUD\r", {"patient": {"mothers_maiden_names": [{"family": "FIR", "given": "JUNE"}], "races": [{"code": "2106-3", "text": "White", "system": "HL70005"}, {"code": "2028-9"}], "language": {"code": "en", "text": "English"}, "marital_status": {"code": "M", "text": "Married"}, "religion": {"code": "BUD"}}}),
    ("birth and death", "PID" + "|" * 23 + "GREENS & BORO|Y|2||||202603021200|Y|||20260303\r", {"patient": {"birth_place": "GREENS & BORO", "multiple_birth": "Y", "birth_order": "2", "died_at": "2026-03-02T12:00", "deceased": "Y", "updated_at": "2026-03-03"}}),
    ("an address of mail", "PID|||||||||||||^NET^Internet^ada@grove.example\r", {"patient": {"phones": [{"use": "NET", "kind": "Internet", "email": "ada@grove.example"}]}}),
    ("primary care", "PD1|||CLINIC^L^C1|8^OAK^KOFI^^^^^^NPI^L^^^NPI||||||||Y||||A\r", {"patient": {"primary_facilities": [{"name": "CLINIC", "identifier": "C1"}], "primary_care": [{"identifier": "8", "name": {"family": "OAK", "given": "KOFI"}, "assigner": "NPI", "identifier_type": "NPI"}], "protection": "Y", "registry_status": "A"}}),
    ("notes of the patient", "NTE|1||ONE & ^ TWO~THREE\r", {"patient": {"notes": ["ONE & ^ TWO", "THREE"]}}),
    ("more of the visit", "PV1|1|I||E|P5||||||||R||||8^SLOE|IP||MCR~COM\rPV2|||R07^Chest pain^I10|T1|||||20260306\r", {"visit": {"patient_class": "I", "admission_type": "E", "preadmit_number": "P5", "readmission": "R", "admitting": [{"identifier": "8", "name": {"family": "SLOE"}}], "patient_type": "IP", "financial_classes": ["MCR", "COM"], "admit_reason": {"code": "R07", "text": "Chest pain", "system": "I10"}, "transfer_reason": {"code": "T1"}, "expected_discharge_at": "2026-03-06"}}),
    ("roles", "ROL|1|AD|PP^Primary care|8^OAK~9^ELM|20260301\rPRT|2|AD||AT|10^ASH|||CLINIC|||20260302\r", {"roles": [{"action": "AD", "role": {"code": "PP", "text": "Primary care"}, "people": [{"identifier": "8", "name": {"family": "OAK"}}, {"identifier": "9", "name": {"family": "ELM"}}], "begins_at": "2026-03-01"}, {"action": "AD", "role": {"code": "AT"}, "people": [{"identifier": "10", "name": {"family": "ASH"}}], "organization": "CLINIC", "begins_at": "2026-03-02"}]}),
    ("observations and their notes", "OBX|1|NM|8302-2^Height^LN||172|cm\rNTE|1||STANDING\rOBX|2|ST|X||Y\r", {"observations": [{"number": "1", "type": "NM", "code": {"code": "8302-2", "text": "Height", "system": "LN"}, "values": ["172"], "value_number": "172", "units": {"code": "cm"}, "notes": ["STANDING"]}, {"number": "2", "type": "ST", "code": {"code": "X"}, "values": ["Y"]}]}),
    ("procedure", "PR1|1||0BJ^Bronchoscopy^I10P|SCOPE|20260302|D||7^PLUM|||8^FIG\r", {"procedures": [{"procedure": {"code": "0BJ", "text": "Bronchoscopy", "system": "I10P"}, "description": "SCOPE", "at": "2026-03-02", "type": "D", "anesthesiologists": [{"identifier": "7", "name": {"family": "PLUM"}}], "surgeons": [{"identifier": "8", "name": {"family": "FIG"}}]}]}),
    ("allergy of IAM", "IAM|1|FA|NUT^Peanut|MO|RASH|A|AL9||||2018||||||A^Active\r", {"allergies": [{"type": {"code": "FA"}, "allergen": {"code": "NUT", "text": "Peanut"}, "severity": {"code": "MO"}, "reactions": ["RASH"], "action": "A", "id": "AL9", "onset_on": "2018", "status": {"code": "A", "text": "Active"}}]}),
    ("guarantor", "GT1|1|G1|TEST^BRUNO||1 MAIN|555-1||19790101|M||SPO|000-00-0002\r", {"guarantors": [{"identifiers": [{"value": "G1"}, {"type": "SS", "value": "000-00-0002"}], "names": [{"family": "TEST", "given": "BRUNO"}], "addresses": [{"street": "1 MAIN"}], "phones": [{"number": "555-1"}], "birth_date": "1979-01-01", "sex": "M", "relationship": {"code": "SPO"}}]}),
    ("insurance of two segments", "IN1|1|PPO\rIN2||||||MC1||MD1\rIN1|2|HMO\r", {"insurance": [{"plan": {"code": "PPO"}, "medicare_number": "MC1", "medicaid_number": "MD1"}, {"plan": {"code": "HMO"}}]}),
    ("all that is merged", "MRG|M9||A9|OLD9|V9||OLD^NAME\r", {"merged_identifiers": [{"value": "M9"}, {"value": "OLD9"}], "merges": [{"identifiers": [{"value": "M9"}, {"value": "OLD9"}], "account": {"value": "A9"}, "visit_number": "V9", "names": [{"family": "OLD", "given": "NAME"}]}]}),
    ("a day with a zone, an hour without minutes", "PV1" + "|" * 44 + "20260302+0100|2026030208\r", {"visit": {"admitted_at": "2026-03-02", "discharged_at": "2026-03-02T08"}}),
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
    (record,), said, _ = read((MSH.replace("A01", "A20") + "EVN|A20\rNPU|4EAST^403^1|H\r").encode())
    assert (record["event"], said) == ("A20", [])
    assert record["bed"] == {"location": {"point_of_care": "4EAST", "room": "403", "bed": "1"}, "status": "H"}


def test_what_one_patient_has_is_not_the_next_ones():
    """Objects are shared as long as they come again; what is added to one stays with it."""
    visit = "PV1|1|I|W3^301\rPV2||||T1\r"
    text = MSH + f"PID|||M1\r{visit}NTE|1||OF M1\r" + MSH + f"PID|||M1\r{visit}" + MSH + "PID|||M1\rPV1|1|I|W3^301\r"
    records, _, _ = read(text.encode() * 3)
    assert [record["patient"].get("notes") for record in records] == [["OF M1"], None, None] * 3
    assert [record["visit"].get("transfer_reason") for record in records] == [{"code": "T1"}, {"code": "T1"}, None] * 3
    assert {str(record["visit"]["location"]) for record in records} == {"{'point_of_care': 'W3', 'room': '301'}"}


def test_each_visit_that_is_moved_has_an_event():
    header = MSH.replace("A01^ADT_A01", "A45^ADT_A45")
    text = header + "PID|||M1\rMRG|M7||||V7\rPV1||O|A\rMRG|M8||||V8\rPV1||I|B\r"
    records, _, _ = read(text.encode())
    assert [
        (one["merges"][0]["visit_number"], one["visit"]["patient_class"], one["patient"]["identifiers"][0]["value"])
        for one in records
    ] == [("V7", "O", "M1"), ("V8", "I", "M1")]
    assert {one["provenance"]["map"] for one in records} == {"adt-a45-1"}


VACCINATIONS = [
    ("of an order", "ORC|RE|P1|F1|||||||7^BIRCH\rRXA|0|1|20260302||207^COVID-19^CVX|0.5|mL^mL^UCUM||00^New^NIP001|8^CEDAR|^^^GROVE||||LOT1~LOT2|20261231|MOD^Moderna^MVX|||CP|A\rRXR|IM|LA\r", [{"placer_id": "P1", "filler_id": "F1", "entered_by": [{"identifier": "7", "name": {"family": "BIRCH"}}], "given_at": "2026-03-02", "vaccine": {"code": "207", "text": "COVID-19", "system": "CVX"}, "amount": "0.5", "units": {"code": "mL", "text": "mL", "system": "UCUM"}, "sources": [{"code": "00", "text": "New", "system": "NIP001"}], "given_by": [{"identifier": "8", "name": {"family": "CEDAR"}}], "location": {"facility": "GROVE"}, "lot_numbers": ["LOT1", "LOT2"], "expires_on": ["2026-12-31"], "manufacturers": [{"code": "MOD", "text": "Moderna", "system": "MVX"}], "completion": "CP", "action": "A", "route": {"code": "IM"}, "site": {"code": "LA"}}]),
    ("without one, and two of them", "RXA|0|1|2025||08\rRXA|0|1|2026||09\r", [{"given_at": "2025", "vaccine": {"code": "08"}}, {"given_at": "2026", "vaccine": {"code": "09"}}]),
    ("an order has one", "ORC|RE|P1\rRXA|0|1|2025||08\rRXA|0|1|2026||09\rORC|RE|P2\r", [{"placer_id": "P1", "given_at": "2025", "vaccine": {"code": "08"}}, {"given_at": "2026", "vaccine": {"code": "09"}}, {"placer_id": "P2"}]),
    ("refused, and why", "RXA|0|1|2025||998|999" + "|" * 12 + "00^Parents||RE\r", [{"given_at": "2025", "vaccine": {"code": "998"}, "amount": "999", "refusal_reasons": [{"code": "00", "text": "Parents"}], "completion": "RE"}]),
    ("findings and notes", "RXA|0|1|2025||08\rNTE|1||OF IT\rOBX|1|DT|29769-7||20260302\rNTE|1||OF THAT\r", [{"given_at": "2025", "vaccine": {"code": "08"}, "notes": ["OF IT"], "observations": [{"number": "1", "type": "DT", "code": {"code": "29769-7"}, "values": ["20260302"], "value_at": "2026-03-02", "notes": ["OF THAT"]}]}]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "expected"), [case[1:] for case in VACCINATIONS], ids=[case[0] for case in VACCINATIONS]
)
def test_vaccinations(body, expected):
    text = MSH.replace("ADT^A01^ADT_A01", "VXU^V04^VXU_V04") + "PID|||M1\r" + body
    (record,), said, _ = read(text.encode())
    assert said == []
    assert record["immunizations"] == expected
    assert record["patient"] == {"identifiers": [{"value": "M1"}]}


SCH = "SCH|P1|F1||||BOOK|CHECK|NORMAL|30|min|^^30^202603100900^202603100930\r"
APPOINTMENTS = [
    ("numbers, reasons, times", SCH, {"placer_id": "P1", "filler_id": "F1", "event_reason": {"code": "BOOK"}, "reason": {"code": "CHECK"}, "type": {"code": "NORMAL"}, "duration": "30", "duration_units": {"code": "min"}, "starts_at": "2026-03-10T09:00", "ends_at": "2026-03-10T09:30"}),
    ("times of TQ1", "SCH|P1\rTQ1|||||||202603100900|202603100930\r", {"placer_id": "P1", "starts_at": "2026-03-10T09:00", "ends_at": "2026-03-10T09:30"}),
    ("people and status", "SCH|P1|||||||||||7^A||||8^B||||9^C|||||Booked\rNTE|1||BRING A FRIEND\r", {"placer_id": "P1", "placer_contacts": [{"identifier": "7", "name": {"family": "A"}}], "filler_contacts": [{"identifier": "8", "name": {"family": "B"}}], "entered_by": [{"identifier": "9", "name": {"family": "C"}}], "status": "Booked", "notes": ["BRING A FRIEND"]}),
    ("services", "SCH|P1\rRGS|1\rAIS|1|A|ECG|202603100900|||15|min||Booked\rNTE|1||FASTING\r", {"placer_id": "P1", "resources": [{"kind": "service", "action": "A", "what": {"code": "ECG"}, "starts_at": "2026-03-10T09:00", "duration": "15", "duration_units": {"code": "min"}, "status": "Booked", "notes": ["FASTING"]}]}),
    ("equipment, places, people", "SCH|P1\rRGS|1\rAIG|1||ECG9|EQ||||202603100900\rAIL|2||CLINIC^12|C\rAIP|3||8^ASH~9^ELM|ATT\r", {"placer_id": "P1", "resources": [{"kind": "equipment", "what": {"code": "ECG9"}, "role": {"code": "EQ"}, "starts_at": "2026-03-10T09:00"}, {"kind": "location", "location": {"point_of_care": "CLINIC", "room": "12"}, "role": {"code": "C"}}, {"kind": "person", "people": [{"identifier": "8", "name": {"family": "ASH"}}, {"identifier": "9", "name": {"family": "ELM"}}], "role": {"code": "ATT"}}]}),
]  # fmt: skip


@pytest.mark.parametrize("patient", ["PID|||M1\r", ""], ids=["of a patient", "of nobody"])
@pytest.mark.parametrize(
    ("body", "expected"), [case[1:] for case in APPOINTMENTS], ids=[case[0] for case in APPOINTMENTS]
)
def test_appointments(body, expected, patient):
    before, found, resources = body.partition("RGS|1\r")
    text = MSH.replace("ADT^A01^ADT_A01", "SIU^S12^SIU_S12") + before + patient + found + resources
    (record,), said, _ = read(text.encode())
    assert said == []
    assert record["appointment"] == expected
    assert set(record) - {"appointment", "patient"} == {
        "schema", "provenance", "message_type", "event", "sending_application", "sending_facility",
        "receiving_application", "receiving_facility", "message_id", "processing", "sent_at",
    }  # fmt: skip
    assert bool(patient) == ("patient" in record)


def test_many_of_one_kind_are_collected_in_linear_time():
    """Copied for each, a hundred thousand took half a minute."""
    (record,), _, _ = read((MSH + "PID|1\r" + "NK1|1|A\r" * 100_000).encode())
    assert len(record["next_of_kin"]) == 100_000
