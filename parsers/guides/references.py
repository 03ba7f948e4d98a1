"""What rules speak of, and what the judge shows them: elements, the loops around them, and the segment in hand."""

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from parsers.guides.dialect import Dialect
from parsers.segments import Segments

if TYPE_CHECKING:
    from parsers.guides.tables import Place, Turn


class Spot(NamedTuple):
    """Where a segment stands; what it costs to say so is spent only when it has to be said.

    Attributes:
        segments: the batch that it stands in, and `at` which one of it it is.
        nth: which one of its kind it is, as paths say it.
    """

    segments: Segments
    at: int
    place: "Place"
    nth: int

    @property
    def tag(self) -> str:
        return self.segments.syntax.tag(self.segments.texts[self.at])


class Broken(NamedTuple):
    """A rule that does not hold.

    Attributes:
        element: which element of the spot it is about; "" for the whole segment.
    """

    code: str
    level: int
    spot: Spot
    element: str
    message: str
    hint: str
    value: str | None = None


class Scene(Protocol):
    """What the judge shows to a hook.

    Attributes:
        frames: what each rule keeps for the turn of its loop that is open, by the rule's number; None outside of it.
    """

    frames: list[Any]

    def spot(self) -> Spot:
        """Where the segment in hand stands."""

    def broken(self, broken: Broken) -> None:
        """Say that a rule does not hold."""

    def watch(self, text: str) -> None:
        """Show it to whoever follows a chain of segments through the set."""


Hook = Callable[[str, Scene], None]
"""Is given each segment of some position, as text."""


class Reference(NamedTuple):
    """An element that a rule speaks of, where it may stand, and what its segment must hold besides.

    `at` is that of its `Reader`.
    """

    text: str
    loops: tuple[str, ...]
    tag: str
    value: Callable[[str], str]
    where: tuple[tuple[Callable[[str], str], frozenset[str]], ...]
    at: int = 0

    def holds(self, text: str) -> bool:
        return not self.where or all(value(text) in codes for value, codes in self.where)

    def may_be(self, place: "Place", turn: "Turn") -> bool:
        """Whether this position, somewhere in a loop, is one that it speaks of."""
        names = _loops_between(place.turn, turn)
        if names is None:
            return False
        ahead = iter(names)
        return all(loop in ahead for loop in self.loops)


def _loops_between(inner: "Turn", outer: "Turn") -> list[str] | None:
    names: list[str] = []
    turn: Turn | None = inner
    while turn is not None and turn is not outer:
        names.append(turn.name)
        turn = turn.parent
    return names[::-1] if turn is outer else None


_WRITTEN = re.compile(r"(?P<path>(?:[^/\[\]*]+/)*?)(?P<element>[^/\[\]*]+|\d/[^/\[\]*]+)(?P<where>(?:\[[^\]]*\])?)")


def reference(text: str, dialect: Dialect) -> Reference:
    """Raises ValueError, in words."""
    found = _WRITTEN.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is no element: write SV102, 2400/SV102 or REF02[REF01=F8]")
    tag, at, value = dialect.reader(found["element"])
    where = []
    for condition in filter(None, found["where"].strip("[]").split(",")):
        name, _, codes = condition.partition("=")
        where.append((dialect.reader(name.strip()).value, frozenset(codes.strip().split("|"))))
    return Reference(text, tuple(filter(None, found["path"].split("/"))), tag, value, tuple(where), at)


def conditions(
    where: dict[str, tuple[str, ...]], dialect: Dialect
) -> tuple[tuple[Callable[[str], str], frozenset[str]], ...]:
    return tuple((dialect.reader(name).value, frozenset(codes)) for name, codes in where.items())
