import csv
import io

import pytest

import parsers
from parsers.delimited import Dialect
from parsers.delimited.writer import Writer
from parsers.writing import segment_values

ROWS = [
    ("id", "name", "note"),
    ("1", "Alba; Sons, Ltd", 'say "hi"'),
    ("2", "", "two\r\nlines"),
    ("3", " x ", "|\t"),
    ("", "", ""),
]


def written(dialect=None, **arguments) -> bytes:
    writer = Writer(dialect, **arguments)
    return b"".join(writer.row(*row) for row in ROWS)


@pytest.mark.parametrize("arguments", [{}, {"line_ending": "\n"}, {"quote_all": True}])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_values_come_back(delimiter, arguments):
    dialect = Dialect(delimiter)
    data = written(dialect, **arguments)
    read = [tuple(values) for _, values in segment_values(parsers.segments([data], layout=dialect))]
    assert read == ROWS
    assert [tuple(row) for row in csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter)] == ROWS


def test_another_dialect_keeps_the_values():
    data = b"".join(Writer(Dialect("|"), line_ending="\n").rewrite(parsers.segments([written()], layout=Dialect())))
    assert data == written(Dialect("|"), line_ending="\n")


def test_quotes_only_where_they_are_needed():
    assert Writer().row("a b", "c;d", "e,f", 'g"h', "i\nj") == b'a b,c;d,"e,f","g""h","i\nj"\r\n'
    assert Writer().row("") == b'""\r\n'


def test_formulas_are_kept_from_running():
    row = ("=A1", "+1", "-2.5", "-A1", "@x", "\tx", "plain")
    assert Writer(guard_formulas=True, line_ending="\n").row(*row) == b"'=A1,+1,-2.5,'-A1,'@x,'\tx,plain\n"


@pytest.mark.parametrize(
    ("arguments", "values", "message"),
    [
        ({"dialect": Dialect(",", quote="")}, ("a,b",), "cell 1 needs quotes"),
        ({}, ("a", ("b", "c")), "cell 2 is one text"),
        ({"dialect": Dialect(charset="latin-1")}, ("10€",), "character that latin-1 does not know"),
    ],
)
def test_what_cannot_be_written_is_refused(arguments, values, message):
    with pytest.raises(ValueError, match=message):
        Writer(**arguments).row(*values)


def test_a_line_ending_is_a_line_break():
    with pytest.raises(ValueError, match="line break"):
        Writer(line_ending="")


@pytest.mark.parametrize("row", [("   ",), ("\ufeffa", "b"), ("\xef\xbb\xbfa", "b")])
def test_blanks_and_marks_read_back(row):
    dialect = Dialect(",", header=False)
    items = parsers.segments([Writer().row(*row)], layout=dialect)
    assert [values for _, values in segment_values(items)] == [list(row)]


def test_a_row_has_a_cell():
    with pytest.raises(ValueError, match="at least one cell"):
        Writer().row()


@pytest.mark.parametrize("charset", ["utf-16", "utf-8-sig"])
def test_rows_begin_with_no_mark(charset):
    with pytest.raises(ValueError, match="begins each row with a mark"):
        Writer(Dialect(charset=charset))
