"""The lossless level: segments as they stand in the file, in batches, with the byte of each.

`Run` is a stretch of text that was split at once; `Segments` is a view of some of its segments, which one interchange,
group or set owns; `Raw` is everything else, so that Segments and Raw, one after the other, are the file byte for byte.
Elements are split by whoever asks for them.

What a segment is, by standard: X12, EDIFACT, TRADACOMS and HL7 a segment; SWIFT a block or a field; NACHA, BAI2, CSV
and fixed width a record; XML a tag or the text between two.
"""

from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Literal, Protocol

import msgspec

from parsers.events import Event, Standard
from parsers.source import Source
from parsers.text import decoded, whole


class Element(msgspec.Struct, kw_only=True, omit_defaults=True):
    """An element of a segment, a repetition of one, or a component: by what it is made of.

    Attributes:
        name: in the standard's notation: "NM103", "SV101-2", "PID-3", "C507.2380", ":61:/amount".
        position: counted from 1 among its neighbours.
        offset: the byte where it begins.
        text: what the sender meant: decoded, escapes undone; None when it is made of parts.
        repetitions: when it is sent more than once.
        components: when it has more than one.
    """

    name: str
    position: int
    offset: int
    text: str | None = None
    repetitions: list["Element"] | None = None
    components: list["Element"] | None = None


INNER_BLANKS = " \t\r\n"
"""May stand between two segments."""

_LINE_BREAKS = str.maketrans("", "", "\r\n")

Value = str | tuple["Value", ...] | list["Value"]
"""What a writer takes for an element: its text; a tuple of components; or a list of repetitions of those."""


class Syntax(Protocol):
    """How the segments of one interchange are made: its separators, or the layout of its records."""

    @property
    def charset(self) -> str | None:
        """The codec of the text that the interchange or message declares, None when it declares none."""

    def tag(self, segment: str) -> str:
        """The name of a segment: "NM1"; of a field: "61"; of a record: "6"; of an XML tag: "GrpHdr"."""

    def elements(self, segment: str, offset: int, unit: int) -> list[Element]:
        """Split one segment, as it stands in the file without its terminator.

        Args:
            offset: of the segment's first byte. unit: bytes for each character of it.
        """


