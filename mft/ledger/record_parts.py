"""Which records there are to query, and where: in a part of the cache, or only in the sealed objects of their sets.

A set's records of the newest map count; older ones are *superseded*. A *part* is cached Parquet; records that are in
none *wait* to be cached, those that are in one and superseded are *stale*: whoever reads the part leaves them out.

Loss: none; parts are made again from the records.
"""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Select, and_, bindparam, delete, exists, insert, literal_column, select, update

from mft.domain import TENANT
from mft.errors import StageConflict
from mft.ledger.database import Books, Row
from mft.ledger.objects import drop_object, erase_object
from mft.ledger.tables import OBJECT, PROFILE, RECORDS, RECORDS_PART, TRANSFER

_R, _P = RECORDS.c, RECORDS_PART.c
_CURRENT = _R.superseded == literal_column("0")  # Written out: for a parameter no partial index need be taken.
_STALE_HERE = and_(_R.part_id.is_not(None), _R.superseded == literal_column("1"))
_OF_SET = and_(
    _R.transfer_id == bindparam("transfer"),
    _R.set_position == bindparam("position"),
    _R.map_version == bindparam("made_by"),
)


def _sets() -> Select[Any]:
    return (
        select(
            _R.transfer_id,
            _R.set_position,
            _R.map_version,
            _R.record_schema,
            _R.records,
            _R.object_id,
            TRANSFER.c.connection,
            TRANSFER.c.received_at,
            PROFILE.c.name.label("partner"),
            OBJECT.c.plain_size,
        )
        .join(TRANSFER, TRANSFER.c.id == _R.transfer_id)
        .join(PROFILE, PROFILE.c.hash == TRANSFER.c.profile_hash)
        .join(OBJECT, OBJECT.c.id == _R.object_id)
        .where(_CURRENT, OBJECT.c.wrapped_dek.is_not(None))
        .order_by(_R.transfer_id, _R.set_position)
        .limit(bindparam("most"))
    )


_WAITING = _sets().where(_R.part_id.is_(None), _R.record_schema == bindparam("of_schema"))
_IN_PART = _sets().where(_R.part_id == bindparam("part"))
_STALE = select(_R.transfer_id, _R.set_position, _R.map_version, _R.part_id).where(
    _STALE_HERE, _R.record_schema == bindparam("of_schema")
)
_STALE_PARTS = select(_R.part_id).where(_STALE_HERE, _R.record_schema == bindparam("of_schema")).distinct()
_LIVE = (
    select(_R.transfer_id, _R.set_position, _R.map_version)
    .where(_R.part_id == bindparam("part"), _CURRENT)
    .order_by(_R.transfer_id, _R.set_position, _R.map_version)
)
_PARTS = (
    select(RECORDS_PART, OBJECT.c.plain_size.label("size_bytes"))
    .join(OBJECT, OBJECT.c.id == _P.object_id)
    .where(_P.record_schema == bindparam("of_schema"))
    .order_by(_P.day, _P.connection, _P.id)
)
_FILES = select(_P.id, _P.object_id).join(OBJECT, OBJECT.c.id == _P.object_id).where(OBJECT.c.blob.is_(None))
_OTHER_SHAPE = (
    select(_P.id).where(_P.record_schema == bindparam("of_schema"), _P.shape != bindparam("of_shape")).limit(1)
)
_PART_IDS_OF = select(_R.part_id).where(_R.transfer_id == bindparam("transfer"), _R.part_id.is_not(None)).distinct()
_OBJECT_OF_PART = select(_P.object_id).where(_P.id == bindparam("part"))
_ANY_OF = select(_R.set_position).where(_R.transfer_id == bindparam("transfer")).limit(1)
_ONE = select(RECORDS).where(_OF_SET)

_SUPERSEDE = (
    update(RECORDS)
    .where(_R.transfer_id == bindparam("transfer"), _R.set_position == bindparam("position"))
    .values(superseded=1)
)
_RENEW = update(RECORDS).where(_OF_SET).values(superseded=0)
_INSERT = insert(RECORDS_PART)
_PUT = (
    update(RECORDS)
    .where(
        _OF_SET,
        _CURRENT,
        _R.part_id.is_(None),
        exists().where(OBJECT.c.id == _R.object_id, OBJECT.c.wrapped_dek.is_not(None)),
    )
    .values(part_id=bindparam("part"))
)
_MOVE = update(RECORDS).where(_R.part_id == bindparam("old"), _CURRENT).values(part_id=bindparam("part"))
_TAKE_OUT = update(RECORDS).where(_R.part_id == bindparam("old")).values(part_id=None)
_DROP = delete(RECORDS_PART).where(_P.id == bindparam("old"))
_ALL = 1 << 62


