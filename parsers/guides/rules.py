"""Rules beyond the order of segments: totals, check digits, and what must stand when something else does.

Each rule looks at the turns of one loop. While a turn is open it keeps a running sum or a few marks, and never a
segment, so that a set of any size is judged in the same memory.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, NamedTuple, Protocol

from parsers.check_digits import is_valid
from parsers.guides.dialect import Dialect
from parsers.guides.model import Balance, Check, Guide, SegmentSpec, Situation
from parsers.guides.text import GuideError
from parsers.segments import Segments

if TYPE_CHECKING:
    from parsers.guides.tables import Place, Turn


class Spot(NamedTuple):
    """Where a segment stands; what it costs to say so is spent only when it has to be said.

    Attributes:
        segments: the batch that it stands in, and `at` which one of it it is.
        nth: how often its position has stood in this turn of its loop.
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
    """What the judge shows to a hook."""

    def spot(self) -> Spot:
        """Where the segment in hand stands."""

    def broken(self, broken: Broken) -> None:
        """Say that a rule does not hold."""

    def watch(self, text: str) -> None:
        """Show it to whoever follows a chain of segments through the set."""

    def frame(self, number: int) -> "Frame | None":
        """What a rule keeps for the turn that is open; None outside of its loop."""


Hook = Callable[[str, Scene], None]
"""Is given each segment of some position, as text."""


class Frame:
    """What one rule keeps for one turn of its loop."""

    __slots__ = ("marks", "spot", "sum", "total", "unsure")

    def __init__(self) -> None:
        self.sum = Decimal(0)
        self.total: Decimal | None = None
        self.spot: Spot | None = None
        self.marks: dict[int, Spot] = {}
        self.unsure = False  # Some number was none: that has been said elsewhere.


class _Reference(NamedTuple):
    """An element that a rule speaks of, where it may stand, and what its segment must hold besides."""

    text: str
    loops: tuple[str, ...]
    tag: str
    value: Callable[[str], str]
    where: tuple[tuple[Callable[[str], str], frozenset[str]], ...]

    def holds(self, text: str) -> bool:
        return not self.where or all(value(text) in codes for value, codes in self.where)

    def at(self, place: "Place", turn: "Turn") -> bool:
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


_REFERENCE = re.compile(r"(?P<path>(?:[^/\[\]*]+/)*?)(?P<element>[^/\[\]*]+|\d/[^/\[\]*]+)(?P<where>(?:\[[^\]]*\])?)")
_TERM = re.compile(r"(?P<sign>[+-])(?:count\((?P<count>[^)]*)\)|(?P<first>[^*]+?)(?:\*(?P<second>.+))?)")


def _reference(text: str, dialect: Dialect) -> _Reference:
    """Raises ValueError, in words."""
    found = _REFERENCE.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is no element: write SV102, 2400/SV102 or REF02[REF01=F8]")
    tag, value = dialect.reader(found["element"])
    where = []
    for condition in filter(None, found["where"].strip("[]").split(",")):
        name, _, codes = condition.partition("=")
        where.append((dialect.reader(name.strip())[1], frozenset(codes.strip().split("|"))))
    return _Reference(text, tuple(filter(None, found["path"].split("/"))), tag, value, tuple(where))


def _conditions(
    where: dict[str, tuple[str, ...]], dialect: Dialect
) -> tuple[tuple[Callable[[str], str], frozenset[str]], ...]:
    return tuple((dialect.reader(name)[1], frozenset(codes)) for name, codes in where.items())


class _Term(NamedTuple):
    sign: int
    factors: tuple[_Reference, ...]
    counts: bool

    @property
    def first(self) -> _Reference:
        return self.factors[0]


def _term(text: str, dialect: Dialect) -> _Term:
    found = _TERM.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is no term: write +SV102, -CAS03, +count(LIN) or +IT102*IT104")
    sign = -1 if found["sign"] == "-" else 1
    if found["count"] is not None:
        *loops, tag = found["count"].split("/")
        return _Term(sign, (_Reference(text, tuple(loops), tag, lambda _: "", ()),), counts=True)
    factors = [_reference(found["first"], dialect)]
    if found["second"]:
        factors.append(_reference(found["second"], dialect))
    return _Term(sign, tuple(factors), counts=False)


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(text.replace(",", ".")) if text else Decimal(0)
    except InvalidOperation:
        return None


class _Balanced:
    """A total and its parts."""

    def __init__(self, number: int, rule: Balance, dialect: Dialect) -> None:
        self.number = number
        self.rule = rule
        self.total = _reference(rule.total, dialect)._replace(where=_conditions(rule.where, dialect))
        self.terms = [_term(text, dialect) for text in rule.terms]

    def hooks(self, place: "Place", tag: str, turn: "Turn") -> Iterator[Hook]:
        if self.total.tag == tag and self.total.at(place, turn):
            yield self._take_total
        for term in self.terms:
            if term.first.tag == tag and term.first.at(place, turn):
                yield self._adding(term)

    def _take_total(self, text: str, scene: Scene) -> None:
        frame = scene.frame(self.number)
        if frame is None or frame.total is not None or not self.total.holds(text):
            return
        sent = self.total.value(text)
        total = _number(sent) if sent else None
        frame.unsure = frame.unsure or (bool(sent) and total is None)
        frame.total = total.scaleb(-self.rule.implied) if total is not None else None
        frame.spot = scene.spot()

    def _adding(self, term: _Term) -> Hook:
        number = self.number

        def add(text: str, scene: Scene) -> None:
            frame = scene.frame(number)
            if frame is None or not term.first.holds(text):
                return
            amount = Decimal(1)
            if not term.counts:
                for factor in term.factors:
                    value = _number(factor.value(text))
                    if value is None:
                        frame.unsure = True
                        return
                    amount *= value
            frame.sum += term.sign * amount

        return add

    def end(self, frame: Frame, dialect: Dialect) -> Iterator[Broken]:  # noqa: ARG002  As of a situation.
        if frame.total is None or frame.spot is None or frame.unsure or frame.total == frame.sum:
            return
        parts = ", ".join(term.lstrip("+") for term in self.rule.terms)
        yield Broken(
            "balance",
            self.rule.level,
            frame.spot,
            self.rule.total.rpartition("/")[2] if not self.rule.total[:1].isdigit() else self.rule.total,
            f"{self.rule.total} is not the total of what it sums up ({parts}).",
            self.rule.hint or "Make the total and its parts agree.",
        )


