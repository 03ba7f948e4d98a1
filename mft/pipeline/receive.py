"""The first stage: bytes at a door become a sealed object and a transfer, in one durable commit. Then, and only then,
the sender hears yes. What breaks off on the way is kept for a while, and published never.
"""

import json
from dataclasses import replace
from typing import Any

import msgspec

from mft.audit.log import Fact
from mft.domain import Arrival, Direction, SealedObject, Stage, printable
from mft.ledger.database import Row
from mft.ledger.mailboxes import listed_as, relist, unlist
from mft.ledger.objects import drop_object, end_object, erase_object, insert_object, pieces_of, sealed_object
from mft.ledger.transfers import insert_transfer, transfer_row
from mft.ledger.uploads import end_upload, keep_salvaged, mark_heard, touch_upload, unheard, update_upload
from mft.pipeline.evidence import speaks_of
from mft.pipeline.journal import Journal


class Begin(msgspec.Struct, frozen=True, tag=True):
    """A file is on its way in and has reached the disk: what a crash must not lose.

    `sealed` is its newest piece, `size_bytes` what all ended pieces hold. Without `sealed`, nothing of it can be kept.
    `begun` says that the transfer has a row, `object_begun` that the piece has one, `drop` which objects nobody needs.
    """

    transfer: str
    arrival: Arrival
    sealed: SealedObject | None
    size_bytes: int
    begun: bool
    object_begun: bool
    drop: tuple[str, ...] = ()


class Keep(msgspec.Struct, frozen=True, tag=True):
    """An upload was broken off: what arrived is kept, to be resumed. Otherwise as in `Begin`.

    With `replaces` its sender was refused: what lay unpublished under the name must not be taken for it.
    """

    transfer: str
    arrival: Arrival
    sealed: SealedObject | None
    last_object: str | None
    size_bytes: int
    reason: str
    begun: bool
    object_begun: bool
    drop: tuple[str, ...] = ()
    replaces: bool = False


class Resume(msgspec.Struct, frozen=True, tag=True):
    """Somebody goes on with an upload: from here on it has its whole time again."""

    transfer: str
    last_object: str


class Receive(msgspec.Struct, frozen=True, tag=True):
    """A whole file has arrived and lies sealed.

    `publish` is False under a temporary name; `sealed` the newest piece, None where a resumed upload brought nothing
    new. A file that its sender repeats because our yes was not heard is the transfer that came after `repeat_since`.
    `heard` are earlier transfers of the session whose yes was.
    """

    transfer: str
    arrival: Arrival
    sealed: SealedObject | None
    last_object: str
    size_bytes: int
    sha256: bytes
    publish: bool
    begun: bool
    object_begun: bool
    evidence: dict[str, Any]
    modified_at: int | None
    repeat_since: int
    heard: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()


class Heard(msgspec.Struct, frozen=True, tag=True):
    """The sender has heard our yes to these transfers: it went on, or left in order."""

    transfers: tuple[str, ...]


class Salvage(msgspec.Struct, frozen=True, tag=True):
    """The server died with an upload under way: this much of its newest piece is whole."""

    transfer: str
    plain_size: int
    sealed_size: int


class Deposit(msgspec.Struct, frozen=True, tag=True):
    """A file lies sealed for a partner to fetch.

    `others` are names to take, the first that is free, where another file of ours lies under its own; without any it
    takes that one's place. `facts` go into its leaf, `sets` is a JSON list.
    """

    transfer: str
    arrival: Arrival
    sealed: SealedObject
    sha256: bytes
    parent: str | None = None
    others: tuple[bytes, ...] = ()
    standard: str | None = None
    sets: str | None = None
    usage: str | None = None
    facts: dict[str, Fact] = {}


def begin(journal: Journal, command: Begin) -> None:
    """Enter an upload while it is under way. Raises StageConflict: what it resumes is not there any more."""
    books, sealed = journal.books, command.sealed
    if sealed is not None:
        _enter_object(journal, sealed, begun=command.object_begun)
    columns: dict[str, Any] = {
        "at": journal.at,
        "stage": Stage.RECEIVING,
        "size_bytes": command.size_bytes,
        "object_id": sealed.id if sealed else None,
    }
    if command.begun:
        # One that is resumed stays listed; a new one takes the name over when it ends.
        listed = sealed is not None and bool(transfer_row(books, command.transfer)["listed"])
        update_upload(books, command.transfer, command.arrival, listed=listed, **columns)
    else:
        insert_transfer(books, command.transfer, command.arrival, listed=False, **columns)
    _drop(journal, command.drop)


def resume(journal: Journal, command: Resume) -> None:
    """Raises StageConflict: what was there is not there any more."""
    touch_upload(journal.books, command.transfer, command.last_object, at=journal.at)


