"""Keys in the ledger: what comes into force, what is wrapped anew and what stays, and what shredding leaves of files."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import update

from mft.audit.query import leaves
from mft.clock import now_us
from mft.core import ReloadKeys
from mft.crypto.keyring import FolderKeyring
from mft.crypto.keys import BucketPrivateKey
from mft.crypto.stream import context
from mft.domain import TENANT
from mft.errors import BadConfig, Broken, Missing, NotAllowed, StageConflict, UnsealFailed
from mft.keychain import check_buckets, reload_keys, remove_shredded
from mft.ledger import keys
from mft.ledger.holds import add_hold
from mft.ledger.objects import insert_object, sealed_object
from mft.ledger.tables import TRANSFER
from mft.pipeline.erase import Erase
from mft.pipeline.keys import Emptied, EraseShredded, Rewrap, Shred, Wrapped
from mft.pipeline.rewrap import Rewrapping, erase_shredded
from mft.pipeline.upload import Onto, Upload
from mft.vault.store import BLOB_MAX, Vault
from tests.harness import sample
from tests.unit.mft.ledger.entries import arrival
from tests.unit.mft.pipeline.conftest import Desk

OLD = BucketPrivateKey(bytes(range(32)), made_at=1)  # The desk's.
NEW = BucketPrivateKey(bytes(32), made_at=2)
LARGE = b"0123456789abcdef" * (BLOB_MAX // 8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "keys").mkdir()
    OLD.save(tmp_path / "keys")
    return tmp_path / "keys"


@pytest.fixture
def keyring(desk: Desk, folder: Path) -> FolderKeyring:
    """The desk's vault with the keys in a folder, the old one in force."""
    keyring = FolderKeyring(folder)
    desk.vault = Vault(desk.vault.root, keyring)
    desk.runner._vault = desk.vault
    reload_keys(desk.core, keyring, ReloadKeys("cli:0"))
    return keyring


def rotate(desk: Desk, keyring: FolderKeyring, key: BucketPrivateKey = NEW) -> Rewrapping:
    key.save(keyring.folder)
    reload_keys(desk.core, keyring, ReloadKeys("cli:0"))
    return Rewrapping(lambda: desk.books, keyring, desk.core.run, actor="cli:0", batch=2)


def object_of(desk: Desk, transfer: str) -> Any:
    return sealed_object(desk.books, desk.row(transfer)["object_id"])


def said(desk: Desk, kind: str) -> list[dict[str, Any]]:
    return [leaf["facts"] for leaf in leaves(desk.books, kind=kind, newest_first=False)]


class TestInForce:
    def test_a_key_comes_into_force_once_with_its_leaf(self, desk: Desk, keyring: FolderKeyring) -> None:
        rotate(desk, keyring)
        reload_keys(desk.core, keyring, ReloadKeys("cli:0"))
        assert said(desk, "key.in-force") == [
            {"use": "bucket", "key": OLD.id, "replaces": None, "retention": "standard"},
            {"use": "bucket", "key": NEW.id, "replaces": OLD.id, "retention": "standard"},
        ]
        old, new = sorted(keys.key_pairs(desk.books), key=lambda row: row["made_at"])
        assert (old["id"], new["id"]) == (OLD.id, NEW.id)
        assert old["retired_at"] == new["in_force_at"]
        assert new["retired_at"] is None

    def test_another_class_has_a_key_of_its_own(self, desk: Desk, keyring: FolderKeyring) -> None:
        claims = BucketPrivateKey(bytes(range(1, 33)), retention="claims", made_at=3)
        rotate(desk, keyring, claims)
        assert keys.key_in_force(desk.books, "bucket", "claims")["id"] == claims.id
        assert keys.key_in_force(desk.books, "bucket", "standard")["id"] == OLD.id

    def test_an_older_key_takes_over_again_when_the_newer_is_lost(self, desk: Desk, keyring: FolderKeyring) -> None:
        rotate(desk, keyring)
        (keyring.folder / NEW.file_name).unlink()
        assert reload_keys(desk.core, keyring, ReloadKeys("cli:0")) == {"standard": OLD.id}
        assert keys.key_in_force(desk.books, "bucket", "standard")["id"] == OLD.id
        assert keys.key_row(desk.books, NEW.id)["retired_at"] is not None

    def test_objects_under_a_key_that_is_not_here_stop_the_start(self, desk: Desk, keyring: FolderKeyring) -> None:
        rotate(desk, keyring)
        desk.receive(b"a", b"sealed for the new one")
        check_buckets(keyring, desk.books)
        (keyring.folder / NEW.file_name).unlink()
        keyring.reload()
        with pytest.raises(Broken, match=rf"not in .*keys \({NEW.id}\): restore"):
            check_buckets(keyring, desk.books)


