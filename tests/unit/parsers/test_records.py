"""What a map says beside what has been said of the same segments."""

from collections.abc import Iterator, Sequence

import pytest

import parsers
from parsers.findings import Finding, Location
from parsers.records import with_records
from parsers.segments import Item, Segments
from parsers.x12 import canonical
from tests.unit.parsers.guides.sample import CLEAN, file_of


def found(code: str, element: str | None) -> Finding:
    return Finding.at(
        Location(standard="x12", set=1, segment="BEG", position=2, element=element, offset=0), code, "Words.", "A hint."
    )


class TalkativeMap:
    schema, version = "purchase-order/1", "test"

    def feed(self, segments: Sequence[str], starts: Sequence[int], position: int) -> Iterator[Finding]:
        if position <= 2 < position + len(segments):
            yield from (
                found("x12.not-a-date", "BEG05"),
                found("x12.not-a-number", "BEG03"),
                found("x12.record-too-long", None),
            )

    def finish(self, end: int) -> list[Finding]:
        return []


def test_a_map_is_silent_of_an_element_that_was_spoken_of_and_of_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(canonical, "open_map", lambda *_: TalkativeMap())

    def items() -> Iterator[Item]:
        for item in parsers.segments([file_of(*CLEAN)]):
            yield item
            if isinstance(item, Segments) and item.set is not None and item.position <= 2 < item.position + len(item):
                yield from (found("x12.date-invalid", "BEG05"), found("x12.segment-unexpected", None))

    said = [one.code for one in with_records(items()) if isinstance(one, Finding)]
    assert said[:4] == ["x12.date-invalid", "x12.segment-unexpected", "x12.not-a-number", "x12.record-too-long"]
