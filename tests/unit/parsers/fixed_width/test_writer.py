import pytest

import parsers
from parsers.fixed_width.writer import Writer
from parsers.layout import layout_from
from parsers.writing import segment_values
from tests.unit.parsers.fixed_width.test_segments import DATA, EBCDIC, PACKED, PLAIN

GOOD = DATA[:30]


def values(data: bytes, layout) -> list:
    return list(segment_values(parsers.segments([data], layout=layout)))


def test_what_was_read_is_written_again():
    assert b"".join(Writer(PACKED).rewrite(parsers.segments([GOOD], layout=PACKED))) == GOOD


def test_another_layout_keeps_the_values():
    data = b"".join(Writer(EBCDIC).rewrite(parsers.segments([GOOD], layout=PACKED)))
    assert data != GOOD
    assert values(data, EBCDIC) == values(GOOD, PACKED)


@pytest.mark.parametrize("line_ending", ["\n", "\r\n"])
def test_lines(line_ending):
    writer = Writer(PLAIN, line_ending=line_ending)
    assert writer.record("line", "ab", "cd") == f"ab   cd   {line_ending}".encode()


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("footer", (), "no record of this name"),
        ("line", ("X",), "told by what stands at column 1"),
        ("line", ("L", "A NAME TOO LONG"), "line/name is longer than its 10 columns"),
        ("line", ("L", "ALBA", "1", "2"), "more values"),
    ],
)
def test_what_does_not_fit_is_refused(name, given, message):
    with pytest.raises(ValueError, match=message):
        Writer(PACKED).record(name, *given)


def test_a_character_that_the_charset_does_not_know():
    layout = layout_from({"charset": "latin-1", "records": [{"name": "line", "fields": [{"name": "a", "length": 5}]}]})
    with pytest.raises(ValueError, match="line/a has a character"):
        Writer(layout).record("line", "10€")


def test_values_that_would_be_read_as_another_record_are_refused():
    layout = layout_from(
        {
            "records": [
                {"name": "header", "when": {"start": 1, "text": "H"}, "fields": [{"name": "kind", "length": 1}]},
                {"name": "line", "fields": [{"name": "a", "length": 5}]},
            ]
        }
    )
    assert Writer(layout).record("line", "ALBA") == b"ALBA \r\n"
    with pytest.raises(ValueError, match="would not be read as the record line"):
        Writer(layout).record("line", "HALBA")


@pytest.mark.parametrize(
    ("charset", "values"), [("utf-8", ("A", "-10")), ("cp037", ("A\x85", "1")), ("cp037", ("A", "150"))]
)
def test_a_byte_that_would_end_the_line_is_refused(charset, values):
    fields = [{"name": "a", "length": 5}, {"name": "b", "length": 2, "type": "packed"}]
    layout = layout_from({"charset": charset, "records": [{"name": "line", "fields": fields}]})
    with pytest.raises(ValueError, match="line has a byte that would end its line"):
        Writer(layout).record("line", *values)
