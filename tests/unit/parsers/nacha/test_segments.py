import pytest

import parsers
from parsers import Finding, Raw, Segments
from parsers.events import Finished, Identified, InterchangeOpened, SetOpened
from tests.fuzz import promises
from tests.unit.parsers.lossless import laid_out, texts
from tests.unit.parsers.nacha.sample import FILL, GOOD, RECORDS

TRIMMED = "\n".join(record.rstrip() for record in [*RECORDS, *FILL])
CONTINUOUS = "".join([*RECORDS, *FILL])
CASES = [
    ("lines", GOOD, [at * 95 for at in range(20)], []),
    ("crlf", GOOD.replace("\n", "\r\n"), [at * 96 for at in range(20)], []),
    ("continuous", CONTINUOUS, [at * 94 for at in range(20)], []),
    ("continuous, then a line break", CONTINUOUS + "\r\n\x1a", [at * 94 for at in range(20)], []),
    ("blocks of ten", "\n".join([CONTINUOUS[:940], CONTINUOUS[940:]]), [at * 94 + (at > 9) for at in range(20)], []),
    ("trailing blanks", GOOD.replace("\n", "  \n"), [at * 97 for at in range(20)], []),
    ("no last line break", GOOD[:-1], [at * 95 for at in range(20)], []),
    ("0x1A", GOOD + "\x1a", [at * 95 for at in range(20)], []),
    ("blank lines", GOOD.replace("\n5", "\n\n5"), [*[0, 96], *[at * 95 + 1 for at in range(2, 6)], *[at * 95 + 2 for at in range(6, 20)]], []),
    ("byte order mark", "\ufeff" + GOOD, [at * 95 + 3 for at in range(20)], []),
]  # fmt: skip


