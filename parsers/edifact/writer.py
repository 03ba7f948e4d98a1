"""EDIFACT written from values: escaped, counted, and closed by trailers that repeat what their headers say."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from parsers.edifact.delimiters import ASCII_LEVELS, CHARSETS, LEVEL_B, Delimiters, of_syntax
from parsers.edifact.service import BINARY, CHECKED, CLOSES, MANDATORY, OPENS, Envelope, place_of
from parsers.nesting import Level
from parsers.segments import Value

_TAG = re.compile("[A-Z][A-Z0-9]{2}")


def write(
    segments: Iterable[tuple[str, Sequence[Value]]],
    delimiters: Delimiters | None = None,
    *,
    line_break: str = "",
    advice: bool = True,
) -> Iterator[bytes]:
    """Write interchanges, a piece of bytes for each segment.

    Args:
        segments: tag and elements of each. UNB says in its first element which syntax it is, and so the character set
            and whether elements may repeat. Trailers are counted and written here: what those given say is passed
            over, and those left out are put where they belong; so is UNA.
        delimiters: the standard's own when None.
        line_break: written behind each segment terminator.
        advice: write UNA; without it, `delimiters` are the standard's own or `LEVEL_B`.

    Raises:
        ValueError: something cannot be written; the message names the place and no value.
    """
    if line_break.strip("\r\n"):
        raise ValueError("a line break is made of carriage return and line feed")
    return _Writer(delimiters or Delimiters(), line_break, advice=advice).write(segments)


@dataclass(slots=True)
class _Open:
    envelope: Envelope
    reference: Value
    segments: int = 0
    groups: int = 0
    sets: int = 0

    @property
    def count(self) -> int:
        return self.segments + 1 if self.envelope.level is Level.SET else self.groups or self.sets


class _Writer:
    def __init__(self, delimiters: Delimiters, line_break: str, *, advice: bool) -> None:
        plain = {one._replace(decimal=delimiters.decimal)[:6] for one in (Delimiters(), LEVEL_B)}
        self._advice = advice and delimiters[:6] != LEVEL_B[:6]
        if not advice and (delimiters._replace(repetition=None))[:6] not in plain:
            raise ValueError("separators of one's own need UNA")
        separators = [delimiters.component, delimiters.element, delimiters.segment, delimiters.release or ""]
        separators += delimiters.repetition or ""
        if "".join(sorted(separators)) != "".join(sorted(set(separators))) or len(delimiters.advice) != 9:
            raise ValueError("separators are single characters, each another one")
        self._chosen = self._delimiters = delimiters
        self._end = delimiters.segment + line_break
        self._codec = "ascii"
        self._stack: list[_Open] = []
        self._nth = 0

    def write(self, segments: Iterable[tuple[str, Sequence[Value]]]) -> Iterator[bytes]:
        for tag, elements in segments:
            self._nth += 1
            if tag == "UNA":
                continue
            if not _TAG.fullmatch(tag):
                raise ValueError(f"segment {self._nth} has no tag of three capital letters")
            if tag in BINARY:
                raise ValueError(f"segment {self._nth}, {tag}: binary data can only be copied")
            if tag in OPENS:
                yield from self._header(OPENS[tag], elements)
            elif tag in CLOSES:
                yield from self._trailer(CLOSES[tag])
            else:
                in_set = bool(self._stack) and self._stack[-1].envelope.level is Level.SET
                if not in_set and not (self._stack and tag.startswith("US")):
                    raise ValueError(f"segment {self._nth}, {tag}, stands outside of any message")
                yield self._segment(tag, elements)
        while self._stack:
            yield self._close()

    def _header(self, envelope: Envelope, elements: Sequence[Value]) -> Iterator[bytes]:
        tag = envelope.header
        while self._stack and self._stack[-1].envelope.level >= envelope.level:
            yield self._close()
        if envelope.level is Level.INTERCHANGE:
            syntax, version = (_part(elements, f"{tag}-1.{nth}") for nth in (1, 2))
            self._codec = CHARSETS.get(syntax, "ascii" if syntax in ASCII_LEVELS else "utf-8")
            self._delimiters = of_syntax(self._chosen, syntax, version, advised=self._advice)
            if self._advice:
                yield f"{self._delimiters.advice}{self._end[1:]}".encode("latin-1")
        elif not self._stack:
            raise ValueError(f"segment {self._nth}, {tag}, stands outside of any interchange")
        elif envelope.level is Level.GROUP:
            self._stack[-1].groups += 1
        else:
            self._stack[-1].sets += 1
        for name, _, _, limit in CHECKED[tag]:
            sent = _part(elements, name)
            if len(sent) > limit or (not sent and name in MANDATORY):
                raise ValueError(f"segment {self._nth}, {name} is {'too long' if sent else 'empty'}")
        self._stack.append(_Open(envelope, _part(elements, envelope.reference)))
        yield self._segment(tag, elements)

    def _trailer(self, envelope: Envelope) -> Iterator[bytes]:
        if not any(one.envelope is envelope for one in self._stack):
            raise ValueError(f"segment {self._nth}, {envelope.trailer}, closes nothing")
        while self._stack[-1].envelope is not envelope:
            yield self._close()
        yield self._close()

    def _close(self) -> bytes:
        left = self._stack[-1]
        elements: list[Value] = ["", ""]
        elements[left.envelope.count_at - 1] = str(left.count)
        elements[left.envelope.reference_at - 1] = left.reference
        written = self._segment(left.envelope.trailer, elements)
        self._stack.pop()
        return written

    def _segment(self, tag: str, elements: Sequence[Value]) -> bytes:
        if self._stack:
            self._stack[-1].segments += 1
        delimiters = self._delimiters
        texts = [tag, *(self._element(value, f"{tag}-{nth}") for nth, value in enumerate(elements, 1))]
        text = delimiters.element.join(texts) + self._end
        try:
            return text.encode(self._codec)
        except UnicodeEncodeError:
            raise ValueError(f"segment {self._nth}, {tag}: a character is not in the interchange's set") from None

    def _element(self, value: Value, name: str) -> str:
        if not isinstance(value, list):
            return self._composite(value, name)
        if self._delimiters.repetition is None:
            raise ValueError(f"segment {self._nth}, {name}: this syntax has no repetitions")
        return self._delimiters.repetition.join(self._composite(one, name) for one in value)

    def _composite(self, value: Value, name: str) -> str:
        if isinstance(value, str):
            return self._escaped(value, name)
        if isinstance(value, list) or not all(isinstance(part, str) for part in value):
            raise ValueError(f"segment {self._nth}, {name}: components have no parts")
        parts = (self._escaped(str(part), f"{name}.{nth}") for nth, part in enumerate(value, 1))
        return self._delimiters.component.join(parts)

    def _escaped(self, text: str, name: str) -> str:
        if "\r" in text or "\n" in text:
            raise ValueError(f"segment {self._nth}, {name}: a line break cannot be written")
        delimiters = self._delimiters
        separators = (delimiters.component, delimiters.element, delimiters.segment, delimiters.repetition)
        if delimiters.release is not None:
            text = text.replace(delimiters.release, delimiters.release * 2)
        for separator in filter(None, separators):
            if separator in text:
                if delimiters.release is None:
                    raise ValueError(f"segment {self._nth}, {name}: a separator cannot be written without a release")
                text = text.replace(separator, delimiters.release + separator)
        return text


def _part(elements: Sequence[Value], name: str) -> str:
    """An element or component by its name, empty when it is not given."""
    position, component = place_of(name)
    value: Value = elements[position - 1] if position <= len(elements) else ""
    if isinstance(value, tuple):
        value = value[component - 1] if component <= len(value) else ""
    elif component > 1:
        value = ""
    return value if isinstance(value, str) else ""
