"""A delimited file, row by row: one interchange, one set, each row a segment.

Where no quote stands in the window, rows are lines, split at once. Where one does, a line with an even number of quotes
is a row; only the others are looked at cell by cell, since a cell may hold line breaks.
"""

import re
from bisect import bisect_right
from collections.abc import Generator

from msgspec.structs import replace

from parsers.delimited.dialect import Cells, Dialect, sniff
from parsers.events import InterchangeOpened, SetOpened
from parsers.findings import Finding, Location, Severity
from parsers.nesting import Level, Nesting
from parsers.reading import Reading
from parsers.runs import Lines, take_raw
from parsers.segments import Item, Items, Raw, Run
from parsers.source import BLANKS
from parsers.text import decoded

HEAD_CHARACTERS = 65_536
_ENDS = re.compile("[\r\n]*")
_END = re.compile("[\r\n]")
_FORMULA_STARTS = "=@+-"
_MAX_NAME_CHARACTERS = 200


def read(reading: Reading) -> Items:
    """Read the whole file."""
    return _File(reading).read()


class _File:
    def __init__(self, reading: Reading) -> None:
        self._source = reading.source
        self._limits = reading.limits
        self._nesting = Nesting("csv", reading.counts)
        self._dialect = reading.layout if isinstance(reading.layout, Dialect) else Dialect()
        self._cells = Cells.of(self._dialect)
        self._lines = Lines("\r\n")
        self._delimiters: int | None = None  # So many has the first row.
        self._held = max(reading.limits.held_bytes // self._source.unit, 1)
        self._formula: re.Pattern[str] | None = None
        self._reported: set[str] = set()
        self._waits = False  # For the end of a row that goes on in quotes: the window is not cut into lines until then.
        self._ragged_rows = 0
        self._last_ragged: Finding | None = None

    def read(self) -> Items:
        source, nesting = self._source, self._nesting
        source.ahead(3)
        for mark in ("\xef\xbb\xbf", "\ufeff"):
            if source.held.startswith(mark, source.at):
                yield take_raw(source, len(mark), "blank")
        head = source.ahead(HEAD_CHARACTERS)
        self._dialect = sniff(head, self._dialect, whole=len(head) < HEAD_CHARACTERS)
        self._cells = Cells.of(self._dialect)
        delimiter = re.escape(self._cells.delimiter)
        cell = rf"[^{delimiter}\r\n\"]*"
        self._formula = re.compile(rf"(?<![^{delimiter}\r\n\"])(?:[=@]|[-+](?={cell}[A-Za-z(|!]))")
        opened = nesting.open(Level.INTERCHANGE, "")
        yield InterchangeOpened(
            index=opened.index,
            standard="csv",
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
            set=None,
            version=None,
            control_number=None,
            usage=None,
            offset=source.offset(source.at),
        )
        cut = False
        while source.ahead(1):
            run = self._take_rows()
            if isinstance(run, Raw):
                yield run
            elif run is not None:
                yield from self._rows(run)
            elif len(source.held) - source.at > self._held:
                cut = yield from self._long_row()
            elif not source.more():
                cut = yield from self._tail()
        yield nesting.close(nesting.verdict(cut=cut), end=source.size_bytes)
        yield nesting.close(nesting.verdict(cut=cut), end=source.size_bytes, trailer_seen=False)

    # --- cutting ---

    def _take_rows(self) -> Run | Raw | None:
        """All whole rows of the window, or the line breaks before them; None when there is none."""
        source = self._source
        blank = _ENDS.match(source.held, source.at)
        if blank is not None and blank.end() > source.at:
            return take_raw(source, blank.end() - source.at, "blank")
        if self._waits:
            return self._row_alone()
        stop = self._lines.last_end(source.held, source.at)
        if not stop:
            return None
        length = stop - source.at
        source.ahead(length + 2)  # The line break behind the last row.
        text = source.held[source.at : source.at + length]
        behind = _ENDS.match(source.held, source.at + length)
        text += behind[0] if behind else ""
        run = self._lines.cut(source, text)
        quote = self._cells.quote
        if quote and quote in text:
            joined = self._joined(run)
            if joined is None:
                return self._row_alone()
            run = joined
        source.at += len(run.text)
        return run

    def _row_alone(self) -> Run | None:
        """The first row of the window with its line break; None while it is not whole."""
        source = self._source
        end = self._cells.row_end(source.held, source.at)
        self._waits = end is None or end == len(source.held)
        if end is None or self._waits:
            return None
        length = end - source.at
        behind = length
        while behind < length + HEAD_CHARACTERS and (source.at + behind < len(source.held) or source.more()):
            if source.held[source.at + behind] not in "\r\n":  # Blank lines belong to the row before, as elsewhere.
                break
            behind += 1
        text = source.held[source.at : source.at + behind]
        run = Run(source, text, [text[:length]], width=0, starts=[0, len(text)])
        source.at += len(text)
        return run

    def _joined(self, lines: Run) -> Run | None:
        """Rows out of lines: those with an odd number of quotes may go on. None when the first is not whole."""
        quote, text, cells = self._cells.quote, lines.text, self._cells
        odd = [at for at, line in enumerate(lines.texts) if line.count(quote) & 1]
        if not odd:
            return lines
        starts, texts = lines.starts, lines.texts
        made: list[str] = []
        begins: list[int] = []
        done = 0
        for at in odd:
            if at < done:
                continue
            made += texts[done:at]
            begins += starts[done:at]
            end = cells.row_end(text, starts[at])
            if end is None:
                if not made:
                    return None
                cut = starts[at]
                return Run(self._source, text[:cut], made, width=0, starts=[*begins, cut])
            made.append(text[starts[at] : end])
            begins.append(starts[at])
            done = at
            while done < len(texts) and starts[done] <= end:
                done += 1
        made += texts[done:]
        begins += starts[done:-1]
        return Run(self._source, text, made, width=0, starts=[*begins, len(text)])

    def _long_row(self) -> Generator[Item, None, bool]:
        """Hand out a row that is too long to hold in parts, up to its end: here every quote counts.

        Returns:
            True when the file ends first, in quotes.
        """
        source, nesting, quote = self._source, self._nesting, self._cells.quote
        place = nesting.place(source.offset(source.at), position=nesting.stack[-1].position + 1)
        if "long" not in self._reported:
            self._reported.add("long")
            yield self._report(
                "row-too-long",
                "A row is too long to be held; it was handed out in parts.",
                "Close every quote, and end every row with a line break.",
                place,
            )
        odd = False
        while True:
            text = source.held[source.at :]
            looked = 0
            for found in _END.finditer(text):
                odd ^= bool(quote) and text.count(quote, looked, found.start()) % 2 == 1
                looked = found.end()
                if not odd:
                    yield nesting.owned(take_raw(source, looked, "segment"))
                    return False
            kept = len(text) - 1
            odd ^= bool(quote) and text.count(quote, looked, kept) % 2 == 1
            yield nesting.owned(take_raw(source, kept, "segment", last=False))
            if not source.more():
                odd ^= bool(quote) and text.endswith(quote)
                if odd:
                    yield self._unterminated(place)
                yield nesting.owned(take_raw(source, 1, "cut" if odd else "segment"))
                return odd

    def _tail(self) -> Generator[Item, None, bool]:
        """The last row need not end with a line break.

        Returns:
            Whether the file ends in quotes.
        """
        source, nesting = self._source, self._nesting
        text = source.held[source.at :]
        if not text.strip(BLANKS):
            yield take_raw(source, len(text), "blank")
            return False
        quote = self._cells.quote
        if quote and text.count(quote) % 2 and self._cells.row_end(text, 0) is None:
            position = nesting.stack[-1].position + 1
            yield self._unterminated(nesting.place(source.offset(source.at), position=position))
            yield nesting.owned(take_raw(source, len(text), "cut"))
            return True
        run = Run(source, text, [text.rstrip("\r\n")], width=0, starts=[0, len(text)])
        source.at += len(text)
        yield from self._rows(run)
        return False

    def _unterminated(self, place: Location) -> Finding:
        return self._report(
            "quote-unterminated",
            "The file ends inside of a quoted cell that begins in this row.",
            "Close every quote, and double those that stand inside of a cell; or send the whole file again.",
            place,
        )

    # --- rows ---

    def _rows(self, run: Run) -> Items:
        first = 0
        if self._delimiters is None:
            (self._delimiters,) = self._cells.delimiters(run.texts[:1])
            if self._dialect.header:
                yield from self._header(run)
                first = 1
        yield from self._ragged(run, first)
        yield from self._formulas(run, first)
        if first < len(run.texts):
            yield self._nesting.segments(run, first, len(run.texts), self._dialect)

    def _header(self, run: Run) -> Items:
        """Names of columns: the rest of the file is named by them."""
        text = run.texts[0]
        names = [cell.text.strip() for cell in self._cells.split(text)]
        if not run.means_characters:
            names = [decoded(name, self._dialect.charset) for name in names]
        place = self._nesting.place(run.byte(0), position=1)
        empty = [at for at, name in enumerate(names, 1) if not name]
        twice = [at for at, name in enumerate(names, 1) if name and names.index(name) + 1 < at]
        for code, columns, what in (
            ("header-empty", empty, "no name"),
            ("header-duplicate", twice, "the name of another"),
        ):
            if columns:
                yield self._report(
                    code,
                    f"Column {columns[0]} has {what} in the header row.",
                    "Give every column a name of its own.",
                    replace(place, element=str(columns[0])),
                    severity="warning",
                )
        yield self._nesting.segments(run, 0, 1, self._dialect, control=True)
        self._dialect = self._dialect._replace(columns=tuple(name[:_MAX_NAME_CHARACTERS] for name in names))

    def _ragged(self, run: Run, first: int) -> Items:
        """Rows with other cells than the first, each told with its number."""
        expected, quote = self._delimiters or 0, self._cells.quote
        if quote and quote in run.text:
            counts = self._cells.delimiters(run.texts)
        else:
            delimiter = self._cells.delimiter
            counts = [text.count(delimiter) for text in run.texts]
        if {*counts} == {expected}:
            return
        position = self._nesting.stack[-1].position + 1 - first
        for at in range(first, len(counts)):
            if counts[at] == expected or not run.texts[at].strip(BLANKS):
                continue
            cells = counts[at] + 1
            if quote and quote in run.texts[at] and cells <= self._limits.elements:
                cells = len(self._cells.split(run.texts[at]))
            if cells - 1 != expected:
                self._ragged_rows += 1
                if self._last_ragged is not None and self._ragged_rows > self._limits.findings:
                    yield self._last_ragged  # It is counted and left out, as all others would be.
                    continue
                self._last_ragged = self._report(
                    "row-ragged",
                    f"Row {position + at} has {cells} cells; the first row has {expected + 1}.",
                    "Write as many cells in every row, empty ones included, and quote cells that hold the delimiter.",
                    self._nesting.place(run.byte(at), position=position + at),
                    severity="warning",
                )
                yield self._last_ragged
            if cells > self._limits.elements and "cells" not in self._reported:
                self._reported.add("cells")
                yield self._report(
                    "too-many-cells",
                    f"A row has more than {self._limits.elements} cells.",
                    "End every row with a line break.",
                    self._nesting.place(run.byte(at), position=position + at),
                )

    def _formulas(self, run: Run, first: int) -> Items:
        if "formula" in self._reported or self._formula is None or not self._may_hold_formulas(run.text):
            return
        found = self._formula.search(run.text)
        if found is None:
            return
        self._reported.add("formula")
        at = bisect_right(run.starts, found.start()) - 1
        yield self._report(
            "formula-cell",
            "A cell begins like a formula, which a spreadsheet would run when it opens the file.",
            "Read the file as data, or write an apostrophe before such cells.",
            self._nesting.place(run.byte(at), position=self._nesting.stack[-1].position + 1 - first + at),
            severity="info",
        )

    def _may_hold_formulas(self, text: str) -> bool:
        """A quick look, which finds negative numbers, too."""
        starts = [start for start in _FORMULA_STARTS if start in text]
        befores = (self._cells.delimiter, "\n", "\r", self._cells.quote or "\n")
        return text[:1] in starts or any(f"{before}{start}" in text for start in starts for before in befores)

    def _report(self, code: str, message: str, hint: str, at: Location, *, severity: Severity = "error") -> Finding:
        return self._nesting.report(code, message, hint, at, severity=severity)
