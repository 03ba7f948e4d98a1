"""Records of ISO 20022 messages against those of the SWIFT messages that a converter makes of them.

The samples are the use cases of CBPR+, with the FIN message that each becomes. Both are read by us, field by field.
Where they say something else, the converter does: an MT has less room, other places, or asks for what was not sent.

    MT           has no place for it, or has it in another field
    cut          to 16 characters, with a "+" at the end
    filled       33B must stand in an MT103 from the European Union, so that the settled amount is put there
    statement    940 and 942 have no booking time, no balances within the day, and NONREF for what is not known
"""

import csv
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch
from tests import corpus

pytestmark = corpus.needed

FOLDER = corpus.ROOT / "iso20022" / "ballerina-iso20022-to-swiftmt"
PAIRS = FOLDER / "PAIRS.tsv"
Record = dict[str, Any]

PAYMENTS = {
    "reference": (40, 40), "uetr": (40, 40), "amount": (40, 40), "settlement_date": (40, 40),
    "debtor": (21, 21), "debtor_account": (22, 22), "debtor_bic": (19, 19), "debtor_agent": (22, 22),
    "creditor": (22, 22), "creditor_account": (22, 22), "creditor_bic": (17, 17), "creditor_agent": (39, 39),
    "ultimate_debtor": (5, 5), "ultimate_creditor": (5, 5), "intermediary": (6, 6), "sender-correspondent": (2, 2), "receiver-correspondent": (2, 2),
    "charge_bearer": (22, 22), "instructed": (21, 21), "end_to_end_id": (39, 39),
}  # fmt: skip
"""By field, of how many pairs in which both say something they say the same."""

STATEMENTS = {
    "number": (12, 12), "page": (12, 12), "account": (15, 15), "statement_id": (12, 12), "balances": (10, 10),
    "entries": (15, 15), "amount": (16, 16), "value_date": (14, 14), "reversal": (0, 0), "customer_reference": (11, 11),
}  # fmt: skip


def read(name: str) -> list[Record]:
    batches = (one for one in parsers.read([(FOLDER / name).read_bytes()]) if isinstance(one, RecordBatch))
    return [msgspec.json.decode(line) for batch in batches for line in batch.ndjson.splitlines()]


@pytest.fixture(scope="module")
def pairs() -> list[tuple[str, Record, Record]]:
    rows = list(csv.DictReader(PAIRS.read_text().splitlines(), delimiter="\t"))
    made = [(row["fin"], read(row["fin"]), read(row["xml"])) for row in rows]
    return [(name, fin[0], xml[0]) for name, fin, xml in made if fin and xml]


def number(money: Record | None) -> tuple[Decimal, str | None] | None:
    return None if money is None else (Decimal(money["amount"]), money.get("currency"))


def bic(party: Record | None) -> str | None:
    found = next((one["value"] for one in (party or {}).get("identifiers", ()) if one["scheme"] == "bic"), None)
    return found and found.ljust(11, "X")


def between(record: Record, role: str) -> list[str | None]:
    return [bic(one) for one in record.get("intermediaries", ()) if one.get("role") == role]


def name(party: Record | None) -> str | None:
    return (party or {}).get("name")


def same(fin: Any, xml: Any) -> bool:
    """An MT may have the beginning of it."""
    if isinstance(fin, str) and isinstance(xml, str) and fin.endswith("+"):
        return xml.startswith(fin.removesuffix("+"))
    return bool(fin == xml)


def own_reference(xml: Record) -> str | None:
    return xml.get("instruction_id") or xml.get("transaction_id") or xml.get("message_id")


def end_to_end(fin: Record) -> str | None:
    """A 103 has it in 70, behind /ROC/."""
    told = [one.removeprefix("/ROC/").split("//")[0] for one in fin.get("remittance", ()) if one.startswith("/ROC/")]
    return told[0] if told else fin.get("end_to_end_id")


