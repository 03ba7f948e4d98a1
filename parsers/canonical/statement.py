"""What stands in an account: its balances, and what was booked between them."""

from parsers.canonical.payment import Agent, BankAccount, PaymentCharge, PaymentParty, Remitted
from parsers.canonical.values import Code, Decimal, Identifier, Moment, Money, Period, Provenance, Reference, Value


class Availability(Value, frozen=True):
    """A part of an amount, or all of it, and in how many days it can be used."""

    days: Decimal | None = None
    amount: Money | None = None


class Balance(Value, frozen=True):
    """Attributes:
    kind: "opening", "closing", "available", "forward-available", "interim", else the standard's code; of a page that is
        not the first or last, "interim-opening" and "interim-closing"; before entries of the day "opening-available".
    amount: negative for a debit balance.
    """

    kind: Code | None = None
    amount: Money | None = None
    date: Moment | None = None
    availability: tuple[Availability, ...] = ()


class EntryDetail(Value, frozen=True):
    """One transaction of an entry.

    Attributes:
        amount: negative for a debit.
        instructed: what was to be moved, before charges and exchange.
        counterparty: of debtor and creditor the one that the account's owner is not.
        code, text: as of an entry. reasons: of a return, in the standard's code.
    """

    references: tuple[Identifier, ...] = ()
    amount: Money | None = None
    instructed: Money | None = None
    exchange_rate: Decimal | None = None
    charges: tuple[PaymentCharge, ...] = ()
    accepted_at: Moment | None = None
    settlement_date: Moment | None = None
    code: Code | None = None
    local_instrument: Code | None = None
    debtor: PaymentParty | None = None
    creditor: PaymentParty | None = None
    ultimate_debtor: PaymentParty | None = None
    ultimate_creditor: PaymentParty | None = None
    counterparty: str | None = None
    counterparty_account: BankAccount | None = None
    counterparty_agent: Agent | None = None
    remittance: tuple[str, ...] = ()
    documents: tuple[Remitted, ...] = ()
    purpose: Code | None = None
    reasons: tuple[Code, ...] = ()
    text: tuple[str, ...] = ()


class Entry(Value, frozen=True):
    """Attributes:
    amount: negative for a debit.
    reversal: it takes back an entry of before.
    code: what kind of entry, in the standard's code.
    bank_code: the same in the bank's own, or its country's: GVC 166.
    reference: of the entry itself. batch_id: of the payments that were booked as one; `batch_count` is their number.
    text: the bank's own words, as sent.
    """

    reference: Reference | None = None
    amount: Money | None = None
    reversal: bool | None = None
    status: Code | None = None
    booked_on: Moment | None = None
    value_date: Moment | None = None
    code: Code | None = None
    bank_code: Code | None = None
    bank_reference: Reference | None = None
    customer_reference: Reference | None = None
    batch_id: Reference | None = None
    batch_count: Decimal | None = None
    charges: tuple[PaymentCharge, ...] = ()
    text: tuple[str, ...] = ()
    details: tuple[EntryDetail, ...] = ()
    availability: tuple[Availability, ...] = ()


class EntryTotals(Value, frozen=True):
    """What the sender says of its entries: never added up by us."""

    count: Decimal | None = None
    credit_count: Decimal | None = None
    credit_amount: Decimal | None = None
    debit_count: Decimal | None = None
    debit_amount: Decimal | None = None


class EntrySummary(Value, frozen=True):
    """What the sender says of its entries of one kind, in the standard's code."""

    kind: Code
    amount: Money | None = None
    count: Decimal | None = None
    availability: tuple[Availability, ...] = ()


class AccountStatement(Value, frozen=True, kw_only=True, tag_field="schema", tag="account-statement/1"):
    """Attributes:
    kind: "statement" of a day or more, "interim" within a day, "notification" of entries.
    related_reference: of the request that it answers, or the message that it follows.
    copy: "copy", "duplicate" or "copy-duplicate", where it is one.
    """

    provenance: Provenance
    kind: Code | None = None
    message_id: Reference | None = None
    statement_id: Reference | None = None
    related_reference: Reference | None = None
    number: Reference | None = None
    page: Reference | None = None
    copy: Code | None = None
    created_at: Moment | None = None
    period: Period | None = None
    account: BankAccount | None = None
    owner: str | None = None
    owner_identifiers: tuple[Identifier, ...] = ()
    servicer: Agent | None = None
    currency: Code | None = None
    balances: tuple[Balance, ...] = ()
    entries: tuple[Entry, ...] = ()
    totals: EntryTotals | None = None
    summaries: tuple[EntrySummary, ...] = ()
    text: tuple[str, ...] = ()
