"""Real files of many senders, where they are at hand: `MFT_CORPUS` names the folder, with its MANIFEST.tsv."""

import re
from collections import Counter
from pathlib import Path

import pytest

import parsers
from parsers.events import Finished, RecordBatch, SetClosed, SetOpened
from parsers.findings import Finding
from parsers.reader import READERS
from tests import corpus
from tests.corpus import ROWS, data_of
from tests.fuzz import promises

pytestmark = corpus.needed
SAME = {"fedwire-faim": "fedwire", "x12-frag": "x12"}
"""The manifest's names for what we name otherwise."""

NOT_AS_LABELLED = (
    ("edifact", r"/edisax/.*/edi-input\.txt$|/data/edi-input\.txt$", {"text": 55, "csv": 2},
     "no EDIFACT: segments of a made-up dialect (SEG*1*2, A|B|C), without UNA, UNB or UNH"),
    ("x12", r"/49(?:05|13)\.edi$|/vda\.prettify\.edi$", {"fixed-width": 3}, "no X12: VDA, records of 128 characters in lines"),
    ("x12", r"/vda\.minify\.edi$", {"text": 1}, "no X12: VDA records without line breaks, which no shape tells"),
    ("hl7", r"/aoor1$|/emptyfile\.txt$", {"empty": 2}, "files without a byte"),
    ("hl7", r"/nullref1$", {"text": 1}, "six bytes of fuzz, in which no separator follows MSH"),
    ("iso20022", r"/invalid_file1$", {"json": 1}, "a message in JSON, which nobody exchanges"),
    ("nacha", r"\.ach\.gz$", {"binary": 2}, "compressed: told as wrapped in gzip"),
    ("bai2", r"/sample-parseError\.txt$", {"text": 1}, "one record, whose type is 00, with slashes in its date"),
    ("swift-mt", r"/invalid_statement\.sta$", {"text": 1}, "the numbers from 1 to 10"),
)  # fmt: skip
"""Every file that is told otherwise than the manifest says: its label, which files, what they are told to be, why."""

SENT_BY_AS2 = {
    "content.encrypted.txt": ("text", "smime"), "content.signed.txt": ("text", "smime"), "mdn.signed.txt": ("text", "smime"),
    "issue97.payload": ("text", "smime"), "content.mime.txt": ("text", "mime"), "content.txt": ("text", None),
    "issue97.header": ("text", None), "issue12-1.txt": ("x12", None),
}  # fmt: skip
"""What the manifest calls as2 is whatever was sent. The last is a request line, headers, and plain X12 in one part."""


def rows_of(*formats: str) -> list:
    return [pytest.param(row, id=row["path"]) for row in ROWS if row["format"] in formats]


@pytest.mark.parametrize("label", sorted({row["format"] for row in ROWS} - {"as2"}))
def test_content_tells_the_standard(label):
    otherwise = {
        row["path"]: told
        for row in ROWS
        if row["format"] == label and (told := parsers.identify(data_of(row)).standard) != SAME.get(label, label)
    }
    for _, pattern, standards, _ in (known for known in NOT_AS_LABELLED if known[0] == label):
        paths = [path for path in otherwise if re.search(pattern, path)]
        assert Counter(otherwise.pop(path) for path in paths) == standards
    assert otherwise == {}


def test_content_tells_what_as2_sent():
    told = {Path(row["path"]).name: parsers.identify(data_of(row)) for row in ROWS if row["format"] == "as2"}
    assert {name: (one.standard, one.wrapped) for name, one in told.items()} == SENT_BY_AS2


UNNAMED = re.compile(r"|\?|\(.*\)|odd-length|MULTI|BATCH:\?")
"""What stands in the manifest's column where it names no set."""

OTHER_SETS = (
    ("x12", r"/ProfessionalClaim1\.txt$|/essarsteelalgoma\.txt$|/DBSchenker_SampleMotorFreight", 3,
     "the manifest takes elements that are ST for set headers"),
    ("x12", r"/TechnicalAcknowledgment_|/x12_interchange_ack\.txt$", 3, "a TA1 stands in no set"),
    ("x12-frag", r"", 2, "no ISA, so no interchange"),
    ("edifact", r"/hupe1980-edifact-rs/|/d95b_coprar\.edi$", 14, "no UNB, so no interchange"),
    ("hl7", r"/hang1$", 1, "fuzz: the component separator is the first character of MSH-9"),
    ("hl7", r"/id_000205,", 1, "fuzz: MSH-2 makes no sense, and MSH-9 is no code"),
    ("iso20022", r"/admi002\.xml$", 1, "the manifest names the message that this one is about, too"),
    ("iso20022", r"/admn00[78]\.xml$", 2, "the manifest names the business header only"),
    ("iso20022", r"/head001\.(?:no)?signature\.xml$", 2, "a business header without its document"),
    ("swift-mt", r"/system\.txt$|/MT103-bulk-with-ack\.rje$", 2, "acknowledgments (F21) count as messages here"),
)  # fmt: skip
"""Every file whose sets the manifest names otherwise than they are read: its label, which files, how many, why."""


def named_sets(row: dict[str, str]) -> set[str]:
    """The manifest adds a letter for the guide to X12 sets ("837P"), and how messages are wrapped to HL7 ("BATCH:")."""
    names = row["set"].removeprefix("BATCH:").removeprefix("MULTI:").split("+")
    return {re.sub(r"^(\d{3})[A-Z]+$", r"\1", name) for name in names}


def agree(named: set[str], read: set[str | None]) -> bool:
    """ ".." is what the manifest writes for more than three."""
    return named - {".."} <= read if ".." in named else named == read


@pytest.mark.parametrize(
    "label", sorted({row["format"] for row in ROWS if SAME.get(row["format"], row["format"]) in READERS})
)
def test_sets_are_the_ones_that_the_manifest_names(label):
    """Standards without a reader are not asked."""
    otherwise = []
    for row in ROWS:
        if row["format"] == label and not UNNAMED.fullmatch(row["set"]):
            read = {item.set for item in parsers.segments([data_of(row)]) if isinstance(item, SetOpened)}
            if not agree(named_sets(row), read):
                otherwise.append(row["path"])
    for _, pattern, count, _ in (known for known in OTHER_SETS if known[0] == label):
        found = [path for path in otherwise if re.search(pattern, path)]
        assert len(found) == count
        otherwise = [path for path in otherwise if path not in found]
    assert otherwise == []


@pytest.mark.parametrize("row", rows_of("x12", "x12-frag", "hl7", "swift-mt"))
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


@pytest.mark.parametrize("row", [pytest.param(row, id=row["path"]) for row in ROWS])
def test_every_promise_holds(row):
    """Every byte is handed out, once and in order, wherever the feed is cut; elements stand where they say."""
    data = data_of(row)
    promises.hold(data, 61 if len(data) < 100_000 else 5003)


RECORDED = {"837P": "claim/1", "850": "purchase-order/2"}
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
