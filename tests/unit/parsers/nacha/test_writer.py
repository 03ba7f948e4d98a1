import pytest

import parsers
from parsers.nacha.writer import Writer
from parsers.writing import segment_values
from tests.unit.parsers.nacha.sample import GOOD, RECORDS
from tests.unit.parsers.nacha.test_envelope import batch_header, file_header

ENTRY = ("22", "07100050", "5", "12345", "100.50", "EMP-1", "ALBA", "", "0", "061000100000001")


def read_values(data: bytes) -> list:
    return list(segment_values(parsers.segments([data])))


def test_what_was_read_is_written_again():
    assert b"".join(Writer().rewrite(parsers.segments([GOOD.encode()]))).decode() == GOOD


@pytest.mark.parametrize("line_ending", ["\n", "\r\n", ""])
def test_other_line_endings_keep_the_values(line_ending):
    data = b"".join(Writer(line_ending=line_ending).rewrite(parsers.segments([GOOD.encode()])))
    assert read_values(data) == read_values(GOOD.encode())


def test_without_fill():
    data = b"".join(Writer(fill=False).rewrite(parsers.segments([GOOD.encode()])))
    assert data.decode().splitlines() == RECORDS


def test_totals_are_made_anew():
    wrong = GOOD.replace("820000000300142001", "820000000900999999").replace("9000002000002", "9000009000009")
    assert b"".join(Writer().rewrite(parsers.segments([wrong.encode()]))).decode() == GOOD


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((*ENTRY[:5], "TOO LONG FOR FIFTEEN"), "6/identification-number is longer than its 15 columns"),
        ((*ENTRY[:4], "1.005"), "6/amount has more than 2 decimals"),
        ((*ENTRY[:4], "MUCH"), "6/amount is not a number"),
        ((*ENTRY[:4], "100000000.00"), "6/amount is longer"),
        ((*ENTRY[:4], ""), "6/rdfi and 6/amount are numbers"),
        (("22", "0710005X"), "6/rdfi is not made of digits"),
        ((*ENTRY[:6], "ÄLBA"), "not in ASCII"),
        ((*ENTRY[:6], "AL\nBA"), "line break"),
        ((*ENTRY, "MORE"), "more values"),
        ((*ENTRY[:6], ("A", "B")), "one text"),
    ],
)
def test_what_does_not_fit_is_refused(values, message):
    writer = Writer()
    writer.file(*file_header())
    writer.batch(*batch_header("PPD"))
    with pytest.raises(ValueError, match=message) as raised:
        writer.entry(*values)
    assert "LONG FOR" not in str(raised.value)


def test_records_in_the_wrong_order_are_refused():
    writer = Writer()
    for call in (
        lambda: writer.batch(*batch_header("PPD")),
        lambda: writer.entry(*ENTRY),
        writer.end_batch,
        writer.end_file,
    ):
        with pytest.raises(ValueError, match="open"):
            call()
    writer.file(*file_header())
    with pytest.raises(ValueError, match="open"):
        writer.file(*file_header())


def test_a_line_ending_is_a_line_break_or_nothing():
    with pytest.raises(ValueError, match="line_ending"):
        Writer(line_ending=" ")
