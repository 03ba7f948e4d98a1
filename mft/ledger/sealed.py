"""What is sealed, by whom it belongs to, in pages: so that each object is met once."""

from collections.abc import Iterator
from typing import Any, Final

from sqlalchemy import Select, bindparam, exists, func, literal_column, or_, select

from mft.ledger.database import Books, Row
from mft.ledger.tables import OBJECT, RECORDS, TRANSFER

_PAGE: Final = 200
_O, _T, _R = OBJECT.c, TRANSFER.c, RECORDS.c
_OTHER = OBJECT.alias("later")
_READABLE = (_O.wrapped_dek.is_not(None), or_(_O.cut == literal_column("0"), _O.sealed_size > literal_column("0")))
_FILES = (
    select(_T.id.label("place"), _T.object_id, _T.id.label("transfer"), _T.connection, _T.sha256)
    .join(OBJECT, _O.id == _T.object_id)
    .where(_T.id > bindparam("after"), *_READABLE)
    .order_by(_T.id)
    .limit(_PAGE)
)
_RECORDS = (
    select(_R.object_id.label("place"), _R.object_id, _R.transfer_id.label("transfer"), _T.connection)
    .join(OBJECT, _O.id == _R.object_id)
    .join(TRANSFER, _T.id == _R.transfer_id)
    .where(_R.object_id > bindparam("after"), *_READABLE)
    .order_by(_R.object_id)
    .limit(_PAGE)
)
_OTHERS = (
    select(_O.id.label("place"), _O.id.label("object_id"))
    .where(
        _O.id > bindparam("after"),
        *_READABLE,
        ~exists().where(_T.object_id == _O.id),
        ~exists().where(_R.object_id == _O.id),
        ~exists().where(_OTHER.c.continues == _O.id),  # A piece is read with the file that goes on behind it.
    )
    .order_by(_O.id)
    .limit(_PAGE)
)
_SIZE = select(func.coalesce(func.sum(_O.plain_size), 0).label("size")).where(*_READABLE)


def files_to_check(books: Books) -> Iterator[Row]:
    """Files of transfers: object_id (the last piece), transfer, connection, sha256 (null for a part of one)."""
    return _pages(books, _FILES)


def records_to_check(books: Books) -> Iterator[Row]:
    """Records of sets: object_id, transfer, connection."""
    return _pages(books, _RECORDS)


def objects_to_check(books: Books) -> Iterator[Row]:
    """What belongs to no single transfer, as parts of the cache of records: object_id."""
    return _pages(books, _OTHERS)


def size_to_check(books: Books) -> int:
    """Plaintext bytes of all that can be read."""
    return int(books.rows(_SIZE)[0]["size"])


def _pages(books: Books, statement: Select[Any]) -> Iterator[Row]:
    after = ""
    while page := books.rows(statement, {"after": after}):
        yield from page
        after = page[-1]["place"]
