"""One message against its guide: its elements are walked as they come, and nothing is kept but what is open.

Every tag is looked up in the element that it stands in, every text in what its element may be. What the guide leaves
open is let through unseen; what it does not know is told of once, and nothing in it.

Spec: ISO 20022-4 (XML Schema generation): elements stand in the order of the schema, alternatives exclude each other.
"""

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

from parsers.events import Quoted
from parsers.findings import Finding, Location
from parsers.guides.dialect import Fault
from parsers.guides.explain import CODE_LEVELS
from parsers.guides.terms import LEVELS, SEVERITIES, Treatment
from parsers.iso20022.guide import DOCUMENT, Element, Guide, by_id, guide_for, preload, tree
from parsers.iso20022.statement import HOOKS, SPOTTED, Spot, Statements
from parsers.iso20022.values import is_currency, trimmed
from parsers.markup.syntax import BLANKS, attributes, local, qualified, resolved
from parsers.segments import Segments, Syntax

__all__ = ["Guide", "Judge", "by_id", "guide_for", "preload"]

Said = Finding | Quoted

_LEVELS = {**CODE_LEVELS, "segment-unexpected": 2, "segment-repeats": 2, "check-digit": 5}
"""Everything else that is said of elements is level 1."""

_OPEN_CODE_LEVEL = 5
_BALANCE_LEVEL = 3
_CURRENCY = "Ccy"
_CDATA_OPENS, _CDATA_CLOSES = "<![CDATA[", "]]>"
_HELD_CHARACTERS = 64 << 10
"""So much of a text is kept: no type has more."""

_TAGS_KNOWN = 4096
_TAG_CHARACTERS = 200
_SAID_AGAIN = 100
"""Each hundredth repetition more tells enough."""

_CODE_CHARACTERS = 4


class _Tag(NamedTuple):
    """A start tag.

    Attributes:
        empty: it ends its element, too.
        attributes: without declarations of namespaces, and what schemas have for themselves.
    """

    name: str
    empty: bool
    attributes: tuple[tuple[str, str], ...]


class _Open:
    """An element that has not ended.

    Attributes:
        nth: which of its name it is in the one around it.
        slot: the furthest place in order that something has stood in; -1 before the first.
        last: the name of what stood there.
        counts: how often each name has stood here.
        late: places that were passed over though something must stand there, and where that was seen.
    """

    __slots__ = ("children", "counts", "element", "last", "late", "nth", "slot")

    def __init__(self, element: Element, nth: int) -> None:
        self.element = element
        self.children = element.children
        self.nth = nth
        self.slot = -1
        self.last = ""
        self.counts: dict[str, int] = {}
        self.late: dict[int, tuple[int, int]] | None = None


