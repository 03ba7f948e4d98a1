"""`mft transfer release` and `reject`: what becomes of files that wait."""

import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft.cli.options import HomeOption, JsonOption, Output, utf8, when
from mft.domain import Stage

if TYPE_CHECKING:
    from mft.ledger.database import Books

IdsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]...", help="Transfers' ids, or unique beginnings of them."),
]
PartnerOption = Annotated[str, typer.Option(help="All of this partner's that wait.", show_default=False)]
DoubtOption = Annotated[
    str,
    typer.Option(metavar="CODE", help="All that wait for this reason, as `list --json` has it.", show_default=False),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Say which, and change nothing.")]


def release(
    transfers: IdsArgument = None,
    partner: PartnerOption = "",
    doubt: DoubtOption = "",
    why: Annotated[str, typer.Option(help="For the record.", show_default=False, callback=utf8)] = "",
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let files pass that were held or quarantined, oldest first. What speaks against each is waived, once and for it.

    \b
    mft transfer release 01m8283ew4 --why "asked the sender: it is meant so"
    mft transfer release --partner acme --doubt duplicate --dry-run
    """
    from mft.cli.access import actor
    from mft.pipeline.release import RELEASABLE, ReleaseHeld, check_releasable

    chosen = [RELEASABLE, check_releasable, transfers or [], partner, doubt]
    _decide(chosen, lambda one: ReleaseHeld(one, actor(), why), "released", home, dry_run=dry_run, as_json=as_json)


def reject(
    transfers: IdsArgument = None,
    partner: PartnerOption = "",
    doubt: DoubtOption = "",
    why: Annotated[
        str, typer.Option(help="For the record.", show_default=False, callback=utf8, prompt="Why, for the record")
    ] = "",
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Refuse files that wait: they are kept, and never processed.

    \b
    mft transfer reject 01m8283ew4 --why "sent by mistake, says the sender"
    mft transfer reject --partner acme --doubt duplicate --why "the same as yesterday"
    """
    from mft.cli.access import actor
    from mft.pipeline.release import REJECTABLE, RejectHeld, check_rejectable

    if not why.strip():
        raise typer.BadParameter("say why: the audit log keeps it", param_hint="--why")
    chosen = [REJECTABLE, check_rejectable, transfers or [], partner, doubt]
    _decide(chosen, lambda one: RejectHeld(one, actor(), why), "rejected", home, dry_run=dry_run, as_json=as_json)


def _decide(
    chosen: list[Any], command: Callable[[str], Any], done: str, home: Any, *, dry_run: bool, as_json: bool
) -> None:
    from mft.cli.access import ledger_of, open_home, writing

    stages, check, ids, partner, doubt = chosen
    if bool(ids) == bool(partner or doubt):
        raise typer.BadParameter("name transfers, or what they have in common with --partner and --doubt")
    with ledger_of(home) as books:
        rows = list(_named(books, ids) if ids else _waiting(books, stages, partner, doubt))
    for row in rows:  # All or none: nobody wants to find out how far it came.
        check(row)
    if not dry_run and rows:
        found, config = open_home(home)
        with writing(found, config) as carry_out:
            for count, row in enumerate(rows, start=1):
                carry_out(command(row["id"]))
                if sys.stderr.isatty() and len(rows) > 1:
                    print(f"\r{count:,} of {len(rows):,} {done}", end="", file=sys.stderr, flush=True)
        if sys.stderr.isatty() and len(rows) > 1:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
    if as_json:
        for row in rows:
            Output(as_json).object({"id": row["id"], "was": row["stage"], "doubt": row["doubt"], done: not dry_run})
        return
    columns = {
        "ID": lambda row: row["id"],
        "RECEIVED (UTC)": lambda row: when(row["received_at"]),
        "PARTNER": lambda row: row["partner"],
        "NAME": lambda row: f"{row['folder']}/{row['name']}",
        ("WOULD BE " if dry_run else "") + done.upper(): lambda row: f"from {row['stage']}: {row['reason'] or '-'}",
    }
    Output(as_json).rows(rows, columns, empty="nothing that waits fits")


def _named(books: "Books", ids: list[str]) -> Iterator[dict[str, Any]]:
    from mft.ledger.transfers import public, transfer_row

    rows = {row["id"]: row for row in (transfer_row(books, one) for one in ids)}
    yield from map(public, rows.values())


def _waiting(books: "Books", stages: frozenset[Stage], partner: str, doubt: str) -> Iterator[dict[str, Any]]:
    """Oldest first: so they go on in the order in which they came."""
    from mft.clock import LAST_ID
    from mft.ledger.profiles import connection_named
    from mft.ledger.transfers import public, transfer_rows

    if partner:
        connection_named(books, partner)
    found = []
    for stage in stages:
        before = LAST_ID
        while page := transfer_rows(books, stage=stage, partner=partner, before=before, most=500):
            found += [row for row in page if not doubt or row["doubt"] == doubt]
            before = page[-1]["id"]
    yield from map(public, sorted(found, key=lambda row: str(row["id"])))
