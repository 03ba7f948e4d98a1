"""What is open while a file is read: interchange, group, set, loops; their ordinals, places and findings.

Each standard has its own rules of what opens and closes what; this is what they keep count with.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import IntEnum

from msgspec.structs import replace

from parsers.events import GroupClosed, InterchangeClosed, SetClosed, Standard, Verdict
from parsers.findings import INTEGRITY, Finding, Location, Severity
from parsers.limits import Limits
from parsers.segments import Raw, Run, Segments, Syntax


class Level(IntEnum):
    INTERCHANGE = 1
    GROUP = 2
    SET = 3


_REMEMBERED = 100_000
"""Control numbers of so many envelopes within one are compared with each other; later ones are not."""

Counts = dict[Level, int]
"""How many of each the file has had so far: ordinals run over the whole file, whatever its standards."""


@dataclass(slots=True)
class Open:
    """Attributes:
    tag: of its header; empty where the standard has none for it.
    position: of the last segment that stood in it, its header being 1.
    children: envelopes directly inside of it.
    failed: an error finding lies in its own structure.
    repeated: one beside it, in the same envelope, has the same control number.
    numbers: control numbers of envelopes directly inside of it.
    """

    level: Level
    tag: str
    index: int
    path: str
    control_number: str = ""
    position: int = 0
    children: int = 0
    failed: bool = False
    repeated: bool = False
    numbers: set[str] = field(default_factory=set)


class Nesting:
    """A stack of what is open, outermost first."""

    def __init__(self, standard: Standard, counts: Counts) -> None:
        self.standard: Standard = standard
        self.stack: list[Open] = []
        self._counts = counts
        self._long: tuple[str, int] | None = None

    @property
    def here(self) -> Open | None:
        return self.stack[-1] if self.stack else None

    @property
    def set(self) -> Open | None:
        """The set that is open, if one is."""
        return self.stack[-1] if self.stack and self.stack[-1].level is Level.SET else None

    def of(self, level: Level) -> Open | None:
        return next((one for one in self.stack if one.level is level), None)

    def index(self, level: Level) -> int:
        """The ordinal of what is open at this level; there is one."""
        return next(one.index for one in self.stack if one.level is level)

    def open(self, level: Level, tag: str, control_number: str = "") -> Open:
        """Enter an envelope. `tag` names it in paths; empty where the standard has no header for it."""
        self._counts[level] = self._counts.get(level, 0) + 1
        above = self.stack[-1].path if self.stack else ""
        name = f"{tag}[{self._counts[level]}]" if tag else ""
        repeated = False
        if self.stack:
            self.stack[-1].children += 1
            numbers = self.stack[-1].numbers
            repeated = control_number in numbers
            if control_number and len(numbers) < _REMEMBERED:
                numbers.add(control_number)
        path = f"{above}/{name}" if above and name else above or name
        opened = Open(level, tag, self._counts[level], path, control_number, repeated=repeated)
        self.stack.append(opened)
        return opened

    def close(
        self, verdict: Verdict, *, end: int, trailer_seen: bool = True
    ) -> InterchangeClosed | GroupClosed | SetClosed:
        """Leave the innermost envelope; it ends at byte `end`."""
        left = self.stack.pop()
        if left.level is Level.SET:
            return SetClosed(
                index=left.index, verdict=verdict, end_offset=end, records=0, record_schema=None, map_version=None
            )
        if left.level is Level.GROUP:
            return GroupClosed(index=left.index, end_offset=end, verdict=verdict, sets=left.children)
        return InterchangeClosed(index=left.index, end_offset=end, verdict=verdict, trailer_seen=trailer_seen)

    def verdict(self, *, cut: bool = False) -> Verdict:
        """What the innermost envelope deserves, when it ends here."""
        return "incomplete" if cut else "rejected" if self.stack[-1].failed else "accepted"

    def segments(self, run: Run, first: int, stop: int, syntax: Syntax, *, control: bool = False) -> Segments:
        """Hand out some segments of a run as content of what is open, and count them."""
        here = self.stack[-1]
        position = here.position + 1
        here.position += stop - first
        within = here.index if here.level is Level.SET else None
        return Segments(run, first, stop, self.standard, syntax, position, within, here.path or None, control)

    def owned(self, raw: Raw, segment: str | None = None) -> Raw:
        """Say in which set and at which position a part of a segment stands; it counts with its last part."""
        here = self.here
        if here is not None:
            counts = raw.kind != "binary"  # The segment that says how long the data is has been counted.
            raw.segment = segment
            raw.position = here.position + counts
            raw.set = here.index if here.level is Level.SET else None
            raw.path = here.path or None
            here.position += counts and raw.last
        return raw

    @property
    def long(self) -> str | None:
        """The tag of the segment of which parts have been handed out, and more must come."""
        return self._long[0] if self._long else None

    def part(self, raw: Raw, tag: str, limits: Limits, hint: str, *, noun: str = "segment") -> Iterator[Finding | Raw]:
        """Hand out a part of a segment that is too long to hold; that it is longer than any may be is said once.

        Args:
            tag: of the segment, if this is its first part.
        """
        if self._long is None:
            self._long = (tag, raw.offset)
        tag, begin = self._long
        if raw.end - begin > limits.segment_bytes >= raw.offset - begin:
            yield self.report(
                f"{noun}-too-long",
                f"A {noun} is longer than {limits.segment_bytes >> 20} MiB.",
                hint,
                self.place(begin, position=self.stack[-1].position + 1),
            )
        if raw.last:
            self._long = None
        yield self.owned(raw, tag or None)

    def place(
        self,
        offset: int | None,
        *,
        segment: str | None = None,
        position: int | None = None,
        element: str | None = None,
    ) -> Location:
        """A place in the innermost envelope that is open."""
        here = self.here
        return Location(
            standard=self.standard,
            set=here.index if here and here.level is Level.SET else None,
            path=here.path or None if here else None,
            segment=segment,
            position=position,
            element=element,
            offset=offset,
        )

    def report(
        self,
        code: str,
        message: str,
        hint: str,
        at: Location,
        *,
        severity: Severity = "error",
        element: str | None = None,
    ) -> Finding:
        """A finding; an error fails the innermost envelope that is open.

        Args:
            code: without the standard before it: "se01-count-mismatch".
        """
        if self.stack and severity == "error":
            self.stack[-1].failed = True
        if element is not None:
            at = replace(at, element=element)
        return Finding.at(at, f"{self.standard}.{code}", message, hint, severity=severity, level=INTEGRITY)


def number(text: str) -> int | None:
    """A count as standards write them: digits only, of a sane length."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
