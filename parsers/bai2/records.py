"""The records of a BAI2 file: where they end, their fields, and how continuations belong to them.

Spec: BAI, "Cash Management Balance Reporting Specifications, Version 2".
"""

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from parsers.runs import Lines
from parsers.segments import Element, Run
from parsers.source import Source

TAGS = frozenset({"01", "02", "03", "16", "49", "88", "98", "99"})
TEXT_TAGS = frozenset({"16", "88"})
"""Records whose last field is text, which runs to the end of the line and may hold commas and slashes."""

_CODE = r"(?:01|02|03|16|49|88|98|99),"
_TWO_A_LINE = re.compile(rf"/[ \t]*{_CODE}")
_ANOTHER = re.compile(rf"/[ \t]*(?={_CODE})")
ANOTHER_BEHIND_TEXT = re.compile(rf"/[ \t]+(?={_CODE})")
"""In text a slash alone ends nothing: "12/03,04" is a value."""

FIELDS = {
    "01": (
        "sender", "receiver", "file-creation-date", "file-creation-time", "file-id", "physical-record-length",
        "block-size", "version",
    ),
    "02": (
        "ultimate-receiver", "originator", "group-status", "as-of-date", "as-of-time", "currency",
        "as-of-date-modifier",
    ),
    "03": ("account", "currency"),
    "16": ("type-code", "amount"),
    "49": ("control-total", "record-count"),
    "98": ("control-total", "account-count", "record-count"),
    "99": ("control-total", "group-count", "record-count"),
}  # fmt: skip
"""By the record's tag, the names of its first fields; amounts and what follows them are named as they come."""

_FUNDS = {
    "S": ("immediate-availability", "one-day-availability", "two-day-availability"),
    "V": ("value-date", "value-time"),
}


def content(record: str) -> str:
    """A record without the slash that ends it.

    In text the slash ends the record only where nothing but blanks follows it; banks write it there, too.
    """
    if record[:2] in TEXT_TAGS:
        bare = record.rstrip(" \t")
        return bare[:-1] if bare.endswith("/") else record
    return record.partition("/")[0]


def split(record: str) -> list[str]:
    """The fields of a record as sent, its tag first. The text of a 16 is one field; all others part at commas."""
    return _with_text_whole(content(record).split(","))


def _with_text_whole(fields: list[str]) -> list[str]:
    if fields[0] == "16" and len(fields) > _text_index(fields):
        at = _text_index(fields)
        fields[at:] = [",".join(fields[at:])]
    return fields


def _text_index(fields: Sequence[str]) -> int:
    """Which field of a 16 is its text: behind the funds type with what belongs to it, and two references."""
    funds = fields[3] if len(fields) > 3 else ""
    inner = 1 + 2 * _distributions(fields[4:5]) if funds == "D" else len(_FUNDS.get(funds, ()))
    return 4 + inner + 2


def _distributions(count: Sequence[str]) -> int:
    text = count[0].strip() if count else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0


def whole_balances(fields: Sequence[str]) -> int:
    """The index behind the last balance of a 03 that is there with all that belongs to it."""
    at = len(FIELDS["03"]) + 1
    while at + 4 < len(fields):
        funds = fields[at + 3]
        inner = 1 + 2 * _distributions(fields[at + 4 : at + 5]) if funds == "D" else len(_FUNDS.get(funds, ()))
        if at + 4 + inner > len(fields):
            break
        at += 4 + inner
    return at


class Named(NamedTuple):
    name: str
    value: str


def named(fields: Sequence[str]) -> Iterator[Named]:
    """The fields of a record and its continuations by name: "03/amount". Fields beyond the standard's are "more-1".

    Args:
        fields: of the record, its tag first, and behind them those of its continuations without tags.
    """
    tag = fields[0]
    rest = iter(fields[1:])
    for name in FIELDS.get(tag, ()):
        value = next(rest, None)
        if value is None:
            return
        yield Named(f"{tag}/{name}", value)
    if tag == "03":
        while (code := next(rest, None)) is not None:
            yield Named("03/type-code", code)
            for name in ("amount", "item-count", "funds-type"):
                value = next(rest, None)
                if value is None:
                    return
                yield Named(f"03/{name}", value)
            yield from _funds(tag, value or "", rest)
    elif tag == "16":
        funds = next(rest, None)
        if funds is None:
            return
        yield Named("16/funds-type", funds)
        yield from _funds(tag, funds, rest)
        for name, value in zip(("bank-reference", "customer-reference", "text"), rest, strict=False):
            yield Named(f"16/{name}", value)
    for number, value in enumerate(rest, 1):
        yield Named(f"{tag}/more-{number}" if tag in FIELDS else f"{tag}/{number}", value)


