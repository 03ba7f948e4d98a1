"""Walks the segments of one set through a map, and makes its records.

Where we are is a place: the loops that are open, one in the other. Objects of loops are dicts until they are encoded.
"""

import sys
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Final

from msgspec.structs import replace

from parsers.canonical.fields import fields_of
from parsers.findings import Finding, Location
from parsers.maps.compiler import Compiler, Gives, extend, within
from parsers.maps.continued import Continued, Whole
from parsers.maps.language import NOTATIONS
from parsers.maps.model import Condition, Loop, Map
from parsers.maps.values import Parts, Values
from parsers.segments import Segments

PART_BYTES: Final = 1 << 20
"""A record whose segments are longer comes out in parts, each with what it has of lists: it bounds the memory."""

RECORD_BYTES_MAX: Final = 4 << 20
"""What lies in one item of a list beyond this is left out of its record."""

_CODES_MAX: Final = 256


class Place:
    """The loops that are open, the set itself first.

    Attributes:
        choices: by tag, what may be done here.
    """

    __slots__ = ("choices", "loops", "record_depth")

    def __init__(self, loops: tuple[Loop, ...]) -> None:
        self.loops = loops
        self.record_depth = next((depth for depth, loop in enumerate(loops) if loop.is_record), sys.maxsize)
        self.choices: dict[str, Choice | None] = {}


class Move:
    """What a segment of one tag does in a place, if its conditions hold.

    Attributes:
        depth: of the open object that it gives to, or that what it opens is put into.
        after: the place behind it.
        opens: the loop that begins with it.
        ends_record: the record that is open is over before it.
        begins_record: the set's own record begins with it.
        splits: the record itself goes on with it, so that here it may go on in another part.
        carries: it has something for objects within, or names a currency.
        is_level: it names the level that it is, and the one above.
        items: the fields of the items that it begins.
    """

    __slots__ = (
        "after", "begins_record", "below", "carries", "currency", "depth", "ends_record", "gives", "holds", "is_level",
        "items", "opens", "splits",
    )  # fmt: skip

    def __init__(self, depth: int, after: Place, opens: Loop | None) -> None:
        self.depth = depth
        self.after = after
        self.opens = opens
        self.holds: Callable[[Parts], bool] | None = None
        self.gives: Gives | None = None
        self.below: Gives | None = None
        self.currency: Gives | None = None
        self.ends_record = self.begins_record = self.splits = self.is_level = self.carries = False
        self.items: frozenset[str] = frozenset()


class Choice:
    """The moves that a tag may make in a place, of which the first one is made whose conditions hold.

    Attributes:
        only: there is but one, without conditions.
        code: where all conditions ask for the same element, that one; `by_code` are the moves for what it may be.
    """

    __slots__ = ("by_code", "code", "moves", "only")

    def __init__(self, moves: Sequence[Move]) -> None:
        self.moves = moves
        self.only = moves[0] if moves[0].holds is None and not moves[0].is_level else None
        self.code: Callable[[Parts], tuple[str, ...]] | None = None
        self.by_code: dict[str, Move | None] = {}


