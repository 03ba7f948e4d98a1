"""`mft audit verify` and `mft audit export`: the proof that the log was not changed, here and in an auditor's hands."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft.cli.options import HomeOption, JsonOption, Output, TimeOption, UntilOption
from mft.errors import AuditMismatch, Broken, Missing

if TYPE_CHECKING:
    from mft.audit.selection import Selection
    from mft.ledger.database import Books

FromOption = Annotated[
    int | None, typer.Option("--from", min=0, metavar="LEAF", help="From this leaf's number on.", show_default=False)
]
ToOption = Annotated[
    int | None,
    typer.Option("--to", min=1, metavar="LEAF", help="Up to this one, which is left out.", show_default=False),
]
TransferOption = Annotated[
    str, typer.Option("--transfer", metavar="ID", help="Only the leaves of this transfer.", show_default=False)
]
CheckpointOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--checkpoint",
        metavar="FILE",
        help="Checkpoints kept elsewhere that must be in the log; a file may hold many. Can be given again.",
        show_default=False,
    ),
]


def verify(
    begin: FromOption = None,
    end: ToOption = None,
    since: TimeOption = None,
    until: UntilOption = None,
    transfer: TransferOption = "",
    key: Annotated[
        list[Path] | None,
        typer.Option(
            "--key",
            metavar="FILE",
            help="A public key of the log, kept elsewhere; can be given again [default: keys/audit.pub].",
            show_default=False,
        ),
    ] = None,
    checkpoint: CheckpointOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check every leaf, the tree and every signed checkpoint. Exit code 0: it is true; 1: it is not.

    A range, a time or a transfer is checked leaf by leaf, and up to the checkpoints by the stored tree.

    \b
    mft audit verify
    mft audit verify --key /mnt/usb/audit.pub --checkpoint /mnt/usb/last-month.txt
    mft audit verify --since yesterday
    """
    from mft.audit.verify import verify_log
    from mft.cli.access import open_home
    from mft.crypto.signing import VerifyKey
    from mft.ledger.database import Ledger, database_errors, reading

    found, config = open_home(home)
    ledger = Ledger(found.ledger_url(config.ledger.url))
    if not ledger.exists():
        raise Missing(f"{found.root} has no ledger")
    keys = [VerifyKey.load(path) for path in key or [found.verify_key]]
    pinned = [path.read_text(encoding="utf-8", errors="replace") for path in checkpoint or ()]
    try:
        chosen = selecting(begin, end, since, until, transfer, _sizes(pinned))
        with reading(ledger) as books, progress_bar(_count(books, begin, end)) as progress:
            verified = verify_log(books, keys, progress=progress, pinned=pinned, select=chosen, ledger=ledger)
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
                    "kept_elsewhere": verified.kept,
                    "keys": list(verified.keys),
                    "redacted": verified.redacted,
                }
            )
            return
        print(f"yes: {verified.leaves:,} leaves are as they were written")
        print(f"  {verified.checkpoints:,} checkpoints, the last over {verified.size:,} leaves, root {verified.root}")
        if len(verified.keys) > 1:
            print(f"  {len(verified.keys):,} keys signed it, each brought in by the one before")
        if verified.unsigned:
            print(f"  {verified.unsigned:,} leaves are newer than that; the next checkpoint covers them")


