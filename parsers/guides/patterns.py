"""Patterns of right segments, for standards that part elements and components by separators.

A pattern may miss segments that are right after all, which are then looked at one by one; it never takes a wrong one.
"""

import re
from collections.abc import Callable

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
        if any(number > len(spec.elements) for note in spec.notes for number in numbers(note)):
            return None
        element, rest = self._element, ""
        last_required = max((nth for nth, one in enumerate(spec.elements, 1) if one.usage == "R"), default=0)
        for nth in range(len(spec.elements), 0, -1):
            part = self._part(spec.elements[nth - 1], spec.elements[nth - 2] if nth > 1 else None)
            rest = f"{element}{part}{rest}" if nth <= last_required else f"(?:{element}{part}{rest})?"
        ahead = "".join(self._note(note) for note in spec.notes if not _holds_always(note, spec))
        # What is left out at the end takes its separators with it.
        not_bare = f"(?<!{element})" if spec.elements else ""
        return re.compile(f"{re.escape(spec.tag)}{ahead}{rest}{not_bare}\\Z", re.DOTALL)

    def _part(self, spec: ElementSpec, before: ElementSpec | None) -> str:
        if spec.usage == "N":
            return ""
        value = self._composite(spec) if spec.components else self._value(spec, before)
        if spec.repeat > 1 and self._repetition:
            again = f"{{0,{spec.repeat - 1}}}" if spec.repeat <= _REPEATS_COUNTED else "*"
            value = f"{value}(?:{self._repetition}{value}){again}"
        return value if spec.usage == "R" else f"(?:{value})?"

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
        inside = f"[^{self._element}{self._repetition}]"
        return f"(?!{component}*{end})(?!{inside}*{component}{end}){rest}"

    def _note(self, note: str) -> str:
        """A look ahead that holds only where the relation does."""
        element = self._element

        def sent(number: int) -> str:
            return f"(?=(?:{element}[^{element}]*){{{number - 1}}}{element}[^{element}])"

        def absent(number: int) -> str:
            return f"(?!(?:{element}[^{element}]*){{{number - 1}}}{element}[^{element}])"

        first, *others = all_of = numbers(note)
        match note[0]:
            case "P":
                return f"(?:{''.join(map(sent, all_of))}|{''.join(map(absent, all_of))})"
            case "R":
                return f"(?:{'|'.join(map(sent, all_of))})"
            case "E":
                alone = ("".join(absent(other) for other in all_of if other != one) for one in all_of)
                return f"(?:{'|'.join(alone)})"
            case "C":
                return f"(?:{absent(first)}|{''.join(map(sent, others))})"
            case _:
                return f"(?:{absent(first)}|{'|'.join(map(sent, others))})"


def _holds_always(note: str, spec: SegmentSpec) -> bool:
    """Whatever is sent, as long as every element is used as it should be."""
    uses = [spec.elements[number - 1].usage for number in numbers(note)]
    match note[0]:
        case "P":
            return len(set(uses)) == 1 and uses[0] != "S"
        case "R":
            return "R" in uses
        case "E":
            return sum(use != "N" for use in uses) <= 1
        case "C":
            return uses[0] == "N" or set(uses[1:]) == {"R"}
        case _:
            return uses[0] == "N" or "R" in uses[1:]


def numbers(note: str) -> list[int]:
    """The elements that a note relates: "P0304" → [3, 4]."""
    return [int(note[at : at + 2]) for at in range(1, len(note), 2)]


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
