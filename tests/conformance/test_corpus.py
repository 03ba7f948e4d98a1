"""Real files of many senders, where they are at hand: `MFT_CORPUS` names the folder, with its MANIFEST.tsv."""

import csv
import os
import re
from pathlib import Path

import pytest

import parsers
from parsers.events import Finished, RecordBatch, SetClosed
from parsers.findings import Finding

ROOT = Path(os.environ.get("MFT_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus")
MANIFEST = ROOT / "MANIFEST.tsv"
pytestmark = pytest.mark.skipif(not MANIFEST.exists(), reason="no corpus: set MFT_CORPUS to a folder with MANIFEST.tsv")

ROWS = (
    [row for row in csv.DictReader(MANIFEST.read_text().splitlines(), delimiter="\t") if row["role"] == "data"]
    if MANIFEST.exists()
    else []
)
SAME = {"fedwire-faim": "fedwire", "x12-frag": "x12"}
"""The manifest's names for what we name otherwise."""

NOT_AS_LABELLED = {
    "edifact": (r"/edi-input\.txt$|/testfiles/d9[36]a-.*/input\.edi$", 61, "bodies without UNB or UNH, of made-up segments"),
    "hl7": (r"Exception/aoor1$|Exception/nullref1$|id_000014|id_000213|emptyfile\.txt$|simplesender/samples/hl7\.txt$", 6,
            "empty files, fuzz without MSH and separator, and a message behind a tool's own marker"),
    "x12": (r"/4905\.edi$|/4913\.edi$|/vda\.(minify|prettify)\.edi$", 4, "VDA messages, which are fixed-width"),
    "nacha": (r"\.ach\.gz$|fixedLengthInvalid\.ach$", 3, "compressed, and one whose first record is shifted"),
    "iso20022": (r"/invalid_(file[12]|pain_v11\.xml)$", 3, "no XML, or no namespace to tell by"),
    "bai2": (r"sample-parseError\.txt$", 1, "its file header is not a 01"),
    "swift-mt": (r"invalid_statement\.sta$", 1, "the numbers from 1 to 10"),
}  # fmt: skip


def data_of(row: dict[str, str]) -> bytes:
    return (ROOT / row["path"]).read_bytes()


def rows_of(*formats: str) -> list:
    return [pytest.param(row, id=row["path"]) for row in ROWS if row["format"] in formats]


@pytest.mark.parametrize("label", sorted({row["format"] for row in ROWS} - {"as2"}))
def test_content_tells_the_standard(label):
    """Transport wrappings (as2) are not in here: their content is whatever was sent."""
    pattern, allowed, _ = NOT_AS_LABELLED.get(label, (None, 0, ""))
    wrong = [
        row["path"]
        for row in ROWS
        if row["format"] == label and parsers.identify(data_of(row)).standard != SAME.get(label, label)
    ]
    assert [path for path in wrong if not (pattern and re.search(pattern, path))] == []
    assert len(wrong) <= allowed


@pytest.mark.parametrize("row", rows_of("x12", "x12-frag", "hl7"))
def test_every_file_is_read_to_its_end(row):
    data = data_of(row)
    *events, last = parsers.read([data])
    assert isinstance(last, Finished)
    assert last.size_bytes == len(data)
    assert last.sets == sum(isinstance(event, SetClosed) for event in events)
    told = any(
        isinstance(event, Finding) or (isinstance(event, SetClosed) and event.verdict == "unsupported")
        for event in events
    )
    assert last.records or last.reason or told or last.outcome == "opaque", "nothing came of it, and nobody was told"


RECORDED = {"837P": "claim/1", "850": "purchase-order/1"}
WITHOUT_RECORDS = (
    "samples/sample_batch3.hl7",  # A batch whose only message is cut off: its trailer is missing.
    "issue229/837-header-ref-only.edi",  # No CLM.
    "x12/sample837-small.edi",  # No CLM.
)


def has_mapped_sets(row: dict[str, str]) -> bool:
    institutional = b"005010X223" in data_of(row)  # The manifest takes some of them for professional.
    return "ADT" in row["set"] or (row["set"] in RECORDED and not institutional)


@pytest.mark.parametrize(
    "row",
    [row for row in rows_of("x12", "hl7") if row.values[0]["label"] == "valid" and has_mapped_sets(row.values[0])],
)
def test_good_files_of_mapped_sets_make_records(row):
    events = list(parsers.read([data_of(row)]))
    schemas = {event.record_schema for event in events if isinstance(event, SetClosed)}
    assert RECORDED.get(row["set"], "patient-event/1") in schemas
    made = sum(event.count for event in events if isinstance(event, RecordBatch))
    assert (made > 0) != row["path"].endswith(WITHOUT_RECORDS)


COUNTED = {
    "SE01": "x12.se01-count-mismatch", "SE02": "x12.se02-control-mismatch", "GE01": "x12.ge01-count-mismatch",
    "GE02": "x12.ge02-control-mismatch", "IEA01": "x12.iea01-count-mismatch", "IEA02": "x12.iea02-control-mismatch",
    "noIEA": "x12.iea-missing",
}  # fmt: skip
READ_ONLY_BY_US = {
    "_200/MortgageBrokersExample.txt": "a header of another width",
    "_180/FromLowes.txt": "a header of another width",
    "_811/GraniteNetExample.txt": "a header of another width",
    "_850/Example3_Adobe_CLP.txt": "a header of another width",
    "_860/Example1.txt": "a header of another width",
    "_863/essarsteelalgoma.txt": "a component separator of two bytes",
    "837_5010/x12_bad_first_line.txt": "a header of another width",
    "maps/examples/990.edi": "a header of another width",
    "_856/Example3.txt": "a terminator of three bytes",
    "issue109/ts214_ellipses_segterm.edi": "a terminator of three bytes",
    "issue128/ts210_80char.edi": "wrapped at 80 columns",
}
"""Files whose counts the other program takes from separators that are not theirs."""


def test_envelope_checks_agree_with_an_independent_count():
    """The manifest's column comes from another program. A control number that differs in padding only counts as said."""
    compared = 0
    for row in ROWS:
        if row["format"] != "x12" or not row["envelope"] or row["path"].endswith(tuple(READ_ONLY_BY_US)):
            continue
        theirs = {COUNTED[mark] for mark in row["envelope"].split() if mark in COUNTED}
        ours = {event.code: event.severity for event in parsers.read([data_of(row)]) if isinstance(event, Finding)}
        padding = {code for code, severity in ours.items() if severity == "warning" and "control-mismatch" in code}
        errors = {code for code, severity in ours.items() if severity == "error"} & set(COUNTED.values())
        assert theirs - padding == errors, row["path"]
        compared += 1
    assert compared > 280
