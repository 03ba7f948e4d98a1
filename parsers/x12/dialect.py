"""How X12 values are judged: types, lengths, characters. Spec: X12.6 section 3.5.1, X12.5 section 3.3."""

import re
from calendar import monthrange

from parsers.guides.dialect import Fault, Reader, length_fault
from parsers.guides.model import UNBOUNDED, ElementSpec, SegmentSpec
from parsers.guides.patterns import Patterns, one_of, real
from parsers.x12.delimiters import Delimiters
from parsers.x12.levels import Levels

_DATE = r"(?:19|20)\d\d(?:0[1-9]|1[012])(?:0[1-9]|1\d|2[0-8])"
_SHORT_DATE = r"\d\d(?:0[1-9]|1[012])(?:0[1-9]|1\d|2[0-8])"
_TIME = r"(?:[01]\d|2[0-3])[0-5]\d(?:[0-5]\d(?:\d\d?)?)?"
_NUMBER = re.compile(r"-?(?:\d+(?:\.\d+)?|\.\d+)", re.ASCII)
_WHOLE = re.compile(r"-?\d+", re.ASCII)
_REFERENCE = re.compile(r"([A-Z][A-Z0-9]{1,2})(\d\d)(?:-(\d+))?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
COMMON = Delimiters("*", ":", "~", "^")
"""The separators that most interchanges have."""

_PERIODS = {
    "D6": _SHORT_DATE,
    "D8": _DATE,
    "DT": f"{_DATE}(?:[01]\\d|2[0-3])[0-5]\\d",
    "RD8": f"{_DATE}-{_DATE}",
    "TM": _TIME,
}
"""Formats by their code of data element 1250, as patterns of nearly all that is right; others are not looked at."""


class Dialect:
    """For the separators of one interchange."""

    noun = "segment"
    qualifiers = {"HL": (3, 0), "ENT": (2, 0)}  # noqa: RUF012  A constant of the standard.
    watched = frozenset({"HL"})
    lenient = False
    ordinals_of_set = False

    def __init__(self, syntax: Delimiters) -> None:
        self.syntax = syntax
        self.separator = syntax.element
        component = syntax.sent_component or syntax.component or ""
        repetition, release = syntax.repetition or "", syntax.release or ""
        self._component = component
        self._ends_code = re.compile(f"[{re.escape(component + repetition)}]") if component + repetition else None
        separators = sorted({*syntax.element, *component, *repetition, *syntax.segment, *release})
        self._any = "[^" + "".join(map(re.escape, separators)) + r"\x00-\x1f\x7f]"
        self._any_but_blank = self._any[:-1] + " ]"  # A blank at the end is worth a word.
        self._patterns = Patterns(syntax.element, component, syntax.repetition, self._value)
        self._text = ""
        self._parts: list[str] = []

    def watch(self) -> Levels:
        return Levels(self.separator)

    def passes(self, tag: str) -> bool:  # noqa: ARG002  There are no such tags.
        return False

    def element_name(self, tag: str, element: int, component: int = 0) -> str:
        return f"{tag}{element:02}" + (f"-{component}" if component else "")

    def key(self, text: str, tag: str) -> str:
        element, _ = self.qualifiers.get(tag, (1, 0))
        parts = text.split(self.separator, element + 1)
        value = parts[element] if len(parts) > element else ""
        return self._ends_code.split(value, 1)[0] if self._ends_code else value

    def reader(self, reference: str) -> Reader:
        found = _REFERENCE.fullmatch(reference)
        if found is None:
            raise ValueError(f"`{reference}` is no element: write CLM02, or SV101-2 for a component")
        inner = self._component
        at, component = int(found[2]), int(found[3] or 0)

        def element(text: str) -> str:
            parts = self._parts if text is self._text else self._split(text)
            return parts[at] if len(parts) > at else ""

        def part(text: str) -> str:
            within = element(text).split(inner or self.separator)
            return within[component - 1] if len(within) >= component else ""

        return Reader(found[1], at, part if component else element)

    def _split(self, text: str) -> list[str]:
        """Kept for whoever asks next for an element of the same segment."""
        self._text, self._parts = text, text.split(self.separator)
        return self._parts

    # --- the pattern of a right segment ---

    def pattern(self, spec: SegmentSpec) -> re.Pattern[str] | None:
        return self._patterns.of(spec)

    def _value(self, spec: ElementSpec, before: ElementSpec | None) -> str:
        if spec.codes is not None:
            return one_of(frozenset(code for code in spec.codes if self.check(code, spec, None) is None))
        if spec.pattern:
            return f"(?:{spec.pattern})"
        low, high = max(spec.min, 1), spec.max
        reach = f"{{{low},{high}}}" if high < UNBOUNDED else f"{{{low},}}"
        if spec.type == "DT":
            return {8: _DATE, 6: _SHORT_DATE}.get(high if low == high else 0, "(?!)")
        if spec.type == "TM":
            return f"(?=\\d{reach}(?:\\D|\\Z)){_TIME}"
        if spec.type == "R":
            return real(low, high, r"\.")
        if spec.type.startswith("N"):
            return f"-?\\d{reach}"
        most = f"{{{low - 1},{high - 1}}}" if high < UNBOUNDED else f"{{{low - 1},}}"
        text = self._any_but_blank if low == high == 1 else f"{self._any}{most}{self._any_but_blank}"
        return self._period(before, text, reach) if spec.type == "period" else text

    def _period(self, before: ElementSpec | None, text: str, reach: str) -> str:
        """A period, by what may be sent before it."""
        if before is None or before.codes is None:
            return "(?!)"
        ends = f"[{re.escape(self.separator + self._component)}]"
        known = sorted(before.codes & _PERIODS.keys())
        made = [f"(?<={ends}{code}{ends})(?={self._any}{reach}(?:{ends}|\\Z)){_PERIODS[code]}" for code in known]
        if before.codes > _PERIODS.keys() & before.codes:
            made.append("".join(f"(?<!{ends}{code}{ends})" for code in known) + text)
        return f"(?:{'|'.join(made)})"

    # --- one value ---

    def check(self, value: str, spec: ElementSpec, before: str | None) -> Fault | None:
        if _CONTROL.search(value):
            return Fault("element-characters", "holds a control character", "Leave control characters out.")
        kind = spec.type
        if kind == "R" and not _NUMBER.fullmatch(value):
            return Fault("element-characters", "is not a number", "Send digits with at most one point between them.")
        if kind.startswith("N") and not _WHOLE.fullmatch(value):
            return Fault("element-characters", "is not a whole number", "Send digits only; the point is implied.")
        numeric = kind == "R" or kind.startswith("N")
        fault = length_fault(sum(map(str.isdigit, value)) if numeric else len(value), spec)
        if fault is not None:
            return fault
        if kind == "DT" and not is_date(value):
            return _NO_DATE
        if kind == "TM" and not is_time(value):
            return _NO_TIME
        if spec.pattern and not re.search(spec.pattern, value):
            return Fault("format", "is not in the format that the guide asks for", f"Send it as {spec.pattern}.")
        return _period_fault(value, before) if kind == "period" else None

    def look(self, text: str, spec: SegmentSpec) -> Fault | None:  # noqa: ARG002  Fields of SWIFT have formats.
        return None


_NO_DATE = Fault("date-invalid", "is not a date", "Send century, year, month and day: CCYYMMDD.")
_NO_TIME = Fault("time-invalid", "is not a time of day", "Send HHMM or HHMMSS, from 0000 to 2359.")
_NO_MOMENT = Fault("date-invalid", "is not a date with its time", "Send CCYYMMDDHHMM.")
_NO_RANGE = Fault("date-invalid", "is not a range of two dates", "Send CCYYMMDD-CCYYMMDD.")


def _period_fault(value: str, code: str | None) -> Fault | None:
    """Of a value in the format of this code of data element 1250."""
    if code in {"D6", "D8"}:
        return None if is_date(value) and len(value) == int(code[1]) else _NO_DATE
    if code == "RD8":
        first, _, last = value.partition("-")
        return None if is_date(first) and is_date(last) and len(first) == len(last) == 8 else _NO_RANGE
    if code == "DT":
        return None if is_date(value[:8]) and is_time(value[8:]) and len(value) == 12 else _NO_MOMENT
    if code == "TM":
        return None if is_time(value) else _NO_TIME
    return None


def is_date(text: str) -> bool:
    """CCYYMMDD or YYMMDD, of a day that there is."""
    if not (text.isascii() and text.isdigit()) or len(text) not in {6, 8}:
        return False
    year = int(text[:-4]) if len(text) == 8 else 2000 + int(text[:2])
    month, day = int(text[-4:-2]), int(text[-2:])
    return year >= 1800 and 1 <= month <= 12 and 1 <= day <= monthrange(year, month)[1]


def is_time(text: str) -> bool:
    """HHMM, HHMMSS, and hundredths behind it."""
    return bool(re.fullmatch(_TIME, text)) and text.isascii()


def dialect(syntax: Delimiters) -> Dialect:
    return Dialect(syntax)
