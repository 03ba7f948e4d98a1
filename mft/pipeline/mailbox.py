"""What a partner sees: folders whose names live in the ledger and in their profile. No name is ever a path on a disk.

/inbound   files they put. A *partial* was broken off and can be resumed; a *parked* one was closed under a temporary
           name or in a staging folder; any other is *published*: its sender heard yes, and what they do to the name
           from then on changes a label only. Folders below it are their profile's, or made by them where it allows that
/outbound  files for them to fetch; folders below it and below /errors are their profile's
/errors    in plain words, what was wrong with theirs
"""

from collections.abc import Sequence

import msgspec

from mft.domain import ERRORS, INBOUND, OUTBOUND, Principal, SealedObject, Stage, printable
from mft.errors import Missing, NameTaken, NotAllowed
from mft.ledger import mailboxes, uploads
from mft.ledger.database import Books, Row
from mft.ledger.objects import sealed_object
from mft.pipeline.evidence import speaks_of
from mft.pipeline.journal import Journal
from mft.pipeline.receive import Heard, displace, give_up, hear, repeat


class Rename(msgspec.Struct, frozen=True, tag=True):
    """Give an own upload another name. `since` as in `entries`.

    `publish` says that the new name is not a temporary one: a parked file is received with it. `repeat_since` and
    `heard` as in `Receive`.
    """

    principal: Principal
    folder: bytes
    name: bytes
    new_folder: bytes
    new_name: bytes
    since: int
    feed: str | None = None
    retention: str | None = None
    in_order: bool = False
    replace: bool = False
    publish: bool = False
    repeat_since: int = 0
    heard: tuple[str, ...] = ()


class Remove(msgspec.Struct, frozen=True, tag=True):
    """Take a name out of the partner's sight."""

    principal: Principal
    folder: bytes
    name: bytes
    since: int


class SetModified(msgspec.Struct, frozen=True, tag=True):
    """Keep the time of modification, in microseconds, that a partner gives their file."""

    principal: Principal
    folder: bytes
    name: bytes
    since: int
    moment: int


class MakeFolder(msgspec.Struct, frozen=True, tag=True):
    principal: Principal
    path: bytes


class RemoveFolder(msgspec.Struct, frozen=True, tag=True):
    principal: Principal
    path: bytes
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
    return mailboxes.listing(books, connection, folder, since=since, after=after)


def entry(books: Books, connection: str, folder: bytes, name: bytes, *, since: int) -> Row:
    """Raises Missing: the connection sees no such file."""
    row = mailboxes.named(books, connection, folder, name, since=since)
    if row is None:
        raise Missing("no such file")
    return row


def is_partial(row: Row) -> bool:
    """Whether its sender has not closed it, as far as we know."""
    return row["stage"] == Stage.PARTIAL or (row["stage"] == Stage.RECEIVING and row["sha256"] is None)


def is_lost(row: Row) -> bool:
    """Whether an upload is entered as under way that nobody is at any more: its end could not be entered.

    Only who has the name may ask: then nobody else is at it.
    """
    return row["stage"] == Stage.RECEIVING and row["sha256"] is None


def is_parked(row: Row) -> bool:
    """Whether it was closed under a temporary name, and is not published."""
    return row["stage"] == Stage.RECEIVING and row["sha256"] is not None


def folders(books: Books, connection: str, of_profile: Sequence[bytes]) -> list[bytes]:
    """Every folder that a connection has, absolute, each behind the one it lies in."""
    return sorted({INBOUND, OUTBOUND, ERRORS, *of_profile, *mailboxes.made_folders(books, connection)})


def content(books: Books, connection: str, folder: bytes, name: bytes, *, since: int) -> tuple[Row, SealedObject]:
    """A file to be fetched.

    Raises:
        NotAllowed: it lies in a folder that is for uploads.
        Missing: the connection sees no such file.
    """
    row = entry(books, connection, folder, name, since=since)
    if _is_inbound(folder):
        raise NotAllowed(f"{folder.decode(errors='replace')} is for uploads: files cannot be read back from it")
    return row, sealed_object(books, row["object_id"])


