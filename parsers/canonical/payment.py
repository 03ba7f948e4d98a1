"""Money is to move, moves, or came back: one instruction, entry or message about it."""

from parsers.canonical.values import (
    Account,
    Address,
    Code,
    Day,
    Decimal,
    Identifier,
    Moment,
    Money,
    Provenance,
    Reference,
    Value,
)


class PaymentParty(Value, frozen=True):
    """Somebody who pays or is paid. A name of one may be a person's: it is plain text."""

    name: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    address: Address | None = None
    lines: tuple[str, ...] = ()


class Agent(Value, frozen=True):
    """A bank. `identifiers` of schemes "bic", "aba", "clearing-code", "lei", "account" (its own with another bank).

    `role` of one among several: "intermediary", "sender-correspondent", "receiver-correspondent", "reimbursement",
    "previous-instructing-agent", "instructing-agent", "instructed-agent", "assigner", "assignee";
    of the payment that a cover is for "ultimate-debtor-agent", "ultimate-creditor-agent".
    """

    role: Code | None = None
    name: Reference | None = None
    identifiers: tuple[Identifier, ...] = ()
    address: Address | None = None


class BankAccount(Value, frozen=True):
    """`scheme` is "iban" or "other"; `kind` the standard's code ("checking", "savings", "CACC").

    A name of one may be a person's: it is plain text.
    """

    name: str | None = None
    number: Account | None = None
    scheme: Code | None = None
    kind: Code | None = None
    currency: Code | None = None


class PaymentAdjustment(Value, frozen=True):
    """Why something else is paid than was billed: `reason` is a code; a negative amount lessens the payment."""

    amount: Money | None = None
    reason: Code | None = None
    date: Day | None = None
    references: tuple[Identifier, ...] = ()


class Remitted(Value, frozen=True):
    """A document that is paid, or a part of one; `credited` is what of it is a credit note's."""

    kind: Code | None = None
    number: Reference | None = None
    date: Day | None = None
    paid: Money | None = None
    billed: Money | None = None
    discount: Money | None = None
    credited: Money | None = None
    adjustments: tuple[PaymentAdjustment, ...] = ()
    references: tuple[Identifier, ...] = ()


class PaymentCharge(Value, frozen=True):
    """`agent` takes it."""

    bearer: Code | None = None
    amount: Money | None = None
    agent: Agent | None = None


class OriginalPayment(Value, frozen=True):
    """What a return, a status or a recall says of the payment that it is about."""

    amount: Money | None = None
    instructed: Money | None = None
    execution_date: Day | None = None
    settlement_date: Day | None = None
    debtor: PaymentParty | None = None
    debtor_account: BankAccount | None = None
    debtor_agent: Agent | None = None
    ultimate_debtor: PaymentParty | None = None
    creditor: PaymentParty | None = None
    creditor_account: BankAccount | None = None
    creditor_agent: Agent | None = None
    ultimate_creditor: PaymentParty | None = None
    remittance: tuple[str, ...] = ()
    documents: tuple[Remitted, ...] = ()
    references: tuple[Identifier, ...] = ()


class Payment(Value, frozen=True, kw_only=True, tag_field="schema", tag="payment/1"):
    """Attributes:
    kind: "credit-transfer", "direct-debit", "return", "status", "notice-of-change", "request", "recall",
        "recall-answer", "advice".
    direction: "credit" or "debit" of the account that `creditor` or `debtor` names, where the message says it.
    status: of a status report or return, in the standard's code; `reasons` likewise.
    currency: of `amount`, where the message names it behind that.
    transfer_currency: in which to pay, where that is not the amount's.
    adjustments: of the payment as a whole; those of a document stand there.
    method: "transfer", "cheque", "direct-debit", "transfer-advice".
    sequence: of direct debits under one mandate: "first", "recurring", "final", "one-off".
    original: of a return, status or recall, the payment that it is about; `original_…` is what identifies that.
    """

    provenance: Provenance
    kind: Code | None = None
    direction: Code | None = None
    message_id: Reference | None = None
    batch_id: Reference | None = None
    instruction_id: Reference | None = None
    end_to_end_id: Reference | None = None
    transaction_id: Reference | None = None
    uetr: Reference | None = None
    trace: Reference | None = None
    original_message_id: Reference | None = None
    original_message_type: Code | None = None
    original_batch_id: Reference | None = None
    original_instruction_id: Reference | None = None
    original_end_to_end_id: Reference | None = None
    original_transaction_id: Reference | None = None
    original: OriginalPayment | None = None
    created_at: Moment | None = None
    accepted_at: Moment | None = None
    execution_date: Day | None = None
    settlement_date: Day | None = None
    amount: Money | None = None
    currency: Code | None = None
    instructed: Money | None = None
    transfer_currency: Code | None = None
    exchange_rate: Decimal | None = None
    charge_bearer: Code | None = None
    charges: tuple[PaymentCharge, ...] = ()
    initiating_party: PaymentParty | None = None
    debtor: PaymentParty | None = None
    debtor_account: BankAccount | None = None
    debtor_agent: Agent | None = None
    ultimate_debtor: PaymentParty | None = None
    creditor: PaymentParty | None = None
    creditor_account: BankAccount | None = None
    creditor_agent: Agent | None = None
    ultimate_creditor: PaymentParty | None = None
    intermediaries: tuple[Agent, ...] = ()
    method: Code | None = None
    settlement_method: Code | None = None
    clearing_system: Code | None = None
    service: Code | None = None
    local_instrument: Code | None = None
    sequence: Code | None = None
    priority: Code | None = None
    category_purpose: Code | None = None
    purpose: Code | None = None
    description: str | None = None
    remittance: tuple[str, ...] = ()
    documents: tuple[Remitted, ...] = ()
    adjustments: tuple[PaymentAdjustment, ...] = ()
    instructions: tuple[str, ...] = ()
    status: Code | None = None
    reasons: tuple[Code, ...] = ()
    reason_text: tuple[str, ...] = ()
    corrected: Account | None = None
    references: tuple[Identifier, ...] = ()
