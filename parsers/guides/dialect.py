"""What differs from standard to standard in judging a segment; each brings its own as `parsers.<standard>.dialect`."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, NamedTuple, Protocol

from parsers.guides.model import ElementSpec, SegmentSpec
from parsers.segments import Syntax

if TYPE_CHECKING:
    from parsers.guides.rules import Watch


class Fault(NamedTuple):
    """What is wrong with one value: a code of the table in `docs/guides.md`, and words for it behind its name."""

    code: str
    says: str
    hint: str


class Reader(NamedTuple):
    """Takes an element out of segments.

    Attributes:
        tag: of the segments that have it.
        at: how many separators stand before it, where there are any.
    """

    tag: str
    at: int
    value: Callable[[str], str]


class Dialect(Protocol):
    """Attributes:
    syntax: the separators of the interchange.
    separator: of elements; "" where fields stand at fixed places, or are lines.
    noun: what the standard calls a segment: "segment", "field", "record".
    qualifiers: where the code stands by which positions of one tag are told apart, (element, component or 0) from 1,
        for tags that differ from the first element.
    watched: tags that `watch` wants to see.
    lenient: what stands where it should not, or was never told of, is a warning at most (HL7 asks receivers to
        ignore it).
    ordinals_of_set: the [n] of a path counts the segments of a tag in the whole set, as HL7's ERL-2 does, and not those
        of a position.
    """

    syntax: Syntax
    separator: str
    noun: str
    qualifiers: Mapping[str, tuple[int, int]]
    watched: frozenset[str]
    lenient: bool
    ordinals_of_set: bool

    def watch(self) -> "Watch | None":
        """A new follower for one set."""

    def passes(self, tag: str) -> bool:
        """A segment of this tag is let through wherever it stands, because partners make their own (HL7's Z)."""

    def element_name(self, tag: str, element: int, component: int = 0) -> str:
        """As the lossless level writes it: ("NM1", 9) → "NM109", ("SV1", 1, 2) → "SV101-2"."""

    def pattern(self, spec: SegmentSpec) -> re.Pattern[str] | None:
        """What a right segment looks like; of others none matches. None where no pattern can say it."""

    def key(self, text: str, tag: str) -> str:
        """The code in a segment that has `tag`, by which its position is told; "" when there is none."""

    def reader(self, reference: str) -> Reader:
        """Of an element as the lossless level writes it: "SV101-2".

        Raises:
            ValueError: it is none, in words.
        """

    def check(self, value: str, spec: ElementSpec, before: str | None) -> Fault | None:
        """Look at a value's type and length. `before` is the value of the element in front: a date's format."""

    def look(self, text: str, spec: SegmentSpec) -> Fault | None:
        """Look at a whole segment, where it has a format of its own."""


def length_fault(count: int, spec: ElementSpec) -> Fault | None:
    if count < spec.min:
        wanted = f"{spec.min}" if spec.min == spec.max else f"at least {spec.min}"
        says = f"has {count} characters; it must have {wanted}"
        return Fault("element-too-short", says, f"Send {wanted} characters.")
    if count > spec.max:
        return Fault(
            "element-too-long",
            f"has {count} characters; it may have {spec.max}",
            f"Send {spec.max} characters at most.",
        )
    return None
