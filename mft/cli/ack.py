"""`mft ack`: what went back to partners for their files."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from mft.cli.options import HomeOption, JsonOption, Output, when

app = typer.Typer(help="Acknowledgments: list.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_acks(
    partner: Annotated[str, typer.Option(help="Only to this partner.", show_default=False)] = "",
    limit: Annotated[int, typer.Option(min=1, help="So many at most, the newest.")] = 50,
    before: Annotated[
        str, typer.Option(metavar="ID", help="Older than this one (its `ack`): the next page.", show_default=False)
    ] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The newest acknowledgments, newest first: for which file, what they say, our number, whether they were fetched.

    \b
    mft ack list --partner acme
    mft ack list --json | jq 'select(.verdict != "accepted") | .name'
    """
    from mft.cli.access import ledger_of
    from mft.clock import LAST_ID
    from mft.ledger.acknowledgments import acknowledgment_rows, public
    from mft.ledger.profiles import connection_named

    with ledger_of(home) as books:
        if partner:
            connection_named(books, partner)
        rows = acknowledgment_rows(books, partner=partner, before=before or LAST_ID, most=limit)
    Output(as_json).rows(
        map(public, rows),
        {
            "SENT": lambda row: when(row["sent_at"]),
            "PARTNER": lambda row: row["partner"],
            "FOR": lambda row: row["name"],
            "KIND": lambda row: " ".join(row["kinds"]),
            "VERDICT": lambda row: row["verdict"],
            "NUMBER": lambda row: row["control_number"] + (" again" if row["repeats"] else ""),
            "LIES UNDER": lambda row: f"{row['ack_folder']}/{row['ack_name']}",
            "FETCHED": fetched,
        },
        empty="no acknowledgments yet",
    )


def fetched(row: Mapping[str, Any]) -> str:
    """When a partner first had an acknowledgment, as far as we know."""
    return when(row["fetched_at"]) if row["fetched_at"] else "not yet"
