"""Records of statements, reports and notifications against what genkgo/camt makes of the same files.

Its JSON lists every entry of a message with its details, and the statement of the entry. Moments are compared at their
instant, since it has them in UTC; amounts as whole numbers of the smallest unit, since it has them so.

    getReversalIndicator    is false where none was sent; a record has none then
    getReference            of details is one object; a record has a list of references by their schemes
    getEntries              of two statements has but one entry: that of the second stands in the place of the first
    previous closing        is an opening balance there
"""

import json
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

import parsers
from parsers.events import RecordBatch
from tests import corpus

pytestmark = corpus.needed

FOLDER = corpus.ROOT / "iso20022" / "genkgo-camt"
FILES = sorted(FOLDER.glob("*.json")) if FOLDER.exists() else []
PLACES = {"JPY": 0}
"""Of currencies that do not have two."""

BALANCES = {
    "opening": "opening",
    "previous-closing": "opening",
    "closing": "closing",
    "opening-available": "opening_available",
    "available": "closing_available",
}
"""Ours, and what it calls them; it leaves out all others."""

EXPLAINED = {
    "camt052.v1.xml: entry.batch_id": "Until 2009 the batch stood beside NtryDtls; it looks for it in them.",
    **dict.fromkeys(
        ("camt052.v4.xml: detail.amount", "camt052.v6.xml: detail.amount", "camt054.v4.xml: detail.amount", "camt054.v8.xml: detail.amount"),
        "The detail is a credit within a debit; it takes the sign of the entry for all.",
    ),
}  # fmt: skip
AGREE, TOLD = 728, 737

Said = dict[str, Any]


def records_of(name: str) -> list[Said]:
    batches = (one for one in parsers.read([(FOLDER / name).read_bytes()]) if isinstance(one, RecordBatch))
    return [msgspec.json.decode(line) for batch in batches for line in batch.ndjson.splitlines()]


def instant(text: str | None) -> datetime | None:
    """What has no zone, its tests take for UTC."""
    if text is None:
        return None
    moment = datetime.fromisoformat(text)
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)


def when(said: Any) -> datetime | None:
    return instant(said["0"]) if said else None


def units(money: Said | None) -> tuple[int, str] | None:
    """Of a record."""
    if money is None:
        return None
    places = PLACES.get(money["currency"], 2)
    return int(Decimal(money["amount"]).scaleb(places)), money["currency"]


def money_of(said: Said | None) -> tuple[int, str] | None:
    return (int(said["getAmount"]), said["getCurrency"]["getCode"]) if said else None


def all_of(said: Said, name: str) -> list[Said]:
    """A list, whose first has been said already: "getEntries" is behind "getEntry"."""
    first = said.get(f"get{name}")
    return [first if one == "__RECURSIVITY__" else one for one in said.get(f"get{name}s") or ()]


def some(value: Any) -> Any:
    return value or None


def of_record(said: Said, record: Said) -> Iterator[tuple[str, Any, Any]]:
    yield "statement_id", said["getId"], record.get("statement_id")
    yield "created_at", when(said["getCreatedOn"]), instant(record.get("created_at"))
    yield "number", some(said["getElectronicSequenceNumber"] or said["getLegalSequenceNumber"]), record.get("number")
    yield "account", said["getAccount"]["getIdentification"], record["account"]["number"]
    yield "account_name", some(said["getAccount"].get("getName")), record["account"].get("name")
    copies = {"CODU": "copy-duplicate", "COPY": "copy", "DUPL": "duplicate"}
    yield "copy", copies.get(said["getCopyDuplicateIndicator"]), record.get("copy")
    period = record.get("period", {})
    yield "period", (when(said["getFromDate"]), when(said["getToDate"])), (instant(period.get("start")), instant(period.get("end")))  # fmt: skip
    yield "text", some(said["getAdditionalInformation"]), some(" ".join(record.get("text", ())))
    if page := said["getPagination"]:
        yield "page", page["getPageNumber"], record.get("page")
    known = [one for one in said.get("getBalances") or () if one["getType"] in BALANCES.values()]
    balances = [one for one in record.get("balances", ()) if one["kind"] in BALANCES]
    yield "balances", len(known), len(balances)
    for one, other in zip(known, balances, strict=False):
        yield "balance.kind", one["getType"], BALANCES[other["kind"]]
        yield "balance.amount", money_of(one["getAmount"]), units(other["amount"])
        yield "balance.date", when(one["getDate"]), instant(other.get("date"))


