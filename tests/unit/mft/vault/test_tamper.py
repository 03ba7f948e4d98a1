"""Thousands of ways to tamper with sealed objects and their rows, and none is accepted.

Accepted would be: all of it was read without an error, and it is not what was sealed.
"""

import dataclasses
import hashlib
import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random

import pytest

from mft.crypto import stream
from mft.crypto.keyring import MemoryKeyring
from mft.crypto.keys import BucketPrivateKey
from mft.crypto.stream import FIRST_SEGMENT_CAPACITY, HEADER_SIZE, SEGMENT_CAPACITY, SEGMENT_SIZE, TAG_SIZE
from mft.domain import SealedObject
from mft.errors import FileGone, MFTError
from mft.vault.store import Vault

KEY = BucketPrivateKey(bytes(range(32)))
OTHER = BucketPrivateKey(bytes(32))
CASES_MIN = 3_500
SMALL = b"ISA*00*made up, and short enough that every bit of it is tried~"
LARGE = Random(1).randbytes(FIRST_SEGMENT_CAPACITY + 2 * SEGMENT_CAPACITY + 4711)  # noqa: S311  The same in every run.


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    (tmp_path / "vault").mkdir()
    return Vault(tmp_path / "vault", MemoryKeyring([KEY, OTHER]))


def sealed_for(vault: Vault, content: bytes, key: BucketPrivateKey = KEY) -> SealedObject:
    return Vault(vault.root, MemoryKeyring([key])).seal(1, content)[0]


def path_of(vault: Vault, sealed: SealedObject) -> Path:
    return vault.root / sealed.id[:2] / sealed.id


def accepted(vault: Vault, sealed: SealedObject, content: bytes) -> bool:
    """Whether something else than `content` is read without an error."""
    try:
        reader = vault.open(sealed)
        try:
            return b"".join(reader.chunks(SEGMENT_SIZE)) != content
        finally:
            reader.close()
    except (MFTError, FileGone):
        return False


Case = Callable[[], bool]
"""Tampers, reads, puts it back; returns whether that was accepted."""


