"""Check digits of identifiers that partners send: mistyped ones are told before anybody pays them.

Sources: NPI 45 CFR 162.406 (ISO 7812 with the prefix 80840); GTIN, SSCC and GLN: GS1 General Specifications section
7.9; IBAN: ISO 13616, LEI: ISO 17442 (both mod 97 of ISO 7064); routing numbers: American Bankers Association, weights
3 7 1.
"""

import re
from collections.abc import Callable, Mapping

_LEI = re.compile(r"[A-Z0-9]{18}\d{2}")
_IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
_NPI_PREFIX = "80840"
_ZERO = ord("0")
_DOUBLED = bytes(_ZERO) + bytes((0, 2, 4, 6, 8, 1, 3, 5, 7, 9)) + bytes(256 - _ZERO - 10)
"""Of a digit, twice its value; of more than nine, what its two digits add up to."""


def is_valid(kind: str, text: str) -> bool:
    """Whether an identifier's check digit is right, and its length and characters can be.

    Args:
        kind: "npi", "gtin", "sscc", "gln", "iban", "lei" or "aba".

    Raises:
        KeyError: no other kind is known.
    """
    return _CHECKS[kind](text)


def _digits(text: str, *lengths: int) -> bool:
    return text.isascii() and text.isdigit() and len(text) in lengths


def _npi(text: str) -> bool:
    return _digits(text, 10) and text[0] in "12" and _luhn(_NPI_PREFIX + text)


def _luhn(text: str) -> bool:
    digits = text.encode("ascii")
    others = digits[::-2]
    return (sum(others) - _ZERO * len(others) + sum(digits[-2::-2].translate(_DOUBLED))) % 10 == 0


def _gs1(*lengths: int) -> Callable[[str], bool]:
    """Weights 3 and 1 in turn from the right, the check digit being the last."""

    def check(text: str) -> bool:
        if not _digits(text, *lengths):
            return False
        digits = text.encode("ascii")  # Each is its value and that of "0".
        others = digits[-2::-2]
        return (sum(digits) + 2 * sum(others) - _ZERO * (len(digits) + 2 * len(others))) % 10 == 0

    return check


_sscc_18 = _gs1(18)


def _sscc(text: str) -> bool:
    """Of 18 digits; of 20 with the application identifier "00" before it, as X12's code GM says it."""
    return _sscc_18(text[2:] if len(text) == 20 and text.startswith("00") else text)


def _iban(text: str) -> bool:
    packed = text.replace(" ", "")
    if not _IBAN.fullmatch(packed):
        return False
    return _mod_97(packed[4:] + packed[:4])


def _lei(text: str) -> bool:
    return _LEI.fullmatch(text) is not None and _mod_97(text)


def _mod_97(text: str) -> bool:
    """Letters count as two digits: A is 10, Z is 35."""
    return int("".join(str(int(character, 36)) for character in text)) % 97 == 1


def _aba(text: str) -> bool:
    if not _digits(text, 9):
        return False
    return sum(weight * int(digit) for weight, digit in zip((3, 7, 1) * 3, text, strict=True)) % 10 == 0


_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "npi": _npi,
    "gtin": _gs1(8, 12, 13, 14),
    "sscc": _sscc,
    "gln": _gs1(13),
    "iban": _iban,
    "lei": _lei,
    "aba": _aba,
}
