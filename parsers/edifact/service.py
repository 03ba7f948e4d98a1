"""EDIFACT's service segments as tables: which envelope each opens or closes, and what it has to say."""

from collections.abc import Sequence
from typing import NamedTuple

from parsers.nesting import Level, Open


class Envelope(NamedTuple):
    """Attributes:
    reference: the element of the header that the trailer repeats.
    count_at, reference_at: the trailer's elements.
    counted: what the trailer's count is of.
    conditional: the trailer's elements may be left out.
    """

    level: Level
    header: str
    trailer: str
    reference: str
    count_at: int = 1
    reference_at: int = 2
    counted: str = "messages"
    conditional: bool = False


ENVELOPES = (
    Envelope(Level.INTERCHANGE, "UNB", "UNZ", "UNB-5"),
    Envelope(Level.GROUP, "UNG", "UNE", "UNG-5"),
    Envelope(Level.SET, "UNH", "UNT", "UNH-1", counted="segments"),
    Envelope(Level.SET, "UNO", "UNP", "UNO-1", counted="bytes of data"),
    Envelope(Level.INTERCHANGE, "UIB", "UIZ", "UIB-2.1", count_at=2, reference_at=1, conditional=True),
    Envelope(Level.SET, "UIH", "UIT", "UIH-2", count_at=2, reference_at=1, counted="segments", conditional=True),
)
OPENS = {envelope.header: envelope for envelope in ENVELOPES}
CLOSES = {envelope.trailer: envelope for envelope in ENVELOPES}

BINARY = {"UNO": ("UNO-4.1", "UNP"), "USD": ("USD-1", "USU")}
"""Segments behind which so many bytes of data stand, and the tag of the segment behind those."""

MAX_CHARS = {
    "UNB-2.1": 35, "UNB-2.2": 4, "UNB-3.1": 35, "UNB-3.2": 4, "UNB-5": 14,
    "UNG-1": 6, "UNG-2.1": 35, "UNG-3.1": 35, "UNG-5": 14,
    "UNH-1": 14, "UNH-2.1": 6,
    "UNO-1": 35,
    "UIB-2.1": 35, "UIB-6.1": 35, "UIB-6.2": 4, "UIB-7.1": 35, "UIB-7.2": 4,
    "UIH-1.1": 6, "UIH-2": 35,
}  # fmt: skip
MANDATORY = ("UNB-5", "UNH-1", "UNH-2.1", "UIH-1.1")


def place_of(name: str) -> tuple[int, int]:
    """Element and component of "UNB-2.1"; of "UNB-5" the first, which is all of it."""
    position, _, component = name.partition("-")[2].partition(".")
    return int(position), int(component or 1)


CHECKED: dict[str, list[tuple[str, int, int, int]]] = {
    tag: [(name, *place_of(name), limit) for name, limit in MAX_CHARS.items() if name.startswith(tag)] for tag in OPENS
}
"""For each header the elements that are looked at: name, element, component, characters."""


def at(composites: Sequence[Sequence[str]], position: int, component: int = 1) -> str:
    """An element or component of a service segment, empty when it was not sent."""
    parts = composites[position] if position < len(composites) else ()
    return parts[component - 1] if component <= len(parts) else ""


def envelope_of(one: Open) -> Envelope:
    """Which envelope it is that is open."""
    return OPENS[one.tag]


def version_of(parts: Sequence[str], first: int, code_at: int) -> str:
    """Version (0052) and release (0054), then the association's code (0057) if there is one: "D96A", "D96A:EAN008"."""
    padded = [*parts, *[""] * (code_at + 1)]
    version = "".join(padded[first : first + 2])
    return f"{version}:{padded[code_at]}" if padded[code_at] else version
