"""Where a claim is: the question, and what the payer or a clearinghouse says of it."""

from parsers.canonical.claim import Attachment, Payer, Person, Procedure, Provider
from parsers.canonical.values import (
    ClaimNumber,
    Code,
    Day,
    Decimal,
    Identifier,
    Moment,
    Money,
    PersonalDate,
    PersonalPeriod,
    Provenance,
    Reference,
    Value,
)


class StatusCode(Value, frozen=True):
    """`category`, `status` and `entity` (who it is about) in the standard's codes.

    `system` of a `status` that is not: "LN", "NCPDP".
    """

    category: Code | None = None
    status: Code | None = None
    entity: Code | None = None
    system: Code | None = None


class StatusInformation(Value, frozen=True):
    """What is said at once; up to three codes together make the meaning.

    Attributes:
        action: "accepted", "rejected" and so on, else the standard's code.
        text: in free words.
    """

    codes: tuple[StatusCode, ...] = ()
    effective: Day | None = None
    action: Code | None = None
    charge: Money | None = None
    paid: Money | None = None
    finalized: Day | None = None
    method: Code | None = None
    paid_on: Day | None = None
    trace: Reference | None = None
    text: str | None = None


class StatusLine(Value, frozen=True):
    """A service line of the claim, as far as it is asked or told of."""

    procedure: Procedure | None = None
    revenue_code: Code | None = None
    charge: Money | None = None
    paid: Money | None = None
    units: Decimal | None = None
    service: PersonalPeriod | None = None
    control_number: ClaimNumber | None = None
    references: tuple[Identifier, ...] = ()
    dates: tuple[PersonalDate, ...] = ()
    statuses: tuple[StatusInformation, ...] = ()


class ClaimStatus(Value, frozen=True, kw_only=True, tag_field="schema", tag="claim-status/1"):
    """One claim, or all claims of one provider or receiver.

    Attributes:
        kind: "request", "response", "acknowledgment" of claims that came, "information-request".
        level: what it is about: "claim", "provider", "receiver" of the information.
        trace: the number that the question or the claim was sent with.
        transmission: the sender's number of the whole message in which the claims came.
        patient: absent when the patient is the subscriber.
        accepted, rejected: how many claims were, and what they come to.
    """

    provenance: Provenance
    kind: Code | None = None
    level: Code | None = None
    reference: Reference | None = None
    created_at: Moment | None = None
    payer: Payer | None = None
    receiver: Provider | None = None
    provider: Provider | None = None
    subscriber: Person | None = None
    patient: Person | None = None
    transmission: Reference | None = None
    trace: ClaimNumber | None = None
    statuses: tuple[StatusInformation, ...] = ()
    payer_claim_id: ClaimNumber | None = None
    charge: Money | None = None
    service: PersonalPeriod | None = None
    dates: tuple[PersonalDate, ...] = ()
    references: tuple[Identifier, ...] = ()
    attachments: tuple[Attachment, ...] = ()
    accepted: Decimal | None = None
    rejected: Decimal | None = None
    accepted_amount: Money | None = None
    rejected_amount: Money | None = None
    lines: tuple[StatusLine, ...] = ()
