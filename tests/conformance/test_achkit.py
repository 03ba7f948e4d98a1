"""NACHA files of many makers, read by us and by an independent program: values, counts, hashes and totals.

achkit reads records of 94 characters on lines of their own, and knows one layout for all classes.
"""

import pytest

import parsers
from parsers import Finding, Segments
from tests import corpus
from tests.corpus import data_of

achkit = pytest.importorskip("achkit", reason="achkit is not installed")
pytestmark = corpus.needed

ROWS = [row for row in corpus.ROWS if row["format"] == "nacha" and not row["path"].endswith(".gz")]

SAME = {
    "BAD_BATCH_COUNT": "8/entry-addenda-count", "BAD_ENTRY_HASH": "8/entry-hash", "BAD_BATCH_DEBIT": "8/total-debit",
    "BAD_BATCH_CREDIT": "8/total-credit", "BAD_FILE_BATCH_COUNT": "9/batch-count", "BAD_FILE_COUNT": "9/entry-addenda-count",
    "BAD_FILE_HASH": "9/entry-hash", "BAD_FILE_DEBIT": "9/total-debit", "BAD_FILE_CREDIT": "9/total-credit",
    "BAD_BLOCK_COUNT": "9/block-count", "BAD_ROUTING_CHECKSUM": "6/rdfi",
}  # fmt: skip
"""Its codes, and the elements of which we say the same."""

NO_ADVICES = "it knows neither the wider amounts of ADV records nor its own accounts"
NO_INTERNATIONAL = "it knows no IAT entries: it takes the number of addenda for the account"
DISAGREE = {
    "/examples/testdata/adv-read.ach": NO_ADVICES,
    "/ach-adv-read/adv-read.ach": NO_ADVICES,
    "/testdata/adv.ach": NO_ADVICES,
    "/iat-mixedCreditDebit.ach": NO_INTERNATIONAL,
    "/iat-credit.ach": NO_INTERNATIONAL,
    "/20110805A.ach": NO_INTERNATIONAL,
}
"""Files of which it has other values than we, and why. Totals of international entries it reads as we do."""


def disagrees(row: dict[str, str]) -> str | None:
    return next((reason for path, reason in DISAGREE.items() if row["path"].endswith(path)), None)


def ours(data: bytes) -> set[str]:
    return {
        item.element for item in parsers.segments([data]) if isinstance(item, Finding) and item.element in SAME.values()
    }


def entries(data: bytes) -> list[dict[str, str]]:
    """The entries as we read them, by the names of their fields."""
    return [
        {element.name.removeprefix("6/"): element.text or "" for element in item.elements(at)}
        for item in parsers.segments([data])
        if isinstance(item, Segments)
        for at, text in enumerate(item.texts)
        if text.startswith("6")
    ]


def readable(row: dict[str, str]) -> bool:
    """It stops at the first record that is not 94 characters long, and needs a file header."""
    try:
        achkit.parse(data_of(row).decode("latin-1"))
    except (achkit.AchError, ValueError):
        return False
    return True


@pytest.mark.parametrize("row", [pytest.param(row, id=row["path"]) for row in ROWS if readable(row)])
def test_counts_hashes_and_totals_are_judged_alike(row):
    data = data_of(row)
    theirs = {
        SAME[error["code"]] for error in achkit.validate(data.decode("latin-1"))["errors"] if error["code"] in SAME
    }
    assert (theirs != ours(data)) == (disagrees(row) == NO_ADVICES)


@pytest.mark.parametrize("row", [pytest.param(row, id=row["path"]) for row in ROWS if readable(row)])
def test_entries_have_the_same_values(row):
    data = data_of(row)
    theirs = [entry for batch in achkit.parse(data.decode("latin-1"))["batches"] for entry in batch["entries"]]
    read = entries(data)
    assert [entry["rdfi"] + entry["check-digit"] for entry in read] == [entry["routing"] for entry in theirs]
    mine = [(entry["account"].strip(), int(entry["amount"].replace(".", "")), trace(entry)) for entry in read]
    other = [(entry["account"], entry["amount_cents"], entry["trace_number"]) for entry in theirs]
    assert (mine != other) == (disagrees(row) is not None)


def trace(entry: dict[str, str]) -> str:
    return entry.get("trace-number", "")


def test_it_read_most_files():
    assert sum(map(readable, ROWS)) > 60
