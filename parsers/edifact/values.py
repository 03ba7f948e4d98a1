"""How values stand in EDIFACT segments. Spec: ISO 9735 sections 8 to 10; dates by their code: code list 2379."""

import re
from datetime import date
from typing import Any, Final

from parsers.canonical.values import iso_date, iso_moment
from parsers.edifact.delimiters import Delimiters
from parsers.elements import released, split
from parsers.maps.values import Spot, Unreadable, plain_decimal

_REFERENCE = re.compile(r"[A-Z]{3}-(?P<element>\d+)(?:\.(?P<component>\d+))?")
_ELEMENTS = [""] * 12
_COMPONENTS = [""] * 8
_CENTURY_TURNS: Final = 70
"""Two digits below are years from 2000 on, as POSIX has it."""

_LENGTHS: Final = {"101": 6, "102": 8, "201": 10, "203": 12, "204": 14, "301": 10, "303": 12, "304": 14}
"""Digits of a moment without its zone."""

_RANGES: Final = {"711": 8, "713": 10, "717": 6, "718": 8, "719": 12}
_NOT_A_DATE = ("not-a-date", "is not a date in its format.", "Send it as its code of 2379 says: CCYYMMDD with 102.")


class Values:
    """For the separators of one interchange. Of an element that is repeated, the first counts."""

    deleted = ""
    fill = len(_ELEMENTS)
    separator = None
    goes_on = None

    def __init__(self, syntax: Delimiters) -> None:
        element, component, release, repetition = syntax.element, syntax.component, syntax.release, syntax.repetition

        def parts(text: str) -> list[str]:
            if repetition is not None and repetition in text:
                text = split(text, repetition, release)[0]
            if release is None or release not in text:
                return text.split(component) + _COMPONENTS
            return [released(one, release) for one in split(text, component, release)] + _COMPONENTS

        def split_all(segment: str) -> list[str]:
            if release is not None and release in segment:
                return split(segment, element, release) + _ELEMENTS
            return segment.split(element) + _ELEMENTS

        self.split = split_all
        self.functions: dict[str, Any] = {"parts": parts}

    def spot(self, reference: str, group: str | None = None) -> Spot:
        at, component = self.cell(reference)
        moves = group is not None and at >= self.cell(group)[0]
        name = f"k{at}" if moves else f"e{at}"
        element = f"e[k + {at}]" if moves else f"e[{at}]"
        return Spot(f"{name}[{max(component, 1) - 1}]", {name: f"parts({element})"})

    def whole(self, reference: str) -> str:
        return f"e[{self.cell(reference)[0]}]"

    def groups(self, reference: str, step: int) -> str:
        return f"range(0, len(e) - {self.fill + self.cell(reference)[0]}, {step})"

    def repetitions(self, reference: str) -> str:
        raise NotImplementedError(f"{reference}: EDIFACT repeats elements, which `every` tells")

    def cell(self, reference: str) -> tuple[int, int]:
        found = _REFERENCE.fullmatch(reference)
        assert found is not None, "the map's language has seen it"
        return int(found["element"]), int(found["component"] or 0)

    def decimal(self, text: str) -> str:
        return plain_decimal(text.replace(",", ".", 1))

    def day(self, text: str, form: str) -> str:
        return self.moment(text, "", form)[:10]

    def moment(self, text: str, more: str, form: str) -> str:  # noqa: ARG002  A time stands with its date.
        text = text.strip()
        length = _LENGTHS.get(form, len(text) if len(text) in {6, 8, 10, 12, 14} and not form else 0)
        value = None
        if form == "616":
            value = _week(text)
        elif form in {"610", "602"}:
            value = iso_moment(text)
        elif length and len(text) >= length and text[:length].isdigit():
            digits = text[:length]
            if length in {6, 10}:
                digits = ("20" if int(digits[:2]) < _CENTURY_TURNS else "19") + digits
            value = iso_date(digits) if len(digits) == 8 else iso_moment(digits)
        if value is None:
            raise Unreadable(*_NOT_A_DATE)
        return value

    def period(self, text: str, more: str, form: str) -> tuple[str, str | None]:
        length = _RANGES.get(form)
        if length is None:
            return self.moment(text, more, form), None
        digits = text.replace("-", "")
        inner = {6: "101", 8: "102", 10: "201", 12: "203"}[length]
        return self.moment(digits[:length], "", inner), self.moment(digits[length:], "", inner)


def _week(text: str) -> str | None:
    """CCYYWW as ISO 8601."""
    if len(text) != 6 or not text.isdigit():
        return None
    try:
        date.fromisocalendar(int(text[:4]), int(text[4:]), 1)
    except ValueError:
        return None
    return f"{text[:4]}-W{text[4:]}"


def values(syntax: Delimiters) -> Values:
    return Values(syntax)
