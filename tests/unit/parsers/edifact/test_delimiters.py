import pytest

from parsers.edifact import starts
from parsers.edifact.delimiters import LEVEL_B, Delimiters, read_header
from parsers.findings import NotThisStandard

REST = "+SENDER+RECEIVER+260302:0915+1'"
HEADERS = [
    ("no UNA", f"UNB+UNOA:3{REST}", ":+.? '"),
    ("UNA", f"UNA:+.? 'UNB+UNOA:3{REST}", ":+.? '"),
    ("decimal comma", f"UNA:+,? 'UNB+UNOA:3{REST}", ":+,? '"),
    ("line break behind UNA", f"UNA:+.? '\r\nUNB+UNOA:3{REST}", ":+.? '"),
    ("odd separators", "UNA*@.? #UNB@UNOA*3@A@B@C@1#", "*@.? #"),
    ("backslash releases", f"UNA:+.\\ 'UNB+UNOA:3{REST}", ":+.\\ '"),
    ("nothing releases", f"UNA:+.  'UNB+UNOA:3{REST}", ":+.  '"),
    ("a line break ends segments", f"UNA:+.? \nUNB+UNOA:3{REST[:-1]}\n", ":+.? \n"),
    ("fifth character before version 4", f"UNA:+.?*'UNB+UNOA:3{REST}", ":+.? '"),
    ("fifth character in version 4", f"UNA:+.?*'UNB+UNOA:4{REST}", ":+.?*'"),
    ("no fifth character in version 4", f"UNA:+.? 'UNB+UNOA:4{REST}", ":+.? '"),
    ("version 4 without UNA", f"UNB+UNOA:4{REST}", ":+.?*'"),
    ("airlines repeat by UNA", f"UNA:+.?*'UNB+IATA:1{REST}", ":+.?*'"),
    ("level B without UNA", f"UNB+UNOB:1{REST}".translate(str.maketrans("+:'", "\x1d\x1f\x1c")), "\x1f\x1d.  \x1c"),
    ("wrapped", f"UNA:+.? '\nUNB+UN\nOA:3{REST}", ":+.? '"),
    ("interactive", "UIB+UNOA:0++1234567'", ":+.? '"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "advice"), [case[1:] for case in HEADERS], ids=[case[0] for case in HEADERS])
def test_the_separators_are_those_of_una_or_of_the_syntax(text, advice):
    header = read_header(text + "UNH+1+ORDERS:D:96A:UN'")
    assert header is not None
    assert header.delimiters.advice == f"UNA{advice}"
    assert header.end == len(text)
    assert text[header.start :][:3] in {"UNB", "UIB"}
    assert starts(text)


CUT = ["UNB+", "UNB+UNO", "UNB+UNOA:3+SEND", "UNA:", "UNA:+.? '", "UNA:+.? '\r\n", "UNA:+.? 'UN", "UNA:+.? 'UNB"]


@pytest.mark.parametrize("text", CUT)
def test_a_header_may_be_cut_off(text):
    assert read_header(text) is None
    assert starts(text)


STRANGE = [
    "", "U", "UNA", "UNB", "UNABLE TO", "UNA is a city", "UNB*UNOA=3*", "UNB+hello+world'", "UNB+UNO+A'", "UNB+'", "UNB+UNOAX:3'",
    "UNH+1+ORDERS:D:96A:UN'", "UNA:+.? 'UNH+1+ORDERS:D:96A:UN'", "UNA::.? 'UNB:", "UNA: .? 'UNB ", "UNA:+.''UNB+UNOA:3'",
    "ISA*00*          *", "STX=ANA:1+", "MSH|^~\\&|", "UNB+UNOA:3+" + "x" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("text", STRANGE)
def test_nothing_else_is_a_header(text):
    with pytest.raises(NotThisStandard):
        read_header(text)
    assert not starts(text)


CHARSETS = [
    ("UNOA", None),
    ("UNOB", None),
    ("UNOC", "latin-1"),
    ("UNOD", "iso8859-2"),
    ("UNOW", "utf-8"),
    ("UNOY", "utf-8"),
    ("KECA", None),
]


@pytest.mark.parametrize(("level", "charset"), CHARSETS)
def test_the_character_set_is_the_level_of_unb(level, charset):
    header = read_header(f"UNB+{level}:3{REST}")
    assert header is not None
    assert header.delimiters.charset == charset


def shown(elements, base=0):
    """Name, text or parts, and offset."""
    return [
        (one.name, one.text if one.text is not None else shown(one.repetitions or one.components), one.offset)
        for one in elements
    ]


ELEMENTS = [
    ("DTM+137:20260302:102", [("DTM-1", [("DTM-1.1", "137", 104), ("DTM-1.2", "20260302", 108), ("DTM-1.3", "102", 117)], 104)]),
    ("BGM+220++9", [("BGM-1", "220", 104), ("BGM-2", "", 108), ("BGM-3", "9", 109)]),
    ("UNS+S", [("UNS-1", "S", 104)]),
    ("UNS", []),
    ("FTX+A?+B?:C??D??+E", [("FTX-1", "A+B:C?D?", 104), ("FTX-2", "E", 117)]),
    ("FTX+???+??:??", [("FTX-1", [("FTX-1.1", "?+?", 104), ("FTX-1.2", "?", 111)], 104)]),
    ("FTX+A?", [("FTX-1", "A", 104)]),
    ("FTX+A?'B", [("FTX-1", "A'B", 104)]),
    ("FTX+A\r\nB:C", [("FTX-1", [("FTX-1.1", "AB", 104), ("FTX-1.2", "C", 109)], 104)]),
    ("FTX:2:1+A", [("FTX-1", "A", 108)]),
    ("RFF+VA:", [("RFF-1", [("RFF-1.1", "VA", 104), ("RFF-1.2", "", 107)], 104)]),
    ("UNA:+.? ", [("UNA-1", ":+.? '", 103)]),
]  # fmt: skip


@pytest.mark.parametrize(("segment", "expected"), ELEMENTS)
def test_elements_are_named_by_position_and_stand_where_the_offsets_say(segment, expected):
    assert shown(Delimiters().elements(segment, 100)) == expected


def test_repetitions_are_those_of_version_4():
    segment = "COM+s11:AA*s2?*1:AA*"
    (element,) = Delimiters(repetition="*").elements(segment, 0)
    assert shown([element]) == [
        ("COM-1", [
            ("COM-1", [("COM-1.1", "s11", 4), ("COM-1.2", "AA", 8)], 4),
            ("COM-1", [("COM-1.1", "s2*1", 11), ("COM-1.2", "AA", 17)], 11),
            ("COM-1", "", 20),
        ], 4)
    ]  # fmt: skip
    assert shown(Delimiters().elements(segment, 0))[0][1][1] == ("COM-1.2", "AA*s2*1", 8)


def test_level_b_needs_no_release():
    assert shown(LEVEL_B.elements("FTX\x1dA?\x1fB'", 0)) == [("FTX-1", [("FTX-1.1", "A?", 4), ("FTX-1.2", "B'", 7)], 4)]


def test_a_million_released_separators_take_no_time_worth_telling():
    (element,) = Delimiters().elements("FTX+" + "?+" * 500_000, 0)
    assert element.text == "+" * 500_000
