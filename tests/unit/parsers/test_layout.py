import tomllib

import pytest

from parsers.layout import Layout, layout_from

FIELD = {"name": "a", "length": 3}
RECORD = {"name": "line", "fields": [FIELD]}
TOML = """
name = "payroll"
columns = "characters"
charset = "utf-8"
[[records]]
name = "header"
when = {start = 1, text = "H"}
fields = [{name = "kind", length = 1}, {name = "day", length = 8, type = "date"}]
[[records]]
name = "line"
fields = [{name = "employee", length = 6, type = "n"}, {name = "pay", start = 10, length = 6, type = "money", decimals = 2}]
"""


def one_field(**keys) -> Layout:
    return layout_from({"records": [{"name": "line", "fields": [{"name": "a", "length": 6, **keys}]}]})


def test_a_layout_out_of_toml():
    layout = layout_from(tomllib.loads(TOML))
    assert [(field.name, field.start, field.end) for record in layout.records for field in record.fields] == [
        ("kind", 1, 1), ("day", 2, 9), ("employee", 1, 6), ("pay", 10, 15),
    ]  # fmt: skip
    assert (layout.name, layout.counts_characters, layout.charset) == ("payroll", True, "utf-8")
    assert (layout.tag("H20260302"), layout.tag("000042")) == ("header", "line")


WRONG = [
    ({}, "records: is a list"),
    ({"records": []}, "records: is a list"),
    ({"records": [7]}, r"records\[0\]: is a table"),
    ({"records": [RECORD], "nmae": 1}, "nmae: unknown key"),
    ({"records": [RECORD], "name": 7}, "name: is a text"),
    ({"records": [RECORD, RECORD]}, "records: two have the same name"),
    ({"records": [{**RECORD, "feilds": 1}]}, r"records\[0\]\.feilds: unknown key"),
    ({"records": [{"name": "line"}]}, r"records\[0\]\.fields: is a list"),
    ({"records": [{"name": "line", "fields": [FIELD, {"name": "b"}]}]}, r"records\[0\]\.fields\[1\]\.length: is a number"),
    ({"records": [{"name": "line", "fields": [{**FIELD, "length": True}]}]}, r"fields\[0\]\.length: is a number"),
    ({"records": [{"name": "line", "fields": [{**FIELD, "lenght": 3}]}]}, r"fields\[0\]\.lenght: unknown key"),
    ({"records": [{"name": "line", "fields": [{**FIELD, "type": "x"}]}]}, r"fields\[0\]\.type: is one of an, n, date, money, packed"),
    ({"records": [{"name": "line", "fields": [{**FIELD, "pad": "ab"}]}]}, r"fields\[0\]\.pad: is one character"),
    ({"records": [{"name": "line", "fields": [{**FIELD, "decimals": 2}]}]}, r"fields\[0\]\.decimals: only money and packed"),
    ({"records": [{"name": "line", "fields": [{**FIELD, "start": 0}]}]}, r"fields\[0\]\.start: is a number"),
    ({"records": [{"name": "line", "fields": [{**FIELD, "start": 1 << 20}]}]}, r"fields\[0\]\.length: a record has at most"),
    ({"records": [{"name": "line", "fields": [FIELD, {"name": "b", "start": 2, "length": 1}]}]}, r"fields\[1\]\.start: lies in another"),
    ({"records": [{"name": "line", "fields": [FIELD, FIELD]}]}, r"fields\[1\]\.name: another field"),
    ({"records": [{**RECORD, "when": {"start": 1}}]}, r"records\[0\]\.when\.text: is a text"),
    ({"records": [{**RECORD, "when": [{"start": 1, "text": "H"}, {"text": "H"}]}]}, r"records\[0\]\.when\[1\]\.start: is a number"),
    ({"records": [RECORD], "line_ends": "no"}, "line_ends: is true or false"),
    ({"records": [RECORD], "line_ends": False}, "record_length: is needed"),
    ({"records": [RECORD], "record_length": 2}, r"records\[0\]\.fields: reach beyond record_length"),
    ({"records": [RECORD], "record_length": 3, "line_ends": False, "columns": "characters"}, "columns: records without line ends"),
    ({"records": [RECORD], "columns": "glyphs"}, "columns: is one of bytes, characters"),
    ({"records": [RECORD], "charset": "klingon"}, "charset: no such"),
    ({"records": [RECORD], "charset": "rot13"}, "charset: no such"),
    ({"records": [RECORD], "charset": "utf-16"}, "charset: a blank takes more"),
]  # fmt: skip


@pytest.mark.parametrize(("definition", "message"), WRONG)
def test_what_makes_no_sense_is_named_by_its_key(definition, message):
    with pytest.raises(ValueError, match=message):
        layout_from(definition)


