"""Bytes of HL7 v2 into batches of segments with byte offsets.

A segment ends with CR; LF, CRLF and the block marks of MLLP are taken for it too, because files come with all of them.
The text stays a character for each byte, since only the message's header says in which character set it is.
"""

from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import NamedTuple

MAX_SEGMENT_CHARS = 4 << 20
"""A longer segment (a scanned document in an OBX) is left out and reported: it bounds the memory."""

_SEGMENT_ENDS = str.maketrans("\n\x0b\x1c", "\r\r\r")
_BYTE_ORDER_MARK = "\xef\xbb\xbf"


class Batch(NamedTuple):
    """`starts` are byte offsets of the segments; blank lines are left out."""

    segments: list[str]
    starts: list[int]


class TooLong(NamedTuple):
    """Here stands a segment that was left out."""

    offset: int


Token = Batch | TooLong


def tokenize(pieces: Iterable[bytes]) -> Iterator[Token]:
    """Split a file into its segments, in order and in bounded memory."""
    held = ""
    base = 0  # The byte at which `held` begins.
    skipping = False
    for piece in pieces:
        text = piece.decode("latin-1").translate(_SEGMENT_ENDS)
        if skipping:
            end = text.find("\r") + 1
            base += end or len(text)
            text = text[end:] if end else ""
            skipping = not end
        held += text
        end = held.rfind("\r") + 1
        if end:
            yield from _batch(held[:end], base)
            base += end
            held = held[end:]
        if len(held) > MAX_SEGMENT_CHARS:
            yield TooLong(base)
            base += len(held)
            held = ""
            skipping = True
    yield from _batch(held, base)


def _batch(text: str, base: int) -> Iterator[Batch]:
    if base == 0 and text.startswith(_BYTE_ORDER_MARK):
        text = "\r\r\r" + text[3:]
    segments = text.split("\r")
    starts = list(accumulate(map((1).__add__, map(len, segments)), initial=base))
    if "" in segments:
        kept = [index for index, segment in enumerate(segments) if segment]
        segments, starts = [segments[index] for index in kept], [starts[index] for index in kept]
    if segments:
        yield Batch(segments, starts)
