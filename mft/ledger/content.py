"""What a connection sent before: the same bytes, the same name, the numbers of a feed."""

from sqlalchemy import bindparam, select

from mft.domain import Direction, Stage
from mft.ledger.database import Books, Row
from mft.ledger.tables import TRANSFER

_T = TRANSFER.c
_OF_SENDER = (_T.connection == bindparam("whose"), _T.direction == Direction.INBOUND.value)
_BEFORE = (*_OF_SENDER, _T.id < bindparam("before"))
_SAME_CONTENT = (
    select(_T.id)
    .where(
        *_OF_SENDER,
        _T.id != bindparam("but"),
        _T.sha256 == bindparam("digest"),
        _T.received_at >= bindparam("since"),
        _T.stage == Stage.DONE.value,
        _T.parent_id.is_(None),
    )
    .order_by(_T.id)
    .limit(1)
)
_SAME_NAME = (
    select(_T.id)
    .where(
        *_BEFORE,
        _T.folder_bytes == bindparam("folder"),
        _T.name_bytes == bindparam("name"),
        _T.stage == Stage.DONE.value,
    )
    .order_by(_T.id.desc())
    .limit(1)
)
_NUMBER_BEFORE = (
    select(_T.sequence)
    .where(
        *_BEFORE,
        _T.feed == bindparam("of_feed"),
        _T.sequence.is_not(None),
        _T.entity.is_not_distinct_from(bindparam("of_entity")),
    )
    .order_by(_T.id.desc())
    .limit(1)
)


def same_content(books: Books, transfer: Row, *, since: int) -> str | None:
    """The first of a connection's other files since then that had the same bytes and was processed."""
    about = {"whose": transfer["connection"], "but": transfer["id"], "digest": transfer["sha256"], "since": since}
    row = books.first(_SAME_CONTENT, about)
    return row["id"] if row else None


def same_name(books: Books, transfer: Row) -> str | None:
    """The newest of a connection's files of the same name before, that was processed."""
    about = {"folder": transfer["folder_bytes"], "name": transfer["name_bytes"]}
    row = books.first(_SAME_NAME, {"whose": transfer["connection"], "before": transfer["id"], **about})
    return row["id"] if row else None


def number_before(books: Books, transfer: Row, feed: str, entity: str | None) -> int | None:
    """The sequence number of a feed's file before, of the same entity where its names tell that."""
    about = {"whose": transfer["connection"], "before": transfer["id"], "of_feed": feed, "of_entity": entity}
    row = books.first(_NUMBER_BEFORE, about)
    return row["sequence"] if row else None
