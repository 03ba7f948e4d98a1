"""Where the fields of a record come from: its set is mapped again, and each value gives way to its place."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec

from parsers.events import SetOpened
from parsers.findings import Finding, Location
from parsers.limits import Limits
from parsers.maps.compiler import Mark
from parsers.reader import segments
from parsers.records import Around, Maps
from parsers.segments import Segments


class Source(msgspec.Struct, frozen=True):
    """Where one field of a record comes from.

    Attributes:
        field: "lines[2].charge"; items of lists count from 1.
        elements: in the standard's notation, "SV102"; none for what the map itself says.
        position: of the segment in its set, from 1.
        offset: of its first byte in the file.
        segment: its text, as sent.
    """

    field: str
    elements: tuple[str, ...]
    position: int
    offset: int
    segment: str


def trace(
    chunks: Iterable[bytes],
    *,
    set: int = 1,  # noqa: A002  The field's word.
    record: int = 1,
    maps: Mapping[str, str] | None = None,
    version: str | None = None,
) -> list[Source] | None:
    """Each field of one record with its source; nothing when there is no such record.

    None when no map would make it today, or another one than `version`.

    Args:
        set: ordinal of the set or message in the file. record: of the record in its set, both from 1.
        maps: map files, by name, that take the place of the package's.
    """
    try:
        for number, made in enumerate(_marked(chunks, set, maps or {}, version), 1):
            if number == record:
                return list(_sources(made, ""))
    except _OtherMapError:
        return None
    return []


class _OtherMapError(Exception):
    """The record was made by none of the maps at hand."""


def _marked(
    chunks: Iterable[bytes], wanted: int, given: Mapping[str, str], version: str | None
) -> Iterator[dict[str, Any]]:
    maps = Maps(given, marking=True)
    around = Around()
    opened: SetOpened | None = None
    walk = None
    for item in segments(chunks, Limits()):
        if isinstance(item, SetOpened):
            if item.index > wanted:
                break
            opened = item if item.index == wanted else None
        elif isinstance(item, Segments) and item.set is None and item.control:
            around.take(item)
        elif isinstance(item, Segments) and opened is not None and item.set == wanted:
            if walk is None:
                place = Location(standard=item.standard, set=opened.index, offset=opened.offset)
                walk = maps.walk(opened, item, place)
                if walk is None or version not in {None, walk.version}:
                    raise _OtherMapError
                for header, _ in around.headers() if walk.reads_envelope else ():
                    walk.feed(header, around=True)
            if not item.control or walk.reads_envelope:
                yield from (one for one in walk.feed(item) if not isinstance(one, Finding))
    if walk is not None:
        yield from (one for one in walk.finish(0) if not isinstance(one, Finding))


def _sources(value: Any, path: str) -> Iterator[Source]:
    if isinstance(value, Mark):
        yield Source(path, value.references, value.position, value.offset, value.text)
    elif isinstance(value, dict):
        for name, inner in value.items():
            if path or name not in {"schema", "provenance"}:
                yield from _sources(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            yield from _sources(inner, f"{path}[{number}]")
