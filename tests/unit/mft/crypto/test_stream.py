"""Sealed objects: sizes at every border, all ways to open, every kind of tampering."""

import hashlib
import itertools
import random
from collections.abc import Iterator
from pathlib import Path

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
    capacity,
    context,
    open_bytes,
    open_stream,
    plain_size,
    seal_bytes,
    sealed_size,
)
from mft.errors import UnsealFailed

DEK = bytes(range(32))
CONTEXT = context(1, "6f1d")
SIZES = [
    0,
    1,
    FIRST_SEGMENT_CAPACITY - 1,
    FIRST_SEGMENT_CAPACITY,
    FIRST_SEGMENT_CAPACITY + 1,
    FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY,
    FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY + 1,
    FIRST_SEGMENT_CAPACITY + 3 * SEGMENT_CAPACITY + 4711,
]


def plaintext(size: int) -> bytes:
    return random.Random(size).randbytes(size)  # noqa: S311 - The same in every run.


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    return (data[at : at + size] for at in range(0, len(data), size))


# Plaintext, size of the sealed object, its SHA-256. The DEK is 00..1f; salt and prefix are zero bytes. The page
# docs/formats/sealed-object.md prints them, tests/interop/test_tink.py opens the same with Tink.
VECTORS = [
    (b"", 56, "36e7e79498682bee1770f678b39ba6c31feca352f9f9ccb60fdefc696c5c1f68"),
    (b"hello", 61, "7a4366abee746e0f48ae321a0628676c2ac8b34f746a8bc57c3be90a9e7fabd7"),
    (bytes(1048520), 1048576, "5d7f120d4d3bdfad74833641cd41fb3a9eeea5fbe23ce64e62a0c04afdd4cc7b"),
    (bytes(1048521), 1048593, "961d8d01d1511dcfbdaa14b20a7659538b4a80440c55e924046e6b919d4d3425"),
]
HELLO_SEALED = bytes([40]) + bytes(39) + bytes.fromhex("9550590ad7ecd10b1673cc50cc0d401c249af7e15c")
SPEC = Path(__file__).parents[4] / "docs" / "formats" / "sealed-object.md"


class TestContext:
    def test_is_canonical_json(self) -> None:
        assert context(1, "6f1d") == b'{"object":"6f1d","tenant":1,"v":1}'

    def test_escapes_as_rfc_8785_does(self) -> None:
        assert context(2, 'a"\\\n\x1f/\x7f€') == b'{"object":"a\\"\\\\\\n\\u001f/\x7f\xe2\x82\xac","tenant":2,"v":1}'


class TestSizes:
    @pytest.mark.parametrize(
        ("plain", "sealed"),
        [
            (0, 56),
            (1, 57),
            (FIRST_SEGMENT_CAPACITY, SEGMENT_SIZE),
            (FIRST_SEGMENT_CAPACITY + 1, SEGMENT_SIZE + 17),
            (FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY, 2 * SEGMENT_SIZE),
            (FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY + 1, 2 * SEGMENT_SIZE + 17),
        ],
    )
    def test_there_and_back(self, plain: int, sealed: int) -> None:
        assert sealed_size(plain) == sealed
        assert plain_size(sealed) == plain

    def test_the_smallest_sizes_are_told_apart(self) -> None:
        assert [plain_size(sealed_size(size)) for size in range(3000)] == list(range(3000))

    @pytest.mark.parametrize(
        "size", [-SEGMENT_SIZE, -1, 0, 1, 40, 55, SEGMENT_SIZE + 1, SEGMENT_SIZE + 16, 2 * SEGMENT_SIZE + 16]
    )
    def test_no_object_has_this_size(self, size: int) -> None:
        with pytest.raises(UnsealFailed):
            plain_size(size)

    def test_four_bytes_of_index_are_the_limit(self) -> None:
        assert plain_size(SEGMENT_SIZE << 32) == (SEGMENT_SIZE << 32) - HEADER_SIZE - (TAG_SIZE << 32)
        with pytest.raises(UnsealFailed):
            plain_size((SEGMENT_SIZE << 32) + 17)


