"""Walks the tokens of one XML message through a map, and makes its records.

A loop is an element. While it is open, the texts in it that the map asks for are kept by their path, all others pass;
when it ends, its object is made of them. What stands around a record gives what it has when the record begins.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import itemgetter
from threading import local as local_to_thread
from typing import Any, Final, NamedTuple, TypeVar

from msgspec.structs import replace

from parsers.findings import Finding, Location, Severity
from parsers.maps.compiler import Compiler, Gives, Mark, extend, within
from parsers.maps.engine import PART_BYTES, join_level
from parsers.maps.language import TREE
from parsers.maps.model import Leaf, Loop, Many, Map, MapError, Node, Struct
from parsers.maps.shelf import TREES
from parsers.markup.syntax import BLANKS, attributes, local, qualified, resolved
from parsers.markup.values import ALL, SENT, Values, each
from parsers.segments import Segments

ITEM_BYTES_MAX: Final = 32 << 20
"""What lies in one item of a record beyond this is left out: an entry may be a batch, with each of its payments."""

TEXT_MAX: Final = 64 << 10
"""Characters of one text that are kept."""

LIST_MAX: Final = 1 << 20
"""Characters of what is sent several times in one element; each time counts as a hundred more."""

_EACH_COSTS: Final = 100
_TAGS_KNOWN: Final = 1024
_TAG_CHARACTERS: Final = 200
_CDATA_OPENS, _CDATA_CLOSES = "<![CDATA[", "]]>"
Kind = TypeVar("Kind")


_known = local_to_thread()


class Element:
    """An element that a map asks for, or that something stands in that it asks for.

    Attributes:
        path: from the element of the loop on, "" for that itself. key: of its text, as maps refer to it.
        children: by name.
        tags: by start tag as sent, children of which nothing must be noted but that they are open.
        others: likewise, the others.
        takes: its text is asked for.
        repeats: all of its texts are.
        gathers: what stands in it is kept together, once for each of its kind.
        noted: it matters whether it was sent.
        attributes: that are asked for: name and path.
        loop: that begins with it.
        ends: something must be done when it ends.
    """

    __slots__ = (
        "attributes", "children", "ends", "gathers", "key", "loop", "noted", "others", "path", "repeats", "tags",
        "takes",
    )  # fmt: skip

    def __init__(self, path: str) -> None:
        self.path = path
        self.key = path or "."
        self.children: dict[str, Element] = {}
        self.tags: dict[str, Element] = {}
        self.others: dict[str, Begun] = {}
        self.takes = self.repeats = self.gathers = self.noted = self.ends = False
        self.attributes: tuple[tuple[str, str], ...] = ()
        self.loop: Branch | None = None


_NOTHING: Final = Element("")
"""Whatever no map asks for. It knows no tags, since nothing in it is looked at."""


class Begun(NamedTuple):
    """What a start tag does: `empty` when it ends its element, too."""

    element: Element
    empty: bool
    attributes: tuple[tuple[str, str], ...]


class Branch:
    """A loop of the map, made ready.

    Attributes:
        root: the element that it begins with.
        gives: puts what its texts say into its object.
        holds: its conditions.
        lends: paths that loops within ask for.
        has_records: records stand within it, so that it is one of their levels.
    """

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.root = Element("")
        self.root.loop, self.root.ends = self, True
        self.gives: Gives | None = None
        self.holds: Callable[[Mapping[str, Any]], bool] | None = None
        self.lends: frozenset[str] = frozenset()
        self.has_records = False


class Compiled:
    """A map of trees. Good for all messages of a file, one after the other.

    Raises:
        MapError: the map says something that trees do not have.
    """

    def __init__(self, made: Map, *, marking: bool = False) -> None:
        self.map = made
        self.marking = marking
        self._values = Values()
        self.compiler = _Marker(made.standard, self._values) if marking else Compiler(made.standard, self._values)
        if made.levels or made.extensions or made.reads_envelope:
            raise MapError(f"{made.id}: trees have neither `levels` nor `extensions` nor `envelope`")
        branches = {name: Branch(loop) for name, loop in made.loops.items()}
        self.root = branches[""]
        for name in reversed(self._outside_in(made)):
            self._grow(branches, branches[name])

    def walk(self, location: Location, encode: Callable[[dict[str, Any]], Any] = dict) -> "Walk":
        return Walk(self, location, encode)

    def _outside_in(self, made: Map) -> list[str]:
        order = [""]
        for name in order:
            order += [
                loop.name
                for loop in made.loops.values()
                if loop.name not in order and name in (loop.parents or (("",) if loop.name else ()))
            ]
        return order

    def _grow(self, branches: Mapping[str, Branch], branch: Branch) -> None:
        """Hang into a loop's tree what its fields ask for, and the loops that stand in it."""
        loop = branch.loop
        if loop.below or loop.currencies or loop.record_nodes:
            self._wrong(
                loop, "trees have neither `below` nor `in_currency`, nor fields of the record around (`/field`)"
            )
        inside = [one for one in branches.values() if loop.name in (one.loop.parents or ("",)) and one.loop.name]
        branch.has_records = any(one.loop.is_record or one.has_records for one in inside)
        branch.lends = frozenset(path for one in inside for path in one.loop.inherits)
        nodes = (*loop.nodes.get("", ()), *loop.nodes.get(TREE, ()))
        conditions = tuple(one for _, conditions in loop.begins for one in conditions)
        if conditions and (branch.has_records or len(loop.begins) > 1 or not loop.into):
            self._wrong(loop, "only a loop that makes an object, and begins with one element, has conditions")
        asked = [*_asked(nodes), *((one.reference, "") for one in conditions)]
        for reference, over in (*asked, *((one, "") for one in {*branch.lends, *loop.inherits})):
            self._ask(branch, reference, over)
        self._values.wholes = frozenset(_wholes(nodes))
        for path in self._values.wholes:
            element = _element(branch.root, path)
            element.noted = element.ends = True
        for reference, over in asked:
            self._see_to(branch, reference, over)
        for one in inside:
            for path, _ in one.loop.begins:
                self._hang(branch, path, one)
        self._values.gathered = frozenset(_gathered(branch.root))
        branch.gives = self.compiler.gives(nodes) if nodes else None
        branch.holds = self.compiler.holds(conditions)

    def _ask(self, branch: Branch, reference: str, over: str) -> None:
        path, _, attribute = reference.removeprefix(".").partition("@")
        if over:
            repeated = _element(branch.root, over)
            repeated.ends = True
            repeated.gathers |= reference != over and (path == over or path.startswith(f"{over}/"))
            repeated.repeats = not repeated.gathers
        element = _element(branch.root, path)
        if attribute:
            element.attributes = tuple(sorted({*element.attributes, (attribute, reference)}))
        else:
            element.takes = element.ends = True
        if "/" in path:
            around = _element(branch.root, path.rpartition("/")[0])
            around.noted = around.ends = True

    def _see_to(self, branch: Branch, reference: str, over: str) -> None:
        """What is kept together is only seen by what goes over it."""
        element = branch.root
        for step in filter(None, reference.partition("@")[0].split("/")):
            element = element.children.get(step, _NOTHING)
            if element.gathers and not (over == element.path or over.startswith(f"{element.path}/")):
                self._wrong(branch.loop, f"`{reference}` stands in {element.path}, which repeats: say `over`")

    def _hang(self, branch: Branch, path: str, inner: Branch) -> None:
        *above, name = path.split("/")
        around = branch.root
        for step in above:
            around = _element(around, step)
            if around.gathers:
                self._wrong(branch.loop, f"loop {inner.loop.name} stands in {around.path}, which is gone over")
        if name in around.children:
            self._wrong(branch.loop, f"{path} begins loop {inner.loop.name}; what stands in it is that loop's alone")
        around.children[name] = inner.root

    def _wrong(self, loop: Loop, message: str) -> None:
        raise MapError(f"{self.map.id}, loop {loop.name or 'set'}: {message}")


