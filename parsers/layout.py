"""Records by column: a declarative layout, by which records are recognised, split into fields and written.

NACHA is a definition on it, and so is whatever fixed width a caller describes as a plain dict (out of TOML, JSON):

    name = "payroll"
    [[records]]
    name = "header"
    when = {start = 1, text = "H"}              several: a list of them; a record without it takes all others
    fields = [{name = "kind", length = 1}, {name = "day", length = 8, type = "date"}]
    [[records]]
    name = "line"
    fields = [{name = "employee", length = 9}, {name = "pay", start = 12, length = 6, type = "packed", decimals = 2}]

`start` counts from 1 and may be left out where a field follows the one before. Of the file: `line_ends = false` for
records of `record_length` one behind the other; `columns = "characters"` where a multi-byte character takes one column;
`charset`, EBCDIC code pages among them. Of a field: `type` ("an", "n", "date", "money", "packed"), `decimals` that are
implied, `justify` ("left", "right") and `pad`.
"""

import codecs
import re
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, Literal, NamedTuple, get_args

from parsers.events import Standard
from parsers.segments import Element, Value
from parsers.source import EBCDIC

FieldType = Literal["an", "n", "date", "money", "packed"]
MAX_RECORD_COLUMNS = 1 << 20
MAX_DECIMALS = 18

_SIGNED = re.compile(r"[-+]?[0-9]+")
_AMOUNT = re.compile(r"(?P<whole>[-+]?[0-9]{1,40})(?:\.(?P<fraction>[0-9]{1,40}))?")


class Field(NamedTuple):
    """Attributes:
    start: the first column, from 1.
    length: columns; of a packed decimal its bytes, of which each holds two digits, and the last the sign.
    decimals: implied, of money and packed.
    right: the value stands at the right, `pad` before it.
    """

    name: str
    start: int
    length: int
    type: FieldType = "an"
    decimals: int = 0
    right: bool = False
    pad: str = " "

    @property
    def end(self) -> int:
        """The index behind the last column."""
        return self.start - 1 + self.length

    def meant(self, text: str) -> str:
        """The value without padding; money with its decimal point. What is no number stays as sent."""
        if self.type == "an":
            return text.lstrip(self.pad) if self.right else text.rstrip(self.pad)
        text = text.strip(" ")
        return _scaled(text, self.decimals) if self.type == "money" and _SIGNED.fullmatch(text) else text

    def unpacked(self, packed: bytes) -> str | None:
        """The number in a packed decimal (COBOL's COMP-3), None when it is none."""
        digits = packed.hex()
        if len(digits) < 2 or not digits[:-1].isdigit() or digits[-1].isdigit():
            return None
        return _scaled(("-" if digits[-1] in "bd" else "") + digits[:-1], self.decimals)


class Mark(NamedTuple):
    """What stands in a record of its kind: this text at this column, from 1."""

    start: int
    text: str


class Record(NamedTuple):
    """Attributes:
    tag: what the standard calls it: "6"; in a caller's layout its name.
    marks: all of them tell the record; none: it takes what no other takes.
    """

    tag: str
    marks: tuple[Mark, ...]
    fields: tuple[Field, ...]

    @property
    def length(self) -> int:
        return max(field.end for field in self.fields)

    @property
    def least(self) -> int:
        """A shorter record lacks fields; one that ends inside of its last field has lost blanks only."""
        return max(field.start - 1 for field in self.fields)


