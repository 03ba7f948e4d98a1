"""Patterns of right segments, for standards that part elements and components by separators.

A pattern may miss segments that are right after all, which are then looked at one by one; it never takes a wrong one.
"""

import re
from collections.abc import Callable, Sequence

from parsers.guides.model import ElementSpec, SegmentSpec

_REPEATS_COUNTED = 100
"""Beyond so many repetitions they are counted elsewhere."""


class Patterns:
    """Args:
    value: the pattern of a value that is right, by its spec, and that of the value before it.
    """

    def __init__(
        self,
        element: str,
        component: str,
        repetition: str | None,
        value: Callable[[ElementSpec, ElementSpec | None], str],
    ) -> None:
        self._element = re.escape(element)
        self._component = re.escape(component)
        self._repetition = re.escape(repetition) if repetition else ""
        self._value = value

    def of(self, spec: SegmentSpec) -> re.Pattern[str] | None:
        """None where a note speaks of elements that the spec does not have."""
        related = {number for note in spec.notes for number in numbers(note)}
        if any(number > len(spec.elements) for number in related):
            return None
        element, rest = self._element, ""
        last_required = max((nth for nth, one in enumerate(spec.elements, 1) if one.usage == "R"), default=0)
        for nth in range(len(spec.elements), 0, -1):
            mark = f"(?P<{_mark(nth)}>)" if nth in related else ""
            part = self._part(spec.elements[nth - 1], spec.elements[nth - 2] if nth > 1 else None, mark)
            rest = f"{element}{part}{rest}" if nth <= last_required else f"(?:{element}{part}{rest})?"
        # What is left out at the end takes its separators with it.
        not_bare = f"(?<!{element})" if spec.elements else ""
        notes = "".join(_Note(spec).holds(note) for note in spec.notes)
        return re.compile(f"{re.escape(spec.tag)}{rest}{not_bare}\\Z{notes}", re.DOTALL | re.ASCII)

    def _part(self, spec: ElementSpec, before: ElementSpec | None, mark: str) -> str:
        if spec.usage == "N":
            return ""
        value = self._composite(spec) if spec.components else self._value(spec, before)
        if spec.repeat > 1 and self._repetition:
            again = f"{{0,{spec.repeat - 1}}}" if spec.repeat <= _REPEATS_COUNTED else "*"
            value = f"{value}(?:{self._repetition}{value}){again}"
        return value if spec.usage == "R" else f"(?:{value}{mark})?"

    def _composite(self, spec: ElementSpec) -> str:
        component, rest = self._component, ""
        if not component:
            return "(?!)"  # It cannot be sent at all.
        parts = spec.components
        last_required = max((nth for nth, one in enumerate(parts, 1) if one.usage == "R"), default=1)
        for nth in range(len(parts), 0, -1):
            one = parts[nth - 1]
            value = "" if one.usage == "N" else self._value(one, parts[nth - 2] if nth > 1 else None)
            part = value if one.usage == "R" or not value else f"(?:{value})?"
            if nth == 1:
                rest = f"{part}{rest}"
            elif nth > last_required:
                rest = f"(?:{component}{part}{rest})?"
            else:
                rest = f"{component}{part}{rest}"
        end = f"(?:{self._element}|{self._repetition}|\\Z)" if self._repetition else f"(?:{self._element}|\\Z)"
        not_empty = "" if parts[0].usage == "R" else f"(?!{end})"
        return f"{not_empty}{rest}(?<!{component})"


class _Note:
    """Relations between elements, as conditions on what a pattern has passed on the way to its end."""

    def __init__(self, spec: SegmentSpec) -> None:
        self._spec = spec

    def holds(self, note: str) -> str:
        first, *others = all_of = numbers(note)
        match note[0]:
            case "P":
                return self._sent(first, self._all(others), self._none(others))
            case "R":
                return self._any(all_of)
            case "E":
                return self._one_at_most(all_of)
            case "C":
                return self._sent(first, self._all(others), "")
            case _:
                return self._sent(first, self._any(others), "")

    def _sent(self, number: int, then: str, otherwise: str) -> str:
        usage = self._spec.elements[number - 1].usage
        if usage != "S" or then == otherwise:
            return then if usage == "R" else otherwise
        return f"(?({_mark(number)}){then}|{otherwise})"

    def _all(self, some: Sequence[int]) -> str:
        return self._sent(some[0], self._all(some[1:]), _NEVER) if some else ""

    def _none(self, some: Sequence[int]) -> str:
        return self._sent(some[0], _NEVER, self._none(some[1:])) if some else ""

    def _any(self, some: Sequence[int]) -> str:
        return self._sent(some[0], "", self._any(some[1:])) if some else _NEVER

    def _one_at_most(self, some: Sequence[int]) -> str:
        return self._sent(some[0], self._none(some[1:]), self._one_at_most(some[1:])) if some else ""


_NEVER = "(?!)"


def _mark(number: int) -> str:
    """The name of the group that says that an element was sent."""
    return f"sent{number}"


def numbers(note: str) -> list[int]:
    """The elements that a note relates: "P0304" → [3, 4]."""
    return [int(note[at : at + 2]) for at in range(1, len(note), 2)]


_DECIMALS = 4
_DIGITS_MAX = 40


def real(low: int, high: int, mark: str) -> str:
    """A pattern of numbers with a decimal mark, of so many digits; not of all of them, where most are short.

    Args:
        mark: a pattern of the decimal mark.
    """
    high = min(high, _DIGITS_MAX)
    if low <= 1 and high > 2 * _DECIMALS:
        return f"-?\\d{{1,{high - _DECIMALS}}}(?:{mark}\\d{{1,{_DECIMALS}}})?"
    digits = f"(?=-?(?:{mark}?\\d){{{low},{high}}}(?!{mark}|\\d))"
    return f"{digits}-?\\d+(?:{mark}\\d+)?"


_ALTERNATIVES = 12


def one_of(codes: frozenset[str]) -> str:
    """A pattern of codes; of many, grouped by their first character, so that few are tried."""
    if not codes:
        return "(?!)"
    if len(codes) <= _ALTERNATIVES:
        return "(?:" + "|".join(map(re.escape, sorted(codes, key=_longest_first))) + ")"
    by_first: dict[str, list[str]] = {}
    for code in codes:
        by_first.setdefault(code[:1], []).append(code[1:])
    groups = (
        f"{re.escape(first)}(?:{'|'.join(map(re.escape, sorted(rests, key=_longest_first)))})"
        for first, rests in sorted(by_first.items())
    )
    return f"(?:{'|'.join(groups)})"


def _longest_first(code: str) -> tuple[int, str]:
    return (-len(code), code)
