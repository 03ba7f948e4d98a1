"""Something happened to a patient: an admission, a transfer, a discharge, a change of what is known.

Three states of a field are three things: absent when it was not sent (the receiver keeps what it has), null when the
sender deleted it explicitly, else the value.
"""

from msgspec import UNSET, UnsetType

from parsers.canonical.values import Provenance, Value

Sent = str | UnsetType | None
"""Text, null for an explicit delete, or absent."""


class PatientIdentifier(Value, frozen=True):
    """`assigner` is who gave it out, `type` the standard's code ("MR" medical record, "SS" social security)."""

    value: Sent = UNSET
    assigner: Sent = UNSET
    type: Sent = UNSET


class Name(Value, frozen=True):
    family: Sent = UNSET
    given: Sent = UNSET
    middle: Sent = UNSET
    suffix: Sent = UNSET
    prefix: Sent = UNSET
    type: Sent = UNSET


class PostalAddress(Value, frozen=True):
    street: Sent = UNSET
    other: Sent = UNSET
    city: Sent = UNSET
    state: Sent = UNSET
    postal_code: Sent = UNSET
    country: Sent = UNSET
    type: Sent = UNSET


class Phone(Value, frozen=True):
    """`number` as written; `use` is the standard's code ("PRN" primary residence, "WPN" work)."""

    number: Sent = UNSET
    use: Sent = UNSET


class Coded(Value, frozen=True):
    code: Sent = UNSET
    text: Sent = UNSET
    system: Sent = UNSET


class Practitioner(Value, frozen=True):
    identifier: Sent = UNSET
    name: Name | UnsetType | None = UNSET


class Location(Value, frozen=True):
    point_of_care: Sent = UNSET
    room: Sent = UNSET
    bed: Sent = UNSET
    facility: Sent = UNSET


class Visit(Value, frozen=True):
    """`patient_class` is the standard's code ("I" inpatient, "O" outpatient, "E" emergency)."""

    number: Sent = UNSET
    patient_class: Sent = UNSET
    location: Location | UnsetType | None = UNSET
    prior_location: Location | UnsetType | None = UNSET
    attending: tuple[Practitioner, ...] | UnsetType | None = UNSET
    hospital_service: Sent = UNSET
    admitted_at: Sent = UNSET
    discharged_at: Sent = UNSET


class NextOfKin(Value, frozen=True):
    names: tuple[Name, ...] | UnsetType | None = UNSET
    relationship: Coded | UnsetType | None = UNSET
    addresses: tuple[PostalAddress, ...] | UnsetType | None = UNSET
    phones: tuple[Phone, ...] | UnsetType | None = UNSET


class PatientDiagnosis(Value, frozen=True):
    diagnosis: Coded | UnsetType | None = UNSET
    description: Sent = UNSET
    at: Sent = UNSET
    type: Sent = UNSET


class Allergy(Value, frozen=True):
    type: Coded | UnsetType | None = UNSET
    allergen: Coded | UnsetType | None = UNSET
    severity: Coded | UnsetType | None = UNSET
    reactions: tuple[str | None, ...] | UnsetType | None = UNSET
    identified_on: Sent = UNSET


class Insurance(Value, frozen=True):
    plan: Coded | UnsetType | None = UNSET
    company_identifiers: tuple[PatientIdentifier, ...] | UnsetType | None = UNSET
    company_name: Sent = UNSET
    group_number: Sent = UNSET
    policy_number: Sent = UNSET
    insured: tuple[Name, ...] | UnsetType | None = UNSET


class Extension(Value, frozen=True):
    """A segment of the sender's own (Z...), kept in place: its fields as sent, from the first."""

    segment: str
    fields: tuple[str, ...]


class Patient(Value, frozen=True):
    identifiers: tuple[PatientIdentifier, ...] | UnsetType | None = UNSET
    names: tuple[Name, ...] | UnsetType | None = UNSET
    birth_date: Sent = UNSET
    sex: Sent = UNSET
    addresses: tuple[PostalAddress, ...] | UnsetType | None = UNSET
    phones: tuple[Phone, ...] | UnsetType | None = UNSET
    account: PatientIdentifier | UnsetType | None = UNSET
    died_at: Sent = UNSET


class PatientEvent(Value, frozen=True, kw_only=True, tag_field="schema", tag="patient-event/1"):
    """Attributes:
    event: the trigger, "A01"; message_type: "ADT".
    occurred_at: when it happened; recorded_at: when it was recorded. ISO 8601 with the precision sent.
    merged_identifiers: those that no longer stand for a patient of their own.
    """

    provenance: Provenance
    event: Sent = UNSET
    message_type: Sent = UNSET
    occurred_at: Sent = UNSET
    recorded_at: Sent = UNSET
    patient: Patient | UnsetType = UNSET
    merged_identifiers: tuple[PatientIdentifier, ...] | UnsetType | None = UNSET
    visit: Visit | UnsetType = UNSET
    next_of_kin: tuple[NextOfKin, ...] = ()
    diagnoses: tuple[PatientDiagnosis, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    insurance: tuple[Insurance, ...] = ()
    extensions: tuple[Extension, ...] = ()
