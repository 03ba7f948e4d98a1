"""Something happened to a patient: an admission, a transfer, a discharge, a change of what is known.

Three states of a field are three things: absent when it was not sent (the receiver keeps what it has), null when the
sender deleted it explicitly, else the value.
"""

from typing import Annotated

from msgspec import UNSET, Meta, UnsetType

from parsers.canonical.values import (
    AddressPart,
    ClaimNumber,
    Clinical,
    ClinicalCode,
    Code,
    MemberId,
    NamePart,
    Organization,
    PersonalMoment,
    Place,
    Provenance,
    Reference,
    Value,
)
from parsers.canonical.values import Moment as OpenMoment
from parsers.canonical.values import Phone as PhoneNumber

Sent = Code | UnsetType | None
"""A code, null for an explicit delete, or absent; likewise the others."""

Number = Reference | UnsetType | None
Health = ClinicalCode | UnsetType | None
Moment = PersonalMoment | UnsetType | None
_Name = NamePart | UnsetType | None
_Address = AddressPart | UnsetType | None
_Region = Place | UnsetType | None


class PatientIdentifier(Value, frozen=True):
    """`assigner` is who gave it out, `type` the standard's code ("MR" medical record, "SS" social security)."""

    value: Annotated[str, Meta(extra={"class": "MRN"})] | UnsetType | None = UNSET
    assigner: Sent = UNSET
    type: Sent = UNSET


class Name(Value, frozen=True):
    family: _Name = UNSET
    given: _Name = UNSET
    middle: _Name = UNSET
    suffix: _Name = UNSET
    prefix: _Name = UNSET
    type: Sent = UNSET


class PostalAddress(Value, frozen=True):
    street: _Address = UNSET
    other: _Address = UNSET
    city: _Address = UNSET
    state: _Region = UNSET
    postal_code: _Address = UNSET
    country: _Region = UNSET
    type: Sent = UNSET


class Phone(Value, frozen=True):
    """`number` as written; `use` is the standard's code ("PRN" primary residence, "WPN" work)."""

    number: PhoneNumber | UnsetType | None = UNSET
    use: Sent = UNSET


class Coded(Value, frozen=True):
    code: Sent = UNSET
    text: Sent = UNSET
    system: Sent = UNSET


class Condition(Value, frozen=True):
    """Of a person's health, coded."""

    code: Health = UNSET
    text: Health = UNSET
    system: Sent = UNSET


class Practitioner(Value, frozen=True):
    identifier: Number = UNSET
    name: Name | UnsetType | None = UNSET


class Location(Value, frozen=True):
    point_of_care: Sent = UNSET
    room: Sent = UNSET
    bed: Sent = UNSET
    facility: Sent = UNSET


class Visit(Value, frozen=True):
    """`patient_class` is the standard's code ("I" inpatient, "O" outpatient, "E" emergency)."""

    number: ClaimNumber | UnsetType | None = UNSET
    patient_class: Sent = UNSET
    location: Location | UnsetType | None = UNSET
    prior_location: Location | UnsetType | None = UNSET
    attending: tuple[Practitioner, ...] | UnsetType | None = UNSET
    referring: tuple[Practitioner, ...] | UnsetType | None = UNSET
    hospital_service: Sent = UNSET
    admit_source: Sent = UNSET
    discharge_disposition: Sent = UNSET
    admitted_at: Moment = UNSET
    discharged_at: Moment = UNSET


class NextOfKin(Value, frozen=True):
    names: tuple[Name, ...] | UnsetType | None = UNSET
    relationship: Coded | UnsetType | None = UNSET
    addresses: tuple[PostalAddress, ...] | UnsetType | None = UNSET
    phones: tuple[Phone, ...] | UnsetType | None = UNSET


class PatientDiagnosis(Value, frozen=True):
    diagnosis: Condition | UnsetType | None = UNSET
    description: Health = UNSET
    at: Moment = UNSET
    type: Sent = UNSET


class Allergy(Value, frozen=True):
    type: Coded | UnsetType | None = UNSET
    allergen: Condition | UnsetType | None = UNSET
    severity: Coded | UnsetType | None = UNSET
    reactions: tuple[Clinical | None, ...] | UnsetType | None = UNSET
    identified_on: Moment = UNSET


class Insurance(Value, frozen=True):
    plan: Coded | UnsetType | None = UNSET
    company_identifiers: tuple[PatientIdentifier, ...] | UnsetType | None = UNSET
    company_name: Organization | UnsetType | None = UNSET
    group_number: Number = UNSET
    policy_number: MemberId | UnsetType | None = UNSET
    insured: tuple[Name, ...] | UnsetType | None = UNSET


class Extension(Value, frozen=True):
    """A segment of the sender's own (Z...), kept in place: its fields as sent, from the first."""

    segment: Code
    fields: tuple[str, ...]


class Patient(Value, frozen=True):
    identifiers: tuple[PatientIdentifier, ...] | UnsetType | None = UNSET
    names: tuple[Name, ...] | UnsetType | None = UNSET
    birth_date: Moment = UNSET
    sex: Sent = UNSET
    addresses: tuple[PostalAddress, ...] | UnsetType | None = UNSET
    phones: tuple[Phone, ...] | UnsetType | None = UNSET
    account: PatientIdentifier | UnsetType | None = UNSET
    died_at: Moment = UNSET


class PatientEvent(Value, frozen=True, kw_only=True, tag_field="schema", tag="patient-event/1"):
    """Attributes:
    event: the trigger, "A01"; message_type: "ADT".
    occurred_at: when it happened; recorded_at: when it was recorded. ISO 8601 with the precision sent.
    merged_identifiers: those that no longer stand for a patient of their own.
    """

    provenance: Provenance
    event: Sent = UNSET
    message_type: Sent = UNSET
    sending_application: Sent = UNSET
    sending_facility: Sent = UNSET
    message_id: Number = UNSET
    sent_at: OpenMoment | UnsetType | None = UNSET
    occurred_at: Moment = UNSET
    recorded_at: Moment = UNSET
    patient: Patient | UnsetType = UNSET
    merged_identifiers: tuple[PatientIdentifier, ...] | UnsetType | None = UNSET
    visit: Visit | UnsetType = UNSET
    next_of_kin: tuple[NextOfKin, ...] = ()
    diagnoses: tuple[PatientDiagnosis, ...] = ()
    allergies: tuple[Allergy, ...] = ()
    insurance: tuple[Insurance, ...] = ()
    extensions: tuple[Extension, ...] = ()
