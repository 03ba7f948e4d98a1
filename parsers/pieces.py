"""Chunks of any size in, pieces of one size out, so that where a feed was cut changes nothing."""

from collections.abc import Iterable, Iterator

PIECE_BYTES = 1 << 20
"""Large enough that splitting runs in C, small enough to stay in the cache."""

_BLANKS = b" \t\r\n\f\v\x00\x1a"


class Pieces:
    """A file as pieces of `PIECE_BYTES`, the last one shorter; iterating over it a second time goes on.

    Attributes:
        first: the first piece, known before any iteration; empty for an empty file.
        size_bytes: how much has been handed out.
        blank: nothing but blanks has been handed out.
    """

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._rest = _pieces(chunks)
        self.first = next(self._rest, b"")
        self.size_bytes = 0
        self.blank = True

    def __iter__(self) -> Iterator[bytes]:
        if self.size_bytes == 0 and self.first:
            yield self._handed_out(self.first)
        for piece in self._rest:
            yield self._handed_out(piece)

    def _handed_out(self, piece: bytes) -> bytes:
        self.size_bytes += len(piece)
        self.blank = self.blank and not piece.strip(_BLANKS)
        return piece


def _pieces(chunks: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for chunk in chunks:
        rest = memoryview(chunk)
        while rest:
            room = PIECE_BYTES - len(held)
            held += rest[:room]
            rest = rest[room:]
            if len(held) == PIECE_BYTES:
                yield bytes(held)
                held.clear()
    if held:
        yield bytes(held)
