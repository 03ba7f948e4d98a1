"""The separators of an X12 interchange, read out of its header."""

from collections.abc import Sequence
from typing import NamedTuple

from parsers.elements import Separators, element, released, split
from parsers.findings import NotThisStandard
from parsers.segments import Element
from parsers.text import decoded

MAX_HEADER_CHARS = 512
"""A proper header has 106; this leaves room for elements padded far beyond their width."""

WIDTHS = (2, 10, 2, 10, 2, 15, 2, 15, 6, 4, 1, 5, 9, 1, 1, 1)
"""Of ISA01 to ISA16, which is what makes the header a fixed 106 characters (X12.5)."""

_FIRST_VERSION_WITH_REPETITION = "00402"
_MAX_ELEMENT_CHARS = 80
_MAX_CHARACTER_BYTES = 4


class Delimiters(NamedTuple):
    """`segment` is text of bytes (latin-1), as segments are cut with it; the others are characters.

    Attributes:
        release: out of an ISX segment (007040 and later), None before.
        sent_component: `component` as segments are cut with it, where that differs.
    """

    element: str
    component: str | None
    segment: str
    repetition: str | None
    release: str | None = None
    sent_component: str | None = None

    @property
    def charset(self) -> str | None:
        """X12 declares none."""
        return None

    def tag(self, segment: str) -> str:
        return segment.split(self.element, 1)[0]

    def elements(self, segment: str, offset: int, unit: int = 1) -> list[Element]:
        """The elements of a segment by their reference designators: "NM103", "SV101-2"."""
        tag, *texts = split(segment, self.element, self.release)
        at = offset + unit * (len(tag) + 1)
        tag = _unwrapped(tag)
        inner = (self.repetition, self.sent_component or self.component) if tag != "ISA" else ()
        separators = Separators(self.element, inner, self.release)

        def naming(position: int, path: Sequence[int]) -> str:
            return f"{tag}{position:02}" + "".join(f"-{number}" for number in path)

        def meant(text: str) -> str:
            return _unwrapped(released(text, self.release))

        made = []
        for position, text in enumerate(texts, 1):
            made.append(element(text, position, at, unit, separators, naming, meant))
            at += unit * (len(text) + 1)
        return made


def _unwrapped(text: str) -> str:
    return text.replace("\r", "").replace("\n", "") if "\n" in text or "\r" in text else text


class Header(NamedTuple):
    """Attributes:
    elements: ISA01 to ISA16 as sent, at index 1 to 16; index 0 is the tag.
    end: where the next segment begins, as an index of the text given.
    """

    delimiters: Delimiters
    elements: list[str]
    end: int


def read_isa(text: str, start: int = 0) -> Header | None:
    """Read an interchange header by counting its separators, not by offsets: many senders trim or over-pad it.

    Args:
        text: a character for each byte (latin-1), with the header at `start`.

    Returns:
        The header, or None when the text ends before it does. `repetition` is None before version 00402, when ISA11
        was still the standards identifier.

    Raises:
        NotThisStandard: no "ISA" at `start`, or no sixteen elements and a terminator after it.
    Spec: X12.5 Interchange Control Structures, segment ISA.
    """
    window = text[start : start + MAX_HEADER_CHARS]
    if not window.startswith("ISA"[: len(window)]):
        raise NotThisStandard("no ISA here")
    if len(window) < 4:
        return None
    separator = window[3]
    if separator.isalnum() or separator in " \r\n":
        raise NotThisStandard("ISA is not followed by a separator")
    elements = window.split(separator, 16)
    if any(len(element) > _MAX_ELEMENT_CHARS for element in elements[1:16]):
        raise NotThisStandard("an element of the header is far too long")
    if len(elements) > 1 and len(elements[1].strip()) > WIDTHS[0]:
        raise NotThisStandard("ISA01 is not a code of two characters")
    if len(elements) < 17 or _is_partial(elements[16]):
        if len(window) == MAX_HEADER_CHARS:
            raise NotThisStandard("the header has no sixteen elements")
        return None
    rest = elements[16]
    rest_start = start + len(window) - len(rest)
    component: str | None = _character(rest)
    after = rest[len(_character(rest)) :]
    terminator = _character(after.lstrip(" "))
    end = rest_start + rest.find(terminator, len(rest) - len(after)) + len(terminator)
    if rest[1:3] in {"GS", "TA", "IE"}:  # ISA16 was left out, and its place is taken by the terminator.
        component, terminator, end = None, rest[0], rest_start + 1
    if not terminator or (terminator.isascii() and terminator.isalnum()) or terminator == separator:
        raise NotThisStandard("the header has no terminator")
    elements[16] = component or ""
    elements = [element.replace("\r", "").replace("\n", "") for element in elements]
    repetition = elements[11] if takes_repetition(elements[12]) else ""
    if len(repetition) != 1 or repetition.isalnum() or repetition == " ":
        repetition = ""
    delimiters = Delimiters(separator, component, terminator, repetition or None)
    if component is not None and not component.isascii() and max(component) <= "\xff":
        delimiters = delimiters._replace(component=decoded(component), sent_component=component)
    return Header(delimiters, elements, end)


def takes_repetition(version: str) -> bool:
    """Whether ISA11 is the repetition separator in this version (ISA12), and not yet the standards identifier "U"."""
    return version.strip() >= _FIRST_VERSION_WITH_REPETITION


def _is_partial(rest: str) -> bool:
    """Too little follows the last separator to tell ISA16 and the terminator."""
    if not rest[:2].isascii():
        return len(rest) < 2 * _MAX_CHARACTER_BYTES
    return not rest[1:].strip(" ") or (len(rest) < 3 and rest[1].isalnum())


def _character(text: str) -> str:
    """The bytes of the first character: some senders end segments by one that takes three bytes of UTF-8."""
    for length in range(1, _MAX_CHARACTER_BYTES + 1):
        try:
            text[:length].encode("latin-1").decode("utf-8")
        except UnicodeDecodeError:
            continue
        except UnicodeEncodeError:  # A file in UTF-16.
            break
        return text[:length]
    return text[:1]
