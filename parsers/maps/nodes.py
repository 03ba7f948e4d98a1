"""What can be said of a map's nodes before they are written as Python."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from parsers.maps.model import Condition, Leaf, Many, Node, Struct


def _asked(node: Node) -> Iterator[tuple[Condition, ...]]:
    """The conditions of a node, and of what is in it."""
    if isinstance(node, Many):
        yield from _asked(node.item)
        return
    if node.conditions:
        yield node.conditions
    if isinstance(node, Struct):
        for part in node.parts:
            yield from _asked(part)


def deciding(nodes: Sequence[Node]) -> str | None:
    """The element that most of their conditions ask for; None where that are not several."""
    asked = {conditions for node in nodes for conditions in _asked(node)}
    times = Counter(reference for conditions in asked for reference in {one.reference for one in conditions})
    ((reference, most),) = times.most_common(1) or [("", 0)]
    return reference if most > 2 and "+" not in reference else None


def _resolved(node: Node, code: str, text: str) -> Any:
    """A node without its conditions on an element of which the text is known; None where one does not hold."""
    if isinstance(node, Many):
        item = _resolved(node.item, code, text)
        return None if item is None else node._replace(item=item)
    left = []
    for one in node.conditions:
        if one.reference != code:
            left.append(one)
        elif (text in one.codes if one.codes else not text) == one.unlike:
            return None
    node = node._replace(conditions=tuple(left))
    if isinstance(node, Struct):
        parts = tuple(left_of(node.parts, code, text))
        return node._replace(parts=parts) if parts else None
    return node


def left_of(nodes: Sequence[Node], code: str, text: str) -> list[Node]:
    """What is left to be asked of nodes when the text of an element is known."""
    seen: set[str] = set()
    left: list[Node] = []
    for one in nodes:
        node = _resolved(one, code, text)
        if not isinstance(one, Many):
            if node is not None and one.name in seen:
                node = node._replace(is_later=True)
            seen.add(one.name)
        if node is not None:
            left.append(node)
    return left


def _references(node: Node) -> Iterator[str]:
    """All that a node looks at."""
    if isinstance(node, Many):
        yield from _references(node.item)
        if node.every is not None:
            yield node.every[0]
        return
    for condition in node.conditions:
        yield condition.reference
    if isinstance(node, Struct):
        for part in node.parts:
            yield from _references(part)
        return
    for references in node.references:
        for one in references:
            yield from one.split("+")
    if node.form:
        yield node.form


def belongs(reference: str, whole: str) -> bool:
    """Whether an element is another one, or a part of it."""
    return reference.startswith(whole) and not reference[len(whole) : len(whole) + 1].isdigit()


def comes_again(node: Leaf | Struct, whole: str, growing: frozenset[str]) -> bool:
    """The same element always makes the same of it, which nobody adds to."""
    is_closed = isinstance(node, Leaf) or node.name not in growing or not any(map(_is_list, node.parts))
    return is_closed and not names_money(node) and all(belongs(one, whole) for one in _references(node))


def _is_list(node: Node) -> bool:
    return isinstance(node, Many)


def names_money(node: Node) -> bool:
    """What it makes depends on the currency of the moment."""
    if isinstance(node, Many):
        return names_money(node.item)
    if isinstance(node, Struct):
        return any(map(names_money, node.parts))
    return node.field.struct is not None and node.field.struct.__name__ == "Money"


def together(lists: Sequence[Many]) -> dict[str, list[Many]]:
    """By the list that several nodes add to."""
    made: dict[str, list[Many]] = {}
    for node in lists:
        made.setdefault(node.name, []).append(node)
    return made
