"""How values stand in EDIFACT segments. Spec: ISO 9735-1 sections 8 to 10; dates by their format code: element 2379."""

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from parsers.canonical.values import iso_moment
from parsers.edifact.delimiters import Delimiters
from parsers.elements import released, split
from parsers.maps.values import Cell, Spot, Unreadable, elements_of, plain_decimal
from parsers.segments import Value

_REFERENCE = re.compile(r"[A-Z]{3}-(?P<element>\d+)(?:\.(?P<component>\d+)(?:-(?P<last>\d+))?)?")
_ELEMENTS = [""] * 12
_COMPONENTS = [""] * 10
_ASIDE = "\ufdd0\ufdd1\ufdd2"
"""Stand for what is released while a segment is split. Unicode says that nobody sends them."""

_TAG_CHARS = 3
_CENTURY_TURNS = 70
"""Two digits below are years from 2000 on, as POSIX has it."""

_NOT_A_DATE = (
    "not-a-date",
    "is not a date in the format that is said of it.",
    "Send CCYYMMDD with format 102, or CCYYMMDDHHMM with 203.",
)
_NO_DAY = ("not-a-date", "is not a day.", "Send a whole day: CCYYMMDD with format 102.")
_OTHER_FORMAT = (
    "date-format",
    "is in a format that records do not hold.",
    "Send dates with format 102, moments with 203 or 204, ranges with 718.",
)

_MOMENTS: Final[Mapping[str, str]] = {
    "2": "DDMMYY", "3": "MMDDYY", "4": "DDMMCCYY", "5": "DDMMCCYYHHMM", "101": "YYMMDD", "102": "CCYYMMDD",
    "201": "YYMMDDHHMM", "202": "YYMMDDHHMMSS", "203": "CCYYMMDDHHMM", "204": "CCYYMMDDHHMMSS",
    "205": "CCYYMMDDHHMMZHHMM", "301": "YYMMDDHHMMZZZ", "302": "YYMMDDHHMMSSZZZ", "602": "CCYY", "609": "YYMM",
    "610": "CCYYMM", "615": "YYWW", "616": "CCYYWW",
}  # fmt: skip
_RANGES: Final[Mapping[str, str]] = {
    "702": "602", "709": "609", "710": "610", "711": "102", "713": "201", "715": "615", "716": "616", "717": "101",
    "718": "102", "719": "203",
}  # fmt: skip
"""Of these, how each end is written; a hyphen may stand between them."""

_SELF_EVIDENT: Final = {6: "101", 8: "102", 10: "201", 12: "203", 14: "204"}
"""By its length, what a text is that nothing is said of."""

_WHOLE_YEARS: Final = frozenset({"102", "203", "204"})
"""Formats that their lengths part: whoever says one and sends another is understood."""

_ZONED: Final = frozenset({"303", "304"})
"""Likewise, with a zone of three characters behind."""

_DAY_CHARS: Final = len("2026-03-16")


class _Layout(NamedTuple):
    """Where year, month, day, hour, minute and second stand in a text, and what is behind them."""

    year: slice
    parts: tuple[slice, ...]
    week: slice | None
    length: int
    zone: int


def _layout(pattern: str) -> _Layout:
    length = len(pattern)
    zone = pattern.find("Z")
    pattern = pattern[:zone] if zone >= 0 else pattern
    year = pattern.find("CCYY")
    years = slice(year, year + 4) if year >= 0 else slice(pattern.find("YY"), pattern.find("YY") + 2)
    day = pattern.partition("HH")[0]
    time = pattern.find("HH")
    parts = [slice(day.find(two), day.find(two) + 2) for two in ("MM", "DD") if two in day]
    if time >= 0:
        parts += [slice(at, at + 2) for at in range(time, len(pattern), 2)]
    week = slice(pattern.find("WW"), pattern.find("WW") + 2) if "WW" in pattern else None
    return _Layout(years, tuple(parts), week, length, zone)


_LAYOUTS: Final = {form: _layout(pattern) for form, pattern in _MOMENTS.items()}


