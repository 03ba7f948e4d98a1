"""Rows of keys: which are in force, which were, what is wrapped to them, and how near whose end was told of."""

from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, exists, func, insert, or_, select, update

from mft.domain import STANDARD, TENANT
from mft.ledger.database import Books, Row
from mft.ledger.holds import COVERS
from mft.ledger.tables import KEY_NOTICE, KEY_PAIR, LEGAL_HOLD, OBJECT, RECORDS, RECORDS_PART, TRANSFER

_K, _O = KEY_PAIR.c, OBJECT.c
_INSERT = insert(KEY_PAIR)
_ALL = select(KEY_PAIR).order_by(_K.kind, _K.retention, _K.in_force_at, _K.id)
_ONE = select(KEY_PAIR).where(_K.id == bindparam("key"))
_IN_FORCE = (
    select(KEY_PAIR)
    .where(
        _K.kind == bindparam("of_kind"),
        func.coalesce(_K.retention, "") == bindparam("of_class"),
        _K.retired_at.is_(None),
        _K.destroyed_at.is_(None),
    )
    .order_by(_K.in_force_at.desc())
    .limit(1)
)
_AGAIN = update(KEY_PAIR).where(_K.id == bindparam("key")).values(in_force_at=bindparam("now"), retired_at=None)
_RETIRE = update(KEY_PAIR).where(_K.id == bindparam("key")).values(retired_at=bindparam("now"))
_MOVED = update(KEY_PAIR).where(_K.id == bindparam("key")).values(moved=_K.moved + bindparam("count"))
_EMPTIED = (
    update(KEY_PAIR)
    .where(_K.id == bindparam("key"), _K.retired_at.is_not(None), _K.emptied_at.is_(None), _K.destroyed_at.is_(None))
    .values(emptied_at=bindparam("now"))
)
_DESTROY = update(KEY_PAIR).where(_K.id == bindparam("key")).values(destroyed_at=bindparam("now"))
_SHREDDED = select(_K.id).where(_K.kind == "bucket", _K.destroyed_at.is_not(None))

_OPEN = _O.wrapped_dek.is_not(None)
_NEXT_BUCKET = select(_O.bucket).where(_O.bucket > bindparam("after"), _OPEN).order_by(_O.bucket).limit(1)
_COUNT = select(func.count().label("objects")).where(_O.bucket == bindparam("key"), _OPEN)
_PAGE = select(_O.id, _O.tenant_id, _O.bucket, _O.wrapped_dek).where(_O.bucket == bindparam("key"), _OPEN)
_OLDEST = _PAGE.order_by(_O.created_at).limit(bindparam("most"))
_NEWEST = _PAGE.order_by(_O.created_at.desc()).limit(bindparam("most"))
_REWRAP = (
    update(OBJECT)
    .where(_O.id == bindparam("object_id"), _O.bucket == bindparam("old_bucket"), _O.wrapped_dek == bindparam("old"))
    .values(bucket=bindparam("new_bucket"), wrapped_dek=bindparam("new"))
)


def _sealed_under(object_id: ColumnElement[Any]) -> ColumnElement[bool]:
    return exists().where(_O.id == object_id, _O.bucket == bindparam("key"), _OPEN)


_RECORDS_UNDER = exists().where(RECORDS.c.transfer_id == TRANSFER.c.id, _sealed_under(RECORDS.c.object_id))
_TRANSFERS_UNDER = (
    select(TRANSFER.c.id)
    .where(TRANSFER.c.id > bindparam("after"), or_(_sealed_under(TRANSFER.c.object_id), _RECORDS_UNDER))
    .order_by(TRANSFER.c.id)
    .limit(bindparam("most"))
)
_PARTS_UNDER = select(RECORDS_PART.c.id).where(_sealed_under(RECORDS_PART.c.object_id)).order_by(RECORDS_PART.c.id)
_HELD_UNDER = (
    select(TRANSFER.c.id, LEGAL_HOLD.c.id.label("hold"))
    .join(LEGAL_HOLD, COVERS)
    .where(or_(_sealed_under(TRANSFER.c.object_id), _RECORDS_UNDER))
    .limit(1)
)
_PIECES = (  # Of files that were resumed and are held: all but the last.
    select(_O.continues.label("id"), TRANSFER.c.id.label("transfer"), LEGAL_HOLD.c.id.label("hold"))
    .select_from(TRANSFER)
    .join(LEGAL_HOLD, COVERS)
    .join(OBJECT, _O.id == TRANSFER.c.object_id)
    .where(_O.continues.is_not(None))
    .cte("piece", recursive=True)
)
_OLDER = OBJECT.alias("older")
_PIECES = _PIECES.union_all(
    select(_OLDER.c.continues, _PIECES.c.transfer, _PIECES.c.hold)
    .join(_PIECES, _OLDER.c.id == _PIECES.c.id)
    .where(_OLDER.c.continues.is_not(None))
)
_HELD_PIECE = select(_PIECES.c.transfer.label("id"), _PIECES.c.hold).where(_sealed_under(_PIECES.c.id)).limit(1)
_CLASS = func.coalesce(TRANSFER.c.retention, STANDARD)
_MISPLACED = (
    select(_O.id, _O.tenant_id, _O.bucket, _O.wrapped_dek, _CLASS.label("retention"))
    .select_from(TRANSFER)
    .join(OBJECT, _O.id == TRANSFER.c.object_id)
    .join(KEY_PAIR, _K.id == _O.bucket)
    .where(_K.retention != _CLASS, _K.destroyed_at.is_(None), _OPEN)
    .order_by(_O.id)
    .limit(bindparam("most"))
)
_GOES_ON = select(_O.id).where(_O.continues == bindparam("object_id")).limit(1)
_OWNER = select(TRANSFER.c.id).where(TRANSFER.c.object_id == bindparam("object_id")).limit(1)

