"""Asking the audit log: leaves with their clear values, by what they are indexed by, a page at a time."""

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import and_, bindparam, or_, select

from mft.clock import LAST_ID
from mft.ledger.database import Books, Row
from mft.ledger.tables import LEAF, LEAF_CLEAR

_PAGE = 500
_FILTER = and_(
    or_(bindparam("kind_is") == "", LEAF.c.kind == bindparam("kind_is")),
    or_(bindparam("actor_is") == "", LEAF.c.actor == bindparam("actor_is")),
    or_(bindparam("connection_is") == "", LEAF.c.connection == bindparam("connection_is")),
    or_(bindparam("transfer_is") == "", LEAF.c.transfer_id == bindparam("transfer_is")),
    LEAF.c.at >= bindparam("since"),
    LEAF.c.at < bindparam("until"),
    LEAF.c.id > bindparam("after"),
    LEAF.c.id < bindparam("before"),
)
_OLDEST = select(LEAF).where(_FILTER).order_by(LEAF.c.id).limit(bindparam("most"))
_NEWEST = select(LEAF).where(_FILTER).order_by(LEAF.c.id.desc()).limit(bindparam("most"))
_CLEAR = select(LEAF_CLEAR.c.field, LEAF_CLEAR.c.value).where(LEAF_CLEAR.c.leaf_id == bindparam("leaf"))


def leaves(
    books: Books,
    *,
    kind: str = "",
    actor: str = "",
    connection: str = "",
    transfer: str = "",
    since: int = 0,
    until: int = 1 << 62,
    after: str = "",
    before: str = LAST_ID,
    newest_first: bool = True,
    most: int | None = None,
) -> Iterator[dict[str, Any]]:
    """Leaves that fit every filter that is given, as `mft audit query --json` prints them.

    Args:
        since, until: microseconds; `until` is not included.
        after, before: leaf ids, neither included: where a page ends and the next begins.
    """
    left = most if most is not None else 1 << 62
    statement = _NEWEST if newest_first else _OLDEST
    while left > 0:
        page = books.rows(
            statement,
            {
                "kind_is": kind,
                "actor_is": actor,
                "connection_is": connection,
                "transfer_is": transfer,
                "since": since,
                "until": until,
                "after": after,
                "before": before,
                "most": min(left, _PAGE),
            },
        )
        yield from (_public(books, row) for row in page)
        left -= len(page)
        if len(page) < _PAGE:
            return
        if newest_first:
            before = page[-1]["id"]
        else:
            after = page[-1]["id"]


def _public(books: Books, row: Row) -> dict[str, Any]:
    said = json.loads(bytes(row["body"]))
    clear = {value["field"]: value["value"] for value in books.rows(_CLEAR, {"leaf": row["id"]})}
    return {
        "seq": row["seq"],
        "id": row["id"],
        "at": row["at"],
        "kind": row["kind"],
        "actor": row["actor"],
        "connection": row["connection"],
        "transfer": row["transfer_id"],
        "result": row["result"],
        "facts": {**said["facts"], **clear},
    }
