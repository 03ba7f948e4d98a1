"""Map files: TOML with a table for each loop, whose keys are fields and whose values say where they come from.

    [loop.2300]
    begins = "CLM"
    record = true
    claim_id = "CLM01"
    total_charge = "CLM02"
    references = [{ scheme = "REF01 in schemes", value = "REF02" }]

An element may be followed by what it is read with (`SV104 SV103`: a quantity and its unit), by `by` and the element
that says how it is written (`DTP03 by DTP02`), `with 2 places` (implied decimals), `in` and a table of words, `as` and
a shared shape, `where` and conditions (`REF02 where REF01=6R|EA`). Before it, `minus` turns an amount's sign around.
`'P'` is the text P itself. `instead` replaces what other segments have said of a list. See `docs/maps.md`.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, NoReturn

import msgspec

from parsers.canonical.catalogue import BY_SCHEMA
from parsers.canonical.fields import Field, fields_of, needed_by
from parsers.canonical.values import Money
from parsers.maps.model import Condition, Leaf, Loop, Many, Map, MapError, Node, Struct

TagOf = Mapping[str, str]

_HEAD = {
    "id",
    "record",
    "standard",
    "sets",
    "versions",
    "written",
    "levels",
    "closed",
    "extensions",
    "envelope",
    "words",
    "shared",
    "loop",
    "set",
    "title",
}
_RESERVED = {
    "in", "begins", "once", "into", "inherits", "record", "alone", "closed", "passed_over", "uses", "below",
    "in_currency",
}  # fmt: skip
_EXPRESSION = re.compile(
    r"(?P<instead>instead )?(?:'(?P<constant>[^']*)'|(?P<minus>minus )?(?P<references>[^\s']+(?: [^\s']+)*?))"
    r"(?: by (?P<form>\S+))?(?: with (?P<places>\d+) places)?(?: in (?P<words>[\w-]+))?(?: as (?P<shape>[\w-]+))?"
    r"(?: where (?P<where>.+))?"
)
_CONDITION = re.compile(r"(?P<reference>[^\s=!]+)(?:(?P<unlike>!)?=(?P<codes>\S*))?")
_EVERY = re.compile(r"(?P<reference>\S+)/(?P<step>\d+)")
_FROM_A_STRING = frozenset({"Money", "Quantity", "Period", "PersonalPeriod"})
"""Structs that one element with its neighbours makes."""


class Notation:
    """How a standard writes its elements, as far as map files need to know: `tag` and `repeats`."""

    def __init__(self, pattern: str, *, repeats: bool = False) -> None:
        self._pattern = re.compile(pattern)
        self.repeats = repeats

    def tag(self, reference: str) -> str | None:
        """The tag of the segment that holds an element, or several joined by "+"; None when they are none of this
        standard.
        """
        tags = {found["tag"] if (found := self._pattern.fullmatch(one)) else None for one in reference.split("+")}
        return tags.pop() if len(tags) == 1 else None

    def field(self, reference: str) -> str:
        """The element that repeats, without what it is made of: "PID-3.4.1" → "PID-3"."""
        return reference.partition(".")[0]


class Paths(Notation):
    """Elements of a tree, by their way from the one that the loop begins with: "Dbtr/Nm", "Amt@Ccy", "." itself.

    All of a loop counts as one segment, since it is read when it has ended.
    """

    def __init__(self) -> None:
        name = r"[A-Za-z_][\w-]*"
        super().__init__(rf"{name}(?:/{name})*(?:@{name})?|@{name}|\.", repeats=True)

    def tag(self, reference: str) -> str | None:
        return TREE if all(map(self._pattern.fullmatch, reference.split("+"))) else None

    def field(self, reference: str) -> str:
        return reference


TREE = "*"
"""The tag of all that stands in an element."""

NOTATIONS: Mapping[str, Notation] = {
    "x12": Notation(r"(?P<tag>[A-Z][A-Z0-9]{1,2})\d\d(?:-\d+)?"),
    "edifact": Notation(r"(?P<tag>[A-Z]{3})-\d+(?:\.\d+(?:-\d+)?)?"),
    "hl7": Notation(r"(?P<tag>[A-Z][A-Z0-9]{2})-\d+(?:\.\d+){0,2}", repeats=True),
    "swift-mt": Notation(r"[:{](?P<tag>\d?\d[A-Za]?|[1-5S]):\}?(?:/[\w-]+)?", repeats=True),
    "nacha": Notation(r"(?P<tag>\w+)/[\w-]+"),
    "bai2": Notation(r"(?P<tag>\d\d)/[\w-]+", repeats=True),
    "iso20022": Paths(),
}


def read_map(text: str, name: str, shared: str = "", others: Mapping[str, str] | None = None) -> Map:
    """A map file as a map.

    Args:
        name: of the file, for what is said of it.
        shared: the file of words and shapes that all maps of the standard have in common.
        others: files that it may extend, by name: their tables with its own laid over them, key by key.

    Raises:
        MapError: it says something that cannot be understood.
    """
    data = _toml(text, name)
    seen = {name}
    while "extends" in data:
        base = data.pop("extends")
        if base in seen or base not in (others or {}):
            raise MapError(f"{name}: extends = `{base}`: there is no such file{_near(str(base), list(others or {}))}")
        seen.add(base)
        data = _laid_over(_toml((others or {})[base], base), data)
    return _File(data, name, _toml(shared, "shared.toml")).map()


def _laid_over(base: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """Tables are joined, everything else is the own one's; `false` takes away what the other says."""
    joined = dict(base)
    for key, value in own.items():
        held = joined.get(key)
        if value is False and key in joined:
            del joined[key]
        else:
            joined[key] = _laid_over(held, value) if isinstance(held, dict) and isinstance(value, dict) else value
    return joined


