import pytest

from parsers.bai2.records import Named, logical, split
from tests.unit.parsers.bai2.sample import GOOD
from tests.unit.parsers.lossless import elements

ROWS = elements(GOOD.encode())

SPLIT = [
    ("01,A,B,260302,0915,1,,,2/", ["01", "A", "B", "260302", "0915", "1", "", "", "2"]),
    ("49,1,2/ a comment", ["49", "1", "2"]),
    ("49,1,2", ["49", "1", "2"]),
    ("16,195,1,0,REF,CUST,TEXT, WITH 1/2/ ", ["16", "195", "1", "0", "REF", "CUST", "TEXT, WITH 1/2"]),
    ("16,195,1,S,1,2,3,,,/", ["16", "195", "1", "S", "1", "2", "3", "", "", ""]),
    ("16,195,1,D,1,0,1,R,C,T,T", ["16", "195", "1", "D", "1", "0", "1", "R", "C", "T,T"]),
    ("16,195,1,D,99999,0,1,R,T", ["16", "195", "1", "D", "99999", "0", "1", "R,T"]),
    ("16,195/", ["16", "195"]),
    ("88,A,B/C", ["88", "A", "B/C"]),
]


@pytest.mark.parametrize(("record", "fields"), SPLIT)
def test_fields_part_at_commas_but_those_of_text(record, fields):
    assert split(record) == fields


def test_elements_have_names_and_offsets():
    assert ROWS[2] == [
        ("03/account", "12345", 75), ("03/currency", "USD", 81),
        ("03/type-code", "010", 85), ("03/amount", "+500000", 89), ("03/item-count", "", 97), ("03/funds-type", "", 98),
        ("03/type-code", "100", 99), ("03/amount", "1000000", 103), ("03/item-count", "2", 111),
        ("03/funds-type", "V", 113), ("03/value-date", "260301", 115), ("03/value-time", "", 122),
        ("03/type-code", "400", 123), ("03/amount", "-200", 127), ("03/item-count", "1", 132),
        ("03/funds-type", "S", 134), ("03/immediate-availability", "100", 136), ("03/one-day-availability", "50", 140),
        ("03/two-day-availability", "50", 143),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("row", "names"),
    [
        (3, ["88/1", "88/2", "88/3", "88/4"]),
        (5, ["88/text"]),
        (6, ["16/type-code", "16/amount", "16/funds-type", "16/distributions", "16/availability-days", "16/available-amount",
             "16/availability-days", "16/available-amount", "16/bank-reference", "16/customer-reference"]),
        (7, ["16/type-code", "16/amount", "16/funds-type", "16/value-date", "16/value-time", "16/bank-reference",
             "16/customer-reference", "16/text"]),
        (8, ["49/control-total", "49/record-count"]),
    ],
)  # fmt: skip
def test_fields_are_named_by_what_they_follow(row, names):
    assert [name for name, _, _ in ROWS[row]] == names


def test_text_keeps_commas_and_slashes():
    assert ROWS[4][-1][:2] == ("16/text", "WIRE IN, FROM 12/03,04 AND MORE")
    assert ROWS[5] == [("88/text", "ALBA/BRUNO, SRL", GOOD.index("ALBA"))]


LOGICAL = [
    (["03,1,,010,5/", "88,,,100/", "88,7/"], [Named("03/account", "1"), Named("03/currency", ""), Named("03/type-code", "010"),
     Named("03/amount", "5"), Named("03/item-count", ""), Named("03/funds-type", ""), Named("03/type-code", "100"), Named("03/amount", "7")]),
    (["16,195,5,0,R,C,ONE, ", "88,TWO/THREE"], [*map(Named, ("16/type-code", "16/amount", "16/funds-type", "16/bank-reference",
     "16/customer-reference", "16/text"), ("195", "5", "0", "R", "C", "ONE, TWO/THREE"))]),
    (["16,195,5,V,260301/", "88,,R,C,TEXT"], [*map(Named, ("16/type-code", "16/amount", "16/funds-type", "16/value-date", "16/value-time",
     "16/bank-reference", "16/customer-reference", "16/text"), ("195", "5", "V", "260301", "", "R", "C", "TEXT"))]),
    (["02,A,B,1,260301,,,,X/"], [*map(Named, ("02/ultimate-receiver", "02/originator", "02/group-status", "02/as-of-date", "02/as-of-time",
     "02/currency", "02/as-of-date-modifier", "02/more-1"), ("A", "B", "1", "260301", "", "", "", "X"))]),
]  # fmt: skip


@pytest.mark.parametrize(("records", "fields"), LOGICAL)
def test_continuations_go_on_with_their_record(records, fields):
    assert logical(records) == fields
