import pytest

from parsers.nacha import records
from parsers.nacha.records import layout_of
from tests.unit.parsers.lossless import elements
from tests.unit.parsers.nacha.sample import GOOD

CLASSES = [
    "ACK",
    "ADV",
    "ARC",
    "ATX",
    "BOC",
    "CCD",
    "CIE",
    "COR",
    "CTX",
    "DNE",
    "ENR",
    "IAT",
    "MTE",
    "POP",
    "POS",
    "PPD",
    "RCK",
    "SHR",
    "TEL",
    "TRC",
    "TRX",
    "WEB",
    "XCK",
]


@pytest.mark.parametrize("sec", CLASSES)
def test_fields_fill_94_columns_without_gaps(sec):
    for record in layout_of(sec).records:
        columns = [column for field in record.fields for column in range(field.start, field.end + 1)]
        assert columns == list(range(1, records.COLUMNS + 1)), (sec, record.marks)


def test_fields_have_their_place_and_value():
    entry = elements(GOOD.encode())[2]
    assert entry == [
        ("6/record-type", "6", 190), ("6/transaction-code", "22", 191), ("6/rdfi", "07100050", 193),
        ("6/check-digit", "5", 201), ("6/account", "12345", 202), ("6/amount", "100.50", 219),
        ("6/identification-number", "EMP-1", 229), ("6/individual-name", "ALBA ROSSI", 244),
        ("6/discretionary-data", "", 266), ("6/addenda-indicator", "0", 268), ("6/trace-number", "061000100000001", 269),
    ]  # fmt: skip


ADDENDA = [
    ("705X", "PPD", "payment-related-information"),
    ("702X", "POS", "terminal-id"),
    ("798C01", "COR", "corrected-data"),
    ("798C61", "COR", "refused-change-code"),
    ("799R01", "PPD", "addenda-information"),
    ("799R68", "PPD", "dishonored-reason"),
    ("799R71", "PPD", "dishonored-trace-number"),
    ("799R01", "IAT", "original-forward-payment-amount"),
    ("710ANN", "IAT", "foreign-trace-number"),
    ("718X", "IAT", "branch-country"),
    ("7ZZX", "PPD", "information"),
]


@pytest.mark.parametrize(("begin", "sec", "field"), ADDENDA)
def test_addenda_are_told_by_type_and_reason(begin, sec, field):
    record = layout_of(sec).record(begin.ljust(94))
    assert record is not None
    assert field in {one.name for one in record.fields}


def test_a_multi_byte_name_moves_no_column():
    made = {name: (text, at) for name, text, at in elements(GOOD.replace("ALBA ROSSI", "ÄLBA ROSSI").encode())[2]}
    assert made["6/individual-name"] == ("ÄLBA ROSSI", 244)
    assert made["6/trace-number"] == ("061000100000001", 270)
