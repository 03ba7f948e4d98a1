"""`mft retention`: for how long things are kept, what is due, and what a legal hold keeps."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft.cli.options import HomeOption, JsonOption, Output, TimeOption, UntilOption, size, utf8, when

if TYPE_CHECKING:
    from mft.ledger.database import Books
    from mft.pipeline.retention import Limits

app = typer.Typer(
    help="For how long things are kept: show, run, hold, holds, lift.", no_args_is_help=True, rich_markup_mode=None
)


def _days(count: int) -> str:
    return f"{count:,} days" if count else "for ever"


@app.command()
def show(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """The retention classes: for how long each keeps what, and what there is of it.

    \b
    mft retention show
    """
    from mft.cli.access import ledger_of, open_home
    from mft.ledger.retention import kept

    _, config = open_home(home)
    limits = config.retention.limits_by_class()
    with ledger_of(home) as books:
        there = {row["class"]: row for row in kept(books)}
    nothing = {"transfers": 0, "size_bytes": 0, "oldest_at": None}
    rows = []
    for name in sorted(limits.keys() | there.keys()):
        of_class, found = limits.get(name), there.get(name, nothing)
        rows.append(
            {
                "class": name,
                "originals_days": of_class.original if of_class else None,
                "records_days": of_class.records if of_class else None,
                "names_days": of_class.names if of_class else None,
                **{key: found[key] for key in nothing},
            }
        )
    columns = {
        "CLASS": lambda row: row["class"],
        "ORIGINALS": lambda row: _kept(row["originals_days"]),
        "RECORDS": lambda row: _kept(row["records_days"]),
        "NAMES": lambda row: _kept(row["names_days"]),
        "TRANSFERS": lambda row: f"{row['transfers']:,}",
        "SIZE": lambda row: size(row["size_bytes"]),
        "OLDEST (UTC)": lambda row: when(row["oldest_at"]),
    }
    Output(as_json).rows(rows, columns, empty="nothing is kept yet")


def _kept(days: int | None) -> str:
    return "not in mft.toml" if days is None else _days(days)


@app.command()
def run(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is due, and erase nothing.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Erase what has been kept long enough. A server does that by itself, every hour.

    \b
    mft retention run --dry-run
    mft retention run
    """
    from mft.cli.access import actor, ledger_of, open_home, writing
    from mft.clock import now_us
    from mft.installation import open_vault
    from mft.ledger.database import Ledger, Readers
    from mft.pipeline.retention import sweep

    found, config = open_home(home)
    limits, now = config.retention.limits_by_class(), now_us()
    with ledger_of(home) as books:
        rows = list(_due(books, limits, now))
    if not dry_run:
        readers = Readers(Ledger(found.ledger_url(config.ledger.url)))
        total, done = sum(row["transfers"] for row in rows), 0
        try:
            with writing(found, config, remove_object=open_vault(found).remove) as carry_out:
                for count in sweep(readers.get, carry_out, limits, now=now, actor=actor()):
                    done += count
                    if sys.stderr.isatty():
                        print(f"\r{done:,} of {total:,}", end="", file=sys.stderr, flush=True)
        finally:
            readers.close()
        if sys.stderr.isatty() and done:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
    columns = {
        "CLASS": lambda row: row["class"],
        "KIND": lambda row: row["kind"],
        "OLDER THAN (UTC)": lambda row: when(row["before"]),
        "DUE" if dry_run else "ERASED": lambda row: f"{row['transfers']:,}",
        "OF FILES": lambda row: size(row["size_bytes"]),
        "HELD": lambda row: f"{row['held']:,}",
    }
    shown = rows if as_json else [row for row in rows if row["transfers"] or row["held"]]
    Output(as_json).rows(shown, columns, empty="nothing is due")


def _due(books: "Books", limits: "dict[str, Limits]", now: int) -> Any:
    from mft.ledger.retention import count_due

    for name, of_class in limits.items():
        for kind, before in of_class.before(now).items():
            found = count_due(books, kind, name, before=before, held=False)
            held = count_due(books, kind, name, before=before, held=True)["transfers"]
            yield {"class": name, "kind": kind, "before": before, **found, "held": held}


@app.command()
def hold(
    matter: Annotated[str, typer.Argument(help="Why, for the record: a case, a letter.", callback=utf8)],
    transfer: Annotated[
        list[str] | None, typer.Option(metavar="ID", help="This transfer; may be given again.", show_default=False)
    ] = None,
    partner: Annotated[
        str, typer.Option(help="Everything of this partner's, also what is yet to come.", show_default=False)
    ] = "",
    since: TimeOption = None,
    until: UntilOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Put a legal hold on transfers: whatever their age, and whoever asks, nothing of them is erased.

    \b
    mft retention hold "Doe v. Roe" --transfer 01m8283ew4
    mft retention hold "audit 2026" --partner acme --since 2026-01-01 --until 2026-12-31
    """
    from mft.cli.access import actor, ledger_of, open_home, writing
    from mft.ledger.profiles import connection_named
    from mft.ledger.transfers import transfer_row
    from mft.pipeline.retention import MakeHold

    if bool(transfer) == bool(partner):
        raise typer.BadParameter("name one of both", param_hint="--transfer, --partner")
    if transfer and (since or until):
        raise typer.BadParameter("a time goes with --partner", param_hint="--since, --until")
    found, config = open_home(home)
    with ledger_of(home) as books:
        ids = tuple(transfer_row(books, one)["id"] for one in transfer or ())
        connection = connection_named(books, partner) if partner else None
    command = MakeHold(matter, actor(), ids, connection, since, until)
    with writing(found, config) as carry_out:
        made = carry_out(command)
    if as_json:
        Output(as_json).object({"holds": made})
        return
    for one in made:
        print(f"legal hold {one}")


@app.command("holds")
def list_holds(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Every legal hold, with what it covers.

    \b
    mft retention holds
    """
    from mft.cli.access import ledger_of
    from mft.ledger.holds import holds

    with ledger_of(home) as books:
        rows = [{key: value for key, value in row.items() if key != "tenant_id"} for row in holds(books)]
    columns = {
        "HOLD": lambda row: row["id"],
        "MADE (UTC)": lambda row: when(row["made_at"]),
        "BY": lambda row: row["made_by"],
        "COVERS": _covers,
        "STATE": lambda row: f"lifted {when(row['lifted_at'])}" if row["lifted_at"] else "in force",
        "MATTER": lambda row: row["matter"],
    }
    Output(as_json).rows(rows, columns, empty="no legal holds")


def _covers(row: Any) -> str:
    if row["transfer_id"]:
        return f"transfer {row['transfer_id']}"
    times = [f"{word} {when(row[key])}" for word, key in (("since", "since"), ("until", "until")) if row[key]]
    return " ".join([f"connection {row['connection']}", *times])


@app.command()
def lift(
    hold_id: Annotated[str, typer.Argument(metavar="HOLD", help="As `mft retention holds` shows it.", callback=utf8)],
    home: HomeOption = None,
) -> None:
    """Lift a legal hold: what is due from then on is erased.

    \b
    mft retention lift 01m8283ew4y7n5r1t0bq2c3d4e
    """
    from mft.cli.access import actor, open_home, writing
    from mft.pipeline.retention import LiftHold

    found, config = open_home(home)
    with writing(found, config) as carry_out:
        carry_out(LiftHold(hold_id, actor()))
    print(f"legal hold {hold_id} is lifted")
