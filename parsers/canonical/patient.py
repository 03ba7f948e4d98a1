"""What is said of patients, their visits, and those around them, in events and in reports alike.

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
    Email,
    MemberId,
    NamePart,
    Organization,
    PersonalMoment,
    Place,
    Reference,
    Value,
)
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
    """`number` as written; `use` and `kind` are the standard's codes ("PRN" primary residence, "CP" cell phone)."""

    number: PhoneNumber | UnsetType | None = UNSET
    use: Sent = UNSET
    kind: Sent = UNSET
    email: Email | UnsetType | None = UNSET


class Coded(Value, frozen=True):
    """A code with its text and the system that it is of; `alternate_...` the same of another system."""

    code: Sent = UNSET
    text: Sent = UNSET
    system: Sent = UNSET
    alternate_code: Sent = UNSET
    alternate_text: Sent = UNSET
    alternate_system: Sent = UNSET


class Condition(Value, frozen=True):
    """Of a person's health, or of what else is nobody's business, coded."""

    code: Health = UNSET
    text: Health = UNSET
    system: Sent = UNSET
    alternate_code: Health = UNSET
    alternate_text: Health = UNSET
    alternate_system: Sent = UNSET


class Practitioner(Value, frozen=True):
    """`assigner` is who gave the identifier out, `identifier_type` the standard's code ("NPI", "DN")."""

    identifier: Number = UNSET
    name: Name | UnsetType | None = UNSET
    assigner: Sent = UNSET
    identifier_type: Sent = UNSET


class Facility(Value, frozen=True):
    name: Organization | UnsetType | None = UNSET
    identifier: Number = UNSET


class Location(Value, frozen=True):
    point_of_care: Sent = UNSET
    room: Sent = UNSET
    bed: Sent = UNSET
    facility: Sent = UNSET
    building: Sent = UNSET
    floor: Sent = UNSET


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
    alternate_number: ClaimNumber | UnsetType | None = UNSET
    preadmit_number: ClaimNumber | UnsetType | None = UNSET
    admission_type: Sent = UNSET
    patient_type: Sent = UNSET
    temporary_location: Location | UnsetType | None = UNSET
    pending_location: Location | UnsetType | None = UNSET
    consulting: tuple[Practitioner, ...] | UnsetType | None = UNSET
    admitting: tuple[Practitioner, ...] | UnsetType | None = UNSET
    other_providers: tuple[Practitioner, ...] | UnsetType | None = UNSET
    readmission: Sent = UNSET
    vip: Sent = UNSET
    financial_classes: tuple[Code | None, ...] | UnsetType | None = UNSET
    discharged_to: Sent = UNSET
    servicing_facility: Sent = UNSET
    account_status: Sent = UNSET
    admit_reason: Condition | UnsetType | None = UNSET
    transfer_reason: Condition | UnsetType | None = UNSET
    expected_admit_at: Moment = UNSET
    expected_discharge_at: Moment = UNSET
    description: Health = UNSET
    priority: Sent = UNSET


class NextOfKin(Value, frozen=True):
    names: tuple[Name, ...] | UnsetType | None = UNSET
    relationship: Coded | UnsetType | None = UNSET
    addresses: tuple[PostalAddress, ...] | UnsetType | None = UNSET
    phones: tuple[Phone, ...] | UnsetType | None = UNSET
    role: Coded | UnsetType | None = UNSET
    organization: Organization | UnsetType | None = UNSET


class Guarantor(Value, frozen=True):
    """Who pays. `relationship` is to the patient."""

    identifiers: tuple[PatientIdentifier, ...] | UnsetType | None = UNSET
    names: tuple[Name, ...] | UnsetType | None = UNSET
    organization: Organization | UnsetType | None = UNSET
    addresses: tuple[PostalAddress, ...] | UnsetType | None = UNSET
    phones: tuple[Phone, ...] | UnsetType | None = UNSET
    birth_date: Moment = UNSET
    sex: Sent = UNSET
    type: Sent = UNSET
    relationship: Coded | UnsetType | None = UNSET
    employer: Organization | UnsetType | None = UNSET


class PatientDiagnosis(Value, frozen=True):
    """`priority` is 1 for the first of them; `action` is "A" added, "D" deleted, "U" updated."""

    diagnosis: Condition | UnsetType | None = UNSET
    description: Health = UNSET
    at: Moment = UNSET
    type: Sent = UNSET
    priority: Sent = UNSET
    clinicians: tuple[Practitioner, ...] | UnsetType | None = UNSET
    id: Number = UNSET
    action: Sent = UNSET


