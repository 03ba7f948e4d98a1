"""ORU, ORM, OUL and MDM into observation reports: each case is a few segments and what they make."""

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch, SetClosed
from parsers.findings import Finding

HEAD = "MSH|^~\\&|LAB|A|EHR|B|20260302||{}|M1|P|2.5.1\r"
PID = "PID|||M1\r"


def read(text: str, kind: str = "ORU^R01") -> tuple[list[dict], list[str], list[str]]:
    events = list(parsers.read([(HEAD.format(kind) + text).encode()]))
    records = [
        msgspec.json.decode(line)
        for event in events
        if isinstance(event, RecordBatch)
        for line in event.ndjson.splitlines()
    ]
    said = [event.code for event in events if isinstance(event, Finding)]
    return records, said, [event.verdict for event in events if isinstance(event, SetClosed)]


VALUES = [
    ("a number", "NM||182", {"value_number": "182", "values": ["182"]}),
    ("a signed number", "NM||+1.50", {"value_number": "1.50", "values": ["+1.50"]}),
    ("numbers", "NM||60~120", {"value_number": "60", "values": ["60", "120"]}),
    ("greater than", "SN||>^100", {"value_comparator": ">", "value_number": "100", "values": ["> 100"]}),
    ("a ratio", "SN||^1^:^128", {"value_number": "1", "value_separator": ":", "value_second_number": "128", "values": ["1 : 128"]}),
    ("more than one plus", "SN||^2^+", {"value_number": "2", "value_separator": "+", "values": ["2 +"]}),
    ("a range", "NR||1^5", {"value_number": "1", "value_second_number": "5", "values": ["1 5"]}),
    ("coded", "CWE||27268008^Salmonella^SCT^SAL^Salm.^L", {"values": ["27268008"], "value_text": "Salmonella", "value_codings": [{"code": "27268008", "text": "Salmonella", "system": "SCT", "alternate_code": "SAL", "alternate_text": "Salm.", "alternate_system": "L"}]}),
    ("several coded", "CE||A^Aa~B^Bb", {"values": ["A", "B"], "value_text": "Aa", "value_codings": [{"code": "A", "text": "Aa"}, {"code": "B", "text": "Bb"}]}),
    ("coded by its words alone", "CWE||^^^^^^^^none seen", {"value_text": "none seen", "value_codings": [{"text": "none seen"}]}),
    ("words with an ampersand", "CE||X^R & D", {"values": ["X"], "value_text": "R & D", "value_codings": [{"code": "X", "text": "R & D"}]}),
    ("text of lines", "TX||ONE~~TWO\\.br\\THREE", {"values": ["ONE", "TWO\nTHREE"]}),
    ("text with what should be escaped", "ST||A^B & C", {"values": ["A^B & C"]}),
    ("escapes", "FT||A\\T\\B \\S\\ \\E\\ \\H\\bold\\N\\ \\X41\\", {"values": ["A&B ^ \\ bold A"]}),
    ("a day", "DT||202603", {"values": ["202603"], "value_at": "2026-03"}),
    ("a moment", "DTM||20260302080910.5-0500", {"values": ["20260302080910.5-0500"], "value_at": "2026-03-02T08:09:10.5-05:00"}),
    ("a document", "ED||LAB^application^pdf^Base64^JVBERi0xLjQK", {"document": {"type": "application", "format": "pdf", "encoding": "Base64", "stands_in": "message"}}),
    ("a document that is not there", "ED||^application^pdf^Base64", {"document": {"type": "application", "format": "pdf", "encoding": "Base64"}}),
    ("a document elsewhere", "RP||https://a.example/1\\T\\2^PACS^image^jpeg", {"document": {"pointer": "https://a.example/1&2", "type": "image", "format": "jpeg"}}),
    ("a number of somebody", "CX||M1^^^A^MR", {"values": ["M1"]}),
    ("a name", "XPN||OAK^IVO^^JR", {"values": ["OAK IVO JR"]}),
    ("no type", "||A^B", {"values": ["A^B"]}),
    ("deleted", 'NM||""', {"values": None, "value_number": None}),
    ("nothing", "NM", {}),
]  # fmt: skip


