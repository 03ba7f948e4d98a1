"""From records back to the elements of one message that is a tree, in the order of its guide.

As in `parsers.maps.writing`: a field is written once, by the first place in the map that can say it and that the guide
knows; what no place can say is left out. What records in a row say alike of what stands around them is written once.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Protocol

from parsers.maps.language import TREE
from parsers.maps.model import Condition, Leaf, Loop, Many, Map, Node, Struct
from parsers.maps.writing import DERIVED
from parsers.markup.writer import TEXT, Nested

Steps = tuple[tuple[str, int], ...]
"""The way in to a text: elements by name, each with which of its repetitions, from 0; an attribute is "@Ccy"."""

Cells = Mapping[Steps, str]
At = Mapping[str, int]
"""By path, which repetition is meant; the first where nothing is said."""


class Line(Protocol):
    """As in `parsers.iso20022.guide`."""

    @property
    def slot(self) -> int: ...
    @property
    def required(self) -> bool: ...
    @property
    def max(self) -> int: ...


class Place(Protocol):
    """An element of a guide."""

    @property
    def line(self) -> Line: ...
    @property
    def children(self) -> Mapping[str, "Place"]: ...


Fits = Callable[[str, Place, str], bool]
"""Of a path, which may end in an attribute, with the element of the guide and a text."""


@dataclass(slots=True)
class _Told:
    """Attributes:
    done: fields that have been written.
    """

    record: dict[str, Any]
    done: set[str] = field(default_factory=set)


def write(records: Sequence[dict[str, Any]], made: Map, root: Place, fits: Fits) -> Mapping[str, Nested]:
    """What stands in the message's own element.

    Args:
        fits: whether a text may stand in an element, of which the guide says that there is one.

    Raises:
        ValueError: records say otherwise than the map of all of them; or not the same of what there is one of.
    """
    for leaf in made.loops[""].nodes.get("", ()):
        if isinstance(leaf, Leaf) and any(one.get(leaf.name, leaf.constant) != leaf.constant for one in records):
            raise ValueError(f"{made.id} is for {leaf.name} {leaf.constant} alone")
    (*turns,) = _Tree(made, fits).turns(made.loops[""], [_Told(one) for one in records], root)
    if len(turns) != 1:
        raise ValueError("records of one message say the same of what is around them")
    assert isinstance(turns[0], Mapping)
    return turns[0]


class _Tree:
    def __init__(self, made: Map, fits: Fits) -> None:
        self._made = made
        self._fits = fits
        self._written = made.written.get(TREE, {})
        self._inner = {
            name: [one for one in made.loops.values() if one.name and name in (one.parents or ("",))]
            for name in made.loops
        }

    def turns(self, loop: Loop, told: Sequence[_Told], place: Place) -> Iterator[Nested]:
        """One for all records in a row that say the same of it; of a loop that makes records, one for each."""
        later = {node.name for inner in self._inner[loop.name] for node in self._all_nodes(inner)}
        nodes = loop.nodes.get(TREE, ())
        own = [node for node in nodes if node.name not in later]
        said = [self._grown({}, own, one, place) for one in told]
        numbered = range(len(told))
        for _, group in groupby(numbered, key=lambda nth: nth if loop.is_record else said[nth][0]):
            row = list(group)
            cells = said[row[0]][0]
            for nth in row:
                told[nth].done |= said[nth][1]
            both = [node for node in nodes if node.name in later]
            cells = self._alike(cells, both, [told[nth] for nth in row], place)
            for reference, text in self._written.items():
                cells = self._wanted(cells, reference, text, place)
            inside: dict[str, list[Nested]] = {}
            for inner in self._inner[loop.name]:
                name = inner.begins[0][0]
                inside[name] = list(self.turns(inner, [told[nth] for nth in row], place.children[name]))
            yield _nested(cells, place, inside)

    def _all_nodes(self, loop: Loop) -> Iterator[Node]:
        yield from loop.nodes.get(TREE, ())
        for inner in self._inner[loop.name]:
            yield from self._all_nodes(inner)

    def _alike(self, cells: Cells, nodes: Sequence[Node], row: Sequence[_Told], place: Place) -> Cells:
        """With what loops within could say as well, element by element, where all records say the same there."""
        by_element: dict[str, list[Node]] = {}
        for node in nodes:
            by_element.setdefault(next(_references(node)).partition("/")[0], []).append(node)
        for some in by_element.values():
            said = [self._grown(cells, some, one, place) for one in row]
            if all(one == said[0] for one in said):
                cells = said[0][0]
                for one in row:
                    one.done |= said[0][1]
        return cells

    def _wanted(self, cells: Cells, reference: str, text: str, place: Place) -> Cells:
        """With what the guide wants, where there is no such element."""
        steps = _steps(reference, {})
        for depth, (name, _) in enumerate(steps, 1):
            if name not in place.children:
                break
            place = place.children[name]
            if not any(key[:depth] == steps[:depth] for key in cells):
                return {**cells, steps: text} if place.line.required else cells
        return cells

    def _grown(self, cells: Cells, nodes: Iterable[Node], told: _Told, place: Place) -> tuple[Cells, set[str]]:
        """With fields of a record; and which."""
        growing = _Growing(place, self._made, self._fits)
        parts = {
            name: some
            for name, some in _by_name(nodes).items()
            if told.record.get(name) is not None and name not in told.done
        }
        made, done = growing.fields(cells, parts, told.record)
        if len(done) < len(parts):  # What found its place taken may have another beside what took it.
            first = {name: parts[name] for name in sorted(parts, key=done.__contains__)}
            again = growing.fields(cells, first, told.record)
            if len(again[1]) > len(done):
                return again
        return made, done


class _Growing:
    """What is made of fields, in an element of the guide."""

    def __init__(self, place: Place, made: Map, fits: Fits) -> None:
        self._place = place
        self._own = f"{made.standard}:"
        self._unwritten = tuple(f"/{one}" for one in made.unwritten)
        self._fits = fits

    def fields(
        self, cells: Cells, parts: Mapping[str, Sequence[Node]], record: Mapping[str, Any]
    ) -> tuple[Cells, set[str]]:
        """With these fields, and which could be said."""
        done = set[str]()
        for name, nodes in parts.items():
            made = self.as_far_as_possible(cells, nodes, record[name])
            if made != cells:
                cells = made
                done.add(name)
        return cells, done

    def as_far_as_possible(self, cells: Cells, nodes: Sequence[Node], value: Any) -> Cells:
        """With a field; of an object or a list with those parts that can be said."""
        if isinstance(value, list):
            return self._list(cells, nodes, value, {})[0]
        whole = next(self._ways(cells, nodes, value, {}), None)
        if whole is not None:
            return whole
        for node in nodes:
            if isinstance(node, Struct) and isinstance(value, dict):
                made = cells
                for name, some in _by_name(node.parts).items():
                    if name in value:
                        made = self.as_far_as_possible(made, some, value[name])
                if made != cells and self._is_true(made, node, value, {}):
                    return made
        return cells

    def _ways(self, cells: Cells, nodes: Sequence[Node], value: Any, at: At) -> Iterator[Cells]:
        """To say all of a field."""
        if isinstance(value, list):
            made, is_all = self._list(cells, nodes, value, at)
            if is_all:
                yield made
            return
        for node in nodes:
            if isinstance(node, Struct) and isinstance(value, dict):
                names = [name for name in value if name not in DERIVED]
                for made in self._ways_of_all(cells, _by_name(node.parts), value, names, at):
                    if self._is_true(made, node, value, at):
                        yield made
            elif isinstance(node, Leaf):
                yield from self._leaf(cells, node, value, at)

    def _ways_of_all(
        self, cells: Cells, parts: Mapping[str, list[Node]], item: Mapping[str, Any], names: Sequence[str], at: At
    ) -> Iterator[Cells]:
        if not names:
            yield cells
            return
        for made in self._ways(cells, parts.get(names[0], ()), item[names[0]], at):
            yield from self._ways_of_all(made, parts, item, names[1:], at)

    def _is_true(self, cells: Cells, node: Struct, item: Mapping[str, Any], at: At) -> bool:
        """What stands in the map for an object is what it says."""
        if not all(_holds(cells, one, at) for one in node.conditions):
            return False
        for name, nodes in _by_name(node.parts).items():
            leaves = [one for one in nodes if isinstance(one, Leaf)]
            read = next((one for one in leaves if _is_there(cells, one, at)), None)
            if read is not None and read.constant is not None and read.constant != item.get(name):
                return False
        return True

    def _leaf(self, cells: Cells, node: Leaf, value: Any, at: At) -> Iterator[Cells]:
        if node.constant is not None:
            if node.constant == value:
                yield cells
            return
        for references in node.references:
            for texts in self._texts(node, value, references):
                made: Cells | None = cells
                for reference, text in texts:
                    made = self._put(made, reference, text, at) if made is not None else None
                if made is not None and all(_holds(made, one, at) for one in node.conditions):
                    yield made

    def _texts(self, node: Leaf, value: Any, references: Sequence[str]) -> Iterator[list[tuple[str, str]]]:
        """The ways to say a value, each the text of some elements."""
        first, *beside = references
        if node.words is not None:
            code = value.removeprefix(self._own) if isinstance(value, str) else ""
            if code != value and code and (len(node.references) == 1 or references is not node.references[0]):
                yield [(first, code)]  # Where senders have codes of their own, if there is such a place.
            yield from ([(first, code)] for code, word in node.words.items() if word == value)
        elif isinstance(value, Mapping):
            if beside and "currency" in value:
                yield [(first, value["amount"]), (beside[0], value["currency"])]
        elif "+" in first:
            start, _, end = first.partition("+")
            yield [(start, str(value))]
            before, _, last = str(value).rpartition(" ")
            if before and "+" not in end:
                yield [(start, before), (end, last)]
        else:
            yield [(first, str(value))]

    # --- lists ---

    def _list(self, cells: Cells, nodes: Sequence[Node], items: Sequence[Any], at: At) -> tuple[Cells, bool]:
        """With items; and whether with all. Rather with nodes that the map would have written."""
        many = [node for node in nodes if isinstance(node, Many)]
        rather = [node for node in many if not next(_references(node)).endswith(self._unwritten)]
        made = self._items(cells, rather, items, at)
        if made[1] or len(rather) == len(many):
            return made
        other = self._items(cells, many, items, at)
        return other if other[1] else made

    def _items(self, cells: Cells, many: Sequence[Many], items: Sequence[Any], at: At) -> tuple[Cells, bool]:
        """As they are read: those of the first node before those of the second."""
        counts = [0] * len(many)
        first, left_out = 0, 0
        for item in items:
            for nth in range(first, len(many)):
                made = self._item(cells, many[nth], item, counts[nth], at)
                if made is not None:
                    cells = made
                    counts[nth] += 1
                    first = nth
                    break
            else:
                left_out += 1
        return cells, not left_out

    def _item(self, cells: Cells, node: Many, item: Any, nth: int, at: At) -> Cells | None:
        if node.repetitions is not None and "+" not in node.repetitions:
            repeated = self._repeated(node.repetitions)
            if nth and repeated is None:
                return None
            at = {**at, repeated: nth} if repeated is not None else at
        elif nth:
            return None
        made = next(self._ways(cells, [node.item], item, at), None)
        return made if made != cells else None

    def _repeated(self, path: str) -> str | None:
        """The innermost element on a way that may stand several times."""
        place, found, walked = self._place, None, ""
        for name in path.split("/"):
            if name not in place.children:
                return None
            place = place.children[name]
            walked = f"{walked}/{name}" if walked else name
            found = walked if place.line.max > 1 else found
        return found

    # --- texts ---

    def _put(self, cells: Cells, reference: str, text: str, at: At) -> Cells | None:
        """With a text in its place; None where another one stands, or the guide has no such place for it."""
        steps = _steps(reference, at)
        if steps in cells:
            return cells if cells[steps] == text else None
        place = self._place
        for depth, (name, nth) in enumerate(steps):
            if name.startswith("@"):
                break
            child = place.children.get(name)
            if child is None or nth >= child.line.max:
                return None
            for key in cells:
                other = key[depth][0] if len(key) > depth and key[:depth] == steps[:depth] else name
                if other != name and place.children[other].line.slot == child.line.slot:
                    return None
            place = child
        return {**cells, steps: text} if self._fits(reference, place, text) else None


def _steps(reference: str, at: At) -> Steps:
    path, _, attribute = reference.partition("@")
    names = path.split("/")
    made = [(name, at.get("/".join(names[:nth]), 0)) for nth, name in enumerate(names, 1)]
    return (*made, (f"@{attribute}", 0)) if attribute else tuple(made)


def _holds(cells: Cells, condition: Condition, at: At) -> bool:
    text = cells.get(_steps(condition.reference, at), "")
    return (text in (condition.codes or {""})) is not condition.unlike


def _is_there(cells: Cells, leaf: Leaf, at: At) -> bool:
    """It would be read."""
    sent = leaf.constant is not None or any(_steps(one[0], at) in cells for one in leaf.references)
    return sent and all(_holds(cells, one, at) for one in leaf.conditions)


def _by_name(nodes: Iterable[Node]) -> dict[str, list[Node]]:
    made: dict[str, list[Node]] = {}
    for node in nodes:
        made.setdefault(node.name, []).append(node)
    return made


def _references(node: Node) -> Iterator[str]:
    """Elements that it is read from."""
    match node:
        case Many():
            yield from _references(node.item)
        case Struct():
            yield from (reference for part in node.parts for reference in _references(part))
        case Leaf():
            yield from (one.partition("+")[0] for references in node.references for one in references)


def _nested(cells: Cells, place: Place, inside: Mapping[str, list[Nested]]) -> Nested:
    """As an element with its children in the order of the guide."""
    if not place.children:
        attributes = {steps[0][0]: text for steps, text in cells.items() if steps}
        return {**attributes, TEXT: cells[()]} if attributes else cells[()]
    made: dict[str, Nested] = {}
    for name, child in place.children.items():
        turns: dict[int, dict[Steps, str]] = {}
        for steps, text in cells.items():
            if steps[0][0] == name:
                turns.setdefault(steps[0][1], {})[steps[1:]] = text
        elements = [_nested(turns[nth], child, {}) for nth in sorted(turns)] + inside.get(name, [])
        if elements:
            made[name] = elements if len(elements) > 1 else elements[0]
    return made
