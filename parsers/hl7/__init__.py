"""HL7 v2 in its pipe encoding: bare messages, batches and files of batches."""

from collections.abc import Iterator

from parsers.events import Event
from parsers.hl7.canonical import open_map
from parsers.hl7.envelope import Envelope
from parsers.hl7.tokenizer import tokenize
from parsers.pieces import Pieces


def read(pieces: Pieces) -> Iterator[Event]:
    """From the bytes of a file to its events, without Identified and Finished."""
    envelope = Envelope(open_map)
    for token in tokenize(pieces):
        yield from envelope.feed(token)
    yield from envelope.finish(pieces.size_bytes)
