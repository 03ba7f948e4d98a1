import pytest

import parsers
from parsers.elements import values
from parsers.segments import Segments
from parsers.swift_mt.writer import Writer

FIELDS = [
    ("20", ["REF-1"]),
    ("20C", [("SEME", "", "A1")]),
    ("22F", [("CODE", "DSSX", "ABCD")]),
    ("60F", [("C", "260301", "EUR", "100,")]),
    ("61", [("260302", "0302", "D", "25,5", "NTRF", "NONREF", "1"), "MORE"]),
    ("32A", [("260301", "EUR", "100,")]),
    ("50K", ["ONE", "", "THREE"]),
    ("15A", [""]),
]


def read_values(data: bytes) -> list[tuple[str, list]]:
    return [
        (item.syntax.tag(text), values(item.elements(index)))
        for item in parsers.segments([data])
        if isinstance(item, Segments)
        for index, text in enumerate(item.texts)
    ]


def message(writer: Writer) -> bytes:
    data = writer.headers("103", sender="BANKBEBB", receiver="ACMEDEFFB12", session=1, sequence=2, user=[("108", "M")])
    data += b"".join(writer.field(tag, *lines) for tag, lines in FIELDS)
    return data + writer.end([("CHK", "0123456789AB"), ("TNG", "")])


def statement(writer: Writer, *, opening: str = "C", amount: str = "100,") -> bytes:
    data = writer.field("20", "REF-1") + writer.field("25", "123") + writer.field("28C", "1/1")
    data += writer.field("60F", (opening, "260301", "EUR", amount))
    data += writer.field("61", "2603020302D25,5NTRFNONREF") + writer.field("61", "260302RC4,NTRF")
    return data + writer.closing("62F", "260302") + writer.end()


@pytest.mark.parametrize("line_break", ["\r\n", "\n"])
def test_what_is_written_reads_back_without_a_finding(line_break):
    data = message(Writer(line_break=line_break))
    assert not [item for item in parsers.segments([data]) if isinstance(item, parsers.Finding)]
    assert read_values(data) == [
        ("1", ["F", "01", "BANKBEBBAXXX", "0001", "000002"]),
        ("2", ["I", "103", "ACMEDEFFXB12", "N"]),
        ("3", [("108", "M")]),
        ("4", []),
        *FIELDS,
        ("-", []),
        ("5", [("CHK", "0123456789AB"), ("TNG", "")]),
    ]
    assert data.count(line_break.encode()) == 12


@pytest.mark.parametrize(
    ("opening", "amount", "closing"),
    [("C", "100,", "C260302EUR70,5"), ("D", "100,", "D260302EUR129,5"), ("C", "10,50", "D260302EUR19,00")],
)
def test_the_closing_balance_is_computed(opening, amount, closing):
    data = statement(Writer(line_break="\n"), opening=opening, amount=amount)
    assert f":62F:{closing}\n-\n".encode() in data
    assert not [item for item in parsers.segments([data]) if isinstance(item, parsers.Finding)]


@pytest.mark.parametrize(
    "data",
    [
        message(Writer()) + b"$" + message(Writer()),
        statement(Writer()) * 2,
        b"BANK\r\n940\r\n" + statement(Writer()),
        b":940:\r\n" + statement(Writer()),
        b"{1:F21BANKBEBBAXXX0000000001}{4:{177:2603020915}{451:0}}" + message(Writer()),
    ],
)
def test_what_was_read_is_written_again_with_other_line_breaks(data):
    again = b"".join(Writer(line_break="\n").rewrite(parsers.segments([data])))
    assert again == data.replace(b"\r\n", b"\n")
    assert read_values(again) == read_values(data)


REFUSED = [
    ("a colon", lambda writer: writer.field("70", "A", ":B"), "field 70: no line but the first"),
    ("a hyphen", lambda writer: writer.field("70", "A", "-B"), "field 70: no line but the first"),
    ("a line break", lambda writer: writer.field("70", "SECRET\nB"), "field 70: a line holds a line break"),
    ("an empty line at the end", lambda writer: writer.field("70", "SECRET", ""), "field 70: its last line"),
    ("a reference too long", lambda writer: writer.field("20", "SECRET" * 3), "field 20 has 18 characters"),
    ("no tag", lambda writer: writer.field("7", "SECRET"), "a tag has two digits"),
    ("two parts", lambda writer: writer.field("22F", ("SECRET", "B")), "field 22F: a line in parts"),
    ("repetitions", lambda writer: writer.field("22F", ["SECRET"]), "field 22F: a line is a text"),
    ("no BIC", lambda writer: writer.headers("103", sender="SECRET", receiver="ACMEDEFF"), "block 1: a BIC"),
    ("no type", lambda writer: writer.headers("MT103", sender="BANKBEBB", receiver="ACMEDEFF"), "block 2: a message"),
    ("a number too long", lambda w: w.headers("103", sender="BANKBEBB", receiver="ACMEDEFF", session=10000), "block 1:"),
    ("a brace", lambda w: w.headers("103", sender="BANKBEBB", receiver="ACMEDEFF", user=[("108", "SECRET}")]), "block 3:"),
    ("another alphabet", lambda w: message(w) and w.headers("103", sender="BANKBEBB", receiver="ACMEDEFF") and w.field("70", "SÉCRET"), "field 70 holds a char"),
    ("not in the encoding", lambda _: Writer(encoding="latin-1").field("86", "SECRET €"), "field 86 holds a char"),
    ("no opening balance", lambda writer: writer.closing("62F", "260302"), "field 62F needs an opening balance"),
    ("the next message", lambda writer: writer.field("86", "A", "{1:F01SECRET"), "field 86: a line would be read"),
    ("a line break in a block", lambda w: w.headers("103", sender="BANKBEBB", receiver="ACMEDEFF", user=[("108", "SECRET\nB")]), "block 3: a value holds a line"),
    ("a colon in a tag", lambda w: w.headers("103", sender="BANKBEBB", receiver="ACMEDEFF", user=[("SECRET:A", "B")]), "block 3: a tag"),
    ("other digits", lambda writer: writer.field("\u0662\u0660", "SECRET"), "a tag has two digits"),
    ("no date", lambda writer: writer.field("60F", ("C", "SECRET", "EUR", "1,")), "field 60F: its subfields"),
    ("no amount", lambda writer: writer.field("60F", ("C", "260302", "EURSECRET", "1,")), "field 60F: its subfields"),
    ("a slash in a qualifier", lambda writer: writer.field("20C", ("SECRET/", "", "B")), "field 20C: qualifier"),
    ("a trailer without blocks", lambda writer: writer.end([("CHK", "0")]), "block 5 needs"),
]  # fmt: skip


@pytest.mark.parametrize(("write", "place"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_cannot_be_written_is_named_by_its_place(write, place):
    with pytest.raises(ValueError, match=f"^{place}") as refused:
        write(Writer())
    assert "CRET" not in str(refused.value)


def test_balances_are_not_rounded():
    writer = Writer(line_break="\n")
    writer.field("60F", ("C", "260301", "EUR", "1" * 35 + ","))
    writer.field("61", "2603020302D25,5NTRFNONREF")
    assert writer.closing("62F", "260302") == f":62F:C260302EUR{'1' * 32}085,5\n".encode()
