"""Something happened to a patient: an admission, a transfer, a discharge, an appointment, a vaccination, a change of
what is known.

As with all that is said of patients, absent is not sent, and null is deleted.
"""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from parsers.canonical.observation import Observation
from parsers.canonical.patient import (
    Allergy,
    Coded,
    Condition,
    Extension,
    Guarantor,
    Insurance,
    Location,
    Moment,
    Name,
    NextOfKin,
    Number,
    Patient,
    PatientDiagnosis,
    PatientIdentifier,
    PatientProcedure,
    Practitioner,
    Role,
    Sent,
    Visit,
)
from parsers.canonical.values import ClaimNumber, Code, Provenance, Value
from parsers.canonical.values import Moment as OpenMoment

_Amount = Annotated[str, Meta(extra={"class": "CLINICAL", "reads": "decimal"})] | UnsetType | None
_Duration = Annotated[str, Meta(extra={"class": "AMOUNT", "reads": "decimal"})] | UnsetType | None


class Merge(Value, frozen=True):
    """What no longer stands for itself: another patient, account or visit, which is part of this one from now on."""

    identifiers: tuple[PatientIdentifier, ...] | UnsetType | None = UNSET
    account: PatientIdentifier | UnsetType | None = UNSET
    visit_number: ClaimNumber | UnsetType | None = UNSET
    names: tuple[Name, ...] | UnsetType | None = UNSET


class Bed(Value, frozen=True):
    """`status` is "U" unoccupied, "O" occupied, "C" closed, "H" housekeeping."""

    location: Location | UnsetType | None = UNSET
    status: Sent = UNSET


class Immunization(Value, frozen=True):
    """Attributes:
    amount: of the vaccine; "999" is unknown.
    sources: who says so: "00" whoever gave it, "01" and so on a record of the past.
    completion: "CP" complete, "PA" in part, "RE" refused, "NA" not given.
    action: "A" added, "D" deleted, "U" updated.
    """

    placer_id: ClaimNumber | UnsetType | None = UNSET
    filler_id: ClaimNumber | UnsetType | None = UNSET
    ordering_providers: tuple[Practitioner, ...] | UnsetType | None = UNSET
    entered_by: tuple[Practitioner, ...] | UnsetType | None = UNSET
    given_at: Moment = UNSET
    ended_at: Moment = UNSET
    vaccine: Condition | UnsetType | None = UNSET
    amount: _Amount = UNSET
    units: Coded | UnsetType | None = UNSET
    sources: tuple[Coded, ...] | UnsetType | None = UNSET
    given_by: tuple[Practitioner, ...] | UnsetType | None = UNSET
    location: Location | UnsetType | None = UNSET
    lot_numbers: tuple[Code | None, ...] | UnsetType | None = UNSET
    expires_on: tuple[OpenMoment | None, ...] | UnsetType | None = UNSET
    manufacturers: tuple[Coded, ...] | UnsetType | None = UNSET
    refusal_reasons: tuple[Condition, ...] | UnsetType | None = UNSET
    indications: tuple[Condition, ...] | UnsetType | None = UNSET
    completion: Sent = UNSET
    action: Sent = UNSET
    route: Coded | UnsetType | None = UNSET
    site: Coded | UnsetType | None = UNSET
    observations: tuple[Observation, ...] = ()
    notes: tuple[str, ...] = ()


class Resource(Value, frozen=True):
    """Attributes:
    kind: "service", "equipment", "location", "person".
    what: the service or equipment; `location` and `people` are what their names say.
    role: "equipment", "clinic", "surgeon", as coded by the sender.
    """

    kind: Sent = UNSET
    action: Sent = UNSET
    what: Condition | UnsetType | None = UNSET
    location: Location | UnsetType | None = UNSET
    people: tuple[Practitioner, ...] | UnsetType | None = UNSET
    role: Coded | UnsetType | None = UNSET
    starts_at: Moment = UNSET
    duration: _Duration = UNSET
    duration_units: Coded | UnsetType | None = UNSET
    status: Sent = UNSET
    notes: tuple[str, ...] = ()


class Appointment(Value, frozen=True):
    """`placer_id` is the number of whoever asked for it, `filler_id` of whoever grants it."""

    placer_id: ClaimNumber | UnsetType | None = UNSET
    filler_id: ClaimNumber | UnsetType | None = UNSET
    event_reason: Condition | UnsetType | None = UNSET
    reason: Condition | UnsetType | None = UNSET
    type: Condition | UnsetType | None = UNSET
    starts_at: Moment = UNSET
    ends_at: Moment = UNSET
    duration: _Duration = UNSET
    duration_units: Coded | UnsetType | None = UNSET
    placer_contacts: tuple[Practitioner, ...] | UnsetType | None = UNSET
    filler_contacts: tuple[Practitioner, ...] | UnsetType | None = UNSET
    entered_by: tuple[Practitioner, ...] | UnsetType | None = UNSET
    status: Sent = UNSET
    resources: tuple[Resource, ...] = ()
    notes: tuple[str, ...] = ()


class PatientEvent(Value, frozen=True, kw_only=True, tag_field="schema", tag="patient-event/1"):
    """Attributes:
    event: the trigger, "A01"; message_type: "ADT".
    processing: "P" production, "T" training, "D" debugging.
    occurred_at: when it happened; recorded_at: when it was recorded; planned_at: when it is to happen. ISO 8601 with
        the precision sent.
    merged_identifiers: those that no longer stand for a patient of their own; `merges` has them with what else is
        merged.
    observations: what was measured or noted of the patient in passing, such as height and weight.
    """

    provenance: Provenance
    event: Sent = UNSET
    message_type: Sent = UNSET
    sending_application: Sent = UNSET
    sending_facility: Sent = UNSET
    receiving_application: Sent = UNSET
    receiving_facility: Sent = UNSET
    processing: Sent = UNSET
    message_id: Number = UNSET
    sent_at: OpenMoment | UnsetType | None = UNSET
    occurred_at: Moment = UNSET
    recorded_at: Moment = UNSET
    planned_at: Moment = UNSET
    reason: Sent = UNSET
    operators: tuple[Practitioner, ...] | UnsetType | None = UNSET
    patient: Patient | UnsetType = UNSET
    merged_identifiers: tuple[PatientIdentifier, ...] | UnsetType | None = UNSET
    merges: tuple[Merge, ...] = ()
    visit: Visit | UnsetType = UNSET
    bed: Bed | UnsetType = UNSET
    appointment: Appointment | UnsetType = UNSET
    next_of_kin: tuple[NextOfKin, ...] = ()
    roles: tuple[Role, ...] = ()
    diagnoses: tuple[PatientDiagnosis, ...] = ()
    procedures: tuple[PatientProcedure, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    observations: tuple[Observation, ...] = ()
    immunizations: tuple[Immunization, ...] = ()
    insurance: tuple[Insurance, ...] = ()
    guarantors: tuple[Guarantor, ...] = ()
    extensions: tuple[Extension, ...] = ()
