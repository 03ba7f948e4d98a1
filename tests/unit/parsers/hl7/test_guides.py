"""The guides of HL7 v2: what they accept, what they find, and which events they are for."""

import tomllib
from collections.abc import Iterator

import pytest

import parsers
from parsers.events import SetClosed
from parsers.findings import Finding
from parsers.guides import shelf
from parsers.guides.files import texts
from parsers.guides.model import Guide, Loop, Position, SegmentSpec
from parsers.guides.terms import Judging
from tests import corpus

TEXTS = {name: tomllib.loads(text) for name, text in texts("hl7").items()}
DICTIONARY = TEXTS.pop("v2.dictionary.toml")

STRUCTURES = {
    "ADT_A01": "A01 A04 A08 A13",
    "ADT_A02": "A02",
    "ADT_A03": "A03",
    "ADT_A05": "A05 A14 A28 A31",
    "ADT_A06": "A06 A07",
    "ADT_A09": "A09 A10 A11 A12",
    "ADT_A15": "A15",
    "ADT_A16": "A16",
    "ADT_A17": "A17",
    "ADT_A18": "A18",
    "ADT_A20": "A20",
    "ADT_A21": "A21 A22 A23 A25 A26 A27 A29 A32 A33",
    "ADT_A24": "A24",
    "ADT_A30": "A30 A34 A35 A36 A46 A47 A48 A49",
    "ADT_A37": "A37",
    "ADT_A38": "A38",
    "ADT_A39": "A39 A40 A41 A42",
    "ADT_A43": "A43 A44",
    "ADT_A45": "A45",
    "ADT_A50": "A50 A51",
    "ADT_A52": "A52 A53",
    "ADT_A54": "A54 A55",
    "ADT_A60": "A60",
    "ADT_A61": "A61 A62",
}
"""HL7 table 0354 in version 2.5.1; A12 has a structure of its own there that is part of A09, and A55 one of A52."""

SEGMENTS = {
    "SFT": "SFT|MAKER|1.2|PRODUCT|7",
    "UAC": "UAC|KERBEROS|^APPLICATION^^BASE64^eA==",
    "EVN": "EVN||20260302091500",
    "PID": "PID|1||M1^^^HOSP~N2^^^CITY||DOE^JANE~ROE^JANE||19700131|F",
    "PD1": "PD1|||PRACTICE~CLINIC" + 10 * "|" + "20260101",
    "NK1": "NK1|1|DOE^JOHN",
    "PV1": "PV1|1|I|WARD^1^A||||D1^HOUSE" + 37 * "|" + "20260302091500",
    "PV2": "PV2|||COUGH",
    "OBX": "OBX|1|NM|8867-4^HEART RATE^LN||72|/min|||||F|||20260302",
    "AL1": "AL1|1|DA|PEN^PENICILLIN||RASH~COUGH",
    "DG1": "DG1|1||J10^FLU^I10||20260302|A",
    "PR1": "PR1|1||0X1||202603020915",
    "ROL": "ROL||AD|AT|D1^HOUSE",
    "GT1": "GT1|1||DOE^JOHN",
    "IN1": "IN1|1|PLAN|C1",
    "MRG": "MRG|M2^^^HOSP",
    "NPU": "NPU|WARD^1^A|U",
    "IAM": "IAM|1||NUTS||RASH|A",
    "ORC": "ORC|NW|P1|F1",
    "OBR": "OBR|1|P1|F1|CBC^BLOOD COUNT|||20260302091500",
    "RXO": "RXO|D1^DRUG|1||TAB",
    "NTE": "NTE|1||FASTING",
    "TQ1": "TQ1|1|||0915",
    "SPM": "SPM|1|||BLD",
    "TXA": "TXA|1|DS" + 10 * "|" + "DOC1" + 5 * "|" + "AU",
    "MSA": "MSA|AA|M1",
    "ERR": "ERR||PID^1^5|101|E",
}

