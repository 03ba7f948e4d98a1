"""Bytes of X12 into batches of segments with byte offsets.

The separators are read anew at every interchange. A batch is a list of plain strings, because an object for each
segment would halve the speed; elements are split by whoever needs them. Nothing is judged here: what is odd becomes an
`Oddity` in its place, and the envelope turns it into a finding.
"""

from collections.abc import Iterable, Iterator
from enum import Enum
from itertools import accumulate
from typing import NamedTuple

from parsers.findings import NotThisStandard
from parsers.text import decoded
from parsers.x12.delimiters import Delimiters, Header, read_isa

MAX_SEGMENT_CHARS = 4 << 20
"""A longer segment is left out and reported: it bounds the memory."""

_BLANKS = " \t\r\n\f\v\x00\x1a"
_BYTE_ORDER_MARK = "\xef\xbb\xbf"
_LINE_BREAKS = str.maketrans("", "", "\r\n")


class Opening(NamedTuple):
    """An interchange header at a byte offset; batches follow."""

    header: Header
    offset: int


class Batch(NamedTuple):
    """Attributes:
    segments: without terminators and surrounding line breaks; decoded.
    starts: byte offset of each segment, and last of the byte after the batch.
    """

    segments: list[str]
    starts: list[int]


class Kind(Enum):
    GAP = "bytes outside of any interchange"
    LINE_BREAK = "a line break inside of a segment"
    TOO_LONG = "a segment longer than the limit"
    CUT_SEGMENT = "the last segment has no end"
    CUT_HEADER = "an interchange header has no end"
    UNTERMINATED = "the trailer's own terminator is missing"


class Oddity(NamedTuple):
    kind: Kind
    offset: int


Token = Opening | Batch | Oddity


def tokenize(pieces: Iterable[bytes]) -> Iterator[Token]:
    """Split a file into its interchanges' headers and segments, in order and in bounded memory."""
    tokenizer = _Tokenizer()
    for piece in pieces:
        yield from tokenizer.feed(piece)
    yield from tokenizer.finish()


