"""Numbers go on behind those of another system, and never back by mistake."""

import pytest

from mft.audit.query import leaves
from mft.errors import NotAllowed
from mft.ledger.control_numbers import CONTROL_NUMBER_MAX, Scope, last_number
from mft.pipeline.control_numbers import Reset, ResetNumbers
from mft.pipeline.parse import Parser
from tests.unit.mft.pipeline.conftest import Desk
from tests.unit.mft.pipeline.test_acknowledge import CLAIMS, elements, lying, send

PARTIES = {"own": "ZZ:SAMPLEPAYER", "partner": "ZZ:SAMPLESENDER", "standard": "x12", "usage": "T"}
INTERCHANGE, GROUP = Scope(kind="interchange", **PARTIES), Scope(kind="group", **PARTIES)


def reset(*numbers: tuple[Scope, int], lower: bool = False) -> ResetNumbers:
    return ResetNumbers(tuple(Reset(scope, number) for scope, number in numbers), "cli:0", lower=lower)


def test_the_next_acknowledgment_bears_the_next_number(desk: Desk, parser: Parser) -> None:
    desk.core.run(reset((INTERCHANGE, 411), (GROUP, 97)))
    send(desk, parser, b"claims.edi", CLAIMS)
    (content,) = lying(desk).values()
    assert elements(content, "ISA")[0][13] == "000000412"
    assert elements(content, "GS")[0][6] == "98"
    told = leaves(desk.books, kind="control-number.reset")
    assert [leaf["actor"] for leaf in told] == ["cli:0", "cli:0"]


def test_none_is_lowered_and_then_none_is_changed(desk: Desk) -> None:
    desk.core.run(reset((GROUP, 97)))
    with pytest.raises(NotAllowed):
        desk.core.run(reset((INTERCHANGE, 411), (GROUP, 96)))
    assert (last_number(desk.books, INTERCHANGE), last_number(desk.books, GROUP)) == (0, 97)
    assert desk.core.run(reset((INTERCHANGE, 411), (GROUP, 96), lower=True)) == 2
    assert (last_number(desk.books, INTERCHANGE), last_number(desk.books, GROUP)) == (411, 96)


def test_the_highest_number_is_followed_by_one(desk: Desk, parser: Parser) -> None:
    desk.core.run(reset((INTERCHANGE, CONTROL_NUMBER_MAX)))
    send(desk, parser, b"claims.edi", CLAIMS)
    (content,) = lying(desk).values()
    assert elements(content, "ISA")[0][13] == "000000001"
    assert last_number(desk.books, INTERCHANGE) == 1