CLEAN = [
    ("ADT_A01", "ADT^A01", "2.8", "SFT UAC EVN PID PD1 ARV ROL NK1 NK1 PV1 PV2 ARV ROL DB1 OBX OBX AL1 AL1 DG1 DRG PR1 ROL PR1 GT1 IN1 IN2 IN3 ROL AUT RF1 IN1 ACC UB1 UB2 PDA"),
    ("ADT_A01", "ADT^A08", "2.3", "EVN PID PV1 IN1 IN1"),
    ("ADT_A02", "ADT^A02", "2.6", "SFT UAC EVN PID PD1 ARV ROL PV1 PV2 ARV ROL DB1 OBX PDA"),
    ("ADT_A03", "ADT^A03", "2.8", "SFT UAC EVN PID PD1 ARV ROL NK1 PV1 PV2 ARV ROL DB1 AL1 DG1 DRG PR1 ROL OBX GT1 IN1 IN2 IN3 ROL AUT RF1 ACC PDA"),
    ("ADT_A05", "ADT^A28", "2.8", "SFT UAC EVN PID PD1 ARV ROL NK1 PV1 PV2 ARV ROL DB1 OBX AL1 DG1 DRG PR1 ROL GT1 IN1 IN2 IN3 ROL AUT RF1 ACC UB1 UB2"),
    ("ADT_A06", "ADT^A07", "2.2", "EVN PID MRG NK1 PV1 OBX DG1 PR1 IN1"),
    ("ADT_A06", "ADT^A06", "2.3", "EVN PID PD1 MRG NK1 PV1 PV2 DB1 DRG OBX AL1 DG1 DRG PR1 ROL GT1 IN1 IN2 IN3 ACC UB1 UB2"),
    ("ADT_A06", "ADT^A06", "2.8", "SFT UAC EVN PID PD1 ARV ROL MRG NK1 PV1 PV2 ARV ROL DB1 OBX AL1 DG1 DRG PR1 ROL GT1 IN1 IN2 IN3 ROL AUT RF1 ACC"),
    ("ADT_A09", "ADT^A11", "2.6", "SFT UAC EVN PID PD1 PV1 PV2 DB1 OBX DG1 DG1"),
    ("ADT_A15", "ADT^A15", "2.6", "SFT UAC EVN PID PD1 ARV ROL PV1 PV2 ARV ROL DB1 OBX DG1"),
    ("ADT_A16", "ADT^A16", "2.8", "SFT UAC EVN PID PD1 ARV ROL NK1 PV1 PV2 ARV ROL DB1 OBX AL1 DG1 DRG PR1 ROL GT1 IN1 IN2 IN3 ROL AUT RF1 ACC"),
    ("ADT_A17", "ADT^A17", "2.6", "SFT UAC EVN PID PD1 PV1 PV2 DB1 OBX PID PD1 PV1 PV2 DB1 OBX OBX"),
    ("ADT_A18", "ADT^A18", "2.1", "EVN PID MRG"),
    ("ADT_A18", "ADT^A18", "2.6", "SFT UAC EVN PID PD1 MRG PV1"),
    ("ADT_A20", "ADT^A20", "2.6", "SFT UAC EVN NPU"),
    ("ADT_A21", "ADT^A29", "2.6", "SFT UAC EVN PID PD1 PV1 PV2 DB1 OBX"),
    ("ADT_A24", "ADT^A24", "2.6", "SFT UAC EVN PID PD1 PV1 DB1 PID PD1 PV1 DB1"),
    ("ADT_A30", "ADT^A34", "2.6", "SFT UAC EVN PID PD1 ARV MRG"),
    ("ADT_A37", "ADT^A37", "2.7", "SFT UAC EVN PID PD1 PV1 DB1 PID PD1 PV1 DB1"),
    ("ADT_A38", "ADT^A38", "2.8.2", "SFT UAC EVN PID PD1 PV1 PV2 DB1 OBX DG1 DRG"),
    ("ADT_A39", "ADT^A40", "2.7", "SFT UAC EVN PID PD1 MRG PV1 PID MRG"),
    ("ADT_A43", "ADT^A43", "2.6", "SFT UAC EVN PID PD1 ARV MRG PID MRG"),
    ("ADT_A44", "ADT^A47", "2.8", "SFT UAC EVN PID PD1 ARV MRG PID MRG"),
    ("ADT_A45", "ADT^A45", "2.6", "SFT UAC EVN PID PD1 MRG PV1 MRG PV1"),
    ("ADT_A50", "ADT^A51", "2.6", "SFT UAC EVN PID PD1 MRG PV1"),
    ("ADT_A52", "ADT^A53", "2.6", "SFT UAC EVN PID PD1 PV1 PV2"),
    ("ADT_A54", "ADT^A54", "2.6", "SFT UAC EVN PID PD1 ROL PV1 PV2 ROL"),
    ("ADT_A60", "ADT^A60", "2.6", "EVN PID PD1 ARV PV1 PV2 ARV IAM IAM"),
    ("ADT_A60", "ADT^A60", "2.4", "EVN PID PV2"),
    ("ADT_A60", "ADT^A60", "2.7", "SFT UAC EVN PID IAM NTE IAR IAM"),
    ("ADT_A61", "ADT^A61", "2.6", "SFT UAC EVN PID PD1 ROL PV1 ROL PV2"),
    ("ORM_O01", "ORM^O01", "2.6", "SFT UAC NTE PID PD1 NTE PV1 PV2 IN1 IN2 IN3 GT1 AL1 ORC OBR NTE CTD DG1 OBX NTE OBX FT1 CTI BLG ORC RXO ORC BLG"),
    ("ORM_O01", "ORM", "2.1", "ORC OBR ORC ORO ORC RX1 ORC RQD ORC RQ1 ORC ODS ORC ODT"),
    ("ORU_R01", "ORU^R01", "2.6", "SFT UAC PID PD1 NTE NK1 OBX PV1 PV2 ORC OBR NTE ROL TQ1 TQ2 CTD OBX NTE NTE OBX FT1 CTI SPM OBX SPM OBR OBX PID OBR OBX DSC"),
    ("ORU_R01", "ORU^R01", "2.3.1", "PID NK1 NTE OBR OBX OBX OBR NTE"),
    ("ORU_R01", "ORU^R01", "2.8", "PID PRT NTE ARV OBX PRT PV1 PRT ORC PRT OBX PRT TXA OBR PRT OBX PRT NTE SPM OBX PRT OBX"),
    ("ORU_R30", "ORU^R31", "2.6", "SFT UAC PID PD1 OBX PV1 PV2 ORC OBR NTE ROL TQ1 TQ2 OBX NTE OBX"),
    ("ORU_R30", "ORU^R31", "2.8", "PID PRT ARV OBX PRT PV1 PRT ORC PRT OBR PRT OBX PRT"),
    ("ACK", "ACK^A01", "2.6", "SFT UAC MSA ERR ERR"),
    ("ACK", "ACK", "2.2", "MSA"),
]  # fmt: skip
"""Structure, MSH-9, MSH-12, and the segments behind MSH."""

