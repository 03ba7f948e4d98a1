"""What has been kept for as long as was agreed, and what is kept still: by retention class."""

from typing import Any, Final

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, func, literal_column, not_, or_, select

from mft.domain import STANDARD, Stage
from mft.ledger.database import Books, Row
from mft.ledger.holds import COVERS
from mft.ledger.tables import DELIVERY, LEGAL_HOLD, OBJECT, OUTBOX, RECORDS, TRANSFER
from mft.ledger.transfers import ERASED

_T = TRANSFER.c
_AT_WORK: Final = (
    Stage.RECEIVING, Stage.PARTIAL, Stage.RECEIVED, Stage.IDENTIFIED, Stage.PARSED, Stage.VALIDATED,
    Stage.CANONICALIZED, Stage.ACKNOWLEDGED,
)  # fmt: skip
_CLASS = func.coalesce(_T.retention, literal_column(f"'{STANDARD}'"))
_HELD = exists().where(LEGAL_HOLD.c.id.is_not(None), COVERS)
_UNSENT = exists().where(
    OUTBOX.c.transfer_id == _T.id,
    DELIVERY.c.event_id == OUTBOX.c.id,
    or_(DELIVERY.c.state == "waiting", DELIVERY.c.state == "parked"),
)
_HAS: Final[dict[str, ColumnElement[bool]]] = {
    "original": _T.object_id.is_not(None),
    "records": exists().where(RECORDS.c.transfer_id == _T.id),
    "names": not_(_UNSENT),  # Whoever is told of a file hears its name.
}


def _due(kind: str) -> list[ColumnElement[bool]]:
    not_erased = _T.erased.op("&")(literal_column(str(ERASED[kind]))) == literal_column("0")
    rests = and_(*(_T.stage != stage.value for stage in _AT_WORK))
    return [bindparam("of_class") == _CLASS, _T.received_at < bindparam("before"), not_erased, rests, _HAS[kind]]


def _rows(kind: str) -> Select[Any]:
    return (
        select(_T.id, _T.received_at)
        .where(
            *_due(kind),
            not_(_HELD),
            _T.received_at >= bindparam("since"),
            or_(_T.received_at > bindparam("since"), _T.id > bindparam("after")),
        )
        .order_by(_T.received_at, _T.id)
        .limit(bindparam("most"))
    )


def _count(kind: str, *, held: bool) -> Select[Any]:
    return select(func.count().label("transfers"), func.coalesce(func.sum(_T.size_bytes), 0).label("size_bytes")).where(
        *_due(kind), _HELD if held else not_(_HELD)
    )


_ROWS = {kind: _rows(kind) for kind in ERASED}
_COUNTS = {(kind, held): _count(kind, held=held) for kind in ERASED for held in (False, True)}
_KEPT = (
    select(
        _CLASS.label("class"),
        func.count().label("transfers"),
        func.coalesce(func.sum(OBJECT.c.plain_size), 0).label("size_bytes"),
        func.min(_T.received_at).label("oldest_at"),
    )
    .outerjoin(OBJECT, and_(OBJECT.c.id == _T.object_id, OBJECT.c.erased_at.is_(None)))
    .group_by(_CLASS)
    .order_by(_CLASS)
)


def due(
    books: Books, kind: str, retention: str, *, before: int, since: int = 0, after: str = "", most: int
) -> list[Row]:
    """Transfers that came before a moment, of which a kind is to be erased now: id, received_at; oldest first.

    `since` and `after` are where the page before ended. What a legal hold covers, what is still worked on, and names
    that somebody is still to be told are not among them.
    """
    wanted = {"of_class": retention, "before": before, "since": since, "after": after, "most": most}
    return books.rows(_ROWS[kind], wanted)


def count_due(books: Books, kind: str, retention: str, *, before: int, held: bool) -> Row:
    """How many those are, and how large; or how many more there would be without legal holds."""
    return books.rows(_COUNTS[kind, held], {"of_class": retention, "before": before})[0]


def kept(books: Books) -> list[Row]:
    """By class: transfers, the size_bytes of what of their last pieces is there, oldest_at."""
    return books.rows(_KEPT)
