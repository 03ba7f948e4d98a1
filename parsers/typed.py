"""Records as Python objects: `for claim in read_records("claims.edi"): print(claim.claim_id, claim.total_charge)`."""

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from parsers.canonical.catalogue import BY_SCHEMA
from parsers.events import RecordBatch
from parsers.guides.terms import Judging
from parsers.reader import read

_PIECE_BYTES: Final = 1 << 20
_DECODERS: Final = {schema: msgspec.json.Decoder(kind) for schema, kind in BY_SCHEMA.items()}


class _Head(msgspec.Struct):
    schema: str


_head = msgspec.json.Decoder(_Head)


def read_records(
    source: str | os.PathLike[str] | bytes | Iterable[bytes], *, maps: Mapping[str, str] | None = None
) -> Iterator[Any]:
    """The canonical records of a file, one by one, as the types of `parsers.canonical`: Claim, Invoice, Payment ...

    Whatever is wrong in the file is passed over: `parsers.read` tells of it, and of the verdict on each set.

    Args:
        source: a path, the bytes of a file, or its bytes in pieces.
        maps: map files, by name, that take the place of the package's.

    Raises:
        OSError: the file cannot be read.
        MapError: one of `maps` cannot be understood.
    """
    judging = Judging(maps=dict(maps)) if maps else None
    for event in read(_pieces(source), judge=judging):
        if isinstance(event, RecordBatch):
            for line in event.ndjson.splitlines():
                yield _DECODERS[_head.decode(line).schema].decode(line)


def _pieces(source: str | os.PathLike[str] | bytes | Iterable[bytes]) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield source
    elif isinstance(source, str | os.PathLike):
        with Path(source).open("rb") as file:
            while piece := file.read(_PIECE_BYTES):
                yield piece
    else:
        yield from source
