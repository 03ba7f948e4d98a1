"""`mft hold`: hold files back, or what goes to a sink, and go on receiving."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft.cli.options import HomeOption, JsonOption, Output, parse_later, utf8, when

if TYPE_CHECKING:
    from mft.home import Home

app = typer.Typer(help="Hold back what goes on arriving: add, list, lift.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def add(
    why: Annotated[str, typer.Argument(help="For whoever wonders at 2 a.m.", callback=utf8)],
    partner: Annotated[str, typer.Option(help="Files of this partner.", show_default=False)] = "",
    feed: Annotated[str, typer.Option(help="Files of this feed.", show_default=False)] = "",
    standard: Annotated[str, typer.Option(help="Files of this standard: x12, hl7 ….", show_default=False)] = "",
    set_code: Annotated[
        str, typer.Option("--set", metavar="CODE", help="Files with such a set: 837, ORDERS ….", show_default=False)
    ] = "",
    sink: Annotated[str, typer.Option(help="Events to this sink, or files by this route.", show_default=False)] = "",
    until: Annotated[
        int | None,
        typer.Option(
            parser=parse_later,
            metavar="TIME",
            help="When it ends by itself: 2h, 06:00, a date, ISO 8601; UTC [default: when it is lifted].",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Hold back files that fit all that is named, or a sink's events. They are received, answered later, and in order.

    \b
    mft hold add "claims system down" --set 837 --until 06:00
    mft hold add "asked them to stop" --partner acme
    mft hold add "queue is full" --sink file
    """
    from mft.cli.access import actor, ledger_of, open_home, writing
    from mft.ledger.profiles import connection_named
    from mft.pipeline.release import AddFlowHold

    of_files = [partner, feed, standard, set_code]
    if not any([*of_files, sink]):
        raise typer.BadParameter("name what is held: --partner, --feed, --standard, --set or --sink")
    if sink and any(of_files):
        raise typer.BadParameter("a sink is held as a whole: leave the others out", param_hint="--sink")
    found, config = open_home(home)
    if sink:
        known = [*config.events.subscriptions(), *_routes(found)]
        if sink not in known:
            raise typer.BadParameter(f"there is no sink `{sink}`; there is {', '.join(known) or 'none'}")
    connection = None
    if partner:
        with ledger_of(home) as books:
            connection = connection_named(books, partner)
    command = AddFlowHold(
        why, actor(), connection, feed or None, standard or None, set_code or None, sink or None, until
    )
    with writing(found, config) as carry_out:
        made = carry_out(command)
    if as_json:
        Output(as_json).object({"hold": made})
        return
    print(f"hold {made}" + (f", until {when(until)} UTC" if until else f": `mft hold lift {made}` ends it"))


def _routes(home: "Home") -> list[str]:
    from mft.installation import load_partners

    return [route.name for route in load_partners(home).routes.routes]


@app.command("list")
def list_holds(
    everything: Annotated[bool, typer.Option("--all", help="Those that were lifted, too.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The holds in force, and how many transfers wait for each.

    \b
    mft hold list
    """
    from mft.cli.access import ledger_of
    from mft.ledger.flow_holds import holds
    from mft.ledger.profiles import last_profiles

    with ledger_of(home) as books:
        names = {subject: row["name"] for subject, row in last_profiles(books, "connection").items()}
        rows = [_public(row, names) for row in holds(books) if everything or row["lifted_at"] is None]
    columns = {
        "HOLD": lambda row: row["id"],
        "MADE (UTC)": lambda row: when(row["made_at"]),
        "BY": lambda row: row["made_by"],
        "HOLDS": lambda row: ", ".join(f"{key} {row[key]}" for key in _NAMED if row[key]),
        "WAITING": lambda row: f"{row['waiting']:,}",
        "UNTIL": lambda row: f"lifted {when(row['lifted_at'])}" if row["lifted_at"] else when(row["until"]),
        "WHY": lambda row: row["why"],
    }
    Output(as_json).rows(rows, columns, empty="nothing is held back")


_NAMED = ("partner", "feed", "standard", "set", "sink")


def _public(row: dict[str, Any], names: dict[str, str]) -> dict[str, Any]:
    kept = ("id", "feed", "standard", "sink", "why", "until", "made_at", "made_by", "lifted_at", "waiting")
    partner = names.get(row["connection"], row["connection"])
    return {"partner": partner, "set": row["set_code"], **{key: row[key] for key in kept}}


@app.command()
def lift(
    hold: Annotated[str, typer.Argument(metavar="HOLD", help="As `mft hold list` shows it.", callback=utf8)],
    home: HomeOption = None,
) -> None:
    """End a hold: what waited for it goes on, in the order in which it came.

    \b
    mft hold lift 01m8283ew4y7n5r1t0bq2c3d4e
    """
    from mft.cli.access import actor, ledger_of, open_home, writing
    from mft.ledger.flow_holds import holds
    from mft.pipeline.release import LiftFlowHold

    found, config = open_home(home)
    with ledger_of(home) as books:
        waiting = sum(row["waiting"] for row in holds(books) if row["id"] == hold)
    with writing(found, config) as carry_out:
        carry_out(LiftFlowHold(hold, actor()))
    print(f"lifted; {waiting:,} {'transfer goes' if waiting == 1 else 'transfers go'} on")
