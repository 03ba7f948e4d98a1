"""What banks write into the lines of field 86 for programs to read: three ways, none of them SWIFT's.

    166?00GUTSCHRIFT?10931?20EREF+R-26-7?21SVWZ+INVOICE 7?30BANKDEFFXXX?31DE02…?32PAYER     Germany, Austria, Poland
    /EREF/R-26-7/NAME/PAYER/IBAN/NL02…/REMI/INVOICE 7                                       Netherlands, Belgium
    EREF+R-26-7MREF+…SVWZ+INVOICE 7                                                         the codes of the first alone

Lines are cut wherever they are full, within words and codes, too. Numbers of the first, by the German banks' agreement:
00 the kind of booking, 10 a number of the bank's, 20 to 29 and 60 to 63 what it is for, 30 the bank, 31 the account and
32 to 33 the name of the other side, 34 a code of what went wrong.

Spec: DFÜ-Abkommen, annex 3, "Belegungsregeln für Feld 86"; the second as the guides of its banks say.
"""

import re
from collections.abc import Sequence
from typing import Final

_NUMBERED = re.compile(r" ?(?P<code>\d{3}) ?(?P<mark>[?~^>@|<])(?P<first>\d\d)")
_PURPOSE: Final = frozenset((*(f"2{nth}" for nth in range(10)), "60", "61", "62", "63"))
_SEPA: Final = {
    "EREF": "eref", "KREF": "kref", "MREF": "mref", "CRED": "cred", "DEBT": "debt", "SVWZ": "svwz", "ABWA": "abwa",
    "ABWE": "abwe", "IBAN": "iban", "BIC": "bic", "COAM": "coam", "OAMT": "oamt", "PURP": "purp",
}  # fmt: skip
_SEPA_CODE = re.compile(rf"({'|'.join(_SEPA)})\+")
_SLASHED: Final = {
    "EREF": "eref", "PREF": "kref", "MARF": "mref", "CSID": "cred", "REMI": "svwz", "NAME": "name", "IBAN": "iban",
    "BIC": "bic", "PURP": "purp", "TRTP": "posting-text", "ULTD": "abwa", "ULTB": "abwe",
}  # fmt: skip
_OTHERS = (
    "ORDP|BENM|CNTP|ISDT|RTRN|ACCW|ACCT|CSIG|CDTRREFTP|CDTRREF|KREF|IREF|OCMT|EXCH|CHGS|SVCL|CREF|TRCD|ADDR|ID|TYPE|CD"
    "|ISSR|STRD|USTD"
)
"""Codes that end the one before them, of which nothing is taken."""

_SLASHED_CODE = re.compile(rf"/({'|'.join(_SLASHED)}|{_OTHERS})/")
_COUNTERPARTY = re.compile(r"/CNTP/(?P<iban>[^/]*)/(?P<bic>[^/]*)/(?P<name>[^/]*)(?:/[^/]*)?/")
_BEGINS = re.compile(r"/[A-Z]{2,4}/")
NUMBERED_NAMES: Final = {"00": "posting-text", "10": "prima-nota", "30": "bank", "31": "account", "34": "text-key"}
_IBAN = re.compile(r"[A-Z]{2}\d\d[A-Z0-9]{10,30}")
_BIC = re.compile(r"[A-Z]{6}[A-Z0-9]{2}(?:[A-Z0-9]{3})?")

Details = dict[str, str | list[str]]


def read(lines: Sequence[str]) -> Details:
    """What the lines of a field say, by name; nothing when they are plain text.

    "eref" the reference from end to end, "mref" the mandate, "cred" the creditor's id, "debt" the debtor's, "kref" the
    customer's reference, "svwz" lines of what it is for, "name", "bank" or "bic", "account" or "iban", "abwa" and
    "abwe" for whom it was paid and received, "code" the bank's three digits and "posting-text" their words.
    """
    if len(lines) > 1 and all(line.endswith(" ") for line in lines[:-1]):
        lines = [line.rstrip() for line in lines]  # A blank behind every line is none of the text.
    text = "".join(lines)
    numbered = _NUMBERED.match(text)
    if numbered:
        return _numbered(text, numbered)
    if _BEGINS.match(text) and _SLASHED_CODE.match(text):
        return _slashed(text)
    return _sepa([text]) if _SEPA_CODE.match(text) else {}


def _numbered(text: str, head: re.Match[str]) -> Details:
    made: Details = {"code": head["code"]}
    parts = re.split(rf"{re.escape(head['mark'])}(\d\d)", text[head.end("code") :])[1:]
    purpose, name = [], []
    for number, value in zip(parts[::2], parts[1::2], strict=True):
        if number in _PURPOSE:
            purpose.append(value)
        elif number in {"32", "33"}:
            name.append(value)
        elif number in NUMBERED_NAMES and value.strip():
            made[NUMBERED_NAMES[number]] = value.strip()
    if "".join(name).strip():
        made["name"] = "".join(name).strip()
    if _IBAN.fullmatch(str(made.get("account", ""))):
        made["iban"] = made.pop("account")
    bank = made.get("bank")
    if isinstance(bank, str) and _BIC.fullmatch(bank):
        made["bic"] = bank
        del made["bank"]
    return made | _sepa(purpose)


def _sepa(lines: Sequence[str]) -> Details:
    """Codes in what it is for, of which each goes on to the next; without any, the lines are what it is for."""
    parts = _SEPA_CODE.split("".join(lines))
    made: Details = {}
    before = [line.strip() for line in lines if line.strip()] if len(parts) == 1 else [parts[0].strip()]
    for code, value in zip(parts[1::2], parts[2::2], strict=True):
        name = _SEPA[code]
        if value.strip() and name not in made:
            made[name] = value.strip()
    remittance = [*filter(None, before)]
    if "svwz" in made:
        remittance.append(str(made["svwz"]))
    if remittance:
        made["svwz"] = remittance
    return made


def _slashed(text: str) -> Details:
    made: Details = {}
    other = _COUNTERPARTY.search(text)
    if other:
        made |= {name: value.strip() for name, value in other.groupdict().items() if value.strip()}
        text = text[: other.start()] + text[other.end() - 1 :]
    parts = _SLASHED_CODE.split(text)
    for code, value in zip(parts[1::2], parts[2::2], strict=True):
        name = _SLASHED.get(code)
        if name is not None and value.strip(" /") and name not in made:
            made[name] = value.removeprefix("USTD//").strip(" /")
    if "svwz" in made:
        made["svwz"] = [str(made["svwz"])]
    return made
