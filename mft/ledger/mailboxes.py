"""What a partner sees in its folders. Names are rows here, and no files: `docs/decisions/0002` says why.

Every function works in the caller's transaction.
"""

from sqlalchemy import and_, bindparam, delete, insert, or_, select, update

from mft.domain import TENANT, Direction, Stage
from mft.ledger.database import Books, Row
from mft.ledger.tables import FOLDER, TRANSFER
from mft.ledger.uploads import UNPUBLISHED

_T = TRANSFER.c
_VISIBLE = and_(
    _T.connection == bindparam("whose"),
    _T.folder_bytes == bindparam("folder"),
    _T.listed == 1,
    or_(
        _T.direction == Direction.OUTBOUND.value,
        UNPUBLISHED,
        _T.listed_at >= bindparam("since"),
    ),
)
_LISTING_COLUMNS = (
    _T.id,
    _T.name_bytes,
    _T.size_bytes,
    _T.sha256,
    _T.stage,
    _T.received_at,
    _T.modified_at,
    _T.direction,
    _T.object_id,
)
_LISTING = (
    select(*_LISTING_COLUMNS)
    .where(_VISIBLE, _T.name_bytes > bindparam("after"))
    .order_by(_T.name_bytes, _T.id)
    .limit(500)
)
_NAMED = select(*_LISTING_COLUMNS).where(_VISIBLE, _T.name_bytes == bindparam("name")).order_by(_T.id.desc()).limit(1)
_LISTED = select(_T.id, _T.stage, _T.object_id, _T.received_at, _T.direction, _T.sha256).where(
    _T.connection == bindparam("whose"),
    _T.folder_bytes == bindparam("folder"),
    _T.name_bytes == bindparam("name"),
    or_(_T.listed == 1, and_(_T.stage == Stage.RECEIVING.value, _T.sha256.is_(None))),
)
_ANY_IN = select(_T.id).where(_VISIBLE).limit(1)
_RELABEL = (
    update(TRANSFER)
    .where(_T.id == bindparam("transfer"))
    .values(
        folder_bytes=bindparam("new_folder"),
        name_bytes=bindparam("new_name"),
        feed=bindparam("new_feed"),
        retention=bindparam("new_retention"),
        in_order=bindparam("new_in_order"),
        updated_at=bindparam("now"),
    )
)
_UNLIST = update(TRANSFER).where(_T.id == bindparam("transfer")).values(listed=0, updated_at=bindparam("now"))
_RELIST = (
    update(TRANSFER)
    .where(_T.id == bindparam("transfer"))
    .values(listed=1, listed_at=bindparam("now"), updated_at=bindparam("now"))
)
_MODIFIED = update(TRANSFER).where(_T.id == bindparam("transfer")).values(modified_at=bindparam("moment"))
_MADE = select(FOLDER.c.path_bytes).where(FOLDER.c.connection == bindparam("whose")).order_by(FOLDER.c.path_bytes)
_MAKE = insert(FOLDER)
_UNMAKE = delete(FOLDER).where(FOLDER.c.connection == bindparam("whose"), FOLDER.c.path_bytes == bindparam("path"))


def listing(books: Books, connection: str, folder: bytes, *, since: int, after: bytes = b"") -> list[Row]:
    """A page of what a connection sees in a folder, by name: its own recent uploads, and what lies there for it."""
    return books.rows(_LISTING, {"whose": connection, "folder": folder, "since": since, "after": after})


def named(books: Books, connection: str, folder: bytes, name: bytes, *, since: int) -> Row | None:
    return books.first(_NAMED, {"whose": connection, "folder": folder, "name": name, "since": since})


def listed_as(books: Books, connection: str, folder: bytes, name: bytes) -> list[Row]:
    """Whoever is listed under a name, or was on its way to it, however old. See `_LISTED` for what each has."""
    return books.rows(_LISTED, {"whose": connection, "folder": folder, "name": name})


def has_files(books: Books, connection: str, folder: bytes, *, since: int) -> bool:
    return books.first(_ANY_IN, {"whose": connection, "folder": folder, "since": since}) is not None


def relabel(
    books: Books,
    transfer: str,
    folder: bytes,
    name: bytes,
    *,
    feed: str | None,
    retention: str | None,
    in_order: bool = False,
    at: int,
) -> None:
    """Give a transfer another name, and what follows from it."""
    named = {"new_folder": folder, "new_name": name, "new_feed": feed, "new_retention": retention}
    books.execute(_RELABEL, {"transfer": transfer, **named, "new_in_order": int(in_order), "now": at})


def unlist(books: Books, transfer: str, *, at: int) -> None:
    """Take a transfer out of its sender's sight; it and its sealed bytes stay."""
    books.execute(_UNLIST, {"transfer": transfer, "now": at})


def relist(books: Books, transfer: str, *, at: int) -> None:
    books.execute(_RELIST, {"transfer": transfer, "now": at})


def set_modified(books: Books, transfer: str, moment: int) -> None:
    """Keep the time of modification that a file's sender says it has."""
    books.execute(_MODIFIED, {"transfer": transfer, "moment": moment})


def made_folders(books: Books, connection: str) -> list[bytes]:
    return [bytes(row["path_bytes"]) for row in books.rows(_MADE, {"whose": connection})]


def make_folder(books: Books, connection: str, path: bytes, *, at: int) -> None:
    books.execute(_MAKE, {"connection": connection, "path_bytes": path, "tenant_id": TENANT, "made_at": at})


def unmake_folder(books: Books, connection: str, path: bytes) -> bool:
    return books.execute(_UNMAKE, {"whose": connection, "path": path}) > 0
