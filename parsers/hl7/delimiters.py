"""The separators of an HL7 v2 message or batch, read out of its header segment; and what stands between them."""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from parsers.elements import Separators, element
from parsers.findings import NotThisStandard
from parsers.segments import Element
from parsers.text import decoded


class Delimiters(NamedTuple):
    """Attributes:
    escape: empty when the header declares none, so that nothing is unescaped.
    as_declared: False when MSH-2 is missing or makes no sense, and the standard's own characters are used instead.
    charset: the codec that MSH-18 names, None when it names none.
    """

    field: str = "|"
    component: str = "^"
    repetition: str = "~"
    escape: str = "\\"
    subcomponent: str = "&"
    as_declared: bool = True
    charset: str | None = None

    def tag(self, segment: str) -> str:
        return segment[:3]

    def elements(self, segment: str, offset: int, unit: int = 1) -> list[Element]:
        """The fields of a segment: "PID-3", "PID-3.1", "PID-3.1.2". MSH-1 is the separator itself."""
        tag, *fields = segment.split(self.field)
        at = offset + unit * (len(tag) + 1)
        made = []
        separators = Separators(self.field, (self.repetition, self.component, self.subcomponent))
        header = tag in {"MSH", "FHS", "BHS"}
        if header:
            made.append(Element(name=f"{tag}-1", position=1, offset=at - unit, text=self.field))

        def naming(position: int, path: Sequence[int]) -> str:
            return ".".join((f"{tag}-{position}", *map(str, path)))

        def meant(text: str) -> str:
            return unescape_bytes(text, self)

        for position, text in enumerate(fields, 1 + header):
            if header and position == 2:
                made.append(Element(name=f"{tag}-2", position=2, offset=at, text=text))
            else:
                made.append(element(text, position, at, unit, separators, naming, meant))
            at += unit * (len(text) + 1)
        return made


def read_header(segment: str) -> Delimiters:
    """Read the separators out of an MSH, FHS or BHS segment.

    Raises:
        NotThisStandard: nothing that could separate fields follows the tag.
    Spec: HL7 v2.5.1 chapter 2.5.4, message delimiters.
    """
    field = segment[3:4]
    if not field or field.isalnum() or field in ' "':
        raise NotThisStandard("the header's tag is not followed by a separator")
    return _declared(field, segment[4:10].split(field, 1)[0])


@lru_cache(maxsize=256)
def _declared(field: str, declared: str) -> Delimiters:
    """Args:
    declared: MSH-2, or the first six characters of a longer one.
    """
    sensible = 1 <= len(declared) <= 5 and len({field, *declared}) == len(declared) + 1
    if not sensible or any(character.isalnum() or character in ' "' for character in declared):
        return Delimiters(field, as_declared=False)
    # A separator that is not declared never occurs; a control character keeps the splitting code the same.
    padded = [*declared[:4], *("\x00\x01\x02\x03"[len(declared) :])]
    component, repetition, escape, subcomponent = padded
    return Delimiters(field, component, repetition, escape if escape > "\x03" else "", subcomponent)


_FORMATTING = {"br": "\n", "sp": "\n", "ce": "\n", "sk": " "}
"""Formatting commands that leave something; "sp" and "sk" so many times as they say. The others are for printers."""

_REPEATED_MAX = 100
_SEQUENCE = r"(?:[FSTREPHN]|X(?:[0-9A-Fa-f]{2})+|\.[a-z]{2}[+-]?[0-9]{0,4})"


def unescape(text: str, delimiters: Delimiters) -> str:
    """Undo the escape sequences of a decoded value; those that nobody can undo (local ones) stay as sent.

    Spec: HL7 v2.5.1 chapter 2.7, use of escape sequences in text fields.
    """
    return _unescaped(text, delimiters, lambda sent: decoded(sent.decode("latin-1"), delimiters.charset))


def unescape_bytes(text: str, delimiters: Delimiters) -> str:
    """The same of a value that is text of bytes: hexadecimal data becomes bytes, to be decoded with all the others."""
    return _unescaped(text, delimiters, lambda sent: sent.decode("latin-1"))


def _unescaped(text: str, delimiters: Delimiters, hexadecimal: Callable[[bytes], str]) -> str:
    if not delimiters.escape or delimiters.escape not in text:
        return text
    pattern, known = _sequences(delimiters)

    def plain(found: re.Match[str]) -> str:
        sequence = found[1]
        if sequence[0] == "X":
            return hexadecimal(bytes.fromhex(sequence[1:]))
        if sequence[0] == ".":
            count = int(sequence[3:].lstrip("+-") or 1)
            return _FORMATTING.get(sequence[1:3], "") * min(count, _REPEATED_MAX)
        return known[sequence]

    return pattern.sub(plain, text)


@lru_cache(maxsize=64)
def _sequences(delimiters: Delimiters) -> tuple[re.Pattern[str], dict[str, str]]:
    """What is an escape sequence, and what those of a letter stand for."""
    mark = re.escape(delimiters.escape)
    return re.compile(f"{mark}({_SEQUENCE}){mark}"), {
        "F": delimiters.field,
        "S": delimiters.component,
        "T": delimiters.subcomponent,
        "R": delimiters.repetition,
        "E": delimiters.escape,
        "P": "#",
        "H": "",
        "N": "",
    }
