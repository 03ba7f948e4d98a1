"""`mft events`: what was announced."""

import time
from typing import Annotated

import typer

from mft.cli.options import HomeOption, JsonOption

app = typer.Typer(help="Events: tail.", no_args_is_help=True, rich_markup_mode=None)


@app.command()
def tail(
    lines: Annotated[int, typer.Option("-n", min=0, help="So many to begin with.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The newest events, oldest of them first; with --json the CloudEvents as they are delivered.

    \b
    mft events tail --follow --json | jq 'select(.type == "mft.records.ready.v1").data.ref'
    """
    from mft.cli.access import ledger_of
    from mft.ledger.outbox import events_after, latest_events

    with ledger_of(home) as books:
        rows = latest_events(books, max(lines, 1))
        last = rows[-1]["id"] if rows else ""
        if not rows and not follow and not as_json:
            print("no events yet")
        for row in rows if lines else ():
            _show(row, as_json)
        while follow:
            time.sleep(0.5)
            for row in events_after(books, last):
                last = row["id"]
                _show(row, as_json)


def _show(row: dict[str, object], as_json: bool) -> None:
    import json

    from mft.cli.options import when

    body = str(row["body"])
    if as_json:
        print(body, flush=True)
        return
    event = json.loads(body)
    data = " ".join(f"{name}={value}" for name, value in event["data"].items() if name != "connection")
    at = row["at"]
    assert isinstance(at, int)
    print(f"{when(at)}  {event['type']}  {event.get('partner', '-')}  {event['subject']}  {data}", flush=True)
