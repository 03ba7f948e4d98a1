import pytest

from parsers.findings import NotThisStandard
from parsers.hl7.delimiters import Delimiters, read_header, unescape


@pytest.mark.parametrize(
    ("segment", "delimiters"),
    [
        ("MSH|^~\\&|A", Delimiters("|", "^", "~", "\\", "&")),
        ("MSH|^~\\&#|A", Delimiters("|", "^", "~", "\\", "&")),
        ("MSH^~|\\&^A", Delimiters("^", "~", "|", "\\", "&")),
        ("MSH|^~|A", Delimiters("|", "^", "~", "", "\x03")),
        ("MSH|^", Delimiters("|", "^", "\x01", "", "\x03")),
        ("MSH||A", Delimiters(as_declared=False)),
        ("MSH|", Delimiters(as_declared=False)),
        ("MSH|^^\\&|A", Delimiters(as_declared=False)),
        ("MSH|abcd|A", Delimiters(as_declared=False)),
        ("MSH|^~\\&#!|A", Delimiters(as_declared=False)),
    ],
)
def test_the_separators_are_read_out_of_the_header(segment, delimiters):
    assert read_header(segment) == delimiters


@pytest.mark.parametrize("segment", ["MSH", "MSHA", "MSH ", "BHS1|"])
def test_a_word_that_only_begins_like_a_header_is_none(segment):
    with pytest.raises(NotThisStandard):
        read_header(segment)


@pytest.mark.parametrize(
    ("sent", "text"),
    [
        ("plain", "plain"),
        ("A \\T\\ B", "A & B"),
        ("\\F\\\\S\\\\R\\\\E\\\\P\\", "|^~\\#"),
        ("one\\.br\\two", "one\ntwo"),
        ("\\H\\bold\\N\\", "bold"),
        ("\\X0D0A\\", "\r\n"),
        ("\\X4a\\\\X4B\\", "JK"),
        ("\\X4\\", "\\X4\\"),
        ("C:\\dir\\T\\x", "C:\\dir&x"),
        ("no end \\T", "no end \\T"),
        ("\\Cxxyy\\ \\Z1\\", "\\Cxxyy\\ \\Z1\\"),
        ("\\E\\T\\E\\", "\\T\\"),
    ],
)
def test_unescape(sent, text):
    assert unescape(sent, Delimiters()) == text


def test_nothing_is_unescaped_when_no_escape_character_is_declared():
    assert unescape("\\T\\", read_header("MSH|^~|")) == "\\T\\"


def test_other_separators_come_back_as_themselves():
    assert unescape("a!F!b!S!c", read_header("MSH*@~!&*")) == "a*b@c"
