"""A scratch is a file in memory to those who write and read it, and noise without a name to everybody else."""

import errno
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mft.crypto import blocks
from mft.crypto.blocks import TAG_SIZE, BlockKey
from mft.errors import NoSpace, SyncFailed, UnsealFailed
from mft.vault import scratch as module
from mft.vault.scratch import BLOCK_SIZE, Scratch

SLOT = BLOCK_SIZE + TAG_SIZE
SMALL = 16  # Blocks of the property test: many borders within a few bytes.
SPAN = 6 * SMALL

offsets = st.integers(0, SPAN) | st.builds(
    lambda block, off: max(0, block * SMALL + off), st.integers(0, 6), st.integers(-1, 1)
)
operations = st.one_of(
    st.tuples(st.just("write"), offsets, st.binary(max_size=3 * SMALL)),
    st.tuples(st.just("read"), offsets, st.integers(0, SPAN)),
    st.tuples(st.just("truncate"), offsets, st.none()),
)


class Base:
    """Plaintext that lies there already."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    @property
    def size(self) -> int:
        return len(self.content)

    def read_at(self, offset: int, size: int) -> bytes:
        return self.content[offset : offset + size]


class Model:
    """The same with a bytearray, and a flag for every byte: whether somebody wrote it."""

    def __init__(self, content: bytes) -> None:
        self.content = bytearray(content)
        self.written = bytearray(b"\1" * len(content))

    def write(self, offset: int, data: bytes) -> None:
        if data:
            for kept, new in ((self.content, data), (self.written, b"\1" * len(data))):
                kept.extend(bytes(max(0, offset + len(data) - len(kept))))
                kept[offset : offset + len(data)] = new

    def truncate(self, size: int) -> None:
        del self.content[size:], self.written[size:]

    def first_hole(self) -> int | None:
        found = self.written.find(0)
        return None if found < 0 else found


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Scratch]:
    scratch = Scratch(tmp_path)
    yield scratch
    scratch.close()


@pytest.fixture
def nonces(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """Every nonce that anything is sealed under."""
    return record_nonces(monkeypatch)


def record_nonces(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    found: list[bytes] = []

    class Recording:
        generate_key = staticmethod(AESGCM.generate_key)

        def __init__(self, key: bytes) -> None:
            self._aead = AESGCM(key)
            self.decrypt = self._aead.decrypt

        def encrypt(self, nonce: bytes, *rest: Any) -> bytes:
            found.append(nonce)
            return self._aead.encrypt(nonce, *rest)

    monkeypatch.setattr(blocks, "AESGCM", Recording)
    return found


def on_disk(scratch: Scratch) -> bytes:
    return os.pread(scratch._fd, os.fstat(scratch._fd).st_size, 0)


def failing(code: int) -> Callable[..., int]:
    def fail(*_: Any) -> int:
        raise OSError(code, os.strerror(code))

    return fail


class TestAgainstAModel:
    @settings(deadline=None, max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(base=st.none() | st.binary(max_size=SPAN), steps=st.lists(operations, max_size=30))
    def test_any_order_of_writes_reads_and_cuts(
        self, tmp_path: Path, base: bytes | None, steps: list[tuple[str, int, Any]]
    ) -> None:
        model = Model(base or b"")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(module, "BLOCK_SIZE", SMALL)
            patch.setattr(module, "_SLOT", SMALL + TAG_SIZE)
            nonces = record_nonces(patch)
            scratch = Scratch(tmp_path, None if base is None else Base(base))
            try:
                for kind, offset, more in steps:
                    if kind == "write":
                        scratch.write(offset, more)
                        model.write(offset, more)
                    elif kind == "truncate":
                        scratch.truncate(offset)
                        model.truncate(offset)
                    else:
                        assert scratch.read_at(offset, more) == model.content[offset : offset + more]
                    assert scratch.size == len(model.content)
                    assert scratch.first_hole() == model.first_hole()
                assert scratch.read_at(0, SPAN * 2) == model.content
            finally:
                scratch.close()
            assert len(nonces) == len(set(nonces))

    def test_blocks_of_full_size(self, tmp_path: Path) -> None:
        model = Model(os.urandom(3 * BLOCK_SIZE + 7))
        scratch = Scratch(tmp_path, Base(bytes(model.content)))
        for offset, size in [
            (BLOCK_SIZE - 5, 10),
            (5 * BLOCK_SIZE - 1, 2 * BLOCK_SIZE),
            (0, BLOCK_SIZE),
            (2 * BLOCK_SIZE, 1),
            (BLOCK_SIZE, BLOCK_SIZE),
        ]:
            data = os.urandom(size)
            scratch.write(offset, memoryview(data))
            model.write(offset, data)
        assert scratch.first_hole() == model.first_hole() == 3 * BLOCK_SIZE + 7
        assert scratch.read_at(0, scratch.size) == model.content
        scratch.close()


class TestSize:
    def test_behind_the_end_there_is_nothing(self, scratch: Scratch) -> None:
        scratch.write(0, b"claims")
        assert (scratch.read_at(6, 10), scratch.read_at(600, 10), scratch.read_at(4, 10)) == (b"", b"", b"ms")

    def test_a_cut_never_grows_the_file(self, scratch: Scratch) -> None:
        scratch.write(0, b"claims")
        scratch.truncate(7)
        assert scratch.size == 6

    def test_what_was_cut_off_does_not_come_back(self, tmp_path: Path) -> None:
        for base in (None, Base(b"\xff" * 3 * BLOCK_SIZE)):
            scratch = Scratch(tmp_path, base)
            scratch.write(0, b"\xff" * 3 * BLOCK_SIZE)
            scratch.truncate(10)
            scratch.write(2 * BLOCK_SIZE + 10, b"x")
            assert scratch.read_at(0, scratch.size) == b"\xff" * 10 + bytes(2 * BLOCK_SIZE) + b"x"
            assert scratch.first_hole() == 10
            scratch.close()


class TestHoles:
    def test_are_told_until_they_are_filled(self, scratch: Scratch) -> None:
        assert scratch.first_hole() is None
        scratch.write(20, b"x" * 10)
        assert scratch.first_hole() == 0
        scratch.write(0, b"x" * 10)
        assert scratch.first_hole() == 10
        scratch.write(10, b"x" * 10)
        assert scratch.first_hole() is None

    def test_zeros_that_were_written_are_none(self, scratch: Scratch) -> None:
        scratch.write(0, bytes(3 * BLOCK_SIZE))
        assert scratch.first_hole() is None

    def test_neighbours_are_remembered_as_one(self, scratch: Scratch) -> None:
        for offset in [*range(0, 1000, 2), *range(1, 1000, 2)]:
            scratch.write(offset, b"x")
        assert scratch._written._begins == [0]
        assert scratch._written._ends == [1000]


class TestNonces:
    def test_a_block_that_is_written_again_gets_another(self, scratch: Scratch, nonces: list[bytes]) -> None:
        scratch._key = BlockKey()  # One that records.
        for turn in range(50):
            for number in (0, 1, 2):
                scratch.write(number * BLOCK_SIZE, bytes([turn]))
        assert len(nonces) == 149  # The last block is open still.
        assert len(set(nonces)) == len(nonces)

    def test_not_even_a_write_that_failed_gives_its_own_back(
        self, scratch: Scratch, nonces: list[bytes], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        scratch._key = BlockKey()
        scratch.write(0, b"claims")
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", failing(errno.ENOSPC))
            with pytest.raises(NoSpace):
                scratch.write(BLOCK_SIZE, b"x")
        scratch.write(0, b"CLAIMS")
        scratch.write(BLOCK_SIZE, b"x")
        assert len(nonces) == 2
        assert len(set(nonces)) == 2

    def test_two_scratches_have_two_keys(self) -> None:
        (nonce, sealed), other = BlockKey().seal(0, b"claims"), BlockKey()
        with pytest.raises(UnsealFailed):
            other.open(0, nonce, sealed)


class TestOnTheDisk:
    def test_no_plaintext(self, scratch: Scratch) -> None:
        text = b"ISA*00*diagnosis"
        content = text * (4 * BLOCK_SIZE // len(text))
        scratch.write(0, content)
        scratch.read_at(0, 1)  # Puts the last block away too.
        sealed = on_disk(scratch)
        assert len(sealed) == 4 * SLOT
        assert content.find(text[:6]) == 0
        assert sealed.find(text[:6]) == -1
        assert len({sealed[at : at + 16] for at in range(0, len(sealed), 16)}) == len(sealed) // 16  # Nothing repeats.

    def test_no_name(self, tmp_path: Path, scratch: Scratch) -> None:
        scratch.write(0, bytes(3 * BLOCK_SIZE))
        assert list(tmp_path.iterdir()) == []
        assert os.fstat(scratch._fd).st_nlink == 0

    def test_no_name_where_the_file_system_wants_one(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        real = os.open

        def without_tmpfile(path: Any, flags: int, *rest: Any, **more: Any) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
            return real(path, flags, *rest, **more)

        monkeypatch.setattr(os, "open", without_tmpfile)
        scratch = Scratch(tmp_path)
        assert list(tmp_path.iterdir()) == []
        scratch.write(0, b"x" * 2 * BLOCK_SIZE)
        assert scratch.read_at(0, 2 * BLOCK_SIZE) == b"x" * 2 * BLOCK_SIZE
        status = os.fstat(scratch._fd)
        assert (status.st_nlink, status.st_mode & 0o777) == (0, 0o600)
        scratch.close()

    def test_close_gives_the_file_up_once(self, tmp_path: Path) -> None:
        scratch = Scratch(tmp_path)
        fd = scratch._fd
        scratch.close()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(fd)
        scratch.close()


class TestTampering:
    """Three blocks, of which the first two are on the disk and closed."""

    @pytest.fixture
    def three(self, scratch: Scratch) -> Scratch:
        for number in range(3):
            scratch.write(number * BLOCK_SIZE, bytes([number]) * BLOCK_SIZE)
        assert len(on_disk(scratch)) == 2 * SLOT
        return scratch

    def test_untouched_it_opens(self, three: Scratch) -> None:
        assert three.read_at(BLOCK_SIZE, BLOCK_SIZE) == b"\1" * BLOCK_SIZE

    @pytest.mark.parametrize("at", [0, BLOCK_SIZE // 2, BLOCK_SIZE - 1, BLOCK_SIZE, SLOT - 1])
    def test_a_byte_altered(self, three: Scratch, at: int) -> None:
        byte = os.pread(three._fd, 1, at)
        os.pwrite(three._fd, bytes([byte[0] ^ 1]), at)
        with pytest.raises(UnsealFailed, match="block 0 of a scratch does not verify"):
            three.read_at(0, 1)
        assert three.read_at(BLOCK_SIZE, 1) == b"\1"

    def test_blocks_that_change_places(self, three: Scratch) -> None:
        both = on_disk(three)
        os.pwrite(three._fd, both[SLOT:] + both[:SLOT], 0)
        for number in (0, 1):
            with pytest.raises(UnsealFailed):
                three.read_at(number * BLOCK_SIZE, 1)

    def test_the_number_is_bound_and_not_only_the_nonce(self) -> None:
        key = BlockKey()
        nonce, sealed = key.seal(1, b"claims")
        assert key.open(1, nonce, sealed) == b"claims"
        with pytest.raises(UnsealFailed):
            key.open(2, nonce, sealed)

    def test_an_older_version_of_the_block(self, three: Scratch) -> None:
        older = on_disk(three)[:SLOT]
        three.write(0, b"new")
        three.read_at(BLOCK_SIZE, 1)
        os.pwrite(three._fd, older, 0)
        with pytest.raises(UnsealFailed):
            three.read_at(0, 1)

    def test_a_block_cut_short(self, three: Scratch) -> None:
        three.read_at(0, 1)  # The third goes to the disk, too: nothing is left to be written.
        os.ftruncate(three._fd, 2 * SLOT - 1)
        with pytest.raises(UnsealFailed, match="block 1 of a scratch is cut short"):
            three.read_at(BLOCK_SIZE, 1)

    def test_a_write_into_it_does_not_make_it_good(self, three: Scratch) -> None:
        os.pwrite(three._fd, bytes(16), 0)
        with pytest.raises(UnsealFailed):
            three.write(5, b"x")


class TestDisk:
    @pytest.mark.parametrize(
        ("code", "kind"),
        [(errno.ENOSPC, NoSpace), (errno.EDQUOT, NoSpace), (errno.EFBIG, NoSpace), (errno.EIO, SyncFailed)],
    )
    def test_that_fails_to_write(
        self, scratch: Scratch, monkeypatch: pytest.MonkeyPatch, code: int, kind: type[Exception]
    ) -> None:
        scratch.write(0, b"claims")  # In memory still.
        with monkeypatch.context() as patch:
            patch.setattr(os, "pwrite", failing(code))
            with pytest.raises(kind):
                scratch.write(BLOCK_SIZE, b"x")
        scratch.write(BLOCK_SIZE, b"x")  # Once there is room, the same write goes through, and nothing was lost.
        assert scratch.read_at(0, 6) == b"claims"
        assert scratch.read_at(BLOCK_SIZE, 1) == b"x"

    def test_that_fails_to_read(self, scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
        scratch.write(0, bytes(2 * BLOCK_SIZE))
        monkeypatch.setattr(os, "pread", failing(errno.EIO))
        with pytest.raises(SyncFailed):
            scratch.read_at(0, 1)

    def test_that_takes_a_little_at_a_time(self, scratch: Scratch, monkeypatch: pytest.MonkeyPatch) -> None:
        real = os.pwrite
        monkeypatch.setattr(os, "pwrite", lambda fd, data, at: real(fd, data[:1000], at))
        content = os.urandom(2 * BLOCK_SIZE)
        scratch.write(0, content)
        assert scratch.read_at(0, 2 * BLOCK_SIZE) == content

    def test_that_has_no_room_for_a_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(os, "open", failing(errno.ENOSPC))
        with pytest.raises(NoSpace):
            Scratch(tmp_path)

    def test_a_folder_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(SyncFailed):
            Scratch(tmp_path / "gone")
