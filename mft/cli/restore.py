"""`mft restore`: a home again, out of a backup and the keys."""

from pathlib import Path
from typing import Annotated

import typer

from mft.cli.files import steps
from mft.cli.options import JsonOption, Output, when
from mft.errors import Missing, NotSupported


def restore(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="What `mft backup` wrote.")],
    keys: Annotated[Path, typer.Option("--keys", metavar="KEYDIR", help="The keys that were kept apart from it.")],
    home: Annotated[Path, typer.Option("--home", metavar="NEW", help="Where to: new or empty.")] = Path("mft-home"),
    checkpoint: Annotated[
        list[Path] | None,
        typer.Option(
            "--checkpoint",
            metavar="FILE",
            help="A checkpoint kept elsewhere; more than one may be.",
            show_default=False,
        ),
    ] = None,
    key: Annotated[
        Path | None,
        typer.Option("--key", metavar="FILE", help="The log's public key, kept elsewhere.", show_default=False),
    ] = None,
    verify: Annotated[bool, typer.Option("--verify", help="Open every sealed file to its last byte, too.")] = False,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Go on although a checkpoint proves that something came later.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Make a home again from a backup. The home that was backed up must not run any more.

    Everything is checked first: the backup against its manifest, the keys, every sealed file's size, the audit log and
    the checkpoints that you kept. A checkpoint over more leaves than the log has means that the backup is too old.

    \b
    mft restore /mnt/backup/mft --keys /mnt/safe/mft-keys --home /srv/mft
    mft restore /mnt/backup/mft --keys /mnt/safe/mft-keys --home /srv/mft --checkpoint last.txt --verify
    """
    from mft.cli.access import actor, writing
    from mft.cli.backup import places_of
    from mft.config import load_config
    from mft.core import Note
    from mft.crypto.signing import VerifyKey
    from mft.home import Home
    from mft.restore import Restore, Trust

    trust = Trust(
        keys=(VerifyKey.load(key),) if key else (),
        checkpoints=tuple(_text(path) for path in checkpoint or ()),
        accept_loss=accept_loss,
    )
    with steps() as progress:
        work = Restore(directory, keys, home, progress)
        try:
            staged = Home(work.staging)
            restored = work.prepare(places_of(staged), trust, read_all=verify)
            config = load_config(staged)
            if config.ledger.url:
                raise NotSupported("[ledger] url, or MFT_LEDGER__URL, names another ledger than the one in the backup")
            for folder in (staged.partners, staged.guides, staged.run):
                folder.mkdir(mode=0o700, exist_ok=True)
            manifest, inside = restored.manifest, restored.manifest.contents
            facts: dict[str, str | int | None] = {"backup": manifest.id, "size": inside.leaves, "lost": restored.lost}
            with writing(staged, config) as run:
                run(Note("home.restored", actor(), facts=facts))
            work.settle()
        except BaseException:
            work.abandon()
            raise
    if as_json:
        row = {
            "home": str(work.target), "backup": manifest.id, "made_at": manifest.made_at, "leaves": inside.leaves,
            "objects": inside.objects, "bytes": inside.bytes, "lost": restored.lost, "opened": verify,
        }  # fmt: skip
        Output(as_json).object(row)
        return
    print(f"restored {work.target} as it was at {when(manifest.at)} UTC")
    print(f"  {inside.leaves:,} leaves verify, {inside.objects:,} sealed files are there"
          + (", and all of them open" if verify else ""))  # fmt: skip
    if restored.lost is not None:
        print(
            f"  {restored.lost:,} leaves at least are lost: keep the checkpoint that proves it, and tell your partners"
        )
    elif not checkpoint:
        print("  whether it is the newest state only a checkpoint kept elsewhere can tell: --checkpoint")
    print("  what was received after that moment is not in it: partners must send it again")
    print("  the home that was backed up must never run again: both would sign one log, in two ways")
    if config.keys.folder:
        print(f"  [keys] folder is {config.keys.folder}: move {work.target}/keys there, or to what it is filled from")
    print(f"next: mft doctor --home {home}; mft serve --home {home}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise Missing(f"{path}: {error.strerror}") from None
