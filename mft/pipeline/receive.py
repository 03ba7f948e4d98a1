"""The first stage: bytes at a door become a sealed object and a transfer, in one durable commit. Then, and only then,
the sender hears yes.
"""

from typing import Final

import msgspec

from mft.clock import new_id
from mft.domain import Arrival, Direction, SealedObject, Stage, printable
from mft.events import TransferReceived
from mft.ledger.objects import insert_object
from mft.ledger.transfers import insert_transfer
from mft.pipeline.journal import Journal
from mft.vault.store import ObjectWriter, Vault


class Receive(msgspec.Struct, frozen=True, tag=True):
    """A whole file has arrived and lies sealed."""

    transfer: str
    arrival: Arrival
    sealed: SealedObject
    sha256: bytes


class BreakOff(msgspec.Struct, frozen=True, tag=True):
    """An upload came to nothing: its sender vanished, or it was refused half-way."""

    transfer: str
    arrival: Arrival
    size_bytes: int
    reason: str


class Deposit(msgspec.Struct, frozen=True, tag=True):
    """A file lies sealed for a partner to fetch."""

    transfer: str
    arrival: Arrival
    sealed: SealedObject
    sha256: bytes
    parent: str | None = None


class Upload:
    """One file on its way in. `append` where bytes arrive; `flush` and `finish` in a thread; see ObjectWriter."""

    def __init__(self, vault: Vault, tenant: int, arrival: Arrival) -> None:
        self.transfer: Final = new_id()
        self.arrival = arrival
        self.writer: ObjectWriter = vault.writer(tenant)

    def finish(self) -> Receive:
        """Seal what is left and make it durable; what remains is to commit the command that comes back."""
        sealed, sha256 = self.writer.finish()
        return Receive(self.transfer, self.arrival, sealed, sha256)

    def break_off(self, why: str) -> BreakOff:
        """Forget the bytes, keep the fact."""
        self.writer.abandon()
        size = self.writer.size
        return BreakOff(self.transfer, self.arrival, size, f"broken off after {size:,} bytes: {why}")


def receive(journal: Journal, command: Receive) -> str:
    """The commit behind "yes": object, transfer, leaf and event. Returns the transfer's id."""
    arrival, sealed = command.arrival, command.sealed
    insert_object(journal.books, sealed, at=journal.at)
    insert_transfer(
        journal.books,
        command.transfer,
        arrival,
        at=journal.at,
        stage=Stage.RECEIVED,
        size_bytes=sealed.plain_size,
        sha256=command.sha256,
        object_id=sealed.id,
    )
    name = printable(arrival.name)
    journal.leaf(
        "transfer.received",
        actor=actor(arrival),
        connection=arrival.principal.connection,
        transfer=command.transfer,
        facts={"door": arrival.door, "size_bytes": sealed.plain_size, "object": sealed.id},
        private={"name": name, "sha256": command.sha256.hex()},
    )
    journal.announce(
        TransferReceived(
            transfer=command.transfer,
            connection=arrival.principal.connection,
            partner=arrival.principal.partner,
            name=name,
            size_bytes=sealed.plain_size,
        )
    )
    journal.arrived = True
    return command.transfer


def break_off(journal: Journal, command: BreakOff) -> None:
    """Nothing is published; the log and the list of transfers say what happened."""
    arrival = command.arrival
    insert_transfer(
        journal.books,
        command.transfer,
        arrival,
        at=journal.at,
        stage=Stage.PARTIAL,
        size_bytes=command.size_bytes,
        reason=command.reason,
    )
    journal.leaf(
        "transfer.partial",
        actor=actor(arrival),
        connection=arrival.principal.connection,
        transfer=command.transfer,
        facts={"door": arrival.door, "size_bytes": command.size_bytes},
        private={"name": printable(arrival.name)},
    )


def deposit(journal: Journal, command: Deposit) -> str:
    """Put a sealed file where a partner can fetch it."""
    arrival, sealed = command.arrival, command.sealed
    insert_object(journal.books, sealed, at=journal.at)
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
    )
    journal.leaf(
        "transfer.deposited",
        actor="server",
        connection=arrival.principal.connection,
        transfer=command.transfer,
        facts={"size_bytes": sealed.plain_size, "object": sealed.id},
        private={"name": printable(arrival.name), "sha256": command.sha256.hex()},
    )
    return command.transfer


def actor(arrival: Arrival) -> str:
    return f"connection:{arrival.principal.connection}"
