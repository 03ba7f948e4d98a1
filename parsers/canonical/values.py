"""The value types that all records share, and the readers that make them from an EDI standard's text."""

import re
from datetime import date
from itertools import pairwise

import msgspec


class Value(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Absent fields stay out of the JSON. Values hold no cycles, so the collector need not look at them."""


class Provenance(Value, frozen=True):
    """Where a record came from.

    Attributes:
        set: ordinal of the transaction set or message in the file, from 1.
        start: byte of the file where the record's own segments begin.
        end: the byte after them.
    """

    set: int
    start: int
    end: int


class Money(Value, frozen=True):
    """Attributes:
    amount: a decimal number as text, with the places that were sent.
    currency: ISO 4217, absent when the file names none.
    """

    amount: str
    currency: str | None = None


class Quantity(Value, frozen=True):
    """`unit` is the standard's code: "EA", "UN", "MJ"."""

    value: str
    unit: str | None = None


class Identifier(Value, frozen=True):
    """`scheme` says whose numbering it is: "npi", "ein", "member-id", "gln", "duns"; else "x12:" and the qualifier."""

    scheme: str
    value: str


class PersonName(Value, frozen=True):
    family: str | None = None
    given: str | None = None
    middle: str | None = None
    prefix: str | None = None
    suffix: str | None = None


class Address(Value, frozen=True):
    lines: tuple[str, ...] = ()
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    country: str | None = None
    kind: str | None = None


_DECIMAL = re.compile(r"(-?)(\d*)(?:\.(\d*))?")
_MOMENT = re.compile(
    r"(?P<year>\d{4})(?P<month>\d\d)?(?P<day>\d\d)?(?P<hour>\d\d)?(?P<minute>\d\d)?(?P<second>\d\d)?"
    r"(?P<fraction>\.\d{1,9})?(?P<zone>[+-]\d{4})?"
)


def decimal(text: str) -> str | None:
    """A number as decimal text with the places sent: "-.5" is "-0.5", "7." is "7"; None if it is none."""
    if not text.isascii():
        return None
    if text.isdigit() or (text.replace(".", "", 1).isdigit() and text[0] != "." and text[-1] != "."):
        return text
    match = _DECIMAL.fullmatch(text)
    if match is None or not (match[2] or match[3]):
        return None
    fraction = f".{match[3]}" if match[3] else ""
    return f"{match[1]}{match[2] or '0'}{fraction}"


def iso_date(text: str) -> str | None:
    """CCYYMMDD as ISO 8601; None if there is no such day."""
    if len(text) != 8 or not text.isdigit():
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        return None


def iso_moment(text: str) -> str | None:
    """CCYY[MM[DD[HHMM[SS[.f]]]]][+ZZZZ] as ISO 8601, None if wrong.

    The precision is the one sent, and there is no zone where none was.
    """
    match = _MOMENT.fullmatch(text)
    if match is None or not text.isascii():
        return None
    parts = match.groupdict()
    order = [parts[name] for name in ("year", "month", "day", "hour", "minute", "second", "fraction")]
    if any(later and not earlier for earlier, later in pairwise(order)) or (parts["hour"] and not parts["minute"]):
        return None
    if parts["month"] and not "01" <= parts["month"] <= "12":
        return None
    day = "-".join(part for part in order[:3] if part)
    if parts["day"]:
        whole = iso_date("".join(order[:3]))
        if whole is None:
            return None
        day = whole
    if not parts["hour"]:
        return None if parts["zone"] else day
    if parts["hour"] > "23" or parts["minute"] > "59" or (parts["second"] or "00") > "60":
        return None
    time = ":".join(part for part in order[3:6] if part) + (parts["fraction"] or "")
    zone = parts["zone"]
    return f"{day}T{time}{zone[:3]}:{zone[3:]}" if zone else f"{day}T{time}"
