"""How values stand in X12 segments. Spec: X12.6 section 3.5.1; dates by their qualifier: data element 1250."""

import re
from collections.abc import Callable, Mapping
from typing import Any

from parsers.canonical.values import iso_date, iso_moment
from parsers.elements import released, split
from parsers.maps.values import Cell, Spot, Unreadable, elements_of, plain_decimal, without_point
from parsers.segments import Value
from parsers.x12.delimiters import Delimiters

_REFERENCE = re.compile(r"[A-Z][A-Z0-9]{1,2}(?P<element>\d\d)(?:-(?P<component>\d+))?")
_NOT_A_DATE = ("not-a-date", "is not a date.", "Send century, year, month and day: CCYYMMDD.")
_NOT_A_MOMENT = ("not-a-date", "and its time are not a moment.", "Send CCYYMMDD and HHMM or HHMMSS.")
_CENTURY_TURNS = 70
"""Two digits below are years from 2000 on, as POSIX has it."""

_ELEMENTS = [""] * 24
_COMPONENTS = [""] * 10


class Values:
    """For the separators of one interchange."""

    deleted = ""
    goes_on = None
    fill = len(_ELEMENTS)

    def __init__(self, syntax: Delimiters) -> None:
        self._release = syntax.release
        mark, release = syntax.component or "\x00", syntax.release
        element = syntax.element
        self.separator = element if release is None else None
        self.functions: dict[str, Any]
        self.unpadded: Callable[[list[str]], list[str]] | None = None
        repetition = syntax.repetition

        def each(segment: list[str], at: int) -> list[list[str]]:
            """A segment for each repetition of an element, which stands in the element's place."""
            if repetition is None or repetition not in segment[at]:
                return [segment] if segment[at] else []
            texts = split(segment[at], repetition, release)
            return [[*segment[:at], text, *segment[at + 1 :]] for text in texts if text]

        if release is None:

            def split_all(segment: str) -> list[str]:
                parts = segment.split(element)
                parts += _ELEMENTS
                return parts

            self.split = split_all
            self.unpadded = _unpadded(f"{element}{mark}{repetition or ''}")
            self.functions = {"each": each, "parts": lambda text: text.split(mark) + _COMPONENTS}
        else:
            self.split = lambda segment: [*split(segment, element, release), *_ELEMENTS]
            self.functions = {
                "each": each,
                "parts": lambda text: [released(one, release) for one in split(text, mark, release)] + _COMPONENTS,
                "plain": lambda text: released(text, release),
            }

    def spot(self, reference: str, group: str | None = None) -> Spot:
        found = _REFERENCE.fullmatch(reference)
        assert found is not None, "the map's language has seen it"
        at, component = int(found["element"]), found["component"]
        moves = group is not None and at >= self._element_of(group)
        element = f"e[k + {at}]" if moves else f"e[{at}]"
        if component:
            name = f"k{at}" if moves else f"e{at}"
            return Spot(f"{name}[{int(component) - 1}]", {name: f"parts({element})"}, guard=element)
        return Spot(element if self._release is None else f"plain({element})")

    def whole(self, reference: str) -> str:
        return f"e[{self._element_of(reference)}]"

    def groups(self, reference: str, step: int) -> str:
        return f"range(0, len(e) - {self.fill + self._element_of(reference)}, {step})"

    def repetitions(self, reference: str) -> str:
        return f"each(e, {self._element_of(reference)})"

    @staticmethod
    def _element_of(reference: str) -> int:
        found = _REFERENCE.fullmatch(reference)
        assert found is not None, "the map's language has seen it"
        return int(found["element"])

    def decimal(self, text: str) -> str:
        return plain_decimal(text)

    def day(self, text: str, form: str) -> str:
        if form in {"DT", "DTS"}:
            text = text[:8]
        value = iso_date(_with_century(text))
        if value is None:
            raise Unreadable(*_NOT_A_DATE)
        return value

    def moment(self, text: str, more: str, form: str) -> str:
        if not more and form not in {"DT", "DTS"}:
            return self.day(text, form)
        if not more:
            text, more = text[:8], text[8:]
        value = iso_moment(_with_century(text) + more[:6] + (f".{more[6:]}" if more[6:] else ""))
        if value is None:
            raise Unreadable(*_NOT_A_MOMENT)
        return value

    def period(self, text: str, more: str, form: str) -> tuple[str, str | None]:
        if form in {"RD8", "RD6", "RDT"}:
            first, _, last = text.partition("-")
            inner = "DT" if form == "RDT" else "D8"
            return self.moment(first, "", inner), self.moment(last, "", inner) if last else None
        return self.moment(text, more, form), None

    # --- written back ---

    def cell(self, reference: str) -> Cell:
        found = _REFERENCE.fullmatch(reference)
        assert found is not None, "the map's language has seen it"
        return int(found["element"]), int(found["component"] or 0)

    def elements(self, cells: Mapping[Cell, str]) -> list[Value]:
        return elements_of(cells)

    def agrees(self, tag: str, cells: Mapping[Cell, str]) -> bool:  # noqa: ARG002  The guide judges it.
        return True

    def decimal_text(self, value: str, places: int) -> str | None:
        return without_point(value, places)

    def moment_text(self, value: str) -> tuple[str, str]:
        day, _, time = value.partition("T")
        return day.replace("-", ""), time.replace(":", "").replace(".", "")

    def period_text(self, start: str, end: str | None) -> tuple[str, str]:
        day, time = self.moment_text(start)
        if end is None:
            return (day + time, "DT") if time else (day, "D8")
        last, last_time = self.moment_text(end)
        return f"{day}{time}-{last}{last_time}", "RDT" if time else "RD8"


def _unpadded(separators: str) -> Callable[[list[str]], list[str]]:
    """Blanks at the end of an element are padding, which X12 asks senders to leave out, and not all do."""
    padded = re.compile(f" [{re.escape(separators)}\\n]")
    padding = re.compile(f" +(?=[{re.escape(separators)}]|\\Z)")

    def unpadded(segments: list[str]) -> list[str]:
        is_padded = padded.search("\n".join([*segments, ""]))  # One look, since hardly any file is.
        return [padding.sub("", one) for one in segments] if is_padded else segments

    return unpadded


def _with_century(text: str) -> str:
    if len(text) != 6 or not text.isdigit():
        return text
    return ("20" if int(text[:2]) < _CENTURY_TURNS else "19") + text


def values(syntax: Delimiters) -> Values:
    return Values(syntax)
