"""The envelopes of EDIFACT as a table: what may open and close where, with counts and references checked.

                    UNB            UNG            UNH or UNO
    OUTSIDE      ---->  INTERCHANGE ---->  GROUP  ---->  MESSAGE or PACKAGE     and back by UNT or UNP, UNE, UNZ

Groups may be left out. Interactive interchanges go from UIB to UIZ, their messages from UIH to UIT. A header found
deeper than it belongs means that trailers are missing: what is open closes first, with a finding. A trailer found where
it closes nothing is out of place. What ends because the file or the interchange was cut off is incomplete; what breaks
a rule is rejected.

Spec: ISO 9735-1 (batch), 9735-3 (interactive), 9735-8 (packages); ISO 9735:1988 for syntax versions 1 to 3.
"""

from collections.abc import Generator, Iterator
from functools import lru_cache

from parsers.edifact.delimiters import MAX_HEADER_CHARS, Cutter, Delimiters, Header, read_header
from parsers.edifact.remarks import Remarks
from parsers.edifact.service import (
    BINARY,
    CHECKED,
    CLOSES,
    MANDATORY,
    MAX_CHARS,
    OPENS,
    Envelope,
    at,
    envelope_of,
    place_of,
    version_of,
)
from parsers.events import GroupOpened, InterchangeOpened, SetOpened
from parsers.findings import Finding, Location, NotThisStandard
from parsers.nesting import Level, Nesting, Open, number
from parsers.reading import START_CHARACTERS, Reading
from parsers.runs import marked, runs, take_raw
from parsers.segments import Item, Items, LoopClosed, LoopOpened, Raw, Run
from parsers.source import BLANKS
from parsers.text import decoded, within

_LOOPS = frozenset({"UGH", "UGT"})
_INTERCHANGES = frozenset({"UNA", "UNB", "UIB"})
"""Segments that may begin an interchange."""

CONTROL_TAGS = frozenset({*OPENS, *CLOSES, *BINARY, *_LOOPS, *_INTERCHANGES, ""})
"""Segments that the envelope looks at itself; the empty one is between two terminators."""

_INITIALS = frozenset(tag[:1] for tag in CONTROL_TAGS) | {" ", "\t"}
_FOREIGN_CHARS = 8
"""Fewer are a segment that was cut off, whatever they look like."""

_SECURITY = "US"
"""What the tags of security segments begin with: they may stand outside of messages. Spec: ISO 9735-5, 9735-7."""


def read(reading: Reading) -> Items:
    """Read one interchange, whose UNA, UNB or UIB stands next, up to its end; to the next one; or to the file's end."""
    return _Interchange(reading).read()