class Run:
    """A stretch of the file that was split into segments at once.

    Attributes:
        offset: the byte where the first segment begins; `text` begins there, too.
        ending: what every one of them ends with in `plain`, and nothing else does; None where that is not so simple.
        plain: `text` with released terminators out of the way, of the same length.
        broken: the first segment with a line break inside, which `texts` leaves out; None where there is none.
    """

    __slots__ = (
        "_anchor", "_count", "_known", "_source", "_starts", "_texts", "broken", "ending", "offset", "plain", "text",
        "unit", "width",
    )  # fmt: skip

    def __init__(
        self,
        source: Source,
        text: str,
        texts: list[str] | Callable[[], list[str]],
        *,
        width: int,
        starts: list[int] | None = None,
        plain: str | None = None,
        ending: str | None = None,
    ) -> None:
        """Args:
        source: stands where `text` begins.
        texts: what lies between the terminators, each `width` characters wide; or how to split it, once it is asked
            for.
        starts: where they do not, the index of each in `text`, and last the length of `text`.
        """
        self._source = source
        self.text = text
        self._texts = texts
        self._count = -1
        self._known: dict[int, int] = {}
        self.offset = source.offset(source.at)
        self.unit = source.unit
        self.width = width
        self.broken: int | None = None
        self._starts = starts
        self.plain = plain or text
        self.ending = ending
        self._anchor = (0, 0)

    @property
    def texts(self) -> list[str]:
        """The segments without their terminators and the line breaks around them; a character a byte."""
        if not isinstance(self._texts, list):
            self._texts = self._texts()
        return self._texts

    @texts.setter
    def texts(self, texts: list[str]) -> None:
        self._texts = texts

    def __len__(self) -> int:
        """How many segments."""
        if isinstance(self._texts, list) or self.ending is None:
            return len(self.texts)
        if self._count < 0:
            self._count = self.plain.count(self.ending)
        return self._count

    def segment(self, index: int) -> str:
        """One of the texts; all are split for it only when nobody knows where it stands."""
        start = self._known.get(index)
        if isinstance(self._texts, list) or start is None or self.ending is None:
            return self.texts[index]
        return self.text[start : self.plain.find(self.ending, start)]

    def know(self, index: int, start: int) -> None:
        """Remember that this segment begins at this index of `text`."""
        self._known[index] = start

    @property
    def starts(self) -> list[int]:
        """The index of each segment in `text`, and last the length of `text`."""
        if self._starts is None:
            self._starts = list(accumulate(map(self.width.__add__, map(len, self.texts)), initial=0))
            self._starts[-1] = len(self.text)
        return self._starts

    def byte(self, index: int) -> int:
        """Where in the file this segment begins; for the number of segments, where the run ends."""
        return self.offset + self.unit * self.start(index)

    def start(self, index: int) -> int:
        """The index in `text` where this segment begins; asked in order, it is cheaper than all of them."""
        if self._starts is not None:
            return self._starts[index]
        if index in self._known:
            return self._known[index]
        if index == len(self):
            return len(self.text)
        if self.ending is not None and index - 1 in self._known:
            return self.plain.find(self.ending, self._known[index - 1]) + self.width
        known, start = self._anchor
        if index == known:
            return start
        if index < known:
            return self.starts[index]
        start += sum(map(len, self.texts[known:index])) + self.width * (index - known)
        self._anchor = (index, start)
        return start

    def strip(self) -> None:
        """Pass over the blanks before each segment: they belong to the one before it."""
        self.ending = None
        starts, texts = self.starts, self.texts
        stripped = [text.lstrip(INNER_BLANKS) for text in texts]
        moved = [
            start + len(text) - len(content) for start, text, content in zip(starts, texts, stripped, strict=False)
        ]
        moved[0] = 0
        self._starts = [*moved, starts[-1]]
        self.texts = stripped

    def join_broken(self, trailing: str) -> None:
        """Leave out line breaks inside of segments, and `trailing` characters at their ends."""
        self.ending = None
        texts = [text.rstrip(trailing) for text in self.texts]
        self.broken = next((at for at, text in enumerate(texts) if "\n" in text or "\r" in text), None)
        self.texts = texts if self.broken is None else [text.translate(_LINE_BREAKS) for text in texts]

    def longer_than(self, characters: int, ends: str) -> list[int]:
        """The index of each segment that is longer. Such are rare: a look at every so many characters tells.

        Args:
            ends: what segments end with, mostly.
        """
        half = max(characters // 2, 1)
        find = self.text.find
        for at in range(0, len(self.text) - half, half):
            if find(ends, at, at + half) < 0:
                return [at for at, text in enumerate(self.texts) if len(text) > characters]
        return []

    def drop_empty(self, blanks: str = "") -> None:
        """Leave out segments of nothing but `blanks`: what stands there belongs to the one before it."""
        self.ending = None
        starts = self.starts
        kept = [at for at, text in enumerate(self.texts) if not at or text.strip(blanks or "\n")]
        self.texts = [self.texts[at] for at in kept]
        self._starts = [*(starts[at] for at in kept), starts[-1]]

    def encode(self, first: int, stop: int) -> bytes:
        """The bytes of some segments, as they stand in the file."""
        return self._source.encode(self.text[self.start(first) : self.start(stop)])

    @property
    def means_characters(self) -> bool:
        return self._source.means_characters


class Segments:
    """Whole segments that stand together in one set, or in one envelope outside of any.

    Attributes:
        position: of the first, counted from 1 in the set; outside of a set, in what is open.
        set: ordinal of the set in the file, None outside of one.
        path: what is open: "ISA[1]/GS[1]/ST[3]".
        control: these frame an envelope (ISA, ST, SE, ...), and are no content of it.
    """

    __slots__ = ("_first", "_run", "_stop", "control", "path", "position", "set", "standard", "syntax")

    def __init__(
        self,
        run: Run,
        first: int,
        stop: int,
        standard: Standard,
        syntax: Syntax,
        position: int,
        set: int | None,  # noqa: A002  the field's word
        path: str | None,
        control: bool,  # noqa: FBT001  Keywords cost a tenth of the way to a set, and only `Nesting` calls.
    ) -> None:
        self._run = run
        self._first = first
        self._stop = stop
        self.standard = standard
        self.syntax = syntax
        self.position = position
        self.set = set
        self.path = path
        self.control = control

    def __len__(self) -> int:
        return self._stop - self._first

    @property
    def texts(self) -> list[str]:
        """The segments without terminators and line breaks; a character a byte, escapes as sent."""
        texts = self._run.texts
        return texts if len(self) == len(texts) else texts[self._first : self._stop]

    @property
    def characters(self) -> list[str]:
        """The segments in the characters that the sender meant; escapes as sent."""
        texts = self.texts
        if self._run.text.isascii():
            return texts
        if self._run.means_characters:
            return list(map(whole, texts))
        charset = self.syntax.charset
        return [decoded(text, charset) for text in texts]

    @property
    def offsets(self) -> list[int]:
        """The byte of the file where each segment begins, and last where what follows them begins."""
        run = self._run
        return [run.offset + run.unit * start for start in run.starts[self._first : self._stop + 1]]

    def byte(self, index: int) -> int:
        """The byte of the file where one of these segments begins; asked in order, it costs little."""
        return self._run.byte(self._first + index)

    @property
    def offset(self) -> int:
        return self._run.byte(self._first)

    @property
    def end(self) -> int:
        return self._run.byte(self._stop)

    @property
    def data(self) -> bytes:
        """Every byte from `offset` to `end`: terminators and line breaks included."""
        return self._run.encode(self._first, self._stop)

    def elements(self, index: int) -> list[Element]:
        """The elements of one of these segments, with the byte of each."""
        run, at = self._run, self._first + index
        start, stop = run.starts[at], run.starts[at + 1]
        text = run.texts[at]
        raw = run.text[start:stop]
        if not raw.startswith(text):  # Line breaks stand inside of it: offsets need them, values do not.
            text = raw.rstrip(" \t\r\n")[: -run.width or None]
        elements = self.syntax.elements(text, run.offset + run.unit * start, run.unit)
        if run.means_characters:
            _put_together(elements)
        elif not getattr(self.syntax, "resolves", False):
            _decode(elements, self.syntax.charset)
        return elements


def _decode(elements: list[Element], charset: str | None) -> None:
    for element in elements:
        if element.text is not None:
            element.text = decoded(element.text, charset)
        _decode(element.repetitions or [], charset)
        _decode(element.components or [], charset)


def _put_together(elements: list[Element]) -> None:
    for element in elements:
        element.name = whole(element.name)  # A tag is the sender's text, too.
        if element.text is not None:
            element.text = whole(element.text)
        _put_together(element.repetitions or [])
        _put_together(element.components or [])


class Raw:
    """Bytes that are no whole segment.

    Attributes:
        kind: "blank": blanks and byte order marks around interchanges; "gap": other bytes outside of any;
            "segment": a part of a segment that is too long to hold; "binary": data sent with its length;
            "cut": the file ends inside of this segment.
        segment: the tag of the segment that it belongs to.
        last: nothing of the same follows.
    """

    __slots__ = ("_source", "_text", "kind", "last", "offset", "path", "position", "segment", "set")

    def __init__(
        self,
        source: Source,
        text: str | bytes,
        kind: Literal["blank", "gap", "segment", "binary", "cut"],
        *,
        segment: str | None = None,
        position: int | None = None,
        set: int | None = None,  # noqa: A002  the field's word
        path: str | None = None,
        last: bool = True,
    ) -> None:
        self._source = source
        self._text = text
        self.kind = kind
        self.offset = source.offset(source.at)
        self.segment = segment
        self.position = position
        self.set = set
        self.path = path
        self.last = last

    @property
    def text(self) -> str:
        """A character a byte, as in segments."""
        return self._text if isinstance(self._text, str) else self._text.decode("latin-1")

    @property
    def data(self) -> bytes:
        return self._source.encode(self._text) if isinstance(self._text, str) else self._text

    @property
    def end(self) -> int:
        return self.offset + len(self._text) * (self._source.unit if isinstance(self._text, str) else 1)


class LoopOpened(msgspec.Struct, frozen=True, kw_only=True):
    """A loop that the standard itself frames: X12 LS, EDIFACT UGH, SWIFT :16R:, an XML element."""

    code: str | None
    offset: int
    depth: int


class LoopClosed(msgspec.Struct, frozen=True, kw_only=True):
    code: str | None
    end_offset: int
    depth: int
    trailer_seen: bool


Item = Event | Segments | Raw | LoopOpened | LoopClosed
"""What the lossless level hands out."""

Items = Iterator[Item]
