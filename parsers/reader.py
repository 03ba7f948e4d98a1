"""One file from its first byte to its last: identified, handed to its standards' readers, and summed up."""

import re
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from importlib import import_module
from typing import Any

from parsers.events import Event, Identified, Outcome, Standard
from parsers.findings import Finding, Location
from parsers.guides.terms import Judging
from parsers.identify import identify
from parsers.limits import Limits
from parsers.reading import START_CHARACTERS, Reading, Shape
from parsers.records import with_records
from parsers.runs import take_raw
from parsers.segments import Item, Items, Raw
from parsers.source import Source
from parsers.tally import Tally

READERS = {
    "x12": "parsers.x12",
    "edifact": "parsers.edifact",
    "hl7": "parsers.hl7",
    "swift-mt": "parsers.swift_mt",
    "nacha": "parsers.nacha",
    "bai2": "parsers.bai2",
    "iso20022": "parsers.iso20022",
}
"""Standards with a reader (see `parsers.reading`), imported when the first file of theirs comes."""

SHAPES = {"csv": "parsers.delimited", "fixed-width": "parsers.fixed_width"}
"""Readers of loose shapes, each for a whole file. Only the lossless level reads them: to `read` they are opaque."""

RECOGNISED = frozenset(
    {"edifact", "tradacoms", "hl7-xml", "swift-mt", "iso20022", "nacha", "bai2", "fedwire"} | READERS.keys()
)
"""Standards whose content is business data: without a reader they are unsupported, not opaque."""


def read(chunks: Iterable[bytes], limits: Limits | None = None, *, judge: Judging | None = None) -> Iterator[Event]:
    """Read one file into canonical records.

    Args:
        chunks: the file's bytes in order, in pieces of any size.
        judge: judge each set by its guide, too; see `parsers.guides`.

    Returns:
        Its events as `parsers.events` describes them: Identified first, Finished last, whatever the bytes are.

    Error handling: raises only what `chunks` raises.
    """
    refine = with_records if judge is None else judged_records(judge)
    return _File(chunks, limits or Limits()).items(refine)  # type: ignore[return-value]  # No segments leave it.


def judged_records(judging: Judging) -> Callable[[Items], Iterator[Event]]:
    """Records of sets that have been judged."""
    return lambda items: with_records(import_module("parsers.judging").judged(items, judging), maps=judging.maps)


def read_share(chunks: Iterable[bytes], limits: Limits, mine: Callable[[int], bool]) -> Iterator[Event]:
    """As `read`, but of the sets that are not `mine` there is only SetClosed; see `parsers.parallel`."""
    return _File(chunks, limits).items(partial(with_records, mine=mine))  # type: ignore[return-value]  # No segments.


def segments(chunks: Iterable[bytes], limits: Limits | None = None, *, layout: Shape | None = None) -> Items:
    """Read one file at the lossless level.

    Args:
        layout: how the file is made, whatever its bytes look like: a `parsers.layout.Layout` of fixed width, which no
            file tells by itself, or a `parsers.delimited.Dialect`.

    Returns:
        What `read` returns but for records, and Segments and Raw, which one after the other are the file byte for
        byte. Loops that the standard frames are opened and closed among them.

    Error handling: raises only what `chunks` raises.
    """
    return _File(chunks, limits or Limits(), layout=layout, lossless=True).items(iter)


