"""Rules beyond the order of segments: totals, check digits, and what must stand when something else does.

Each rule looks at the turns of one loop. While a turn is open it keeps a running sum or a few marks, and never a
segment, so that a set of any size is judged in the same memory.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from parsers.check_digits import is_valid
from parsers.guides.balances import Balanced, Sums
from parsers.guides.dialect import Dialect
from parsers.guides.model import Balance, Check, Guide, SegmentSpec, Situation
from parsers.guides.references import Broken, Hook, Scene, conditions
from parsers.guides.situations import Situated
from parsers.guides.text import GuideError

if TYPE_CHECKING:
    from parsers.guides.tables import Place, Turn


def _checking(rule: Check, dialect: Dialect) -> tuple[str, Hook]:
    """A check digit is looked at on the spot."""
    read = [dialect.reader(name) for name in rule.at]
    tag = read[0].tag
    where = conditions(rule.where, dialect)
    names = {"npi": "NPI", "gtin": "GTIN", "sscc": "SSCC", "gln": "GLN", "iban": "IBAN", "aba": "routing number"}
    name = names.get(rule.kind, rule.kind)
    known: set[str] = set()  # The same few numbers come again and again.

    def check(text: str, scene: Scene) -> None:
        value = "".join([one.value(text) for one in read])
        if value in known or not value or not all(take(text) in codes for take, codes in where):
            return
        if is_valid(rule.kind, value):
            if len(known) < _KNOWN_MAX:
                known.add(value)
            return
        scene.broken(
            Broken(
                "check-digit",
                rule.level,
                scene.spot(),
                rule.at[-1],
                f"{rule.at[-1]} is not a valid {name}: its check digit is wrong.",
                f"Check the {name} for a mistyped digit.",
                value,
            )
        )

    return tag, check


_KNOWN_MAX = 10_000


def _watching(text: str, scene: Scene) -> None:
    scene.watch(text)


class Watch(Protocol):
    """Follows segments of some tags through one set, because what is right depends on the ones before."""

    def take(self, text: str, scene: Scene) -> None: ...

    def end(self, scene: Scene) -> None: ...


class RuleSet:
    """All rules of a guide. Turns of the loops that they look at are told so.

    Raises:
        GuideError: a rule speaks of a loop or an element that cannot be.
    """

    def __init__(self, guide: Guide, dialect: Dialect, root: "Turn") -> None:
        self._dialect = dialect
        self._rules: list[tuple[OfTurns, list[Turn]]] = []
        rules: Sequence[Balance | Situation] = (*guide.balances, *guide.situations)
        self.count = len(rules)
        sums: Sums = {}
        for number, rule in enumerate(rules):
            with _of(guide, rule):
                made: OfTurns = (
                    Balanced(number, rule, dialect, sums)
                    if isinstance(rule, Balance)
                    else Situated(number, rule, dialect)
                )
                turns = [root] if not rule.loop else [turn for turn in _all_turns(root) if turn.name == rule.loop]
                if not turns:
                    raise ValueError(f"there is no loop `{rule.loop}`")
            for turn in turns:
                turn.rules = (*turn.rules, made)
            self._rules.append((made, turns))
        self._checks = []
        for check in guide.checks:
            with _of(guide, check):
                self._checks.append((check, *_checking(check, dialect)))

    def hooks(self, place: "Place", spec: SegmentSpec) -> tuple[Hook, ...]:
        """What is to be told of each segment in this position."""
        found = [hook for check, tag, hook in self._checks if tag == spec.tag and _can_hold(check, spec, self._dialect)]
        if spec.tag in self._dialect.watched:
            found.append(_watching)
        for rule, turns in self._rules:
            for turn in turns:
                found += rule.hooks(place, spec.tag, turn)
        return tuple(found)


class OfTurns(Protocol):
    """A rule about the turns of a loop.

    Attributes:
        frame: makes what it keeps for one turn.
    """

    number: int

    @property
    def frame(self) -> Callable[[], Any]: ...

    def hooks(self, place: "Place", tag: str, turn: "Turn") -> Iterator[Hook]: ...

    def end(self, frame: Any) -> Sequence[Broken]: ...


@contextmanager
def _of(guide: Guide, rule: Balance | Check | Situation) -> Iterator[None]:
    """What is wrong with a rule, said with its name."""
    try:
        yield
    except ValueError as error:
        name = rule.name if isinstance(rule, Situation) else rule.total if isinstance(rule, Balance) else rule.at[0]
        raise GuideError(f"{guide.id}: {type(rule).__name__.lower()} of {name}: {error}") from None


def _can_hold(check: Check, spec: SegmentSpec, dialect: Dialect) -> bool:
    """Whether a segment of this position can be one that a check is about."""
    for position, one in enumerate(spec.elements, 1):
        wanted = check.where.get(dialect.element_name(spec.tag, position))
        if wanted is not None and (one.usage == "N" or (one.codes is not None and one.codes.isdisjoint(wanted))):
            return False
    return True


def _all_turns(turn: "Turn") -> Iterator["Turn"]:
    yield turn
    for child in turn.children:
        if not hasattr(child, "specs"):
            yield from _all_turns(child)
