"""`mft events sinks`, `replay`, `drop`, `secret`: how events leave, and what to do where they do not."""

from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mft.cli.announced import PartnerOption, TransferOption, TypeOption, fitting, history_of, wanted_of, watched
from mft.cli.event_dead import WhyOption, check_why
from mft.cli.options import DryRunOption, HomeOption, JsonOption, Output, TimeOption, UntilOption, when
from mft.errors import Missing, NotAllowed

if TYPE_CHECKING:
    from mft.config import Config

_AT_ONCE: Final = 1000
_UNASKED: Final = 1000


def add_to(app: typer.Typer) -> None:
    """Add these commands to `mft events`."""
    app.command()(sinks)
    app.command()(replay)
    app.command()(drop)
    app.command()(secret)


def kinds_of(config: "Config") -> dict[str, str]:
    """The kind of each sink that is configured."""
    named = {name: sink.kind for name, sink in config.events.sinks.items()}
    return ({"file": "file"} if config.events.file else {}) | named


def _check(config: "Config", sink: str) -> None:
    known = kinds_of(config)
    if sink not in known:
        raise Missing(f"mft.toml has no sink {sink}: it has {', '.join(known) or 'none'}")


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
    from mft.installation import PROVEN
    from mft.pipeline.sink_state import as_metrics, sink_states

    _, config = open_home(home)
    with ledger_of(home) as books:
        found = sink_states(books, kinds_of(config), now=now_us())
    if metrics:
        print(as_metrics(found), end="")
        return
    found = [row | {"proven": PROVEN[row["kind"]] if row["kind"] else None} for row in found]
    columns = {
        "SINK": lambda row: row["sink"],
        "KIND": lambda row: row["kind"] or "not in mft.toml",
        "WAITING": lambda row: f"{row['waiting']:,}" + (f", {row['parked']:,} parked" if row["parked"] else ""),
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
        return "nobody delivers: name it in mft.toml again, or see mft events drop"
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
    kinds: TypeOption = None,
    partners: PartnerOption = None,
    transfer: TransferOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, however many there are.")] = False,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
) -> None:
    """Let events go to one sink again, under their ids, marked as replays; that you did is a leaf of the audit log.

    What still waits for the sink does so as it is. Broken off, it has been done for the oldest of them.

    \b
    mft events replay --to crm --since 2026-03-01 --type mft.records.ready.v1
    mft events replay --to crm --transfer 01m8283ew4q6fb2n0k7x9t5zrd
    """
    from mft.cli.access import actor, ledger_of, open_home, writing
    from mft.clock import LAST_ID
    from mft.ledger.outbox import last_event
    from mft.pipeline.reissue import ReplayEvents

    if since is None and until is None and not transfer and not kinds and not partners:
        raise typer.BadParameter("name what to replay: --since, --until, --type, --partner or --transfer")
    found, config = open_home(home)
    _check(config, to)
    wanted = wanted_of(kinds, partners)
    with ledger_of(home) as books:
        end = f"{last_event(books) or LAST_ID}0"  # Behind the newest: not what is announced while we ask.

        def events(what: str) -> Any:
            rows = watched(history_of(books, since, until, transfer, before=end), what)
            return (str(row["id"]) for row, _ in fitting(rows, wanted))

        count = sum(1 for _ in events("looked at"))
        if dry_run or not count:
            print(f"{_events(count)} would go to {to} again" if count else "no event fits")
            return
        if count > _UNASKED and not yes:
            typer.confirm(f"replay {count:,} events to {to}?", abort=True, err=True)
        done, chosen = 0, events("replayed of")
        with writing(found, config) as carry_out:
            while piece := tuple(islice(chosen, _AT_ONCE)):
                done += int(carry_out(ReplayEvents(to, piece, actor())))
    waiting = f"; {_events(count - done)} still waited for it" if count > done else ""
    print(f"{_events(done)} {'goes' if done == 1 else 'go'} to {to} again{waiting}")


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count:,} events"


def drop(
    sink: Annotated[str, typer.Option(metavar="NAME", help="One that mft.toml does not name any more.")],
    why: WhyOption = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: HomeOption = None,
) -> None:
    """Give up whatever waits for a sink that has gone, dead letters too. The events themselves stay.

    \b
    mft events drop --sink old-crm --why "the CRM was replaced"
    """
    from mft.cli.access import actor, ledger_of, open_home, writing
    from mft.ledger.outbox import depths
    from mft.pipeline.reissue import DropUnsent

    check_why(why)
    found, config = open_home(home)
    if sink in kinds_of(config):
        raise NotAllowed(f"mft.toml names the sink {sink}: hold it, or drop dead letters by `mft events dead drop`")
    with ledger_of(home) as books:
        waiting: dict[str, int] = {}
        for row in depths(books):
            waiting[row["sink"]] = waiting.get(row["sink"], 0) + row["events"]
    if sink not in waiting:
        of = ", ".join(sorted(waiting.keys() - kinds_of(config).keys()))
        raise Missing(f"nothing waits for a sink {sink}; of sinks that have gone, there is {of or 'none'}")
    if not yes:
        typer.confirm(f"{_events(waiting[sink])} will never go to {sink}. Go on?", abort=True, err=True)
    done = 0
    with writing(found, config) as carry_out:
        while piece := int(carry_out(DropUnsent(sink, actor(), why))):
            done += piece
    print(f"{_events(done)} for {sink} {'is' if done == 1 else 'are'} given up")


def secret(file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; it must not be there yet.")]) -> None:
    """Make a secret for a webhook, which its receiver gets too. The file is for its owner alone.

    \b
    mft events secret /etc/mft/keys/crm.secret
    """
    from mft.sinks.webhook import write_secret

    write_secret(file)
    print(f"a new secret is in {file}: name it as `secret_file`, and give it to the receiver")
