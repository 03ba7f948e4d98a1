"""A pattern may miss a right segment, but never takes a wrong one: it is compared with the look at each element."""

import random
from functools import partial
from itertools import chain

import msgspec
import pytest

from parsers.edifact import dialect as edifact
from parsers.guides import shelf
from parsers.guides.dialect import Dialect
from parsers.guides.explain import faults
from parsers.guides.model import ElementSpec, Loop, SegmentSpec
from parsers.x12 import dialect as x12

NOTES = ("P0304", "R0203", "E0506", "C0704", "L060708", "P020508")
USES = ("S", "S", "S", "R", "N")
TYPES = ("AN", "ID", "R", "N0", "N2", "DT", "TM")
VALUES = (
    "",
    "A",
    "AB ",
    "A B",
    "12",
    "-12",
    "1.5",
    ".5",
    "12.345678",
    "20260301",
    "2026030",
    "2460",
    "1200",
    "123456789012",
    "\u0663",
    "9" * 45,
)


def made_up(dice: random.Random) -> SegmentSpec:
    def element() -> ElementSpec:
        kind, low = dice.choice(TYPES), dice.randint(1, 3)
        codes = frozenset({"A", "12", "AB"}) if dice.random() < 0.2 else None
        parts = tuple(element() for _ in range(dice.randint(1, 3))) if dice.random() < 0.15 else ()
        return ElementSpec(
            usage=dice.choice(USES),  # type: ignore[arg-type]  # They are all there is.
            type="" if parts else kind,
            min=low,
            max=low + dice.choice((0, 1, 8, 20)),
            codes=None if parts else codes,
            repeat=dice.choice((1, 1, 1, 2)),
            components=tuple(
                ElementSpec(usage=one.usage, type=one.type or "AN", min=one.min, max=one.max) for one in parts
            ),
        )

    return SegmentSpec(
        tag="XX", elements=tuple(element() for _ in range(8)), notes=tuple(dice.sample(NOTES, dice.randint(0, 3)))
    )


def sent(spec: SegmentSpec, dialect: Dialect, dice: random.Random, separators: tuple[str, str, str]) -> str:
    element, component, repetition = separators

    def value(one: ElementSpec) -> str:
        if dice.random() < {"R": 0.02, "N": 0.98}.get(one.usage, 0.5):
            return ""
        if one.codes and dice.random() < 0.8:
            return dice.choice(sorted(one.codes))
        if one.components:
            return component.join(value(part) for part in one.components)
        fitting = "20260301" if one.type == "DT" else "1200" if one.type == "TM" else "7" * min(max(one.min, 1), 60)
        text = fitting if dice.random() < 0.8 else dice.choice([*VALUES, "A" * min(one.max, 60)])
        return repetition.join([text] * dice.choice((1, 1, 1, 1, 1, 2, 3)))

    parts = [value(one) for one in spec.elements]
    while parts and not parts[-1] and dice.random() < 0.95:
        parts.pop()
    return element.join([spec.tag, *parts, *(["9"] if dice.random() < 0.02 else [])])


def compare(spec: SegmentSpec, dialect: Dialect, dice: random.Random, separators: tuple[str, str, str]) -> int:
    pattern = dialect.pattern(spec)
    if pattern is None:
        return 0
    text = sent(spec, dialect, dice, separators)
    if pattern.match(text) is None:
        return 0
    said = list(faults(dialect.syntax.elements(text, 0), spec, dialect))
    assert not said, (text, pattern.pattern, said[0])
    return 1


def test_of_segments_that_nobody_has() -> None:
    dice = random.Random(1)  # noqa: S311  Dice, not keys.
    dialect = x12.dialect(x12.COMMON)
    specs = [made_up(dice) for _ in range(300)]
    assert sum(compare(spec, dialect, dice, ("*", ":", "^")) for spec in specs for _ in range(60)) > 200


def specs_of(loop: Loop) -> list[SegmentSpec]:
    return list(
        chain.from_iterable(specs_of(child) if isinstance(child, Loop) else child.specs for child in loop.children)
    )


@pytest.mark.parametrize("standard", ["x12", "edifact"])
def test_of_segments_of_the_shelf(standard: str) -> None:
    dice = random.Random(2)  # noqa: S311  Dice, not keys.
    module, separators = (x12, ("*", ":", "^")) if standard == "x12" else (edifact, ("+", ":", "*"))
    dialect = module.dialect(module.COMMON)
    specs = {spec for entry in shelf.entries(standard) for spec in specs_of(entry.read().root)}
    in_order = sorted(specs, key=partial(msgspec.json.encode, order="deterministic"))
    matched = sum(compare(spec, dialect, dice, separators) for spec in in_order for _ in range(10))
    assert matched > 100 or not specs


def test_codes_of_the_shelf_have_no_blanks_around_them() -> None:
    specs = {spec for entry in shelf.entries("x12") for spec in specs_of(entry.read().root)}
    elements = [part for spec in specs for one in spec.elements for part in (one, *one.components)]
    assert [code for one in elements for code in one.codes or () if code != code.strip()] == []
