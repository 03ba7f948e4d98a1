"""What has been sent: in which packages, on which transport, for which orders."""

from parsers.canonical.order import Carrier, Totals
from parsers.canonical.values import (
    Code,
    Dated,
    Day,
    Identifier,
    Moment,
    Note,
    Party,
    Provenance,
    Quantity,
    Reference,
    Value,
)


class Discrepancy(Value, frozen=True):
    """What of an item is not as it should be. `condition` is the standard's code: damaged, missing, too many."""

    quantity: Quantity | None = None
    condition: Code | None = None


class ShippedItem(Value, frozen=True):
    """`order` and `order_line` say what was ordered; `package` numbers the innermost one around it.

    `status` is how much of it was sent ("complete", "backordered"), else the standard's code.
    `part_of` is the number of the item that this one is a part of.
    """

    number: Reference | None = None
    status: Code | None = None
    order: Reference | None = None
    order_line: Reference | None = None
    package: Reference | None = None
    part_of: Reference | None = None
    quantity: Quantity | None = None
    ordered: Quantity | None = None
    returned: Quantity | None = None
    discrepancies: tuple[Discrepancy, ...] = ()
    products: tuple[Identifier, ...] = ()
    descriptions: tuple[str, ...] = ()
    lots: tuple[Reference, ...] = ()
    dates: tuple[Dated, ...] = ()
    references: tuple[Identifier, ...] = ()
    weight: Quantity | None = None
    notes: tuple[Note, ...] = ()


class Package(Value, frozen=True):
    """Attributes:
    level: what it is: "tare" (a pallet), "pack" (a carton), or the standard's code.
    id, within: how the levels hang together, as sent.
    """

    level: Code | None = None
    id: Reference | None = None
    within: Reference | None = None
    identifiers: tuple[Identifier, ...] = ()
    count: Quantity | None = None
    packaging: Code | None = None
    weight: Quantity | None = None


class ShippedOrder(Value, frozen=True):
    number: Reference | None = None
    release: Reference | None = None
    date: Day | None = None
    package_count: Quantity | None = None
    weight: Quantity | None = None
    references: tuple[Identifier, ...] = ()
    parties: tuple[Party, ...] = ()


class ShipNotice(Value, frozen=True, kw_only=True, tag_field="schema", tag="ship-notice/1"):
    """Attributes:
    kind: "notice" of what was sent, "receipt" of what came, "warehouse-advice" of what a
        warehouse sent, "stock-transfer" to one.
    orders: the purchase orders that it is for.
    items: what is in it, one behind the other, whatever packages they are in.
    """

    provenance: Provenance
    kind: Code | None = None
    number: Reference | None = None
    purpose: Code | None = None
    issued_at: Moment | None = None
    dates: tuple[Dated, ...] = ()
    carrier: Carrier | None = None
    package_count: Quantity | None = None
    weight: Quantity | None = None
    references: tuple[Identifier, ...] = ()
    parties: tuple[Party, ...] = ()
    notes: tuple[Note, ...] = ()
    orders: tuple[ShippedOrder, ...] = ()
    packages: tuple[Package, ...] = ()
    items: tuple[ShippedItem, ...] = ()
    totals: Totals | None = None
