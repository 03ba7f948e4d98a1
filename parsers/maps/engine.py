"""Walks the segments of one set through a map, and makes its records.

Where we are is a place: the loops that are open, one in the other. Objects of loops are dicts until they are encoded.
"""

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import count, repeat
from operator import iconcat
from typing import Any, Final

from msgspec.structs import replace

from parsers.canonical.fields import fields_of
from parsers.findings import Finding, Location
from parsers.maps.compiler import Compiler, Gives, extend, within
from parsers.maps.continued import Continued, Whole
from parsers.maps.language import NOTATIONS
from parsers.maps.model import Condition, Loop, Map, Struct
from parsers.maps.values import Parts, Values
from parsers.segments import Segments

PART_BYTES: Final = 1 << 20
"""A record whose segments are longer comes out in parts, each with what it has of lists: it bounds the memory."""

RECORD_BYTES_MAX: Final = 4 << 20
"""What lies in one item of a list beyond this is left out of its record."""

_CODES_MAX: Final = 256


def _give_nothing(_target: dict[str, Any], _parts: Parts) -> None:
    pass


def _as_sent(segments: list[str]) -> list[str]:
    return segments


class Place:
    """The loops that are open, the set itself first.

    Attributes:
        choices: by tag, what may be done here, as far as somebody has asked.
        moves: by tag, what is done here whatever the segment says.
    """

    __slots__ = ("choices", "loops", "moves", "record_depth")

    def __init__(self, loops: tuple[Loop, ...]) -> None:
        self.loops = loops
        self.record_depth = next((depth for depth, loop in enumerate(loops) if loop.is_record), sys.maxsize)
        self.choices: dict[str, Choice] = {}
        self.moves: dict[str, Move] = {}


class Move:
    """What a segment of one tag does in a place, if its conditions hold.

    Attributes:
        depth: of the open object that it gives to, or that what it opens is put into.
        after: the place behind it.
        opens: the loop that begins with it.
        keeps: so many objects stay open.
        item_of: that is an item of this list of the last of them, and nothing else.
        is_odd: it does something else, too, than make such an item or give to the object that was open last.
        turns: a record begins or ends with it.
        ends_record: the record that is open is over before it.
        begins_record: the set's own record begins with it.
        splits: the record itself goes on with it, so that here it may go on in another part.
        carries: it has something for objects within or for the record around, or names a currency.
        is_level: it names the level that it is, and the one above.
        items: the fields of the items that it begins.
    """

    __slots__ = (
        "after", "begins_record", "below", "carries", "currency", "depth", "ends_record", "gives", "holds", "is_level",
        "is_odd", "item_of", "items", "keeps", "of_record", "opens", "splits", "turns",
    )  # fmt: skip

    def __init__(self, depth: int, after: Place, opens: Loop | None) -> None:
        self.depth = depth
        self.after = after
        self.opens = opens
        self.holds: Callable[[Parts], bool] | None = None
        self.gives: Gives = _give_nothing
        self.of_record: Gives | None = None
        self.below: Gives | None = None
        self.currency: Gives | None = None
        self.keeps = depth + 1
        self.item_of: str | None = None
        self.is_odd = self.turns = False
        self.ends_record = self.begins_record = self.splits = self.is_level = self.carries = False
        self.items: frozenset[str] = frozenset()


class Choice:
    """The moves that a tag may make in a place, of which the first one is made whose conditions hold.

    Attributes:
        is_of_levels: its segments name the levels that they stand in.
        code: where all conditions ask for the same element, that one; `by_code` are the moves for what it may be.
    """

    __slots__ = ("by_code", "code", "is_of_levels", "moves")

    def __init__(self, moves: Sequence[Move]) -> None:
        self.moves = moves
        self.is_of_levels = bool(moves) and moves[0].is_level
        self.code: Callable[[Parts], str] | None = None
        self.by_code: dict[str, Move | None] = {}


