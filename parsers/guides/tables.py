"""A guide compiled: from each position, which segment leads where, what must have come before, and what it must hold.

    next(position): tag → Move, or tag → code → Move

A move says which loops it leaves and enters, and which required positions and loops it passes. It is worked out when a
file first takes it, so that a guide of three hundred positions costs nothing for those that nobody uses.

Spec: the order in which positions are tried is that of X12.59 and of ISO 9735 section 8: forward from where we stand,
then out to the loop around it, where the same loop may begin again.
"""

import re
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, NamedTuple

from parsers.guides.dialect import Dialect
from parsers.guides.model import Guide, Loop, Position, SegmentSpec
from parsers.guides.rules import OfTurns, RuleSet
from parsers.guides.text import GuideError

if TYPE_CHECKING:
    from parsers.guides.references import Hook

_FIRST = (1, 0)
"""Where a code stands that tells positions apart, unless the standard has it elsewhere."""


Match = Callable[[str], object]


def _never(_text: str) -> None:
    return None


class Turn:
    """A loop of the guide. Children have neighbouring ids, so that all counts of a new turn are zeroed at once."""

    __slots__ = ("children", "first", "id", "loop", "max", "name", "order", "parent", "path", "rules", "stop", "zeros")

    def __init__(self, loop: Loop, parent: "Turn | None", number: int) -> None:
        self.loop = loop
        self.parent = parent
        self.id = number
        self.order = loop.order
        self.max = loop.max
        self.name = loop.id
        self.path: str = "" if parent is None else f"{parent.path}{loop.id}/"
        self.children: list[Turn | Place] = []
        self.first = self.stop = 0
        self.zeros: list[int] = []
        self.rules: tuple[OfTurns, ...] = ()  # They look at each turn of it.

    @property
    def required(self) -> bool:
        return self.loop.usage == "R"

    @property
    def first_tag(self) -> str:
        """Of the first segment that it must have."""
        child = next((one for one in self.children if one.required), self.children[0])
        return child.first_tag


class Place:
    """A position of the guide.

    `likely` is the move that was made last from it: files go the same ways again and again, so that nine segments of
    ten need no look into a table.
    """

    __slots__ = ("id", "likely", "max", "moves", "order", "position", "specs", "tags", "turn")

    def __init__(self, position: Position, turn: Turn, number: int) -> None:
        self.position = position
        self.turn = turn
        self.id = number
        self.order = position.order
        self.max = position.max
        self.specs = {spec.tag: spec for spec in position.specs}
        self.tags = tuple(self.specs)
        self.moves: dict[str, Choice] | None = None
        self.likely: Move | None = None

    @property
    def required(self) -> bool:
        return self.position.usage == "R"

    @property
    def first_tag(self) -> str:
        return self.tags[0]


class Move:
    """From one position to another.

    Attributes:
        plain: it stays in its turn and passes nothing that is required.
        match: a right segment's pattern, which matches nothing where each segment has to be looked at.
        sure: a segment that matches makes this move and no other.
        needs: whether something of `passed` has not come, by one look at the counts.
        passed: required positions and loops that come no more, in their order.
        left: loops that end and have rules. entered: loops that begin. Both in their order.
    unused: the guide says that it must not be made.
    """

    __slots__ = (
        "entered", "hooks", "left", "match", "max", "needs", "passed", "place", "plain", "spec", "sure", "unused",
    )  # fmt: skip

    def __init__(
        self, place: Place, spec: SegmentSpec, left: tuple[Turn, ...], entered: tuple[Turn, ...],
        passed: "tuple[Turn | Place, ...]",
    ) -> None:  # fmt: skip
        self.place = place
        self.spec = spec
        self.max = place.max
        self.left = tuple(turn for turn in left if turn.rules)
        self.entered = entered
        self.passed = passed
        self.needs = counts_of(passed)
        self.match: Match = _never
        self.sure = False
        self.hooks: tuple[Hook, ...] = ()
        self.unused = place.position.usage == "N" or any(turn.loop.usage == "N" for turn in entered)
        self.plain = not (self.left or entered or passed or self.unused)


class Several(NamedTuple):
    """More than one position of the same tag and code: the first that is not full is meant."""

    moves: tuple[Move, ...]


class Keyed(NamedTuple):
    """Positions of one tag that a code tells apart.

    Attributes:
        at_once: by the first element as it is sent; empty where the code stands elsewhere.
        other: for any other code, where a position takes any.
    """

    at_once: dict[str, Move | Several]
    by_code: dict[str, Move | Several]
    other: Move | Several | None


Choice = Move | Several | Keyed


def _one_or_several(moves: list[Move]) -> Move | Several:
    return moves[0] if len(moves) == 1 else Several(tuple(moves))


def counts_of(passed: "tuple[Turn | Place, ...]") -> Callable[[list[int]], tuple[int, ...]] | None:
    """Take the counts of some out of all."""
    ids = tuple(one.id for one in passed)
    if len(ids) == 1:
        only = ids[0]
        return lambda counts: (counts[only],)
    return itemgetter(*ids) if ids else None


