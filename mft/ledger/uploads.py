"""Rows of transfers on their way in: begun, broken off, resumed, published, repeated, given up.

Every function works in the caller's transaction. Whatever moves a stage names the stages that it may move from.
"""

from typing import Any

from sqlalchemy import bindparam, func, not_, or_, select, update

from mft.domain import NEXT_STAGES, Arrival, Direction, Stage
from mft.errors import StageConflict
from mft.ledger.database import Books, Row
from mft.ledger.tables import PROFILE, TRANSFER

_T = TRANSFER.c
UNPUBLISHED = or_(_T.stage == Stage.RECEIVING.value, _T.stage == Stage.PARTIAL.value)
"""Not received yet: under way, parked until it gets its final name, or broken off."""

_UPLOAD = (
    update(TRANSFER)
    .where(_T.id == bindparam("transfer"), UNPUBLISHED)
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                "stage", "folder_bytes", "name_bytes", "listed", "size_bytes", "sha256", "object_id", "reason",
                "evidence", "modified_at", "speaks_of_bytes", "listed_at", "received_at", "updated_at",
                "account", "key_fingerprint", "source_address", "client_version", "profile_hash", "told_at",
                "feed", "retention", "in_order",
            )
        }
    )
)  # fmt: skip
_TOUCH = (
    update(TRANSFER)
    .where(_T.id == bindparam("transfer"), _T.object_id == bindparam("last"), UNPUBLISHED)
    .values(updated_at=bindparam("now"))
)
_SALVAGED = (
    update(TRANSFER)
    .where(_T.id == bindparam("transfer"), _T.stage == Stage.RECEIVING.value)
    .values(
        stage=Stage.PARTIAL.value,
        size_bytes=bindparam("size"),
        object_id=bindparam("last"),
        listed=bindparam("is_listed"),
        reason="the server was stopped before the file was closed",
        updated_at=bindparam("now"),
    )
)
_END_UPLOAD = (
    update(TRANSFER)
    .where(_T.id == bindparam("transfer"), or_(UNPUBLISHED, _T.stage == Stage.INCOMPLETE.value))
    .values(stage=bindparam("to_stage"), reason=bindparam("why"), listed=0, updated_at=bindparam("now"))
)
_NEWEST = (
    select(_T.id, _T.door, _T.size_bytes, _T.sha256, _T.heard_at)
    .where(
        _T.connection == bindparam("whose"),
        _T.folder_bytes == bindparam("folder"),
        _T.name_bytes == bindparam("name"),
        _T.door == bindparam("through"),
        _T.direction == Direction.INBOUND.value,
        _T.received_at >= bindparam("since"),
        not_(UNPUBLISHED),
        _T.stage != Stage.EXPIRED.value,
        _T.stage != Stage.SUPERSEDED.value,
    )
    .order_by(_T.received_at.desc(), _T.id.desc())
    .limit(1)
)
_PUBLISH = (
    update(TRANSFER)
    .where(_T.id == bindparam("transfer"), _T.stage == Stage.RECEIVING.value)
    .values(
        stage=Stage.RECEIVED.value,
        received_at=bindparam("now"),
        listed_at=bindparam("now"),
        updated_at=bindparam("now"),
        told_at=None,
        speaks_of_bytes=bindparam("speaks_of"),
    )
)
_HEARD = update(TRANSFER).where(_T.id == bindparam("transfer"), _T.heard_at.is_(None)).values(heard_at=bindparam("now"))
_UNDER_WAY = select(TRANSFER).where(_T.stage == Stage.RECEIVING.value, _T.sha256.is_(None)).order_by(_T.id)
_BROKEN_OFF = (
    select(TRANSFER)
    .where(_T.stage == Stage.PARTIAL.value, _T.updated_at < bindparam("until"))
    .order_by(_T.id)
    .limit(bindparam("most"))
)
_UNTOLD = (
    select(TRANSFER, PROFILE.c.name.label("profile_name"))
    .join(PROFILE, PROFILE.c.hash == _T.profile_hash)
    .where(
        _T.stage == bindparam("stage_is"),
        _T.told_at.is_(None),
        _T.updated_at < bindparam("until"),
        or_(_T.listed == 1, _T.stage == Stage.INCOMPLETE.value),
        or_(_T.sha256.is_not(None), _T.stage != Stage.RECEIVING.value),  # Else somebody is at it.
    )
    .order_by(_T.id)
    .limit(bindparam("most"))
)
_TELL = update(TRANSFER).where(_T.id == bindparam("transfer")).values(told_at=bindparam("now"))
_INCOMPLETE = select(_T.id, _T.told_at).where(
    _T.connection == bindparam("whose"),
    _T.folder_bytes == bindparam("folder"),
    _T.name_bytes == bindparam("name"),
    _T.stage == Stage.INCOMPLETE.value,
    _T.received_at <= bindparam("until"),
    _T.id != bindparam("but"),
)
_WHOLE_SINCE = (
    select(_T.id)
    .where(
        _T.connection == bindparam("whose"),
        _T.folder_bytes == bindparam("folder"),
        _T.name_bytes == bindparam("name"),
        _T.direction == Direction.INBOUND.value,
        or_(*(_T.stage == stage.value for stage in (Stage.DONE, Stage.REJECTED, Stage.UNSUPPORTED))),
        _T.received_at > bindparam("since"),
    )
    .limit(1)
)
_INTAKE = select(func.count().label("files"), func.coalesce(func.sum(_T.size_bytes), 0).label("bytes")).where(
    _T.connection == bindparam("whose"),
    _T.direction == Direction.INBOUND.value,
    _T.received_at >= bindparam("since"),
)
_GONE = "what was there of this upload has expired or was replaced: upload the whole file again"