class PatientProcedure(Value, frozen=True):
    procedure: Condition | UnsetType | None = UNSET
    description: Health = UNSET
    at: Moment = UNSET
    type: Sent = UNSET
    priority: Sent = UNSET
    anesthesiologists: tuple[Practitioner, ...] | UnsetType | None = UNSET
    surgeons: tuple[Practitioner, ...] | UnsetType | None = UNSET
    practitioners: tuple[Practitioner, ...] | UnsetType | None = UNSET
    diagnosis: Condition | UnsetType | None = UNSET
    id: Number = UNSET
    action: Sent = UNSET


class Role(Value, frozen=True):
    """Somebody who takes part: "PP" primary care provider, "AD" admitting."""

    role: Coded | UnsetType | None = UNSET
    people: tuple[Practitioner, ...] | UnsetType | None = UNSET
    organization: Organization | UnsetType | None = UNSET
    begins_at: Moment = UNSET
    ends_at: Moment = UNSET
    action: Sent = UNSET


class Allergy(Value, frozen=True):
    type: Coded | UnsetType | None = UNSET
    allergen: Condition | UnsetType | None = UNSET
    severity: Coded | UnsetType | None = UNSET
    reactions: tuple[Clinical | None, ...] | UnsetType | None = UNSET
    identified_on: Moment = UNSET
    onset_on: Moment = UNSET
    reported_at: Moment = UNSET
    status: Coded | UnsetType | None = UNSET
    id: Number = UNSET
    action: Sent = UNSET


class Insurance(Value, frozen=True):
    """`insured_relationship` is that of the insured to the patient; `priority` says which insurance pays first."""

    plan: Coded | UnsetType | None = UNSET
    company_identifiers: tuple[PatientIdentifier, ...] | UnsetType | None = UNSET
    company_name: Organization | UnsetType | None = UNSET
    group_number: Number = UNSET
    policy_number: MemberId | UnsetType | None = UNSET
    insured: tuple[Name, ...] | UnsetType | None = UNSET
    company_addresses: tuple[PostalAddress, ...] | UnsetType | None = UNSET
    company_phones: tuple[Phone, ...] | UnsetType | None = UNSET
    group_name: Organization | UnsetType | None = UNSET
    effective_on: Moment = UNSET
    expires_on: Moment = UNSET
    plan_type: Sent = UNSET
    priority: Sent = UNSET
    insured_relationship: Coded | UnsetType | None = UNSET
    insured_birth_date: Moment = UNSET
    insured_sex: Sent = UNSET
    insured_addresses: tuple[PostalAddress, ...] | UnsetType | None = UNSET
    insured_identifiers: tuple[PatientIdentifier, ...] | UnsetType | None = UNSET
    member_number: MemberId | UnsetType | None = UNSET
    medicare_number: MemberId | UnsetType | None = UNSET
    medicaid_number: MemberId | UnsetType | None = UNSET


class Extension(Value, frozen=True):
    """A segment of the sender's own (Z...), kept in place: its fields as sent, from the first."""

    segment: Code
    fields: tuple[str, ...]


class Patient(Value, frozen=True):
    """`deceased`, `multiple_birth` and `protection` (of what is known of them) are the standard's "Y" and "N"."""

    identifiers: tuple[PatientIdentifier, ...] | UnsetType | None = UNSET
    names: tuple[Name, ...] | UnsetType | None = UNSET
    birth_date: Moment = UNSET
    sex: Sent = UNSET
    addresses: tuple[PostalAddress, ...] | UnsetType | None = UNSET
    phones: tuple[Phone, ...] | UnsetType | None = UNSET
    account: PatientIdentifier | UnsetType | None = UNSET
    died_at: Moment = UNSET
    deceased: Sent = UNSET
    mothers_maiden_names: tuple[Name, ...] | UnsetType | None = UNSET
    mothers_identifiers: tuple[PatientIdentifier, ...] | UnsetType | None = UNSET
    races: tuple[Condition, ...] | UnsetType | None = UNSET
    ethnic_groups: tuple[Condition, ...] | UnsetType | None = UNSET
    religion: Condition | UnsetType | None = UNSET
    language: Coded | UnsetType | None = UNSET
    marital_status: Condition | UnsetType | None = UNSET
    citizenships: tuple[Coded, ...] | UnsetType | None = UNSET
    nationality: Coded | UnsetType | None = UNSET
    birth_place: _Address = UNSET
    multiple_birth: Sent = UNSET
    birth_order: Sent = UNSET
    updated_at: Moment = UNSET
    primary_facilities: tuple[Facility, ...] | UnsetType | None = UNSET
    primary_care: tuple[Practitioner, ...] | UnsetType | None = UNSET
    protection: Sent = UNSET
    publicity: Coded | UnsetType | None = UNSET
    registry_status: Sent = UNSET
    notes: tuple[str, ...] = ()
