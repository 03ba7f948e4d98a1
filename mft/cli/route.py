"""`mft route`: where files go on to, and why."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft.cli.options import HomeOption, JsonOption, Output, utf8
from mft.errors import BadConfig, Missing

if TYPE_CHECKING:
    from mft.pipeline.route import Journey
    from partners.load import Directory, Profile
    from partners.route import Route

app = typer.Typer(help="Where files go: list, explain, check, retry.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_routes(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Every route: what goes by it, where to, and how many files wait, failed, were delivered or given up.

    \b
    mft route list
    """
    from mft.cli.access import ledger_of, open_home
    from mft.installation import load_partners
    from mft.ledger import deliveries
    from mft.ledger.flow_holds import is_sink_held

    found, _ = open_home(home)
    routes = load_partners(found).routes.routes
    with ledger_of(home) as books:
        counted = deliveries.counts(books)
        names = list(dict.fromkeys([*(route.name for route in routes), *deliveries.open_routes(books)]))
        held = {name for name in names if is_sink_held(books, name)}
    by_name = {route.name: route for route in routes}
    rows = [_public(name, by_name.get(name), counted.get(name, {}), held=name in held) for name in names]
    columns = {
        "ROUTE": lambda row: row["route"],
        "TAKES": lambda row: ", ".join(f"{key} {value}" for key, value in row["takes"].items()) or "everything",
        "WHAT": lambda row: row["what"] or "-",
        "TO": lambda row: row["to"] or "nowhere: the route is gone",
        "WAITING": lambda row: f"{row['waiting']:,}" + (", held" if row["held"] else ""),
        "FAILED": lambda row: f"{row['failed']:,}",
        "DELIVERED": lambda row: f"{row['delivered']:,}",
        "DEAD": lambda row: f"{row['dead']:,}",
    }
    Output(as_json).rows(rows, columns, empty="no routes: write config/routes.toml, as docs/routing.md shows")


_KEYS = ("partner", "feed", "trading_partner", "file", "standard", "set", "receiver", "usage")


def _public(name: str, route: "Route | None", counted: dict[str, int], *, held: bool) -> dict[str, Any]:
    takes = {key: value for key in _KEYS if route is not None and (value := getattr(route, key)) is not None}
    return {
        "route": name,
        "takes": takes,
        "what": route.what if route else None,
        "to": route.target if route else None,
        "held": held,
        **{state: counted.get(state, 0) for state in ("waiting", "failed", "delivered", "dead")},
    }


