"""An upload between its bytes, its sealed pieces and the ledger: whatever is refused, what was entered before stays."""

import hashlib
import itertools
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mft import core
from mft.core import Core
from mft.crypto import blocks, stream
from mft.crypto.keyring import MemoryKeyring
from mft.crypto.keys import BucketPrivateKey
from mft.domain import INBOUND, TENANT, SealedObject
from mft.errors import MFTError, NoSpace, NotSupported, NotWhole, StageConflict
from mft.ledger.database import Books
from mft.ledger.objects import object_files, sealed_object
from mft.pipeline import mailbox
from mft.pipeline.receive import Keep, Resume, Salvage
from mft.pipeline.upload import Onto, Upload
from mft.vault import store
from mft.vault.store import Vault
from tests.unit.mft.ledger.entries import ACME, arrival
from tests.unit.mft.pipeline.conftest import Desk

NAME = b"claims.bin"
LARGE = os.urandom(2_500_000)


def begin(desk: Desk, *, onto: Onto | None = None, bytes_max: int = 1 << 40) -> Upload:
    return Upload(desk.vault, TENANT, arrival(NAME), onto=onto, bytes_max=bytes_max)


def write(upload: Upload, data: bytes, offset: int | None = None) -> None:
    upload.write(upload.size if offset is None else offset, memoryview(data))


def enter(desk: Desk, upload: Upload) -> None:
    """What is to be told of an upload under way is told."""
    command = upload.begin()
    if command is not None:
        desk.core.run(command)
        upload.entered(command)


def put_on_disk(desk: Desk, upload: Upload) -> None:
    upload.part()
    command = upload.seal_part()
    if command is not None:
        desk.core.run(command)
        upload.entered(command)


def broken_off(desk: Desk, content: bytes) -> Onto:
    upload = begin(desk)
    write(upload, content)
    upload.work()
    enter(desk, upload)
    command = upload.keep("the connection ended")
    assert command is not None
    desk.core.run(command)
    return resumable(desk, upload.transfer)


def resumable(desk: Desk, transfer: str) -> Onto:
    return Onto(transfer, sealed_object(desk.books, desk.row(transfer)["object_id"]))


def content_of(desk: Desk, transfer: str) -> bytes:
    return desk.opened(desk.row(transfer)["object_id"])


def check_files(desk: Desk) -> None:
    """What the ledger knows and what lies in the vault are the same: the next start will find nothing amiss."""
    desk.core.writer.run(lambda books: None)  # Behind it, the commits before have removed what they forgot.
    assert object_files(desk.books) == set(desk.files())


@contextmanager
def full_disk(core: Core) -> Iterator[None]:
    """The ledger's disk is full: SQLite's own SQLITE_FULL, for whatever needs a page more."""
    core.writer.run(lambda books: pragma(books, f"max_page_count = {pragma(books, 'page_count')}"))
    yield
    core.writer.run(lambda books: pragma(books, "max_page_count = 1000000000"))


def pragma(books: Books, text: str) -> Any:
    return books._cursor.execute(f"PRAGMA {text}").fetchone()[0]


def fails(future: Any, kind: type[MFTError]) -> None:
    with pytest.raises(kind):
        future.result(30)


