"""How the cells of a row are parted and quoted: as the caller says, or as the first rows show.

Spec: RFC 4180, and what spreadsheets write in its place: other delimiters, decimal commas, byte order marks.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from parsers.events import Standard
from parsers.segments import Element

DELIMITERS = "\t;|,"
"""In the order of preference: a comma also stands inside of numbers and prose, a tab hardly ever does."""

SNIFFED_ROWS = 20
_NUMBER = re.compile(r"[-+]?(?:[.,' \u00a0]*+\d)++(?:%[%\d]*+)?|\d{1,4}[-./]\d{1,2}[-./]\d{1,4}.*")


class Dialect(NamedTuple):
    """What is None is found out from the first rows.

    Attributes:
        delimiter: one ASCII character.
        quote: around a cell that holds a delimiter or a line break; twice inside of it, it is one. Empty: none.
        header: the first row names the columns.
        columns: the names out of the header, once it has been read.
    """

    delimiter: str | None = None
    quote: str = '"'
    header: bool | None = None
    charset: str | None = None
    columns: tuple[str, ...] = ()

    @property
    def standard(self) -> Standard:
        return "csv"

    def tag(self, segment: str) -> str:  # noqa: ARG002  rows have no names
        """Rows have none."""
        return ""

    def elements(self, segment: str, offset: int, unit: int = 1) -> list[Element]:
        """The cells of a row, named by the header or else by number."""
        made = []
        for position, cell in enumerate(Cells.of(self).split(segment), 1):
            name = self.columns[position - 1] if position <= len(self.columns) else ""
            made.append(
                Element(
                    name=name or str(position),
                    position=position,
                    offset=offset + unit * cell.start,
                    text=cell.text,
                )
            )
        return made


class Cell(NamedTuple):
    text: str
    start: int


class Cells:
    """The cells of rows in one dialect, whose delimiter is known."""

    _made: "dict[tuple[str, str], Cells]" = {}  # noqa: RUF012  shared on purpose: few dialects, many rows

    def __init__(self, delimiter: str, quote: str) -> None:
        self.delimiter = delimiter
        self.quote = quote
        mark, part = re.escape(quote), re.escape(delimiter)
        # Possessive: half of a doubled quote never ends a cell.
        quoted = rf"{mark}[^{mark}]*+(?:{mark}{mark}[^{mark}]*+)*+{mark}"
        self._quoted = re.compile(quoted) if quote else None
        cell = rf"(?:{quoted}|(?!{mark}))[^{part}\r\n]*+" if quote else rf"[^{part}\r\n]*+"
        self._row = re.compile(rf"{cell}(?:{part}{cell})*+")

    @classmethod
    def of(cls, dialect: Dialect) -> "Cells":
        key = (dialect.delimiter or ",", dialect.quote)
        if key not in cls._made:
            cls._made[key] = cls(*key)
        return cls._made[key]

    def split(self, row: str) -> list[Cell]:
        """The cells of one row, quotes undone. What follows a closing quote belongs to the cell."""
        if not self.quote or self.quote not in row:
            at, cells = 0, []
            for text in row.split(self.delimiter):
                cells.append(Cell(text, at))
                at += len(text) + 1
            return cells
        cells, at = [], 0
        while True:
            text, stop = self._cell(row, at)
            cells.append(Cell(text, at))
            if stop >= len(row):
                return cells
            at = stop + 1

    def _cell(self, row: str, at: int) -> tuple[str, int]:
        quoted = self._quoted.match(row, at) if self._quoted else None
        if quoted is None:
            stop = row.find(self.delimiter, at)
            if self.quote and row.startswith(self.quote, at):  # It never closes.
                return row[at + 1 :].replace(self.quote * 2, self.quote), len(row)
            stop = len(row) if stop < 0 else stop
            return row[at:stop], stop
        stop = row.find(self.delimiter, quoted.end())
        stop = len(row) if stop < 0 else stop
        return quoted[0][1:-1].replace(self.quote * 2, self.quote) + row[quoted.end() : stop], stop

    def row_end(self, text: str, start: int) -> int | None:
        """The index of the line break that ends the row at `start`, or the text's end; None where that is in quotes."""
        row = self._row.match(text, start)
        if row is None or text.startswith(self.delimiter, row.end()):  # It stops before a cell that never closes.
            return None
        return row.end()

    def delimiters(self, rows: Sequence[str]) -> list[int]:
        """How many each row has outside of quotes."""
        delimiter, quote = self.delimiter, self.quote
        if self._quoted is None:
            return [row.count(delimiter) for row in rows]
        bare = self._quoted.sub
        return [row.count(delimiter) if quote not in row else bare("", row).count(delimiter) for row in rows]


def sniff(head: str, dialect: Dialect, *, whole: bool) -> Dialect:
    """Fill in what the dialect leaves open.

    Args:
        head: the first characters of the file.
        whole: the file ends with them, so that the last line is one.
    """
    delimiter = dialect.delimiter or _delimiter(_lines(re.sub(r'"(?:[^"]|"")*"', "", head), whole=whole))
    dialect = dialect._replace(delimiter=delimiter)
    if dialect.header is not None:
        return dialect
    cells, at = Cells.of(dialect), 0
    rows: list[list[str]] = []
    while len(rows) < SNIFFED_ROWS and at < len(head):
        end = cells.row_end(head, at)
        if end is None or (end == len(head) and not whole):
            break
        if end > at:
            rows.append([cell.text.strip() for cell in cells.split(head[at:end])])
        at = end + 1
    return dialect._replace(header=_has_header(rows))


def _lines(bare: str, *, whole: bool) -> list[str]:
    lines = re.split(r"\r\n|\r|\n", bare, maxsplit=SNIFFED_ROWS)[:SNIFFED_ROWS]
    if not whole and len(lines) < SNIFFED_ROWS:
        lines.pop()
    return [line for line in lines if line.strip(" ")]


def _delimiter(lines: list[str]) -> str:
    """What stands equally often in every line; else what most lines agree on, the comma before others."""
    if not lines:
        return ","
    best, most = ",", 0.0
    for delimiter in DELIMITERS:
        counts = [line.count(delimiter) for line in lines]
        usual = max({*counts} - {0}, key=counts.count, default=0)
        if usual and counts.count(usual) == len(counts):
            return delimiter
        agreed = counts.count(usual) / len(counts) if usual else 0.0
        if agreed > most or (agreed == most and delimiter == ","):
            best, most = delimiter, agreed
    return best


def _has_header(rows: list[list[str]]) -> bool:
    """No cell of the first row is a number or a date, and some below are; or all its names are there, and differ."""
    if not rows or any(_NUMBER.fullmatch(cell) for cell in rows[0]):
        return False
    if any(_NUMBER.fullmatch(cell) for row in rows[1:] for cell in row):
        return any(rows[0])
    return all(rows[0]) and len({*rows[0]}) == len(rows[0])
