"""The envelope by its rules: each case breaks one thing in a good file and names all that must be said of it."""

import pytest

import parsers
from parsers import Finding
from parsers.nacha.entries import is_routing_number
from parsers.nacha.writer import Writer
from tests.unit.parsers.lossless import verdicts
from tests.unit.parsers.nacha.sample import FILL, GOOD, RECORDS

SOUND = ["set accepted", "set accepted", "interchange accepted"]
FIRST = ["set rejected", "set accepted", "interchange accepted"]
SECOND = ["set accepted", "set rejected", "interchange accepted"]
FILE = ["set accepted", "set accepted", "interchange rejected"]


def put(number: int, column: int, text: str) -> str:
    """The good file with this text at this column of a record, both counted from 1."""
    records = [*RECORDS, *FILL]
    record = records[number - 1]
    records[number - 1] = record[: column - 1] + text + record[column - 1 + len(text) :]
    return "\n".join([*records, ""])


def without(*numbers: int) -> str:
    return "\n".join([*(record for at, record in enumerate(RECORDS, 1) if at not in numbers), *FILL, ""])


def behind(number: int, *records: str) -> str:
    return "\n".join([*RECORDS[:number], *records, *RECORDS[number:], *FILL, ""])


CASES = [
    ("good", GOOD, [], SOUND),
    ("no fill", "\n".join(RECORDS), ["info block-not-filled"], SOUND),
    ("fill not of a block", GOOD + FILL[0] + "\n", ["info block-not-filled"], SOUND),
    ("fill of a block more", GOOD + "\n".join(FILL * 2)[: 95 * 10], [], SOUND),
    ("block count", put(12, 8, "000007"), ["block-count-mismatch"], FILE),
    ("batch count", put(12, 2, "000003"), ["batch-count-mismatch"], FILE),
    ("file entry count", put(12, 14, "00000007"), ["entry-addenda-count-mismatch"], FILE),
    ("file hash", put(12, 22, "0000000001"), ["entry-hash-mismatch"], FILE),
    ("file debit", put(12, 32, "000000000001"), ["total-debit-mismatch"], FILE),
    ("file credit", put(12, 44, "00000001X150"), ["total-credit-mismatch"], FILE),
    ("batch entry count", put(6, 5, "000002"), ["entry-addenda-count-mismatch"], FIRST),
    ("batch hash", put(6, 11, "0000000001"), ["entry-hash-mismatch"], FIRST),
    ("batch debit", put(6, 21, "000000000001"), ["total-debit-mismatch"], FIRST),
    ("batch credit", put(6, 33, "000000000001"), ["total-credit-mismatch"], FIRST),
    ("amount", put(3, 30, "0000010051"), ["total-credit-mismatch"], FIRST),
    ("batch number", put(6, 88, "0000009"), ["batch-number-mismatch"], FIRST),
    ("service class repeated", put(6, 2, "220"), ["service-class-mismatch"], FIRST),
    ("odfi", put(6, 80, "06100011"), ["odfi-mismatch"], FIRST),
    ("company", put(6, 45, "1234567891"), ["warning company-id-mismatch"], SOUND),
    ("service class unknown", put(2, 2, "230").replace("\n8200", "\n8230"), ["service-class"], FIRST),
    ("service class against totals", put(2, 2, "220").replace("\n8200", "\n8220"), ["service-class"], FIRST),
    ("debits only", put(2, 2, "225").replace("\n8200", "\n8225"), ["service-class"], FIRST),
    ("sec in lower case", put(2, 51, "ppd"), ["warning lower-case"], SOUND),
    ("indicator without addenda", put(3, 79, "1"), ["addenda-indicator"], FIRST),
    ("last indicator without addenda", without(5).replace("820000000300", "820000000200").replace("00000060021", "00000050021"), ["addenda-indicator", "info block-not-filled"], FIRST),
    ("addenda without indicator", put(4, 79, "0"), ["addenda-indicator"], FIRST),
    ("addenda of another entry", put(5, 88, "0000009"), ["addenda-entry-mismatch"], FIRST),
    ("a return's trace number", put(5, 2, "99R01").replace("00010000002", "00010000009"), ["warning addenda-entry-mismatch"], SOUND),
    ("addenda sequence", put(10, 84, "0003"), ["addenda-sequence"], SECOND),
    ("addenda count", put(8, 55, "0003"), ["addenda-count-mismatch"], SECOND),
    ("addenda first", put(3, 1, "705"), ["addenda-out-of-place", "entry-hash-mismatch", "total-credit-mismatch"], FIRST),
    ("trace number order", put(3, 94, "9"), ["warning trace-number-order"], SOUND),
    ("check digit of an entry", put(3, 12, "6"), ["warning routing-number-check-digit"], SOUND),
    ("check digit of the receiver", put(1, 13, "5"), ["warning routing-number-check-digit"], SOUND),
    ("amount no number", put(3, 30, "00000 5050"), ["not-numeric", "entry-hash-mismatch", "total-credit-mismatch"], FIRST),
    ("entry too short", GOOD.replace(RECORDS[2], RECORDS[2][:-1]), ["record-length"], FIRST),
    ("entry too long", GOOD.replace(RECORDS[2], RECORDS[2] + "X"), ["record-length"], FIRST),
    ("header too short", GOOD.replace(RECORDS[1], RECORDS[1][:-1]), ["record-length", "batch-number-mismatch"], FIRST),
    ("an umlaut", GOOD.replace("ALBA ROSSI", "ÄLBA ROSSI"), ["warning not-ascii"], SOUND),
    ("no batch control", without(6), ["batch-control-missing", "info block-not-filled"], FIRST),
    ("no batch header", without(2), ["record-out-of-place", "batch-count-mismatch", "entry-addenda-count-mismatch", "entry-hash-mismatch", "total-debit-mismatch", "total-credit-mismatch", "info block-not-filled"], ["set accepted", "interchange rejected"]),
    ("file control in a batch", without(11), ["batch-control-missing", "info block-not-filled"], SECOND),
    ("entry between batches", behind(6, RECORDS[2]), ["record-out-of-place", "info block-not-filled"], FILE),
    ("stray batch control", behind(6, RECORDS[5]), ["record-out-of-place", "info block-not-filled"], FILE),
    ("unknown type", behind(4, "X" * 94), ["record-type-unknown", "info block-not-filled"], FIRST),
    ("no file control, fill", without(12), ["file-control-missing"], FILE),
    ("cut behind a batch", "\n".join(RECORDS[:6]) + "\n", ["file-control-missing"], ["set accepted", "interchange incomplete"]),
    ("cut in a batch", "\n".join(RECORDS[:4]) + "\n", ["file-control-missing"], ["set incomplete", "interchange incomplete"]),
    ("cut in an entry", "\n".join(RECORDS[:4])[:-20], ["record-cut-off", "file-control-missing"], ["set incomplete", "interchange incomplete"]),
    ("cut in the file control", "\n".join(RECORDS)[:-60], ["record-cut-off", "file-control-missing"], ["set accepted", "set accepted", "interchange incomplete"]),
    ("another file begins", "\n".join([*RECORDS[:6], GOOD]), ["file-control-missing"], ["set accepted", "interchange incomplete", *SOUND]),
    ("another standard begins", "\n".join([*RECORDS[:6], "MSH|^~\\&|A|B|C|D|20260302||ADT^A01|1|P|2.5.1\r"]), ["file-control-missing"], ["set accepted", "interchange incomplete", "set accepted", "interchange accepted"]),
    ("several files", GOOD + GOOD, [], SOUND + SOUND),
    ("no batches", "\n".join([RECORDS[0], "9" + "000000" + "000001" + "0" * 42 + " " * 39, *FILL]), [], ["interchange accepted"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "said", "ended"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_what_is_broken_is_said_once_and_judged_in_its_place(text, said, ended):
    assert verdicts(text.encode()) == (said, ended)


def test_a_finding_says_where_and_what_we_counted_and_no_value_of_the_file():
    text = put(6, 5, "000987")
    finding = next(item for item in parsers.segments([text.encode()]) if isinstance(item, Finding))
    assert (finding.set, finding.path, finding.segment, finding.position, finding.element, finding.offset) == (
        1, "1[1]/5[1]", "8", 5, "8/entry-addenda-count", 5 * 95,
    )  # fmt: skip
    assert "3 entry and addenda records" in finding.message
    assert "987" not in finding.message + finding.hint


def file_header() -> tuple[str, ...]:
    return ("01", " 061000104", "1234567890", "260302", "0915", "A", "094", "10", "1", "BANK", "COMPANY")


def batch_header(sec: str, service: str = "220") -> tuple[str, ...]:
    return (service, "COMPANY", "", "1234567890", sec, "PAYROLL", "", "260303", "", "1", "06100010", "1")


def test_hashes_overflow_to_their_last_ten_digits():
    writer = Writer()
    data = writer.file(*file_header()) + writer.batch(*batch_header("PPD"))
    for number in range(1, 202):  # 201 times 99,999,999 takes eleven digits.
        data += writer.entry("22", "99999999", "2", "1", "1.00", "", "ALBA", "", "0", f"06100010{number:07}")
    data += writer.end_batch() + writer.end_file()
    assert [code for code in verdicts(data)[0] if "hash" in code] == []


def test_advices_have_other_layouts():
    writer = Writer()
    data = writer.file(*file_header()) + writer.batch(*batch_header("ADV", "280"))
    data += writer.entry(
        "81", "07100050", "5", "12345", "500.00", "061000104", "11131", "", "ALBA", "", "0", "07100050", "61", "1"
    )
    data += writer.entry(
        "82", "07100050", "5", "12345", "250.00", "061000104", "11131", "", "ALBA", "", "0", "07100050", "61", "2"
    )
    data += writer.end_batch() + writer.end_file()
    assert verdicts(data) == ([], ["set accepted", "interchange accepted"])
    control = next(line for line in data.decode().splitlines() if line.startswith("8"))
    assert (control[20:40], control[40:60]) == ("25000".zfill(20), "50000".zfill(20))


def test_international_entries_count_their_addenda():
    writer = Writer()
    header = (
        "220",
        "",
        "FF",
        "3",
        "",
        "US",
        "1234567890",
        "IAT",
        "TRADE",
        "CAD",
        "USD",
        "260303",
        "",
        "1",
        "06100010",
        "1",
    )
    data = writer.file(*file_header()) + writer.batch(*header)
    data += writer.entry("22", "07100050", "5", "0007", "", "1000.00", "123456789", "", "", "", "1", "061000100000001")
    for kind in range(10, 17):
        data += writer.addenda(str(kind), *[""] * {10: 5, 13: 5, 14: 5, 15: 3}.get(kind, 3), "0000001")
    data += writer.addenda("17", "PAYMENT", "1", "0000001") + writer.addenda(
        "18", "BANK", "01", "1", "FR", "", "1", "0000001"
    )
    data += writer.end_batch() + writer.end_file()
    said, ended = verdicts(data)
    assert said == ["warning addenda-count-mismatch"], "many count the mandatory ones only"
    assert ended == ["set accepted", "interchange accepted"]


@pytest.mark.parametrize(
    ("number", "right"), [("071000505", True), ("071000506", False), ("07100050", False), ("07100050X", False)]
)
def test_check_digits(number, right):
    assert is_routing_number(number) is right
