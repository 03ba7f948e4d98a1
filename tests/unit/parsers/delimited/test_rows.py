import random

import pytest

import parsers
from parsers.delimited import Dialect
from parsers.events import Finished, Identified, InterchangeOpened, SetOpened
from tests.unit.parsers.lossless import elements, laid_out, texts, verdicts

SOUND = ["set accepted", "interchange accepted"]
CUT = ["set incomplete", "interchange incomplete"]
CASES = [
    ("plain", "id,name\n1,Alba\n2,Bruno\n", ["id,name", "1,Alba", "2,Bruno"], [], SOUND),
    ("crlf", "id,name\r\n1,Alba\r\n", ["id,name", "1,Alba"], [], SOUND),
    ("cr", "id,name\r1,Alba\r", ["id,name", "1,Alba"], [], SOUND),
    ("no last line break", "id,name\n1,Alba", ["id,name", "1,Alba"], [], SOUND),
    ("blank lines", "\n\nid,name\n\n\n1,Alba\n\n\x1a", ["id,name", "1,Alba"], [], SOUND),
    ("byte order mark", "\ufeffid,name\n1,Alba\n", ["id,name", "1,Alba"], [], SOUND),
    ("semicolons, decimal commas", "id;pay\n1;2,5\n2;3,5\n", ["id;pay", "1;2,5", "2;3,5"], [], SOUND),
    ("quoted", 'id,name\n1,"Alba, Sons"\n2,"say ""hi"""\n', ["id,name", '1,"Alba, Sons"', '2,"say ""hi"""'], [], SOUND),
    ("quoted line break", 'id,name\n1,"Al\nba"\n2,b\n', ["id,name", '1,"Al\nba"', "2,b"], [], SOUND),
    ("quoted line breaks, last row", 'id,name\r\n1,"A\r\n\r\nb"', ["id,name", '1,"A\r\n\r\nb"'], [], SOUND),
    ("doubled quote before a line break", 'id,name\n1,"A""\nb"\n2,c\n', ["id,name", '1,"A""\nb"', "2,c"], [], SOUND),
    ("stray quote", 'id,size\n1,5" pipe\n2,b\n', ["id,size", '1,5" pipe', "2,b"], [], SOUND),
    ("quote never closed", 'id,name\n1,a\n2,"b\n3,c\n', ["id,name", "1,a"], ["quote-unterminated"], CUT),
    ("ragged", "id,name\n1\n2,a,b\n3,c\n", ["id,name", "1", "2,a,b", "3,c"], ["warning row-ragged"] * 2, SOUND),
    ("ragged by a quoted delimiter", 'id,name\n1,"a",b\n', ["id,name", '1,"a",b'], ["warning row-ragged"], SOUND),
    ("names missing and twice", "id,,id\n1,2,3\n", ["id,,id", "1,2,3"], ["warning header-empty", "warning header-duplicate"], SOUND),
    ("no header", "1,2\n3,4\n", ["1,2", "3,4"], [], SOUND),
    ("formula", "id,name\n1,=A1\n2,@x\n", ["id,name", "1,=A1", "2,@x"], ["info formula-cell"], SOUND),
    ("quoted formula", 'id,name\n1,"=A1"\n', ["id,name", '1,"=A1"'], ["info formula-cell"], SOUND),
    ("formula by a sign", "id,name\n1,-A1\n", ["id,name", "1,-A1"], ["info formula-cell"], SOUND),
    ("signed numbers", "id,pay\n1,-5.5\n2,+3\n3,-\n", ["id,pay", "1,-5.5", "2,+3", "3,-"], [], SOUND),
]  # fmt: skip


