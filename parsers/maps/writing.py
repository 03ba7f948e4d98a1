"""From a record back to the segments that its map would read it from, in the order of the set's guide.

A field is written once: by the first place in the map that can say all of it and that the guide knows. What no place
can say is left out, never bent: `parsers.rewriting` reads what was written, and names what is not there.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from parsers.guides.model import Guide, Position, SegmentSpec
from parsers.guides.model import Loop as GuideLoop
from parsers.maps.model import Condition, Leaf, Loop, Many, Map, Node, Struct
from parsers.segments import Value

Cell = tuple[int, int]
"""An element and a component of it, from 1; 0 for an element that has none."""

_BEGINNING: Final = -1
_GROUPS_MAX: Final = 10
_DERIVED: Final = frozenset({"valid"})
"""Fields that reading makes by itself."""


class Texts(Protocol):
    """How a standard writes values; its `parsers.<standard>.values` has them beside those that read."""

    def cell(self, reference: str) -> Cell: ...

    def decimal_text(self, value: str, places: int) -> str: ...

    def moment_text(self, value: str) -> tuple[str, str]:
        """A day, and its time of day, "" where it has none."""

    def period_text(self, start: str, end: str | None) -> tuple[str, str]:
        """A period in one element, and the code that says how it is written."""


class Draft:
    """A segment while it is written."""

    def __init__(self, tag: str) -> None:
        self.tag = tag
        self.cells: dict[Cell, str] = {}

    def put(self, cell: Cell, text: str) -> bool:
        """False when something else stands there."""
        return self.cells.setdefault(cell, text) == text

    def values(self) -> list[Value]:
        made: list[Value] = []
        for number in range(1, max((element for element, _ in self.cells), default=0) + 1):
            parts = {component: text for (element, component), text in self.cells.items() if element == number}
            if set(parts) <= {0}:
                made.append(parts.get(0, ""))
            else:
                made.append(tuple(parts.get(nth, "") for nth in range(1, max(parts) + 1)))
        return made


def write(record: Mapping[str, Any], made: Map, texts: Texts, guide: Guide | None) -> list[tuple[str, list[Value]]]:
    """A record as the segments of a set without its envelope: of each the tag and its elements.

    Args:
        record: as JSON has it.
        guide: says in which order segments stand, and which there are; without one the map does.

    Raises:
        ValueError: the map has levels, or makes other records of a set than one.
    """
    root = made.loops[""]
    if made.levels is not None or not root.is_record:
        raise ValueError(f"records of the map {made.id} are not written back: it has levels, or several records a set")
    drafts = _Writing(made, texts).loop(root, dict(record), guide.root if guide else None)
    for draft in drafts:
        for reference, text in made.written.get(draft.tag, {}).items():
            draft.cells.setdefault(texts.cell(reference), text)
    return [(draft.tag, draft.values()) for draft in drafts]


@dataclass(slots=True)
class _Piece:
    order: tuple[int, int]
    drafts: list[Draft] = field(default_factory=list)


class _Writing:
    def __init__(self, made: Map, texts: Texts) -> None:
        self._map = made
        self._texts = texts
        self._done: set[tuple[int, str]] = set()
        self._children: dict[str, list[Loop]] = {name: [] for name in made.loops}
        for loop in made.loops.values():
            for parent in loop.parents or (("",) if loop.name else ()):
                self._children[parent].append(loop)

    # --- loops ---

    def loop(self, loop: Loop, owner: dict[str, Any], place: GuideLoop | None) -> list[Draft]:
        before = set(self._done) if loop.begins else self._done
        pieces = self._own(loop, owner, place)
        for nth, child in enumerate(self._children[loop.name]):
            if child.is_passed_over:
                continue
            index, inner = _within(place, child)
            if place is not None and inner is None:
                continue
            for item in self._objects(child, owner):
                drafts = self.loop(child, item, inner)
                if drafts:
                    pieces.append(_Piece((index, nth), drafts))
        if loop.begins and pieces and not any(piece.order[0] == _BEGINNING for piece in pieces):
            known = [one for one in loop.begins if place is None or _stands(place, one[0])]
            tag, conditions = (known or loop.begins)[0]
            head = Draft(tag)
            if not self._hold(head, conditions) or not (head.cells or tag in self._map.written):
                self._done = before  # Without its first segment there is no loop, and nothing of it is written.
                return []
            pieces.append(_Piece((_BEGINNING, 0), [head]))
        pieces.sort(key=lambda piece: piece.order)
        return [draft for piece in pieces for draft in piece.drafts]

    def _objects(self, loop: Loop, owner: dict[str, Any]) -> list[dict[str, Any]]:
        found: Any = owner
        for name in loop.into:
            found = found.get(name) if isinstance(found, dict) else None
        if found is None:
            return []
        return found if isinstance(found, list) else [found]

    def _own(self, loop: Loop, owner: dict[str, Any], place: GuideLoop | None) -> list[_Piece]:
        """The loop's own segments, those that begin it first."""
        begins = dict(loop.begins)
        made: list[_Piece] = []
        for nth, (tag, nodes) in enumerate(loop.nodes.items()):
            if not tag or (place is not None and not _stands(place, tag)):
                continue
            for draft in self._drafts(tag, nodes, owner, begins.get(tag)):
                order = _BEGINNING if tag in begins else _order(place, draft, nth)
                made.append(_Piece((order, nth), [draft]))
        return made

    # --- segments of one tag ---

    def _drafts(
        self, tag: str, nodes: Sequence[Node], owner: dict[str, Any], begins: tuple[Condition, ...] | None
    ) -> Iterator[Draft]:
        """Args:
        begins: what must hold of the segment that begins the loop, of which there is one; None for all others.
        """
        base, apart = Draft(tag), dict[tuple[Condition, ...], Draft]()
        lists: dict[str, list[Many]] = {}
        one_for_all = begins is not None or any(not isinstance(node, Many) and not node.conditions for node in nodes)
        for node in nodes:
            if isinstance(node, Many):
                lists.setdefault(node.name, []).append(node)
            else:
                self._put(base if one_for_all else apart.setdefault(node.conditions, Draft(tag)), node, owner)
        made = [base]
        for many in lists.values():
            self._list(made, many, owner, is_only=begins is not None)
        for draft in (*made, *apart.values()):
            if draft is base and begins is not None:
                self._hold(draft, begins)
            if draft.cells:
                yield draft

    def _list(self, made: list[Draft], many: Sequence[Many], owner: Any, *, is_only: bool) -> None:
        """Items of a list, into the first of these segments, or into others behind it.

        Args:
            is_only: there can be no other segment.
        """
        items = owner.get(many[0].name) if isinstance(owner, dict) else None
        if not isinstance(items, list) or (id(owner), many[0].name) in self._done:
            return
        shared = any(one.every is not None or (isinstance(one.item, Leaf) and len(many) > 1) for one in many)
        for nth, item in enumerate(items):
            if (id(items), str(nth)) in self._done:
                continue
            drafts = [made[0]] if is_only or (made[0].cells and (shared or not nth)) else []
            if shared:
                drafts += made[1:][-1:]
            done = any(self._join(draft, one, item) for draft in drafts for one in many)
            if not done and not is_only:
                draft = Draft(made[0].tag)
                done = any(self._join(draft, one, item) for one in many)
                if done:
                    made.append(draft)
            if done:
                self._done.add((id(items), str(nth)))
        if all((id(items), str(nth)) in self._done for nth in range(len(items))):
            self._done.add((id(owner), many[0].name))

    def _join(self, draft: Draft, node: Many, item: Any) -> bool:
        """An item into a segment that may have others already; False where it does not fit."""
        trial = Draft(draft.tag)
        if node.every is None:
            trial.cells = dict(draft.cells)
            if not self._whole(trial, node.item, item) or len(trial.cells) == len(draft.cells):
                return False
            draft.cells = trial.cells
            return True
        if not self._whole(trial, node.item, item):
            return False
        first, step = self._texts.cell(node.every[0])[0], node.every[1]
        last = max((element for element, _ in draft.cells if element >= first), default=first - step)
        moved = (last - first) // step * step + step if last >= first else 0
        cells = {
            (element + moved if element >= first else element, component): text
            for (element, component), text in trial.cells.items()
        }
        if moved // step >= _GROUPS_MAX or any(draft.cells.get(cell, text) != text for cell, text in cells.items()):
            return False
        draft.cells |= cells
        return True

    def _put(self, draft: Draft, node: Leaf | Struct, owner: Any) -> None:
        """A field of an object, if it has it and nobody has written it yet."""
        if not isinstance(owner, dict) or owner.get(node.name) is None or (id(owner), node.name) in self._done:
            return
        trial = Draft(draft.tag)
        trial.cells = dict(draft.cells)
        if isinstance(node, Struct):
            inner = owner[node.name]
            if not isinstance(inner, dict):
                return
            for part in node.parts:
                if isinstance(part, Many):
                    self._list([draft], [part], inner, is_only=True)
                else:
                    self._put(draft, part, inner)
            if any((id(inner), part.name) in self._done for part in node.parts):
                self._hold(draft, node.conditions)
            if all((id(inner), name) in self._done for name in inner if name not in _DERIVED):
                self._done.add((id(owner), node.name))
            return
        if self._leaf(trial, node, owner[node.name]) and self._hold(trial, node.conditions):
            draft.cells = trial.cells
            self._done.add((id(owner), node.name))

    # --- values ---

    def _whole(self, draft: Draft, node: Leaf | Struct, item: Any) -> bool:
        """Write all of an item."""
        if isinstance(node, Leaf):
            return self._leaf(draft, node, item) and self._hold(draft, node.conditions)
        if not isinstance(item, dict):
            return False
        parts: dict[str, list[Node]] = {}
        for part in node.parts:
            parts.setdefault(part.name, []).append(part)
        for name, value in item.items():
            if name in _DERIVED:
                continue
            if not any(self._part(draft, part, value) for part in parts.get(name, ())):
                return False
        for part in node.parts:  # A constant that the item does not have would be read into it.
            if isinstance(part, Leaf) and part.constant is not None and part.name not in item:
                return False
        return self._hold(draft, node.conditions)

    def _part(self, draft: Draft, node: Node, value: Any) -> bool:
        before = dict(draft.cells)
        if isinstance(node, Many):
            if not isinstance(value, list) or not isinstance(node.item, Leaf):
                return False
            done = self._leaf(draft, node.item, value[0]) if len(value) == 1 else False
        elif isinstance(node, Struct):
            done = self._whole(draft, node, value)
        else:
            done = self._leaf(draft, node, value) and self._hold(draft, node.conditions)
        if not done:
            draft.cells = before
        return done

    def _leaf(self, draft: Draft, node: Leaf, value: Any) -> bool:
        if node.constant is not None:
            return bool(value == node.constant)
        references = node.references[0]
        if "+" in references[0]:
            return False
        cells = [self._texts.cell(one) for one in references]
        texts = self._text(node, value)
        if texts is None or not draft.put(cells[0], texts[0]):
            return False
        if len(texts) > 1 and texts[1]:
            if node.form is not None:
                return draft.put(self._texts.cell(node.form), texts[1])
            return len(cells) > 1 and draft.put(cells[1], texts[1])
        return True

    def _text(self, node: Leaf, value: Any) -> tuple[str, ...] | None:
        """The text of a value, and behind it what stands in the element beside it; None when it cannot be said."""
        holds = node.field.struct.__name__ if node.field.struct is not None else node.field.holds
        match holds:
            case "text" | "boolean" if node.words is not None:
                prefix = f"{self._map.standard}:"
                code = next((code for code, word in node.words.items() if word == value), None)
                if code is None and isinstance(value, str) and value.startswith(prefix):
                    code = value.removeprefix(prefix)
                return None if code is None else (code,)
            case "decimal":
                return (self._texts.decimal_text(value, node.places),)
            case "Money":
                currency = value.get("currency", "") if len(node.references[0]) > 1 else ""
                return self._texts.decimal_text(value["amount"], node.places), currency
            case "Quantity":
                return self._texts.decimal_text(value["value"], node.places), value.get("unit", "")
            case "day" | "moment" if node.form is None:
                return self._texts.moment_text(value)
            case "day" | "moment":
                return self._texts.period_text(value, None)
            case "Period" | "PersonalPeriod":
                if node.form is None:
                    return self._texts.moment_text(value["start"]) if "end" not in value else None
                return self._texts.period_text(value["start"], value.get("end"))
            case _:
                return (str(value),)

    def _hold(self, draft: Draft, conditions: Sequence[Condition]) -> bool:
        """Make conditions true, where they are not; False when something speaks against them."""
        for one in conditions:
            cell = self._texts.cell(one.reference)
            text = draft.cells.get(cell, "")
            if one.unlike:
                if text in (one.codes or {""}):
                    return False
            elif not text:
                if one.codes:
                    draft.put(cell, min(one.codes))
            elif text not in one.codes:
                return False
        return True


