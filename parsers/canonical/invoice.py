"""What is to be paid, to whom, until when, and for what."""

from parsers.canonical.order import Carrier, Charge, TaxAmount, Terms
from parsers.canonical.values import (
    Code,
    Contact,
    Dated,
    Day,
    Decimal,
    Identifier,
    Money,
    Note,
    Party,
    Provenance,
    Quantity,
    Reference,
    Value,
)


class InvoiceLine(Value, frozen=True):
    """`price` is of one unit, or of `price_quantity`; `amount` is what the sender says the line comes to.

    `part_of` is the number of the line that this one is a part of.
    """

    number: Reference | None = None
    quantity: Quantity | None = None
    price: Decimal | None = None
    price_basis: Code | None = None
    price_quantity: Decimal | None = None
    part_of: Reference | None = None
    amount: Money | None = None
    products: tuple[Identifier, ...] = ()
    descriptions: tuple[str, ...] = ()
    order: Reference | None = None
    order_line: Reference | None = None
    dates: tuple[Dated, ...] = ()
    references: tuple[Identifier, ...] = ()
    charges: tuple[Charge, ...] = ()
    taxes: tuple[TaxAmount, ...] = ()
    notes: tuple[Note, ...] = ()
    weight: Quantity | None = None


class InvoiceTotals(Value, frozen=True):
    """As sent, never added up by us. `payable` is what is left to pay of the `amount`."""

    amount: Money | None = None
    payable: Money | None = None
    net: Money | None = None
    tax: Money | None = None
    discountable: Money | None = None
    discounted: Money | None = None
    line_count: Decimal | None = None
    weight: Quantity | None = None
    quantity: Quantity | None = None


class Invoice(Value, frozen=True, kw_only=True, tag_field="schema", tag="invoice/1"):
    """Attributes:
    kind: "goods" or "freight".
    type: "invoice", "credit-note", "debit-note" and so on, else the standard's code.
    order: the purchase order that it is for.
    """

    provenance: Provenance
    kind: Code | None = None
    number: Reference | None = None
    type: Code | None = None
    purpose: Code | None = None
    date: Day | None = None
    due: Day | None = None
    order: Reference | None = None
    order_date: Day | None = None
    release: Reference | None = None
    currency: Code | None = None
    dates: tuple[Dated, ...] = ()
    parties: tuple[Party, ...] = ()
    contacts: tuple[Contact, ...] = ()
    references: tuple[Identifier, ...] = ()
    terms: tuple[Terms, ...] = ()
    carrier: Carrier | None = None
    charges: tuple[Charge, ...] = ()
    taxes: tuple[TaxAmount, ...] = ()
    notes: tuple[Note, ...] = ()
    lines: tuple[InvoiceLine, ...] = ()
    totals: InvoiceTotals | None = None