def _toml(text: str, name: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MapError(f"{name}: {error}") from None


def _near(word: str, known: Iterator[str] | list[str]) -> str:
    close = get_close_matches(word, list(known), 1)
    return f": did you mean `{close[0]}`?" if close else ""


class _File:
    def __init__(self, data: dict[str, Any], name: str, shared: dict[str, Any]) -> None:
        self._data, self._name = data, name
        self._words = {**shared.get("words", {}), **data.get("words", {})}
        self._shapes = {**shared.get("shared", {}), **data.get("shared", {})}
        self._where = name

    def _wrong(self, message: str) -> NoReturn:
        raise MapError(f"{self._where}: {message}")

    def map(self) -> Map:
        data = self._data
        unknown = set(data) - _HEAD
        if unknown:
            self._wrong(f"`{min(unknown)}` is not a key of a map{_near(min(unknown), sorted(_HEAD))}")
        for key in ("id", "record", "standard"):
            if not isinstance(data.get(key), str):
                self._wrong(f"`{key}` is missing")
        record = BY_SCHEMA.get(data["record"])
        if record is None:
            self._wrong(f"there is no record `{data['record']}`{_near(data['record'], sorted(BY_SCHEMA))}")
        if data["standard"] not in NOTATIONS:
            self._wrong(f"`{data['standard']}` has no maps of segments: it is one of {', '.join(NOTATIONS)}")
        self._notation = NOTATIONS[data["standard"]]
        self._record = record
        loops = {"": self._root(data)}
        raw = data.get("loop", {})
        for name, table in raw.items():
            self._where = f"{self._name}, loop {name}"
            for parent in _texts(table.get("in", "")):
                if parent and parent not in raw:
                    self._wrong(f"in = `{parent}`: there is no such loop{_near(parent, list(raw))}")
        order = self._in_order(raw)
        for name in order:
            self._where = f"{self._name}, loop {name}"
            loops[name] = self._loop(name, raw[name], loops)
        self._where = self._name
        if not any(loop.is_record for loop in loops.values()):
            self._wrong("a loop has `record = true`, or the set itself is the record: `[set]` with `record = true`")
        for loop in loops.values():
            within = loop.is_record and self._record_around(loop, loops)
            if within:
                self._wrong(f"loop {loop.name} has `record = true`, and so has {within.name or 'the set'} around it")
        for loop in loops.values():
            is_lost = loop.nodes and TREE not in loop.nodes and not loop.is_passed_over and not loop.into
            if is_lost and not self._is_of_a_record(loop, loops):
                self._wrong(f"loop {loop.name}: no record stands in it or around it, so that what it says is lost")
        levels = data.get("levels", "").split()
        return Map(
            id=data["id"],
            standard=data["standard"],
            schema=data["record"],
            sets=_texts(data.get("sets", ())),
            versions=_texts(data.get("versions", ("",))),
            loops=loops,
            written=self._written(data.get("written", {})),
            unwritten=tuple(name for name, text in data.get("written", {}).items() if text is False),
            levels=(levels[0], levels[1]) if levels else None,
            extensions=data.get("extensions"),
            reads_envelope=data.get("envelope", False),
        )

    def _record_around(self, loop: Loop, loops: Mapping[str, Loop]) -> Loop | None:
        """A record that this loop would stand in."""
        seen: set[str] = set()
        around = [*loop.parents, ""] if loop.name else []
        while around:
            name = around.pop()
            if name not in seen:
                seen.add(name)
                if loops[name].is_record and name != loop.name:
                    return loops[name]
                around += loops[name].parents
        return None

    def _is_of_a_record(self, loop: Loop, loops: Mapping[str, Loop]) -> bool:
        """It is one, or stands in one, or around one."""
        around = [one for one in loops.values() if one.is_record or one.is_alone]
        names = {one.name for one in around}
        while around:
            around = [loops[name] for one in around for name in (*one.parents, "") if name not in names]
            names |= {one.name for one in around}
        return loop.name in names or self._record_around(loop, loops) is not None

    def _written(self, said: dict[str, str | bool]) -> dict[str, dict[str, str]]:
        made: dict[str, dict[str, str]] = {}
        for reference, text in said.items():
            tag = self._tag(reference)
            if text is not False:
                made.setdefault(tag, {})[reference] = str(text)
        return made

    def _in_order(self, raw: dict[str, Any]) -> list[str]:
        """Loops behind those that they stand in first of all."""
        done: list[str] = []
        left = list(raw)
        while left:
            ready = [name for name in left if {*_texts(raw[name].get("in", ""))[:1]} - {"", name} <= set(done)]
            if not ready:
                self._where = self._name
                self._wrong(f"loop {left[0]} stands in itself")
            done += ready
            left = [name for name in left if name not in ready]
        return [name for name in raw if name in done] if done == list(raw) else done

    def _root(self, data: dict[str, Any]) -> Loop:
        self._where = f"{self._name}, set"
        table = data.get("set", {})
        nodes, below, currencies, _ = self._content(table, self._record)
        return Loop(
            "",
            begins=tuple(self._begin(text) for text in _texts(table.get("begins", ()))),
            is_record=table.get("record", False),
            is_alone=table.get("alone", False),
            kind=self._record,
            nodes=nodes,
            below=below,
            currencies=currencies,
        )

    def _loop(self, name: str, table: dict[str, Any], loops: Mapping[str, Loop]) -> Loop:
        parents = _texts(table.get("in", ""))
        begins = tuple(self._begin(text) for text in _texts(table.get("begins", ())))
        if not begins:
            self._wrong("`begins` is missing: the segment that begins the loop, `HL where HL03=20`")
        into: tuple[str, ...] = ()
        many, kind = False, self._record
        if table.get("into"):
            into = tuple(table["into"].removeprefix("/").split("."))
            inner = parents and not table["into"].startswith("/")
            around = (loops[parents[0]].kind if inner else None) or self._record
            for nth, step in enumerate(into, 1):
                field = self._field(around, step)
                if field.struct is None or (field.many and nth < len(into)):
                    self._wrong(f"into = `{table['into']}`: {step} is not made of fields")
                around, many = field.struct, field.many
            kind = around
            if needed := needed_by(kind):
                self._wrong(f"into = `{table['into']}`: without `{needed[0]}` that is none, so that no loop makes it")
        elif parents and not table.get("record"):
            kind = loops[parents[0]].kind or self._record
        nodes, below, currencies, record_nodes = self._content(table, kind)
        return Loop(
            name=name,
            parents=parents,
            begins=begins,
            into=into,
            of_record=str(table.get("into", "")).startswith("/"),
            many=many,
            is_record=table.get("record", False),
            is_once=table.get("once", False),
            is_alone=table.get("alone", False),
            is_passed_over=table.get("passed_over", False),
            is_closed=table.get("passed_over", table.get("closed", self._data.get("closed", False))),
            kind=kind,
            nodes=nodes,
            record_nodes=record_nodes,
            below=below,
            currencies=currencies,
            inherits=_texts(table.get("inherits", ())),
        )

    def _begin(self, text: str) -> tuple[str, tuple[Condition, ...]]:
        tag, _, where = text.partition(" where ")
        return tag, self._conditions(where) if where else ()

    def _content(self, table: dict[str, Any], kind: type[msgspec.Struct]) -> tuple[Any, Any, dict[str, Leaf], Any]:
        parts: list[tuple[str, Node]] = []
        for shared in _texts(table.get("uses", ())):
            parts += self._parts(self._used(shared), kind)
        fields = {key: value for key, value in table.items() if key not in _RESERVED}
        of_record = {key.removeprefix("/"): fields.pop(key) for key in list(fields) if key.startswith("/")}
        parts += self._parts(fields, kind)
        below: list[tuple[str, Node]] = []
        if "below" in table:
            for name, text in table["below"].items():
                below += self._leaves(name, text, Field(name, "text", "REFERENCE"))
        currencies = dict(
            self._leaf("", text, Field("", "text", "CODE")) for text in _texts(table.get("in_currency", ()))
        )
        return _by_tag(parts), _by_tag(below), currencies, _by_tag(self._parts(of_record, self._record))

    def _shape(self, name: str, prefix: str) -> dict[str, Any]:
        if name not in self._shapes:
            self._wrong(f"there is no shared `{name}`{_near(name, list(self._shapes))}")
        shape: dict[str, Any] = _filled(self._shapes[name], prefix)
        return shape

    def _field(self, kind: type[msgspec.Struct], name: str) -> Field:
        fields = fields_of(kind)
        if name not in fields:
            self._wrong(f"`{name}` is not a field of {kind.__name__}{_near(name, list(fields))}")
        return fields[name]

    # --- what a table says of the fields of an object ---

    def _parts(self, table: dict[str, Any], kind: type[msgspec.Struct]) -> list[tuple[str, Node]]:
        """Each with the tag of the segment that it comes from."""
        made: list[tuple[str, Node]] = []
        for name, said in table.items():
            field = self._field(kind, name)
            where, self._where = self._where, f"{self._where}, {name}"
            if field.many:
                made += [self._many(field, one) for one in (said if isinstance(said, list) else [said])]
            elif field.struct is None or self._is_whole(field, said):
                made += self._leaves(name, said, field)
            elif isinstance(said, list):
                made += [node for one in said for node in self._struct(field, one)]
            else:
                made += self._struct(field, said)
            self._where = where
        return made

    def _is_whole(self, field: Field, said: Any) -> bool:
        return isinstance(said, str | list) and field.struct is not None and field.struct.__name__ in _FROM_A_STRING

    def _struct(self, field: Field, said: Any) -> list[tuple[str, Node]]:
        """A field that is made of fields: what each segment gives to it."""
        assert field.struct is not None
        conditions: tuple[Condition, ...] = ()
        whole = None
        if isinstance(said, str):
            whole = said.partition(" ")[0]
            said, conditions = self._shaped(said)
        said = dict(said)
        if "where" in said:
            conditions += self._conditions(said.pop("where"))
        by_tag = _by_tag(self._parts(self._with_used(said), field.struct))
        for needed in needed_by(field.struct):
            if not all(any(node.name == needed for node in nodes) for nodes in by_tag.values()):
                self._wrong(f"without `{needed}` it is none, so that one segment says all of it")
        return [(tag, Struct(field.name, field.struct, nodes, conditions, whole)) for tag, nodes in by_tag.items()]

    def _with_used(self, said: dict[str, Any]) -> dict[str, Any]:
        """A table with what it uses of shared ones."""
        used: dict[str, Any] = {}
        for name in _texts(said.pop("uses", ())):
            used |= self._used(name)
        return used | said

    def _used(self, said: str) -> dict[str, Any]:
        """A shared shape, or one of an element: "N1 as party"."""
        prefix, _, name = said.rpartition(" as ")
        return self._shape(name, prefix)

    def _shaped(self, said: str) -> tuple[dict[str, Any], tuple[Condition, ...]]:
        found = _EXPRESSION.fullmatch(said)
        if found is None or not found["shape"]:
            self._wrong(f"`{said}` is no shape: write `PID-5 as name`, or a table of its fields")
        conditions = self._conditions(found["where"]) if found["where"] else ()
        return self._shape(found["shape"], found["references"]), conditions

    def _many(self, field: Field, said: Any) -> tuple[str, Node]:
        """What adds items to a list."""
        whole = field._replace(many=False)
        if field.struct is None and isinstance(said, dict):
            if said.keys() != {"over", "value"}:
                self._wrong('plain values of each repetition are written `{ over = "EB03", value = "EB03" }`')
            ((tag, leaf),) = self._leaves("", said["value"], whole)
            assert isinstance(leaf, Leaf)
            if self._tag(said["over"]) != tag:
                self._wrong(f"`{said['over']}` and `{said['value']}` are of two segments")
            return tag, Many(field.name, leaf, repetitions=said["over"])
        if field.struct is None or self._is_whole(whole, said):
            ((tag, leaf),) = self._leaves("", said, whole)
            assert isinstance(leaf, Leaf)
            repeats = self._notation.repeats and leaf.references
            return tag, Many(
                field.name,
                leaf,
                repetitions=self._notation.field(leaf.references[0][0]) if repeats else None,
                is_instead=str(said).startswith("instead "),
            )
        every = None
        conditions: tuple[Condition, ...] = ()
        repetitions = None
        is_instead = str(said).startswith("instead ")
        if isinstance(said, str):
            found = _EXPRESSION.fullmatch(said)
            repetitions = found["references"] if found and self._notation.repeats else None
            said, conditions = self._shaped(said)
        said = dict(said)
        if "where" in said:
            conditions += self._conditions(said.pop("where"))
        if "every" in said:
            found = _EVERY.fullmatch(said.pop("every"))
            if found is None:
                self._wrong("every = `CAS02/3`: the first element of the group, and how many elements each has")
            every = found["reference"], int(found["step"])
        repetitions = said.pop("over", repetitions)
        by_tag = _by_tag(self._parts(self._with_used(said), field.struct))
        free = by_tag.pop("", ())
        if len(by_tag) != 1:
            self._wrong(f"an item comes from one segment, not from {' and '.join(sorted(by_tag)) or 'none'}")
        ((tag, nodes),) = by_tag.items()
        item = Struct("", field.struct, (*free, *nodes), conditions)
        return tag, Many(field.name, item, every, repetitions, is_instead)

    def _leaves(self, name: str, said: Any, field: Field) -> list[tuple[str, Node]]:
        """Alternatives that differ in their elements alone are one leaf."""
        texts = said if isinstance(said, list) else [said]
        made: list[tuple[str, Leaf]] = []
        for text in texts:
            if not isinstance(text, str):
                self._wrong(f"`{text}` says nowhere to take it from: write an element")
            tag, leaf = self._leaf(name, text, field)
            for at, (other_tag, other) in enumerate(made):
                if tag == other_tag and leaf[3:] == other[3:]:
                    made[at] = tag, other._replace(references=other.references + leaf.references)
                    break
            else:
                made.append((tag, leaf))
        return list(made)

    def _leaf(self, name: str, text: str, field: Field) -> tuple[str, Leaf]:
        found = _EXPRESSION.fullmatch(text)
        if found is None:
            self._wrong(f"`{text}` cannot be understood: write `CLM02`, `DTP03 by DTP02 where DTP01=472`, or `'P'`")
        if found["shape"]:
            self._wrong(f"`{text}`: {field.name or name} is not made of fields, so that it has no shape")
        conditions = self._conditions(found["where"]) if found["where"] else ()
        words = None
        if found["words"]:
            words = self._words.get(found["words"])
            if words is None:
                self._wrong(f"there are no words `{found['words']}`{_near(found['words'], list(self._words))}")
        if found["minus"] and field.holds != "decimal" and (field.struct is None or field.struct is not Money):
            self._wrong(f"`{text}`: {field.name or name} is no amount, so that it has no sign")
        if found["constant"] is not None:
            tag = self._tag(conditions[0].reference) if conditions else ""
            return tag, Leaf(name, field, constant=found["constant"], conditions=conditions)
        references = tuple(found["references"].split())
        tags = {self._tag(one) for one in (*references, *([found["form"]] if found["form"] else []))}
        tags |= {self._tag(one.reference) for one in conditions}
        if len(tags) != 1:
            self._wrong(f"`{text}` takes from more than one segment")
        return tags.pop(), Leaf(
            name,
            field,
            references=(references,),
            form=found["form"],
            words=words,
            places=int(found["places"] or 0),
            negated=bool(found["minus"]),
            conditions=conditions,
        )

    def _tag(self, reference: str) -> str:
        tag = self._notation.tag(reference)
        if tag is None:
            self._wrong(f"`{reference}` is no element of {self._data['standard']}")
        return tag

    def _conditions(self, text: str) -> tuple[Condition, ...]:
        made = []
        for one in text.split(" and "):
            found = _CONDITION.fullmatch(one.strip())
            if found is None:
                self._wrong(
                    f"`{one}` is no condition: write `REF01=6R|EA`, `REF01!=6R`, or `REF02` for that it is sent"
                )
            self._tag(found["reference"])
            if found["codes"] is None:
                made.append(Condition(found["reference"], frozenset(), unlike=True))
            else:
                codes = [code for code in found["codes"].split("|") if code]
                first = codes[0] if codes else ""
                made.append(Condition(found["reference"], frozenset(codes), bool(found["unlike"]), first))
        return tuple(made)


def _texts(said: Any) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)


def _by_tag(parts: list[tuple[str, Node]]) -> dict[str, tuple[Node, ...]]:
    """Gathered by tag; structs of one name, said in two places, become one."""
    made: dict[str, list[Node]] = {}
    for tag, node in parts:
        nodes = made.setdefault(tag, [])
        for at, other in enumerate(nodes):
            if (
                isinstance(node, Struct)
                and isinstance(other, Struct)
                and (node.name, node[3:]) == (other.name, other[3:])
            ):
                nodes[at] = other._replace(parts=other.parts + node.parts)
                break
        else:
            nodes.append(node)
    return {tag: tuple(nodes) for tag, nodes in made.items()}


def _filled(said: Any, prefix: str) -> Any:
    """A shape with the element that it is of in the place of `{}`."""
    if isinstance(said, str):
        return said.replace("{}", prefix)
    if isinstance(said, list):
        return [_filled(one, prefix) for one in said]
    if isinstance(said, dict):
        return {name: _filled(one, prefix) for name, one in said.items()}
    return said
