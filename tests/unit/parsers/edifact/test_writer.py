import pytest

import parsers
from parsers.edifact.delimiters import LEVEL_B, Delimiters
from parsers.edifact.writer import write
from parsers.findings import Finding
from parsers.writing import segment_values

SEGMENTS = [
    ("UNB", [("UNOC", "4"), ("SENDER", "14"), "RECEIVER", ("260302", "0915"), "REF1"]),
    ("UNG", ["ORDERS", "A", "B", ("260302", "0915"), "G1", "UN", ("D", "96A")]),
    ("UNH", ["1", ("ORDERS", "D", "96A", "UN")]),
    ("FTX", ["O'CLOCK", ("A+B", "C:D", "", "50?"), "", [("x", "y"), "*", ""], ["é", "ß?"]]),
    ("UNS", ["S"]),
    ("UNT", ["4", "1"]),
    ("UNH", ["2", ("ORDERS", "D", "96A", "UN")]),
    ("UNT", ["2", "2"]),
    ("UNE", ["2", "G1"]),
    ("UNZ", ["1", "REF1"]),
]
REPEATING = Delimiters(repetition="*")
TRAILERS = {"UNT", "UNE", "UNZ"}


def read_back(data: bytes) -> list:
    items = list(parsers.segments([data]))
    assert not [item for item in items if isinstance(item, Finding)]
    return [(tag, values) for tag, values in segment_values(items) if tag != "UNA"]


STYLES = [
    (REPEATING, "", True),
    (REPEATING, "\r\n", True),
    (Delimiters(), "\n", False),
    (Delimiters("*", "@", ",", "\\", "~", "#"), "", True),
    (Delimiters("\x1f", "\x1d", ".", "?", "\x1e", "\x1c"), "", True),
]


@pytest.mark.parametrize(("delimiters", "line_break", "advice"), STYLES)
def test_what_was_written_is_read_again(delimiters, line_break, advice):
    data = b"".join(write(SEGMENTS, delimiters, line_break=line_break, advice=advice))
    assert read_back(data) == SEGMENTS
    assert data.startswith(b"UNA") == advice


def test_other_separators_keep_the_values():
    first = b"".join(write(SEGMENTS, REPEATING))
    second = b"".join(write(segment_values(parsers.segments([first])), Delimiters("*", "@", ".", "!", "~", "#")))
    assert second != first
    assert read_back(second) == SEGMENTS


def test_trailers_are_counted_whatever_is_given():
    wrong = [(tag, ["99", "WRONG"] if tag in TRAILERS else values) for tag, values in SEGMENTS]
    missing = [(tag, values) for tag, values in SEGMENTS if tag not in TRAILERS]
    for segments in (wrong, missing):
        assert read_back(b"".join(write(segments, REPEATING))) == SEGMENTS


def test_it_looks_as_the_standard_says():
    segments = [
        ("UNB", [("UNOA", "3"), "A", "B", ("260302", "0915"), "1"]),
        ("UNH", ["1", ("ORDERS", "D", "96A", "UN")]),
        ("FTX", ["O'CLOCK", ("A+B", "50?")]),
    ]
    assert b"".join(write(segments)) == (
        b"UNA:+.? 'UNB+UNOA:3+A+B+260302:0915+1'UNH+1+ORDERS:D:96A:UN'FTX+O?'CLOCK+A?+B:50??'UNT+3+1'UNZ+1+1'"
    )


def test_interactive_interchanges_and_several_in_a_row():
    interactive = [
        ("UIB", [("UNOA", "0"), "D1"]), ("UIH", [("SCRIPT", "010", "006"), "M1"]), ("STS", ["1"]),
        ("UIT", ["M1", "3"]), ("UIZ", ["D1", "1"]),
    ]  # fmt: skip
    assert read_back(b"".join(write(interactive * 2))) == interactive * 2


def test_level_b_has_no_advice_and_no_release():
    segments = [("UNB", [("UNOB", "1"), "A?", "B'", "1", "1"]), ("UNZ", ["0", "1"])]
    data = b"".join(write(segments, LEVEL_B))
    assert data == b"UNB\x1dUNOB\x1f1\x1dA?\x1dB'\x1d1\x1d1\x1cUNZ\x1d0\x1d1\x1c"
    assert read_back(data) == segments


def message(*segments: tuple, level: str = "UNOC", version: str = "3") -> list:
    return [("UNB", [(level, version), "A", "B", "1", "1"]), ("UNH", ["1", ("ORDERS", "D", "96A")]), *segments]


UNWRITABLE = [
    ("repetition before version 4", message(("FTX", [["SECRET", "b"]])), None, "FTX-1"),
    ("no release", message(("FTX", ["", ("", "SECRET+")])), Delimiters(release=None), "FTX-2.2"),
    ("line break", message(("FTX", ["SECRET\n"])), None, "FTX-1"),
    ("beyond the level", message(("FTX", ["SECRETé"]), level="UNOA"), None, "FTX"),
    ("beyond latin-1", message(("FTX", ["SECRETЖ"])), None, "FTX"),
    ("components of components", message(("FTX", [(("SECRET",),)])), None, "FTX-1"),
    ("reference too long", [("UNB", [("UNOC", "3"), "A", "B", "1", "SECRET" * 3])], None, "UNB-5"),
    ("no reference", [("UNB", [("UNOC", "3"), "A", "B", "1"])], None, "UNB-5"),
    ("no tag", message(("SECRET", ["1"])), None, "segment 3"),
    ("outside of a message", [*message()[:1], ("FTX", ["SECRET"])], None, "FTX"),
    ("outside of an interchange", message()[1:], None, "UNH"),
    ("trailer of nothing", message(("UNE", ["SECRET"])), None, "UNE"),
    ("package", [*message()[:1], ("UNO", ["SECRET"])], None, "UNO"),
    ("a separator twice", message(), Delimiters(component="+"), "separators"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("segments", "delimiters", "place"), [case[1:] for case in UNWRITABLE], ids=[case[0] for case in UNWRITABLE]
)
def test_what_cannot_be_written_is_named_by_its_place_alone(segments, delimiters, place):
    with pytest.raises(ValueError, match=place) as raised:
        list(write(segments, delimiters))
    assert "SECRET" not in str(raised.value)


def test_separators_of_ones_own_need_advice():
    with pytest.raises(ValueError, match="need UNA"):
        write([], Delimiters(element="*"), advice=False)
    with pytest.raises(ValueError, match="line break"):
        write([], line_break="~")
