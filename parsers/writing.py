"""What was read, written again: as it was, or as the values that a standard's writer takes."""

from collections.abc import Iterable, Iterator

from parsers.elements import values
from parsers.segments import Item, Raw, Segments, Value


def write(items: Iterable[Item]) -> Iterator[bytes]:
    """The very bytes that `parsers.segments` read these items from."""
    for item in items:
        if isinstance(item, Segments | Raw):
            yield item.data


def segment_values(items: Iterable[Item]) -> Iterator[tuple[str, list[Value]]]:
    """The segments in order: tag and elements, for a writer with other separators.

    Raises:
        ValueError: there are bytes that are no segment, as between interchanges or in a binary element.
    """
    for item in items:
        if isinstance(item, Raw) and item.kind != "blank":
            raise ValueError(f"the {item.kind} data at byte {item.offset} is no segment: it can only be copied")
        if isinstance(item, Segments):
            for index, text in enumerate(item.texts):
                yield item.syntax.tag(text), values(item.elements(index))
