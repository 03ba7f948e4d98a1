"""`mft alerts`: what people were told of, and who sees to it."""

from typing import Annotated, Any

import typer

from mft.cli.options import HomeOption, JsonOption, Output, utf8, when

app = typer.Typer(help="Trouble that people are told of: list, ack, test.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_alerts(
    everything: Annotated[bool, typer.Option("--all", help="Those that have ended, too, newest first.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="So many of all at most.")] = 100,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The trouble there is, oldest first. A server looks every half minute, by the rules of `[alerts]` in mft.toml.

    \b
    mft alerts list
    mft alerts list --all --json
    """
    from mft.cli.access import ledger_of
    from mft.ledger.alerts import alerts, open_alerts

    with ledger_of(home) as books:
        found = alerts(books, most=limit) if everything else open_alerts(books)
    rows = [{key: value for key, value in row.items() if key != "tenant_id"} for row in found]
    columns = {
        "ALERT": lambda row: row["id"],
        "SINCE (UTC)": lambda row: when(row["since"]),
        "RULE": lambda row: row["rule"],
        "STATE": _state,
        "WHAT": lambda row: row["words"],
    }
    Output(as_json).rows(rows, columns, empty="no trouble")


def _state(row: Any) -> str:
    if row["ended_at"]:
        return f"ended {when(row['ended_at'])}"
    if row["acknowledged_at"]:
        return f"seen to by {row['acknowledged_by']}"
    return "told" if row["told_at"] else "not told yet"


@app.command()
def ack(
    alert: Annotated[str, typer.Argument(metavar="ALERT", help="As `mft alerts list` shows it.", callback=utf8)],
    home: HomeOption = None,
) -> None:
    """Say that you see to it: it is not escalated, and nobody is told again.

    \b
    mft alerts ack 01m8283ew4y7n5r1t0bq2c3d4e
    """
    from mft.cli.access import actor, open_home, writing
    from mft.pipeline.alerts import AcknowledgeAlert

    found, config = open_home(home)
    with writing(found, config) as carry_out:
        carry_out(AcknowledgeAlert(alert, actor()))
    print(f"alert {alert} is yours")


@app.command("test")
def send_test(home: HomeOption = None) -> None:
    """Send a message by every way to people, and say which took it.

    \b
    mft alerts test
    """
    import socket

    from mft.cli.access import open_home
    from mft.errors import MFTError
    from mft.installation import channels
    from mft.pipeline.alerts import Message

    _, config = open_home(home)
    found = channels(config)
    if not found:
        raise typer.BadParameter("there is no way to people: set [alerts.mail] or [alerts] webhook in mft.toml")
    host, text = socket.gethostname(), "Nothing is wrong: somebody wants to know whether this arrives.\n"
    said = Message(f"mft on {host}: a test", text, [])
    well = True
    for channel in found:
        try:
            channel.tell(said)
        except (OSError, MFTError) as error:
            well = False
            print(f"{channel.id}: {error}")
        else:
            print(f"{channel.id}: has it")
    if not well:
        raise typer.Exit(1)
