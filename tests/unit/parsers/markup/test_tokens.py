"""The front door: every byte once, nothing taken from elsewhere, memory bounded whatever comes."""

import time
import tracemalloc
from itertools import chain, repeat

import pytest

from parsers import source
from parsers.limits import Limits
from parsers.markup.tokens import Document, Flaw, Stretch
from parsers.source import Source


def opened(chunks, encoding=None, **limits: int) -> tuple[Document, Source]:
    made = Source(chunks)
    made.decode_as(encoding)
    return Document(made, Limits(**limits)), made


def shown(data: bytes, encoding=None, **limits: int) -> tuple[list, list, bytes]:
    """Tokens with their bytes, the codes of what is wrong with theirs, and what was left."""
    document, made = opened([data], encoding, **limits)
    tokens, flaws, whole = [], [], b""
    for item in document.read():
        match item:
            case Stretch(run, depths):
                assert len(depths) == len(run.texts) + 1
                whole += run.encode(0, len(run.texts))
                tokens += [(text, run.byte(at)) for at, text in enumerate(run.texts)]
            case Flaw():
                flaws.append((item.code, item.offset))
            case _:
                assert item.offset == len(whole)
                whole += item.data
                tokens.append((item.kind, item.offset))
    rest = made.encode(made.held[made.at :])
    while made.more():
        rest += made.encode(made.held[made.at :])
    assert whole + rest == data
    return tokens, flaws, rest


CASES = [
    ("tags and text", b"<a><b>x</b></a>", [("<a>", 0), ("<b>", 3), ("x", 6), ("</b>", 7), ("</a>", 11)]),
    ("blanks behind a tag are its own", b"<a>\r\n <b> x </b>\n</a>\n", [("<a>", 0), ("<b>", 6), (" x ", 9), ("</b>", 12), ("</a>", 17)]),
    ("an empty element", b"<a ><b/></a>", [("<a >", 0), ("<b/>", 4), ("</a>", 8)]),
    ("an angle bracket in a value", b"<a b='>' c=\"/>\"><d/></a>", [("<a b='>' c=\"/>\">", 0), ("<d/>", 16), ("</a>", 20)]),
    ("declaration, comment, instruction", b"<?xml version='1.0'?>\n<!-- <x> --><?go on?><a/>", [("<?xml version='1.0'?>", 0), ("<!-- <x> -->", 22), ("<?go on?>", 34), ("<a/>", 43)]),
    ("CDATA", b"<a>1<![CDATA[<x>]]> 2</a>", [("<a>", 0), ("1", 3), ("<![CDATA[<x>]]>", 4), (" 2", 19), ("</a>", 21)]),
    ("what follows the root", b"<a/><!-- end --><?done?>\n", [("<a/>", 0), ("<!-- end -->", 4), ("<?done?>", 16)]),
    ("namespaces", b"<p:a xmlns:p='u'><b xmlns='v'/></p:a>", [("<p:a xmlns:p='u'>", 0), ("<b xmlns='v'/>", 17), ("</p:a>", 31)]),
]  # fmt: skip


