"""A segment while it is written."""

from parsers.maps.values import Cell


class Draft:
    """Attributes:
    taken: of each list, by its id, which of the map's nodes may be next to put an item here.
    """

    __slots__ = ("cells", "tag", "taken")

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.cells: dict[Cell, str] = {}
        self.taken: dict[int, int] = {}

    def put(self, cell: Cell, text: str) -> bool:
        """False when something else stands there."""
        return self.cells.setdefault(cell, text) == text

    def copy(self) -> "Draft":
        made = Draft(self.tag)
        made.cells, made.taken = dict(self.cells), dict(self.taken)
        return made