class _File:
    """Leads from one interchange to the next, and says at the end what came of the file."""

    def __init__(
        self, chunks: Iterable[bytes], limits: Limits, *, layout: Shape | None = None, lossless: bool = False
    ) -> None:
        self._source = Source(chunks)
        self._reading = Reading(self._source, limits, foreign=lambda _: False, layout=layout)
        self._identified = identify(self._source.head)
        if layout is not None:
            encoding = layout.charset or self._identified.encoding
            self._identified = Identified(standard=layout.standard, encoding=encoding)
        told = layout is not None or self._identified.standard == "csv"
        self._shape = SHAPES.get(self._identified.standard) if lossless and told else None
        self._source.decode_as(self._identified.encoding)
        self._blank = True
        self._tally = Tally(limits.findings)

    def items(self, refine: Callable[[Items], Iterator[Item]]) -> Items:
        yield self._identified
        tally = self._tally
        for item in refine(self._interchanges_of()):
            if type(item) in tally.counted and tally.leaves_out(item):
                continue
            yield item
        yield from tally.left_out(self._identified.standard)
        outcome, reason = self._outcome()
        yield tally.finished(outcome, reason, self._source.size_bytes)

    # --- from one interchange to the next ---

    def _interchanges_of(self) -> Items:
        source, reading = self._source, self._reading
        edi = self._identified.standard in READERS and not self._identified.wrapped
        last = self._identified.standard
        while not source.ended:
            if self._shape is not None:
                self._blank = False
                yield from import_module(self._shape).read(reading)
                continue
            start = source.at
            if source.take_blanks():
                stop, source.at = source.at, start
                yield take_raw(source, stop - start, "blank")
                continue
            self._blank = False
            standard = _standard_at(source.ahead(START_CHARACTERS), last) if edi else None
            if standard is None:
                yield from self._gap(search=edi)
                continue
            last = standard
            reading.foreign = partial(_foreign, standard)
            yield from _module(standard).read(reading)
        if source.half:
            yield Raw(source, source.half, "gap")

    def _gap(self, *, search: bool) -> Items:
        """Bytes that belong to no interchange, up to the next one."""
        source = self._source
        if search:
            yield Finding.at(
                Location(standard=self._identified.standard, offset=source.offset(source.at)),
                f"{self._identified.standard}.data-outside-interchange",
                "Bytes stand outside of any interchange; they were passed over.",
                "Remove what stands before, between and behind the interchanges.",
                severity="warning",
            )
        passed = 1  # Nothing begins here: that has been asked. So many characters need no second look.
        while True:
            found = _headers().search(source.held, source.at + passed) if search else None
            if found is not None and len(source.held) - found.start() < START_CHARACTERS:
                yield from self._pass(found.start() - source.at)
                passed = 0
                if source.more():
                    continue
                found = _headers().match(source.held, source.at)
            if found is not None:
                standard, passed = str(found.lastgroup).replace("_", "-"), found.start() - source.at
                if _module(standard).starts(source.held[found.start() : found.start() + START_CHARACTERS]):
                    yield from self._pass(passed)
                    return
                passed += 1
                continue
            length = len(source.held) - source.at - (_HEADER_CHARACTERS if search else 0)  # One may have come by half.
            yield from self._pass(length)
            passed = max(passed - length, 0) if length > 0 else passed
            if not source.more():
                yield from self._pass(len(source.held) - source.at)
                return

    def _pass(self, length: int) -> Iterator[Raw]:
        if length > 0:
            yield take_raw(self._source, length, "gap")

    def _outcome(self) -> tuple[Outcome, str | None]:
        identified, size = self._identified, self._source.size_bytes
        if self._blank:
            return "empty", "The file holds nothing but blanks." if size else "The file has no bytes."
        if identified.wrapped:
            return "unsupported", f"The content is wrapped ({identified.wrapped}); it has not been unwrapped."
        if identified.standard not in READERS and self._shape is None:
            if identified.standard not in RECOGNISED:
                return "opaque", None
            return "unsupported", f"{identified.standard} cannot be read yet."
        cut, header_cut_at = self._tally.cut, self._reading.header_cut_at
        if cut is not None:
            return "incomplete", f"Interchange {cut.index} ends at byte {cut.end_offset} without its trailer."
        if self._tally.interchanges and header_cut_at is not None:
            return "incomplete", f"The file ends inside of the header of an interchange, at byte {header_cut_at}."
        if not self._tally.interchanges:
            return "incomplete", f"There is no whole interchange header in {size} bytes."
        return "complete", None


_HEADER_CHARACTERS = 48
"""No standard's HEADER is longer."""


@cache
def _headers() -> re.Pattern[str]:
    """Each standard's header in a group of its name."""
    each = (f"(?P<{name.replace('-', '_')}>{_module(name).HEADER})" for name in READERS)
    return re.compile("|".join(each), re.ASCII)


def _module(standard: str) -> Any:
    return import_module(READERS[standard])


def _standard_at(text: str, first: str) -> Standard | None:
    """The standard of the interchange that begins with this text, None when none does."""
    others = (name for name in READERS if name != first)
    for standard in (first, *others):
        if standard in READERS and _module(standard).starts(text):
            return standard  # type: ignore[return-value]  # The keys of READERS are standards.
    return None


def _foreign(own: str, text: str) -> bool:
    return any(_module(standard).starts(text) for standard in READERS if standard != own)
