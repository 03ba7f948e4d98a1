"""Walks the elements of an XML message through a map, and makes its records.

A loop is an element: it begins and ends with it, and everything in it that is in no loop within is its own. Paths of
elements are what references are elsewhere: `Acct/Id/IBAN`, `Amt@Ccy` for an attribute, from the loop's element on.
"""

from collections.abc import Callable, Iterator
from typing import Any, Final

from msgspec.structs import replace

from parsers.findings import Finding, Location
from parsers.maps.compiler import Compiler, Gives, extend, within
from parsers.maps.engine import PART_BYTES, join_level
from parsers.maps.model import Condition, Leaf, Loop, Many, Map, Node
from parsers.maps.values import Spot, Values
from parsers.markup.syntax import BLANKS, attributes, local, qualified, resolved
from parsers.segments import Segments

TEXT_CHARACTERS_MAX: Final = 4096
"""Of one element; what is beyond is no value that a record has."""

TEXTS_MAX: Final = 1000
"""Of one path in one turn of a loop; more of them are left out."""

TAG: Final = "."
"""What stands for the tag of all paths: a loop is built at once."""

At = tuple[int, int, str]
"""Position and offset of a tag, and the tag."""

_CDATA_OPENS, _CDATA_CLOSES = "<![CDATA[", "]]>"


class PathValues:
    """How values stand in an element: by their paths. `e` is a dict of the first text of each; at 0 of all texts
    of those that repeat, with their places, and at 1 of the places of those in hand.
    """

    deleted = ""
    fill = 0
    goes_on = None

    def __init__(self) -> None:
        self.functions: dict[str, Any] = {"each": _each}

    def split(self, segment: str) -> dict[Any, Any]:
        raise NotImplementedError("elements are not split")

    def spot(self, reference: str, group: str | None = None) -> Spot:  # noqa: ARG002  Paths do not move.
        return Spot(f"e.get({reference!r}, '')")

    def whole(self, reference: str) -> str:
        return f"e.get({reference!r}, '')"

    def groups(self, reference: str, step: int) -> str:
        raise NotImplementedError(f"{reference}/{step}: elements repeat by themselves")

    def repetitions(self, reference: str) -> str:
        return f"each(e, {reference!r})"


def _each(e: dict[Any, Any], path: str) -> Iterator[dict[Any, Any]]:
    found = e[0].get(path)
    if found is None:
        if path in e:
            yield e
        return
    places = e[1]
    for text, place in found:
        places[path] = place
        yield {**e, path: text}


class _Place:
    """A loop of the map, ready to be walked."""

    def __init__(self, loop: Loop, compiler: Compiler) -> None:
        self.loop = loop
        nodes = (*loop.nodes.get("", ()), *loop.nodes.get(TAG, ()))
        self.gives: Gives | None = compiler.gives(nodes) if nodes else None
        self.wanted: set[str] = set()
        for node in loop.nodes.get(TAG, ()):
            self.wanted.update(_paths(node))
        self.attributes = {path.partition("@")[0] for path in self.wanted if "@" in path}
        self.inner: dict[str, list[_Place]] = {}


def _paths(node: Node) -> list[str]:
    conditions: tuple[Condition, ...]
    found: list[str] = []
    if isinstance(node, Many):
        return [*_paths(node.item), *([node.repetitions] if node.repetitions else [])]
    conditions = node.conditions
    if isinstance(node, Leaf):
        found += [path for references in node.references for one in references for path in one.split("+")]
        found += [node.form] if node.form else []
    else:
        found += [path for part in node.parts for path in _paths(part)]
    return [*found, *(one.reference for one in conditions)]


class CompiledTree:
    """A map of messages that are trees. Good for all messages of a file, one after the other."""

    def __init__(self, made: Map, values: Values, *, marking: bool = False) -> None:
        self.map = made
        self.compiler = Compiler(made.standard, values, marking=marking)
        places = {name: _Place(loop, self.compiler) for name, loop in made.loops.items()}
        self.root = places[""]
        for name, loop in made.loops.items():
            for parent in loop.parents or (("",) if name else ()):
                for path, _ in loop.begins:
                    places[parent].inner.setdefault(path, []).append(places[name])

    def walk(self, location: Location, encode: Callable[[dict[str, Any]], Any] = dict) -> "TreeWalk":
        return TreeWalk(self, location, encode)


class _Frame:
    """A loop's element that has not ended."""

    __slots__ = ("at", "below", "e", "made", "place", "places", "start")

    def __init__(self, place: _Place, below: int, start: int, at: At) -> None:
        self.place = place
        self.below = below
        self.start = start
        self.at = at
        self.places: dict[str, At] = {}
        self.e: dict[Any, Any] = {0: {}, 1: self.places}
        self.made: dict[str, Any] = {}