def keep(journal: Journal, command: Keep) -> None:
    """Nothing is published; what arrived is listed under its own name and size."""
    arrival = command.arrival
    if command.sealed is not None:
        _enter_object(journal, command.sealed, begun=command.object_begun)
    listed = command.last_object is not None and command.size_bytes > 0
    if listed or command.replaces:
        who, kept = arrival.principal.connection, command.transfer
        displace(journal, who, arrival.folder, arrival.name, but=kept, published=listed)
    columns: dict[str, Any] = {
        "at": journal.at,
        "stage": Stage.PARTIAL,
        "size_bytes": command.size_bytes,
        "listed": listed,
        "object_id": command.last_object,
        "reason": command.reason,
    }
    (update_upload if command.begun else insert_transfer)(journal.books, command.transfer, arrival, **columns)
    _drop(journal, command.drop)
    journal.leaf(
        "transfer.partial",
        actor=actor(arrival),
        connection=arrival.principal.connection,
        transfer=command.transfer,
        facts={"door": arrival.door, "size_bytes": command.size_bytes},
        private={"name": printable(arrival.name)},
    )


def receive(journal: Journal, command: Receive) -> str:
    """The commit behind "yes": object, transfer and leaf. Returns the transfer's id, an earlier one's if repeated.

    Raises:
        StageConflict: what was resumed is not there any more.
    """
    books, arrival = journal.books, command.arrival
    hear(journal, Heard(command.heard))
    if command.publish:
        earlier = unheard(
            books,
            arrival.principal.connection,
            arrival.folder,
            arrival.name,
            door=arrival.door,
            size=command.size_bytes,
            sha256=command.sha256,
            since=command.repeat_since,
        )
        if earlier is not None:
            who = arrival.principal.connection
            instead = transfer_row(books, command.transfer) if command.begun else None
            size = command.size_bytes
            repeat(journal, earlier, who, arrival.folder, arrival.name, size_bytes=size, instead=instead)
            _drop(journal, (command.last_object, *command.drop))
            return str(earlier["id"])
    if command.sealed is not None:
        _enter_object(journal, command.sealed, begun=command.object_begun)
    displace(journal, arrival.principal.connection, arrival.folder, arrival.name, but=command.transfer)
    columns: dict[str, Any] = {
        "at": journal.at,
        "stage": Stage.RECEIVED if command.publish else Stage.RECEIVING,
        "size_bytes": command.size_bytes,
        "listed": True,
        "sha256": command.sha256,
        "object_id": command.last_object,
        "evidence": json.dumps(command.evidence) if command.evidence else None,
        "modified_at": command.modified_at,
        "speaks_of": speaks_of(arrival.name, command.size_bytes) if command.publish else None,
    }
    (update_upload if command.begun else insert_transfer)(books, command.transfer, arrival, **columns)
    _drop(journal, command.drop)
    _leaf_of_arrival(journal, command, "transfer.received" if command.publish else "transfer.parked")
    journal.arrived |= command.publish
    return command.transfer


def _leaf_of_arrival(journal: Journal, command: Receive, kind: str) -> None:
    arrival = command.arrival
    journal.leaf(
        kind,
        actor=actor(arrival),
        connection=arrival.principal.connection,
        transfer=command.transfer,
        facts={"door": arrival.door, "size_bytes": command.size_bytes, "object": command.last_object},
        private={"name": printable(arrival.name), "sha256": command.sha256.hex()},
    )


def repeat(
    journal: Journal, earlier: Row, connection: str, folder: bytes, name: bytes, *, size_bytes: int, instead: Row | None
) -> None:
    """The sender did not hear our yes, and sends the file again: it is the same transfer, and nothing happens twice.

    `earlier` has id and door; `instead` is the row that the repeat had by now, if it had one: id and object_id.
    """
    displace(journal, connection, folder, name, but=earlier["id"])
    relist(journal.books, earlier["id"], at=journal.at)
    if instead is not None:
        give_up(journal, connection, instead, Stage.SUPERSEDED, f"the same file again, as transfer {earlier['id']}")
    journal.leaf(
        "transfer.repeated",
        actor=f"connection:{connection}",
        connection=connection,
        transfer=earlier["id"],
        facts={"door": earlier["door"], "size_bytes": size_bytes},
        private={"name": printable(name)},
    )


def displace(
    journal: Journal, connection: str, folder: bytes, name: bytes, *, but: str, published: bool = True
) -> None:
    """Make room for a name: who is listed under it is so no more; what was never published is superseded."""
    for row in listed_as(journal.books, connection, folder, name):
        if row["id"] == but:
            continue
        if row["stage"] in {Stage.PARTIAL, Stage.RECEIVING}:
            give_up(journal, connection, row, Stage.SUPERSEDED, f"replaced by transfer {but}")
        elif published:
            unlist(journal.books, row["id"], at=journal.at)


