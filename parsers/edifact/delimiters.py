"""The separators of an EDIFACT interchange: those of its service string advice UNA, or the standard's own."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from parsers.edifact.service import at
from parsers.elements import Separators, element, released, split
from parsers.findings import NotThisStandard
from parsers.runs import Terminator
from parsers.segments import Element

MAX_HEADER_CHARS = 1024
"""UNA and UNB together: twice of what UNB has when every element is as long as it may be."""

ADVICE_CHARS = 9

CHARSETS = {
    "UNOC": "latin-1",
    "UNOD": "iso8859-2",
    "UNOE": "iso8859-5",
    "UNOF": "iso8859-7",
    "UNOG": "iso8859-3",
    "UNOH": "iso8859-4",
    "UNOI": "iso8859-6",
    "UNOJ": "iso8859-8",
    "UNOK": "iso8859-9",
    "UNOL": "iso8859-15",
    "UNOW": "utf-8",
    "UNOY": "utf-8",
}
"""Code list 0001. UNOA and UNOB are ASCII, and what stands in them beyond it is anybody's, as under unknown codes: read
as UTF-8 when the bytes are, else as Windows-1252. So is UNOX (ISO 2022), whose shifts are not undone."""

_LEVEL = re.compile("[A-Z][A-Z0-9]{3}")
ASCII_LEVELS = frozenset({"UNOA", "UNOB"})


class Delimiters(NamedTuple):
    """The defaults are those of an interchange without UNA.

    Attributes:
        decimal: the mark that UNA announces; version 4 lets senders use both, so that readers of numbers take either.
        release: takes the meaning of the character behind it away; None where there is none.
        repetition: None before syntax version 4.
        syntax: UNB 0001, the level of characters: "UNOC".
        version: UNB 0002, of the syntax: "3".
    """

    component: str = ":"
    element: str = "+"
    decimal: str = "."
    release: str | None = "?"
    repetition: str | None = None
    segment: str = "'"
    syntax: str = ""
    version: str = ""

    @property
    def charset(self) -> str | None:
        """The codec that UNB 0001 declares."""
        return CHARSETS.get(self.syntax)

    @property
    def advice(self) -> str:
        """The service string advice that announces these separators."""
        inner = f"{self.component}{self.element}{self.decimal}"
        return f"UNA{inner}{self.release or ' '}{self.repetition or ' '}{self.segment}"

    def tag(self, segment: str) -> str:
        return segment.split(self.element, 1)[0].split(self.component, 1)[0]

    def composites(self, segment: str) -> list[list[str]]:
        """What an envelope's segment says: for each element its components, released; the tag is at index 0."""
        if self.release is None or self.release not in segment:
            return [text.split(self.component) for text in segment.split(self.element)]
        return [
            [released(part, self.release) for part in split(text, self.component, self.release)]
            for text in split(segment, self.element, self.release)
        ]

    def elements(self, segment: str, offset: int, unit: int = 1) -> list[Element]:
        """The elements of a segment by their positions: "DTM-1", "DTM-1.2"; "UNA-1" is all six separators."""
        if self.is_advice(segment):
            return [Element(name="UNA-1", position=1, offset=offset + 3 * unit, text=segment[3:] + self.segment)]
        tag, *texts = split(segment, self.element, self.release)
        at = offset + unit * (len(tag) + 1)
        tag = _unwrapped(tag.split(self.component, 1)[0])
        separators = Separators(self.element, (self.repetition, self.component), self.release)

        def naming(position: int, path: Sequence[int]) -> str:
            return f"{tag}-{position}" + "".join(f".{number}" for number in path)

        def meant(text: str) -> str:
            return _unwrapped(released(text, self.release))

        made = []
        for position, text in enumerate(texts, 1):
            made.append(element(text, position, at, unit, separators, naming, meant))
            at += unit * (len(text) + 1)
        return made

    def is_advice(self, segment: str) -> bool:
        """A service string advice, without its last character, which ends it."""
        return segment.startswith(f"UNA{self.component}{self.element}") and len(segment) == ADVICE_CHARS - 1


LEVEL_B = Delimiters(component="\x1f", element="\x1d", release=None, segment="\x1c")
"""Of an interchange without UNA whose separators do not print. Spec: ISO 9735:1988 section 5.2, level B."""


