"""A receipt for each upload of who asked for them, once, whatever ends in between; for nobody else."""

import pytest

from mft.audit.log import make_checkpoint
from mft.audit.receipt import verify
from mft.core import KeepProfile
from mft.crypto.signing import SigningKey
from mft.errors import StageConflict
from mft.ledger.receipts import receipt_marks
from mft.ledger.transfers import transfer_row, transfer_rows
from mft.pipeline import receipts as module
from mft.pipeline.receipts import EndReceipts, PutReceipts, Receipts
from partners.connection import Receipts as Asked
from partners.load import Directory, profile_of
from tests.unit.mft.ledger.entries import ACME
from tests.unit.mft.pipeline.conftest import Desk
from tests.unit.mft.pipeline.test_emit import NOBODY

KEY = SigningKey("mft/test", bytes(range(32)))


def ask(desk: Desk, folder: str | None = "/outbound/receipts") -> None:
    """Acme's file says where receipts go."""
    desk.agree()
    (profile,) = desk.directory.profiles.values()
    connection = profile.connection.model_copy(update={"receipts": Asked(folder=folder)})
    desk.directory = Directory({ACME.connection: profile_of(connection)})
    profile = desk.directory.profiles[ACME.connection]
    desk.core.run(KeepProfile(profile.hash, ACME.connection, "acme", profile.body))


def thread(desk: Desk) -> Receipts:
    """The thread's work, to be done by hand."""
    return Receipts(desk.vault, desk.readers.get, desk.core.run, NOBODY, directory=lambda: desk.directory)


def sign(desk: Desk) -> int:
    size: int = desk.core.writer.run(lambda books: make_checkpoint(books, KEY, at=1)).size
    return size


def found(desk: Desk) -> dict[bytes, str]:
    """Every receipt that is listed, by name."""
    rows = [transfer_row(desk.books, row["id"]) for row in transfer_rows(desk.books)]
    return {
        row["name_bytes"]: desk.opened(row["object_id"]).decode()
        for row in rows
        if row["folder_bytes"] == b"/outbound/receipts"
    }


def test_each_upload_has_its_receipt_once_a_checkpoint_covers_it(desk: Desk) -> None:
    ask(desk)
    sign(desk)
    work = thread(desk)
    work.round()
    transfer = desk.receive(b"claims.edi", b"hello")
    work.round()
    assert found(desk) == {}
    sign(desk)
    work.round()
    ((name, receipt),) = found(desk).items()
    assert name == b"claims.edi.receipt"
    proven = verify(receipt, [KEY.verify_key])
    assert (proven.said["kind"], proven.said["transfer"]) == ("transfer.received", transfer)
    assert proven.shown["name"] == "claims.edi"
    (row,) = [r for r in transfer_rows(desk.books) if r["name_bytes"] == name]
    assert (row["parent_id"], row["direction"], row["stage"]) == (transfer, "outbound", "done")
    sign(desk)
    work.round()
    assert len(found(desk)) == 1, "a receipt gets no receipt"


def test_what_came_before_they_were_asked_for_has_none(desk: Desk) -> None:
    desk.receive(b"old.edi", b"hello")
    ask(desk)
    sign(desk)
    thread(desk).round()
    desk.receive(b"new.edi", b"hello")
    sign(desk)
    thread(desk).round()
    assert list(found(desk)) == [b"new.edi.receipt"]


def test_who_did_not_ask_gets_none_and_asking_again_begins_anew(desk: Desk) -> None:
    ask(desk)
    sign(desk)
    work = thread(desk)
    work.round()
    ask(desk, folder=None)
    desk.receive(b"quiet.edi", b"hello")
    sign(desk)
    work.round()
    assert receipt_marks(desk.books) == {}
    ask(desk)
    work.round()
    sign(desk)
    work.round()
    assert found(desk) == {}


def test_batches(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BATCH", 2)
    ask(desk)
    sign(desk)
    work = thread(desk)
    work.round()
    for number in range(5):
        desk.receive(b"%d.edi" % number, b"hello")
    sign(desk)
    work.round()
    assert sorted(found(desk)) == [b"%d.edi.receipt" % number for number in range(5)]


def test_the_same_name_twice_and_the_longest(desk: Desk) -> None:
    ask(desk)
    sign(desk)
    work = thread(desk)
    work.round()
    first = desk.receive(b"daily.edi", b"monday")
    second = desk.receive(b"daily.edi", b"tuesday")
    desk.receive(b"x" * 255, b"long")
    sign(desk)
    work.round()
    assert set(found(desk)) == {
        b"daily.edi.receipt", f"daily.edi.{second}.receipt".encode(), b"x" * 247 + b".receipt",
    }  # fmt: skip
    assert verify(found(desk)[b"daily.edi.receipt"], [KEY.verify_key]).said["transfer"] == first


def test_a_batch_that_was_committed_cannot_be_committed_again(desk: Desk) -> None:
    """As after an end behind the commit: the mark has moved with the receipts."""
    ask(desk)
    sign(desk)
    kept: list[PutReceipts | EndReceipts] = []

    def commit(command: PutReceipts | EndReceipts) -> None:
        kept.append(command)
        desk.core.run(command)

    work = Receipts(desk.vault, desk.readers.get, commit, NOBODY, directory=lambda: desk.directory)
    work.round()
    desk.receive(b"claims.edi", b"hello")
    sign(desk)
    work.round()
    put = kept[-1]
    assert isinstance(put, PutReceipts)
    assert len(put.deposits) == 1
    with pytest.raises(StageConflict):
        desk.core.run(put)
    thread(desk).round()  # The next start.
    assert len(found(desk)) == 1


def test_an_end_before_the_commit_loses_nothing(desk: Desk) -> None:
    ask(desk)
    sign(desk)
    thread(desk).round()
    desk.receive(b"claims.edi", b"hello")
    sign(desk)

    def die(command: PutReceipts | EndReceipts) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Receipts(desk.vault, desk.readers.get, die, NOBODY, directory=lambda: desk.directory).round()
    assert found(desk) == {}
    thread(desk).round()
    assert len(found(desk)) == 1
