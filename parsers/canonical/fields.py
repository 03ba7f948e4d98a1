"""What the fields of a record hold, and what each may show: read off its type, for maps, schemas, views and masks."""

from collections.abc import Mapping
from functools import cache
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec import inspect

Holds = Literal["text", "decimal", "day", "moment", "integer", "boolean", "struct"]

OPEN_CLASSES: Final = frozenset({"CODE", "REFERENCE", "ORGANIZATION", "PLACE", "AMOUNT", "DAY", "COUNT"})
"""Of business, and of nobody: shown to whoever may see records at all."""

PERSONAL_CLASSES: Final = frozenset(
    {
        "NAME", "ADDRESS", "DATE", "PHONE", "EMAIL", "SSN", "MRN", "MEMBER_ID", "ACCOUNT", "CLAIM_NO", "LICENSE",
        "OTHER_ID", "CLINICAL", "FREE_TEXT",
    }
)  # fmt: skip
"""Of a person, or of whom nobody knows: masked until someone asks to see them, which is a leaf in the audit log.

Source: the identifiers of 45 CFR 164.514(b)(2), bank accounts, and what is said of health.
"""

BY_SCHEME: Final = "BY_SCHEME"
"""Of an identifier's value: its scheme says what it tells."""

SCHEME_CLASSES: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        (
            "npi", "ein", "payer-id", "plan-id", "taxonomy", "clia", "ccn", "gln", "duns", "duns-4", "gtin", "ean",
            "upc", "sscc", "scac", "lei", "bic", "aba", "clearing-code", "sku", "style", "buyer-item",
            "vendor-item", "buyer-catalog", "vendor-catalog", "vendor-style", "manufacturer-item",
            "seller-assigned", "buyer-assigned", "sender-assigned", "receiver-assigned", "seal", "department",
            "contract", "purchase-order", "customer-order",
            "vendor", "internal-vendor", "promotion", "invoice", "bill-of-lading", "carrier-reference",
            "delivery-note", "payment-trace", "receiver-id", "product-category",
            "item", "delivery-order", "despatch-note", "offer", "order-acknowledgment", "order-response",
            "original-purchase-order", "packing-list", "price-list", "purchase-order-change", "receiving-advice",
            "ship-notice", "shipment", "transport-document", "vendor-order",
        ),
        "REFERENCE",
    ),
    **dict.fromkeys(
        (
            "bank-clearing-number", "bankleitzahl", "bankleitzahl-at", "bsb", "chips-participant", "cips", "cnaps",
            "hebic", "hong-kong-bank-code", "ifsc", "sic", "sort-code", "transit-number", "zengin",
            "account-servicer-reference", "batch-id", "case", "clearing-reference", "creditor-reference",
            "end-to-end-id", "instruction-id", "message-id", "qr-reference", "transaction-id", "uetr",
        ),
        "REFERENCE",
    ),
    "ssn": "SSN",
    "member-id": "MEMBER_ID",
    "unique-health-id": "MEMBER_ID",
    "medical-record": "MRN",
    "original-claim": "CLAIM_NO",
    "clearinghouse-claim": "CLAIM_NO",
    "line-control": "CLAIM_NO",
    "iban": "ACCOUNT",
    "account": "ACCOUNT",
    "state-license": "LICENSE",
}  # fmt: skip
"""Of all other schemes an identifier is OTHER_ID."""


class Field(NamedTuple):
    """Attributes:
    data_class: one of the classes above, or BY_SCHEME; of a struct "".
    struct: what it is made of, where it has fields of its own.
    many: it holds any number of them.
    required: the record is none without it.
    """

    name: str
    holds: Holds
    data_class: str
    struct: type[msgspec.Struct] | None = None
    many: bool = False
    required: bool = False


def scheme_class(scheme: str) -> str:
    """What an identifier of this scheme tells."""
    return SCHEME_CLASSES.get(scheme, "OTHER_ID")


@cache
def fields_of(struct: type[msgspec.Struct]) -> Mapping[str, Field]:
    """The fields of a record or of a part of one, in their order.

    Raises:
        TypeError: a field has a type that no record may have.
    """
    described = inspect.type_info(struct)
    assert isinstance(described, inspect.StructType)
    return {field.name: _field(field) for field in described.fields}


def _field(described: inspect.Field) -> Field:
    kind, many, data_class = described.type, False, ""
    reads: Any = ""
    while True:
        if isinstance(kind, inspect.Metadata):
            extra = kind.extra or {}
            data_class, reads = extra.get("class", data_class), extra.get("reads", reads)
            kind = kind.type
        elif isinstance(kind, inspect.UnionType):
            kinds = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
            if len(kinds) != 1:
                break
            kind = kinds[0]
        elif isinstance(kind, inspect.VarTupleType):
            many, kind = True, kind.item_type
        else:
            break
    match kind:
        case inspect.StructType():
            return Field(described.name, "struct", "", kind.cls, many, described.required)
        case inspect.StrType():
            holds: Holds = reads or "text"
            return Field(described.name, holds, data_class or "FREE_TEXT", None, many, described.required)
        case inspect.LiteralType():
            return Field(described.name, "text", data_class or "CODE", None, many, described.required)
        case inspect.IntType():
            return Field(described.name, "integer", data_class or "COUNT", None, many, described.required)
        case inspect.BoolType():
            return Field(described.name, "boolean", data_class or "CODE", None, many, described.required)
    raise TypeError(f"{described.name} of a record is of a type that records do not have: {kind}")


def needed_by(kind: type[msgspec.Struct]) -> list[str]:
    """Fields without which an object of this kind is none."""
    return [name for name, field in fields_of(kind).items() if field.required]