def waiting(books: Books, schema: str, *, most: int = _ALL) -> list[Row]:
    """Sets whose records are in no part, oldest transfer first."""
    return books.rows(_WAITING, {"of_schema": schema, "most": most})


def sets_in(books: Books, part: str) -> list[Row]:
    """The same of those in a part, without what is stale in it."""
    return books.rows(_IN_PART, {"part": part, "most": _ALL})


def stale(books: Books, schema: str) -> list[Row]:
    """Sets that are in a part and do not count any more."""
    return books.rows(_STALE, {"of_schema": schema})


def stale_parts(books: Books, schema: str) -> set[str]:
    """The parts that hold such sets."""
    return {row["part_id"] for row in books.rows(_STALE_PARTS, {"of_schema": schema})}


def record_parts(books: Books, schema: str) -> list[Row]:
    """The parts of a type of records, oldest day first, each with the `size_bytes` of its Parquet."""
    return books.rows(_PARTS, {"of_schema": schema})


def parts_in_files(books: Books) -> dict[str, str]:
    """The parts whose bytes are files in the vault, by their objects."""
    return {row["object_id"]: row["id"] for row in books.rows(_FILES)}


def live_sets(books: Books, part: str) -> str:
    """Which sets a part has that are not stale: the same text for the same sets, none for none."""
    sets = [[row["transfer_id"], row["set_position"], row["map_version"]] for row in books.rows(_LIVE, {"part": part})]
    return hashlib.sha256(json.dumps(sets).encode()).hexdigest() if sets else ""


def part_of_other_shape(books: Books, schema: str, shape: str) -> str | None:
    """A part that was written with other columns, if there is one."""
    row = books.first(_OTHER_SHAPE, {"of_schema": schema, "of_shape": shape})
    return row["id"] if row else None


def records_row(books: Books, transfer: str, position: int, map_version: str) -> Row | None:
    return books.first(_ONE, {"transfer": transfer, "position": position, "made_by": map_version})


def supersede(books: Books, transfer: str, positions: Sequence[int]) -> None:
    """New records of these sets are about to be added: those that are there do not count any more."""
    if positions and books.first(_ANY_OF, {"transfer": transfer}) is not None:
        for position in positions:
            books.execute(_SUPERSEDE, {"transfer": transfer, "position": position})


def renew(books: Books, transfer: str, position: int, map_version: str) -> None:
    """Records of a set that were superseded count again, after `supersede`.

    Raises:
        StageConflict: they are not there any more.
    """
    if books.execute(_RENEW, {"transfer": transfer, "position": position, "made_by": map_version}) == 0:
        raise StageConflict(f"set {position} of transfer {transfer} has no records of map {map_version} any more")


def add_part(
    books: Books, part: Row, sets: Sequence[tuple[str, int, str]], replaced: Sequence[tuple[str, str]]
) -> None:
    """Enter a part that holds these sets, and all live ones of the parts that it replaces.

    Args:
        part: a row of the table, without `tenant_id`.
        sets: transfer, position and map version of each.
        replaced: ids of parts, and the `live_sets` that each had.

    Raises:
        StageConflict: some of them are not what they were when the part was written.
    """
    books.execute(_INSERT, {**part, "tenant_id": TENANT})
    for transfer, position, map_version in sets:
        here = {"transfer": transfer, "position": position, "made_by": map_version, "part": part["id"]}
        if books.execute(_PUT, here) != 1:
            raise StageConflict("records were superseded, erased or cached while a part of the cache was written")
    for old, live in replaced:
        if live_sets(books, old) != live:
            raise StageConflict("a part of the cache was changed while another was written from it")
        books.execute(_MOVE, {"old": old, "part": part["id"]})


def drop_part(books: Books, part: str, *, erased_at: int | None = None) -> str | None:
    """Let a part go; what is in it still waits again. Returns its object, whose file can go behind the commit.

    Args:
        erased_at: keep the object's row, as one that was erased then, and not none.
    """
    row = books.first(_OBJECT_OF_PART, {"part": part})
    if row is None:
        return None
    books.execute(_TAKE_OUT, {"old": part})
    books.execute(_DROP, {"old": part})
    if erased_at is None:
        drop_object(books, row["object_id"])
    else:
        erase_object(books, row["object_id"], at=erased_at)
    return str(row["object_id"])


def forget(books: Books, transfer: str, *, at: int) -> list[str]:
    """Let nothing of a transfer stay in the cache, in the caller's transaction; call it before its rows or keys go.

    Whole parts go: what other transfers had in them is read from their own objects until it is cached again.

    Returns:
        Objects whose DEKs are gone, and whose files can go behind the commit.
    """
    gone = [drop_part(books, row["part_id"], erased_at=at) for row in books.rows(_PART_IDS_OF, {"transfer": transfer})]
    return [one for one in gone if one is not None]
