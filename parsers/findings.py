"""What is wrong in a partner's file, and where: a value, never an exception.

A message names the place in plain words and never repeats a value out of the file, because findings go to logs,
screens and events, and the values are other people's invoices and diagnoses. Counts that we made are ours to tell.
"""

from dataclasses import dataclass
from typing import Literal, Self

import msgspec

INTEGRITY = 1
"""WEDI SNIP level 1: envelopes, separators, counts, control numbers."""

Severity = Literal["error", "warning", "info"]


class Location(msgspec.Struct, frozen=True, kw_only=True):
    """Where something is; what is not known stays None.

    Attributes:
        standard: as in `Identified.standard`.
        set: ordinal of the transaction set or message in the file, from 1.
        path: the way in from the outside: "ISA[1]/GS[1]/ST[3]", "BHS[1]/MSH[2]".
        segment: its tag, when that is one of the standard's and so no value of the sender's.
        position: ordinal of the segment in its set (ST or MSH is 1), outside of a set in the interchange.
        element: in the standard's own notation: "SE01", "SV101-2", "MSH-9.1".
        offset: byte of the file where the segment begins, from 0.
    """

    standard: str
    set: int | None = None
    path: str | None = None
    segment: str | None = None
    position: int | None = None
    element: str | None = None
    offset: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing wrong, or worth knowing. Serialises to exactly these keys.

    A dataclass, because the event union is made of tagged Structs and a tag would be a thirteenth key.

    Attributes:
        code: stable, dotted: "x12.se01-count-mismatch".
        level: the WEDI SNIP level, 1 for integrity.
        message: where and what, in plain words, without a value from the file.
        hint: how to mend it.
    """

    code: str
    level: int
    severity: Severity
    standard: str
    set: int | None
    path: str | None
    segment: str | None
    position: int | None
    element: str | None
    offset: int | None
    message: str
    hint: str

    @classmethod
    def at(
        cls,
        place: Location,
        code: str,
        message: str,
        hint: str,
        *,
        severity: Severity = "error",
        level: int = INTEGRITY,
    ) -> Self:
        return cls(
            code=code,
            level=level,
            severity=severity,
            standard=place.standard,
            set=place.set,
            path=place.path,
            segment=place.segment,
            position=place.position,
            element=place.element,
            offset=place.offset,
            message=message,
            hint=hint,
        )


class NotThisStandard(ValueError):
    """The bytes are not what this reader reads. The only exception that parsers raise, and only between themselves."""