@pytest.mark.parametrize(("field", "expected"), [case[1:] for case in VALUES], ids=[case[0] for case in VALUES])
def test_what_was_found(field, expected):
    kind, _, rest = field.partition("|")
    (record,), said, _ = read(PID + f"OBR|1\rOBX|1|{kind}|X{'|' + rest if rest else ''}\r")
    (found,) = record["observations"]
    assert said == []
    assert {name: value for name, value in found.items() if name not in {"number", "type", "code"}} == expected
    assert found.get("type", "") == kind


def test_each_type_is_read_by_its_own_rules_again_and_again():
    """For each type that comes a function of its own is written; then for none."""
    names = [f"Q{number}" for number in range(100)]
    body = "".join(f"OBX|1|{one}|X||5^6\rOBX|2|NM|X||5\rOBX|3|SN|X||>^5\r" for one in names)
    (record,), said, _ = read(PID + "OBR|1\r" + body)
    assert said == []
    assert [one["values"] for one in record["observations"]] == [["5^6"], ["5"], ["> 5"]] * 100
    assert [one.get("value_number") for one in record["observations"]] == [None, "5", "5"] * 100


def test_what_is_no_number_is_said_and_kept():
    (record,), said, verdicts = read(PID + "OBR|1\rOBX|1|NM|X||<15\r")
    assert record["observations"][0] == {"number": "1", "type": "NM", "code": {"code": "X"}, "values": ["<15"]}
    assert (said, verdicts) == (["hl7.not-a-number"], ["accepted"])


OBSERVED = [
    ("unit, range, flags, status", "OBX|1|NM|X|1.2|5|mg/dL^milligrams^UCUM|3.5 - 5.1 & up|H~A|||F\r", {"part": "1.2", "units": {"code": "mg/dL", "text": "milligrams", "system": "UCUM"}, "reference_range": "3.5 - 5.1 & up", "flags": ["H", "A"], "status": "F"}),
    ("when, where, by whom, how", "OBX|1|NM|X||5|||||||||20260302|L1^Lab|7^ELM~8^OAK|M1^Method||20260303||||GROVE LAB\r", {"observed_at": "2026-03-02", "performer": {"code": "L1", "text": "Lab"}, "observers": [{"identifier": "7", "name": {"family": "ELM"}}, {"identifier": "8", "name": {"family": "OAK"}}], "methods": [{"code": "M1", "text": "Method"}], "analyzed_at": "2026-03-03", "performing_organization": "GROVE LAB"}),
    ("code of two systems", "OBX|1|NM|X^Xx^L^Y^Yy^LN||5\r", {"code": {"code": "X", "text": "Xx", "system": "L", "alternate_code": "Y", "alternate_text": "Yy", "alternate_system": "LN"}}),
    ("notes", "OBX|1|NM|X||5\rNTE|1|L|ONE^TWO\rNTE|2||THREE~FOUR\r", {"notes": ["ONE^TWO", "THREE", "FOUR"]}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in OBSERVED], ids=[case[0] for case in OBSERVED])
def test_what_belongs_to_an_observation(body, expected):
    (record,), said, _ = read(PID + "OBR|1\r" + body)
    assert said == []
    assert {name: record["observations"][0].get(name) for name in expected} == expected


