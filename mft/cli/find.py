"""`mft find`: one search over transfer ids, file names, control numbers, and the keys of records."""

import hashlib
from datetime import UTC
from typing import Annotated, Any, Final

import typer

from mft.cli.options import HomeOption, JsonOption, Output, utf8, when
from mft.errors import Missing

_TEXT_MAX: Final = 1000


def find(
    text: Annotated[
        str,
        typer.Argument(
            metavar="TEXT",
            help="The beginning of a transfer's id, a part of a file's name, or a whole number.",
            callback=utf8,
        ),
    ],
    records: Annotated[
        bool, typer.Option("--records/--no-records", help="Look in records, too: claims, orders, payments.")
    ] = True,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="So many of each kind at most.")] = 20,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find where a number or a name went: in file names, control numbers, and the keys of records.

    Searching records is a leaf in the audit log, since a number may be a person's. Exit code 3: nothing was found.

    \b
    mft find PO-26-0101
    mft find 000002001 --no-records
    mft find SC-1001 --json | jq -r .transfer
    """
    from mft.cli.access import actor, ledger_of, open_home, writing
    from mft.core import Note
    from mft.domain import printable
    from mft.installation import open_vault
    from mft.ledger.search import search
    from mft.records.keys import KEYS, search_sql
    from mft.records.session import Question, Session

    if not text.strip():
        raise typer.BadParameter("say what to look for", param_hint="TEXT")
    if len(text) > _TEXT_MAX:
        raise typer.BadParameter(f"say it in {_TEXT_MAX} characters at most", param_hint="TEXT")
    found: list[dict[str, Any]] = []
    with ledger_of(home) as books:
        for row in search(books, text, most=limit):
            name = f"{printable(row['folder_bytes'])}/{printable(row['name_bytes'])}"
            found.append(
                _hit(
                    row["what"],
                    row["transfer"],
                    row["partner"],
                    row["received_at"],
                    name=name,
                    part=row.get("position"),
                )
            )
    if records:
        place, config = open_home(home)
        vault = open_vault(place)
        digest = hashlib.sha256(text.encode()).hexdigest()
        with writing(place, config) as run:
            run(Note("records.searched", actor(), facts={"views": len(KEYS)}, private={"text": digest}))
        question = Question(search_sql(text, limit))
        with ledger_of(home) as books, Session(question, vault, books, reveal=True, seconds=60) as session:
            for what, transfer, partner, received_at, set_number, number, made_by in session.rows():
                ref = f"mft:/transfers/{transfer}/records/{set_number}@{made_by}#{number}"
                at = int(received_at.replace(tzinfo=UTC).timestamp() * 1_000_000)
                found.append(_hit(what, transfer, partner, at, record=ref))
    if not found:
        raise Missing("nothing has this as its id, in its name, as a control number or as a key of a record")
    Output(as_json).rows(
        found,
        {
            "FOUND AS": lambda row: row["found"],
            "TRANSFER": lambda row: row["transfer"],
            "PARTNER": lambda row: row["partner"],
            "RECEIVED": lambda row: when(row["received_at"]),
            "WHERE": lambda row: row["record"] or row["name"],
        },
        empty="nothing",
    )


def _hit(
    what: str, transfer: str, partner: str, at: int | None, *, name: str = "", record: str = "", part: int | None = None
) -> dict[str, Any]:
    return {
        "found": what + (f" {part}" if part else ""),
        "transfer": transfer,
        "partner": partner,
        "received_at": at,
        "name": name or None,
        "record": record or None,
    }
