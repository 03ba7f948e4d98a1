"""The vectors of docs/formats/sealed-object.md: ours gives them, ours and a reader in another language keep to them.

`python -m tests.interop.test_sealed_object_vectors` writes the file anew.
"""

import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mft.crypto import stream
from mft.crypto.keyring import MemoryKeyring
from mft.crypto.keys import BucketPrivateKey
from mft.crypto.stream import (
    FIRST_SEGMENT_CAPACITY,
    HEADER_SIZE,
    SEGMENT_CAPACITY,
    SEGMENT_SIZE,
    TAG_SIZE,
    Opener,
    Sealer,
    context,
    open_bytes,
)
from mft.errors import UnsealFailed
from mft.vault.store import Vault
from tests.harness import ROOT, peer

FILE = ROOT / "docs" / "formats" / "vectors" / "sealed-object.json"
READER = Path(__file__).parent / "open_object.mjs"
DEK = bytes(range(32))
HEADER = bytes([HEADER_SIZE]) + bytes(range(100, 139))
OBJECT = "6f1d"
SEED = bytes(range(32, 64))
WRAPPED = "wrapped"  # Made of new randomness each time: what the file has is opened, not made again.
PIECES = ((0, 70_000), (70_000, FIRST_SEGMENT_CAPACITY + 1), (70_000 + FIRST_SEGMENT_CAPACITY + 1, 5))
SIZES = (
    0, 1, 5, 255, 1000, FIRST_SEGMENT_CAPACITY - 1, FIRST_SEGMENT_CAPACITY, FIRST_SEGMENT_CAPACITY + 1,
    FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY, FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY + 1,
    FIRST_SEGMENT_CAPACITY + 3 * SEGMENT_CAPACITY + 4711,
)  # fmt: skip
CUT = 2  # Segments of the cut object.


def plain(size: int) -> bytes:
    """Byte i is i * 7 + i // 256, modulo 256."""
    return bytes((i * 7 + (i >> 8)) & 255 for i in range(size))


class _Fixed(Sealer):
    """A sealer whose header is not random. Never used outside vectors."""

    def __init__(self, about: bytes, dek: bytes = DEK) -> None:
        super().__init__(dek, about)
        self.header = HEADER  # type: ignore[misc]
        self._key = stream._ObjectKey(dek, about, HEADER)


def sealed(content: bytes, about: bytes, dek: bytes = DEK) -> bytes:
    sealer = _Fixed(about, dek)
    return b"".join([sealer.header, *sealer.append(content), sealer.finish()])


def cut_object(about: bytes) -> bytes:
    sealer = _Fixed(about)
    segments = sealer.append(plain(FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY + 1))
    return b"".join([sealer.header, *segments])


def pieces() -> list[tuple[bytes, bytes, bytes]]:
    """A file in three: DEK, context and sealed bytes of each."""
    file = plain(sum(PIECES[-1]))
    made = []
    for number, (begin, size) in enumerate(PIECES):
        dek, about = bytes([number]) * 32, context(1, f"6f1{number}")
        made.append((dek, about, sealed(file[begin : begin + size], about, dek)))
    return made


def described(image: bytes) -> dict[str, Any]:
    """In full where it is short."""
    whole = {"sealed": image.hex()} if len(image) <= 400 else {}
    return {"sealed_size": len(image), "sealed_sha256": hashlib.sha256(image).hexdigest(), **whole}


def changes() -> Iterator[tuple[str, int, dict[str, Any]]]:
    """What must be refused: why, the size of the plaintext, and what is done to the sealed object."""
    for size in (0, 5):
        whole = len(sealed(plain(size), context(1, OBJECT)))
        for at in (0, 1, 32, 33, 39, 40, whole - 1):
            yield "a bit of header, ciphertext or tag altered", size, {"flip": at}
        for length in (0, 1, 39, 40, 55, whole - 1):
            yield "cut short", size, {"cut_to": length}
        yield "a byte added", size, {"append": "00"}
        yield "a tag added", size, {"append": "00" * TAG_SIZE}
        yield "of another object", size, {"context": '{"object":"6f1e","tenant":1,"v":1}'}
        yield "of another tenant", size, {"context": '{"object":"6f1d","tenant":2,"v":1}'}
        yield "without a context", size, {"context": ""}
        yield "under another DEK", size, {"dek": "ff" * 32}
    three = FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY + 1
    yield "the last segment dropped", three, {"cut_to": 2 * SEGMENT_SIZE}
    yield "cut within a segment", three, {"cut_to": 2 * SEGMENT_SIZE - 1}
    yield "a segment left out", three, {"order": [0, 2]}
    yield "a segment doubled", three, {"order": [0, 1, 1, 2]}
    yield "the last segment first", three, {"order": [2, 1, 0]}
    for at in (SEGMENT_SIZE - 1, SEGMENT_SIZE, 2 * SEGMENT_SIZE - 1, 2 * SEGMENT_SIZE):
        yield "a bit of a segment altered", three, {"flip": at}
    four = FIRST_SEGMENT_CAPACITY + 2 * SEGMENT_CAPACITY + 1
    yield "two segments that changed places", four, {"order": [0, 2, 1, 3]}


