"""`mft records`: canonical records, one set's or all of them in SQL."""

import os
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft.cli import trace
from mft.cli.options import HomeOption, JsonOption, Output, utf8
from mft.errors import Missing, NameTaken

if TYPE_CHECKING:
    from mft.audit.log import Fact
    from mft.config import Config
    from mft.home import Home

app = typer.Typer(
    help="Records: query, get, trace, schema, views, compact.", no_args_is_help=True, rich_markup_mode=None
)

RevealOption = Annotated[
    bool, typer.Option("--reveal", help="Show what tells of persons. That you asked is a leaf in the audit log.")
]


app.command()(trace.trace)


class Form(StrEnum):
    """How an answer is written."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"
    PARQUET = "parquet"


@app.command()
def query(
    statement: Annotated[
        str, typer.Argument(metavar="SELECT", help="One SELECT over the views, in DuckDB's SQL.", callback=utf8)
    ],
    form: Annotated[Form, typer.Option("--as", help="How the answer is written.")] = Form.TABLE,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write there [default: standard output].", show_default=False),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1_000_000, help="So many rows of a table at most.")] = 200,
    seconds: Annotated[int, typer.Option(min=1, max=3600, help="The answer must be there by then.")] = 60,
    reveal: RevealOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Ask all records one question; that you did is a leaf in the audit log. Without --reveal, persons are masked.

    \b
    mft records query "SELECT partner, count(*), sum(total_charge) FROM claims GROUP BY ALL"
    mft records query "SELECT * FROM claim_lines WHERE received_at >= '2026-03-01'" --as csv --out lines.csv
    mft records query "FROM remittances" --json | jq .trace
    """
    from mft.cli.access import ledger_of, open_home
    from mft.cli.answers import write_csv, write_json, write_table
    from mft.installation import open_vault
    from mft.records.session import Question, Session

    form = Form.JSON if as_json else form
    if form is Form.PARQUET and out is None:
        raise typer.BadParameter("Parquet is for programs: name a file with --out")
    if form is Form.TABLE and out is not None:
        raise typer.BadParameter("a table is for reading here: say --as csv, json or parquet for a file")
    question = Question(statement)
    found, config = open_home(home)
    vault = open_vault(found)
    facts: dict[str, Fact] = {"types": " ".join(question.schemas) or None, "revealed": int(reveal)}
    _tell(found, config, "records.queried", facts, private={"statement": statement})
    with ledger_of(home) as books:
        if form is Form.PARQUET:
            assert out is not None
            with (
                _new_file(out) as fd,
                os.fdopen(fd, "wb", closefd=False) as file,
                Session(question, vault, books, reveal=reveal, seconds=seconds, outlet=file),
            ):
                return
        with Session(question, vault, books, reveal=reveal, seconds=seconds) as session:
            if form is Form.TABLE:
                if write_table(session.columns, session.rows(), limit):
                    print(f"only the first {limit} rows: --limit shows more, --as csv all", file=sys.stderr)
                return
            write = write_csv if form is Form.CSV else write_json
            if out is None:
                write(session.columns, session.rows(), sys.stdout)
                return
            with _new_file(out) as fd, os.fdopen(fd, "w", encoding="utf-8", newline="", closefd=False) as text:
                write(session.columns, session.rows(), text)


@contextmanager
def _new_file(path: Path) -> Iterator[int]:
    """A file for our eyes only, that is not left behind half-written."""
    if path.exists():
        raise NameTaken(f"{path} exists: name another file, or remove it first")
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        yield fd
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(fd)
    print(f"wrote {path}", file=sys.stderr)


def _tell(
    found: "Home", config: "Config", kind: str, facts: "dict[str, Fact]", *, private: dict[str, str], **about: str
) -> None:
    """Leave the leaf that says who asks for what; if it cannot be written, they see nothing."""
    from mft.cli.access import actor, writing
    from mft.core import Note

    with writing(found, config) as run:
        run(Note(kind, actor(), facts=facts, private=private, **about))


_REF = re.compile(r"mft:/transfers/([0-9a-z]+)/records/([1-9][0-9]{0,9})@(.+)")


