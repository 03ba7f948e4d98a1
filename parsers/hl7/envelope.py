"""The envelopes of HL7 v2 as a table: a file holds batches, a batch holds messages, and both may be left out.

              FHS          BHS           MSH
    OUTSIDE  ---->  FILE  ---->  BATCH  ---->  MESSAGE
                    FTS          BTS           (ends where the next header or trailer begins)

The outermost of them is the interchange; messages that stand bare in a file share one. Bare messages promise no trailer
and are complete without; a file or batch that was opened is incomplete until its trailer has come.

Spec: HL7 v2.5.1 chapter 2.10.3, batch protocol.
"""

import re
from collections.abc import Generator
from functools import lru_cache

from parsers.events import GroupOpened, InterchangeOpened, SetOpened
from parsers.findings import Finding, NotThisStandard
from parsers.hl7.delimiters import Delimiters, read_header
from parsers.nesting import Level, Nesting
from parsers.reading import START_CHARACTERS, Reading
from parsers.runs import Lines, marked, runs
from parsers.segments import Item, Items, Raw, Run
from parsers.source import BLANKS
from parsers.text import decoded, fits, within

HEADERS = frozenset({"FHS", "BHS", "MSH"})
TRAILERS = {"FTS": "FHS", "BTS": "BHS"}
COUNTED = {"FHS": "batches", "BHS": "messages"}
FOREIGN = frozenset({"ISA", "UNA", "UNB", "UIB", "{1:", ":20", "101", "01,", "<?x", "<Do"})
"""Lines that may begin an interchange of another standard."""

MARKS = frozenset({*HEADERS, *TRAILERS, *FOREIGN})
_INITIALS = frozenset(mark[:1] for mark in MARKS)
_VERSION = re.compile(r"\d\.\d(?:\.\d)?")
_SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}(?![A-Za-z0-9 ])")
CHARSETS = {
    "ASCII": "ascii",
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
    "UNICODE UTF-8": "utf-8",
}
"""HL7 table 0211; all others are read as UTF-8 when the bytes are, else as Windows-1252."""

MAX_CHARS = {3: 227, 4: 227, 5: 227, 6: 227, 10: 199}
"""Of the fields of MSH that travel in events."""


def starts(text: str) -> bool:
    """A message, batch or file of batches begins with this text."""
    if text[:3] not in HEADERS:
        return False
    try:
        read_header(text.split("\r", 1)[0].split("\n", 1)[0])
    except NotThisStandard:
        return False
    return True


def read(reading: Reading) -> Items:
    """Read a file of batches, a batch, or the messages that stand bare up to the next of them."""
    return _Interchange(reading).read()


