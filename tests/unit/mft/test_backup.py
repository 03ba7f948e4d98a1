"""Backups of homes that nobody serves: what is copied, what goes, what a failed one leaves, what a restore refuses."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

import mft.backup
from mft.audit.log import append, make_checkpoint
from mft.audit.signing_keys import SigningKeys
from mft.audit.verify import verify_log
from mft.backup import MANIFEST, VAULT, BackedUp, Manifest, back_up, check_apart, read_manifest
from mft.cli.backup import places_of
from mft.clock import now_us
from mft.crypto.keys import generate_bucket_key
from mft.crypto.signing import SigningKey, VerifyKey
from mft.domain import TENANT, SealedObject, Stage
from mft.errors import (
    AuditMismatch,
    BadBackup,
    BadConfig,
    Busy,
    FileGone,
    MFTError,
    Missing,
    NameTaken,
    NoSpace,
    NotAllowed,
)
from mft.home import Home
from mft.installation import open_vault
from mft.ledger.database import Books, Ledger, Writer, reading, sqlite_driver
from mft.ledger.objects import drop_object, erase_object, insert_object, sealed_object
from mft.ledger.tables import KEY_PAIR
from mft.ledger.transfers import transfer_row
from mft.ledger.uploads import update_upload
from mft.restore import Restore, Restored, Trust
from mft.vault.store import BLOB_MAX
from tests.unit.mft.ledger.entries import arrival, keep_profiles, received

LARGE = BLOB_MAX + 1000


def quiet(_step: str, _done: int, _total: int) -> None: ...


class Kept:
    """A home with sealed objects, its backup and the backup of its keys."""

    def __init__(self, root: Path) -> None:
        self.home = Home(root / "home")
        self.target = root / "backup"
        self.keys = root / "keys"
        self.new = root / "new"
        self.plain: dict[str, bytes] = {}
        self.ledger = Ledger(f"sqlite:{self.home.data / 'ledger.db'}")
        self.writer = Writer(self.ledger)
        self.vault = open_vault(self.home)
        self.signing = SigningKey.load(self.home.keys / "audit.key")

    def seal(self, size: int = LARGE) -> str:
        content = os.urandom(size)
        sealed, _ = self.vault.seal(TENANT, content)
        self.writer.run(lambda books: insert_object(books, sealed, at=1))
        self.plain[sealed.id] = content
        return sealed.id

    def erase(self, object_id: str) -> None:
        self.writer.run(lambda books: erase_object(books, object_id, at=2))
        self.vault.remove(object_id)
        del self.plain[object_id]

    def leaf(self) -> str:
        """One more leaf, and a checkpoint over all of them."""

        def work(books: Books) -> str:
            append(books, "server.stopped", at=now_us(), actor="server")
            make_checkpoint(books, self.signing, at=now_us())
            (row,) = books.rows(mft.backup._LAST_CHECKPOINT)
            return str(row["note"])

        return self.writer.run(work)

    def change_signing_key(self) -> None:
        SigningKey.generate(self.signing.name).save(self.home.keys / "audit-next.key")
        keys = SigningKeys(self.home.keys)
        self.writer.run(lambda books: (keys.change(books, actor="cli:0", at=now_us()), keys.settle(books)))
        self.signing = SigningKey.load(self.home.keys / "audit.key")

    def back_up(self, progress: Callable[[str, int, int], None] = quiet, *, target: Path | None = None) -> BackedUp:
        return back_up(
            places_of(self.home), target or self.target, vkey=self.signing.verify_key, program="1", progress=progress,
            keys=self.keys,
        )  # fmt: skip

    def restore(self, *, to: str = "new", read_all: bool = True, **trust: Any) -> tuple[Home, Restored]:
        work = Restore(self.target, self.keys, self.new.with_name(to), quiet)
        try:
            done = work.prepare(places_of(Home(work.staging)), Trust(**trust), read_all=read_all)
            work.settle()
        except BaseException:
            work.abandon()
            raise
        return Home(work.target), done

    def copy_of(self, object_id: str) -> Path:
        return self.target / VAULT / object_id[:2] / object_id

    def inside(self) -> set[str]:
        return {path.name for path in (self.target / VAULT).glob("*/*")}


def opened(home: Home) -> dict[str, bytes]:
    """Every object of a home, by its id."""
    vault = open_vault(home)
    found = {}
    with reading(Ledger(f"sqlite:{home.data / 'ledger.db'}")) as books:
        for object_id in mft.backup.readable_objects(books):
            with closing(vault.open(sealed_object(books, object_id))) as reader:
                found[object_id] = b"".join(reader.chunks())
    return found


@pytest.fixture
def kept(tmp_path: Path, fresh_home: Path) -> Iterator[Kept]:
    shutil.copytree(fresh_home / "home", tmp_path / "home", ignore=shutil.ignore_patterns("guest-*"))
    kept = Kept(tmp_path)
    kept.seal()
    kept.seal()
    kept.seal(5)
    kept.leaf()
    yield kept
    kept.writer.close()


class TestBackingUp:
    def test_all_comes_back_and_only_what_is_new_is_copied_again(self, kept: Kept) -> None:
        first = kept.back_up()
        assert (first.copied, first.manifest.contents.objects) == (2, 2)
        new = kept.seal()
        second = kept.back_up()
        assert (second.copied, second.removed) == (1, 0)
        assert new in kept.inside()
        home, done = kept.restore()
        assert done.manifest == second.manifest
        assert opened(home) == kept.plain
        assert (home.config_file.read_bytes(), len(list(home.partners.iterdir()))) == (
            kept.home.config_file.read_bytes(), len(list(kept.home.partners.iterdir())),
        )  # fmt: skip
        names = {path.name: path.read_bytes() for path in kept.home.keys.iterdir()}
        assert {path.name: path.read_bytes() for path in home.keys.iterdir()} == names

    def test_what_was_erased_is_gone_from_the_next_one(self, kept: Kept) -> None:
        kept.back_up()
        gone = next(iter(kept.plain))
        kept.erase(gone)
        assert kept.copy_of(gone).exists()
        assert kept.back_up().removed == 1
        assert not kept.copy_of(gone).exists()
        assert opened(kept.restore()[0]) == kept.plain

    def test_nobody_else_can_read_it_and_no_key_is_in_it(self, kept: Kept) -> None:
        kept.back_up()
        secrets = [path.read_bytes() for path in kept.home.keys.iterdir() if path.suffix != ".pub"]
        for path in kept.target.rglob("*"):
            assert path.stat().st_mode & 0o077 == 0, path
            assert not path.is_file() or not any(secret in path.read_bytes() for secret in secrets)
        assert not list(kept.target.rglob("*-journal")) + list(kept.target.rglob("*-wal"))

    @pytest.mark.parametrize("when", ["ledger", "files"])
    @pytest.mark.parametrize("size", [LARGE, 5])
    def test_what_is_erased_meanwhile_is_erased_in_the_copy(self, kept: Kept, when: str, size: int) -> None:
        victim = kept.seal(size)

        def progress(step: str, done: int, total: int) -> None:
            if step == when and done == total:
                kept.erase(victim)

        manifest = kept.back_up(progress).manifest
        with reading(Ledger(f"sqlite:{kept.target / manifest.id / 'ledger.db'}")) as books, pytest.raises(Missing):
            sealed_object(books, victim)
        assert victim not in kept.inside()
        assert opened(kept.restore()[0]) == kept.plain

    @pytest.mark.parametrize("end", ["goes on", "erased", "dropped"])
    def test_an_upload_under_way_is_taken_as_a_crash_would_leave_it(self, kept: Kept, end: str) -> None:
        """And harms no start, whatever becomes of it while the backup is made."""
        sealing = kept.vault.writer(TENANT)
        sealing.append(os.urandom(3 << 20))
        sealing.flush()
        begun: SealedObject = sealing.under_way()

        def upload(books: Books) -> str:
            keep_profiles(books)
            transfer = received(books, b"big.edi", stage=Stage.RECEIVING)
            insert_object(books, begun, at=1)
            update_upload(books, transfer, arrival(b"big.edi"), at=1, stage=Stage.RECEIVING, size_bytes=0, listed=True,
                          object_id=begun.id)  # fmt: skip
            return transfer

        transfer = kept.writer.run(upload)

        def progress(step: str, done: int, total: int) -> None:
            if step == "ledger" and done == total and end != "goes on":
                work = (lambda books: erase_object(books, begun.id, at=2)) if end == "erased" else (
                    lambda books: drop_object(books, begun.id)
                )  # fmt: skip
                kept.writer.run(work)
                kept.vault.remove(begun.id)

        kept.back_up(progress)
        home, _ = kept.restore()
        copied = home.vault / begun.id[:2] / begun.id
        assert copied.exists() is (end == "goes on")
        with reading(Ledger(f"sqlite:{home.data / 'ledger.db'}")) as books:
            row = transfer_row(books, transfer)
            assert row["stage"] == (Stage.EXPIRED if end == "erased" else Stage.RECEIVING)
            if end == "goes on":
                assert open_vault(home).salvage(sealed_object(books, begun.id)) == 3 << 20
        sealing.abandon()

    def test_a_file_that_the_vault_has_lost_is_told_and_the_former_backup_stands(self, kept: Kept) -> None:
        before = kept.back_up().manifest
        lost = kept.seal()
        kept.vault.remove(lost)
        with pytest.raises(FileGone, match=lost):
            kept.back_up()
        assert read_manifest(kept.target) == before

    def test_a_file_of_another_size_is_told(self, kept: Kept) -> None:
        short = kept.seal()
        os.truncate(kept.home.vault / short[:2] / short, 1000)
        with pytest.raises(FileGone, match=short):
            kept.back_up()
        assert short not in kept.inside()

    def test_a_second_one_at_once_waits(self, kept: Kept) -> None:
        def progress(step: str, done: int, total: int) -> None:
            with pytest.raises(Busy):
                kept.back_up()

        kept.back_up(progress)


class Stop(BaseException):
    """A kill, as far as one process can have it."""


class TestFailing:
    @pytest.mark.parametrize(("error", "abandons"), [(Stop, False), (NoSpace, True)], ids=["killed", "full"])
    def test_the_former_backup_can_be_restored_wherever_the_next_one_ends(
        self, kept: Kept, monkeypatch: pytest.MonkeyPatch, error: type[BaseException], *, abandons: bool
    ) -> None:
        """Each call that puts something on the disk fails in turn, before or, where that is no kill, behind it."""
        monkeypatch.setattr("mft.restore.sync_directory", lambda _path: None)  # It is restored from often.
        kept.back_up()
        plain = dict(kept.plain)
        kept.erase(next(iter(kept.plain)))
        kept.seal()
        after = dict(kept.plain)
        shutil.copytree(kept.target, kept.target.with_name("former"))
        if not abandons:
            monkeypatch.setattr("mft.backup._Backup.abandon", lambda _self: None)
        calls = self.calls(kept)
        assert calls > 10
        seen = set()
        for number in range(calls):
            for late in (False, True) if abandons or number == calls - 1 else (False,):
                shutil.rmtree(kept.target)
                shutil.copytree(kept.target.with_name("former"), kept.target)
                with monkeypatch.context() as patch:
                    self.fail_at(patch, number, error, late=late)
                    with pytest.raises(error):
                        kept.back_up()
                home, _ = kept.restore()
                found = opened(home)
                assert found in (plain, after)
                seen.add(found == after)
                shutil.rmtree(home.root)
                kept.back_up()
                assert len(list(kept.target.iterdir())) == 3, "a backup that failed has left something for good"
                assert kept.inside() == {one for one in after if len(after[one]) > BLOB_MAX}
        assert seen == {False, True}

    DISK = ("copy_file", "sync_copy", "sync_directory", "write_file", "hash_of")

    def calls(self, kept: Kept) -> int:
        """How many such calls a backup makes."""
        former = kept.target.with_name("former")
        count = 0

        def counted(call: Callable[..., Any]) -> Callable[..., Any]:
            def do(*arguments: Any, **options: Any) -> Any:
                nonlocal count
                count += 1
                return call(*arguments, **options)

            return do

        with pytest.MonkeyPatch.context() as patch:
            for name in self.DISK:
                patch.setattr(mft.backup, name, counted(getattr(mft.backup, name)))
            kept.back_up()
        shutil.rmtree(kept.target)
        shutil.copytree(former, kept.target)
        return count

    def fail_at(self, patch: pytest.MonkeyPatch, number: int, error: type[BaseException], *, late: bool) -> None:
        left = [number]

        def failing(call: Callable[..., Any]) -> Callable[..., Any]:
            def do(*arguments: Any, **options: Any) -> Any:
                left[0] -= 1
                if left[0] != -1:
                    return call(*arguments, **options)
                if late:
                    call(*arguments, **options)
                raise error("planted")

            return do

        for name in self.DISK:
            patch.setattr(mft.backup, name, failing(getattr(mft.backup, name)))


class TestPlaces:
    def test_a_backup_and_its_keys_lie_apart(self, tmp_path: Path) -> None:
        home, target, live = tmp_path / "home", tmp_path / "b", tmp_path / "home" / "keys"
        check_apart(home, live, target, tmp_path / "k")
        for where, keys in (
            (home / "data" / "b", None), (tmp_path, None), (target, target / "k"), (target / "x", target),
            (target, home / "keys"), (target, tmp_path),
        ):  # fmt: skip
            with pytest.raises(NotAllowed):
                check_apart(home, live, where, keys)

    def test_what_else_is_there_is_not_touched(self, kept: Kept) -> None:
        kept.target.mkdir()
        (kept.target / "letter.txt").write_text("dear")
        with pytest.raises(NotAllowed, match=r"letter\.txt"):
            kept.back_up()
        assert [path.name for path in kept.target.iterdir()] == ["letter.txt"]

    def test_the_backup_of_another_home_is_not_touched(self, kept: Kept) -> None:
        manifest = kept.back_up().manifest
        with closing(sqlite_driver.connect(kept.home.data / "ledger.db")) as ledger:
            ledger.execute("UPDATE installation SET id = 'another'")
            ledger.commit()
        with pytest.raises(NotAllowed, match="another installation"):
            kept.back_up()
        assert read_manifest(kept.target) == manifest

    def test_a_home_that_was_put_back_does_not_replace_what_came_later(self, kept: Kept) -> None:
        kept.back_up()
        old = kept.restore(to="old")[0]
        kept.leaf()
        manifest = kept.back_up().manifest
        kept.writer.close()
        shutil.copy(old.data / "ledger.db", kept.home.data / "ledger.db")
        kept.writer = Writer(kept.ledger)
        with pytest.raises(NotAllowed, match="put back"):
            kept.back_up()
        assert read_manifest(kept.target) == manifest
        kept.back_up(target=kept.target.with_name("elsewhere"))


class TestKeys:
    def test_those_for_pgp_are_kept_and_put_back(self, kept: Kept) -> None:
        folder = kept.home.keys / "pgp"
        folder.mkdir()
        (folder / "ours.asc").write_bytes(b"a secret key")
        kept.back_up()
        home, _ = kept.restore()
        found = home.keys / "pgp" / "ours.asc"
        assert found.read_bytes() == b"a secret key"
        assert found.stat().st_mode & 0o777 == 0o400

    def test_those_that_were_destroyed_go_and_no_others(self, kept: Kept) -> None:
        kept.back_up()
        shredded, lost = (generate_bucket_key().save(kept.keys) for _ in range(2))
        row = {"id": shredded.stem.removeprefix("bucket-"), "tenant_id": 1, "kind": "bucket", "retention": "standard",
               "public": None, "made_at": 1, "in_force_at": 1, "retired_at": 2, "destroyed_at": 3}  # fmt: skip
        kept.writer.run(lambda books: books.execute(KEY_PAIR.insert(), row))
        kept.back_up()
        assert not shredded.exists()
        assert lost.exists()

    def test_a_new_signing_key_takes_the_place_of_the_old_one_with_the_new_backup(
        self, kept: Kept, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        kept.back_up()
        before = kept.signing
        kept.change_signing_key()
        with monkeypatch.context() as patch:
            patch.setattr(mft.backup, "hash_of", lambda _path: (_ for _ in ()).throw(Stop))
            with pytest.raises(Stop):
                kept.back_up()
        home, _ = kept.restore()
        assert SigningKey.load(home.keys / "audit.key").verify_key == before.verify_key
        kept.back_up()
        assert [path.name for path in kept.keys.glob("audit*.key")] == ["audit.key"]

    def test_a_signing_key_that_changes_meanwhile_is_there_as_it_was_before_and_is_now(self, kept: Kept) -> None:
        kept.back_up()
        kept.change_signing_key()
        before = kept.signing

        def during(step: str, _done: int, _total: int) -> None:
            if step == "ledger" and kept.signing is before:
                kept.change_signing_key()

        assert kept.back_up(during).manifest.vkey == before.verify_key.vkey
        held = {SigningKey.load(path).verify_key.vkey for path in kept.keys.glob("audit*.key")}
        assert held == {before.verify_key.vkey, kept.signing.verify_key.vkey}


def _manifest(change: Callable[[dict[str, Any]], object], *, sums: bool = True) -> Callable[[Kept, Manifest], None]:
    def sabotage(kept: Kept, _manifest: Manifest) -> None:
        path = kept.target / MANIFEST
        said = json.loads(path.read_text())
        change(said)
        if sums:
            said.pop("sum")
            said["sum"] = mft.backup._sum(said)
        path.write_text(json.dumps(said))

    return sabotage


def _ledger(kept: Kept, manifest: Manifest) -> None:
    path = kept.target / manifest.id / "ledger.db"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _sealed(change: Callable[[Path], object]) -> Callable[[Kept, Manifest], None]:
    return lambda kept, _: change(next(path for path in sorted((kept.target / VAULT).glob("*/*"))))  # type: ignore[return-value]


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[1000] ^= 1
    path.write_bytes(content)


def _other_signing_key(kept: Kept, _manifest: Manifest) -> None:
    (kept.keys / "audit.key").unlink()
    SigningKey.generate(kept.signing.name).save(kept.keys / "audit.key")


def _other_bucket_key(kept: Kept, _manifest: Manifest) -> None:
    next(kept.keys.glob("bucket-*.key")).unlink()
    generate_bucket_key().save(kept.keys)


def _sql(statement: str) -> Callable[[Kept, Manifest], None]:
    """Somebody who rewrites the ledger and then the manifest for it."""

    def sabotage(kept: Kept, manifest: Manifest) -> None:
        path = kept.target / manifest.id / "ledger.db"
        with closing(sqlite_driver.connect(path)) as ledger:
            ledger.execute(statement)
            ledger.commit()
        size, digest = path.stat().st_size, mft.backup.hash_of(path)
        _manifest(lambda said: said.update(ledger_bytes=size, ledger_sha256=digest))(kept, manifest)

    return sabotage


TAMPERED: dict[str, tuple[Callable[[Kept, Manifest], object], type[MFTError], str]] = {
    "a byte of the ledger": (_ledger, BadBackup, r"ledger\.db is not the file"),
    "no ledger": (lambda kept, m: (kept.target / m.id / "ledger.db").unlink(), BadBackup, r"ledger\.db is missing"),
    "a ledger cut short": (
        lambda kept, m: os.truncate(kept.target / m.id / "ledger.db", 5000), BadBackup, r"ledger\.db is not the file",
    ),
    "a leaf rewritten": (_sql("UPDATE leaf SET actor = 'nobody' WHERE seq = 0"), AuditMismatch, "leaf 0"),
    "a leaf gone": (_sql("DELETE FROM leaf WHERE seq = 1"), AuditMismatch, "leaf 1"),
    "the last leaves gone": (
        _sql("DELETE FROM node WHERE level = 0 AND position = (SELECT max(seq) FROM leaf)"), BadBackup, "leaves",
    ),
    "an object renamed to a path": (
        _sql("UPDATE object SET id = '../../../etc/passwd' WHERE id = (SELECT min(id) FROM object WHERE blob IS NULL)"), BadBackup, "altered",
    ),
    "a sealed file missing": (_sealed(Path.unlink), BadBackup, "1 sealed files are missing"),
    "a sealed file short": (_sealed(lambda path: os.truncate(path, 1000)), BadBackup, "another size"),
    "a sealed file changed": (_sealed(_flip), BadBackup, "cannot be opened"),
    "a sealed file that is a link": (
        _sealed(lambda path: (path.rename(path.with_name("x")), path.symlink_to("x"))), BadBackup, "missing",
    ),
    "configuration changed": (
        lambda kept, m: (kept.target / m.id / "config" / "mft.toml").write_text(""), BadBackup, r"mft\.toml is not",
    ),
    "configuration missing": (
        lambda kept, m: (kept.target / m.id / "config" / "partners" / "acme.toml").unlink(), BadBackup, "acme.toml is missing",
    ),
    "configuration more": (
        lambda kept, m: (kept.target / m.id / "config" / "partners" / "eve.toml").write_text("x"), BadBackup, "eve.toml",
    ),
    "no manifest": (lambda kept, _: (kept.target / MANIFEST).unlink(), Missing, "is no backup"),
    "a manifest cut short": (lambda kept, _: os.truncate(kept.target / MANIFEST, 100), BadBackup, "manifest.json"),
    "a manifest of words": (lambda kept, _: (kept.target / MANIFEST).write_text("[1]"), BadBackup, "manifest.json"),
    "a manifest edited": (_manifest(lambda said: said.update(at=1), sums=False), BadBackup, "manifest.json"),
    "a manifest that leads out": (_manifest(lambda said: said.update(id="../../x")), BadBackup, "manifest.json"),
    "a newer version": (_manifest(lambda said: said.update(v=2)), BadBackup, "version 2"),
    "fewer leaves stated": (_manifest(lambda said: said["contents"].update(leaves=1)), BadBackup, "manifest's leaves"),
    "fewer objects stated": (_manifest(lambda said: said["contents"].update(objects=1)), BadBackup, "manifest's objects"),
    "fewer keys stated": (_manifest(lambda said: said["contents"].update(buckets=[])), BadBackup, "manifest's buckets"),
    "another signer stated": (
        _manifest(lambda said: said.update(vkey=SigningKey.generate("x").verify_key.vkey)), BadConfig, "is not here",
    ),
    "another signing key": (_other_signing_key, BadConfig, "is not here"),
    "another bucket key": (_other_bucket_key, BadConfig, r"bucket-[0-9a-f]{16}\.key missing"),
    "a key that others can read": (
        lambda kept, _: next(kept.keys.glob("bucket-*.key")).chmod(0o644), BadConfig, "others can read",
    ),
    "no keys": (lambda kept, _: [path.unlink() for path in kept.keys.iterdir()], BadConfig, "bucket-"),
}  # fmt: skip


class TestRestoring:
    @pytest.mark.parametrize("what", TAMPERED)
    def test_what_was_altered_is_named_and_nothing_is_left(self, kept: Kept, what: str) -> None:
        sabotage, error, match = TAMPERED[what]
        manifest = kept.back_up().manifest
        sabotage(kept, manifest)
        before = sorted(kept.home.root.parent.iterdir())
        with pytest.raises(error, match=match):
            kept.restore()
        assert sorted(kept.home.root.parent.iterdir()) == before

    def test_an_older_backup_than_a_checkpoint_is_refused_until_the_loss_is_accepted(self, kept: Kept) -> None:
        kept.back_up()
        kept.leaf()
        later = kept.leaf()
        with pytest.raises(NotAllowed, match="2 leaves at least came after it"):
            kept.restore(checkpoints=(later,))
        home, done = kept.restore(checkpoints=(later,), accept_loss=True)
        assert done.lost == 2
        key = VerifyKey.load(home.keys / "audit.pub")
        writer = Writer(Ledger(f"sqlite:{home.data / 'ledger.db'}"))
        for _ in range(5):  # The restored log outgrows the lost one: still it is another.
            writer.run(lambda books: append(books, "server.stopped", at=now_us(), actor="server"))
        writer.run(lambda books: make_checkpoint(books, kept.signing, at=now_us()))
        writer.close()
        with reading(Ledger(f"sqlite:{home.data / 'ledger.db'}")) as books:
            verify_log(books, [key])
            with pytest.raises(AuditMismatch):
                verify_log(books, [key], pinned=[later])

    def test_a_checkpoint_of_another_history_is_refused(self, kept: Kept) -> None:
        kept.back_up()
        other = kept.restore(to="other")[0]
        writer = Writer(Ledger(f"sqlite:{other.data / 'ledger.db'}"))

        def fork(books: Books) -> str:
            append(books, "server.stopped", at=1, actor="eve")
            make_checkpoint(books, kept.signing, at=1)
            return str(books.rows(mft.backup._LAST_CHECKPOINT)[0]["note"])

        forked = writer.run(fork)
        writer.close()
        kept.leaf()
        kept.back_up()
        with pytest.raises(AuditMismatch):
            kept.restore(checkpoints=(forked,))
        kept.restore(checkpoints=(kept.leaf(),), accept_loss=True)

    def test_a_checkpoint_of_another_key_and_another_key_are_refused(self, kept: Kept) -> None:
        kept.back_up()
        stranger = SigningKey.generate(kept.signing.name)
        with pytest.raises(AuditMismatch):
            kept.restore(keys=(stranger.verify_key,))
        with pytest.raises(AuditMismatch):
            kept.restore(checkpoints=("no checkpoint at all",))
        kept.restore(keys=(kept.signing.verify_key,), checkpoints=(read_manifest(kept.target).contents.checkpoint,))

    def test_a_place_that_is_taken_is_not_touched(self, kept: Kept) -> None:
        kept.back_up()
        kept.new.mkdir()
        kept.restore()  # Empty.
        with pytest.raises(NameTaken):
            kept.restore()
        for target in (kept.target / "new", kept.keys / "new"):
            with pytest.raises(NotAllowed):
                Restore(kept.target, kept.keys, target, quiet)
        with pytest.raises(Missing):
            Restore(kept.target.with_name("nowhere"), kept.keys, kept.target.with_name("other"), quiet)

    def test_what_a_killed_one_left_is_made_again(self, kept: Kept) -> None:
        kept.back_up()
        left = kept.new.with_name(".new.restoring")
        (left / "data").mkdir(parents=True)
        (left / "data" / "ledger.db").write_bytes(b"half")
        assert opened(kept.restore()[0]) == kept.plain
        assert not left.exists()
