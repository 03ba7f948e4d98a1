"""A segment while it is written."""

from collections.abc import Iterator, Mapping
from typing import TypeVar

from parsers.maps.values import Cell

Said = TypeVar("Said")


class Draft:
    """Attributes:
    taken: of each list, by its id, which of the map's nodes may be next to put an item here.
    repeated: of each list, and of a field, how many of its repetitions are items.
    choices: in an element, the codes that would mean the same of all that has been said in it.
    is_shared: it is for all records of its set alike.
    """

    __slots__ = ("cells", "choices", "is_shared", "repeated", "tag", "taken")

    def __init__(self, tag: str, cells: Mapping[Cell, str] | None = None) -> None:
        self.tag = tag
        self.cells: dict[Cell, str] = dict(cells or {})
        self.choices: dict[Cell, tuple[str, ...]] = {}
        self.taken: dict[int, int] = {}
        self.repeated: dict[tuple[int, int], int] = {}
        self.is_shared = True

    def put(self, cell: Cell, *texts: str) -> bool:
        """One of these texts, of which the first is the best; False when something else stands there."""
        held = self.cells.get(cell)
        able = texts if held is None else tuple(text for text in self.choices.get(cell, (held,)) if text in texts)
        if not able:
            return False
        self.cells[cell] = able[0]
        self.choices[cell] = able
        return True

    def copy(self) -> "Draft":
        made = Draft(self.tag)
        made.become(self)
        return made

    def become(self, other: "Draft") -> None:
        """Have what the other one has."""
        self.cells, self.choices = dict(other.cells), dict(other.choices)
        self.taken, self.repeated = dict(other.taken), dict(other.repeated)

    def only(self, field: int, nth: int) -> None:
        """Of the repetitions of a field leave that one alone, as if it were the first."""
        self.cells = dict(_only(self.cells, field, nth))
        self.choices = dict(_only(self.choices, field, nth))

    def beside(self, other: "Draft", field: int, nth: int) -> None:
        """Put what `only` has left back in its place, beside the other repetitions that `other` has of the field."""
        self.cells = _beside(self.cells, other.cells, field, nth)
        self.choices = _beside(self.choices, other.choices, field, nth)


def _only(said: Mapping[Cell, Said], field: int, nth: int) -> Iterator[tuple[Cell, Said]]:
    for cell, one in said.items():
        if cell[0] != field:
            yield cell, one
        elif cell[-1] == nth:
            yield (*cell[:-1], 0), one


def _beside(said: Mapping[Cell, Said], others: Mapping[Cell, Said], field: int, nth: int) -> dict[Cell, Said]:
    made = {cell: one for cell, one in others.items() if cell[0] == field and cell[-1] != nth}
    return made | {(*cell[:-1], nth) if cell[0] == field else cell: one for cell, one in said.items()}