OF_RECORDS = {"hl7.unsupported-message", "hl7.not-a-moment"}
"""Said of messages by those who make records of them, not by guides."""

Place = tuple[str, str | None, str | None]
MISSING, EMPTY = "segment-missing", "element-missing"

SMALLEST = [
    ("ADT^A01", "2.5.1", "EVN PID PV1"),
    ("ADT^A02", "2.4", "EVN PID PV1"),
    ("ADT^A03", "2.6", "EVN PID PV1"),
    ("ADT^A31", "2.5", "EVN PID PV1"),
    ("ADT^A06", "2.2", "EVN PID PV1"),
    ("ADT^A11", "2.3.1", "EVN PID PV1"),
    ("ADT^A15", "2.8", "EVN PID PV1"),
    ("ADT^A16", "2.4", "EVN PID PV1"),
    ("ADT^A17", "2.3", "EVN PID PV1 PID PV1"),
    ("ADT^A18", "2.4", "EVN PID"),
    ("ADT^A20", "2.5.1", "EVN NPU"),
    ("ADT^A21", "2.4", "EVN PID PV1"),
    ("ADT^A24", "2.2", "EVN PID PID"),
    ("ADT^A30", "2.3", "EVN PID MRG"),
    ("ADT^A47", "2.6", "EVN PID MRG"),
    ("ADT^A37", "2.7", "EVN PID PID"),
    ("ADT^A38", "2.7", "EVN PID PV1"),
    ("ADT^A40", "2.5.1", "EVN PID MRG"),
    ("ADT^A44", "2.4", "EVN PID MRG"),
    ("ADT^A47", "2.7", "EVN PID MRG"),
    ("ADT^A45", "2.5", "EVN PID MRG PV1"),
    ("ADT^A50", "2.4", "EVN PID MRG PV1"),
    ("ADT^A52", "2.5.1", "EVN PID PV1"),
    ("ADT^A54", "2.5.1", "EVN PID PV1"),
    ("ADT^A60", "2.5.1", "EVN PID"),
    ("ADT^A61", "2.5", "EVN PID PV1"),
    ("ORM^O01", "2.3", "ORC"),
    ("ORU^R01", "2.5.1", "OBR"),
    ("ORU^R30", "2.5", "PID ORC OBR OBX"),
    ("ACK", "2.5.1", "MSA"),
]
"""MSH-9, MSH-12, and segments of which none may be left out."""