def cut_changes() -> Iterator[tuple[str, dict[str, Any]]]:
    """The same for the cut object, which is opened as cut where nothing else is said."""
    yield "a cut object opened as a whole one", {"cut": False}
    yield "cut within a segment", {"cut_to": CUT * SEGMENT_SIZE - 1}
    yield "a byte added", {"append": "00"}
    yield "nothing is left", {"cut_to": 0}
    yield "two segments that changed places", {"order": [1, 0]}
    yield "a segment doubled", {"order": [0, 0]}
    yield "of another object", {"context": '{"object":"6f1e","tenant":1,"v":1}'}
    for at in (0, 1, 39, 40, SEGMENT_SIZE, CUT * SEGMENT_SIZE - 1):
        yield "a bit altered", {"flip": at}


def applied(image: bytes, change: dict[str, Any]) -> bytes:
    if "flip" in change:
        at = change["flip"]
        return image[:at] + bytes([image[at] ^ 1]) + image[at + 1 :]
    if "cut_to" in change:
        return image[: change["cut_to"]]
    if "order" in change:
        return b"".join(image[one * SEGMENT_SIZE : (one + 1) * SEGMENT_SIZE] for one in change["order"])
    return image + bytes.fromhex(change.get("append", ""))


def vectors() -> dict[str, Any]:
    about = context(1, OBJECT)
    return {
        "about": "Sealed objects: docs/formats/sealed-object.md. Byte i of a plaintext is (7 i + floor(i / 256)) mod 256. "
        "`refused` are changes to the object of that plaintext: bit 0 of a byte flipped, cut to a length, bytes appended, "
        "its segments of 1,048,576 bytes in another order; or opened with another context or DEK. `cut_refused`: the same, "
        "done to the cut object, which is opened as cut unless it says otherwise; and the whole object of "
        "`whole_opened_as_cut` bytes of plaintext is refused as cut. `pieces` are one file, in order, each under its own "
        "DEK and context. `wrapped` is `dek`, wrapped for `context` to the bucket key of `seed`; it is made of new "
        "randomness each time.",
        "dek": DEK.hex(),
        "header": HEADER.hex(),
        "context": about.decode(),
        "good": [{"plain_size": size, **described(sealed(plain(size), about))} for size in SIZES],
        "cut": {"segments": CUT, **described(cut_object(about))},
        "cut_refused": [{"why": why, **change} for why, change in cut_changes()],
        "whole_opened_as_cut": FIRST_SEGMENT_CAPACITY,
        "pieces": [
            {"dek": dek.hex(), "context": one.decode(), "plain_size": size, **described(image)}
            for (dek, one, image), (_, size) in zip(pieces(), PIECES, strict=True)
        ],
        "seed": SEED.hex(),
        "bucket": BucketPrivateKey(SEED).id,
        "refused": [{"why": why, "plain_size": size, **change} for why, size, change in changes()],
    }


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


def test_the_file_is_what_ours_gives(said: dict[str, Any]) -> None:
    assert {name: value for name, value in said.items() if name != WRAPPED} == vectors()
    assert len(said["refused"]) + len(said["cut_refused"]) >= 40


def test_the_wrapped_dek_unwraps_for_its_object_alone(said: dict[str, Any]) -> None:
    key, wrapped = BucketPrivateKey(bytes.fromhex(said["seed"])), bytes.fromhex(said[WRAPPED])
    assert (key.id, key.unwrap(wrapped, said["context"].encode())) == (said["bucket"], DEK)
    with pytest.raises(UnsealFailed):
        key.unwrap(wrapped, context(1, "6f1e"))
    with pytest.raises(UnsealFailed):
        BucketPrivateKey(DEK).unwrap(wrapped, said["context"].encode())
    for at in (0, 1087, 1088, 1119, 1120, 1167):  # Both ends of each part.
        with pytest.raises(UnsealFailed):
            key.unwrap(applied(wrapped, {"flip": at}), said["context"].encode())


def test_the_pieces_are_one_file(said: dict[str, Any]) -> None:
    opened = [open_bytes(dek, about, image) for dek, about, image in pieces()]
    assert b"".join(opened) == plain(sum(PIECES[-1]))
    assert len(said["pieces"]) == len(opened)
    (_, _, first), (dek, about, _), _ = pieces()
    with pytest.raises(UnsealFailed):  # One in another's place.
        open_bytes(dek, about, first)


