"""Erasing on purpose: an original, its records, or the names that stand beside them, so that nobody reads them again.

What is erased is the key, in the commit that says so; the sealed bytes go behind it. The transfer's row, its envelope,
its leaves and every proof stay.
"""

from typing import Final, Literal, get_args

import msgspec
from sqlalchemy import bindparam, delete, select, update

from mft.domain import Direction, Stage
from mft.errors import NotAllowed
from mft.ledger.database import Books, Row
from mft.ledger.holds import hold_on
from mft.ledger.objects import erase_object, pieces_of
from mft.ledger.record_parts import forget
from mft.ledger.tables import DELIVERY, FILE_DELIVERY, LEAF, LEAF_CLEAR, OUTBOX, RECORDS, TRANSFER
from mft.ledger.transfers import ERASED, transfer_row
from mft.pipeline.journal import Journal

Kind = Literal["original", "records", "names"]
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
NAMELESS: Final = b"(erased)"

_RECORDS = select(RECORDS.c.object_id).where(RECORDS.c.transfer_id == bindparam("transfer"))
_MARK = update(TRANSFER).where(TRANSFER.c.id == bindparam("transfer")).values(erased=bindparam("bits"))
_LEAVES = select(LEAF.c.id).where(LEAF.c.transfer_id == bindparam("transfer"))
_CLEAR = delete(LEAF_CLEAR).where(LEAF_CLEAR.c.leaf_id == bindparam("leaf"))
_UNNAME = (
    update(TRANSFER)
    .where(TRANSFER.c.id == bindparam("transfer"))
    .values(
        name_bytes=NAMELESS,
        listed=0,
        account=None,
        source_address=None,
        client_version=None,
        evidence=None,
        speaks_of_bytes=None,
        reason=None,
        sha256=None,
    )
)
_UNNAME_DELIVERIES = (
    update(FILE_DELIVERY).where(FILE_DELIVERY.c.transfer_id == bindparam("transfer")).values(name_bytes=NAMELESS)
)
_EVENTS = select(OUTBOX.c.id).where(OUTBOX.c.transfer_id == bindparam("transfer"))
_DROP_DELIVERIES = delete(DELIVERY).where(DELIVERY.c.event_id == bindparam("event"))
_ABOUT_IT = select(TRANSFER).where(
    TRANSFER.c.parent_id == bindparam("transfer"),
    TRANSFER.c.direction == Direction.OUTBOUND.value,  # A part of it is kept for as long as it says itself.
)
_DROP_EVENT = delete(OUTBOX).where(OUTBOX.c.id == bindparam("event"))


class Erase(msgspec.Struct, frozen=True, tag=True):
    """Erase kinds of a transfer. `reason` goes into its leaf: a retention class, or what a person said in one word."""

    transfer: str
    kinds: tuple[Kind, ...]
    reason: str
    actor: str


def erase(journal: Journal, command: Erase) -> bool:
    """Returns whether anything was left to erase.

    Raises:
        NotAllowed: a legal hold covers the transfer, or it is still on its way in.
    """
    row = transfer_row(journal.books, command.transfer)
    if row["stage"] in {Stage.RECEIVING, Stage.PARTIAL}:  # A start looks at what there is of it.
        raise NotAllowed(f"transfer {row['id']} is still on its way in: wait until it has ended or expired")
    if (hold := hold_on(journal.books, row["id"])) is not None:
        raise NotAllowed(f"transfer {row['id']} is under legal hold {hold['id']}: lift that first")
    return erase_kinds(journal, row, command.kinds, reason=command.reason, actor=command.actor)


def erase_kinds(journal: Journal, row: Row, kinds: tuple[Kind, ...], *, reason: str, actor: str) -> bool:
    """The same, as part of a larger command, for a transfer that no hold covers."""
    due = tuple(kind for kind in kinds if not row["erased"] & ERASED[kind])
    if not due:
        return False
    books, transfer = journal.books, row["id"]
    if "original" in due and row["object_id"] is not None:
        for piece in pieces_of(books, row["object_id"]):
            _erase_object(journal, piece)
    if "records" in due:
        journal.forgotten += forget(books, transfer, at=journal.at)
        for one in books.rows(_RECORDS, {"transfer": transfer}):
            _erase_object(journal, one["object_id"])
    bits = row["erased"]
    for kind in due:
        bits |= ERASED[kind]
    books.execute(_MARK, {"transfer": transfer, "bits": bits})
    facts = {"kinds": " ".join(due), "reason": reason}
    journal.leaf("transfer.erased", actor=actor, connection=row["connection"], transfer=transfer, facts=facts)
    if "names" in due:
        _erase_names(books, transfer)
        for child in books.rows(_ABOUT_IT, {"transfer": transfer}):  # Its acknowledgments, reports and receipts.
            told: tuple[Kind, ...] = ("names",) if child["standard"] else ("original", "names")
            if hold_on(books, child["id"]) is None:
                erase_kinds(journal, child, told, reason=reason, actor=actor)
    return True


def _erase_object(journal: Journal, object_id: str) -> None:
    erase_object(journal.books, object_id, at=journal.at)
    journal.forgotten.append(object_id)


def _erase_names(books: Books, transfer: str) -> None:
    """The clear values of a transfer's leaves, what its row tells of its sender, and its events."""
    for leaf in books.rows(_LEAVES, {"transfer": transfer}):
        books.execute(_CLEAR, {"leaf": leaf["id"]})
    books.execute(_UNNAME, {"transfer": transfer})
    books.execute(_UNNAME_DELIVERIES, {"transfer": transfer})
    for event in books.rows(_EVENTS, {"transfer": transfer}):
        books.execute(_DROP_DELIVERIES, {"event": event["id"]})
        books.execute(_DROP_EVENT, {"event": event["id"]})