def update_upload(
    books: Books,
    transfer: str,
    arrival: Arrival,
    *,
    at: int,
    stage: Stage,
    size_bytes: int,
    listed: bool,
    sha256: bytes | None = None,
    object_id: str | None = None,
    reason: str | None = None,
    evidence: str | None = None,
    modified_at: int | None = None,
    speaks_of: bytes | None = None,
) -> None:
    """Bring a transfer that is not published yet to where its upload stands now.

    Raises:
        StageConflict: it has expired, or another upload of the name took its place.
    """
    values = {
        "stage": stage.value,
        "folder_bytes": arrival.folder,
        "name_bytes": arrival.name,
        "listed": int(listed),
        "size_bytes": size_bytes,
        "sha256": sha256,
        "object_id": object_id,
        "reason": reason,
        "evidence": evidence,
        "modified_at": modified_at,
        "speaks_of_bytes": speaks_of,
        "listed_at": at,
        "received_at": at,
        "updated_at": at,
        "account": arrival.principal.login,
        "key_fingerprint": arrival.principal.key_fingerprint,
        "source_address": arrival.source_address,
        "client_version": arrival.client_version,
        "profile_hash": arrival.principal.profile_hash,
        "told_at": None,
        "feed": arrival.feed,
        "retention": arrival.retention,
        "in_order": int(arrival.in_order),
    }
    if books.execute(_UPLOAD, {"transfer": transfer, **{f"new_{name}": value for name, value in values.items()}}) == 0:
        raise StageConflict(_GONE)


def touch_upload(books: Books, transfer: str, object_id: str, *, at: int) -> None:
    """Have an upload that is not published yet wait anew from here on. Raises StageConflict: it has gone."""
    if books.execute(_TOUCH, {"transfer": transfer, "last": object_id, "now": at}) == 0:
        raise StageConflict(_GONE)


def keep_salvaged(books: Books, transfer: str, *, size_bytes: int, object_id: str | None, at: int) -> None:
    """An upload that was under way when the server died becomes a partial."""
    books.execute(
        _SALVAGED,
        {"transfer": transfer, "size": size_bytes, "last": object_id, "is_listed": int(size_bytes > 0), "now": at},
    )


def end_upload(books: Books, transfer: str, stage: Stage, why: str, *, at: int) -> None:
    """Give up a transfer that was not published, or is incomplete: `expired` or `superseded`."""
    books.execute(_END_UPLOAD, {"transfer": transfer, "to_stage": stage.value, "why": why, "now": at})


def unheard(
    books: Books, connection: str, folder: bytes, name: bytes, *, door: str, size: int, sha256: bytes, since: int
) -> Row | None:
    """The newest file of a name that came by a door, if it is the same and its sender may never have heard our yes.

    With another one in between it is no repeat: its sender went back to an older one on purpose. Returns id and door.
    """
    asked = {"whose": connection, "folder": folder, "name": name, "through": door, "since": since}
    newest = books.first(_NEWEST, asked)
    if newest is None or newest["heard_at"] is not None:
        return None
    return newest if (newest["size_bytes"], bytes(newest["sha256"])) == (size, sha256) else None


def publish(books: Books, transfer: str, *, at: int, speaks_of: bytes | None) -> None:
    """A parked file got its final name: it is received."""
    assert Stage.RECEIVED in NEXT_STAGES[Stage.RECEIVING]
    books.execute(_PUBLISH, {"transfer": transfer, "now": at, "speaks_of": speaks_of})


def mark_heard(books: Books, transfer: str, *, at: int) -> None:
    books.execute(_HEARD, {"transfer": transfer, "now": at})


def under_way(books: Books) -> list[Row]:
    """Uploads that somebody was at; after a start nobody is."""
    return books.rows(_UNDER_WAY)


def broken_off(books: Books, *, until: int, most: int) -> list[Row]:
    """Partial uploads that nothing happened to since `until`."""
    return books.rows(_BROKEN_OFF, {"until": until, "most": most})


def untold(books: Books, stage: Stage, *, until: int, most: int) -> list[Row]:
    """Transfers that have stood in a stage since `until`, and nobody was told."""
    return books.rows(_UNTOLD, {"stage_is": stage.value, "until": until, "most": most})


def mark_told(books: Books, transfer: str, *, at: int) -> None:
    books.execute(_TELL, {"transfer": transfer, "now": at})


def incomplete_before(books: Books, row: Row) -> list[Row]:
    """Incomplete transfers of a transfer's name that arrived before it: id, told_at."""
    return books.rows(_INCOMPLETE, {**_name_of(row), "until": row["received_at"], "but": row["id"]})


def whole_since(books: Books, row: Row) -> str | None:
    """A whole file of a transfer's name that arrived behind it."""
    found = books.first(_WHOLE_SINCE, {**_name_of(row), "since": row["received_at"]})
    return str(found["id"]) if found else None


def _name_of(row: Row) -> dict[str, Any]:
    return {"whose": row["connection"], "folder": row["folder_bytes"], "name": row["name_bytes"]}


def intake(books: Books, connection: str, *, since: int) -> Row:
    """Files and bytes that a connection has sent since."""
    return books.rows(_INTAKE, {"whose": connection, "since": since})[0]