class Compiled:
    """A map for the separators of one interchange. Good for all its sets, one after the other."""

    def __init__(self, made: Map, values: Values, *, marking: bool = False) -> None:
        self.map = made
        self.values = values
        self.marking = marking
        self.split_all = self._splitter()
        self.compiler = Compiler(made.standard, values, marking=marking, growing=_growing(made))
        self.start = Place((made.loops[""],))
        always = made.loops[""].nodes.get("")
        self.always = self.compiler.gives(always) if always else None
        self.level: tuple[str, Callable[[Parts], tuple[str, ...]]] | None = None
        if made.levels is not None:
            self.level = NOTATIONS[made.standard].tag(made.levels[0]) or "", self.compiler.texts(made.levels)
        self._places: dict[tuple[str, ...], Place] = {("",): self.start}
        self._gives: dict[tuple[str, str], Gives] = {}
        self._children: dict[str, list[Loop]] = {name: [] for name in made.loops}
        for loop in made.loops.values():
            for parent in loop.parents or (("",) if loop.name else ()):
                self._children[parent].append(loop)
        for children in self._children.values():  # Those that begin with any segment of a tag come last.
            children.sort(key=lambda loop: not all(conditions for _, conditions in loop.begins))

    def walk(self, location: Location, encode: Callable[[dict[str, Any]], Any] = dict) -> "Walk":
        return Walk(self, location, encode)

    def _splitter(self) -> Callable[[list[str]], Iterable[Parts]]:
        split, separator, padding = self.values.split, self.values.separator, [""] * self.values.fill
        unpadded = self.values.unpadded or _as_sent
        if separator is None:
            return partial(map, split)

        def split_all(segments: list[str]) -> Iterable[Parts]:  # As `split`, but without a call for each.
            return map(iconcat, map(str.split, unpadded(segments), repeat(separator)), repeat(padding))

        return split_all

    def mark(self, segments: Segments | Whole) -> None:
        """See to it that marks say which of these segments they are of."""
        split, unpadded = self.values.split, self.values.unpadded
        counted = count()

        def noted(text: str) -> Parts:
            index = next(counted)
            self.compiler.here = segments.position + index, segments.byte(index), text
            return split(text if unpadded is None else unpadded([text])[0])

        self.split_all = partial(map, noted)

    def place(self, loops: tuple[Loop, ...]) -> Place:
        key = tuple(loop.name for loop in loops)
        if key not in self._places:
            self._places[key] = Place(loops)
        return self._places[key]

    def choice(self, place: Place, tag: str) -> Choice:
        """What a tag may do in a place.

        From the innermost loop outwards: loops that begin with the tag, then what the loop itself takes from it.
        """
        made: list[tuple[Move, tuple[Condition, ...]]] = []
        passed_over = False
        for depth in range(len(place.loops) - 1, -1, -1):
            loop = place.loops[depth]
            inner = place.loops[depth + 1] if depth + 1 < len(place.loops) else None
            for child in self._children[loop.name]:
                if child.is_once and child is inner:
                    continue
                made += [
                    (self._move(place, depth, tag, child, conditions), conditions)
                    for begins, conditions in child.begins
                    if begins == tag
                ]
            if passed_over or (depth and any(begins == tag for begins, _ in loop.begins)):
                pass  # It would begin anew.
            elif tag in loop.nodes or tag in loop.record_nodes or tag in loop.below or tag in loop.currencies:
                made.append((self._move(place, depth, tag, None, ()), ()))
                break
            passed_over = passed_over or loop.is_closed
        prefix = self.map.extensions
        if not made and prefix is not None and tag.startswith(prefix) and place.record_depth < len(place.loops):
            made.append((self._extension(place), ()))
        if not made:
            made.append((Move(len(place.loops) - 1, place, None), ()))  # Nothing is done with it.
        place.choices[tag] = choice = Choice([move for move, _ in made])
        asked = [conditions for _, conditions in made if conditions]
        if asked and all(len(one) == 1 and one[0].codes and not one[0].unlike for one in asked):
            references = {one[0].reference for one in asked}
            if len(references) == 1:
                choice.code = self.compiler.text(references.pop())
        if choice.moves[0].holds is None and not choice.is_of_levels:
            place.moves[tag] = choice.moves[0]
        return choice

    def _extension(self, place: Place) -> Move:
        """A segment of the sender's own is kept as it was sent."""

        def gives(record: dict[str, Any], parts: Parts) -> None:
            tag, *fields = parts[: len(parts) - self.values.fill]
            kept: dict[str, Any] = {"segment": tag, "fields": fields}
            if self.marking:
                kept = {"segment": self.compiler.mark(), "fields": [self.compiler.mark() for _ in fields]}
            extend(record, ("extensions",), [kept])

        move = Move(place.record_depth, self.place(place.loops[: place.record_depth + 1]), None)
        move.gives = gives
        move.is_odd = move.after is not place
        return move

    def _move(self, place: Place, depth: int, tag: str, opens: Loop | None, conditions: tuple[Condition, ...]) -> Move:
        loop = opens or place.loops[depth]
        loops = place.loops[: depth + 1] + ((opens,) if opens is not None else ())
        move = Move(depth, place if loops == place.loops else self.place(loops), opens)
        move.holds = self.compiler.holds(conditions)
        move.gives = self._given_by(loop, tag, opens=opens is not None)
        if tag in loop.record_nodes:
            move.of_record = self.compiler.gives(loop.record_nodes[tag])
        if tag in loop.below:
            move.below = self.compiler.gives(loop.below[tag])
        if tag in loop.currencies:
            move.currency = self.compiler.gives((loop.currencies[tag]._replace(name="currency"),))
        move.ends_record = depth < place.record_depth < len(place.loops)
        move.begins_record = opens is None and depth == 0 and any(begins == tag for begins, _ in loop.begins)
        move.splits = depth == place.record_depth
        if opens is not None and opens.many and opens.kind is not None:
            move.items = frozenset(fields_of(opens.kind))
        move.carries = any(one is not None for one in (move.of_record, move.below, move.currency))
        move.is_level = self.level is not None and tag == self.level[0]
        move.turns = move.ends_record or move.begins_record
        if opens is not None and opens.many and len(opens.into) == 1 and not opens.of_record and not opens.is_record:
            move.item_of = opens.into[0]
        is_plain = opens is None and move.after is place
        move.is_odd = move.turns or move.carries or not (is_plain or move.item_of is not None)
        return move

    def _given_by(self, loop: Loop, tag: str, *, opens: bool) -> Gives:
        """Made once for all places: what a loop takes from a tag, and from its beginning on."""
        key = loop.name, tag
        if key not in self._gives:
            nodes = (*(loop.nodes.get("", ()) if opens else ()), *loop.nodes.get(tag, ()))
            self._gives[key] = self.compiler.gives(nodes) if nodes else _give_nothing
        return self._gives[key]


