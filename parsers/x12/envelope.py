"""The envelopes of X12 as a table: what may open and close where, with counts and control numbers checked.

                    ISA            GS             ST
    OUTSIDE      ---->  INTERCHANGE ---->  GROUP  ---->  TRANSACTION     and back by SE, GE, IEA
                        IEA               GE              SE

A header found deeper than it belongs means that trailers are missing: what is open closes first, with a finding. A
trailer found where it closes nothing is out of place. What ends because the file or the interchange was cut off is
incomplete; what breaks a rule is rejected.

Spec: X12.5 Interchange Control Structures, X12.6 Application Control Structure.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

from msgspec.structs import replace

from parsers.events import (
    Event,
    GroupClosed,
    GroupOpened,
    InterchangeClosed,
    InterchangeOpened,
    SetOpened,
    Verdict,
)
from parsers.findings import Finding, Location, Severity
from parsers.records import Map, SetRecords
from parsers.text import within
from parsers.x12.delimiters import WIDTHS, Delimiters, Header
from parsers.x12.tokenizer import Batch, Kind, Oddity, Opening, Token


class Level(IntEnum):
    OUTSIDE = 0
    INTERCHANGE = 1
    GROUP = 2
    TRANSACTION = 3


OPENS = {(Level.INTERCHANGE, "GS"): Level.GROUP, (Level.GROUP, "ST"): Level.TRANSACTION}
"""ISA is not here: the tokenizer knows it by its header and reads the separators there."""

CLOSES = {"SE": Level.TRANSACTION, "GE": Level.GROUP, "IEA": Level.INTERCHANGE}
CONTROL_TAGS = frozenset({"GS", "ST", "SE", "GE", "IEA", ""})
"""Segments that the envelope takes itself; the empty one is between two terminators."""

BETWEEN_GROUPS = frozenset({"TA1", "TA3", "ISB", "ISE"})
"""Segments that may stand in an interchange outside of any group."""


class Trailer(NamedTuple):
    """What a trailer promises: element 1 is a count of `counted`, element 2 repeats `header`'s control number."""

    tag: str
    header: str
    counted: str
    count_code: str
    control_code: str
    missing_code: str


TRAILERS = {
    Level.TRANSACTION: Trailer(
        "SE", "ST02", "segments", "x12.se01-count-mismatch", "x12.se02-control-mismatch", "x12.se-missing"
    ),
    Level.GROUP: Trailer(
        "GE",
        "GS06",
        "transaction sets",
        "x12.ge01-count-mismatch",
        "x12.ge02-control-mismatch",
        "x12.ge-missing",
    ),
    Level.INTERCHANGE: Trailer(
        "IEA",
        "ISA13",
        "functional groups",
        "x12.iea01-count-mismatch",
        "x12.iea02-control-mismatch",
        "x12.iea-missing",
    ),
}


class Oddness(NamedTuple):
    code: str
    severity: Severity
    message: str
    hint: str


ODDITIES = {
    Kind.GAP: Oddness(
        "x12.data-outside-interchange",
        "warning",
        "Bytes stand outside of any interchange; they were passed over.",
        "Remove what is not X12 before the ISA segment and after the IEA segment.",
    ),
    Kind.LINE_BREAK: Oddness(
        "x12.line-break-in-segment",
        "warning",
        "A line break stands inside of a segment; line breaks inside of segments were left out.",
        "Do not wrap the file at a fixed width.",
    ),
    Kind.TOO_LONG: Oddness(
        "x12.segment-too-long",
        "error",
        "A segment is longer than 4 MiB; it was left out.",
        "Check that the segment terminator is the one that the ISA segment declares.",
    ),
    Kind.CUT_SEGMENT: Oddness(
        "x12.segment-cut-off",
        "error",
        "The file ends inside of a segment.",
        "Send the whole file again.",
    ),
    Kind.CUT_HEADER: Oddness(
        "x12.isa-cut-off",
        "error",
        "The file ends inside of the interchange header ISA.",
        "Send the whole file again.",
    ),
    Kind.UNTERMINATED: Oddness(
        "x12.terminator-missing",
        "warning",
        "The last segment, IEA, has no segment terminator.",
        "End every segment with its terminator, also the last.",
    ),
}


OpenMap = Callable[[str, str, Delimiters, Location], Map | None]
"""Set and version to their map, or None where there is no map."""


