"""`mft audit prove` and `mft audit checkpoint`: what leaves the house, so that the log can be held to it."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from mft.cli.options import HomeOption, JsonOption, Output, utf8, when
from mft.errors import AuditMismatch, Busy, MFTError, Missing, NameTaken

RECEIPT_BYTES_MAX = 4 << 20


def prove(
    what: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="A leaf's id, or its number in the log; a transfer's id with --transfer.",
            callback=utf8,
            show_default=False,
        ),
    ] = "",
    transfer: Annotated[
        bool, typer.Option("--transfer", help="ID is a transfer, or a unique beginning: prove that it was received.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it there.", show_default=False)
    ] = None,
    check: Annotated[
        Path | None,
        typer.Option("--check", metavar="FILE", help="Check this receipt; needs no home.", show_default=False),
    ] = None,
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", metavar="FILE", help="With --check: a public key of the log that you trust."),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The receipt of a leaf: proof, for good and without us, that it is in the log. Exit code 1: it is not.

    \b
    mft audit prove 01m8283ew4 --transfer --out claims.receipt
    mft audit prove --check claims.receipt --key audit.pub
    """
    if (check is None) == (not what):
        raise typer.BadParameter("give the ID of what to prove, or --check FILE")
    if check is not None:
        if not key:
            raise typer.BadParameter("--check wants --key FILE: the log's public key, from another place than the file")
        _check(check, key, as_json)
        return
    if key:
        raise typer.BadParameter("--key goes with --check")
    made = _made(home, what, transfer)
    if out is not None:
        try:
            with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(made.encode())  # It shows names.
        except FileExistsError:
            raise NameTaken(f"{out} exists: name another file, or remove it first") from None
    if as_json:
        Output(as_json).object({"receipt": made})
    elif out is None:
        sys.stdout.write(made)
    else:
        print(f"{out}: check it with mft audit prove --check {out} --key audit.pub")


def checkpoint(
    send: Annotated[bool, typer.Option("--send", help="Send it now to every place that [audit.send] names.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The newest signed checkpoint: kept elsewhere, it fixes all that the log says up to it.

    \b
    mft audit checkpoint > /mnt/usb/checkpoint.txt
    mft audit checkpoint --send
    """
    from mft.audit.log import newest_checkpoint
    from mft.cli.access import ledger_of

    with ledger_of(home) as books:
        newest = newest_checkpoint(books)
    if newest is None:
        raise Missing("the log has no checkpoint yet: `mft serve` signs one when it starts")
    sent = _send(home, newest["size"], newest["note"]) if send else {}
    if as_json:
        facts = {"size": newest["size"], "at": newest["at"], "note": newest["note"]}
        Output(as_json).object({**facts, **({"sent": sent} if send else {})})
    elif send:
        for destination, failure in sent.items():
            print(f"{destination}: {failure or 'has it'}")
    else:
        sys.stdout.write(newest["note"])
    if any(sent.values()):
        raise typer.Exit(1)


def _send(home: Path | None, size: int, note: str) -> dict[str, str | None]:
    """Send a checkpoint everywhere; returns what failed, by destination."""
    from mft.cli.access import open_home, writing
    from mft.installation import destinations
    from mft.pipeline.anchor import attempt

    found, config = open_home(home)
    places = destinations(config)
    if not places:
        raise Missing("there is no place to send checkpoints to: set [audit.send] in mft.toml")
    tried = {place.id: attempt(place, size, note) for place in places}
    with writing(found, config) as submit:
        for command in tried.values():
            submit(command)
    return {destination: getattr(command, "failure", None) for destination, command in tried.items()}


def _made(home: Path | None, what: str, transfer: bool) -> str:
    from mft.audit.receipt import leaf_numbered, leaf_of_transfer, receipt_of
    from mft.cli.access import ledger_of, open_home, server_of, writing
    from mft.ledger.transfers import transfer_row

    found, config = open_home(home)
    for again in (False, True):
        with ledger_of(home) as books:
            if transfer:
                leaf = leaf_of_transfer(books, transfer_row(books, what)["id"])
            elif what.isascii() and what.isdigit() and len(what) <= 19:
                leaf = leaf_numbered(books, int(what))
            else:
                leaf = what
            made = receipt_of(books, leaf)
        if made is not None:
            return made
        client = server_of(found)
        if client is not None:
            client.close()
            seconds = config.audit.checkpoint_seconds
            raise Busy(f"no checkpoint covers leaf {leaf} yet; the server signs one within {seconds} s: try again then")
        if not again:
            with writing(found, config):
                pass  # Whoever may write signs what is there when they leave.
    raise Missing(f"leaf {leaf} is not in the log's tree: see `mft audit verify`")


def _check(path: Path, keys: list[Path], as_json: bool) -> None:
    from mft.audit.receipt import verify
    from mft.crypto.signing import VerifyKey

    trusted = [VerifyKey.load(key) for key in keys]
    try:
        with path.open("rb") as file:
            content = file.read(RECEIPT_BYTES_MAX)
        try:
            proven = verify(content.decode(), trusted)
        except UnicodeDecodeError:
            raise AuditMismatch("a receipt is not UTF-8") from None
    except MFTError as error:
        if as_json:
            Output(as_json).object({"verified": False, "reason": str(error)})
        else:
            print(f"no: {error}")
        raise typer.Exit(1) from None
    said, signed = proven.said, proven.checkpoint
    if as_json:
        Output(as_json).object(
            {
                "verified": True,
                "index": proven.index,
                "leaf": said,
                "shown": proven.shown,
                "origin": signed.origin,
                "size": signed.size,
                "root": signed.root.hex(),
            }
        )
        return
    print(f"yes: leaf {proven.index:,} of {signed.origin}, which had {signed.size:,} when it was signed")
    print(f"  {when(said['at'])} UTC  {said['kind']}  by {said['actor']}")
    for name, value in {"transfer": said["transfer"], **said["facts"], **proven.shown}.items():
        if value is not None:
            print(f"  {name}: {value}")
