"""The nouns that every part shares."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mft.domain import NEXT_STAGES, Stage, printable

ENDED = {Stage.EXPIRED, Stage.SUPERSEDED}


def test_every_stage_stands_in_the_table() -> None:
    assert set(NEXT_STAGES) == set(Stage)


@pytest.mark.parametrize("stage", Stage)
def test_a_stage_leads_on_unless_it_is_an_end(stage: Stage) -> None:
    assert bool(NEXT_STAGES[stage]) == (stage not in ENDED)
    assert stage not in NEXT_STAGES[stage]


@pytest.mark.parametrize("stage", list(Stage)[1:])
def test_every_stage_can_be_reached(stage: Stage) -> None:
    reached, found = {Stage.RECEIVING}, {Stage.RECEIVING}
    while found:
        found = {after for before in found for after in NEXT_STAGES[before]} - reached
        reached |= found
    assert stage in reached


def test_the_way_of_a_file_never_goes_back_but_by_a_replay() -> None:
    way = list(Stage)[: list(Stage).index(Stage.DONE) + 1]
    for number, stage in enumerate(way):
        for after in NEXT_STAGES[stage] & set(way):
            back = (stage, after) in {(Stage.DONE, Stage.RECEIVED), (Stage.PARTIAL, Stage.RECEIVING)}
            assert back or way.index(after) > number, (stage, after)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (b"orders.edi", "orders.edi"),
        ("größe 1.txt".encode(), "größe 1.txt"),
        (b"\xff\xfe", r"\xff\xfe"),
        (b"a\x1b[31mb", r"a\x1b[31mb"),
        (b"a\nb\r\tc\0", r"a\nb\r\tc\x00"),
        ("a\u202eb\u200bc\u2028".encode(), r"a\u202eb\u200bc\u2028"),
        ("\U000e0001".encode(), r"\U000e0001"),
        (b"", ""),
    ],
)
def test_a_name_for_people(name: bytes, text: str) -> None:
    assert printable(name) == text


@given(st.binary(max_size=50))
def test_no_name_disturbs_a_terminal(name: bytes) -> None:
    assert printable(name).isprintable()
    printable(name).encode()
