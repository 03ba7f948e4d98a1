"""A purchase order: who buys what from whom, where to and until when."""

from parsers.canonical.values import Address, Identifier, Provenance, Quantity, Value


class Dated(Value, frozen=True):
    """`kind` in words ("requested-delivery"), else "x12:" and the qualifier; `moment` is ISO 8601."""

    kind: str
    moment: str


class OrderParty(Value, frozen=True):
    """`role` in words ("buyer", "ship-to", "bill-to", "supplier"), else "x12:" and the code."""

    role: str
    name: str | None = None
    identifiers: tuple[Identifier, ...] = ()
    address: Address | None = None


class OrderLine(Value, frozen=True):
    """Attributes:
    price: of one unit, as decimal text; its currency is the order's.
    price_basis: what the price is for, in the standard's code.
    products: numbers of the product: schemes "buyer-item", "vendor-item", "upc", "gtin".
    """

    number: str | None = None
    quantity: Quantity | None = None
    price: str | None = None
    price_basis: str | None = None
    products: tuple[Identifier, ...] = ()
    descriptions: tuple[str, ...] = ()
    dates: tuple[Dated, ...] = ()
    references: tuple[Identifier, ...] = ()


class OrderTotals(Value, frozen=True):
    """As sent, never added up by us. `hash_total` is the sender's check sum over quantities."""

    line_count: str | None = None
    hash_total: str | None = None
    amount: str | None = None


class PurchaseOrder(Value, frozen=True, kw_only=True, tag_field="schema", tag="purchase-order/1"):
    """Attributes:
    type: in words ("stand-alone", "blanket", "release"), else "x12:" and the code.
    purpose: in words ("original", "change", "cancellation"), else "x12:" and the code.
    """

    provenance: Provenance
    number: str | None = None
    type: str | None = None
    purpose: str | None = None
    release: str | None = None
    date: str | None = None
    currency: str | None = None
    dates: tuple[Dated, ...] = ()
    parties: tuple[OrderParty, ...] = ()
    references: tuple[Identifier, ...] = ()
    notes: tuple[str, ...] = ()
    lines: tuple[OrderLine, ...] = ()
    totals: OrderTotals | None = None