def of_package(made: Map) -> Compiled:
    """A map that the package has is made ready once, which takes longer than to read a small file.

    Of each thread it is its own, since it holds what made no sense for a moment.
    """
    known: dict[str, Compiled] = _known.__dict__
    if made.id not in known:
        known[made.id] = Compiled(made)
    return known[made.id]


def _element(root: Element, path: str) -> Element:
    """At the end of a path, made where there is none."""
    element = root
    for step in filter(None, path.split("/")):
        if step not in element.children:
            element.children[step] = Element(f"{element.path}/{step}".removeprefix("/"))
        element = element.children[step]
    return element


def _gathered(root: Element) -> Iterator[str]:
    for element in root.children.values():
        if element.gathers:
            yield element.path
        if element.loop is None:
            yield from _gathered(element)


def _wholes(nodes: Iterable[Node]) -> Iterator[str]:
    """The elements that make objects."""
    for node in nodes:
        if isinstance(node, Many):
            yield from _wholes([node.item])
        elif isinstance(node, Struct):
            if node.whole:
                yield node.whole
            yield from _wholes(node.parts)


def _asked(nodes: Iterable[Node], over: str = "") -> Iterator[tuple[str, str]]:
    """What they take values from, each with the element whose repetitions are gone over."""
    for node in nodes:
        match node:
            case Many():
                repeated = node.repetitions or ""
                yield from _asked([node.item], over if "+" in repeated else repeated or over)
            case Struct():
                yield from _asked(node.parts, over)
                yield from ((one.reference, over) for one in node.conditions)
            case Leaf():
                for references in node.references:
                    yield from ((part, over) for one in references for part in one.split("+"))
                yield from ((one.reference, over) for one in node.conditions)