class Layout(NamedTuple):
    """How the records of a file are made: its syntax at the lossless level.

    Attributes:
        length: columns of every record, None where they differ. A record with more bytes than that was counted in
            characters, as far as it makes sense of them.
        counts_characters: a character of several bytes takes one column.
        line_ends: lines end records; else they follow each other, each of `length`.
    """

    name: str
    records: tuple[Record, ...]
    length: int | None = None
    counts_characters: bool = False
    charset: str | None = None
    line_ends: bool = True

    @property
    def standard(self) -> Standard:
        return "fixed-width"

    def tag(self, segment: str) -> str:
        record = self.record(segment)
        return record.tag if record else ""

    def record(self, segment: str) -> Record | None:
        """The first whose marks stand in it."""
        columns = self._columns(segment, 1)
        for record in self.records:
            if all(
                segment.startswith(text, start - 1 if columns is None else _at(columns, start - 1))
                for start, text in record.marks
            ):
                return record
        return None

    def width(self, segment: str) -> int:
        """How many columns a record takes."""
        columns = self._columns(segment, 1)
        return len(segment) if columns is None else len(columns) - 1

    def elements(self, segment: str, offset: int, unit: int = 1) -> list[Element]:
        """All fields of a record by name, "6/amount"; those behind the end of a short one are empty."""
        record = self.record(segment)
        if record is None:
            return [Element(name="record", position=1, offset=offset, text=segment)]
        columns = self._columns(segment, unit)
        made = []
        for position, field in enumerate(record.fields, 1):
            start, stop = min(field.start - 1, len(segment)), min(field.end, len(segment))
            if columns is not None:
                start, stop = _at(columns, field.start - 1), _at(columns, field.end)
            text = segment[start:stop]
            if field.type == "packed":
                text = field.unpacked(text.encode(self.byte_codec, "replace")) or text
            else:
                text = field.meant(text)
            made.append(
                Element(name=f"{record.tag}/{field.name}", position=position, offset=offset + unit * start, text=text)
            )
        return made

    def compose(self, record: Record, values: Sequence[Value]) -> bytes:
        """Write one record without its line end, padded; the last values may be left out.

        Raises:
            ValueError: a value does not fit its field, or there are more values than fields.
        """
        if len(values) > len(record.fields):
            raise ValueError(f"{record.tag} has {len(record.fields)} fields, and more values were given")
        codec = self.charset or "utf-8"
        filler = " ".encode(codec)
        padded = [*values, *[""] * (len(record.fields) - len(values))]
        written, column = b"", 1
        for field, value in sorted(zip(record.fields, padded, strict=True), key=lambda pair: pair[0].start):
            if not isinstance(value, str):
                raise ValueError(f"{record.tag}/{field.name} is one text, without parts")  # noqa: TRY004  a ValueError by contract
            written += filler * (field.start - column) + self._column(f"{record.tag}/{field.name}", field, value, codec)
            column = field.start + field.length
        return written + filler * ((self.length or 0) - column + 1)

    def matching(self, values: Sequence[Value]) -> Record | None:
        """The record of which these are the values, told by those at its marks."""
        for record in self.records:
            at = {field.start: index for index, field in enumerate(record.fields)}
            if all(
                start in at and at[start] < len(values) and values[at[start]] == text for start, text in record.marks
            ):
                return record
        return None

    @property
    def byte_codec(self) -> str:
        """What turns the text of a record back into bytes."""
        return self.charset if self.charset is not None and self.charset in EBCDIC else "latin-1"

    def _columns(self, segment: str, unit: int) -> list[int] | None:
        """The index of each character and last the end, where columns are not indexes."""
        too_long = self.length is not None and len(segment) > self.length
        if not (self.counts_characters or too_long) or segment.isascii() or unit > 1 or self.charset in EBCDIC:
            return None
        codec = self.charset or "utf-8"
        try:
            characters = segment.encode("latin-1").decode(codec)
        except UnicodeError:
            return None
        return list(accumulate((len(character.encode(codec)) for character in characters), initial=0))

    def _column(self, name: str, field: Field, value: str, codec: str) -> bytes:
        if field.type == "packed":
            return _packed(name, field, value)
        text = _digits(name, field, value) if field.type in {"n", "money", "date"} and value else value
        if "\r" in text or "\n" in text:
            raise ValueError(f"{name} has a line break")
        try:
            encoded = text.encode(codec)
        except UnicodeEncodeError:
            raise ValueError(f"{name} has a character that {codec} does not know") from None
        room = field.length - (len(text) if self.counts_characters else len(encoded))
        if room < 0:
            raise ValueError(f"{name} is longer than its {field.length} columns")
        padding = (" " if not value and field.type != "an" else field.pad).encode(codec) * room
        if not field.right:
            return encoded + padding
        if encoded[:1] in {b"-", b"+"} and field.pad == "0":
            return encoded[:1] + padding + encoded[1:]
        return padding + encoded