class TreeWalk:
    """The records of one message; the same to whoever feeds it as `parsers.maps.engine.Walk`."""

    reads_envelope = False

    def __init__(
        self, compiled: CompiledTree, location: Location, encode: Callable[[dict[str, Any]], Any] = dict
    ) -> None:
        self._encode = encode
        self.schema = compiled.map.schema
        self.version = compiled.map.id
        self._compiled = compiled
        self._location = location
        self._frames = [_Frame(compiled.root, 0, location.offset or 0, (0, 0, ""))]
        self._paths: list[str] = []  # Of the elements that are open, from the loop's own on.
        self._text: list[str] | None = None
        self._length = 0
        self._made: list[Any] = []
        self._part = 0
        self._here: At = (0, 0, "")  # Of the tag whose text is in hand.
        self._segments: Segments | None = None
        self._is_root = True
        self._alone = compiled.root.loop.is_alone
        self._is_recorded = False

    def feed(self, segments: Segments, *, around: bool = False) -> list[Any]:  # noqa: ARG002  One interface for all.
        self._segments = segments
        for index, text in enumerate(segments.characters):
            if text[0] != "<":
                if self._text is not None:
                    self._keep(resolved(text))
            elif text[1] == "/":
                self._end(index)
            elif text[1] == "!":
                if self._text is not None and text.startswith(_CDATA_OPENS):
                    self._keep(text[len(_CDATA_OPENS) : -len(_CDATA_CLOSES)])
            elif text[1] != "?":
                self._start(index, text)
        made, self._made = self._made, []
        return made

    def finish(self, end: int) -> list[Any]:
        """Every element has ended by itself."""
        if self._alone and not self._is_recorded and self._frames[0].made:
            self._emit(self._frames[0], end, continued=False)
        made, self._made = self._made, []
        return made

    def _keep(self, text: str) -> None:
        assert self._text is not None
        self._length += len(text)
        if self._length <= TEXT_CHARACTERS_MAX:
            self._text.append(text)

    def _start(self, index: int, tag: str) -> None:
        name = local(qualified(tag))
        is_empty = tag[-2] == "/"
        if self._is_root:
            if name == "Document":
                return
            self._is_root = False
        frame = self._frames[-1]
        path = f"{self._paths[-1]}/{name}" if len(self._paths) > frame.below and self._paths else name
        for place in frame.place.inner.get(path, ()):
            assert self._segments is not None
            here = self._segments.position + index, self._segments.byte(index), tag
            self._paths.append(path)
            self._frames.append(_Frame(place, len(self._paths), self._segments.byte(index), here))
            if place.loop.is_record:
                self._part = 0
            if is_empty:
                self._end(index)
            return
        if path in frame.place.attributes:
            assert self._segments is not None
            here = self._segments.position + index, self._segments.byte(index), tag
            for key, value, _ in attributes(tag):
                self._put(frame, f"{path}@{local(key)}", resolved(value), here)
        if is_empty:
            return
        self._paths.append(path)
        if path in frame.place.wanted:
            self._text, self._length = [], 0
            assert self._segments is not None
            self._here = self._segments.position + index, self._segments.byte(index), tag

    def _put(self, frame: _Frame, path: str, text: str, at: At) -> None:
        if path not in frame.place.wanted:
            return
        if path in frame.e:
            texts = frame.e[0].setdefault(path, [(frame.e[path], frame.places[path])])
            if len(texts) < TEXTS_MAX:
                texts.append((text, at))
        else:
            frame.e[path] = text
            frame.places[path] = at

    def _end(self, index: int) -> None:
        if not self._paths:
            return
        frame = self._frames[-1]
        path = self._paths.pop()
        if self._text is not None:
            text, self._text = "".join(self._text).strip(BLANKS), None
            if text:
                self._put(frame, path, text, self._here)
        if len(self._paths) < frame.below and len(self._frames) > 1:
            self._close(frame, index)

    # --- loops ---

    def _close(self, frame: _Frame, index: int) -> None:
        self._build(frame)
        self._frames.pop()
        loop = frame.place.loop
        around = self._frames[-1]
        assert self._segments is not None
        end = self._segments.byte(index + 1) if index + 1 < len(self._segments.texts) else self._segments.end
        if loop.is_record:
            self._emit(frame, end, continued=False)
        elif loop.is_passed_over:
            pass
        elif loop.many:
            extend(around.made, loop.into, [frame.made])
            if around.place.loop.is_record and end - around.start > PART_BYTES * (self._part + 1):
                self._split(around, end)
        elif loop.into and frame.made:
            target = within(around.made, loop.into)
            target.update(frame.made)
        elif not loop.into:
            join_level(around.made, frame.made)

    def _build(self, frame: _Frame) -> None:
        self._give(frame, frame.made)
        compiler = self._compiled.compiler
        for name, why in compiler.problems:
            position, offset, _ = frame.places.get(name, frame.at)
            path, _, attribute = name.partition("@")
            element = path.rpartition("/")[2]
            place = replace(
                self._location,
                segment=element,
                position=position,
                element=f"@{attribute}" if attribute else element,
                offset=offset,
            )
            code = f"{place.standard}.{why.code}"
            self._made.append(Finding.at(place, code, f"{name} {why.says}", why.hint, severity="warning"))
        compiler.problems.clear()

    def _give(self, frame: _Frame, made: dict[str, Any]) -> None:
        """What the texts in a loop's element say."""
        if frame.place.gives is not None:
            compiler = self._compiled.compiler
            compiler.here, compiler.places = frame.at, frame.places
            frame.place.gives(made, frame.e)

    def _split(self, frame: _Frame, end: int) -> None:
        self._part += 1
        whole, frame.made = frame.made, dict(frame.made)
        self._give(frame, frame.made)
        self._compiled.compiler.problems.clear()  # They will be told when its element ends.
        self._emit(frame, end, continued=True)
        frame.made = {name: value for name, value in whole.items() if not isinstance(value, list)}

    def _emit(self, frame: _Frame, end: int, *, continued: bool) -> None:
        self._is_recorded = True
        record: dict[str, Any] = {}
        for level in self._frames:
            if level is frame:
                break
            made = dict(level.made)
            self._give(level, made)
            self._compiled.compiler.problems.clear()
            join_level(record, made)
        join_level(record, frame.made)
        provenance = {"set": self._location.set or 0, "start": frame.start, "end": end, "map": self.version}
        if self._part:
            provenance["part"] = self._part + (not continued)
        if continued:
            provenance["continued"] = True
        self._made.append(self._encode({"schema": self.schema, "provenance": provenance, **record}))
