"""How values stand in HL7 v2 segments. Spec: HL7 v2.5.1 chapters 2.5 to 2.7, 2.A.

`PID-3` is the first component of a field, `PID-3.4` another one, `PID-3.4.2` a subcomponent; a component without one
named is its first. `OBX-5.0` is all of a field and `OBX-3.2.0` all of a component, as one text: of types that have no
parts, separators in them are the sender's own, who has forgotten to escape them.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from parsers.canonical.values import iso_moment
from parsers.hl7.delimiters import Delimiters, unescape
from parsers.maps.values import Cell, Spot, Unreadable, plain_decimal
from parsers.segments import Value

_REFERENCE = re.compile(
    r"(?P<tag>[A-Z][A-Z0-9]{2})-(?P<field>\d+)(?:\.(?P<component>\d+))?(?:\.(?P<subcomponent>\d+))?"
)
_FIELDS_MAX = 64
_COMPONENTS = [""] * 20
_HEADERS = frozenset({"MSH", "FHS", "BHS"})
_RARE = re.compile(r"(?P<day>\d{4}(?:\d\d(?:\d\d)?)?)(?P<hour>(?<=\d{8})\d\d)?(?P<zone>[+-]\d{4})?", re.ASCII)
_NOT_A_MOMENT = ("not-a-moment", "is not a date or time.", "Send YYYYMMDD, with HHMM, HHMMSS and +ZZZZ where known.")


class Values:
    """For the separators of one message. A field without a component named is its first, of the first repetition."""

    deleted = '""'
    """HL7 v2.5.1 chapter 2.5.3: the sender asks to delete what the receiver holds."""

    fill = _FIELDS_MAX
    goes_on = None
    unpadded = None

    def __init__(self, syntax: Delimiters) -> None:
        self.separator = syntax.field
        self._syntax = syntax
        self._inner = syntax.subcomponent
        component, repetition, inner, escape = (
            syntax.component,
            syntax.repetition,
            syntax.subcomponent,
            syntax.escape,
        )

        mark = escape or inner

        def meant(text: str) -> str:
            return unescape(text, syntax) if escape and escape in text else text

        def subcomponent(text: str, nth: int) -> str:
            parts = text.split(inner)
            return meant(parts[nth]) if nth < len(parts) else ""

        def first(text: str) -> str:
            """The first component of the first repetition."""
            if repetition in text:
                text = text.split(repetition, 1)[0]
            if component in text:
                text = text.split(component, 1)[0]
            if inner in text:
                text = text.split(inner, 1)[0]
            return unescape(text, syntax) if escape and escape in text else text

        def whole(text: str) -> str:
            """All of the first repetition."""
            return meant(text.split(repetition, 1)[0])

        def parts(text: str) -> list[str]:
            """The components of a field's first repetition, of each the first subcomponent."""
            if repetition in text:
                text = text.split(repetition, 1)[0]
            made = text.split(component)
            if inner in text or mark in text:
                made = [subcomponent(one, 0) for one in made]
            made += _COMPONENTS
            return made

        def wholes(text: str) -> list[str]:
            """The components of a field's first repetition, of each all that it has."""
            made = text.split(repetition, 1)[0].split(component)
            if escape and escape in text:
                made = [meant(one) for one in made]
            made += _COMPONENTS
            return made

        def within(text: str, nth: int, inner_nth: int) -> str:
            made = text.split(repetition, 1)[0].split(component)
            return subcomponent(made[nth], inner_nth) if nth < len(made) else ""

        def each(text: str) -> list[str]:
            return [part for part in text.split(repetition) if part] if repetition in text else [text]

        others = re.escape(f"{component}{repetition}{inner}{escape}")
        self.functions: dict[str, Any] = {
            "is_plain": re.compile(f"[^{others}]*").fullmatch,
            "parts": parts,
            "wholes": wholes,
            "first": first,
            "whole_of": whole,
            "subcomponent_of": within,
            "each": each,
            "several": repetition,
        }

    def split(self, segment: str) -> list[str]:
        """Fields by their number; in a header, whose separator is its first field, by the number before."""
        fields = segment.split(self.separator)
        fields += [""] * self.fill
        return fields

    def spot(self, reference: str, group: str | None = None) -> Spot:
        tag, field, component, subcomponent = _parts_of(reference)
        if tag in _HEADERS and field == 2:
            return Spot("e[1]")
        of_group = group is not None and _parts_of(group)[:2] == (tag, field)
        at, name = ("k", "k") if of_group else (self.whole(reference), f"e{field}_")
        guard = "" if of_group else at

        def plain(means: str) -> Spot:
            """No separator is a letter or digit."""
            text = f"({at} if {at}.isalnum() else {means}({at}))"
            return Spot(text, guard=guard, meant=f"{means}(v)", of_group=of_group)

        if component == 0:
            return plain("whole_of")
        if component is None:
            return plain("first")
        if subcomponent is None:
            return Spot(f"{name}p[{component - 1}]", {f"{name}p": f"parts({at})"}, guard, of_group=of_group)
        if subcomponent == 0:
            wholes = f"{name}p if {self._inner!r} not in {at} else wholes({at})"
            needs = {f"{name}p": f"parts({at})", f"{name}w": wholes}
            return Spot(f"{name}w[{component - 1}]", needs, guard, of_group=of_group)
        if subcomponent == 1:
            return self.spot(f"{tag}-{field}.{component}", group)
        inner = f"subcomponent_of({at}, {component - 1}, {subcomponent - 1})"
        return Spot(f"({inner} if {self._inner!r} in {at} else '')", guard=guard, of_group=of_group)

    def whole(self, reference: str) -> str:
        tag, field, *_ = _parts_of(reference)
        index = field - (tag in _HEADERS)
        return f"e[{index}]" if index <= self.fill else f'(e[{index}] if len(e) > {index} else "")'

    def groups(self, reference: str, step: int) -> str:
        raise NotImplementedError(f"{reference}/{step}: fields of HL7 repeat by themselves")

    def repetitions(self, reference: str) -> str:
        return f"each({self.whole(reference)})"

    def decimal(self, text: str) -> str:
        return plain_decimal(text.strip().removeprefix("+"))

    def day(self, text: str, form: str) -> str:
        return self.moment(text, "", form)[:10]

    def moment(self, text: str, more: str, form: str) -> str:  # noqa: ARG002  They have one way to be written.
        value = iso_moment(text)
        if value is None:
            value = _rare_moment(text)
        if value is None:
            raise Unreadable(*_NOT_A_MOMENT)
        return value

    def period(self, text: str, more: str, form: str) -> tuple[str, str | None]:
        return self.moment(text, more, form), None

    # --- written back ---

    def cell(self, reference: str) -> Cell:
        """Field, component, subcomponent and repetition, which is counted from 0."""
        _, field, component, subcomponent = _parts_of(reference)
        return field, component or 1, subcomponent or 1, 0

    def elements(self, cells: Mapping[Cell, str]) -> list[Value]:
        fields: list[Value] = []
        for number in range(1, max((cell[0] for cell in cells), default=0) + 1):
            own = sorted((cell[3], cell[1], cell[2], text) for cell, text in cells.items() if cell[0] == number)
            made: list[Value] = []
            for nth, parts in groupby(own, key=lambda one: one[0]):
                made += [""] * (nth - len(made))
                made.append(_components([part[1:] for part in parts]))
            fields.append(made if len(made) > 1 else made[0] if made else "")
        return fields

    def as_sent(self, fields: Sequence[str]) -> dict[Cell, str]:
        """Fields that are kept as sent, with these separators."""
        syntax = self._syntax
        return {
            (field, component, subcomponent, nth): unescape(text, syntax)
            for field, sent in enumerate(fields, 1)
            for nth, repetition in enumerate(sent.split(syntax.repetition))
            for component, whole in enumerate(repetition.split(syntax.component), 1)
            for subcomponent, text in enumerate(whole.split(syntax.subcomponent), 1)
        }

    def agrees(self, tag: str, cells: Mapping[Cell, str]) -> bool:  # noqa: ARG002  The guide judges it.
        return True

    def decimal_text(self, value: str, places: int) -> str | None:
        return None if places else value

    def moment_text(self, value: str) -> tuple[str, str]:
        day, _, time = value.partition("T")
        return day.replace("-", "") + time.replace(":", ""), ""

    def period_text(self, start: str, end: str | None) -> tuple[str, str] | None:
        return None if end else self.moment_text(start)