class Compiled:
    """A map for the separators of one interchange. Good for all its sets, one after the other."""

    def __init__(self, made: Map, values: Values, *, marking: bool = False) -> None:
        self.map = made
        self.values = values
        self.marking = marking
        self.split: Callable[[str], Parts] = values.split
        self.compiler = Compiler(made.standard, values, marking=marking)
        self.start = Place((made.loops[""],))
        self.level: tuple[str, Callable[[Parts], tuple[str, ...]]] | None = None
        if made.levels is not None:
            self.level = NOTATIONS[made.standard].tag(made.levels[0]) or "", self.compiler.texts(made.levels)
        self._places: dict[tuple[str, ...], Place] = {("",): self.start}
        self._gives: dict[tuple[str, str], Gives | None] = {}
        self._children: dict[str, list[Loop]] = {name: [] for name in made.loops}
        for loop in made.loops.values():
            for parent in loop.parents or (("",) if loop.name else ()):
                self._children[parent].append(loop)
        for children in self._children.values():  # Those that begin with any segment of a tag come last.
            children.sort(key=lambda loop: not all(conditions for _, conditions in loop.begins))

    def mark(self, segments: Segments | Whole) -> None:
        """See to it that marks say which of these segments they are of."""
        split = self.values.split
        counted = count()

        def noted(text: str) -> Parts:
            index = next(counted)
            self.compiler.here = segments.position + index, segments.byte(index), text
            return split(text)

        self.split = noted

    def place(self, loops: tuple[Loop, ...]) -> Place:
        key = tuple(loop.name for loop in loops)
        if key not in self._places:
            self._places[key] = Place(loops)
        return self._places[key]

    def choice(self, place: Place, tag: str) -> Choice | None:
        """What a tag may do in a place, None for nothing.

        From the innermost loop outwards: loops that begin with the tag, then what the loop itself takes from it.
        """
        made: list[tuple[Move, tuple[Condition, ...]]] = []
        passed_over = False
        for depth in range(len(place.loops) - 1, -1, -1):
            loop = place.loops[depth]
            for child in self._children[loop.name]:
                made += [
                    (self._move(place, depth, tag, child, conditions), conditions)
                    for begins, conditions in child.begins
                    if begins == tag
                ]
            if passed_over or (depth and any(begins == tag for begins, _ in loop.begins)):
                pass  # It would begin anew.
            elif tag in loop.nodes or tag in loop.below or tag in loop.currencies:
                made.append((self._move(place, depth, tag, None, ()), ()))
                break
            passed_over = passed_over or loop.is_passed_over or (self.map.is_closed and depth > 0)
        prefix = self.map.extensions
        if not made and prefix is not None and tag.startswith(prefix) and place.record_depth < len(place.loops):
            made.append((self._extension(place), ()))
        place.choices[tag] = choice = Choice([move for move, _ in made]) if made else None
        asked = [conditions for _, conditions in made if conditions]
        if choice is not None and asked and all(len(one) == 1 and one[0].codes and not one[0].unlike for one in asked):
            references = {one[0].reference for one in asked}
            if len(references) == 1:
                choice.code = self.compiler.texts(tuple(references))
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
        return move

    def _move(self, place: Place, depth: int, tag: str, opens: Loop | None, conditions: tuple[Condition, ...]) -> Move:
        loop = opens or place.loops[depth]
        loops = place.loops[: depth + 1] + ((opens,) if opens is not None else ())
        move = Move(depth, place if loops == place.loops else self.place(loops), opens)
        move.holds = self.compiler.holds(conditions)
        move.gives = self._given_by(loop, tag, opens=opens is not None)
        if tag in loop.below:
            move.below = self.compiler.gives(loop.below[tag])
        if tag in loop.currencies:
            move.currency = self.compiler.gives((loop.currencies[tag]._replace(name="currency"),))
        move.ends_record = depth < place.record_depth < len(place.loops)
        move.begins_record = opens is None and depth == 0 and any(begins == tag for begins, _ in loop.begins)
        move.splits = depth == place.record_depth
        if opens is not None and opens.many and opens.kind is not None:
            move.items = frozenset(fields_of(opens.kind))
        move.carries = move.below is not None or move.currency is not None
        move.is_level = self.level is not None and tag == self.level[0]
        return move

    def _given_by(self, loop: Loop, tag: str, *, opens: bool) -> Gives | None:
        """Made once for all places: what a loop takes from a tag, and from its beginning on."""
        key = loop.name, tag
        if key not in self._gives:
            nodes = (*(loop.nodes.get("", ()) if opens else ()), *loop.nodes.get(tag, ()))
            self._gives[key] = self.compiler.gives(nodes) if nodes else None
        return self._gives[key]


