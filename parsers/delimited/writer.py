"""Delimited files out of rows of values.

    writer = Writer(Dialect(";"), guard_formulas=True)
    data = writer.row("id", "name") + writer.row("1", "Alba; Sons")

Spec: RFC 4180.
"""

from collections.abc import Iterable, Iterator

from parsers.delimited.dialect import Dialect
from parsers.segments import Item, Value
from parsers.source import BLANKS
from parsers.writing import segment_values

_MARKS = ("\ufeff", "\xef\xbb\xbf")
"""Byte order marks: at the beginning of a file they would be passed over."""

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


class Writer:
    """Quotes a cell where it must be, so that it reads back as it was.

    Args:
        dialect: a comma where its delimiter is None.
        quote_all: also cells that need no quotes.
        guard_formulas: write an apostrophe before a cell that a spreadsheet would run, so that it shows it instead.
            Such a cell does not read back as it was. Numbers stay numbers.

    Raises:
        ValueError: from every method: a value has parts, cannot be written in the character set, or needs quotes where
            the dialect has none. The message names the place, never the value.
    """

    def __init__(
        self,
        dialect: Dialect | None = None,
        *,
        line_ending: str = "\r\n",
        quote_all: bool = False,
        guard_formulas: bool = False,
    ) -> None:
        dialect = dialect or Dialect()
        self._delimiter = dialect.delimiter or ","
        self._quote = dialect.quote
        self._codec = dialect.charset or "utf-8"
        self._ending = line_ending
        self._all = quote_all
        self._guard = guard_formulas
        if not line_ending or line_ending.strip("\r\n"):
            raise ValueError("line_ending is a line break")
        if "".encode(self._codec):
            raise ValueError("the character set begins each row with a mark: name one without, as utf-16-le")

    def row(self, *values: Value) -> bytes:
        """One row with its line ending."""
        if not values:
            raise ValueError("a row has at least one cell")
        cells = [self._cell(value, position) for position, value in enumerate(values, 1)]
        if len(cells) == 1 and not cells[0].strip(BLANKS):
            cells = [self._quoted(cells[0], 1)]  # Else it would be a blank line, which is no row.
        try:
            return (self._delimiter.join(cells) + self._ending).encode(self._codec)
        except UnicodeEncodeError:
            raise ValueError(f"the row has a character that {self._codec} does not know") from None

    def rewrite(self, items: Iterable[Item]) -> Iterator[bytes]:
        """What was read at the lossless level, in this dialect."""
        for _, values in segment_values(items):
            yield self.row(*values)

    def _cell(self, value: Value, position: int) -> str:
        if not isinstance(value, str):
            raise ValueError(f"cell {position} is one text, without parts")  # noqa: TRY004  a ValueError by contract
        if self._guard and value.startswith(_FORMULA_STARTS) and not _is_number(value):
            value = f"'{value}"
        needed = self._delimiter in value or "\n" in value or "\r" in value
        needed = needed or (self._quote != "" and self._quote in value)
        needed = needed or value.startswith(_MARKS)
        return self._quoted(value, position) if needed or self._all else value

    def _quoted(self, value: str, position: int) -> str:
        if not self._quote:
            raise ValueError(f"cell {position} needs quotes, and the dialect has none")
        return f"{self._quote}{value.replace(self._quote, self._quote * 2)}{self._quote}"


def _is_number(value: str) -> bool:
    return value.lstrip("+-").replace(".", "").replace(",", "").isdigit()
