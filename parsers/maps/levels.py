"""Levels (HL) of a record that is written back: which is in which, in what order, and how they are numbered.

A record tells of some levels by what number they went, and that of the one above; of others only what they hand on to
those within: the number of their order, the label of their package. The rest follows from what is in them.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from parsers.maps.drafts import Draft
from parsers.maps.model import Leaf, Loop, Map
from parsers.maps.values import Cell

_FIRST: Final = "1"


@dataclass(eq=False, slots=True)
class Level:
    """Attributes:
    number, above: as the record has them, "" where it does not.
    gives: what it hands on to objects within.
    nth: of its item in the list.
    """

    loop: Loop
    item: dict[str, Any]
    nth: int
    number: str = ""
    above: str = ""
    drafts: list[Draft] = field(default_factory=list)
    gives: dict[str, str] = field(default_factory=dict)
    parent: "Level | None" = None
    inner: list["Level"] = field(default_factory=list)

    def all_within(self) -> Iterator["Level"]:
        yield self
        for level in self.inner:
            yield from level.all_within()

    def around(self) -> Iterator["Level"]:
        above = self.parent
        while above is not None:
            yield above
            above = above.parent

    def take(self, inner: "Level") -> None:
        inner.parent = self
        self.inner.append(inner)


def loops_of(made: Map, tag: str) -> list[Loop]:
    """Those that are levels: they begin with the segment that numbers them."""
    return [
        loop
        for loop in made.loops.values()
        if loop.name and not loop.is_passed_over and any(begins == tag for begins, _ in loop.begins)
    ]


def objects(
    loops: Sequence[Loop], record: dict[str, Any], tag: str, cells: tuple[Cell, Cell], cell: Any
) -> list[Level]:
    """A level for each object of these loops.

    Args:
        cells: of a level's number and that of the one above. cell: of a reference.
    """
    made: list[Level] = []
    for loop in loops:
        items = record.get(loop.into[-1], ()) if loop.into else [record]
        names = {
            cell(node.references[0][0]): node.name
            for node in loop.nodes.get(tag, ())
            if isinstance(node, Leaf) and node.references
        }
        for nth, item in enumerate(items):
            own, above = (item.get(names[one], "") if one in names else "" for one in cells)
            made.append(Level(loop, item, nth, own, above))
    return made


def handed_on(level: Level, cell: Any) -> dict[str, str]:
    """What it says for objects within."""
    return {
        leaf.name: draft.cells[cell(leaf.references[0][0])]
        for draft in level.drafts
        for leaf in level.loop.below.get(draft.tag, ())
        if isinstance(leaf, Leaf) and cell(leaf.references[0][0]) in draft.cells
    }


def arrange(levels: Sequence[Level]) -> list[Level]:
    """Put each into the one above it; those that are in no other."""
    numbers = {level.number: level for level in reversed(levels) if level.number}
    unknown: list[Level] = []
    for level in levels:
        above = numbers.get(level.above)
        if above is not None and above is not level and level not in above.around():
            above.take(level)
        else:
            found = _by_what_they_give(level, levels)
            if found is not None:
                found.take(level)
            else:
                unknown.append(level)
    tops = [level for level in unknown if not level.loop.into]
    siblings = {level.above: level.parent for level in levels if level.above and level.parent is not None}
    for level in unknown:
        if level in tops:
            continue
        above = _by_what_is_within(level, levels) or siblings.get(level.above) or _by_number(level, levels)
        if above is None:
            tops.append(level)
        else:
            above.take(level)
            siblings.setdefault(level.above, above)
    return tops


def _by_what_they_give(level: Level, levels: Sequence[Level]) -> Level | None:
    for name in level.loop.parents:
        for other in levels:
            if other.loop.name == name and _gives(other, level.item):
                return other
    return None


def _gives(other: Level, item: Mapping[str, Any]) -> bool:
    return any(item.get(name) == text for name, text in other.gives.items())


def _by_what_is_within(level: Level, levels: Sequence[Level]) -> Level | None:
    for other in levels:
        if other.loop.name in level.loop.parents and any(_gives(other, one.item) for one in level.all_within()):
            return None if other is level or level in other.around() else other
    return None


def _by_number(level: Level, levels: Sequence[Level]) -> Level | None:
    """The first level of the kind that it may be in: the one that is all of the set, or the next where not that one."""
    kinds = [name for name in level.loop.parents if name != level.loop.name]
    found = [one for name in kinds for one in levels if one.loop.name == name and one is not level]
    below_all = [one for one in found if one.loop.into and one.gives]
    if level.above not in {"", _FIRST} and below_all:
        return below_all[0]
    return next((one for one in found if not one.loop.into), None)


def in_order(tops: Sequence[Level]) -> Iterator[Level]:
    """Each before those within, which stand as their items do."""
    for level in tops:
        yield level
        yield from in_order(_sorted(level.inner))


def _sorted(levels: Sequence[Level]) -> list[Level]:
    """Of several kinds: as the first items in them stand."""
    keys: dict[int, int] = {}
    last: dict[str, int] = {}
    for level in levels:
        firsts = [one.nth for one in level.all_within() if not one.loop.below and one.loop.into]
        keys[id(level)] = last[level.loop.name] = min(firsts, default=last.get(level.loop.name, -1))
    return sorted(levels, key=lambda level: keys[id(level)])


def number(levels: Sequence[Level], own: Cell, above: Cell) -> None:
    """From 1 on, one after the other, as whoever reads them wants it; what they were before is not kept."""
    for nth, level in enumerate(levels, 1):
        level.number = str(nth)
        head = level.drafts[0]
        head.cells[own] = level.number
        head.cells.pop(above, None)
        if level.parent is not None:
            head.cells[above] = level.parent.number
