"""The standards, by their first segment, and what a header further down tells."""

import re
from collections.abc import Callable
from typing import NamedTuple

from parsers.events import Standard
from parsers.identify.markup import Standing, business_markup

_VERSION_WITHIN = 8192
"""A version stands so near to the start, or it is not looked for."""


def _no_version(_body: str, _at: int) -> None:
    return None


def _isa_version(body: str, at: int) -> str | None:
    elements = body[at : at + 512].split(body[at + 3 : at + 4])
    version = elements[12].strip() if len(elements) > 12 else ""
    return version if version.isascii() and version.isdigit() and len(version) == 5 else None


_UNH = re.compile(
    r"UNH(?P<e>\W)[^\r\n]{0,40}?(?P=e)[A-Z]{6}(?P<c>\W)(?P<version>[A-Z0-9]{1,3})(?P=c)(?P<release>[A-Z0-9]{1,3})\W"
)
_UIH = re.compile(r"UIH\W[A-Z]{6}(?P<c>\W)(?P<version>[A-Z0-9]{1,3})(?P=c)(?P<release>[A-Z0-9]{1,3})\W")


def _edifact_version(body: str, at: int) -> str | None:
    """Version and release of the first message: "D96A"."""
    stop = at + _VERSION_WITHIN
    found = _UNH.search(body, at, stop) or _UIH.search(body, at, stop)
    return found["version"] + found["release"] if found else None


_MSH = re.compile(r"MSH(?P<sep>[^\w\s])(?P<rest>[^\r\n]*)", re.ASCII)
_HL7_VERSION = re.compile(r"\d\.\d(?:\.\d)?(?!\d)", re.ASCII)


def _hl7_version(body: str, at: int) -> str | None:
    """MSH-12 of the first message."""
    header = _MSH.search(body, at, at + _VERSION_WITHIN)
    fields = header["rest"].split(header["sep"], 11) if header else []
    version = _HL7_VERSION.match(fields[10]) if len(fields) > 10 else None
    return version[0] if version else None


_SWIFT_TYPE = re.compile(r"\{2:[IO]E?(\d{3})", re.ASCII)
_TYPE_LINE = re.compile(r"(?:[^:\r\n]*[\r\n]+){0,3}?(?:940|941|942|950)[ \t]*[\r\n]|:(940|942):", re.ASCII)


def _swift_version(body: str, at: int) -> str | None:
    """The message type: "940". Statements without blocks are told by a line of the bank's, or by their balances."""
    if header := _SWIFT_TYPE.search(body, at):
        return header[1]
    if named := _TYPE_LINE.match(body, at):
        return named[1] or named[0].split()[-1]
    if body.find(":60F:", at) >= 0 or body.find(":60M:", at) >= 0:
        return "940"
    return "942" if body.find(":34F:", at) >= 0 else None


class _Start(NamedTuple):
    standard: Standard
    pattern: re.Pattern[str]
    version: Callable[[str, int], str | None] = _no_version


_CODE = r" {0,80}+\w{0,2} {0,80}+"
_FREE = r"(?:(?!(?P=s))[^\r\n]){0,80}"
_FIELD = r":(?:20|21|25P?|28C?|60[FM]|13[CD]?|34F):"
_BANKS_LINES = r"(?:[^\r\n:{][^\r\n]{0,40}\r?\n){0,3}"

_HEADERS = (
    # ISA01 and ISA03 are codes of two characters, whatever the sender pads; or the header is cut off before them.
    _Start(
        "x12",
        re.compile(
            rf"ISA(?P<s>[^\w \r\n])(?:{_CODE}(?P=s){_FREE}(?P=s){_CODE}(?P=s)"
            rf"|(?<![-.,;:!?'\"()/]){_CODE}(?:(?P=s){_FREE}(?:(?P=s){_CODE})?)?\Z)",
            re.ASCII,
        ),
        _isa_version,
    ),
    _Start(
        "edifact",
        re.compile(
            r"UNA[^\w\s]{2}\W.\W[^\w ]\s*+(?:[A-Z]{3}[^\w\s]|\Z)"
            r"|U[NI]B(?:\+(?:[A-Z]{3}|\Z)|(?P<e>[^\w\s])(?!(?P=e))[A-Z]{4}[^\w\s]\d)",
            re.ASCII | re.DOTALL,
        ),
        _edifact_version,
    ),
    _Start("tradacoms", re.compile(r"STX[=+]ANAA?[^\w\s]\d", re.ASCII)),
    # MSH-2 declares separators, be it wrongly.
    _Start(
        "hl7",
        re.compile(
            r"(?:MSH|FHS|BHS)(?:\|(?:[^\w\s|,;.-]|\Z)|(?P<f>[^\w\s|\"'])(?:(?!(?P=f))[^\w\s]){1,5}(?:(?P=f)|\Z))",
            re.ASCII,
        ),
        _hl7_version,
    ),
    _Start(
        "swift-mt",
        re.compile(r"(?:\$\s*+)?\{(?:1:[A-Z]\d{1,2}[A-Z]|2:[IO]E?\d{3}|4:\s*+:\d\d[A-Z]?:)", re.ASCII),
        _swift_version,
    ),
    _Start("fedwire", re.compile(r"\{1[15]\d\d\}", re.ASCII)),
    _Start("nacha", re.compile(r"101.{30,32}094101")),
    _Start(
        "bai2",
        re.compile(
            r"01,[^,\r\n]{0,35},[^,\r\n]{0,35},\d{6},\d{0,4}"
            r"(?:,[^,\r\n]{0,35},\d{0,4},\d{0,4},[23][ \t]*+(?:/|[\r\n]|\Z)|,[\w,]{0,35}\Z)",
            re.ASCII,
        ),
    ),
    _Start("swift-mt", re.compile(rf":20:[^\r\n]{{0,35}}\r?\n{_FIELD}"), _swift_version),
)
"""These may also stand below something else: what comes before them is reported by the reader."""

