"""Legal holds: which transfers may not be erased, whatever their age."""

from sqlalchemy import and_, bindparam, insert, or_, select, update

from mft.clock import new_id
from mft.domain import TENANT
from mft.errors import Missing
from mft.ledger.database import Books, Row
from mft.ledger.tables import LEGAL_HOLD, TRANSFER

_H = LEGAL_HOLD.c
_INSERT = insert(LEGAL_HOLD)
_ALL = select(LEGAL_HOLD).order_by(_H.id)
_LIFT = update(LEGAL_HOLD).where(_H.id == bindparam("hold"), _H.lifted_at.is_(None)).values(lifted_at=bindparam("now"))
COVERS = and_(
    _H.lifted_at.is_(None),
    or_(
        _H.transfer_id == TRANSFER.c.id,
        and_(
            _H.connection == TRANSFER.c.connection,
            or_(_H.since.is_(None), TRANSFER.c.received_at >= _H.since),
            or_(_H.until.is_(None), TRANSFER.c.received_at < _H.until),
        ),
    ),
)
"""Joins a hold in force to each transfer that it covers."""

_OF_TRANSFER = select(_H.id, _H.matter).where(TRANSFER.c.id == bindparam("transfer"), COVERS).order_by(_H.id).limit(1)


def add_hold(
    books: Books,
    matter: str,
    *,
    at: int,
    by: str,
    transfer: str | None = None,
    connection: str | None = None,
    since: int | None = None,
    until: int | None = None,
) -> str:
    """Add a hold on one transfer, or on all of a connection's that arrive in a time; returns its id."""
    assert (transfer is None) != (connection is None)
    hold = new_id()
    books.execute(
        _INSERT,
        {
            "id": hold,
            "tenant_id": TENANT,
            "matter": matter,
            "transfer_id": transfer,
            "connection": connection,
            "since": since,
            "until": until,
            "made_at": at,
            "made_by": by,
        },
    )
    return hold


def lift_hold(books: Books, hold: str, *, at: int) -> None:
    """Raises Missing: no such hold is in force."""
    if books.execute(_LIFT, {"hold": hold, "now": at}) == 0:
        raise Missing(f"no legal hold {hold} is in force")


def holds(books: Books) -> list[Row]:
    """Every hold there ever was, oldest first."""
    return books.rows(_ALL)


def hold_on(books: Books, transfer: str) -> Row | None:
    """A hold in force that covers a transfer, if there is one: id, matter."""
    return books.first(_OF_TRANSFER, {"transfer": transfer})