class TestGivenUp:
    @pytest.mark.parametrize("how", ["too large", "a piece that could not be put on the disk"])
    def test_a_piece_that_was_entered_stays(self, desk: Desk, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
        upload = begin(desk, bytes_max=10_000_000)
        write(upload, LARGE)
        put_on_disk(desk, upload)
        write(upload, LARGE)
        upload.work()
        enter(desk, upload)
        if how == "too large":
            with pytest.raises(Exception, match="10,000,000 bytes and no more"):
                write(upload, b"x", offset=1 << 60)
        else:
            monkeypatch.setattr(store, "sync_file", _no_space)
            upload.part()
            with pytest.raises(NoSpace):
                upload.seal_part()
        desk.core.run(upload.abandon(how))
        assert desk.row(upload.transfer)["size_bytes"] == len(LARGE)
        assert content_of(desk, upload.transfer) == LARGE
        check_files(desk)

    def test_what_was_to_be_resumed_stays(self, desk: Desk) -> None:
        onto = broken_off(desk, LARGE)
        upload = begin(desk, onto=onto)
        write(upload, LARGE)
        upload.work()
        enter(desk, upload)
        desk.core.run(upload.abandon("the disk is full"))
        assert content_of(desk, onto.transfer) == LARGE
        check_files(desk)

    def test_what_its_sender_wrote_over_does_not(self, desk: Desk) -> None:
        onto = broken_off(desk, LARGE)
        upload = begin(desk, onto=onto)
        write(upload, b"x", offset=10)
        upload.work()
        enter(desk, upload)
        desk.core.run(upload.abandon("the disk is full"))
        assert (desk.row(onto.transfer)["stage"], desk.row(onto.transfer)["object_id"]) == ("partial", None)
        check_files(desk)

    def test_an_older_file_is_not_taken_for_one_that_was_refused(self, desk: Desk) -> None:
        old = begin(desk)
        write(old, b"yesterday's")
        desk.close(old, publish=False)
        new = begin(desk)
        write(new, b"today's")
        desk.core.run(new.abandon("the disk is full"))
        assert mailbox.entries(desk.books, ACME.connection, INBOUND, since=0) == []
        assert desk.row(old.transfer)["stage"] == "superseded"


def _no_space(fd: int, path: Path) -> None:
    raise NoSpace("the disk is full")


def test_an_upload_whose_end_was_lost_gives_way_to_the_next_one(desk: Desk) -> None:
    lost = begin(desk)
    write(lost, LARGE)
    lost.work()
    enter(desk, lost)  # And `keep` is refused, or never comes.
    new = begin(desk)
    write(new, b"today's")
    desk.close(new, publish=False)
    assert desk.row(lost.transfer)["stage"] == "superseded"
    assert content_of(desk, new.transfer) == b"today's"
    check_files(desk)


def test_what_is_salvaged_displaces_nothing_newer(desk: Desk) -> None:
    lost = begin(desk)
    write(lost, LARGE)
    lost.work()
    enter(desk, lost)
    new = begin(desk)
    write(new, b"today's")
    desk.close(new)
    undo = "UPDATE transfer SET stage = 'receiving' WHERE stage = 'superseded'"
    desk.core.writer.run(lambda books: books.script(undo))  # As if nothing had displaced it.
    desk.core.run(Salvage(lost.transfer, 1_048_520, 1_048_576))
    assert desk.row(lost.transfer)["stage"] == "superseded"
    (entry,) = mailbox.entries(desk.books, ACME.connection, INBOUND, since=0)
    assert (entry["id"], content_of(desk, new.transfer)) == (new.transfer, b"today's")


def test_a_late_repeat_is_listed_for_its_sender(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1_700_000_000_000_000]
    monkeypatch.setattr(core, "now_us", lambda: clock[0])
    first = desk.receive(NAME, b"daily")
    clock[0] += 7_200_000_000
    again = begin(desk)
    write(again, b"daily")
    assert desk.close(again, repeat_since=0) == first
    (entry,) = mailbox.entries(desk.books, ACME.connection, INBOUND, since=clock[0] - 3_600_000_000)
    assert entry["id"] == first


class TestRefusedCommits:
    def test_an_upload_that_could_not_be_entered_is_entered_at_its_end(self, desk: Desk) -> None:
        upload = begin(desk, onto=broken_off(desk, LARGE))
        write(upload, LARGE)
        upload.work()
        assert upload.begin() is not None  # And it is not committed.
        desk.close(upload)
        assert content_of(desk, upload.transfer) == LARGE + LARGE
        check_files(desk)

    def test_a_piece_that_could_not_be_entered_cannot_be_built_on(self, desk: Desk) -> None:
        upload = begin(desk)
        write(upload, LARGE)
        upload.part()
        assert upload.seal_part() is not None  # And it is not committed.
        write(upload, LARGE)
        with pytest.raises(StageConflict):
            desk.close(upload)

    def test_what_a_failed_commit_would_have_forgotten_is_still_there(self, desk: Desk) -> None:
        onto = broken_off(desk, LARGE)
        remove = mailbox.Remove(ACME, INBOUND, NAME, 0)
        large = begin(desk)
        write(large, os.urandom(60_000))
        blob = large.finish(publish=True, repeat_since=1 << 62)
        begun, hold = threading.Event(), threading.Event()
        with full_disk(desk.core):
            stopped = desk.core.writer.submit(lambda books: begun.set() or hold.wait(30))
            assert begun.wait(30)  # So that what follows gathers into one batch.
            both = [desk.core.submit(remove), desk.core.submit(blob)]
            hold.set()
            stopped.result(30)
            for future in both:
                fails(future, NoSpace)
        desk.receive(b"other.bin", b"x")  # The next commit.
        assert content_of(desk, onto.transfer) == LARGE
        check_files(desk)

    def test_one_cannot_resume_what_has_gone(self, desk: Desk) -> None:
        onto = broken_off(desk, LARGE)
        desk.core.run(Resume(onto.transfer, onto.sealed.id))
        desk.core.run(mailbox.Remove(ACME, INBOUND, NAME, 0))
        with pytest.raises(StageConflict, match="upload the whole file again"):
            desk.core.run(Resume(onto.transfer, onto.sealed.id))
        upload = begin(desk, onto=onto)
        write(upload, b"x")
        with pytest.raises(StageConflict, match="upload the whole file again"):
            upload.work()


def test_a_file_in_dust_is_refused(desk: Desk) -> None:
    upload = begin(desk)
    for offset in range(100_000, 0, -2):
        write(upload, b"x", offset=offset)
    with pytest.raises(NotSupported, match="in too many places"):
        upload.finish(publish=True, repeat_since=0)


def test_a_small_write_that_waits_counts_for_what_it_costs(desk: Desk) -> None:
    upload = begin(desk)
    write(upload, b"x", offset=100 << 20)
    for offset in range(20_000):
        write(upload, b"x", offset=2 * offset + (50 << 20))
    assert upload.behind > 4


# --- nonces ---


class Spy:
    """Stands in for AESGCM, and refuses to encrypt twice under one nonce."""

    def __init__(self) -> None:
        self.seen: set[tuple[bytes, bytes]] = set()

    def patch(self, patch: pytest.MonkeyPatch) -> None:
        for module in (stream, blocks):
            patch.setattr(module, "AESGCM", self._spied(module.AESGCM))

    def _spied(self, real: Any) -> Any:
        spy = self

        class Spied:
            generate_key = staticmethod(real.generate_key)

            def __init__(self, key: bytes) -> None:
                self._key, self._aead = key, real(key)

            def _see(self, nonce: bytes) -> None:
                assert (self._key, nonce) not in spy.seen, "a nonce is used twice under one key"
                spy.seen.add((self._key, nonce))

            def encrypt(self, nonce: bytes, *rest: Any) -> bytes:
                self._see(nonce)
                return bytes(self._aead.encrypt(nonce, *rest))

            def encrypt_into(self, nonce: bytes, *rest: Any) -> int:
                self._see(nonce)
                return int(self._aead.encrypt_into(nonce, *rest))

            def __getattr__(self, name: str) -> Any:
                return getattr(self._aead, name)

        return Spied


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("write"), st.sampled_from(["end", "end", "end", "start", "gap"]), st.integers(1, 1_200_000)),
        st.tuples(st.just("cut"), st.integers(0, 100), st.just(0)),
        st.tuples(st.sampled_from(["work", "fsync", "break off", "break off"]), st.just(0), st.just(0)),
    ),
    min_size=3,
    max_size=14,
)


