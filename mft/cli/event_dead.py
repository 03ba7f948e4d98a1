"""`mft events dead`: events that a sink refused for too long."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mft.cli.options import HomeOption, JsonOption, Output, utf8, when
from mft.errors import Missing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mft.core import Command
    from mft.ledger.database import Books, Row

_AT_ONCE: Final = 500
SinkOption = Annotated[str, typer.Option("--sink", help="Only of this one.", show_default=False)]
EventsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="EVENT...", help="By id, or how it begins.", show_default=False)
]
AllOption = Annotated[bool, typer.Option("--all", help="All there are.")]
WhyOption = Annotated[
    str, typer.Option(help="For the record.", show_default=False, callback=utf8, prompt="Why, for the record")
]

dead = typer.Typer(help="Events that a sink refused for too long: list, retry, drop.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add these commands to `mft events`."""
    app.add_typer(dead, name="dead")


@dead.command("list")
def list_dead(
    sink: SinkOption = "",
    limit: Annotated[int, typer.Option(min=1, help="So many at most, the oldest.")] = 100,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Dead letters, oldest first.

    \b
    mft events dead list
    mft events dead list --sink crm --json
    """
    from mft.cli.access import ledger_of

    with ledger_of(home) as books:
        found = [row for name in _sinks(books, sink) for row in islice(_letters(books, name), limit)]
    rows = [_public(row) for row in sorted(found, key=lambda row: str(row["id"]))[:limit]]
    columns = {
        "EVENT": lambda row: row["event"],
        "SINK": lambda row: row["sink"],
        "TYPE": lambda row: row["type"],
        "PARTNER": lambda row: row["partner"] or "-",
        "SINCE (UTC)": lambda row: when(row["failing_since"]),
        "ATTEMPTS": lambda row: f"{row['attempts']:,}",
        "WHY": lambda row: row["error"],
    }
    Output(as_json).rows(rows, columns, empty="no dead letters")


def _public(row: "Row") -> dict[str, Any]:
    kept = ("sink", "type", "at", "attempts", "error", "failing_since")
    of = {"event": row["id"], "partner": row["lane"] or None, "transfer": row["transfer_id"]}
    return of | {key: row[key] for key in kept}


@dead.command("retry")
def retry_dead(
    events: EventsArgument = None,
    sink: SinkOption = "",
    everything: AllOption = False,
    home: HomeOption = None,
) -> None:
    """Let dead letters wait again, as if they had never been tried; behind what mends the reason for it.

    \b
    mft events dead retry 01m8283ew4
    mft events dead retry --sink crm --all
    """
    from mft.cli.access import actor
    from mft.pipeline.reissue import RetryDead

    count = _each(events, sink, home, lambda name, piece: RetryDead(name, piece, actor()), everything=everything)
    print(f"{_letters_of(count)} tried again")


@dead.command("drop")
def drop_dead(
    events: EventsArgument = None,
    sink: SinkOption = "",
    everything: AllOption = False,
    why: WhyOption = "",
    home: HomeOption = None,
) -> None:
    """Give dead letters up: the sink never gets them, unless they are replayed. The events themselves stay.

    \b
    mft events dead drop 01m8283ew4 --why "an order that was cancelled by phone"
    mft events dead drop --sink crm --all --why "the old CRM is gone"
    """
    from mft.cli.access import actor
    from mft.pipeline.reissue import DropDead

    check_why(why)
    count = _each(events, sink, home, lambda name, piece: DropDead(name, piece, actor(), why), everything=everything)
    print(f"{_letters_of(count)} given up")


def check_why(why: str) -> None:
    if not why.strip():
        raise typer.BadParameter("say why: the audit log keeps it", param_hint="--why")


def _letters_of(count: int) -> str:
    return "1 dead letter is" if count == 1 else f"{count:,} dead letters are"


def _each(
    events: list[str] | None,
    sink: str,
    home: Path | None,
    command: "Callable[[str, tuple[str, ...]], Command]",
    *,
    everything: bool,
) -> int:
    """Carry a command out for the dead letters that are named, of each sink; returns for how many."""
    from mft.cli.access import ledger_of, open_home, writing

    if bool(events) == everything:
        raise typer.BadParameter("name events, or say --all")
    found, config = open_home(home)
    with ledger_of(home) as books:
        sinks = _sinks(books, sink)
        named = [one for text in events or () for one in _named(books, sinks, text)]  # All, or none at all.
        with writing(found, config) as carry_out:
            if events:
                of = {name: tuple(dict.fromkeys(event for at, event in named if at == name)) for name in sinks}
                return sum(int(carry_out(command(name, piece))) for name, piece in of.items() if piece)
            count = 0
            for name in sinks:
                letters = (str(row["id"]) for row in _letters(books, name))
                while piece := tuple(islice(letters, _AT_ONCE)):
                    count += int(carry_out(command(name, piece)))
            return count


def _sinks(books: "Books", sink: str) -> list[str]:
    """Those that may have dead letters. Raises Missing: nothing was ever delivered to this one."""
    from mft.ledger.outbox import sinks

    known = [str(row["name"]) for row in sinks(books)]
    if sink and sink not in known:
        raise Missing(f"nothing was ever delivered to a sink {sink}; there is {', '.join(known) or 'none'}")
    return [sink] if sink else known


def _letters(books: "Books", sink: str) -> "Iterator[Row]":
    from mft.ledger.outbox import dead_letters

    last = ""
    while rows := dead_letters(books, sink, after=last, most=_AT_ONCE):
        yield from rows
        last = str(rows[-1]["id"])


def _named(books: "Books", sinks: list[str], prefix: str) -> list[tuple[str, str]]:
    """The dead letter whose id begins so, of each sink that has it. Raises Missing: none, or more than one."""
    from mft.ledger.outbox import dead_like

    found = [(sink, event) for sink in sinks for event in dead_like(books, sink, prefix)]
    if len({event for _, event in found}) != 1:
        of = f" of the sink {sinks[0]}" if len(sinks) == 1 else ""
        many = f"no dead letter{of} begins" if not found else f"more than one dead letter{of} begins"
        raise Missing(f"{many} with {prefix}: `mft events dead list` shows them")
    return found
