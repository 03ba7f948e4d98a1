"""How a FIN message is written: blocks in braces, fields in block 4; and what the headers before the text say.

    {1:F01BANKBEBBAXXX0000000000}{2:I103BANKDEFFXXXXN}{3:{108:MUR1}}{4:
    :20:REFERENCE
    :50K:FIRST LINE
    SECOND LINE
    -}{5:{CHK:0123456789AB}}

Banks also send the fields of a statement bare: without blocks, below a few lines of their own, ended by a hyphen.

Spec: SWIFT User Handbook, FIN Operations Guide, message structure; Standards MT, General Information, field structure.
"""

import re
from typing import NamedTuple

from parsers.reading import START_CHARACTERS
from parsers.segments import Element
from parsers.source import BLANKS, Source
from parsers.text import within

ORDER = "12345S"
"""Blocks as they follow each other: basic header, application header, user header, text, trailer, system trailer."""

MAX_BLOCK_CHARACTERS = 1 << 16
"""Of a block that is no text; one that is not closed by then is taken for one whose brace is missing."""

SHORT_BLOCK_CHARACTERS = 256

MARKS = "$\x01\x03"
"""What stands before, between and behind messages in a file: "$" in RJE, SOH and ETX in DOS-PCC."""

NO_FIELDS = frozenset({"-", "}", *MARKS})
"""What a segment of a mark or of the end of a text begins with."""

STATEMENT_TYPES = frozenset({"940", "941", "942", "950"})
"""Types whose fields are few and known, so that a line that only looks like a field can be told from one."""

STATEMENT_TAGS = r"20|21|25P?|28C?|13[CD]?|34F|60[FM]|61|62[FM]|64|65|86|90[CD]|94[0-2]|NS[A-Z]?"
"""NS and 940 to 942 are no fields of SWIFT's: banks wrote them into their own files."""

ANY_TAG = r"\d\d[A-Z]?"
REFERENCE_CHARACTERS = 16
"""Of field 20, 20C and 108 (16x)."""

BASIC = re.compile(
    r"\{1:(?P<application>[A-Z])(?P<service>\d\d)(?P<terminal>[A-Z0-9]{12})(?P<session>\d{4})(?P<sequence>\d{6})\}"
)
INPUT = re.compile(
    r"\{2:(?P<direction>I)(?P<type>\d{3})(?P<terminal>[A-Z0-9]{12})"
    r"(?P<priority>[SUN])?(?P<monitoring>[123])?(?P<obsolescence>\d{3})?\}"
)
OUTPUT = re.compile(
    r"\{2:(?P<direction>O)(?P<type>\d{3})(?P<input_time>\d{4})"
    r"(?P<input_date>\d{6})(?P<terminal>[A-Z0-9]{12})(?P<input_session>\d{4})(?P<input_sequence>\d{6})"
    r"(?P<output_date>\d{6})(?P<output_time>\d{4})(?P<priority>[SUN])?\}"
)
"""What goes into the network names the receiver; what comes out names the sender, in the input reference (MIR)."""

LAYOUTS = {"1": (BASIC,), "2": (INPUT, OUTPUT)}

_BRACE = re.compile(r"\{[1-5S]:|[{}]")
_REST_OF_LINE = re.compile(r"[^\r\n]*")
_NESTED = re.compile(r"\{(?P<tag>[^{}:]*):?(?P<value>[^{}]*)\}")
_BLOCK = re.compile(r"\{(?P<tag>\w{1,3}):")
_FIELD = re.compile(rf":({ANY_TAG}|94[0-2]|NS[A-Z]?):")
_LINE_BREAK = re.compile(r"\r\n|\r|\n")
QUALIFIED = re.compile(r":(?P<qualifier>[A-Z0-9]{4})/(?P<source>[A-Z0-9]{0,8})/(?P<value>[^\r\n]*)")
_AMOUNT = r"(?P<amount>\d[\d,]*)(?= *(?:[\r\n]|\Z))"
_BALANCE = re.compile(r"(?P<mark>[CD])(?P<date>\d{6})(?P<currency>[A-Z]{3})" + _AMOUNT)
_ENTRIES = re.compile(r"(?P<number>\d{1,5})(?P<currency>[A-Z]{3})" + _AMOUNT)
_ENTRY = re.compile(
    r"(?P<value_date>\d{6})(?P<entry_date>\d{4})?(?P<mark>[RE]?[CD])(?P<funds_code>[A-Z])?(?P<amount>\d[\d,]*)"
    r"(?P<type>[A-Z][A-Z0-9]{3})?(?:(?!//)(?P<customer_reference>[^\r\n]+?)(?=//|[\r\n]|\Z))?"
    r"(?://(?P<bank_reference>[^\r\n]*))?(?=[\r\n]|\Z)"
)
SUBFIELDS = {
    "61": _ENTRY,
    **dict.fromkeys(("60F", "60M", "62F", "62M", "64", "65"), _BALANCE),
    **dict.fromkeys(("90C", "90D"), _ENTRIES),
    "32A": re.compile(r"(?P<date>\d{6})(?P<currency>[A-Z]{3})" + _AMOUNT),
}
"""Fields whose first line is made of subfields at fixed places, or nearly, one behind the other."""


