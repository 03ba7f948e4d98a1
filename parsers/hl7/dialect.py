"""How HL7 v2 values are judged: types of the standard's own that leave no doubt. Lengths are advice there, and are not.

What a receiver does not expect it ignores, so that it is told as a warning; Z segments pass wherever they stand.
Spec: HL7 v2.5.1 chapters 2.5 to 2.7, 2.A.
"""

import re
from collections.abc import Sequence

from parsers.canonical.values import iso_date
from parsers.guides.dialect import Fault, Reader
from parsers.guides.model import UNBOUNDED, ElementSpec, SegmentSpec
from parsers.guides.patterns import one_of
from parsers.hl7.delimiters import Delimiters

_REFERENCE = re.compile(r"([A-Z][A-Z0-9]{2})-(\d+)(?:\.(\d+))?")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)")
_WHOLE = re.compile(r"\d+")
_TIMED = r"(?:(?:[01]\d|2[0-3])(?:[0-5]\d(?:[0-5]\d(?:\.\d{1,4})?)?)?)?)?)?(?:[+-]\d{4})?"


def _dates(days: str) -> dict[str, re.Pattern[str]]:
    date = rf"\d{{4}}(?:(?:0[1-9]|1[012])(?:{days}"
    return {"DT": re.compile(date + ")?)?"), "TS": re.compile(date + _TIMED)}


_DATES = _dates(r"(?:0[1-9]|[12]\d|3[01])")
_SURE_DATES = _dates(r"(?:0[1-9]|1\d|2[0-8])")
"""Of days that every month has."""
_TIME = re.compile(r"(?:[01]\d|2[0-3])(?:[0-5]\d(?:[0-5]\d(?:\.\d{1,4})?)?)?(?:[+-]\d{4})?")
_VALUES = {
    "NM": _NUMBER,
    "SI": _WHOLE,
    "DT": _SURE_DATES["DT"],
    "TS": _SURE_DATES["TS"],
    "DTM": _SURE_DATES["TS"],
    "TM": _TIME,
}
"""Types that leave no doubt, and nearly all that is right of them."""

_DELETED = '""'
_HEADERS = frozenset({"MSH", "FHS", "BHS"})


COMMON = Delimiters()
"""The separators that most messages have."""


