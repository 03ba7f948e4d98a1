import pytest

import parsers
from parsers.events import Finished, Identified, SetOpened
from parsers.layout import layout_from
from tests.unit.parsers.lossless import elements, laid_out, texts, verdicts

FIELDS = [
    {"name": "kind", "length": 1},
    {"name": "name", "length": 10},
    {"name": "pay", "length": 4, "type": "packed", "decimals": 2},
]
HEADER = {
    "name": "header",
    "when": {"start": 1, "text": "H"},
    "fields": [{"name": "kind", "length": 1}, {"name": "day", "length": 8, "type": "date"}],
}
LINE = {"name": "line", "when": {"start": 1, "text": "L"}, "fields": FIELDS}
PACKED = layout_from({"name": "payroll", "record_length": 15, "line_ends": False, "records": [HEADER, LINE]})
EBCDIC = layout_from({"record_length": 15, "line_ends": False, "charset": "cp500", "records": [HEADER, LINE]})
PLAIN = layout_from({"records": [{"name": "line", "fields": [{"name": "a", "length": 5}, {"name": "b", "length": 5}]}]})
PAY = b"\x00\x12\x34\x5c"
DATA = b"H20260302      " + b"LALBA      " + PAY + b"L\n\r        " + b"\x0d\x0a\x0d\x1d"

SOUND = ["set accepted", "interchange accepted"]


@pytest.mark.parametrize("piece", [7, 64, 1 << 20])
def test_records_without_line_ends(monkeypatch, piece):
    made, said = laid_out(monkeypatch, DATA, piece, layout=PACKED)
    assert [item[1] for item in made if isinstance(item, tuple)] == [0, 15, 30]
    assert said == []
    assert made[0] == Identified(standard="fixed-width", encoding=made[0].encoding)
    assert next(item for item in made if isinstance(item, SetOpened)).set == "payroll"


def test_packed_decimals_and_line_breaks_are_data():
    assert elements(DATA, layout=PACKED)[1:] == [
        [("line/kind", "L", 15), ("line/name", "ALBA", 16), ("line/pay", "123.45", 26)],
        [("line/kind", "L", 30), ("line/name", "\n\r", 31), ("line/pay", "\r\n\r\x1d", 41)],
    ]  # fmt: skip


def test_ebcdic_with_packed_decimals():
    data = "H20260302      ".encode("cp500") + "LÄLBA!     ".encode("cp500") + PAY
    assert elements(data, layout=EBCDIC)[1] == [
        ("line/kind", "L", 15),
        ("line/name", "ÄLBA!", 16),
        ("line/pay", "123.45", 26),
    ]
    assert verdicts(data, layout=EBCDIC) == ([], SOUND)


LINES = [
    ("lines", b"ab   cd   \nef   gh   \n", [], SOUND),
    ("crlf, no last line end", b"ab   cd   \r\nef   gh   ", [], SOUND),
    ("last field short", b"ab   c\nef   g\n", [], SOUND),
    ("fields missing", b"ab   cd   \nef\n", ["warning record-short"], SOUND),
    ("longer", b"ab   cd   x\n", ["warning record-long"], SOUND),
    ("longer by blanks", b"ab   cd      \n", [], SOUND),
    ("blank lines", b"ab   cd   \n\n\n\x1a", [], SOUND),
]


@pytest.mark.parametrize("piece", [7, 64, 1 << 20])
@pytest.mark.parametrize(("data", "said", "ended"), [case[1:] for case in LINES], ids=[case[0] for case in LINES])
def test_lines(monkeypatch, data, said, ended, piece):
    laid_out(monkeypatch, data, piece, layout=PLAIN)
    assert verdicts(data, layout=PLAIN) == (said, ended)


def test_a_record_that_the_layout_does_not_know():
    data = DATA + b"X" * 15
    assert verdicts(data, layout=PACKED) == (["warning record-unknown"], SOUND)
    assert elements(data, layout=PACKED)[-1] == [("record", "X" * 15, 45)]


def test_cut_in_a_record():
    assert verdicts(DATA[:-3], layout=PACKED) == (["record-cut-off"], ["set incomplete", "interchange incomplete"])
    assert verdicts(DATA + b"\r\n\x1a", layout=PACKED) == ([], SOUND), "what ends the file is no record"


def test_a_line_too_long_to_hold(monkeypatch):
    made, said = laid_out(monkeypatch, b"ab   cd   \n" + b"x" * 5000 + b"\n", 500, layout=PLAIN, held_bytes=1000)
    assert "segment" in made
    assert [finding.code for finding in said] == ["fixed-width.record-too-long"]


def test_cut_at_every_byte(monkeypatch):
    for layout, data in ((PACKED, DATA), (PLAIN, b"ab   cd   \r\nef   gh   \r\n")):
        for stop in range(len(data)):
            made, _ = laid_out(monkeypatch, data[:stop], layout=layout)
            assert isinstance(made[-1], Finished)


def test_a_byte_order_mark_is_no_column():
    assert texts("\ufeffab   cd   \n".encode(), layout=PLAIN) == ["ab   cd   "]


def test_without_its_layout_it_stays_opaque():
    data = b"0001 ALBA".ljust(60) + b"\n" + b"0002 BRUNO".ljust(60) + b"\n"
    *_, last = parsers.segments([data])
    assert (last.outcome, last.interchanges) == ("opaque", 0)
