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
from tests.harness import ROOT, peer

FILE = ROOT / "docs" / "formats" / "vectors" / "sealed-object.json"
READER = Path(__file__).parent / "open_object.mjs"
DEK = bytes(range(32))
HEADER = bytes([HEADER_SIZE]) + bytes(range(100, 139))
OBJECT = "6f1d"
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

    def __init__(self, about: bytes) -> None:
        super().__init__(DEK, about)
        self.header = HEADER  # type: ignore[misc]
        self._key = stream._ObjectKey(DEK, about, HEADER)


def sealed(content: bytes, about: bytes) -> bytes:
    sealer = _Fixed(about)
    return b"".join([sealer.header, *sealer.append(content), sealer.finish()])


def cut_object(about: bytes) -> bytes:
    sealer = _Fixed(about)
    segments = sealer.append(plain(FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY + 1))
    return b"".join([sealer.header, *segments])


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
        "its segments of 1,048,576 bytes in another order; or opened with another context or DEK.",
        "dek": DEK.hex(),
        "header": HEADER.hex(),
        "context": about.decode(),
        "good": [{"plain_size": size, **described(sealed(plain(size), about))} for size in SIZES],
        "cut": {"segments": CUT, **described(cut_object(about))},
        "refused": [{"why": why, "plain_size": size, **change} for why, size, change in changes()],
    }


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(FILE.read_text())
    return found


def test_the_file_is_what_ours_gives(said: dict[str, Any]) -> None:
    assert said == vectors()
    assert len(said["refused"]) >= 40


def test_good_ones_open(said: dict[str, Any]) -> None:
    for one in said["good"]:
        image = sealed(plain(one["plain_size"]), said["context"].encode())
        assert hashlib.sha256(image).hexdigest() == one["sealed_sha256"]
        assert open_bytes(DEK, said["context"].encode(), image) == plain(one["plain_size"])


def test_the_cut_one_opens_as_cut(said: dict[str, Any]) -> None:
    image = cut_object(said["context"].encode())
    opener = Opener(DEK, said["context"].encode(), image[:HEADER_SIZE], len(image), cut=True)
    found = b"".join(
        bytes(opener.open_segment(index, image[begin : begin + length]))
        for index in range(opener.segments)
        for begin, length in [opener.segment_range(index)]
    )
    assert found == plain(FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY)


def test_bad_ones_are_refused(said: dict[str, Any]) -> None:
    for one in said["refused"]:
        image = applied(sealed(plain(one["plain_size"]), said["context"].encode()), one)
        with pytest.raises(UnsealFailed):
            open_bytes(bytes.fromhex(one.get("dek", DEK.hex())), one.get("context", said["context"]).encode(), image)


def test_a_reader_in_another_language_agrees(said: dict[str, Any], tmp_path: Path) -> None:
    about = said["context"]
    cases = []
    for number, one in enumerate([*said["good"], *said["refused"]]):
        image = applied(sealed(plain(one["plain_size"]), about.encode()), one)
        path = tmp_path / str(number)
        path.write_bytes(image)
        cases.append({"path": str(path), "dek": one.get("dek", DEK.hex()), "context": one.get("context", about)})
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    done = subprocess.run(
        [peer("node"), READER, tmp_path / "cases.json"], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    expected = [hashlib.sha256(plain(one["plain_size"])).hexdigest() for one in said["good"]]
    assert done.stdout.split() == expected + ["refused"] * len(said["refused"])


if __name__ == "__main__":
    FILE.write_text(json.dumps(vectors(), indent=1) + "\n")
