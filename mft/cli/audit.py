"""`mft audit`: what happened, and the proof that the log of it was not changed."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from mft.cli import audit_query, audit_receipt
from mft.cli.options import HomeOption, JsonOption, Output
from mft.errors import AuditMismatch, Missing

app = typer.Typer(
    help="The audit log: query, tail, redact, verify, prove, checkpoint.", no_args_is_help=True, rich_markup_mode=None
)
app.command()(audit_receipt.prove)
app.command()(audit_receipt.checkpoint)

app.command()(audit_query.query)
app.command()(audit_query.tail)
app.command()(audit_query.redact)


@app.command()
def verify(
    key: Annotated[
        Path | None,
        typer.Option(
            "--key",
            metavar="FILE",
            help="The log's public key, kept elsewhere [default: keys/audit.pub].",
            show_default=False,
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="A checkpoint kept elsewhere that must be in the log.",
            show_default=False,
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every leaf, the tree and every signed checkpoint. Exit code 0: it is true; 1: it is not.

    \b
    mft audit verify
    mft audit verify --key /mnt/usb/audit.pub --checkpoint /mnt/usb/last-month.txt
    """
    from mft.audit.verify import verify_log
    from mft.cli.access import open_home
    from mft.config import VERIFY_KEY
    from mft.crypto.signing import VerifyKey
    from mft.ledger.database import Ledger, database_errors, reading

    found, config = open_home(home)
    ledger = Ledger(found.ledger_url(config))
    if not ledger.exists():
        raise Missing(f"{found.root} has no ledger")
    verify_key = VerifyKey.load(key or found.keys / VERIFY_KEY)
    pinned = checkpoint.read_text(encoding="utf-8", errors="replace") if checkpoint else None
    looked_on = sys.stderr.isatty()
    try:
        with reading(ledger) as books:
            verified = verify_log(books, verify_key, progress=_progress if looked_on else None, pinned=pinned)
    except AuditMismatch as error:
        _say_no(str(error), as_json)
    except database_errors(ledger.dialect_name) as error:
        _say_no(f"the ledger cannot be read: {error}", as_json)
    else:
        if as_json:
            Output(as_json).object(
                {
                    "verified": True,
                    "leaves": verified.leaves,
                    "unsigned": verified.unsigned,
                    "checkpoints": verified.checkpoints,
                    "size": verified.size,
                    "root": verified.root,
                }
            )
            return
        print(f"yes: {verified.leaves:,} leaves are as they were written")
        print(f"  {verified.checkpoints:,} checkpoints, the last over {verified.size:,} leaves, root {verified.root}")
        if verified.unsigned:
            print(f"  {verified.unsigned:,} leaves are newer than that; the next checkpoint covers them")


def _say_no(reason: str, as_json: bool) -> None:
    if as_json:
        Output(as_json).object({"verified": False, "reason": reason})
    else:
        print(f"no: {reason}")
    raise typer.Exit(1)


def _progress(leaves: int) -> None:
    print(f"\r{leaves:,} leaves", end="\r", file=sys.stderr, flush=True)