@pytest.mark.parametrize("piece", [7, 64, 1 << 20])
@pytest.mark.parametrize(("text", "offsets", "said"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_records_stand_where_the_offsets_say(monkeypatch, text, offsets, said, piece):
    made, findings = laid_out(monkeypatch, text.encode(), piece)
    records = [item for item in made if isinstance(item, tuple)]
    assert [record[1] for record in records] == offsets
    assert [record[0].rstrip() for record in records] == [record.rstrip() for record in [*RECORDS, *FILL]]
    assert [finding.code for finding in findings] == said


LONG = [*RECORDS[:2], *RECORDS[2:4] * 25, *RECORDS[5:]]
"""What is read ahead, to tell what begins, does not reach the end of so many records."""

RUNS = [
    ("entries behind the file control", [*LONG, RECORDS[2], RECORDS[1], RECORDS[2]]),
    ("nul before the header, a short line, entries behind the file control", ["\0" * 9 + "\r" + LONG[0], LONG[1], LONG[2][:50], *LONG[3:], *RECORDS[2:4], FILL[0]]),
    ("addenda behind an entry without", [*LONG[:-1], RECORDS[6], RECORDS[3].replace(" 1061", " 0061"), RECORDS[4], *LONG[-1:]]),
    ("addenda counted, none of them sent", [*LONG[:-5], *[RECORDS[7][:78] + "0" + RECORDS[7][79:]] * 9, *RECORDS[8:]]),
]  # fmt: skip


@pytest.mark.parametrize("piece", [1, 7, 61, 94, 100, 333, 1000, 4096])
@pytest.mark.parametrize("records", [case[1] for case in RUNS], ids=[case[0] for case in RUNS])
def test_where_a_run_ends_changes_nothing(records, piece):
    data = "\n".join([*records, ""]).encode()
    promises.pieces_change_nothing(data, list(parsers.segments([data])), piece)


def test_trimmed_records_are_whole():
    assert texts(TRIMMED.encode()) == TRIMMED.split("\n")
    assert not [item for item in parsers.segments([TRIMMED.encode()]) if isinstance(item, Finding)]


def test_sets_and_positions():
    items = list(parsers.segments([GOOD.encode()]))
    places = [
        (item.set, item.position, item.path, item.control, len(item)) for item in items if isinstance(item, Segments)
    ]
    assert places == [
        (None, 1, "1[1]", True, 1),
        (1, 1, "1[1]/5[1]", True, 1), (1, 2, "1[1]/5[1]", False, 3), (1, 5, "1[1]/5[1]", True, 1),
        (2, 1, "1[1]/5[2]", True, 1), (2, 2, "1[1]/5[2]", False, 3), (2, 5, "1[1]/5[2]", True, 1),
        (None, 4, "1[1]", True, 1), (None, 5, "1[1]", True, 8),
    ]  # fmt: skip


def test_opened_envelopes_carry_what_was_sent():
    items = list(parsers.segments([GOOD.encode()]))
    assert items[0] == Identified(standard="nacha", encoding="ascii")
    assert next(item for item in items if isinstance(item, InterchangeOpened)) == InterchangeOpened(
        index=1, standard="nacha", version=None, sender="1234567890", sender_qualifier=None, receiver="061000104",
        receiver_qualifier=None, control_number="A", usage=None, offset=0,
    )  # fmt: skip
    assert next(item for item in items if isinstance(item, SetOpened)) == SetOpened(
        interchange=1, group=None, index=1, set="PPD", version=None, control_number="0000001", usage=None, offset=95,
        sender="1234567890",
    )  # fmt: skip
    assert items[-1] == Finished(
        outcome="complete", interchanges=1, sets=2, records=0, size_bytes=len(GOOD),
        reason=None,
    )  # fmt: skip


@pytest.mark.parametrize("text", [GOOD, CONTINUOUS, TRIMMED.replace("\n", "\r\n")])
def test_cut_at_every_byte(monkeypatch, text):
    for stop in range(len(text)):
        made, _ = laid_out(monkeypatch, text[:stop].encode())
        if 41 < stop < len(RECORDS) * 92 and stop > 1:
            last = made[-1]
            assert isinstance(last, Finished)
            assert last.outcome in {"incomplete", "complete"}


@pytest.mark.parametrize("piece", [7, 64, 1 << 20])
def test_files_in_a_row_and_junk_between(monkeypatch, piece):
    data = (GOOD + "junk\n" + GOOD).encode()
    made, said = laid_out(monkeypatch, data, piece)
    assert [finding.code for finding in said] == ["nacha.data-outside-interchange"]
    assert isinstance(made[-1], Finished)
    assert made[-1].interchanges == 2


def test_a_file_that_starts_with_a_batch_is_passed_over_with_a_finding():
    data = "\n".join(RECORDS[1:6]).encode()
    items = list(parsers.segments([data]))
    assert [item.code for item in items if isinstance(item, Finding)] == ["nacha.data-outside-interchange"]
    assert b"".join(item.data for item in items if isinstance(item, Raw)) == data
    assert items[-1].outcome == "incomplete"


@pytest.mark.parametrize("piece", [64, 500])
def test_a_line_without_end_travels_in_parts(monkeypatch, piece):
    data = (RECORDS[0] + "\n" + RECORDS[1] + "\n" + "x" * 5000 + "\n" + RECORDS[5] + "\n").encode()
    made, said = laid_out(monkeypatch, data, piece, held_bytes=1000)
    assert "segment" in made
    assert "nacha.record-length" in [finding.code for finding in said]


@pytest.mark.parametrize("behind", ["", "\n" + RECORDS[1] + "\n"])
def test_a_header_too_long_to_hold(monkeypatch, behind):
    data = (RECORDS[0].rstrip() + " " * 5000 + behind).encode()
    made, said = laid_out(monkeypatch, data, 64, held_bytes=1000)
    assert "nacha.record-length" in [finding.code for finding in said]
    assert made[-1].outcome == "incomplete"


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_two_bytes_a_character(monkeypatch, encoding):
    made, said = laid_out(monkeypatch, GOOD.encode(encoding))
    assert [item[1] for item in made if isinstance(item, tuple)] == [at * 190 for at in range(20)]
    assert said == []
