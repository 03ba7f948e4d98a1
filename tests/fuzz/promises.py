"""What must hold for any bytes whatever, asked of one file: for hypothesis, for the fuzzer and for real files."""

from itertools import groupby, pairwise
from typing import Any
from unittest import mock

import parsers
from parsers import source
from parsers.events import (
    Finished,
    GroupClosed,
    GroupOpened,
    Identified,
    InterchangeClosed,
    InterchangeOpened,
    Quoted,
    SetClosed,
    SetOpened,
)
from parsers.findings import Finding
from parsers.guides.terms import Judging
from parsers.judging import judged
from parsers.limits import Limits
from parsers.segments import Element, LoopClosed, LoopOpened, Raw, Segments
from parsers.writing import write

PAIRS = (
    (InterchangeOpened, InterchangeClosed),
    (GroupOpened, GroupClosed),
    (SetOpened, SetClosed),
    (LoopOpened, LoopClosed),
)


def every_byte_is_handed_out(data: bytes, limits: Limits | None = None) -> list:
    """In order, exactly once, with the right offsets; envelopes nest; and it is said what came of it."""
    items = list(parsers.segments([data], limits))
    assert isinstance(items[0], Identified)
    assert isinstance(items[-1], Finished)
    assert items[-1].size_bytes == len(data)
    assert b"".join(write(items)) == data
    at, stack = 0, []
    for item in items:
        if isinstance(item, Segments | Raw):
            assert item.offset == at, f"{item.offset} after {at}"
            at = item.end
            if isinstance(item, Segments):
                offsets = item.offsets
                assert offsets == sorted(offsets)
                assert (offsets[0], offsets[-1]) == (item.offset, item.end)
                assert item.set is None or SetClosed in stack
        for opened, closed in PAIRS:
            if isinstance(item, opened):
                stack.append(closed)
            elif isinstance(item, closed):
                assert stack.pop() is closed
    assert (at, stack) == (len(data), [])
    for opened, closed in PAIRS[:3]:
        begun = [item.index for item in items if isinstance(item, opened)]
        assert begun == list(range(1, len(begun) + 1))
        assert sorted(item.index for item in items if isinstance(item, closed)) == begun
    return items


def nothing_is_silent(items: list) -> None:
    """A file that is EDI ends as sets, or as a finding, or with a reason."""
    last = items[-1]
    told = last.sets or last.reason or any(isinstance(item, Finding) for item in items)
    assert told or last.outcome == "opaque"


def elements_stand_where_they_say(data: bytes, items: list) -> None:
    for item in items:
        if isinstance(item, Segments):
            offsets = item.offsets
            for index in range(len(item)):
                start, stop = offsets[index], offsets[index + 1]
                for element in item.elements(index):
                    _within(element, start, stop, data)


def _within(element: Element, start: int, stop: int, data: bytes) -> None:
    assert start <= element.offset <= stop, element.name
    parts = [*(element.repetitions or ()), *(element.components or ())]
    assert bool(parts) != (element.text is not None)
    if element.text and element.text.isascii() and element.text.isalnum() and len(data) == len(data.lstrip(b"\x00")):
        sent = data[element.offset : element.offset + len(element.text)]
        assert not sent.isalnum() or sent == element.text.encode() or b"\x00" in data, element.name
    for part in parts:
        _within(part, element.offset, stop, data)


def shape(items: list) -> tuple[list[Any], list[Any]]:
    """Segments and raw stretches; events and findings. Where a batch ends is no part of the promise, nor, so, whether
    a finding comes before the segments that stand around it or behind them."""
    made: list[Any] = []
    events = []
    for item in items:
        match item:
            case Segments():
                offsets = item.offsets
                made += [
                    (text, offsets[index], offsets[index + 1], item.set, item.path, item.position + index, item.control)
                    for index, text in enumerate(item.characters)
                ]
            case Raw():
                last = made[-1] if made else None
                place = (item.kind, item.segment, item.set, item.path, item.position)
                if isinstance(last, list) and last[0] == place and last[2] == item.offset:
                    last[2] = item.end
                else:
                    made.append([place, item.offset, item.end])
            case _:
                events.append(item)
    return made, [event for _, some in groupby(events, _is_finding) for event in _by_place(list(some))]


def _is_finding(item: Any) -> bool:
    return isinstance(item, Finding)


def _by_place(items: list[Any]) -> list[Any]:
    """What is said between two events of one stretch of segments comes in the order of its kinds."""
    return sorted(items, key=lambda item: (item.offset or 0, item.code)) if _is_finding(items[0]) else items


def pieces_change_nothing(data: bytes, items: list, size: int) -> None:
    """The source cuts the file into pieces; the first one is long enough to tell what it is, of course."""
    with (
        mock.patch.object(source, "PIECE_BYTES", size),
        mock.patch.object(parsers.reader, "identify", return_value=items[0]),
    ):
        small = list(parsers.segments([data]))
    assert shape(small) == shape(items)


def judgement_takes_whatever_comes(items: list) -> None:
    """It adds findings, each in its set, and what they quote; of all else it alters verdicts alone."""
    judged_items = list(judged(iter(items), Judging(quote="all")))
    known = set(map(id, items))
    added = [item for item in judged_items if id(item) not in known]
    assert {type(item) for item in added} <= {Finding, Quoted, SetClosed}
    assert len(judged_items) - sum(isinstance(item, Finding | Quoted) for item in added) == len(items)
    for before, item in pairwise(judged_items):
        assert not isinstance(item, Quoted) or isinstance(before, Finding)
    assert all(item.set is not None and item.offset is not None for item in added if isinstance(item, Finding))


def hold(data: bytes, size: int = 61) -> None:
    """All of it."""
    items = every_byte_is_handed_out(data)
    nothing_is_silent(items)
    elements_stand_where_they_say(data, items)
    pieces_change_nothing(data, items, size)
    judgement_takes_whatever_comes(items)