class Dialect:
    """For the separators of one message."""

    noun = "segment"
    qualifiers: dict[str, tuple[int, int]] = {}  # noqa: RUF012  A constant of the standard.
    watched: frozenset[str] = frozenset()
    lenient = True
    ordinals_of_set = True

    def __init__(self, syntax: Delimiters) -> None:
        self.syntax = syntax
        self.separator = syntax.field
        self._field, self._component = re.escape(syntax.field), re.escape(syntax.component)
        self._repetition = re.escape(syntax.repetition)

    def watch(self) -> None:
        return None

    def passes(self, tag: str) -> bool:
        return tag.startswith("Z")

    def element_name(self, tag: str, element: int, component: int = 0) -> str:
        return f"{tag}-{element}" + (f".{component}" if component else "")

    def key(self, text: str, tag: str) -> str:  # noqa: ARG002  It is the first field's in all of them.
        fields = text.split(self.separator, 2)
        return fields[1].split(self.syntax.component, 1)[0] if len(fields) > 1 else ""

    def reader(self, reference: str) -> Reader:
        found = _REFERENCE.fullmatch(reference)
        if found is None:
            raise ValueError(f"`{reference}` is no field: write PID-3, or PID-3.1 for a component")
        tag, field, component = found[1], int(found[2]), int(found[3] or 1)
        field -= tag in _HEADERS  # MSH-1 is the separator itself.

        def value(text: str) -> str:
            fields = text.split(self.separator, field + 1)
            if len(fields) <= field:
                return ""
            parts = fields[field].split(self.syntax.repetition, 1)[0].split(self.syntax.component)
            return parts[component - 1] if len(parts) >= component else ""

        return Reader(tag, field, value)

    def pattern(self, spec: SegmentSpec) -> re.Pattern[str] | None:
        """Only that what is required is there, and that what has a type is empty or of it."""
        if spec.notes:
            return None
        parts = [self._part(one) for one in spec.elements]
        if spec.tag in _HEADERS and parts:
            parts = parts[1:]  # MSH-1 is the separator itself, MSH-2 all others.
            parts[:1] = [f"[^{self._field}]+"]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        usages = [one.usage for one in spec.elements[len(spec.elements) - len(parts) :]]
        return re.compile(re.escape(spec.tag) + _chain(known, usages, self._field, self._field, "\\Z"), re.DOTALL)

    def _part(self, spec: ElementSpec) -> str | None:
        """The pattern of a field; None where there is none."""
        some = "+" if spec.usage == "R" else "*"
        if spec.usage == "N":
            return None
        if any(one.usage == "R" or _is_judged(one) for one in spec.components):
            return self._composite(spec) if spec.repeat == 1 else None
        if spec.components or not (_is_judged(spec) or spec.type):
            return f"[^{self._field}{self._repetition if spec.repeat == 1 else ''}]{some}"
        value = self._value(spec)
        if spec.repeat == 1:
            return value
        return f"{value}(?:{self._repetition}{value})*" if spec.repeat >= UNBOUNDED else None

    def _composite(self, spec: ElementSpec) -> str | None:
        if any(one.components or one.usage == "N" for one in spec.components):
            return None
        end = f"(?=[{self._field}]|\\Z)"
        usages = [one.usage for one in spec.components]
        inner = _chain([self._value(one) for one in spec.components], usages, self._component, "", end)
        return inner if spec.usage == "R" else f"(?:{inner})?"

    def _value(self, spec: ElementSpec) -> str:
        if spec.codes is not None:
            value = one_of(spec.codes)
        elif spec.type in _VALUES:
            value = f'(?:{_VALUES[spec.type].pattern}|"")'
        else:
            stops = f"{self._field}{self._repetition}{self._component}"
            return f"[^{stops}]" + ("+" if spec.usage == "R" else "*")
        return value if spec.usage == "R" else f"{value}?"

    def check(self, value: str, spec: ElementSpec, before: str | None) -> Fault | None:  # noqa: ARG002  As X12 does.
        if value == _DELETED:
            return None
        kind, value = spec.type, value.strip()
        if kind == "NM" and not _NUMBER.fullmatch(value):
            return Fault("element-characters", "is not a number", "Send digits with at most one point.")
        if kind == "SI" and not _WHOLE.fullmatch(value):
            return Fault("element-characters", "is not a sequence number", "Send digits only.")
        if kind in {"TS", "DTM"} and not (_DATES["TS"].fullmatch(value) and _is_day(value)):
            return Fault("date-invalid", "is not a date and time", "Send YYYYMMDDHHMMSS, as much of it as is known.")
        if kind == "DT" and not (_DATES["DT"].fullmatch(value) and _is_day(value)):
            return Fault("date-invalid", "is not a date", "Send YYYYMMDD, as much of it as is known.")
        if kind == "TM" and not _TIME.fullmatch(value):
            return Fault("time-invalid", "is not a time of day", "Send HHMMSS, as much of it as is known.")
        return None

    def look(self, text: str, spec: SegmentSpec) -> Fault | None:  # noqa: ARG002  Fields of SWIFT have formats.
        return None


def _is_day(value: str) -> bool:
    """Of a date as far as it is sent: 2026, 202603, 20260302, and a time behind it."""
    day = value[:8]
    return len(day) < 8 or not day.isdigit() or iso_date(day) is not None


def _is_judged(spec: ElementSpec) -> bool:
    return spec.codes is not None or spec.type in _VALUES


def _chain(parts: list[str], usages: Sequence[str], separator: str, first: str, end: str) -> str:
    """Parts one behind the other; behind the last required one it may end.

    Args:
        first: what stands before the first of them.
    """
    required = max((nth for nth, usage in enumerate(usages, 1) if usage == "R"), default=0)
    rest = f"(?:{separator})*{end}" if first else end
    for nth in range(len(parts), 0, -1):
        before = separator if nth > 1 else first
        whole = f"{before}{parts[nth - 1]}{rest}"
        rest = whole if nth <= required else f"(?:{end}|{whole})"
    return rest


def dialect(syntax: Delimiters) -> Dialect:
    return Dialect(syntax)