def rename(journal: Journal, command: Rename) -> str | None:
    """Returns the transfer that was published by it, if one was.

    Raises NotAllowed, Missing, or NameTaken where `replace` is not asked for.
    """
    books, who = journal.books, command.principal
    hear(journal, Heard(command.heard))
    if not (_is_inbound(command.folder) and _is_inbound(command.new_folder)):
        raise NotAllowed("only files in /inbound can be renamed, and only within it")
    row = entry(books, who.connection, command.folder, command.name, since=command.since)
    if is_partial(row):
        raise NotAllowed("the file is not whole: resume its upload, or upload it again, and rename it then")
    publish = is_parked(row) and command.publish
    taken = mailboxes.named(books, who.connection, command.new_folder, command.new_name, since=command.since)
    if taken is not None and taken["id"] != row["id"] and not publish and not command.replace:
        raise NameTaken("a file of the new name is there already")
    by = f"connection:{who.connection}"
    names = {"name": printable(command.name), "new_name": printable(command.new_name)}
    if publish:
        earlier = uploads.unheard(
            books,
            who.connection,
            command.new_folder,
            command.new_name,
            door="sftp",
            size=row["size_bytes"],
            sha256=row["sha256"],
            since=command.repeat_since,
        )
        if earlier is not None:
            folder, name, size = command.new_folder, command.new_name, row["size_bytes"]
            repeat(journal, earlier, who.connection, folder, name, size_bytes=size, instead=row)
            return str(earlier["id"])
    displace(journal, who.connection, command.new_folder, command.new_name, but=row["id"])
    mailboxes.relabel(
        books,
        row["id"],
        command.new_folder,
        command.new_name,
        feed=command.feed,
        retention=command.retention,
        in_order=command.in_order,
        at=journal.at,
    )
    journal.leaf("transfer.renamed", actor=by, connection=who.connection, transfer=row["id"], private=names)
    if not publish:
        return None
    spoken_of = speaks_of(command.new_name, row["size_bytes"])
    uploads.publish(books, row["id"], at=journal.at, speaks_of=spoken_of)
    journal.leaf(
        "transfer.received",
        actor=by,
        connection=who.connection,
        transfer=row["id"],
        facts={"door": "sftp", "size_bytes": row["size_bytes"], "object": row["object_id"]},
        private={"name": names["new_name"], "sha256": bytes(row["sha256"]).hex()},
    )
    journal.arrived = True
    return str(row["id"])


def remove(journal: Journal, command: Remove) -> None:
    """Raises Missing. What was published stays, sealed: a partner cannot undo what was received."""
    who = command.principal
    row = entry(journal.books, who.connection, command.folder, command.name, since=command.since)
    by = f"connection:{who.connection}"
    if row["stage"] in {Stage.PARTIAL, Stage.RECEIVING}:
        give_up(journal, who.connection, row, Stage.EXPIRED, "removed by its sender before it was published", by=by)
    else:
        mailboxes.unlist(journal.books, row["id"], at=journal.at)
    journal.leaf(
        "transfer.removed",
        actor=by,
        connection=who.connection,
        transfer=row["id"],
        private={"name": printable(command.name)},
    )


def set_modified(journal: Journal, command: SetModified) -> None:
    row = entry(journal.books, command.principal.connection, command.folder, command.name, since=command.since)
    mailboxes.set_modified(journal.books, row["id"], command.moment)


def make_folder(journal: Journal, command: MakeFolder) -> None:
    """Whether the profile allows it was asked before. Raises NameTaken."""
    who = command.principal
    if command.path in mailboxes.made_folders(journal.books, who.connection):
        raise NameTaken("the folder is there already")
    mailboxes.make_folder(journal.books, who.connection, command.path, at=journal.at)
    journal.leaf(
        "folder.made",
        actor=f"connection:{who.connection}",
        connection=who.connection,
        private={"name": printable(command.path)},
    )


def remove_folder(journal: Journal, command: RemoveFolder) -> None:
    """Raises NotAllowed: it is not empty, or not a folder that a partner made."""
    who = command.principal
    made = mailboxes.made_folders(journal.books, who.connection)
    if command.path not in made:
        raise NotAllowed("the folder belongs to your profile: it stays")
    inside = any(path.startswith(command.path + b"/") for path in made)
    if inside or mailboxes.has_files(journal.books, who.connection, command.path, since=command.since):
        raise NotAllowed("the folder is not empty")
    mailboxes.unmake_folder(journal.books, who.connection, command.path)
    journal.leaf(
        "folder.removed",
        actor=f"connection:{who.connection}",
        connection=who.connection,
        private={"name": printable(command.path)},
    )


def fetched(journal: Journal, command: Fetched) -> None:
    journal.leaf(
        "transfer.fetched",
        actor=f"connection:{command.principal.connection}",
        connection=command.principal.connection,
        transfer=command.transfer,
        facts={"size_bytes": command.size_bytes},
    )


def _is_inbound(folder: bytes) -> bool:
    return folder == INBOUND or folder.startswith(INBOUND + b"/")