ORDERS = [
    ("numbers and who gave them out", "ORC|RE|P1^EHR|F1^^1.2.3^ISO|G1\r", {"control": "RE", "placer_id": "P1", "placer_assigner": "EHR", "filler_id": "F1", "filler_assigner": "1.2.3", "group_id": "G1"}),
    ("OBR before ORC", "ORC|RE|P1|F1\rOBR|1|P2||X\r", {"control": "RE", "placer_id": "P2", "filler_id": "F1", "service": {"code": "X"}}),
    ("who ordered it stands in both", "ORC|RE|||||||||||7^ELM\rOBR|1|||||||||||||||7^ELM~8^OAK\r", {"control": "RE", "ordering_providers": [{"identifier": "7", "name": {"family": "ELM"}}, {"identifier": "8", "name": {"family": "OAK"}}]}),
    ("or in one of them", "ORC|RE|||||||||||7^ELM\rOBR|1|P1\r", {"control": "RE", "placer_id": "P1", "ordering_providers": [{"identifier": "7", "name": {"family": "ELM"}}]}),
    ("times", "OBR|1||||S|20260301|20260302|20260303||||||20260304||||||||20260305\r", {"priority": "S", "requested_at": "2026-03-01", "observed_at": "2026-03-02", "ended_at": "2026-03-03", "received_at": "2026-03-04", "reported_at": "2026-03-05"}),
    ("when it is to be done", "ORC|NW|P1\rTQ1|1||||||20260303||S\rOBR|1\r", {"control": "NW", "placer_id": "P1", "starts_at": "2026-03-03", "priority": "S"}),
    ("the same as it was before", "ORC|NW|P1|||||^^^20260303^^S\r", {"control": "NW", "placer_id": "P1", "starts_at": "2026-03-03", "priority": "S"}),
    ("parents", "OBR|1||||||||||||||||||||||||||||P9&EHR^F9&LAB\r".replace("||||||||||||||||||||||||||||", "|" * 28), {"parent_placer_id": "P9", "parent_filler_id": "F9"}),
    ("reasons, interpreter, copies", "OBR|1" + "|" * 27 + "9^YEW|||R05^Cough^I10|8&GINKGO&FAYE\r", {"copies_to": [{"identifier": "9", "name": {"family": "YEW"}}], "reasons": [{"code": "R05", "text": "Cough", "system": "I10"}], "interpreter": {"identifier": "8", "name": {"family": "GINKGO", "given": "FAYE"}}}),
    ("section, status, what is known", "OBR|1" + "|" * 12 + "FASTING ^ 8 H" + "|" * 11 + "CH|F\r", {"clinical_information": "FASTING ^ 8 H", "section": "CH", "result_status": "F"}),
    ("of a drug", "ORC|NW|P1\rRXO|AMOX^Amoxicillin^L\r", {"control": "NW", "placer_id": "P1", "service": {"code": "AMOX", "text": "Amoxicillin", "system": "L"}}),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), [case[1:] for case in ORDERS], ids=[case[0] for case in ORDERS])
def test_an_order(body, expected):
    (record,), said, _ = read(PID + body, "ORM^O01")
    assert said == []
    assert record["order"] == expected


def test_each_order_has_a_report_and_what_stands_behind_it():
    body = (
        "NTE|1||P\rORC|RE|P1\rNTE|1||A\rOBR|1|P1\rNTE|1||B\rDG1|1||I10\rOBX|1|ST|X||1\rNTE|1||C\r"
        "OBR|2|P2\rOBX|1|ST|X||2\rSPM|1|S2\rNTE|1||D\rORC|CA|P3\rORC|RE|P4\rOBX|1|ST|X||4\r"
    )
    records, said, _ = read(PID + body)
    assert said == []
    assert [
        (
            one["order"].get("control"),
            one["order"]["placer_id"],
            one.get("notes"),
            [(found["values"], found.get("notes")) for found in one.get("observations", [])],
            [specimen["id"] for specimen in one.get("specimens", [])],
            one.get("diagnoses"),
        )
        for one in records
    ] == [
        ("RE", "P1", ["A", "B"], [(["1"], ["C"])], [], [{"code": "I10"}]),
        (None, "P2", ["D"], [(["2"], None)], ["S2"], None),
        ("CA", "P3", None, [], [], None),
        ("RE", "P4", None, [(["4"], None)], [], None),
    ]
    assert {str(one["patient"]) for one in records} == {"{'identifiers': [{'value': 'M1'}], 'notes': ['P']}"}


def test_what_is_said_of_the_patient_belongs_to_every_order():
    body = "AL1|1||PCN\rIN1|1|PPO\rIN2||||||MC1\rOBX|1|NM|HT||172\rOBR|1|P1\rOBX|1|ST|X||1\rOBR|2|P2\r"
    records, _, _ = read(PID + body, "OML^O21")
    assert [[one["code"]["code"] for one in record["observations"]] for record in records] == [["HT", "X"], ["HT"]]
    for record in records:
        assert record["allergies"] == [{"allergen": {"code": "PCN"}}]
        assert record["insurance"] == [{"plan": {"code": "PPO"}, "medicare_number": "MC1"}]


