"""What a crash left half-done is brought in order, before doors open."""

from typing import Final

from mft.core import Core
from mft.crypto.stream import plain_size
from mft.errors import Broken
from mft.ledger.database import Ledger, reading
from mft.ledger.objects import erased_objects, is_blob, object_files, sealed_object
from mft.ledger.record_parts import parts_in_files
from mft.ledger.uploads import under_way
from mft.pipeline.receive import Salvage
from mft.records.cache import DropPart
from mft.vault.store import Vault

_ORPHAN_SECONDS: Final = 7 * 86_400


def salvage(core: Core, ledger: Ledger, vault: Vault, only: set[str] | None = None) -> int:
    """Keep what is whole of uploads (or `only` of these) whose process died; returns how many."""
    with reading(ledger) as books:
        found = [row for row in under_way(books) if only is None or row["id"] in only]
        pieces = [sealed_object(books, row["object_id"]) if row["object_id"] else None for row in found]
    for row, piece in zip(found, pieces, strict=True):
        size = vault.salvage(piece) if piece is not None and piece.cut else 0
        core.run(Salvage(row["id"], plain_size(size, cut=True) if size else 0, size))
    return len(found)


def forget_lost_parts(core: Core, ledger: Ledger, vault: Vault) -> None:
    """Let parts of the cache of records go whose files are gone: they are made again."""
    with reading(ledger) as books:
        parts = parts_in_files(books)
    for object_id, part in parts.items():
        if not vault.has_file(object_id):
            core.run(DropPart(part))


def sweep(ledger: Ledger, vault: Vault) -> int:
    """Set vault files aside that no row speaks of: uploads that were never acknowledged. Returns how many.

    They are deleted a week later: if the ledger was restored from a backup that is too old, they are files of partners.

    Raises:
        Broken: a row speaks of a file that is gone; nothing is moved then.
    """
    with reading(ledger) as books:
        known, erased = object_files(books), erased_objects(books)
    found = set(vault.files())
    if lost := known - found:
        raise Broken(
            f"{len(lost)} objects are in the ledger and their files are gone from {vault.root} "
            f"(first: {min(lost)}): restore the vault from a backup"
        )
    for object_id in found & erased:  # Forgotten, and the server ended before its file was removed.
        vault.remove(object_id)
    strange = found - known - erased
    with reading(ledger) as books:
        copies = {object_id for object_id in strange if is_blob(books, object_id)}
    for object_id in copies:  # On its way out of the ledger, which still has it.
        vault.remove(object_id)
    orphans = strange - copies
    for orphan in orphans:
        vault.set_aside(orphan)
    vault.forget_orphans(older_than_seconds=_ORPHAN_SECONDS)
    return len(orphans)
