"""HL7 v2 out of values: messages and batches, in any encoding characters, escaped and counted.

    writer = Writer()
    data = writer.message("LAB", "A", "EHR", "B", "20260302091500", "", ("ORU", "R01"), "MSG1", "P", "2.5.1")
    data += writer.segment("PID", "1", "", ("MRN1", "", "", "HOSP"))

Spec: HL7 v2.5.1 chapter 2.5 to 2.7, 2.10.3.
"""

from collections.abc import Iterable, Iterator

from parsers.hl7.delimiters import Delimiters
from parsers.segments import Item, Value
from parsers.writing import segment_values

_TRAILERS = {"FHS": "FTS", "BHS": "BTS"}


class Writer:
    """Counts messages in a batch, and batches in a file.

    Args:
        segment_end: a carriage return by the standard; some receivers want other line breaks.

    Raises:
        ValueError: a value has more parts than the encoding characters can separate; what is to be ended is not open.
    """

    def __init__(
        self, delimiters: Delimiters | None = None, *, segment_end: str = "\r", encoding: str = "utf-8"
    ) -> None:
        self._delimiters = delimiters or Delimiters()
        self._end = segment_end
        self._encoding = encoding
        made = self._delimiters
        self._characters = made.component + made.repetition + made.escape + made.subcomponent
        self._escapes = str.maketrans({
            made.escape: f"{made.escape}E{made.escape}",
            made.field: f"{made.escape}F{made.escape}",
            made.component: f"{made.escape}S{made.escape}",
            made.repetition: f"{made.escape}R{made.escape}",
            made.subcomponent: f"{made.escape}T{made.escape}",
            "\r": f"{made.escape}X0D{made.escape}",
            "\n": f"{made.escape}X0A{made.escape}",
        })  # fmt: skip
        self._open: list[tuple[str, int]] = []  # "FHS", "BHS" with how many stand in it.

    def file(self, *fields: Value) -> bytes:
        """FHS from FHS-3 on."""
        return self._header("FHS", fields)

    def batch(self, *fields: Value) -> bytes:
        """BHS from BHS-3 on."""
        return self._header("BHS", fields)

    def message(self, *fields: Value) -> bytes:
        """MSH from MSH-3 on: sending application and facility, receiving ones, date, security, type, control id."""
        if self._open:
            tag, count = self._open[-1]
            self._open[-1] = (tag, count + 1)
        return self._written("MSH", [self._characters, *map(self._text, fields)])

    def segment(self, tag: str, *fields: Value) -> bytes:
        """Any other segment, from its first field on; empty fields at its end are left out."""
        return self._written(tag, map(self._text, fields))

    def end_batch(self) -> bytes:
        """BTS, with the count of messages."""
        return self._trailer("BHS")

    def end_file(self) -> bytes:
        """FTS, with the count of batches."""
        return self._trailer("FHS")

    def rewrite(self, items: Iterable[Item]) -> Iterator[bytes]:
        """What was read at the lossless level, in these encoding characters; counts are made anew."""
        for tag, fields in segment_values(items):
            yield self._again(tag, fields)

    def _again(self, tag: str, fields: list[Value]) -> bytes:
        match tag:
            case "MSH":
                return self.message(*fields[2:])
            case "FHS" | "BHS":
                return self._header(tag, tuple(fields[2:]))
            case "BTS":
                return self._trailer("BHS")
            case "FTS":
                return self._trailer("FHS")
            case _:
                return self.segment(tag, *fields)

    def _header(self, tag: str, fields: tuple[Value, ...]) -> bytes:
        if self._open:
            above, count = self._open[-1]
            self._open[-1] = (above, count + 1)
        self._open.append((tag, 0))
        return self._written(tag, [self._characters, *map(self._text, fields)])

    def _trailer(self, header: str) -> bytes:
        if not self._open or self._open[-1][0] != header:
            raise ValueError(f"{_TRAILERS[header]} needs {header} to be what was opened last")
        _, count = self._open.pop()
        return self._written(_TRAILERS[header], [str(count)])

    def _written(self, tag: str, fields: Iterable[str]) -> bytes:
        texts = list(fields)
        while texts and not texts[-1]:
            texts.pop()
        return (self._delimiters.field.join([tag, *texts]) + self._end).encode(self._encoding)

    def _text(self, value: Value, depth: int = 0) -> str:
        made = self._delimiters
        match value:
            case str():
                return value.translate(self._escapes)
            case list():
                return made.repetition.join(self._text(part) for part in value)
            case tuple():
                if depth > 1:
                    raise ValueError("a subcomponent has no parts")
                separator = made.subcomponent if depth else made.component
                return separator.join(self._text(part, depth + 1) for part in value)
