"""`mft backup`: a copy of the home on another disk, while the server runs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mft.cli.files import steps
from mft.cli.options import HomeOption, JsonOption, Output, size, when
from mft.errors import NotSupported

if TYPE_CHECKING:
    from mft.backup import Places
    from mft.home import Home


def backup(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="Where to: new, empty, or an earlier backup.")],
    keys: Annotated[
        Path | None,
        typer.Option(
            "--keys", metavar="KEYDIR", help="Copy the keys too, to a place of their own.", show_default=False
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Back up ledger, sealed files and configuration, without the keys; the server may run.

    Into the directory of an earlier backup only what is new is copied, and what was erased since is removed: erasing
    reaches a backup with the next run, never an older copy of it. The earlier backup counts until the new one is whole.
    What is received after a backup is not in it.

    \b
    mft backup /mnt/backup/mft --keys /mnt/safe/mft-keys
    mft backup /mnt/backup/mft
    """
    import mft
    from mft.backup import back_up, check_apart, same_disk
    from mft.cli.access import actor, check_owner, open_home, writing
    from mft.core import Note
    from mft.crypto.signing import VerifyKey

    found, config = open_home(home)
    if config.ledger.url:
        raise NotSupported(
            "the ledger is on PostgreSQL, which has its own tools: back it up with pg_dump or pgBackRest first, "
            f"then copy {found.vault} and {found.config_file.parent}, and {found.keys} to another place"
        )
    check_owner(found)
    check_apart(found.root, found.keys, directory, keys)
    vkey = VerifyKey.load(found.verify_key)
    with steps() as progress:
        done = back_up(places_of(found), directory, vkey=vkey, program=mft.__version__, progress=progress, keys=keys)
    manifest, inside = done.manifest, done.manifest.contents
    facts: dict[str, str | int | None] = {
        "backup": manifest.id,
        "objects": inside.objects,
        "bytes": inside.bytes,
        "size": inside.leaves,
    }
    with writing(found, config) as run:
        run(Note("home.backed-up", actor(), facts=facts))
    together = keys is not None and same_disk(directory, keys)
    if as_json:
        row = {
            "backup": manifest.id, "made_at": manifest.made_at, "leaves": inside.leaves, "objects": inside.objects,
            "bytes": inside.bytes, "ledger_bytes": manifest.ledger_bytes, "copied": done.copied,
            "copied_bytes": done.copied_bytes, "removed": done.removed, "keys": str(keys) if keys else None,
            "same_disk": together,
        }  # fmt: skip
        Output(as_json).object(row)
        return
    print(f"backed up {found.root} to {directory}, as of {when(manifest.at)} UTC")
    print(f"  {inside.objects:,} sealed files ({done.copied:,} new, {size(done.copied_bytes)}), "
          f"{size(manifest.ledger_bytes)} of ledger, {inside.leaves:,} leaves")  # fmt: skip
    if done.removed:
        print(f"  {done.removed:,} files that were erased or replaced since the last backup are gone from it")
    print("  what is received from now on is in the next backup")
    if keys is None:
        print(f"  keys are not in it, and without them it cannot be read: back up {found.keys} apart, or use --keys")
    else:
        print(f"  keys: {keys}" + (", which is on the same disk: take one of them away" if together else ""))


def places_of(home: "Home") -> "Places":
    """Where the parts of a home are."""
    from mft.backup import Places

    return Places(home.root, home.config_file.parent, home.keys, home.vault, home.data / "ledger.db")
