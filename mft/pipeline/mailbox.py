"""What a partner sees: three folders whose names live in the ledger. No name is ever a path on a disk.

/inbound   files they put, listed for `visible_for` after their arrival; a rename or removal changes the label only
/outbound  files for them to fetch
/errors    in plain words, what was wrong with theirs
"""

import msgspec

from mft.domain import ERRORS, INBOUND, OUTBOUND, Principal, SealedObject, printable
from mft.errors import Missing, NameTaken, NotAllowed
from mft.ledger import transfers
from mft.ledger.database import Books, Row
from mft.ledger.objects import sealed_object
from mft.pipeline.journal import Journal


class Rename(msgspec.Struct, frozen=True, tag=True):
    """Give an own upload another name. `since` as in `entries`."""

    principal: Principal
    folder: bytes
    name: bytes
    new_folder: bytes
    new_name: bytes
    since: int
    replace: bool = False


class Remove(msgspec.Struct, frozen=True, tag=True):
    """Take a name out of the partner's sight."""

    principal: Principal
    folder: bytes
    name: bytes
    since: int


class Fetched(msgspec.Struct, frozen=True, tag=True):
    """A partner has read a file to its last byte and closed it."""

    principal: Principal
    transfer: str
    size_bytes: int


def entries(books: Books, connection: str, folder: bytes, *, since: int, after: bytes = b"") -> list[Row]:
    """A page of the files in a folder, by name; none behind the last. `after` is the last name of the page before.

    `since` is the oldest arrival, in microseconds, that is still listed.
    """
    return transfers.listing(books, connection, folder, since=since, after=after)


def entry(books: Books, connection: str, folder: bytes, name: bytes, *, since: int) -> Row:
    """Raises Missing: the connection sees no such file."""
    row = transfers.named(books, connection, folder, name, since=since)
    if row is None:
        raise Missing("no such file")
    return row


def content(books: Books, connection: str, folder: bytes, name: bytes, *, since: int) -> tuple[Row, SealedObject]:
    """A file to be fetched.

    Raises:
        NotAllowed: it lies in a folder that is for uploads.
        Missing: the connection sees no such file.
    """
    row = entry(books, connection, folder, name, since=since)
    if folder not in {OUTBOUND, ERRORS}:
        raise NotAllowed(f"{folder.decode()} is for uploads: files cannot be read back from it")
    return row, sealed_object(books, row["object_id"])


def rename(journal: Journal, command: Rename) -> None:
    """Raises NotAllowed, Missing, or NameTaken where `replace` is not asked for."""
    who = command.principal
    if command.folder != INBOUND or command.new_folder != INBOUND:
        raise NotAllowed("only files in /inbound can be renamed, and only within it")
    row = entry(journal.books, who.connection, command.folder, command.name, since=command.since)
    taken = transfers.named(journal.books, who.connection, command.new_folder, command.new_name, since=command.since)
    if taken is not None and taken["id"] != row["id"]:
        if not command.replace:
            raise NameTaken("a file of the new name is there already")
        transfers.unlist(journal.books, who.connection, command.new_folder, command.new_name, at=journal.at)
    transfers.relabel(journal.books, row["id"], command.new_folder, command.new_name, at=journal.at)
    journal.leaf(
        "transfer.renamed",
        actor=f"connection:{who.connection}",
        connection=who.connection,
        transfer=row["id"],
        private={"name": printable(command.name), "new_name": printable(command.new_name)},
    )


def remove(journal: Journal, command: Remove) -> None:
    """Raises Missing. The transfer and its sealed bytes stay: a partner cannot undo what was received."""
    who = command.principal
    row = entry(journal.books, who.connection, command.folder, command.name, since=command.since)
    transfers.unlist(journal.books, who.connection, command.folder, command.name, at=journal.at)
    journal.leaf(
        "transfer.removed",
        actor=f"connection:{who.connection}",
        connection=who.connection,
        transfer=row["id"],
        private={"name": printable(command.name)},
    )


def fetched(journal: Journal, command: Fetched) -> None:
    journal.leaf(
        "transfer.fetched",
        actor=f"connection:{command.principal.connection}",
        connection=command.principal.connection,
        transfer=command.transfer,
        facts={"size_bytes": command.size_bytes},
    )