class Blocks:
    """The syntax of FIN has no choices: nothing in it differs from one message to another."""

    charset = None

    def tag(self, segment: str) -> str:
        """Of a block "1", of a field "61", of the marks that end or part messages "-" and "$"; else empty."""
        found = _FIELD.match(segment) or _BLOCK.match(segment)
        return found[1] if found else segment[:1] if segment[:1] in NO_FIELDS else ""

    def elements(self, segment: str, offset: int, unit: int = 1) -> list[Element]:
        """Of a block its parts or its tags, each with its value; of a field its lines.

        A line with a qualifier, or of the fields in `SUBFIELDS`, has components. A line is called ":50K:", the next
        ":50K:/2"; a subfield ":60F:/amount"; a part of a block "{2:}/type"; a tag in a block "{3:}/108".
        """
        block = _BLOCK.match(segment)
        if block:
            return _parts_of_block(segment, block, offset, unit)
        field = _FIELD.match(segment)
        if field is None and segment[:1] in NO_FIELDS:
            return []
        tag, at = (field[1], field.end()) if field else ("", 0)
        made = []
        for position, line in enumerate(_LINE_BREAK.split(segment[at:]), 1):
            name = (f":{tag}:" if tag else "line") + (f"/{position}" if position > 1 else "")
            inside = _subfields(tag, segment, at) if tag and position == 1 else None
            if inside:
                components = _named(inside, f":{tag}:", offset, unit)
                made.append(Element(name=name, position=1, offset=offset + unit * at, components=components))
            else:
                made.append(Element(name=name, position=position, offset=offset + unit * at, text=line))
            at += len(line)
            at += 2 if segment.startswith("\r\n", at) else 1
        return made


SYNTAX = Blocks()


def _subfields(tag: str, segment: str, at: int) -> re.Match[str] | None:
    layout = SUBFIELDS.get(tag)
    return layout.match(segment, at) if layout else QUALIFIED.match(segment, at)


def _parts_of_block(segment: str, block: re.Match[str], offset: int, unit: int) -> list[Element]:
    tag, begin = block["tag"], block.end()
    name = f"{{{tag}:}}"
    for layout in LAYOUTS.get(tag, ()):
        parts = layout.fullmatch(segment)
        if parts:
            return _named(parts, name, offset, unit)
    nested = list(_NESTED.finditer(segment, begin))
    if not nested:
        content = segment[begin:].removesuffix("}")
        return [Element(name=name, position=1, offset=offset + unit * begin, text=content)] if content else []
    return [
        Element(
            name=f"{name}/{one['tag']}",
            position=position,
            offset=offset + unit * one.start(),
            components=_named(one, f"{name}/{one['tag']}", offset, unit),
        )
        for position, one in enumerate(nested, 1)
    ]


def _named(found: re.Match[str], name: str, offset: int, unit: int) -> list[Element]:
    """An element for each group that took part, called by its name."""
    present = [(group, text) for group, text in found.groupdict().items() if text is not None]
    return [
        Element(
            name=f"{name}/{group.replace('_', '-')}",
            position=position,
            offset=offset + unit * found.start(group),
            text=text,
        )
        for position, (group, text) in enumerate(present, 1)
    ]


def block_length(source: Source, longest: int = MAX_BLOCK_CHARACTERS) -> tuple[int, bool]:
    """How long the block is that stands next, and whether its brace ends it; else its line or the next block does."""
    needed = SHORT_BLOCK_CHARACTERS
    while True:
        source.ahead(needed)
        depth, at = 0, source.at
        for found in _BRACE.finditer(source.held, at, at + needed):
            if found[0] == "}":
                depth -= 1
                if not depth:
                    return found.end() - at, True
            elif depth and found[0] != "{":
                return _line_length(source, found.start()), False
            else:
                depth += 1
        if len(source.held) - at < needed or needed >= longest:
            return _line_length(source, at + needed), False
        needed *= 4


def _line_length(source: Source, stop: int) -> int:
    line = _REST_OF_LINE.match(source.held, source.at, stop)
    return len(line[0]) if line else 0


def is_last_line(source: Source, length: int) -> bool:
    """Nothing but a few blanks stands behind so many characters."""
    behind = source.ahead(length + START_CHARACTERS)[length:]
    return len(behind) < START_CHARACTERS and not behind.strip(BLANKS)


# --- what stands where a message begins -----------------------------------------------------------------------------

