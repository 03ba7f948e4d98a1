"""Our own control numbers: counted for each pair of parties, and never given out twice within a wrap.

Durability: a number is given when its transaction is committed; whoever dies with one in hand has burned it.
"""

from typing import Final

import msgspec
from sqlalchemy import and_, bindparam, insert, select, update

from mft.domain import TENANT
from mft.ledger.database import Books
from mft.ledger.tables import CONTROL_NUMBER

CONTROL_NUMBER_MAX: Final = 999_999_999
"""Nine digits, as ISA13 and GS06 have; then comes 1 again."""

_C = CONTROL_NUMBER.c
_MINE = and_(*(_C[name] == bindparam(f"of_{name}") for name in ("own", "partner", "standard", "kind", "usage")))
_FIND = select(_C.allocated).where(_MINE)
_ADD = insert(CONTROL_NUMBER)
_COUNT = update(CONTROL_NUMBER).where(_MINE).values(allocated=bindparam("given"), updated_at=bindparam("now"))


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Whom numbers are counted for.

    Attributes:
        own, partner: the parties as they stand in the envelope, "qualifier:id".
        kind: "interchange" or "group".
        usage: "P", "T"; empty where the standard does not say.
    """

    own: str
    partner: str
    standard: str
    kind: str
    usage: str


def last_number(books: Books, scope: Scope) -> int:
    """The number that was given last; 0 before the first."""
    row = books.first(_FIND, _key(scope))
    return (int(row["allocated"]) - 1) % CONTROL_NUMBER_MAX + 1 if row and row["allocated"] else 0


def set_last_number(books: Books, scope: Scope, number: int, *, at: int) -> None:
    """Go on behind `number`, which may be lower than what was given already: that is for the caller to judge."""
    row = books.first(_FIND, _key(scope))
    rounds = (int(row["allocated"]) - 1) // CONTROL_NUMBER_MAX if row and row["allocated"] else 0
    _count(books, scope, rounds * CONTROL_NUMBER_MAX + number, at=at, is_new=row is None)


def allocate(books: Books, scope: Scope, count: int, *, at: int) -> list[int]:
    """The next `count` numbers, in the caller's transaction."""
    row = books.first(_FIND, _key(scope))
    before = int(row["allocated"]) if row else 0
    _count(books, scope, before + count, at=at, is_new=row is None)
    return [(before + nth) % CONTROL_NUMBER_MAX + 1 for nth in range(count)]


def _key(scope: Scope) -> dict[str, str]:
    return {f"of_{name}": getattr(scope, name) for name in scope.__struct_fields__}


def _count(books: Books, scope: Scope, allocated: int, *, at: int, is_new: bool) -> None:
    if is_new:
        columns = msgspec.structs.asdict(scope)
        books.execute(_ADD, {**columns, "tenant_id": TENANT, "allocated": allocated, "updated_at": at})
    else:
        books.execute(_COUNT, {**_key(scope), "given": allocated, "now": at})