def test_specimens():
    body = (
        "OBR|1||||||||||||||BLD&Blood&HL70070^^^LA&Left arm\r"
        "SPM|1|S1&EHR^S2&LAB||BLD^Blood|||VEN|LA|||P||||||20260302^20260303|20260304\r"
    )
    (record,), said, _ = read(PID + body)
    assert said == []
    assert record["specimens"] == [
        {"type": {"code": "BLD", "text": "Blood", "system": "HL70070"}, "site": {"code": "LA", "text": "Left arm"}},
        {
            "id": "S1", "filler_id": "S2", "type": {"code": "BLD", "text": "Blood"}, "collection_method": {"code": "VEN"},
            "site": {"code": "LA"}, "roles": [{"code": "P"}], "collected_at": "2026-03-02",
            "collected_until": "2026-03-03", "received_at": "2026-03-04",
        },
    ]  # fmt: skip


def test_results_by_specimen_and_by_order():
    found = "OBX|1|ST|X||1\r"
    records, _, _ = read(PID + f"SPM|1|S1\rOBR|1|P1\rORC|RE||F1\r{found}OBR|2|P2\rSPM|2|S2\rOBR|3|P3\r", "OUL^R22")
    assert [(one["specimens"][0]["id"], one["order"]["placer_id"], len(one.get("observations", []))) for one in records] == [
        ("S1", "P1", 1),
        ("S1", "P2", 0),
        ("S2", "P3", 0),
    ]  # fmt: skip
    assert records[0]["order"] == {"placer_id": "P1", "filler_id": "F1", "control": "RE"}
    (record,), _, _ = read(PID + f"OBR|1|P1\rORC|RE||F1\rSPM|1|S1\r{found}", "OUL^R24")
    assert (record["specimens"], record["order"]["filler_id"]) == ([{"id": "S1"}], "F1")
    (record,), _, _ = read(PID + f"ORC|RE||F1\rOBR|1|P1\r{found}", "OUL^R21")
    assert record["order"] == {"control": "RE", "filler_id": "F1", "placer_id": "P1"}


def test_a_document():
    body = (
        "ORC|RE|P1\rOBR|1|P1||X\rNTE|1||OF AN ORDER\rORC|RE|P2\r"
        "TXA|1|DI^Imaging|TX|20260301|7^ELM|20260302|20260303|20260304~20260305|8^OAK|9^YEW|10^FIR|D2|D1|P1~P2|F1|"
        "a^b.txt|LA|U|AV|AC|WHY|8^OAK^^^^^^^^^^^^^20260306\r"
        "OBX|1|TX|X||TEXT\rOBX|2|ED|Y||^application^pdf^Base64^AAAA\rNTE|1||OF THE FILE\r"
    )
    (record,), said, _ = read(PID + "PV1||I\r" + body, "MDM^T02")
    assert said == []
    assert record["document"] == {
        "type": {"code": "DI", "text": "Imaging"}, "presentation": "TX", "activity_at": "2026-03-01",
        "providers": [{"identifier": "7", "name": {"family": "ELM"}}], "originated_at": "2026-03-02",
        "transcribed_at": "2026-03-03", "edited_at": ["2026-03-04", "2026-03-05"],
        "originators": [{"identifier": "8", "name": {"family": "OAK"}}],
        "authenticators": [{"identifier": "9", "name": {"family": "YEW"}}],
        "transcriptionists": [{"identifier": "10", "name": {"family": "FIR"}}], "id": "D2", "parent_id": "D1",
        "placer_ids": ["P1", "P2"], "filler_id": "F1", "file_name": "a^b.txt", "completion": "LA", "confidentiality": "U",
        "availability": "AV", "storage": "AC", "change_reason": "WHY",
        "authenticated_by": [{"identifier": "8", "name": {"family": "OAK"}}], "authenticated_at": "2026-03-06",
    }  # fmt: skip
    assert record["requests"] == [
        {"control": "RE", "placer_id": "P1", "service": {"code": "X"}},
        {"control": "RE", "placer_id": "P2"},
    ]
    assert record["notes"] == ["OF AN ORDER"]
    assert [one.get("notes") for one in record["observations"]] == [None, ["OF THE FILE"]]
    assert (record["visit"], record["patient"]) == ({"patient_class": "I"}, {"identifiers": [{"value": "M1"}]})
