"""Orders of goods: what is bought, from whom, where to and until when; and what the seller says to it."""

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


class Charge(Value, frozen=True):
    """An allowance or a charge.

    Attributes:
        indicator: "allowance", "charge", or the standard's code.
        kind: what for, in the standard's code.
        rate: percent, as sent; with a `rate_basis`, of one of these, in the standard's code.
    """

    indicator: Code | None = None
    kind: Code | None = None
    amount: Decimal | None = None
    rate: Decimal | None = None
    rate_basis: Code | None = None
    text: str | None = None


class Terms(Value, frozen=True):
    """Of payment: `discount` percent when paid within `discount_days`, else the whole within `net_days`."""

    kind: Code | None = None
    basis: Code | None = None
    discount: Decimal | None = None
    discount_days: Decimal | None = None
    discount_due: Day | None = None
    discount_amount: Decimal | None = None
    net_days: Decimal | None = None
    net_due: Day | None = None
    text: str | None = None


class Carrier(Value, frozen=True):
    """Who carries the goods and how. `mode` is the standard's code, and `payment` that of who pays for it."""

    identifiers: tuple[Identifier, ...] = ()
    name: str | None = None
    mode: Code | None = None
    service: Code | None = None
    equipment: Reference | None = None
    payment: Code | None = None


class Delivery(Value, frozen=True):
    """A part of a line that is wanted at a time of its own. `certainty` of a forecast: "firm", "planned"."""

    quantity: Quantity | None = None
    dates: tuple[Dated, ...] = ()
    location: Reference | None = None
    certainty: Code | None = None


class OrderLine(Value, frozen=True):
    """Attributes:
    price: of one unit, as decimal text; its currency is the order's.
    price_basis: what the price is for, in the standard's code.
    price_quantity: of how many of these, where not of one.
    left_to_receive: what of a changed line is still to come.
    part_of: the number of the line that this one is a part of.
    products: numbers of the product: schemes "buyer-item", "vendor-item", "upc", "gtin".
    """

    number: Reference | None = None
    action: Code | None = None
    quantity: Quantity | None = None
    left_to_receive: Quantity | None = None
    price: Decimal | None = None
    price_basis: Code | None = None
    price_quantity: Decimal | None = None
    part_of: Reference | None = None
    amount: Decimal | None = None
    products: tuple[Identifier, ...] = ()
    descriptions: tuple[str, ...] = ()
    dates: tuple[Dated, ...] = ()
    references: tuple[Identifier, ...] = ()
    deliveries: tuple[Delivery, ...] = ()
    charges: tuple[Charge, ...] = ()
    parties: tuple[Party, ...] = ()
    notes: tuple[Note, ...] = ()


class Totals(Value, frozen=True):
    """As sent, never added up by us. `hash_total` is the sender's check sum over quantities."""

    line_count: Decimal | None = None
    hash_total: Decimal | None = None
    amount: Decimal | None = None
    line_amount: Decimal | None = None
    weight: Quantity | None = None


class PurchaseOrder(Value, frozen=True, kw_only=True, tag_field="schema", tag="purchase-order/2"):
    """Attributes:
    type: in words ("stand-alone", "blanket", "release"), else "x12:" and the code.
    purpose: in words ("original", "change", "cancellation"), else "x12:" and the code.
    """

    provenance: Provenance
    number: Reference | None = None
    type: Code | None = None
    purpose: Code | None = None
    release: Reference | None = None
    change: Reference | None = None
    date: Day | None = None
    currency: Code | None = None
    dates: tuple[Dated, ...] = ()
    parties: tuple[Party, ...] = ()
    contacts: tuple[Contact, ...] = ()
    references: tuple[Identifier, ...] = ()
    terms: tuple[Terms, ...] = ()
    carrier: Carrier | None = None
    charges: tuple[Charge, ...] = ()
    notes: tuple[Note, ...] = ()
    lines: tuple[OrderLine, ...] = ()
    totals: Totals | None = None


class LineResponse(Value, frozen=True):
    """What the seller says to (a part of) a line: `status` in words ("accepted", "backordered", "rejected")."""

    status: Code | None = None
    quantity: Quantity | None = None
    price: Decimal | None = None
    dates: tuple[Dated, ...] = ()
    products: tuple[Identifier, ...] = ()
    deliveries: tuple[Delivery, ...] = ()


class RespondedLine(Value, frozen=True):
    """`ordered` is the quantity that was ordered, `action` how the line changes; `responses` say what becomes of it.

    `left_to_receive` is what of a changed line is still to come.
    """

    number: Reference | None = None
    action: Code | None = None
    ordered: Quantity | None = None
    left_to_receive: Quantity | None = None
    price: Decimal | None = None
    price_basis: Code | None = None
    price_quantity: Decimal | None = None
    products: tuple[Identifier, ...] = ()
    descriptions: tuple[str, ...] = ()
    responses: tuple[LineResponse, ...] = ()
    dates: tuple[Dated, ...] = ()
    references: tuple[Identifier, ...] = ()
    notes: tuple[Note, ...] = ()
    deliveries: tuple[Delivery, ...] = ()


class OrderResponse(Value, frozen=True, kw_only=True, tag_field="schema", tag="order-response/1"):
    """Attributes:
    status: "accepted", "accepted-with-changes", "rejected" and so on, else the standard's code.
    order: the number of the purchase order that it answers.
    """

    provenance: Provenance
    number: Reference | None = None
    order: Reference | None = None
    release: Reference | None = None
    change: Reference | None = None
    status: Code | None = None
    purpose: Code | None = None
    date: Day | None = None
    order_date: Day | None = None
    currency: Code | None = None
    dates: tuple[Dated, ...] = ()
    parties: tuple[Party, ...] = ()
    references: tuple[Identifier, ...] = ()
    terms: tuple[Terms, ...] = ()
    charges: tuple[Charge, ...] = ()
    notes: tuple[Note, ...] = ()
    lines: tuple[RespondedLine, ...] = ()
    totals: Totals | None = None


class TaxAmount(Value, frozen=True):
    """`kind` is the standard's code ("VAT", "ST"); `rate` percent."""

    kind: Code | None = None
    category: Code | None = None
    rate: Decimal | None = None
    base: Money | None = None
    amount: Money | None = None
