"""`mft audit`: what happened, and the proof that the log of it was not changed."""

import difflib
import time
from collections.abc import Callable, Mapping
from typing import Annotated, Any

import typer

from mft.cli import audit_proof
from mft.cli.options import HomeOption, JsonOption, Output, TimeOption, when

app = typer.Typer(help="The audit log: query, tail, verify, export.", no_args_is_help=True, rich_markup_mode=None)
app.command()(audit_proof.verify)
app.command()(audit_proof.export)

_COLUMNS: dict[str, Callable[[Mapping[str, Any]], str]] = {
    "LEAF": lambda leaf: str(leaf["seq"]) if leaf["seq"] is not None else "-",
    "AT (UTC)": lambda leaf: when(leaf["at"]),
    "KIND": lambda leaf: leaf["kind"],
    "RESULT": lambda leaf: leaf["result"],
    "ACTOR": lambda leaf: leaf["actor"],
    "TRANSFER": lambda leaf: leaf["transfer"] or "-",
}


def _facts(leaf: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in leaf["facts"].items() if value is not None)


_COLUMNS["FACTS"] = _facts


@app.command()
def query(
    partner: Annotated[str, typer.Option(help="Only this partner's.", show_default=False)] = "",
    kind: Annotated[str, typer.Option(help="Only this kind, for example transfer.received.", show_default=False)] = "",
    actor: Annotated[str, typer.Option(help="Only by this actor.", show_default=False)] = "",
    transfer: Annotated[str, typer.Option(metavar="ID", help="Only of this transfer.", show_default=False)] = "",
    since: TimeOption = None,
    until: TimeOption = None,
    before: Annotated[
        str, typer.Option(metavar="LEAF-ID", help="Older than this leaf: the next page.", show_default=False)
    ] = "",
    limit: Annotated[int, typer.Option(min=1, help="So many at most, the newest.")] = 100,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Leaves that fit, newest first.

    \b
    mft audit query --since yesterday --kind login.refused
    mft audit query --partner acme --since 7d --json
    """
    from mft.audit.log import KINDS
    from mft.audit.query import leaves
    from mft.cli.access import ledger_of
    from mft.clock import LAST_ID
    from mft.ledger.profiles import connection_named
    from mft.ledger.transfers import transfer_row

    if kind and kind not in KINDS:
        near = difflib.get_close_matches(kind, KINDS, n=1)
        raise typer.BadParameter(f"{kind!r} is no kind of leaf" + (f"; did you mean {near[0]}?" if near else ""))

    with ledger_of(home) as books:
        found = leaves(
            books,
            kind=kind,
            actor=actor,
            connection=connection_named(books, partner) if partner else "",
            transfer=transfer_row(books, transfer)["id"] if transfer else "",
            since=since or 0,
            until=until or 1 << 62,
            before=before or LAST_ID,
            most=limit,
        )
        Output(as_json).rows(found, _COLUMNS, empty="no leaf fits")


@app.command()
def tail(
    lines: Annotated[int, typer.Option("-n", min=0, help="So many to begin with.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The newest leaves, oldest of them first.

    \b
    mft audit tail --follow
    """
    from mft.audit.query import leaves
    from mft.cli.access import ledger_of

    with ledger_of(home) as books:
        page = list(leaves(books, most=lines))[::-1] if lines else []
        last = page[-1]["id"] if page else next((leaf["id"] for leaf in leaves(books, most=1)), "")
        Output(as_json).rows(page, _COLUMNS, empty="the log is empty")
        while follow:
            time.sleep(0.5)
            for leaf in leaves(books, after=last, newest_first=False):
                last = leaf["id"]
                if as_json:
                    Output(as_json).object(leaf)
                else:
                    print("  ".join(show(leaf) for show in _COLUMNS.values()), flush=True)
