"""`mft events`: what was announced, who would hear of it, and reading it on from where one was."""

import time
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mft.cli import event_catalogue, event_consumers, event_dead, event_sinks
from mft.cli.announced import (
    Announced,
    PartnerOption,
    TransferOption,
    TypeOption,
    fitting,
    history_of,
    wanted_of,
    watched,
    what_of,
    write,
)
from mft.cli.options import HomeOption, JsonOption, Output, TimeOption, UntilOption, utf8, when
from mft.errors import Missing

if TYPE_CHECKING:
    from mft.config import Config
    from mft.ledger.database import Books
    from mft.pipeline.subscriptions import Subscription

app = typer.Typer(
    help="Events: tail, list, match, replay; sinks, dead letters, consumers, the catalogue.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
event_sinks.add_to(app)
event_dead.add_to(app)
event_consumers.add_to(app)
event_catalogue.add_to(app)

_FOLLOW_SECONDS: Final = 0.5
_AT_ONCE: Final = 500
_LINES: Final = 20
_DAYS: Final = 7

_Words = list[str] | None
StandardOption = Annotated[_Words, typer.Option("--standard", help="Only of such files: x12.", show_default=False)]
SetOption = Annotated[_Words, typer.Option("--set", help="Only records of such a set: 850.", show_default=False)]
UsageOption = Annotated[_Words, typer.Option("--usage", help="Only such: P, T.", show_default=False)]


@app.command()
def tail(
    lines: Annotated[
        int | None,
        typer.Option(
            "-n",
            min=0,
            help="So many to begin with [default: 20]; so many at most for a --consumer.",
            show_default=False,
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    consumer: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Read on from where NAME was; it is kept here.",
            show_default=False,
            callback=event_consumers.name_of,
        ),
    ] = "",
    since: TimeOption = None,
    from_start: Annotated[bool, typer.Option("--from-start", help="All there is; a new NAME begins there.")] = False,
    kinds: TypeOption = None,
    partners: PartnerOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The newest events, oldest of them first; with --json the CloudEvents as they are delivered.

    With --consumer none is missed: what NAME has is kept, behind what was written, and the next call goes on there. A
    new NAME begins now, or at --since. An event may come twice, under the same id, if we were killed in between.

    \b
    mft events tail --follow --json | jq 'select(.type == "mft.records.ready.v1").data.ref'
    mft events tail --consumer crm --since 7d --json > new-events.ndjson
    """  # fmt: skip
    if from_start and since is not None:
        raise typer.BadParameter("say one of both", param_hint="--since, --from-start")
    begin = 0 if from_start else since
    wanted = wanted_of(kinds, partners)
    if consumer:
        event_consumers.read_on(
            consumer, begin=begin, wanted=wanted, most=lines, follow=follow, home=home, as_json=as_json
        )
        return
    from mft.cli.access import ledger_of
    from mft.ledger.outbox import events_after, last_event

    with ledger_of(home) as books:
        last = last_event(books) or ""
        shown = _newest(books, begin, lines, wanted, as_json=as_json)
        if not (shown or follow or as_json or lines == 0):
            print("no event fits" if last else "no events yet")
        while follow:
            time.sleep(_FOLLOW_SECONDS)
            while rows := events_after(books, last, _AT_ONCE):
                write(fitting(rows, wanted), as_json=as_json)
                last = rows[-1]["id"]


def _newest(books: "Books", since: int | None, lines: int | None, wanted: "Subscription", *, as_json: bool) -> int:
    """Show what there is, oldest first: all since a moment, or the last lines of it. Returns how many."""
    if since is not None and lines is None:
        found = fitting(history_of(books, since, None, ""), wanted)
        shown = 0
        while page := list(islice(found, _AT_ONCE)):
            write(page, as_json=as_json)
            shown += len(page)
        return shown
    found = fitting(history_of(books, since, None, "", newest_first=True), wanted)
    last = list(islice(found, _LINES if lines is None else lines))[::-1]
    write(last, as_json=as_json)
    return len(last)


@app.command("list")
def list_events(
    since: TimeOption = None,
    until: UntilOption = None,
    kinds: TypeOption = None,
    partners: PartnerOption = None,
    transfer: TransferOption = "",
    limit: Annotated[int, typer.Option(min=1, help="So many at most, the newest.")] = 50,
    before: Annotated[
        str,
        typer.Option(metavar="EVENT", help="Older than this one: the next page.", show_default=False, callback=utf8),
    ] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What was announced, newest first; with --json the CloudEvents.

    \b
    mft events list --since today --type 'mft.transfer.*' --partner acme
    mft events list --transfer 01m8283ew4q6fb2n0k7x9t5zrd --json
    """
    from mft.cli.access import ledger_of

    with ledger_of(home) as books:
        rows = history_of(books, since, until, transfer, before=before, newest_first=True)
        found = list(islice(fitting(rows, wanted_of(kinds, partners)), limit))
    if as_json:
        write(found, as_json=True)
    else:
        _table(found, empty="no event fits")


def _table(found: list[Announced], *, empty: str) -> None:
    rows = [{"row": row, "event": event} for row, event in found]
    columns = {
        "EVENT": lambda one: one["event"]["id"],
        "AT (UTC)": lambda one: when(one["row"]["at"]),
        "TYPE": lambda one: one["event"]["type"],
        "PARTNER": lambda one: one["event"].get("partner", "-"),
        "OF": lambda one: one["event"]["subject"],
        "WHAT": lambda one: what_of(one["event"]),
    }
    Output(as_json=False).rows(rows, columns, empty=empty)


@app.command()
def match(
    sink: Annotated[str, typer.Option(help="What mft.toml has this sink take.", show_default=False)] = "",
    since: TimeOption = None,
    until: UntilOption = None,
    kinds: TypeOption = None,
    partners: PartnerOption = None,
    standards: StandardOption = None,
    sets: SetOption = None,
    usages: UsageOption = None,
    limit: Annotated[int, typer.Option(min=0, help="So many are shown at most, the newest of them.")] = 10,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Try a subscription on what was announced, of the last 7 days if nothing is said: how much it would have taken.

    \b
    mft events match --since 7d --type mft.records.ready.v1 --set 850
    mft events match --sink crm --json
    """
    from collections import Counter, deque

    from mft.cli.access import ledger_of, open_home
    from mft.clock import now_us
    from mft.pipeline.subscriptions import Subscription

    words = [tuple(one or ()) for one in (kinds, partners, standards, sets, usages)]
    if sink and any(words):
        raise typer.BadParameter("what a sink takes, mft.toml says: name a sink, or what is asked for")
    _, config = open_home(home)
    asked = _of_sink(config, sink) if sink else (Subscription(*words),)
    begin = since if since is not None else now_us() - _DAYS * 86_400_000_000
    taken: Counter[str] = Counter()
    total, shown = 0, deque[Announced](maxlen=limit)
    with ledger_of(home) as books:
        for row, event in fitting(watched(history_of(books, begin, until, ""), "tried on"), Subscription()):
            total += 1
            if not asked or any(one.takes_announced(event) for one in asked):
                taken[event["type"]] += 1
                shown.append((row, event))
    fit = taken.total()
    if as_json:
        Output(as_json).object(
            {"events": total, "taken": fit, "types": dict(sorted(taken.items())), "since": begin, "until": until}
        )
        write(shown, as_json=True)
        return
    of_when = f"since {when(since)} UTC" if since is not None else f"of the last {_DAYS} days"
    print(f"{fit:,} of {total:,} events {of_when}" + (f", until {when(until)} UTC" if until is not None else ""))
    for kind, count in sorted(taken.items()):
        print(f"  {count:9,}  {kind}")
    if shown:
        print("the newest of them:" if fit > len(shown) else "these are:")
        write(shown, as_json=False)


def _of_sink(config: "Config", sink: str) -> "tuple[Subscription, ...]":
    """What a sink takes; empty: everything. Raises Missing."""
    known = config.events.subscriptions()
    if sink not in known:
        raise Missing(f"mft.toml has no sink {sink}: it has {', '.join(known) or 'none'}")
    return known[sink]
