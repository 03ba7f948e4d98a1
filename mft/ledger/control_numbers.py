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


def allocate(books: Books, scope: Scope, count: int, *, at: int) -> list[int]:
    """The next `count` numbers, in the caller's transaction."""
    key = {f"of_{name}": getattr(scope, name) for name in scope.__struct_fields__}
    row = books.first(_FIND, key)
    before = int(row["allocated"]) if row else 0
    if row is None:
        columns = msgspec.structs.asdict(scope)
        books.execute(_ADD, {**columns, "tenant_id": TENANT, "allocated": count, "updated_at": at})
    else:
        books.execute(_COUNT, {**key, "given": before + count, "now": at})
    return [(before + nth) % CONTROL_NUMBER_MAX + 1 for nth in range(count)]
