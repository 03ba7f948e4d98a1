"""How much of anything a reader takes; past each limit stands a finding, and reading goes on in bounded memory."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    findings: listed of one file; the rest are counted.
    segment_bytes: of one segment. A longer one is reported; its bytes are handed out all the same.
    held_bytes: of one segment, to be held whole. A longer one travels in parts (`Raw`).
    elements: of one segment.
    repeats: of one element.
    nesting: loops within loops, elements of XML within each other.
    attributes: of one XML element.
    """

    findings: int = 1_000
    segment_bytes: int = 64 << 20
    held_bytes: int = 4 << 20
    elements: int = 5_000
    repeats: int = 10_000
    nesting: int = 64
    attributes: int = 64
