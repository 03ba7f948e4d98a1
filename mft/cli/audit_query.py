"""`mft audit query`, `tail` and `redact`: what happened, what happens, and what is to be told no more."""

import difflib
import sys
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mft.cli.options import HomeOption, JsonOption, Output, TimeOption, UntilOption, utf8, when
from mft.clock import rfc3339

if TYPE_CHECKING:
    from mft.ledger.database import Books

_FOLLOW_SECONDS: Final = 0.5


class Form(StrEnum):
    TABLE = "table"
    CSV = "csv"
    JSON = "json"


class Result(StrEnum):
    OK = "ok"
    REFUSED = "refused"


PartnerOption = Annotated[str, typer.Option(help="Only this partner's.", show_default=False)]
KindOption = Annotated[
    list[str] | None,
    typer.Option(
        help="Only this kind: transfer.received, transfer.*, login.refused. Given again: any of them.",
        show_default=False,
    ),
]
ActorOption = Annotated[
    str, typer.Option(help="Only by this actor: server, cli:0, connection:ID.", show_default=False, callback=utf8)
]
TransferOption = Annotated[
    str, typer.Option(metavar="ID", help="Only of this transfer.", show_default=False, callback=utf8)
]
NameOption = Annotated[
    str,
    typer.Option(
        metavar="FILE", help="Only of files called so: claims.edi, claims*.", show_default=False, callback=utf8
    ),
]
NumberOption = Annotated[
    str,
    typer.Option(
        "--control-number",
        metavar="NUMBER",
        help="Only of files with such an interchange, group or set.",
        show_default=False,
        callback=utf8,
    ),
]
ResultOption = Annotated[Result | None, typer.Option(help="Only what went well, or was refused.", show_default=False)]


def _facts(leaf: Mapping[str, Any]) -> str:
    return " ".join(f"{name}={value}" for name, value in leaf["facts"].items() if value is not None)


_COLUMNS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "LEAF": lambda leaf: str(leaf["seq"]) if leaf["seq"] is not None else "-",
    "AT (UTC)": lambda leaf: when(leaf["at"]),
    "KIND": lambda leaf: leaf["kind"],
    "RESULT": lambda leaf: leaf["result"],
    "ACTOR": lambda leaf: leaf["actor"],
    "TRANSFER": lambda leaf: leaf["transfer"] or "-",
    "FACTS": _facts,
}
_CSV: Final[Mapping[str, Callable[[Mapping[str, Any]], Any]]] = {
    "leaf": lambda leaf: leaf["seq"],
    "id": lambda leaf: leaf["id"],
    "at": lambda leaf: rfc3339(leaf["at"]),
    "kind": lambda leaf: leaf["kind"],
    "result": lambda leaf: leaf["result"],
    "actor": lambda leaf: leaf["actor"],
    "connection": lambda leaf: leaf["connection"],
    "transfer": lambda leaf: leaf["transfer"],
    "facts": _facts,
}


def _wanted(
    books: "Books", *, partner: str, kind: list[str] | None, transfer: str, result: Result | None, **others: Any
) -> dict[str, Any]:
    """What `leaves` and `numbered` are asked for. Raises Missing: no such partner or transfer."""
    from mft.audit.log import KINDS
    from mft.ledger.profiles import connection_named
    from mft.ledger.transfers import transfer_row

    for asked in kind or ():
        beginning = asked.removesuffix("*")
        if not (asked in KINDS or (asked != beginning and any(one.startswith(beginning) for one in KINDS))):
            near = difflib.get_close_matches(beginning, KINDS, n=1)
            raise typer.BadParameter(
                f"{asked!r} is no kind of leaf" + (f"; did you mean {near[0]}?" if near else ""), param_hint="--kind"
            )
    return {
        "kind": tuple(kind or ()),
        "connection": connection_named(books, partner) if partner else "",
        "transfer": transfer_row(books, transfer)["id"] if transfer else "",
        "result": result.value if result else "",
        **others,
    }