class _Interchange:
    """The outermost envelope is the interchange; a batch within a file of batches is a group."""

    def __init__(self, reading: Reading) -> None:
        self._source = reading.source
        self._limits = reading.limits
        self._foreign = reading.foreign
        self._nesting = Nesting("hl7", reading.counts)
        self._place, self._report = self._nesting.place, self._nesting.report
        self._cutter = Lines("\r\n\x0b\x1c", blank=" \t\x00\x1a")
        self._delimiters = Delimiters()
        self._odd_lines = False  # Somewhere in the run a line does not begin like a segment.
        self._reported: set[str] = set()  # What is said once between two headers.

    def read(self) -> Items:
        source = self._source
        for token in runs(source, self._cutter, self._limits):
            if isinstance(token, Raw):
                yield from self._part(token)
            elif (yield from self._walk(token)):
                return
        text = source.held[source.at :].rstrip("\x00\x1a")
        if text.strip(BLANKS):  # A last line need not end.
            run = Run(source, text, [text], width=0)
            source.at += len(text)
            if (yield from self._walk(run)):
                return
        yield from self._close_through(Level.INTERCHANGE, source.size_bytes, cut=not self._bare)

    @property
    def _bare(self) -> bool:
        """The interchange is one that we opened ourselves, for messages outside of any file or batch."""
        return not self._nesting.stack or not self._nesting.stack[0].tag

    # --- walking ---

    def _walk(self, run: Run) -> Generator[Item, None, bool]:
        """Headers and trailers one by one, the stretches between them at once.

        Returns:
            True when the interchange has ended, and the source stands behind it.
        """
        self._odd_lines = not all(map(_SEGMENT.match, {text[:4] for text in run.texts}))
        if self._odd_lines and any(not text.strip(BLANKS) for text in run.texts[1:]):
            run.drop_empty(BLANKS)
        nesting, texts = self._nesting, run.texts
        yield from self._crowded(run)
        done = 0
        for mark in marked(run, MARKS, _INITIALS):
            tag = texts[mark][:3]
            if tag == "MSH":
                try:
                    delimiters = read_header(texts[mark])
                except NotThisStandard:
                    continue
                here = nesting.here
                if here is None or here.level is not Level.SET or self._odd_lines or self._delimiters.charset:
                    yield from self._content(run, done, mark)
                elif done < mark:
                    yield nesting.segments(run, done, mark, self._delimiters)
                if here is not None and here.level is Level.SET:
                    yield nesting.close(nesting.verdict(), end=run.byte(mark))
                yield from self._message(run, mark, delimiters)
                done = mark  # Unlike other headers it is content, too.
                continue
            if tag in FOREIGN and not self._begins_elsewhere(run, mark):
                continue
            yield from self._content(run, done, mark)
            done = mark + 1
            if tag in FOREIGN or (tag in HEADERS and self._ends_at(tag)):
                yield from self._close_through(Level.INTERCHANGE, run.byte(mark), cut=not self._bare)
                self._source.go_back(run.byte(mark))
                return True
            if tag in TRAILERS:
                yield from self._trailer(tag, run, mark)
                if not nesting.stack:
                    self._source.go_back(run.byte(done))
                    return True
                continue
            try:
                delimiters = read_header(texts[mark])
            except NotThisStandard:
                yield from self._content(run, mark, done)
            else:
                yield from self._header(tag, run, mark, delimiters)
        yield from self._content(run, done, len(texts))
        return False

    def _begins_elsewhere(self, run: Run, mark: int) -> bool:
        source = self._source
        end = run.byte(len(run.texts))
        source.go_back(run.byte(mark))
        foreign = self._foreign(source.ahead(START_CHARACTERS))
        source.go_back(end)
        return foreign

    def _ends_at(self, tag: str) -> bool:
        """A header that belongs to the next interchange, since this one cannot hold it."""
        if not self._nesting.stack or tag == "MSH":
            return False
        return tag == "FHS" or self._nesting.stack[0].tag != "FHS"

    def _content(self, run: Run, first: int, stop: int) -> Items:
        """Segments of which none opens or closes an envelope, but for the MSH that a message begins with."""
        if first == stop:
            return
        nesting = self._nesting
        if not nesting.stack:  # Behind a header that was too long to be held.
            yield from self._open_bare(["MSH"] + [""] * 19, run.byte(first))
        here = nesting.stack[-1]
        if here.level is not Level.SET:
            if "stray" not in self._reported:
                self._reported.add("stray")
                yield self._report(
                    "segment-out-of-place",
                    "A segment stands outside of any message.",
                    "Begin every message with its MSH segment.",
                    self._place(run.byte(first)),
                )
        elif self._odd_lines and "line" not in self._reported:
            stray = next((at for at in range(first, stop) if not _SEGMENT.match(run.texts[at])), None)
            if stray is not None:
                self._reported.add("line")
                yield self._report(
                    "line-not-a-segment",
                    "A line does not begin with a segment's name; such lines were left out.",
                    "Write line breaks inside of a value as \\\\.br\\\\ or \\\\X0D\\\\.",
                    self._place(run.byte(stray), position=here.position + stray - first + 1),
                    severity="warning",
                )
        if self._delimiters.charset and not (run.text.isascii() or run.means_characters):
            yield from self._charset_mismatch(run, first, stop)
        yield nesting.segments(run, first, stop, self._delimiters)

    def _charset_mismatch(self, run: Run, first: int, stop: int) -> Items:
        charset = self._delimiters.charset
        wrong = next((at for at in range(first, stop) if not fits(run.texts[at], charset)), None)
        if wrong is not None and "charset" not in self._reported:
            self._reported.add("charset")
            yield self._report(
                "charset-mismatch",
                "Text is not in the character set that MSH-18 declares; what does not fit is lost in the records.",
                "Declare in MSH-18 what the message is encoded in.",
                self._place(
                    run.byte(wrong), position=self._nesting.stack[-1].position + wrong - first + 1, element="MSH-18"
                ),
                severity="warning",
            )

    def _part(self, raw: Raw) -> Items:
        """A part of a segment that is too long to hold."""
        if raw.kind != "segment" or not self._nesting.stack:
            yield raw
            return
        hint = "Send large documents beside the message and refer to them."
        yield from self._nesting.part(raw, raw.text[:3], self._limits, hint)

    # --- opening ---

    def _header(self, tag: str, run: Run, mark: int, delimiters: Delimiters) -> Items:
        """FHS or BHS."""
        nesting, offset = self._nesting, run.byte(mark)
        fields = _fields(run, mark, delimiters)
        level = Level.GROUP if nesting.stack else Level.INTERCHANGE
        yield from self._close_through(level, offset, cut=False)
        nesting.open(level, tag)
        if level is Level.INTERCHANGE:
            yield self._interchange(fields, fields[11], offset)
        else:
            yield GroupOpened(
                interchange=nesting.stack[0].index,
                index=nesting.stack[-1].index,
                functional_id=None,
                sender=within(fields[3], 227),
                receiver=within(fields[5], 227),
                control_number=within(fields[11], 199),
                version=None,
                offset=offset,
            )
        self._reported.clear()
        self._delimiters = delimiters
        if not delimiters.as_declared:
            yield self._odd_characters(tag, offset)
        yield nesting.segments(run, mark, mark + 1, delimiters, control=True)

    def _message(self, run: Run, mark: int, delimiters: Delimiters) -> Items:
        nesting, offset = self._nesting, run.byte(mark)
        fields = _fields(run, mark, delimiters)
        if fields[18]:
            charset = CHARSETS.get(fields[18].split(delimiters.repetition)[0].strip())
            delimiters = delimiters._replace(charset=charset) if charset else delimiters
            fields = _fields(run, mark, delimiters)
        if not nesting.stack:
            yield from self._open_bare(fields, offset)
        here = nesting.open(Level.SET, "MSH")
        self._reported.clear()
        self._delimiters = delimiters
        sender, sender_qualifier, receiver, receiver_qualifier = _parties(*fields[3:7])
        yield SetOpened(
            interchange=nesting.stack[0].index,
            group=nesting.stack[1].index if len(nesting.stack) > 2 else None,
            index=here.index,
            set=_message_type(fields[9], delimiters.component),
            version=_version(fields[12]),
            control_number=within(fields[10], 199),
            usage=within(fields[11].split(delimiters.component)[0], 1),
            offset=offset,
            sender=sender,
            sender_qualifier=sender_qualifier,
            receiver=receiver,
            receiver_qualifier=receiver_qualifier,
            identifier=_identifier(fields[9], delimiters.component),
            accept_acknowledgment=within(fields[15], 2),
            application_acknowledgment=within(fields[16], 2),
            charset=within(fields[18], 60),
            separators="".join(delimiters[:5]),
        )
        if len(run.texts[mark]) > 199:
            yield from self._too_long(fields, offset)
        if not delimiters.as_declared:
            yield self._odd_characters("MSH", offset)

    def _open_bare(self, fields: list[str], offset: int) -> Items:
        self._nesting.open(Level.INTERCHANGE, "")
        yield self._interchange(fields, fields[10], offset, version=_version(fields[12]), usage=within(fields[11], 3))

    def _interchange(
        self,
        fields: list[str],
        control_number: str,
        offset: int,
        *,
        version: str | None = None,
        usage: str | None = None,
    ) -> InterchangeOpened:
        return InterchangeOpened(
            index=self._nesting.stack[0].index,
            standard="hl7",
            version=version,
            sender=within(fields[3], 227),
            sender_qualifier=within(fields[4], 227),
            receiver=within(fields[5], 227),
            receiver_qualifier=within(fields[6], 227),
            control_number=within(control_number, 199),
            usage=usage,
            offset=offset,
        )

    def _odd_characters(self, tag: str, offset: int) -> Finding:
        return self._report(
            "encoding-characters",
            f"{tag}-2 does not declare usable encoding characters; the standard's own were taken.",
            f"Send the encoding characters in {tag}-2.",
            self._place(offset, segment=tag, position=1, element=f"{tag}-2"),
        )

    def _too_long(self, fields: list[str], offset: int) -> Items:
        for nth, limit in MAX_CHARS.items():
            if len(fields[nth]) > limit:
                yield self._report(
                    "header-field-too-long",
                    f"MSH-{nth} is longer than {limit} characters; it was not taken over.",
                    f"Keep MSH-{nth} within {limit} characters.",
                    self._place(offset, segment="MSH", position=1, element=f"MSH-{nth}"),
                )

    # --- closing ---

    def _trailer(self, tag: str, run: Run, mark: int) -> Items:
        nesting, header = self._nesting, TRAILERS[tag]
        offset, end = run.byte(mark), run.byte(mark + 1)
        yield from self._close_through(Level.SET, offset, cut=False)
        if not any(one.tag == header for one in nesting.stack):
            yield self._report(
                "trailer-out-of-place",
                f"{tag} closes nothing: no {header} is open.",
                f"Send the {header} segment that belongs to it, or leave {tag} out.",
                self._place(offset, segment=tag),
                severity="warning",
            )
            yield nesting.segments(run, mark, mark + 1, self._delimiters, control=True)
            return
        while nesting.stack[-1].tag != header:
            yield from self._close(offset, cut=False)
        here = nesting.stack[-1]
        yield nesting.segments(run, mark, mark + 1, self._delimiters, control=True)
        segment = run.texts[mark]
        count = segment[4:].split(segment[3:4] or "|", 1)[0].strip()
        if count and (not (count.isascii() and count.isdigit()) or int(count[:12]) != here.children):
            yield self._report(
                f"{tag.lower()}1-count-mismatch",
                f"{tag}-1 does not say how many {COUNTED[header]} there are: we counted {here.children}.",
                f"Set {tag}-1 to the number of {COUNTED[header]}, or leave it empty.",
                self._place(offset, segment=tag, element=f"{tag}-1"),
            )
        yield from self._close(end, cut=False, trailer_seen=True)

    def _close_through(self, level: Level, offset: int, *, cut: bool) -> Items:
        while self._nesting.stack and self._nesting.stack[-1].level >= level:
            yield from self._close(offset, cut=cut)

    def _close(self, end: int, *, cut: bool, trailer_seen: bool = False) -> Items:
        nesting = self._nesting
        here = nesting.stack[-1]
        header = here.tag
        if header in COUNTED and not trailer_seen and (not cut or len(nesting.stack) == 1):
            # Of a cut, the outermost trailer tells all.
            trailer = header.replace("H", "T", 1)
            yield self._report(
                f"{trailer.lower()}-missing",
                f"{header} ends at byte {end} without its trailer {trailer}.",
                "Send the whole file again." if cut else f"Close every {header} by its {trailer}.",
                self._place(end, segment=trailer),
            )
        yield nesting.close(nesting.verdict(cut=cut), end=end, trailer_seen=trailer_seen)
        self._reported.clear()

    # --- findings ---

    def _crowded(self, run: Run) -> Items:
        """Segments of so many fields, or fields of so many repetitions, that nobody meant them."""
        limits, delimiters = self._limits, self._delimiters
        for at in run.longer_than(min(limits.elements, limits.repeats), run.text[-1:]):
            text = run.texts[at]
            if text.count(delimiters.field) > limits.elements and "elements" not in self._reported:
                self._reported.add("elements")
                yield self._report(
                    "too-many-fields",
                    f"A segment has more than {limits.elements} fields.",
                    "End every segment with a carriage return.",
                    self._place(run.byte(at)),
                )
            most = max(field.count(delimiters.repetition) for field in text.split(delimiters.field))
            if most >= limits.repeats and text[:3] != "OBX" and "repeats" not in self._reported:
                self._reported.add("repeats")
                yield self._report(
                    "too-many-repeats",
                    f"A field is repeated more than {limits.repeats} times.",
                    "Check the repetition separator, the second character of MSH-2.",
                    self._place(run.byte(at)),
                )


