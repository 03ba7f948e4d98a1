"""`mft events sinks`, `replay`, `dead`, `consumers`, `secret`: how events leave, and what to do where they do not."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from mft.cli.options import DryRunOption, HomeOption, JsonOption, Output, TimeOption, UntilOption, utf8, when
from mft.errors import Missing

if TYPE_CHECKING:
    from mft.config import Config

T = TypeVar("T")
_AT_ONCE: Final = 1000
_UNASKED: Final = 1000
SinkOption = Annotated[str, typer.Option("--sink", help="As mft.toml names it.")]
EventsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="EVENT...", help="By id, or how it begins.", callback=None)
]

dead = typer.Typer(help="Events that a sink refused for too long: list, retry, drop.", no_args_is_help=True)
consumers = typer.Typer(help="Who reads by `mft events tail --consumer`: list, forget.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add these commands to `mft events`."""
    app.command()(sinks)
    app.command()(replay)
    app.command()(secret)
    app.add_typer(dead, name="dead")
    app.add_typer(consumers, name="consumers")


def kinds_of(config: "Config") -> dict[str, str]:
    """The kind of each sink that is configured."""
    named = {name: sink.kind for name, sink in config.events.sinks.items()}
    return ({"file": "file"} if config.events.file else {}) | named


def _check(config: "Config", sink: str) -> None:
    known = kinds_of(config)
    if sink not in known:
        raise Missing(f"mft.toml has no sink {sink}: it has {', '.join(known) or 'none'}")


def _pieces(items: Iterator[T], size: int) -> Iterator[list[T]]:
    while piece := list(islice(items, size)):
        yield piece