def _funds(tag: str, funds: str, rest: Iterator[str]) -> Iterator[Named]:
    names: Sequence[str] = _FUNDS.get(funds, ())
    if funds == "D":
        count = next(rest, None)
        if count is None:
            return
        yield Named(f"{tag}/distributions", count)
        names = ("availability-days", "available-amount") * _distributions([count])
    for name, value in zip(names, rest, strict=False):
        yield Named(f"{tag}/{name}", value)


def logical(records: Sequence[str]) -> list[Named]:
    """One record with its continuations (88) as one: the fields of a 03 or 02 go on, the text of a 16 does.

    Args:
        records: as they stand in the file; the first is the one that is continued.
    """
    first = records[0]
    fields = split(first)
    for record in records[1:]:
        text = content(record)[3:]
        if first[:2] != "16":
            fields += text.split(",")
        elif len(fields) > _text_index(fields):
            fields[-1] += text
        else:
            fields = _with_text_whole([*fields, *text.split(",")])
    return list(named(fields))


class Records(NamedTuple):
    """The syntax of records: comma, slash, and 88 as what it continues.

    Attributes:
        continues_text: an 88 goes on with a 16's text, and is one field.
    """

    continues_text: bool = False
    charset: str | None = None

    def tag(self, segment: str) -> str:
        return segment[:2] if segment[:2] in TAGS else ""

    def elements(self, segment: str, offset: int, unit: int = 1) -> list[Element]:
        """The fields of a record behind its tag: "16/amount". Those of an 88 have a number, or are "88/text"."""
        tag = self.tag(segment)
        if not tag:
            return [Element(name="text", position=1, offset=offset, text=content(f"88{segment}")[2:])]
        if tag == "88" and self.continues_text:
            return [Element(name="88/text", position=1, offset=offset + unit * 3, text=content(segment)[3:])]
        fields = split(segment)
        at = offset + unit * (len(fields[0]) + 1)
        made = []
        for position, (name, value) in enumerate(named([tag, *fields[1:]]), 1):
            made.append(Element(name=name, position=position, offset=at, text=value))
            at += unit * (len(value) + 1)
        return made


class RecordLines:
    """Records end with a line break; where a line holds several, at the slash before the next one's code."""

    def __init__(self) -> None:
        self._lines = Lines("\r\n")
        self.blanks = self._lines.blanks

    def end(self, text: str, start: int) -> int:
        return self._lines.end(text, start)

    def last_end(self, text: str, start: int) -> int:
        return self._lines.last_end(text, start)

    def cut(self, source: Source, text: str) -> Run:
        """As `Cutter.cut`; what stands behind the last line break is a record, too."""
        ended = text if text[-1:] in {"\r", "\n"} else f"{text}\n"
        lines = self._lines.cut(source, ended)
        if ended is text and not _TWO_A_LINE.search(text):
            return lines
        texts, starts = [], []
        for line, start in zip(lines.texts, lines.starts, strict=False):
            for begin, stop in _several(line):
                texts.append(line[begin:stop])
                starts.append(start + begin)
        return Run(source, text, texts, width=0, starts=[*starts, len(text)])


def _several(line: str) -> Iterator[tuple[int, int]]:
    """Where the records of one line begin and end."""
    begin = 0
    while True:
        behind = ANOTHER_BEHIND_TEXT if line[begin : begin + 2] in TEXT_TAGS else _ANOTHER
        found = behind.search(line, begin)
        if found is None:
            yield begin, len(line)
            return
        yield begin, found.start() + 1
        begin = found.end()


class Blocks:
    """A file without line breaks: records end at a slash before the next one's code, or fill so many characters.

    Args:
        length: the physical record length, where the file keeps to one.
    """

    def __init__(self, length: int | None = None) -> None:
        self._length = length
        self.blanks = re.compile("[\r\n]*")

    def end(self, text: str, start: int) -> int:
        if self._length is not None:
            return start + self._length if len(text) >= start + self._length else 0
        found = _ANOTHER.search(text, start)
        return found.end() if found else 0

    def last_end(self, text: str, start: int) -> int:
        if self._length is not None:
            whole = (len(text) - start) // self._length * self._length
            return start + whole if whole else 0
        last = 0
        for found in _ANOTHER.finditer(text, start):
            last = found.end()
        return last

    def cut(self, source: Source, text: str) -> Run:
        if self._length is not None:
            starts = [*range(0, len(text), self._length)]
            texts = [text[at : at + self._length].rstrip(" ") for at in starts]
            return Run(source, text, texts, width=0, starts=[*starts, len(text)])
        texts, begin, starts = [], 0, []
        for found in _ANOTHER.finditer(text):
            starts.append(begin)
            texts.append(text[begin : found.start() + 1])
            begin = found.end()
        if begin < len(text):
            starts.append(begin)
            texts.append(text[begin:])
        return Run(source, text, texts, width=0, starts=[*starts, len(text)])