def _fields(run: Run, mark: int, delimiters: Delimiters) -> list[str]:
    """A header's fields at the index of their number: MSH-3 at 3; field 1 is the separator itself."""
    text = run.texts[mark]
    fields = ["", *(text if run.means_characters else decoded(text, delimiters.charset)).split(delimiters.field)]
    return fields if len(fields) > 19 else fields + [""] * (20 - len(fields))


# Messages of one file mostly say the same here: what was worked out for one is kept for the next.


@lru_cache(maxsize=256)
def _parties(*fields: str) -> tuple[str | None, ...]:
    """MSH-3 to MSH-6, as far as the standard allows them."""
    return tuple(within(field, 227) for field in fields)


@lru_cache(maxsize=256)
def _message_type(field: str, component: str) -> str | None:
    """MSH-9.1 and MSH-9.2: "ADT^A01"."""
    return within("^".join([name for name in field.split(component)[:2] if name]), 7)


@lru_cache(maxsize=256)
def _identifier(field: str, component: str) -> tuple[str, ...]:
    """The components of MSH-9."""
    return tuple(within(part, 15) or "" for part in field.split(component)[:3])


@lru_cache(maxsize=64)
def _version(field: str) -> str | None:
    """MSH-12 without its components: "2.5.1"."""
    match = _VERSION.match(field)
    return match[0] if match else None
