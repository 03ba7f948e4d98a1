"""What was announced: which of it commands around events ask for, and how they show it."""

import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from mft.cli.options import utf8, when

if TYPE_CHECKING:
    from mft.ledger.database import Books, Row
    from mft.pipeline.subscriptions import Subscription

_TOLD_SECONDS: Final = 0.2

Announced = tuple["Row", dict[str, Any]]
"""A row of the outbox, and the CloudEvent in it."""

_Words = list[str] | None


def _known_types(patterns: _Words) -> _Words:
    """A type that no event has would find nothing, and never say why."""
    from mft.events import CATALOGUE
    from mft.pipeline.subscriptions import Subscription

    for pattern in patterns or ():
        asked = Subscription(types=(pattern,))
        if not any(asked.takes_announced({"type": event.type, "data": {}}) for event in CATALOGUE):
            raise typer.BadParameter(f"no event is called {pattern}: `mft events catalogue` has them all")
    return patterns


TypeOption = Annotated[
    _Words,
    typer.Option(
        "--type", help="Only this type, or mft.transfer.*. Again: any of them.", show_default=False,
        callback=_known_types,
    ),
]  # fmt: skip
PartnerOption = Annotated[
    _Words, typer.Option("--partner", help="Only this partner's. Again: any of them.", show_default=False)
]
TransferOption = Annotated[
    str, typer.Option("--transfer", metavar="ID", help="Only of this one.", show_default=False, callback=utf8)
]


def wanted_of(types: _Words, partners: _Words) -> "Subscription":
    from mft.pipeline.subscriptions import Subscription

    return Subscription(types=tuple(types or ()), partners=tuple(partners or ()))


def fitting(rows: Iterable["Row"], wanted: "Subscription") -> Iterator[Announced]:
    """Those that a subscription takes; of others no more is read than their type."""
    from mft.pipeline.subscriptions import Subscription

    of_types = Subscription(types=wanted.types)

    @lru_cache
    def has_type(kind: str) -> bool:
        return of_types.takes_announced({"type": kind, "data": {}})

    for row in rows:
        if has_type(row["type"]):
            event = msgspec.json.decode(row["body"], type=dict[str, Any])
            if wanted.takes_announced(event):
                yield row, event


def history_of(
    books: "Books", since: int | None, until: int | None, transfer: str, *, before: str = "", newest_first: bool = False
) -> Iterator["Row"]:
    """What was announced in a time, before an event, of a transfer; everything of it, if these are empty.

    Raises Missing: there is no such transfer.
    """
    from mft.clock import LAST_ID
    from mft.ledger.outbox import events_of, history
    from mft.ledger.transfers import transfer_row

    low, high, before = since or 0, until if until is not None else 1 << 62, before or LAST_ID
    if not transfer:
        yield from history(books, since=low, until=high, before=before, newest_first=newest_first)
        return
    rows = events_of(books, transfer_row(books, transfer)["id"])
    for row in reversed(rows) if newest_first else rows:
        if low <= row["at"] < high and row["id"] < before:
            yield row


def watched(rows: Iterable["Row"], what: str) -> Iterator["Row"]:
    """Rows one by one; in a terminal, a line says how far that is."""
    begun, told, number = time.monotonic(), 0.0, 0
    for number, row in enumerate(rows, 1):
        if number % 500 == 0 and sys.stderr.isatty():
            now = time.monotonic()
            if now - begun > 1 and now - told > _TOLD_SECONDS:
                told = now
                print(f"\r{what} {number:,} events, {when(row['at'])} UTC", end="", file=sys.stderr, flush=True)
        yield row
    if told:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


def write(found: Iterable[Announced], *, as_json: bool) -> None:
    """Show events, a line each, on their way when this returns. Raises OSError: some were not written."""
    lines = [str(row["body"]) if as_json else _line(row, event) for row, event in found]
    if lines:
        print("\n".join(lines), flush=True)


def _line(row: "Row", event: Mapping[str, Any]) -> str:
    return f"{when(row['at'])}  {event['type']}  {event.get('partner', '-')}  {event['subject']}  {what_of(event)}"


def what_of(event: Mapping[str, Any]) -> str:
    """What an event says in particular."""
    return " ".join(f"{name}={value}" for name, value in event["data"].items() if name != "connection")
