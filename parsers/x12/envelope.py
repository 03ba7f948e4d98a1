"""The envelopes of X12 as a table: what may open and close where, with counts and control numbers checked.

                    ISA            GS             ST
    OUTSIDE      ---->  INTERCHANGE ---->  GROUP  ---->  TRANSACTION     and back by SE, GE, IEA
                        IEA               GE              SE

A header found deeper than it belongs means that trailers are missing: what is open closes first, with a finding. A
trailer found where it closes nothing is out of place. What ends because the file or the interchange was cut off is
incomplete; what breaks a rule is rejected.

Spec: X12.5 Interchange Control Structures, X12.6 Application Control Structure.
"""

from collections.abc import Generator, Iterator
from functools import lru_cache
from typing import NamedTuple

from parsers.elements import split
from parsers.events import GroupOpened, InterchangeOpened, SetOpened
from parsers.findings import Finding, Location, NotThisStandard
from parsers.nesting import Level, Nesting, Open, number
from parsers.reading import Reading
from parsers.runs import INDENTS, Terminator, marked, runs, take_raw
from parsers.segments import Item, Items, LoopClosed, LoopOpened, Raw, Run
from parsers.source import BLANKS
from parsers.text import decoded, within
from parsers.x12.delimiters import MAX_HEADER_CHARS, WIDTHS, Delimiters, Header, read_isa

CLOSES = {"SE": Level.SET, "GE": Level.GROUP, "IEA": Level.INTERCHANGE}
OPENS = {"GS": Level.GROUP, "ST": Level.SET}
"""ISA is not here: it brings its own separators."""

BETWEEN_GROUPS = frozenset({"TA1", "TA3", "ISB", "ISE", "ISX"})
"""Segments that may stand in an interchange outside of any group."""

BINARY = {"BIN": 1, "BDS": 2}
"""Segments with binary data, and the element that says how many bytes it has; the data is the next element."""

_LOOPS = ("LS", "LE")
_BETWEEN_ENVELOPES = frozenset({"stray", "deep"})
"""Findings that are made once between two envelopes; others once in an interchange."""


class Trailer(NamedTuple):
    """What a trailer promises: element 1 is a count of `counted`, element 2 repeats `header`'s control number."""

    tag: str
    header: str
    counted: str


TRAILERS = {
    Level.SET: Trailer("SE", "ST02", "segments"),
    Level.GROUP: Trailer("GE", "GS06", "transaction sets"),
    Level.INTERCHANGE: Trailer("IEA", "ISA13", "functional groups"),
}


def read(reading: Reading) -> Items:
    """Read one interchange, whose ISA stands next, up to its end; to the next ISA; or to the end of the file."""
    return _Interchange(reading).read()


