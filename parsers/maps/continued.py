"""Segments that go on in the next ones are put together before they are mapped: BAI2's 88.

The last one of a batch waits for the next batch, whose first segments may be its own.
"""

from collections.abc import Callable, Iterator
from typing import Final

from parsers.segments import Segments

WAITING_MAX: Final = 1 << 20
"""Characters of one segment with what it goes on in; more is left out."""


class Whole:
    """As `Segments`, as far as a walk looks at them. A segment that belongs to the one before it is an empty text."""

    __slots__ = ("_first", "_segments", "characters", "offset", "path", "position", "set")

    def __init__(self, segments: Segments, first: int, characters: list[str]) -> None:
        self._segments = segments
        self._first = first
        self.characters = characters
        self.position = segments.position + first
        self.offset = segments.byte(first)
        self.set = segments.set
        self.path = segments.path

    def byte(self, index: int) -> int:
        return self._segments.byte(self._first + index)


class Continued:
    """Args:
    goes_on: whether a segment belongs to the one before it.
    """

    def __init__(self, goes_on: Callable[[str], bool]) -> None:
        self._goes_on = goes_on
        self._waiting: tuple[Segments, int] | None = None
        self._texts: list[str] = []
        self._room = WAITING_MAX
        self.left_out = False

    def take(self, segments: Segments) -> Iterator[Whole]:
        """Those that are whole now: each with its own lines, one below the other."""
        texts = segments.characters
        first = 0
        while first < len(texts) and self._goes_on(texts[first]):
            self._add(texts[first])
            first += 1
        if first == len(texts):
            return
        yield from self.end()
        made: list[str] = []
        last = 0
        for text in texts[first:]:
            if self._goes_on(text):
                self._add(text)
                made.append("")
                continue
            if self._texts:
                made[last] = "\n".join(self._texts)
            last = len(made)
            made.append("")
            self._texts, self._room = [text], WAITING_MAX
        if last:
            yield Whole(segments, first, made[:last])
        self._waiting = segments, first + last

    def end(self) -> Iterator[Whole]:
        """The one that waits: nothing of its own follows."""
        if self._waiting is not None:
            yield Whole(*self._waiting, ["\n".join(self._texts)])
        self._waiting, self._texts, self._room = None, [], WAITING_MAX

    def _add(self, text: str) -> None:
        self._room -= len(text)
        if self._texts and self._room >= 0:
            self._texts.append(text)
        elif self._texts:
            self.left_out = True
