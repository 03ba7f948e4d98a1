"""How EDIFACT values are judged: types, lengths, characters. Spec: ISO 9735 sections 8 to 10."""

import re

from parsers.edifact.delimiters import Delimiters
from parsers.elements import released, split
from parsers.guides.dialect import Fault, Reader, length_fault
from parsers.guides.model import UNBOUNDED, ElementSpec, SegmentSpec
from parsers.guides.patterns import Patterns, one_of, real

_REFERENCE = re.compile(r"([A-Z]{3})-(\d+)(?:\.(\d+))?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NUMBER = re.compile(r"-?(?:\d+(?:[.,]\d+)?|[.,]\d+)", re.ASCII)


COMMON = Delimiters()
"""The separators that most interchanges have."""


class Dialect:
    """For the separators of one interchange."""

    noun = "segment"
    qualifiers: dict[str, tuple[int, int]] = {}  # noqa: RUF012  A constant of the standard.
    watched: frozenset[str] = frozenset()
    lenient = False
    ordinals_of_set = False

    def __init__(self, syntax: Delimiters) -> None:
        self.syntax = syntax
        self.separator = syntax.element
        separators = {*syntax.element, *syntax.component, *(syntax.repetition or ""), *syntax.segment}
        separators |= set(syntax.release or "")
        self._any = "[^" + "".join(map(re.escape, sorted(separators))) + r"\x00-\x1f\x7f]"
        self._patterns = Patterns(syntax.element, syntax.component, syntax.repetition, self._value)

    def watch(self) -> None:
        return None

    def passes(self, tag: str) -> bool:  # noqa: ARG002  There are no such tags.
        return False

    def element_name(self, tag: str, element: int, component: int = 0) -> str:
        return f"{tag}-{element}" + (f".{component}" if component else "")

    def key(self, text: str, tag: str) -> str:  # noqa: ARG002  It is the first element's in all of them.
        return self._taken(text, 1, 1)

    def reader(self, reference: str) -> Reader:
        found = _REFERENCE.fullmatch(reference)
        if found is None:
            raise ValueError(f"`{reference}` is no element: write BGM-2, or QTY-1.2 for a component")
        element, component = int(found[2]), int(found[3] or 1)
        return Reader(found[1], element, lambda text: self._taken(text, element, component))

    def _taken(self, text: str, element: int, component: int) -> str:
        syntax = self.syntax
        elements = split(text, syntax.element, syntax.release)
        if len(elements) <= element:
            return ""
        first = elements[element]
        if syntax.repetition:
            first = split(first, syntax.repetition, syntax.release)[0]
        components = split(first, syntax.component, syntax.release)
        return released(components[component - 1], syntax.release) if len(components) >= component else ""

    def pattern(self, spec: SegmentSpec) -> re.Pattern[str] | None:
        return self._patterns.of(spec)

    def _value(self, spec: ElementSpec, before: ElementSpec | None) -> str:  # noqa: ARG002  As X12 does.
        if spec.codes is not None:
            return one_of(frozenset(code for code in spec.codes if self.check(code, spec, None) is None))
        low, high = max(spec.min, 1), spec.max
        reach = f"{{{low},{high}}}" if high < UNBOUNDED else f"{{{low},}}"
        if spec.type == "n":
            return real(low, high, "[.,]")
        return f"{self._any}{reach}"

    def check(self, value: str, spec: ElementSpec, before: str | None) -> Fault | None:  # noqa: ARG002  As X12 does.
        if _CONTROL.search(value):
            return Fault("element-characters", "holds a control character", "Leave control characters out.")
        if spec.type == "n":
            if not _NUMBER.fullmatch(value):
                return Fault("element-characters", "is not a number", "Send digits with at most one decimal mark.")
            return length_fault(sum(map(str.isdigit, value)), spec)
        if spec.type == "a" and any(map(str.isdigit, value)):
            return Fault("element-characters", "has digits; it is made of letters", "Send letters only.")
        return length_fault(len(value), spec)

    def look(self, text: str, spec: SegmentSpec) -> Fault | None:  # noqa: ARG002  Fields of SWIFT have formats.
        return None


def dialect(syntax: Delimiters) -> Dialect:
    return Dialect(syntax)
