"""`mft events tail --consumer`, and `mft events consumers`: programs that fetch events, each by its name."""

import re
import time
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from mft.cli.announced import fitting, write
from mft.cli.options import HomeOption, JsonOption, Output, utf8, when
from mft.errors import Broken, Busy, HomeInUse

if TYPE_CHECKING:
    from mft.config import Config
    from mft.home import Home
    from mft.ledger.database import Books
    from mft.pipeline.subscriptions import Subscription

_FOLLOW_SECONDS: Final = 0.5
_RESTART_SECONDS: Final = 60
_AT_ONCE: Final = 500  # Events between two moves: so many come twice at most.

consumers = typer.Typer(help="Who reads by `mft events tail --consumer`: list, forget.", no_args_is_help=True)


def add_to(app: typer.Typer) -> None:
    """Add these commands to `mft events`."""
    app.add_typer(consumers, name="consumers")


def name_of(text: str) -> str:
    """What was typed, if a consumer may be called so: a callback of options."""
    if text and not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", text):
        raise typer.BadParameter("a consumer is called by 64 letters, digits, `.`, `-` and `_` at most")
    return text


def read_on(
    name: str,
    *,
    begin: int | None,
    wanted: "Subscription",
    most: int | None,
    follow: bool,
    home: Path | None,
    as_json: bool,
) -> None:
    """Show what a consumer has not had, oldest first; it moves behind what was written, and behind what did not fit.

    Args:
        begin: where a new one begins; None: behind everything that there is.
        most: events that fit; None: all.

    Raises ReadElsewhere: somebody else reads under the name.
    """
    from mft.cli.access import ledger_of, open_home
    from mft.ledger.outbox import events_after

    found, config = open_home(home)
    with ledger_of(home) as books:
        at = _begin(books, name, begin, found, config)
        while most is None or most > 0:
            rows = events_after(books, at, _AT_ONCE)
            if not rows and not follow:
                return
            if not rows:
                time.sleep(_FOLLOW_SECONDS)
                continue
            fit = list(islice(fitting(rows, wanted), most))
            write(fit, as_json=as_json)
            if most is not None:
                most -= len(fit)
            last = str(fit[-1][0]["id"] if most == 0 else rows[-1]["id"])
            _move(books, name, at, last, found, config)
            at = last


def _begin(books: "Books", name: str, begin: int | None, home: "Home", config: "Config") -> str:
    """The last event that a consumer has; a new one is noted."""
    from mft.clock import LAST_ID
    from mft.ledger.consumers import consumer
    from mft.ledger.outbox import history, last_event

    if (row := consumer(books, name)) is not None:
        return str(row["event_id"])
    at = last_event(books) or ""
    if begin is not None:
        first = next(history(books, since=begin), None)
        before = history(books, before=first["id"] if first else LAST_ID, newest_first=True)
        at = next((str(row["id"]) for row in before), "")
    _move(books, name, None, at, home, config)
    return at


def _move(books: "Books", name: str, behind: str | None, to: str, home: "Home", config: "Config") -> None:
    """Keep how far a consumer is. While a server starts or ends, we wait for it.

    Raises ReadElsewhere, or why it could not be kept for a minute.
    """
    from mft.cli.access import writing
    from mft.ledger.consumers import ReadElsewhere, consumer
    from mft.pipeline.reissue import MoveConsumer

    until, unanswered = time.monotonic() + _RESTART_SECONDS, False
    while True:
        try:
            with writing(home, config) as carry_out:
                carry_out(MoveConsumer(name, behind, to))
        except ReadElsewhere:
            row = consumer(books, name)
            if not unanswered or row is None or row["event_id"] != to:
                raise
        except (Broken, Busy, HomeInUse) as error:
            if time.monotonic() > until or (isinstance(error, Broken) and type(error) is not Broken):
                raise
            unanswered = unanswered or isinstance(error, Broken)
            time.sleep(_FOLLOW_SECONDS)
            continue
        return


@consumers.command("list")
def list_consumers(home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Who reads events, and how far behind they are.

    \b
    mft events consumers list
    """
    from mft.cli.access import ledger_of
    from mft.ledger.consumers import consumers as all_of
    from mft.ledger.outbox import behind

    with ledger_of(home) as books:
        rows = [
            {
                "consumer": row["name"],
                "event": row["event_id"] or None,
                "made_at": row["made_at"],
                "moved_at": row["moved_at"],
                "behind": behind(books, row["event_id"]),
            }
            for row in all_of(books)
        ]
    columns = {
        "CONSUMER": lambda row: row["consumer"],
        "HAS ALL UP TO": lambda row: row["event"] or "-",
        "MOVED (UTC)": lambda row: when(row["moved_at"]),
        "BEHIND": lambda row: f"{row['behind']:,}",
    }
    Output(as_json).rows(rows, columns, empty="no consumers: see mft events tail --consumer")


@consumers.command("forget")
def forget_consumer(
    name: Annotated[str, typer.Argument(metavar="NAME", callback=utf8)], home: HomeOption = None
) -> None:
    """Forget how far somebody has read; the same name begins anew.

    \b
    mft events consumers forget crm
    """
    from mft.cli.access import open_home, writing
    from mft.pipeline.reissue import ForgetConsumer

    found, config = open_home(home)
    with writing(found, config) as carry_out:
        carry_out(ForgetConsumer(name))
    print(f"{name} is forgotten")
