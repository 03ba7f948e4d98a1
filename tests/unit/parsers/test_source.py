"""Any way of cutting a feed gives the same text, with the byte of every character."""

import pytest

from parsers import source
from parsers.source import Source


def texts(chunks: list[bytes], encoding: str | None = None) -> list[str]:
    made = Source(chunks)
    made.decode_as(encoding)
    found = []
    while not made.ended:
        found.append(made.held)
        assert made.encode(made.held) == b"".join(chunks)[made.offset(0) : made.offset(len(made.held))]
        made.at = len(made.held)
    return found


@pytest.mark.parametrize("cuts", [[], [3], [1, 1, 1], [0, 4, 0], [9], [4, 4], [40]])
def test_the_text_does_not_depend_on_how_the_feed_was_cut(monkeypatch, cuts):
    monkeypatch.setattr(source, "PIECE_BYTES", 4)
    data = b"abcdefghij"
    chunks, at = [], 0
    for size in cuts:
        chunks.append(data[at : at + size])
        at += size
    chunks.append(data[at:])
    assert texts(chunks) == ["abcd", "efgh", "ij"]


def test_nothing_has_no_text():
    assert texts([b"", b""]) == []


@pytest.mark.parametrize("size", [2, 3, 4, 64])
def test_utf_16_has_two_bytes_for_each_character(monkeypatch, size):
    monkeypatch.setattr(source, "PIECE_BYTES", size)
    data = "MSH|\U0001f600|Jürgen".encode("utf-16-le") + b"\x00\xd8" + "x".encode("utf-16-le")
    assert "".join(texts([data], "utf-16-le")) == "MSH|\ud83d\ude00|Jürgen\ud800x"


def test_half_a_character_at_the_end_is_kept():
    made = Source([b"A\x00B"])
    made.decode_as("utf-16-le")
    assert made.ahead(9) == "A"
    assert made.half == b"B"


def test_what_is_ahead_keeps_what_was_not_taken(monkeypatch):
    monkeypatch.setattr(source, "PIECE_BYTES", 2)
    made = Source([b"abcdef"])
    assert made.ahead(3) == "abc"
    made.at += 3
    assert made.ahead(2) == "de"
    made.go_back(4)
    assert made.ahead(9) == "ef"


def test_a_piece_of_half_a_character_is_no_text_yet(monkeypatch):
    monkeypatch.setattr(source, "PIECE_BYTES", 1)
    assert texts([b"A\x00B\x00C"], "utf-16-le") == ["A", "B"]


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 64])
def test_a_byte_order_mark_is_passed_over_wherever_a_piece_ends(monkeypatch, size):
    monkeypatch.setattr(source, "PIECE_BYTES", size)
    made = Source([b" \n\xef\xbb\xbf \xef\xbb\xbfISA\xef\xbb"])
    made.decode_as(None)
    while not made.ended and made.take_blanks():
        pass
    assert made.ahead(5) == "ISA\xef\xbb"
    assert made.offset(made.at) == 9
    made.at += 3
    assert not made.take_blanks()  # Half of one, at the end.
