"""A health care claim: what was done to whom, by whom, for how much, and who is asked to pay."""

from typing import Literal

from parsers.canonical.values import Address, Identifier, Money, PersonName, Provenance, Quantity, Value


class Diagnosis(Value, frozen=True):
    """`system` is "ICD-10-CM" or "ICD-9-CM"; `qualifier` is "principal" or "other"."""

    system: str
    code: str
    qualifier: str


class Period(Value, frozen=True):
    """A day, or a range when `end` is there. ISO 8601."""

    start: str
    end: str | None = None


class ClaimDate(Value, frozen=True):
    """`kind` in words ("onset", "accident", "admission"), else "x12:" and the qualifier sent."""

    kind: str
    period: Period


class Provider(Value, frozen=True):
    """`name` for an organisation, `person` for a person."""

    name: str | None = None
    person: PersonName | None = None
    identifiers: tuple[Identifier, ...] = ()
    address: Address | None = None


class Person(Value, frozen=True):
    """A subscriber or patient.

    Attributes:
        organization: its name, where the subscriber is none (a workers' compensation employer).
        relationship: of the patient to the subscriber, in the standard's code.
        gender: "F", "M" or "U", as sent.
    """

    name: PersonName | None = None
    organization: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    relationship: str | None = None
    birth_date: str | None = None
    gender: str | None = None
    address: Address | None = None


class Payer(Value, frozen=True):
    """`responsibility` is "P" primary, "S" secondary, "T" tertiary; `group` and `filing` (insurance type) as sent."""

    name: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    responsibility: str | None = None
    group: str | None = None
    filing: str | None = None


class Procedure(Value, frozen=True):
    """`system` is "HCPCS" (which holds CPT), else "x12:" and the qualifier."""

    system: str
    code: str
    modifiers: tuple[str, ...] = ()
    description: str | None = None


class ClaimLine(Value, frozen=True):
    """`diagnosis_pointers` count the claim's diagnoses from 1; `control_number` is the sender's own."""

    number: str | None = None
    procedure: Procedure | None = None
    charge: Money | None = None
    units: Quantity | None = None
    place_of_service: str | None = None
    diagnosis_pointers: tuple[int, ...] = ()
    service: Period | None = None
    control_number: str | None = None
    rendering_provider: Provider | None = None


class Claim(Value, frozen=True, kw_only=True, tag_field="schema", tag="claim/1"):
    """Attributes:
    type: "P", professional.
    frequency: "1" original, "7" replacement, "8" void.
    patient: absent when the patient is the subscriber.
    """

    provenance: Provenance
    claim_id: str | None = None
    type: Literal["P"]
    frequency: str | None = None
    total_charge: Money | None = None
    place_of_service: str | None = None
    dates: tuple[ClaimDate, ...] = ()
    references: tuple[Identifier, ...] = ()
    billing_provider: Provider | None = None
    rendering_provider: Provider | None = None
    referring_provider: Provider | None = None
    service_facility: Provider | None = None
    subscriber: Person | None = None
    patient: Person | None = None
    payer: Payer | None = None
    diagnoses: tuple[Diagnosis, ...] = ()
    lines: tuple[ClaimLine, ...] = ()
