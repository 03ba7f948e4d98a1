"""How values stand in fields and blocks of SWIFT MT messages.

A field's first line is `:20:`, all lines one by one where a list is made of them; its subfields `:61:/amount`. Parties
and banks go by any option letter: `:50a:/name`, with `:50a:/option` for the letter. What banks write into field 86
for programs is `:86:/eref` and the like (`parsers.swift_mt.details`). Tags of block 3 are `{3:}/121`; of the headers
there are `{2:}/sender` and `{2:}/receiver`, their BICs.

Spec: SWIFT Standards MT, General Information; Category 1, 2 and 9.
"""

import re
from typing import Any, Final

from parsers.canonical.values import iso_date, iso_moment
from parsers.maps.values import Spot, Unreadable, plain_decimal
from parsers.swift_mt import details, parties
from parsers.swift_mt.blocks import SUBFIELDS, read_header

_FIELD = re.compile(r":(?P<tag>\d\d[A-Z]?|NS[A-Z]?):")
_BLOCK = re.compile(r"\{(?P<tag>[1-5S]):")
_NESTED = re.compile(r"\{([A-Z0-9]{3}):([^{}]*)\}")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_AMOUNT = r"(?P<amount>\d[\d,]*) *\Z"
_LAYOUTS: Final = {
    **SUBFIELDS,
    "25": re.compile(r"(?P<account>(?P<iban>[A-Z]{2}\d\d[A-Z0-9]{10,30})|.+)"),
    "25P": re.compile(r"(?P<account>(?P<iban>[A-Z]{2}\d\d[A-Z0-9]{10,30})|.+)"),
    "28": re.compile(r"(?P<number>[^/]+)(?:/(?P<page>.+))?"),
    "28C": re.compile(r"(?P<number>[^/]+)(?:/(?P<page>.+))?"),
    "34F": re.compile(r"(?P<currency>[A-Z]{3})(?P<mark>[CD])?" + _AMOUNT),
    **dict.fromkeys(("32B", "33B", "71F", "71G"), re.compile(r"(?P<currency>[A-Z]{3})" + _AMOUNT)),
}
"""Subfields of a first line. The parties' are in a module of their own."""

_WITH_AMOUNT: Final = frozenset(tag for tag, layout in _LAYOUTS.items() if "amount" in layout.groupindex)
_NUMBER = re.compile(r"0*(\d+)(?:,(\d*))?")
_CENTURY_TURNS = 70
"""Two digits below are years from 2000 on, as POSIX has it."""

_NOT_A_DATE = ("not-a-date", "is not a date.", "Send year, month and day: YYMMDD.")
_NOT_A_MOMENT = ("not-a-date", "is not a date and time.", "Send YYMMDDhhmm, with the zone as +hhmm where it is known.")


