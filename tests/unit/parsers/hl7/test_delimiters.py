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


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("A", [("PV1-1", "A", 4)]),
        ("A^B", [("PV1-1.1", "A", 4), ("PV1-1.2", "B", 6)]),
        ("A&B", [("PV1-1.1.1", "A", 4), ("PV1-1.1.2", "B", 6)]),
        ("A&B^C", [("PV1-1.1.1", "A", 4), ("PV1-1.1.2", "B", 6), ("PV1-1.2", "C", 8)]),
        ("A~B&C", [("PV1-1", "A", 4), ("PV1-1.1.1", "B", 6), ("PV1-1.1.2", "C", 8)]),
        ("A\\T\\B", [("PV1-1", "A&B", 4)]),
    ],
)
def test_parts_have_their_place_in_the_name(field, expected):
    def leaves(element):
        parts = [*(element.repetitions or ()), *(element.components or ())]
        return [leaf for part in parts for leaf in leaves(part)] or [(element.name, element.text, element.offset)]

    assert [leaf for element in Delimiters().elements(f"PV1|{field}", 0) for leaf in leaves(element)] == expected