def walk(vault: Vault, steps: list[tuple[Any, ...]]) -> None:
    """An upload with everything that may happen to one; what is told to the ledger is committed at once."""
    data = bytes(1_200_000)
    onto: Onto | None = None
    upload = Upload(vault, TENANT, arrival(NAME))
    for what, how, size in steps:
        if what == "write":
            offset = {"end": upload.size, "start": 0, "gap": upload.size + 10}[how]
            upload.write(offset, memoryview(data)[:size])
        elif what == "cut":
            upload.truncate(upload.size * how // 100)
        elif what == "work":
            upload.work()
            command = upload.begin()
            if command is not None:
                upload.entered(command)
        elif what == "fsync":
            try:
                upload.part()
            except NotSupported:
                continue
            command = upload.seal_part()
            if command is not None:
                upload.entered(command)
        else:
            kept = upload.keep("cut")
            onto = _resumed(kept, onto)
            upload = Upload(vault, TENANT, arrival(NAME), onto=onto)
    try:
        upload.finish(publish=True, repeat_since=0)
    except NotWhole:
        upload.keep("cut")


def _resumed(kept: Keep | None, onto: Onto | None) -> Onto | None:
    if kept is None or kept.sealed is None:
        return None if kept is not None and kept.last_object is None else onto
    before: tuple[SealedObject, ...] = ()
    if kept.sealed.continues is not None and onto is not None and onto.sealed.id == kept.sealed.continues:
        before = (*onto.sealed.before, onto.sealed)
    elif kept.sealed.continues is not None:
        return None  # Behind an fsync: its pieces are in no ledger here.
    return Onto(kept.transfer, replace(kept.sealed, before=before))


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    key = BucketPrivateKey(bytes(range(32)))
    (tmp_path / "vault").mkdir()
    (tmp_path / "scratch").mkdir()
    return Vault(tmp_path / "vault", MemoryKeyring([key]))


@pytest.fixture(scope="module")
def spied_vault(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Vault, Spy]]:
    root = tmp_path_factory.mktemp("spied")
    key = BucketPrivateKey(bytes(range(32)))
    (root / "vault").mkdir()
    (root / "scratch").mkdir()
    spy = Spy()
    with pytest.MonkeyPatch.context() as patch:
        spy.patch(patch)
        yield Vault(root / "vault", MemoryKeyring([key])), spy