class _Composite(str):
    """An element in which something is released or repeated; it knows the components of its first repetition."""

    __slots__ = ("components",)
    components: list[str]

    def split(self, *_: Any) -> list[str]:
        """As of any other element, so that whoever asks need not know."""
        return self.components


class Values:
    """For the separators of one interchange. An element without a component named is its first.

    Repetitions of a segment's last element stand behind it as elements of their own, which is how directories before
    syntax version 4 have them: COM-1, COM-2.
    """

    deleted = ""
    fill = len(_ELEMENTS)
    separator = None
    goes_on = None
    unpadded = None

    def __init__(self, syntax: Delimiters) -> None:
        self._component = syntax.component
        element, component, release, repetition = syntax.element, syntax.component, syntax.release, syntax.repetition

        def composite(text: str) -> _Composite:
            first = split(text, repetition, release)[0] if repetition else text
            made = _Composite(text)
            made.components = [released(one, release) for one in split(first, component, release)]
            return made

        def each(segment: list[str], at: int) -> list[list[str]]:
            text = str(segment[at])  # As sent, whatever it knows of itself.
            texts = split(text, repetition, release) if repetition else [text]
            return [[*segment[:at], composite(text), *segment[at + 1 :]] for text in texts if text]

        def split_with_care(segment: str) -> list[str]:
            parts = split(segment, element, release)
            if repetition is not None and repetition in parts[-1]:
                parts[-1:] = split(parts[-1], repetition, release)
            for at, part in enumerate(parts):
                if (release is not None and release in part) or (repetition is not None and repetition in part):
                    parts[at] = composite(part)
            parts[0] = parts[0].split(component)[0]
            parts += _ELEMENTS
            return parts

        def split_released(segment: str) -> list[str]:
            """With what is released put aside meanwhile: five times as quick."""
            if not segment.isascii() and any(map(segment.__contains__, _ASIDE)):
                return split_with_care(segment)
            for sent, aside in sent_aside:
                segment = segment.replace(sent, aside)
            parts = segment.split(element)
            for at, part in enumerate(parts):
                if not part.isascii():
                    parts[at] = made = _Composite(part)
                    made.components = [one.translate(back) for one in part.split(component)]
            parts[0] = parts[0].split(component)[0]
            parts += _ELEMENTS
            return parts

        if repetition is None and release is not None:
            marks = release, element, component
            sent_aside = [(release + mark, aside) for mark, aside in zip(marks, _ASIDE, strict=True)] + [(release, "")]
            back = {ord(aside): mark for mark, aside in zip(marks, _ASIDE, strict=True)}

            def split_all(segment: str) -> list[str]:
                if release in segment:
                    return split_released(segment)
                parts = segment.split(element)
                if len(parts[0]) != _TAG_CHARS:  # Indicators of nesting stand behind it.
                    parts[0] = parts[0].split(component)[0]
                parts += _ELEMENTS
                return parts

            self.split = split_all
        else:
            self.split = split_with_care
        self.functions: dict[str, Any] = {"each": each, "blank": _COMPONENTS}

    def spot(self, reference: str, group: str | None = None) -> Spot:
        found = _REFERENCE.fullmatch(reference)
        assert found is not None, "the map's language has seen it"
        at, first = int(found["element"]), int(found["component"] or 1)
        moves = group is not None and at >= self._element_of(group)
        name, element = (f"k{at}", f"e[k + {at}]") if moves else (f"e{at}", f"e[{at}]")
        texts = [f"{name}[{component - 1}]" for component in range(first, int(found["last"] or first) + 1)]
        text = texts[0] if len(texts) == 1 else f"({' + '.join(texts)})"
        return Spot(text, {name: f"{element}.split({self._component!r}) + blank"})

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
        """The mark may be either one, whatever UNA announces: many senders do not go by it."""
        return plain_decimal(text.replace(",", "."))

    def day(self, text: str, form: str) -> str:
        value = self.moment(text, "", form)[:_DAY_CHARS]
        if len(value) != _DAY_CHARS:
            raise Unreadable(*_NO_DAY)
        return value

    def moment(self, text: str, more: str, form: str) -> str:  # noqa: ARG002  A time stands with its day.
        if form in _WHOLE_YEARS and text.isdigit():
            value = iso_moment(text)
        elif form in _ZONED and text[:-3].isdigit():
            value = iso_moment(text[:-3] + _zone(text[-3:]))
        else:
            layout = _LAYOUTS.get(form or _SELF_EVIDENT.get(len(text), ""))
            if layout is None:
                raise Unreadable(*(_OTHER_FORMAT if form else _NOT_A_DATE))
            value = _moment(text, layout)
        if value is None:
            raise Unreadable(*_NOT_A_DATE)
        return value

    def period(self, text: str, more: str, form: str) -> tuple[str, str | None]:
        inner = _RANGES.get(form)
        if inner is None:
            return self.moment(text, more, form), None
        length = _LAYOUTS[inner].length
        return self.moment(text[:length], "", inner), self.moment(text[length:].removeprefix("-"), "", inner)

    # --- written back ---

    def cell(self, reference: str) -> Cell:
        found = _REFERENCE.fullmatch(reference)
        assert found is not None, "the map's language has seen it"
        if found["last"]:
            raise ValueError(f"{reference}: what is read from several components at once is not written")
        return int(found["element"]), int(found["component"] or 1)

    def elements(self, cells: Mapping[Cell, str]) -> list[Value]:
        return elements_of(cells)

    def agrees(self, tag: str, cells: Mapping[Cell, str]) -> bool:  # noqa: ARG002  The guide judges it.
        return True

    def decimal_text(self, value: str, places: int) -> str | None:
        return None if places else value

    def moment_text(self, value: str) -> tuple[str, str]:
        return _digits(value), ""

    def period_text(self, start: str, end: str | None) -> tuple[str, str] | None:
        if _ZONED_SECONDS.fullmatch(start):
            start = start.removesuffix(":00")
        text = _digits(start)
        form = _FORMS.get(_shape(start))
        if end is not None:
            text += _digits(end)
            form = _RANGE_FORMS.get(form or "") if _shape(start) == _shape(end) else None
        return None if form is None else (text, form)


