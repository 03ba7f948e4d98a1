import pytest

from parsers.findings import NotThisStandard
from parsers.x12.delimiters import Delimiters, read_isa

PROPER = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260302*0915*^*00501*000000905*0*T*:~"
SHORT = "ISA*00**00**ZZ*SENDER*ZZ*RECEIVER*260302*0915*^*00501*905*0*T*:~"


@pytest.mark.parametrize(
    ("text", "delimiters"),
    [
        (PROPER, ("*", ":", "~", "^")),
        (PROPER.replace("*", "|").replace(":", ">").replace("~", "\n"), ("|", ">", "\n", "^")),
        (PROPER.replace("*", "\x1d").replace(":", "\x1f").replace("~", "\x1c"), ("\x1d", "\x1f", "\x1c", "^")),
        (PROPER.replace("*^*00501", "*U*00401"), ("*", ":", "~", None)),
        (PROPER.replace("*^*00501", "*^*00401"), ("*", ":", "~", None)),
        (PROPER.replace("*^*00501", "*^*00402"), ("*", ":", "~", "^")),
        (PROPER.replace("*^*00501", "*U*00501"), ("*", ":", "~", None)),
        (SHORT, ("*", ":", "~", "^")),
        (PROPER.replace("SENDER         ", "SENDER" + " " * 30), ("*", ":", "~", "^")),
        (PROPER.replace(":~", ":  ~"), ("*", ":", "~", "^")),
        (PROPER.replace(":~", "~GS*HC"), ("*", None, "~", "^")),
        (PROPER.replace("~", "\r\n"), ("*", ":", "\r", "^")),
        (PROPER.replace("~", "…").encode().decode("latin-1"), ("*", ":", "…".encode().decode("latin-1"), "^")),
        (PROPER.replace(":", "¶").encode().decode("latin-1"), ("*", "¶", "~", "^", None, "¶".encode().decode("latin-1"))),
        (PROPER[:80] + "\r\n" + PROPER[80:], ("*", ":", "~", "^")),
    ],
)  # fmt: skip
def test_the_separators_are_found_by_counting_elements(text, delimiters):
    header = read_isa(text + "GS*HC*SENDER")
    assert header is not None
    assert header.delimiters == Delimiters(*delimiters)
    assert text[: header.end].endswith(delimiters[2])


def test_the_header_is_read_where_it_stands():
    header = read_isa("junk" + PROPER + "GS*", 4)
    assert header is not None
    assert header.end == 4 + 106
    assert header.elements[:3] == ["ISA", "00", " " * 10]
    assert (header.elements[6].rstrip(), header.elements[13], header.elements[16]) == ("SENDER", "000000905", ":")


def test_a_line_break_in_the_header_is_no_part_of_an_element():
    wrapped = PROPER[:80] + "\n" + PROPER[80:]
    header = read_isa(wrapped)
    assert header is not None
    assert header.elements == read_isa(PROPER).elements


@pytest.mark.parametrize("size", [1, 3, 4, 50, 104, 105])
def test_more_has_to_arrive(size):
    assert read_isa(PROPER[:size]) is None


@pytest.mark.parametrize(
    "text",
    [
        "GS*HC",
        "ISABELLA came in and out again",
        "ISA 00 and so on",
        "ISA*" + "x" * 600,
        "ISA*" + "a*" * 300,
        PROPER.replace(":~", ":*"),
        PROPER.replace(":~", ":ABC"),
        "ISA*" + "y" * 81 + PROPER[3:],
    ],
)
def test_what_is_no_header_is_refused(text):
    with pytest.raises(NotThisStandard):
        read_isa(text)