@pytest.mark.parametrize("size", [1, 7, 64, 1 << 20])
@pytest.mark.parametrize(("data", "tokens"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_tokens_stand_where_the_offsets_say(data, tokens, size, monkeypatch):
    monkeypatch.setattr(source, "PIECE_BYTES", size)
    assert shown(data) == (tokens, [], b"")


@pytest.mark.parametrize(
    ("data", "rest"),
    [
        (b"<a/><b/>", b"<b/>"),
        (b"<a></a> junk", b" junk"),
        (b"<a/><?xml version='1.0'?><b/>", b"<?xml version='1.0'?><b/>"),
        (b"<a/>\x1a", b"\x1a"),
        (b"<a/>\n<!-- x -->\n<b/>", b"<b/>"),
        (b"<a/><!-- x ", b"<!-- x "),
    ],
)
def test_what_stands_behind_the_document_is_left(data, rest):
    assert shown(data)[1:] == ([], rest)


FLAWS = [
    ("doctype", b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'><a/>", [("doctype", 0)]),
    ("doctype behind a declaration", b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>", [("doctype", 21)]),
    ("doctype inside", b"<a><!DOCTYPE b></a>", [("doctype", 3)]),
    ("an entity that nobody declared", b"<a>&x;</a>", [("ill-formed", 3)]),
    ("tags that cross", b"<a><b></a></b>", [("ill-formed", 8)]),
    ("a bracket in a tag", b"<a><b <c/></a>", [("ill-formed", 3)]),
    ("an attribute twice", b"<a><b c='1' c='2'/></a>", [("ill-formed", 12)]),
    ("a prefix that nobody declared", b"<a><p:b/></a>", [("ill-formed", 3)]),
    ("the end of CDATA in text", b"<a>x]]>y</a>", [("ill-formed", 6)]),
    ("a control character", b"<a>x\x01y</a>", [("ill-formed", 4)]),
    ("a second declaration", b"<a><?xml version='1.0'?></a>", [("ill-formed", 3)]),
    ("text before the root", b"<?xml version='1.0'?>x<a/>", [("ill-formed", 22)]),
    ("no name", b"<a><></a>", [("ill-formed", 3)]),
    ("no UTF-8", b"<a>Z\xfcrich</a>", [("encoding-mismatch", 4)]),
    ("no ASCII", b"<?xml version='1.0' encoding='US-ASCII'?><a>Z\xc3\xbc</a>", [("encoding-mismatch", 45)]),
    ("UTF-8 that says UTF-16", b"<?xml version='1.0' encoding='UTF-16'?><a>\xc3\xbc</a>", [("encoding-mismatch", 0)]),
    ("an encoding that we do not know", b"<?xml version='1.0' encoding='KLINGON'?><a/>", [("encoding-unknown", 0)]),
    ("too deep", b"<a>" * 9 + b"</a>" * 9, [("nesting-too-deep", 24)]),
    ("too many attributes", b"<a><b " + b"".join(b"c%d='' " % n for n in range(9)) + b"/></a>", [("too-many-attributes", 3)]),
    ("a tag too long", b"<a><b c='" + b"x" * 300 + b"'/></a>", [("tag-too-long", 3)]),
    ("a text too long", b"<a>" + b"x" * 300 + b"</a>", [("text-too-long", 3)]),
    ("CDATA too long", b"<a><![CDATA[" + b"x" * 300 + b"]]></a>", [("text-too-long", 3)]),
    ("a comment too long", b"<a><!--" + b"x" * 300 + b"--></a>", [("comment-too-long", 3)]),
    ("an instruction too long", b"<?x " + b"x" * 300 + b"?><a/>", [("comment-too-long", 0)]),
    ("a long text, ill-formed", b"<a>" + b"x" * 300 + b"&y;</a>", [("text-too-long", 3), ("ill-formed", 303)]),
    ("cut in a tag", b"<a><b", [("cut-off", 5)]),
    ("cut in a value", b"<a b='>", [("cut-off", 7)]),
    ("cut in a comment", b"<a><!-- ", [("cut-off", 8)]),
    ("cut in a long comment", b"<a><!-- " + b"x" * 300, [("comment-too-long", 3), ("cut-off", 308)]),
    ("cut in a text", b"<a>x", [("cut-off", 4)]),
    ("cut in a long text", b"<a>" + b"x" * 300, [("text-too-long", 3), ("cut-off", 303)]),
    ("cut before the root", b"<?xml version='1.0'?>\n", [("cut-off", 22)]),
    ("cut at its first character", b"<", [("cut-off", 1)]),
    ("cut in a doctype", b"<!DOC", [("cut-off", 5)]),
]  # fmt: skip


@pytest.mark.parametrize("size", [7, 1 << 20])
@pytest.mark.parametrize(("data", "flaws"), [case[1:] for case in FLAWS], ids=[case[0] for case in FLAWS])
def test_each_flaw_is_said_where_it_stands(data, flaws, size, monkeypatch):
    monkeypatch.setattr(source, "PIECE_BYTES", size)
    assert shown(data, nesting=8, attributes=8, held_bytes=256)[1] == flaws


def test_nothing_is_lost_before_an_error():
    tokens, _, rest = shown(b"<a><b>1</b><c>&x;</c></a>")
    assert [text for text, _ in tokens] == ["<a>", "<b>", "1", "</b>", "<c>"]
    assert rest == b"&x;</c></a>"


def test_a_long_text_travels_in_parts_and_the_document_goes_on():
    tokens, flaws, rest = shown(b"<a><b>" + b"x" * 3_000_000 + b"</b>\n<c/></a>", held_bytes=1000)
    assert (tokens[:2], tokens[-3:]) == (
        [("<a>", 0), ("<b>", 3)],
        [("</b>", 3_000_006), ("<c/>", 3_000_011), ("</a>", 3_000_015)],
    )
    assert {kind for kind, _ in tokens[2:-3]} == {"segment"}
    assert (flaws, rest) == ([("text-too-long", 6)], b"")


ENCODINGS = [
    ("UTF-8", "utf-8", None, "utf-8"),
    ("ISO-8859-1", "latin-1", None, "iso-8859-1"),
    ("windows-1252", "cp1252", None, "cp1252"),
    ("ISO-8859-15", "iso8859-15", None, "iso8859-15"),
    ("UTF-16", "utf-16-le", "utf-16-le", "utf-8"),
    ("UTF-16", "utf-16-be", "utf-16-be", "utf-8"),
]


@pytest.mark.parametrize(("declared", "codec", "identified", "charset"), ENCODINGS)
def test_each_encoding_is_read_as_it_is_declared(declared, codec, identified, charset):
    data = f"<?xml version='1.0' encoding='{declared}'?><a b='é'>ü</a>".encode(codec)
    document, _ = opened([data], identified)
    (stretch,) = document.read()
    run, syntax = stretch.run, stretch.syntax
    (attribute,) = syntax.elements(run.texts[1], run.byte(1), run.unit)
    (text,) = syntax.elements(run.texts[2], run.byte(2), run.unit)
    assert (attribute.text, text.text, syntax.charset) == ("é", "ü", charset)
    assert data[text.offset :].decode(codec) == "ü</a>"
    assert data[attribute.offset :].decode(codec) == "é'>ü</a>"


def test_a_wide_file_that_says_that_it_is_narrow_is_read_as_it_is():
    data = "<?xml version='1.0' encoding='UTF-8'?><a>ü</a>".encode("utf-16-le")
    tokens, flaws, _ = shown(data, "utf-16-le")
    assert tokens[-2:] == [("ü", 82), ("</a>", 84)]
    assert flaws == [("encoding-mismatch", 0)]


def test_a_byte_order_mark_stands_above_the_declaration():
    data = b"\xef\xbb\xbf<?xml version='1.0' encoding='ISO-8859-1'?><a>\xc3\xbc</a>"
    _, made = opened([data])
    assert made.ahead(1)
    made.take_blanks()
    flaw, stretch = Document(made, Limits()).read()
    assert (flaw.code, flaw.severity, stretch.syntax.charset) == ("encoding-mismatch", "warning", "utf-8")


# --- hostile ---

MIB = 1 << 20
BOMB = b"<!DOCTYPE a [<!ENTITY a0 'ha'>" + b"".join(
    b"<!ENTITY a%d '%s'>" % (n, b"&a%d;" % (n - 1) * 10) for n in range(1, 12)
)
HOSTILE = [
    ("billion laughs", [BOMB, b"]><a>&a11;</a>"], "doctype"),
    ("quadratic blow-up", [b"<!DOCTYPE a [<!ENTITY x '", b"x" * MIB, b"'>]><a>", b"&x;" * MIB, b"</a>"], "doctype"),
    ("an external entity", [b"<!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]><a>&x;</a>"], "doctype"),
    ("a million attributes", [b"<a " + b"".join(b"b%d='' " % n for n in range(1_000_000)) + b"/>"], "too-many-attributes"),
    ("a million elements within each other", repeat(b"<a>" * 1000, 1000), "nesting-too-deep"),
    ("a text of 64 MiB", [b"<a>", *[b"x" * MIB] * 64, b"</a>"], "text-too-long"),
    ("blanks of 64 MiB", [b"<a>", *[b" " * MIB] * 64, b"<b/></a>"], "text-too-long"),
    ("a value of 64 MiB", [b"<a b='", *[b"x" * MIB] * 64, b"'/>"], "tag-too-long"),
    ("a comment of 64 MiB", [b"<a><!--", *[b"x" * MIB] * 64, b"--></a>"], "comment-too-long"),
    ("a tag without an end", chain([b"<a "], repeat(b"b" * MIB, 64)), "tag-too-long"),
    ("spaces in a tag", chain([b"<a"], repeat(b" " * MIB, 64)), "tag-too-long"),
    ("names without a value", [b"<a ", b"b " * (100 << 10), b"/>"], "ill-formed"),
    ("a name without an end", [b"<a><", b"b" * (200 << 10), b"/></a>"], ""),
]  # fmt: skip


@pytest.mark.parametrize(("chunks", "code"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_a_hostile_document_costs_no_more_than_its_limits(chunks, code):
    chunks = list(chunks)
    tracemalloc.start()
    began = time.process_time()
    try:
        document, made = opened(chunks)
        flaws = [item.code for item in document.read() if isinstance(item, Flaw)]
        made.at = len(made.held)
        while made.more():
            made.at = len(made.held)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert "".join(flaws[:1]) == code
    assert peak < 40 * MIB
    assert time.process_time() - began < 20, "time is linear in the size"