def _unwrapped(text: str) -> str:
    return text.replace("\r", "").replace("\n", "") if "\n" in text or "\r" in text else text


class Cutter(Terminator):
    """A terminator that says more of where it is released."""

    def releases(self, text: str, index: int) -> bool:
        """The terminator at this index ends nothing, in a text that begins with a segment."""
        return self._released(text, index, 0)

    def sparse(self, text: str, characters: int) -> bool:
        """A segment may be longer than this: a look at every half of so many characters tells."""
        half = max(characters // 2, 1)
        for look in range(0, len(text) - half, half):
            found = text.find(self.characters, look, look + half)
            while found >= 0 and self._released(text, found, 0):
                found = text.find(self.characters, found + 1, look + half)
            if found < 0:
                return True
        return False


class Header(NamedTuple):
    """Attributes:
    composites: of UNB or UIB, as sent.
    start: where UNB or UIB begins, as an index of the text given; UNA stands before it.
    end: where the next segment begins.
    """

    delimiters: Delimiters
    composites: list[list[str]]
    start: int
    end: int


def read_header(text: str) -> Header | None:
    """Read UNA, if there is one, and the UNB or UIB behind it.

    Args:
        text: a character for each byte (latin-1), which begins with the header; `MAX_HEADER_CHARS` of it are enough.

    Returns:
        The header, or None when the text ends before it does.

    Raises:
        NotThisStandard: no UNB or UIB, or one without a syntax identifier or an end.
    Spec: ISO 9735-1 section 7 and annex A (UNA, UNB), ISO 9735-3 (UIB).
    """
    window = text[:MAX_HEADER_CHARS]
    delimiters, start = Delimiters(), 0
    if window.startswith("UNA") and len(window) > 3:
        delimiters = _advised(window[3:ADVICE_CHARS])
        start = len(window) - len(window[ADVICE_CHARS:].lstrip(" \t\r\n"))
    elif window.startswith(("UNB\x1d", "UIB\x1d")):
        delimiters = LEVEL_B
    whole = len(window) < MAX_HEADER_CHARS
    head = window[start : start + 4]
    wanted = [tag + delimiters.element for tag in ("UNB", "UIB")]
    if start and whole and any(tag.startswith(head) for tag in wanted) and head not in wanted:
        return None
    if head not in wanted:
        raise NotThisStandard("no UNB here")
    end = Terminator(delimiters.segment, delimiters.release).end(window, start)
    composites = delimiters.composites(_unwrapped(window[start : end - 1 if end else None]))
    syntax = composites[1][0]
    cut = not end and composites[1:] == [[syntax]]
    if not _LEVEL.fullmatch(syntax.ljust(4, "X") if cut else syntax):
        raise NotThisStandard("UNB does not begin with a syntax identifier")
    if not end:
        if not whole:
            raise NotThisStandard("UNB has no end")
        return None
    delimiters = of_syntax(delimiters, syntax, at(composites, 1, 2), advised=start > 0)
    return Header(delimiters, composites, start, end)


def _advised(characters: str) -> Delimiters:
    """What UNA announces, be it cut off."""
    if any(character.isalnum() for character in characters):
        raise NotThisStandard("UNA does not announce separators")
    component, sep, decimal, release, repetition, segment = list(characters.ljust(6, "\x00"))
    inside = [component, sep, *({release, repetition} - {" "})]
    if len(characters) == 6 and (" " in {component, sep, segment} or segment in inside or component == sep):
        raise NotThisStandard("UNA announces a separator twice or a blank as one")
    return Delimiters(
        component=component,
        element=sep,
        decimal=decimal,
        release=release if release not in {" ", component, sep} else None,
        repetition=repetition if repetition not in {" ", component, sep, release} else None,
        segment=segment,
    )


def of_syntax(delimiters: Delimiters, syntax: str, version: str, *, advised: bool) -> Delimiters:
    """Versions 1 to 3 of the United Nations' syntax have no repetitions, whatever stands in UNA's fifth place.

    Airlines (IATA) repeat by what UNA says. Version 4 without UNA repeats by an asterisk.
    """
    repetition = delimiters.repetition
    if syntax.startswith("UNO") and version in {"1", "2", "3"}:
        repetition = None
    elif version == "4" and not advised and delimiters.element == "+":
        repetition = "*"
    return delimiters._replace(repetition=repetition, syntax=syntax, version=version)
