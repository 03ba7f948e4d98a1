import pytest

import parsers
from parsers.elements import values
from parsers.hl7.delimiters import Delimiters
from parsers.hl7.writer import Writer

HEADER = ("LAB", "MEMORIAL", "EHR", "MEMORIAL", "20260302091500", "", ("ORU", "R01"), "MSG1", "P", "2.5.1")
LINES = [
    ("PID", "1", "", [("MRN1", "", "", ("HOSP", "1.2.3", "ISO")), "MRN2"], "", ("O|Neil", "A^B~C\\D&E")),
    ("NTE", "1", "", "two\rlines\nof text"),
]


def written(writer: Writer) -> bytes:
    made = writer.file("LAB") + writer.batch("LAB")
    for _ in range(2):
        made += writer.message(*HEADER) + b"".join(writer.segment(*line) for line in LINES)
    return made + writer.end_batch() + writer.end_file()


def read_values(data: bytes) -> list[tuple]:
    return [
        (item.syntax.tag(text), *values(item.elements(index)))
        for item in parsers.segments([data])
        if isinstance(item, parsers.Segments)
        for index, text in enumerate(item.texts)
    ]


@pytest.mark.parametrize("segment_end", ["\r", "\n", "\r\n"])
@pytest.mark.parametrize("delimiters", [Delimiters(), Delimiters("#", "@", "%", "!", "$")])
def test_what_is_written_reads_back_without_a_finding(delimiters, segment_end):
    data = written(Writer(delimiters, segment_end=segment_end))
    items = list(parsers.segments([data]))
    assert not [item for item in items if isinstance(item, parsers.Finding)]
    assert items[-1].sets == 2
    assert read_values(data)[3:5] == LINES
    assert read_values(data)[2][3:] == HEADER


def test_trailers_count():
    data = written(Writer())
    assert data.endswith(b"BTS|2\rFTS|1\r")


def test_other_encoding_characters_keep_the_values():
    data = written(Writer())
    again = b"".join(Writer(Delimiters("#", "@", "%", "!", "$"), segment_end="\n").rewrite(parsers.segments([data])))
    assert again.startswith(b"FHS#@%!$#LAB\n")
    assert b"".join(Writer().rewrite(parsers.segments([again]))) == data


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (lambda writer: writer.segment("PID", ("a", ("b", ("c", "d")))), "subcomponent"),
        (lambda writer: writer.end_batch(), "BTS"),
        (lambda writer: writer.end_file(), "FTS"),
    ],
)
def test_what_cannot_be_written_is_refused(act, said):
    with pytest.raises(ValueError, match=said):
        act(Writer())
