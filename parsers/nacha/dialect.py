"""How records of ACH files are judged. Fields stand at fixed places; the lossless level has cut them already."""

from parsers.guides.dialect import Fault, Reader
from parsers.guides.model import ElementSpec, SegmentSpec
from parsers.nacha.records import layout_of
from parsers.segments import Syntax

COMMON = layout_of("PPD")

_ADDENDA_TYPE = slice(1, 3)


class Dialect:
    """For the layouts of one batch."""

    noun = "record"
    separator = ""
    qualifiers = {"7": (2, 0)}  # noqa: RUF012  A constant of the standard.
    watched: frozenset[str] = frozenset()
    lenient = False
    ordinals_of_set = False

    def __init__(self, syntax: Syntax) -> None:
        self.syntax = syntax

    def watch(self) -> None:
        return None

    def passes(self, tag: str) -> bool:  # noqa: ARG002  There are no such tags.
        return False

    def element_name(self, tag: str, element: int, component: int = 0) -> str:  # noqa: ARG002  It has no components.
        return f"{tag}/{element}"

    def key(self, text: str, tag: str) -> str:
        return text[_ADDENDA_TYPE] if tag == "7" else ""

    def reader(self, reference: str) -> Reader:
        tag, slash, _ = reference.partition("/")
        if not slash:
            raise ValueError(f"`{reference}` is no field: write 6/amount")

        def value(text: str) -> str:
            return next((one.text or "" for one in self.syntax.elements(text, 0, 1) if one.name == reference), "")

        return Reader(tag, 0, value)

    def pattern(self, spec: SegmentSpec) -> None:  # noqa: ARG002  Fields at fixed places have been cut already.
        return None

    def check(self, value: str, spec: ElementSpec, before: str | None) -> Fault | None:  # noqa: ARG002  As X12 does.
        if spec.type == "N" and not (value.isascii() and value.replace(".", "", 1).isdigit()):
            return Fault("element-characters", "is not made of digits", "Send digits only.")
        return None

    def look(self, text: str, spec: SegmentSpec) -> Fault | None:  # noqa: ARG002  Fields of SWIFT have formats.
        return None


def dialect(syntax: Syntax) -> Dialect:
    return Dialect(syntax)
