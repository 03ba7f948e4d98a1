"""From a map's nodes to a function that takes from a segment what it gives to an object, written as Python.

What it writes looks like this, of `claim_id = "CLM01"` and `total_charge = "CLM02"`:

    def gives(o, e):
        if v := e[1]:
            o['claim_id'] = v
        if v := e[2]:
            if (x := decimal(v, 'CLM02')) is not None: o['total_charge'] = money(x, '')

Going through the nodes for each segment took four times as long. All names in it are of map files; no text of a partner
is ever compiled. Most elements of most segments are empty, so that what is taken from one is asked first of all whether
it is there (`Spot.guard`); and much of what is there comes again, so that what was made of a text is kept (`Known`).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache, partial
from operator import itemgetter
from typing import Any, Final, NamedTuple

from parsers.canonical.fields import needed_by
from parsers.canonical.values import Identifier
from parsers.check_digits import is_valid
from parsers.maps.kept import CACHED_MAX, Known, Words
from parsers.maps.model import Condition, Leaf, Many, Node, Struct
from parsers.maps.nodes import belongs, comes_again, deciding, left_of, names_money, together
from parsers.maps.values import Parts, Spot, Unreadable, Values, negated, with_places

CHECKED: Final = {
    "npi": "npi", "gtin": "gtin", "upc": "gtin", "ean": "gtin", "gln": "gln", "sscc": "sscc", "iban": "iban",
    "aba": "aba", "lei": "lei",
}  # fmt: skip
"""Schemes that have check digits, and the kind that `parsers.check_digits` knows them by."""

CODES_MAX: Final = 64
"""Functions that are written for the codes of one element. Whoever sends more gets one for all."""

_PLAIN: Final = re.compile(r"e\[(\d+)\]")

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
        growing: the names of structs that more than one segment may give to.
        problems: what made no sense since somebody last looked.
        here: position, offset and text of the segment in hand, where values are marked.
    """

    def __init__(
        self, standard: str, values: Values, *, marking: bool = False, growing: frozenset[str] = frozenset()
    ) -> None:
        self.values = values
        self.growing = growing
        self.currency: str | None = None
        self.problems: list[Problem] = []
        self.here = (0, 0, "")
        self.decimals: dict[str, str | None] = {}
        self.integers: dict[str, int | None] = {}
        self.moments = Known()
        self._standard = standard
        self._marking = marking

    def gives(self, nodes: Sequence[Node]) -> Gives:
        code = deciding(nodes)
        element = None if code is None else _PLAIN.fullmatch(self.values.whole(code))
        if code is None or element is None:
            return self._writer().gives(nodes)
        return self._by_code(nodes, code, element[0])

    def _by_code(self, nodes: Sequence[Node], code: str, element: str) -> Gives:
        """A function for each text that a deciding element has had, in which nobody asks for it again."""
        known: dict[str, Gives] = {}
        text = self.text(code)
        whole = self._writer().gives(nodes)

        def made_for(parts: Parts) -> Gives:
            if len(known) >= CODES_MAX:
                return whole
            told = text(parts)
            known[raw(parts)] = made = self._writer().gives(left_of(nodes, code, told))
            return made

        raw = self._writer().expression(element)
        return self._writer().by_code(element, known, made_for)

    def _writer(self) -> "_Writer":
        return _Writer(self, self.values, self._standard, marking=self._marking)

    def holds(self, conditions: Sequence[Condition]) -> Callable[[Parts], bool] | None:
        """Whether all of them hold; None where there are none."""
        return self._writer().holds(conditions) if conditions else None

    def texts(self, references: Sequence[str]) -> Callable[[Parts], tuple[str, ...]]:
        """What stands in some elements of a segment."""
        return _Writer(self, self.values, self._standard, marking=False).texts(references)

    def text(self, reference: str) -> Callable[[Parts], str]:
        """What stands in one element of a segment."""
        return _Writer(self, self.values, self._standard, marking=False).text(reference)

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
        """Kept in `decimals`, which the functions look at themselves."""
        if (text.isdigit() or (text.replace(".", "", 1).isdigit() and text[0] != "." != text[-1])) and text.isascii():
            value: str | None = text
        else:
            value = self.read(self.values.decimal, name, text)
        if len(self.decimals) < CACHED_MAX:
            self.decimals[text] = value
        return value

    def whole(self, text: str, name: str) -> int | None:
        value = self.decimal(text, name)
        number = None if value is None else int(value.partition(".")[0])
        if len(self.integers) < CACHED_MAX:
            self.integers[text] = number
        return number

    def period(self, text: str, more: str, form: str) -> dict[str, str]:
        start, end = self.values.period(text, more, form)
        return {"start": start, "end": end} if end else {"start": start}