def _moment(text: str, layout: _Layout) -> str | None:
    digits = text[: layout.zone] if layout.zone >= 0 else text
    if len(text) != layout.length or not (digits.isascii() and digits.isdigit()):
        return None
    year = text[layout.year]
    if len(year) == 2:
        year = ("20" if int(year) < _CENTURY_TURNS else "19") + year
    if layout.week is not None:
        week = text[layout.week]
        return f"{year}-W{week}" if "01" <= week <= "53" else None
    zone = _zone(text[layout.zone :]) if layout.zone >= 0 else ""
    return iso_moment(year + "".join(text[part] for part in layout.parts) + zone)


def _zone(text: str) -> str:
    """An offset, where one can be told: that of a name that several countries have cannot."""
    if text in {"UTC", "GMT"}:
        return "+0000"
    return text.ljust(5, "0") if text[:1] in {"+", "-"} else ""


_FORMS: Final[Mapping[str, str]] = {
    "9999": "602", "9999-99": "610", "9999-W99": "616", "9999-99-99": "102", "9999-99-99T99:99": "203",
    "9999-99-99T99:99:99": "204", "9999-99-99T99:99+99:99": "205", "9999-99-99T99:99-99:99": "205",
    "9999-99-99T99:99:99+99": "304", "9999-99-99T99:99:99-99": "304",
}  # fmt: skip
_RANGE_FORMS: Final = {inner: form for form, inner in _RANGES.items() if form != "717"}


_ZONED_SECONDS = re.compile(r".*T\d\d:\d\d:\d\d[+-]\d\d:00")
"""A zone has three characters in a moment with seconds."""


def _shape(moment: str) -> str:
    return re.sub(r"\d", "9", moment)


def _digits(moment: str) -> str:
    day, _, time = moment.partition("T")
    return day.replace("-", "").replace("W", "") + time.replace(":", "")


def values(syntax: Delimiters) -> Values:
    return Values(syntax)
