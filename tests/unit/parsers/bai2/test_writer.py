import pytest

import parsers
from parsers.bai2.writer import Writer
from parsers.writing import segment_values
from tests.unit.parsers.bai2.sample import GOOD


def read_values(data: bytes) -> list:
    return list(segment_values(parsers.segments([data])))


def test_what_was_read_is_written_again():
    written = b"".join(Writer(line_ending="\n").rewrite(parsers.segments([GOOD.encode()]))).decode()
    assert written == GOOD.replace("ACH IN/", "ACH IN"), "text needs no slash"


@pytest.mark.parametrize("arguments", [{"line_ending": "\r\n"}, {"line_ending": "\n", "physical_length": 80}])
def test_other_frames_keep_the_values(arguments):
    data = b"".join(Writer(**arguments).rewrite(parsers.segments([GOOD.encode()])))
    texts = [(tag, [value.rstrip() for value in values]) for tag, values in read_values(data)]
    assert texts == read_values(GOOD.encode())


def test_totals_and_counts_are_made_anew():
    wrong = (
        GOOD.replace("49,3200000,7", "49,1,1")
        .replace("98,3199999,2,11", "98,1,1,1")
        .replace("99,3200004,2,17", "99,,,")
    )
    written = b"".join(Writer(line_ending="\n").rewrite(parsers.segments([wrong.encode()])))
    assert read_values(written) == read_values(GOOD.encode())


TRANSACTION = ("195", "1", "0", "R", "C")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (("195", "1.00"), "16/amount is no number"),
        (("195", "1", "0", "R,S"), "16 field"),
        (("195", "1", "0", "R/S"), "16 field 4 has a comma or a slash"),
        ((*TRANSACTION, "A\nB"), "16 field 6 has a line break"),
        ((*TRANSACTION, "/A"), "16 field 6: text"),
        ((*TRANSACTION, "A/ "), "16 field 6: text"),
        ((*TRANSACTION, ("A", "B")), "16 field 6 is one text"),
        ((*TRANSACTION, "A" * 70), "longer than the physical record"),
    ],
)
def test_what_cannot_be_written_is_refused(values, message):
    writer = Writer(physical_length=80)
    writer.file("A", "B", "260302", "0915", "1", "80", "1", "2")
    writer.group("B", "A", "1", "260301", "", "USD", "2")
    writer.account("12345", "USD")
    with pytest.raises(ValueError, match=message):
        writer.transaction(*values)


def test_records_in_the_wrong_order_are_refused():
    writer = Writer()
    for call in (
        writer.end_account,
        writer.end_group,
        writer.end_file,
        lambda: writer.group("A"),
        lambda: writer.transaction("195"),
    ):
        with pytest.raises(ValueError, match="open"):
            call()
    with pytest.raises(ValueError, match="continues"):
        writer.continuation("A")


@pytest.mark.parametrize("text", ["A/ 16,399,500,0,,,B", "A/\t49,1,2"])
def test_text_cannot_begin_another_record(text):
    writer = Writer()
    writer.file("A", "B", "260302", "0915", "1", "", "", "2")
    writer.group("B", "A", "1", "260301", "", "USD", "2")
    writer.account("12345", "USD")
    with pytest.raises(ValueError, match="16 field 6: text holds what would be read as the next record"):
        writer.transaction("195", "1", "0", "R", "", text)


def test_padding_is_no_part_of_text():
    writer = Writer(physical_length=80)
    data = writer.file("A", "B", "260302", "0915", "1", "", "", "2")
    data += writer.group("B", "A", "1", "260301", "", "USD", "2") + writer.account("12345", "USD")
    data += writer.transaction("195", "1", "0", "R", "", "TEXT")
    data += writer.end_account() + writer.end_group() + writer.end_file()
    items = list(parsers.segments([data]))
    assert not [item for item in items if isinstance(item, parsers.Finding)]
    assert ("16", ["195", "1", "0", "R", "", "TEXT"]) in segment_values(items)


def test_a_line_ending_is_a_line_break():
    with pytest.raises(ValueError, match="line break"):
        Writer(line_ending="")