class _Text(str):
    """A text that knows where it stands: position, offset, and what was sent."""

    __slots__ = ("place",)
    place: tuple[int, int, str]


class _Marker(Compiler):
    """Its records hold marks in the place of values."""

    def __init__(self, standard: str, values: Values) -> None:
        values.functions = {"each": self._each}
        super().__init__(standard, values, marking=True)
        self.kept: Mapping[str, Any] = {}

    def mark(self, *references: str) -> Mark:
        places = (getattr(self.kept.get(part), "place", None) for one in references for part in one.split("+"))
        return Mark(references, *next(filter(None, places), self.here))

    def _each(self, texts: Mapping[str, Any], *path: str) -> Iterator[Mapping[str, Any]]:
        outer = self.kept
        for self.kept in each(texts, *path):
            yield self.kept
        self.kept = outer


class _Open:
    """A loop that has not ended, or an element of which each is kept.

    Attributes:
        branch: None for such an element.
        path: from the one around.
        start: its first byte.
        texts: by path. places: of each, where it stands: its position, and behind its batch the offset, too.
        own: what its texts have given. inner: what loops within have.
        room: for what repeats.
        given: how many of its texts have given what they have; -1 before the first time.
        had_record: one has begun within.
    """

    __slots__ = ("branch", "given", "had_record", "inner", "own", "path", "places", "room", "start", "texts")

    def __init__(self, branch: Branch | None, path: str, start: int) -> None:
        self.branch = branch
        self.path = path
        self.start = start
        self.texts: dict[str, Any] = {}
        self.places: dict[str, int | tuple[int, int]] = {}
        self.own: dict[str, Any] = {}
        self.inner: dict[str, Any] = {}
        self.room = LIST_MAX
        self.given = -1
        self.had_record = False


