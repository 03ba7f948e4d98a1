"""From a record back to the segments that its map would read it from, in the order of the set's guide.

A field is written once: by the first place in the map that can say all of it and that the guide knows. What no place
can say is left out, never bent: `parsers.rewriting` reads what was written, and names what is not there.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from parsers.canonical.fields import fields_of
from parsers.guides.model import UNBOUNDED, ElementSpec, Guide, Position
from parsers.guides.model import Loop as GuideLoop
from parsers.maps import levels
from parsers.maps.drafts import Draft
from parsers.maps.language import NOTATIONS
from parsers.maps.model import Condition, Leaf, Loop, Many, Map, Node, Struct
from parsers.maps.places import REST, all_specs, opened, order_of, room_for, stands, within
from parsers.maps.values import Cell, negated

COUNTED: Final = "#"
"""What `written` says of an element that counts segments of its tag."""

_BEGINNING: Final = -1
_GROUPS_MAX: Final = 10
_ITSELF: Final = ""
DERIVED: Final = ("valid",)
"""Fields that reading makes by itself."""


class Texts(Protocol):
    """How a standard writes values; its `parsers.<standard>.values` has them beside those that read.

    What a standard has no way to write is None. `deleted` is as in `parsers.maps.values.Values`.
    """

    deleted: str

    def cell(self, reference: str) -> Cell: ...

    def agrees(self, tag: str, cells: Mapping[Cell, str]) -> bool:
        """Whether a segment can have all of these; where nothing speaks against it, it can."""

    def decimal_text(self, value: str, places: int) -> str | None: ...

    def moment_text(self, value: str) -> tuple[str, str]:
        """A day, and its time of day, "" where it has none."""

    def period_text(self, start: str, end: str | None) -> tuple[str, str] | None:
        """A period in one element, and the code that says how it is written."""


def write(
    record: dict[str, Any], made: Map, texts: Texts, guide: Guide | None, *, lenient: bool = False
) -> list[Draft]:
    """A record as the segments of a set without its envelope.

    Args:
        record: as JSON has it, no object of it in two places.
        guide: says in which order segments stand, and which there are; without one the map does.
        lenient: segments of which the guide does not know may stand in a record, since receivers ignore them.

    Raises:
        ValueError: the map makes records of levels.
    """
    root = made.loops[""]
    if not root.is_record and made.levels is not None:
        raise ValueError(f"records of the map {made.id} are not written back: it makes several of a set")
    writing = _Writing(record, made, texts, guide, lenient=lenient)
    drafts = writing.loop(root, record, guide.root if guide else None, invents=True)
    counts = Counter[str]()
    for draft in drafts:
        writing.fill(draft)
        counts[draft.tag] += 1
        for cell, text in draft.cells.items():
            if text == COUNTED and COUNTED in made.written.get(draft.tag, {}).values():
                draft.cells[cell] = str(counts[draft.tag])
    return drafts


@dataclass(slots=True)
class _Piece:
    order: tuple[int, int, int]
    drafts: list[Draft] = field(default_factory=list)


class _Done:
    """What has been written: fields by their object, items by their list. May be taken back."""

    def __init__(self) -> None:
        self._known: set[tuple[int, str]] = set()
        self._journal: list[tuple[int, str]] = []

    def __contains__(self, key: tuple[int, str]) -> bool:
        return key in self._known

    def add(self, owner: Any, name: str) -> None:
        key = id(owner), name
        if key not in self._known:
            self._known.add(key)
            self._journal.append(key)

    def mark(self) -> int:
        return len(self._journal)

    def take_back(self, mark: int) -> None:
        self._known.difference_update(self._journal[mark:])
        del self._journal[mark:]


class _Writing:
    def __init__(self, record: dict[str, Any], made: Map, texts: Texts, guide: Guide | None, *, lenient: bool) -> None:
        self._record = record
        self._map = made
        self._texts = texts
        self._done = _Done()
        self._specs = {spec.tag: spec for spec in all_specs(guide.root)} if guide else {}
        self._children: dict[str, list[Loop]] = {name: [] for name in made.loops}
        for loop in made.loops.values():
            for parent in loop.parents or (("",) if loop.name else ()):
                self._children[parent].append(loop)
        self._within_records = _within_records(made)
        self._for_all = _for_all(made, self._within_records)
        self._lenient = lenient and guide is not None
        self._late = {
            node.name for loop in made.loops.values() for nodes in loop.record_nodes.values() for node in nodes
        }
        self._level_tag = NOTATIONS[made.standard].tag(made.levels[0]) if made.levels else None
        self._place: GuideLoop | None = None
        self._groups: dict[int, str] = {}
        self._group: str | None = None

    def fill(self, draft: Draft) -> None:
        """With what a guide wants and no record tells."""
        for reference, text in self._map.written.get(draft.tag, {}).items():
            cells = {self._texts.cell(reference): text} | draft.cells
            if self._texts.agrees(draft.tag, cells):
                draft.cells = cells

    # --- loops ---

    def loop(
        self,
        loop: Loop,
        owner: dict[str, Any],
        place: GuideLoop | None,
        *,
        invents: bool,
        in_part: bool = True,
        head: Draft | None = None,
    ) -> list[Draft]:
        """One turn of it, with what has not been written yet; nothing where there is nothing to say.

        Args:
            invents: its first segment may be there for those behind it alone.
            in_part: and that segment may lack what the guide wants of it.
            head: that segment, as far as it is known.
        """
        before = self._done.mark()
        place = opened(place, loop, self._children[loop.name])
        pieces = self._own(loop, owner, place, head)
        begins = {tag for tag, _ in loop.begins}
        has_head = not begins or any(
            piece.drafts[0].tag in begins and (in_part or self._is_sound(piece.drafts[0])) for piece in pieces
        )
        if begins and not has_head and any(piece.drafts[0].tag in begins for piece in pieces):
            self._done.take_back(before)
            return []
        if has_head or invents:
            pieces += self._inner(loop, owner, place)
            if loop.is_record and self._level_tag is not None:
                pieces += self._levels(owner, place)
            if loop.is_record and self._late:
                pieces += self._late_ones(loop, owner, place, pieces)
            pieces += self._ignored(loop, owner, place)
        if pieces and not has_head:
            invented = self._invented(loop, place) if invents else None
            pieces = [_Piece((_BEGINNING, 0, 0), [invented]), *pieces] if invented else []
        if not pieces:
            self._done.take_back(before)  # Without its first segment there is no loop, and nothing of it is written.
            return []
        pieces += self._wanted(loop, place, pieces)
        pieces.sort(key=lambda piece: piece.order)
        return [draft for piece in pieces for draft in piece.drafts]

    def _is_sound(self, draft: Draft) -> bool:
        """It has every element that the guide wants of its segment."""
        spec = self._specs.get(draft.tag)
        there = {cell[0] for cell in draft.cells}
        return spec is None or all(nth in there for nth, one in enumerate(spec.elements, 1) if one.usage == "R")

    def _late_ones(
        self, loop: Loop, owner: dict[str, Any], place: GuideLoop | None, pieces: Sequence[_Piece]
    ) -> list[_Piece]:
        """Fields of the record that loops within may say in passing, where nothing has said them yet."""
        for piece in pieces:
            draft = piece.drafts[0]
            for node in loop.nodes.get(draft.tag, ()):
                trial = Draft(draft.tag)
                if isinstance(node, Leaf) and node.name in self._late:
                    before = self._done.mark()
                    self._put([trial], node, owner, 1)
                    if not trial.cells.items() <= draft.cells.items():
                        self._done.take_back(before)
        return self._own(loop, owner, place, is_late=True)

    def _inner(self, loop: Loop, owner: dict[str, Any], place: GuideLoop | None) -> list[_Piece]:
        """The loops within.

        Those come first whose first segment says something, and which say all of their item; then those whose first
        segment would be there for what is behind it; last of all those that leave something of it out.
        """
        pieces: list[_Piece] = []
        turned: dict[int, int] = {}
        for invents, in_part in ((False, False), (True, False), (True, True)):
            for nth, child in enumerate(self._children[loop.name]):
                index, inner = within(place, child)
                if child.is_passed_over or (place is not None and inner is None) or self._is_level(child):
                    continue
                if child.name in self._for_all:
                    continue
                if child.below and not child.into:
                    made = self._grouped(child, owner, inner) if in_part else iter(())
                else:
                    made = self._turns(child, owner, inner, invents=invents, in_part=in_part)
                room = UNBOUNDED if place is None else place.children[index].max
                while turned.get(index, 0) < room and (turn := next(made, None)):
                    turned[index] = turned.get(index, 0) + 1
                    pieces.append(_Piece((index, nth, turn[0]), turn[1]))
        return pieces

    def _turns(
        self, loop: Loop, owner: dict[str, Any], place: GuideLoop | None, *, invents: bool, in_part: bool
    ) -> Iterator[tuple[int, list[Draft]]]:
        """Each with the number of its item. A loop that makes no item turns until all is said.

        Args:
            in_part: what it cannot say of an item may be left out.
        """
        if not loop.into:
            while not (loop.is_record and (id(owner), _ITSELF) in self._done) and (
                drafts := self.loop(loop, owner, place, invents=invents, in_part=in_part)
            ):
                if loop.is_record:
                    self._done.add(owner, _ITSELF)
                    for draft in drafts:
                        draft.is_shared = False
                yield 0, drafts
            return
        found: Any = self._record if loop.of_record else owner
        for name in loop.into:
            found = found.get(name) if isinstance(found, dict) else None
        for nth, item in enumerate([found] if isinstance(found, dict) else found or ()):
            key = (item, _ITSELF) if isinstance(found, dict) else (found, str(nth))
            if (id(key[0]), key[1]) in self._done or self._groups.get(id(item)) != self._group:
                continue
            before = self._done.mark()
            drafts = self.loop(loop, item, place, invents=invents, in_part=in_part)
            if drafts and (in_part or self._is_said(item)):
                self._done.add(*key)
                yield nth, drafts
            else:
                self._done.take_back(before)

    def _is_said(self, item: dict[str, Any]) -> bool:
        """All of it."""
        for name, value in item.items():
            if name in DERIVED or (id(item), name) in self._done:
                continue
            if not (
                self._is_said(value) if isinstance(value, dict) else isinstance(value, list) and self._are_done(value)
            ):
                return False
        return True

    def _grouped(self, loop: Loop, record: Any, place: GuideLoop | None) -> Iterator[tuple[int, list[Draft]]]:
        """Turns of a loop that objects within have something of: one for all that have the same of it.

        Fields of these names say how groups hang together: `within` is the `id` of another one.
        """
        leaves = [leaf for leaf in loop.below.get(loop.begins[0][0], ()) if isinstance(leaf, Leaf)]
        key_cell = self._texts.cell(leaves[0].references[0][0])
        heads: dict[str, Draft] = {}
        lists: list[list[str]] = []
        names = {leaf.name for leaf in leaves}
        children = self._children[loop.name]
        for child in sorted(children, key=lambda one: -len(names & set(fields_of(one.kind) if one.kind else ()))):
            keys: dict[str, None] = {}
            for item in record.get(child.into[-1], ()) if child.into else ():
                draft = Draft(loop.begins[0][0])
                for leaf in leaves:
                    if leaf.name in item:
                        self._leaf(draft, leaf, item[leaf.name], ())
                key = draft.cells.get(key_cell)
                if key is not None and id(item) not in self._groups:
                    self._groups[id(item)] = key
                    for cell, text in draft.cells.items():
                        heads.setdefault(key, draft).put(cell, text)
                    keys[key] = None
            lists.append(list(keys))
        above = next((self._texts.cell(leaf.references[0][0]) for leaf in leaves if leaf.name == "within"), None)
        for nth, key in enumerate(_with_those_above(_merged(lists), heads, key_cell, above)):
            self._group = key
            yield nth, self.loop(loop, record, place, invents=True, head=heads[key])
        self._group = None

    # --- levels ---

    def _is_level(self, loop: Loop) -> bool:
        return self._level_tag is not None and any(tag == self._level_tag for tag, _ in loop.begins)

    def _levels(self, record: dict[str, Any], place: GuideLoop | None) -> list[_Piece]:
        """All levels: those first that hand something on, since those within need not say it then."""
        tag, cell = self._level_tag, self._texts.cell
        assert tag is not None
        assert self._map.levels is not None
        own, above = map(cell, self._map.levels)
        loops = levels.loops_of(self._map, tag)
        made = levels.objects(loops, record, tag, (own, above), cell)
        index = within(place, loops[0])[0] if loops else 0
        outer = [one for one in made if one.loop.below or not one.loop.into]
        for level in outer:
            self._write_level(level, place)
            level.gives = levels.handed_on(level, cell)
        tops = levels.arrange(made)
        for level in made:
            if level not in outer:
                self._write_level(level, place)
        found = list(levels.in_order(tops))
        if len(found) == len(tops) and not any(len(one.drafts) > 1 for one in found):
            return []
        levels.number(found, own, above)
        return [_Piece((index, 0, nth), level.drafts) for nth, level in enumerate(found)]

    def _write_level(self, level: levels.Level, place: GuideLoop | None) -> None:
        handed_on: dict[str, str] = {}
        for around in level.around():
            for name, text in around.gives.items():
                handed_on.setdefault(name, text)
        known = {name for name, text in handed_on.items() if level.item.get(name) == text}
        for name in known:
            self._done.add(level.item, name)
        inner = within(place, level.loop)[1]
        level.drafts = self.loop(level.loop, level.item, inner, invents=True)
        if not level.drafts:
            head = Draft(level.loop.begins[0][0])
            self._begin(head, level.loop.begins[0][1])
            level.drafts = [head]
        for draft in level.drafts:  # A segment that is there all the same says what it always says.
            for node in level.loop.nodes.get(draft.tag, ()):
                if isinstance(node, Leaf) and node.name in known:
                    self._leaf(draft, node, level.item[node.name], node.conditions)

    def _invented(self, loop: Loop, place: GuideLoop | None) -> Draft | None:
        known = [one for one in loop.begins if place is None or stands(place, one[0])]
        tag, conditions = (known or loop.begins)[0]
        head = Draft(tag)
        return head if self._begin(head, conditions) and (head.cells or tag in self._map.written) else None

    def _begin(self, head: Draft, conditions: Sequence[Condition]) -> bool:
        """Make it the first segment of a loop; what must have been sent may be what the guide wants."""
        if not self._hold(head, [one for one in conditions if not one.unlike]):
            return False
        self.fill(head)
        return self._hold(head, conditions)

    def _wanted(self, loop: Loop, place: GuideLoop | None, pieces: Sequence[_Piece]) -> Iterator[_Piece]:
        """Segments that the guide wants, of which no record says anything."""
        there = {piece.order[0] for piece in pieces} | {_BEGINNING}
        begins = {tag for tag, _ in loop.begins}
        for index, child in enumerate(place.children if place is not None and place.id is not REST else ()):
            if isinstance(child, Position) and child.usage == "R" and index not in there:
                tag = child.specs[0].tag
                if tag in self._map.written and tag not in begins:
                    yield _Piece((index, 0, 0), [Draft(tag)])

    def _own(
        self,
        loop: Loop,
        owner: dict[str, Any],
        place: GuideLoop | None,
        head: Draft | None = None,
        *,
        is_late: bool = False,
    ) -> list[_Piece]:
        """The loop's own segments, those that begin it first.

        Args:
            is_late: those for fields of the record that no loop within has said in passing.
        """
        begins: dict[str, list[tuple[Condition, ...]]] = {}
        for tag, conditions in loop.begins:
            begins.setdefault(tag, []).append(conditions)
        made: list[_Piece] = [] if head is None else [_Piece((_BEGINNING, 0, 0), [head])]
        for nth, (tag, nodes) in enumerate(loop.nodes.items()):
            if not tag or not (place is None or stands(place, tag) or self._is_around(loop)):
                continue
            if self._stands_within(loop, place, tag):
                continue
            before = self._done.mark()
            self._place = place
            of_now = [node for node in nodes if owner is not self._record or (node.name in self._late) is is_late]
            drafts = self._drafts(tag, of_now, owner, 1 if tag in begins else room_for(place, tag))
            if drafts and tag in loop.record_nodes:
                self._object(drafts, loop.record_nodes[tag], self._record, len(drafts))
            for draft in drafts:
                if tag not in begins:
                    made.append(_Piece((order_of(place, draft, nth), nth, 0), [draft]))
                elif any(self._begin(draft, conditions) for conditions in begins[tag]):
                    made.append(_Piece((_BEGINNING if loop.name else order_of(place, draft, nth), nth, 0), [draft]))
                else:
                    self._done.take_back(before)
        return made

    def _stands_within(self, loop: Loop, place: GuideLoop | None, tag: str) -> bool:
        """Behind the first segment of a loop within that makes no object of its own, and takes it, too."""
        for child in self._children[loop.name] if place is not None else ():
            index, inner = within(place, child)
            if tag in child.nodes and not child.into and not child.is_record and inner is not None and inner.id is REST:
                return order_of(place, Draft(tag), 0) > index
        return False

    def _ignored(self, loop: Loop, owner: dict[str, Any], place: GuideLoop | None) -> Iterator[_Piece]:
        """Last of all, segments that the guide does not expect there, each behind the one before it in the map."""
        if not self._lenient or place is None or loop.name not in self._within_records:
            return
        begins = {tag for tag, _ in loop.begins}
        behind = _BEGINNING
        for nth, (tag, nodes) in enumerate(loop.nodes.items()):
            if tag and stands(place, tag):
                behind = behind if tag in begins else order_of(place, Draft(tag), nth)
            elif tag:
                self._place = place
                for draft in self._drafts(tag, nodes, owner, UNBOUNDED):
                    yield _Piece((behind, nth, 0), [draft])

    def _is_around(self, loop: Loop) -> bool:
        """Its segments may be of the envelope, of which a guide says nothing."""
        return not loop.name and self._map.reads_envelope

    # --- segments of one tag ---

    def _drafts(self, tag: str, nodes: Sequence[Node], owner: dict[str, Any], room: int) -> list[Draft]:
        made = [Draft(tag)]
        self._object(made, nodes, owner, room)
        return [draft for draft in made if draft.cells]

    def _object(self, made: list[Draft], nodes: Sequence[Node], owner: Any, room: int) -> None:
        """What nodes say of an object.

        Args:
            made: segments of the tag that they take from, to which others are added.
            room: for so many of them all together.
        """
        lists: dict[str, list[Many]] = {}
        for node in nodes:
            if isinstance(node, Many):
                lists.setdefault(node.name, []).append(node)
            else:
                self._put(made, node, owner, room)
        for many in lists.values():
            self._list(made, many, owner, room)

    def _put(self, made: list[Draft], node: Leaf | Struct, owner: Any, room: int) -> None:
        """A field of an object, if it has it and nobody has written it yet, into the first segment that takes it."""
        if not isinstance(owner, dict) or node.name not in owner or (id(owner), node.name) in self._done:
            return
        value = owner[node.name]
        if isinstance(node, Struct):
            if not isinstance(value, dict):
                if value is None and self._delete(made, node.whole):
                    self._done.add(owner, node.name)
                return
            self._object(made, [_conditioned(part, node.conditions) for part in node.parts], value, room)
            if all((id(value), name) in self._done for name in value if name not in DERIVED):
                self._done.add(owner, node.name)
            return
        for draft in [*made, *self._another(made, room)]:
            trial = draft.copy()
            said = self._leaf(trial, node, value, node.conditions) and self._hold(trial, node.conditions)
            if said and self._may_stand(trial, draft, made):
                draft.become(trial)
                self._done.add(owner, node.name)
                if draft not in made:
                    made.append(draft)
                return

    def _may_stand(self, trial: Draft, draft: Draft, made: Sequence[Draft]) -> bool:
        """Beside the others of its tag, in the place of what it was before."""
        if not self._texts.agrees(trial.tag, trial.cells):
            return False
        place = self._place
        if place is None or draft.cells or not stands(place, trial.tag):
            return True
        index = order_of(place, trial, 0)
        there = sum(bool(one.cells) and one is not draft and order_of(place, one, 0) == index for one in made)
        return there < place.children[index].max

    def _another(self, made: Sequence[Draft], room: int) -> list[Draft]:
        """An empty segment, if there is room for it."""
        return [Draft(made[0].tag)] if sum(bool(draft.cells) for draft in made) < room else []

    def _list(self, made: list[Draft], many: Sequence[Many], owner: Any, room: int) -> None:
        """Items of a list, into the first of these segments, or into others behind it.

        All of them where the map would have them rather; else wherever it reads such.
        """
        name = many[0].name
        items = owner.get(name) if isinstance(owner, dict) else None
        if not isinstance(items, list) or (id(owner), name) in self._done:
            if isinstance(owner, dict) and name in owner and items is None and self._delete(made, many[0].repetitions):
                self._done.add(owner, name)
            return
        rather = [one for one in many if not self._is_unwritten(one)]
        mark, before = self._done.mark(), [draft.copy() for draft in made]
        if rather:
            self._items(made, rather, items, room)
        if len(rather) < len(many) and not self._are_done(items):
            self._done.take_back(mark)
            del made[len(before) :]
            for draft, old in zip(made, before, strict=True):
                draft.become(old)
            self._items(made, many, items, room)
        if self._are_done(items):
            self._done.add(owner, name)

    def _delete(self, made: Sequence[Draft], reference: str | None) -> bool:
        """Say of all of an element that what was there before is no more."""
        if reference is None or not self._texts.deleted:
            return False
        return made[0].put(self._texts.cell(reference), self._texts.deleted)

    def _are_done(self, items: list[Any]) -> bool:
        return all((id(items), str(nth)) in self._done for nth in range(len(items)))

    def _items(self, made: list[Draft], many: Sequence[Many], items: list[Any], room: int) -> None:
        start = 0  # Items stand in order.
        for nth, item in enumerate(items):
            if (id(items), str(nth)) in self._done:
                continue
            drafts = made[start:]
            said = next((draft for draft in drafts if self._says(draft, many, items, item)), None)
            drafts = [said] if said is not None else [one for one in drafts if one.cells or room == 1]
            drafts += [] if said is not None else self._another(made, room)
            draft = next((one for one in drafts if self._join_any(one, many, items, item, made)), None)
            if draft is not None:
                if draft not in made:
                    made.append(draft)
                start = next(at for at in range(start, len(made)) if made[at] is draft)
                self._done.add(items, str(nth))

    def _says(self, draft: Draft, many: Sequence[Many], items: list[Any], item: Any) -> bool:
        """A field has been written that would be read as this item, too."""
        if not draft.cells or id(items) in draft.taken:
            return False
        for one in many:
            trial = Draft(draft.tag)
            before = self._done.mark()
            if one.every is None and one.repetitions is None and self._whole(trial, one.item, item) and trial.cells:
                said = trial.cells.items() <= draft.cells.items()
                self._done.take_back(before)
                return said
        return False

    def _join_any(self, draft: Draft, many: Sequence[Many], items: list[Any], item: Any, made: Sequence[Draft]) -> bool:
        """By the nodes that may be next: an item that comes later is none that stands before."""
        for nth, one in enumerate(many):
            before = self._done.mark()
            if nth >= draft.taken.get(id(items), 0) and self._join(draft, one, items, item, made):
                draft.taken[id(items)] = nth if one.every is not None or one.repetitions is not None else nth + 1
                return True
            self._done.take_back(before)
        return False

    def _join(self, draft: Draft, node: Many, items: list[Any], item: Any, made: Sequence[Draft]) -> bool:
        """An item into a segment that may have others already; False where it does not fit."""
        if node.repetitions is not None:
            return self._repeat(draft, node, items, item, made)
        if node.every is None:
            trial = draft.copy()
            if not self._whole(trial, node.item, item) or not trial.cells or not self._may_stand(trial, draft, made):
                return False
            draft.become(trial)
            return True
        trial = Draft(draft.tag)
        if not self._whole(trial, node.item, item):
            return False
        first, step = self._texts.cell(node.every[0])[0], node.every[1]
        last = max((cell[0] for cell in draft.cells if cell[0] >= first), default=first - step)
        moved = (last - first) // step * step + step if last >= first else 0
        cells = {(cell[0] + moved, *cell[1:]) if cell[0] >= first else cell: text for cell, text in trial.cells.items()}
        spec = self._specs.get(draft.tag)
        room = len(spec.elements) if spec is not None and spec.elements else first + _GROUPS_MAX * step
        if first + moved + step - 1 > room or any(draft.cells.get(cell, text) != text for cell, text in cells.items()):
            return False
        draft.cells |= cells
        return True

    def _repeat(self, draft: Draft, node: Many, items: list[Any], item: Any, made: Sequence[Draft]) -> bool:
        """An item as the next repetition of its field."""
        assert node.repetitions is not None
        at = self._texts.cell(node.repetitions)[0]
        nth = draft.repeated.get((id(items), at), 0)
        spec = self._specs.get(draft.tag)
        if spec is not None and at <= len(spec.elements) and nth >= spec.elements[at - 1].repeat:
            return False
        trial = draft.copy()
        trial.only(at, nth)
        if not self._whole(trial, node.item, item):
            return False
        trial.beside(draft, at, nth)
        if trial.cells == draft.cells and not any(cell[0] == at and cell[-1] == nth for cell in trial.cells):
            return False
        if not self._may_stand(trial, draft, made):
            return False
        draft.become(trial)
        draft.repeated[id(items), at] = nth + 1
        return True

    # --- values ---

    def _whole(self, draft: Draft, node: Leaf | Struct, item: Any) -> bool:
        """Write all of an item."""
        if isinstance(node, Leaf):
            return self._leaf(draft, node, item, node.conditions) and self._hold(draft, node.conditions)
        if not isinstance(item, dict):
            return False
        parts: dict[str, list[Node]] = {}
        for part in node.parts:
            parts.setdefault(part.name, []).append(part)
        sent: list[Condition] = []
        before = self._done.mark()
        done = all(
            self._any_part(draft, parts.get(name, ()), item, name, node.conditions, sent)
            for name in item
            if name not in DERIVED
        )
        for part in node.parts:  # A constant that the item does not have would be read into it.
            if isinstance(part, Leaf) and part.constant is not None and part.name not in item:
                done = False
        if done and self._hold(draft, node.conditions) and self._hold(draft, sent):
            return True
        self._done.take_back(before)
        return False

    def _any_part(
        self,
        draft: Draft,
        nodes: Sequence[Node],
        item: dict[str, Any],
        name: str,
        conditions: tuple[Condition, ...],
        sent: list[Condition],
    ) -> bool:
        """One field of an item.

        Args:
            conditions: of the whole.
            sent: gathers what must have been sent, which another part may still do.
        """
        many = [node for node in nodes if isinstance(node, Many)]
        if many:
            self._list([draft], many, item, 1)
            return (id(item), name) in self._done
        return any(self._part(draft, node, item[name], conditions, sent) for node in nodes)

    def _part(
        self, draft: Draft, node: Node, value: Any, conditions: tuple[Condition, ...], sent: list[Condition]
    ) -> bool:
        before = dict(draft.cells)
        if isinstance(node, Struct):
            done = self._whole(draft, node, value) or (value is None and self._delete([draft], node.whole))
        elif isinstance(node, Leaf):
            own = [one for one in node.conditions if one.codes or not one.unlike]
            done = self._leaf(draft, node, value, conditions + node.conditions) and self._hold(draft, own)
            if done:
                sent += [one for one in node.conditions if one not in own]
        if not done:
            draft.cells = before
        return done

    def _leaf(self, draft: Draft, node: Leaf, value: Any, conditions: Sequence[Condition]) -> bool:
        """Args:
        conditions: what must hold of the segment then.
        """
        if node.constant is not None:
            return bool(value == node.constant)
        references = node.references[0]
        if value is None:
            return bool(self._texts.deleted) and draft.put(self._texts.cell(references[0]), self._texts.deleted)
        if "+" in references[0]:
            return self._spread(draft, references[0].split("+"), str(value))
        cells = [self._texts.cell(one) for one in references]
        texts = self._text(node, value, cells[0], draft.tag, conditions)
        if texts is None or not draft.put(cells[0], *(texts if node.words else texts[:1])):
            return False
        if node.words:
            return True
        if len(texts) > 1 and texts[1]:
            if node.form is not None:
                return draft.put(self._texts.cell(node.form), texts[1])
            return len(cells) > 1 and draft.put(cells[1], texts[1])
        return True

    def _is_unwritten(self, node: Many) -> bool:
        return isinstance(node.item, Leaf) and any(
            one == said or one.startswith((f"{said}.", f"{said}-"))
            for references in node.item.references
            for one in references
            for said in self._map.unwritten
        )

    def _spread(self, draft: Draft, references: Sequence[str], text: str) -> bool:
        """A text over several elements, parted at blanks, with which reading puts it together.

        What stands there already is a part of it.
        """
        cells = [self._texts.cell(reference) for reference in references]
        for nth, cell in enumerate(cells):
            held = draft.cells.get(cell, "")
            spec = self._element(draft.tag, cell)
            room = UNBOUNDED if spec is None else spec.max
            if not held and any(other in draft.cells for other in cells[nth:]):
                continue
            end = len(held) if held else len(text) if len(text) <= room else text.rfind(" ", 1, room + 1)
            if end <= 0 or text[end:][:1].strip() or not draft.put(cell, text[:end]):
                return False
            if end == len(text):
                return not any(other in draft.cells for other in cells[nth + 1 :])
            text = text[end + 1 :]
        return False

    def _text(
        self, node: Leaf, value: Any, cell: Cell, tag: str, conditions: Sequence[Condition]
    ) -> tuple[str, ...] | None:
        """The text of a value, and behind it what stands in the element beside it; None when it cannot be said."""
        holds = node.field.struct.__name__ if node.field.struct is not None else node.field.holds
        match holds:
            case "text" | "boolean" if node.words is not None:
                return self._codes(node.words, value, cell, tag, conditions)
            case "decimal":
                return self._number(node, value)
            case "Money":
                return self._number(node, value["amount"], value.get("currency", "") if node.references[0][1:] else "")
            case "Quantity":
                return self._number(node, value["value"], value.get("unit", ""))
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

    def _number(self, node: Leaf, value: str, beside: str = "") -> tuple[str, str] | None:
        text = self._texts.decimal_text(negated(value) if node.negated else value, node.places)
        return None if text is None else (text, beside)

    def _codes(
        self, words: Mapping[str, str | bool], value: Any, cell: Cell, tag: str, conditions: Sequence[Condition]
    ) -> tuple[str, ...] | None:
        """Those that may stand there and mean the same; first of all those that the guide knows."""
        prefix = f"{self._map.standard}:"
        if isinstance(value, str) and value.startswith(prefix):
            return (value.removeprefix(prefix),)
        asked = [one for one in conditions if one.codes and self._texts.cell(one.reference) == cell]
        codes = [
            code
            for code, word in words.items()
            if word == value and all((code in one.codes) is not one.unlike for one in asked)
        ]
        spec = self._element(tag, cell)
        known = spec.codes if spec is not None and spec.codes is not None else codes
        return tuple(sorted(codes, key=lambda code: code not in known)) or None

    def _hold(self, draft: Draft, conditions: Sequence[Condition]) -> bool:
        """Make conditions true, where they are not; False, and nothing, when something speaks against them."""
        made = dict(draft.cells)
        for one in conditions:
            cell = self._texts.cell(one.reference)
            text = made.get(cell, "")
            if one.unlike:
                if text in (one.codes or {""}):
                    return False
            elif not text:
                if one.codes:
                    made[cell] = one.first
            elif text not in one.codes:
                return False
        draft.cells = made
        return True

    def _element(self, tag: str, cell: Cell) -> ElementSpec | None:
        """What the guide says of it."""
        spec = self._specs.get(tag)
        if spec is None or cell[0] > len(spec.elements):
            return None
        element = spec.elements[cell[0] - 1]
        component = max(cell[1], 1) if len(cell) > 1 else 1
        return element.components[component - 1] if component <= len(element.components) else element


def _within_records(made: Map) -> set[str]:
    """Loops that make one of several records of a set, or stand in such."""
    own = {name for name, loop in made.loops.items() if name and loop.is_record}
    while more := {name for name, loop in made.loops.items() if own.intersection(loop.parents)} - own:
        own |= more
    return own


def _for_all(made: Map, own: set[str]) -> frozenset[str]:
    """Loops around records of a set whose items are all theirs, where loops within a record make such, too."""
    lists = {made.loops[name].into for name in own}
    return frozenset(name for name, loop in made.loops.items() if loop.into in lists - {()} and name not in own)


def _conditioned(node: Node, conditions: tuple[Condition, ...]) -> Node:
    """With what must hold, too, of what it is a part of."""
    if isinstance(node, Many):
        return node._replace(item=node.item._replace(conditions=conditions + node.item.conditions))
    return node._replace(conditions=conditions + node.conditions)


def _merged(lists: Sequence[list[str]]) -> list[str]:
    """Several orders as one that keeps to all of them, as far as it can be."""
    left = [list(reversed(one)) for one in lists]
    made: dict[str, None] = {}
    while left := [one for one in left if one]:
        later = {key for one in left for key in one[:-1]}
        key = next((one[-1] for one in left if one[-1] not in later), left[0][-1])
        made[key] = None
        left = [[other for other in one if other != key] for one in left]
    return list(made)


def _with_those_above(keys: Sequence[str], heads: dict[str, Draft], own: Cell, above: Cell | None) -> Iterator[str]:
    """Groups; before them those that they say to be in, of which nothing else is said."""
    for key in keys:
        outer = heads[key].cells.get(above) if above is not None else None
        if outer is not None and outer not in heads:
            heads[outer] = Draft(heads[key].tag)
            heads[outer].put(own, outer)
            yield outer
        yield key