class Walk:
    """The records of one set.

    Attributes:
        schema: "claim/1". version: of the map: "837p-2".
        reads_envelope: `Map.reads_envelope`.
    """

    def __init__(self, compiled: Compiled, location: Location, encode: Callable[[dict[str, Any]], Any] = dict) -> None:
        """Args:
        encode: what to make of each record, at once: it shares objects with those that come.
        """
        self._encode = encode
        self.schema = compiled.map.schema
        self.version = compiled.map.id
        self.reads_envelope = compiled.map.reads_envelope
        self._compiled = compiled
        self._location = location
        self._place = compiled.start
        self._objects: list[dict[str, Any]] = [{}]
        self._below: list[tuple[int, dict[str, Any]]] = []
        self._is_carrying = False  # Something was said for objects within, or of currencies.
        self._levels: list[tuple[int, str]] = []
        self._currency_depth = sys.maxsize
        self._made: list[Any] = []
        self._record_start: int | None = None
        self._is_alone = compiled.map.loops[""].is_alone
        self._part = 0
        self._is_long = self._is_overlong = False
        goes_on = compiled.values.goes_on
        self._continued = None if goes_on is None else Continued(goes_on)
        self._segments: Segments | Whole | None = None
        self._around = False
        self._index = 0
        if compiled.always is not None:
            compiled.always(self._objects[0], [])
        compiled.compiler.currency = None

    def feed(self, segments: Segments, *, around: bool = False) -> list[Any]:
        """The records that end within these segments, encoded, and findings of what made no sense in them.

        Args:
            around: they are of an envelope around the set, and no part of the record's own.
        """
        if self._continued is None or around:
            return self._feed(segments, around=around)
        return [made for whole in self._continued.take(segments) for made in self._feed(whole)]

    def _feed(self, segments: Segments | Whole, *, around: bool = False) -> list[Any]:
        self._segments = segments
        self._index = 0
        self._around = around
        if self._compiled.marking:
            self._compiled.mark(segments)
        if self._record_start is not None:
            self._look_at_length(segments.offset - self._record_start)
        elif self._place.record_depth == 0 and not self._place.loops[0].begins and not around:
            self._begin_record(segments.offset)
        objects, problems = self._objects, self._compiled.compiler.problems
        place, is_odd = self._place, self._is_long or self._is_carrying
        find = place.moves.get
        for index, parts in enumerate(self._compiled.split_all(segments.characters)):
            move = find(parts[0])
            if move is None:
                move = self._choose(place, parts)
                if move is None:
                    continue
            if is_odd or move.is_odd:
                self._index = index
                if not self._make(move, parts):
                    continue
                is_odd = self._is_long or self._is_carrying
            elif move.item_of is None:
                move.gives(objects[-1], parts)
                if problems:
                    self._index = index
                    self._tell(parts[0])
                continue
            else:  # As `_make` does, of what comes most often.
                del objects[move.keeps :]
                item: dict[str, Any] = {}
                owner = objects[-1]
                held = owner.get(move.item_of)
                if held is None:
                    owner[move.item_of] = [item]
                else:
                    held.append(item)
                objects.append(item)
                move.gives(item, parts)
            if problems:
                self._index = index
                self._tell(parts[0])
            if move.after is not place:
                self._place = place = move.after
                find = place.moves.get
        return self._taken()

    def _make(self, move: Move, parts: Parts) -> bool:
        """A move, of whatever kind; False when its segment is passed over."""
        if (move.turns or self._is_long) and not self._turn(move):
            return False
        objects = self._objects
        del objects[move.keeps :]
        target = objects[-1]
        if move.opens is not None:
            target = self._open(move, move.opens, target)
        move.gives(target, parts)
        if move.carries:
            self._carry(move, parts)
        return True

    def finish(self, end: int) -> list[Any]:
        """The record that was open to the last: no more segments will come."""
        if self._continued is not None:
            made = [made for whole in self._continued.end() for made in self._feed(whole)]
            if self._continued.left_out:
                self._say(
                    "segment-too-long",
                    "A segment goes on for more than 1 MiB; the rest of it was left out of the record.",
                    "Send it in several parts.",
                )
            self._made = made + self._made
        if self._is_alone:
            self._record_start = self._location.offset
        if self._record_start is not None:
            self._end_record(end)
        return self._taken()

    def _taken(self) -> list[Any]:
        made, self._made = self._made, []
        return made

    # --- what a segment does ---

    def _choose(self, place: Place, parts: Parts) -> Move | None:
        """The first move whose conditions hold; None when the segment is passed over."""
        tag = parts[0]
        choice = place.choices.get(tag)
        if choice is None:
            choice = self._compiled.choice(place, tag)
        if choice.is_of_levels:
            return self._in_its_level(choice, parts)
        if choice.code is None:
            return next((move for move in choice.moves if move.holds is None or move.holds(parts)), None)
        code = choice.code(parts)
        move = choice.by_code.get(code)
        if move is None and code not in choice.by_code:
            move = next((move for move in choice.moves if move.holds is None or move.holds(parts)), None)
            if len(choice.by_code) >= _CODES_MAX:
                choice.by_code.clear()
            choice.by_code[code] = move
        return move

    def _in_its_level(self, choice: Choice, parts: Parts) -> Move | None:
        """Of a segment that names the level above its own: within that, whatever came last."""
        assert self._compiled.level is not None
        own, above = self._compiled.level[1](parts)
        open_depth, levels, deepest = len(self._objects) - 1, self._levels, sys.maxsize
        for depth, name in levels:
            if name == above and depth <= open_depth:
                deepest = depth
                break
        for move in choice.moves:
            if move.depth <= deepest and (move.holds is None or move.holds(parts)):
                while levels and levels[-1][0] > move.depth:
                    levels.pop()
                levels.append((move.depth + 1, own))
                return move
        return None

    def _open(self, move: Move, loop: Loop, around: dict[str, Any]) -> dict[str, Any]:
        if self._is_carrying:
            self._leave(move.depth)
        if loop.of_record:
            around = self._objects[move.after.record_depth]
        if loop.many:
            made: dict[str, Any] = {}
            for _, below in self._below:
                made.update({name: value for name, value in below.items() if name in move.items})
            extend(around, loop.into, [made])
        elif loop.into:
            made = within(around, loop.into)
        elif move.depth >= move.after.record_depth and not loop.is_passed_over:
            made = around  # It is no object of its own, only a place.
        else:
            made = {}
        if loop.is_record:
            self._begin_record(self._offset())
        self._objects.append(made)
        return made

    def _leave(self, depth: int) -> None:
        """What was said for objects within, and of their currency, ends with what it was said in."""
        while self._below and self._below[-1][0] > depth:
            self._below.pop()
        if depth < self._currency_depth < sys.maxsize:
            self._currency_depth = sys.maxsize
            self._compiled.compiler.currency = None

    def _carry(self, move: Move, parts: Parts) -> None:
        self._is_carrying = True
        depth = len(self._objects) - 1
        if move.of_record is not None:
            move.of_record(self._objects[move.after.record_depth], parts)
        if move.below is not None:
            below: dict[str, Any] = {}
            move.below(below, parts)
            self._below.append((depth, below))
        if move.currency is not None:
            named: dict[str, Any] = {}
            move.currency(named, parts)
            if named:
                while depth and self._objects[depth - 1] is self._objects[depth]:
                    depth -= 1  # It is only a place in the object that this is of.
                self._currency_depth = depth
                self._compiled.compiler.currency = named["currency"]

    def _offset(self) -> int:
        """Of the segment in hand."""
        assert self._segments is not None
        return self._segments.byte(self._index)

    # --- records ---

    def _begin_record(self, offset: int) -> None:
        self._record_start = offset
        self._is_alone = False
        self._part = 0
        self._is_long = self._is_overlong = False

    def _look_at_length(self, length: int) -> None:
        self._is_long = length > PART_BYTES * (self._part + 1)
        if length > PART_BYTES * self._part + RECORD_BYTES_MAX and not self._is_overlong:
            self._is_overlong = True
            self._say(
                "record-too-long",
                "One item of a record has more than 4 MiB; what follows in it was left out of the record.",
                "Send it in several parts.",
            )

    def _turn(self, move: Move) -> bool:
        """The record ends before this segment, or goes on in another part; False: the segment is passed over."""
        if move.ends_record:
            self._end_record(self._offset())
        elif move.begins_record and self._record_start is None:
            self._begin_record(self._offset())
        elif move.splits and self._is_long:
            self._part += 1
            self._emit(self._offset(), continued=True)
            self._is_long = self._is_overlong = False
            record = self._objects[self._place.record_depth]
            for name in [name for name, value in record.items() if isinstance(value, list)]:
                del record[name]
        return not self._is_overlong

    def _end_record(self, end: int) -> None:
        if self._record_start is not None:
            self._part += self._part > 0
            self._emit(end, continued=False)
            self._record_start = None
            self._is_long = self._is_overlong = False

    def _emit(self, end: int, *, continued: bool) -> None:
        record: dict[str, Any] = {}
        for loop, level in zip(self._place.loops[: self._place.record_depth + 1], self._objects, strict=False):
            if not loop.into:
                join_level(record, level)
        if not record:
            return
        provenance = {"set": self._location.set or 0, "start": self._record_start, "end": end, "map": self.version}
        if self._part:
            provenance["part"] = self._part
        if continued:
            provenance["continued"] = True
        self._made.append(self._encode({"schema": self.schema, "provenance": provenance, **record}))

    # --- findings ---

    def _tell(self, tag: str) -> None:
        problems = self._compiled.compiler.problems
        once = {(name, why.code): why for name, why in problems}  # Several fields may have asked for it.
        for (name, _), why in once.items():
            self._say(why.code, f"{name} {why.says}", why.hint, tag, name)
        problems.clear()

    def _say(self, code: str, message: str, hint: str, tag: str | None = None, element: str | None = None) -> None:
        assert self._segments is not None
        place = replace(
            self._location,
            set=None if self._around else self._location.set,
            path=self._segments.path if self._around else self._location.path,
            segment=tag,
            position=self._segments.position + self._index,
            element=element,
            offset=self._offset(),
        )
        self._made.append(
            Finding.at(place, f"{place.standard}.{code}", message, hint, severity="warning" if element else "error")
        )


def _growing(made: Map) -> frozenset[str]:
    """The names of structs that more than one segment may give to."""
    names = {name for loop in made.loops.values() for name in loop.into}
    nodes = [node for loop in made.loops.values() for same in loop.nodes.values() for node in same]
    while nodes:
        node = nodes.pop()
        if isinstance(node, Struct) and node.whole is None:
            names.add(node.name)
            nodes += node.parts
    return frozenset(names)


def join_level(record: dict[str, Any], level: dict[str, Any]) -> None:
    """Add what a level within says; what both say of a struct is put together, of a list one behind the other."""
    if record.keys().isdisjoint(level):
        record.update(level)
        return
    for name, value in level.items():
        held = record.get(name)
        if held is None:
            record[name] = value
        elif isinstance(held, dict) and isinstance(value, dict):
            record[name] = {**held, **value}
        elif isinstance(held, list) and isinstance(value, list):
            record[name] = held + value
        else:
            record[name] = value
