import pytest

from parsers.markup.writer import document, lines

CASES = [
    ("text", {"b": "1 < 2 & 3"}, "<a><b>1 &lt; 2 &amp; 3</b></a>"),
    ("attribute", {"b": {"@c": '"\n', "#text": "x"}}, '<a><b c="&quot;&#10;">x</b></a>'),
    ("nothing", {"b": "", "c": {}}, "<a><b/><c/></a>"),
    ("repeated", {"b": ["1", {"c": "2"}], "d": []}, "<a><b>1</b><b><c>2</c></b></a>"),
    ("only blanks", {"b": " \t"}, "<a><b>&#32;&#9;</b></a>"),
    ("a carriage return", {"b": "x\ry"}, "<a><b>x&#13;y</b></a>"),
]


@pytest.mark.parametrize(("content", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_values_become_elements(content, expected):
    assert "".join(lines("a", content)) == expected


def test_lines_are_indented_by_their_depth():
    root = list(lines("a", {"b": {"c": "1"}}, indent="\t", prefix="p:"))
    assert root == ["<p:a>", "\t<p:b>", "\t\t<p:c>1</p:c>", "\t</p:b>", "</p:a>"]
    data = document(root, indent="\t", line_break="\r\n", encoding="UTF-8")
    assert data.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\r\n<p:a>\r\n\t<p:b>\r\n')


@pytest.mark.parametrize(
    ("content", "place"),
    [
        ({"b": "\x00"}, "/a/b"),
        ({"b": {"@c": "\ufffe"}}, "/a/b/@c"),
        ({"b": "\ud800"}, "/a/b"),
        ({"b c": "1"}, "/a/b c"),
        ({"b": {"@1": "1"}}, "/a/b/@1"),
        ({"b": {"@c": ["1"]}}, "/a/b/@c"),
        ({"b": {"#text": "x", "c": "1"}}, "/a/b"),
        ({"b": {"#text": ["x"]}}, "/a/b"),
    ],
)
def test_what_xml_cannot_carry_is_refused_by_its_place(content, place):
    with pytest.raises(ValueError, match=rf"^{place} (is|has) "):
        list(lines("a", content))
