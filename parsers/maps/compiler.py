"""From a map's nodes to a function that takes from a segment what it gives to an object, written as Python.

What it writes looks like this, of `claim_id = "CLM01"` and `total_charge = "CLM02"`:

    def gives(o, e):
        if v := e[1]:
            o['claim_id'] = v
        if v := e[2]:
            if (x := decimal(v, 'CLM02')) is not None: o['total_charge'] = money(x, '')

Going through the nodes for each segment took four times as long. All names in it are of map files; no text of a partner
is ever compiled.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from typing import Any, Final, NamedTuple

from parsers.canonical.fields import fields_of
from parsers.canonical.values import Identifier
from parsers.check_digits import is_valid
from parsers.maps.model import Condition, Leaf, Many, Node, Struct
from parsers.maps.values import Parts, Spot, Unreadable, Values, negated, with_places

CHECKED: Final = {
    "npi": "npi", "gtin": "gtin", "upc": "gtin", "ean": "gtin", "gln": "gln", "sscc": "sscc", "iban": "iban",
    "aba": "aba", "lei": "lei",
}  # fmt: skip
"""Schemes that have check digits, and the kind that `parsers.check_digits` knows them by."""

CACHED_MAX: Final = 4096
"""Days, codes and the like that are kept because they come again."""

Path = tuple[str, ...]
Gives = Callable[[dict[str, Any], Parts], None]
"""Puts into an object what a segment gives to it."""


class Problem(NamedTuple):
    reference: str
    why: Unreadable


class Mark(NamedTuple):
    """In the place of a value: the elements that it came from, none for one that the map itself gives; and where.

    Attributes:
        position: of the segment in its set, from 1. offset: its first byte. text: itself.
    """

    references: Path
    position: int
    offset: int
    text: str


class Compiler:
    """For the separators of one interchange.

    Attributes:
        currency: of amounts that name none.
        problems: what made no sense since somebody last looked.
        here: position, offset and text of the segment in hand, where values are marked.
        sent: an expression that is false where nothing of a struct was sent, as far as that is known without a look at
            all of it.
    """

    def __init__(self, standard: str, values: Values, *, marking: bool = False) -> None:
        self.values = values
        self.currency: str | None = None
        self.problems: list[Problem] = []
        self.here = (0, 0, "")
        self.sent: Callable[[Struct], str | None] = lambda _: None
        self._standard = standard
        self._marking = marking

    def gives(self, nodes: Sequence[Node]) -> Gives:
        return _Writer(self, self.values, self._standard, marking=self._marking).gives(nodes)

    def holds(self, conditions: Sequence[Condition]) -> Callable[[Parts], bool] | None:
        """Whether all of them hold; None where there are none."""
        if not conditions:
            return None
        return _Writer(self, self.values, self._standard, marking=self._marking).holds(conditions)

    def texts(self, references: Sequence[str]) -> Callable[[Parts], tuple[str, ...]]:
        """What stands in some elements of a segment."""
        return _Writer(self, self.values, self._standard, marking=False).texts(references)

    # --- what the functions call ---

    def read(self, read: Callable[..., Any], name: str, *texts: str) -> Any:
        """None for a value that makes no sense, which is then told of."""
        try:
            return read(*texts)
        except Unreadable as why:
            self.problems.append(Problem(name, why))
            return None

    def mark(self, *references: str) -> Mark:
        return Mark(references, *self.here)

    def decimal(self, text: str, name: str) -> str | None:
        if (text.isdigit() or (text.replace(".", "", 1).isdigit() and text[0] != "." != text[-1])) and text.isascii():
            return text
        value: str | None = self.read(self.values.decimal, name, text)
        return value

    def whole(self, text: str, name: str) -> int | None:
        if text.isdigit() and text.isascii():
            return int(text)
        value = self.decimal(text, name)
        return None if value is None else int(value.partition(".")[0])

    def money(self, amount: str, currency: str) -> dict[str, str]:
        currency = currency or self.currency or ""
        return {"amount": amount, "currency": currency} if currency else {"amount": amount}

    def period(self, text: str, more: str, form: str) -> dict[str, str]:
        start, end = self.values.period(text, more, form)
        return {"start": start, "end": end} if end else {"start": start}


def _quantity(value: str, unit: str) -> dict[str, str]:
    return {"value": value, "unit": unit} if unit else {"value": value}


_is_valid = lru_cache(maxsize=CACHED_MAX)(is_valid)


def _checked(identifier: dict[str, Any]) -> dict[str, Any]:
    kind = CHECKED.get(identifier["scheme"])
    if kind is not None:
        identifier["valid"] = _is_valid(kind, identifier["value"])
    return identifier


class _Known(dict[Any, Any]):
    """What was made of a text, for when it comes again."""

    def keep(self, key: Any, made: Any) -> Any:
        if len(self) >= CACHED_MAX:
            self.clear()
        self[key] = made
        return made


def within(owner: dict[str, Any], path: Path) -> dict[str, Any]:
    """The object at the end of a path, made where there is none."""
    for name in path:
        inner = owner.get(name)
        if inner is None:
            inner = owner[name] = {}
        owner = inner
    return owner


def extend(owner: dict[str, Any], path: Path, items: list[Any] | None) -> None:
    """Add items to the list at the end of a path; None takes it back."""
    *outer, name = path
    if outer:
        owner = within(owner, tuple(outer))
    held = owner.get(name)
    if items is None:
        owner.setdefault(name, None)
    elif held is None:
        owner[name] = items
    else:
        held += items


class _Writer:
    """Writes one function, and those that it calls."""

    def __init__(self, compiler: Compiler, values: Values, standard: str, *, marking: bool) -> None:
        self._values = values
        self._standard = standard
        self._marking = marking
        self._sent = compiler.sent
        self._names: dict[str, Any] = {
            **values.functions,
            "read": compiler.read,
            "mark": compiler.mark,
            "decimal": compiler.decimal,
            "whole": compiler.whole,
            "money": compiler.money,
            "period": compiler.period,
            "quantity": _quantity,
            "checked": _checked,
            "day": values.day,
            "moment": values.moment,
            "with_places": with_places,
            "negated": negated,
            "within": within,
            "extend": extend,
        }
        self._written: list[str] = []
        self._lines: list[str] = []
        self._depth = 1
        self._made: set[str] = set()
        self._group: str | None = None

    def gives(self, nodes: Sequence[Node]) -> Gives:
        self._object(nodes, ())
        self._line("return")
        function: Gives = self._compiled("gives", "o, e")
        return function

    def holds(self, conditions: Sequence[Condition]) -> Callable[[Parts], bool]:
        self._line(f"return {self._condition(conditions)}")
        function: Callable[[Parts], bool] = self._compiled("holds", "e")
        return function

    def texts(self, references: Sequence[str]) -> Callable[[Parts], tuple[str, ...]]:
        self._line(f"return ({', '.join(map(self._at, references))},)")
        function: Callable[[Parts], tuple[str, ...]] = self._compiled("texts", "e")
        return function

    def _compiled(self, name: str, arguments: str) -> Any:
        self._written.append("\n".join([f"def {name}({arguments}):", *self._lines]))
        exec(compile("\n\n".join(self._written), "<map>", "exec"), self._names)  # noqa: S102  Of our own files alone.
        return self._names[name]

    # --- writing ---

    def _line(self, text: str) -> None:
        self._lines.append("    " * self._depth + text)

    def _if(self, test: str) -> AbstractContextManager[None]:
        return self._block(f"if {test}")

    @contextmanager
    def _block(self, head: str) -> Iterator[None]:
        self._line(f"{head}:")
        made = set(self._made)
        self._depth += 1
        yield
        self._depth -= 1
        self._made = made

    def _bound(self, value: Any) -> str:
        """A name for an object."""
        name = f"b{len(self._names)}"
        self._names[name] = value
        return name

    def _at(self, reference: str) -> str:
        """An expression for an element, or for several joined by "+"."""
        if "+" in reference:
            return f'" ".join(filter(None, ({", ".join(map(self._at, reference.split("+")))})))'
        spot: Spot = self._values.spot(reference, self._group)
        for name, text in spot.needs.items():
            if name not in self._made:
                self._made.add(name)
                self._line(f"{name} = {text}")
        return spot.text

    def _condition(self, conditions: Sequence[Condition]) -> str:
        tests = []
        for one in conditions:
            at = self._at(one.reference)
            if not one.codes:
                tests.append(at if one.unlike else f"not {at}")
            elif len(one.codes) == 1:
                (code,) = one.codes
                tests.append(f"{at} {'!=' if one.unlike else '=='} {code!r}")
            else:
                tests.append(f"{at} {'not ' if one.unlike else ''}in {self._bound(one.codes)}")
        return " and ".join(tests)

    def _object(self, nodes: Sequence[Node], path: Path) -> None:
        """What nodes give to the object `o`, or to a struct in it, to which other segments give, too."""
        name = f"d{len(path)}" if path else "o"
        if path:
            self._line(f"{name} = {{}}")
        seen: set[str] = set()
        lists: list[tuple[Path, Sequence[Many]]] = []
        structs: list[Struct] = []
        for node in nodes:
            if isinstance(node, Many):
                lists.append(((*path, node.name), [node]))
            elif isinstance(node, Struct) and node.whole is None:
                structs.append(node)
            else:
                self._put(node, name, again=node.name in seen)
                seen.add(node.name)
        if path and seen:
            with self._if(name):
                self._merge(path, name)
        for where, many in _together(lists):
            self._line("l = ()")
            self._items(many, "l")
            with self._if("l != ()"):
                self._add(where)
        for node in structs:
            parts = tuple(_also(part, node.conditions) for part in node.parts) if node.conditions else node.parts
            self._object(parts, (*path, node.name))

    def _merge(self, path: Path, name: str) -> None:
        if len(path) > 1:
            self._line(f"within(o, {path!r}).update({name})")
        else:
            self._line(f"if (p := o.get({path[0]!r})) is None: o[{path[0]!r}] = {name}")
            self._line(f"else: p.update({name})")

    def _add(self, path: Path) -> None:
        if len(path) > 1 or self._values.deleted:
            self._line(f"extend(o, {path!r}, l)")
        else:
            self._line(f"if (p := o.get({path[0]!r})) is None: o[{path[0]!r}] = l")
            self._line("else: p += l")

    def _put(self, node: Leaf | Struct, name: str, *, again: bool = False) -> None:
        """A field of the object `name`; one that an alternative has given already stays."""
        if again:
            with self._if(f"{node.name!r} not in {name}"):
                self._put(node, name)
        elif node.conditions:
            with self._if(self._condition(node.conditions)):
                self._put(node._replace(conditions=()), name)
        elif isinstance(node, Struct):
            self._line(f"if (x := {self._struct(node)}) is not None: {name}[{node.name!r}] = x")
            if node.whole is not None and self._values.deleted:
                taken_back = f"mark({node.whole!r})" if self._marking else "None"
                test = f"{self._values.whole(node.whole)} == {self._values.deleted!r}"
                self._line(f"if {test}: {name}[{node.name!r}] = {taken_back}")
        else:
            self._value(node, lambda value: f"{name}[{node.name!r}] = {value}")

    def _value(self, node: Leaf, put: Callable[[str], str]) -> None:
        """Statements that put a leaf's value where it belongs, if there is one: the first of its alternatives."""
        if node.constant is not None:
            self._line(put("mark()" if self._marking else repr(node.constant)))
            return
        first, *others = node.references
        with self._if(f"v := {self._at(first[0])}"):
            value, test = self._read(node, first)
            deleted = self._values.deleted
            if self._marking:
                value = f"mark{(*first, *([node.form] if node.form else []))!r}"
            if deleted and test is None:
                self._line(put(f"None if v == {deleted!r} else {value}"))
            elif deleted:
                self._line(f"if v == {deleted!r}: {put('None')}")
                self._line(f"elif {test}: {put(value)}")
            elif test is not None:
                self._line(f"if {test}: {put(value)}")
            else:
                self._line(put(value))
        if others:
            with self._block("else"):
                self._value(node._replace(references=tuple(others)), put)

    def _read(self, node: Leaf, references: Path) -> tuple[str, str | None]:
        """An expression for the value of the text `v`, and what must be true of it before; that makes `x`."""
        name, more = references[0], references[1:]
        second = self._at(more[0]) if more else "''"
        form = self._at(node.form) if node.form else "''"
        number = f"(x := decimal(v, {name!r})) is not None"
        scaled = f"with_places(x, {node.places})" if node.places else "x"
        scaled = f"negated({scaled})" if node.negated else scaled
        match node.field.struct.__name__ if node.field.struct is not None else node.field.holds:
            case "boolean" if node.words is not None:
                return "x", f"(x := {self._bound(dict(node.words))}.get(v)) is not None"
            case "text" if node.words is not None:
                words = self._bound(dict(node.words))
                return f"({words}[v] if v in {words} else {self._standard + ':'!r} + v)", None
            case "text":
                return "v", None
            case "decimal":
                return scaled, number
            case "integer":
                return "x", f"(x := whole(v, {name!r})) is not None"
            case "day":
                return "x", f"(x := {self._again(f'v, {form}', f'read(day, {name!r}, v, {form})')}) is not None"
            case "moment":
                return "x", f"(x := read(moment, {name!r}, v, {second}, {form})) is not None"
            case "Money":
                return f"money({scaled}, {second})", number
            case "Quantity":
                return f"quantity({scaled}, {second})", number
            case "Period" | "PersonalPeriod":
                made = f"read(period, {name!r}, v, {second}, {form})"
                return "x", f"(x := {self._again(f'v, {second}, {form}', made)}) is not None"
            case other:
                raise AssertionError(f"nothing reads {other}")

    def _again(self, key: str, made: str) -> str:
        """An expression for what was made of the same text before, or is made now."""
        if self._marking:
            return made  # It came from somewhere else.
        known = self._bound(_Known())
        return f"(({known}.get(({key})) or {known}.keep(({key}), {made})))"

    def _struct(self, node: Struct) -> str:
        """An expression for an object that comes from this segment alone, or None."""

        def body() -> None:
            self._line("d = {}")
            seen: set[str] = set()
            lists = []
            for part in node.parts:
                if isinstance(part, Many):
                    lists.append(((part.name,), [part]))
                else:
                    self._put(part, "d", again=part.name in seen)
                    seen.add(part.name)
            for (name,), many in _together(lists):
                self._line("l = ()")
                self._items(many, "l")
                self._line(f"if l != (): d[{name!r}] = l")
            tests = [f" or {one!r} not in d" for one, field in fields_of(node.kind).items() if field.required]
            self._line(f"if not d{''.join(tests)}: return None")
            checks = node.kind is Identifier and not self._marking
            self._line("return checked(d)" if checks else "return d")

        call = self._function(body, node.conditions)
        sent = self._sent(node)
        if sent is not None:
            return f"({call} if {sent} else None)"
        if node.whole is None or self._group or self._values.spot(node.whole).needs or _names_money(node):
            return call
        return self._again(self._at(node.whole), call)

    def _one(self, node: Leaf) -> str:
        """An expression for a value, or None."""
        return self._function(
            lambda: self._value(node._replace(conditions=()), lambda value: f"return {value}"), node.conditions
        )

    def _function(self, body: Callable[[], None], conditions: Sequence[Condition]) -> str:
        """Write a function of its own; returns the call of it."""
        outer, self._lines, depth, self._depth, made, self._made = self._lines, [], self._depth, 1, self._made, set()
        if conditions:
            self._line(f"if not ({self._condition(conditions)}): return None")
        body()
        name = f"f{len(self._written)}"
        self._written.append("\n".join([f"def {name}(e, k=0):", *self._lines]))
        self._lines, self._depth, self._made = outer, depth, made
        return f"{name}(e, k)" if self._group else f"{name}(e)"

    def _items(self, many: Sequence[Many], name: str) -> None:
        """Statements that make a list of what a segment adds to it; () stays where it adds nothing."""
        if len(many) > 1 and all(_is_plain(one) for one in many):
            item = many[0].item
            assert isinstance(item, Leaf)
            texts = ", ".join(self._at(one.item.references[0][0]) for one in many)  # type: ignore[union-attr]
            value, test = self._read(item, item.references[0])
            value = f"mark{item.references[0]!r}" if self._marking else value
            self._line(f"{name} = [{value} for v in ({texts}) if v{f' and {test}' if test else ''}] or ()")
            return
        for nth, node in enumerate(many):
            if nth:
                self._line("m, l = l, ()")
            self._items_of(node, name)
            if nth:
                self._line("l = [*(m or ()), *(l or ())] or (None if m is None or l is None else ())")

    def _items_of(self, node: Many, name: str) -> None:
        item, outer = node.item, self._group
        if node.every is not None:
            self._group = node.every[0]
            over = f"for k in {self._values.groups(*node.every)}"
        elif node.repetitions is not None:
            over = f"for e in {self._values.repetitions(node.repetitions)}"
        elif isinstance(item, Leaf):
            with self._if(self._condition(item.conditions) or "True"):
                self._value(item._replace(conditions=()), lambda value: f"{name} = [{value}]")
            return
        else:
            self._line(f"if (x := {self._struct(item)}) is not None: {name} = [x]")
            return
        function = self._struct(item) if isinstance(item, Struct) else self._one(item)
        if node.every is not None and node.every[1] == 1 and not _names_money(item):
            group = self._values.spot(node.every[0], node.every[0])
            function = function if group.needs else self._again(group.text, function)
        self._group = outer
        made = f"[x {over} if (x := {function}) is not None] or ()"
        if node.repetitions is not None and self._values.deleted:
            made = f"None if {self._values.whole(node.repetitions)} == {self._values.deleted!r} else {made}"
        self._line(f"{name} = {made}")


def _names_money(node: Node) -> bool:
    """What it makes depends on the currency of the moment."""
    if isinstance(node, Many):
        return _names_money(node.item)
    if isinstance(node, Struct):
        return any(map(_names_money, node.parts))
    return node.field.struct is not None and node.field.struct.__name__ == "Money"


def _is_plain(node: Many) -> bool:
    """Its item is a value that one element gives, whatever else the segment says."""
    item = node.item
    return (
        isinstance(item, Leaf) and not item.conditions and item.words is None and item.constant is None
        and item.form is None and not item.negated
        and [len(one) for one in item.references] == [1] and node.every is None
        and node.repetitions is None
    )  # fmt: skip


def _together(lists: Sequence[tuple[Path, Sequence[Many]]]) -> list[tuple[Path, list[Many]]]:
    """By their path: what several nodes add to one list."""
    made: dict[Path, list[Many]] = {}
    for path, many in lists:
        made.setdefault(path, []).extend(many)
    return list(made.items())


def _also(node: Node, conditions: tuple[Condition, ...]) -> Node:
    if isinstance(node, Many):
        return node._replace(item=node.item._replace(conditions=conditions + node.item.conditions))
    return node._replace(conditions=conditions + node.conditions)