FAULTS: list[tuple[str, str, str, list[Place]]] = [
    ("ADT^A01", "2.5.1", "EVN PID", [(MISSING, "PV1", None)]),
    ("ADT^A01", "2.5.1", "EVN PV1", [(MISSING, "PID", None)]),
    ("ADT^A01", "2.5.1", "EVN PID=PID|1||||DOE PV1", [(EMPTY, "PID/03", "PID-3")]),
    ("ADT^A01", "2.5.1", "EVN PID=PID|1||M1 PV1", [(EMPTY, "PID/05", "PID-5")]),
    ("ADT^A01", "2.5.1", "EVN PID PV1=PV1|1", [(EMPTY, "PV1/02", "PV1-2")]),
    ("ADT^A01", "2.5.1", "SFT=SFT|MAKER|1.2|PRODUCT EVN PID PV1", [(EMPTY, "SFT/04", "SFT-4")]),
    ("ADT^A01", "2.5.1", "EVN PID ROL=ROL||AD|AT PV1", [(EMPTY, "ROL/04", "ROL-4")]),
    ("ADT^A01", "2.5.1", "EVN PID NK1=NK1||DOE PV1", [(EMPTY, "NK1/01", "NK1-1")]),
    ("ADT^A01", "2.5.1", "EVN PID PV1 DG1=DG1|1||J10", [(EMPTY, "DG1/06", "DG1-6")]),
    ("ADT^A01", "2.5.1", "EVN PID PV1 GT1=GT1|1", [(EMPTY, "GT1/03", "GT1-3")]),
    ("ADT^A01", "2.5.1", "EVN PID PV1 IN1 IN1=IN1|2|PLAN", [(EMPTY, "INSURANCE/IN1[2]/03", "IN1-3")]),
    ("ADT^A01", "2.5.1", "EVN PID PV1 IN2", [("warning segment-unexpected", "IN2", None)]),
    ("ADT^A01", "2.5.1", "EVN PID PV1 PR1 PR1=PR1|two", [("element-characters", "PROCEDURE/PR1[2]/01", "PR1-1")]),
    ("ADT^A01", "2.5.1", "EVN PID=PID|1||M1||DOE||31.01.1970 PV1", [("date-invalid", "PID/07", "PID-7")]),
    ("ADT^A01", "2.5.1", "EVN=EVN||20260302251500 PID PV1", [("date-invalid", "EVN/02", "EVN-2")]),
    ("ADT^A01", "2.5.1", "EVN PID PV1 NK1", [("warning segment-unexpected", "NK1", None)]),
    ("ADT^A01", "2.5.1", "EVN PID PV1 ORC", [("warning segment-unknown", None, None)]),
    ("ADT^A01", "2.5.1", "EVN PID PV1 PV1", [("warning segment-repeats", "PV1[2]", None)]),
    ("ADT^A01", "2.5.1", "EVN PID PV1=PV1||I~O", [("warning element-repeats", "PV1/02", "PV1-2")]),
    ("ADT^A06", "2.2", "EVN PID MRG=MRG||M2 PV1", [(EMPTY, "MRG/01", "MRG-1")]),
    ("ADT^A11", "2.3.1", "EVN PID PV1 IN1", [("warning segment-unknown", None, None)]),
    ("ADT^A16", "2.4", "EVN PID PV1 AL1=AL1|1", [(EMPTY, "AL1/03", "AL1-3")]),
    ("ADT^A17", "2.3", "EVN PID PV1", [(MISSING, "PID", None), (MISSING, "PV1", None)]),
    ("ADT^A20", "2.5.1", "EVN NPU=NPU||U", [(EMPTY, "NPU/01", "NPU-1")]),
    ("ADT^A47", "2.7", "EVN PID", [(MISSING, "PATIENT/MRG", None)]),
    ("ADT^A40", "2.5.1", "EVN", [("loop-missing", "PATIENT", None)]),
    ("ADT^A43", "2.5.1", "EVN", [("loop-missing", "PATIENT", None)]),
    ("ADT^A44", "2.7", "EVN", [("loop-missing", "PATIENT", None)]),
    ("ADT^A40", "2.5.1", "EVN PID MRG PID PV1", [(MISSING, "PATIENT/MRG", None)]),
    ("ADT^A45", "2.5", "EVN PID", [("loop-missing", "MERGE_INFO", None)]),
    ("ADT^A45", "2.5", "EVN PID MRG MRG PV1", [(MISSING, "MERGE_INFO/PV1", None)]),
    ("ADT^A60", "2.5.1", "EVN PID IAM=IAM|1||NUTS", [(EMPTY, "ADVERSE_REACTION_GROUP/IAM/06", "IAM-6")]),
    ("ORM^O01", "2.3", "PID PV1", [("loop-missing", "ORDER", None)]),
    ("ORM^O01", "2.3", "PID OBR", [("warning segment-unexpected", "PATIENT/OBR", None), ("loop-missing", "ORDER", None)]),
    ("ORM^O01", "2.3", "ORC OBR ORC OBR=OBR|2|P2", [(EMPTY, "ORDER/ORDER_DETAIL/OBR[2]/04", "OBR-4")]),
    ("ORM^O01", "2.3", "ORC OBR OBR", [("warning loop-repeats", "ORDER/ORDER_DETAIL", None)]),
    ("ORU^R01", "2.5.1", "PID PV1", [("loop-missing", "PATIENT_RESULT/ORDER_OBSERVATION", None)]),
    ("ORU^R01", "2.5.1", "PID OBR OBX OBX=OBX|2|NM|||7", [(EMPTY, "PATIENT_RESULT/ORDER_OBSERVATION/OBSERVATION/OBX[2]/03", "OBX-3")]),
    ("ORU^R01", "2.5.1", "PID ORC OBX OBX", [(MISSING, "PATIENT_RESULT/ORDER_OBSERVATION/OBR", None)]),
    ("ORU^R01", "2.5.1", "PID OBR NTE TQ1=TQ1|1|||9:15", [("time-invalid", "PATIENT_RESULT/ORDER_OBSERVATION/TIMING_QTY/TQ1/04", "TQ1-4")]),
    ("ORU^R01", "2.5.1", "PID OBR OBX SPM=SPM|1", [(EMPTY, "PATIENT_RESULT/ORDER_OBSERVATION/SPECIMEN/SPM/04", "SPM-4")]),
    ("ACK", "2.5.1", "MSA=MSA|AA", [(EMPTY, "MSA/02", "MSA-2")]),
    ("ACK", "2.5.1", "MSA=MSA|OK|M1", [("code-unknown", "MSA/01", "MSA-1")]),
]  # fmt: skip
"""MSH-9, MSH-12, the segments (`TAG=` writes one out), and all that must be said of them: code, path, element."""


