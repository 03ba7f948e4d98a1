"""A segment while it is written."""

from parsers.maps.values import Cell


class Draft:
    """Attributes:
    taken: of each list, by its id, which of the map's nodes may be next to put an item here.
    repeated: of each list, and of a field, how many of its repetitions are items.
    choices: in an element, the codes that would mean the same of all that has been said in it.
    is_shared: it is for all records of its set alike.
    """

    __slots__ = ("cells", "choices", "is_shared", "repeated", "tag", "taken")

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.cells: dict[Cell, str] = {}
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
