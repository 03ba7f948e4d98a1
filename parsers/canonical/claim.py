"""A health care claim: what was done to whom, by whom, for how much, and who is asked to pay."""

from typing import Literal

from parsers.canonical.values import (
    Address,
    ClaimNumber,
    ClinicalCode,
    Code,
    Contact,
    Day,
    Decimal,
    Identifier,
    Money,
    Note,
    Organization,
    PersonalDate,
    PersonalDay,
    PersonalPeriod,
    PersonalTime,
    PersonName,
    Place,
    Provenance,
    Quantity,
    Reference,
    Value,
)


class Diagnosis(Value, frozen=True):
    """Attributes:
    system: "ICD-10-CM" or "ICD-9-CM".
    qualifier: "principal", "other", "admitting", "reason-for-visit" or "external-cause".
    present_on_admission: "Y", "N", "U" or "W", as sent.
    """

    system: Code
    code: ClinicalCode
    qualifier: Code
    present_on_admission: Code | None = None


class ClaimCode(Value, frozen=True):
    """A code of a claim: its causes, occurrences, values and conditions.

    `kind` is "related-cause", "occurrence", "occurrence-span", "value", "condition", "diagnosis-group", "treatment" or
    "anesthesia".
    """

    kind: Code
    code: ClinicalCode
    amount: Decimal | None = None
    period: PersonalPeriod | None = None


class Procedure(Value, frozen=True):
    """`system` is "HCPCS" (which holds CPT), "ICD-10-PCS", "CDT", "NDC", "revenue"; else "x12:" and the qualifier."""

    system: Code
    code: ClinicalCode
    modifiers: tuple[Code, ...] = ()
    description: str | None = None


class ProcedurePerformed(Value, frozen=True):
    """A procedure of the whole claim; `qualifier` is "principal" or "other"."""

    system: Code
    code: ClinicalCode
    qualifier: Code
    performed: PersonalPeriod | None = None


class Provider(Value, frozen=True):
    """`name` for an organisation, `person` for a person."""

    name: Organization | None = None
    person: PersonName | None = None
    identifiers: tuple[Identifier, ...] = ()
    address: Address | None = None
    contacts: tuple[Contact, ...] = ()


class Person(Value, frozen=True):
    """A subscriber or patient.

    Attributes:
        organization: its name, where the subscriber is none (a workers' compensation employer).
        relationship: of the patient to the subscriber, in the standard's code.
        gender: "F", "M" or "U", as sent.
    """

    name: PersonName | None = None
    organization: Organization | None = None
    identifiers: tuple[Identifier, ...] = ()
    relationship: Code | None = None
    birth_date: PersonalDay | None = None
    death_date: PersonalDay | None = None
    gender: Code | None = None
    address: Address | None = None
    contacts: tuple[Contact, ...] = ()


class Payer(Value, frozen=True):
    """`responsibility` is "P" primary, "S" secondary, "T" tertiary; `group` and `filing` (insurance type) as sent."""

    name: Organization | None = None
    identifiers: tuple[Identifier, ...] = ()
    responsibility: Code | None = None
    group: Reference | None = None
    group_name: Organization | None = None
    filing: Code | None = None
    address: Address | None = None
    contacts: tuple[Contact, ...] = ()


class Adjustment(Value, frozen=True):
    """Why a payer paid something else than was billed.

    Attributes:
        group: "CO" contract, "PR" the patient's part, "OA" other, "PI" the payer's, as sent.
        reason: the claim adjustment reason code.
    """

    group: Code
    reason: Code
    amount: Money | None = None
    quantity: Decimal | None = None


class LineAdjudication(Value, frozen=True):
    """What another payer said of a line."""

    payer: Reference | None = None
    paid: Money | None = None
    procedure: Procedure | None = None
    paid_units: Decimal | None = None
    adjustments: tuple[Adjustment, ...] = ()
    dates: tuple[PersonalDate, ...] = ()


