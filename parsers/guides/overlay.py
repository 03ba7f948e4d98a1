"""Overlays: what one partner asks for beyond a guide, or lets pass, as a file of changes. `docs/guides.md` shows one.

It names the guide that it `extends`, and in each `[[change]]` a place and what is different there.
"""

import hashlib
import tomllib
from collections.abc import Sequence
from typing import Any

import msgspec
from msgspec.structs import replace

from parsers.guides.model import (
    Balance,
    Check,
    ElementSpec,
    Guide,
    Loop,
    Position,
    Rule,
    SegmentSpec,
    Situation,
    Usage,
)
from parsers.guides.text import GuideError, Rules, read_toml


class Change(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One place of a guide, and what is different there.

    Attributes:
        at: loops, a segment, and an element: "2010AA", "2300/REF=G1", "2010AA/N4/03", "2300/CLM/05-3".
        max: how often a loop, a segment or an element may stand.
        length: of an element: "9/9", "1/30".
        codes: these and no others. add_codes, remove_codes: besides those, and without those that the guide has.
    """

    at: str
    use: Usage | None = None
    max: int | None = None
    length: str | None = None
    codes: tuple[str, ...] | None = None
    add_codes: tuple[str, ...] = ()
    remove_codes: tuple[str, ...] = ()
    label: str | None = None
    source: str = ""


class Overlay(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes:
    id: its own name: "acme-837p". version: of it.
    hash: of its text.
    """

    id: str
    extends: str
    version: str
    name: str
    changes: tuple[Change, ...]
    rules: tuple[Rule, ...]
    sources: dict[str, str]
    hash: str


class _File(Rules, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str
    extends: str
    version: str | int | float = "1"
    title: str = ""
    change: tuple[Change, ...] = ()


def read_overlay(text: str, name: str) -> Overlay:
    """Read an overlay file.

    Args:
        name: of the file, for errors.

    Raises:
        GuideError: it is not as `docs/guides.md` says.
    """
    data = read_toml(text, name, _File)
    return Overlay(
        id=data.id,
        extends=data.extends,
        version=str(data.version),
        name=name,
        changes=data.change,
        rules=(*data.balance, *data.check, *data.situation),
        sources=data.sources,
        hash=hashlib.sha256(text.encode()).hexdigest(),
    )


def is_overlay(text: str) -> bool:
    """Whether a file is an overlay, and no guide of its own."""
    try:
        return "extends" in tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return False


def lay_over(guide: Guide, overlay: Overlay, *, keeps_id: bool = False) -> Guide:
    """The guide with an overlay's changes and rules.

    Raises:
        GuideError: the guide has no such place.
    """
    root = guide.root
    for change in overlay.changes:
        root = _Changed(change, overlay.name, guide.id).loop(root)
    rules = overlay.rules
    return replace(
        guide,
        id=guide.id if keeps_id else f"{guide.id}+{overlay.id}@{overlay.version}",
        root=root,
        balances=(*guide.balances, *(rule for rule in rules if isinstance(rule, Balance))),
        checks=(*guide.checks, *(rule for rule in rules if isinstance(rule, Check))),
        situations=(*guide.situations, *(rule for rule in rules if isinstance(rule, Situation))),
        sources={**guide.sources, **overlay.sources},
        hash=hashlib.sha256(f"{guide.hash} {overlay.hash}".encode()).hexdigest(),
    )


class _Changed:
    """Makes one change in a tree that cannot be changed: by building it anew along the way."""

    def __init__(self, change: Change, name: str, guide: str) -> None:
        self._change = change
        self._place = f"{name}: change at `{change.at}`"
        self._guide = guide
        self._done = 0

    def loop(self, root: Loop) -> Loop:
        parts = self._change.at.split("/")
        made = self._in_loop(root, parts, anchored=False)
        if not self._done:
            raise GuideError(f"{self._place}: {self._guide} has no such place; loops, segment, element: 2300/REF=G1/02")
        return made

    def _in_loop(self, loop: Loop, parts: Sequence[str], *, anchored: bool) -> Loop:
        """A path may begin at any loop; from there on, each name is that of a child."""
        children: list[Position | Loop] = []
        for child in loop.children:
            if isinstance(child, Loop):
                if child.id == parts[0] and len(parts) == 1:
                    self._done += 1
                    children.append(self._apply_to_node(child))
                    continue
                if child.id == parts[0]:
                    children.append(self._in_loop(child, parts[1:], anchored=True))
                else:
                    children.append(child if anchored else self._in_loop(child, parts, anchored=False))
            elif self._is_here(child, parts):
                self._done += 1
                children.append(self._position(child, parts[1:]))
            else:
                children.append(child)
        return replace(loop, children=tuple(children))

    def _is_here(self, position: Position, parts: Sequence[str]) -> bool:
        tag, _, code = parts[0].partition("=")
        if len(parts) > 2 or not any(spec.tag == tag for spec in position.specs):
            return False
        return not code or any(code in (_first_codes(spec) or ()) for spec in position.specs)

    def _position(self, position: Position, rest: Sequence[str]) -> Position:
        if not rest:
            changed: Position = self._apply_to_node(position)
            return changed
        element, _, part = rest[0].partition("-")
        if not element.isdigit() or (part and not part.isdigit()):
            raise GuideError(f"{self._place}: an element is a number: 03, or 05-3 for a component")
        specs = tuple(self._segment(spec, int(element), int(part or 0)) for spec in position.specs)
        return replace(position, specs=specs)

    def _segment(self, spec: SegmentSpec, element: int, part: int) -> SegmentSpec:
        if not 1 <= element <= len(spec.elements):
            raise GuideError(f"{self._place}: {spec.tag} has {len(spec.elements)} elements in {self._guide}")
        old = spec.elements[element - 1]
        if part:
            if not 1 <= part <= len(old.components):
                raise GuideError(f"{self._place}: that element has {len(old.components)} components")
            new = replace(old, components=_put(old.components, part - 1, self._apply(old.components[part - 1])))
        else:
            new = self._apply(old)
        return replace(spec, elements=_put(spec.elements, element - 1, new))

    def _apply_to_node(self, node: Any) -> Any:
        change = self._change
        if change.length or change.codes is not None or change.add_codes or change.remove_codes:
            raise GuideError(f"{self._place}: lengths and codes are of elements: add /03 to the place")
        changed: dict[str, Any] = {}
        if change.use:
            changed["usage"] = change.use
        if change.max is not None:
            changed["max"] = change.max
        return replace(node, **changed)

    def _apply(self, spec: ElementSpec) -> ElementSpec:
        change = self._change
        changed: dict[str, Any] = {}
        if change.use:
            changed["usage"] = change.use
        if change.max is not None:
            changed["repeat"] = change.max
        if change.length:
            low, _, high = change.length.partition("/")
            if not low.isdigit() or not (high or low).isdigit():
                raise GuideError(f'{self._place}: write a length as "9/9" or "1/30"')
            changed |= {"min": int(low), "max": int(high or low)}
        codes = frozenset(change.codes) if change.codes is not None else spec.codes
        if change.add_codes or change.remove_codes:
            codes = (codes or frozenset()) | set(change.add_codes)
            codes -= set(change.remove_codes)
        if codes != spec.codes:
            changed |= {"codes": codes, "open": False if change.codes is not None else spec.open}
        if change.label:
            changed["label"] = change.label
        return replace(spec, **changed)


def _put(parts: tuple[ElementSpec, ...], index: int, part: ElementSpec) -> tuple[ElementSpec, ...]:
    return (*parts[:index], part, *parts[index + 1 :])


def _first_codes(spec: SegmentSpec) -> frozenset[str] | None:
    if not spec.elements:
        return None
    first = spec.elements[2] if spec.tag == "HL" and len(spec.elements) > 2 else spec.elements[0]
    return first.components[0].codes if first.components else first.codes
