"""Statements of the package mt-940's own test suite, as it reads them, against our records, field by field.

Its results are `.yml` files beside the statements; all statements of a file are one there, with the last balances.
`AGREEMENT` is how many values agree and how many do not; `python -m pytest -s` prints it. Every difference is
explained in `DIFFERENCES`; values that only we have are not counted.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch
from tests import corpus

yaml = pytest.importorskip("yaml", reason="PyYAML is not installed")
pytestmark = corpus.needed

FOLDER = corpus.ROOT / "swift-mt" / "WoLpH-mt940"
FILES = sorted(path for path in FOLDER.glob("*/*.yml") if path.with_suffix(".sta").exists())


class _Loader(yaml.SafeLoader):
    """Python objects as dicts of what they hold, or lists of what they were made of; nothing is run."""


def _thing(loader: Any, _kind: str, node: Any) -> Iterator[Any]:
    """They hold each other, so each is there before what it holds."""
    if isinstance(node, yaml.MappingNode):
        made: dict[str, Any] = {}
        yield made
        made.update(loader.construct_mapping(node))
    elif isinstance(node, yaml.SequenceNode):
        items: list[Any] = []
        yield items
        items.extend(loader.construct_sequence(node))
    else:
        yield loader.construct_scalar(node)


_Loader.add_multi_constructor("tag:yaml.org,2002:python/", _thing)


def theirs(path: Path) -> dict[str, Any]:
    made: dict[str, Any] = yaml.load(path.read_text(), Loader=_Loader)
    return made


def ours(path: Path) -> list[dict[str, Any]]:
    batches = [
        event for event in parsers.read([path.with_suffix(".sta").read_bytes()]) if isinstance(event, RecordBatch)
    ]
    return [msgspec.json.decode(line) for batch in batches for line in batch.ndjson.splitlines()]


def _day(said: Any) -> str | None:
    """A date is pickled: two bytes of the year, the month, the day."""
    if not said:
        return None
    raw = said[0]
    return date(raw[0] * 256 + raw[1], raw[2], raw[3]).isoformat()


def _number(text: str | None) -> str | None:
    if text is None:
        return None
    sign, digits = ("-", text[1:]) if text.startswith("-") else ("", text)
    whole, _, decimals = digits.partition(".")
    return f"{sign}{whole.lstrip('0') or '0'}.{decimals.rstrip('0')}"


def _money(amount: dict[str, Any] | None) -> str | None:
    """Theirs is an amount with a Decimal, ours one of text."""
    if not amount:
        return None
    number = amount["amount"][0] if isinstance(amount["amount"], list) else amount["amount"]
    return f"{_number(number)} {amount.get('currency')}"


def _plain(text: Any) -> str | None:
    """Blanks and line breaks count for nothing; no text and an empty one are the same."""
    return "".join(str(text).split()) or None if text is not None else None


def _said(text: Any) -> str | None:
    return None if _plain(text) == "NONREF" else _plain(text)


def _without_marks(text: str) -> str:
    """References as one text: it takes 16 characters for the first of them, whatever stands there."""
    return (_plain(text) or "").replace("NONREF", "").replace("/", "")


def _within(wanted: str | None, text: str) -> tuple[str | None, str]:
    """Text is text, whichever of its lines theirs gives to which field."""
    return wanted, wanted if wanted is not None and wanted in text else text


STATEMENT = {
    "reference": ("transaction_reference", "message_id"),
    "related": ("related_reference", "related_reference"),
    "account": ("account_identification", "account.number"),
    "number": ("statement_number", "number"),
    "page": ("sequence_number", "page"),
}
BALANCES = {
    "final_opening_balance": "opening",
    "final_closing_balance": "closing",
    "intermediate_opening_balance": "interim-opening",
    "intermediate_closing_balance": "interim-closing",
    "available_balance": "available",
    "forward_available_balance": "forward-available",
}


def statement_values(path: Path) -> Iterator[tuple[str, str | None, str | None]]:
    data, records = theirs(path)["data"], ours(path)
    for field, (name, place) in STATEMENT.items():
        outer, _, inner = place.partition(".")
        held = [one.get(outer, {}).get(inner) if inner else one.get(outer) for one in records]
        yield field, _said(data.get(name)), next((_plain(one) for one in reversed(held) if one), None)
    for name, kind in BALANCES.items():
        said = data.get(name)
        if said is None:
            continue
        found = [one for record in records for one in record.get("balances", ()) if one["kind"] == kind]
        last = found[-1] if found else {}
        yield f"{kind} amount", _money(said["amount"]), _money(last.get("amount"))
        yield f"{kind} date", _day(said["date"]), last.get("date")


def entry_values(said: dict[str, Any], entry: dict[str, Any]) -> Iterator[tuple[str, str | None, str | None]]:
    (detail,) = entry.get("details") or [{}]
    told = {one["scheme"]: one["value"] for one in detail.get("references", ())}
    bank = {one["scheme"]: one["value"] for one in detail.get("counterparty_agent", {}).get("identifiers", ())}
    yield "amount", _money(said.get("amount")), _money(entry.get("amount"))
    yield "value date", _day(said.get("date")), entry.get("value_date")
    yield "entry date", _day(said.get("guessed_entry_date")), entry.get("booked_on")
    yield "code", _plain(said.get("id")), entry.get("code")
    yield "bank reference", _said(said.get("bank_reference")), _plain(entry.get("bank_reference"))
    text = _plain("".join(entry.get("text", ()))) or ""
    yield "text", *_within(_plain(said.get("transaction_details")), text)
    references = [said.get("customer_reference"), said.get("bank_reference"), said.get("extra_details")]
    wanted = _without_marks("".join(filter(None, references)))
    own = "".join(entry.get(name, "") for name in ("customer_reference", "bank_reference"))
    yield "references", *_within(wanted, _without_marks(own + text))
    yield "bank's code", _plain(said.get("transaction_code")), entry.get("bank_code")
    yield "prima nota", _plain(said.get("prima_nota")), told.get("prima-nota")
    yield "counterparty", _plain(said.get("applicant_name")), _plain(detail.get("counterparty"))
    account = said.get("applicant_iban")
    yield "counterparty account", _plain(account), _plain(detail.get("counterparty_account", {}).get("number"))
    yield "counterparty bank", _plain(said.get("applicant_bin")), bank.get("bic") or bank.get("clearing-code")
    yield "end to end", _said(said.get("end_to_end_reference")), _plain(told.get("end-to-end-id"))
    yield "purpose", _plain(said.get("purpose")), _plain("".join(detail.get("remittance", ())))


def compared(path: Path) -> Iterator[tuple[str, str | None, str | None]]:
    yield from statement_values(path)
    entries = [one for record in ours(path) for one in record.get("entries", ())]
    transactions = [one["data"] for one in theirs(path)["transactions"]]
    yield "entries", str(len(transactions)), str(len(entries))
    for said, entry in zip(transactions, entries, strict=False):
        yield from entry_values(said, entry)


NO_STATEMENTS = {
    "betterplace/amount_formats", "betterplace/currency_in_25", "betterplace/empty_entry_date", "betterplace/empty_line",
    "cmxl/account_balance_credit", "cmxl/account_balance_debit", "cmxl/account_identification_iban",
    "cmxl/account_identification_legacy", "cmxl/available_balance", "cmxl/reference", "cmxl/statement_details",
    "cmxl/statement_line", "cmxl/statement_number", "self-provided/empty_non_swift", "self-provided/invalid_statement",
    "self-provided/sparkassen", "self-provided/gv_codes",
}  # fmt: skip
"""Files of single fields, or without the fields that tell a statement; the last is cut off before its closing balance."""

KREF = "it puts the KREF+ of field 86 behind the customer's reference; ours is a reference of the details"
MORE = "what 60 to 63 say, or the text before the first code, is no part of its purpose"
FEBRUARY = "the 30th of February is its 29th; ours has no date, and says why"
NO_CURRENCY = "it takes three digits of the amount for a currency; ours has no amount, and says why"
CODE_PAGE = "code page 852, which nothing in the file tells; ours reads it as Windows-1252"

DIFFERENCES = {
    ("betterplace/sepa_mt9401", "amount"): (2, "RC, a credit taken back, adds to its balance"),
    ("betterplace/sepa_mt9401", "purpose"): (3, MORE),
    ("betterplace/sepa_mt9401", "references"): (45, KREF),
    ("betterplace/sepa_snippet", "references"): (1, KREF),
    ("betterplace/sepa_snippet_broken", "account"): (1, "a second field 25, of text, is its account, cut at 35"),
    ("jejik/ing", "text"): (1, "the last field 86, of the statement, belongs to its last entry"),
    ("self-provided/details_60-63", "end to end"): (1, "60 to 63 do not go on with the code of 20"),
    ("self-provided/february_30", "value date"): (1, FEBRUARY),
    ("self-provided/long_statement_number", "number"): (1, "ten digits are five and five"),
    ("self-provided/long_statement_number", "page"): (1, "ten digits are five and five"),
    ("self-provided/malformed_details", "purpose"): (1, MORE),
    ("self-provided/overly_long_details", "purpose"): (1, MORE),
    ("self-provided/raiffeisen-cmi", "references"): (7, CODE_PAGE),
    ("self-provided/raiffeisen-cmi", "text"): (1, CODE_PAGE),
    ("self-provided/raphaelm", "closing amount"): (1, NO_CURRENCY),
    ("self-provided/raphaelm", "closing date"): (1, NO_CURRENCY),
    ("self-provided/raphaelm", "interim-closing amount"): (1, NO_CURRENCY),
    ("self-provided/raphaelm", "interim-closing date"): (1, NO_CURRENCY),
    ("self-provided/transaction_details_wrapped", "purpose"): (1, MORE),
    ("self-provided/transaction_details_wrapped", "value date"): (1, FEBRUARY),
    ("self-provided/wrapped_timestamp", "value date"): (1, FEBRUARY),
}
"""By file and field: how many values differ, and what it does that we do not."""

AGREEMENT = {
    "account": 27, "amount": 198, "available amount": 6, "available date": 6, "bank reference": 36, "bank's code": 124,
    "closing amount": 27, "closing date": 27, "code": 200, "counterparty": 65, "counterparty account": 66,
    "counterparty bank": 68, "end to end": 66, "entries": 31, "entry date": 150, "forward-available amount": 1,
    "forward-available date": 1, "interim-closing amount": 3, "interim-closing date": 3, "interim-opening amount": 4,
    "interim-opening date": 4, "number": 27, "opening amount": 26, "opening date": 26, "page": 18, "prima nota": 120,
    "purpose": 78, "reference": 28, "references": 147, "related": 1, "text": 62, "value date": 197,
}  # fmt: skip
"""By field: how many values agree."""


def names() -> list[Any]:
    return [pytest.param(path, id=_name(path)) for path in FILES if _name(path) not in NO_STATEMENTS]


def _name(path: Path) -> str:
    return f"{path.parent.name}/{path.stem}"


@pytest.mark.parametrize("path", names())
def test_both_say_the_same(path):
    differ = Counter(field for field, said, own in compared(path) if said is not None and said != own)
    assert differ == {field: count for (name, field), (count, _) in DIFFERENCES.items() if name == _name(path)}


@pytest.mark.parametrize("name", sorted(NO_STATEMENTS))
def test_what_is_no_statement_makes_no_record(name):
    assert ours(FOLDER / f"{name}.yml") == []


def test_how_much_agrees():
    values = [one for path in FILES if _name(path) not in NO_STATEMENTS for one in compared(path)]
    agree = Counter(field for field, said, own in values if said is not None and said == own)
    all_said = Counter(field for field, said, _ in values if said is not None)
    for field, count in all_said.items():
        print(f"{field:25} {agree[field]:4} of {count:4}")
    assert agree == AGREEMENT
