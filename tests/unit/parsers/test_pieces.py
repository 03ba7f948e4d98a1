import pytest

from parsers import pieces


@pytest.mark.parametrize("cuts", [[], [3], [1, 1, 1], [0, 4, 0], [9], [4, 4], [40]])
def test_pieces_do_not_depend_on_how_the_feed_was_cut(monkeypatch, cuts):
    monkeypatch.setattr(pieces, "PIECE_BYTES", 4)
    data = b"abcdefghij"
    chunks, at = [], 0
    for size in cuts:
        chunks.append(data[at : at + size])
        at += size
    chunks.append(data[at:])
    made = pieces.Pieces(chunks)
    assert made.first == b"abcd"
    assert list(made) == [b"abcd", b"efgh", b"ij"]
    assert (made.size_bytes, made.blank) == (10, False)


def test_nothing_makes_no_piece():
    made = pieces.Pieces([b"", b""])
    assert (made.first, list(made), made.size_bytes, made.blank) == (b"", [], 0, True)


def test_a_second_iteration_goes_on_where_the_first_one_stopped(monkeypatch):
    monkeypatch.setattr(pieces, "PIECE_BYTES", 2)
    made = pieces.Pieces([b"abcdef"])
    assert next(iter(made)) == b"ab"
    assert list(made) == [b"cd", b"ef"]
    assert made.size_bytes == 6
