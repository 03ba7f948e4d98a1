"""How values stand in HL7 v2 segments. Spec: HL7 v2.5.1 chapters 2.5 to 2.7, 2.A."""

import re
from typing import Any

from parsers.canonical.values import iso_moment
from parsers.hl7.delimiters import Delimiters, unescape
from parsers.maps.values import Spot, Unreadable, plain_decimal

_REFERENCE = re.compile(
    r"(?P<tag>[A-Z][A-Z0-9]{2})-(?P<field>\d+)(?:\.(?P<component>\d+))?(?:\.(?P<subcomponent>\d+))?"
)
_FIELDS = [""] * 56
_COMPONENTS = [""] * 20
_HEADERS = frozenset({"MSH", "FHS", "BHS"})
_NOT_A_MOMENT = ("not-a-moment", "is not a date or time.", "Send YYYYMMDD, with HHMM, HHMMSS and +ZZZZ where known.")


class Values:
    """For the separators of one message. A field without a component named is its first, of the first repetition."""

    deleted = '""'
    """HL7 v2.5.1 chapter 2.5.3: the sender asks to delete what the receiver holds."""

    goes_on = None
    fill = len(_FIELDS)

    def __init__(self, syntax: Delimiters) -> None:
        self._syntax = syntax
        component, repetition, inner, escape = (
            syntax.component,
            syntax.repetition,
            syntax.subcomponent,
            syntax.escape,
        )

        def cleaned(text: str, nth: int) -> str:
            parts = text.split(inner)
            text = parts[nth] if nth < len(parts) else ""
            return unescape(text, syntax) if escape and escape in text else text

        def parts(text: str) -> list[str]:
            """The components of a field's first repetition, of each the first subcomponent."""
            if repetition in text:
                text = text.split(repetition, 1)[0]
            made = text.split(component)
            if inner in text or (escape and escape in text):
                made = [cleaned(one, 0) for one in made]
            made += _COMPONENTS
            return made

        def within(text: str, nth: int, subcomponent: int) -> str:
            made = text.split(repetition, 1)[0].split(component)
            return cleaned(made[nth], subcomponent) if nth < len(made) else ""

        def each(fields: list[str], field: int) -> list[list[str]]:
            text = fields[field]
            if repetition not in text:
                return [fields] if text else []
            return [[*fields[:field], part, *_FIELDS] for part in text.split(repetition) if part]

        self.functions: dict[str, Any] = {"parts": parts, "within": within, "each": each}

    def split(self, segment: str) -> list[str]:
        """Fields by their number: the separator itself is MSH-1."""
        fields = segment.split(self._syntax.field)
        if fields[0] in _HEADERS:
            fields.insert(1, self._syntax.field)
        fields += _FIELDS
        return fields

    def spot(self, reference: str, group: str | None = None) -> Spot:  # noqa: ARG002  Fields repeat by themselves.
        found = _REFERENCE.fullmatch(reference)
        assert found is not None, "the map's language has seen it"
        field, component = int(found["field"]), int(found["component"] or 1) - 1
        if found["tag"] in _HEADERS and field == 2:
            return Spot("e[2]")
        if found["subcomponent"]:
            return Spot(f"within(e[{field}], {component}, {int(found['subcomponent']) - 1})")
        return Spot(f"e{field}[{component}]", {f"e{field}": f"parts(e[{field}])"})

    def whole(self, reference: str) -> str:
        return f"e[{self._field_of(reference)}]"

    def groups(self, reference: str, step: int) -> str:
        raise NotImplementedError(f"{reference}/{step}: fields of HL7 repeat by themselves")

    def repetitions(self, reference: str) -> str:
        return f"each(e, {self._field_of(reference)})"

    @staticmethod
    def _field_of(reference: str) -> int:
        found = _REFERENCE.fullmatch(reference)
        assert found is not None, "the map's language has seen it"
        return int(found["field"])

    def decimal(self, text: str) -> str:
        return plain_decimal(text.strip().removeprefix("+"))

    def day(self, text: str, form: str) -> str:
        return self.moment(text, "", form)

    def moment(self, text: str, more: str, form: str) -> str:  # noqa: ARG002  They have one way to be written.
        value = iso_moment(text)
        if value is None:
            raise Unreadable(*_NOT_A_MOMENT)
        return value

    def period(self, text: str, more: str, form: str) -> tuple[str, str | None]:
        return self.moment(text, more, form), None


def values(syntax: Delimiters) -> Values:
    return Values(syntax)
