"""How fields of SWIFT MT messages are judged: each by its format, in SWIFT's own notation."""

import re

from parsers.guides.dialect import Fault, Reader
from parsers.guides.model import ElementSpec, SegmentSpec
from parsers.segments import Syntax
from parsers.swift_mt.blocks import SYNTAX
from parsers.swift_mt.formats import pattern_of

COMMON = SYNTAX


class Dialect:
    """The same for all messages: FIN has no choice of separators."""

    noun = "field"
    separator = ""
    qualifiers: dict[str, tuple[int, int]] = {}  # noqa: RUF012  A constant of the standard.
    watched: frozenset[str] = frozenset()
    lenient = False
    ordinals_of_set = False

    def __init__(self, syntax: Syntax) -> None:
        self.syntax = syntax

    def watch(self) -> None:
        return None

    def passes(self, tag: str) -> bool:
        """Blocks and the marks between messages are the envelope's."""
        return not tag or not tag[0].isdigit() or len(tag) == 1

    def element_name(self, tag: str, element: int, component: int = 0) -> str:  # noqa: ARG002  Names are the reader's.
        return f":{tag}:" + (f"/{element}" if element > 1 else "")

    def key(self, text: str, tag: str) -> str:  # noqa: ARG002  Tags tell all positions apart.
        return ""

    def reader(self, reference: str) -> Reader:
        found = re.fullmatch(r":([0-9A-Z]+):(?:/(.+))?", reference)
        if found is None:
            raise ValueError(f"`{reference}` is no field: write :20:, or :60F:/amount for a part of one")
        return Reader(found[1], 0, lambda text: _taken(self.syntax, text, reference))

    def pattern(self, spec: SegmentSpec) -> re.Pattern[str] | None:
        if not spec.format:
            return None
        made = re.compile(f":{re.escape(spec.tag)}:(?:{pattern_of(spec.format)})[\\r\\n ]*\\Z")
        return None if spec.elements else made  # Codes are looked at besides.

    def check(self, value: str, spec: ElementSpec, before: str | None) -> Fault | None:  # noqa: ARG002  By its format.
        return None

    def look(self, text: str, spec: SegmentSpec) -> Fault | None:
        if not spec.format:
            return None
        content = text.partition(f":{spec.tag}:")[2].rstrip("\r\n ")
        if re.fullmatch(pattern_of(spec.format), content):
            return None
        return Fault("format", "is not in its format", f"Send it as {spec.format}.")


def _taken(syntax: Syntax, text: str, name: str) -> str:
    for element in syntax.elements(text, 0, 1):
        for part in (element, *(element.components or ())):
            if part.name == name:
                return part.text or ""
    return ""


def dialect(syntax: Syntax) -> Dialect:
    return Dialect(syntax)
