"""Goods are to move, and moved: loads for a carrier, orders to a warehouse, forecasts; and what became of them."""

from parsers.canonical.order import Carrier, Delivery
from parsers.canonical.values import (
    Address,
    Code,
    Dated,
    Day,
    Decimal,
    Identifier,
    Moment,
    Note,
    Party,
    Provenance,
    Quantity,
    Reference,
    Value,
)


class Measures(Value, frozen=True):
    """As sent, never added up by us."""

    weight: Quantity | None = None
    volume: Quantity | None = None
    quantity: Quantity | None = None
    charge: Decimal | None = None


class Equipment(Value, frozen=True):
    """A trailer, container or car. `owner` is its prefix or its carrier; `kind` the standard's code."""

    owner: Reference | None = None
    number: Reference | None = None
    kind: Code | None = None


class LogisticsLine(Value, frozen=True):
    """Goods of an order: what, how much of it. `deliveries` are what a forecast says of each time, in this `unit`."""

    number: Reference | None = None
    quantity: Quantity | None = None
    unit: Code | None = None
    products: tuple[Identifier, ...] = ()
    descriptions: tuple[str, ...] = ()
    order: Reference | None = None
    weight: Quantity | None = None
    volume: Quantity | None = None
    lots: tuple[Reference, ...] = ()
    dates: tuple[Dated, ...] = ()
    references: tuple[Identifier, ...] = ()
    parties: tuple[Party, ...] = ()
    notes: tuple[Note, ...] = ()
    deliveries: tuple[Delivery, ...] = ()


class Stop(Value, frozen=True):
    """Where a vehicle calls. `reason` is "load", "unload" and so on, else the standard's code."""

    number: Reference | None = None
    reason: Code | None = None
    dates: tuple[Dated, ...] = ()
    references: tuple[Identifier, ...] = ()
    parties: tuple[Party, ...] = ()
    measures: Measures | None = None
    lines: tuple[LogisticsLine, ...] = ()
    notes: tuple[Note, ...] = ()


class LogisticsOrder(Value, frozen=True, kw_only=True, tag_field="schema", tag="logistics-order/1"):
    """Attributes:
    kind: "load-tender" to a carrier, "warehouse-order" to ship out of a warehouse, "forecast" to a supplier.
    order: the purchase order or customer's order that it is for.
    payment: who pays the carrier, in the standard's code.
    schedule: what days of a forecast are of: "delivery", "shipment".
    counting: of a forecast's quantities: "discrete", or "cumulative" from a day on.
    """

    provenance: Provenance
    kind: Code | None = None
    number: Reference | None = None
    purpose: Code | None = None
    status: Code | None = None
    date: Day | None = None
    order: Reference | None = None
    payment: Code | None = None
    schedule: Code | None = None
    counting: Code | None = None
    carrier: Carrier | None = None
    equipment: tuple[Equipment, ...] = ()
    dates: tuple[Dated, ...] = ()
    references: tuple[Identifier, ...] = ()
    parties: tuple[Party, ...] = ()
    notes: tuple[Note, ...] = ()
    stops: tuple[Stop, ...] = ()
    lines: tuple[LogisticsLine, ...] = ()
    totals: Measures | None = None


class Movement(Value, frozen=True):
    """What happened to a shipment, when and where.

    Attributes:
        status: in words ("picked-up", "delivered", "appointment"), else the standard's code; `reason` as sent.
        stop: the number of the stop that it is about.
        zone: of the moment, in the standard's code, where that is all that was sent.
        place: as far as it is named.
    """

    stop: Reference | None = None
    status: Code | None = None
    reason: Code | None = None
    at: Moment | None = None
    zone: Code | None = None
    place: Address | None = None
    equipment: tuple[Equipment, ...] = ()
    references: tuple[Identifier, ...] = ()
    measures: Measures | None = None
    notes: tuple[Note, ...] = ()


class LogisticsEvent(Value, frozen=True, kw_only=True, tag_field="schema", tag="logistics-event/1"):
    """Attributes:
    kind: "status" of a shipment under way, "tender-response" of a carrier to whom a load was offered.
    number: the carrier's own. shipment: the shipper's.
    response: of a tender: "accepted", "declined" and so on, else the standard's code.
    """

    provenance: Provenance
    kind: Code | None = None
    number: Reference | None = None
    shipment: Reference | None = None
    date: Day | None = None
    response: Code | None = None
    reasons: tuple[Code, ...] = ()
    carrier: Carrier | None = None
    references: tuple[Identifier, ...] = ()
    parties: tuple[Party, ...] = ()
    events: tuple[Movement, ...] = ()
    notes: tuple[Note, ...] = ()
