"""Files that were published in the same folder before a transfer, and may speak of it, or it of them."""

from typing import Any

from sqlalchemy import and_, bindparam, not_, or_, select

from mft.domain import Direction, Stage
from mft.ledger.database import Books, Row
from mft.ledger.tables import TRANSFER
from mft.ledger.uploads import UNPUBLISHED

_T = TRANSFER.c
_PUBLISHED_BEFORE = and_(
    _T.connection == bindparam("whose"),
    _T.folder_bytes == bindparam("folder"),
    _T.direction == Direction.INBOUND.value,
    not_(UNPUBLISHED),
    _T.stage != Stage.EXPIRED.value,
    _T.stage != Stage.SUPERSEDED.value,
    _T.received_at >= bindparam("since"),
    or_(_T.received_at < bindparam("at"), and_(_T.received_at == bindparam("at"), _T.id < bindparam("transfer"))),
)
_BESIDE = (
    _T.id,
    _T.connection,
    _T.folder_bytes,
    _T.name_bytes,
    _T.size_bytes,
    _T.sha256,
    _T.object_id,
    _T.evidence,
    _T.received_at,
)
_SPEAK_OF = (
    select(*_BESIDE)
    .where(_PUBLISHED_BEFORE, _T.speaks_of_bytes == bindparam("subject"))
    .order_by(_T.received_at.desc(), _T.id.desc())
    .limit(bindparam("most"))
)
_NAMED_BEFORE = (
    select(*_BESIDE)
    .where(_PUBLISHED_BEFORE, _T.name_bytes == bindparam("name"))
    .order_by(_T.received_at.desc(), _T.id.desc())
    .limit(1)
)
_OF_STEM_BEFORE = (
    select(*_BESIDE)
    .where(
        _PUBLISHED_BEFORE,
        _T.speaks_of_bytes.is_(None),
        _T.name_bytes > bindparam("low"),
        _T.name_bytes < bindparam("high"),
    )
    .order_by(_T.received_at.desc(), _T.id.desc())
    .limit(bindparam("most"))
)


def of_subject_before(books: Books, row: Row, subject: bytes, *, since: int, most: int) -> list[Row]:
    """What was published in the same folder before a transfer and speaks of `subject`, newest first.

    `since` is the oldest arrival, in microseconds, that counts. Each has what `_BESIDE` names.
    """
    return books.rows(_SPEAK_OF, {**_beside(row, since), "subject": subject, "most": most})


def named_before(books: Books, row: Row, name: bytes, *, since: int) -> Row | None:
    """The newest file of a name in the same folder that was published before a transfer; as `of_subject_before`."""
    return books.first(_NAMED_BEFORE, {**_beside(row, since), "name": name})


def of_stem_before(books: Books, row: Row, stem: bytes, *, since: int, most: int) -> list[Row]:
    """What was published in the same folder before a transfer, is called `stem.…`, and speaks of nothing itself."""
    return books.rows(_OF_STEM_BEFORE, {**_beside(row, since), "low": stem + b".", "high": stem + b"/", "most": most})


def _beside(row: Row, since: int) -> dict[str, Any]:
    whose, folder = row["connection"], row["folder_bytes"]
    return {"whose": whose, "folder": folder, "since": since, "at": row["received_at"], "transfer": row["id"]}
