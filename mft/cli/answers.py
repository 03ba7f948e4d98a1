"""Answers to queries: a table for people, CSV and JSON lines for programs."""

import csv
import json
import math
from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from itertools import islice
from typing import Any, Final, TextIO

from mft.cli.options import table
from mft.errors import Refused

_FORMULA: Final = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_SPREADSHEETS_SKIP: Final = " \n\ufeff\u200b"
Rows = Iterable[Sequence[Any]]


def write_table(columns: Sequence[str], rows: Rows, limit: int) -> bool:
    """Print `limit` rows at most; returns whether there are more."""
    found = list(islice(rows, limit + 1))
    if not found:
        print("no rows")
        return False
    lines = [[_printable(_text(cell)) for cell in row] for row in found[:limit]]
    table([list(map(_printable, columns)), *lines])
    return len(found) > limit


def write_csv(columns: Sequence[str], rows: Rows, file: TextIO) -> None:
    """CSV (RFC 4180) that no spreadsheet takes for a formula: such a text has an apostrophe before it."""
    writer = csv.writer(file, lineterminator="\r\n")
    writer.writerow(map(_harmless, columns))
    writer.writerows(map(_harmless, row) for row in rows)


def write_json(columns: Sequence[str], rows: Rows, file: TextIO) -> None:
    """One object a line. Decimals are text, as in the records: a reader's float would not be exact."""
    if len(set(columns)) < len(columns):
        raise Refused("two columns have the same name: give one another with AS")
    objects = (dict(zip(columns, map(_plain, row), strict=True)) for row in rows)
    file.writelines(json.dumps(one, ensure_ascii=False) + "\n" for one in objects)


def _plain(value: Any) -> Any:
    """A value as JSON has it."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else None
        case Decimal():
            return decimal_text(value)
        case date():
            return value.isoformat()
        case list() | tuple():
            return [_plain(one) for one in value]
        case dict():
            return {str(key): _plain(one) for key, one in value.items()}
        case _:
            return str(value)


def decimal_text(value: Decimal) -> str:
    """Without exponent, and without zeros behind that say nothing."""
    text = format(value, "f")
    return (text.rstrip("0").rstrip(".") or "0") if "." in text else text


def _text(value: Any) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    return plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)


def _harmless(value: Any) -> str:
    text = _text(value)
    is_formula = text.startswith(("\t", "\r")) or text.lstrip(_SPREADSHEETS_SKIP).startswith(_FORMULA)
    return "'" + text if isinstance(value, str) and is_formula else text


def _printable(text: str) -> str:
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