@pytest.mark.parametrize("size", SIZES)
class TestRoundTrip:
    def test_in_memory(self, size: int) -> None:
        sealed = seal_bytes(DEK, CONTEXT, plaintext(size))
        assert len(sealed) == sealed_size(size)
        assert open_bytes(DEK, CONTEXT, sealed) == plaintext(size)

    @pytest.mark.parametrize("chunk_size", [1 << 15, SEGMENT_SIZE, 3_000_000])
    def test_in_chunks(self, size: int, chunk_size: int) -> None:
        sealer = Sealer(DEK, CONTEXT)
        written = [sealer.header]
        for chunk in pieces(plaintext(size), chunk_size):
            written += sealer.append(chunk)
        written.append(sealer.finish())
        sealed = b"".join(written)  # Joined late: what `append` gives out stays valid.
        assert len(sealed) == sealed_size(size)
        assert b"".join(open_stream(DEK, CONTEXT, pieces(sealed, chunk_size))) == plaintext(size)

    def test_by_segment_in_place(self, size: int) -> None:
        plain = plaintext(size)
        sealer = Sealer(DEK, CONTEXT)
        sealed = bytearray(sealer.header)
        buffer = bytearray(SEGMENT_SIZE)
        index = at = 0
        while True:
            piece = plain[at : at + capacity(index)]
            at += len(piece)
            buffer[: len(piece)] = piece
            view = sealer.seal_segment(index, buffer, len(piece), last=at == size)
            assert view.obj is buffer
            sealed += view
            if at == size:
                break
            index += 1
        assert open_bytes(DEK, CONTEXT, sealed) == plain

    def test_at_random(self, size: int) -> None:
        plain = plaintext(size)
        sealed = seal_bytes(DEK, CONTEXT, plain)
        opener = Opener(DEK, CONTEXT, sealed[:HEADER_SIZE], len(sealed))
        assert opener.plain_size == size
        end = HEADER_SIZE
        for index in range(opener.segments):
            offset, length = opener.segment_range(index)
            assert offset == end
            end += length
            begin, held = opener.plain_range(index)
            for byte in {begin, begin + held - 1} if held else set():
                assert opener.segment_of(byte) == index
            read_only = sealed[offset : offset + length]
            writable = bytearray(read_only)
            assert opener.open_segment(index, read_only) == plain[begin : begin + held]
            opened = opener.open_segment(index, writable)
            assert opened == plain[begin : begin + held]
            assert opened.obj is writable
        assert end == len(sealed)


def test_objects_under_one_dek_and_context_differ() -> None:
    # Nobody may do this; should it happen, salt and prefix still keep the nonces apart.
    assert seal_bytes(DEK, CONTEXT, b"x" * 100)[40:] != seal_bytes(DEK, CONTEXT, b"x" * 100)[40:]


@pytest.mark.parametrize(("plain", "size", "digest"), VECTORS, ids=lambda value: str(value)[:8])
def test_vectors(plain: bytes, size: int, digest: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream.secrets, "token_bytes", bytes)
    sealed = seal_bytes(DEK, CONTEXT, plain)
    assert (len(sealed), hashlib.sha256(sealed).hexdigest()) == (size, digest)
    assert digest in SPEC.read_text(encoding="utf-8")


def test_a_vector_in_full() -> None:
    assert open_bytes(DEK, CONTEXT, HELLO_SEALED) == b"hello"


