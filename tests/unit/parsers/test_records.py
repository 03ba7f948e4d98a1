"""What a map says beside what has been said of the same segments."""

from collections.abc import Iterator

import pytest

import parsers
from parsers import records
from parsers.findings import Finding, Location
from parsers.records import with_records
from parsers.segments import Item, Segments
from tests.unit.parsers.guides.sample import CLEAN, file_of


def found(code: str, element: str | None) -> Finding:
    return Finding.at(
        Location(standard="x12", set=1, segment="BEG", position=2, element=element, offset=0), code, "Words.", "A hint."
    )


class TalkativeMap:
    schema, version = "purchase-order/2", "test"
    reads_envelope = False

    def feed(self, segments: Segments) -> Iterator[Finding]:
        if segments.position <= 2 < segments.position + len(segments):
            yield from (
                found("x12.not-a-date", "BEG05"),
                found("x12.not-a-number", "BEG03"),
                found("x12.record-too-long", None),
            )

    def finish(self, end: int) -> list[Finding]:
        return []


def test_a_map_is_silent_of_an_element_that_was_spoken_of_and_of_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records.Maps, "walk", lambda *_: TalkativeMap())

    def items() -> Iterator[Item]:
        for item in parsers.segments([file_of(*CLEAN)]):
            yield item
            if isinstance(item, Segments) and item.set is not None and item.position <= 2 < item.position + len(item):
                yield from (found("x12.date-invalid", "BEG05"), found("x12.segment-unexpected", None))

    said = [one.code for one in with_records(items()) if isinstance(one, Finding)]
    assert said[:4] == ["x12.date-invalid", "x12.segment-unexpected", "x12.not-a-number", "x12.record-too-long"]


class Listing:
    """A map that notes the segments it was given, with their places."""

    schema, version = "listing/1", "listing-1"
    reads_envelope = False

    def __init__(self) -> None:
        self.taken: list[tuple[str, int, int]] = []

    def feed(self, segments: Segments) -> list[Finding]:
        self.taken += [
            (text, segments.byte(nth), segments.position + nth) for nth, text in enumerate(segments.characters)
        ]
        return []

    def finish(self, end: int) -> list[Finding]:
        self.taken.append(("end", end, 0))
        return []


@pytest.mark.parametrize("size", [5, 1 << 20])
def test_a_map_gets_what_stands_between_the_header_and_the_trailer(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    listing = Listing()
    monkeypatch.setattr(records.Maps, "walk", lambda *_: listing)
    monkeypatch.setattr("parsers.source.PIECE_BYTES", size)
    data = file_of(*CLEAN)
    list(parsers.read([data]))
    (*taken, end) = listing.taken
    assert [text.encode() for text, _, _ in taken] == data.split(b"~")[3:-4]
    assert all(data[offset:].startswith(text.encode()) for text, offset, _ in taken)
    assert [position for _, _, position in taken] == list(range(2, 2 + len(taken)))
    assert data[end[1] :].startswith(b"SE*")
