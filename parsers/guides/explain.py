"""Why a segment is not right: its elements one by one, against what the guide says of them. Slow, and seldom needed."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from parsers.guides.dialect import Dialect
from parsers.guides.model import ElementSpec, SegmentSpec
from parsers.segments import Element

CODE_LEVELS = {
    "element-missing": 2,
    "element-not-used": 2,
    "code-unknown": 2,
    "format": 2,
}
"""Levels of what is said of elements; everything else is level 1."""


class ElementFault(NamedTuple):
    """Attributes:
    element: its name at the lossless level; "" for the whole segment.
    at: its place behind the segment's in a path: "09", "01-2".
    value: as sent, where one was.
    """

    code: str
    level: int
    element: str
    at: str
    message: str
    hint: str
    value: str | None = None
    quotable: bool = False
    warning: bool = False


def faults(elements: Sequence[Element], spec: SegmentSpec, dialect: Dialect) -> Iterator[ElementFault]:
    """What is wrong in one segment.

    Args:
        elements: as the lossless level splits them.
    """
    looker = _Segment(spec, dialect)
    yield from looker.look(elements)


class _Segment:
    def __init__(self, spec: SegmentSpec, dialect: Dialect) -> None:
        self._spec = spec
        self._dialect = dialect

    def look(self, elements: Sequence[Element]) -> Iterator[ElementFault]:
        spec, tag = self._spec, self._spec.tag
        by_position = {element.position: element for element in elements}
        for position, one in enumerate(spec.elements, 1):
            element = by_position.get(position)
            name = element.name if element is not None else self._dialect.element_name(tag, position)
            yield from self._element(element, one, name, f"{position:02}", by_position.get(position - 1))
        if elements and elements[-1].position > len(spec.elements):
            beyond = [element for element in elements if element.position > len(spec.elements)]
            sent = [element for element in beyond if _is_sent(element)]
            if sent:
                first = sent[0]
                yield ElementFault(
                    "element-surplus", 1, first.name, f"{first.position:02}",
                    f"{tag} has {elements[-1].position} elements; it may have {len(spec.elements)}.",
                    f"End {tag} behind its last element; look for a separator too many.",
                    warning=self._dialect.lenient,
                )  # fmt: skip
        if elements and not _is_sent(elements[-1]) and not self._dialect.lenient:
            yield self._trailing(tag, "")
        for note in spec.notes:
            yield from self._note(note, by_position)

    def _trailing(self, name: str, at: str) -> ElementFault:
        return ElementFault(
            "trailing-separators", 1, name if at else "", at,
            f"{name} ends with separators that nothing follows.",
            "Leave empty parts at the end out, with their separators.",
            warning=True,
        )  # fmt: skip

    def _element(
        self, element: Element | None, spec: ElementSpec, name: str, at: str, before: Element | None
    ) -> Iterator[ElementFault]:
        if element is None or not _is_sent(element):
            if spec.usage == "R":
                yield self._missing(name, at, spec)
            return
        if spec.usage == "N":
            yield self._not_used(name, at, spec, _text(element))
            return
        repetitions = element.repetitions or [element]
        if len(repetitions) > spec.repeat:
            yield ElementFault(
                "element-repeats", 1, name, at,
                f"{_named(name, spec)} is sent {len(repetitions)} times; it may be sent {_times(spec.repeat)}.",
                f"Send {name} {_times(spec.repeat)}.",
                warning=self._dialect.lenient,
            )  # fmt: skip
        for repetition in repetitions:
            if spec.components:
                yield from self._composite(repetition, spec, name, at)
            elif repetition.components is not None:
                if _is_typed(spec):
                    yield ElementFault(
                        "component-surplus", 1, name, at,
                        f"{_named(name, spec)} has components; it is one value.",
                        "Look for a component separator inside of the text.",
                        warning=self._dialect.lenient,
                    )  # fmt: skip
            else:
                yield from self._value(repetition.text or "", spec, name, at, _text(before) if before else None)

    def _composite(self, element: Element, spec: ElementSpec, name: str, at: str) -> Iterator[ElementFault]:
        sent = element.components if element.components is not None else [element]
        for position, one in enumerate(spec.components, 1):
            part = sent[position - 1] if position <= len(sent) else None
            part_name = self._dialect.element_name(self._spec.tag, int(at), position)
            part_at = f"{at}-{position}"
            before = sent[position - 2] if 1 < position <= len(sent) + 1 else None
            if part is None or not _is_sent(part):
                if one.usage == "R":
                    yield self._missing(part_name, part_at, one)
            elif one.usage == "N":
                yield self._not_used(part_name, part_at, one, _text(part))
            elif part.components is not None:
                if _is_typed(one) and not self._dialect.lenient:
                    yield ElementFault(
                        "component-surplus", 1, part_name, part_at,
                        f"{_named(part_name, one)} has parts of its own; it is one value.",
                        "Look for a separator inside of the text.",
                    )  # fmt: skip
            else:
                yield from self._value(part.text or "", one, part_name, part_at, _text(before) if before else None)
        beyond = [part for part in sent[len(spec.components) :] if _is_sent(part)]
        if beyond:
            yield ElementFault(
                "component-surplus", 1, name, at,
                f"{_named(name, spec)} has {len(sent)} components; it may have {len(spec.components)}.",
                "Look for a component separator inside of the text.",
                warning=self._dialect.lenient,
            )  # fmt: skip
        elif len(sent) > 1 and not _is_sent(sent[-1]) and not self._dialect.lenient:
            yield self._trailing(name, at)

    def _value(self, value: str, spec: ElementSpec, name: str, at: str, before: str | None) -> Iterator[ElementFault]:
        fault = self._dialect.check(value, spec, before)
        if fault is not None:
            yield ElementFault(
                fault.code, CODE_LEVELS.get(fault.code, 1), name, at, f"{_named(name, spec)} {fault.says}.",
                fault.hint, value,
            )  # fmt: skip
        elif spec.type in {"AN", "ID", "period"} and value.endswith(" ") and len(value.rstrip()) >= max(spec.min, 1):
            yield ElementFault(
                "trailing-blanks", 1, name, at, f"{_named(name, spec)} ends with blanks.",
                "Leave blanks at the end out.", value, warning=True,
            )  # fmt: skip
            value = value.rstrip()
        deleted = self._dialect.lenient and value == '""'  # HL7's way to say that there is none any more.
        if fault is None and spec.codes is not None and value not in spec.codes and not deleted:
            few = f" ({', '.join(sorted(spec.codes))})" if len(spec.codes) <= _CODES_SHOWN else ""
            yield ElementFault(
                "code-unknown", 5 if spec.open else 2, name, at,
                f"{_named(name, spec)} is not one of the codes that may stand there.",
                f"Send one of the codes of the guide{few}." if few else "Send one of the codes that the guide lists.",
                value, _is_code(value, spec.codes),
            )  # fmt: skip

    def _missing(self, name: str, at: str, spec: ElementSpec) -> ElementFault:
        return ElementFault(
            "element-missing", 2, name, at, f"{_named(name, spec)} is missing; it is required.", f"Send {name}."
        )

    def _not_used(self, name: str, at: str, spec: ElementSpec, value: str) -> ElementFault:
        return ElementFault(
            "element-not-used", 2, name, at, f"{_named(name, spec)} is sent; the guide says that it is not used.",
            f"Leave {name} empty.", value, warning=self._dialect.lenient,
        )  # fmt: skip

    def _note(self, note: str, by_position: dict[int, Element]) -> Iterator[ElementFault]:
        numbers = [int(note[at : at + 2]) for at in range(1, len(note), 2)]
        sent = [number for number in numbers if number in by_position and _is_sent(by_position[number])]
        first, *others = numbers
        tag = self._spec.tag
        names = [self._dialect.element_name(tag, number) for number in numbers]
        code, at, advice = "elements-conditional", 0, ""
        match note[0]:
            case "P" if sent and len(sent) < len(numbers):
                at = next(number for number in numbers if number not in sent)
                advice = f"Send {_listed(names, 'and')} together, or none of them."
            case "R" if not sent:
                at, advice = first, f"Send {_listed(names, 'or')}."
            case "E" if len(sent) > 1:
                code, at, advice = "elements-exclusive", sent[1], f"Send only one of {_listed(names, 'and')}."
            case "C" if first in sent and len(sent) < len(numbers):
                at = next(number for number in others if number not in sent)
                advice = f"Send {_listed(names[1:], 'and')} when {names[0]} is sent."
            case "L" if first in sent and len(sent) == 1:
                at, advice = others[0], f"Send {_listed(names[1:], 'or')} when {names[0]} is sent."
            case _:
                return
        name = self._dialect.element_name(tag, at)
        said = (
            f"{_listed(names, 'and')} exclude each other, and more than one is sent."
            if code == "elements-exclusive"
            else f"{name} is missing beside its neighbours: {_listed(names, 'and')} depend on each other."
        )
        yield ElementFault(code, 1, name, f"{at:02}", said, advice)


_CODES_SHOWN = 12
_SHORT_CODE = 3


def _is_code(value: str, codes: frozenset[str]) -> bool:
    """Nobody's name or number: as short as the codes that may stand there, which are short."""
    return len(value) <= max(map(len, codes), default=0) <= _SHORT_CODE


def _is_typed(spec: ElementSpec) -> bool:
    return bool(spec.type or spec.codes)


def _named(name: str, spec: ElementSpec) -> str:
    return f"{name} ({spec.label})" if spec.label else name


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times at most"


def _listed(names: Sequence[str], word: str) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} {word} {names[-1]}"


def _text(element: Element) -> str:
    if element.text is not None:
        return element.text
    parts = element.repetitions or element.components or []
    return _text(parts[0]) if parts else ""


def _is_sent(element: Element) -> bool:
    """Something stands there, and be it in one of its parts."""
    if element.text is not None:
        return element.text != ""
    return any(map(_is_sent, element.repetitions or element.components or []))
