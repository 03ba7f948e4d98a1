"""Asking the audit log: leaves with their clear values, by whatever they are indexed by, a page at a time.

A statement is made for each combination of filters that somebody asks with, and kept. The filter that tells most picks
the index; SQLite, which keeps no counts of what is in a table, is kept from the others. Several kinds are a walk each,
merged: one walk over all of them would have to sort everything before it could show the first.
"""

import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from itertools import islice
from operator import itemgetter
from typing import Any, Final

import msgspec
from sqlalchemy import (
    BigInteger,
    BindParameter,
    ColumnElement,
    Select,
    and_,
    bindparam,
    literal_column,
    or_,
    select,
    union,
)

from mft.clock import LAST_ID
from mft.errors import Missing
from mft.ledger.database import Books, Row
from mft.ledger.tables import FUNCTIONAL_GROUP, INTERCHANGE, LEAF, LEAF_CLEAR, TRANSACTION_SET

REDACTED: Final = "(redacted)"
"""What stands for a private value that a leaf commits to and nobody can tell any more."""

_PAGE: Final = 500
_MERGED_PAGE: Final = 16  # Of one of several walks, of each of which perhaps little is wanted.
_AT_ONCE: Final = 50  # Leaves whose clear values one statement fetches.
_L, _C = LEAF.c, LEAF_CLEAR.c
_ONE = select(_L.id, _L.at).where(_L.id == bindparam("leaf"))
_CLEAR = select(_C.leaf_id, _C.field, _C.value).where(
    _C.leaf_id.in_([bindparam(f"leaf_{number}") for number in range(_AT_ONCE)])
)
_NEXT_KIND = select(_L.kind).where(_L.kind > bindparam("behind")).order_by(_L.kind).limit(1)
_LAST = select(_L.seq).where(_L.seq.is_not(None)).order_by(_L.seq.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which leaves: those that fit everything that is given.

    Args:
        kind: as `transfer.received`, or its beginning, as `transfer.*`; a tuple: one of these.
        name: a file's, or its beginning and `*`: every leaf of the transfers that were ever called so.
        control_number: as sent, of an interchange, group or set: every leaf of the transfers that hold it.
        since, until: microseconds; `until` is not included.
    """

    kind: str | tuple[str, ...] = ""
    actor: str = ""
    connection: str = ""
    transfer: str = ""
    result: str = ""
    name: str = ""
    control_number: str = ""
    since: int = 0
    until: int = 0

    def given(self) -> dict[str, Any]:
        """What is asked for beside the kind, by the name of its filter; the values are the statement's."""
        names = [one.name for one in fields(self) if one.name != "kind"]
        found = {name: value for name in names if (value := getattr(self, name))}
        if found.get("result", "ok") != "ok":
            found["not_ok"] = found.pop("result")
        if found.get("name", "").endswith("*"):
            beginning = found.pop("name")[:-1]
            found |= {"name_from": beginning, "name_below": beginning + "\U0010ffff"}
        return found

    def kinds(self, books: Books) -> tuple[str, ...] | None:
        """The kinds that fit, None for all; of a beginning those that are in the log."""
        if not self.kind:
            return None
        patterns = (self.kind,) if isinstance(self.kind, str) else self.kind
        found = [one for pattern in patterns for one in (_begin(books, pattern[:-1]) if "*" in pattern else [pattern])]
        return tuple(dict.fromkeys(found))


def _begin(books: Books, beginning: str) -> Iterator[str]:
    """Kinds in the log that begin so: a look into the index for each."""
    row = books.first(_NEXT_KIND, {"behind": beginning})
    while row is not None and row["kind"].startswith(beginning):
        yield row["kind"]
        row = books.first(_NEXT_KIND, {"behind": row["kind"]})


def leaves(
    books: Books, *, before: str = "", most: int = 0, newest_first: bool = True, **wanted: Any
) -> Iterator[dict[str, Any]]:
    """Leaves as `mft audit query --json` prints them, by time; those of one moment by their ids.

    Args:
        before: a leaf's id: only those that come behind it in this order. Where a page ends and the next begins.
        most: so many; 0: all.
        wanted: the fields of `Wanted`.

    Raises:
        Missing: there is no leaf `before`.
    """
    asked = Wanted(**wanted)
    given, kinds = asked.given(), asked.kinds(books)
    behind = _first_place(given, newest_first=newest_first)
    if before:
        place = _place(books, before)
        first, there = behind["place_at"], place["place_at"]
        if there <= first if newest_first else there >= first:
            behind = place

    def walk(*some: str, first: int = _PAGE) -> Iterator[dict[str, Any]]:
        return _walk(books, given | _one_of(some), behind, most, first, newest_first=newest_first)

    if kinds is None or len(kinds) == 1 or _leading(given):
        return walk(*kinds or ()) if kinds != () else iter(())
    walks = [walk(kind, first=_MERGED_PAGE) for kind in kinds]
    found = heapq.merge(*walks, key=itemgetter("at", "id"), reverse=newest_first)
    return islice(found, most or None)


def _walk(
    books: Books, given: dict[str, Any], behind: dict[str, Any], most: int, size: int, *, newest_first: bool
) -> Iterator[dict[str, Any]]:
    """Leaves by pages, of which the first has `size` and each other twice as many as the one before, up to _PAGE."""
    statement = _by_time(tuple(sorted(given)), books.dialect_name, newest_first=newest_first)
    left = most or 1 << 62
    while left > 0:
        asked = min(left, size)
        page = books.rows(statement, {**given, **behind, "most": asked})
        yield from _public(books, page)
        left -= len(page)
        if len(page) < asked:
            return
        behind = {"place_at": page[-1]["at"], "place": page[-1]["id"]}
        size = min(2 * size, _PAGE)


def numbered(books: Books, *, after: int = -1, until_number: int = 1 << 62, **wanted: Any) -> Iterator[dict[str, Any]]:
    """Leaves in the order of their numbers, from the first behind `after` to `until_number`, none twice."""
    asked = Wanted(**wanted)
    kinds = asked.kinds(books)
    if kinds == ():
        return
    given = asked.given() | _one_of(kinds or ())
    statement = _by_number(tuple(sorted(given)), books.dialect_name)
    while True:
        page = books.rows(statement, {**given, "after": after, "last": until_number, "most": _PAGE})
        yield from _public(books, page)
        if len(page) < _PAGE:
            return
        after = page[-1]["seq"]


def last_number(books: Books) -> int:
    """The number of the newest leaf that has one; -1 where none has."""
    row = books.first(_LAST)
    return row["seq"] if row else -1


def _first_place(given: dict[str, Any], *, newest_first: bool) -> dict[str, Any]:
    """Where a walk begins: at the end of the time that is asked for, which it then needs no condition for.

    With two bounds on the same side SQLite takes one for the index, perhaps the one that tells nothing.
    """
    if newest_first:
        return {"place_at": given.pop("until", (1 << 62) + 1) - 1, "place": LAST_ID}
    return {"place_at": given.pop("since", -1), "place": ""}


def _place(books: Books, leaf: str) -> dict[str, Any]:
    row = books.first(_ONE, {"leaf": leaf})
    if row is None:
        raise Missing(f"there is no leaf {leaf}")
    return {"place_at": row["at"], "place": leaf}


def _one_of(kinds: Sequence[str]) -> dict[str, Any]:
    return {"kind": kinds[0]} if len(kinds) == 1 else {f"any_kind_{place}": kind for place, kind in enumerate(kinds)}


Where = Callable[[Any], ColumnElement[bool]]
# What a filter looks at, and what it wants of that; the one that tells most first. It picks the index.
_FILTERS: Final[dict[str, tuple[ColumnElement[Any], Where]]] = {
    "transfer": (_L.transfer_id, lambda transfer: transfer == bindparam("transfer")),
    "name": (_L.id, lambda leaf: leaf.in_(_told_of(_C.value == bindparam("name")))),
    "name_from": (
        _L.id,
        lambda leaf: leaf.in_(_told_of(and_(_C.value >= bindparam("name_from"), _C.value < bindparam("name_below")))),
    ),
    "control_number": (_L.transfer_id, lambda transfer: transfer.in_(_numbered_so())),
    "not_ok": (_L.result, lambda result: result == bindparam("not_ok")),
    "connection": (_L.connection, lambda connection: connection == bindparam("connection")),
    "kind": (_L.kind, lambda kind: kind == bindparam("kind")),
    "actor": (_L.actor, lambda actor: actor == bindparam("actor")),
    "result": (_L.result, lambda result: result == bindparam("result")),
}
_BY_NUMBER: Final = "number"
_FEW: Final = frozenset({"transfer", "name", "name_from", "control_number", _BY_NUMBER})
"""Filters whose index does not go on with the time."""


_NO_INDEX: Final = "result"  # Of `ok` alone: nearly all are.


def _leading(given: Iterable[str]) -> str:
    """The filter whose index is walked; none: that of the time alone."""
    return next((name for name in _FILTERS if name in given and name != _NO_INDEX), "")


def _aside(column: ColumnElement[Any], dialect_name: str) -> ColumnElement[Any]:
    """The column, for SQLite without its index."""
    if dialect_name != "sqlite":
        return column
    return column + 0 if isinstance(column.type, BigInteger) else column.concat("")


def _conditions(
    given: tuple[str, ...], dialect_name: str, leading: str, between: list[Where] | None = None
) -> list[ColumnElement[bool]]:
    """Only what is asked for stands in a statement: a condition that is switched off by its value defeats an index.

    Args:
        between: what is wanted of the time beside `since` and `until`.
    """

    def indexed(name: str, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return column if name == leading else _aside(column, dialect_name)

    found = [want(indexed(name, column)) for name, (column, want) in _FILTERS.items() if name in given]
    kinds: list[BindParameter[Any]] = [bindparam(name) for name in given if name.startswith("any_kind_")]
    if kinds:
        found.append(_aside(_L.kind, dialect_name).in_(kinds))
    if leading == "not_ok":  # Written out, so that the index of those few serves.
        found.append(literal_column("leaf.result") != literal_column("'ok'"))
    at = _aside(_L.at, dialect_name) if leading in _FEW else _L.at
    times: dict[str, Where] = {
        "since": lambda at: at >= bindparam("since"),
        "until": lambda at: at < bindparam("until"),
    }
    return found + [want(at) for want in [*(between or []), *(want for name, want in times.items() if name in given)]]


def _told_of(called: ColumnElement[bool]) -> Any:
    """Ids of the leaves that name a file, and of all others of its transfer."""
    naming = select(_C.leaf_id).where(literal_column("leaf_clear.field") == literal_column("'name'"), called)
    other = LEAF.alias("other")
    of_it = LEAF.alias("of_it")
    its_transfers = select(other.c.transfer_id).where(other.c.id.in_(naming))
    return union(naming, select(of_it.c.id).where(of_it.c.transfer_id.in_(its_transfers)))


def _numbered_so() -> Any:
    return union(
        *(
            select(table.c.transfer_id).where(table.c.control_number == bindparam("control_number"))
            for table in (INTERCHANGE, FUNCTIONAL_GROUP, TRANSACTION_SET)
        )
    )


@lru_cache(maxsize=256)
def _by_time(given: tuple[str, ...], dialect_name: str, *, newest_first: bool) -> Select[Any]:
    moment: BindParameter[Any] = bindparam("place_at")
    place: BindParameter[Any] = bindparam("place")
    if newest_first:
        order = (_L.at.desc(), _L.id.desc())
        between: list[Where] = [lambda at: at <= moment]
        behind = or_(_L.at < moment, _L.id < place)
    else:
        order = (_L.at.asc(), _L.id.asc())
        between = [lambda at: at >= moment]
        behind = or_(_L.at > moment, _L.id > place)
    wheres = _conditions(given, dialect_name, _leading(given), between)
    return select(LEAF).where(*wheres, behind).order_by(*order).limit(bindparam("most"))


@lru_cache(maxsize=256)
def _by_number(given: tuple[str, ...], dialect_name: str) -> Select[Any]:
    between = (_L.seq > bindparam("after"), _L.seq <= bindparam("last"))
    wheres = _conditions(given, dialect_name, _BY_NUMBER)
    return select(LEAF).where(*between, *wheres).order_by(_L.seq).limit(bindparam("most"))


def _public(books: Books, page: Sequence[Row]) -> Iterator[dict[str, Any]]:
    clear = _clear_values(books, [row["id"] for row in page])
    for row in page:
        said = msgspec.json.decode(bytes(row["body"]))
        private = dict.fromkeys(said["commitments"], REDACTED) | clear.get(row["id"], {})
        yield {
            "seq": row["seq"],
            "id": row["id"],
            "at": row["at"],
            "kind": row["kind"],
            "actor": row["actor"],
            "connection": row["connection"],
            "transfer": row["transfer_id"],
            "result": row["result"],
            "facts": {**said["facts"], **private},
        }


def _clear_values(books: Books, ids: Sequence[str]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for begin in range(0, len(ids), _AT_ONCE):
        some = [*ids[begin : begin + _AT_ONCE]]
        some += some[-1:] * (_AT_ONCE - len(some))
        for row in books.rows(_CLEAR, {f"leaf_{number}": leaf for number, leaf in enumerate(some)}):
            found.setdefault(row["leaf_id"], {})[row["field"]] = row["value"]
    return found
