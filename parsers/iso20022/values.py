"""What may stand as the text of an element: simple types of ISO 20022 schemas, each as a check.

Spec: ISO 20022-4 (XML Schema generation); XML Schema Part 2: Datatypes, for dates, decimals and white space.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache

import msgspec

from parsers.check_digits import is_valid
from parsers.guides.dialect import Fault
from parsers.markup.syntax import BLANKS

Check = Callable[[str], Fault | None]

_ZONE = r"(?:Z|[+-](?:(?:0\d|1[0-3]):[0-5]\d|14:00))?"
_DATE = re.compile(rf"(\d{{4}})-(\d\d)-(\d\d){_ZONE}", re.ASCII)
_DATE_TIME = re.compile(
    rf"(\d{{4}})-(\d\d)-(\d\d)T(?:(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d(?:\.\d+)?|24:00:00(?:\.0+)?){_ZONE}", re.ASCII
)
_YEAR = re.compile(rf"\d{{4}}{_ZONE}", re.ASCII)
_DECIMAL = re.compile(r"([+-]?)(?:(\d+)(?:\.(\d*))?|\.(\d+))", re.ASCII)
_BOOLEANS = frozenset({"true", "false", "1", "0"})
_IBAN = re.compile(r"[A-Z]{2}[0-9]{2}[a-zA-Z0-9]{1,30}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_CODES_SHOWN = 12
_DATES_KNOWN = 4096


class Value(msgspec.Struct, frozen=True):
    """Attributes:
    check: what is wrong with a text; None is right.
    currency: it has the attribute Ccy.
    collapses: blanks around it are no part of it.
    quotable: it is a code, and nobody's name or number.
    open: codes beyond the list may be right, too.
    """

    check: Check
    currency: bool = False
    collapses: bool = False
    quotable: bool = False
    open: bool = False


def value(text: str, codes: Mapping[str, tuple[str, ...]], patterns: Mapping[str, str]) -> Value:
    """Make a check of what a guide file says: "text 1/35", "amount 18/5", "@priority", "@balance? 1/4", "~bic".

    Raises:
        ValueError: it says nothing that is known.
    """
    kind, _, rest = text.partition(" ")
    if kind.startswith("@"):
        name = kind.removeprefix("@").removesuffix("?")
        if name not in codes:
            raise ValueError(f"the code list `{name}` is not among [codes]")
        check = _listed(codes[name])
        if length := re.fullmatch(r"(\d+)/(\d+)", rest):
            check = _both(_long(int(length[1]), int(length[2])), check)
        elif rest:
            raise ValueError(f"`{text}`: behind a code list stands nothing, or the length of its codes: `1/4`")
        return Value(check, quotable=True, open=kind.endswith("?"))
    if kind.startswith("~"):
        if kind[1:] not in patterns:
            raise ValueError(f"`{kind[1:]}` is not among [patterns]")
        return Value(_like(re.compile(patterns[kind[1:]])))
    sized = re.fullmatch(r"(\d+)/(\d+)(?: from (\d+))?", rest)
    if sized:
        low, high, least = int(sized[1]), int(sized[2]), int(sized[3]) if sized[3] else None
        match kind:
            case "text" | "code":
                return Value(_long(low, high), quotable=kind == "code")
            case "digits":
                return Value(_like(re.compile(f"[0-9]{{{low},{high}}}")))
            case "number":
                return Value(_number(low, high, least), collapses=True)
            case "amount":
                return Value(_number(low, high, 0), currency=True, collapses=True)
    if kind in _PLAIN and not rest:
        return _PLAIN[kind]
    raise ValueError(f"`{text}` is no type: write `text 1/35`, `amount 18/5`, `date`, `@codes` or `~pattern`")


def is_currency(text: str) -> bool:
    return _CURRENCY.fullmatch(text) is not None


def _long(low: int, high: int) -> Check:
    def check(text: str) -> Fault | None:
        count = len(text)
        if low <= count <= high:
            return None
        if count > high:
            says = f"is longer than {high} characters"
            return Fault("element-too-long", says, f"Send {high} characters at most.")
        return Fault("element-too-short", f"has fewer characters than {low}", "Leave out what is empty.")

    return check


def _listed(codes: tuple[str, ...]) -> Check:
    known = frozenset(codes)
    few = f" ({', '.join(sorted(codes))})" if len(codes) <= _CODES_SHOWN else ""
    fault = Fault(
        "code-unknown", "is not one of the codes that may stand there", f"Send one of the codes of the guide{few}."
    )
    return lambda text: None if text in known else fault


def _both(first: Check, second: Check) -> Check:
    return lambda text: first(text) or second(text)


def _like(pattern: re.Pattern[str]) -> Check:
    match = pattern.fullmatch
    fault = Fault("element-characters", "is not written as it must be", f"Write it as {pattern.pattern}.")
    return lambda text: None if match(text) else fault


def _number(digits: int, fraction: int, least: int | None) -> Check:
    places = f"{digits} digits at most" + (
        f", {fraction} of them behind the point" if fraction else ", without a point"
    )

    def check(text: str) -> Fault | None:
        found = _DECIMAL.fullmatch(text)
        if found is None:
            return Fault("element-characters", "is no number", "Send digits, with a point before the fraction.")
        sign, whole, behind, alone = found.groups()
        behind = (behind or alone or "").rstrip("0")
        whole = (whole or "").lstrip("0")
        if len(behind) > fraction or len(whole) + len(behind) > digits:
            return Fault("element-too-long", "has more digits than it may", f"Send {places}.")
        if least is not None and ((sign == "-" and (whole or behind)) or (least and int(whole or "0") < least)):
            return Fault("element-characters", f"is less than {least}", f"Send {least} or more, without a sign.")
        return None

    return check


@lru_cache(_DATES_KNOWN)
def _is_day(text: str) -> bool:
    found = _DATE.fullmatch(text)
    return found is not None and _exists(found)


@lru_cache(_DATES_KNOWN)
def _is_moment(text: str) -> bool:
    found = _DATE_TIME.fullmatch(text)
    return found is not None and _exists(found)


def _exists(found: re.Match[str]) -> bool:
    try:
        date(int(found[1]), int(found[2]), int(found[3]))
    except ValueError:
        return False
    return True


_LONGEST_DATE = 64
_NO_DATE = Fault("date-invalid", "is no date", "Send year, month and day: 2026-03-02.")
_NO_MOMENT = Fault("date-invalid", "is no date with a time", "Send date and time: 2026-03-02T09:15:00.")
_NO_YEAR = Fault("date-invalid", "is no year", "Send four digits.")
_NO_BOOLEAN = Fault("element-characters", "is neither true nor false", "Send true or false.")
_NO_IBAN = Fault("element-characters", "is not written as an IBAN is", "Send the IBAN in capitals, without blanks.")
_BAD_IBAN = Fault("check-digit", "is an IBAN whose check digits do not fit", "Ask the account's owner for the IBAN.")


def _iban(text: str) -> Fault | None:
    if not _IBAN.fullmatch(text):
        return _NO_IBAN
    return None if is_valid("iban", text) else _BAD_IBAN


_PLAIN: Mapping[str, Value] = {
    "date": Value(lambda text: None if len(text) < _LONGEST_DATE and _is_day(text) else _NO_DATE, collapses=True),
    "datetime": Value(
        lambda text: None if len(text) < _LONGEST_DATE and _is_moment(text) else _NO_MOMENT, collapses=True
    ),
    "year": Value(lambda text: None if _YEAR.fullmatch(text) else _NO_YEAR, collapses=True),
    "boolean": Value(lambda text: None if text in _BOOLEANS else _NO_BOOLEAN, collapses=True),
    "currency": Value(_like(_CURRENCY)),
    "iban": Value(_iban),
}


def trimmed(text: str) -> str:
    """Without the blanks that no number or date has."""
    return text.strip(BLANKS)