def give_up(journal: Journal, connection: str, row: Row, stage: Stage, why: str, *, by: str = "server") -> None:
    """End a transfer that was never published, and forget its bytes. `row` has id and object_id."""
    end_upload(journal.books, row["id"], stage, why, at=journal.at)
    if row["object_id"] is not None:
        _drop(journal, tuple(pieces_of(journal.books, row["object_id"])))
    journal.leaf(f"transfer.{stage}", actor=by, connection=connection, transfer=row["id"])


def hear(journal: Journal, command: Heard) -> None:
    for transfer in command.transfers:
        mark_heard(journal.books, transfer, at=journal.at)


def salvage(journal: Journal, command: Salvage) -> None:
    """What is left of an upload after a crash becomes a partial, to be resumed; unless the name went on without it."""
    books = journal.books
    row = transfer_row(books, command.transfer)
    since = [
        other
        for other in listed_as(books, row["connection"], row["folder_bytes"], row["name_bytes"])
        if other["id"] != row["id"] and other["received_at"] > row["received_at"]
    ]
    if since:
        give_up(journal, row["connection"], row, Stage.SUPERSEDED, f"replaced by transfer {since[0]['id']}")
        return
    last, size = row["object_id"], 0
    if last is not None:
        sealed = sealed_object(books, last)
        if sealed.cut and command.sealed_size:
            end_object(books, last, plain_size=command.plain_size, sealed_size=command.sealed_size, cut=True)
        elif sealed.cut:
            drop_object(books, last)
            journal.forgotten.append(last)
            last = sealed.continues
        size = sealed.whole_size - sealed.plain_size + (command.plain_size if sealed.cut else sealed.plain_size)
    if size:
        displace(journal, row["connection"], row["folder_bytes"], row["name_bytes"], but=command.transfer)
    keep_salvaged(books, command.transfer, size_bytes=size, object_id=last, at=journal.at)
    journal.leaf(
        "transfer.partial",
        actor="server",
        connection=row["connection"],
        transfer=command.transfer,
        facts={"door": row["door"], "size_bytes": size},
        private={"name": printable(row["name_bytes"])},
    )


def _enter_object(journal: Journal, sealed: SealedObject, *, begun: bool) -> None:
    if begun:
        end_object(
            journal.books, sealed.id, plain_size=sealed.plain_size, sealed_size=sealed.sealed_size, cut=sealed.cut
        )
    else:
        insert_object(journal.books, sealed, at=journal.at)


def _drop(journal: Journal, objects: tuple[str, ...]) -> None:
    for object_id in objects:
        journal.forgotten.append(object_id)  # It may be a file that no row speaks of yet.
        erase_object(journal.books, object_id, at=journal.at)


def deposit(journal: Journal, command: Deposit) -> str:
    """Put a sealed file where a partner can fetch it."""
    place(journal, command)
    return command.transfer


def place(journal: Journal, command: Deposit) -> bytes:
    """The same, as part of a larger command. Returns the name that the file has got."""
    arrival, sealed = _free_name(journal, command), command.sealed
    insert_object(journal.books, sealed, at=journal.at)
    displace(journal, arrival.principal.connection, arrival.folder, arrival.name, but=command.transfer)
    insert_transfer(
        journal.books,
        command.transfer,
        arrival,
        at=journal.at,
        stage=Stage.DONE,
        direction=Direction.OUTBOUND,
        size_bytes=sealed.plain_size,
        sha256=command.sha256,
        object_id=sealed.id,
        parent=command.parent,
        standard=command.standard,
        sets=command.sets,
        usage=command.usage,
    )
    journal.leaf(
        "transfer.deposited",
        actor="server",
        connection=arrival.principal.connection,
        transfer=command.transfer,
        facts={"size_bytes": sealed.plain_size, "object": sealed.id, **command.facts},
        private={"name": printable(arrival.name), "sha256": command.sha256.hex()},
    )
    return arrival.name


def _free_name(journal: Journal, command: Deposit) -> Arrival:
    """Nobody's file may vanish unfetched because another is called the same; the same content may take its place."""
    arrival = command.arrival
    for name in (arrival.name, *command.others):
        listed = listed_as(journal.books, arrival.principal.connection, arrival.folder, name)
        if all(bytes(row["sha256"] or b"") == command.sha256 for row in listed):
            return replace(arrival, name=name)
    return arrival


def actor(arrival: Arrival) -> str:
    return f"connection:{arrival.principal.connection}"