@dataclass(slots=True)
class _Open:
    """An envelope that is open, and what we counted in it."""

    level: Level
    index: int
    path: str
    control_number: str
    position: int = 1
    children: int = 0
    failed: bool = False


class Envelope:
    """Tokens in, events out. Holds a stack of what is open and the ordinals of what has been."""

    def __init__(self, open_map: OpenMap) -> None:
        self._open_map = open_map
        self._stack: list[_Open] = []
        self._counts = dict.fromkeys(Level, 0)
        self._delimiters = Delimiters("*", None, "~", None)
        self._group_version = ""
        self._usage: str | None = None
        self._records = SetRecords(Location(standard="x12"), None)
        self._unterminated = False
        self._stray_reported = False  # Once between two envelopes is enough.
        self._control_starts: set[str] = set()

    def feed(self, token: Token) -> Iterator[Event]:
        match token:
            case Batch():
                yield from self._batch(token)
            case Opening(header, offset):
                yield from self._close_through(Level.INTERCHANGE, offset, cut=True)
                yield from self._open_interchange(header, offset)
            case Oddity(kind, offset):
                yield from self._oddity(kind, offset)

    def finish(self, end: int) -> Iterator[Event]:
        """The file ends here."""
        yield from self._close_through(Level.INTERCHANGE, end, cut=True)

    # --- walking a batch ---

    def _batch(self, batch: Batch) -> Iterator[Event]:
        """Envelope segments one by one, the runs between them at once: the search for them stays in C."""
        segments, starts = batch
        marks = [index for index, segment in enumerate(segments) if segment[:3] in self._control_starts]
        done = 0
        for mark in marks:
            elements = segments[mark].split(self._delimiters.element)
            if elements[0] not in CONTROL_TAGS:
                continue
            if mark > done:
                yield from self._run(segments[done:mark], starts[done : mark + 1])
            yield from self._control(elements, starts[mark], starts[mark + 1])
            done = mark + 1
        if done < len(segments):
            yield from self._run(segments[done:], starts[done:])

    def _run(self, segments: list[str], starts: list[int]) -> Iterator[Event]:
        """Segments of which none opens or closes an envelope."""
        here = self._stack[-1] if self._stack else None
        if here is None:  # Behind an IEA that the tokenizer could not see, because a line break stood in its tag.
            if not self._stray_reported:
                self._stray_reported = True
                yield from self._oddity(Kind.GAP, starts[0])
            return
        if here.level is not Level.TRANSACTION:
            stray = next((index for index, segment in enumerate(segments) if not self._may_stand(segment)), None)
            if stray is not None and not self._stray_reported:
                self._stray_reported = True
                yield self._report(
                    "x12.segment-out-of-place",
                    "A segment stands outside of any transaction set.",
                    "Put every business segment between ST and SE.",
                    self._place(starts[stray], position=here.position + stray + 1),
                )
        else:
            yield from self._records.feed(segments, starts, here.position + 1)
        here.position += len(segments)

    def _may_stand(self, segment: str) -> bool:
        tag = segment.split(self._delimiters.element, 1)[0]
        return self._stack[-1].level is Level.INTERCHANGE and tag in BETWEEN_GROUPS

    def _control(self, elements: list[str], offset: int, end: int) -> Iterator[Event]:
        tag = elements[0]
        elements += [""] * (9 - len(elements))
        if not tag:
            yield self._report(
                "x12.empty-segment",
                "Two segment terminators follow each other with nothing between them.",
                "Write one terminator after each segment.",
                self._place(offset),
                severity="warning",
            )
        elif not self._stack:
            yield from self._run(elements, [offset])
        elif tag in CLOSES:
            yield from self._trailer(CLOSES[tag], elements, offset, end)
        else:
            yield from self._header(tag, elements, offset)

    # --- opening ---

    def _open_interchange(self, header: Header, offset: int) -> Iterator[Event]:
        elements = header.elements
        separator = header.delimiters.element
        self._delimiters = header.delimiters
        self._control_starts = {f"{tag}{separator}"[:3] for tag in CONTROL_TAGS} | CONTROL_TAGS
        self._unterminated = False
        self._usage = within(elements[15], 1)
        here = self._push(Level.INTERCHANGE, "ISA", elements[13])
        at = self._place(offset, segment="ISA", position=1)
        yield InterchangeOpened(
            index=here.index,
            standard="x12",
            version=within(elements[12], 5),
            sender=within(elements[6], 15),
            sender_qualifier=within(elements[5], 2),
            receiver=within(elements[8], 15),
            receiver_qualifier=within(elements[7], 2),
            control_number=within(elements[13], 9),
            usage=self._usage,
            offset=offset,
        )
        yield from self._too_long(elements, {6: 15, 8: 15, 13: 9}, at)
        wrong = next((n for n, width in enumerate(WIDTHS, 1) if len(elements[n]) != width), None)
        if wrong is not None:
            yield self._report(
                "x12.isa-width",
                f"ISA{wrong:02} is not {WIDTHS[wrong - 1]} characters wide; the header was read by its separators.",
                "Pad the elements of ISA to their fixed widths.",
                replace(at, element=f"ISA{wrong:02}"),
                severity="warning",
            )

    def _header(self, tag: str, elements: list[str], offset: int) -> Iterator[Event]:
        level = Level.GROUP if tag == "GS" else Level.TRANSACTION
        yield from self._close_through(level, offset, cut=False)
        parent = self._stack[-1]
        parent.position += 1
        parent.children += 1
        in_group = (parent.level, tag) in OPENS
        here = self._push(level, tag, elements[6] if tag == "GS" else elements[2])
        if tag == "GS":
            yield from self._group(here, elements, offset)
        else:
            yield from self._set(here, elements, offset, group=parent.index if in_group else None)
        if not in_group:
            yield self._report(
                "x12.st-outside-group",
                "The transaction set stands in no functional group.",
                "Put a GS segment before the first ST and a GE segment after the last SE.",
                self._place(offset, segment="ST", position=1),
            )

    def _group(self, here: _Open, elements: list[str], offset: int) -> Iterator[Event]:
        self._group_version = elements[8].strip()
        yield GroupOpened(
            interchange=self._stack[0].index,
            index=here.index,
            functional_id=within(elements[1], 2),
            sender=within(elements[2], 15),
            receiver=within(elements[3], 15),
            control_number=within(elements[6], 9),
            version=within(self._group_version, 12),
            offset=offset,
        )
        yield from self._too_long(elements, {2: 15, 3: 15, 6: 9}, self._place(offset, segment="GS", position=1))

    def _set(self, here: _Open, elements: list[str], offset: int, *, group: int | None) -> Iterator[Event]:
        version = elements[3].strip() or (self._group_version if group else "")
        yield SetOpened(
            interchange=self._stack[0].index,
            group=group,
            index=here.index,
            set=within(elements[1], 3),
            version=within(version, 12),  # ST03 may have 35, but versions have 12: the rest is anybody's text.
            control_number=within(elements[2], 9),
            usage=self._usage,
            offset=offset,
        )
        yield from self._too_long(elements, {2: 9}, self._place(offset, segment="ST", position=1))
        place = self._place(offset)
        mapped_by = self._open_map(elements[1], version, self._delimiters, place)
        self._records = SetRecords(place, mapped_by)

    def _push(self, level: Level, tag: str, control_number: str) -> _Open:
        self._counts[level] += 1
        above = f"{self._stack[-1].path}/" if self._stack else ""
        path = f"{above}{tag}[{self._counts[level]}]"
        self._stray_reported = False
        self._stack.append(_Open(level, self._counts[level], path, control_number))
        return self._stack[-1]

    def _too_long(self, elements: list[str], limits: dict[int, int], at: Location) -> Iterator[Finding]:
        for number, limit in limits.items():
            if len(elements[number].rstrip()) > limit:
                name = f"{at.segment}{number:02}"
                yield self._report(
                    "x12.envelope-element-too-long",
                    f"{name} is longer than {limit} characters; it was not taken over.",
                    f"Keep {name} within {limit} characters.",
                    replace(at, element=name),
                )

    # --- closing ---

    def _trailer(self, level: Level, elements: list[str], offset: int, end: int) -> Iterator[Event]:
        trailer = TRAILERS[level]
        if not any(envelope.level is level for envelope in self._stack):
            self._stack[-1].position += 1
            yield self._report(
                "x12.trailer-out-of-place",
                f"{trailer.tag} closes nothing: no {trailer.header[:-2]} is open.",
                f"Remove the {trailer.tag} segment, or send the {trailer.header[:-2]} that belongs to it.",
                self._place(offset, segment=trailer.tag, position=self._stack[-1].position),
            )
            return
        while self._stack[-1].level is not level:
            yield from self._close_missing(offset, cut=False)
        here = self._stack[-1]
        here.position += 1
        yield from self._check(trailer, here, elements, offset)
        sent = elements[2]
        cut = self._unterminated and sent != here.control_number and here.control_number.startswith(sent)
        verdict: Verdict = "incomplete" if cut else "rejected" if here.failed else "accepted"
        yield from self._close(verdict, last=offset, end=end, trailer_seen=not cut)

    def _check(self, trailer: Trailer, here: _Open, elements: list[str], offset: int) -> Iterator[Finding]:
        at = self._place(offset, segment=trailer.tag, position=here.position)
        counted = here.position if here.level is Level.TRANSACTION else here.children
        if _number(elements[1].strip()) != counted:
            yield self._report(
                trailer.count_code,
                f"{trailer.tag}01 does not say how many {trailer.counted} there are: we counted {counted}.",
                f"Set {trailer.tag}01 to the number of {trailer.counted}.",
                replace(at, element=f"{trailer.tag}01"),
            )
        if elements[2] != here.control_number:
            number = _number(elements[2].strip())
            padding_only = number is not None and number == _number(here.control_number.strip())
            yield self._report(
                trailer.control_code,
                f"{trailer.tag}02 is not the control number in {trailer.header}"
                + (": it is the same number, padded differently." if padding_only else "."),
                f"Repeat {trailer.header} in {trailer.tag}02, character by character.",
                replace(at, element=f"{trailer.tag}02"),
                severity="warning" if padding_only else "error",
            )

    def _close_through(self, level: Level, offset: int, *, cut: bool) -> Iterator[Event]:
        """Close what stands open at this level and deeper, because its trailer did not come."""
        while self._stack and self._stack[-1].level >= level:
            yield from self._close_missing(offset, cut=cut)

    def _close_missing(self, offset: int, *, cut: bool) -> Iterator[Event]:
        here = self._stack[-1]
        trailer = TRAILERS[here.level]
        if not cut or here.level is Level.INTERCHANGE:  # Of a cut, the outermost trailer tells all.
            header = trailer.header[:-2]
            yield self._report(
                trailer.missing_code,
                f"{header} ends at byte {offset} without its trailer {trailer.tag}.",
                "Send the whole file again." if cut else f"Close every {header} by its {trailer.tag}.",
                self._place(offset, segment=trailer.tag),
            )
        yield from self._close("incomplete" if cut else "rejected", last=offset, end=offset, trailer_seen=False)

    def _close(self, verdict: Verdict, *, last: int, end: int, trailer_seen: bool) -> Iterator[Event]:
        here = self._stack[-1]
        match here.level:
            case Level.INTERCHANGE:
                yield InterchangeClosed(index=here.index, end_offset=end, verdict=verdict, trailer_seen=trailer_seen)
            case Level.GROUP:
                yield GroupClosed(index=here.index, end_offset=end, verdict=verdict, sets=here.children)
            case Level.TRANSACTION:
                yield from self._records.close(verdict, last=last, end=end)
        self._stack.pop()
        self._stray_reported = False

    # --- findings ---

    def _oddity(self, kind: Kind, offset: int) -> Iterator[Event]:
        odd = ODDITIES[kind]
        if kind in {Kind.GAP, Kind.CUT_HEADER}:
            yield from self._close_through(Level.INTERCHANGE, offset, cut=True)
        if kind is Kind.TOO_LONG and self._stack:
            self._stack[-1].position += 1
        self._unterminated = self._unterminated or kind is Kind.UNTERMINATED
        yield self._report(odd.code, odd.message, odd.hint, self._place(offset), severity=odd.severity)

    def _place(self, offset: int, *, segment: str | None = None, position: int | None = None) -> Location:
        """A place in the innermost envelope that is open."""
        here = self._stack[-1] if self._stack else None
        in_set = here is not None and here.level is Level.TRANSACTION
        return Location(
            standard="x12",
            set=here.index if here and in_set else None,
            path=here.path if here else None,
            segment=segment,
            position=position,
            offset=offset,
        )

    def _report(self, code: str, message: str, hint: str, at: Location, *, severity: Severity = "error") -> Finding:
        """A finding, which marks the innermost open envelope as failed when it is an error."""
        if self._stack and severity == "error":
            self._stack[-1].failed = True
        return Finding.at(at, code, message, hint, severity=severity)


def _number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else None
