"""Whether somebody is insured, and for what: the question of a provider and the payer's answer."""

from parsers.canonical.claim import Payer, Person, Procedure, Provider
from parsers.canonical.values import (
    Address,
    ClaimNumber,
    ClinicalCode,
    Code,
    Contact,
    Decimal,
    Identifier,
    Moment,
    Money,
    Organization,
    PersonalDate,
    PersonName,
    Provenance,
    Quantity,
    Reference,
    Value,
)


class Trace(Value, frozen=True):
    """A number by which an answer finds its question.

    Attributes:
        kind: "current" for the sender's own, "referenced" for that of who asked.
        originator: whose number it is.
    """

    kind: Code | None = None
    number: ClaimNumber | None = None
    originator: Reference | None = None


class Rejection(Value, frozen=True):
    """Why there is no answer. `valid` says whether the question as such was good; `reason`, `follow_up` as sent."""

    valid: bool | None = None
    reason: Code | None = None
    follow_up: Code | None = None


class Inquiry(Value, frozen=True):
    """What is asked for. `service_types` and `coverage_level` are the standard's codes."""

    service_types: tuple[ClinicalCode, ...] = ()
    procedure: Procedure | None = None
    coverage_level: Code | None = None
    references: tuple[Identifier, ...] = ()
    dates: tuple[PersonalDate, ...] = ()


class ServiceDelivery(Value, frozen=True):
    """How services are spread: twelve visits, three a week, for one month.

    Attributes:
        quantity: of all of them.
        frequency: as sent: X12 has 3 with the unit "WK".
        period: "month", "calendar-year" and so on, else the standard's code; periods: how many of these.
    """

    quantity: Quantity | None = None
    frequency: Quantity | None = None
    period: Code | None = None
    periods: Decimal | None = None


class BenefitParty(Value, frozen=True):
    """Somebody whom a benefit names. `role` in words ("primary-care-provider"), else the standard's code."""

    role: Code | None = None
    name: Organization | None = None
    person: PersonName | None = None
    identifiers: tuple[Identifier, ...] = ()
    address: Address | None = None
    contacts: tuple[Contact, ...] = ()


class Benefit(Value, frozen=True):
    """One piece of what somebody is insured for, or has to pay.

    Attributes:
        kind: "active-coverage", "co-payment", "deductible" and so on, else the standard's code.
        service_types: what for; coverage_level: for whom; insurance_type: all in the standard's codes.
        period: what the amount, percent or quantity is for: "calendar-year", "visit", "remaining".
        percent: as sent: X12 has 0.2 for 20 percent.
        authorization, in_network: "Y", "N", "U", "W", as sent.
    """

    kind: Code | None = None
    coverage_level: Code | None = None
    service_types: tuple[ClinicalCode, ...] = ()
    insurance_type: Code | None = None
    plan: Organization | None = None
    period: Code | None = None
    amount: Money | None = None
    percent: Decimal | None = None
    quantity: Quantity | None = None
    deliveries: tuple[ServiceDelivery, ...] = ()
    authorization: Code | None = None
    in_network: Code | None = None
    procedure: Procedure | None = None
    references: tuple[Identifier, ...] = ()
    dates: tuple[PersonalDate, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    notes: tuple[str, ...] = ()
    parties: tuple[BenefitParty, ...] = ()


class Insured(Value, frozen=True):
    """A subscriber or dependent, what is asked about them or what is answered."""

    person: Person | None = None
    traces: tuple[Trace, ...] = ()
    provider: Provider | None = None
    dates: tuple[PersonalDate, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    inquiries: tuple[Inquiry, ...] = ()
    benefits: tuple[Benefit, ...] = ()


class Eligibility(Value, frozen=True, kw_only=True, tag_field="schema", tag="eligibility/1"):
    """One subscriber, with the dependents who are asked about.

    Attributes:
        kind: "inquiry" or "response".
        provider: who asks.
        rejections: of the question as a whole; others stand with whom they are about.
    """

    provenance: Provenance
    kind: Code | None = None
    purpose: Code | None = None
    reference: Reference | None = None
    created_at: Moment | None = None
    payer: Payer | None = None
    provider: Provider | None = None
    rejections: tuple[Rejection, ...] = ()
    subscriber: Insured | None = None
    dependents: tuple[Insured, ...] = ()
