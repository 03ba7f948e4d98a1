"""Fields 50 to 59: parties and banks, each by an option letter that says how it is told.

    :50K:/12345678          account            :57A:/C/12345678     mark and account     :50F:/DE02…
    PAYER                   name               BANKDEFFXXX          BIC                  1/PAYER
    1 MAIN STREET           address            :57D://FW021000089   clearing code        2/1 MAIN STREET
                                                                                         3/DE/TOWN
Spec: SWIFT Standards MT, General Field Definitions, fields 50a to 59a.
"""

import re
from collections.abc import Sequence

OPTIONS = re.compile(r"5[0-9][A-Z]?")
_IBAN = re.compile(r"[A-Z]{2}\d\d[A-Z0-9]{10,30}")
_FIRST = re.compile(r"/(?:(?P<mark>[CD])(?:/|\Z))?(?:/(?P<clearing>[A-Z]{2}[^/]*)|(?P<account>/?[^/].*))?")
_NUMBERED = re.compile(r"(?P<number>[1-8])/(?P<text>.*)")
_IDENTIFIED = re.compile(r"(?P<code>[A-Z]{4})/(?P<country>[A-Z]{2})/(?P<value>.+)")

Parts = dict[str, str | list[str]]


def read(option: str, lines: Sequence[str]) -> Parts:
    """What a party is told by: "account" with "iban" or "other" for how it is written, "clearing" code, "bic", "name",
    "address" lines, "country", "town", "id" with its "id-kind". Of option B "name" is a place of the bank.
    """
    made: Parts = {}
    if lines and lines[0].startswith("/"):
        first = _FIRST.fullmatch(lines[0].rstrip())
        lines = lines[1:]
        if first:
            made |= {name: text for name, text in first.groupdict().items() if text}
        account = made.get("account")
        if isinstance(account, str):
            made["iban" if _IBAN.fullmatch(account) else "other"] = account
    elif option == "F" and lines and (told := _IDENTIFIED.fullmatch(lines[0].rstrip())):
        made |= {"id": told["value"], "id-kind": told["code"]}
        lines = lines[1:]
    texts = [text for line in lines if (text := line.strip())]
    match option:
        case "A" | "G":
            if texts:
                made["bic"] = texts[0]
        case "C":
            if texts and "account" not in made and "clearing" not in made:
                made["bic"] = texts[0]
        case "F":
            _numbered(texts, made)
        case _:
            if texts:
                made["name"], address = texts[0], texts[1:]
                if address:
                    made["address"] = address
    return made


def _numbered(texts: Sequence[str], made: Parts) -> None:
    told: dict[str, list[str]] = {}
    for text in texts:
        found = _NUMBERED.fullmatch(text)
        if found:
            told.setdefault(found["number"], []).append(found["text"])
    if "1" in told:
        made["name"] = " ".join(told["1"])
    if "2" in told:
        made["address"] = told["2"]
    if "3" in told:
        country, _, town = told["3"][0].partition("/")
        made["country"] = country
        if town:
            made["town"] = town
    for number, kind in (("6", "CUST"), ("7", "NIDN")):
        if number in told and "id" not in made:
            made["id"], made["id-kind"] = told[number][0].partition("/")[2], kind