def test_good_ones_open(said: dict[str, Any]) -> None:
    for one in said["good"]:
        image = sealed(plain(one["plain_size"]), said["context"].encode())
        assert hashlib.sha256(image).hexdigest() == one["sealed_sha256"]
        assert open_bytes(DEK, said["context"].encode(), image) == plain(one["plain_size"])


def opened_as(image: bytes, about: bytes, *, cut: bool) -> bytes:
    opener = Opener(DEK, about, image[:HEADER_SIZE], len(image), cut=cut)
    return b"".join(
        bytes(opener.open_segment(index, image[begin : begin + length]))
        for index in range(opener.segments)
        for begin, length in [opener.segment_range(index)]
    )


def test_the_cut_one_opens_as_cut(said: dict[str, Any]) -> None:
    image, about = cut_object(said["context"].encode()), said["context"].encode()
    assert opened_as(image, about, cut=True) == plain(FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY)
    for one in said["cut_refused"]:
        with pytest.raises(UnsealFailed):
            opened_as(applied(image, one), one.get("context", said["context"]).encode(), cut=one.get("cut", True))
    with pytest.raises(UnsealFailed):
        opened_as(sealed(plain(said["whole_opened_as_cut"]), about), about, cut=True)


def test_bad_ones_are_refused(said: dict[str, Any]) -> None:
    for one in said["refused"]:
        image = applied(sealed(plain(one["plain_size"]), said["context"].encode()), one)
        with pytest.raises(UnsealFailed):
            open_bytes(bytes.fromhex(one.get("dek", DEK.hex())), one.get("context", said["context"]).encode(), image)


def read_by_another(folder: Path, cases: list[tuple[bytes, dict[str, Any]]]) -> list[str]:
    """What the reader in JavaScript says of each image."""
    for number, (image, case) in enumerate(cases):
        (folder / str(number)).write_bytes(image)
        case["path"] = str(folder / str(number))
    (folder / "cases.json").write_text(json.dumps([case for _, case in cases]))
    done = subprocess.run(
        [peer("node"), READER, folder / "cases.json"], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_a_reader_in_another_language_agrees(said: dict[str, Any], tmp_path: Path) -> None:
    about = said["context"]

    def case(image: bytes, one: dict[str, Any], *, cut: bool = False) -> tuple[bytes, dict[str, Any]]:
        how = {"dek": one.get("dek", DEK.hex()), "context": one.get("context", about), "cut": one.get("cut", cut)}
        return applied(image, one), how

    image = cut_object(about.encode())
    whole = sealed(plain(said["whole_opened_as_cut"]), about.encode())
    cases = [case(sealed(plain(one["plain_size"]), about.encode()), one) for one in said["good"] + said["refused"]]
    cases += [case(image, {}, cut=True), *(case(image, one, cut=True) for one in said["cut_refused"])]
    cases += [case(whole, {}, cut=True)]
    cases += [case(piece, one) for one, (_, _, piece) in zip(said["pieces"], pieces(), strict=True)]
    file = plain(sum(PIECES[-1]))
    assert read_by_another(tmp_path, cases) == [
        *(sha256(plain(one["plain_size"])) for one in said["good"]),
        *("refused" for _ in said["refused"]),
        sha256(plain(FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY)),
        *("refused" for _ in said["cut_refused"]),
        "refused",
        *(sha256(file[begin : begin + size]) for begin, size in PIECES),
    ]


def test_a_reader_in_another_language_opens_what_a_vault_holds(tmp_path: Path) -> None:
    keyring = MemoryKeyring([BucketPrivateKey(SEED)])
    vault = Vault(tmp_path / "vault", keyring)
    vault.root.mkdir()
    contents = [b"", b"a note", plain(70_000), plain(FIRST_SEGMENT_CAPACITY), plain(FIRST_SEGMENT_CAPACITY + 9)]
    cases = []
    for content in contents:
        one = vault.seal(1, content)[0]
        about = context(one.tenant, one.id)
        dek = keyring.unwrap(one.bucket, one.wrapped_dek, about)  # Node has no X-Wing.
        image = one.blob or (vault.root / one.id[:2] / one.id).read_bytes()
        cases.append((image, {"dek": dek.hex(), "context": about.decode(), "cut": False}))
    assert read_by_another(tmp_path, cases) == [sha256(content) for content in contents]


if __name__ == "__main__":
    wrapped = BucketPrivateKey(SEED).public.wrap(DEK, context(1, OBJECT))
    FILE.write_text(json.dumps({**vectors(), WRAPPED: wrapped.hex()}, indent=1) + "\n")
