"""`mft vault`: what is sealed, and whether it still opens."""

import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft.cli.options import HomeOption, JsonOption, Output, size

if TYPE_CHECKING:
    from mft.pipeline.scrub import Scrub

app = typer.Typer(help="The vault: scrub.", no_args_is_help=True, rich_markup_mode=None)
_UNITS = {"": 1, "k": 1000, "m": 1_000_000, "g": 1_000_000_000}


@app.callback()
def vault() -> None:
    """The vault: scrub."""


def parse_rate(text: str) -> int:
    """Bytes a second that a person types: `50MB`, `500 kB/s`, `1GB`; 0: no limit."""
    found = re.fullmatch(r"(\d{1,9})\s*([kmg]?)b?(/s)?", text.strip().lower())
    if found is None:
        raise typer.BadParameter(f"{text!r} is no rate: try 50MB, 500kB or 1GB, a second")
    return int(found[1]) * _UNITS[found[2]]


@app.command()
def scrub(
    rate: Annotated[
        int | None,
        typer.Option(
            parser=parse_rate, metavar="RATE", help="Read so much a second at most: 50MB.", show_default=False
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Read everything that is sealed, and check every byte. Exit code 1: something is damaged, and named.

    What is damaged must come from a backup: put its file back under data/vault/. A server may run meanwhile. Ctrl-C
    ends it, and says how far it came. The outcome is a leaf in the audit log.

    \b
    mft vault scrub
    mft vault scrub --rate 50MB
    """
    from mft.cli.access import actor, ledger_of, open_home, writing
    from mft.core import Note
    from mft.installation import open_vault
    from mft.pipeline.scrub import Pace, Scrub

    found, config = open_home(home)
    complete = False
    with ledger_of(home) as books:
        looked = Scrub(open_vault(found), books, Pace(rate or 0))
        try:
            with _bar(looked.total_bytes()) as advance:
                for count in looked.run():
                    advance(count)
            complete = True
        except KeyboardInterrupt:
            print("stopped before the end", file=sys.stderr)
    with writing(found, config) as run:
        for one in looked.damaged:
            facts: dict[str, str | int | None] = {"object": one.object, "error": one.code}
            run(Note("vault.damaged", actor(), one.connection, one.transfer, "refused", facts))
        counts = {"objects": looked.objects, "size_bytes": looked.size_bytes}
        counts |= {"damaged": len(looked.damaged), "strangers": len(looked.strangers)}
        run(Note("vault.scrubbed", actor(), facts={**counts, "complete": int(complete)}))
    _tell(looked, complete=complete, as_json=as_json)
    if not complete:
        raise typer.Exit(130)
    if looked.damaged:
        raise typer.Exit(1)


def _tell(looked: "Scrub", *, complete: bool, as_json: bool) -> None:
    damaged = [
        {"object": one.object, "transfer": one.transfer, "error": one.code, "message": one.message}
        for one in looked.damaged
    ]
    if as_json:
        said: dict[str, Any] = {"objects": looked.objects, "size_bytes": looked.size_bytes}
        Output(as_json).object({**said, "complete": complete, "damaged": damaged, "strangers": looked.strangers})
        return
    for one in damaged:
        of = f"transfer {one['transfer']}" if one["transfer"] else "no single transfer"
        print(f"DAMAGED  {one['message']}\n         of {of}")
    for stranger in looked.strangers:
        print(f"STRANGER {stranger}: the ledger does not know this file; the next start sets it aside")
    verdict = "all is whole" if not damaged else f"{len(damaged)} are damaged: put their files back from a backup"
    print(f"{looked.objects:,} objects, {size(looked.size_bytes)}: {verdict}" + ("" if complete else ", so far"))


@contextmanager
def _bar(total: int) -> Iterator[Callable[[int], None]]:
    """A bar in a terminal; elsewhere nothing is shown."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("scrub", total=total)
        yield lambda count: progress.advance(task, count)
