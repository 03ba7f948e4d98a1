"""Segments that go on in the next ones, however they come in batches."""

from itertools import combinations, pairwise

import pytest

from parsers.maps import continued
from parsers.maps.continued import Continued

TEXTS = ["03,A", "88,B", "88,C", "16,D", "16,E", "88,F", "49"]
WHOLE = [(1, "03,A\n88,B\n88,C"), (4, "16,D"), (5, "16,E\n88,F"), (7, "49")]


class Batch:
    set, path = 1, "01[1]/02[1]/03[1]"

    def __init__(self, first: int, texts: list[str]) -> None:
        self.position = first + 1
        self.characters = texts

    def byte(self, index: int) -> int:
        return 10 * (self.position - 1 + index)


def whole(batches: list[Batch]) -> list[tuple[int, str]]:
    put_together = Continued(lambda text: text.startswith("88"))
    made = [one for batch in batches for one in put_together.take(batch)] + list(put_together.end())
    for one in made:
        assert [one.byte(at) for at in range(len(one.characters))] == [
            10 * (one.position - 1 + at) for at in range(len(one.characters))
        ]
        assert (one.offset, one.set, one.path) == (one.byte(0), 1, Batch.path)
    return [(one.position + at, text) for one in made for at, text in enumerate(one.characters) if text]


@pytest.mark.parametrize("cuts", [cuts for many in range(4) for cuts in combinations(range(1, len(TEXTS)), many)])
def test_each_is_put_together_once_and_stands_where_it_began(cuts):
    ends = [0, *cuts, len(TEXTS)]
    assert whole([Batch(start, TEXTS[start:stop]) for start, stop in pairwise(ends)]) == WHOLE


def test_what_goes_on_with_nothing_is_left_out():
    assert whole([Batch(0, ["88,A", "88,B"]), Batch(2, ["16,C"])]) == [(3, "16,C")]


def test_one_that_goes_on_for_too_long_is_cut(monkeypatch):
    monkeypatch.setattr(continued, "WAITING_MAX", 9)
    put_together = Continued(lambda text: text.startswith("88"))
    made = [*put_together.take(Batch(0, ["16,A", "88,BCDEF", "88,G", "88,H", "16,I"])), *put_together.end()]
    assert [one.characters for one in made] == [["16,A\n88,BCDEF", "", "", ""], ["16,I"]]
    assert put_together.left_out