class TestSealer:
    """Each refusal is our mistake, and final."""

    def test_no_index_is_sealed_twice(self) -> None:
        sealer = Sealer(DEK, CONTEXT)
        buffer = bytearray(SEGMENT_SIZE)
        sealer.seal_segment(0, buffer, FIRST_SEGMENT_CAPACITY)
        before = bytes(buffer)
        with pytest.raises(AssertionError):
            sealer.seal_segment(0, buffer, FIRST_SEGMENT_CAPACITY)
        assert buffer == before
        with pytest.raises(AssertionError):
            sealer.seal_segment(1, buffer, SEGMENT_CAPACITY)

    def test_no_index_is_left_out(self) -> None:
        with pytest.raises(AssertionError):
            Sealer(DEK, CONTEXT).seal_segment(1, bytearray(SEGMENT_SIZE), SEGMENT_CAPACITY)

    def test_nothing_follows_the_last(self) -> None:
        sealer = Sealer(DEK, CONTEXT)
        sealer.seal_segment(0, bytearray(SEGMENT_SIZE), FIRST_SEGMENT_CAPACITY, last=True)
        with pytest.raises(AssertionError):
            sealer.seal_segment(1, bytearray(SEGMENT_SIZE), SEGMENT_CAPACITY)

    def test_finish_comes_once(self) -> None:
        sealer = Sealer(DEK, CONTEXT)
        sealer.append(b"abc")
        sealer.finish()
        with pytest.raises(AssertionError):
            sealer.finish()

    def test_nothing_is_sealed_after_finish(self) -> None:
        sealer = Sealer(DEK, CONTEXT)
        sealer.finish()
        with pytest.raises(AssertionError):
            sealer.append(bytes(SEGMENT_SIZE))

    @pytest.mark.parametrize(
        ("size", "last"),
        [
            (FIRST_SEGMENT_CAPACITY - 1, False),
            (FIRST_SEGMENT_CAPACITY + 1, False),
            (FIRST_SEGMENT_CAPACITY + 1, True),
            (0, False),
            (-1, True),
        ],
    )
    def test_a_segment_is_full_unless_last(self, size: int, last: bool) -> None:  # noqa: FBT001
        for index in (0, 1):
            sealer = Sealer(DEK, CONTEXT)
            with pytest.raises(AssertionError):
                sealer.seal_segment(0, bytearray(SEGMENT_SIZE), size, last=last)
            with pytest.raises(AssertionError):
                sealer.seal_segment(index, bytearray(SEGMENT_SIZE), capacity(index))

    def test_only_an_empty_object_has_an_empty_segment(self) -> None:
        sealer = Sealer(DEK, CONTEXT)
        sealer.seal_segment(0, bytearray(SEGMENT_SIZE), FIRST_SEGMENT_CAPACITY)
        with pytest.raises(AssertionError):
            sealer.seal_segment(1, bytearray(SEGMENT_SIZE), 0, last=True)

    def test_a_buffer_has_room_for_the_tag(self) -> None:
        with pytest.raises(AssertionError):
            Sealer(DEK, CONTEXT).seal_segment(0, bytearray(20), 5, last=True)

    def test_segment_and_append_do_not_mix(self) -> None:
        sealer = Sealer(DEK, CONTEXT)
        sealer.append(b"abc")
        with pytest.raises(AssertionError):
            sealer.seal_segment(0, bytearray(SEGMENT_SIZE), FIRST_SEGMENT_CAPACITY)

    def test_a_dek_has_32_bytes(self) -> None:
        with pytest.raises(AssertionError):
            Sealer(DEK[:16], CONTEXT)


THREE = FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY + 100  # Three segments, the last of them short.


@pytest.fixture(scope="module")
def sealed() -> bytes:
    return seal_bytes(DEK, CONTEXT, plaintext(THREE))


@pytest.fixture(scope="module")
def segments(sealed: bytes) -> list[bytes]:
    """The header, then the three segments."""
    cuts = [0, HEADER_SIZE, SEGMENT_SIZE, 2 * SEGMENT_SIZE, len(sealed)]
    return [sealed[begin:end] for begin, end in itertools.pairwise(cuts)]


def open_at_random(dek: bytes, under: bytes, sealed: bytes) -> None:
    opener = Opener(dek, under, sealed[:HEADER_SIZE], len(sealed))
    for index in range(opener.segments):
        offset, length = opener.segment_range(index)
        opener.open_segment(index, sealed[offset : offset + length])


def refuse(sealed: bytes, dek: bytes = DEK, under: bytes = CONTEXT) -> None:
    """Opening must fail, from the start and at random, and give out nothing false on the way."""
    opened: list[bytes] = []
    with pytest.raises(UnsealFailed):
        opened.extend(open_stream(dek, under, [sealed]))
    assert plaintext(THREE).startswith(b"".join(opened))
    with pytest.raises(UnsealFailed):
        open_at_random(dek, under, sealed)


