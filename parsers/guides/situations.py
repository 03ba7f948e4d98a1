"""Situations: if something stands in a turn of a loop, then something else must, or must not."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from parsers.guides.dialect import Dialect
from parsers.guides.model import Situation
from parsers.guides.references import Broken, Hook, Reference, Scene, Spot, reference

if TYPE_CHECKING:
    from parsers.guides.tables import Place, Turn


class Situated:
    """If this, then that."""

    frame = dict  # Marks: by the number of a reference, where it stood.

    def __init__(self, number: int, rule: Situation, dialect: Dialect) -> None:
        self.number = number
        self._rule = rule
        self._when = [(reference(name, dialect), frozenset(codes)) for name, codes in rule.when.items()]
        self._require = [reference(name, dialect) for name in rule.require]
        self._forbid = [reference(name, dialect) for name in rule.forbid]
        self._codes = [(reference(name, dialect), frozenset(codes)) for name, codes in rule.codes.items()]

    def hooks(self, place: "Place", tag: str, turn: "Turn") -> Iterator[Hook]:
        marked: list[tuple[Reference, frozenset[str] | None, bool]] = [
            *((meant, codes, True) for meant, codes in self._when),
            *((meant, None, True) for meant in (*self._require, *self._forbid)),
            *((meant, codes, False) for meant, codes in self._codes),
        ]
        for mark, (meant, codes, wanted) in enumerate(marked):
            if meant.tag == tag and meant.may_be(place, turn):
                yield self._marking(mark, meant, codes, wanted=wanted)

    def _marking(self, mark: int, meant: Reference, codes: frozenset[str] | None, *, wanted: bool) -> Hook:
        """Mark where it stands; with not `wanted`, where it stands with another code."""
        number = self.number

        def look(text: str, scene: Scene) -> None:
            marks = scene.frames[number]
            if marks is None or mark in marks or not meant.holds(text):
                return
            value = meant.value(text)
            if value and (not codes or (value in codes) is wanted):
                marks[mark] = scene.spot()

        return look

    def end(self, marks: dict[int, Spot]) -> Sequence[Broken]:
        """What is to be said when the turn ends."""
        mark = len(self._when)
        if not all(one in marks for one in range(mark)):
            return ()
        first, said = marks[0], []
        for meant in self._require:
            if mark not in marks:
                said.append(self._broken(first, "" if meant.tag != first.tag else meant.text.partition("[")[0]))
            mark += 1
        for meant in (*self._forbid, *(one for one, _ in self._codes)):
            if mark in marks:
                said.append(self._broken(marks[mark], meant.text.partition("[")[0].rpartition("/")[2]))
            mark += 1
        return said

    def _broken(self, spot: Spot, element: str) -> Broken:
        rule = self._rule
        return Broken(f"rule-{rule.name}", rule.level, spot, element, rule.message, rule.hint)