@app.command()
def get(
    ref: Annotated[str, typer.Argument(metavar="REF", help="As events carry it: mft:/transfers/ID/records/SET@MAP.")],
    reveal: RevealOption = False,
    home: HomeOption = None,
) -> None:
    """The records of one set, one JSON object a line. Without --reveal, what tells of persons is masked.

    \b
    mft records get mft:/transfers/01m8283ew4q6fb2n0k7x9t5zrd/records/1@837p-2
    """
    import secrets

    from mft.cli.access import ledger_of, open_home, sealed_of
    from mft.installation import open_vault
    from mft.ledger.record_parts import records_row
    from mft.ledger.transfers import transfer_row
    from mft.records.masks import masked_lines
    from parsers.canonical.catalogue import BY_SCHEMA

    asked = _REF.fullmatch(ref)
    if asked is None:
        raise typer.BadParameter("not a reference to records: mft:/transfers/ID/records/SET@MAP")
    found, config = open_home(home)
    with ledger_of(home) as books:
        transfer = transfer_row(books, asked[1])
        row = records_row(books, transfer["id"], int(asked[2]), asked[3])
        if row is None:
            raise Missing(
                f"transfer {transfer['id']} has no records of set {asked[2]} by map {asked[3]}: "
                f"`mft transfer show {transfer['id']}` lists what it has"
            )
        if not reveal and row["record_schema"] not in BY_SCHEMA:
            raise Missing(f"this version of mft cannot mask records of {row['record_schema']}: --reveal shows them")
        reader = open_vault(found).open(sealed_of(books, transfer, row["object_id"], "records"))
    try:
        if reveal:
            facts: dict[str, Fact] = {
                "types": row["record_schema"],
                "set": row["set_position"],
                "map_version": asked[3],
            }
            about = {"transfer": transfer["id"], "connection": transfer["connection"]}
            _tell(found, config, "records.revealed", facts, private={}, **about)
        chunks = reader.chunks()
        for piece in chunks if reveal else masked_lines(chunks, secrets.token_hex(16)):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
    finally:
        reader.close()


@app.command()
def schema(
    name: Annotated[str, typer.Argument(metavar="TYPE", help="A type of record, as `claim` or `claim/1`.")] = "",
    as_json: JsonOption = False,
) -> None:
    """The types of records; of one its JSON Schema (2020-12), with the class of each field in `x-class`.

    \b
    mft records schema
    mft records schema claim
    """
    import json

    from mft.records.schema import json_schema, title_of
    from mft.records.views import views
    from parsers.canonical.catalogue import BY_SCHEMA

    if name:
        full = name if "/" in name else next((one for one in BY_SCHEMA if one.partition("/")[0] == name), name)
        if full not in BY_SCHEMA:
            raise Missing(f"there is no type of record {name}: `mft records schema` lists them")
        print(json.dumps(json_schema(full), indent=None if as_json else 2, ensure_ascii=False))
        return
    own = {view.schema: view.name for view in views().values() if not view.lists}
    Output(as_json).rows(
        ({"type": one, "view": own[one], "about": title_of(one)} for one in BY_SCHEMA),
        {"TYPE": lambda row: row["type"], "VIEW": lambda row: row["view"], "ABOUT": lambda row: row["about"]},
        empty="no types",
    )


@app.command("views")
def list_views(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A view: its columns.")] = "",
    as_json: JsonOption = False,
) -> None:
    """The views that a query reads; of one its columns, their types and how they are masked.

    \b
    mft records views
    mft records views claim_lines
    """
    from mft.records.views import LEADING, views

    known = views()
    if not name:
        Output(as_json).rows(
            ({"view": one.name, "type": one.schema, "columns": len(one.columns)} for one in known.values()),
            {"VIEW": lambda row: row["view"], "TYPE": lambda row: row["type"]},
            empty="no views",
        )
        return
    if name not in known:
        raise Missing(f"there is no view {name}: `mft records views` lists them")
    view = known[name]
    counted = ["part", *view.ordinals] if view.lists else []
    columns: list[dict[str, Any]] = [
        *({"column": one, "type": kind, "class": None, "mask": "shown"} for one, (_, kind) in LEADING.items()),
        *({"column": one, "type": "BIGINT", "class": None, "mask": "shown"} for one in counted),
        *(
            {"column": one.name, "type": one.type(reveal=True), "class": one.data_class, "mask": one.mask}
            for one in view.columns
        ),
    ]
    Output(as_json).rows(
        columns,
        {
            "COLUMN": lambda row: row["column"],
            "TYPE": lambda row: row["type"],
            "CLASS": lambda row: row["class"] or "-",
            "MASK": lambda row: "-" if row["mask"] == "shown" else row["mask"],
        },
        empty="no columns",
    )


@app.command()
def compact(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Cache for queries whatever is not cached yet; a running server does it by itself, now and then.

    \b
    mft records compact
    """
    from mft.cli.access import ledger_of, open_home, writing
    from mft.installation import open_vault
    from mft.records.cache import Compactor

    found, config = open_home(home)
    vault = open_vault(found)
    with ledger_of(home) as books, writing(found, config, remove_object=vault.remove) as run:
        compactor = Compactor(vault, lambda: books, run)
        while compactor.step(everything=True):
            pass
    if as_json:
        Output(as_json).object({"sets": compactor.sets, "parts": compactor.parts, "left": len(compactor.left)})
    else:
        print(f"cached {compactor.sets} sets; wrote {compactor.parts} parts")
    for reason in compactor.left:
        print(f"mft: some records could not be cached: {reason}", file=sys.stderr)
    if compactor.left:
        raise typer.Exit(1)