def message(kind: str, version: str, segments: str) -> str:
    header = f"MSH|^~\\&|HIS|HOSPITAL|MFT|PARTNER|20260302091500||{kind}|M1|P|{version}"
    lines = []
    for word in segments.split():
        tag, _, text = word.partition("=")
        lines.append(text or SEGMENTS.get(tag, f"{tag}|1"))
    return "\r".join([header, *lines, ""])


def judged(text: str) -> tuple[list[Finding], SetClosed]:
    found: list[Finding] = []
    closed: list[SetClosed] = []
    for event in parsers.read([text.encode()], judge=Judging()):
        if isinstance(event, Finding) and event.code not in OF_RECORDS:
            found.append(event)
        elif isinstance(event, SetClosed):
            closed.append(event)
    assert len(closed) == 1
    return found, closed[0]


def said(finding: Finding) -> Place:
    code = finding.code.removeprefix("hl7.")
    return code if finding.severity == "error" else f"{finding.severity} {code}", finding.path, finding.element


def guides() -> list[Guide]:
    return [entry.read() for entry in shelf.entries("hl7")]


def specs(loop: Loop) -> Iterator[SegmentSpec]:
    for child in loop.children:
        if isinstance(child, Position):
            yield from child.specs
        else:
            yield from specs(child)