_FIRST_CHARACTERS = {
    "I": {"x12"}, "U": {"edifact"}, "S": {"tradacoms"}, "M": {"hl7"}, "F": {"hl7"}, "B": {"hl7"}, "$": {"swift-mt"},
    "{": {"swift-mt", "fedwire"}, ":": {"swift-mt"}, "1": {"nacha"}, "0": {"bai2"},
}  # fmt: skip
_BY_FIRST_CHARACTER = {
    character: tuple(start for start in _HEADERS if start.standard in standards)
    for character, standards in _FIRST_CHARACTERS.items()
}

_FRAGMENTS = (
    # Groups, sets, messages and batches whose interchange header is missing, so that the reader can say so.
    _Start(
        "x12",
        re.compile(
            r"GS(?P<g>[^\w\s,;|/.-])[A-Z]{2}(?P=g)"
            r"|ST(?P<t>[^\w\s,])\d{3}(?P=t)[^\r\n]{1,50}?\W\s*+(?!ST)[A-Z][A-Z0-9]{1,2}(?P=t)",
            re.ASCII,
        ),
    ),
    _Start(
        "edifact",
        re.compile(
            r"UN[GH]\+[^+\r\n]{0,40}\+|UN[GH](?P<e>[^\w\s])[^\r\n]{0,40}?(?P=e)[A-Z]{6}[^\w\s]"
            r"|BGM\+[^'\r\n]{0,80}'\s*+[A-Z]{3}\+",
            re.ASCII,
        ),
        _edifact_version,
    ),
    _Start(
        "hl7",
        re.compile(
            r"(?:MSH|FHS|BHS)\|(?:\||(?=[^\r\n]*\|(?:\||2\.\d))(?:[^|\r\n]*\|){8}"
            r"|[^\r\n]*+\r(?:\Z|\n?[A-Z][A-Z\d]{2}\||[\v\x1c]))",
            re.ASCII,
        ),
        _hl7_version,
    ),
    _Start("fedwire", re.compile(r"[^{}]{0,120}\{1500\}[^{}]{0,60}\{15\d0\}", re.ASCII)),
    _Start(
        "nacha",
        re.compile(
            r"5(?:200|220|225|280).{46}(?:ACK|ADV|ARC|ATX|BOC|CCD|CIE|COR|CTX|DNE|ENR|IAT|MTE|PO[PS]|PPD|RCK|SHR|TEL"
            r"|TR[CX]|WEB|XCK)|\d{1,2}101 \d{9}.{20,22}094101",
            re.IGNORECASE,
        ),
    ),
    # A statement or a part of one without its blocks: a few header lines of the bank's at most, then a known field.
    _Start(
        "swift-mt",
        re.compile(
            rf"{_BANKS_LINES}:(?:(?:20|21|25P?|28C?|60[FM]|61|62[FM]|64|65|86|13[CD]?|34F|90[CD]):[^ \r\n]"
            r"|(?:94[0-2]|NS[A-Z]?):)"
        ),
        _swift_version,
    ),
)

_MARKER = re.compile(r"[\[({<]\w{1,8}[\])}>]\s*+", re.ASCII)
"""What some programs print for the start of a frame: "[SOM]", "<SB>"."""

_LINE = re.compile(r"\n[ \t]*+(?=ISA|UNA|U[NI]B|STX|MSH|FHS|BHS|\{1|\$|101|01,|:20:)")
_MARKUP_LINE = re.compile(r"\n[ \t]*+(?=<(?:\?xml|(?:[\w.-]{1,20}:)?(?:Document|AppHdr|BusMsg)\b))", re.ASCII)


def at_start(body: str) -> Standing | None:
    return _header_at(body, 0) or _first(_FRAGMENTS, body, 0)


def further_down(body: str) -> Standing | None:
    """The first interchange that begins a line, below mail headers, a comment or junk; or behind a frame's marker."""
    marker = _MARKER.match(body)
    if marker and (standing := _header_at(body, marker.end())):
        return standing
    lines = body.replace("\r", "\n").replace("\v", "\n").replace("\x1c", "\n")
    for line in _LINE.finditer(lines):
        if standing := _header_at(body, line.end()):
            return standing
    document = _MARKUP_LINE.search(lines)
    return business_markup(body[document.end() :]) if document else None


def _header_at(body: str, at: int) -> Standing | None:
    return _first(_BY_FIRST_CHARACTER.get(body[at : at + 1], ()), body, at)


def _first(starts: tuple[_Start, ...], body: str, at: int) -> Standing | None:
    for start in starts:
        if start.pattern.match(body, at):
            return Standing(start.standard, start.version(body, at))
    return None
