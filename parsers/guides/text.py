"""Guide files: TOML with a table of segments and an indented order, read into the model; see `docs/guides.md`.

A file that cannot be read raises GuideError, which says in which file, where, and what to write instead.
"""

import hashlib
import re
import tomllib
from collections.abc import Mapping
from typing import Any

import msgspec

from parsers.guides.model import (
    UNBOUNDED,
    Balance,
    Check,
    ElementSpec,
    Guide,
    Loop,
    Position,
    Rule,
    SegmentSpec,
    Situation,
)


class GuideError(ValueError):
    """A guide or overlay file says something that cannot be understood. The message has the place and the way out."""


_KEYS = frozenset(
    {"id", "standard", "set", "sets", "versions", "title", "unchecked", "sources", "codes", "structure", "segments"}
    | {"balance", "check", "situation"}
)
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
    """One file."""

    def __init__(self, text: str, name: str) -> None:
        self._name = name
        try:
            self.data: dict[str, Any] = tomllib.loads(text)
        except tomllib.TOMLDecodeError as error:
            raise GuideError(f"{name}: not TOML: {error}") from None
        self._codes: dict[str, tuple[frozenset[str], bool]] = {}
        for key, codes in self.data.get("codes", {}).items():
            if not isinstance(codes, list) or not all(isinstance(code, str) for code in codes):
                raise self.error(f"codes.{key}", 'write a list of texts: ["00", "01"]')
            self._codes[key.rstrip("?")] = (frozenset(codes), key.endswith("?"))

    def error(self, place: str, advice: str) -> GuideError:
        return GuideError(f"{self._name}: {place}: {advice}")

    def text(self, table: Mapping[str, Any], key: str, place: str = "") -> str:
        value = table.get(key)
        if not isinstance(value, str) or not value:
            raise self.error(f"{place}{key}", "is missing, or no text")
        return value

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
            elif word.startswith("#"):
                made["number"] = word[1:]
            elif word == "!quotable":
                made["quotable"] = True
            else:
                raise self.error(place, f"`{word}` is not understood; write @codes, x3, #67, !quotable or ` : label`")
        return ElementSpec(usage=found["usage"], type=kind, min=low, max=high, label=label.strip(), **made)  # type: ignore[arg-type]  # The pattern lets nothing else through.

    def segment(self, key: str) -> SegmentSpec:
        tag = key.partition(":")[0]
        tables: dict[str, Any] = self.data.get("segments", {})
        table = tables.get(key, tables.get(tag))
        if table is None:
            return SegmentSpec(tag=tag, defined=False)
        place = f"segments.{key}"
        if not isinstance(table, dict):
            raise self.error(place, "is no table")
        unknown = table.keys() - {"elements", "notes", "label", "format", "source"}
        if unknown:
            raise self.error(place, f"does not know `{min(unknown)}`")
        return SegmentSpec(
            tag=tag,
            elements=tuple(
                self.element(row, f"{place}, element {nth}") for nth, row in enumerate(table.get("elements", ()), 1)
            ),
            notes=self._notes(table.get("notes", ()), place),
            label=table.get("label", ""),
            format=table.get("format", ""),
            defined="elements" in table or "format" in table,
        )

    def _notes(self, notes: Any, place: str) -> tuple[str, ...]:
        for note in notes:
            if not re.fullmatch(r"[PRECL](\d\d){2,}", note):
                raise self.error(place, f'the note `{note}` is none: write a letter of P R E C L and elements, "P0304"')
        return tuple(notes)

    # --- the order ---

    def structure(self, root_id: str) -> Loop:
        table = self.data.get("structure")
        if not isinstance(table, dict) or not isinstance(table.get("order"), str):
            raise self.error("structure.order", "is missing: the segments in their order, one a line")
        lines = []
        for number, raw in enumerate(table["order"].splitlines(), 1):
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


def read_rules(data: Mapping[str, Any], name: str) -> list[Rule]:
    """The rules in a file's tables `balance`, `check` and `situation`.

    Raises:
        GuideError: one is not as `docs/guides.md` says.
    """
    made: list[Rule] = []
    kinds: dict[str, type[Rule]] = {"balance": Balance, "check": Check, "situation": Situation}
    for kind, struct in kinds.items():
        for nth, table in enumerate(data.get(kind, ()), 1):
            if kind == "check" and isinstance(table.get("at"), str):
                table = {**table, "at": [table["at"]]}  # noqa: PLW2901  The short form.
            unknown = table.keys() - set(struct.__struct_fields__)
            if unknown:
                raise GuideError(f"{name}: {kind} {nth}: does not know `{min(unknown)}`")
            try:
                made.append(msgspec.convert(table, struct))
            except msgspec.ValidationError as error:
                raise GuideError(f"{name}: {kind} {nth}: {error}") from None
    return made


def read_guide(text: str, name: str) -> Guide:
    """Read a guide file.

    Args:
        name: of the file, for errors.

    Raises:
        GuideError: it is not as `docs/guides.md` says.
    """
    reader = _Reader(text, name)
    data = reader.data
    unknown = data.keys() - _KEYS
    if unknown:
        raise reader.error(min(unknown), "is no key of a guide")
    sets = data.get("sets") or [reader.text(data, "set")]
    versions = data.get("versions")
    if not isinstance(versions, list) or not versions:
        raise reader.error("versions", 'is missing: the versions that it is for, as sent: ["004010*"]')
    rules = read_rules(data, name)
    return Guide(
        id=reader.text(data, "id"),
        standard=reader.text(data, "standard"),
        sets=tuple(sets),
        versions=tuple(versions),
        title=reader.text(data, "title"),
        root=reader.structure(sets[0]),
        sources=dict(data.get("sources", {})),
        unchecked=tuple(data.get("unchecked", ())),
        balances=tuple(rule for rule in rules if isinstance(rule, Balance)),
        checks=tuple(rule for rule in rules if isinstance(rule, Check)),
        situations=tuple(rule for rule in rules if isinstance(rule, Situation)),
        hash=hashlib.sha256(text.encode()).hexdigest(),
    )