# --- the files ---


def test_every_guide_is_on_the_shelf() -> None:
    names = {guide.id.rsplit("/", 1)[1] for guide in guides()}
    assert names == {*STRUCTURES, "ADT_A44", "ORM_O01", "ORU_R01", "ORU_R30", "ACK"}
    assert len(guides()) == len(TEXTS) == len(names)


@pytest.mark.parametrize(
    ("event", "structure"), [(event, name) for name, events in STRUCTURES.items() for event in events.split()]
)
@pytest.mark.parametrize("version", ["2.1", "2.3.1", "2.5.1", "2.6", ""])
def test_events_have_the_structure_of_the_table(event: str, structure: str, version: str) -> None:
    guide = shelf.find("hl7", f"ADT^{event}", version)
    assert guide is not None
    assert guide.id == f"hl7/2/{structure}"


@pytest.mark.parametrize("event", ["A44", "A47", "A49"])
@pytest.mark.parametrize("version", ["2.7", "2.7.1", "2.8.2"])
def test_events_whose_structure_changed(event: str, version: str) -> None:
    guide = shelf.find("hl7", f"ADT^{event}", version)
    assert guide is not None
    assert guide.id == "hl7/2.7/ADT_A44"


def test_no_two_guides_are_for_the_same_message() -> None:
    every = [(name, version) for guide in guides() for name in guide.sets for version in guide.versions]
    assert len(every) == len(set(every))


def test_every_definition_is_used_and_names_a_source() -> None:
    used = {spec.tag for guide in guides() for spec in specs(guide.root)}
    assert DICTIONARY["segments"].keys() <= used
    assert all(table["source"] in DICTIONARY["sources"] for table in DICTIONARY["segments"].values())
    assert all(text["unchecked"] for text in TEXTS.values())


def test_no_length_is_judged() -> None:
    for guide in guides():
        for spec in specs(guide.root):
            for element in spec.elements:
                for one in (element, *element.components):
                    assert one.min <= 1, spec.tag
                    assert one.max > 1_000_000, spec.tag


def test_a_group_begins_with_what_it_must_have() -> None:
    """Except where the standard itself lets its first segment be left out."""
    optional = {"PATIENT_RESULT", "ORDER_OBSERVATION", "ADT_A60/VISIT"}

    def look(loop: Loop, structure: str) -> None:
        for child in loop.children:
            if isinstance(child, Loop):
                if not {child.id, f"{structure}/{child.id}"} & optional:
                    assert child.children[0].usage == "R", f"{structure}/{child.id}"
                look(child, structure)

    for guide in guides():
        look(guide.root, guide.id.rsplit("/", 1)[1])


# --- what is accepted ---


@pytest.mark.parametrize(
    ("structure", "kind", "version", "segments"), CLEAN, ids=[f"{one[1]} {one[2]}" for one in CLEAN]
)
def test_clean_messages(structure: str, kind: str, version: str, segments: str) -> None:
    found, closed = judged(message(kind, version, segments))
    assert list(map(said, found)) == []
    assert closed.guide is not None
    assert closed.guide.endswith(f"/{structure}")
    assert closed.verdict != "rejected"


def test_every_structure_is_in_both_tables() -> None:
    names = {guide.id.rsplit("/", 1)[1] for guide in guides()}
    assert {structure for structure, *_ in CLEAN} == names
    smallest = [shelf.find("hl7", kind, version) for kind, version, _ in SMALLEST]
    assert {guide.id.rsplit("/", 1)[1] for guide in smallest if guide is not None} == names


