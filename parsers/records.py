"""From the lossless level to canonical records: a map for each set, batches of records, and the set's verdict."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib import import_module

import msgspec
from msgspec.structs import replace

from parsers.events import Event, Quoted, RecordBatch, SetClosed, SetOpened
from parsers.findings import Finding, Location, Severity
from parsers.maps import shelf, trees
from parsers.maps.engine import Compiled, Walk
from parsers.maps.model import Map
from parsers.segments import Item, LoopClosed, LoopOpened, Raw, Segments, Syntax

BATCH_BYTES = 256 << 10
_COMPILED_MAX = 32
_SAID_MAX = 10_000
"""Elements that are remembered as told of, since what stands in a tree is mapped only when its loop has ended."""

PASSED_OVER: dict[str, Severity] = {"hl7": "warning"}
"""How bad it is that a segment was too long to hold: HL7 sends whole documents in one, elsewhere nobody meant it."""

_encoder = msgspec.json.Encoder()


class Maps:
    """The maps of a file's sets; what one has worked out for a set, it knows for the next.

    Args:
        given: map files, by name, that come before the package's.
        marking: records hold marks in the place of values; see `parsers.tracing`.
    """

    def __init__(self, given: Mapping[str, str], *, marking: bool = False) -> None:
        self._given = shelf.given(given)
        self._marking = marking
        self._compiled: dict[tuple[str, Syntax], Compiled] = {}
        self._trees: dict[str, trees.Compiled] = {}

    def walk(self, opened: SetOpened, first: Segments, place: Location) -> Walk | trees.Walk | None:
        """A walk through a set, None where there is no map of it."""
        standard = first.standard
        about = standard, opened.set or "", opened.version or ""
        given = shelf.among(self._given, *about)
        made = given or shelf.find(*about)
        if made is None:
            return None
        encode = dict if self._marking else _encoder.encode
        if standard in shelf.TREES:
            return self._tree(made, is_given=given is not None).walk(place, encode)
        key = made.id, first.syntax
        if key not in self._compiled:
            if len(self._compiled) >= _COMPILED_MAX:
                self._compiled.clear()
            values = import_module(f"{shelf.FOLDERS[standard]}.values").values(first.syntax)
            self._compiled[key] = Compiled(made, values, marking=self._marking)
        return self._compiled[key].walk(place, encode)

    def _tree(self, made: Map, *, is_given: bool) -> trees.Compiled:
        if not is_given and not self._marking:
            return trees.of_package(made)
        if made.id not in self._trees:
            self._trees[made.id] = trees.Compiled(made, marking=self._marking)
        return self._trees[made.id]


def with_records(
    items: Iterable[Item], mine: Callable[[int], bool] | None = None, maps: Mapping[str, str] | None = None
) -> Iterator[Event]:
    """The events of the lossless level without its segments, and with the records that they hold.

    Segments are mapped when all has been said of them, so that a map need not say again what a guide has said.

    Args:
        mine: whether to map the set of this ordinal; of the others nothing comes out but SetClosed.
        maps: map files, by name, that take the place of the package's.

    Raises:
        MapError: one of `maps` says something that cannot be understood.
    """
    known = Maps(maps or {})
    around = Around()
    records: _SetRecords | None = None
    held: Segments | Raw | None = None
    passing = False  # We are in a set that is not mine.
    for item in items:
        if passing:
            if isinstance(item, SetClosed):
                passing = False
                yield item
            continue
        if isinstance(item, Finding | Quoted):
            if records is not None and isinstance(item, Finding) and item.element is not None:
                records.said.add((item.position, item.element))
            yield item
            continue
        if held is not None and records is not None:
            yield from records.take(held)
        held = None
        match item:
            case Segments() | Raw():
                held = item if item.set is not None else None
                if held is None and isinstance(item, Segments) and item.control:
                    around.take(item)
            case SetOpened():
                headers = around.headers()
                if mine is not None and not mine(item.index):
                    passing = True
                    continue
                records = _SetRecords(item, known, headers)
                yield item
            case SetClosed():
                if records is not None:
                    yield from records.close(item)
                records = None
            case LoopOpened() | LoopClosed():
                pass
            case _:
                yield item


class Around:
    """The headers of the envelopes that are open around a set."""

    def __init__(self) -> None:
        self._headers: list[tuple[Segments, bool]] = []

    def take(self, header: Segments) -> None:
        """Or a trailer, which takes the place of its header."""
        path = header.path or ""
        self._headers = [(one, new) for one, new in self._headers if path.startswith(f"{one.path}/")]
        self._headers.append((header, True))

    def headers(self) -> list[tuple[Segments, bool]]:
        """Each with whether no set has had it yet: what is wrong with it is said once."""
        headers = self._headers
        self._headers = [(one, False) for one, _ in headers]
        return headers


class _SetRecords:
    """The records of the set that is open. Without a map there are none, and its verdict says so.

    `said` are the elements of which something was said already, with their segments' positions.
    """

    def __init__(self, opened: SetOpened, maps: Maps, around: Sequence[tuple[Segments, bool]]) -> None:
        self.failed = False
        self.said: set[tuple[int | None, str | None]] = set()
        self._opened = opened
        self._maps = maps
        self._around = around
        self._place: Location | None = None
        self._map: Walk | trees.Walk | None = None
        self._content_end: int | None = None
        self._lines = bytearray()
        self._waiting = 0
        self._total = 0
        self._passed_over = False

    def take(self, item: Segments | Raw) -> Iterator[Event]:
        if isinstance(item, Raw):
            yield from self._pass_over(item)
            return
        if self._place is None:
            yield from self._open(item)
        if not item.control:
            self._content_end = None
        elif self._content_end is None:
            self._content_end = item.offset  # Trailers are no content.
        if self._map is not None and (not item.control or self._map.reads_envelope):
            yield from self._make(self._map.feed(item))
        if len(self.said) > _SAID_MAX:
            self.said.clear()

    def _open(self, first: Segments) -> Iterator[Event]:
        opened = self._opened
        self._place = Location(standard=first.standard, set=opened.index, path=first.path, offset=opened.offset)
        self._map = self._maps.walk(opened, first, self._place)
        if self._map is not None and self._map.reads_envelope:
            for header, new in self._around:
                made = self._map.feed(header, around=True)
                if new:
                    yield from self._make(made)

    def _pass_over(self, raw: Raw) -> Iterator[Event]:
        if self._map is None or self._place is None or raw.kind == "cut" or self._passed_over:
            return
        if self._place.standard in shelf.TREES:
            return  # The text or the comment was told of.
        self._passed_over = True
        severity = PASSED_OVER.get(self._place.standard, "error")
        self.failed = self.failed or severity == "error"
        yield Finding.at(
            replace(self._place, position=raw.position, offset=raw.offset),
            f"{self._place.standard}.segment-passed-over",
            "A segment is too long to be read into a record; it was left out of the records.",
            "Send large documents beside the message and refer to them.",
            severity=severity,
        )

    def close(self, closed: SetClosed) -> Iterator[Event]:
        """End the set. A verdict of accepted may still turn out to be rejected or unsupported."""
        made, verdict = self._map, closed.verdict
        if made is not None:
            if verdict != "incomplete":  # A record that was cut off in the middle is none.
                yield from self._make(made.finish(self._content_end or closed.end_offset))
            yield from self._flush()
            if verdict == "accepted" and not self._total and self._place is not None:
                yield self._nothing_found(self._place)
        if verdict == "accepted":
            verdict = "unsupported" if made is None else "rejected" if self.failed else "accepted"
        yield SetClosed(
            index=closed.index,
            verdict=verdict,
            end_offset=closed.end_offset,
            records=self._total,
            record_schema=made.schema if made else None,
            map_version=made.version if made else None,
            guide=closed.guide,
            guide_hash=closed.guide_hash,
        )

    def _nothing_found(self, place: Location) -> Finding:
        return Finding.at(
            place,
            f"{place.standard}.no-records",
            "Nothing in this set begins a record of its kind, so that there are none.",
            "Check that the set is of the kind that its header says.",
            severity="warning",
        )

    def _make(self, made: Iterable[bytes | Finding]) -> Iterator[Event]:
        for item in made:
            if isinstance(item, Finding):
                if (item.position, item.element) not in self.said:
                    self.failed = self.failed or item.severity == "error"
                    yield item
                continue
            self._lines += item
            self._lines += b"\n"
            self._waiting += 1
            if len(self._lines) >= BATCH_BYTES:
                yield from self._flush()

    def _flush(self) -> Iterator[RecordBatch]:
        if self._waiting:
            yield RecordBatch(set=self._opened.index, ndjson=bytes(self._lines), count=self._waiting)
            self._total += self._waiting
            self._lines.clear()
            self._waiting = 0