READ = [
    ({}, "ab    ", "ab"),
    ({}, " ab   ", " ab"),
    ({"justify": "right"}, "    ab", "ab"),
    ({"pad": "*"}, "ab****", "ab"),
    ({"type": "n"}, "000042", "000042"),
    ({"type": "n"}, "    42", "42"),
    ({"type": "n"}, "      ", ""),
    ({"type": "date"}, "260302", "260302"),
    ({"type": "money", "decimals": 2}, "001050", "10.50"),
    ({"type": "money", "decimals": 2}, "-00005", "-0.05"),
    ({"type": "money", "decimals": 2}, "+00005", "0.05"),
    ({"type": "money", "decimals": 8}, "000005", "0.00000005"),
    ({"type": "money"}, "001050", "001050"),
    ({"type": "money", "decimals": 2}, "MUCH  ", "MUCH"),
    ({"type": "money", "decimals": 2}, "      ", ""),
    ({"type": "packed", "decimals": 2}, b"\x00\x00\x00\x01\x05\x0c".decode("latin-1"), "10.50"),
    ({"type": "packed", "decimals": 2}, b"\x00\x00\x00\x01\x05\x0d".decode("latin-1"), "-10.50"),
    ({"type": "packed"}, b"\x00\x00\x00\x00\x04\x2f".decode("latin-1"), "00000000042"),
    ({"type": "packed"}, "no one", "no one"),
]


@pytest.mark.parametrize(("keys", "sent", "meant"), READ)
def test_values_lose_their_padding(keys, sent, meant):
    assert [one.text for one in one_field(**keys).elements(sent, 0)] == [meant]


WRITTEN = [
    ({}, "ab", b"ab    "),
    ({"justify": "right"}, "ab", b"    ab"),
    ({}, "", b"      "),
    ({"type": "n"}, "42", b"000042"),
    ({"type": "n", "pad": " "}, "42", b"    42"),
    ({"type": "n"}, "", b"      "),
    ({"type": "money", "decimals": 2}, "10.50", b"001050"),
    ({"type": "money", "decimals": 2}, "10.5", b"001050"),
    ({"type": "money", "decimals": 2}, "-10", b"-01000"),
    ({"type": "packed", "decimals": 2}, "10.50", b"\x00\x00\x00\x01\x05\x0c"),
    ({"type": "packed", "decimals": 2}, "-10.50", b"\x00\x00\x00\x01\x05\x0d"),
    ({"type": "packed"}, "", b"\x00\x00\x00\x00\x00\x0c"),
]


@pytest.mark.parametrize(("keys", "value", "sent"), WRITTEN)
def test_values_are_padded(keys, value, sent):
    layout = one_field(**keys)
    assert layout.compose(layout.records[0], [value]) == sent


REFUSED = [
    ({}, "too long", "line/a is longer than its 6 columns"),
    ({}, "ümläut", "line/a is longer than its 6 columns"),
    ({}, "a\nb", "line/a has a line break"),
    ({"type": "n"}, "4.2", "line/a is not made of digits"),
    ({"type": "date"}, "today", "line/a is not made of digits"),
    ({"type": "money", "decimals": 2}, "1e5", "line/a is not a number"),
    ({"type": "money", "decimals": 2}, "1.005", "line/a has more than 2 decimals"),
    ({"type": "packed"}, "9" * 12, "line/a is longer than its 6 bytes"),
    ({"type": "packed"}, "x", "line/a is not a number"),
    ({}, ("a", "b"), "line/a is one text"),
]


@pytest.mark.parametrize(("keys", "value", "message"), REFUSED)
def test_what_does_not_fit_is_refused_without_its_value(keys, value, message):
    layout = one_field(**keys)
    with pytest.raises(ValueError, match=f"^{message}"):
        layout.compose(layout.records[0], [value])


def test_large_amounts_stay_exact():
    layout = layout_from(
        {"records": [{"name": "line", "fields": [{"name": "a", "length": 40, "type": "money", "decimals": 2}]}]}
    )
    value = "12345678901234567890123456789012345.67"
    sent = layout.compose(layout.records[0], [value])
    assert layout.elements(sent.decode(), 0)[0].text == value


def test_columns_count_characters_where_the_layout_says_so():
    fields = [{"name": "name", "length": 4}, {"name": "city", "length": 4}]
    sent = "Jörgköln".encode().decode("latin-1")
    by_characters = layout_from({"columns": "characters", "records": [{"name": "line", "fields": fields}]})
    assert [(one.text.encode("latin-1").decode(), one.offset) for one in by_characters.elements(sent, 10)] == [
        ("Jörg", 10), ("köln", 15),
    ]  # fmt: skip
    by_bytes = layout_from({"records": [{"name": "line", "fields": fields}]})
    assert [(len(one.text), one.offset) for one in by_bytes.elements(sent, 10)] == [(4, 10), (4, 14)]


def test_what_tells_a_record_is_ascii():
    record = {"name": "line", "when": {"start": 1, "text": "é"}, "fields": [{"name": "a", "length": 5}]}
    with pytest.raises(ValueError, match=r"records\[0\]\.when"):
        layout_from({"records": [record]})
    assert layout_from({"charset": "cp037", "records": [record]}).records
