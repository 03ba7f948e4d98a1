"""What a payer paid for which claims, and why it was not what was billed."""

from parsers.canonical.claim import Adjustment, Procedure, Provider
from parsers.canonical.values import (
    Account,
    Address,
    ClaimNumber,
    Code,
    Contact,
    Day,
    Decimal,
    Identifier,
    Money,
    Organization,
    PersonalDate,
    PersonalPeriod,
    PersonName,
    Provenance,
    Reference,
    Value,
)


class InsuredPerson(Value, frozen=True):
    name: PersonName | None = None
    organization: Organization | None = None
    identifiers: tuple[Identifier, ...] = ()


class RemittedAmount(Value, frozen=True):
    """Told of a claim or of a line.

    `kind` is "interest", "prompt-payment-discount", "late-filing-reduction", "patient-paid", "tax"; else "x12:" and the
    code.
    """

    kind: Code | None = None
    amount: Money | None = None


class PaidLine(Value, frozen=True):
    """`submitted` is the procedure that was billed, where the payer judged another.

    A `service` that began and ended on days told apart has its end in `dates`, as "service-end".
    """

    procedure: Procedure | None = None
    submitted: Procedure | None = None
    revenue_code: Code | None = None
    charge: Money | None = None
    paid: Money | None = None
    allowed: Money | None = None
    amounts: tuple[RemittedAmount, ...] = ()
    units_paid: Decimal | None = None
    units_billed: Decimal | None = None
    service: PersonalPeriod | None = None
    dates: tuple[PersonalDate, ...] = ()
    control_number: ClaimNumber | None = None
    references: tuple[Identifier, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    remarks: tuple[Code, ...] = ()


class PaidClaim(Value, frozen=True):
    """Attributes:
    claim_id: the provider's own, as it was on the claim.
    status: "processed-primary", "processed-secondary", "processed-tertiary", "denied", "reversal" and so on.
    payer_claim_id: the payer's control number.
    """

    claim_id: ClaimNumber | None = None
    status: Code | None = None
    charge: Money | None = None
    paid: Money | None = None
    patient_responsibility: Money | None = None
    filing: Code | None = None
    payer_claim_id: ClaimNumber | None = None
    place_of_service: Code | None = None
    frequency: Code | None = None
    diagnosis_group: Code | None = None
    patient: InsuredPerson | None = None
    subscriber: InsuredPerson | None = None
    corrected: InsuredPerson | None = None
    rendering_provider: Provider | None = None
    crossover_carrier: Provider | None = None
    dates: tuple[PersonalDate, ...] = ()
    references: tuple[Identifier, ...] = ()
    adjustments: tuple[Adjustment, ...] = ()
    remarks: tuple[Code, ...] = ()
    covered: Money | None = None
    amounts: tuple[RemittedAmount, ...] = ()
    contacts: tuple[Contact, ...] = ()
    lines: tuple[PaidLine, ...] = ()


class ProviderAdjustment(Value, frozen=True):
    """What was paid or kept beside all claims; a positive amount lessens the payment (PLB)."""

    provider: Reference | None = None
    fiscal_year_end: Day | None = None
    reason: Code | None = None
    reference: ClaimNumber | None = None
    amount: Money | None = None


class Payee(Value, frozen=True):
    name: Organization | None = None
    identifiers: tuple[Identifier, ...] = ()
    address: Address | None = None


class RemittingPayer(Value, frozen=True):
    name: Organization | None = None
    identifiers: tuple[Identifier, ...] = ()
    address: Address | None = None
    contacts: tuple[Contact, ...] = ()


class Remittance(Value, frozen=True, kw_only=True, tag_field="schema", tag="remittance/1"):
    """One payment, and what it is for.

    Attributes:
        handling: "payment-with-remittance", "notification-only" and so on, else the standard's code.
        method: "ach", "check", "wire", "none", "book", else the standard's code.
        currency: of `amount`, where the file names it behind that.
        trace: the number by which the payment is found again at the bank.
    """

    provenance: Provenance
    handling: Code | None = None
    amount: Money | None = None
    currency: Code | None = None
    credit_debit: Code | None = None
    method: Code | None = None
    payment_format: Code | None = None
    paid_on: Day | None = None
    trace: Reference | None = None
    payer_id: Reference | None = None
    produced_on: Day | None = None
    receiver_account: Account | None = None
    references: tuple[Identifier, ...] = ()
    payer: RemittingPayer | None = None
    payee: Payee | None = None
    claims: tuple[PaidClaim, ...] = ()
    provider_adjustments: tuple[ProviderAdjustment, ...] = ()
