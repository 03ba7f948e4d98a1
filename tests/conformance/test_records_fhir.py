"""HL7 records beside what another program makes of the same messages: FHIR bundles, field by field.

Microsoft's FHIR-Converter turns 80 messages of the corpus into bundles (R4, after HL7's v2-to-FHIR mappings). Of each
field we ask how many of its values are in our records, too. What we hold and the bundles do not is no difference: they
leave out what FHIR has no place for, and what they compute (ids, references, texts of codes) is not compared.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

import msgspec

import parsers
from parsers.events import RecordBatch
from tests import corpus

pytestmark = corpus.needed
FOLDER = corpus.ROOT / "hl7v2" / "microsoft-FHIR-Converter"
THEIR_ZONE = timezone(timedelta(hours=5, minutes=30))
"""Moments in the bundles are of the zone of the machine that made them, whatever zone was sent."""

GENDERS = {"M": "male", "F": "female", "O": "other", "A": "other", "U": "unknown", "N": "unknown"}
CLASSES = {"I": "IMP", "O": "AMB", "E": "EMER", "P": "PRENC", "R": "AMB", "B": "OBSENC"}
STATUSES = {
    "F": "final",
    "P": "preliminary",
    "C": "corrected",
    "O": "registered",
    "S": "preliminary",
    "I": "registered",
}


def every(value: Any, path: str) -> Iterator[Any]:
    """What stands at the end of a dotted path, whatever lists are on the way."""
    if isinstance(value, list):
        for one in value:
            yield from every(one, path)
    elif not path:
        if value not in (None, ""):
            yield value
    elif isinstance(value, dict):
        name, _, rest = path.partition(".")
        yield from every(value.get(name), rest)


def of_type(code: str) -> Callable[[dict[str, Any]], bool]:
    """Identifiers of one type: PLAC is the placer's, FILL the filler's."""
    return lambda identifier: code in every(identifier, "type.coding.code")


def theirs(resources: list[dict[str, Any]], kind: str, path: str, of: str | None) -> Iterator[Any]:
    for resource in resources:
        if resource["resourceType"] == kind:
            if of is None:
                yield from every(resource, path)
            else:
                yield from every([one for one in resource.get("identifier", []) if of_type(of)(one)], "value")


def ours(records: list[dict[str, Any]], paths: str) -> Iterator[Any]:
    """A coded value counts by its code, its other code, and by its text where it has none."""
    for path in paths.split():
        for one in every(records, path):
            if isinstance(one, dict):
                codes = [one[name] for name in ("code", "alternate_code") if one.get(name)]
                yield from codes or [one.get("text")]
            else:
                yield one


def same(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


def number(value: Any) -> Any:
    try:
        return float(value)
    except (TypeError, ValueError):
        return value


def moment(value: str) -> Any:
    """To the minute: they add seconds that were not sent."""
    if "T" not in value:
        return value
    at = datetime.fromisoformat(value).replace(second=0, microsecond=0)
    return at if at.tzinfo else at.replace(tzinfo=THEIR_ZONE)


class Row(NamedTuple):
    """Attributes:
    field: theirs, and what it is of. ours: paths in our records. found: of how many of their values. why: not of all.
    """

    field: str
    ours: str
    found: tuple[int, int]
    why: str = ""
    read: Callable[[Any], Any] = same
    type: str | None = None


def observed(path: str) -> str:
    return f"observations.{path} immunizations.observations.{path}"


TABLE = [
    Row("Patient.identifier.value", "patient.identifiers.value merges.identifiers.value insurance.medicare_number insurance.member_number", (322, 325), "two of a disability (DB1), one of the military (IN2-10)"),
    Row("Patient.name.family", "patient.names.family merges.names.family", (155, 162), "six are who consents (CON), one is a Medicaid case (IN2-7)"),
    Row("Patient.name.given", "patient.names.given patient.names.middle merges.names.given merges.names.middle", (209, 253), "called by (XPN-15), which they count among the given names"),
    Row("Patient.birthDate", "patient.birth_date", (72, 72), read=lambda text: text[:10]),
    Row("Patient.gender", "patient.sex", (72, 72), read=lambda text: GENDERS.get(text, text)),
    Row("Patient.address.city", "patient.addresses.city", (58, 58)),
    Row("Patient.address.state", "patient.addresses.state", (57, 57)),
    Row("Patient.address.postalCode", "patient.addresses.postal_code", (58, 58)),
    Row("Patient.maritalStatus.coding.code", "patient.marital_status", (52, 52)),
    Row("Encounter.identifier.value", "visit.number visit.alternate_number", (67, 67)),
    Row("Encounter.class.code", "visit.patient_class", (53, 53), read=lambda text: CLASSES.get(text, text)),
    Row("Encounter.period.start", "visit.admitted_at", (38, 38), read=moment),
    Row("Encounter.period.end", "visit.discharged_at visit.expected_discharge_at", (7, 7), read=moment),
    Row("Observation.code.coding.code", observed("code"), (109, 109)),
    Row("Observation.valueQuantity.value", observed("values"), (41, 41), read=number),
    Row("Observation.valueQuantity.code", observed("units"), (22, 22)),
    Row("Observation.valueString", observed("values"), (39, 39)),
    Row("Observation.valueCodeableConcept.coding.code", observed("value_codings"), (14, 14)),
    Row("Observation.status", observed("status"), (95, 109), "unknown, where OBX-11 is empty or a code that they do not know: their default", read=lambda text: STATUSES.get(text, text)),
    Row("Observation.interpretation.coding.code", observed("flags"), (65, 65)),
    Row("Observation.referenceRange.text", observed("reference_range"), (26, 26)),
    Row("Observation.effectiveDateTime", observed("observed_at"), (64, 64), read=moment),
    Row("ServiceRequest.identifier", "order.placer_id order.parent_placer_id requests.placer_id requests.parent_placer_id immunizations.placer_id document.placer_ids", (37, 38), "an alternate number (OBR-53)", type="PLAC"),
    Row("ServiceRequest.identifier", "order.filler_id order.parent_filler_id requests.filler_id immunizations.filler_id document.filler_id", (39, 39), type="FILL"),
    Row("ServiceRequest.code.coding.code", "order.service requests.service appointment.resources.what", (63, 63)),
    Row("DiagnosticReport.identifier", "order.placer_id", (8, 8), type="PLAC"),
    Row("DiagnosticReport.identifier", "order.filler_id", (8, 8), type="FILL"),
    Row("Specimen.type.coding.code", "specimens.type", (10, 11), "OBR-15 of a document's order"),
    Row("AllergyIntolerance.code.coding.code", "allergies.allergen", (6, 7), "IAM-18, the kind of the allergy"),
    Row("Condition.code.coding.code", "diagnoses diagnoses.diagnosis", (9, 9)),
    Row("Coverage.identifier.value", "insurance.company_identifiers.value insurance.insured_identifiers.value insurance.plan insurance.policy_number insurance.member_number insurance.medicare_number insurance.medicaid_number", (8, 8)),
    Row("Immunization.vaccineCode.coding.code", "immunizations.vaccine", (4, 4)),
    Row("Immunization.occurrenceDateTime", "immunizations.given_at", (4, 4), read=moment),
    Row("Immunization.lotNumber", "immunizations.lot_numbers", (2, 2)),
    Row("Appointment.identifier.value", "appointment.placer_id appointment.filler_id", (28, 28)),
    Row("Appointment.start", "appointment.starts_at", (14, 14), read=moment),
    Row("Appointment.end", "appointment.ends_at", (14, 14), read=moment),
    Row("DocumentReference.masterIdentifier.value", "document.id", (13, 15), "TXA in results of an instrument"),
]  # fmt: skip


def compared() -> tuple[list[tuple[int, int]], list[Counter[Any]]]:
    """For each row, how many of their values we have, of how many; and those that we have not."""
    found = [[0, 0] for _ in TABLE]
    missing: list[Counter[Any]] = [Counter() for _ in TABLE]
    for bundle in sorted(FOLDER.rglob("*-expected.json")):
        message = (FOLDER / "messages" / bundle.name.replace("-expected.json", ".hl7")).read_bytes()
        resources = [entry["resource"] for entry in json.loads(bundle.read_bytes())["entry"]]
        batches = [event for event in parsers.read([message]) if isinstance(event, RecordBatch)]
        records = [msgspec.json.decode(line) for batch in batches for line in batch.ndjson.splitlines()]
        for row, counts, left in zip(TABLE, found, missing, strict=True):
            kind, _, path = row.field.partition(".")
            have = {row.read(one) for one in ours(records, row.ours) if one is not None}
            for value in map(row.read, theirs(resources, kind, path, row.type)):
                counts[0] += value in have
                counts[1] += 1
                if value not in have:
                    left[bundle.stem.removesuffix("-expected"), str(value)] += 1
    return [(one[0], one[1]) for one in found], missing


def test_their_values_are_in_our_records():
    found, missing = compared()
    for row, (have, all_of), left in zip(TABLE, found, missing, strict=True):
        print(f"{row.field:50} {row.type or '':5} {have:4} of {all_of:4}  {row.why}")
        if (have, all_of) != row.found:
            print("    ", left.most_common(8))
    assert found == [row.found for row in TABLE]
