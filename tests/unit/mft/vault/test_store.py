"""The vault: what goes in comes out, only with the key, only unaltered; and a failing disk is told apart from a full one."""

import dataclasses
import errno
import hashlib
import os
import stat
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mft.crypto.keyring import MemoryKeyring, PublicKeyring
from mft.crypto.keys import BucketPrivateKey
from mft.crypto.stream import FIRST_SEGMENT_CAPACITY, SEGMENT_CAPACITY
from mft.domain import STANDARD, SealedObject
from mft.errors import Broken, NoSpace, SyncFailed, UnsealFailed
from mft.vault.store import BLOB_MAX, Vault

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = BucketPrivateKey(bytes(range(32)))
OTHER_KEY = BucketPrivateKey(bytes(32))
FIRST, FULL = FIRST_SEGMENT_CAPACITY, SEGMENT_CAPACITY
BOUNDARIES = sorted(
    {0, 1, BLOB_MAX - 1, BLOB_MAX, BLOB_MAX + 1, FIRST - 1, FIRST, FIRST + 1, FIRST + FULL, FIRST + FULL + 1}
)
quiet = settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])


def pattern(size: int) -> bytes:
    """Bytes of which no two blocks are alike."""
    return b"".join(number.to_bytes(8, "big") for number in range(size // 8 + 1))[:size]


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    (tmp_path / "vault").mkdir()
    return Vault(tmp_path / "vault", MemoryKeyring([KEY]))


def whole(vault: Vault, sealed: SealedObject) -> bytes:
    reader = vault.open(sealed)
    try:
        return b"".join(reader.chunks())
    finally:
        reader.close()


def path_of(vault: Vault, sealed: SealedObject) -> Path:
    return vault.root / sealed.id[:2] / sealed.id


@pytest.mark.parametrize("size", BOUNDARIES)
def test_what_goes_in_comes_out(vault: Vault, size: int) -> None:
    content = pattern(size)
    sealed, sha256 = vault.seal(7, content)
    assert sha256 == hashlib.sha256(content).digest()
    assert (sealed.plain_size, sealed.tenant, sealed.bucket) == (size, 7, KEY.id)
    assert whole(vault, sealed) == content
    if size <= BLOB_MAX:
        assert sealed.blob is not None
        assert len(sealed.blob) == sealed.sealed_size
        assert list(vault.root.iterdir()) == []
    else:
        assert sealed.blob is None
        assert list(vault.files()) == [sealed.id]
        found = path_of(vault, sealed).stat()
        assert found.st_size == sealed.sealed_size
        assert stat.S_IMODE(found.st_mode) == 0o600
        assert stat.S_IMODE(path_of(vault, sealed).parent.stat().st_mode) == 0o700


def test_nothing_of_the_content_lies_on_the_disk(vault: Vault) -> None:
    content = b"MSH|secret diagnosis|" * 100_000
    sealed, _ = vault.seal(1, content)
    assert b"secret" not in path_of(vault, sealed).read_bytes()
    small, _ = vault.seal(1, content[:1000])
    assert small.blob is not None
    assert b"secret" not in small.blob
    again, _ = vault.seal(1, content[:1000])
    assert again.id != small.id
    assert again.blob != small.blob


@quiet
@given(
    size=st.sampled_from(BOUNDARIES),
    cuts=st.lists(st.integers(0, FIRST + FULL + 1), max_size=12),
    flushes=st.lists(st.booleans(), min_size=13, max_size=13),
)
def test_any_pieces_are_the_whole(vault: Vault, size: int, cuts: list[int], flushes: list[bool]) -> None:
    content = pattern(size)
    edges = sorted({0, size, *(cut for cut in cuts if cut < size)})
    writer = vault.writer(1)
    for (begin, end), flush in zip(pairwise(edges), flushes, strict=False):
        writer.append(memoryview(content)[begin:end])
        assert writer.size == end
        if flush:
            writer.flush()
            assert writer.waiting == 0
    sealed, sha256 = writer.finish()
    assert sha256 == hashlib.sha256(content).digest()
    assert whole(vault, sealed) == content
    vault.remove(sealed.id)


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> tuple[Vault, SealedObject, bytes]:
    root = tmp_path_factory.mktemp("vault")
    vault = Vault(root, MemoryKeyring([KEY]))
    content = pattern(2 * FULL + 12_345)
    return vault, vault.seal(1, content)[0], content


EDGES = st.one_of(
    st.integers(0, 2 * FULL + 20_000),
    st.sampled_from([FIRST + delta for delta in (-1, 0, 1)] + [FIRST + FULL + delta for delta in (-1, 0, 1)]),
)


@quiet
@given(ranges=st.lists(st.tuples(EDGES, st.one_of(st.integers(0, 70_000), st.just(3 * FULL))), max_size=6))
def test_any_range_in_any_order(large: tuple[Vault, SealedObject, bytes], ranges: list[tuple[int, int]]) -> None:
    vault, sealed, content = large
    reader = vault.open(sealed)
    for offset, size in ranges:
        assert reader.read_at(offset, size) == content[offset : offset + size]
    reader.close()


@given(offset=st.integers(0, 1200), size=st.integers(0, 1200))
@settings(deadline=None, max_examples=25)
def test_any_range_of_a_small_one(offset: int, size: int) -> None:
    content = pattern(1000)
    vault = Vault(Path("/nowhere"), MemoryKeyring([KEY]))
    reader = vault.open(vault.seal(1, content)[0])
    assert reader.read_at(offset, size) == content[offset : offset + size]


@pytest.mark.parametrize("size", [0, 1000, BLOB_MAX + 1, FIRST + 10])
class TestRefused:
    @pytest.fixture
    def sealed(self, vault: Vault, size: int) -> SealedObject:
        return vault.seal(1, pattern(size))[0]

    def refuses(self, vault: Vault, sealed: SealedObject) -> None:
        with pytest.raises(UnsealFailed):
            whole(vault, sealed)

    def test_without_the_key(self, vault: Vault, sealed: SealedObject) -> None:
        with pytest.raises(UnsealFailed, match=sealed.bucket):
            Vault(vault.root, PublicKeyring([(STANDARD, KEY.public)])).open(sealed)

    def test_with_another_key(self, vault: Vault, sealed: SealedObject, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(vault.keyring._open_with, KEY.id, OTHER_KEY)
        self.refuses(vault, sealed)

    @pytest.mark.parametrize("what", ["tenant", "wrapped_dek", "plain_size", "sealed_size"])
    def test_a_row_that_says_something_else(self, vault: Vault, sealed: SealedObject, what: str) -> None:
        if what == "sealed_size" and sealed.blob is not None:
            return  # Nobody asks for it.
        new: dict[str, Any] = {
            "tenant": 2,
            "wrapped_dek": sealed.wrapped_dek[:-1] + bytes([sealed.wrapped_dek[-1] ^ 1]),
            "plain_size": sealed.plain_size + 1,
            "sealed_size": sealed.sealed_size + 1,
        }
        self.refuses(vault, dataclasses.replace(sealed, **{what: new[what]}))

    def test_another_objects_bytes(self, vault: Vault, sealed: SealedObject, size: int) -> None:
        other, _ = vault.seal(1, pattern(size))
        if sealed.blob is not None:
            self.refuses(vault, dataclasses.replace(sealed, blob=other.blob))
            self.refuses(vault, dataclasses.replace(sealed, blob=other.blob, wrapped_dek=other.wrapped_dek))
        else:
            path_of(vault, other).replace(path_of(vault, sealed))
            self.refuses(vault, sealed)
            self.refuses(vault, dataclasses.replace(sealed, wrapped_dek=other.wrapped_dek))

    def test_any_bit_and_any_length_but_its_own(self, vault: Vault, sealed: SealedObject) -> None:
        path = path_of(vault, sealed)
        good = sealed.blob if sealed.blob is not None else path.read_bytes()
        places = [0, 1, 20, 40, len(good) // 2, len(good) - 17, len(good) - 1]
        altered = [good[:at] + bytes([good[at] ^ 0x10]) + good[at + 1 :] for at in places]
        altered += [good[:-1], good[: len(good) // 2], good[:10], b"", good + b"\0"]
        for bad in altered:
            if sealed.blob is not None:
                self.refuses(vault, dataclasses.replace(sealed, blob=bad))
            else:
                path.write_bytes(bad)
                if bad == good + b"\0":
                    continue  # Bytes behind the end that the row tells are not looked at.
                self.refuses(vault, sealed)


def test_a_file_that_is_gone_is_our_loss(vault: Vault) -> None:
    sealed, _ = vault.seal(1, pattern(100_000))
    vault.remove(sealed.id)
    vault.remove(sealed.id)  # Again is no error.
    with pytest.raises(Broken, match=f"{sealed.id}.*gone"):
        vault.open(sealed)


class TestAbandon:
    @pytest.mark.parametrize("size", [0, 10, BLOB_MAX + 1, FIRST + 10, FIRST + FULL + 10])
    @pytest.mark.parametrize("flushed", [True, False])
    def test_leaves_nothing(self, vault: Vault, size: int, *, flushed: bool) -> None:
        before = open_files()
        writer = vault.writer(1)
        writer.append(pattern(size))
        if flushed:
            writer.flush()
        writer.abandon()
        writer.abandon()
        assert list(vault.files()) == []
        assert open_files() == before

    def test_an_object_that_was_finished(self, vault: Vault) -> None:
        writer = vault.writer(1)
        writer.append(pattern(FIRST + 10))
        writer.finish()
        writer.abandon()  # Its commit was refused.
        assert list(vault.files()) == []


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


class TestAFailingDisk:
    @pytest.mark.parametrize(
        ("number", "kind"),
        [
            (errno.ENOSPC, NoSpace),
            (errno.EDQUOT, NoSpace),
            (errno.EFBIG, NoSpace),
            (errno.EIO, SyncFailed),
            (errno.EROFS, SyncFailed),
        ],
    )
    @pytest.mark.parametrize("call", ["write", "fsync", "open"])
    def test_full_is_not_broken(
        self, vault: Vault, monkeypatch: pytest.MonkeyPatch, call: str, number: int, kind: type[Exception]
    ) -> None:
        before = open_files()
        writer = vault.writer(1)
        writer.append(pattern(FIRST + 10))
        failing(monkeypatch, call, number)
        with pytest.raises(kind) as caught:
            writer.finish()
        assert str(vault.root) not in str(caught.value)
        monkeypatch.undo()
        writer.abandon()
        assert list(vault.files()) == []
        assert open_files() == before

    def test_while_it_grows(self, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
        writer = vault.writer(1)
        writer.append(pattern(FIRST + 2 * FULL))
        failing(monkeypatch, "write", errno.ENOSPC, after=1)
        with pytest.raises(NoSpace):
            writer.flush()
        monkeypatch.undo()
        writer.abandon()
        assert list(vault.files()) == []

    def test_a_small_one_touches_no_disk(self, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
        failing(monkeypatch, "write", errno.EIO)
        failing(monkeypatch, "fsync", errno.EIO)
        sealed, _ = vault.seal(1, b"small")
        assert whole(vault, sealed) == b"small"

    def test_short_writes_are_continued(self, vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
        real = os.write
        monkeypatch.setattr(os, "write", lambda fd, data: real(fd, data[: max(1, len(data) // 2)]))
        sealed, _ = vault.seal(1, pattern(FIRST + 10))
        monkeypatch.undo()
        assert whole(vault, sealed) == pattern(FIRST + 10)


def failing(monkeypatch: pytest.MonkeyPatch, call: str, number: int, *, after: int = 0) -> None:
    real: Callable[..., Any] = getattr(os, call)
    done: list[int] = []

    def fails(*arguments: Any, **options: Any) -> Any:
        done.append(1)
        if len(done) > after:
            raise OSError(number, os.strerror(number))
        return real(*arguments, **options)

    monkeypatch.setattr(os, call, fails)


def test_it_is_on_the_disk_with_its_name_when_finish_returns(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        synced.append(str(Path(f"/proc/self/fd/{fd}").readlink()))
        real(fd)

    monkeypatch.setattr(os, "fsync", fsync)
    sealed, _ = vault.seal(1, pattern(FIRST + 10))
    path = path_of(vault, sealed)
    assert synced == [str(path.parent.parent), str(path), str(path.parent)]


def test_a_growing_file_is_synced_on_its_way(vault: Vault, monkeypatch: pytest.MonkeyPatch) -> None:
    from mft.vault import store

    monkeypatch.setattr(store, "SYNC_EVERY", 2 * FULL)
    synced: list[int] = []
    monkeypatch.setattr(os, "fdatasync", lambda fd: synced.append(os.fstat(fd).st_size))
    writer = vault.writer(1)
    for _ in range(5):
        writer.append(pattern(FULL))
        writer.flush()
    writer.abandon()
    assert len(synced) == 2


def test_files_lists_objects_and_nothing_else(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "none", MemoryKeyring([KEY]))
    assert list(vault.files()) == []
    (tmp_path / "none" / "ab").mkdir(parents=True)
    (tmp_path / "none" / "ab" / "abc").touch()
    (tmp_path / "none" / "README").touch()
    assert list(vault.files()) == ["abc"]


@pytest.mark.parametrize(
    ("offset", "size", "segments"), [(0, 10, 1), (FIRST - 5, 5, 1), (FIRST - 5, 6, 2), (FIRST + FULL, 1, 1)]
)
def test_a_range_is_read_without_the_rest(
    vault: Vault, offset: int, size: int, segments: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = pattern(FIRST + 3 * FULL)
    sealed = vault.seal(1, content)[0]
    read, preadv = [], os.preadv

    def counted(fd: int, buffers: Any, at: int) -> int:
        count = preadv(fd, buffers, at)
        read.append(count)
        return count

    reader = vault.open(sealed)
    monkeypatch.setattr(os, "preadv", counted)
    try:
        assert reader.read_at(offset, size) == content[offset : offset + size]
    finally:
        reader.close()
    assert len(read) == segments
    assert sum(read) <= segments << 20
