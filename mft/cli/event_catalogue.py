"""`mft events catalogue`: what can be announced."""

import sys
from typing import Annotated

import typer

from mft.cli.options import JsonOption, Output
from mft.errors import Missing


def add_to(app: typer.Typer) -> None:
    """Add the command to `mft events`."""
    app.command()(catalogue)


def catalogue(
    asyncapi: Annotated[bool, typer.Option("--asyncapi", help="The AsyncAPI 3.0 document of all.")] = False,
    schema: Annotated[str, typer.Option(metavar="TYPE", help="The JSON Schema of one.", show_default=False)] = "",
    as_json: JsonOption = False,
) -> None:
    """Every type of event, and when it comes.

    \b
    mft events catalogue
    mft events catalogue --asyncapi > mft.asyncapi.json
    mft events catalogue --schema mft.records.ready.v1
    """
    from mft.event_catalogue import documents, words
    from mft.events import CATALOGUE

    if asyncapi and schema:
        raise typer.BadParameter("one of both", param_hint="--asyncapi, --schema")
    made = documents()
    if asyncapi:
        sys.stdout.write(made["schema/events.asyncapi.json"])
    elif schema:
        if f"schema/events/{schema}.json" not in made:
            raise Missing(f"no event is called {schema}: `mft events catalogue` has them all")
        sys.stdout.write(made[f"schema/events/{schema}.json"])
    else:
        rows = [{"type": event.type, "when": words(event)} for event in CATALOGUE]
        columns = {"TYPE": lambda row: row["type"], "WHEN": lambda row: row["when"]}
        Output(as_json).rows(rows, columns, empty="")
