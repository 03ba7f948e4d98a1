"""Receipts for partners: beside each upload that a checkpoint covers, the proof that it came, for them to keep.

How far each connection's receipts have come is a mark in the ledger, moved by the command that deposits them: a crash
neither loses a receipt nor writes one twice. It begins where the log stands when a partner file asks for receipts.
"""

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from mft.audit.log import newest_checkpoint
from mft.audit.receipt import receipt_of
from mft.clock import new_id
from mft.domain import STANDARD, TENANT, Arrival, Principal
from mft.errors import Broken, Busy, StageConflict
from mft.ledger import receipts
from mft.ledger.database import Books, Row
from mft.pipeline.journal import Journal
from mft.pipeline.receive import Deposit, place
from mft.threads import watched
from mft.vault.store import Vault
from partners.load import Directory, Profile

_BATCH: Final = 50
_STRIDE: Final = 10_000  # Leaves without a receipt among them, behind which the mark is moved all the same.
_ENDING: Final = b".receipt"
_NAME_BYTES_MAX: Final = 255


class PutReceipts(msgspec.Struct, frozen=True, tag=True):
    """All leaves before `until` are done, by these deposits. `since` is where the mark stood; None: nowhere yet."""

    connection: str
    since: int | None
    until: int
    deposits: tuple[Deposit, ...] = ()


class EndReceipts(msgspec.Struct, frozen=True, tag=True):
    """A connection wants no receipts any more: asked again, it begins anew."""

    connection: str


def put_receipts(journal: Journal, command: PutReceipts) -> None:
    """Raises StageConflict: the mark is somewhere else by now."""
    if command.since is None:
        receipts.enter_mark(journal.books, command.connection, command.until)
    elif not receipts.move_mark(journal.books, command.connection, command.since, command.until):
        raise StageConflict("these receipts were put already")
    for deposit in command.deposits:
        place(journal, deposit)


def end_receipts(journal: Journal, command: EndReceipts) -> None:
    receipts.forget_mark(journal.books, command.connection)


class Receipts:
    """A thread that a new checkpoint wakes, and new partner files."""

    def __init__(
        self,
        vault: Vault,
        readers: Callable[[], Books],
        commit: Callable[[PutReceipts | EndReceipts], None],
        on_broken: Callable[[Broken], None],
        *,
        directory: Callable[[], Directory],
    ) -> None:
        self._vault = vault
        self._readers = readers
        self._commit = commit
        self._directory = directory
        self._wake = threading.Event()
        self._stop = False
        self._thread = watched("receipts", self._run, on_broken)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        """End behind the batch in hand; the rest comes after the next start."""
        self._stop = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop:
            self._wake.clear()
            with suppress(Busy):  # The disk is full, or the mark was moved: the next checkpoint wakes us again.
                self.round()
            if not self._stop:
                self._wake.wait()

    def round(self) -> None:
        """Put every receipt that is due."""
        books = self._readers()
        newest = newest_checkpoint(books)
        if newest is None:
            return
        marks, size = receipts.receipt_marks(books), newest["size"]
        profiles = {
            connection: profile
            for connection, profile in self._directory().profiles.items()
            if profile.connection.receipts.folder is not None
        }
        for connection in marks.keys() - profiles.keys():
            self._commit(EndReceipts(connection))
        for connection, profile in profiles.items():
            if connection not in marks:
                self._commit(PutReceipts(connection, None, size))
            else:
                self._put(books, profile, marks[connection], size)

    def _put(self, books: Books, profile: Profile, since: int, size: int) -> None:
        connection = profile.connection.id
        while since < size and not self._stop:
            found = receipts.received_leaves(books, connection, since, size, _BATCH)
            until = found[-1]["seq"] + 1 if len(found) == _BATCH else size
            if found or until - since >= _STRIDE:
                deposits = tuple(self._deposit(books, profile, row) for row in found)
                self._commit(PutReceipts(connection, since, until, deposits))
            since = until

    def _deposit(self, books: Books, profile: Profile, row: Row) -> Deposit:
        made = receipt_of(books, row["id"])
        assert made is not None, "a checkpoint covers it"
        sealed, sha256 = self._vault.seal(TENANT, made.encode(), retention=row["retention"] or STANDARD)
        transfer, folder = new_id(), profile.connection.receipts.folder
        assert folder is not None
        principal = Principal(profile.connection.id, "", "", "", profile.hash)
        name, other = _names(row["name_bytes"], row["transfer_id"])
        arrival = Arrival(principal, "server", "", "", folder.encode(), name, retention=row["retention"])
        return Deposit(transfer, arrival, sealed, sha256, parent=row["transfer_id"], others=(other,))


def _names(name: bytes, transfer: str) -> tuple[bytes, bytes]:
    """What a receipt is called, and how where another file lies under that name. A long name loses its end."""
    longer = b"." + transfer.encode() + _ENDING
    return name[: _NAME_BYTES_MAX - len(_ENDING)] + _ENDING, name[: _NAME_BYTES_MAX - len(longer)] + longer