# --- places in a guide ---


def _first_tags(loop: GuideLoop) -> set[str]:
    first = loop.children[0]
    return {spec.tag for spec in first.specs} if isinstance(first, Position) else _first_tags(first)


def _spec(child: Position | GuideLoop) -> Iterator[SegmentSpec]:
    first: Position | GuideLoop = child
    while isinstance(first, GuideLoop):
        first = first.children[0]
    yield from first.specs


def _stands(place: GuideLoop, tag: str) -> bool:
    return any(spec.tag == tag for child in place.children for spec in _spec(child))


def _order(place: GuideLoop | None, draft: Draft, nth: int) -> int:
    """Where in its loop a segment stands; by its first element where the guide tells several apart."""
    if place is None:
        return nth
    code = draft.cells.get((1, 0)) or draft.cells.get((1, 1), "")
    found: list[int] = []
    for index, child in enumerate(place.children):
        for spec in _spec(child):
            if spec.tag == draft.tag:
                found.append(index)
                codes = spec.elements[0].codes if spec.elements else None
                if codes is not None and code in codes:
                    return index
    return found[0]


def _within(place: GuideLoop | None, loop: Loop) -> tuple[int, GuideLoop | None]:
    """The guide's loop that a map's loop is, and where it stands; what is a place to the map may be a segment there."""
    if place is None:
        return 1 << 20, None  # Behind the segments of the loop itself.
    tags = {tag for tag, _ in loop.begins}
    for index, child in enumerate(place.children):
        if isinstance(child, GuideLoop) and any(spec.tag in tags and _agree(spec, loop) for spec in _spec(child)):
            return index, child
    for index, child in enumerate(place.children):
        if isinstance(child, Position) and any(spec.tag in tags for spec in child.specs):
            return index, GuideLoop(id="", order=child.order, children=place.children[index:])
    return 0, None


def _agree(spec: SegmentSpec, loop: Loop) -> bool:
    """Codes that the map asks for are among those that the guide has in the first element."""
    codes = spec.elements[0].codes if spec.elements else None
    for tag, conditions in loop.begins:
        asked = [one.codes for one in conditions if one.reference.endswith("01")]
        if tag == spec.tag and (codes is None or not asked or asked[0] & codes):
            return True
    return False
