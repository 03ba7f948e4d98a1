"""X12: interchanges, functional groups and transaction sets, in any separators."""

from collections.abc import Iterator

from parsers.events import Event
from parsers.pieces import Pieces
from parsers.x12.canonical import open_map
from parsers.x12.envelope import Envelope
from parsers.x12.tokenizer import tokenize


def read(pieces: Pieces) -> Iterator[Event]:
    """From the bytes of a file to its events, without Identified and Finished."""
    envelope = Envelope(open_map)
    for token in tokenize(pieces):
        yield from envelope.feed(token)
    yield from envelope.finish(pieces.size_bytes)
