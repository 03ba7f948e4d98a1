"""Guide files: TOML with a table of segments and an indented order, read into the model; see `docs/guides.md`.

A dictionary is a file of segments and code lists that several guides have in common; it has no order of its own.

A file that cannot be read raises GuideError, which says in which file, where, and what to write instead.
"""

import hashlib
import re
import tomllib
from functools import cache
from typing import Annotated, Any, TypeVar

import msgspec

from parsers.guides.files import DICTIONARY, FOLDERS, dictionaries, texts
from parsers.guides.model import (
    UNBOUNDED,
    Balance,
    Check,
    ElementSpec,
    Guide,
    Loop,
    Position,
    SegmentSpec,
    Situation,
)
from parsers.guides.patterns import numbers


class GuideError(ValueError):
    """A guide or overlay file says something that cannot be understood. The message has the place and the way out."""


class _Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    order: str


class _Segment(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    elements: list[Any] | None = None
    notes: list[str] = []
    label: str = ""
    format: str = ""
    source: str = ""


class Rules(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What guides and overlays have in common."""

    sources: dict[str, str] = {}
    balance: tuple[Balance, ...] = ()
    check: tuple[Check, ...] = ()
    situation: tuple[Situation, ...] = ()


class _Dictionary(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    sources: dict[str, str] = {}
    codes: dict[str, list[str]] = {}
    segments: dict[str, _Segment] = {}


class _Guide(Rules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    standard: str
    set: str = ""
    sets: list[str] = []
    versions: Annotated[list[str], msgspec.Meta(min_length=1)]
    title: str
    unchecked: list[str] = []
    dictionary: str = ""
    codes: dict[str, list[str]] = {}
    structure: _Order
    segments: dict[str, _Segment] = {}


_File = TypeVar("_File")


def read_toml(text: str, name: str, kind: type[_File]) -> _File:
    """A file as a struct.

    Raises:
        GuideError: it is no TOML, or not made like that.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise GuideError(f"{name}: not TOML: {error}") from None
    for check in data.get("check", ()) if isinstance(data.get("check"), list) else ():
        if isinstance(check, dict) and isinstance(check.get("at"), str):
            check["at"] = [check["at"]]  # The short form.
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        what, _, place = str(error).partition(" - at ")
        raise GuideError(f"{name}: {place.strip('`').removeprefix('$.') + ': ' if place else ''}{what}") from None


_ELEMENT = re.compile(
    r"(?P<usage>[RSN])?"
    r"(?:\s+(?!x[\d*])(?P<type>[A-Za-z][A-Za-z0-9]*))?"
    r"(?P<length>(?:\.\.\d+)|(?:\s+\d+/(?:\d+|\*)))?"
    r"(?P<rest>.*)"
)
_SHORT_LENGTH = re.compile(r"(an|a|n)(\d+)")
_LINE = re.compile(r"(?P<indent> *)(?P<same>\+)?(?P<rest>\S.*)")
_DASH = ElementSpec(usage="N")


class _Reader:
    """One file; what it does not define it takes from its dictionary."""

    def __init__(self, data: _Guide | _Dictionary, text: str, name: str) -> None:
        self._name = name
        self._segments = data.segments
        self._codes = {key.rstrip("?"): (frozenset(codes), key.endswith("?")) for key, codes in data.codes.items()}
        self._made: dict[str, SegmentSpec] = {}
        self._dictionary = self._asked_for(data) if isinstance(data, _Guide) and data.dictionary else None
        below = self._dictionary
        self.sources: dict[str, str] = {**(below.sources if below else {}), **data.sources}
        self.hash: str = hashlib.sha256(text.encode() + (below.hash.encode() if below else b"")).hexdigest()

    def _asked_for(self, data: _Guide) -> "_Reader":
        text = texts(data.standard).get(data.dictionary + DICTIONARY)
        if text is None:
            known = ", ".join(dictionaries(data.standard)) or "none"
            raise self.error("dictionary", f"there is no `{data.dictionary}` for {data.standard}; there is {known}")
        return _dictionary(text, data.dictionary + DICTIONARY)

    def error(self, place: str, advice: str) -> GuideError:
        return GuideError(f"{self._name}: {place}: {advice}")

    # --- elements ---

    def codes(self, name: str, place: str) -> tuple[frozenset[str], bool]:
        if name.startswith("[") and name.endswith("]"):
            return frozenset(code.strip() for code in name[1:-1].split(",")), False
        open_list = name.endswith("?")
        if name.rstrip("?") not in self._codes:
            raise self.error(place, f"the code list `{name}` is not among [codes]")
        codes, declared_open = self._codes[name.rstrip("?")]
        return codes, open_list or declared_open

    def element(self, row: Any, place: str) -> ElementSpec:
        if isinstance(row, list):
            if not row or not all(isinstance(part, str) for part in row):
                raise self.error(place, 'a composite is a list of texts: ["R", "R AN 1/48"]')
            own = self._element(row[0], place)
            parts = tuple(self._element(part, f"{place}-{nth}") for nth, part in enumerate(row[1:], 1))
            return msgspec.structs.replace(own, components=parts, type="")
        if not isinstance(row, str):
            raise self.error(place, 'an element is a text: "R AN 1/22 : order number"')
        return self._element(row, place)

    def _element(self, text: str, place: str) -> ElementSpec:
        text, _, label = text.partition(" : ")
        text = text.strip()
        if text == "-":
            return _DASH
        found = _ELEMENT.fullmatch(text)
        if found is None or found["usage"] is None:
            raise self.error(place, f"`{text}` does not begin with R, S or N")
        kind, length = found["type"] or "", (found["length"] or "").strip()
        low, high = 0, UNBOUNDED
        short = _SHORT_LENGTH.fullmatch(kind)
        if short:
            kind, low, high = short[1], int(short[2]), int(short[2])
        elif length.startswith(".."):
            low, high = 1, int(length[2:])
        elif length:
            first, _, last = length.partition("/")
            low, high = int(first), UNBOUNDED if last == "*" else int(last)
        if low > high:
            raise self.error(place, f"`{text}`: the smallest length is above the largest")
        made: dict[str, Any] = {}
        for word in re.findall(r"@\[[^\]]*\]|\S+", found["rest"]):
            if word.startswith("@"):
                made["codes"], made["open"] = self.codes(word[1:], place)
            elif re.fullmatch(r"x(\d+|\*)", word):
                made["repeat"] = UNBOUNDED if word == "x*" else int(word[1:])
            else:
                raise self.error(place, f"`{word}` is not understood; write @codes, x3 or ` : label`")
        return ElementSpec(usage=found["usage"], type=kind, min=low, max=high, label=label.strip(), **made)  # type: ignore[arg-type]  # The pattern lets nothing else through.

    def segment(self, key: str) -> SegmentSpec:
        if key not in self._made:
            self._made[key] = self._segment(key)
        return self._made[key]

    def _segment(self, key: str) -> SegmentSpec:
        tag = key.partition(":")[0]
        table = self._segments.get(key, self._segments.get(tag))
        if table is None:
            return self._dictionary.segment(key) if self._dictionary else SegmentSpec(tag=tag, defined=False)
        place = f"segments.{key}"
        elements = tuple(
            self.element(row, f"{place}, element {nth}") for nth, row in enumerate(table.elements or (), 1)
        )
        for note in table.notes:
            if not re.fullmatch(r"[PRECL](\d\d){2,}", note):
                raise self.error(place, f'the note `{note}` is none: write a letter of P R E C L and elements, "P0304"')
            if any(not 1 <= number <= len(elements) for number in numbers(note)):
                raise self.error(place, f"the note `{note}` speaks of an element that is not among its {len(elements)}")
        return SegmentSpec(
            tag=tag,
            elements=elements,
            notes=tuple(table.notes),
            label=table.label,
            format=table.format,
            defined=table.elements is not None or bool(table.format),
        )

    # --- the order ---

    def structure(self, root_id: str, order: str) -> Loop:
        lines = []
        for number, raw in enumerate(order.splitlines(), 1):
            line = raw.split("#", 1)[0].rstrip()
            if line:
                found = _LINE.fullmatch(line)
                assert found is not None
                if len(found["indent"]) % 2:
                    raise self.error(f"structure.order, line {number}", "indent by two blanks a level")
                lines.append((number, len(found["indent"]) // 2, bool(found["same"]), found["rest"]))
        if not lines:
            raise self.error("structure.order", "is empty")
        children, rest = self._children(lines, 0)
        if rest:
            raise self.error(f"structure.order, line {rest[0][0]}", "is indented deeper than a loop above it")
        return Loop(id=root_id, order=0, usage="R", max=1, children=children)

    def _children(
        self, lines: list[tuple[int, int, bool, str]], depth: int
    ) -> tuple[tuple[Position | Loop, ...], list[tuple[int, int, bool, str]]]:
        made: list[Position | Loop] = []
        order = 0
        while lines and lines[0][1] == depth:
            number, _, same, text = lines.pop(0)
            place = f"structure.order, line {number}"
            order += not same
            text, _, label = text.partition(" : ")
            words = text.split()
            is_loop = words[0] == "loop"
            words = words[is_loop:]
            if len(words) != 3 or words[1] not in {"R", "S", "N"} or not re.fullmatch(r"\d+|\*", words[2]):
                raise self.error(place, "expected `TAG USE MAX` or `loop ID USE MAX`: `REF S 12`, `loop N1 S *`")
            name, usage, most = words[0], words[1], UNBOUNDED if words[2] == "*" else int(words[2])
            if is_loop:
                children, lines = self._children(lines, depth + 1)
                if not children:
                    raise self.error(place, "a loop has lines below it, indented by two blanks more")
                made.append(
                    Loop(id=name, order=order, usage=usage, max=most, children=children, label=label.strip())  # type: ignore[arg-type]  # Looked at above.
                )
            else:
                specs = tuple(self.segment(key) for key in name.split("|"))
                if label:
                    specs = tuple(msgspec.structs.replace(spec, label=label.strip()) for spec in specs)
                made.append(Position(order=order, usage=usage, max=most, specs=specs))  # type: ignore[arg-type]  # Looked at above.
        return tuple(made), lines


@cache
def _dictionary(text: str, name: str) -> _Reader:
    return _Reader(read_toml(text, name, _Dictionary), text, name)


def read_guide(text: str, name: str) -> Guide:
    """Read a guide file.

    Args:
        name: of the file, for errors.

    Raises:
        GuideError: it is not as `docs/guides.md` says.
    """
    data = read_toml(text, name, _Guide)
    reader = _Reader(data, text, name)
    sets = data.sets or ([data.set] if data.set else [])
    if not sets:
        raise reader.error("set", "is missing: the set that it is for, as sent")
    if data.standard not in FOLDERS:
        raise reader.error("standard", f"there is no `{data.standard}`; write {', '.join(FOLDERS)}")
    return Guide(
        id=data.id,
        standard=data.standard,
        sets=tuple(sets),
        versions=tuple(data.versions),
        title=data.title,
        root=reader.structure(sets[0], data.structure.order),
        sources=reader.sources,
        unchecked=tuple(data.unchecked),
        balances=data.balance,
        checks=data.check,
        situations=data.situation,
        hash=reader.hash,
    )
