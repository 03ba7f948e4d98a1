"""Guides of messages that are trees: which elements stand in which, in which order, how often, and what is in them.

A file tells one message in all of its versions. An element is a line of the part that it stands in:

    NAME USE MAX WHAT [VERSIONS]        DbtrAgt R 1 {agent}        BIC S 1 ~bic -03

USE is R (required) or S (may stand), MAX a number or `*`. WHAT is another part in braces, a type (`parsers.iso20022.
values`), or `open`: what stands in it is not looked at. VERSIONS are the last two digits: `-03`, `04-08`, `09-`.
A line that begins with `|` is an alternative to the line above: one of them stands.
"""

import hashlib
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import msgspec

from parsers.guides.text import GuideError
from parsers.iso20022.values import Value, value

_LINE = re.compile(
    r"(?P<other>\| *)?(?P<name>\w+) (?P<use>[RS]) (?P<max>\d+|\*) (?P<what>.+?)"
    r"(?: (?P<since>\d\d)?(?P<dash>-)(?P<until>\d\d)?)?",
    re.ASCII,
)
_KEYS = frozenset({"set", "versions", "title", "rules", "unchecked", "sources", "codes", "patterns", "parts"})
UNBOUNDED = 1 << 62
DOCUMENT = "Document"


class Line(NamedTuple):
    """One element of a part.

    Attributes:
        slot: its place in the order, from 0; alternatives have the same.
        part: what it is made of; None when it is a text, or open.
        value: what its text may be; None when it is made of parts, or open.
    """

    name: str
    slot: int
    required: bool
    max: int
    part: str | None
    value: Value | None


