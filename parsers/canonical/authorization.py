"""May this be done, and will it be paid: a provider asks before a service, and the payer's reviewer decides."""

from parsers.canonical.claim import Attachment, Diagnosis, Payer, Person, Procedure, Tooth
from parsers.canonical.eligibility import BenefitParty, Rejection, Trace
from parsers.canonical.values import (
    ClaimNumber,
    ClinicalCode,
    Code,
    Decimal,
    Identifier,
    Moment,
    Money,
    PersonalDate,
    PersonalPeriod,
    Provenance,
    Quantity,
    Reference,
    Value,
)


class Reviewed(Value, frozen=True, kw_only=True):
    """What is asked about an event or a service, and what is decided of it.

    Attributes:
        category: "admission", "health-services", "specialty-care", "individual", else the standard's code.
        certification: "initial", "extension", "renewal", "cancel" and so on, else the standard's code.
        service_type, place_of_service, urgency: in the standard's codes.
        decision: "certified", "certified-partially", "modified", "not-certified", "pended", else the standard's code.
        number: of the authorization. reasons: of a decision, in the standard's codes.
        visits: how much of it: so many visits, days, units.
        frequency, period, periods: how visits are spread, as `ServiceDelivery` has it.
    """

    traces: tuple[Trace, ...] = ()
    rejections: tuple[Rejection, ...] = ()
    category: Code | None = None
    certification: Code | None = None
    service_type: ClinicalCode | None = None
    place_of_service: Code | None = None
    urgency: Code | None = None
    decision: Code | None = None
    number: ClaimNumber | None = None
    reasons: tuple[Code, ...] = ()
    second_opinion: Code | None = None
    service: PersonalPeriod | None = None
    dates: tuple[PersonalDate, ...] = ()
    references: tuple[Identifier, ...] = ()
    visits: Quantity | None = None
    frequency: Quantity | None = None
    period: Code | None = None
    periods: Decimal | None = None
    notes: tuple[str, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    providers: tuple[BenefitParty, ...] = ()


class ReviewedService(Reviewed, frozen=True, kw_only=True):
    """One service of the event; `oral_cavity` and `teeth` as of a line of a claim."""

    procedure: Procedure | None = None
    revenue_code: Code | None = None
    charge: Money | None = None
    units: Quantity | None = None
    oral_cavity: tuple[ClinicalCode, ...] = ()
    teeth: tuple[Tooth, ...] = ()


class Authorization(Reviewed, frozen=True, kw_only=True, tag_field="schema", tag="authorization/1"):
    """One event of a patient (an admission, a referral, a course of treatment), with its services.

    Attributes:
        kind: "request", "response", "cancellation".
        purpose: of a response "final" or "more-to-follow", else the standard's code.
        reviewer: who decides. requester: who asks.
        patient: absent when the patient is the subscriber.
    """

    provenance: Provenance
    kind: Code | None = None
    purpose: Code | None = None
    reference: Reference | None = None
    created_at: Moment | None = None
    reviewer: Payer | None = None
    requester: BenefitParty | None = None
    subscriber: Person | None = None
    patient: Person | None = None
    diagnoses: tuple[Diagnosis, ...] = ()
    admission_type: Code | None = None
    admission_source: Code | None = None
    patient_status: Code | None = None
    services: tuple[ReviewedService, ...] = ()
