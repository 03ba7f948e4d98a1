import pytest

from parsers.markup.syntax import Markup, resolved

CASES = [
    ("<GrpHdr>", "GrpHdr", []),
    ("</p:GrpHdr>", "/GrpHdr", []),
    ("<p:Amt Ccy='EUR' xsi:nil = \"&lt;&#x41;\n\"/>", "Amt", [("/Amt/@Ccy", "EUR", 12), ("/Amt/@xsi:nil", "<A ", 28)]),
    ("1 &amp; 2\r\n", "#text", [("", "1 & 2\n", 0)]),
    ("<![CDATA[&amp;<x>]]>", "#cdata-section", [("", "&amp;<x>", 9)]),
    ("<!-- why -->", "#comment", [("#comment", "why", 4)]),
    ("<?xml version='1.0'?>", "?xml", [("?xml", "version='1.0'", 5)]),
    ("Z\xc3\xbc &#8364;", "#text", [("", "Zü €", 0)]),
]


@pytest.mark.parametrize(("segment", "tag", "elements"), CASES)
def test_a_segment_says_what_stands_in_it(segment, tag, elements):
    syntax = Markup()
    assert syntax.tag(segment) == tag
    assert [(made.name, made.text, made.offset) for made in syntax.elements(segment, 0, 1)] == elements


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("&lt;&gt;&amp;&quot;&apos;", "<>&\"'"),
        ("&#65;&#x42;&#0000000067;", "ABC"),
        ("&#x1F600;", "\U0001f600"),
        ("&amp;lt;", "&lt;"),
        ("&unknown; & &#; &#xD800; &#x110000; &#99999999;", "&unknown; & &#; &#xD800; &#x110000; &#99999999;"),
    ],
)
def test_references_are_resolved_once_and_nonsense_stays_as_sent(text, expected):
    assert resolved(text) == expected