_NOTICES = select(KEY_NOTICE.c.key_id, KEY_NOTICE.c.days_left)
_NOTICE = select(KEY_NOTICE.c.days_left).where(KEY_NOTICE.c.key_id == bindparam("key"))
_FORGET_NOTICE = delete(KEY_NOTICE).where(KEY_NOTICE.c.key_id == bindparam("key"))
_ADD_NOTICE = insert(KEY_NOTICE)


def key_pairs(books: Books) -> list[Row]:
    """Every key that ever came into force; of each use and class the oldest first."""
    return books.rows(_ALL)


def key_row(books: Books, key: str) -> Row | None:
    return books.first(_ONE, {"key": key})


def key_in_force(books: Books, kind: str, retention: str | None = None) -> Row | None:
    """The key that is used now: of a class, where it is a bucket key."""
    return books.first(_IN_FORCE, {"of_kind": kind, "of_class": retention or ""})


def add_key(
    books: Books, key: str, kind: str, *, retention: str | None, public: str | None, made_at: int, at: int
) -> None:
    """Enter a key that comes into force."""
    row = {"id": key, "tenant_id": TENANT, "kind": kind, "retention": retention, "public": public}
    books.execute(_INSERT, {**row, "made_at": made_at, "in_force_at": at})


def use_again(books: Books, key: str, *, at: int) -> None:
    """A key that was retired comes into force once more."""
    books.execute(_AGAIN, {"key": key, "now": at})


def retire_key(books: Books, key: str, *, at: int) -> None:
    books.execute(_RETIRE, {"key": key, "now": at})


def destroy_key(books: Books, key: str, *, at: int) -> None:
    books.execute(_DESTROY, {"key": key, "now": at})


def shredded_keys(books: Books) -> set[str]:
    """The bucket keys of which nothing may be left."""
    return {row["id"] for row in books.rows(_SHREDDED)}


def mark_emptied(books: Books, key: str, *, at: int) -> bool:
    """Nothing is wrapped to a retired key any more; returns whether that is news."""
    return books.execute(_EMPTIED, {"key": key, "now": at}) > 0


def buckets(books: Books) -> list[str]:
    """The keys that objects are wrapped to."""
    found: list[str] = []
    while (row := books.first(_NEXT_BUCKET, {"after": found[-1] if found else ""})) is not None:
        found.append(row["bucket"])
    return found


def objects_under(books: Books, key: str) -> int:
    """How many objects are wrapped to a key."""
    return int(books.rows(_COUNT, {"key": key})[0]["objects"])


def wrapped_under(books: Books, key: str, *, most: int, newest_first: bool = False) -> list[Row]:
    """Some objects that are wrapped to a key: id, tenant_id, bucket, wrapped_dek."""
    return books.rows(_NEWEST if newest_first else _OLDEST, {"key": key, "most": most})


def misplaced(books: Books, *, most: int) -> list[Row]:
    """Some files that are wrapped to a key of another class than their transfer's: as above, and that `retention`."""
    return books.rows(_MISPLACED, {"most": most})


def rewrap_object(books: Books, object_id: str, *, bucket: str, old: bytes, to: str, new: bytes) -> bool:
    """Put another wrapping of an object's DEK in the place of this one; returns whether that one was still there."""
    found = {"object_id": object_id, "old_bucket": bucket, "old": old}
    return books.execute(_REWRAP, {**found, "new_bucket": to, "new": new}) > 0


def count_moved(books: Books, key: str, count: int) -> None:
    """So many objects less are wrapped to a key."""
    books.execute(_MOVED, {"key": key, "count": count})


def transfers_under(books: Books, key: str, *, after: str, most: int) -> list[str]:
    """Transfers, by id, whose original or records are sealed under a key: those that come after one."""
    return [row["id"] for row in books.rows(_TRANSFERS_UNDER, {"key": key, "after": after, "most": most})]


def parts_under(books: Books, key: str) -> list[str]:
    """Parts of the cache of records that are sealed under a key."""
    return [row["id"] for row in books.rows(_PARTS_UNDER, {"key": key})]


def held_under(books: Books, key: str) -> Row | None:
    """A transfer that is sealed under a key and that a legal hold in force covers: its id, the hold."""
    return books.first(_HELD_UNDER, {"key": key}) or books.first(_HELD_PIECE, {"key": key})


def owner_of(books: Books, object_id: str) -> str | None:
    """The transfer that an object is a piece of. Reads the whole table: for the few that are found no other way."""
    here = object_id
    while (row := books.first(_GOES_ON, {"object_id": here})) is not None:
        here = row["id"]
    owner = books.first(_OWNER, {"object_id": here})
    return str(owner["id"]) if owner else None


def notices(books: Books) -> dict[str, int]:
    """How near the end of each key was told of, in days."""
    return {row["key_id"]: row["days_left"] for row in books.rows(_NOTICES)}


def notice(books: Books, key: str) -> int | None:
    row = books.first(_NOTICE, {"key": key})
    return int(row["days_left"]) if row else None


def set_notice(books: Books, key: str, days_left: int | None, *, at: int) -> None:
    """Remember how near a key's end was told of; None: nothing was."""
    books.execute(_FORGET_NOTICE, {"key": key})
    if days_left is not None:
        books.execute(_ADD_NOTICE, {"key_id": key, "tenant_id": TENANT, "days_left": days_left, "at": at})