class _Situated:
    """If this, then that."""

    def __init__(self, number: int, rule: Situation, dialect: Dialect) -> None:
        self.number = number
        self.rule = rule
        self.when = [(_reference(name, dialect), frozenset(codes)) for name, codes in rule.when.items()]
        self.require = [_reference(name, dialect) for name in rule.require]
        self.forbid = [_reference(name, dialect) for name in rule.forbid]
        self.codes = [(_reference(name, dialect), frozenset(codes)) for name, codes in rule.codes.items()]

    def hooks(self, place: "Place", tag: str, turn: "Turn") -> Iterator[Hook]:
        marked: list[tuple[_Reference, frozenset[str] | None, bool]] = [
            *((reference, codes, True) for reference, codes in self.when),
            *((reference, None, True) for reference in (*self.require, *self.forbid)),
            *((reference, codes, False) for reference, codes in self.codes),
        ]
        for mark, (reference, codes, wanted) in enumerate(marked):
            if reference.tag == tag and reference.at(place, turn):
                yield self._marking(mark, reference, codes, wanted=wanted)

    def _marking(self, mark: int, reference: _Reference, codes: frozenset[str] | None, *, wanted: bool) -> Hook:
        """Mark where it stands; with not `wanted`, where it stands with another code."""
        number = self.number

        def look(text: str, scene: Scene) -> None:
            frame = scene.frame(number)
            if frame is None or mark in frame.marks or not reference.holds(text):
                return
            value = reference.value(text)
            if value and (not codes or (value in codes) is wanted):
                frame.marks[mark] = scene.spot()

        return look

    def end(self, frame: Frame, dialect: Dialect) -> Iterator[Broken]:  # noqa: ARG002  As of a balance.
        marks = frame.marks
        if not all(mark in marks for mark in range(len(self.when))):
            return
        first = marks[0] if self.when else frame.spot
        mark = len(self.when)
        for reference in self.require:
            if mark not in marks and first is not None:
                yield self._broken(first, "" if reference.tag != first.tag else reference.text.partition("[")[0])
            mark += 1
        for reference in (*self.forbid, *(one for one, _ in self.codes)):
            if mark in marks:
                yield self._broken(marks[mark], reference.text.partition("[")[0].rpartition("/")[2])
            mark += 1

    def _broken(self, spot: Spot, element: str) -> Broken:
        rule = self.rule
        return Broken(f"rule-{rule.name}", rule.level, spot, element, rule.message, rule.hint)


def _checking(rule: Check, dialect: Dialect) -> tuple[str, Hook]:
    """A check digit is looked at on the spot."""
    read = [dialect.reader(name) for name in rule.at]
    tag = read[0][0]
    where = _conditions(rule.where, dialect)
    names = {"npi": "NPI", "gtin": "GTIN", "sscc": "SSCC", "gln": "GLN", "iban": "IBAN", "aba": "routing number"}
    name = names.get(rule.kind, rule.kind)
    known: set[str] = set()  # The same few numbers come again and again.

    def check(text: str, scene: Scene) -> None:
        value = "".join([take(text) for _, take in read])
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
    """All rules of a guide.

    Raises:
        GuideError: a rule speaks of a loop or an element that cannot be.
    """

    def __init__(self, guide: Guide, dialect: Dialect, root: "Turn") -> None:
        self._dialect = dialect
        self._rules: list[tuple[_Balanced | _Situated, list[Turn]]] = []
        rules: Sequence[Balance | Situation] = (*guide.balances, *guide.situations)
        for number, rule in enumerate(rules):
            with _of(guide, rule):
                made = (
                    _Balanced(number, rule, dialect) if isinstance(rule, Balance) else _Situated(number, rule, dialect)
                )
                turns = [root] if not rule.loop else [turn for turn in _all_turns(root) if turn.name == rule.loop]
                if not turns:
                    raise ValueError(f"there is no loop `{rule.loop}`")
            for turn in turns:
                turn.rules = True
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

    def begin(self, turn: "Turn", frames: dict[int, Frame]) -> None:
        """A turn of a loop begins."""
        for rule, turns in self._rules:
            if turn in turns:
                frames[rule.number] = Frame()

    def end(self, turn: "Turn", frames: dict[int, Frame]) -> Iterator[Broken]:
        """A turn of a loop ends."""
        for rule, turns in self._rules:
            if turn in turns and rule.number in frames:
                yield from rule.end(frames.pop(rule.number), self._dialect)


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
