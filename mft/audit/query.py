"""Asking the audit log: leaves with their clear values, by whatever they are indexed by, a page at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Any, Final

import msgspec
from sqlalchemy import BindParameter, ColumnElement, Select, and_, bindparam, literal_column, or_, select, union

from mft.clock import LAST_ID
from mft.errors import Missing
from mft.ledger.database import Books, Row
from mft.ledger.tables import FUNCTIONAL_GROUP, INTERCHANGE, LEAF, LEAF_CLEAR, TRANSACTION_SET

REDACTED: Final = "(redacted)"
"""What stands for a private value that a leaf commits to and nobody can tell any more."""

_PAGE: Final = 500
_AT_ONCE: Final = 50  # Leaves whose clear values one statement fetches.
_L, _C = LEAF.c, LEAF_CLEAR.c
_ONE = select(_L.id, _L.at).where(_L.id == bindparam("leaf"))
_CLEAR = select(_C.leaf_id, _C.field, _C.value).where(
    _C.leaf_id.in_([bindparam(f"leaf_{number}") for number in range(_AT_ONCE)])
)
_LAST = select(_L.seq).where(_L.seq.is_not(None)).order_by(_L.seq.desc()).limit(1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which leaves: those that fit everything that is given.

    Args:
        kind: as `transfer.received`, or its beginning, as `transfer.*`.
        name: a file's, or its beginning and `*`: every leaf of the transfers that were ever called so.
        control_number: as sent, of an interchange, group or set: every leaf of the transfers that hold it.
        since, until: microseconds; `until` is not included.
    """

    kind: str = ""
    actor: str = ""
    connection: str = ""
    transfer: str = ""
    result: str = ""
    name: str = ""
    control_number: str = ""
    since: int = 0
    until: int = 0

    def given(self) -> dict[str, Any]:
        """What is asked for, by the name of its filter; the values are the statement's."""
        found = {one.name: getattr(self, one.name) for one in fields(self) if getattr(self, one.name)}
        if found.get("result", "ok") != "ok":
            found["not_ok"] = 1
        for field in ("kind", "name"):
            text = found.get(field, "")
            if text.endswith("*"):
                del found[field]
                found |= {f"{field}_from": text[:-1], f"{field}_below": text[:-1] + "\U0010ffff"}
        return found


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
    given, left = Wanted(**wanted).given(), most or 1 << 62
    if before:
        behind = _place(books, before)
    else:
        behind = {"place_at": 1 << 62, "place": LAST_ID} if newest_first else {"place_at": -1, "place": ""}
    statement = _by_time(tuple(sorted(given)), newest_first=newest_first)
    while left > 0:
        page = books.rows(statement, {**given, **behind, "most": min(left, _PAGE)})
        yield from _public(books, page)
        left -= len(page)
        if len(page) < _PAGE:
            return
        behind = {"place_at": page[-1]["at"], "place": page[-1]["id"]}


def numbered(books: Books, *, after: int = -1, until_number: int = 1 << 62, **wanted: Any) -> Iterator[dict[str, Any]]:
    """Leaves in the order of their numbers, from the first behind `after` to `until_number`, none twice."""
    given = Wanted(**wanted).given()
    statement = _by_number(tuple(sorted(given)))
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


def _place(books: Books, leaf: str) -> dict[str, Any]:
    row = books.first(_ONE, {"leaf": leaf})
    if row is None:
        raise Missing(f"there is no leaf {leaf}")
    return {"place_at": row["at"], "place": leaf}


def _conditions(filters: Sequence[str]) -> list[ColumnElement[bool]]:
    """Only what is asked for stands in a statement: a condition that is switched off by its value defeats an index."""
    columns = {"kind": _L.kind, "actor": _L.actor, "connection": _L.connection, "transfer": _L.transfer_id}
    found: list[ColumnElement[bool]] = [columns[one] == bindparam(one) for one in filters if one in columns]
    if "kind_from" in filters:
        found += [_L.kind >= bindparam("kind_from"), _L.kind < bindparam("kind_below")]
    if "result" in filters:
        found.append(_L.result == bindparam("result"))
    if "not_ok" in filters:  # Written out, so that the index of those few serves.
        found.append(literal_column("leaf.result") != literal_column("'ok'"))
    if "name" in filters:
        found.append(_L.id.in_(_told_of(_C.value == bindparam("name"))))
    if "name_from" in filters:
        found.append(_L.id.in_(_told_of(and_(_C.value >= bindparam("name_from"), _C.value < bindparam("name_below")))))
    if "control_number" in filters:
        found.append(_L.transfer_id.in_(_numbered_so()))
    if "since" in filters:
        found.append(_L.at >= bindparam("since"))
    if "until" in filters:
        found.append(_L.at < bindparam("until"))
    return found


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
def _by_time(filters: tuple[str, ...], *, newest_first: bool) -> Select[Any]:
    found = select(LEAF).where(*_conditions(filters))
    moment: BindParameter[Any] = bindparam("place_at")
    place: BindParameter[Any] = bindparam("place")
    if newest_first:
        found = found.order_by(_L.at.desc(), _L.id.desc())
        behind = and_(_L.at <= moment, or_(_L.at < moment, _L.id < place))
    else:
        found = found.order_by(_L.at, _L.id)
        behind = and_(_L.at >= moment, or_(_L.at > moment, _L.id > place))
    return found.where(behind).limit(bindparam("most"))


@lru_cache(maxsize=256)
def _by_number(filters: tuple[str, ...]) -> Select[Any]:
    between = (_L.seq > bindparam("after"), _L.seq <= bindparam("last"))
    found = select(LEAF).where(*between, *_conditions(filters))
    return found.order_by(_L.seq).limit(bindparam("most"))


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
