"""Options that many commands share, and how results are shown."""

import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Annotated, Any

import typer

from mft.clock import moment

HomeOption = Annotated[
    Path | None,
    typer.Option(
        "--home",
        metavar="DIR",
        help="The mft home [default: $MFT_HOME, else ./mft-home].",
        show_default=False,
    ),
]
_MEASURED = 1000  # Rows that are held back until the widths of their columns are known.
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say what would be done, and do nothing.")]
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


class Output:
    """Rows for people, or JSON lines for programs."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json

    def rows(
        self,
        rows: Iterable[Mapping[str, Any]],
        columns: Mapping[str, Callable[[Mapping[str, Any]], str]],
        *,
        empty: str,
    ) -> None:
        """A table with a heading for each column, as wide as its first rows; `empty` is said where there are none."""
        if self.as_json:
            for row in rows:
                self.object(row)
            return
        lines = ([show(row) for show in columns.values()] for row in rows)
        first = list(islice(lines, _MEASURED))
        if not first:
            print(empty)
            return
        widths = table([list(columns), *first])
        for line in lines:
            print(_line(line, widths))

    def object(self, value: Mapping[str, Any]) -> None:
        print(json.dumps(value, ensure_ascii=False), flush=True)


def table(lines: Sequence[Sequence[str]]) -> list[int]:
    """Columns as wide as their widest cell, a terminal's bold for the heading; plain text in a pipe.

    Returns:
        The widths.
    """
    widths = [max(len(line[index]) for line in lines) for index in range(len(lines[0]))]
    for number, line in enumerate(lines):
        text = _line(line, widths)
        print(typer.style(text, bold=True) if number == 0 and sys.stdout.isatty() else text)
    return widths


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def utf8(text: str) -> str:
    """What was typed, if it is text: a callback of arguments."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise typer.BadParameter("this is no UTF-8") from None
    return text


def when(at_us: int | None) -> str:
    """A moment for people: UTC, to the second."""
    return moment(at_us).strftime("%Y-%m-%d %H:%M:%S") if at_us else "-"


def size(size_bytes: int) -> str:
    """A size for people: `12.3 kB`."""
    amount, unit = float(size_bytes), "B"
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"


_AGO = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def parse_time(text: str, *, ends: bool = False) -> int:
    """A moment that a person types, in microseconds; UTC unless said.

    `2h` (ago), `now`, `today`, `yesterday`, `monday` (the last one that began), `09:30` (today), a date, or ISO 8601
    with or without a zone. Of a whole day it is the beginning, or the end where something `ends` with it.
    """
    now = datetime.now(UTC)
    at, whole_day = _moment(text.strip().lower(), text.strip(), now)
    if whole_day and ends:
        try:
            at += timedelta(days=1)
        except OverflowError:
            raise _no_time(text) from None
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp() * 1_000_000)


def _moment(word: str, text: str, now: datetime) -> tuple[datetime, bool]:
    """What was typed, and whether that is a whole day."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    if word == "now":
        return now, False
    if word in {"today", "yesterday"}:
        return midnight - timedelta(days=word == "yesterday"), True
    if word in _WEEKDAYS:
        return midnight - timedelta(days=(now.weekday() - _WEEKDAYS.index(word)) % 7), True
    if (found := re.fullmatch(r"(\d{1,5})\s*([smhdw])", word)) is not None:
        return now - timedelta(**{_AGO[found[2]]: int(found[1])}), False
    if (found := re.fullmatch(r"([01]?\d|2[0-3]):([0-5]\d)", word)) is not None:
        return midnight + timedelta(hours=int(found[1]), minutes=int(found[2])), False
    try:
        return datetime.fromisoformat(text), re.fullmatch(r"\d{4}-?\d{2}-?\d{2}", text) is not None
    except ValueError:
        raise _no_time(text) from None


def _no_time(text: str) -> typer.BadParameter:
    return typer.BadParameter(
        f"{text!r} is not a time: try 2h, 7d, 09:30, today, yesterday, monday, 2026-03-01 or 2026-03-01T09:30:00Z"
    )


def parse_later(text: str) -> int:
    """A moment to come that a person types, in microseconds: `2h` from now, `06:00` the next time; else as above."""
    now = datetime.now(UTC)
    word = text.strip().lower()
    if (found := re.fullmatch(r"(\d{1,5})\s*([smhdw])", word)) is not None:
        at = int((now + timedelta(**{_AGO[found[2]]: int(found[1])})).timestamp() * 1_000_000)
    else:
        at = parse_time(text, ends=True)
        if re.fullmatch(r"\d{1,2}:\d{2}", word) and at <= now.timestamp() * 1_000_000:
            at += 86_400_000_000
    if at <= now.timestamp() * 1_000_000:
        raise typer.BadParameter(f"{text!r} is past: name a moment to come")
    return at


def _parse_end(text: str) -> int:
    return parse_time(text, ends=True)


_TIME_HELP = "2h, 7d, 09:30, today, monday, a date, ISO 8601; UTC."
TimeOption = Annotated[int | None, typer.Option(parser=parse_time, metavar="TIME", help=_TIME_HELP)]
UntilOption = Annotated[
    int | None, typer.Option(parser=_parse_end, metavar="TIME", help="The same; of a day, its end.")
]