_HEADER_LINES = r"(?:[^\r\n:{][^\r\n]{0,40}[\r\n]{1,4}){0,4}"
_MESSAGE = re.compile(rf"\{{(?:1:[A-Z]\d\d|2:[IO]\d{{3}}|4:[\r\n]{{1,4}}:\d\d)|{_HEADER_LINES}:(?:{STATEMENT_TAGS}):")
_MARKS = re.compile(rf"(?:[{MARKS}][ \t\r\n]{{0,4}}){{0,3}}")
_BARE_HEADER = re.compile(rf"{_HEADER_LINES}(?::94[0-2]:[^\r\n]{{0,40}}[\r\n]{{1,4}})?")
_TEXT_END = re.compile(r"[\r\n]-")
_REFERENCE = re.compile(r"[\r\n]:20(?:C::SEME//|:)([^\r\n]*)")
_USER_REFERENCE = re.compile(r"\{108:([^{}]*)\}")
_TYPE = re.compile(r"\{2:[IO](\d{3})")
_BANKS_TYPE = re.compile(r"(?<![A-Z0-9])(?:MT)?(94[0-2]|950)(?![A-Z0-9])")
_BALANCE_FIELD = re.compile(r"[\r\n]:6[02][FM]:")
_INTERIM_FIELD = re.compile(r"[\r\n]:(?:34F|90[CD]):")
_STATEMENT_FIELD = re.compile(r"[\r\n]:(?:61|64|65|86|NS):")


def starts(text: str) -> bool:
    """A message begins with this text: a block, or the fields of a statement below a few lines at most."""
    return _MESSAGE.match(text, marks_length(text)) is not None


def marks_length(text: str) -> int:
    """How many characters of marks, and blanks behind them, stand before what may be a message."""
    marks = _MARKS.match(text)
    return marks.end() if marks else 0


class Header(NamedTuple):
    """What is known of a message when it begins.

    Attributes:
        type: "103"; of an acknowledgment, which has no type, the application and service of block 1: "F21".
        sender: BIC of eleven characters, without the terminal's letter.
        reference: field 20 or 20C, else 108 of block 3, as sent.
        bare: it has no blocks.
        laid_out: blocks 1 and 2 are laid out as the standard says.
        statement: its fields are those of an account statement.
        lines: how many characters stand before the first field of a bare message.
    """

    type: str | None
    sender: str | None
    receiver: str | None
    reference: str
    bare: bool
    statement: bool
    laid_out: bool = False
    lines: int = 0

    @property
    def set(self) -> str | None:
        return self.type if self.type is None or self.type.startswith("F") else f"MT{self.type}"

    @property
    def control_number(self) -> str | None:
        return within(self.reference, REFERENCE_CHARACTERS)


def read_header(text: str) -> Header:
    """What stands before and at the beginning of the text of a message.

    Args:
        text: begins where the message begins, and need not hold all of it.
    """
    return _header_of_blocks(text) if text.startswith("{") else _header_of_fields(text)


def _header_of_blocks(text: str) -> Header:
    following = text.find("{1:", 3)
    text = _up_to_end(text if following < 0 else text[:following])
    basic, sent, delivered = BASIC.match(text), INPUT.search(text), OUTPUT.search(text)
    sender = receiver = None
    own = _bic(basic["terminal"]) if basic else None
    acknowledges = basic is not None and basic["service"] == "21"
    if delivered:
        sender, receiver = _bic(delivered["terminal"]), own
    elif sent:
        sender, receiver = own, _bic(sent["terminal"])
    elif acknowledges:
        receiver = own
    declared = _TYPE.search(text)
    kind = declared[1] if declared else "F21" if acknowledges else _told_by_fields(text)
    reference = _REFERENCE.search(text) or _USER_REFERENCE.search(text)
    return Header(
        type=kind,
        sender=sender,
        receiver=receiver,
        reference=reference[1] if reference else "",
        bare=False,
        statement=kind in STATEMENT_TYPES,
        laid_out=basic is not None and (sent or delivered) is not None,
    )


def _header_of_fields(text: str) -> Header:
    lines = _BARE_HEADER.match(text)
    begin = lines.end() if lines else 0
    named = _BANKS_TYPE.search(text, 0, begin)
    fields = "\n" + text[begin:]
    following = fields.find("\n:20:", 1)
    fields = _up_to_end(fields if following < 0 else fields[:following])
    kind = named[1] if named else _told_by_fields(fields)
    reference = _REFERENCE.match(fields)
    return Header(
        type=kind,
        sender=None,
        receiver=None,
        reference=reference[1] if reference else "",
        bare=True,
        statement=kind is not None or _STATEMENT_FIELD.search(fields) is not None,
        lines=begin,
    )


def _up_to_end(text: str) -> str:
    end = _TEXT_END.search(text)
    return text[: end.start()] if end else text


def _told_by_fields(text: str) -> str | None:
    return "940" if _BALANCE_FIELD.search(text) else "942" if _INTERIM_FIELD.search(text) else None


def _bic(terminal: str) -> str:
    """The BIC in the address of a logical terminal, whose ninth character tells terminals apart."""
    return terminal[:8] + terminal[9:]