def _at(columns: Sequence[int], column: int) -> int:
    return columns[min(column, len(columns) - 1)]


def _scaled(number: str, decimals: int) -> str:
    if not decimals:
        return number
    sign, digits = (number[0], number[1:]) if number[0] in "+-" else ("", number)
    digits = digits.rjust(decimals, "0")
    whole = digits[:-decimals].lstrip("0") or "0"
    return f"{'-' if sign == '-' else ''}{whole}.{digits[-decimals:]}"


def _digits(name: str, field: Field, value: str) -> str:
    """The digits of a number or a date as they stand in the record."""
    if field.type != "money":
        if not (value.isascii() and value.isdigit()):
            raise ValueError(f"{name} is not made of digits")
        return value
    return _unscaled(name, field, value)


def _unscaled(name: str, field: Field, value: str) -> str:
    found = _AMOUNT.fullmatch(value)
    if found is None:
        raise ValueError(f"{name} is not a number")
    fraction = (found["fraction"] or "").rstrip("0")
    if len(fraction) > field.decimals:
        raise ValueError(f"{name} has more than {field.decimals} decimals")
    return str(int(f"{found['whole']}{fraction.ljust(field.decimals, '0')}"))  # No Decimal: its context would round.


def _packed(name: str, field: Field, value: str) -> bytes:
    digits = _unscaled(name, field, value or "0")
    sign = "d" if digits.startswith("-") else "c"
    digits = digits.lstrip("-")
    if len(digits) > field.length * 2 - 1:
        raise ValueError(f"{name} is longer than its {field.length} bytes")
    return bytes.fromhex(digits.rjust(field.length * 2 - 1, "0") + sign)


# --- from a caller's definition ---

_TOP = {"name", "records", "record_length", "line_ends", "columns", "charset"}
_RECORD = {"name", "when", "fields"}
_FIELD = {"name", "start", "length", "type", "decimals", "justify", "pad"}


def layout_from(definition: Mapping[str, Any]) -> Layout:
    """A layout out of a plain dict, whose keys the module describes.

    Raises:
        ValueError: a key is missing, unknown or makes no sense; the message names it: "records[0].fields[2].length".
    """
    _known(definition, _TOP, "")
    name = _text(definition, "name", "", default="fixed-width")
    columns = _choice(definition, "columns", "", ("bytes", "characters"), "bytes")
    charset = _text(definition, "charset", "", default="") or None
    if charset is not None:
        try:
            if len(" ".encode(charset)) > 1:
                raise ValueError("charset: a blank takes more than one byte in it")
        except LookupError:
            raise ValueError("charset: no such character set") from None
        charset = codecs.lookup(charset).name
    records = tuple(
        _record_from(one, f"records[{index}].") for index, one in enumerate(_list(definition, "records", ""))
    )
    for index, record in enumerate(records):
        if charset not in EBCDIC and not all(mark.text.isascii() for mark in record.marks):
            raise ValueError(f"records[{index}].when: a text that tells a record is in ASCII")
    names = [record.tag for record in records]
    if len(set(names)) < len(names):
        raise ValueError("records: two have the same name")
    line_ends = definition.get("line_ends", True)
    if not isinstance(line_ends, bool):
        raise ValueError("line_ends: is true or false")  # noqa: TRY004  a ValueError by contract
    length = None
    if "record_length" in definition:
        length = _number(definition, "record_length", "", 1, MAX_RECORD_COLUMNS)
        for index, record in enumerate(records):
            if record.length > length:
                raise ValueError(f"records[{index}].fields: reach beyond record_length")
    elif not line_ends:
        raise ValueError("record_length: is needed where line_ends is false")
    if not line_ends and columns == "characters":
        raise ValueError("columns: records without line ends are counted in bytes")
    return Layout(name, records, length, columns == "characters", charset, line_ends)