def payments(fin: Record, xml: Record) -> Iterator[tuple[str, Any, Any]]:
    """Fields, with what each of both says."""
    both: dict[str, Callable[[Record], Any]] = {
        "uetr": lambda one: one.get("uetr"),
        "amount": lambda one: number(one.get("amount")),
        "settlement_date": lambda one: one.get("settlement_date"),
        "charge_bearer": lambda one: one.get("charge_bearer"),
        "ultimate_debtor": lambda one: name(one.get("ultimate_debtor")),
        "ultimate_creditor": lambda one: name(one.get("ultimate_creditor")),
        **{role: lambda one, role=role: between(one, role) for role in ("intermediary", "sender-correspondent", "receiver-correspondent")},
    }  # fmt: skip
    for side in ("debtor", "creditor"):
        both[side] = lambda one, side=side: name(one.get(side))
        both[f"{side}_bic"] = lambda one, side=side: bic(one.get(side))
        both[f"{side}_agent"] = lambda one, side=side: bic(one.get(f"{side}_agent"))
        both[f"{side}_account"] = lambda one, side=side: one.get(f"{side}_account", {}).get("number")
    for field, of in both.items():
        yield field, of(fin), of(xml)
    yield "reference", fin.get("message_id"), own_reference(xml)
    yield "end_to_end_id", end_to_end(fin), xml.get("end_to_end_id") or xml.get("original_end_to_end_id")
    if fin["provenance"]["map"].startswith("103"):  # Filled.
        yield "instructed", number(fin.get("instructed")), number(xml.get("instructed") or xml.get("amount"))


def day(moment: str | None) -> str | None:
    return moment and moment[:10]


def balances(record: Record) -> list[tuple[Any, ...]]:
    return sorted((one["kind"], number(one.get("amount")), day(one.get("date"))) for one in record.get("balances", ()))


def statements(fin: Record, xml: Record) -> Iterator[tuple[str, Any, Any]]:
    yield "number", fin.get("number"), xml.get("number")
    yield "page", fin.get("page"), xml.get("page")
    yield "account", fin["account"]["number"], xml["account"]["number"]
    if fin["provenance"]["map"].startswith("94"):
        yield "statement_id", fin.get("message_id"), xml.get("statement_id")
    yield "balances", balances(fin), balances(xml)
    yield "entries", len(fin.get("entries", ())), len(xml.get("entries", ()))
    for one, other in zip(fin.get("entries", ()), xml.get("entries", ()), strict=True):
        yield "amount", number(one.get("amount")), number(other.get("amount"))
        yield "value_date", one.get("value_date"), day(other.get("value_date"))
        yield "reversal", one.get("reversal"), other.get("reversal")
        references = [ref["value"] for detail in other.get("details", ()) for ref in detail.get("references", ())]
        wanted = one.get("customer_reference")
        yield "customer_reference", wanted, next((ref for ref in references if same(wanted, ref)), None)


def agreement(compared: Iterator[tuple[str, str, Any, Any]]) -> tuple[dict[str, tuple[int, int]], list[str]]:
    """By field, how many are the same, and how many are said by both; and what is not the same."""
    told, right, wrong = Counter[str](), Counter[str](), list[str]()
    for pair, field, fin, xml in compared:
        told[field] += 0
        if fin in (None, []) or xml in (None, []):
            continue
        told[field] += 1
        right[field] += same(fin, xml)
        if not same(fin, xml):
            wrong.append(f"{pair}: {field}: {fin} / {xml}")
    return {field: (right[field], told[field]) for field in told}, wrong


@pytest.mark.parametrize(("schema", "compare", "table"), [("payment/1", payments, PAYMENTS), ("account-statement/1", statements, STATEMENTS)])  # fmt: skip
def test_both_say_the_same(pairs, schema, compare, table, record_property):
    of_type = [(pair, fin, xml) for pair, fin, xml in pairs if fin["schema"] == xml["schema"] == schema]
    found, wrong = agreement((pair, *one) for pair, fin, xml in of_type for one in compare(fin, xml))
    for field, (right, told) in sorted(found.items()):
        print(f"{field:24}{right:4} of {told}")
        record_property(field, f"{right} of {told}")
    assert wrong == []
    assert found == table


def test_what_only_one_of_both_says_has_its_reason(pairs):
    """Mostly an MT says nothing of it where the message does."""
    silent = Counter[str]()
    for _, fin, xml in pairs:
        if fin["schema"] == "payment/1":
            for field, of_fin, of_xml in payments(fin, xml):
                silent[f"MT: {field}"] += of_fin in (None, []) and of_xml not in (None, [])
                silent[f"XML: {field}"] += of_xml in (None, []) and of_fin not in (None, [])
    assert {field: count for field, count in silent.items() if count} == {
        "MT: charge_bearer": 6,  # A 202 has no 71A.
        "MT: debtor_agent": 16,  # 52a of a 202 is the debtor itself; a bank's bank has no field.
        "MT: end_to_end_id": 1,  # A return as a 103 has no 21, and its 70 is the reason.
        "MT: creditor": 1,  # A return to a customer, as a 202: without 58a.
        "MT: instructed": 1,  # 33B is filled between countries of the European Union.
        "XML: debtor_account": 1,  # 50F of somebody without an account has NOTPROVIDED in its place.
    }
