"""Statements as the package mt-940 reads them: references, accounts, balances and entries must be ours, too."""

from collections.abc import Iterator

import pytest

import parsers
from parsers.segments import Segments
from parsers.swift_mt.statement import amount_moved, signed_balance
from tests import corpus
from tests.corpus import ROOT, ROWS, data_of

mt940 = pytest.importorskip("mt940", reason="the package mt-940 is not installed")
pytestmark = corpus.needed

STATEMENTS = [row for row in ROWS if row["format"] == "swift-mt" and row["set"] in {"MT940", "MT942"}]
MADE = sorted((ROOT / "iso20022").glob("*/expected-fin/*.fin"))
DISAGREES = {
    "betterplace/sepa_snippet_broken.sta": "it takes the last field 25 for the account, we the first",
    "self-provided/raphaelm.sta": "its closing balances have no currency: it takes three digits of the amount for one",
}
RAISES = {
    "prowide-core/sample_JPchar.txt": "an entry of the 54th of a month",
    "railslove-cmxl/mt940-deutsche_bank.txt": "a balance of the 31st of November",
    "railslove-cmxl/mt940-headers.txt": "an entry of the 26th month",
    "railslove-cmxl/mt940-iso8859-1.txt": "a balance of the 31st of November",
    "railslove-cmxl/mt940.txt": "a balance of the 31st of November",
}
"""Files that it reads otherwise or not at all, and why."""


def ours(data: bytes) -> list[dict]:
    """Of each statement its reference, account, balances and entries."""
    made: dict[int, dict] = {}
    for item in parsers.segments([data]):
        if not isinstance(item, Segments) or item.set is None:
            continue
        for field in item.characters:
            statement = made.setdefault(item.set, {"entries": []})
            match item.syntax.tag(field):
                case "20" | "25" as tag:
                    statement.setdefault(tag, " ".join(field[4:].split()))
                case "60F" | "60M":
                    statement["opening"] = signed_balance(field)
                case "62F" | "62M":
                    statement["closing"] = signed_balance(field)
                case "61":
                    statement["entries"].append(amount_moved(field))
    return [statement for statement in made.values() if "20" in statement]


def theirs(data: bytes) -> Iterator[dict]:
    for statement in mt940.parse_statements(data, options=mt940.Options(reversal_sign=True)):
        said = statement.data
        made = {
            "20": " ".join((said.get("transaction_reference") or "").split()),
            "entries": [one.data["amount"].amount for one in statement.transactions if "amount" in one.data],
        }
        if "account_identification" in said:
            made["25"] = " ".join(said["account_identification"].split())
        for end, word in (("opening", "opening"), ("closing", "closing")):
            balance = said.get(f"final_{word}_balance") or said.get(f"intermediate_{word}_balance")
            if balance is not None:
                made[end] = (balance.amount.currency, balance.amount.amount)
        yield made


def data_and_names() -> list:
    files = [(row["path"], data_of(row)) for row in STATEMENTS]
    files += [(str(path.relative_to(ROOT)), path.read_bytes()) for path in MADE if b":60F:" in path.read_bytes()]
    return [pytest.param(name, data, id=name) for name, data in files]


@pytest.mark.parametrize(("name", "data"), data_and_names())
def test_both_read_the_same(name, data):
    if name.endswith(tuple(RAISES)):
        with pytest.raises(ValueError, match=r"must be in|out of range"):
            list(theirs(data))
    else:
        assert (ours(data) == list(theirs(data))) is not name.endswith(tuple(DISAGREES))