_is_valid = lru_cache(maxsize=CACHED_MAX)(is_valid)


def _checked(identifier: dict[str, Any]) -> dict[str, Any]:
    kind = CHECKED.get(identifier["scheme"])
    if kind is not None:
        identifier["valid"] = _is_valid(kind, identifier["value"])
    return identifier


def within(owner: dict[str, Any], path: Path) -> dict[str, Any]:
    """The object at the end of a path, made where there is none: one of its own, which other records do not have."""
    for name in path:
        inner = owner.get(name)
        inner = owner[name] = {} if inner is None else inner.copy()
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


def _joined(held: dict[str, Any], new: dict[str, Any], lists: Path = ()) -> dict[str, Any]:
    """What two segments say of one object: of a list one behind the other, else what was said last."""
    made = {**held, **new}
    for name in lists:
        items = held.get(name)
        if items is not None and name in new:
            if new[name] is not None:
                items += new[name]
            made[name] = items
    return made


class _Writer:
    """Writes one function, and those that it calls."""

    def __init__(self, compiler: Compiler, values: Values, standard: str, *, marking: bool) -> None:
        self._values = values
        self._standard = standard
        self._marking = marking
        self._growing = compiler.growing
        self._names: dict[str, Any] = {
            **values.functions,
            "read": compiler.read,
            "mark": compiler.mark,
            "decimal": compiler.decimal,
            "decimals": compiler.decimals,
            "whole": compiler.whole,
            "integers": compiler.integers,
            "moments": compiler.moments,
            "compiler": compiler,
            "period": compiler.period,
            "checked": _checked,
            "CHECKED": CHECKED,
            "day": values.day,
            "moment": values.moment,
            "with_places": with_places,
            "negated": negated,
            "within": within,
            "extend": extend,
            "joined": _joined,
        }
        self._written: list[str] = []
        self._lines: list[str] = []
        self._depth = 1
        self._named = 0
        self._made: set[str] = set()
        self._group: str | None = None

    def gives(self, nodes: Sequence[Node]) -> Gives:
        self._object(nodes, ())
        self._line("return")
        function: Gives = self._compiled("gives", "o, e")
        return function

    def by_code(self, element: str, known: dict[str, Gives], made_for: Callable[[Parts], Gives]) -> Gives:
        self._names |= {"known": known, "made_for": made_for}
        self._line(f"(known.get({element}) or made_for(e))(o, e)")
        function: Gives = self._compiled("gives", "o, e")
        return function

    def expression(self, text: str) -> Callable[[Parts], str]:
        self._line(f"return {text}")
        function: Callable[[Parts], str] = self._compiled("text", "e")
        return function

    def holds(self, conditions: Sequence[Condition]) -> Callable[[Parts], bool]:
        self._line(f"return {self._condition(conditions)}")
        function: Callable[[Parts], bool] = self._compiled("holds", "e")
        return function

    def text(self, reference: str) -> Callable[[Parts], str]:
        plain = _PLAIN.fullmatch(self._values.spot(reference).text)
        if plain is not None:
            return itemgetter(int(plain[1]))
        return self.expression(self._at(reference))

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

    @contextmanager
    def _held(self, guard: str) -> Iterator[None]:
        """A block for when the guard is true, in which it need not be looked up again."""
        plain = _PLAIN.fullmatch(guard)
        if plain is None:
            with self._if(guard):
                yield
            return
        name = f"t{plain[1]}"
        with self._if(f"{name} := {guard}"):
            first = len(self._lines)
            yield
            self._lines[first:] = [line.replace(guard, name) for line in self._lines[first:]]

    def _fresh(self, letter: str) -> str:
        """A name that nothing else has."""
        self._named += 1
        return f"{letter}{self._named}_"

    @contextmanager
    def _where(self, conditions: Sequence[Condition]) -> Iterator[None]:
        if not conditions:
            yield
            return
        with self._if(self._condition(conditions)):
            yield

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

    def _object(self, nodes: Sequence[Node], path: Path, required: Sequence[str] = ()) -> None:
        """What nodes give to the object `o`, or to a struct in it, to which other segments give, too.

        Args:
            required: of the struct; it is none without them.
        """
        name = f"d{len(path)}" if path else "o"
        if path:
            self._line(f"{name} = {{}}")
        structs = [node for node in nodes if isinstance(node, Struct) and node.whole is None]
        lists = together([node for node in nodes if isinstance(node, Many)])
        fields = [node for node in nodes if not isinstance(node, Many) and node not in structs]
        self._fields(fields, name, path)
        for field, many in lists.items():
            self._items(many, field, name, is_new=bool(path) or many[0].is_instead)
        if path and (fields or lists):
            with self._if(" and ".join(f"{one!r} in {name}" for one in required) or name):
                self._merge(path, name, tuple(field for field, many in lists.items() if not many[0].is_instead))
        for node in structs:
            with self._where(node.conditions):
                self._object(node.parts, (*path, node.name), needed_by(node.kind))

    def _merge(self, path: Path, name: str, lists: Path) -> None:
        *outer, field = path
        owner = "o"
        if outer:
            owner = "w"
            self._line(f"w = within(o, {tuple(outer)!r})")
        joined = f"joined(p, {name}, {lists!r})" if lists else f"{{**p, **{name}}}"
        self._line(f"{owner}[{field!r}] = {name} if (p := {owner}.get({field!r})) is None else {joined}")

    def _fields(self, nodes: Sequence[Leaf | Struct], name: str, path: Path = ()) -> None:
        """Fields of the object `name`; of one that is said several times, the first that there is.

        Of a struct in the record, `path`, other segments may have given it already.
        """
        times = Counter(node.name for node in nodes)
        alike: dict[tuple[str, tuple[Condition, ...]], list[Leaf | Struct]] = {}
        for node in nodes:
            if times[node.name] == 1 and not node.is_later:
                alike.setdefault((self._guard(node), node.conditions), []).append(node._replace(conditions=()))
        for (guard, conditions), same in alike.items():
            with self._held(guard) if guard else nullcontext(), self._where(conditions):
                for node in same:
                    self._put(node, name)
        seen: set[str] = set()
        for node in nodes:
            if times[node.name] > 1 or node.is_later:
                again = node.is_later or node.name in seen
                held = "".join(f".get({one!r}, {{}})" for one in path) if again else ""
                with self._if(f"{node.name!r} not in o{held}") if held else nullcontext():
                    self._put(node, name, again=again)
                seen.add(node.name)

    def _guard(self, node: Leaf | Struct) -> str:
        """An expression without whose truth the node gives nothing; "" for none that would be quicker than the node."""
        references = [one[0] for one in node.references] if isinstance(node, Leaf) else [node.whole or ""]
        if references in ([], [""]) or self._group is not None:
            return ""
        spots = [self._values.spot(one) for reference in references for one in reference.split("+")]
        guards = {spot.guard for spot in spots}
        return guards.pop() if len(guards) == 1 else ""

    def _put(self, node: Leaf | Struct, name: str, *, again: bool = False) -> None:
        """A field of the object `name`; one that an alternative has given already stays."""
        if again:
            with self._if(f"{node.name!r} not in {name}"):
                self._put(node, name)
        elif node.conditions:
            with self._where(node.conditions):
                self._put(node._replace(conditions=()), name)
        elif isinstance(node, Struct) and node.whole is None:
            self._inner(node, name)
        elif isinstance(node, Struct) and node.whole is not None:
            self._whole(node, node.whole, name)
        elif isinstance(node, Leaf):
            self._value(node, lambda value: self._line(f"{name}[{node.name!r}] = {value}"))

    def _whole(self, node: Struct, whole: str, name: str) -> None:
        """A field that an element makes as a whole."""
        made = self._struct(node)
        deleted = self._values.deleted
        if deleted:
            taken_back = f"mark({whole!r})" if self._marking else "None"
            self._line(f"if {self._values.whole(whole)} == {deleted!r}: {name}[{node.name!r}] = {taken_back}")
        self._line(f"{'elif' if deleted else 'if'} (x := {made}) is not None: {name}[{node.name!r}] = x")

    def _inner(self, node: Struct, name: str) -> None:
        """A field of an object that is made here, which is an object again."""
        self._new(node, f"{name}_", lambda value: self._line(f"{name}[{node.name!r}] = {value}"))

    def _new(self, node: Struct, name: str, put: Callable[[str], None]) -> None:
        """Statements that make an object and put it where it belongs, unless something is missing."""
        required = needed_by(node.kind)
        with self._where(node.conditions):
            sent = [one for one in map(partial(self._only, node), required) if one is not None]
            tests = [self._at(one.references[0][0]) for one in sent if one.references]
            tests += filter(
                None, (self._guard_of(node, one) for one in required if one not in {leaf.name for leaf in sent})
            )
            with self._if(" and ".join(tests)) if tests else nullcontext():
                self._line(f"{name} = {{{', '.join(f'{one.name!r}: {self._known_to_be(one)}' for one in sent)}}}")
                self._fill(node._replace(parts=tuple(part for part in node.parts if part not in sent)), name)
                given = {one.name for one in sent}
                left = [f"{one!r} in {name}" for one in required if one not in given] if required else [name]
                with self._if(" and ".join(left)) if left else nullcontext():
                    if self._is_checked(node):
                        with self._if(f"{name}['scheme'] in CHECKED"):
                            self._line(f"checked({name})")
                    put(name)

    def _guard_of(self, node: Struct, name: str) -> str:
        """A guard that all share that may give a field of an object."""
        guards = {self._guard(part) for part in node.parts if part.name == name and not isinstance(part, Many)}
        return guards.pop() if len(guards) == 1 else ""

    def _only(self, node: Struct, name: str) -> Leaf | None:
        """What gives a field of an object, if it is one element and any text in it will do."""
        (part, *others) = [part for part in node.parts if part.name == name] or [None]  # type: ignore[list-item]  # None for no part.
        if others or not isinstance(part, Leaf) or part.conditions or len(part.references) > 1 or self._values.deleted:
            return None
        return part if part.field.holds == "text" and part.field.struct is None else None

    def _known_to_be(self, leaf: Leaf) -> str:
        """An expression for the value of a leaf whose element is not empty."""
        if leaf.constant is not None:
            return "mark()" if self._marking else repr(leaf.constant)
        if self._marking:
            return f"mark{leaf.references[0]!r}"
        text = self._at(leaf.references[0][0])
        return text if leaf.words is None else self._word(leaf.words, f"v := {text}")

    def _fill(self, node: Struct, name: str) -> None:
        self._fields([part for part in node.parts if not isinstance(part, Many)], name)
        for field, many in together([part for part in node.parts if isinstance(part, Many)]).items():
            self._items(many, field, name, is_new=True)

    def _is_checked(self, node: Struct) -> bool:
        return node.kind is Identifier and not self._marking

    def _value(self, node: Leaf, put: Callable[[str], None]) -> None:
        """Statements that put a leaf's value where it belongs, if there is one: the first of its alternatives."""
        if node.constant is not None:
            put("mark()" if self._marking else repr(node.constant))
            return
        first, *others = node.references
        with self._if_any(first[0], self._put_plain(node, put)):
            value, test = self._read(node, first)
            deleted = self._values.deleted
            if self._marking:
                value = f"mark{(*first, *([node.form] if node.form else []))!r}"
            if deleted and test is not None:
                with self._if(f"v == {deleted!r}"):
                    put("None")
                with self._block(f"elif {test}"):
                    put(value)
            elif test is not None:
                with self._if(test):
                    put(value)
            else:
                put(f"None if v == {deleted!r} else {value}" if deleted else value)
        if others:
            with self._block("else"):
                self._value(node._replace(references=tuple(others)), put)

    def _put_plain(self, node: Leaf, put: Callable[[str], None]) -> Callable[[str], None] | None:
        """Puts a text that stands for itself; None where the value is no text."""
        if node.field.holds != "text" or node.field.struct is not None or self._marking:
            return None
        return lambda text: put(text if node.words is None else self._word(node.words, text))

    @contextmanager
    def _if_any(self, reference: str, put_plain: Callable[[str], None] | None) -> Iterator[None]:
        """A block for what stands in an element, `v`, if anything does.

        Args:
            put_plain: for when it stands for itself, if it matters.
        """
        spot = None if "+" in reference else self._values.spot(reference, self._group)
        if spot is None or not spot.meant:
            with self._if(f"v := {self._at(reference)}"):
                yield
            return
        raw = "k" if spot.of_group else spot.guard
        if put_plain is None:
            with self._if(f"(v := {raw}).isalnum() or (v := {spot.meant})"):
                yield
            return
        with self._if(f"{raw}.isalnum()"):
            put_plain(raw)
        with self._block(f"elif v := {spot.meant.replace('(v)', f'({raw})')}"):
            yield

    def _read(self, node: Leaf, references: Path) -> tuple[str, str | None]:
        """An expression for the value of the text `v`, and what must be true of it before; that makes `x`."""
        name, more = references[0], references[1:]
        second = self._at(more[0]) if more else "''"
        form = self._at(node.form) if node.form else "''"
        number = f"(x := (decimals.get(v) or decimal(v, {name!r}))) is not None"
        scaled = f"with_places(x, {node.places})" if node.places else "x"
        scaled = f"negated({scaled})" if node.negated else scaled
        match node.field.struct.__name__ if node.field.struct is not None else node.field.holds:
            case "boolean" if node.words is not None:
                return "x", f"(x := {self._bound(dict(node.words))}.get(v)) is not None"
            case "text" if node.words is not None:
                return self._word(node.words, "v"), None
            case "text":
                return "v", None
            case "decimal":
                return scaled, number
            case "integer":
                return "x", f"(x := (integers.get(v) or whole(v, {name!r}))) is not None"
            case "day":
                return "x", f"(x := {self._again(['v', form], f'read(day, {name!r}, v, {form})')}) is not None"
            case "moment":
                made = f"read(moment, {name!r}, v, {second}, {form})"
                return "x", f"(x := {self._again(['v', second, form], made, 'moments')}) is not None"
            case "Money":
                currency = f"({second} or compiler.currency)" if more else "compiler.currency"
                return (
                    f"({{'amount': {scaled}, 'currency': c}} if (c := {currency}) else {{'amount': {scaled}}})",
                    number,
                )
            case "Quantity" if more:
                return f"({{'value': {scaled}, 'unit': u}} if (u := {second}) else {{'value': {scaled}}})", number
            case "Quantity":
                return f"{{'value': {scaled}}}", number
            case "Period" | "PersonalPeriod":
                made = f"read(period, {name!r}, v, {second}, {form})"
                return "x", f"(x := {self._again(['v', second, form], made)}) is not None"
            case other:
                raise AssertionError(f"nothing reads {other}")

    def _word(self, words: Mapping[str, str | bool], text: str) -> str:
        """An expression for the word for `v`, which the expression for its text may name first of all."""
        return f"({self._bound(Words(words, self._standard))}[{text}])"

    def _again(self, keys: Sequence[str], made: str, known: str | None = None) -> str:
        """An expression for what was made of the same texts before, or is made now.

        Args:
            known: where it is kept for others, who make the same of one text.
        """
        if self._marking:
            return made  # It came from somewhere else.
        keys = [key for key in keys if key != "''"]
        if known is None or len(keys) > 1:
            known = self._bound(Known())
        if len(keys) == 1:
            return f"({known}.get({keys[0]}) or {known}.keep({keys[0]}, {made}))"
        key = f"({', '.join(keys)})"
        return f"({known}.get({key}) or {known}.keep_of({key}, {made}))"

    def _struct(self, node: Struct) -> str:
        """An expression for an object that comes from this segment alone, or None."""

        def body() -> None:
            self._new(node._replace(conditions=()), "d", lambda value: self._line(f"return {value}"))

        whole = node.whole
        if whole is None or self._group is not None:
            return self._function(body, node.conditions)
        if self._values.spot(whole, whole).of_group:
            self._group = whole
            call = self._function(body, node.conditions, self._values.whole(whole))
            self._group = None
        else:
            call = self._function(body, node.conditions)
            if self._values.spot(whole).needs:
                return call
        return self._again([self._values.whole(whole)], call) if comes_again(node, whole, self._growing) else call

    def _one(self, node: Leaf) -> str:
        """An expression for a value, or None."""
        return self._function(
            lambda: self._value(node._replace(conditions=()), lambda value: self._line(f"return {value}")),
            node.conditions,
        )

    def _function(self, body: Callable[[], None], conditions: Sequence[Condition], group: str = "k") -> str:
        """Write a function of its own; returns the call of it.

        Args:
            group: an expression for what is `k` in it, when there is a group.
        """
        outer, self._lines, depth, self._depth, made, self._made = self._lines, [], self._depth, 1, self._made, set()
        if conditions:
            self._line(f"if not ({self._condition(conditions)}): return None")
        body()
        name = f"f{len(self._written)}"
        self._written.append("\n".join([f"def {name}(e, k=0):", *self._lines]))
        self._lines, self._depth, self._made = outer, depth, made
        return f"{name}(e, {group})" if self._group else f"{name}(e)"

    def _items(self, many: Sequence[Many], field: str, name: str, *, is_new: bool) -> None:
        """Statements that add to a list what a segment says of it.

        Args:
            field: the list, of the object `name`.
            is_new: nobody else has added to it.
        """
        (first, *others) = many
        if not others and self._is_by_text(first) and not self._is_single(first):
            with (
                self._each_text(first, f"{name}.setdefault({field!r}, None)") as made,
                self._block(f"elif l := {made}"),
            ):
                self._put_in(name, field, "l", "extend(l)", is_new=is_new)
            return
        if not others and self._is_single(first):

            def add(value: str) -> None:
                self._put_in(name, field, f"[{value}]", f"append({value})", is_new=is_new)

            self._item(first.item, add)
            return
        items = self._fresh("l")
        self._line(f"{items} = []")
        for node in many:
            if self._is_by_text(node) and not self._is_single(node):
                with self._each_text(node, f"{name}.setdefault({field!r}, None)") as made:
                    self._line(f"else: {items} += {made}")
            else:
                self._items_of(node, items)
        with self._if(items):
            self._put_in(name, field, items, f"extend({items})", is_new=is_new)

    def _put_in(self, name: str, field: str, items: str, add: str, *, is_new: bool) -> None:
        if is_new:
            self._line(f"{name}[{field!r}] = {items}")
        else:
            self._line(f"if (p := {name}.get({field!r})) is None: {name}[{field!r}] = {items}")
            self._line(f"else: p.{add}")

    def _item(self, item: Leaf | Struct, add: Callable[[str], None]) -> None:
        if isinstance(item, Struct):
            self._new(item, self._fresh("i"), add)
            return

        with self._where(item.conditions):
            self._value(item._replace(conditions=()), add)

    def _is_by_text(self, node: Many) -> bool:
        """Its items are made of texts, one of which stands for each repetition of a field."""
        return node.repetitions is not None and self._values.spot(node.repetitions, node.repetitions).of_group

    def _is_single(self, node: Many) -> bool:
        """It makes one item at most: of the segment, or of the repetition in hand."""
        if node.every is not None:
            return False
        return node.repetitions is None or (
            self._group is not None and self._values.spot(node.repetitions, self._group).of_group
        )

    @contextmanager
    def _each_text(self, node: Many, take_back: str) -> Iterator[str]:
        """A block for what the repetitions of a field make, which the expression gives; it begins with an `else`."""
        field = node.repetitions
        assert field is not None
        item, whole = node.item, self._values.whole(field)
        outside = tuple(one for one in item.conditions if not belongs(one.reference, field))
        item = item._replace(conditions=tuple(one for one in item.conditions if one not in outside))
        with self._held(whole), self._where(outside):
            outer, self._group = self._group, field
            function = self._struct(item) if isinstance(item, Struct) else self._one(item)
            plain = self._plain_list(item, whole)
            self._group = outer
            single = function.replace("(e, k)", f"(e, {whole})")
            made = (
                f"(([] if (x := {single}) is None else [x]) if several not in {whole} else "
                f"[x for k in {self._values.repetitions(field)} if (x := {function}) is not None])"
            )
            if comes_again(item, field, self._growing):
                made = f"[*{self._again([whole], made)}]"
            self._line(f"if {whole} == {self._values.deleted!r}: {take_back}")
            yield plain + made

    def _plain_list(self, item: Leaf | Struct, whole: str) -> str:
        """The list of a single text that stands for itself, as the beginning of an expression; "" where none does."""
        if not isinstance(item, Leaf) or item.conditions or len(item.references) != 1 or self._marking:
            return ""
        if item.field.holds != "text" or item.field.struct is not None or item.words or "+" in item.references[0][0]:
            return ""
        spot = self._values.spot(item.references[0][0], self._group)
        return f"[{whole}] if {whole}.isalnum() or is_plain({whole}) else " if spot.meant else ""

    def _items_of(self, node: Many, items: str) -> None:
        """Of a segment with repetitions; of groups of elements; of the segment itself."""
        item, every = node.item, node.every
        if every is not None:
            outer, self._group = self._group, every[0]
            with self._block(f"for k in {self._values.groups(*every)}"):
                group = self._values.spot(every[0], every[0])
                if every[1] == 1 and not names_money(item) and not group.needs:
                    function = self._struct(item) if isinstance(item, Struct) else self._one(item)
                    self._line(f"if (x := {self._again([group.text], function)}) is not None: {items}.append(x)")
                else:
                    self._item(item, lambda value: self._line(f"{items}.append({value})"))
            self._group = outer
        elif node.repetitions is not None and not self._is_single(node):
            function = self._struct(item) if isinstance(item, Struct) else self._one(item)
            over = self._values.repetitions(node.repetitions)
            self._line(f"{items} += [x for e in {over} if (x := {function}) is not None]")
        else:
            self._item(item, lambda value: self._line(f"{items}.append({value})"))