class _Tokenizer:
    """Holds the text that is not yet used: `held`, of which `held[0]` is byte `base` of the file."""

    def __init__(self) -> None:
        self.held = ""
        self.base = 0
        self.at = 0
        self.delimiters: Delimiters | None = None
        self.gap_start: int | None = None
        self.skipping = False
        self.line_break_seen = False

    def feed(self, piece: bytes) -> Iterator[Token]:
        self.held += piece.decode("latin-1")  # A character is a byte, so offsets hold whatever the encoding.
        yield from self._advance(final=False)
        self.base += self.at
        self.held = self.held[self.at :]
        self.at = 0

    def finish(self) -> Iterator[Token]:
        yield from self._advance(final=True)
        if self.gap_start is not None:
            yield Oddity(Kind.GAP, self.gap_start)

    def _advance(self, *, final: bool) -> Iterator[Token]:
        before = None
        while before != (now := (self.at, self.delimiters, self.skipping)):
            before = now
            if self.delimiters is None:
                yield from self._outside(final=final)
            elif self.skipping:
                self._skip(self.delimiters)
            else:
                yield from self._inside(self.delimiters, final=final)

    # --- between interchanges ---

    def _outside(self, *, final: bool) -> Iterator[Token]:
        """Pass blanks and junk up to the next header that can be read."""
        if self.base == self.at == 0:
            if len(self.held) < len(_BYTE_ORDER_MARK) and not final:
                return
            self.at = len(_BYTE_ORDER_MARK) if self.held.startswith(_BYTE_ORDER_MARK) else 0
        search = self.at
        while True:
            found = self.held.find("ISA", search)
            if found < 0:
                # The first letters of a header may be the last that we hold.
                self._pass(len(self.held) if final else max(self.at, len(self.held) - 2))
                return
            try:
                header = read_isa(self.held, found)
            except NotThisStandard:
                search = found + 1
                continue
            self._pass(found)
            if header is None and not final:
                return
            if self.gap_start is not None:
                yield Oddity(Kind.GAP, self.gap_start)
                self.gap_start = None
            if header is None:
                yield Oddity(Kind.CUT_HEADER, self.base + found)
                self.at = len(self.held)
                return
            yield Opening(header, self.base + found)
            self.delimiters = header.delimiters
            self.line_break_seen = False
            self.at = header.end
            return

    def _pass(self, stop: int) -> None:
        passed = self.held[self.at : stop]
        content = passed.lstrip(_BLANKS)
        if content and self.gap_start is None:
            self.gap_start = self.base + stop - len(content)
        self.at = stop

    # --- inside of an interchange ---

    def _inside(self, delimiters: Delimiters, *, final: bool) -> Iterator[Token]:
        """Hand on all whole segments that we hold, up to the trailer or to a header that should not be here yet."""
        terminator = delimiters.segment
        trailer = self._segment_start("IEA" + delimiters.element, self.at, len(self.held), terminator)
        end_of_trailer = self._end_of_segment(trailer, terminator) if trailer >= 0 else 0
        header, readable = self._header_before(trailer if trailer >= 0 else len(self.held), terminator)
        if header >= 0 and (readable or final):
            yield from self._batch(header, delimiters)
            self.delimiters = None
        elif header >= 0:
            yield from self._batch(header, delimiters)  # More has to arrive before we can tell what stands there.
        elif end_of_trailer:
            yield from self._batch(end_of_trailer, delimiters)
            self.delimiters = None
        else:
            yield from self._batch(self._end_of_last_segment(terminator), delimiters)
            if final:
                yield from self._tail(delimiters)
            elif len(self.held) - self.at > MAX_SEGMENT_CHARS:
                yield Oddity(Kind.TOO_LONG, self.base + self.at)
                self.skipping = True

    def _end_of_segment(self, start: int, terminator: str) -> int:
        """Where the segment at `start` ends, terminator included; 0 when its end has not come yet."""
        found = self.held.find(terminator, start)
        return found + len(terminator) if found >= 0 else 0

    def _end_of_last_segment(self, terminator: str) -> int:
        found = self.held.rfind(terminator, self.at)
        return found + len(terminator) if found >= 0 else self.at

    def _segment_start(self, tag: str, start: int, stop: int, terminator: str) -> int:
        """The first place in start..stop where `tag` begins a segment, -1 when there is none."""
        found = self.held.find(tag, start, stop)
        while found >= 0:
            before = found
            while not (ends := self.held.endswith(terminator, self.at, before)) and before > self.at:
                if self.held[before - 1] not in " \t\r\n":
                    break
                before -= 1
            if ends or before == self.at:
                return found
            found = self.held.find(tag, found + 1, stop)
        return -1

    def _header_before(self, stop: int, terminator: str) -> tuple[int, bool]:
        """Where a new interchange begins although this one has not ended, or -1; and whether its header is all here."""
        found = self._segment_start("ISA", self.at, stop, terminator)
        while found >= 0:
            try:
                return found, read_isa(self.held, found) is not None
            except NotThisStandard:
                found = self._segment_start("ISA", found + 1, stop, terminator)
        return -1, False

    def _batch(self, stop: int, delimiters: Delimiters) -> Iterator[Token]:
        text = self.held[self.at : stop]
        terminator = delimiters.segment
        segments = text.split(terminator)
        segments.pop()  # What follows the last terminator: nothing, or the line break before a header.
        lengths = map(len(terminator).__add__, map(len, segments))
        starts = list(accumulate(lengths, initial=self.base + self.at))
        self.at = stop
        if not segments:
            return
        broken = None
        if (
            "\r" in text
            or (terminator != "\n" and "\n" in text)
            or f"{terminator} " in text
            or f"{terminator}\t" in text
            or text[0] in " \t"
        ):
            whole, trailing = segments, " \t\r\n" if terminator in "\r\n" else "\r\n"
            segments = [segment.lstrip(" \t\r\n") for segment in whole]
            for index, segment in enumerate(segments):
                starts[index] += len(whole[index]) - len(segment)
            segments = [segment.rstrip(trailing) for segment in segments]
            broken = next((i for i, segment in enumerate(segments) if "\n" in segment or "\r" in segment), None)
        if not text.isascii():
            segments = [decoded(segment) for segment in segments]
        if broken is None:
            yield Batch(segments, starts)
            return
        segments = [segment.translate(_LINE_BREAKS) for segment in segments]
        yield Batch(segments[:broken], starts[: broken + 1])
        if not self.line_break_seen:  # Once tells enough: a wrapped file has one in every fourth segment.
            self.line_break_seen = True
            yield Oddity(Kind.LINE_BREAK, starts[broken])
        yield Batch(segments[broken:], starts[broken:])

    def _tail(self, delimiters: Delimiters) -> Iterator[Token]:
        """What stands behind the last terminator when the file ends."""
        tail = self.held[self.at :].strip(_BLANKS)
        start = self.base + self.held.find(tail, self.at)
        if tail.startswith("IEA" + delimiters.element):
            yield Oddity(Kind.UNTERMINATED, start)
            yield Batch([tail], [start, start + len(tail)])
            self.delimiters = None
        elif tail:
            yield Oddity(Kind.CUT_SEGMENT, start)
        self.at = len(self.held)

    def _skip(self, delimiters: Delimiters) -> None:
        """Drop the rest of a segment that is too long."""
        end = self.held.find(delimiters.segment, self.at)
        self.skipping = end < 0
        self.at = len(self.held) if end < 0 else end + len(delimiters.segment)
