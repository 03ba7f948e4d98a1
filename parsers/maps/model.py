"""What a map file says, once it is read: loops, and in each what the segments of a tag give to its object."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import msgspec

from parsers.canonical.fields import Field


class MapError(ValueError):
    """A map file says something that cannot be understood. The message has the place and the way out."""


class Condition(NamedTuple):
    """`reference` is, or with `unlike` is not, one of `codes`; of no codes: it is empty, or with `unlike` is not.

    `first` of the codes is the one that is written.
    """

    reference: str
    codes: frozenset[str]
    unlike: bool = False
    first: str = ""


class Leaf(NamedTuple):
    """A field that an element gives.

    Attributes:
        name: the field, "" for an item of a list that is no struct.
        references: alternatives, of which the first that is not empty counts; each is the element, and behind it what
            else its value is read with: a currency, a unit, a time.
        form: the element that says how it is written.
        constant: the value, where no element gives it.
        words: of codes; others become "x12:" and the code.
        places: how many decimals are implied.
        is_later: an alternative that comes before it may have been given already.
    negated: an amount's sign is the other one.
    """

    name: str
    field: Field
    references: tuple[tuple[str, ...], ...] = ()
    form: str | None = None
    constant: str | bool | None = None
    words: Mapping[str, str | bool] | None = None
    places: int = 0
    negated: bool = False
    conditions: tuple[Condition, ...] = ()
    is_later: bool = False


class Struct(NamedTuple):
    """A field, or an item of a list, that is made of fields.

    Attributes:
        whole: the element that all of it comes from, where it is one.
        is_later: as of a leaf.
    """

    name: str
    kind: type[msgspec.Struct]
    parts: tuple["Node", ...]
    conditions: tuple[Condition, ...] = ()
    whole: str | None = None
    is_later: bool = False


class Many(NamedTuple):
    """Items of a list.

    Attributes:
        every: the first element of a group that repeats in its segment, and how many elements each has.
        repetitions: the field whose repetitions are the items.
        is_instead: what other segments have said of the list is no longer true.
    """

    name: str
    item: "Leaf | Struct"
    every: tuple[str, int] | None = None
    repetitions: str | None = None
    is_instead: bool = False


Node = Leaf | Struct | Many


@dataclass(frozen=True, slots=True)
class Loop:
    """Attributes:
    name: as the guide calls it: "2010AA"; "" is the set itself.
    parents: the loops that it may stand in.
    begins: tags, each with its conditions.
    into: the field of the object around that it makes; empty for a level, whose fields are the record's.
    of_record: that is the record itself, whatever is open between: `into = "/items"`.
    many: it makes an item of a list.
    is_record: it makes the record.
    is_once: a second one does not stand in the same loop around; it is looked for further out.
    is_alone: of the set, that it is a record itself where no loop begins one.
    is_passed_over: nothing in it is anybody's.
    is_closed: what it does not take, no loop around it takes.
    kind: of the object.
    nodes: by tag; "" for what it has from its beginning.
    record_nodes: likewise, for the record that it stands in.
    below: likewise, for objects within it.
    currencies: by tag, the element that names the currency of what follows.
    inherits: in trees, elements that count as its own, when it has none, where the loop around has them.
    """

    name: str
    parents: tuple[str, ...] = ()
    begins: tuple[tuple[str, tuple[Condition, ...]], ...] = ()
    into: tuple[str, ...] = ()
    of_record: bool = False
    many: bool = False
    is_record: bool = False
    is_once: bool = False
    is_alone: bool = False
    is_passed_over: bool = False
    is_closed: bool = False
    kind: type[msgspec.Struct] | None = None
    nodes: Mapping[str, tuple[Node, ...]] = field(default_factory=dict)
    record_nodes: Mapping[str, tuple[Node, ...]] = field(default_factory=dict)
    below: Mapping[str, tuple[Node, ...]] = field(default_factory=dict)
    currencies: Mapping[str, Leaf] = field(default_factory=dict)
    inherits: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Map:
    """Attributes:
    id: "837p-2": its name and version, which records bear.
    schema: of the records: "claim/1".
    sets: by their codes: "837", "ADT"; or more closely, "OUL^R22", which comes first.
    written: by tag, elements that a record does not tell and its guide wants: what stands in them when it is written.
    unwritten: elements of lists that are written only where no others hold all of a list.
    levels: the elements that hold a level's number, and that of the one above.
    extensions: what tags of segments of the sender's own begin with, which the record keeps as sent.
    reads_envelope: the headers and trailers of the set are given to it, and before them the headers around the set.
    """

    id: str
    standard: str
    schema: str
    sets: tuple[str, ...]
    versions: tuple[str, ...]
    loops: Mapping[str, Loop]
    written: Mapping[str, Mapping[str, str]]
    unwritten: tuple[str, ...] = ()
    levels: tuple[str, str] | None = None
    extensions: str | None = None
    reads_envelope: bool = False
