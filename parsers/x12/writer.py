"""X12 out of values: envelopes with their counts and control numbers, in any separators.

    writer = Writer()
    data = writer.interchange(...) + writer.group(...) + writer.set("850", "0001")
    data += writer.segment("BEG", "00", "SA", "PO-1", "", "20260302")
    data += writer.end_set() + writer.end_group() + writer.end_interchange()

Spec: X12.5 Interchange Control Structures, X12.6 Application Control Structure.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from parsers.segments import Item, Value
from parsers.writing import segment_values
from parsers.x12.delimiters import WIDTHS, Delimiters, takes_repetition

USUAL = Delimiters(element="*", component=":", segment="~", repetition="^")


class Writer:
    """Holds what is open, to count it.

    Args:
        line_ending: stands behind every segment terminator: nothing, or a line break.

    Raises:
        ValueError: from every method: a value holds a separator, or does not fit where it belongs; nothing is open.
            The message names the place, never the value.
    """

    def __init__(self, delimiters: Delimiters = USUAL, *, line_ending: str = "", encoding: str = "utf-8") -> None:
        self._delimiters = delimiters
        self._ending = delimiters.segment + line_ending
        self._encoding = encoding
        self._separators = [mark for mark in delimiters if mark]
        self._interchange = ""
        self._group = ""
        self._set = ""
        self._groups = self._sets = self._segments = 0

    def interchange(
        self,
        *,
        sender: tuple[str, str],
        receiver: tuple[str, str],
        control_number: int,
        at: datetime,
        version: str = "00501",
        usage: str = "P",
        acknowledgment: bool = False,
    ) -> bytes:
        """ISA. `sender` and `receiver` are qualifier and id; `at` is written as it is, without its zone."""
        repetition = (self._delimiters.repetition or "^") if takes_repetition(version) else "U"
        return self._isa(
            ["00", "", "00", "", *sender, *receiver, f"{at:%y%m%d}", f"{at:%H%M}", repetition, version,
             f"{control_number:09}", str(int(acknowledgment)), usage, self._delimiters.component or ">"]
        )  # fmt: skip

    def _isa(self, elements: list[str]) -> bytes:
        padded = [text.ljust(width) for text, width in zip(elements, WIDTHS, strict=True)]
        for nth, (text, width) in enumerate(zip(padded, WIDTHS, strict=True), 1):
            if len(text) != width:
                raise ValueError(f"ISA{nth:02} has {len(text)} characters; it has room for {width}")
            if nth not in {11, 16}:
                self._check(text, f"ISA{nth:02}")
        self._interchange, self._groups = padded[12], 0
        return (self._delimiters.element.join(["ISA", *padded]) + self._ending).encode(self._encoding)

    def group(
        self, functional_id: str, *, sender: str, receiver: str, control_number: int, at: datetime, version: str
    ) -> bytes:
        """GS."""
        return self._gs(
            [functional_id, sender, receiver, f"{at:%Y%m%d}", f"{at:%H%M}", str(control_number), "X", version]
        )

    def _gs(self, elements: list[str]) -> bytes:
        if not self._interchange:
            raise ValueError("GS needs an interchange that is open")
        self._groups += 1
        self._group, self._sets = elements[5], 0
        return self._written("GS", elements)

    def set(self, code: str, control_number: str, version: str = "") -> bytes:
        """ST. `version` is ST03, where the guide wants it."""
        return self._st([code, control_number, version])

    def _st(self, elements: list[str]) -> bytes:
        self._sets += 1
        self._set, self._segments = elements[1], 1
        return self._written("ST", elements)

    def segment(self, tag: str, *elements: Value) -> bytes:
        """Any other segment; empty elements at its end are left out."""
        self._segments += 1
        return self._written(tag, elements)

    def end_set(self) -> bytes:
        """SE, with the count of segments and the set's control number."""
        if not self._set:
            raise ValueError("SE needs a transaction set that is open")
        control_number, self._set = self._set, ""
        return self._written("SE", [str(self._segments + 1), control_number])

    def end_group(self) -> bytes:
        """GE."""
        if not self._group or self._set:
            raise ValueError("GE needs a group that is open, and no transaction set in it")
        control_number, self._group = self._group, ""
        return self._written("GE", [str(self._sets), control_number])

    def end_interchange(self) -> bytes:
        """IEA."""
        if not self._interchange or self._group:
            raise ValueError("IEA needs an interchange that is open, and no group in it")
        control_number, self._interchange = self._interchange, ""
        return self._written("IEA", [str(self._groups), control_number])

    def rewrite(self, items: Iterable[Item], *, control_number: int | None = None) -> Iterator[bytes]:
        """What was read at the lossless level, in these separators; counts and trailers are made anew.

        Args:
            control_number: of the first interchange, the next one has the next; as they were when not given.
        """
        for tag, elements in segment_values(items):
            if tag == "ISA" and control_number is not None:
                elements[12:13] = [f"{control_number:09}"]
                control_number += 1
            if tag:
                yield self._again(tag, elements)

    def _again(self, tag: str, elements: list[Value]) -> bytes:
        plain = [element if isinstance(element, str) else "" for element in elements]
        match tag:
            case "ISA":
                padded = [*(text.rstrip() for text in plain), *[""] * 16][:16]
                padded[15] = self._delimiters.component or ">"
                if takes_repetition(padded[11]):
                    padded[10] = self._delimiters.repetition or "^"
                return self._isa(padded)
            case "GS":
                return self._gs([*plain, *[""] * 8][:8])
            case "ST":
                return self._st([*plain, *[""] * 3][:3])
            case "SE":
                return self.end_set()
            case "GE":
                return self.end_group()
            case "IEA":
                return self.end_interchange()
            case _:
                return self.segment(tag, *elements)

    def _written(self, tag: str, elements: Iterable[Value]) -> bytes:
        texts = [self._text(element, f"{tag}{nth:02}") for nth, element in enumerate(elements, 1)]
        while texts and not texts[-1]:
            texts.pop()
        return (self._delimiters.element.join([tag, *texts]) + self._ending).encode(self._encoding)

    def _text(self, value: Value, name: str) -> str:
        match value:
            case str():
                return self._check(value, name)
            case tuple():
                return self._joined(value, self._delimiters.component, name)
            case list():
                return self._joined(value, self._delimiters.repetition, name)

    def _joined(self, parts: Iterable[Value], separator: str | None, name: str) -> str:
        if separator is None:
            raise ValueError(f"{name} has parts, and there is no separator for them")
        return separator.join(self._text(part, name) for part in parts)

    def _check(self, text: str, name: str) -> str:
        for mark in self._separators:
            if mark in text:
                release = self._delimiters.release
                if release is None:
                    raise ValueError(f"{name} holds a separator, which X12 cannot escape: choose other separators")
                return "".join(release + one if one in self._separators else one for one in text)
        return text
