import pytest

from parsers.delimited.dialect import Dialect, sniff

SNIFFED = [
    ("a,b\n1,2\n", ",", True),
    ("a;b\n1;2,5\n", ";", True),
    ("1,5;2,5\n3,5;4,5\n", ";", False),
    ("a\tb, c\n1\t2, 3\n", "\t", True),
    ("a|b\nx|y\n", "|", True),
    ("a,b\nx\ny,z\nu,v\n", ",", True),
    ("a,a\nx,y\n", ",", False),
    ("a,a\nx,1\n", ",", True),
    ("2026-03-02,a\n2026-03-03,b\n", ",", False),
    ('"a;b",c\n"d;e",f\n', ",", True),
    ('a,"b\nc",d\n1,2,3\n', ",", True),
    ("", ",", False),
    ("alone", ",", True),
]


@pytest.mark.parametrize(("head", "delimiter", "header"), SNIFFED)
def test_delimiter_and_header_are_found(head, delimiter, header):
    found = sniff(head, Dialect(), whole=True)
    assert (found.delimiter, found.header) == (delimiter, header)


def test_what_the_caller_says_stands():
    assert sniff("a;b\n", Dialect(",", header=False), whole=True) == Dialect(",", header=False)


CELLS = [
    ("a,b", [("a", 0), ("b", 2)]),
    ("", [("", 0)]),
    (",", [("", 0), ("", 1)]),
    ('"a,b",c', [("a,b", 0), ("c", 6)]),
    ('"a""b"', [('a"b', 0)]),
    ('"a"b,c', [("ab", 0), ("c", 5)]),
    ('a"b,c', [('a"b', 0), ("c", 4)]),
    ('"",""', [("", 0), ("", 3)]),
    ('a,"b,c', [("a", 0), ("b,c", 2)]),
]


@pytest.mark.parametrize(("row", "cells"), CELLS)
def test_cells(row, cells):
    assert [(one.text, one.offset) for one in Dialect(",").elements(row, 0)] == cells


def test_a_long_cell_of_digits_that_is_no_number_takes_no_time():
    assert sniff("a,b\n1," + "1" * 60_000 + "x\n", Dialect(), whole=True).header is True
