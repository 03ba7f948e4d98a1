"""How values stand in BAI2 records: `16/amount`, by the names of `parsers.bai2.records`.

Amounts have the point that their currency puts there. A record and its continuations (88) are one.

What a record has any number of is told one by one: `03/type-code` and what belongs to it, with `03/kind` for what it is
("balance", "summary", "total"); `03/availability-days` and `16/availability-days` with their amounts; `16/text`, in
lines. Totals of all entries are `03/credit-amount`, `03/debit-count`, too. An entry has `16/direction`, "credit" or
"debit", which its type code says, and `16/currency`, its account's or its group's.

Spec: BAI, "Cash Management Balance Reporting Specifications, Version 2", with the type codes of ASC X9 BTR3.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Final

from parsers.bai2.records import TAGS, content, logical, named, split
from parsers.canonical.values import iso_date, iso_moment
from parsers.maps.values import Spot, Unreadable, plain_decimal, with_places

DECIMALS: Final = {
    **dict.fromkeys(("BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG"), 0),
    **dict.fromkeys(("RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF"), 0),
    **dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3),
}  # fmt: skip
"""ISO 4217, minor units; all other currencies have two."""

DEFAULT_CURRENCY: Final = "USD"
"""Spec: record 02, currency code."""

_CREDITS: Final = (range(100, 400), range(920, 960))
_DEBITS: Final = (range(400, 700), range(960, 1000))
_TOTALS: Final = {"100": "credit", "400": "debit"}
_DAYS: Final = {"immediate-availability": "0", "one-day-availability": "1", "two-day-availability": "2"}
_CENTURY_TURNS = 70
_END_OF_DAY = frozenset({"2400", "9999"})
_NOT_A_DATE = ("not-a-date", "is not a date.", "Send year, month and day: YYMMDD.")
_NOT_A_MOMENT = ("not-a-date", "and its time are not a moment.", "Send YYMMDD, and HHMM where the time is known.")

Parts = dict[Any, Any]


class Values:
    """The same for all files; currencies are those of the group and account before."""

    deleted = ""
    fill = 0
    separator = None

    def __init__(self) -> None:
        self.functions: dict[str, Any] = {"each": _each}
        self._group_currency = self._currency = DEFAULT_CURRENCY

    unpadded = None

    @staticmethod
    def goes_on(record: str) -> bool:
        """A continuation, or a line that is no record: text that was broken."""
        return record[:2] == "88" or record[:2] not in TAGS

    def split(self, segment: str) -> Parts:
        first, *others = segment.split("\n")
        tag = first[:2]
        if tag not in TAGS:
            return {0: ""}
        records = [first, *(one if one[:2] == "88" else f"88,{one}" for one in others)]
        fields = [(name, value.strip()) for name, value in logical(records)]
        parts: Parts = {0: tag, **dict(fields)}
        match tag:
            case "02":
                self._group_currency = self._currency = parts.get("02/currency") or DEFAULT_CURRENCY
            case "03":
                self._currency = parts.get("03/currency") or self._group_currency
                self._add_balances(parts, fields)
            case "16":
                parts |= {"16/currency": self._currency, "16/direction": _direction(parts.get("16/type-code", ""))}
                parts["16/amount"] = self._with_point(parts.get("16/amount", ""))
                parts["16/availability-days", "each"] = self._availability(parts.get("16/funds-type", ""), fields, "16")
                parts["16/text", "each"] = _text(records, parts)
        parts[f"{tag}/currency"] = self._currency
        return parts

    def _add_balances(self, parts: Parts, fields: Sequence[tuple[str, str]]) -> None:
        """Each balance or summary is parts of its own, in which its type code tells what it is."""
        starts = [at for at, (name, _) in enumerate(fields) if name == "03/type-code"]
        told = []
        for start, stop in pairwise([*starts, len(fields)]):
            one: Parts = {0: "03", **dict(fields[start:stop]), "03/currency": self._currency}
            if not (one["03/type-code"] and (one.get("03/amount") or one.get("03/item-count"))):
                continue
            one["03/amount"] = self._with_point(one.get("03/amount", ""))
            one["03/item-count"] = one.get("03/item-count", "").lstrip("0") or one.get("03/item-count", "")[:1]
            one["03/kind"] = _kind(one["03/type-code"])
            one["03/availability-days", "each"] = self._availability(
                one.get("03/funds-type", ""), fields[start:stop], "03"
            )
            told.append(one)
            if one["03/type-code"] in _TOTALS:
                word = _TOTALS[one["03/type-code"]]
                parts |= {f"03/{word}-amount": one["03/amount"], f"03/{word}-count": one["03/item-count"]}
        parts["03/type-code", "each"] = told

    def _availability(self, funds: str, fields: Sequence[tuple[str, str]], tag: str) -> list[Parts]:
        days, amount = f"{tag}/availability-days", f"{tag}/available-amount"
        if funds in {"0", "1", "2"}:
            return [{0: tag, days: funds}]
        found: list[tuple[str, str]] = []
        for name, value in fields:
            name = name.partition("/")[2]  # noqa: PLW2901
            if name in _DAYS and value:
                found.append((_DAYS[name], value))
            elif name == "availability-days":
                found.append((value, ""))
            elif name == "available-amount" and found:
                found[-1] = (found[-1][0], value)
        return [
            {0: tag, days: day, amount: self._with_point(value), f"{tag}/currency": self._currency}
            for day, value in found
        ]

    def _with_point(self, amount: str) -> str:
        """An amount with its decimals; what is no number stays as sent."""
        sign, digits = ("-", amount[1:]) if amount[:1] == "-" else ("", amount.removeprefix("+"))
        if not (digits.isascii() and digits.isdigit()):
            return amount
        places = DECIMALS.get(self._currency, 2)
        text = with_places(digits.lstrip("0") or "0", places)
        return f"{sign}{text}" if text.strip("0.") else text

    def spot(self, reference: str, group: str | None = None) -> Spot:  # noqa: ARG002  What repeats is told one by one.
        return Spot(f"e.get({reference!r}, '')")

    def whole(self, reference: str) -> str:
        return self.spot(reference).text

    def groups(self, reference: str, step: int) -> str:
        raise NotImplementedError(f"{reference}/{step}: what repeats in a record is told one by one")

    def repetitions(self, reference: str) -> str:
        return f"each(e, {reference!r})"

    def decimal(self, text: str) -> str:
        return plain_decimal(text)

    def day(self, text: str, form: str) -> str:  # noqa: ARG002  They have one way to be written.
        value = iso_date(_with_century(text))
        if value is None:
            raise Unreadable(*_NOT_A_DATE)
        return value

    def moment(self, text: str, more: str, form: str) -> str:  # noqa: ARG002
        more = "" if more in _END_OF_DAY else more
        value = iso_moment(_with_century(text) + more)
        if value is None:
            raise Unreadable(*_NOT_A_MOMENT)
        return value

    def period(self, text: str, more: str, form: str) -> tuple[str, str | None]:
        return self.moment(text, more, form), None


def _each(parts: Parts, name: str) -> Sequence[Parts]:
    found: Sequence[Parts] | None = parts.get((name, "each"))
    if found is None:
        return [parts] if parts.get(name) else []
    return found


def _text(records: Sequence[str], parts: Parts) -> list[Parts]:
    """The text of a 16 in the lines that it was sent in."""
    text = parts.get("16/text", "")
    if len(records) > 1 and text:
        first, *others = records
        begun = dict(named(split(first))).get("16/text")
        if begun is not None:
            lines = [begun, *(content(one)[3:] for one in others)]
            return [{0: "16", "16/text": line.strip()} for line in lines if line.strip()]
    return [{0: "16", "16/text": text}] if text else []


def _direction(code: str) -> str:
    number = int(code) if code.isascii() and code.isdigit() else 0
    if any(number in each for each in _CREDITS):
        return "credit"
    return "debit" if any(number in each for each in _DEBITS) else ""


def _kind(code: str) -> str:
    if code in _TOTALS:
        return "total"
    return "balance" if code < "100" else "summary"


def _with_century(text: str) -> str:
    if len(text) != 6 or not text.isdigit():
        return text
    return ("20" if int(text[:2]) < _CENTURY_TURNS else "19") + text


def values(syntax: object) -> Values:  # noqa: ARG001  There is no choice of separators.
    return Values()