def of_entry(said: Said, entry: Said) -> Iterator[tuple[str, Any, Any]]:
    yield "entry.amount", money_of(said["getAmount"]), units(entry.get("amount"))
    yield "entry.booked_on", when(said["getBookingDate"]), instant(entry.get("booked_on"))
    yield "entry.value_date", when(said["getValueDate"]), instant(entry.get("value_date"))
    yield "entry.bank_reference", some(said["getAccountServicerReference"]), entry.get("bank_reference")
    yield "entry.reference", some(said["getReference"]), entry.get("reference")
    yield "entry.batch_id", some(said["getBatchPaymentId"]), entry.get("batch_id")
    yield "entry.text", some(said["getAdditionalInfo"]), some(" ".join(entry.get("text", ())))
    yield "entry.reversal", said["getReversalIndicator"], entry.get("reversal", False)
    statuses = {"BOOK": "booked", "PDNG": "pending", "INFO": "information"}
    yield "entry.status", statuses.get(said["getStatus"]), entry.get("status")
    code = said["getBankTransactionCode"] or {}
    domain = code.get("getDomain")
    told = domain and [domain["getCode"], domain["getFamily"]["getCode"], domain["getFamily"]["getSubFamilyCode"]]
    yield "entry.code", told and " ".join(told), entry.get("code")
    yield "entry.bank_code", (code.get("getProprietary") or {}).get("getCode"), entry.get("bank_code")
    details = all_of(said, "TransactionDetail")
    yield "entry.details", len(details), len(entry.get("details", ()))
    for one, other in zip(details, entry.get("details", ()), strict=False):
        yield from of_detail(one, other)


SCHEMES = {
    "getEndToEndId": "end-to-end-id",
    "getInstructionId": "instruction-id",
    "getPaymentInformationId": "batch-id",
    "getUuidEndToEndReference": "uetr",
    "getMandateId": "mandate-id",
    "getTransactionId": "transaction-id",
    "getMessageId": "message-id",
}
PARTIES = {
    "Debtor": "debtor",
    "Creditor": "creditor",
    "UltimateDebtor": "ultimate_debtor",
    "UltimateCreditor": "ultimate_creditor",
}


def of_detail(said: Said, detail: Said) -> Iterator[tuple[str, Any, Any]]:
    values = [one["value"] for one in detail.get("references", ())]
    references: dict[str, str] = {}
    for one in detail.get("references", ()):
        references.setdefault(one["scheme"], one["value"])
    reference = said["getReference"] or {}
    for key, scheme in SCHEMES.items():
        told = reference.get(key)
        yield f"detail.{scheme}", None if told == "NOTPROVIDED" else some(told), references.get(scheme)
    for one in reference.get("getProprietaries") or ():
        yield "detail.own-reference", one["getReference"], references.get(f"iso20022:{one['getType']}")
    if amount := money_of(said["getAmount"]):
        yield "detail.amount", amount, units(detail.get("amount"))
    for one in said["getRelatedParties"] or ():
        party = one["getRelatedPartyType"]
        role = PARTIES[party["__CLASS__"].rpartition("\\")[2]]
        yield f"detail.{role}", some(party["getName"]), detail.get(role, {}).get("name")
        address = party["getAddress"] or {}
        ours = detail.get(role, {}).get("address", {})
        yield f"detail.{role}.country", some(address.get("getCountry")), ours.get("country")
        yield f"detail.{role}.city", some(address.get("getTownName")), ours.get("city")
        street = " ".join(filter(None, (address.get("getStreetName"), address.get("getBuildingNumber"))))
        lines = [*([street] if street else []), *(address.get("getAddressLines") or ())]
        yield f"detail.{role}.lines", lines, ours.get("lines", [])
    remittance = said["getRemittanceInformation"] or {}
    texts = [one["getMessage"] for one in all_of(remittance, "UnstructuredBlock")]
    blocks = all_of(remittance, "StructuredBlock")
    more = [text for one in blocks if (text := one["getAdditionalRemittanceInformation"])]
    yield "detail.remittance", texts + more, detail.get("remittance", [])
    for block in blocks:
        reference = block["getCreditorReferenceInformation"]
        if reference == "__RECURSIVITY__":
            reference = remittance["getCreditorReferenceInformation"]
        told = (reference or {}).get("getRef")
        yield "detail.creditor-reference", some(told), told if told in values else None


def compared(said: Said, records: list[Said]) -> Iterator[tuple[str, Any, Any]]:
    header = said["getGroupHeader"]
    if isinstance(header, dict):
        yield "message_id", header["getMessageId"], records[0].get("message_id")
    entries = said["getEntries"]
    statements = [one for one in said["getRecords"] if isinstance(one, dict)] or [entries[0]["getRecord"]]
    yield "records", len(said["getRecords"]), len(records)
    by_id = {one["statement_id"]: one for one in records}
    for statement in statements:
        yield from of_record(statement, by_id[statement["getId"]])
    ours = [entry for one in records for entry in one.get("entries", ())]
    if len(records) > 1:
        ours = by_id[entries[0]["getRecord"]["getId"]]["entries"]
    yield "entries", len(entries), len(ours)
    for one, other in zip(entries, ours, strict=False):
        yield from of_entry(one, other)


def test_both_say_the_same():
    told, right, wrong = Counter[str](), Counter[str](), set[str]()
    for path in FILES:
        name = path.name.replace(".json", ".xml")
        for field, theirs, ours in compared(json.loads(path.read_text()), records_of(name)):
            if theirs in (None, [], (None, None)) and ours in (None, [], (None, None)):
                continue
            told[field] += 1
            right[field] += theirs == ours
            if theirs != ours:
                wrong.add(f"{name}: {field}")
    for field in sorted(told):
        print(f"{field:34}{right[field]:4} of {told[field]}")
    assert wrong == set(EXPLAINED)
    assert (right.total(), told.total()) == (AGREE, TOLD)