@pytest.mark.parametrize(
    ("structure", "kind", "version", "segments"), CLEAN, ids=[f"{one[1]} {one[2]}" for one in CLEAN]
)
def test_z_segments_may_stand_anywhere(structure: str, kind: str, version: str, segments: str) -> None:
    first, *rest = message(kind, version, segments).split("\r")[:-1]
    text = "\r".join([first, "ZBE|1", *(line for one in rest for line in (one, "ZXX|any~thing^at&all")), ""])
    found, closed = judged(text)
    assert list(map(said, found)) == []
    assert closed.verdict != "rejected"


def test_what_a_sender_may_do() -> None:
    """Other separators, the delete mark, times with a zone, a zone of processing, fields at the end that are empty."""
    text = (
        "MSH$%~\\&$HIS$$$$2026$$ADT%A08%ADT_A01$M1$T%A$2.5.1$1$$AL$NE\r"
        'EVN$A08$20260302091500.1234+0100$$$$""\r'
        'PID$1$$M1$$DOE$$""$$$$$$$$$$$$$$$$$$$$$$\r'
        "PV1$$O\rOBX$1$ST$X$$" + "long " * 9_999 + "\r"
    )
    found, closed = judged(text)
    assert list(map(said, found)) == []
    assert closed.verdict == "accepted"


# --- what is found ---


@pytest.mark.parametrize(("kind", "version", "segments"), SMALLEST)
def test_what_is_required(kind: str, version: str, segments: str) -> None:
    found, closed = judged(message(kind, version, segments))
    assert list(map(said, found)) == []
    assert closed.verdict != "rejected"
    tags = segments.split()
    for left_out, tag in enumerate(tags):
        found, closed = judged(message(kind, version, " ".join(tags[:left_out] + tags[left_out + 1 :])))
        codes = {one.code.removeprefix("hl7.") for one in found if one.severity == "error"}
        assert codes, f"without {tag}"
        assert codes <= {MISSING, "loop-missing"}, f"without {tag}"
        assert closed.verdict == "rejected", f"without {tag}"


@pytest.mark.parametrize(
    ("kind", "version", "segments", "expected"), FAULTS, ids=[f"{one[0]} {one[1]} {one[2]}" for one in FAULTS]
)
def test_faults(kind: str, version: str, segments: str, expected: list[Place]) -> None:
    found, closed = judged(message(kind, version, segments))
    assert list(map(said, found)) == expected
    rejected = any(not code.startswith("warning") for code, _, _ in expected)
    assert (closed.verdict == "rejected") is rejected


@pytest.mark.parametrize(
    ("nth", "value", "expected"),
    [
        (10, "", ("element-missing", "MSH/10", "MSH-10")),
        (11, "", ("element-missing", "MSH/11", "MSH-11")),
        (11, "X", ("code-unknown", "MSH/11-1", "MSH-11.1")),
        (12, "", ("element-missing", "MSH/12", "MSH-12")),
        (7, "2 March", ("date-invalid", "MSH/07", "MSH-7")),
        (13, "one", ("element-characters", "MSH/13", "MSH-13")),
        (15, "YES", ("warning code-unknown", "MSH/15", "MSH-15")),
        (26, "X", ("warning element-surplus", "MSH/26", "MSH-26")),
    ],
)
def test_faults_of_the_header(nth: int, value: str, expected: Place) -> None:
    header, *rest = message("ADT^A01", "2.5.1", "EVN PID PV1").split("\r")
    fields = [*header.split("|"), *[""] * 20]
    fields[nth - 1] = value
    found, _ = judged("\r".join(["|".join(fields), *rest]))
    assert list(map(said, found)) == [expected]


def test_a_finding_never_quotes() -> None:
    found, _ = judged(message("ADT^A01", "2.5.1", "EVN PID=PID|secret||M1||DOE||secret PV1"))
    assert len(found) == 2
    assert not any("secret" in f"{one.message} {one.hint}" for one in found)


# --- real files ---