def _record_from(definition: Any, path: str) -> Record:
    _known(definition, _RECORD, path)
    name = _text(definition, "name", path)
    fields: list[Field] = []
    column = 1
    for index, one in enumerate(_list(definition, "fields", path)):
        field = _field_from(one, f"{path}fields[{index}].", column)
        if any(field.start <= other.end and other.start <= field.end for other in fields):
            raise ValueError(f"{path}fields[{index}].start: lies in another field")
        if any(field.name == other.name for other in fields):
            raise ValueError(f"{path}fields[{index}].name: another field has it, too")
        fields.append(field)
        column = field.end + 1
    when = definition.get("when", [])
    marks = []
    for index, one in enumerate([when] if isinstance(when, Mapping) else when):
        key = f"{path}when." if isinstance(when, Mapping) else f"{path}when[{index}]."
        _known(one, {"start", "text"}, key)
        marks.append(Mark(_number(one, "start", key, 1, MAX_RECORD_COLUMNS), _text(one, "text", key)))
    return Record(name, tuple(marks), tuple(fields))


def _field_from(definition: Any, path: str, column: int) -> Field:
    _known(definition, _FIELD, path)
    kind: FieldType = _choice(definition, "type", path, get_args(FieldType), "an")
    start = _number(definition, "start", path, 1, MAX_RECORD_COLUMNS) if "start" in definition else column
    length = _number(definition, "length", path, 1, MAX_RECORD_COLUMNS)
    if start - 1 + length > MAX_RECORD_COLUMNS:
        raise ValueError(f"{path}length: a record has at most {MAX_RECORD_COLUMNS} columns")
    decimals = _number(definition, "decimals", path, 0, MAX_DECIMALS) if "decimals" in definition else 0
    if decimals and kind not in {"money", "packed"}:
        raise ValueError(f"{path}decimals: only money and packed have them")
    numeric = kind in {"n", "money"}
    justify = _choice(definition, "justify", path, ("left", "right"), "right" if numeric else "left")
    pad = _text(definition, "pad", path, default="0" if numeric else " ")
    if len(pad) != 1:
        raise ValueError(f"{path}pad: is one character")
    return Field(_text(definition, "name", path), start, length, kind, decimals, justify == "right", pad)


def _known(definition: Any, keys: set[str], path: str) -> None:
    if not isinstance(definition, Mapping):
        raise ValueError(f"{path.rstrip('.') or 'layout'}: is a table of keys")  # noqa: TRY004  a ValueError by contract
    for key in definition:
        if key not in keys:
            raise ValueError(f"{path}{key}: unknown key")


def _list(definition: Mapping[str, Any], key: str, path: str) -> list[Any]:
    value = definition.get(key)
    if not isinstance(value, list | tuple) or not value:
        raise ValueError(f"{path}{key}: is a list with at least one table")
    return list(value)


def _text(definition: Mapping[str, Any], key: str, path: str, default: str | None = None) -> str:
    value = definition.get(key, default)
    if not isinstance(value, str) or not (value or default == ""):
        raise ValueError(f"{path}{key}: is a text")
    return value


def _number(definition: Mapping[str, Any], key: str, path: str, low: int, high: int) -> int:
    value = definition.get(key)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise ValueError(f"{path}{key}: is a number from {low} to {high}")
    return value


def _choice(definition: Mapping[str, Any], key: str, path: str, choices: tuple[str, ...], default: str) -> Any:
    value = definition.get(key, default)
    if value not in choices:
        raise ValueError(f"{path}{key}: is one of {', '.join(choices)}")
    return value
