"""The value types that all records share, what each field holds and may show, and readers of an EDI standard's text."""

import re
from datetime import date
from functools import lru_cache
from itertools import pairwise
from typing import Annotated

import msgspec
from msgspec import Meta


class Value(msgspec.Struct, frozen=True, omit_defaults=True, gc=False):
    """Absent fields stay out of the JSON. Values hold no cycles, so the collector need not look at them."""


# "reads" says how text becomes a value, "class" what it tells of whom (`parsers.canonical.fields`).
# A field of plain `str` is FREE_TEXT: nobody has said that it may be shown.

Code = Annotated[str, Meta(extra={"class": "CODE"})]
"""A word of ours in small letters, else the standard's own code: "x12:ZZ", or bare where a standard alone has it."""

Reference = Annotated[str, Meta(extra={"class": "REFERENCE"})]
"""The number of a document, or of a line in it."""

Organization = Annotated[str, Meta(extra={"class": "ORGANIZATION"})]
Place = Annotated[str, Meta(extra={"class": "PLACE"})]
"""A state or country; finer places are ADDRESS."""

ClinicalCode = Annotated[str, Meta(extra={"class": "CLINICAL"})]
Clinical = Annotated[str, Meta(extra={"class": "CLINICAL"})]
NamePart = Annotated[str, Meta(extra={"class": "NAME"})]
AddressPart = Annotated[str, Meta(extra={"class": "ADDRESS"})]
Phone = Annotated[str, Meta(extra={"class": "PHONE"})]
Email = Annotated[str, Meta(extra={"class": "EMAIL"})]
Account = Annotated[str, Meta(extra={"class": "ACCOUNT"})]
ClaimNumber = Annotated[str, Meta(extra={"class": "CLAIM_NO"})]
MemberId = Annotated[str, Meta(extra={"class": "MEMBER_ID"})]

Decimal = Annotated[str, Meta(extra={"class": "AMOUNT", "reads": "decimal"})]
"""A decimal number as text, with the places that were sent: no float is exact."""

Day = Annotated[str, Meta(extra={"class": "DAY", "reads": "day"})]
"""ISO 8601, of business: an order, a due date."""

Moment = Annotated[str, Meta(extra={"class": "DAY", "reads": "moment"})]
"""ISO 8601 with the precision sent; a zone only where one was sent."""

PersonalDay = Annotated[str, Meta(extra={"class": "DATE", "reads": "day"})]
PersonalMoment = Annotated[str, Meta(extra={"class": "DATE", "reads": "moment"})]
"""Of a person: birth, service, admission."""

PersonalTime = Annotated[str, Meta(extra={"class": "DATE"})]
"""An hour of a day that is told elsewhere, as sent."""


class Provenance(Value, frozen=True):
    """Where a record came from.

    Attributes:
        interchange: ordinal of the interchange in the file, from 1.
        set: ordinal of the transaction set or message in the file, from 1.
        start: byte of the file where the record's own segments begin.
        end: the byte after them.
        map: what made it: "837p-2".
        part: which part of it this is, from 1, where it was too long for one.
        continued: another part follows.
    """

    set: int
    start: int
    end: int
    interchange: int = 0
    map: Code | None = None
    part: int = 0
    continued: bool = False


class Money(Value, frozen=True):
    """Attributes:
    amount: a decimal number as text, with the places that were sent.
    currency: ISO 4217, absent when the file names none.
    """

    amount: Decimal
    currency: Code | None = None


class Quantity(Value, frozen=True):
    """`unit` is the standard's code: "EA", "UN", "MJ"."""

    value: Decimal
    unit: Code | None = None


class Period(Value, frozen=True):
    """A day or moment, or a range when `end` is there. ISO 8601."""

    start: Moment
    end: Moment | None = None


class PersonalPeriod(Value, frozen=True):
    """The same, of a person."""

    start: PersonalMoment
    end: PersonalMoment | None = None


class Dated(Value, frozen=True):
    """`kind` in words ("requested-delivery"), else "x12:" and the qualifier."""

    kind: Code
    period: Period


class PersonalDate(Value, frozen=True):
    """`kind` in words ("onset", "admission"), else "x12:" and the qualifier."""

    kind: Code
    period: PersonalPeriod


class Identifier(Value, frozen=True):
    """Attributes:
    scheme: whose numbering it is: "npi", "ein", "member-id", "gln", "duns"; else "x12:" and the qualifier.
    valid: what its check digit says, where the scheme has one.
    """

    scheme: Code
    value: Annotated[str, Meta(extra={"class": "BY_SCHEME"})]
    valid: bool | None = None


class Coded(Value, frozen=True):
    """A code with the system that it comes from ("ICD-10-CM", "LN") and its text, as far as they were sent."""

    code: Code | None = None
    system: Code | None = None
    text: Code | None = None


class PersonName(Value, frozen=True):
    family: NamePart | None = None
    given: NamePart | None = None
    middle: NamePart | None = None
    prefix: NamePart | None = None
    suffix: NamePart | None = None


class Address(Value, frozen=True):
    lines: tuple[AddressPart, ...] = ()
    city: AddressPart | None = None
    state: Place | None = None
    postal_code: AddressPart | None = None
    country: Place | None = None
    kind: Code | None = None


class Contact(Value, frozen=True):
    """`role` is the standard's code of what they are asked about."""

    role: Code | None = None
    name: NamePart | None = None
    phone: Phone | None = None
    email: Email | None = None
    fax: Phone | None = None


class Party(Value, frozen=True):
    """`role` in words ("buyer", "ship-to", "bill-to", "supplier"), else "x12:" and the code.

    `more_names` go on where `name` ends: a department, whom it is in care of.
    """

    role: Code | None = None
    name: Organization | None = None
    more_names: tuple[Organization, ...] = ()
    identifiers: tuple[Identifier, ...] = ()
    address: Address | None = None
    contacts: tuple[Contact, ...] = ()


class Note(Value, frozen=True):
    """`topic` is the standard's code of what it is about."""

    text: str
    topic: Code | None = None


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
    return _iso_date(text) if len(text) == 8 and text.isdigit() else None


@lru_cache(maxsize=4096)
def _iso_date(digits: str) -> str | None:
    """Of eight digits. Most days of a file come again."""
    try:
        return date.fromisoformat(digits).isoformat()
    except ValueError:
        return None


def iso_moment(text: str) -> str | None:
    """CCYY[MM[DD[HHMM[SS[.f]]]]][+ZZZZ] as ISO 8601, None if wrong.

    The precision is the one sent, and there is no zone where none was.
    """
    length = len(text)
    if length in {8, 12, 14} and text.isdigit() and text.isascii():
        whole = _iso_date(text[:8])
        if length == 8 or whole is None:
            return whole
        hour, minute, second = text[8:10], text[10:12], text[12:]
        if hour > "23" or minute > "59" or second > "60":
            return None
        return f"{whole}T{hour}:{minute}:{second}" if second else f"{whole}T{hour}:{minute}"
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