def query(
    partner: PartnerOption = "",
    kind: KindOption = None,
    actor: ActorOption = "",
    transfer: TransferOption = "",
    name: NameOption = "",
    control_number: NumberOption = "",
    result: ResultOption = None,
    since: TimeOption = None,
    until: UntilOption = None,
    before: Annotated[
        str, typer.Option(metavar="LEAF-ID", help="Behind this leaf: the next page.", show_default=False, callback=utf8)
    ] = "",
    limit: Annotated[int, typer.Option(min=0, help="So many at most, the newest; 0: all.")] = 100,
    form: Annotated[Form, typer.Option("--as", help="How to answer.")] = Form.TABLE,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Leaves that fit everything that is asked for, newest first.

    \b
    mft audit query --since yesterday --kind login.refused
    mft audit query --partner acme --since monday --until friday --as csv > acme.csv
    mft audit query --name 'claims-*' --result refused
    mft audit query --control-number 000000905 --json
    """
    from mft.audit.query import leaves
    from mft.cli.access import ledger_of
    from mft.cli.answers import write_csv

    form = Form.JSON if as_json else form
    with ledger_of(home) as books:
        wanted = _wanted(
            books,
            partner=partner,
            kind=kind,
            transfer=transfer,
            result=result,
            actor=actor,
            name=name,
            control_number=control_number,
            since=since or 0,
            until=until or 0,
        )
        found = leaves(books, before=before, most=limit and limit + (form is Form.TABLE), **wanted)
        if form is Form.CSV:
            write_csv(list(_CSV), ([show(leaf) for show in _CSV.values()] for leaf in found), sys.stdout)
        elif form is Form.JSON:
            Output(as_json=True).rows(found, _COLUMNS, empty="")
        else:
            shown = list(islice(found, limit)) if limit else []
            Output(as_json=False).rows(shown or found, _COLUMNS, empty="no leaf fits")
            if shown and sys.stdout.isatty() and next(found, None) is not None:
                print(f"the next page: --before {shown[-1]['id']}", file=sys.stderr)


def tail(
    lines: Annotated[int, typer.Option("-n", min=0, help="So many to begin with.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    partner: PartnerOption = "",
    kind: KindOption = None,
    actor: ActorOption = "",
    transfer: TransferOption = "",
    name: NameOption = "",
    control_number: NumberOption = "",
    result: ResultOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The newest leaves, oldest of them first. Leaves that follow are shown once they have their number.

    \b
    mft audit tail --follow
    mft audit tail -n 5 --kind 'transfer.*' --partner acme --follow
    """
    from mft.audit.query import last_number, leaves, numbered
    from mft.cli.access import ledger_of

    with ledger_of(home) as books:
        wanted = _wanted(
            books,
            partner=partner,
            kind=kind,
            transfer=transfer,
            result=result,
            actor=actor,
            name=name,
            control_number=control_number,
        )
        last = last_number(books)
        page = list(leaves(books, most=lines, **wanted))[::-1] if lines else []
        Output(as_json).rows(page, _COLUMNS, empty="no leaf fits")
        shown = {leaf["id"] for leaf in page if leaf["seq"] is None or leaf["seq"] > last}
        while follow:
            time.sleep(_FOLLOW_SECONDS)
            newest = last_number(books)
            for leaf in numbered(books, after=last, until_number=newest, **wanted):
                if leaf["id"] not in shown:
                    _show(leaf, as_json=as_json)
            last = newest


def _show(leaf: Mapping[str, Any], *, as_json: bool) -> None:
    if as_json:
        Output(as_json).object(leaf)
    else:
        print("  ".join(show(leaf) for show in _COLUMNS.values()), flush=True)


def redact(
    leaf: Annotated[
        str,
        typer.Option(
            metavar="ID",
            help="The private values of this leaf, by its id or its number.",
            show_default=False,
            callback=utf8,
        ),
    ] = "",
    field: Annotated[
        str, typer.Option(help="Of the leaf only this one: name, sha256 …", show_default=False, callback=utf8)
    ] = "",
    transfer: Annotated[
        str,
        typer.Option(
            metavar="ID", help="Those of all leaves of a transfer, and its own row.", show_default=False, callback=utf8
        ),
    ] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Forget names, addresses, accounts and content hashes that stand beside the log. Every proof stays valid.

    A leaf holds such a value as a commitment alone. The value and its salt are deleted, and from then on nobody can
    tell what the commitment was made of. Of a transfer, its row and its events lose the name too.

    \b
    mft audit redact --transfer 01m8283ew4
    mft audit redact --leaf 01m8283ew4y7n5r1t0bq2c3d4e --field source_address --yes
    """
    from mft.cli.access import actor, ledger_of, open_home, writing
    from mft.ledger.transfers import transfer_row
    from mft.pipeline.erase import Erase
    from mft.pipeline.redact import Redact

    if bool(leaf) == bool(transfer):
        raise typer.BadParameter("name one of both", param_hint="--leaf, --transfer")
    if transfer and field:
        raise typer.BadParameter("of a transfer all fields go; one field is of one --leaf", param_hint="--field")
    found, config = open_home(home)
    command: Erase | Redact = Redact(leaf, field or None, actor())
    what = f"{field or 'every private value'} of leaf {leaf}"
    if transfer:
        with ledger_of(home) as books:
            transfer = transfer_row(books, transfer)["id"]
        command = Erase(transfer, ("names",), "redacted", actor())
        what = f"every name, address and content hash of transfer {transfer}"
    if not yes:
        typer.confirm(f"{what} will be forgotten for ever. Go on?", abort=True, err=True)
    with writing(found, config) as run:
        done = run(command)
    if as_json:
        Output(as_json).object({"leaf": leaf or None, "transfer": transfer or None, "redacted": bool(done)})
        return
    print(f"{what}: " + ("forgotten" if done else "forgotten before"))
    print(
        "Copies stay where they were made: backups of data/, events that sinks have, exports, and old blocks of the "
        "disk that the file system has not used again."
    )