class TestTampering:
    def test_untouched_it_opens(self, sealed: bytes) -> None:
        assert open_bytes(DEK, CONTEXT, sealed) == plaintext(THREE)
        open_at_random(DEK, CONTEXT, sealed)

    def test_every_bit_of_a_small_object(self) -> None:
        sealed = seal_bytes(DEK, CONTEXT, b"ISA*00*")
        assert open_bytes(DEK, CONTEXT, sealed) == b"ISA*00*"
        for bit in range(len(sealed) * 8):
            altered = bytearray(sealed)
            altered[bit // 8] ^= 1 << bit % 8
            with pytest.raises(UnsealFailed):
                open_bytes(DEK, CONTEXT, altered)

    def test_every_length_of_a_small_object(self) -> None:
        sealed = seal_bytes(DEK, CONTEXT, b"ISA*00*")
        for length in range(len(sealed)):
            with pytest.raises(UnsealFailed):
                open_bytes(DEK, CONTEXT, sealed[:length])
        for more in range(1, 64):
            with pytest.raises(UnsealFailed):
                open_bytes(DEK, CONTEXT, sealed + bytes(more))

    @pytest.mark.parametrize(
        "offset",
        [
            0,
            1,
            32,
            33,
            39,
            40,
            SEGMENT_SIZE // 2,
            SEGMENT_SIZE - 17,
            SEGMENT_SIZE - 16,
            SEGMENT_SIZE - 1,
            SEGMENT_SIZE,
            2 * SEGMENT_SIZE - 1,
            2 * SEGMENT_SIZE,
            -17,
            -1,
        ],
    )
    def test_a_byte_altered(self, sealed: bytes, offset: int) -> None:
        altered = bytearray(sealed)
        altered[offset] ^= 0x80
        refuse(bytes(altered))

    @pytest.mark.parametrize(
        "length",
        [
            0,
            1,
            39,
            40,
            55,
            56,
            57,
            SEGMENT_SIZE - 1,
            SEGMENT_SIZE,
            SEGMENT_SIZE + 16,
            SEGMENT_SIZE + 17,
            2 * SEGMENT_SIZE,
            -1,
            -17,
        ],
    )
    def test_truncated(self, sealed: bytes, length: int) -> None:
        refuse(sealed[:length])

    @pytest.mark.parametrize(
        "order",
        [
            (0, 2, 3),
            (0, 1, 3),
            (0, 1, 2),
            (0, 3),
            (0, 2, 1, 3),
            (0, 1, 1, 2, 3),
            (0, 1, 2, 2, 3),
            (0, 1, 2, 3, 3),
            (1, 2, 3),
            (0, 0, 1, 2, 3),
        ],
        ids=lambda order: "".join(map(str, order)),
    )
    def test_segments_dropped_swapped_repeated(self, segments: list[bytes], order: tuple[int, ...]) -> None:
        refuse(b"".join(segments[number] for number in order))

    @pytest.mark.parametrize("more", [b"\0", bytes(16), bytes(17), bytes(SEGMENT_SIZE)], ids=len)
    def test_extended(self, sealed: bytes, more: bytes) -> None:
        refuse(sealed + more)

    def test_another_header(self, sealed: bytes) -> None:
        refuse(Sealer(DEK, CONTEXT).header + sealed[HEADER_SIZE:])

    def test_a_segment_of_another_object(self, segments: list[bytes]) -> None:
        other = seal_bytes(DEK, CONTEXT, plaintext(THREE))
        refuse(b"".join([*segments[:2], other[SEGMENT_SIZE : 2 * SEGMENT_SIZE], segments[3]]))

    @pytest.mark.parametrize("under", [context(2, "6f1d"), context(1, "6f1e"), b"", CONTEXT + b" "])
    def test_another_context(self, sealed: bytes, under: bytes) -> None:
        refuse(sealed, under=under)

    def test_another_dek(self, sealed: bytes) -> None:
        refuse(sealed, dek=bytes(32))

    def test_an_empty_segment_at_the_end(self, monkeypatch: pytest.MonkeyPatch) -> None:
        # One who holds the DEK could write this; there is one way only to seal an object, so it is refused.
        key = stream._ObjectKey(DEK, CONTEXT, header := Sealer(DEK, CONTEXT).header)
        first, end = bytearray(SEGMENT_SIZE - HEADER_SIZE), bytearray(TAG_SIZE)
        key.seal(0, memoryview(first)[:-TAG_SIZE], memoryview(first), last=False)
        key.seal(1, memoryview(end)[:-TAG_SIZE], memoryview(end), last=True)
        with pytest.raises(UnsealFailed):
            open_bytes(DEK, CONTEXT, header + first + end)


class TestOpener:
    def test_what_does_not_verify_is_cleared(self) -> None:
        sealed = bytearray(seal_bytes(DEK, CONTEXT, b"diagnosis"))
        sealed[-1] ^= 1
        opener = Opener(DEK, CONTEXT, bytes(sealed[:HEADER_SIZE]), len(sealed))
        with pytest.raises(UnsealFailed):
            opener.open_segment(0, memoryview(sealed)[HEADER_SIZE:])
        assert sealed[HEADER_SIZE:-TAG_SIZE] == bytes(9)

    def test_a_segment_cut_short_by_the_disk(self) -> None:
        sealed = seal_bytes(DEK, CONTEXT, b"diagnosis")
        opener = Opener(DEK, CONTEXT, sealed[:HEADER_SIZE], len(sealed))
        for short in (sealed[HEADER_SIZE:-1], b""):
            with pytest.raises(UnsealFailed, match="cut short"):
                opener.open_segment(0, short)

    @pytest.mark.parametrize("header", [b"", bytes([40]), bytes([40]) + bytes(38), bytes([40]) + bytes(40)])
    def test_not_a_header(self, header: bytes) -> None:
        with pytest.raises(UnsealFailed, match="header of 40 bytes"):
            Opener(DEK, CONTEXT, header, len(HELLO_SEALED))

    @pytest.mark.parametrize("index", [-1, 1])
    def test_no_such_segment(self, index: int) -> None:
        sealed = seal_bytes(DEK, CONTEXT, b"diagnosis")
        with pytest.raises(AssertionError):
            Opener(DEK, CONTEXT, sealed[:HEADER_SIZE], len(sealed)).open_segment(index, sealed[HEADER_SIZE:])

    def test_a_message_names_a_place_and_no_value(self) -> None:
        sealed = seal_bytes(DEK, CONTEXT, b"diagnosis")
        with pytest.raises(UnsealFailed) as caught:
            open_bytes(DEK, context(1, "other"), sealed)
        assert str(caught.value) == "segment 0 of a sealed object does not verify"


@pytest.fixture(scope="module")
def cut() -> bytes:
    sealer = Sealer(DEK, CONTEXT)
    return b"".join([sealer.header, *sealer.append(plaintext(THREE))])  # And then its writer dies.


class TestCutObjects:
    """An object whose writer died: full segments, none of which says that it is the last."""

    @staticmethod
    def opener(sealed: bytes, *, cut: bool = True) -> Opener:
        return Opener(DEK, CONTEXT, sealed[:HEADER_SIZE], len(sealed), cut=cut)

    @staticmethod
    def segment(opener: Opener, sealed: bytes, index: int) -> bytes:
        offset, length = opener.segment_range(index)
        return sealed[offset : offset + length]

    @pytest.mark.parametrize(
        ("plain", "segments"),
        [
            (FIRST_SEGMENT_CAPACITY, 1),
            (FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY, 2),
            (FIRST_SEGMENT_CAPACITY + 99 * SEGMENT_CAPACITY, 100),
        ],
    )
    def test_sizes(self, plain: int, segments: int) -> None:
        assert plain_size(segments * SEGMENT_SIZE, cut=True) == plain

    @pytest.mark.parametrize(
        "size",
        [
            -SEGMENT_SIZE,
            -1,
            0,
            1,
            40,
            56,
            SEGMENT_SIZE - 1,
            SEGMENT_SIZE + 1,
            SEGMENT_SIZE + 17,
            (SEGMENT_SIZE << 32) * 2,
        ],
    )
    def test_no_cut_object_has_this_size(self, size: int) -> None:
        with pytest.raises(UnsealFailed):
            plain_size(size, cut=True)
        with pytest.raises(UnsealFailed):
            Opener(DEK, CONTEXT, HELLO_SEALED[:HEADER_SIZE], size, cut=True)

    def test_every_segment_opens(self, cut: bytes) -> None:
        assert len(cut) == 2 * SEGMENT_SIZE
        opener = self.opener(cut)
        assert (opener.segments, opener.plain_size) == (2, FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY)
        read_only = b"".join(opener.open_segment(index, self.segment(opener, cut, index)) for index in (0, 1))
        in_place = b"".join(opener.open_segment(index, bytearray(self.segment(opener, cut, index))) for index in (1, 0))
        assert read_only == plaintext(THREE)[: opener.plain_size]
        assert in_place == read_only[FIRST_SEGMENT_CAPACITY:] + read_only[:FIRST_SEGMENT_CAPACITY]

    def test_what_is_before_a_segment_that_is_gone_opens(self, cut: bytes) -> None:
        # Nothing in the bytes tells where a cut object ends: that is in the ledger.
        opener = self.opener(cut[:SEGMENT_SIZE])
        assert opener.open_segment(0, cut[HEADER_SIZE:SEGMENT_SIZE]) == plaintext(THREE)[:FIRST_SEGMENT_CAPACITY]

    def test_it_is_not_taken_for_a_whole_one(self, cut: bytes) -> None:
        opener = self.opener(cut, cut=False)
        opener.open_segment(0, self.segment(opener, cut, 0))
        with pytest.raises(UnsealFailed):
            opener.open_segment(1, self.segment(opener, cut, 1))
        with pytest.raises(UnsealFailed):
            open_bytes(DEK, CONTEXT, cut)

    @pytest.mark.parametrize("plain", [FIRST_SEGMENT_CAPACITY, FIRST_SEGMENT_CAPACITY + SEGMENT_CAPACITY])
    def test_a_whole_one_is_not_taken_for_it(self, plain: int) -> None:
        whole = seal_bytes(DEK, CONTEXT, plaintext(plain))
        opener = self.opener(whole)
        last = opener.segments - 1
        for index in range(last):
            opener.open_segment(index, self.segment(opener, whole, index))
        with pytest.raises(UnsealFailed):
            opener.open_segment(last, self.segment(opener, whole, last))

    @pytest.mark.parametrize("offset", [1, 33, HEADER_SIZE, SEGMENT_SIZE - 1, SEGMENT_SIZE, -1])
    def test_a_byte_altered(self, cut: bytes, offset: int) -> None:
        altered = bytearray(cut)
        altered[offset] ^= 0x80
        index = 1 if offset in {SEGMENT_SIZE, -1} else 0
        opener = self.opener(bytes(altered))
        with pytest.raises(UnsealFailed):
            opener.open_segment(index, self.segment(opener, bytes(altered), index))

    def test_segments_that_change_places(self, cut: bytes) -> None:
        opener = self.opener(cut + cut[SEGMENT_SIZE:])
        opener.open_segment(1, cut[SEGMENT_SIZE:])
        with pytest.raises(UnsealFailed):
            opener.open_segment(2, cut[SEGMENT_SIZE:])


def test_open_stream_does_not_wait_for_the_end() -> None:
    sealed = seal_bytes(DEK, CONTEXT, plaintext(THREE))
    opened = open_stream(DEK, CONTEXT, pieces(sealed[: SEGMENT_SIZE + 1], 1 << 15))
    assert next(opened) == plaintext(THREE)[:FIRST_SEGMENT_CAPACITY]
    with pytest.raises(UnsealFailed):
        next(opened)