class _Interchange:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._source = reading.source
        self._limits = reading.limits
        self._foreign = reading.foreign
        self._nesting = Nesting("edifact", reading.counts)
        self._place, self._report = self._nesting.place, self._nesting.report
        self._delimiters = Delimiters()
        self._terminator = Cutter("'", "?")
        self._ends: frozenset[str] = frozenset()  # What may stand behind a tag.
        self._groups = 0
        self._usage: str | None = None
        self._object_bytes: int | None = None
        self._loops: list[str] = []  # What UGH calls them.
        self._mixed = False  # Groups and messages without any have been met.
        self._remarks = Remarks(self._nesting, self._limits, self._delimiters, self._terminator)

    def read(self) -> Items:
        source = self._source
        header = read_header(source.ahead(MAX_HEADER_CHARS))
        if header is None:
            self._reading.header_cut_at = source.offset(source.at)
            yield self._report(
                "unb-cut-off",
                "The file ends inside of the interchange header.",
                "Send the whole file again.",
                self._place(source.offset(source.at)),
            )
            yield take_raw(source, len(source.held) - source.at, "cut")
            return
        yield from self._open_interchange(header)
        while True:
            cutter = Cutter(self._delimiters.segment, self._delimiters.release)
            for token in runs(source, cutter, self._limits):
                if isinstance(token, Raw):
                    yield from self._part(token)
                    continue
                moved = yield from self._walk(token)
                if not self._nesting.stack:
                    return
                if moved:
                    break
            else:
                yield from self._tail()
                return

    # --- walking ---

    def _walk(self, run: Run) -> Generator[Item, None, bool]:
        """Envelope segments one by one, the stretches between them at once.

        Returns:
            True when the source stands inside of the run, because what follows has to be cut in another way.
        """
        stack = self._nesting.stack
        marks = marked(run, CONTROL_TAGS, _INITIALS)
        notes = self._remarks.of(run)
        done = 0
        for mark in marks:
            text = run.segment(mark)
            tag = text[:3]
            begins = tag in _INTERCHANGES
            if begins and not self._begins(run, mark):
                continue
            if not begins and text[3:4] not in self._ends:
                continue
            if notes:
                yield from self._remarkable(run, done, mark, notes)
            elif done < mark and stack[-1].level is Level.SET:
                yield self._nesting.segments(run, done, mark, self._delimiters)
            elif done < mark:
                yield from self._content(run, done, mark)
            done = mark + 1
            if tag in CLOSES:
                yield from self._trailer(CLOSES[tag], run, mark)
                if not stack:
                    self._source.go_back(run.byte(done))
                    return True
            elif tag in BINARY:
                yield from self._binary(tag, run, mark)
                return True
            elif begins:
                yield from self._close_through(Level.INTERCHANGE, run.byte(mark), cut=True)
                self._source.go_back(run.byte(mark))
                return True
            elif tag in OPENS:
                yield from self._header(OPENS[tag], run, mark)
            elif tag in _LOOPS:
                yield from self._loop(tag, run, mark)
            else:
                yield from self._empty(run, mark)
        yield from self._remarkable(run, done, len(run), notes)
        return False

    def _remarkable(self, run: Run, done: int, stop: int, notes: list[tuple[int, str]]) -> Items:
        """Content up to `stop`, and what is odd about its segments and the one behind it."""
        while notes and notes[-1][0] <= stop:
            nth, kind = notes.pop()
            if done < nth:
                yield from self._content(run, done, nth)
                done = nth
            yield from self._remarks.tell(run, nth, kind)
        if done < stop:
            yield from self._content(run, done, stop)

    def _content(self, run: Run, first: int, stop: int) -> Items:
        """Segments of which none opens or closes an envelope."""
        here = self._nesting.stack[-1]
        if here.level is not Level.SET and "stray" not in self._remarks.said:
            stray = next((nth for nth in range(first, stop) if not run.texts[nth].startswith(_SECURITY)), None)
            if stray is not None:
                if first < stray:
                    yield self._nesting.segments(run, first, stray, self._delimiters)
                yield self._stray(run.byte(stray), here.position + 1)
                first = stray
        yield self._nesting.segments(run, first, stop, self._delimiters)

    def _stray(self, offset: int, position: int) -> Finding:
        self._remarks.said.add("stray")
        return self._report(
            "segment-out-of-place",
            "A segment stands outside of any message.",
            "Put every business segment between UNH and UNT.",
            self._place(offset, position=position),
        )

    def _empty(self, run: Run, mark: int) -> Items:
        yield self._nesting.segments(run, mark, mark + 1, self._delimiters)
        self._nesting.stack[-1].position -= 1  # Nobody counts it.
        yield self._report(
            "empty-segment",
            "Two segment terminators follow each other with nothing between them.",
            "Write one terminator after each segment.",
            self._place(run.byte(mark)),
            severity="warning",
        )

    def _begins(self, run: Run, mark: int) -> bool:
        """An interchange begins at this segment."""
        source, end = self._source, run.byte(len(run))
        source.go_back(run.byte(mark))
        text = source.ahead(MAX_HEADER_CHARS)
        source.go_back(end)
        return self._is_header(text)

    @staticmethod
    def _is_header(text: str) -> bool:
        try:
            read_header(text)
        except NotThisStandard:
            return False
        return True

    def _loop(self, tag: str, run: Run, mark: int) -> Items:
        """Anti-collision groups of segments, UGH to UGT. Spec: ISO 9735-1, annex C."""
        nesting, loops = self._nesting, self._loops
        if nesting.set is None:
            yield from self._content(run, mark, mark + 1)
            return
        offset, code = run.byte(mark), at(self._fields(run, mark), 1)
        if tag == "UGH":
            loops.append(code)
            if len(loops) <= self._limits.nesting:
                yield LoopOpened(code=within(code, 4), offset=offset, depth=len(loops))
            elif "deep" not in self._remarks.said:
                self._remarks.said.add("deep")
                yield self._report(
                    "loops-too-deep",
                    f"Groups of segments are nested more than {self._limits.nesting} deep; deeper ones are one.",
                    "Close each UGH by its UGT.",
                    self._place(offset, segment=tag, position=nesting.stack[-1].position + 1),
                )
            yield nesting.segments(run, mark, mark + 1, self._delimiters)
            return
        yield nesting.segments(run, mark, mark + 1, self._delimiters)
        if not loops or loops[-1] != code:
            yield self._report(
                "ugt-mismatch" if loops else "ugt-out-of-place",
                "UGT-1 is not the identification of the UGH that it closes."
                if loops
                else "UGT closes no segment group: no UGH is open.",
                "Close each UGH by a UGT with the same identification, the innermost first.",
                self._place(offset, segment=tag, position=nesting.stack[-1].position, element="UGT-1"),
                severity="warning",
            )
        if loops:
            yield from self._leave_loop(run.byte(mark + 1), trailer_seen=True)

    def _leave_loops(self, offset: int) -> Items:
        yield self._report(
            "ugt-missing",
            "A segment group that UGH opened has no UGT.",
            "Close each UGH by a UGT with the same identification.",
            self._place(offset, segment="UGT"),
            severity="warning",
        )
        while self._loops:
            yield from self._leave_loop(offset, trailer_seen=False)

    def _leave_loop(self, end: int, *, trailer_seen: bool) -> Items:
        depth = len(self._loops)
        code = self._loops.pop()
        if depth <= self._limits.nesting:
            yield LoopClosed(code=within(code, 4), end_offset=end, depth=depth, trailer_seen=trailer_seen)

    # --- what is not split ---

    def _binary(self, tag: str, run: Run, mark: int) -> Items:
        """UNO and USD: so many bytes as they say are data, whatever stands in them; security may stand before it.

        The source stands behind the data afterwards. Spec: ISO 9735-8 (UNO), 9735-7 (USD).
        """
        source = self._source
        source.go_back(run.byte(mark))
        head = source.ahead(len(run.texts[mark]) + MAX_HEADER_CHARS)
        fields = self._fields(run, mark)
        name, closing = BINARY[tag]
        length = number(at(fields, *place_of(name)))
        stop = self._terminator.end(head, 0)
        before = (number(at(fields, 4, 2)) or 0) if tag == "UNO" else 0  # Security segments before the data.
        for _ in range(before):
            stop = self._terminator.end(head, stop) or stop
        made = self._terminator.cut(source, head[:stop])
        source.at += stop
        if tag == "UNO":
            self._object_bytes = length
            yield from self._header(OPENS[tag], made, 0)
        else:
            yield self._nesting.segments(made, 0, 1, self._delimiters)
        if len(made.texts) > 1:
            yield self._nesting.segments(made, 1, len(made.texts), self._delimiters)
        place = self._place(made.offset, segment=tag, position=self._nesting.stack[-1].position, element=name)
        yield from self._data(tag, length, closing, place)

    def _data(self, tag: str, length: int | None, closing: str, place: Location) -> Items:
        source, nesting, sep = self._source, self._nesting, self._delimiters.element
        left = (length or 0) // source.unit
        while left and (source.at < len(source.held) or source.more()):
            part = take_raw(source, min(left, len(source.held) - source.at), "binary", last=False)
            left -= (part.end - part.offset) // source.unit
            part.last = not left
            yield nesting.owned(part, tag)
        if left:
            return  # The file is cut off, which the envelopes around it tell.
        if length is not None and source.ahead(len(closing) + 5).lstrip(" \t\r\n").startswith(f"{closing}{sep}"):
            return
        yield self._report(
            "binary-length",
            f"{place.element} does not say how many bytes of data follow: no {closing} stands behind them.",
            f"Set {place.element} to the number of bytes of data.",
            place,
        )
        while source.at < len(source.held) or source.more():
            found = source.held.find(f"{closing}{sep}", source.at)
            begun = len(closing)  # The tag may have come by half.
            end = found if found >= 0 else max(len(source.held) - begun, source.at)
            if end > source.at:
                yield nesting.owned(take_raw(source, end - source.at, "binary", last=found >= 0), tag)
            if found >= 0:
                return
            if not source.more() and source.at < len(source.held):
                yield nesting.owned(take_raw(source, len(source.held) - source.at, "binary"), tag)

    def _part(self, raw: Raw) -> Items:
        """A part of a segment that is too long to hold."""
        if raw.kind != "segment":
            yield raw
            return
        here = self._nesting.stack[-1]
        if self._nesting.long is None and here.level is not Level.SET and "stray" not in self._remarks.said:
            yield self._stray(raw.offset, here.position + 1)
        hint = "Check that the segment terminator is the one that UNA announces."
        yield from self._nesting.part(raw, self._delimiters.tag(raw.text[:64])[:3], self._limits, hint)

    def _tail(self) -> Items:
        """What stands behind the last terminator when the file ends."""
        source = self._source
        start = source.at
        if source.take_blanks():
            stop, source.at = source.at, start
            yield take_raw(source, stop - start, "blank")
        text = source.held[source.at :].rstrip(BLANKS)
        offset = source.offset(source.at)
        whole = self._nesting.long is None
        if whole and (self._is_header(text) or (len(text) > _FOREIGN_CHARS and self._foreign(text[:START_CHARACTERS]))):
            yield from self._close_through(Level.INTERCHANGE, offset, cut=True)
            return
        trailer = envelope_of(self._nesting.stack[0])
        if whole and text.startswith(f"{trailer.trailer}{self._delimiters.element}"):
            yield self._report(
                "terminator-missing",
                f"The last segment, {trailer.trailer}, has no segment terminator.",
                "End every segment with its terminator, also the last.",
                self._place(offset),
                severity="warning",
            )
            run = Run(source, text, [text], width=0)
            source.at += len(text)
            yield from self._trailer(trailer, run, 0, unterminated=True)
            return
        if text:
            yield self._report(
                "segment-cut-off",
                "The file ends inside of a segment.",
                "Send the whole file again.",
                self._place(offset),
            )
            tag = self._nesting.long or self._delimiters.tag(text[:64])[:3]
            yield self._nesting.owned(take_raw(source, len(source.held) - source.at, "cut"), tag)
        yield from self._close_through(Level.INTERCHANGE, source.size_bytes, cut=True)

    # --- opening ---

    def _open_interchange(self, header: Header) -> Items:
        source, fields, delimiters = self._source, header.composites, header.delimiters
        self._delimiters = delimiters
        self._terminator = Cutter(delimiters.segment, delimiters.release)
        self._ends = frozenset({"", delimiters.element, delimiters.component})
        self._remarks = Remarks(self._nesting, self._limits, delimiters, self._terminator)
        fields = [[self._decoded(part) for part in parts] for parts in fields]
        tag = fields[0][0]
        parties = (2, 3) if tag == "UNB" else (6, 7)
        self._usage = "T" if at(fields, 11 if tag == "UNB" else 10).strip() else "P"
        reference = at(fields, *place_of(OPENS[tag].reference))
        here = self._nesting.open(Level.INTERCHANGE, tag, reference)
        offset = source.offset(source.at)
        yield InterchangeOpened(
            index=here.index,
            standard="edifact",
            version=within(":".join(fields[1][:2]), 8),
            sender=within(at(fields, parties[0]), 35),
            sender_qualifier=within(at(fields, parties[0], 2), 4),
            receiver=within(at(fields, parties[1]), 35),
            receiver_qualifier=within(at(fields, parties[1], 2), 4),
            control_number=self._reference(OPENS[tag], reference),
            usage=self._usage,
            offset=offset,
            acknowledgment=within(at(fields, 9), 1) if tag == "UNB" else None,
            sender_route=within(at(fields, 2, 3), 14) if tag == "UNB" else None,
            receiver_route=within(at(fields, 3, 3), 14) if tag == "UNB" else None,
        )
        source.ahead(header.end + 2)
        line_break = self._terminator.blanks.match(source.held, source.at + header.end)
        stop = line_break.end() if line_break else source.at + header.end
        run = self._terminator.cut(source, source.held[source.at : stop])
        source.at = stop
        yield self._nesting.segments(run, 0, len(run.texts), self._delimiters, control=True)
        yield from self._envelope_elements(tag, fields, run.byte(len(run.texts) - 1))
        if run.broken is not None:
            yield from self._remarks.tell(run, run.broken, "break")

    def _header(self, envelope: Envelope, run: Run, mark: int) -> Items:
        offset, nesting = run.byte(mark), self._nesting
        if nesting.stack[-1].level >= envelope.level:
            yield from self._close_through(envelope.level, offset, cut=False)
        parent = nesting.stack[-1]
        parent.position += 1
        fields = self._fields(run, mark)
        tag = envelope.header
        reference = at(fields, int(envelope.reference[4]))
        here = nesting.open(envelope.level, tag, reference)
        self._remarks.said.clear()
        if envelope.level is Level.GROUP:
            self._groups += 1
            yield self._group(here, fields, offset)
        else:
            yield self._set(here, envelope, fields, offset, parent)
        yield nesting.segments(run, mark, mark + 1, self._delimiters, control=True)
        if not all(0 < len(at(fields, nth, part)) <= limit for _, nth, part, limit in CHECKED[tag]):
            yield from self._envelope_elements(tag, fields, offset)
        if here.repeated:
            yield self._report(
                f"{tag.lower()}-reference-duplicate",
                f"{envelope.reference} is the reference of another {tag} before it, too.",
                f"Give each {tag} of an interchange a reference of its own.",
                self._place(offset, segment=tag, position=1, element=envelope.reference),
            )
        if parent is nesting.stack[0] and 0 < self._groups < parent.children and not self._mixed:
            self._mixed = True
            yield self._report(
                "groups-mixed",
                "Some messages of the interchange stand in functional groups, others do not.",
                "Put all messages into groups, or none.",
                self._place(offset, segment=tag, position=1),
                severity="warning",
            )

    def _group(self, here: Open, fields: list[list[str]], offset: int) -> GroupOpened:
        return GroupOpened(
            interchange=self._nesting.index(Level.INTERCHANGE),
            index=here.index,
            functional_id=within(at(fields, 1), 6),
            sender=within(at(fields, 2), 35),
            receiver=within(at(fields, 3), 35),
            control_number=within(at(fields, 5), 14),
            version=within(version_of(fields[7] if len(fields) > 7 else (), 0, 2), 13),
            offset=offset,
            sender_qualifier=within(at(fields, 2, 2), 4),
            receiver_qualifier=within(at(fields, 3, 2), 4),
        )

    def _set(self, here: Open, envelope: Envelope, fields: list[list[str]], offset: int, parent: Open) -> SetOpened:
        nth = 2 if envelope.header == "UNH" else 1
        name, version, identifier = _type_of(envelope.header, tuple(fields[nth]) if len(fields) > nth else ())
        return SetOpened(
            interchange=self._nesting.stack[0].index,
            group=parent.index if parent.level is Level.GROUP else None,
            index=here.index,
            set=name,
            version=version,
            control_number=self._reference(envelope, here.control_number),
            usage=self._usage,
            offset=offset,
            identifier=identifier,
        )

    def _reference(self, envelope: Envelope, sent: str) -> str | None:
        return within(sent, MAX_CHARS[envelope.reference])

    def _envelope_elements(self, tag: str, fields: list[list[str]], offset: int) -> Iterator[Finding]:
        """What an envelope's header has to say, and how long that may be."""
        for name, position, component, limit in CHECKED[tag]:
            sent = at(fields, position, component)
            if len(sent) > limit and len(sent.rstrip()) > limit:
                yield self._report(
                    "envelope-element-too-long",
                    f"{name} is longer than {limit} characters; it was not taken over.",
                    f"Keep {name} within {limit} characters.",
                    self._place(offset, segment=tag, position=self._nesting.stack[-1].position),
                    element=name,
                )
            elif not sent and name in MANDATORY:
                yield self._report(
                    "envelope-element-missing",
                    f"{name} is empty.",
                    f"Send {name}.",
                    self._place(offset, segment=tag, position=self._nesting.stack[-1].position),
                    element=name,
                )

    # --- closing ---

    def _trailer(self, envelope: Envelope, run: Run, mark: int, *, unterminated: bool = False) -> Items:
        offset, nesting = run.byte(mark), self._nesting
        if nesting.stack[-1].tag != envelope.header and not any(one.tag == envelope.header for one in nesting.stack):
            yield self._report(
                "trailer-out-of-place",
                f"{envelope.trailer} closes nothing: no {envelope.header} is open.",
                f"Remove the {envelope.trailer} segment, or send the {envelope.header} that belongs to it.",
                self._place(offset, segment=envelope.trailer, position=nesting.stack[-1].position + 1),
            )
            yield nesting.segments(run, mark, mark + 1, self._delimiters, control=True)
            return
        while nesting.stack[-1].level is not envelope.level:
            yield from self._close_missing(offset, cut=False)
        if self._loops:
            yield from self._leave_loops(offset)
        here = nesting.stack[-1]
        yield nesting.segments(run, mark, mark + 1, self._delimiters, control=True)
        fields = self._fields(run, mark)
        sent, wanted = at(fields, envelope.reference_at), here.control_number
        if sent != wanted or at(fields, envelope.count_at) != str(self._counted(envelope, here)):
            yield from self._check(envelope, here, fields, offset)
        cut = unterminated and sent != wanted and wanted.startswith(sent)
        yield nesting.close(nesting.verdict(cut=cut), end=run.byte(mark + 1), trailer_seen=not cut)
        self._remarks.said.clear()

    def _check(self, envelope: Envelope, here: Open, fields: list[list[str]], offset: int) -> Iterator[Finding]:
        tag, counted, wanted = envelope.trailer, self._counted(envelope, here), here.control_number
        count, sent = at(fields, envelope.count_at).strip(), at(fields, envelope.reference_at)
        if number(count) != counted and not (envelope.conditional and not count):
            noun = "functional groups" if here.level is Level.INTERCHANGE and self._groups else envelope.counted
            yield self._report(
                f"{tag.lower()}-count-mismatch",
                f"{tag}-{envelope.count_at} does not say how many {noun} there are: we counted {counted}.",
                f"Set {tag}-{envelope.count_at} to the number of {noun}.",
                self._place(offset, segment=tag, position=here.position),
                element=f"{tag}-{envelope.count_at}",
            )
        if sent != wanted and not (envelope.conditional and not sent):
            as_number = number(sent.strip())
            padding_only = as_number is not None and as_number == number(wanted.strip())
            yield self._report(
                f"{tag.lower()}-reference-mismatch",
                f"{tag}-{envelope.reference_at} is not the reference in {envelope.reference}"
                + (": it is the same number, padded differently." if padding_only else "."),
                f"Repeat {envelope.reference} in {tag}-{envelope.reference_at}, character by character.",
                self._place(offset, segment=tag, position=here.position),
                severity="warning" if padding_only else "error",
                element=f"{tag}-{envelope.reference_at}",
            )

    def _counted(self, envelope: Envelope, here: Open) -> int | None:
        if envelope.header == "UNO":
            return self._object_bytes
        if here.level is Level.SET:
            return here.position
        return (self._groups if here.level is Level.INTERCHANGE else 0) or here.children

    def _close_through(self, level: Level, offset: int, *, cut: bool) -> Items:
        """Close what stands open at this level and deeper, because its trailer did not come."""
        while self._nesting.stack and self._nesting.stack[-1].level >= level:
            yield from self._close_missing(offset, cut=cut)

    def _close_missing(self, offset: int, *, cut: bool) -> Items:
        nesting = self._nesting
        here = nesting.stack[-1]
        envelope = envelope_of(here)
        if self._loops:
            yield from self._leave_loops(offset)
        if not cut or here.level is Level.INTERCHANGE:  # Of a cut, the outermost trailer tells all.
            yield self._report(
                f"{envelope.trailer.lower()}-missing",
                f"{envelope.header} ends at byte {offset} without its trailer {envelope.trailer}.",
                "Send the whole file again." if cut else f"Close every {envelope.header} by its {envelope.trailer}.",
                self._place(offset, segment=envelope.trailer),
            )
        yield nesting.close(nesting.verdict(cut=cut) if cut else "rejected", end=offset, trailer_seen=False)
        self._remarks.said.clear()

    # --- findings ---

    def _fields(self, run: Run, mark: int) -> list[list[str]]:
        return self._delimiters.composites(self._decoded(run.segment(mark)))

    def _decoded(self, text: str) -> str:
        return text if text.isascii() or self._source.means_characters else decoded(text, self._delimiters.charset)


@lru_cache(maxsize=256)
def _type_of(header: str, identifier: tuple[str, ...]) -> tuple[str | None, str | None, tuple[str, ...]]:
    """Type, version and all parts out of S009 or S306; messages of one file mostly have the same."""
    if header == "UNO":  # A package has no type of its own.
        return header, None, ()
    name = within(identifier[0], 6) if identifier else None
    version = within(version_of(identifier, 1, 4 if header == "UNH" else 5), 13)
    return name, version, tuple(within(part, 6) or "" for part in identifier[:7])