class Walk:
    """The records of one message.

    Attributes:
        schema: "payment/1". version: of the map: "pain.001-1".
    """

    reads_envelope = False

    def __init__(self, compiled: Compiled, location: Location, encode: Callable[[dict[str, Any]], Any] = dict) -> None:
        self.schema = compiled.map.schema
        self.version = compiled.map.id
        self._compiled = compiled
        self._location = location
        self._encode = encode
        self._wrapping = TREES[compiled.map.standard]
        self._outside = Element("")
        self._is_begun = False
        self._stack: list[Element] = []
        self._opened: list[_Open] = []
        self._record: _Open | None = None
        self._part = 0
        self._item_start = 0
        self._is_overlong = False
        self._made: list[Any] = []
        # Where the last batch ended: the element that is open, how many that nobody asks for, the text in hand.
        self._element = self._outside
        self._skip = 0
        self._held = ""
        self._pieces: list[str] = []
        self._room = TEXT_MAX
        self._begun: int | tuple[int, int] = 0
        self._tag = ""
        self._segments: Segments | None = None
        self._base = 0
        self._at = 0
        compiled.compiler.currency = None

    def feed(self, segments: Segments, *, around: bool = False) -> list[Any]:  # noqa: ARG002  Nothing around is asked.
        """The records that end within these tokens, encoded, and findings of what made no sense in them."""
        self._segments, self._base = segments, segments.position
        element, stack, skip = self._element, self._stack, self._skip
        held, begun = self._held, self._begun
        texts, places = self._kept()
        marking = self._compiled.marking
        for at, token in enumerate(segments.characters, segments.position):
            if skip:
                if token[0] == "<":
                    mark = token[1]
                    if mark == "/":
                        skip -= 1
                    elif mark not in "!?" and token[-2] != "/":
                        skip += 1
            elif token[0] != "<":
                if element.takes:
                    if "&" in token:
                        token = resolved(token)  # noqa: PLW2901  It is the text that was meant.
                    if held:
                        self._more(token)
                    else:
                        held = token
            elif token[1] == "/":
                if element.ends:
                    self._at = at
                    if held:
                        text = held.strip(BLANKS)
                        if self._pieces or len(text) > TEXT_MAX or "\r" in text:
                            text = self._put_together(held, element.key, begun)
                        if marking:
                            text = self._marked(text, begun)
                        held, path = "", element.key
                        if text and path not in texts:
                            texts[path] = text
                            places[path] = begun
                        if element.repeats and text:
                            self._repeat(path, text)
                    if element.noted and not element.gathers:
                        texts[element.path + SENT] = ""
                    if element.gathers or element.loop is not None:
                        self._end(element)
                        texts, places = self._kept()
                element = stack.pop()
            elif token[1] == "!":
                if element.takes and token.startswith(_CDATA_OPENS):
                    token = token[len(_CDATA_OPENS) : -len(_CDATA_CLOSES)]  # noqa: PLW2901
                    if held:
                        self._more(token)
                    else:
                        held = token
            elif token[1] != "?":
                if held:
                    held = ""
                    self._drop_pieces()
                begun = at
                inner = element.tags.get(token)
                if inner is None:
                    self._at = at
                    inner = self._begin(element, token)
                    texts, places = self._kept()
                    if inner is None:
                        continue
                if inner is _NOTHING:
                    skip = 1
                else:
                    stack.append(element)
                    element = inner
        self._element, self._skip, self._held, self._begun = element, skip, held, begun
        self._settle()
        made, self._made = self._made, []
        return made

    def finish(self, end: int) -> list[Any]:  # noqa: ARG002  The last record ended with its element.
        """No more will come."""
        return []

    # --- tags ---

    def _kept(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Where texts go, and their places."""
        return (self._opened[-1].texts, self._opened[-1].places) if self._opened else ({}, {})

    def _begin(self, around: Element, tag: str) -> Element | None:
        """The element that begins with this tag; None for an empty one, which has ended already."""
        begun = around.others.get(tag)
        if begun is None:
            begun = self._read(around, tag)
        inner = begun.element
        if inner is _NOTHING or inner is self._outside:
            return None if begun.empty else inner
        if inner.loop is not None and not self._open(inner.loop, tag, around):
            return None if begun.empty else _NOTHING
        if inner.gathers:
            self._opened.append(_Open(None, inner.path, 0))
        if begun.attributes:
            kept = self._opened[-1]
            for path, value in begun.attributes:
                if path not in kept.texts:
                    kept.texts[path] = self._marked(value, self._at) if self._compiled.marking else value
                    kept.places[path] = self._at
        if not begun.empty:
            return inner
        if inner.gathers or inner.loop is not None:
            self._end(inner)
        return None

    def _read(self, around: Element, tag: str) -> Begun:
        name, empty = local(qualified(tag)), tag[-2] == "/"
        if around is self._outside:
            if name == self._wrapping:
                return Begun(self._outside, empty, ())
            inner, self._is_begun = _NOTHING if self._is_begun else self._compiled.root.root, True
        else:
            inner = around.children.get(name, _NOTHING)
        sent: tuple[tuple[str, str], ...] = ()
        if inner.attributes and "=" in tag:
            values = {local(key): resolved(value).strip(BLANKS) for key, value, _ in attributes(tag)}
            sent = tuple((path, values[key]) for key, path in inner.attributes if values.get(key))
        begun = Begun(inner, empty, sent)
        if around is not self._outside and len(tag) <= _TAG_CHARACTERS:
            if inner is _NOTHING and not empty:
                _remember(around.tags, tag, inner)
            elif empty or sent or inner.gathers or inner.loop is not None:
                _remember(around.others, tag, begun)
            else:
                _remember(around.tags, tag, inner)
        return begun

    # --- texts ---

    def _more(self, text: str) -> None:
        """Of a text that comes in pieces."""
        if self._room > 0:
            self._room -= len(text)
            self._pieces.append(text)

    def _drop_pieces(self) -> None:
        if self._pieces:
            self._pieces.clear()
            self._room = TEXT_MAX

    def _put_together(self, first: str, path: str, place: int | tuple[int, int]) -> str:
        text = first + "".join(self._pieces)
        self._drop_pieces()
        text = text.replace("\r\n", "\n").replace("\r", "\n").strip(BLANKS)
        if len(text) > TEXT_MAX:
            self._say_of(
                path, "text-too-long",
                f"has more than {TEXT_MAX >> 10} KiB; the rest of it was left out of the record.",
                "Send large documents beside the message and refer to them.", self._placed(place),
            )  # fmt: skip
        return text[:TEXT_MAX]

    def _repeat(self, path: str, item: Any) -> None:
        """Of what may come several times."""
        kept = self._opened[-1]
        size = len(item) if isinstance(item, str) else sum(map(len, item.values()))
        kept.room -= size + _EACH_COSTS
        if kept.room >= 0:
            kept.texts.setdefault(path + ALL, []).append(item)
        else:
            self._overlong(path)

    def _marked(self, text: str, place: int | tuple[int, int]) -> _Text:
        marked = _Text(text)
        marked.place = (*self._placed(place), self._sent(place) if isinstance(place, int) else self._tag)
        return marked

    def _sent(self, position: int) -> str:
        """A tag with the text behind it."""
        assert self._segments is not None
        tag, *behind = self._segments.characters[position - self._base :][:2]
        return tag + "".join(one for one in behind if one[0] != "<" or one.startswith(_CDATA_OPENS))

    def _placed(self, place: int | tuple[int, int]) -> tuple[int, int]:
        """Position and offset."""
        return (place, self._byte(place)) if isinstance(place, int) else place

    def _settle(self) -> None:
        """Tell offsets while the batch is in hand."""
        if isinstance(self._begun, int) and self._begun >= self._base:
            self._tag = self._sent(self._begun) if self._compiled.marking else ""
            self._begun = self._placed(self._begun)
        for kept in self._opened:
            for path, place in kept.places.items():
                kept.places[path] = self._placed(place)

    def _byte(self, position: int) -> int:
        assert self._segments is not None
        return self._segments.byte(position - self._base)

    # --- loops ---

    def _open(self, branch: Branch, tag: str, around: Element) -> bool:
        """False when it is left out of its record."""
        loop, offset = branch.loop, self._byte(self._at)
        if self._record is not None:
            if self._opened[-1] is self._record:
                if offset - self._record.start > PART_BYTES * (self._part + 1):
                    self._note(around)
                    self._split(offset)
                self._item_start = offset
            elif offset - self._item_start > ITEM_BYTES_MAX:
                self._overlong(local(qualified(tag)))
                return False
        kept = _Open(branch, local(qualified(tag)), offset)
        if loop.is_record:
            self._note(around)
            for level in self._opened:
                level.had_record = True
                self._give(level)
            self._record, self._part = kept, 0
        self._opened.append(kept)
        return True

    def _note(self, around: Element) -> None:
        """Elements that have not ended were sent, too."""
        kept = len(self._opened)
        for element in (around, *reversed(self._stack)):
            if element.noted:
                self._opened[kept - 1].texts[element.path + SENT] = ""
            kept -= element.loop is not None or element.gathers

    def _end(self, element: Element) -> None:
        """An element of which something is made."""
        ended = self._opened[-1]
        branch = ended.branch
        if branch is None:
            self._opened.pop()
            around = self._opened[-1]
            around.places |= ended.places
            if element.noted:
                ended.texts[element.path + SENT] = ""
            self._repeat(element.path, ended.texts)
            return
        loop = branch.loop
        for path in loop.inherits:
            if path not in ended.texts and path in self._opened[-2].texts:
                ended.texts[path] = self._opened[-2].texts[path]
        if branch.holds is not None and not branch.holds(ended.texts):
            self._opened.pop()
            return
        self._give(ended)
        if ended is self._record:
            self._part += self._part > 0
            self._emit(self._byte(self._at + 1), continued=False)
            self._record = None
        elif loop.is_alone and not ended.had_record and self._record is None:
            for level in self._opened[:-1]:
                level.had_record = True
                self._give(level)
            self._part = 0
            self._emit(self._byte(self._at + 1), continued=False)
        self._opened.pop()
        if self._opened and not loop.is_record and not branch.has_records:
            self._hand_on(loop, ended, self._opened[-1])

    def _hand_on(self, loop: Loop, ended: _Open, around: _Open) -> None:
        """An object to the one around it."""
        made = ended.own
        join_level(made, ended.inner)
        if not made:
            return
        if loop.of_record and self._record is not None:
            around = self._record
        if loop.many:
            extend(around.inner, loop.into, [made])
        elif loop.into:
            join_level(within(around.inner, loop.into), made)
        else:
            join_level(around.inner, made)

    def _give(self, kept: _Open) -> None:
        """Make of texts what they say; it is done again when more have come."""
        branch = kept.branch
        if branch is None or branch.gives is None or len(kept.texts) == kept.given:
            return
        compiler = self._compiled.compiler
        if isinstance(compiler, _Marker):
            compiler.kept, compiler.here = kept.texts, (*self._placed(self._at), "")
        made: dict[str, Any] = {}
        branch.gives(made, kept.texts)
        join_level(kept.own, made)
        if compiler.problems:
            self._tell(kept)
        kept.texts = {path: kept.texts[path] for path in branch.lends if path in kept.texts}
        kept.given = len(kept.texts)

    # --- records ---

    def _split(self, offset: int) -> None:
        """The record goes on in another part."""
        record = self._record
        assert record is not None
        self._give(record)
        self._part += 1
        self._emit(offset, continued=True)
        record.own = {name: value for name, value in record.own.items() if not isinstance(value, list)}
        record.inner = {name: value for name, value in record.inner.items() if not isinstance(value, list)}
        record.room = LIST_MAX

    def _emit(self, end: int, *, continued: bool) -> None:
        record: dict[str, Any] = {}
        for kept in self._opened:
            join_level(record, kept.own)
            join_level(record, kept.inner)
        if not record:
            return
        start = self._opened[-1].start
        provenance = {"set": self._location.set or 0, "start": start, "end": end, "map": self.version}
        if self._part:
            provenance["part"] = self._part
        if continued:
            provenance["continued"] = True
        self._made.append(self._encode({"schema": self.schema, "provenance": provenance, **record}))

    # --- findings ---

    def _tell(self, kept: _Open) -> None:
        problems = self._compiled.compiler.problems
        once = {(one.reference, one.why.code): one for one in problems}.values()
        placed = [(self._placed(kept.places.get(one.reference, self._at)), one) for one in once]
        for place, (reference, why) in sorted(placed, key=itemgetter(0)):
            self._say_of(reference, why.code, why.says, why.hint, place)
        problems.clear()

    def _say_of(self, reference: str, code: str, says: str, hint: str, place: tuple[int, int]) -> None:
        """What is wrong with one element."""
        name = reference.rpartition("/")[2]
        self._say(
            code, f"{reference} {says}", hint, "warning",
            segment=name.partition("@")[0], position=place[0], offset=place[1], element=name,
            path="/".join([*(one.path for one in self._opened if one.branch is not None), reference]),
        )  # fmt: skip

    def _overlong(self, path: str) -> None:
        if not self._is_overlong:
            self._is_overlong = True
            self._say(
                "record-too-long",
                f"One item of a record has more than {ITEM_BYTES_MAX >> 20} MiB, or one element stands in it too"
                f" often ({path}); what follows in it was left out of the record.",
                "Send it in several parts.",
                "error",
                position=self._at,
                offset=self._byte(self._at),
            )

    def _say(self, code: str, message: str, hint: str, severity: Severity, **where: Any) -> None:
        place = replace(self._location, **where)
        self._made.append(Finding.at(place, f"{place.standard}.{code}", message, hint, severity=severity))


def _remember(known: dict[str, Kind], tag: str, what: Kind) -> None:
    if len(known) < _TAGS_KNOWN:
        known[tag] = what
