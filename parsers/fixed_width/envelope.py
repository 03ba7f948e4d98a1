"""A file of records by column, read by a `parsers.layout.Layout`: one interchange, one set.

Records end with line breaks, or follow each other without, each as long as the layout says.
"""

import re
from collections.abc import Generator

from msgspec.structs import replace

from parsers.events import InterchangeOpened, SetOpened
from parsers.findings import Finding, Location, Severity
from parsers.layout import Layout
from parsers.nesting import Level, Nesting
from parsers.reading import Reading
from parsers.runs import Cutter, Lines, runs, take_raw
from parsers.segments import Item, Items, Raw, Run
from parsers.source import EBCDIC, Source
from parsers.text import within

_EBCDIC_ENDS = "\r\n\x85"


class FixedLength:
    """Records of so many characters, one behind the other; a line break within them is data."""

    blanks = re.compile("")

    def __init__(self, length: int) -> None:
        self._length = length

    def end(self, text: str, start: int) -> int:
        return start + self._length if len(text) - start >= self._length else 0

    def last_end(self, text: str, start: int) -> int:
        whole = (len(text) - start) // self._length * self._length
        return start + whole if whole else 0

    def cut(self, source: Source, text: str) -> Run:
        length = self._length
        return Run(source, text, [text[at : at + length] for at in range(0, len(text), length)], width=0)


def read(reading: Reading) -> Items:
    """Read the whole file."""
    assert isinstance(reading.layout, Layout), "who asks for fixed width says how wide"
    return _File(reading, reading.layout).read()


class _File:
    def __init__(self, reading: Reading, layout: Layout) -> None:
        self._source = reading.source
        self._layout = layout
        self._nesting = Nesting("fixed-width", reading.counts)
        self._reported: set[str] = set()
        self._long = False
        self._limits = reading.limits
        self._cutter: Cutter
        if layout.line_ends:
            self._cutter = Lines(_EBCDIC_ENDS if layout.charset in EBCDIC else "\r\n")
        else:
            assert layout.length, "records without line ends have a length"
            self._cutter = FixedLength(layout.length)
            held_bytes = max(self._limits.held_bytes, layout.length * self._source.unit)
            self._limits = replace(self._limits, held_bytes=held_bytes)
        self._lengths = {record.length for record in layout.records} if len(layout.records) == 1 else set()

    def read(self) -> Items:
        source, nesting = self._source, self._nesting
        if self._layout.line_ends:
            start = source.at
            source.ahead(3)
            for mark in ("\xef\xbb\xbf", "\ufeff"):
                if source.held.startswith(mark, start):
                    yield take_raw(source, len(mark), "blank")
        opened = nesting.open(Level.INTERCHANGE, "")
        yield InterchangeOpened(
            index=opened.index,
            standard="fixed-width",
            version=None,
            sender=None,
            sender_qualifier=None,
            receiver=None,
            receiver_qualifier=None,
            control_number=None,
            usage=None,
            offset=source.offset(source.at),
        )
        here = nesting.open(Level.SET, "")
        yield SetOpened(
            interchange=opened.index,
            group=None,
            index=here.index,
            set=within(self._layout.name, 35),
            version=None,
            control_number=None,
            usage=None,
            offset=source.offset(source.at),
        )
        for token in runs(source, self._cutter, self._limits):
            if isinstance(token, Raw):
                yield from self._part(token)
            else:
                yield from self._records(token)
        cut = yield from self._tail()
        yield nesting.close(nesting.verdict(cut=cut), end=source.size_bytes)
        yield nesting.close(nesting.verdict(cut=cut), end=source.size_bytes, trailer_seen=False)

    def _records(self, run: Run) -> Items:
        yield from self._misfits(run)
        yield self._nesting.segments(run, 0, len(run.texts), self._layout)

    def _misfits(self, run: Run) -> Items:
        """Records that the layout does not know, or that are longer or shorter than it says."""
        layout = self._layout
        if {"unknown", "short", "long"} <= self._reported:
            return
        if self._lengths and {*map(len, run.texts)} == self._lengths and not layout.records[0].marks:
            return
        for at, text in enumerate(run.texts):
            if not text.strip("\x1a \t\x00"):
                continue
            record = layout.record(text)
            columns = layout.width(text)
            if record is None:
                yield from self._once(
                    "unknown",
                    "record-unknown",
                    "The layout knows no record like this one; such records were handed out whole.",
                    "Describe the record in the layout, or add one without marks.",
                    run,
                    at,
                )
            elif columns <= record.least and record.least:
                yield from self._once(
                    "short",
                    "record-short",
                    "A record ends before its last field begins.",
                    "Check the layout, or pad the record.",
                    run,
                    at,
                )
            elif columns > max(record.length, layout.length or 0) and layout.width(text.rstrip(" ")) > record.length:
                yield from self._once(
                    "long",
                    "record-long",
                    "A record goes on behind the last field of the layout.",
                    "Describe all fields in the layout.",
                    run,
                    at,
                )

    def _once(self, what: str, code: str, message: str, hint: str, run: Run, at: int) -> Items:
        if what not in self._reported:
            self._reported.add(what)
            position = self._nesting.stack[-1].position + at + 1
            yield self._report(
                code, message, hint, self._nesting.place(run.byte(at), position=position), severity="warning"
            )

    def _part(self, raw: Raw) -> Items:
        if raw.kind != "segment":
            yield raw
            return
        if not self._long:
            self._long = True
            yield self._report(
                "record-too-long",
                "A line is far longer than a record; it was not read.",
                "Check the layout: records may follow each other without line ends.",
                self._nesting.place(raw.offset),
            )
        yield self._nesting.owned(raw)

    def _tail(self) -> Generator[Item, None, bool]:
        """What stands behind the last record; a last line need not end.

        Returns:
            Whether the file was cut off.
        """
        source = self._source
        text = source.held[source.at :]
        if not text:
            return False
        if self._layout.line_ends or not text.strip("\r\n\x1a"):
            if not text.strip("\r\n\x1a"):
                yield take_raw(source, len(text), "blank")
                return False
            run = Run(source, text, [text], width=0)
            source.at += len(text)
            yield from self._records(run)
            return False
        yield self._report(
            "record-cut-off",
            "The file ends inside of a record.",
            "Send the whole file again, or check the record length of the layout.",
            self._nesting.place(source.offset(source.at)),
        )
        yield self._nesting.owned(take_raw(source, len(text), "cut"))
        return True

    def _report(self, code: str, message: str, hint: str, at: Location, *, severity: Severity = "error") -> Finding:
        return self._nesting.report(code, message, hint, at, severity=severity)