class Guide(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a message.

    Attributes:
        id: "iso20022/pain.001.001.09".
        hash: of the file that it was read from.
        parts: what stands in each, in order.
        rules: names of what else is looked at: "statement-balance".
    """

    id: str
    set: str
    version: str
    title: str
    hash: str
    standard: str = "iso20022"
    sources: Mapping[str, str] = {}
    unchecked: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    parts: Mapping[str, tuple[Line, ...]] = {}

    @property
    def sets(self) -> tuple[str, ...]:
        return (self.set,)

    @property
    def versions(self) -> tuple[str, ...]:
        return (self.version,)


class Element:
    """An element in its place, which what stands in it is looked up from. Made when it is first met.

    Attributes:
        path: the way in from Document, without ordinals.
        needed: for each of its required places, the names that fill it.
        always: the names of those that nothing else can fill.
        either: in another of them, one of several must stand.
    """

    __slots__ = ("_children", "_guide", "always", "either", "line", "needed", "path")

    def __init__(self, guide: Guide, line: Line, path: str) -> None:
        self._guide = guide
        self._children: dict[str, Element] | None = None
        self.line = line
        self.path = path
        self.needed: dict[int, tuple[str, ...]] = {}
        self.always: frozenset[str] = frozenset()
        self.either = False

    @property
    def children(self) -> "dict[str, Element]":
        """By name. Empty for one that is open, or a text."""
        if self._children is None:
            lines = self._guide.parts[self.line.part] if self.line.part else ()
            inside = f"{self.path}/" if self.path else ""
            self._children = {line.name: Element(self._guide, line, f"{inside}{line.name}") for line in lines}
            for slot in {line.slot: None for line in lines}:
                there = [line for line in lines if line.slot == slot]
                if all(line.required for line in there):
                    self.needed[slot] = tuple(line.name for line in there)
            self.always = frozenset(names[0] for names in self.needed.values() if len(names) == 1)
            self.either = len(self.always) < len(self.needed)
        return self._children


_trees: dict[tuple[str, str], Element] = {}


def tree(guide: Guide) -> Element:
    """The Document of a guide, made once."""
    key = (guide.id, guide.hash)
    if key not in _trees:
        _trees[key] = _document(guide)
    return _trees[key]


def _document(guide: Guide) -> Element:
    return Element(guide, Line(DOCUMENT, 0, required=True, max=1, part=DOCUMENT, value=None), "")


def guide_for(set: str, version: str) -> Guide | None:  # noqa: A002  The field's word.
    """The guide for a message of this version, as its namespace says it; None when there is none.

    Args:
        set: "pain.001". version: "pain.001.001.09".
    """
    guide = _shelf().get(version)
    return guide if guide is not None and guide.set == set else None


def by_id(guide_id: str) -> Guide | None:
    """A guide by its id: "iso20022/pain.001.001.09"."""
    return next((guide for guide in _shelf().values() if guide.id == guide_id), None)


def preload() -> None:
    """Read all guides into memory."""
    _shelf()


@cache
def _shelf() -> Mapping[str, Guide]:
    folder = files("parsers.iso20022").joinpath("guides")
    texts = {one.name: one.read_text(encoding="utf-8") for one in folder.iterdir() if one.name.endswith(".toml")}
    return {guide.version: guide for name, text in sorted(texts.items()) for guide in read_guides(text, name)}


def read_guides(text: str, name: str) -> Iterator[Guide]:
    """Each version that a guide file tells.

    Args:
        name: of the file, for errors.

    Raises:
        GuideError: it is not as the module's text says.
    """
    try:
        data: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise GuideError(f"{name}: not TOML: {error}") from None
    if unknown := data.keys() - _KEYS:
        raise GuideError(f"{name}: {min(unknown)}: is no key of a guide")
    if missing := {"set", "versions", "title", "parts"} - data.keys():
        raise GuideError(f"{name}: {min(missing)}: is missing")
    known = _Values(data.get("codes", {}), data.get("patterns", {}))
    digest = hashlib.sha256(text.encode()).hexdigest()
    for version in data["versions"]:
        parts = {
            part: tuple(_lines(lines, int(version), known, f"{name}: parts.{part}"))
            for part, lines in data["parts"].items()
        }
        for part, lines in parts.items():
            for line in lines:
                if line.part is not None and line.part not in parts:
                    raise GuideError(f"{name}: parts.{part}, {line.name}: there is no part `{line.part}`")
        if DOCUMENT not in parts:
            raise GuideError(f"{name}: parts.{DOCUMENT}: is missing")
        full = f"{data['set']}.001.{version}"
        yield Guide(
            id=f"iso20022/{full}",
            set=data["set"],
            version=full,
            title=data["title"],
            hash=digest,
            sources=data.get("sources", {}),
            unchecked=tuple(data.get("unchecked", ())),
            rules=tuple(data.get("rules", ())),
            parts=parts,
        )


class _Values(dict[str, Value]):
    """What texts may be, by how the file says it: made once."""

    def __init__(self, codes: Mapping[str, list[str]], patterns: Mapping[str, str]) -> None:
        self._codes = {key: tuple(listed) for key, listed in codes.items()}
        self._patterns = patterns

    def __missing__(self, what: str) -> Value:
        self[what] = made = value(what, self._codes, self._patterns)
        return made


def _lines(text: str, version: int, known: _Values, place: str) -> Iterator[Line]:
    """The lines of a part that are for one version."""
    slot, taken = -1, False
    for number, raw in enumerate(text.splitlines(), 1):
        if not raw.strip():
            continue
        found = _LINE.fullmatch(raw.strip())
        if found is None:
            raise GuideError(f"{place}, line {number}: expected `NAME USE MAX WHAT [VERSIONS]`: `Nm S 1 text 1/140`")
        if not found["other"]:
            taken = False  # The next that is for this version has a place of its own.
        if not int(found["since"] or 0) <= version <= int(found["until"] or 99):
            continue
        slot += not taken
        taken = True
        what = found["what"]
        part = what[1:-1] if what.startswith("{") and what.endswith("}") else None
        try:
            kind = None if part is not None or what == "open" else known[what]
        except (ValueError, re.error) as error:
            raise GuideError(f"{place}, line {number}: {error}") from None
        most = UNBOUNDED if found["max"] == "*" else int(found["max"])
        yield Line(found["name"], slot, found["use"] == "R", most, part, kind)