class TestRewrapping:
    def test_what_was_sealed_before_opens_by_the_new_key_alone(self, desk: Desk, keyring: FolderKeyring) -> None:
        contents = {desk.receive(b"%d" % n, c): c for n, c in enumerate((b"", b"small", LARGE, b"x", b"y"))}
        before = {transfer: object_of(desk, transfer) for transfer in contents}
        files = {path: path.read_bytes() for path in desk.vault.root.rglob("*") if path.is_file()}
        rewrapping = rotate(desk, keyring)
        assert rewrapping.older() == {OLD.id: 5}
        assert [rewrapping.step(OLD.id) for _ in range(4)] == [2, 2, 1, 0]
        assert rewrapping.finish(OLD.id)
        assert not rewrapping.finish(OLD.id)
        (keyring.folder / OLD.file_name).unlink()
        keyring.reload()
        assert {transfer: desk.opened(object_of(desk, transfer).id) for transfer in contents} == contents
        after = {transfer: object_of(desk, transfer) for transfer in contents}
        assert {one.bucket for one in after.values()} == {NEW.id}
        assert [one.blob for one in after.values()] == [one.blob for one in before.values()]
        assert files == {path: path.read_bytes() for path in desk.vault.root.rglob("*") if path.is_file()}
        assert said(desk, "key.retired") == [{"use": "bucket", "key": OLD.id, "objects": 5}]
        with pytest.raises(UnsealFailed, match=OLD.id):  # As a backup of the ledger has it.
            desk.vault.open(before[next(iter(contents))])

    def test_from_either_end(self, desk: Desk, keyring: FolderKeyring) -> None:
        transfers = [desk.receive(b"%d" % n, b"%d" % n) for n in range(3)]
        rotate(desk, keyring)
        back = Rewrapping(lambda: desk.books, keyring, desk.core.run, actor="server", batch=1, newest_first=True)
        back.step(OLD.id)
        assert [object_of(desk, one).bucket for one in transfers] == [OLD.id, OLD.id, NEW.id]

    def test_a_wrapping_that_is_not_there_any_more_is_left_alone(self, desk: Desk, keyring: FolderKeyring) -> None:
        transfer = desk.receive(b"a", b"content")
        sealed = object_of(desk, transfer)
        rotate(desk, keyring)
        other = OLD.public.wrap(bytes(32), context(TENANT, sealed.id))
        stale = Wrapped(sealed.id, OLD.id, other, b"another")
        assert desk.core.run(Rewrap(NEW.id, (stale, Wrapped(sealed.id, NEW.id, sealed.wrapped_dek, b"another")))) == 0
        assert object_of(desk, transfer) == sealed

    def test_what_was_erased_meanwhile_stays_erased(self, desk: Desk, keyring: FolderKeyring) -> None:
        transfer = desk.receive(b"a", b"content")
        sealed = object_of(desk, transfer)
        rotate(desk, keyring)
        desk.core.run(Erase(transfer, ("original",), "test", "cli:0"))
        moved = Wrapped(sealed.id, OLD.id, sealed.wrapped_dek, NEW.public.wrap(bytes(32), b""))
        assert desk.core.run(Rewrap(NEW.id, (moved,))) == 0
        with pytest.raises(Missing):
            object_of(desk, transfer)

    def test_an_upload_that_began_before_is_moved_when_it_has_ended(self, desk: Desk, keyring: FolderKeyring) -> None:
        upload = Upload(desk.vault, TENANT, arrival(b"slow"))
        upload.write(0, memoryview(b"begun under the old key"))
        rewrapping = rotate(desk, keyring)
        assert rewrapping.step(OLD.id) == 0
        transfer = desk.close(upload)
        assert rewrapping.older() == {OLD.id: 1}
        assert rewrapping.step(OLD.id) == 1
        assert object_of(desk, transfer).bucket == NEW.id
        assert desk.opened(object_of(desk, transfer).id) == b"begun under the old key"

    def test_one_that_does_not_unwrap_is_passed_over(self, desk: Desk, keyring: FolderKeyring) -> None:
        broken, *others = [desk.receive(b"%d" % n, b"%d" % n) for n in range(4)]
        rewrapping = rotate(desk, keyring)
        sealed = object_of(desk, broken)
        desk.core.writer.run(
            lambda books: keys.rewrap_object(
                books, sealed.id, bucket=OLD.id, old=sealed.wrapped_dek, to=OLD.id, new=bytes(1168)
            )
        )
        while rewrapping.step(OLD.id):
            pass
        assert rewrapping.failed == {OLD.id: {sealed.id}}
        assert rewrapping.older() == {OLD.id: 0}
        assert {object_of(desk, one).bucket for one in others} == {NEW.id}
        assert not rewrapping.finish(OLD.id)

    def test_nothing_is_wrapped_to_a_key_that_is_not_used(self, desk: Desk, keyring: FolderKeyring) -> None:
        sealed = object_of(desk, desk.receive(b"a", b"content"))
        with pytest.raises(StageConflict, match="not in force"):
            desk.core.run(Rewrap("feedfeedfeedfeed", (Wrapped(sealed.id, OLD.id, sealed.wrapped_dek, b"new"),)))