class Values:
    deleted = ""
    fill = 0
    separator = None
    goes_on = None
    unpadded = None

    def __init__(self) -> None:
        self.functions: dict[str, Any] = {"each": _each}
        self._headers = ""

    def split(self, segment: str) -> dict[Any, Any]:
        field = _FIELD.match(segment)
        if field is None:
            return self._block(segment)
        tag = field["tag"]
        lines = [line.rstrip() for line in _LINE_BREAK.split(segment[field.end() :])]
        if tag[0] == "5":
            return _party(tag, lines)
        name = f":{tag}:"
        parts: dict[Any, Any] = {0: tag, name: lines[0], f"{name}/field": tag, 1: {}}
        if len(lines) > 1:
            parts[1][name] = [line for line in lines if line]
            for nth, line in enumerate(lines[1:], 2):
                parts[f"{name}/{nth}"] = line
        layout = _LAYOUTS.get(tag)
        if layout is not None:
            _add_subfields(parts, tag, layout, lines)
        elif tag == "86":
            for key, value in details.read(_LINE_BREAK.split(segment[field.end() :])).items():
                if isinstance(value, list):
                    parts[1][f":86:/{key}"], value = value, value[0]  # noqa: PLW2901  The first stands for all.
                parts[f":86:/{key}"] = value
        return parts

    def _block(self, segment: str) -> dict[Any, Any]:
        block = _BLOCK.match(segment)
        if block is None:
            return {0: "", 1: {}}
        tag = block["tag"]
        parts: dict[Any, Any] = {0: tag, 1: {}}
        for name, value in _NESTED.findall(segment, block.end()):
            parts.setdefault(f"{{{tag}:}}/{name}", value)
        if tag == "1":
            self._headers = segment
        elif tag == "2":
            header = read_header(self._headers + segment)
            parts |= {"{2:}/sender": header.sender or "", "{2:}/receiver": header.receiver or ""}
        return parts

    def spot(self, reference: str, group: str | None = None) -> Spot:  # noqa: ARG002  Nothing repeats in a line.
        return Spot(f"e.get({reference!r}, '')")

    def whole(self, reference: str) -> str:
        return self.spot(reference).text

    def groups(self, reference: str, step: int) -> str:
        raise NotImplementedError(f"{reference}/{step}: fields of SWIFT repeat by lines")

    def repetitions(self, reference: str) -> str:
        return f"each(e, {reference!r})"

    def decimal(self, text: str) -> str:
        found = _NUMBER.fullmatch(text.strip())
        if found is None:
            return plain_decimal(text)
        return f"{found[1]}.{found[2]}" if found[2] else found[1]

    def day(self, text: str, form: str) -> str:  # noqa: ARG002  They have one way to be written.
        value = iso_date(_with_century(text))
        if value is None:
            raise Unreadable(*_NOT_A_DATE)
        return value

    def moment(self, text: str, more: str, form: str) -> str:  # noqa: ARG002
        if len(text) in {6, 8}:
            return self.day(text, "")
        value = iso_moment(_with_century(text[:6]) + text[6:])
        if value is None:
            raise Unreadable(*_NOT_A_MOMENT)
        return value

    def period(self, text: str, more: str, form: str) -> tuple[str, str | None]:
        return self.moment(text, more, form), None


def _each(parts: dict[Any, Any], name: str) -> list[dict[Any, Any]]:
    """The field for each of its lines, of a subfield for each of its texts; once where it has but one."""
    texts = parts[1].get(name)
    if texts is None:
        return [parts] if parts.get(name) else []
    return [{**parts, name: text} for text in texts]


def _party(tag: str, lines: list[str]) -> dict[Any, Any]:
    any_option = f":{tag[:2]}a:"
    parts: dict[Any, Any] = {0: f"{tag[:2]}a", any_option: "\n".join(lines), 1: {}}
    parts |= {f"{any_option}/field": tag[:2], f"{any_option}/option": tag[2:]}
    for name, value in parties.read(tag[2:], lines).items():
        if isinstance(value, list):
            parts[1][f"{any_option}/{name}"], value = value, value[0]  # noqa: PLW2901  The first stands for all.
        parts[f"{any_option}/{name}"] = value
    return parts


def _add_subfields(parts: dict[Any, Any], tag: str, layout: re.Pattern[str], lines: list[str]) -> None:
    """What stands in the first line; of one that a bank has broken in the middle, in the first two."""
    found = layout.match(lines[0]) or (layout.match("".join(lines[:2])) if tag == "61" else None)
    if found is None:
        if tag in _WITH_AMOUNT:
            parts[f":{tag}:/amount"] = lines[0] or "-"  # It makes no sense, which is said where it is read.
        return
    for group, text in found.groupdict().items():
        if text is not None:
            parts[f":{tag}:/{group.replace('_', '-')}"] = text.strip()
    if tag in _WITH_AMOUNT and found["amount"].isdigit():
        parts[f":{tag}:/amount"] = found["amount"].lstrip("0") or "0"
    if tag == "61" and found["entry_date"]:
        parts[":61:/entry-date"] = _with_year(found["entry_date"], found["value_date"])


def _with_year(day: str, near: str) -> str:
    """MMDD of field 61 in the year in which it is nearest to the value date."""
    year, months = int(near[:2]), int(day[:2]) - int(near[2:4])
    year += (months < -6) - (months > 6)
    return f"{year % 100:02}{day}"


def _with_century(text: str) -> str:
    if len(text) != 6 or not text.isdigit():
        return text
    return ("20" if int(text[:2]) < _CENTURY_TURNS else "19") + text


def values(syntax: object) -> Values:  # noqa: ARG001  FIN has no choice of separators.
    return Values()