@settings(max_examples=60, deadline=None)
@given(STEPS)
def test_no_nonce_is_used_twice(spied_vault: tuple[Vault, Spy], steps: list[tuple[Any, ...]]) -> None:
    vault, spy = spied_vault
    walk(vault, steps)
    assert spy.seen or all(step[0] != "write" for step in steps)


def _same_key(patch: pytest.MonkeyPatch) -> None:
    """As if an object were continued that is sealed already: every piece has the key of the one before."""
    patch.setattr(store, "new_dek", lambda: bytes(32))
    patch.setattr(stream, "HKDF", lambda *args, **options: SimpleNamespace(derive=lambda dek: dek))
    patch.setattr(stream.secrets, "token_bytes", bytes)


def _same_block_nonce(patch: pytest.MonkeyPatch) -> None:
    really = blocks.BlockKey.__init__

    def init(self: blocks.BlockKey) -> None:
        really(self)
        self._nonces = itertools.repeat(7)  # type: ignore[assignment]

    patch.setattr(blocks.BlockKey, "__init__", init)


@pytest.mark.parametrize(
    ("fault", "steps"),
    [
        (_same_key, [("write", "end", 70_000), ("break off", 0, 0), ("write", "end", 70_000), ("break off", 0, 0)]),
        (_same_block_nonce, [("write", "end", 200_000), ("write", "start", 200_000), ("work", 0, 0)]),
    ],
    ids=["a segment index sealed twice", "a block sealed twice"],
)
def test_a_nonce_that_is_used_twice_is_noticed(
    vault: Vault, monkeypatch: pytest.MonkeyPatch, fault: Callable[[pytest.MonkeyPatch], None], steps: list[Any]
) -> None:
    Spy().patch(monkeypatch)
    fault(monkeypatch)
    with pytest.raises(AssertionError, match="a nonce is used twice"):
        walk(vault, steps)


def test_a_name_is_listed_once_while_a_new_file_of_it_is_put_on_the_disk(desk: Desk) -> None:
    old = desk.receive(NAME, b"yesterday's")
    upload = begin(desk)
    for _ in range(2):
        write(upload, LARGE)
        put_on_disk(desk, upload)
        assert [row["id"] for row in mailbox.entries(desk.books, ACME.connection, INBOUND, since=0)] == [old]
    desk.close(upload)
    assert [row["id"] for row in mailbox.entries(desk.books, ACME.connection, INBOUND, since=0)] == [upload.transfer]


def test_a_file_in_many_pieces_is_one(desk: Desk) -> None:
    pieces = [os.urandom(size) for size in (10, 70_000, 1_100_000, 5, 2_200_000)]
    upload = begin(desk)
    for piece in pieces:
        write(upload, piece)
        put_on_disk(desk, upload)
    desk.close(upload)
    assert content_of(desk, upload.transfer) == b"".join(pieces)
    assert bytes(desk.row(upload.transfer)["sha256"]) == hashlib.sha256(b"".join(pieces)).digest()
    check_files(desk)
