"""How far each connection's receipts have been put into its folder."""

from sqlalchemy import bindparam, delete, insert, select, update

from mft.domain import TENANT
from mft.ledger.database import Books, Row
from mft.ledger.tables import LEAF, RECEIPT_MARK, TRANSFER

_M = RECEIPT_MARK.c
_ALL = select(_M.connection, _M.seq)
_ENTER = insert(RECEIPT_MARK)
_MOVE = (
    update(RECEIPT_MARK)
    .where(_M.connection == bindparam("who"), _M.seq == bindparam("since"))
    .values(seq=bindparam("until"))
)
_FORGET = delete(RECEIPT_MARK).where(_M.connection == bindparam("who"))
_RECEIVED = (
    select(LEAF.c.id, LEAF.c.seq, LEAF.c.transfer_id, TRANSFER.c.name_bytes, TRANSFER.c.retention)
    .join(TRANSFER, TRANSFER.c.id == LEAF.c.transfer_id)
    .where(
        LEAF.c.seq >= bindparam("since"),
        LEAF.c.seq < bindparam("until"),
        LEAF.c.kind == "transfer.received",
        LEAF.c.connection == bindparam("who"),
    )
    .order_by(LEAF.c.seq)
    .limit(bindparam("most"))
)


def receipt_marks(books: Books) -> dict[str, int]:
    """Of each connection with receipts: all leaves before this number are done."""
    return {row["connection"]: row["seq"] for row in books.rows(_ALL)}


def enter_mark(books: Books, connection: str, seq: int) -> None:
    books.execute(_ENTER, {"connection": connection, "tenant_id": TENANT, "seq": seq})


def move_mark(books: Books, connection: str, since: int, until: int) -> bool:
    """Returns False where the mark does not stand at `since`: somebody else has moved it."""
    return books.execute(_MOVE, {"who": connection, "since": since, "until": until}) == 1


def forget_mark(books: Books, connection: str) -> None:
    books.execute(_FORGET, {"who": connection})


def received_leaves(books: Books, connection: str, since: int, until: int, most: int) -> list[Row]:
    """Leaves of published uploads, oldest first: id, seq, transfer_id, name_bytes, retention."""
    return books.rows(_RECEIVED, {"who": connection, "since": since, "until": until, "most": most})