REASONS = {
    "LinuxForHealth-hl7v2-fhir-converter/ORU-multiline-short-mixed.hl7": {"OBX-3"},
    "LinuxForHealth-hl7v2-fhir-converter/ORU-multiline-short.hl7": {"OBX-3"},
    "LinuxForHealth-hl7v2-fhir-converter/sample_unix.hl7": {"MSH-2"},
    "LinuxForHealth-hl7v2-fhir-converter/sample_win.hl7": {"MSH-2"},
    "johnpaulett-python-hl7/samples/rep_sample_hl7.hl7": {"PID-1", "PID-5", "PATIENT_RESULT/ORDER_OBSERVATION"},
    "johnpaulett-python-hl7/samples/sample_hl7.hl7": {"PID-7"},  # A ninth digit.
    "johnpaulett-python-hl7/samples/sample_msh.hl7": {"EVN"},
    "microsoft-FHIR-Converter/messages/ADT-A06-01.hl7": {"MRG-1", "AL1-1"},
    "microsoft-FHIR-Converter/messages/ADT-A06-02.hl7": {"MRG-1"},
    "microsoft-FHIR-Converter/messages/ADT-A07-01.hl7": {"MRG-1", "AL1-1"},
    "microsoft-FHIR-Converter/messages/ADT-A07-02.hl7": {"MRG-1"},
    "microsoft-FHIR-Converter/messages/ADT-A13-02.hl7": {"PV1-46"},  # A moment where a balance should be.
    "microsoft-FHIR-Converter/messages/ADT-A41-01.hl7": {"MRG-1"},
    "microsoft-FHIR-Converter/messages/ADT-A45-01.hl7": {"MRG-1"},
    "microsoft-FHIR-Converter/messages/ADT04-23.hl7": {"IN1-3"},
    "microsoft-FHIR-Converter/messages/ADT04-251.hl7": {"EVN"},
    "microsoft-FHIR-Converter/messages/ADT04-28.hl7": {"NK1-1", "IN1-1"},
    "microsoft-FHIR-Converter/messages/ORM-O01-01.hl7": {"ORC-15"},  # The twentieth month.
    "microsoft-FHIR-Converter/messages/ORM-O01-02.hl7": {"AL1-1"},
    "microsoft-FHIR-Converter/messages/ORU-R01-01.hl7": {"OBX-3", "TQ1-4"},  # HH:MM:SS.
    "microsoft-FHIR-Converter/messages/SIU_12.hl7": {"EVN"},  # An appointment that says that it is ADT^A60.
    "nextgenhealthcare-connect/donkey/src/test/java/com/mirth/connect/donkey/test/hl7/small.hl7": {"PID-7", "PV1-44"},
    "nextgenhealthcare-connect/server/tests/filereader/batch/batch03.hl7": {
        "MSH-7",
        "EVN-2",
    },  # Milliseconds, no point.
    "nextgenhealthcare-connect/server/tests/filereader/nonbatch/nested/07.hl7": {"MSH-7", "EVN-2"},
    "nextgenhealthcare-connect/server/tests/test-hl7-batch-input.txt": {"PID-7", "PV1-44"},  # "Aug 15, 1942".
    "nextgenhealthcare-connect/server/tests/test-hl7-input.txt": {"PID-7", "PV1-44"},
    "nextgenhealthcare-connect/server/tests/test-hl7-repetitions-input.txt": {"ORDER"},
    "nextgenhealthcare-connect/server/tests/test-hl7-whitespace-input.txt": {"PID-7", "ORDER"},
    "nextgenhealthcare-connect/simplesender/samples/TestADT.txt": {"PV1"},
}
"""Real files that break a rule of the standard's: the field, segment or group that is missing or not of its type."""


@corpus.needed
def test_real_files() -> None:
    rows = [row for row in corpus.ROWS if row["path"].startswith("hl7v2/") and row["label"] == "valid"]
    judged_messages = 0
    broken: dict[str, set[str]] = {}
    for row in rows:
        found: list[Finding] = []
        for event in parsers.read([corpus.data_of(row)], judge=Judging()):
            if isinstance(event, Finding) and event.severity == "error":
                found.append(event)
            elif isinstance(event, SetClosed):
                if event.guide is not None:
                    judged_messages += 1
                    places = {one.element or one.path or "" for one in found}
                    if places:
                        broken.setdefault(row["path"].removeprefix("hl7v2/"), set()).update(places)
                found = []
    assert judged_messages > 1_000
    assert broken == REASONS