class _Interchange:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._source = reading.source
        self._limits = reading.limits
        self._nesting = Nesting("x12", reading.counts)
        self._place, self._report = self._nesting.place, self._nesting.report
        self._delimiters = Delimiters("*", None, "~", None)
        self._cutter = Terminator("~")
        self._marks: frozenset[str] = frozenset()
        self._initials: frozenset[str] = frozenset()
        self._usage: str | None = None
        self._group_version = ""
        self._loops: list[str] = []
        self._reported: set[str] = set()  # What is said once between two envelopes, or once an interchange.

    def read(self) -> Items:
        source = self._source
        header = read_isa(source.ahead(MAX_HEADER_CHARS))
        if header is None:
            self._reading.header_cut_at = source.offset(source.at)
            yield self._report(
                "isa-cut-off",
                "The file ends inside of the interchange header ISA.",
                "Send the whole file again.",
                self._place(source.offset(source.at)),
            )
            yield take_raw(source, len(source.held) - source.at, "cut")
            return
        yield from self._open_interchange(header)
        while True:
            for token in runs(source, self._cutter, self._limits):
                if isinstance(token, Raw):
                    yield from self._part(token)
                    continue
                moved = yield from self._walk(token)
                if not self._nesting.stack:
                    return
                if moved:  # What is cut there may be one segment only, and the next turn come soon.
                    self._cutter = Terminator(self._delimiters.segment, self._delimiters.release)
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
        marks = marked(run, self._marks, self._initials)
        yield from self._crowded(run)
        done = 0
        for mark in marks:
            text = run.segment(mark)
            if not (text.isascii() or run.means_characters):
                text = decoded(text)
            elements = split(text, self._delimiters.element, self._delimiters.release)
            tag = elements[0]
            if tag not in CONTROL_TAGS:
                continue
            if done < mark and self._nesting.stack[-1].level is Level.SET and run.broken is None:
                yield self._nesting.segments(run, done, mark, self._delimiters)
            elif done < mark:
                yield from self._content(run, done, mark)
            if run.broken is not None:
                yield from self._line_break(run, mark + 1)
            done = mark + 1
            elements += [""] * (9 - len(elements))
            if tag in CLOSES:
                yield from self._trailer(CLOSES[tag], run, mark, elements)
                if not self._nesting.stack:
                    self._source.go_back(run.byte(done))
                    return True
            elif tag in OPENS:
                yield from self._header(OPENS[tag], run, mark, elements)
            elif tag in BINARY or tag in {"ISA", "ISX"}:
                if (yield from self._turn(tag, run, mark, elements)):
                    return True
            elif tag in _LOOPS:
                yield from self._loop(tag, run, mark, elements[1])
            else:
                yield from self._empty(run, mark)
        yield from self._content(run, done, len(run))
        return False

    def _content(self, run: Run, first: int, stop: int) -> Items:
        """Segments of which none opens or closes an envelope."""
        if first == stop:
            return
        yield from self._line_break(run, stop)
        here = self._nesting.stack[-1]
        if here.level is not Level.SET and "stray" not in self._reported:
            stray = next((at for at in range(first, stop) if not self._may_stand(run.texts[at])), None)
            if stray is not None:
                yield self._stray(run.byte(stray), here.position + stray - first + 1)
        yield self._nesting.segments(run, first, stop, self._delimiters)

    def _may_stand(self, segment: str) -> bool:
        return self._nesting.stack[-1].level is Level.INTERCHANGE and self._delimiters.tag(segment) in BETWEEN_GROUPS

    def _stray(self, offset: int, position: int) -> Finding:
        self._reported.add("stray")
        return self._report(
            "segment-out-of-place",
            "A segment stands outside of any transaction set.",
            "Put every business segment between ST and SE.",
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

    def _turn(self, tag: str, run: Run, mark: int, elements: list[str]) -> Generator[Item, None, bool]:
        """A segment behind which text is cut in another way, if it is what it looks like: then the source is there."""
        source = self._source
        source.go_back(run.byte(mark))
        if tag == "ISA" and self._is_header():
            yield from self._close_through(Level.INTERCHANGE, run.byte(mark), cut=True)
            return True
        if tag in BINARY and (yield from self._binary(tag)):
            return True
        source.go_back(run.byte(mark + 1))
        yield from self._content(run, mark, mark + 1)
        if tag == "ISX" and len(elements[1]) == 1 and self._nesting.here is self._nesting.stack[0]:
            self._delimiters = self._delimiters._replace(release=elements[1])
            return True
        source.go_back(run.byte(len(run)))
        return False

    def _is_header(self) -> bool:
        try:
            read_isa(self._source.ahead(MAX_HEADER_CHARS))
        except NotThisStandard:
            return False
        return True

    def _loop(self, tag: str, run: Run, mark: int, code: str) -> Items:
        """LS and LE: the loops that X12 itself frames. Spec: X12.6 section 3.8, bounded loops."""
        if self._nesting.set is None:
            yield from self._content(run, mark, mark + 1)
            return
        offset, loops = run.byte(mark), self._loops
        at = self._place(offset, segment=tag, position=self._nesting.stack[-1].position + 1)
        if tag == "LS":
            loops.append(code)
            if len(loops) <= self._limits.nesting:
                yield LoopOpened(code=within(code, 6), offset=offset, depth=len(loops))
            elif "deep" not in self._reported:
                self._reported.add("deep")
                yield self._report(
                    "loops-too-deep",
                    f"Loops are nested more than {self._limits.nesting} deep; deeper ones were not told apart.",
                    "Close each LS by its LE.",
                    at,
                )
            yield from self._content(run, mark, mark + 1)
            return
        yield from self._content(run, mark, mark + 1)
        if not loops or loops[-1] != code:
            yield self._report(
                "le01-mismatch" if loops else "le-out-of-place",
                "LE01 is not the loop identifier of the LS that it closes."
                if loops
                else "LE closes no loop: no LS is open.",
                "Close each LS by an LE with the same identifier, the innermost first.",
                at,
                severity="warning",
                element="LE01",
            )
        if loops:
            loops.pop()
            if len(loops) < self._limits.nesting:
                yield LoopClosed(
                    code=within(code, 6), end_offset=run.byte(mark + 1), depth=len(loops) + 1, trailer_seen=True
                )

    # --- what is not split ---

    def _binary(self, tag: str) -> Generator[Item, None, bool]:
        """BIN and BDS: so many bytes as they say are data, whatever stands in them. Spec: X12.6 section 3.5.1, binary.

        Returns:
            False when it does not say how many, so that it is a segment like others.
        """
        source, nesting, unit = self._source, self._nesting, self._source.unit
        lengths = BINARY[tag]
        head = source.ahead(MAX_HEADER_CHARS).split(self._delimiters.element, lengths + 1)[: lengths + 1]
        length = number(head[-1].strip()) if len(head) == lengths + 1 else None
        element = f"{tag}{lengths:02}"
        at = self._place(
            source.offset(source.at), segment=tag, position=nesting.stack[-1].position + 1, element=element
        )
        if length is None:
            yield self._report(
                "binary-length",
                f"{element} does not say how many bytes of data follow; they were read as text.",
                f"Set {element} to the number of bytes of data.",
                at,
            )
            return False
        text = source.held[source.at : source.at + len(self._delimiters.element.join(head)) + 1]
        yield nesting.segments(Run(source, text, [text[:-1]], width=1), 0, 1, self._delimiters)
        source.at += len(text)
        left = length // unit
        while left and (source.at < len(source.held) or source.more()):
            part = take_raw(source, min(left, len(source.held) - source.at), "binary", last=False)
            left -= (part.end - part.offset) // unit
            yield nesting.owned(part, tag)
        terminator = self._delimiters.segment
        if not left and source.ahead(len(terminator)) == terminator:
            yield nesting.owned(take_raw(source, len(terminator), "binary", last=False), tag)
            return True
        yield self._report(
            "binary-length",
            f"{element} does not say how many bytes of data follow: no segment terminator stands behind them.",
            f"Set {element} to the number of bytes of data.",
            at,
        )
        while not left and source.ahead(1):
            stop = self._cutter.end(source.held, source.at)
            end = stop or len(source.held)
            yield nesting.owned(take_raw(source, end - source.at, "binary", last=False), tag)
            if stop:
                break
        return True

    def _part(self, raw: Raw) -> Items:
        """A part of a segment that is too long to hold."""
        if raw.kind != "segment":
            yield raw
            return
        here = self._nesting.stack[-1]
        if self._nesting.long is None and here.level is not Level.SET and "stray" not in self._reported:
            yield self._stray(raw.offset, here.position + 1)
        hint = "Check that the segment terminator is the one that the ISA segment declares."
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
        if text.startswith("ISA") and self._is_header():
            yield from self._close_through(Level.INTERCHANGE, offset, cut=True)
            return
        if text.startswith(f"IEA{self._delimiters.element}"):
            yield self._report(
                "terminator-missing",
                "The last segment, IEA, has no segment terminator.",
                "End every segment with its terminator, also the last.",
                self._place(offset),
                severity="warning",
            )
            run = Run(source, text, [text], width=0)
            source.at += len(text)
            elements = [*text.split(self._delimiters.element), "", ""]
            yield from self._trailer(Level.INTERCHANGE, run, 0, elements, unterminated=True)
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
        source, elements = self._source, header.elements
        self._delimiters = header.delimiters
        if not source.means_characters:
            elements = [decoded(element) for element in elements]
        elif sent := header.delimiters.sent_component:  # It is what it is, no byte.
            self._delimiters = header.delimiters._replace(component=sent)
        offset = source.offset(source.at)
        self._cutter = Terminator(header.delimiters.segment)
        separator = header.delimiters.element
        self._marks = frozenset(f"{tag}{separator}"[:3] for tag in CONTROL_TAGS) | CONTROL_TAGS
        self._initials = frozenset(tag[:1] for tag in CONTROL_TAGS) | INDENTS
        self._usage = within(elements[15], 1)
        here = self._nesting.open(Level.INTERCHANGE, "ISA", elements[13])
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
            sent_at=_moment(elements[9] + elements[10]),
            acknowledgment=within(elements[14], 1),
        )
        source.ahead(header.end + 2)
        line_break = self._cutter.blanks.match(source.held, source.at + header.end)
        stop = line_break.end() if line_break else source.at + header.end
        text = source.held[source.at : stop]
        width = len(header.delimiters.segment)
        run = Run(source, text, [text[: header.end - width]], width=width)
        source.at = stop
        yield self._nesting.segments(run, 0, 1, self._delimiters, control=True)
        run.broken = 0 if "\r" in run.texts[0] or "\n" in run.texts[0] else None
        yield from self._line_break(run, 1)
        at = self._place(offset, segment="ISA", position=1)
        yield from self._too_long(elements, {6: 15, 8: 15, 13: 9}, at)
        wrong = next((n for n, width in enumerate(WIDTHS, 1) if len(elements[n]) != width), None)
        if wrong is not None:
            yield self._report(
                "isa-width",
                f"ISA{wrong:02} is not {WIDTHS[wrong - 1]} characters wide; the header was read by its separators.",
                "Pad the elements of ISA to their fixed widths.",
                at,
                severity="warning",
                element=f"ISA{wrong:02}",
            )

    def _header(self, level: Level, run: Run, mark: int, elements: list[str]) -> Items:
        offset = run.byte(mark)
        if self._nesting.stack[-1].level >= level:
            yield from self._close_through(level, offset, cut=False)
        parent = self._nesting.stack[-1]
        parent.position += 1
        tag = elements[0]
        here = self._nesting.open(level, tag, elements[6] if tag == "GS" else elements[2])
        self._reported -= _BETWEEN_ENVELOPES
        if tag == "GS":
            self._group_version = elements[8].strip()
            yield self._group(here, elements, offset)
            yield self._nesting.segments(run, mark, mark + 1, self._delimiters, control=True)
            if max(map(len, elements)) > 9:
                at = self._place(offset, segment=tag, position=1)
                yield from self._too_long(elements, {2: 15, 3: 15, 6: 9}, at)
            if here.repeated:
                yield self._repeated(offset, "GS", "GS06", "group of the interchange")
            return
        self._loops.clear()
        yield self._set(here, elements, offset, group=parent if parent.level is Level.GROUP else None)
        yield self._nesting.segments(run, mark, mark + 1, self._delimiters, control=True)
        if len(elements[2]) > 9:
            yield from self._too_long(elements, {2: 9}, self._place(offset, segment=tag, position=1))
        if here.repeated:
            yield self._repeated(offset, "ST", "ST02", "set of the group")
        if parent.level is not Level.GROUP:
            yield self._report(
                "st-outside-group",
                "The transaction set stands in no functional group.",
                "Put a GS segment before the first ST and a GE segment after the last SE.",
                self._place(offset, segment=tag, position=1),
            )

    def _repeated(self, offset: int, tag: str, element: str, among: str) -> Finding:
        return self._report(
            f"{element.lower()}-duplicate",
            f"{element} is the control number of another {among}, too.",
            f"Give each {among} a control number of its own.",
            self._place(offset, segment=tag, position=1, element=element),
        )

    def _group(self, here: Open, elements: list[str], offset: int) -> GroupOpened:
        return GroupOpened(
            interchange=self._nesting.stack[0].index,
            index=here.index,
            functional_id=within(elements[1], 2),
            sender=within(elements[2], 15),
            receiver=within(elements[3], 15),
            control_number=within(elements[6], 9),
            version=within(self._group_version, 12),
            offset=offset,
        )

    def _set(self, here: Open, elements: list[str], offset: int, *, group: Open | None) -> SetOpened:
        version = elements[3].strip() or (self._group_version if group else "")
        return SetOpened(
            interchange=self._nesting.stack[0].index,
            group=group.index if group else None,
            index=here.index,
            set=within(elements[1], 3),
            version=within(version, 12),  # ST03 may have 35, but versions have 12: the rest is anybody's text.
            control_number=within(elements[2], 9),
            usage=self._usage,
            offset=offset,
            identifier=_identifier(elements[1], elements[3]),
        )

    def _too_long(self, elements: list[str], limits: dict[int, int], at: Location) -> Iterator[Finding]:
        for nth, limit in limits.items():
            if len(elements[nth].rstrip()) > limit:
                name = f"{at.segment}{nth:02}"
                yield self._report(
                    "envelope-element-too-long",
                    f"{name} is longer than {limit} characters; it was not taken over.",
                    f"Keep {name} within {limit} characters.",
                    at,
                    element=name,
                )

    # --- closing ---

    def _trailer(self, level: Level, run: Run, mark: int, elements: list[str], *, unterminated: bool = False) -> Items:
        trailer, offset, nesting = TRAILERS[level], run.byte(mark), self._nesting
        if nesting.stack[-1].level is not level and nesting.of(level) is None:
            yield self._report(
                "trailer-out-of-place",
                f"{trailer.tag} closes nothing: no {trailer.header[:-2]} is open.",
                f"Remove the {trailer.tag} segment, or send the {trailer.header[:-2]} that belongs to it.",
                self._place(offset, segment=trailer.tag, position=nesting.stack[-1].position + 1),
            )
            yield nesting.segments(run, mark, mark + 1, self._delimiters, control=True)
            return
        while nesting.stack[-1].level is not level:
            yield from self._close_missing(offset, cut=False)
        if self._loops:
            yield from self._loops_left_open(offset)
        here = nesting.stack[-1]
        yield nesting.segments(run, mark, mark + 1, self._delimiters, control=True)
        sent = elements[2]
        counted = here.position if level is Level.SET else here.children
        if sent != here.control_number or (elements[1] != str(counted) and number(elements[1].strip()) != counted):
            yield from self._check(trailer, here, elements, offset)
        cut = unterminated and sent != here.control_number and here.control_number.startswith(sent)
        yield nesting.close(nesting.verdict(cut=cut), end=run.byte(mark + 1), trailer_seen=not cut)
        self._reported -= _BETWEEN_ENVELOPES

    def _check(self, trailer: Trailer, here: Open, elements: list[str], offset: int) -> Iterator[Finding]:
        at = self._place(offset, segment=trailer.tag, position=here.position)
        counted = here.position if here.level is Level.SET else here.children
        tag = trailer.tag.lower()
        if number(elements[1].strip()) != counted:
            yield self._report(
                f"{tag}01-count-mismatch",
                f"{trailer.tag}01 does not say how many {trailer.counted} there are: we counted {counted}.",
                f"Set {trailer.tag}01 to the number of {trailer.counted}.",
                at,
                element=f"{trailer.tag}01",
            )
        if elements[2] != here.control_number:
            sent = number(elements[2].strip())
            padding_only = sent is not None and sent == number(here.control_number.strip())
            yield self._report(
                f"{tag}02-control-mismatch",
                f"{trailer.tag}02 is not the control number in {trailer.header}"
                + (": it is the same number, padded differently." if padding_only else "."),
                f"Repeat {trailer.header} in {trailer.tag}02, character by character.",
                at,
                severity="warning" if padding_only else "error",
                element=f"{trailer.tag}02",
            )

    def _close_through(self, level: Level, offset: int, *, cut: bool) -> Items:
        """Close what stands open at this level and deeper, because its trailer did not come."""
        while self._nesting.stack and self._nesting.stack[-1].level >= level:
            yield from self._close_missing(offset, cut=cut)

    def _close_missing(self, offset: int, *, cut: bool) -> Items:
        nesting = self._nesting
        here = nesting.stack[-1]
        trailer = TRAILERS[here.level]
        if here.level is Level.SET:
            yield from self._loops_left_open(offset)
        if not cut or here.level is Level.INTERCHANGE:  # Of a cut, the outermost trailer tells all.
            header = trailer.header[:-2]
            yield self._report(
                f"{trailer.tag.lower()}-missing",
                f"{header} ends at byte {offset} without its trailer {trailer.tag}.",
                "Send the whole file again." if cut else f"Close every {header} by its {trailer.tag}.",
                self._place(offset, segment=trailer.tag),
            )
        yield nesting.close(nesting.verdict(cut=cut) if cut else "rejected", end=offset, trailer_seen=False)
        self._reported -= _BETWEEN_ENVELOPES

    def _loops_left_open(self, offset: int) -> Items:
        if self._loops:
            yield self._report(
                "le-missing",
                "A loop that LS opened has no LE.",
                "Close each LS by an LE with the same identifier.",
                self._place(offset, segment="LE"),
                severity="warning",
            )
        for depth in range(len(self._loops), 0, -1):
            if depth <= self._limits.nesting:
                code = within(self._loops[depth - 1], 6)
                yield LoopClosed(code=code, end_offset=offset, depth=depth, trailer_seen=False)
        self._loops.clear()

    # --- findings ---

    def _line_break(self, run: Run, stop: int) -> Items:
        """Once tells enough: a wrapped file has one in every fourth segment."""
        if run.broken is not None and run.broken < stop and "break" not in self._reported:
            self._reported.add("break")
            yield self._report(
                "line-break-in-segment",
                "A line break stands inside of a segment; line breaks inside of segments were left out.",
                "Do not wrap the file at a fixed width.",
                self._place(run.byte(run.broken)),
                severity="warning",
            )

    def _crowded(self, run: Run) -> Items:
        """Segments of so many elements, or elements of so many repetitions, that nobody meant them."""
        limits, delimiters = self._limits, self._delimiters
        for at in run.longer_than(min(limits.elements, limits.repeats), delimiters.segment):
            text = run.texts[at]
            if text.count(delimiters.element) > limits.elements and "elements" not in self._reported:
                self._reported.add("elements")
                yield self._report(
                    "too-many-elements",
                    f"A segment has more than {limits.elements} elements.",
                    "Check that the segment terminator is the one that the ISA segment declares.",
                    self._place(run.byte(at)),
                )
            if delimiters.repetition and "repeats" not in self._reported:
                most = max(piece.count(delimiters.repetition) for piece in text.split(delimiters.element))
                if most >= limits.repeats:
                    self._reported.add("repeats")
                    yield self._report(
                        "too-many-repeats",
                        f"An element is repeated more than {limits.repeats} times.",
                        "Check the repetition separator, ISA11.",
                        self._place(run.byte(at)),
                    )


def _moment(text: str) -> str | None:
    return text if len(text) == 10 and text.isascii() and text.isdigit() else None


@lru_cache(maxsize=256)
def _identifier(*parts: str) -> tuple[str, ...]:
    """ST01 and ST03; sets of one file mostly have the same."""
    return tuple(within(part, 35) or "" for part in parts)


CONTROL_TAGS = frozenset({*OPENS, *CLOSES, *BINARY, *_LOOPS, "ISA", "ISX", ""})
"""Segments that the envelope looks at itself; the empty one is between two terminators."""