class TestShredding:
    def shredded(self, desk: Desk, keyring: FolderKeyring) -> int:
        objects: int = desk.core.run(Shred(OLD.id, "cli:0"))
        remove_shredded(keyring, desk.books)
        for _ in erase_shredded(lambda: desk.books, desk.core.run, OLD.id, actor="cli:0", batch=2):
            pass
        desk.core.run(Emptied("", "cli:0"))  # Files go behind their commit, and before the next.
        return objects

    def test_a_shredded_key_takes_with_it_what_is_wrapped_to_it_and_nothing_else(
        self, desk: Desk, keyring: FolderKeyring, parser: Any
    ) -> None:
        order = desk.receive(b"orders.edi", sample("orders-850.edi"))
        while desk.turn(parser):
            pass
        large, small = desk.receive(b"large", LARGE), desk.receive(b"small", b"small")
        assert desk.parts("records", order)
        rotate(desk, keyring)
        kept = desk.receive(b"kept", b"sealed for the new key")
        count = keys.objects_under(desk.books, OLD.id)
        assert self.shredded(desk, keyring) == count
        assert keys.objects_under(desk.books, OLD.id) == 0
        assert not (keyring.folder / OLD.file_name).exists()
        assert desk.files() == []
        assert [desk.row(one)["erased"] for one in (order, large, small, kept)] == [3, 1, 1, 0]
        assert desk.opened(desk.row(kept)["object_id"]) == b"sealed for the new key"
        assert desk.leaf(order, "transfer.erased")["facts"] == {"kinds": "original records", "reason": "key-shredded"}
        assert said(desk, "key.shredded") == [{"use": "bucket", "key": OLD.id, "objects": count}]
        assert self.shredded(desk, keyring) == 0  # Again: nothing, and no second leaf.
        assert len(said(desk, "key.shredded")) == 1

    def test_what_was_moved_before_is_not_touched(self, desk: Desk, keyring: FolderKeyring) -> None:
        transfer = desk.receive(b"a", b"content")
        rewrapping = rotate(desk, keyring)
        rewrapping.step(OLD.id)
        assert self.shredded(desk, keyring) == 0
        assert desk.opened(desk.row(transfer)["object_id"]) == b"content"

    def test_the_key_that_seals_stays(self, desk: Desk, keyring: FolderKeyring) -> None:
        with pytest.raises(NotAllowed, match=r"new files of class standard.*mft keys rotate bucket --class standard"):
            desk.core.run(Shred(OLD.id, "cli:0"))
        with pytest.raises(NotAllowed, match="not shredded"):
            desk.core.run(EraseShredded(OLD.id, "cli:0"))

    def test_a_legal_hold_keeps_the_key(self, desk: Desk, keyring: FolderKeyring) -> None:
        transfer = desk.receive(b"a", b"evidence")
        rotate(desk, keyring)
        desk.core.writer.run(lambda books: add_hold(books, "a suit", at=now_us(), by="cli:0", transfer=transfer))
        with pytest.raises(NotAllowed, match=rf"transfer {transfer} .* legal hold"):
            desk.core.run(Shred(OLD.id, "cli:0"))
        assert keys.key_row(desk.books, OLD.id)["destroyed_at"] is None

    def test_a_legal_hold_keeps_the_key_of_a_first_piece(self, desk: Desk, keyring: FolderKeyring) -> None:
        upload = Upload(desk.vault, TENANT, arrival(b"resumed"))
        upload.write(0, memoryview(LARGE))
        command = upload.keep("broken off")
        assert command is not None
        desk.core.run(command)
        first = object_of(desk, command.transfer)
        rotate(desk, keyring)
        upload = Upload(desk.vault, TENANT, arrival(b"resumed"), onto=Onto(command.transfer, first))
        upload.write(len(LARGE), memoryview(b"the rest"))
        transfer = desk.close(upload)
        assert (first.bucket, object_of(desk, transfer).bucket) == (OLD.id, NEW.id)
        desk.core.writer.run(lambda books: add_hold(books, "a suit", at=now_us(), by="cli:0", transfer=transfer))
        with pytest.raises(NotAllowed, match=rf"transfer {transfer} .* legal hold"):
            desk.core.run(Shred(OLD.id, "cli:0"))

    def test_nothing_that_is_no_bucket_key_is_shredded(self, desk: Desk, keyring: FolderKeyring) -> None:
        with pytest.raises(Missing, match="no bucket key feed"):
            desk.core.run(Shred("feed", "cli:0"))

    def test_an_upload_under_a_shredded_key_hears_no_yes(self, desk: Desk, keyring: FolderKeyring) -> None:
        upload = Upload(desk.vault, TENANT, arrival(b"slow"))
        upload.write(0, memoryview(b"begun under the old key"))
        rotate(desk, keyring)
        desk.core.run(Shred(OLD.id, "cli:0"))
        with pytest.raises(StageConflict, match="shredded meanwhile"):
            desk.close(upload)

    def test_a_partial_under_it_is_given_up(self, desk: Desk, keyring: FolderKeyring) -> None:
        upload = Upload(desk.vault, TENANT, arrival(b"partial"))
        upload.write(0, memoryview(LARGE))
        command = upload.keep("broken off")
        assert command is not None
        desk.core.run(command)
        rotate(desk, keyring)
        self.shredded(desk, keyring)
        assert desk.row(command.transfer)["stage"] == "expired"
        assert desk.files() == []

    def test_a_file_whose_first_piece_is_under_it_is_erased_whole(self, desk: Desk, keyring: FolderKeyring) -> None:
        upload = Upload(desk.vault, TENANT, arrival(b"resumed"))
        upload.write(0, memoryview(LARGE))
        command = upload.keep("broken off")
        assert command is not None
        desk.core.run(command)
        first = desk.row(command.transfer)["object_id"]
        rotate(desk, keyring)
        sealed, _ = desk.vault.seal(TENANT, b"the rest")

        def go_on(books: Any) -> None:
            insert_object(books, replace(sealed, continues=first), at=2)
            last = update(TRANSFER).where(TRANSFER.c.id == command.transfer).values(object_id=sealed.id)
            assert books.execute(last) == 1

        desk.core.writer.run(go_on)
        self.shredded(desk, keyring)
        assert keys.objects_under(desk.books, OLD.id) == keys.objects_under(desk.books, NEW.id) == 0
        assert desk.row(command.transfer)["stage"] == "expired"

    def test_cut_short_behind_the_leaf_the_rest_is_done_at_the_start(self, desk: Desk, keyring: FolderKeyring) -> None:
        desk.receive(b"a", b"content")
        rotate(desk, keyring)
        desk.core.run(Shred(OLD.id, "cli:0"))
        assert (keyring.folder / OLD.file_name).exists()
        check_buckets(keyring, desk.books)
        remove_shredded(keyring, desk.books)
        assert [key.id for key in keyring.held.keys] == [NEW.id]

    def test_a_shredded_key_that_comes_back_seals_nothing(self, desk: Desk, keyring: FolderKeyring) -> None:
        newest = BucketPrivateKey(bytes(range(2, 34)), made_at=9)
        rotate(desk, keyring)
        rotate(desk, keyring, newest)
        desk.core.run(Shred(NEW.id, "cli:0"))
        (keyring.folder / newest.file_name).unlink()
        with pytest.raises(BadConfig, match="was shredded"):
            reload_keys(desk.core, keyring, ReloadKeys("cli:0"))
        assert keyring.seal_for("standard") == newest.public


def test_what_is_still_on_its_way_in_is_not_erased(desk: Desk, keyring: FolderKeyring) -> None:
    transfer = desk.close(Upload(desk.vault, TENANT, arrival(b"parked")), publish=False)
    with pytest.raises(NotAllowed, match="still on its way in"):
        desk.core.run(Erase(transfer, ("original",), "test", "cli:0"))


def test_emptied_is_told_of_retired_keys_only(desk: Desk, keyring: FolderKeyring) -> None:
    assert not desk.core.run(Emptied(OLD.id, "cli:0"))
    assert said(desk, "key.retired") == []