class Tables:
    """One guide, for the separators of one interchange."""

    def __init__(self, guide: Guide, dialect: Dialect) -> None:
        self.guide = guide
        self.dialect = dialect
        self._size = 0
        self.root = Turn(guide.root, None, self._number())
        self.places: list[Place] = []
        self._build(self.root, guide.root)
        self.size = self._size
        self.tags = frozenset(tag for place in self.places for tag in place.tags)
        start = Position(order=0, specs=(SegmentSpec(tag="", defined=False),))
        self.start = Place(start, self.root, self.size)
        self.rules = RuleSet(guide, dialect, self.root)
        self._patterns: dict[SegmentSpec, Match] = {}

    def _number(self) -> int:
        self._size += 1
        return self._size - 1

    def _build(self, turn: Turn, loop: Loop) -> None:
        begin = self._size
        for child in loop.children:
            if isinstance(child, Loop):
                turn.children.append(Turn(child, turn, self._number()))
            else:
                place = Place(child, turn, self._number())
                turn.children.append(place)
                self.places.append(place)
        turn.first, turn.stop = begin, self._size
        turn.zeros = [0] * (turn.stop - begin)
        for made in turn.children:
            if isinstance(made, Turn):
                self._build(made, made.loop)

    def _codes(self, spec: SegmentSpec) -> frozenset[str] | None:
        """The codes by which a position of this segment is told; None when it takes any."""
        element, _ = self.dialect.qualifiers.get(spec.tag, _FIRST)
        if len(spec.elements) < element:
            return None
        told = spec.elements[element - 1]
        if told.components:
            told = told.components[0]
        elif told.usage != "R" and spec.tag not in self.dialect.qualifiers:
            return None
        return None if told.open else told.codes

    def check(self) -> None:
        """Make all patterns now, which files would make bit by bit.

        Raises:
            GuideError: what a segment must look like cannot be made into one.
        """
        for place in self.places:
            for spec in place.specs.values():
                self._pattern(spec)

    # --- moves ---

    def moves(self, place: Place) -> dict[str, Choice]:
        """All that may follow a position."""
        if place.moves is None:
            place.moves = self._moves(place)
        return place.moves

    def _moves(self, place: Place) -> dict[str, Choice]:
        found: dict[str, list[tuple[frozenset[str] | None, Move]]] = {}
        for to, left, entered, passed in _candidates(place):
            for tag, spec in to.specs.items():
                move = Move(to, spec, left, entered, passed)
                move.match = self._pattern(spec)
                move.hooks = self.rules.hooks(to, spec)
                found.setdefault(tag, []).append((self._codes(spec), move))
        return {tag: self._choice(tag, moves) for tag, moves in found.items()}

    def _choice(self, tag: str, moves: list[tuple[frozenset[str] | None, Move]]) -> Choice:
        if len(moves) == 1:
            moves[0][1].sure = True
        if len(moves) == 1 or all(codes is None for codes, _ in moves):
            return _one_or_several([move for _, move in moves])  # One can only be meant: if not, its code is wrong.
        every = {code for codes, _ in moves if codes is not None for code in codes}
        by_code = {
            code: _one_or_several([move for codes, move in moves if codes is None or code in codes]) for code in every
        }
        for codes, move in moves:
            move.sure = codes is not None and all(by_code[code] is move for code in codes)
        others = [move for codes, move in moves if codes is None]
        at_once = by_code if self.dialect.qualifiers.get(tag, _FIRST) == _FIRST else {}
        return Keyed(at_once, by_code, _one_or_several(others) if others else None)

    def _pattern(self, spec: SegmentSpec) -> Match:
        if spec not in self._patterns:
            try:
                pattern = self.dialect.pattern(spec) if spec.defined else None
            except (re.error, OverflowError, ValueError) as error:
                raise GuideError(f"{self.guide.id}: {spec.tag} cannot be made into a pattern: {error}") from None
            self._patterns[spec] = pattern.match if pattern is not None else _never
        return self._patterns[spec]


def _candidates(
    place: Place,
) -> Iterator[tuple[Place, tuple[Turn, ...], tuple[Turn, ...], tuple[Turn | Place, ...]]]:
    """Where a segment behind this one may stand, in the order in which that is tried.

    Returns:
        The position, loops left, loops entered, and what was required on the way.
    """
    turn, order = place.turn, place.order
    here: Turn | Place = place
    left: list[Turn] = []
    passed: list[Turn | Place] = []
    while True:
        ahead = [child for child in turn.children if child.order >= order]
        required = [child for child in ahead if child.required and child is not here]
        for child in ahead:
            needed = (*passed, *(one for one in required if one.order < child.order))
            if isinstance(child, Turn):
                for to, entered in _first(child):
                    yield to, tuple(left), entered, needed
            elif not (child is place and _begins(child)):
                yield child, tuple(left), (), needed
        if turn.parent is None:
            return
        passed += required
        left.append(turn)
        here, turn, order = turn, turn.parent, turn.order


def _begins(place: Place) -> bool:
    """A turn begins with it, and with it alone: another of them is another turn."""
    turn = place.turn
    return turn.parent is not None and turn.children[0] is place and place.required and place.max == 1


def _first(turn: Turn) -> Iterator[tuple[Place, tuple[Turn, ...]]]:
    """The positions with which a turn may begin, and the loops that are entered then."""
    for _, group in groupby(turn.children, key=attrgetter("order")):
        required = False
        for child in group:
            required = required or child.required
            if isinstance(child, Turn):
                for place, entered in _first(child):
                    yield place, (turn, *entered)
            else:
                yield child, (turn,)
        if required:
            return


def left_at_the_end(place: Place) -> "tuple[tuple[Turn | Place, ...], tuple[Turn, ...]]":
    """What is required behind this position, and the loops that end, when nothing follows it any more."""
    turn, order = place.turn, place.order
    here: Turn | Place = place
    passed: list[Turn | Place] = []
    left: list[Turn] = []
    while True:
        passed += [child for child in turn.children if child.order >= order and child.required and child is not here]
        left.append(turn)
        if turn.parent is None:
            return tuple(passed), tuple(left)
        here, turn, order = turn, turn.parent, turn.order