def blob_cases(vault: Vault) -> Iterator[Case]:
    """Every bit and every length of a small object; and with another's bytes."""
    sealed = sealed_for(vault, SMALL)
    assert sealed.blob is not None
    blob, other = sealed.blob, sealed_for(vault, SMALL[::-1])
    for bit in range(len(blob) * 8):
        changed = bytearray(blob)
        changed[bit // 8] ^= 1 << bit % 8
        yield lambda changed=bytes(changed): accepted(vault, dataclasses.replace(sealed, blob=changed), SMALL)
    for length in range(len(blob)):
        yield lambda length=length: accepted(vault, dataclasses.replace(sealed, blob=blob[:length]), SMALL)
    for more in range(1, 65):
        yield lambda more=more: accepted(vault, dataclasses.replace(sealed, blob=blob + bytes(more)), SMALL)
    yield lambda: accepted(vault, dataclasses.replace(sealed, blob=other.blob), SMALL)
    yield lambda: accepted(vault, dataclasses.replace(other, blob=blob), SMALL[::-1])


def file_cases(vault: Vault) -> Iterator[Case]:
    """Bytes of a file of four segments, most where the format has something; lengths; segments moved about."""
    sealed, twin = sealed_for(vault, LARGE), sealed_for(vault, LARGE[::-1])
    path, size = path_of(vault, sealed), sealed.sealed_size
    image, other = path.read_bytes(), path_of(vault, twin).read_bytes()
    dice = Random(2)  # noqa: S311
    edges = {0, SEGMENT_SIZE - TAG_SIZE, SEGMENT_SIZE, 2 * SEGMENT_SIZE - TAG_SIZE, 3 * SEGMENT_SIZE, size - TAG_SIZE}
    places = sorted(
        {at for edge in edges for at in range(edge, edge + TAG_SIZE)} | set(range(HEADER_SIZE))
        | {dice.randrange(size) for _ in range(600)}
    )  # fmt: skip
    for at in places:
        for bit in (0, 7):
            yield lambda at=at, bit=bit: _byte(vault, sealed, path, at, 1 << bit)
    lengths = {
        0,
        1,
        HEADER_SIZE,
        SEGMENT_SIZE - 1,
        SEGMENT_SIZE,
        SEGMENT_SIZE + 1,
        2 * SEGMENT_SIZE,
        size - 1,
        size - TAG_SIZE,
    }
    for length in sorted(lengths | {dice.randrange(size) for _ in range(100)}):
        yield lambda length=length: _image(vault, sealed, path, image, image[:length])
    for more in (1, TAG_SIZE, 4096, SEGMENT_SIZE):
        yield lambda more=more: _image(vault, sealed, path, image, image + bytes(more))
    cuts = [image[at : at + SEGMENT_SIZE] for at in range(0, size, SEGMENT_SIZE)]
    theirs = [other[at : at + SEGMENT_SIZE] for at in range(0, size, SEGMENT_SIZE)]
    orders = {*itertools.permutations(range(4)), *itertools.permutations(range(4), 3), *((n,) * 4 for n in range(4))}
    for order in sorted(orders - {(0, 1, 2, 3)}):
        yield lambda order=order: _image(vault, sealed, path, image, b"".join(cuts[index] for index in order))
    for which in range(1, 16):
        mixed = b"".join(theirs[index] if which >> index & 1 else cuts[index] for index in range(4))
        yield lambda mixed=mixed: _image(vault, sealed, path, image, mixed)


def cut_cases(vault: Vault) -> Iterator[Case]:
    """An object whose writer died behind three full segments: its bytes, its lengths, and what its row says of it."""
    writer = vault.writer(1)
    writer.append(LARGE)
    writer.flush()
    os.close(writer._fd)
    row = writer.under_way()
    size = vault.salvage(row)
    assert size == 3 * SEGMENT_SIZE
    sealed = dataclasses.replace(row, plain_size=stream.plain_size(size, cut=True), sealed_size=size)
    content, path = LARGE[: sealed.plain_size], path_of(vault, sealed)
    image = path.read_bytes()
    assert not accepted(vault, sealed, content)
    assert accepted(vault, sealed, b"else")
    dice = Random(3)  # noqa: S311
    for at in sorted({*range(HEADER_SIZE), size - 1, *(dice.randrange(size) for _ in range(100))}):
        yield lambda at=at: _byte(vault, sealed, path, at, 1, content)
    for length in (0, HEADER_SIZE, SEGMENT_SIZE, 2 * SEGMENT_SIZE, size - 1):
        yield lambda length=length: _image(vault, sealed, path, image, image[:length], content)
    cuts = [image[at : at + SEGMENT_SIZE] for at in range(0, size, SEGMENT_SIZE)]
    for order in sorted({*itertools.product(range(3), repeat=3)} - {(0, 1, 2)}):
        mixed = b"".join(cuts[index] for index in order)
        yield lambda mixed=mixed: _image(vault, sealed, path, image, mixed, content)
    whole = sealed_for(vault, LARGE)
    twin = path_of(vault, whole).read_bytes()
    yield lambda: _image(vault, sealed, path, image, twin[:size], content)
    for change in (
        {"cut": False}, {"tenant": 2}, {"id": whole.id}, {"wrapped_dek": whole.wrapped_dek},
        {"sealed_size": size + SEGMENT_SIZE, "plain_size": sealed.plain_size + SEGMENT_CAPACITY},
        {"sealed_size": size - 1}, {"sealed_size": size - 1, "plain_size": sealed.plain_size - 1},
        {"plain_size": sealed.plain_size - 1}, {"plain_size": sealed.plain_size + 1},
    ):  # fmt: skip
        changed = dataclasses.replace(sealed, **change)  # type: ignore[arg-type]
        yield lambda changed=changed: accepted(vault, changed, content)
    for segments in (1, 2):  # Nothing in its bytes tells where it ends: what the ledger's SHA-256 is for.
        shorter = segments * SEGMENT_SIZE
        row = dataclasses.replace(sealed, sealed_size=shorter, plain_size=stream.plain_size(shorter, cut=True))
        yield lambda row=row: _digest_fits(vault, row, hashlib.sha256(content).digest())


def _byte(vault: Vault, sealed: SealedObject, path: Path, at: int, flip: int, content: bytes = LARGE) -> bool:
    with path.open("r+b", buffering=0) as file:
        file.seek(at)
        was = file.read(1)
        file.seek(at)
        file.write(bytes([was[0] ^ flip]))
        try:
            return accepted(vault, sealed, content)
        finally:
            file.seek(at)
            file.write(was)


def _image(
    vault: Vault, sealed: SealedObject, path: Path, image: bytes, changed: bytes, content: bytes = LARGE
) -> bool:
    path.write_bytes(changed)
    try:
        return accepted(vault, sealed, content)
    finally:
        path.write_bytes(image)


def row_cases(vault: Vault) -> Iterator[Case]:
    """Every column of rows, with bytes that are as they were."""
    small, large = sealed_for(vault, SMALL), sealed_for(vault, LARGE)
    for sealed, content in ((small, SMALL), (large, LARGE)):
        foreign = sealed_for(vault, content[::-1])
        of_other_key = sealed_for(vault, content, OTHER)
        changes: list[dict[str, object]] = [
            {"id": foreign.id}, {"tenant": 2}, {"tenant": 0}, {"bucket": OTHER.id}, {"bucket": "0" * 16},
            {"wrapped_dek": foreign.wrapped_dek}, {"wrapped_dek": of_other_key.wrapped_dek},
            {"wrapped_dek": of_other_key.wrapped_dek, "bucket": OTHER.id}, {"wrapped_dek": b""}, {"cut": True},
            {"blob": foreign.blob, "wrapped_dek": foreign.wrapped_dek},
        ]  # fmt: skip
        changes += [{"plain_size": sealed.plain_size + by} for by in (-1, 1, -16, 16, 1 << 20)]
        for change in changes:
            changed = dataclasses.replace(sealed, **change)  # type: ignore[arg-type]
            yield lambda changed=changed, content=content: accepted(vault, changed, content)
        for bit in range(0, len(sealed.wrapped_dek) * 8, 11):
            wrapped = bytearray(sealed.wrapped_dek)
            wrapped[bit // 8] ^= 1 << bit % 8
            changed = dataclasses.replace(sealed, wrapped_dek=bytes(wrapped))
            yield lambda changed=changed, content=content: accepted(vault, changed, content)
    for by in (-(1 << 20), -17, -1, 1, 16, 1 << 20):
        changed = dataclasses.replace(large, sealed_size=large.sealed_size + by)
        yield lambda changed=changed: accepted(vault, changed, LARGE)


def piece_cases(vault: Vault) -> Iterator[Case]:
    """Files of pieces: swapped, left out, doubled, taken from another file. What the ledger's SHA-256 is for."""
    pieces = [sealed_for(vault, bytes([number]) * 70_000) for number in range(3)]
    content = b"".join(bytes([number]) * 70_000 for number in range(3))
    digest = hashlib.sha256(content).digest()
    for length in range(1, 4):
        for order in itertools.product(range(3), repeat=length):
            if order == (0, 1, 2):
                continue
            *before, last = (pieces[index] for index in order)
            sealed = dataclasses.replace(last, before=tuple(before))
            yield lambda sealed=sealed: _digest_fits(vault, sealed, digest)


def _digest_fits(vault: Vault, sealed: SealedObject, digest: bytes) -> bool:
    reader = vault.open(sealed)
    try:
        return hashlib.sha256(b"".join(reader.chunks())).digest() == digest
    finally:
        reader.close()


def all_cases(vault: Vault) -> Iterator[Case]:
    for cases in (blob_cases, file_cases, cut_cases, row_cases, piece_cases):
        yield from cases(vault)


def test_untouched_all_of_it_is_read(vault: Vault) -> None:
    for content in (SMALL, LARGE):
        sealed = sealed_for(vault, content)
        assert not accepted(vault, sealed, content)
        assert accepted(vault, sealed, b"else")  # The judge can say yes.


def test_none_is_accepted(vault: Vault) -> None:
    count = 0
    for count, case in enumerate(all_cases(vault), 1):
        assert not case(), f"case {count}"
    assert count >= CASES_MIN


@pytest.mark.parametrize("fault", ["tags are not checked", "no index in the nonce", "no context"])
def test_a_planted_fault_is_accepted_somewhere(vault: Vault, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    key = stream._ObjectKey
    if fault == "tags are not checked":

        def opens(self: stream._ObjectKey, index: int, sealed: memoryview, **_: bool) -> bytes:
            return bytes(sealed[:-TAG_SIZE])

        def seals(self: stream._ObjectKey, index: int, plain: memoryview, view: memoryview, **_: bool) -> None:
            view[:-TAG_SIZE] = plain
            view[-TAG_SIZE:] = bytes(TAG_SIZE)

        monkeypatch.setattr(key, "open", opens)
        monkeypatch.setattr(key, "open_in_place", lambda self, index, sealed, **_: sealed[:-TAG_SIZE])
        monkeypatch.setattr(key, "seal", seals)
    elif fault == "no index in the nonce":
        monkeypatch.setattr(key, "_nonce", lambda self, index, *, last: self._prefix + bytes(4) + bytes([last]))
    else:
        monkeypatch.setattr("mft.vault.store.context", lambda tenant, object_id: b"")
    assert any(case() for case in all_cases(vault))
