"""What the maps of all sets share: dispatch by segment tag, and values with a finding when they make no sense."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from msgspec.structs import replace

from parsers.canonical.values import Money, PersonName, decimal, iso_date, iso_moment
from parsers.findings import Finding, Location, Severity
from parsers.records import Made
from parsers.x12.delimiters import Delimiters

MAX_RECORD_BYTES = 4 << 20
"""A longer claim or order is cut short and reported: it bounds the memory."""

Elements = list[str]
"""A segment's elements: its tag at index 0, then as many as were sent, then empty ones up to index 10 at least."""

_PADDING = [""] * 10


class SegmentMap:
    """Calls the method that `actions` names for a segment's tag; other segments have no place in the record yet.

    Attributes:
        closers: tags that end a record, so that they are obeyed even when it is too long.
    """

    schema: ClassVar[str]
    version: ClassVar[str]
    actions: ClassVar[Mapping[str, Callable[[Any, Elements], None]]]
    closers: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, delimiters: Delimiters, place: Location) -> None:
        self.component = delimiters.component or "\x00"
        self.set = place.set or 0
        self._element = delimiters.element
        self._place = place
        self._made: list[Made] = []
        self._limit = sys.maxsize
        self._overlong = False
        self._starts: Sequence[int] = [0]
        self._position = 0
        self._index = 0

    @property
    def offset(self) -> int:
        """The byte where the segment in hand begins."""
        return self._starts[self._index]

    def feed(self, segments: Sequence[str], starts: Sequence[int], position: int) -> list[Made]:
        self._starts, self._position, self._index = starts, position, 0
        element, actions = self._element, self.actions
        first = self._closer_in(segments) if starts[0] > self._limit else 0
        for self._index in range(first, len(segments)):
            elements = segments[self._index].split(element)
            action = actions.get(elements[0])
            if action is not None:
                elements += _PADDING
                action(self, elements)
        return self._taken()

    def finish(self, end: int) -> list[Made]:
        self._starts, self._index = [end], 0
        self.close_record()
        return self._taken()

    def _taken(self) -> list[Made]:
        made, self._made = self._made, []
        return made

    def _closer_in(self, segments: Sequence[str]) -> int:
        """The record that is open is too long: where in these segments it ends, so that all else is passed over."""
        if not self._overlong:
            self._overlong = True
            self._report(
                "x12.record-too-long",
                "One claim or order has more than 4 MiB; what follows in it was left out of its record.",
                "Send it in several parts.",
                severity="error",
            )
        tags = (segment.split(self._element, 1)[0] for segment in segments)
        return next((index for index, tag in enumerate(tags) if tag in self.closers), len(segments))

    def close_record(self) -> None:
        """Emit the record that is open, if one is; it ends at `offset`."""
        raise NotImplementedError

    def begin_record(self) -> None:
        self._limit = self.offset + MAX_RECORD_BYTES
        self._overlong = False

    def emit(self, record: msgspec.Struct) -> None:
        self._made.append(record)
        self._limit = sys.maxsize

    # --- values; `name` is where they stand: "CLM02" ---

    def number(self, text: str, name: str) -> str | None:
        if not text:
            return None
        value = decimal(text)
        if value is None:
            self._report("x12.not-a-number", f"{name} is not a number.", "Send digits with at most one point.", name)
        return value

    def money(self, text: str, currency: str | None, name: str) -> Money | None:
        amount = self.number(text, name)
        return None if amount is None else Money(amount, currency)

    def date(self, text: str, name: str) -> str | None:
        if not text:
            return None
        value = iso_date(text)
        if value is None:
            self._report(
                "x12.not-a-date",
                f"{name} is not a date.",
                "Send century, year, month and day: CCYYMMDD.",
                name,
            )
        return value

    def moment(self, date: str, time: str, name: str) -> str | None:
        """A date with the time that belongs to it, if one was sent. X12 knows no zone here."""
        if not time:
            return self.date(date, name)
        value = iso_moment(date + time[:6] + (f".{time[6:]}" if time[6:] else ""))
        if value is None:
            self._report(
                "x12.not-a-date",
                f"{name} and its time are not a moment.",
                "Send CCYYMMDD and HHMM or HHMMSS.",
                name,
            )
        return value

    def _report(
        self, code: str, message: str, hint: str, element: str | None = None, severity: Severity = "warning"
    ) -> None:
        place = replace(
            self._place,
            segment=element and element.split("-")[0][:-2],
            position=self._position + self._index,
            element=element,
            offset=self.offset,
        )
        self._made.append(Finding.at(place, code, message, hint, severity=severity))


def person_name(elements: Elements) -> PersonName:
    """NM103 to NM107."""
    return PersonName(
        elements[3] or None, elements[4] or None, elements[5] or None, elements[6] or None, elements[7] or None
    )
