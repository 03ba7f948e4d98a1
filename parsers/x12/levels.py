"""Hierarchical levels (HL): numbered one after the other, each below one that is open, and what HL04 says of children.

Spec: X12.22 segment HL; the HIPAA guides ask that HL01 begins at 1 in each set and grows by 1.
"""

from dataclasses import dataclass

from parsers.guides.references import Broken, Scene, Spot

_LEVEL = 2


@dataclass(slots=True)
class _Open:
    number: str
    promises_children: str
    spot: Spot
    children: int = 0


class Levels:
    """Follows the HL segments of one set."""

    def __init__(self, separator: str) -> None:
        self._separator = separator
        self._open: list[_Open] = []
        self._count = 0

    def take(self, text: str, scene: Scene) -> None:
        elements = [*text.split(self._separator), "", "", "", ""]
        number, parent, children = elements[1], elements[2], elements[4]
        self._count += 1
        spot = scene.spot()
        if number != str(self._count):
            scene.broken(
                Broken(
                    "hl-number", _LEVEL, spot, "HL01",
                    "HL01 is not the next number: levels are numbered 1, 2, 3 … through the set.",
                    f"Send {self._count} in HL01.", number,
                )
            )  # fmt: skip
            if number.isascii() and number.isdigit() and len(number) <= 12:  # HL01 has twelve at most.
                self._count = int(number)
        if not parent:
            self._leave(0, scene)
        else:
            at = next((at for at, one in enumerate(self._open) if one.number == parent), None)
            if at is None:
                scene.broken(
                    Broken(
                        "hl-parent", _LEVEL, spot, "HL02",
                        "HL02 names no level that is open: a level stands below the one that it names.",
                        "Name in HL02 the HL01 of the level above, and send its children behind it.", parent,
                    )
                )  # fmt: skip
            else:
                self._leave(at + 1, scene)
                above = self._open[at]
                above.children += 1
                if above.promises_children == "0" and above.children == 1:
                    self._contradicted(above, "says that no level stands below it, and one does", "1", scene)
        self._open.append(_Open(number, children, spot))

    def end(self, scene: Scene) -> None:
        self._leave(0, scene)

    def _leave(self, depth: int, scene: Scene) -> None:
        for one in reversed(self._open[depth:]):
            if one.promises_children == "1" and not one.children:
                self._contradicted(one, "says that a level stands below it, and none does", "0", scene)
        del self._open[depth:]

    def _contradicted(self, one: _Open, says: str, right: str, scene: Scene) -> None:
        scene.broken(
            Broken(
                "hl-child-code", _LEVEL, one.spot, "HL04", f"HL04 {says}.",
                f"Send {right} in HL04, or mend the levels.", one.promises_children,
            )
        )  # fmt: skip
