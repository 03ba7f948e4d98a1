"""What blocks and fields are made of, and where a message may begin."""

import pytest

import parsers
from parsers.segments import Element, Segments
from parsers.swift_mt.blocks import SYNTAX, starts


def shown(element: Element) -> tuple:
    parts = element.components
    return (element.name, element.offset, element.text) if parts is None else (element.name, *map(shown, parts))


ELEMENTS = [
    ("basic header", "{1:F01BANKBEBBAXXX2222123456}", "1",
     [("{1:}/application", 3, "F"), ("{1:}/service", 4, "01"), ("{1:}/terminal", 6, "BANKBEBBAXXX"), ("{1:}/session", 18, "2222"), ("{1:}/sequence", 22, "123456")]),
    ("input", "{2:I103ACMEDEFFXXXXN2020}", "2",
     [("{2:}/direction", 3, "I"), ("{2:}/type", 4, "103"), ("{2:}/terminal", 7, "ACMEDEFFXXXX"), ("{2:}/priority", 19, "N"), ("{2:}/monitoring", 20, "2"), ("{2:}/obsolescence", 21, "020")]),
    ("output", "{2:O1030915260302ACMEDEFFAB1200000000012603020916N}", "2",
     [("{2:}/direction", 3, "O"), ("{2:}/type", 4, "103"), ("{2:}/input-time", 7, "0915"), ("{2:}/input-date", 11, "260302"), ("{2:}/terminal", 17, "ACMEDEFFAB12"),
      ("{2:}/input-session", 29, "0000"), ("{2:}/input-sequence", 33, "000001"), ("{2:}/output-date", 39, "260302"), ("{2:}/output-time", 45, "0916"), ("{2:}/priority", 49, "N")]),
    ("a header of another layout", "{2:E623}", "2", [("{2:}", 3, "E623")]),
    ("tags in a block", "{5:{MAC:00}{TNG:}}", "5",
     [("{5:}/MAC", ("{5:}/MAC/tag", 4, "MAC"), ("{5:}/MAC/value", 8, "00")), ("{5:}/TNG", ("{5:}/TNG/tag", 12, "TNG"), ("{5:}/TNG/value", 16, ""))]),
    ("text begins", "{4:", "4", []),
    ("text ends", "-}", "-", []),
    ("messages are parted", "$", "$", []),
    ("a field", ":20:REF-1", "20", [(":20:", 4, "REF-1")]),
    ("an empty field", ":15A:", "15A", [(":15A:", 5, "")]),
    ("lines", ":50K:ONE\r\nTWO\n\nFOUR", "50K", [(":50K:", 5, "ONE"), (":50K:/2", 10, "TWO"), (":50K:/3", 14, ""), (":50K:/4", 15, "FOUR")]),
    ("entry", ":61:2603020302D25,5NTRFNONREF//1\nMORE", "61",
     [(":61:", (":61:/value-date", 4, "260302"), (":61:/entry-date", 10, "0302"), (":61:/mark", 14, "D"), (":61:/amount", 15, "25,5"),
       (":61:/type", 19, "NTRF"), (":61:/customer-reference", 23, "NONREF"), (":61:/bank-reference", 31, "1")), (":61:/2", 33, "MORE")]),
    ("entry with a funds code and no more", ":61:260302RDR5,NMSC//1", "61",
     [(":61:", (":61:/value-date", 4, "260302"), (":61:/mark", 10, "RD"), (":61:/funds-code", 12, "R"), (":61:/amount", 13, "5,"),
       (":61:/type", 15, "NMSC"), (":61:/bank-reference", 21, "1"))]),
    ("entry that is none", ":61:260302X5,NMSC", "61", [(":61:", 4, "260302X5,NMSC")]),
    ("balance", ":60F:C260301EUR100, ", "60F", [(":60F:", (":60F:/mark", 5, "C"), (":60F:/date", 6, "260301"), (":60F:/currency", 12, "EUR"), (":60F:/amount", 15, "100,"))]),
    ("balance that is none", ":60F:C260301100,", "60F", [(":60F:", 5, "C260301100,")]),
    ("entries", ":90D:12EUR100,5", "90D", [(":90D:", (":90D:/number", 5, "12"), (":90D:/currency", 7, "EUR"), (":90D:/amount", 10, "100,5"))]),
    ("date and amount", ":32A:260301EUR100,", "32A", [(":32A:", (":32A:/date", 5, "260301"), (":32A:/currency", 11, "EUR"), (":32A:/amount", 14, "100,"))]),
    ("qualifier", ":95Q::MERE//ACME\nLANE", "95Q", [(":95Q:", (":95Q:/qualifier", 6, "MERE"), (":95Q:/source", 11, ""), (":95Q:/value", 12, "ACME")), (":95Q:/2", 17, "LANE")]),
    ("qualifier with its source", ":22F::CODE/DSSX/ABCD", "22F", [(":22F:", (":22F:/qualifier", 6, "CODE"), (":22F:/source", 11, "DSSX"), (":22F:/value", 16, "ABCD"))]),
    ("lines of the bank's", "BANKNL2A\n940", "", [("line", 0, "BANKNL2A"), ("line/2", 9, "940")]),
]  # fmt: skip


@pytest.mark.parametrize(("segment", "tag", "expected"), [case[1:] for case in ELEMENTS], ids=[c[0] for c in ELEMENTS])
def test_elements_have_names_and_places(segment, tag, expected):
    assert SYNTAX.tag(segment) == tag
    assert [shown(element) for element in SYNTAX.elements(segment, 0)] == expected
    assert [element.offset for element in SYNTAX.elements(segment, 100, 2)] == [
        100 + 2 * element.offset for element in SYNTAX.elements(segment, 0)
    ]


def test_elements_of_a_file_are_decoded():
    data = ":20:A\n:25:1\n:86:MÜLLER\nGRÖSSE\n".encode("latin-1")
    *_, last = (item for item in parsers.segments([data]) if isinstance(item, Segments))
    assert [shown(element) for element in last.elements(len(last) - 1)] == [
        (":86:", 16, "MÜLLER"),
        (":86:/2", 23, "GRÖSSE"),
    ]


STARTS = [
    ("{1:F01BANK", True), ("{1:A21", True), ("{2:I103", True), ("{2:O103", True), ("{4:\r\n:20:A", True), (":20:A", True),
    (":60F:", True), ("BANK\n940\nBANK\n:20:A", True), ("\x01\n:20:A", True), (":940:\n:20:", True),
    ("{1:x", False), ("{4:x", False), ("{1500}", False), ('{"1": 2}', False), (":99:A", False), ("a\nb\nc\nd\ne\n:20:A", False),
    ("x" * 50 + "\n:20:", False), ("ISA*00*", False), ("MSH|^~\\&|A", False), ("UNB+UNOA:1+A", False), ("01,A,B,260302,", False),
    ("", False), (":", False), ("{", False),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), STARTS)
def test_where_a_message_may_begin(text, expected):
    assert starts(text) is expected