def sinks(
    metrics: Annotated[bool, typer.Option("--metrics", help="In Prometheus' text format.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Where events go: what waits, since when, and why. Exit code 1: a sink is not reached, refuses, or is held.

    \b
    mft events sinks
    mft events sinks --metrics > /var/lib/prometheus/node-exporter/mft.prom
    """
    from mft.cli.access import ledger_of, open_home
    from mft.clock import now_us
    from mft.pipeline.sink_state import as_metrics, sink_states

    _, config = open_home(home)
    with ledger_of(home) as books:
        found = sink_states(books, kinds_of(config), now=now_us())
    if metrics:
        print(as_metrics(found), end="")
        return
    columns = {
        "SINK": lambda row: row["sink"],
        "KIND": lambda row: row["kind"] or "not in mft.toml",
        "WAITING": lambda row: f"{row['waiting']:,}",
        "OLDEST (UTC)": lambda row: when(row["oldest_at"]),
        "DEAD": lambda row: f"{row['dead']:,}",
        "STATE": _state,
    }
    Output(as_json).rows(found, columns, empty="no sinks: see [events] in mft.toml")
    if any(_state(row) != "well" for row in found):
        raise typer.Exit(1)


def _state(row: Any) -> str:
    if row["held"]:
        return "held: see mft hold list"
    if row["kind"] is None:
        return "nobody delivers: name it in mft.toml again"
    if row["failing_since"]:
        return f"not reached since {when(row['failing_since'])}: {row['error']}, {row['failed_attempts']} attempts"
    if row["refused"]:
        first = row["refused"][0]
        lanes = ", ".join(sorted({one["lane"] or "-" for one in row["refused"]})[:3])
        return f"refuses events of {lanes}: {first['error']}, {first['attempts']} attempts"
    return "dead letters: see mft events dead list" if row["dead"] else "well"


def replay(
    to: Annotated[str, typer.Option(metavar="SINK", help="Where to, as mft.toml names it.")],
    since: TimeOption = None,
    until: UntilOption = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--type", help="Only this type, or mft.transfer.*.", show_default=False)
    ] = None,
    partners: Annotated[
        list[str] | None, typer.Option("--partner", help="Only this partner's.", show_default=False)
    ] = None,
    transfer: Annotated[str, typer.Option(metavar="ID", help="Only of this one.", callback=utf8)] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, however many there are.")] = False,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
) -> None:
    """Let events go to one sink again, under their ids, marked as replays; that you did is a leaf of the audit log.

    What still waits for the sink does so as it is.

    \b
    mft events replay --to crm --since 2026-03-01 --type mft.records.ready.v1
    mft events replay --to crm --transfer 01m8283ew4q6fb2n0k7x9t5zrd
    """
    from mft.cli.access import actor, ledger_of, open_home, writing
    from mft.cli.events import _fitting
    from mft.pipeline.reissue import ReplayEvents
    from mft.pipeline.subscriptions import Subscription

    if since is None and until is None and not transfer and not kinds and not partners:
        raise typer.BadParameter("name what to replay: --since, --type, --partner or --transfer")
    found, config = open_home(home)
    _check(config, to)
    wanted = Subscription(types=tuple(kinds or ()), partners=tuple(partners or ()))
    with ledger_of(home) as books:
        count = sum(1 for _ in _fitting(books, since, until, transfer, wanted))
        if dry_run or not count:
            print(f"{count:,} events fit")
            return
        if count > _UNASKED and not yes:
            typer.confirm(f"replay {count:,} events to {to}?", abort=True)
        events = (str(row["id"]) for row, _ in _fitting(books, since, until, transfer, wanted))
        done = 0
        with writing(found, config) as carry_out:
            for piece in _pieces(events, _AT_ONCE):
                done += carry_out(ReplayEvents(to, tuple(piece), actor()))
    print(f"{done:,} of {count:,} events go to {to} again; the others still wait for it")


def secret(file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; it must not be there yet.")]) -> None:
    """Make a secret for a webhook, which its receiver gets too. The file is for its owner alone.

    \b
    mft events secret /etc/mft/keys/crm.secret
    """
    from mft.sinks.webhook import write_secret

    write_secret(file)
    print(f"a new secret is in {file}: name it as `secret_file`, and give it to the receiver")


@dead.command("list")
def list_dead(
    sink: Annotated[str, typer.Option("--sink", help="Only of this one.", show_default=False)] = "",
    limit: Annotated[int, typer.Option(min=1, help="So many at most, of each sink.")] = 100,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Dead letters, oldest first.

    \b
    mft events dead list
    mft events dead list --sink crm --json
    """
    from mft.cli.access import ledger_of
    from mft.ledger.outbox import dead_letters, sinks

    with ledger_of(home) as books:
        names = [sink] if sink else [row["name"] for row in sinks(books)]
        rows = [row for name in names for row in dead_letters(books, name, most=limit)]
    columns = {
        "EVENT": lambda row: row["id"],
        "SINK": lambda row: row["sink"],
        "TYPE": lambda row: row["type"],
        "PARTNER": lambda row: row["lane"] or "-",
        "SINCE (UTC)": lambda row: when(row["failing_since"]),
        "ATTEMPTS": lambda row: str(row["attempts"]),
        "WHY": lambda row: row["error"],
    }
    Output(as_json).rows(rows, columns, empty="no dead letters")


@dead.command("retry")
def retry_dead(
    sink: SinkOption,
    events: EventsArgument = None,
    everything: Annotated[bool, typer.Option("--all", help="All of the sink.")] = False,
    home: HomeOption = None,
) -> None:
    """Let dead letters wait again, as if they had never been tried; behind what mends the reason for it.

    \b
    mft events dead retry --sink crm --all
    """
    from mft.cli.access import actor
    from mft.pipeline.reissue import RetryDead

    count = _each(sink, events, home, lambda piece: RetryDead(sink, piece, actor()), everything=everything)
    print(f"{count:,} dead letters of {sink} are tried again")


@dead.command("drop")
def drop_dead(
    sink: SinkOption,
    why: Annotated[str, typer.Option(help="For the audit log.", callback=utf8)],
    events: EventsArgument = None,
    everything: Annotated[bool, typer.Option("--all", help="All of the sink.")] = False,
    home: HomeOption = None,
) -> None:
    """Give dead letters up: the sink never gets them, unless they are replayed. The events themselves stay.

    \b
    mft events dead drop --sink crm --all --why "the old CRM is gone"
    """
    from mft.cli.access import actor
    from mft.pipeline.reissue import DropDead

    count = _each(sink, events, home, lambda piece: DropDead(sink, piece, actor(), why), everything=everything)
    print(f"{count:,} dead letters of {sink} are given up")


def _each(sink: str, events: list[str] | None, home: Any, command: Any, *, everything: bool) -> int:
    """Carry a command out for the dead letters that are named; returns for how many."""
    from mft.cli.access import ledger_of, open_home, writing
    from mft.ledger.outbox import dead_letter, dead_letters

    if bool(events) == everything:
        raise typer.BadParameter("name events, or say --all")
    found, config = open_home(home)
    count = 0
    with ledger_of(home) as books, writing(found, config) as carry_out:
        if events:
            return int(carry_out(command(tuple(dead_letter(books, sink, one) for one in events))))
        last = ""
        while rows := dead_letters(books, sink, after=last):
            last = rows[-1]["id"]
            count += int(carry_out(command(tuple(row["id"] for row in rows))))
    return count


@consumers.command("list")
def list_consumers(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Who reads events, and how far behind they are.

    \b
    mft events consumers list
    """
    from mft.cli.access import ledger_of
    from mft.ledger.consumers import consumers as all_of
    from mft.ledger.outbox import behind

    with ledger_of(home) as books:
        rows = [
            {
                "consumer": row["name"],
                "event": row["event_id"],
                "moved_at": row["moved_at"],
                "behind": behind(books, row["event_id"]),
            }
            for row in all_of(books)
        ]
    columns = {
        "CONSUMER": lambda row: row["consumer"],
        "READ LAST (UTC)": lambda row: when(row["moved_at"]),
        "BEHIND": lambda row: f"{row['behind']:,}",
    }
    Output(as_json).rows(rows, columns, empty="no consumers: see mft events tail --consumer")


@consumers.command("forget")
def forget_consumer(
    name: Annotated[str, typer.Argument(metavar="NAME", callback=utf8)], home: HomeOption = None
) -> None:
    """Forget how far somebody has read; the same name begins anew.

    \b
    mft events consumers forget crm
    """
    from mft.cli.access import open_home, writing
    from mft.pipeline.reissue import ForgetConsumer

    found, config = open_home(home)
    with writing(found, config) as carry_out:
        carry_out(ForgetConsumer(name))
    print(f"{name} is forgotten")
