"""Where in a guide the loops and segments of a map stand."""

from collections.abc import Iterator, Sequence
from typing import Final

from parsers.guides.model import UNBOUNDED, Loop, Position, SegmentSpec
from parsers.maps.drafts import Draft
from parsers.maps.model import Loop as MapLoop

_TELLING: Final = 2
"""Elements that tell what a segment is there for."""

REST: Final = "the rest of a loop"


def all_specs(loop: Loop) -> Iterator[SegmentSpec]:
    for child in loop.children:
        if isinstance(child, Loop):
            yield from all_specs(child)
        else:
            yield from child.specs


def first_specs(child: Position | Loop) -> Iterator[SegmentSpec]:
    """Of the segments that it may begin with."""
    if isinstance(child, Position):
        yield from child.specs
        return
    for inner in child.children:
        yield from first_specs(inner)
        if inner.usage == "R" or isinstance(inner, Loop):
            break


def opened(place: Loop | None, loop: MapLoop, inner: Sequence[MapLoop]) -> Loop | None:
    """A place whose loops that stand once are no loops to the map: their segments are those of the place itself."""
    if place is None:
        return None
    begins = {tag for tag, _ in loop.begins}
    apart = {tag for one in inner for tag, _ in one.begins}
    children: list[Position | Loop] = []
    for nth, child in enumerate(place.children):
        first = {spec.tag for spec in first_specs(child)} if isinstance(child, Loop) else set()
        if isinstance(child, Loop) and (
            (not nth and first & begins) or (child.max == 1 and first & set(loop.nodes) and not first & apart)
        ):
            children += child.children
        else:
            children.append(child)
    return Loop(id=place.id, order=place.order, children=tuple(children), usage=place.usage, max=place.max)


def stands(place: Loop, tag: str) -> bool:
    return any(spec.tag == tag for child in place.children for spec in first_specs(child))


def room_for(place: Loop | None, tag: str) -> int:
    """How many segments of a tag may stand there."""
    if place is None:
        return UNBOUNDED
    return sum(child.max for child in place.children if any(spec.tag == tag for spec in first_specs(child)))


def order_of(place: Loop | None, draft: Draft, nth: int) -> int:
    """Where in its loop a segment stands; by its first elements where the guide tells several apart."""
    if place is None:
        return nth
    said = {cell[0]: text for cell, text in sorted(draft.cells.items(), reverse=True) if cell[0] <= _TELLING}
    found: list[int] = []
    for index, child in enumerate(place.children):
        for spec in first_specs(child):
            if spec.tag == draft.tag:
                found.append(index)
                codes = [(said.get(nth, ""), one.codes) for nth, one in enumerate(spec.elements[:_TELLING], 1)]
                told = [not text or text in known for text, known in codes if known is not None]
                if told and all(told):
                    return index
    return found[0] if found else 0


def within(place: Loop | None, loop: MapLoop) -> tuple[int, Loop | None]:
    """The guide's loop that a map's loop is, and where it stands; what is a place to the map may be a segment there."""
    if place is None:
        return 1 << 20, None  # Behind the segments of the loop itself.
    tags = {tag for tag, _ in loop.begins}
    for index, child in enumerate(place.children):
        if isinstance(child, Loop) and any(spec.tag in tags and _agree(spec, loop) for spec in first_specs(child)):
            return index, child
    for index, child in enumerate(place.children):
        if isinstance(child, Position) and any(spec.tag in tags and _agree(spec, loop) for spec in child.specs):
            return index, Loop(id=REST, order=child.order, children=place.children[index:])
    return 0, None


def _agree(spec: SegmentSpec, loop: MapLoop) -> bool:
    """Codes that the map asks for are among those that the guide has in the first element."""
    codes = spec.elements[0].codes if spec.elements else None
    for tag, conditions in loop.begins:
        asked = [one.codes for one in conditions if one.reference.endswith("01")]
        if tag == spec.tag and (codes is None or not asked or asked[0] & codes):
            return True
    return False
