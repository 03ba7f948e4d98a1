"""SWIFT's notation against texts that fit and texts that do not."""

import re

import pytest

from parsers.swift_mt.formats import pattern_of

FITS = [
    ("16x", "REF-1/2", True),
    ("16x", "X" * 17, False),
    ("16x", "", False),
    ("16x", "REF_1", False),
    ("5n[/5n]", "12345", True),
    ("5n[/5n]", "123/1", True),
    ("5n[/5n]", "123/", False),
    ("1!a6!n3!a15d", "C260131EUR1000,", True),
    ("1!a6!n3!a15d", "C260131EUR1000,5", True),
    ("1!a6!n3!a15d", "C260131EUR1000", False),
    ("1!a6!n3!a15d", "C26013EUR1000,", False),
    ("1!a6!n3!a15d", "C260131EUR" + "1" * 15 + ",", False),
    ("2*5z", "a_b", True),
    ("2*5z", "abcde\r\nf", True),
    ("2*5z", "a\nb\nc", False),
    ("3!c$2n", "A1B\n12", True),
    ("3!c$2n", "A1B12", False),
]


@pytest.mark.parametrize(("notation", "text", "fits"), FITS)
def test_a_text_fits_its_format(notation: str, text: str, *, fits: bool) -> None:
    assert bool(re.fullmatch(pattern_of(notation), text)) is fits