class OtherCoverage(Value, frozen=True):
    """Another payer of the same claim, and what it said (coordination of benefits)."""

    responsibility: Code | None = None
    relationship: Code | None = None
    group: Reference | None = None
    filing: Code | None = None
    adjustments: tuple[Adjustment, ...] = ()
    paid: Money | None = None
    not_covered: Money | None = None
    remaining_patient_liability: Money | None = None
    remarks: tuple[Code, ...] = ()
    dates: tuple[PersonalDate, ...] = ()
    subscriber: Person | None = None
    payer: Payer | None = None


class Attachment(Value, frozen=True):
    """A report that supports the claim and comes another way: its kind, its way and its number, as sent."""

    report: Code
    transmission: Code | None = None
    control_number: ClaimNumber | None = None


class Tooth(Value, frozen=True):
    """`code` counts teeth as the standard does; `surfaces` are its letters: "M", "O", "D"."""

    code: ClinicalCode | None = None
    surfaces: tuple[ClinicalCode, ...] = ()


class ClaimLine(Value, frozen=True):
    """Attributes:
    diagnosis_pointers: count the claim's diagnoses from 1.
    control_number: the sender's own.
    oral_cavity: areas of the mouth, in the standard's codes.
    """

    number: Reference | None = None
    procedure: Procedure | None = None
    revenue_code: Code | None = None
    charge: Money | None = None
    not_covered: Money | None = None
    units: Quantity | None = None
    place_of_service: Code | None = None
    diagnosis_pointers: tuple[int, ...] = ()
    oral_cavity: tuple[ClinicalCode, ...] = ()
    teeth: tuple[Tooth, ...] = ()
    service: PersonalPeriod | None = None
    dates: tuple[PersonalDate, ...] = ()
    control_number: ClaimNumber | None = None
    references: tuple[Identifier, ...] = ()
    drug: Procedure | None = None
    drug_quantity: Quantity | None = None
    rendering_provider: Provider | None = None
    ordering_provider: Provider | None = None
    adjudications: tuple[LineAdjudication, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    notes: tuple[Note, ...] = ()


class Claim(Value, frozen=True, kw_only=True, tag_field="schema", tag="claim/1"):
    """Attributes:
    type: "P" professional, "I" institutional, "D" dental.
    frequency: "1" original, "7" replacement, "8" void.
    use: "claim" to be paid, "encounter" to be known of, "subrogation".
    patient: absent when the patient is the subscriber.
    facility_type: of an institutional claim, the first two digits of the type of bill.
    """

    provenance: Provenance
    claim_id: ClaimNumber | None = None
    type: Literal["P", "I", "D"]
    frequency: Code | None = None
    use: Code | None = None
    total_charge: Money | None = None
    patient_paid: Money | None = None
    place_of_service: Code | None = None
    facility_type: Code | None = None
    assignment: Code | None = None
    submitted_on: Day | None = None
    batch: Reference | None = None
    dates: tuple[PersonalDate, ...] = ()
    references: tuple[Identifier, ...] = ()
    submitter: Organization | None = None
    receiver: Organization | None = None
    billing_provider: Provider | None = None
    pay_to_provider: Provider | None = None
    rendering_provider: Provider | None = None
    referring_provider: Provider | None = None
    attending_provider: Provider | None = None
    operating_provider: Provider | None = None
    supervising_provider: Provider | None = None
    service_facility: Provider | None = None
    subscriber: Person | None = None
    patient: Person | None = None
    payer: Payer | None = None
    admission_type: Code | None = None
    admission_source: Code | None = None
    patient_status: Code | None = None
    discharge_time: PersonalTime | None = None
    accident_state: Place | None = None
    diagnoses: tuple[Diagnosis, ...] = ()
    procedures: tuple[ProcedurePerformed, ...] = ()
    codes: tuple[ClaimCode, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    notes: tuple[Note, ...] = ()
    other_coverages: tuple[OtherCoverage, ...] = ()
    lines: tuple[ClaimLine, ...] = ()