class Walk:
    """The records of one set.

    Attributes:
        schema: "claim/1". version: of the map: "837p-2".
        reads_envelope: `Map.reads_envelope`.
    """

    def __init__(self, compiled: Compiled, location: Location) -> None:
        self.schema = compiled.map.schema
        self.version = compiled.map.id
        self.reads_envelope = compiled.map.reads_envelope
        self._compiled = compiled
        self._location = location
        self._place = compiled.start
        self._objects: list[dict[str, Any]] = [{}]
        self._below: list[tuple[int, dict[str, Any]]] = []
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
        always = compiled.map.loops[""].nodes.get("")
        if always:
            compiled.compiler.gives(always)(self._objects[0], [])
        compiled.compiler.currency = None

    def feed(self, segments: Segments, *, around: bool = False) -> list[Any]:
        """The records that end within these segments, as dicts, and findings of what made no sense in them.

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
        compiled, objects = self._compiled, self._objects
        split, problems = compiled.split, compiled.compiler.problems
        place = self._place
        choices = place.choices
        for index, text in enumerate(segments.characters):
            parts = split(text)
            tag = parts[0]
            choice = choices.get(tag, _UNKNOWN)
            if choice is None:
                continue
            if choice is _UNKNOWN:
                choice = compiled.choice(place, tag)
                if choice is None:
                    continue
            move = choice.only
            if move is None:
                move = self._choose(choice, parts)
                if move is None:
                    continue
            if move.ends_record or move.begins_record or self._is_long:
                self._index = index
                if not self._turn(move):
                    continue
            depth = move.depth
            if len(objects) > depth + 1:
                del objects[depth + 1 :]
            target = objects[depth]
            if move.opens is not None:
                self._index = index
                target = self._open(move, move.opens, target)
            if move.gives is not None:
                move.gives(target, parts)
            if move.carries:
                self._carry(move, parts)
            if problems:
                self._index = index
                self._tell(tag)
            if move.after is not place:
                self._place = place = move.after
                choices = place.choices
        return self._taken()

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

    def _choose(self, choice: Choice, parts: Parts) -> Move | None:
        """The first move whose conditions hold; None when the segment is passed over."""
        first = choice.moves[0]
        if first.is_level:
            return self._in_its_level(choice, parts)
        if choice.code is None:
            return next((move for move in choice.moves if move.holds is None or move.holds(parts)), None)
        (code,) = choice.code(parts)
        if code not in choice.by_code:
            found = next((move for move in choice.moves if move.holds is None or move.holds(parts)), None)
            if len(choice.by_code) >= _CODES_MAX:
                choice.by_code.clear()
            choice.by_code[code] = found
        return choice.by_code[code]

    def _in_its_level(self, choice: Choice, parts: Parts) -> Move | None:
        """Of a segment that names the level above its own: within that, whatever came last."""
        assert self._compiled.level is not None
        own, above = self._compiled.level[1](parts)
        open_depth = len(self._objects) - 1
        deepest = next((depth for depth, name in self._levels if name == above and depth <= open_depth), sys.maxsize)
        for move in choice.moves:
            if move.depth <= deepest and (move.holds is None or move.holds(parts)):
                self._levels = [one for one in self._levels if one[0] <= move.depth]
                self._levels.append((move.depth + 1, own))
                return move
        return None

    def _open(self, move: Move, loop: Loop, around: dict[str, Any]) -> dict[str, Any]:
        depth = move.depth
        while self._below and self._below[-1][0] > depth:
            self._below.pop()
        if depth < self._currency_depth < sys.maxsize:
            self._currency_depth = sys.maxsize
            self._compiled.compiler.currency = None
        made: dict[str, Any] = {}
        if loop.of_record:
            around = self._objects[move.after.record_depth]
        if loop.many:
            for _, below in self._below:
                made.update({name: value for name, value in below.items() if name in move.items})
            extend(around, loop.into, [made])
        elif loop.into:
            made = within(around, loop.into)
        elif depth >= move.after.record_depth and not loop.is_passed_over:
            made = around  # It is no object of its own, only a place.
        if loop.is_record:
            self._begin_record(self._offset())
        self._objects.append(made)
        return made

    def _carry(self, move: Move, parts: Parts) -> None:
        depth = len(self._objects) - 1
        while depth and self._objects[depth] is self._objects[depth - 1]:
            depth -= 1  # A loop that is only a place says it of what is around it.
        if move.below is not None:
            below: dict[str, Any] = {}
            move.below(below, parts)
            self._below.append((depth, below))
        if move.currency is not None:
            named: dict[str, Any] = {}
            move.currency(named, parts)
            if named:
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
        for level in self._objects[: self._place.record_depth + 1]:
            join(record, level)
        if not record:
            return
        provenance = {"set": self._location.set or 0, "start": self._record_start, "end": end, "map": self.version}
        if self._part:
            provenance["part"] = self._part
        if continued:
            provenance["continued"] = True
        self._made.append({"schema": self.schema, "provenance": provenance, **record})

    # --- findings ---

    def _tell(self, tag: str) -> None:
        problems = self._compiled.compiler.problems
        for name, why in problems:
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


_UNKNOWN: Final[Any] = object()


def join(record: dict[str, Any], level: dict[str, Any]) -> None:
    """Add what a level within says; what both say of a struct is put together, of a list one behind the other."""
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