class Judge:
    """Judges one message.

    Args:
        place: of the set; its standard and ordinal are every finding's.
        levels: how each SNIP level is treated, where it differs from LEVELS.
        quote: which values come out behind their finding.
    """

    def __init__(
        self,
        guide: Guide,
        place: Location,
        levels: Mapping[int, Treatment],
        quote: Literal["none", "codes", "all"],
        syntax: Syntax,  # noqa: ARG002  One interface for all judges; batches know theirs.
    ) -> None:
        self._place = place
        self._levels = {**LEVELS, **levels}
        self._quote = quote
        self._document = tree(guide)
        self._statements = Statements() if "statement-balance" in guide.rules else None
        self._tags: dict[str, _Tag] = {}
        self._stack: list[_Open] = []
        self._ended = False
        self._skip = 0  # How many elements are open within what is not looked into, itself included.
        self._out: list[Said] = []
        # The text in hand: its element, what has come of it, and where that began.
        self._text: Element | None = None
        self._nth = 0
        self._tag = _Tag("", empty=False, attributes=())
        self._parts: list[str] = []
        self._length = 0
        self._whole = True
        self._position = 1
        self._index: int | None = None  # Of its tag in the batch in hand, None when that came before.
        self._offset = 0
        # The batch in hand.
        self._segments: Segments | None = None
        self._texts: list[str] = []
        self._at = 0
        self._behind: int | None = None
        self._unit = 0

    # --- walking ---

    def feed(self, segments: Segments) -> Iterator[Said]:
        """Take a batch of the message, in order."""
        self._out = []
        self._segments = segments
        self._texts = segments.texts
        if self._behind not in {None, segments.offset}:
            self._whole = False  # Parts of a text that is too long to hold have come between.
        for at, text in enumerate(segments.characters):
            if text[0] != "<":
                if self._text is not None:
                    self._keep(text)
                elif not self._skip and text.strip(BLANKS):
                    self._at = at
                    self._stray()
            elif text[1] == "/":
                self._at = at
                self._end()
            elif text[1] == "!":
                if text.startswith(_CDATA_OPENS):
                    self._at = at
                    self._section(text[len(_CDATA_OPENS) : -len(_CDATA_CLOSES)])
            elif text[1] != "?":
                self._at = at
                self._start(self._tags.get(text) or self._read(text))
        if self._text is not None and self._index is not None:
            if self._index == len(segments) - 1:
                self._parts.append(self._blanks(self._index))
            self._offset, self._index = segments.byte(self._index), None
        self._behind = segments.end
        yield from self._out

    def finish(self, end: int | None = None) -> Iterator[Said]:  # noqa: ARG002  One interface for all judges.
        """No more will come. Whatever is missing was told of where its element ended."""
        yield from ()

    def _read(self, text: str) -> _Tag:
        name = local(qualified(text))
        sent = tuple(
            (key, resolved(value.translate(_AS_BLANKS)))
            for key, value, _ in (attributes(text) if "=" in text else ())
            if not key.startswith(("xmlns", "xsi:", "xml:"))
        )
        tag = _Tag(name, text[-2] == "/", sent)
        if len(self._tags) < _TAGS_KNOWN and len(text) < _TAG_CHARACTERS:
            self._tags[text] = tag
        return tag

    def _start(self, tag: _Tag) -> None:
        if self._skip:
            self._skip += not tag.empty
            return
        if self._text is not None:
            self._unknown(f"{self._text.line.name} is a text; an element stands in it.")
            self._skip = not tag.empty
            return
        if not self._stack:
            self._root(tag)
            return
        around = self._stack[-1]
        element = around.children.get(tag.name)
        if element is None:
            self._unknown(f"An element stands in {around.element.line.name} that this message does not have there.")
            self._skip = not tag.empty
            return
        nth = around.counts[tag.name] = around.counts.get(tag.name, 0) + 1
        slot = element.line.slot
        if slot > around.slot:
            if slot > around.slot + 1:
                self._passed(around, slot)
            around.slot, around.last = slot, tag.name
        elif slot < around.slot:
            self._unexpected(around, element, nth)
        elif tag.name == around.last:
            if nth > element.line.max:
                self._repeated(around, element, nth)
        else:
            around.last = tag.name
            self._exclusive(around, element, nth)
        self._enter(element, nth, tag)

    def _root(self, tag: _Tag) -> None:
        """The element that holds the message: Document, or the message itself."""
        if self._ended:
            return
        document = self._document
        inside = document.children.get(tag.name)
        if tag.name == DOCUMENT:
            self._enter(document, 1, tag)
        elif inside is not None:
            self._enter(inside, 1, tag)
        else:
            self._ended = True
            self._unknown("The message does not begin with Document, nor with the element that its namespace names.")
            self._skip = not tag.empty

    def _enter(self, element: Element, nth: int, tag: _Tag) -> None:
        line = element.line
        if line.value is not None:
            assert self._segments is not None
            self._text, self._nth, self._tag = element, nth, tag
            self._parts.clear()
            self._length, self._whole = 0, True
            self._position, self._index = self._segments.position + self._at, self._at
            if tag.empty:
                self._judge_text(element)
        elif line.part is None:
            self._skip = not tag.empty
        else:
            if tag.attributes:
                self._surplus(line.name, self._spot(element, nth))
            self._stack.append(_Open(element, nth))
            if self._statements is not None and element.path in HOOKS:
                self._statements.open(element.path)
            if tag.empty:
                self._leave()

    def _end(self) -> None:
        if self._skip:
            self._skip -= 1
        elif self._text is not None:
            self._judge_text(self._text)
        elif self._stack:
            self._leave()

    def _leave(self) -> None:
        """An element made of others ends: say what is missing in it."""
        ended = self._stack[-1]
        element = ended.element
        if not ended.counts.keys() >= element.always or element.either:
            for slot, names in element.needed.items():
                if not any(name in ended.counts for name in names):
                    self._missing(ended, names, ended.late.get(slot) if ended.late else None)
        if self._statements is not None and element.path in HOOKS:
            for wrong in self._statements.close(element.path):
                self._say("balance", _BALANCE_LEVEL, wrong.spot, wrong.name, wrong.name, wrong.message, wrong.hint)
        self._stack.pop()
        self._ended = self._ended or not self._stack

    def _passed(self, around: _Open, slot: int) -> None:
        """Remember where something was passed over; it may still come, out of its order."""
        needed = around.element.needed
        for between in range(around.slot + 1, slot):
            if between in needed and not any(name in around.counts for name in needed[between]):
                assert self._segments is not None
                around.late = around.late or {}
                around.late[between] = (self._segments.position + self._at, self._segments.byte(self._at))

    # --- what is wrong with an element ---

    def _unknown(self, message: str) -> None:
        segments = self._segments
        assert segments is not None
        spot = Spot(self._path(), segments.position + self._at, segments.byte(self._at))
        self._say("segment-unknown", 1, spot, "", "", message, "Leave the element out, or check its name.")

    def _unexpected(self, around: _Open, element: Element, nth: int) -> None:
        name = element.line.name
        self._say(
            "segment-unexpected", 2, self._spot(element, nth), name, name,
            f"{name} stands behind {around.last}; it must stand before it.",
            f"Send what stands in {around.element.line.name} in the order of the schema.",
        )  # fmt: skip

    def _exclusive(self, around: _Open, element: Element, nth: int) -> None:
        name = element.line.name
        others = [key for key in around.counts if key != name and around.children[key].line.slot == element.line.slot]
        self._say(
            "elements-exclusive", 1, self._spot(element, nth), name, name,
            f"{name} stands beside {others[0]} in {around.element.line.name}; they exclude each other.",
            f"Send only one of {others[0]} and {name}.",
        )  # fmt: skip

    def _repeated(self, around: _Open, element: Element, nth: int) -> None:
        line = element.line
        if nth != line.max + 1 and nth % _SAID_AGAIN:
            return
        times = "once" if line.max == 1 else f"{line.max:,} times"
        self._say(
            "segment-repeats", 2, self._spot(element, nth), line.name, line.name,
            f"{line.name} stands in {around.element.line.name} more often than {times}.",
            f"Send {line.name} {times} there.",
        )  # fmt: skip

    def _missing(self, around: _Open, names: tuple[str, ...], seen: tuple[int, int] | None) -> None:
        segments = self._segments
        assert segments is not None
        position, offset = seen or (segments.position + self._at, segments.byte(self._at))
        spot = Spot(self._path(names[0]), position, offset)
        within = f" in {around.element.line.name}"
        if len(names) == 1:
            message, hint = f"{names[0]} is missing{within}; it is required.", f"Send {names[0]}."
        else:
            listed = f"{', '.join(names[:-1])} and {names[-1]}"
            message, hint = f"One of {listed} is required{within}; none is sent.", "Send one of them."
        self._say("element-missing", 2, spot, names[0], names[0], message, hint)

    def _stray(self) -> None:
        if not self._stack:
            return
        name = self._stack[-1].element.line.name
        segments = self._segments
        assert segments is not None
        self._say(
            "element-characters", 1, Spot(self._path(), segments.position + self._at, segments.byte(self._at)),
            name, name, f"Text stands in {name} beside elements.", f"Leave the text between elements of {name} out.",
        )  # fmt: skip

    def _surplus(self, name: str, spot: Spot) -> None:
        self._say(
            "element-surplus", 1, spot, name, "", f"{name} has an attribute that this message does not have there.",
            "Leave the attribute out, or check its name.",
        )  # fmt: skip

    # --- texts ---

    def _keep(self, text: str) -> None:
        if self._length < _HELD_CHARACTERS:
            self._parts.append(resolved(text) if "&" in text else text)
            self._length += len(text)

    def _section(self, text: str) -> None:
        if self._skip:
            return
        if self._text is None:
            if text.strip(BLANKS):
                self._stray()
        elif text and self._length < _HELD_CHARACTERS:
            self._parts.append(text)
            self._length += len(text)

    def _judge_text(self, element: Element) -> None:
        line = element.line
        assert line.value is not None
        text = self._parts[0] if len(self._parts) == 1 else "".join(self._parts)
        if "\r" in text:
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        kind = line.value
        if kind.collapses:
            text = trimmed(text)
        elif not text and self._index is not None and self._at == self._index + 1:
            text = self._blanks(self._index)
        fault: Fault | None = None
        if text or not line.required:
            fault = kind.check(text) if self._whole else None
        elif self._whole:
            fault = Fault("element-missing", "is empty; it is required", f"Send {line.name}.")
        if fault is not None:
            self._wrong_text(element, fault, text)
        if kind.currency or self._tag.attributes:
            self._judge_attributes(element)
        if self._statements is not None and element.path in HOOKS:
            currency = dict(self._tag.attributes).get(_CURRENCY, "")
            spot = self._spot_of_text() if element.path in SPOTTED else None
            self._statements.take(element.path, text if fault is None else "", currency, spot)
        self._text = None

    def _blanks(self, index: int) -> str:
        """Blanks between two tags belong to the first; they may be all of a text."""
        segments = self._segments
        assert segments is not None
        if not self._unit:
            self._unit = 2 if b"\0" in segments.data else 1
        characters = (segments.byte(index + 1) - segments.byte(index)) // self._unit - len(self._texts[index])
        return " " * min(characters, _HELD_CHARACTERS)

    def _judge_attributes(self, element: Element) -> None:
        line = element.line
        assert line.value is not None
        currency = None
        for name, value in self._tag.attributes:
            if name == _CURRENCY and line.value.currency:
                currency = value
            else:
                self._surplus(line.name, self._spot_of_text())
        if not line.value.currency:
            return
        at = f"@{_CURRENCY}"
        if currency is None:
            self._say(
                "element-missing", 2, self._spot_of_text(), line.name, at,
                f"{line.name} has no currency ({_CURRENCY}); it is required.", f'Send {_CURRENCY}="EUR", or its own.',
            )  # fmt: skip
        elif not is_currency(currency):
            self._say(
                "element-characters", 1, self._spot_of_text(), line.name, at,
                f"The currency ({_CURRENCY}) of {line.name} is not three capitals.",
                "Send the code of ISO 4217.", value=currency, quotable=len(currency) <= _CODE_CHARACTERS,
            )  # fmt: skip

    def _wrong_text(self, element: Element, fault: Fault, text: str) -> None:
        kind = element.line.value
        assert kind is not None
        open_code = fault.code == "code-unknown" and kind.open
        self._say(
            fault.code, _OPEN_CODE_LEVEL if open_code else _LEVELS.get(fault.code, 1), self._spot_of_text(),
            element.line.name, element.line.name, f"{element.line.name} {fault.says}.", fault.hint, value=text,
            quotable=kind.quotable and len(text) <= _CODE_CHARACTERS,
        )  # fmt: skip

    # --- where, and saying ---

    def _path(self, *inside: str) -> str:
        opened = [_numbered(one.element.line.name, one.nth) for one in self._stack if one.element.path]
        return "/".join([*opened, *inside])

    def _spot(self, element: Element, nth: int) -> Spot:
        """Where the tag in hand stands."""
        segments = self._segments
        assert segments is not None
        path = self._path(_numbered(element.line.name, nth)) if element.path else ""
        return Spot(path, segments.position + self._at, segments.byte(self._at))

    def _spot_of_text(self) -> Spot:
        """Where the tag stands whose text is in hand, which may have come with another batch."""
        assert self._text is not None
        assert self._segments is not None
        offset = self._offset if self._index is None else self._segments.byte(self._index)
        return Spot(self._path(_numbered(self._text.line.name, self._nth)), self._position, offset)

    def _say(
        self,
        code: str,
        level: int,
        spot: Spot,
        segment: str,
        element: str,
        message: str,
        hint: str,
        *,
        value: str | None = None,
        quotable: bool = False,
    ) -> None:
        place = self._place
        self._out.append(
            Finding(
                code=f"{place.standard}.{code}",
                level=level,
                severity=SEVERITIES[self._levels.get(level, "report")],
                standard=place.standard,
                set=place.set,
                path=spot.path or None,
                segment=segment or None,
                position=spot.position,
                element=element or None,
                offset=spot.offset,
                message=message,
                hint=hint,
            )
        )
        if value is not None and (self._quote == "all" or (self._quote == "codes" and quotable)):
            self._out.append(Quoted(text=value))


_AS_BLANKS = str.maketrans("\t\r\n", "   ")


def _numbered(name: str, nth: int) -> str:
    return f"{name}[{nth}]" if nth > 1 else name