def export(
    target: Annotated[Path, typer.Argument(metavar="DIR|FILE.tar", help="Where to; must not exist.")],
    begin: FromOption = None,
    end: ToOption = None,
    since: TimeOption = None,
    until: UntilOption = None,
    transfer: TransferOption = "",
    clear: Annotated[
        bool, typer.Option("--clear/--no-clear", help="With names and hashes that leaves commit to, or without.")
    ] = True,
    checkpoint: CheckpointOption = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write the log, or a part of it, for an auditor to take away: leaves, checkpoints, and mft-verify to check them.

    A part reaches the checkpoints all the same, by hashes that stand for the leaves not shown. It is a leaf itself.

    \b
    mft audit export /mnt/usb/audit
    mft audit export march.tar --since 2026-03-01 --until 2026-03-31 --no-clear
    then, anywhere: python3 -I mft_verify.py . --key audit.pub --checkpoint last-month.txt
    """
    from mft.audit.export import Exported
    from mft.audit.export import export as write
    from mft.cli.access import actor, open_home, writing
    from mft.clock import now_us
    from mft.core import Note
    from mft.crypto.signing import VerifyKey
    from mft.ledger.database import Ledger, database_errors, reading
    from mft.ledger.transfers import transfer_row

    found, config = open_home(home)
    ledger = Ledger(found.ledger_url(config.ledger.url))
    if not ledger.exists():
        raise Missing(f"{found.root} has no ledger")
    vkey = VerifyKey.load(found.verify_key).vkey
    pinned = [path.read_text(encoding="utf-8", errors="replace") for path in checkpoint or ()]
    chosen = selecting(begin, end, since, until, transfer, _sizes(pinned))
    with reading(ledger) as books, progress_bar(_count(books, begin, end)) as progress, writing(found, config) as run:
        try:
            with books.snapshot():
                about = transfer_row(books, transfer)["id"] if transfer else None
                selection = chosen(books)
                span = None if selection.begin is None else f"{selection.begin}-{(selection.end or 0) - 1}"

                def tell(exported: Exported) -> None:
                    facts = {"leaves": exported.leaves, "size": exported.size, "range": span, "clear": exported.clears}
                    run(Note("audit.exported", actor(), transfer=about, facts=facts))

                exported = write(
                    books,
                    selection,
                    target,
                    vkey=vkey,
                    at=now_us(),
                    clear=clear,
                    before_it_is_there=tell,
                    transfer=about,
                    progress=progress,
                )
        except database_errors(ledger.dialect_name) as error:
            raise Broken(f"the ledger cannot be read: {error}; see `mft doctor`") from error
    if as_json:
        Output(as_json).object(
            {"path": str(target), "leaves": exported.leaves, "clear": exported.clears, "size": exported.size}
        )
        return
    print(f"wrote {target}: {exported.leaves:,} leaves with {exported.clears:,} clear values")
    where, what = (str(target), "") if target.suffix != ".tar" else (target.name, f"tar xf {target}; ")
    print(
        f"  to check it: {what}python3 -I {target.with_suffix('') if what else where}/mft_verify.py {where} --key KEY"
    )


def selecting(
    begin: int | None, end: int | None, since: int | None, until: int | None, transfer: str, cuts: Sequence[int]
) -> "Callable[[Books], Selection]":
    """What options ask for, as one choice."""
    ways = [begin is not None or end is not None, since is not None or until is not None, bool(transfer)]
    if sum(ways) > 1:
        raise typer.BadParameter("numbers, times and --transfer are three ways to choose leaves: take one")

    def choose(books: "Books") -> "Selection":
        from mft.audit.selection import of_log, of_range, of_time, of_transfer
        from mft.ledger.transfers import transfer_row

        if ways[0]:
            return of_range(books, begin or 0, 1 << 62 if end is None else end, cuts)
        if ways[1]:
            return of_time(books, since or 0, until if until is not None else 1 << 62, cuts)
        if transfer:
            return of_transfer(books, transfer_row(books, transfer)["id"], cuts)
        return of_log(books)

    return choose


def _sizes(pinned: Sequence[str]) -> list[int]:
    """The sizes of checkpoints that were kept elsewhere, as far as they can be read."""
    from mft.audit.mft_verify import No, Note, split_notes

    try:
        return [Note(note).size for text in pinned for note in split_notes(StringIO(text))]
    except No as error:
        raise AuditMismatch(f"a checkpoint kept elsewhere is none: {error}") from None


def _count(books: "Books", begin: int | None, end: int | None) -> int:
    from mft.audit.selection import of_log

    size = of_log(books).size if sys.stderr.isatty() else 0
    return max(0, min(end if end is not None else size, size) - (begin or 0))


@contextmanager
def progress_bar(total: int) -> "Iterator[Callable[[int], None]]":
    """A bar on a terminal's standard error; called with how many leaves are done."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("leaves", total=total or None)
        yield lambda done: shown.update(task, completed=done)


def _say_no(reason: str, as_json: bool) -> Any:
    if as_json:
        Output(as_json).object({"verified": False, "reason": reason})
    else:
        print(f"no: {reason}")
    raise typer.Exit(1)
