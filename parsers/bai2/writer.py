"""BAI2 files out of values: control totals and counts are computed.

    writer = Writer()
    data = writer.file("BANK", "COMPANY", "260302", "0915", "1", "", "", "2")
    data += writer.group("COMPANY", "BANK", "1", "260301", "", "USD", "2")
    data += writer.account("12345", "USD", "010", "100000", "", "")
    data += writer.transaction("195", "50000", "0", "REF-1", "", "WIRE IN")
    data += writer.end_account() + writer.end_group() + writer.end_file()

Spec: BAI, "Cash Management Balance Reporting Specifications, Version 2".
"""

import re
from collections.abc import Iterable, Iterator

from parsers.bai2.records import ANOTHER_BEHIND_TEXT, named, split
from parsers.segments import Item, Value
from parsers.writing import segment_values

_AMOUNT = re.compile(r"[-+]?[0-9]{1,40}")
_LEVELS = ("file", "group", "account")


class Writer:
    """Holds what is open, to add it up.

    Args:
        line_ending: behind every record.
        physical_length: pad every record with blanks to so many characters, 80 with most banks.

    Raises:
        ValueError: from every method: a value holds a comma, a slash or a line break where BAI2 has no way to write it;
            an amount is no number; nothing is open. The message names the place, never the value.
    """

    def __init__(self, *, line_ending: str = "\r\n", physical_length: int | None = None) -> None:
        if not line_ending or line_ending.strip("\r\n"):
            raise ValueError("line_ending is a line break")
        self._ending = line_ending
        self._length = physical_length
        self._totals = dict.fromkeys(_LEVELS, 0)
        self._records = dict.fromkeys(_LEVELS, 0)
        self._children = dict.fromkeys(_LEVELS, 0)
        self._open: list[str] = []
        self._account: list[str] = []  # The fields of the 03 and what continues it.
        self._in_transactions = False

    def file(self, *values: Value) -> bytes:
        """01."""
        return self._begin("file", "01", values)

    def group(self, *values: Value) -> bytes:
        """02."""
        return self._begin("group", "02", values)

    def account(self, *values: Value) -> bytes:
        """03: account, currency, and type, amount, item count, funds type with what belongs to it, again and again."""
        written = self._begin("account", "03", values)
        self._account = ["03", *(value for value in values if isinstance(value, str))]
        self._in_transactions = False
        return written

    def transaction(self, *values: Value) -> bytes:
        """16: type, amount, funds type with what belongs to it, two references, text."""
        self._within("account")
        written = self._written("16", values)
        fields = split(f"16,{','.join(value for value in values if isinstance(value, str))}/")
        self._totals["account"] += _amount(fields[2] if len(fields) > 2 else "", "16/amount")
        self._in_transactions = True
        return written

    def continuation(self, *values: Value) -> bytes:
        """88: behind a transaction more of its text, one value; else more fields of the record before."""
        if not self._open:
            raise ValueError("88 continues a record, and there is none")
        if not self._in_transactions and self._open[-1] == "account":
            self._account += [value for value in values if isinstance(value, str)]
        return self._written("88", values)

    def end_account(self) -> bytes:
        """49."""
        self._within("account")
        for name, value in named(self._account):
            if name == "03/amount":
                self._totals["account"] += _amount(value, name)
        return self._end("49", [])

    def end_group(self) -> bytes:
        """98."""
        self._within("group")
        return self._end("98", [str(self._children["group"])])

    def end_file(self) -> bytes:
        """99."""
        self._within("file")
        return self._end("99", [str(self._children["file"])])

    def rewrite(self, items: Iterable[Item]) -> Iterator[bytes]:
        """What was read at the lossless level; trailers are made anew."""
        for tag, values in segment_values(items):
            match tag:
                case "01":
                    yield self.file(*values)
                case "02":
                    yield self.group(*values)
                case "03":
                    yield self.account(*values)
                case "16":
                    yield self.transaction(*values)
                case "49":
                    yield self.end_account()
                case "98":
                    yield self.end_group()
                case "99":
                    yield self.end_file()
                case _:  # Text that was broken is continued as it ought to be.
                    yield self.continuation(*values)

    def _begin(self, level: str, tag: str, values: Iterable[Value]) -> bytes:
        depth = _LEVELS.index(level)
        if len(self._open) != depth:
            raise ValueError(f"{tag} needs {_LEVELS[depth - 1] if depth else 'nothing'} open around it, and no other")
        self._open.append(level)
        self._totals[level] = self._records[level] = self._children[level] = 0
        if depth:
            self._children[_LEVELS[depth - 1]] += 1
        self._in_transactions = False
        return self._written(tag, values)

    def _within(self, level: str) -> None:
        if not self._open or self._open[-1] != level:
            raise ValueError(f"no {level} is open, or something in it still is")

    def _end(self, tag: str, counted: list[str]) -> bytes:
        level = self._open[-1]
        total = self._totals[level]
        written = self._written(tag, [str(total), *counted, str(self._records[level] + 1)])
        self._open.pop()
        if self._open:
            self._totals[self._open[-1]] += total
        self._in_transactions = False
        return written

    def _written(self, tag: str, values: Iterable[Value]) -> bytes:
        texts = []
        for position, value in enumerate(values, 1):
            if not isinstance(value, str):
                raise ValueError(f"{tag} field {position} is one text, without parts")  # noqa: TRY004  a ValueError by contract
            if "\r" in value or "\n" in value:
                raise ValueError(f"{tag} field {position} has a line break: continue it by 88")
            texts.append(value)
        record = ",".join([tag, *texts])
        text_at = _text_position(tag, record, len(texts), in_transactions=self._in_transactions)
        for position, value in enumerate(texts, 1):
            is_text = position == text_at
            if not is_text and ("," in value or "/" in value):
                raise ValueError(f"{tag} field {position} has a comma or a slash, which only text may hold")
            if is_text and (value.startswith("/") or value.rstrip().endswith("/")):
                raise ValueError(f"{tag} field {position}: text neither begins nor ends with a slash")
            if is_text and ANOTHER_BEHIND_TEXT.search(value):
                raise ValueError(f"{tag} field {position}: text holds what would be read as the next record")
        if not (text_at and texts[-1]) or self._length is not None:  # A slash tells text from what pads it.
            record += "/"
        if self._length is not None:
            if len(record) > self._length:
                raise ValueError(f"{tag} is longer than the physical record of {self._length} characters")
            record = record.ljust(self._length)
        for level in self._open:
            self._records[level] += 1
        return f"{record}{self._ending}".encode()


def _text_position(tag: str, record: str, fields: int, *, in_transactions: bool) -> int:
    """Which field is text, 0 when none is."""
    if tag == "88":
        return 1 if in_transactions and fields == 1 else 0
    if tag != "16":
        return 0
    width = len(split(record)) - 1
    return width if [name for name, _ in named(split(record))][-1:] == ["16/text"] else 0


def _amount(text: str, name: str) -> int:
    if text and not _AMOUNT.fullmatch(text):
        raise ValueError(f"{name} is no number")
    return int(text or "0")
