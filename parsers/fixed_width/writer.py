"""Records by column out of values: padded, and refused where they do not fit.

writer = Writer(layout_from({...}))
data = writer.record("header", "H", "20260302") + writer.record("line", "000000042", "120.50")
"""

from collections.abc import Iterable, Iterator

from parsers.layout import Layout
from parsers.segments import Item, Value
from parsers.writing import segment_values

_LINE_ENDS = frozenset("\r\n\x85")


class Writer:
    """Args:
        line_ending: stands behind every record of a layout that has line ends.

    Raises:
        ValueError: from every method: the layout has no such record, or a value does not fit into its field. The
            message names the place, never the value.
    """

    def __init__(self, layout: Layout, *, line_ending: str = "\r\n") -> None:
        self._layout = layout
        self._records = {record.tag: record for record in layout.records}
        self._ending = line_ending.encode(layout.charset or "utf-8") if layout.line_ends else b""

    def record(self, name: str, *values: Value) -> bytes:
        """One record: its fields in the layout's order; the last ones may be left out."""
        record = self._records.get(name)
        if record is None:
            raise ValueError("the layout has no record of this name")
        written = self._layout.compose(record, values)
        text = written.decode(self._layout.byte_codec)
        if self._layout.line_ends and not _LINE_ENDS.isdisjoint(text):
            raise ValueError(f"{name} has a byte that would end its line")
        if self._layout.record(text) is not record:
            at = f", which is told by what stands at column {record.marks[0].start}" if record.marks else ""
            raise ValueError(f"the values would not be read as the record {name}{at}")
        return written + self._ending

    def rewrite(self, items: Iterable[Item]) -> Iterator[bytes]:
        """What was read at the lossless level, by this layout."""
        for tag, values in segment_values(items):
            yield self.record(tag, *values)
