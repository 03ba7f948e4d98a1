"""850 (any version) into a purchase order: one for each transaction set."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from parsers.canonical.order import Dated, OrderLine, OrderParty, OrderTotals, PurchaseOrder
from parsers.canonical.values import Address, Identifier, Provenance, Quantity
from parsers.findings import Location
from parsers.x12.delimiters import Delimiters
from parsers.x12.mapping import Elements, SegmentMap

PURPOSES = {
    "00": "original",
    "01": "cancellation",
    "04": "change",
    "05": "replacement",
    "06": "confirmation",
    "07": "duplicate",
}
TYPES = {
    "BK": "blanket",
    "DS": "drop-ship",
    "KN": "purchase-order",
    "NE": "new-order",
    "RL": "release",
    "RO": "rush",
    "SA": "stand-alone",
    "SP": "sample",
}
ROLES = {
    "BT": "bill-to",
    "BY": "buyer",
    "RI": "remit-to",
    "SE": "seller",
    "SF": "ship-from",
    "ST": "ship-to",
    "SU": "supplier",
    "VN": "vendor",
}
PARTY_SCHEMES = {
    "1": "duns",
    "9": "duns-4",
    "91": "seller-assigned",
    "92": "buyer-assigned",
    "UL": "gln",
    "ZZ": "agreed",
}
PRODUCT_SCHEMES = {
    "BP": "buyer-item",
    "CB": "buyer-catalog",
    "EN": "ean",
    "IN": "buyer-item",
    "MG": "manufacturer-item",
    "SK": "sku",
    "UK": "gtin",
    "UP": "upc",
    "VA": "vendor-style",
    "VC": "vendor-catalog",
    "VN": "vendor-item",
    "VP": "vendor-item",
}
REFERENCE_SCHEMES = {
    "CO": "customer-order",
    "CR": "customer-reference",
    "CT": "contract",
    "DP": "department",
    "IA": "internal-vendor",
    "PD": "promotion",
    "VR": "vendor",
}
DATE_KINDS = {
    "001": "cancel-after",
    "002": "requested-delivery",
    "004": "purchase-order",
    "010": "requested-ship",
    "037": "ship-not-before",
    "038": "ship-no-later",
    "063": "deliver-no-later",
    "064": "deliver-not-before",
    "106": "required-by",
}
FIRST_PRODUCT = 6
"""PO106 and every second element behind it qualify the product number that follows."""


def _identifier(schemes: Mapping[str, str], qualifier: str, value: str) -> Identifier:
    return Identifier(schemes.get(qualifier, f"x12:{qualifier}"), value)


def _word(words: Mapping[str, str], code: str) -> str | None:
    return words.get(code, f"x12:{code}") if code else None


class PurchaseOrders(SegmentMap):
    """Collects the order of a set; a line is closed by the next one, the order by the end of the set."""

    schema: ClassVar[str] = "purchase-order/1"
    version: ClassVar[str] = "850-1"

    def __init__(self, delimiters: Delimiters, place: Location) -> None:
        super().__init__(delimiters, place)
        self._start: int | None = None
        self._header: dict[str, Any] = {}
        self._dates: list[Dated] = []
        self._references: list[Identifier] = []
        self._notes: list[str] = []
        self._parties: list[OrderParty] = []
        self._party: dict[str, Any] | None = None
        self._lines: list[OrderLine] = []
        self._line: dict[str, Any] | None = None
        self._totals: dict[str, Any] = {}

    # --- header ---

    def _beginning(self, elements: Elements) -> None:
        self._start = self.offset
        self.begin_record()
        self._header.update(
            purpose=_word(PURPOSES, elements[1]),
            type=_word(TYPES, elements[2]),
            number=elements[3] or None,
            release=elements[4] or None,
            date=self.date(elements[5], "BEG05"),
        )

    def _order_currency(self, elements: Elements) -> None:
        if self._line is None:
            self._header["currency"] = elements[2] or None

    def _reference(self, elements: Elements) -> None:
        value = elements[2] or elements[3]
        if not value:
            return
        identifier = _identifier(REFERENCE_SCHEMES, elements[1], value)
        if self._party is not None:
            self._party["identifiers"] += (identifier,)
        elif self._line is not None:
            self._line["references"] += (identifier,)
        else:
            self._references.append(identifier)

    def _date(self, elements: Elements) -> None:
        moment = self.moment(elements[2], elements[3], "DTM02")
        if moment is None:
            return
        dated = Dated(DATE_KINDS.get(elements[1], f"x12:{elements[1]}"), moment)
        if self._line is None:
            self._dates.append(dated)
        else:
            self._line["dates"] += (dated,)

    def _note(self, elements: Elements) -> None:
        if self._line is None and elements[1]:
            self._notes.append(elements[1])

    # --- parties ---

    def _name(self, elements: Elements) -> None:
        self._close_party()
        identifiers = (_identifier(PARTY_SCHEMES, elements[3], elements[4]),) if elements[4] else ()
        self._party = {
            "role": _word(ROLES, elements[1]) or "unnamed",
            "name": elements[2] or None,
            "identifiers": identifiers,
        }

    def _street(self, elements: Elements) -> None:
        if self._party is not None:
            self._party["street"] = self._party.get("street", ()) + tuple(line for line in elements[1:3] if line)

    def _town(self, elements: Elements) -> None:
        if self._party is not None:
            self._party["town"] = elements

    def _close_party(self) -> None:
        """Parties of a line are read past, so that their addresses do not land in the header."""
        party, self._party = self._party, None
        if party is None or self._line is not None:
            return
        street, town = party.pop("street", ()), party.pop("town", None)
        if street or town:
            city, state, postal_code, country = (text or None for text in (town or [""] * 5)[1:5])
            party["address"] = Address(street, city, state, postal_code, country)
        self._parties.append(OrderParty(**party))

    # --- lines ---

    def _line_item(self, elements: Elements) -> None:
        self._close_party()
        self._close_line()
        quantity = self.number(elements[2], "PO102")
        products = zip(elements[FIRST_PRODUCT::2], elements[FIRST_PRODUCT + 1 :: 2], strict=False)
        self._line = {
            "number": elements[1] or None,
            "quantity": Quantity(quantity, elements[3] or None) if quantity else None,
            "price": self.number(elements[4], "PO104"),
            "price_basis": elements[5] or None,
            "products": tuple(_identifier(PRODUCT_SCHEMES, kind, value) for kind, value in products if value),
            "descriptions": (),
            "dates": (),
            "references": (),
        }

    def _description(self, elements: Elements) -> None:
        if self._line is not None and elements[5]:
            self._line["descriptions"] += (elements[5],)

    def _close_line(self) -> None:
        if self._line is not None:
            self._lines.append(OrderLine(**self._line))
            self._line = None

    # --- summary ---

    def _count(self, elements: Elements) -> None:
        self._close_party()
        self._close_line()
        self._totals.update(line_count=self.number(elements[1], "CTT01"), hash_total=self.number(elements[2], "CTT02"))

    def _amount(self, elements: Elements) -> None:
        if elements[1] == "TT" and self._line is None:
            self._totals["amount"] = self.number(elements[2], "AMT02")

    def close_record(self) -> None:
        if self._start is None:
            return
        self._close_party()
        self._close_line()
        self.emit(
            PurchaseOrder(
                provenance=Provenance(self.set, self._start, self.offset),
                dates=tuple(self._dates),
                parties=tuple(self._parties),
                references=tuple(self._references),
                notes=tuple(self._notes),
                lines=tuple(self._lines),
                totals=OrderTotals(**self._totals) if self._totals else None,
                **self._header,
            )
        )
        self._start = None

    actions: ClassVar[Mapping[str, Callable[[Any, Elements], None]]] = {
        "BEG": _beginning,
        "CUR": _order_currency,
        "REF": _reference,
        "DTM": _date,
        "MSG": _note,
        "N1": _name,
        "N3": _street,
        "N4": _town,
        "PO1": _line_item,
        "PID": _description,
        "CTT": _count,
        "AMT": _amount,
    }