@pytest.mark.parametrize("piece", [7, 64, 1 << 20])
@pytest.mark.parametrize(
    ("text", "rows", "said", "ended"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_rows_stand_where_the_offsets_say(monkeypatch, text, rows, said, ended, piece):
    data = text.encode()
    made, _ = laid_out(monkeypatch, data, piece, layout=Dialect())
    read = [item for item in made if isinstance(item, tuple)]
    assert [item[0] for item in read] == rows
    assert all(data[item[1] :].startswith(item[0].encode()) for item in read)
    assert verdicts(data, layout=Dialect()) == (said, ended)


def test_what_content_tells_is_read_at_the_lossless_level_and_opaque_to_the_server():
    data = b"id,name\n1,Alba\n2,Bruno\n"
    *events, last = parsers.read([data])
    assert events == [Identified(standard="csv", encoding="ascii")]
    assert last == Finished(outcome="opaque", interchanges=0, sets=0, records=0, size_bytes=len(data))
    *items, last = parsers.segments([data])
    assert (last.outcome, last.interchanges, last.sets) == ("complete", 1, 1)
    assert [type(item) for item in items[1:3]] == [InterchangeOpened, SetOpened]


def test_cells_are_named_by_the_header_and_have_offsets():
    assert elements(b'id;"full name";\r\n1;"Al ""ba""";x\r\n', layout=Dialect()) == [
        [("1", "id", 0), ("2", "full name", 3), ("3", "", 15)],
        [("id", "1", 17), ("full name", 'Al "ba"', 19), ("3", "x", 31)],
    ]


def test_cells_are_decoded():
    assert elements("id,name\n1,Müller\n".encode(), layout=Dialect())[1][1] == ("name", "Müller", 10)
    assert elements("id,name\n1,M\xfcller\n".encode("latin-1"), layout=Dialect())[1][1] == ("name", "Müller", 10)
    assert elements("\ufeffid,naïve\n1,Müller\n".encode("utf-16-le"), layout=Dialect())[1][1] == ("naïve", "Müller", 24)


@pytest.mark.parametrize("dialect", [Dialect("|", header=False), Dialect("|", quote="")])
def test_the_caller_may_say_how(dialect):
    assert texts(b'a,"b|c\nd,e|f\n', layout=dialect) == ['a,"b|c', "d,e|f"]


def test_a_row_with_far_too_many_cells():
    said, ended = verdicts(b"a,b\n" + b"," * 10_000 + b"\n", layout=Dialect())
    assert said == ["warning row-ragged", "too-many-cells"]
    assert ended[0] == "set rejected"


@pytest.mark.parametrize(
    ("tail", "said", "last"),
    [(b'"\n1,2\n', ["row-too-long"], "1,2"), (b"", ["row-too-long", "quote-unterminated"], "a,b")],
)
def test_a_row_too_long_to_hold(monkeypatch, tail, said, last):
    data = b'a,b\n1,"' + b"x\n" * 50_000 + tail
    made, findings = laid_out(monkeypatch, data, 5000, layout=Dialect(), held_bytes=1000)
    assert sorted(finding.code for finding in findings) == sorted(f"csv.{code}" for code in said)
    assert [item[0] for item in made if isinstance(item, tuple)][-1] == last


def test_cut_at_every_byte(monkeypatch):
    data = '\ufeffid;name\r\n1;"Al\r\nba"\r\n2;"say ""hi"""\r\n'.encode()
    for stop in range(len(data)):
        made, _ = laid_out(monkeypatch, data[:stop], layout=Dialect())
        assert isinstance(made[-1], Finished)


def test_any_bytes_read_the_same_however_they_come(monkeypatch):
    chance = random.Random(7)  # noqa: S311  no secret
    for _ in range(300):
        data = bytes(chance.choice(b'a,"\n\r=1') for _ in range(chance.randrange(50)))
        whole = laid_out(monkeypatch, data, layout=Dialect(","))
        assert laid_out(monkeypatch, data, 1, layout=Dialect(",")) == whole, data
        assert laid_out(monkeypatch, data, 7, layout=Dialect(",")) == whole, data


@pytest.mark.parametrize("lines", [5_000, 200_000])
def test_a_long_quoted_row_is_taken_whole(lines):
    cell = '"' + "x\n" * lines + '"'
    data = f"id,name\n1,{cell}\r\n\r\n2,b\n".encode()
    assert texts(data, layout=Dialect()) == ["id,name", f"1,{cell}", "2,b"]


def test_ragged_rows_beyond_the_limit_are_counted():
    found = [
        item
        for item in parsers.segments([b"a,b\n" + b"1\n" * 50], parsers.Limits(findings=5), layout=Dialect())
        if isinstance(item, parsers.Finding)
    ]
    assert [item.code for item in found] == ["csv.row-ragged"] * 5 + ["findings.more-left-out"]
    assert found[-1].message.startswith("45 ")