@app.command()
def explain(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file, or - for standard input.")],
    partner: Annotated[str, typer.Option(help="As if it came from this partner.", show_default=False)] = "",
    name: Annotated[
        str, typer.Option(help="As if it were called so [default: its own name].", show_default=False, callback=utf8)
    ] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Say where a file would go, and of every other route why not. Nothing is received, and nothing delivered.

    What only the ledger knows is not asked: whether it came before, or is held back.

    \b
    mft route explain claims.edi --partner acme
    mft route explain /tmp/x --partner acme --name claims_20260301.edi --json
    """
    from mft.cli.access import open_home
    from mft.installation import load_partners
    from mft.pipeline.route import decide

    found, _ = open_home(home)
    directory = load_partners(found)
    profile = directory.named(partner) if partner else None
    if partner and profile is None:
        raise Missing(f"there is no partner {partner}: `mft partner list` shows who there is")
    called = name or (file.name if str(file) != "-" else "standard-input")
    journey, doubt = _journey(file, called.encode(errors="surrogateescape"), directory, profile)
    rows = []
    for route in directory.routes.routes:
        decision = decide(route, journey)
        planned = () if doubt else decision.planned
        files = [
            {"name": one.name_bytes.decode(errors="backslashreplace"), "interchange": one.interchange or None}
            for one in planned
        ]
        why = "" if planned else doubt or decision.why
        rows.append({"route": route.name, "goes": bool(planned), "to": route.target, "files": files, "why": why})
    columns = {
        "ROUTE": lambda row: row["route"],
        "GOES": lambda row: "yes" if row["goes"] else "no",
        "TO": lambda row: row["to"],
        "AS, OR WHY NOT": lambda row: ", ".join(one["name"] for one in row["files"]) or row["why"],
    }
    Output(as_json).rows(rows, columns, empty="no routes: write config/routes.toml, as docs/routing.md shows")


def _journey(file: Path, name: bytes, directory: "Directory", profile: "Profile | None") -> "tuple[Journey, str]":
    """What routes are asked about, and why the file would go nowhere, if that is so."""
    import parsers
    from mft.cli.files import pieces
    from mft.clock import now_us
    from mft.pipeline.agreements import Agreed
    from mft.pipeline.doubts import of_interchange
    from mft.pipeline.route import journey_of
    from parsers.events import Finished, Identified, InterchangeClosed, InterchangeOpened, SetClosed, SetOpened

    connection = profile.connection if profile else None
    feed = connection.feed_of(b"/inbound", name) if connection else None
    agreed = Agreed(directory, connection.id if connection else "", feed.name if feed else None)
    job = {
        "id": "0" * 26, "name_bytes": name, "feed": feed.name if feed else None, "received_at": now_us(),
        "parent_id": None, "root_id": None, "evidence": None,
    }  # fmt: skip
    interchanges: dict[int, dict[str, Any]] = {}
    sets: dict[int, dict[str, Any]] = {}
    standard, wrapped, outcome, reason = "", None, "", None
    for event in parsers.read(pieces(file), judge=agreed.judging):
        match event:
            case Identified():
                standard, wrapped = event.standard, event.wrapped
            case InterchangeOpened():
                row = interchanges[event.index] = {
                    "position": event.index, "standard": event.standard, "sender": event.sender,
                    "sender_qualifier": event.sender_qualifier, "receiver": event.receiver,
                    "receiver_qualifier": event.receiver_qualifier, "control_number": event.control_number,
                    "usage": event.usage, "start_offset": event.offset, "end_offset": None, "verdict": None,
                }  # fmt: skip
                trading_partner = agreed.trading_partner(row)
                row["trading_partner"] = trading_partner.name if trading_partner else None
            case InterchangeClosed():
                row = interchanges[event.index]
                held = of_interchange(row, job, agreed) is not None
                row |= {"end_offset": event.end_offset, "verdict": "held" if held else event.verdict}
            case SetOpened():
                sets[event.index] = {
                    "interchange": event.interchange, "set_code": event.set, "usage": event.usage,
                    "receiver": event.receiver, "verdict": None,
                }  # fmt: skip
            case SetClosed():
                sets[event.index]["verdict"] = event.verdict
            case Finished():
                outcome, reason = event.outcome, event.reason
    doubt = ""
    verdicts = {one["verdict"] for one in sets.values()}
    if outcome in {"incomplete", "unsupported"} or (outcome == "empty" and agreed.feed.empty != "accept"):
        doubt = f"it would not be done: {reason or outcome}"
    elif outcome == "complete" and "accepted" not in verdicts:
        doubt = "it would not be done: no set of it is accepted"
    if wrapped:
        doubt = f"it is wrapped ({wrapped}): ask about what is in it"
    journey = journey_of(
        job,
        agreed,
        partner=connection.name if connection else "",
        standard=standard,
        interchanges=list(interchanges.values()),
        sets=list(sets.values()),
    )
    return journey, doubt


@app.command()
def check(home: HomeOption = None) -> None:
    """Read the routes, and say what is wrong with them, and with the folders that they lead to.

    A running server goes on with those that it has; it takes up what is right at `kill -HUP`.

    \b
    mft route check
    """
    from mft.cli.access import open_home
    from mft.installation import load_partners
    from partners.strict_toml import line_of

    found, _ = open_home(home)
    routes = load_partners(found).routes.routes
    text = found.routes.read_text(encoding="utf-8") if routes else ""
    troubles = []
    for index, route in enumerate(routes):
        if route.to is not None and (trouble := _trouble(Path(route.to))):
            troubles.append(f"{found.routes}:{line_of(text, ('routes', index, 'to'))}: `to`: {trouble}")
    if troubles:
        raise BadConfig("\n".join(troubles))
    print(f"all is well: routes: {len(routes)}")


def _trouble(folder: Path) -> str | None:
    import os

    if folder.is_symlink():
        return f"{folder} is a link: name the folder that it leads to, {folder.resolve()}"
    if not folder.is_dir():
        return f"there is no folder {folder}: make it, for the service's user to write to"
    if not os.access(folder, os.W_OK | os.X_OK):
        return f"you may not write to {folder}: give the service's user that right"
    return None


@app.command()
def retry(
    delivery: Annotated[str, typer.Argument(metavar="DELIVERY", help="As `mft transfer show` has it.", callback=utf8)],
    home: HomeOption = None,
) -> None:
    """Try a delivery again at once that failed, or that was given up.

    \b
    mft route retry 01m8283ew4
    """
    from mft.cli.access import actor, ledger_of, open_home, writing
    from mft.ledger.deliveries import delivery_row
    from mft.pipeline.deliver import RetryDelivery

    found, config = open_home(home)
    with ledger_of(home) as books:
        row = delivery_row(books, delivery)
    with writing(found, config) as carry_out:
        carry_out(RetryDelivery(row["id"], actor()))
    print(f"delivery {row['id']} by {row['route']} is tried again")
