from datetime import UTC, datetime

import pytest

import parsers
from parsers.elements import values
from parsers.events import Finished, InterchangeOpened
from parsers.x12.delimiters import Delimiters
from parsers.x12.writer import Writer

AT = datetime(2026, 3, 2, 9, 15, tzinfo=UTC)
LINES = [
    ("BEG", "00", "SA", "PO-1", "", "20260302"),
    ("PO1", "1", "2", "EA", ("A", "B"), ["1", ("2", "3")]),
    ("CTT", "1"),
]


def written(writer: Writer, *, version: str = "00501") -> bytes:
    made = writer.interchange(sender=("ZZ", "ACME"), receiver=("14", "WORKS"), control_number=7, at=AT, version=version)
    made += writer.group("PO", sender="ACME", receiver="WORKS", control_number=3, at=AT, version="004010")
    for number in ("0001", "0002"):
        made += writer.set("850", number)
        made += b"".join(writer.segment(*line) for line in LINES)
        made += writer.end_set()
    return made + writer.end_group() + writer.end_interchange()


def read_values(data: bytes) -> list[tuple]:
    return [
        (item.syntax.tag(text), *values(item.elements(index)))
        for item in parsers.segments([data])
        if isinstance(item, parsers.Segments)
        for index, text in enumerate(item.texts)
    ]


@pytest.mark.parametrize("line_ending", ["", "\n", "\r\n"])
@pytest.mark.parametrize("delimiters", [Delimiters("*", ":", "~", "^"), Delimiters("|", ">", "\x1c", "!")])
def test_what_is_written_reads_back_without_a_finding(delimiters, line_ending):
    data = written(Writer(delimiters, line_ending=line_ending))
    items = list(parsers.segments([data]))
    assert not [item for item in items if isinstance(item, parsers.Finding)]
    assert isinstance(items[-1], Finished)
    assert items[-1].sets == 2
    assert read_values(data)[3:6] == LINES
    assert data.count((delimiters.segment + line_ending).encode()) == 14


def test_isa_has_its_fixed_width_and_names_the_separators():
    isa = written(Writer())[:106]
    assert isa == (
        b"ISA*00*          *00*          *ZZ*ACME           *14*WORKS          *260302*0915*^*00501*000000007*0*P*:~"
    )


def test_before_00402_there_is_no_repetition_separator():
    writer = Writer()
    isa = writer.interchange(sender=("ZZ", "ACME"), receiver=("14", "WORKS"), control_number=7, at=AT, version="00401")
    assert b"*U*00401*" in isa


def test_other_separators_keep_the_values():
    data = written(Writer())
    again = b"".join(Writer(Delimiters("|", "<", "'", "!"), line_ending="\n").rewrite(parsers.segments([data])))
    assert again.startswith(b"ISA|00|")
    assert [line for line in read_values(again) if line[0] != "ISA"] == [
        line for line in read_values(data) if line[0] != "ISA"
    ]
    assert b"".join(Writer().rewrite(parsers.segments([again]))) == data


def test_control_numbers_go_up_from_the_one_given():
    data = written(Writer()) * 2
    again = b"".join(Writer().rewrite(parsers.segments([data]), control_number=41))
    items = list(parsers.segments([again]))
    opened = [item.control_number for item in items if isinstance(item, InterchangeOpened)]
    assert opened == ["000000041", "000000042"]
    assert not [item for item in items if isinstance(item, parsers.Finding)]


@pytest.mark.parametrize(
    ("act", "named"),
    [
        (lambda writer: writer.segment("N1", "ST", "A*B"), "N102"),
        (lambda writer: writer.segment("N1", ("A", "B:C")), "N101"),
        (lambda writer: writer._isa(["0"] * 5 + ["X" * 16] + ["0"] * 10), "ISA06"),
        (lambda writer: writer.end_set(), "SE"),
        (lambda writer: writer.end_group(), "GE"),
        (lambda writer: writer.end_interchange(), "IEA"),
    ],
)
def test_what_cannot_be_written_is_refused_by_its_place(act, named):
    with pytest.raises(ValueError, match=named) as raised:
        act(Writer())
    assert "A*B" not in str(raised.value)


def test_a_release_character_makes_separators_values():
    writer = Writer(Delimiters("*", ":", "~", "^", release="\\"))
    assert writer.segment("NTE", "A*B~C\\D") == b"NTE*A\\*B\\~C\\\\D~"
