"""Splitting a segment into its elements and their parts, where separators may be released."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from parsers.segments import Element, Value


class Separators(NamedTuple):
    """Attributes:
    inner: what parts an element, outermost first: repetition, component, subcomponent; None where there is none.
    release: takes the meaning of the character behind it away.
    """

    element: str
    inner: tuple[str | None, ...] = ()
    release: str | None = None


def split(text: str, separator: str, release: str | None = None) -> list[str]:
    """The pieces between separators, as sent: what is released does not separate, and stays released."""
    if release is None or release not in text:
        return text.split(separator)
    joined: list[str] = []
    held: list[str] = []  # Pieces that a released separator keeps together.
    for piece in text.split(separator):
        held.append(piece)
        if (len(piece) - len(piece.rstrip(release))) % 2:
            continue
        joined.append(separator.join(held))
        held.clear()
    if held:
        joined.append(separator.join(held))
    return joined


def released(text: str, release: str | None) -> str:
    """The text without its release characters."""
    if release is None or release not in text:
        return text
    halves = text.split(release * 2)
    return release.join(half.replace(release, "") for half in halves)


Naming = Callable[[int, Sequence[int]], str]
"""Element's position and the positions of parts within it to a name: (1, [2]) → "SV101-2". Repetitions have none."""


def element(
    text: str,
    position: int,
    offset: int,
    unit: int,
    separators: Separators,
    naming: Naming,
    meant: Callable[[str], str],
) -> Element:
    """One element with what it is made of.

    Args:
        meant: undoes the escapes of a text that has no parts.
    """
    repetition, *components = separators.inner or (None,)

    def parted(text: str, left: Sequence[str | None]) -> bool:
        return any(mark and mark in text and len(split(text, mark, separators.release)) > 1 for mark in left)

    def part(text: str, at: int, number: int, path: list[int], left: Sequence[str | None]) -> Element:
        name = naming(position, path)
        for depth, separator in enumerate(left):
            if separator is None:
                continue
            pieces = split(text, separator, separators.release) if separator in text else [text]
            if len(pieces) == 1 and not parted(text, left[depth + 1 :]):
                continue  # A lone component is told from its element only where it has parts itself.
            inner, begin = [], at
            for nth, piece in enumerate(pieces, 1):
                inner.append(part(piece, begin, nth, [*path, nth], left[depth + 1 :]))
                begin += unit * (len(piece) + len(separator))
            return Element(name=name, position=number, offset=at, components=inner)
        return Element(name=name, position=number, offset=at, text=meant(text))

    if repetition is None or repetition not in text:
        return part(text, offset, position, [], components)
    pieces = split(text, repetition, separators.release)
    if len(pieces) == 1:
        return part(text, offset, position, [], components)
    made, begin = [], offset
    for nth, piece in enumerate(pieces, 1):
        made.append(part(piece, begin, nth, [], components))
        begin += unit * (len(piece) + len(repetition))
    return Element(name=naming(position, []), position=position, offset=offset, repetitions=made)


def values(elements: Sequence[Element]) -> list[Value]:
    """What a writer takes, out of what a reader found: the elements of a segment in order."""
    return [_value(element) for element in elements]


def _value(element: Element) -> Value:
    if element.repetitions is not None:
        return list(values(element.repetitions))
    if element.components is not None:
        return tuple(values(element.components))
    return element.text or ""
