"""The envelopes of HL7 v2 as a table: a file holds batches, a batch holds messages, and both may be left out.

              FHS          BHS           MSH
    OUTSIDE  ---->  FILE  ---->  BATCH  ---->  MESSAGE
                    FTS          BTS           (ends where the next header or trailer begins)

The outermost of them is the interchange; messages that stand bare in a file share one. Bare messages promise no trailer
and are complete without; a file or batch that was opened is incomplete until its trailer has come.

Spec: HL7 v2.5.1 chapter 2.10.3, batch protocol.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from parsers.events import Event, InterchangeClosed, InterchangeOpened, SetOpened, Verdict
from parsers.findings import Finding, Location, NotThisStandard, Severity
from parsers.hl7.delimiters import Delimiters, read_header
from parsers.hl7.tokenizer import Batch, Token, TooLong
from parsers.records import Map, SetRecords
from parsers.text import decoded, within


class Level(IntEnum):
    """`BARE` is the interchange that we open ourselves for messages outside of any file or batch."""

    BARE = 1
    FILE = 2
    BATCH = 3
    MESSAGE = 4


OPENS = {"FHS": Level.FILE, "BHS": Level.BATCH, "MSH": Level.MESSAGE}
CLOSES = {"FTS": Level.FILE, "BTS": Level.BATCH}
HEADERS = {Level.FILE: "FHS", Level.BATCH: "BHS", Level.MESSAGE: "MSH", Level.BARE: "MSH"}
COUNTED = {Level.FILE: "batches", Level.BATCH: "messages"}

_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}(?![A-Za-z0-9 ])")
_CHARSETS = {
    "8859/1": "latin-1",
    "8859/2": "iso8859-2",
    "8859/3": "iso8859-3",
    "8859/4": "iso8859-4",
    "8859/5": "iso8859-5",
    "8859/6": "iso8859-6",
    "8859/7": "iso8859-7",
    "8859/8": "iso8859-8",
    "8859/9": "iso8859-9",
    "8859/15": "iso8859-15",
}
"""HL7 table 0211; all others are read as UTF-8 when the bytes are, else as Windows-1252."""

MAX_CHARS = {"MSH-3": 227, "MSH-4": 227, "MSH-5": 227, "MSH-6": 227, "MSH-10": 199}


OpenMap = Callable[[str, Delimiters, Location], Map | None]
"""Message type ("ADT^A01") to its map, or None where there is no map."""


@dataclass(slots=True)
class _Open:
    level: Level
    index: int
    path: str
    position: int = 1
    children: int = 0
    failed: bool = False


class Envelope:
    """Tokens in, events out. Holds a stack of what is open and the ordinals of what has been."""

    def __init__(self, open_map: OpenMap) -> None:
        self._open_map = open_map
        self._stack: list[_Open] = []
        self._counts = dict.fromkeys(Level, 0)
        self._interchanges = 0
        self._charset: str | None = None
        self._records = SetRecords(Location(standard="hl7"), None)
        self._line_reported = False
        self._stray_reported = False  # Once between two envelopes is enough.

    def feed(self, token: Token) -> Iterator[Event]:
        match token:
            case TooLong(offset):
                yield self._report(
                    "hl7.segment-too-long",
                    "A segment is longer than 4 MiB; it was left out of the records.",
                    "Send large documents beside the message and refer to them.",
                    self._place(offset),
                    severity="warning",
                )
            case Batch(segments, starts):
                done = 0
                marks = [index for index, segment in enumerate(segments) if segment[:3] in ENVELOPE_TAGS]
                for mark in marks:
                    yield from self._run(segments[done:mark], starts[done:mark])
                    yield from self._control(segments[mark], starts[mark])
                    done = mark + 1
                yield from self._run(segments[done:], starts[done:])

    def finish(self, end: int) -> Iterator[Event]:
        """The file ends here. What promised a trailer is cut off; bare messages are complete."""
        outermost = self._stack[0].level if self._stack else None
        yield from self._close_through(Level.BARE, end, cut=outermost is not Level.BARE)

    # --- walking ---

    def _run(self, segments: list[str], starts: list[int]) -> Iterator[Event]:
        """Segments of which none opens or closes an envelope."""
        if not segments:
            return
        here = self._stack[-1] if self._stack else None
        if here is None or here.level is not Level.MESSAGE:
            if self._stray_reported:
                return
            self._stray_reported = True
            yield self._report(
                "hl7.segment-out-of-place",
                "A segment stands outside of any message.",
                "Begin every message with its MSH segment.",
                self._place(starts[0]),
            )
            return
        stray = next((index for index, segment in enumerate(segments) if not _SEGMENT.match(segment)), None)
        if stray is not None and not self._line_reported:
            self._line_reported = True
            yield self._report(
                "hl7.line-not-a-segment",
                "A line does not begin with a segment's name; such lines were left out.",
                "Write line breaks inside of a value as \\\\.br\\\\ or \\\\X0D\\\\.",
                self._place(starts[stray], position=here.position + stray + 1),
                severity="warning",
            )
        texts = [decoded(segment, self._charset) for segment in segments]
        yield from self._records.feed(texts, starts, here.position + 1)
        here.position += len(segments)

    def _control(self, segment: str, offset: int) -> Iterator[Event]:
        tag = segment[:3]
        if tag in CLOSES:
            yield from self._trailer(CLOSES[tag], segment, offset)
            return
        try:
            delimiters = read_header(segment)
        except NotThisStandard:
            yield from self._run([segment], [offset])
            return
        yield from self._header(OPENS[tag], segment, delimiters, offset)

    # --- opening ---

    def _header(self, level: Level, segment: str, delimiters: Delimiters, offset: int) -> Iterator[Event]:
        fields = [HEADERS[level], *segment.split(delimiters.field)]  # Field 1 is the separator itself.
        fields += [""] * (19 - len(fields))
        yield from self._make_room(level, offset)
        outermost = not self._stack
        if outermost and level is Level.MESSAGE:
            self._push(Level.BARE)
        if outermost:
            yield self._interchange(level, fields, offset)
        if self._stack:
            self._stack[-1].children += 1
        here = self._push(level)
        if level is Level.MESSAGE:
            yield from self._message(here, fields, delimiters, offset)
        if not delimiters.as_declared:
            yield self._report(
                "hl7.encoding-characters",
                f"{HEADERS[level]}-2 does not declare usable encoding characters; the standard's own were taken.",
                f"Send the encoding characters in {HEADERS[level]}-2.",
                self._place(offset, segment=HEADERS[level], position=1, element=f"{HEADERS[level]}-2"),
            )
        if level is Level.MESSAGE:
            yield from self._records.feed([decoded(segment, self._charset)], [offset], 1)

    def _make_room(self, level: Level, offset: int) -> Iterator[Event]:
        """Close what a new header ends: a message always, a file or batch because its trailer did not come."""
        if level is Level.MESSAGE:
            yield from self._close_through(Level.MESSAGE, offset, cut=False)
            return
        if self._stack and self._stack[0].level is Level.BARE:
            yield from self._close_through(Level.BARE, offset, cut=False)
        between = self._stack and self._stack[-1].level < level
        yield from self._close_through(level, offset, cut=not between)

    def _interchange(self, level: Level, fields: list[str], offset: int) -> InterchangeOpened:
        self._interchanges += 1
        is_message = level is Level.MESSAGE
        control_number = fields[10] if is_message else fields[11]
        return InterchangeOpened(
            index=self._interchanges,
            standard="hl7",
            version=_version(fields) if is_message else None,
            sender=within(fields[3], 227),
            sender_qualifier=within(fields[4], 227),
            receiver=within(fields[5], 227),
            receiver_qualifier=within(fields[6], 227),
            control_number=within(control_number, 199),
            usage=within(fields[11], 3) if is_message else None,
            offset=offset,
        )

    def _message(self, here: _Open, fields: list[str], delimiters: Delimiters, offset: int) -> Iterator[Event]:
        names = [name for name in fields[9].split(delimiters.component)[:2] if name]
        message_type = "^".join(names)
        yield SetOpened(
            interchange=self._interchanges,
            group=None,
            index=here.index,
            set=within(message_type, 7),
            version=_version(fields),
            control_number=within(fields[10], 199),
            usage=within(fields[11].split(delimiters.component)[0], 1),
            offset=offset,
            sender=within(fields[3], 227),
            sender_qualifier=within(fields[4], 227),
            receiver=within(fields[5], 227),
            receiver_qualifier=within(fields[6], 227),
        )
        for name, limit in MAX_CHARS.items():
            if len(fields[int(name[4:])]) > limit:
                yield self._report(
                    "hl7.header-field-too-long",
                    f"{name} is longer than {limit} characters; it was not taken over.",
                    f"Keep {name} within {limit} characters.",
                    self._place(offset, segment="MSH", position=1, element=name),
                )
        self._charset = _CHARSETS.get(fields[18].split(delimiters.repetition)[0].strip())
        self._line_reported = False
        place = self._place(offset)
        self._records = SetRecords(place, self._open_map(message_type, delimiters, place))

    def _push(self, level: Level) -> _Open:
        self._counts[level] += 1
        above = self._stack[-1].path if self._stack else ""
        here = f"{HEADERS[level]}[{self._counts[level]}]" if level is not Level.BARE else ""
        path = f"{above}/{here}" if above and here else above or here
        self._stray_reported = False
        self._stack.append(_Open(level, self._counts[level], path))
        return self._stack[-1]

    # --- closing ---

    def _trailer(self, level: Level, segment: str, offset: int) -> Iterator[Event]:
        tag, end = segment[:3], offset + len(segment)
        if not any(envelope.level is level for envelope in self._stack):
            yield from self._close_through(Level.MESSAGE, offset, cut=False)
            yield self._report(
                "hl7.trailer-out-of-place",
                f"{tag} closes nothing: no {HEADERS[level]} is open.",
                f"Send the {HEADERS[level]} segment that belongs to it, or leave {tag} out.",
                self._place(offset, segment=tag),
                severity="warning",
            )
            return
        while self._stack[-1].level is not level:
            yield from self._close(offset, cut=False)
        here = self._stack[-1]
        count = segment[4:].split(segment[3:4] or "|", 1)[0].strip()
        if count and (not (count.isascii() and count.isdigit()) or int(count[:12]) != here.children):
            yield self._report(
                f"hl7.{tag.lower()}1-count-mismatch",
                f"{tag}-1 does not say how many {COUNTED[level]} there are: we counted {here.children}.",
                f"Set {tag}-1 to the number of {COUNTED[level]}, or leave it empty.",
                self._place(offset, segment=tag, element=f"{tag}-1"),
            )
        yield from self._close(end, cut=False, trailer_seen=True)

    def _close_through(self, level: Level, offset: int, *, cut: bool) -> Iterator[Event]:
        while self._stack and self._stack[-1].level >= level:
            yield from self._close(offset, cut=cut)

    def _close(self, end: int, *, cut: bool, trailer_seen: bool = False) -> Iterator[Event]:
        here = self._stack[-1]
        if (
            here.level in COUNTED and not trailer_seen and (not cut or len(self._stack) == 1)
        ):  # Of a cut, the outermost trailer tells all.
            header, trailer = HEADERS[here.level], HEADERS[here.level].replace("H", "T", 1)
            yield self._report(
                f"hl7.{trailer.lower()}-missing",
                f"{header} ends at byte {end} without its trailer {trailer}.",
                "Send the whole file again." if cut else f"Close every {header} by its {trailer}.",
                self._place(end, segment=trailer),
            )
        verdict: Verdict = "incomplete" if cut else "rejected" if here.failed else "accepted"
        if here.level is Level.MESSAGE:
            yield from self._records.close(verdict, last=end, end=end)
        self._stack.pop()
        self._stray_reported = False
        if self._stack:
            if here.level is Level.BATCH and here.failed:
                self._stack[-1].failed = True
        else:
            yield InterchangeClosed(
                index=self._interchanges, end_offset=end, verdict=verdict, trailer_seen=trailer_seen
            )

    # --- findings ---

    def _place(
        self,
        offset: int,
        *,
        segment: str | None = None,
        position: int | None = None,
        element: str | None = None,
    ) -> Location:
        """A place in the innermost envelope that is open."""
        here = self._stack[-1] if self._stack else None
        return Location(
            standard="hl7",
            set=here.index if here and here.level is Level.MESSAGE else None,
            path=here.path or None if here else None,
            segment=segment,
            position=position,
            element=element,
            offset=offset,
        )

    def _report(self, code: str, message: str, hint: str, at: Location, *, severity: Severity = "error") -> Finding:
        """A finding, which marks the innermost open envelope as failed when it is an error."""
        if self._stack and severity == "error":
            self._stack[-1].failed = True
        return Finding.at(at, code, message, hint, severity=severity)


ENVELOPE_TAGS = OPENS.keys() | CLOSES.keys()


def _version(fields: list[str]) -> str | None:
    """MSH-12 without its components: "2.5.1"."""
    match = re.match(r"\d\.\d(?:\.\d)?", fields[12])
    return match[0] if match else None
