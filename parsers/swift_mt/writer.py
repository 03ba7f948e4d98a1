"""FIN messages and bare statements out of values.

    writer = Writer()
    data = writer.headers("940", sender="BANKBEBB", receiver="ACMEDEFF", sequence=1)
    data += writer.field("20", "REF-1") + writer.field("25", "123456") + writer.field("28C", "1/1")
    data += writer.field("60F", ("C", "260301", "EUR", "100,"))
    data += writer.field("61", "2603020302D25,5NTRFNONREF") + writer.field("86", "RENT", "MARCH")
    data += writer.closing("62F", "260302") + writer.end()

Without `headers` the fields stand bare. CHK and MAC of block 5 come from whoever sends into the network: they are
written as given.

Spec: SWIFT User Handbook, FIN Operations Guide, message structure; Standards MT, General Information, field structure.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from parsers.segments import Item, Value
from parsers.swift_mt.blocks import MARKS, QUALIFIED, REFERENCE_CHARACTERS, SUBFIELDS, SYNTAX
from parsers.swift_mt.fields import FIELDS, NOT_SWIFT
from parsers.swift_mt.statement import EXACT, amount_moved, signed_balance
from parsers.writing import segment_values

_BIC = re.compile(r"[A-Z0-9]{8}(?:[A-Z0-9]{3})?")
_HEADER_LINE_CHARACTERS = 41
_QUALIFIED_PARTS = 3


class Writer:
    """Holds what is open, to end it, and an account's balance, to close it.

    Args:
        line_break: behind every field and line.
        encoding: of the text of bare statements; that of messages with blocks is ASCII.

    Raises:
        ValueError: from every method: a value holds what would end it, or does not fit where it belongs; nothing is
            open. The message names the place, never the value.
    """

    def __init__(self, *, line_break: str = "\r\n", encoding: str = "utf-8") -> None:
        self._line_break = line_break
        self._encoding = encoding
        self._in_blocks = False
        self._opening: tuple[str, Decimal] | None = None
        self._moved = Decimal(0)

    def headers(
        self,
        message_type: str,
        *,
        sender: str,
        receiver: str,
        session: int = 0,
        sequence: int = 0,
        user: Sequence[tuple[str, str]] = (),
    ) -> bytes:
        """Blocks 1 to 3 of a message that goes into the network, and the beginning of its text.

        Args:
            sender, receiver: BICs of 8 or 11 characters.
            user: tags and values of block 3.
        """
        if not re.fullmatch(r"\d{3}", message_type):
            raise ValueError("block 2: a message type has three digits")
        basic = f"F01{_terminal(sender, 'A', 'block 1')}{session:04}{sequence:06}"
        if len(basic) != len("F01BANKBEBBAXXX0000000000"):
            raise ValueError("block 1: the session has room for 4 digits, the sequence for 6")
        written = self._block("1", [basic])
        written += self._block("2", [f"I{message_type}{_terminal(receiver, 'X', 'block 2')}N"])
        return written + (self._block("3", user) if user else b"") + self._block("4", ())

    def field(self, tag: str, *lines: Value) -> bytes:
        """A field of the text.

        Args:
            lines: the first may be a tuple: of qualifier, data source scheme and value; or of the subfields that the
                field has at fixed places, as mark, date, currency and amount of a balance.
        """
        name = f"field {tag}" if re.fullmatch(r"\w{2,3}", tag, re.ASCII) and SYNTAX.tag(f":{tag}:") == tag else ""
        if not name or tag[:2] == "94":
            raise ValueError("a tag has two digits and at most one letter")
        first, *others = lines or ("",)
        texts = [_first_line(tag, first, name), *(_plain(line, name) for line in others)]
        endings = FIELDS[not self._in_blocks, False].ending
        if any(endings.match(f"{line}\n") for line in texts[1:]) and not any(line[:1] in {":", "-"} for line in texts):
            raise ValueError(f"{name}: a line would be read as the beginning of the next message")
        if any(line[:1] in {":", "-"} for line in texts[1:]):
            raise ValueError(f"{name}: no line but the first begins with a colon or a hyphen")
        if len(texts) > 1 and not texts[-1]:
            raise ValueError(f"{name}: its last line is empty")
        if tag == "20" and len(texts[0]) > REFERENCE_CHARACTERS:
            raise ValueError(f"{name} has {len(texts[0])} characters; it has room for {REFERENCE_CHARACTERS}")
        text = f":{tag}:{self._line_break.join(texts)}"
        if any(line_break in line for line in texts for line_break in "\r\n"):
            raise ValueError(f"{name}: a line holds a line break")
        if self._in_blocks and NOT_SWIFT.search(text):
            raise ValueError(f"{name} holds a character that is not among those of SWIFT")
        self._count(tag, text)
        return self._encoded(text + self._line_break, name)

    def _count(self, tag: str, text: str) -> None:
        if tag in {"60F", "60M"}:
            self._opening, self._moved = signed_balance(text), Decimal(0)
        elif tag == "61" and self._opening is not None:
            moved = amount_moved(text)
            if moved is None:
                self._opening = None
            else:
                self._moved = EXACT.add(self._moved, moved)

    def closing(self, tag: str, date: str) -> bytes:
        """The closing balance, 62F or 62M: the opening balance and all entries added up."""
        if self._opening is None:
            raise ValueError(f"field {tag} needs an opening balance (60a), and entries (61) that can be added up")
        currency, amount = self._opening[0], EXACT.add(self._opening[1], self._moved)
        whole, _, decimals = f"{amount.copy_abs():f}".partition(".")
        return self.field(tag, ("D" if amount < 0 else "C", date, currency, f"{whole},{decimals}"))

    def end(self, trailer: Sequence[tuple[str, str]] = ()) -> bytes:
        """The end of the text, and block 5 with its tags and values when there are any."""
        self._opening = None
        if not self._in_blocks:
            if trailer:
                raise ValueError("block 5 needs a message with blocks")
            return self._encoded(f"-{self._line_break}", "end")
        self._in_blocks = False
        return b"-}" + (self._block("5", trailer) if trailer else b"")

    def rewrite(self, items: Iterable[Item]) -> Iterator[bytes]:
        """What was read at the lossless level, with these line breaks; balances stay as they were sent."""
        for tag, elements in segment_values(items):
            if tag == "-":
                yield self.end()
            elif tag and tag in MARKS:
                yield tag.encode()
            elif tag == "}":  # It closes nothing.
                continue
            elif not tag:
                yield self._header_lines(elements)
            elif len(tag) == 1:
                yield self._block(tag, elements)
            elif tag[:2] == "94":
                yield self._encoded(f":{tag}:{self._line_break}", "header")
            else:
                yield self.field(tag, *elements)

    def _header_lines(self, lines: Sequence[Value]) -> bytes:
        texts = [_plain(line, "header") for line in lines]
        if any(not 0 < len(text) <= _HEADER_LINE_CHARACTERS or text[0] in ":{" for text in texts):
            raise ValueError(f"header: its lines have 1 to {_HEADER_LINE_CHARACTERS} characters")
        return self._encoded("".join(text + self._line_break for text in texts), "header")

    def _block(self, name: str, contents: Sequence[Value]) -> bytes:
        """Strings as they are, one behind the other; tuples of tag and value in braces of their own."""
        texts = []
        for content in contents:
            parts = [content] if isinstance(content, str) else [_plain(part, f"block {name}") for part in content]
            if any(brace in part for part in parts for brace in "{}"):
                raise ValueError(f"block {name}: a value holds a brace")
            if any(line_break in part for part in parts for line_break in "\r\n"):
                raise ValueError(f"block {name}: a value holds a line break")
            if not isinstance(content, str) and ":" in parts[0]:
                raise ValueError(f"block {name}: a tag holds a colon")
            texts.append(parts[0] if isinstance(content, str) else f"{{{':'.join(parts)}}}")
        self._in_blocks = name == "4" and not texts
        closed = self._line_break if self._in_blocks else "}"
        return self._encoded(f"{{{name}:{''.join(texts)}{closed}", f"block {name}", "ascii")

    def _encoded(self, text: str, name: str, encoding: str | None = None) -> bytes:
        try:
            return text.encode(encoding or ("ascii" if self._in_blocks else self._encoding))
        except UnicodeEncodeError:
            raise ValueError(f"{name} holds a character that the encoding does not have") from None


def _terminal(bic: str, letter: str, name: str) -> str:
    """The address of a logical terminal."""
    if not _BIC.fullmatch(bic):
        raise ValueError(f"{name}: a BIC has 8 or 11 letters and digits")
    return f"{bic[:8]}{letter}{bic[8:] or 'XXX'}"


def _first_line(tag: str, line: Value, name: str) -> str:
    if not isinstance(line, tuple):
        return _plain(line, name)
    parts = [_plain(part, name) for part in line]
    if tag in SUBFIELDS:
        for mark in ("", "//"):  # Before the last of field 61, if that is the bank's reference.
            found = SUBFIELDS[tag].fullmatch("".join([*parts[:-1], mark, *parts[-1:]]))
            if found and [part for part in found.groups() if part is not None] == parts:
                return found[0]
        raise ValueError(f"{name}: its subfields are not as long, or not of the characters, that they must be")
    if len(parts) != _QUALIFIED_PARTS:
        raise ValueError(f"{name}: a line in parts has a qualifier, a data source scheme and a value")
    qualifier, source, value = parts
    text = f":{qualifier}/{source}/{value}"
    found = QUALIFIED.fullmatch(text)
    if found is None or list(found.groups()) != parts:
        raise ValueError(f"{name}: qualifier or data source scheme is none")
    return text


def _plain(value: Value, name: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name}: a line is a text")  # noqa: TRY004  what cannot be written is a ValueError
    return value
