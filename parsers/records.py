"""From a set's segments to its verdict: the map makes records, they leave in batches, and SetClosed sums up."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

import msgspec

from parsers.events import Event, RecordBatch, SetClosed, Verdict
from parsers.findings import Finding, Location

BATCH_BYTES = 256 << 10

Made = msgspec.Struct | Finding
"""What maps make: canonical records, and findings about values that make no sense."""

_encoder = msgspec.json.Encoder()


class Map(Protocol):
    """Makes records from the segments of one set."""

    @property
    def schema(self) -> str:
        """What the records are: "claim/1"."""

    @property
    def version(self) -> str:
        """Which edition of the map made them: "837p-1"."""

    def feed(self, segments: Sequence[str], starts: Sequence[int], position: int) -> Iterable[Made]:
        """Take a run of segments; `starts` are their offsets, `position` is that of the first in its set."""

    def finish(self, end: int) -> Iterable[Made]:
        """No more will come; `end` is the offset of what stands behind the last segment."""


class SetRecords:
    """The records of the set that is open. Without a map there are none, and its verdict says so."""

    def __init__(self, place: Location, mapped_by: Map | None) -> None:
        self.failed = False
        self._place = place
        self._set = place.set or 0
        self._map = mapped_by
        self._lines = bytearray()
        self._waiting = 0
        self._total = 0

    def feed(self, segments: Sequence[str], starts: Sequence[int], position: int) -> Iterator[Event]:
        if self._map is not None:
            yield from self._take(self._map.feed(segments, starts, position))

    def close(self, verdict: Verdict, *, last: int, end: int) -> Iterator[Event]:
        """End the set: its content ends at `last`, its trailer at `end`.

        A verdict of accepted may still turn out to be rejected or unsupported.
        """
        made = self._map
        if made is not None:
            if verdict != "incomplete":  # A record that was cut off in the middle is none.
                yield from self._take(made.finish(last))
            yield from self._flush()
            if verdict == "accepted" and not self._total:
                yield self._nothing_found()
        if verdict == "accepted":
            verdict = "unsupported" if made is None else "rejected" if self.failed else "accepted"
        yield SetClosed(
            index=self._set,
            verdict=verdict,
            end_offset=end,
            records=self._total,
            record_schema=made.schema if made else None,
            map_version=made.version if made else None,
        )

    def _nothing_found(self) -> Finding:
        return Finding.at(
            self._place,
            f"{self._place.standard}.no-records",
            "Nothing in this set begins a record of its kind, so that there are none.",
            "Check that the set is of the kind that its header says.",
            severity="warning",
        )

    def _take(self, made: Iterable[Made]) -> Iterator[Event]:
        for item in made:
            if isinstance(item, Finding):
                self.failed = self.failed or item.severity == "error"
                yield item
                continue
            self._lines += _encoder.encode(item)
            self._lines += b"\n"
            self._waiting += 1
            if len(self._lines) >= BATCH_BYTES:
                yield from self._flush()

    def _flush(self) -> Iterator[RecordBatch]:
        if self._waiting:
            yield RecordBatch(set=self._set, ndjson=bytes(self._lines), count=self._waiting)
            self._total += self._waiting
            self._lines.clear()
            self._waiting = 0