def _rare_moment(text: str) -> str | None:
    """A day with a zone, which days do not have; a moment whose minutes nobody knows; blanks around it."""
    text = text.strip()
    found = _RARE.fullmatch(text)
    if found is None:
        return iso_moment(text)
    if not found["hour"]:
        return iso_moment(found["day"])
    value = iso_moment(f"{found['day']}{found['hour']}00{found['zone'] or ''}")
    return None if value is None else f"{value[:13]}{value[16:]}"


def _components(parts: list[tuple[int, int, str]]) -> Value:
    """Of a field: each with the numbers of its component and subcomponent."""
    made: list[Value] = []
    for number, group in groupby(parts, key=lambda one: one[0]):
        texts = {nth: text for _, nth, text in group}
        last = max(texts)
        made += [""] * (number - 1 - len(made))
        made.append(tuple(texts.get(nth, "") for nth in range(1, last + 1)) if last > 1 else texts[1])
    return tuple(made) if len(made) > 1 or isinstance(made[0], tuple) else made[0]


def _parts_of(reference: str) -> tuple[str, int, int | None, int | None]:
    """Tag, field, component and subcomponent."""
    found = _REFERENCE.fullmatch(reference)
    assert found is not None, "the map's language has seen it"
    component, subcomponent = found["component"], found["subcomponent"]
    return (
        found["tag"],
        int(found["field"]),
        None if component is None else int(component),
        None if subcomponent is None else int(subcomponent),
    )


def values(syntax: Delimiters) -> Values:
    return Values(syntax)
