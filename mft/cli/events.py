"""`mft events`: what was announced, who would hear of it, and reading it on from where one was."""

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mft.cli import event_catalogue, event_sinks
from mft.cli.options import HomeOption, JsonOption, Output, TimeOption, UntilOption, utf8, when
from mft.errors import Missing

if TYPE_CHECKING:
    from mft.ledger.database import Books, Row
    from mft.pipeline.subscriptions import Subscription

app = typer.Typer(
    help="Events: tail, list, match, replay; sinks, dead letters, consumers, the catalogue.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
event_sinks.add_to(app)
event_catalogue.add_to(app)

_FOLLOW_SECONDS: Final = 0.5
_AT_ONCE: Final = 500
_FOREVER: Final = 1 << 62

_Words = list[str] | None
TypeOption = Annotated[
    _Words, typer.Option("--type", help="Only this type, or mft.transfer.*. Again: any of them.", show_default=False)
]
PartnerOption = Annotated[_Words, typer.Option("--partner", help="Only this partner's.", show_default=False)]
StandardOption = Annotated[_Words, typer.Option("--standard", help="Only of such files: x12.", show_default=False)]
SetOption = Annotated[_Words, typer.Option("--set", help="Only records of such a set: 850.", show_default=False)]
UsageOption = Annotated[_Words, typer.Option("--usage", help="Only such: P, T.", show_default=False)]


@app.command()
def tail(
    lines: Annotated[int, typer.Option("-n", min=0, help="So many to begin with.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    consumer: Annotated[
        str, typer.Option(metavar="NAME", help="Read on from where NAME was; it is kept here.", show_default=False)
    ] = "",
    since: TimeOption = None,
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
    """
    from mft.pipeline.subscriptions import Subscription

    wanted = Subscription(types=tuple(kinds or ()), partners=tuple(partners or ()))
    if consumer:
        _read_on(consumer, since, wanted, follow=follow, home=home, as_json=as_json)
        return
    from mft.cli.access import ledger_of
    from mft.ledger.outbox import events_after, latest_events

    with ledger_of(home) as books:
        if since is None:
            rows = latest_events(books, max(lines, 1))
            last = rows[-1]["id"] if rows else ""
        else:
            last = _before(books, since)
            rows = []
            follow_once = iter(lambda: events_after(books, last), [])
            for some in follow_once:
                last = some[-1]["id"]
                _show_all(some, wanted, as_json)
        if not rows and not follow and not as_json and since is None:
            print("no events yet")
        _show_all(rows if lines else [], wanted, as_json)
        while follow:
            time.sleep(_FOLLOW_SECONDS)
            for row in events_after(books, last):
                last = row["id"]
                _show_all([row], wanted, as_json)


def _before(books: "Books", since: int) -> str:
    """The id of the last event before a moment; empty: there is none."""
    from mft.ledger.outbox import history

    with books.snapshot():
        first = next(history(books, since=since, until=_FOREVER), None)
    if first is None:
        from mft.ledger.outbox import last_event

        return last_event(books) or ""
    return _just_before(str(first["id"]))


def _just_before(event: str) -> str:
    """What sorts behind every id before this one, and before it."""
    return event[:-1]


def _read_on(name: str, since: int | None, wanted: "Subscription", *, follow: bool, home: Any, as_json: bool) -> None:
    """Show what a consumer has not had; it moves behind what was written."""
    from mft.cli.access import ledger_of, open_home, writing
    from mft.ledger.consumers import consumer as known
    from mft.ledger.outbox import events_after, last_event
    from mft.pipeline.reissue import MoveConsumer

    found, config = open_home(home)
    with ledger_of(home) as books:
        row = known(books, name)
        at: str | None = row["event_id"] if row else None
        if row is None:
            begin = (last_event(books) or "") if since is None else _before(books, since)
            with writing(found, config) as carry_out:
                carry_out(MoveConsumer(name, None, begin))
            at = begin
        assert at is not None
        while True:
            rows = events_after(books, at, _AT_ONCE)
            if rows:
                _show_all(rows, wanted, as_json)
                last = str(rows[-1]["id"])
                with writing(found, config) as carry_out:
                    carry_out(MoveConsumer(name, at, last))
                at = last
            elif follow:
                time.sleep(_FOLLOW_SECONDS)
            else:
                return


@app.command("list")
def list_events(
    since: TimeOption = None,
    until: UntilOption = None,
    kinds: TypeOption = None,
    partners: PartnerOption = None,
    transfer: Annotated[str, typer.Option(metavar="ID", help="Only of this one.", callback=utf8)] = "",
    limit: Annotated[int, typer.Option(min=1, help="So many at most, the newest of them.")] = 100,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """What was announced, oldest first.

    \b
    mft events list --since today --type 'mft.transfer.*' --partner acme
    mft events list --transfer 01m8283ew4q6fb2n0k7x9t5zrd --json
    """
    from collections import deque

    from mft.cli.access import ledger_of
    from mft.pipeline.subscriptions import Subscription

    wanted = Subscription(types=tuple(kinds or ()), partners=tuple(partners or ()))
    with ledger_of(home) as books:
        rows = _fitting(books, since, until, transfer, wanted)
        found = list(deque(rows, maxlen=limit))
    if not found and not as_json:
        print("no such events")
    for row, event in found:
        _show(row, event, as_json)


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

    _, config = open_home(home)
    asked: tuple[Subscription, ...]
    if sink:
        known = config.events.subscriptions()
        if sink not in known:
            raise Missing(f"mft.toml has no sink {sink}: it has {', '.join(known) or 'none'}")
        asked = known[sink]
    else:
        words = (kinds, partners, standards, sets, usages)
        asked = (Subscription(*(tuple(one or ()) for one in words)),)
    begin = since if since is not None else now_us() - 7 * 86_400_000_000
    taken: Counter[str] = Counter()
    total, shown = 0, deque[tuple[Any, Any]](maxlen=limit)
    with ledger_of(home) as books:
        for row, event in _fitting(books, begin, until, "", Subscription()):
            total += 1
            if not asked or any(one.takes_announced(event) for one in asked):
                taken[event["type"]] += 1
                shown.append((row, event))
    if as_json:
        Output(as_json).object({"events": total, "taken": sum(taken.values()), "types": dict(taken)})
    else:
        print(f"it takes {sum(taken.values()):,} of {total:,} events")
        for kind, count in sorted(taken.items()):
            print(f"  {count:9,}  {kind}")
    for row, event in shown:
        _show(row, event, as_json)


def _fitting(
    books: "Books", since: int | None, until: int | None, transfer: str, wanted: "Subscription"
) -> "Iterator[tuple[Row, dict[str, Any]]]":
    """Events of a time, with what they say."""
    import msgspec

    from mft.ledger.outbox import events_of, history
    from mft.ledger.transfers import transfer_row

    low, high = since or 0, until or _FOREVER
    if transfer:
        found = events_of(books, transfer_row(books, transfer)["id"])
        rows = iter([row for row in found if low <= row["at"] < high])
    else:
        rows = history(books, since=low, until=high)
    with books.snapshot():  # PostgreSQL streams rows within a transaction alone.
        for row in rows:
            event = msgspec.json.decode(row["body"], type=dict[str, Any])
            if wanted.takes_announced(event):
                yield row, event


def _show_all(rows: "list[Row]", wanted: "Subscription", as_json: bool) -> None:
    import json

    for row in rows:
        event = json.loads(row["body"])
        if wanted.takes_announced(event):
            _show(row, event, as_json)


def _show(row: Mapping[str, Any], event: Mapping[str, Any], as_json: bool) -> None:
    if as_json:
        print(row["body"], flush=True)
        return
    data = " ".join(f"{name}={value}" for name, value in event["data"].items() if name != "connection")
    print(f"{when(row['at'])}  {event['type']}  {event.get('partner', '-')}  {event['subject']}  {data}", flush=True)
