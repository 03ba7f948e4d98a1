"""Rows of transfers: what arrived, where it stands, and under which name its sender sees it.

Every function works in the caller's transaction. A stage moves by compare-and-swap, so that two runners never both
move it.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, delete, func, insert, not_, or_, select, update

from mft.clock import LAST_ID
from mft.domain import NEXT_STAGES, TENANT, Arrival, Direction, Stage, printable
from mft.errors import Missing, StageConflict
from mft.ledger.database import Books, Row
from mft.ledger.tables import (
    FINDING,
    FOLDER,
    FUNCTIONAL_GROUP,
    INTERCHANGE,
    PROFILE,
    RECORDS,
    RUNNER,
    TRANSACTION_SET,
    TRANSFER,
)

_T = TRANSFER.c
_INSERT = insert(TRANSFER)
_BY_ID = select(TRANSFER).where(_T.id == bindparam("transfer"))
_BY_PREFIX = select(_T.id).where(_T.id >= bindparam("low"), _T.id < bindparam("high")).order_by(_T.id).limit(3)

_WAITS = and_(_T.stage == Stage.RECEIVED.value, _T.runner.is_(None))
_CLAIM = (
    update(TRANSFER)
    .where(
        _T.id.in_(select(_T.id).where(_WAITS).order_by(_T.id).limit(bindparam("most"))),
        _WAITS,  # Again: where two write at once, the other may have taken it since.
    )
    .values(runner=bindparam("by"), attempt=_T.attempt + 1, updated_at=bindparam("now"))
    .returning(TRANSFER)
)
_MINE = and_(
    _T.id == bindparam("transfer"),
    _T.stage == bindparam("here"),
    _T.runner == bindparam("by"),
    _T.attempt == bindparam("try_number"),
)
_ADVANCE = (
    update(TRANSFER)
    .where(_MINE)
    .values(
        stage=bindparam("to_stage"),
        runner=None,
        updated_at=bindparam("now"),
        **{
            name: bindparam(f"new_{name}")
            for name in (
                "standard", "version", "sets", "usage", "sets_accepted", "sets_rejected",
                "parser_version", "map_version", "reason",
            )
        },
    )
)  # fmt: skip
_RELEASE = update(TRANSFER).where(_MINE).values(runner=None, updated_at=bindparam("now"))
_UNDO_CLAIM = update(TRANSFER).where(_MINE).values(runner=None, attempt=_T.attempt - 1, updated_at=bindparam("now"))
_DEAD = select(RUNNER.c.id).where(RUNNER.c.node == bindparam("on_node"), RUNNER.c.ended_at.is_(None))
_FREE = update(TRANSFER).where(_T.runner == bindparam("dead")).values(runner=None, updated_at=bindparam("now"))
_RUNNER = insert(RUNNER)
_END_RUNNER = update(RUNNER).where(RUNNER.c.id == bindparam("dead")).values(ended_at=bindparam("now"))

_UNPUBLISHED = or_(_T.stage == Stage.RECEIVING.value, _T.stage == Stage.PARTIAL.value)
_VISIBLE = and_(
    _T.connection == bindparam("whose"),
    _T.folder_bytes == bindparam("folder"),
    _T.listed == 1,
    or_(
        _T.direction == Direction.OUTBOUND.value,
        _UNPUBLISHED,
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
    .values(folder_bytes=bindparam("new_folder"), name_bytes=bindparam("new_name"), updated_at=bindparam("now"))
)
_UNLIST = update(TRANSFER).where(_T.id == bindparam("transfer")).values(listed=0, updated_at=bindparam("now"))
_RELIST = (
    update(TRANSFER)
    .where(_T.id == bindparam("transfer"))
    .values(listed=1, listed_at=bindparam("now"), updated_at=bindparam("now"))
)
_MODIFIED = update(TRANSFER).where(_T.id == bindparam("transfer")).values(modified_at=bindparam("moment"))
_EVIDENCE = select(_T.evidence).where(_T.id == bindparam("transfer"))
_ADD_EVIDENCE = update(TRANSFER).where(_T.id == bindparam("transfer")).values(evidence=bindparam("all_evidence"))
_UPLOAD = (
    update(TRANSFER)
    .where(_T.id == bindparam("transfer"), _UNPUBLISHED)
    .values(
        {
            name: bindparam(f"new_{name}")
            for name in (
                "stage", "folder_bytes", "name_bytes", "listed", "size_bytes", "sha256", "object_id", "reason",
                "evidence", "modified_at", "speaks_of_bytes", "listed_at", "received_at", "updated_at",
                "account", "key_fingerprint", "source_address", "client_version", "profile_hash", "told_at",
            )
        }
    )
)  # fmt: skip
_TOUCH = (
    update(TRANSFER)
    .where(_T.id == bindparam("transfer"), _T.object_id == bindparam("last"), _UNPUBLISHED)
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
    .where(_T.id == bindparam("transfer"), or_(_UNPUBLISHED, _T.stage == Stage.INCOMPLETE.value))
    .values(stage=bindparam("to_stage"), reason=bindparam("why"), listed=0, updated_at=bindparam("now"))
)
_NEWEST = (
    select(_T.id, _T.size_bytes, _T.sha256, _T.heard_at)
    .where(
        _T.connection == bindparam("whose"),
        _T.folder_bytes == bindparam("folder"),
        _T.name_bytes == bindparam("name"),
        _T.direction == Direction.INBOUND.value,
        _T.received_at >= bindparam("since"),
        not_(_UNPUBLISHED),
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
_PUBLISHED_BEFORE = and_(
    _T.connection == bindparam("whose"),
    _T.folder_bytes == bindparam("folder"),
    _T.direction == Direction.INBOUND.value,
    not_(_UNPUBLISHED),
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
_INTAKE = select(func.count().label("files"), func.coalesce(func.sum(_T.size_bytes), 0).label("bytes")).where(
    _T.connection == bindparam("whose"),
    _T.direction == Direction.INBOUND.value,
    _T.received_at >= bindparam("since"),
)
_MADE = select(FOLDER.c.path_bytes).where(FOLDER.c.connection == bindparam("whose")).order_by(FOLDER.c.path_bytes)
_MAKE = insert(FOLDER)
_UNMAKE = delete(FOLDER).where(FOLDER.c.connection == bindparam("whose"), FOLDER.c.path_bytes == bindparam("path"))

_LIST = (
    select(TRANSFER, PROFILE.c.name.label("profile_name"))
    .join(PROFILE, PROFILE.c.hash == _T.profile_hash)
    .where(
        or_(bindparam("stage_is") == "", _T.stage == bindparam("stage_is")),
        or_(bindparam("partner_is") == "", PROFILE.c.name == bindparam("partner_is")),
        _T.id < bindparam("before"),
    )
    .order_by(_T.id.desc())
    .limit(bindparam("most"))
)
_SHOW = (
    select(TRANSFER, PROFILE.c.name.label("profile_name"))
    .join(PROFILE, PROFILE.c.hash == _T.profile_hash)
    .where(_T.id == bindparam("transfer"))
)
_COUNTS = select(_T.stage, func.count().label("transfers")).group_by(_T.stage)

_PROFILE = insert(PROFILE)
_PROFILE_BY_HASH = select(PROFILE.c.hash).where(PROFILE.c.hash == bindparam("profile"))

_PARTS = {
    "interchange": insert(INTERCHANGE),
    "functional_group": insert(FUNCTIONAL_GROUP),
    "transaction_set": insert(TRANSACTION_SET),
    "finding": insert(FINDING),
    "records": insert(RECORDS),
}
_PARTS_OF = {
    table.name: select(table).where(table.c.transfer_id == bindparam("transfer")).order_by(*table.primary_key.columns)
    for table in (INTERCHANGE, FUNCTIONAL_GROUP, TRANSACTION_SET, FINDING, RECORDS)
}


def insert_transfer(
    books: Books,
    transfer: str,
    arrival: Arrival,
    *,
    at: int,
    stage: Stage,
    direction: Direction = Direction.INBOUND,
    size_bytes: int,
    listed: bool = True,
    sha256: bytes | None = None,
    object_id: str | None = None,
    parent: str | None = None,
    reason: str | None = None,
    evidence: str | None = None,
    modified_at: int | None = None,
    speaks_of: bytes | None = None,
    standard: str | None = None,
    sets: str | None = None,
    usage: str | None = None,
) -> None:
    """Add a transfer. Who had the name before must give it up first, where this one is listed: see `listed_as`."""
    principal = arrival.principal
    books.execute(
        _INSERT,
        {
            "id": transfer,
            "tenant_id": TENANT,
            "parent_id": parent,
            "root_id": parent or transfer,
            "direction": direction.value,
            "stage": stage.value,
            "connection": principal.connection,
            "partner": principal.connection,
            "door": arrival.door,
            "account": principal.login,
            "key_fingerprint": principal.key_fingerprint,
            "source_address": arrival.source_address,
            "client_version": arrival.client_version,
            "profile_hash": principal.profile_hash,
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
            "standard": standard,
            "sets": sets,
            "usage": usage,
            "listed_at": at,
            "received_at": at,
            "updated_at": at,
        },
    )


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
    }
    if books.execute(_UPLOAD, {"transfer": transfer, **{f"new_{name}": value for name, value in values.items()}}) == 0:
        raise StageConflict(_GONE)


_GONE = "what was there of this upload has expired or was replaced: upload the whole file again"


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


def listed_as(books: Books, connection: str, folder: bytes, name: bytes) -> list[Row]:
    """Whoever is listed under a name, or was on its way to it, however old. See `_LISTED` for what each has."""
    return books.rows(_LISTED, {"whose": connection, "folder": folder, "name": name})


def unheard(
    books: Books, connection: str, folder: bytes, name: bytes, *, size: int, sha256: bytes, since: int
) -> Row | None:
    """The newest file of a name, if it is the same one and its sender may never have heard our yes: id.

    With another file of that name in between it is no repeat: its sender went back to an older one on purpose.
    """
    newest = books.first(_NEWEST, {"whose": connection, "folder": folder, "name": name, "since": since})
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


def add_evidence(books: Books, transfer: str, evidence: Mapping[str, Any]) -> None:
    """Add to what is known of a transfer's wholeness."""
    row = books.first(_EVIDENCE, {"transfer": transfer})
    known = json.loads(row["evidence"]) if row and row["evidence"] else {}
    books.execute(_ADD_EVIDENCE, {"transfer": transfer, "all_evidence": json.dumps({**known, **evidence})})


def companions_before(books: Books, row: Row, subject: bytes, *, since: int, most: int) -> list[Row]:
    """What was published in the same folder before a transfer and speaks of `subject`, newest first.

    `since` is the oldest arrival, in microseconds, that counts. Each has what `_BESIDE` names.
    """
    return books.rows(_SPEAK_OF, {**_beside(row, since), "subject": subject, "most": most})


def named_before(books: Books, row: Row, name: bytes, *, since: int) -> Row | None:
    """The newest file of a name in the same folder that was published before a transfer; as `companions_before`."""
    return books.first(_NAMED_BEFORE, {**_beside(row, since), "name": name})


def of_stem_before(books: Books, row: Row, stem: bytes, *, since: int, most: int) -> list[Row]:
    """What was published in the same folder before a transfer, is called `stem.…`, and speaks of nothing itself."""
    return books.rows(_OF_STEM_BEFORE, {**_beside(row, since), "low": stem + b".", "high": stem + b"/", "most": most})


def _beside(row: Row, since: int) -> dict[str, Any]:
    whose, folder = row["connection"], row["folder_bytes"]
    return {"whose": whose, "folder": folder, "since": since, "at": row["received_at"], "transfer": row["id"]}


def intake(books: Books, connection: str, *, since: int) -> Row:
    """Files and bytes that a connection has sent since."""
    return books.rows(_INTAKE, {"whose": connection, "since": since})[0]


def made_folders(books: Books, connection: str) -> list[bytes]:
    return [bytes(row["path_bytes"]) for row in books.rows(_MADE, {"whose": connection})]


def make_folder(books: Books, connection: str, path: bytes, *, at: int) -> None:
    books.execute(_MAKE, {"connection": connection, "path_bytes": path, "tenant_id": TENANT, "made_at": at})


def unmake_folder(books: Books, connection: str, path: bytes) -> bool:
    return books.execute(_UNMAKE, {"whose": connection, "path": path}) > 0


def has_files(books: Books, connection: str, folder: bytes, *, since: int) -> bool:
    return books.first(_ANY_IN, {"whose": connection, "folder": folder, "since": since}) is not None


def claim(books: Books, runner: str, *, most: int, at: int) -> list[Row]:
    """Take up to `most` transfers that wait in `received`, oldest first, for one runner."""
    return sorted(books.rows(_CLAIM, {"by": runner, "most": most, "now": at}), key=lambda row: str(row["id"]))


def advance(
    books: Books,
    transfer: str,
    passed: Sequence[Stage],
    *,
    runner: str,
    attempt: int,
    at: int,
    found: Mapping[str, Any],
) -> None:
    """Move a claimed transfer from `received` through the stages it passed, and end the claim.

    Args:
        found: what it turned out to be: the columns from `standard` to `reason`.

    Raises:
        StageConflict: the claim is not this runner's any more.
    """
    here = Stage.RECEIVED
    for stage in passed:
        assert stage in NEXT_STAGES[here], f"{here} cannot become {stage}"
        here = stage
    values = {f"new_{name}": value for name, value in found.items()}
    mine = {"transfer": transfer, "here": Stage.RECEIVED.value, "by": runner, "try_number": attempt}
    if books.execute(_ADVANCE, {**mine, **values, "to_stage": here.value, "now": at}) == 0:
        raise StageConflict(f"transfer {transfer} is not this runner's any more")


def release(books: Books, transfer: str, *, runner: str, attempt: int, at: int, counts: bool) -> None:
    """Give a claimed transfer back, to be tried again. An attempt that failed for want of room does not count."""
    mine = {"transfer": transfer, "here": Stage.RECEIVED.value, "by": runner, "try_number": attempt}
    books.execute(_RELEASE if counts else _UNDO_CLAIM, {**mine, "now": at})


def register_runner(books: Books, runner: str, *, boot_id: str, pid: int, node: str, at: int) -> None:
    """Enter a runner, and free what dead ones of this node had claimed: the caller holds the home's lock."""
    for row in books.rows(_DEAD, {"on_node": node}):
        books.execute(_FREE, {"dead": row["id"], "now": at})
        books.execute(_END_RUNNER, {"dead": row["id"], "now": at})
    books.execute(
        _RUNNER,
        {
            "id": runner,
            "tenant_id": TENANT,
            "boot_id": boot_id,
            "pid": pid,
            "node": node,
            "started_at": at,
            "heartbeat_at": at,
        },
    )


def end_runner(books: Books, runner: str, *, at: int) -> None:
    books.execute(_FREE, {"dead": runner, "now": at})
    books.execute(_END_RUNNER, {"dead": runner, "now": at})


def listing(books: Books, connection: str, folder: bytes, *, since: int, after: bytes = b"") -> list[Row]:
    """A page of what a connection sees in a folder, by name: its own recent uploads, and what lies there for it."""
    return books.rows(_LISTING, {"whose": connection, "folder": folder, "since": since, "after": after})


def named(books: Books, connection: str, folder: bytes, name: bytes, *, since: int) -> Row | None:
    return books.first(_NAMED, {"whose": connection, "folder": folder, "name": name, "since": since})


def relabel(books: Books, transfer: str, folder: bytes, name: bytes, *, at: int) -> None:
    books.execute(_RELABEL, {"transfer": transfer, "new_folder": folder, "new_name": name, "now": at})


def unlist(books: Books, transfer: str, *, at: int) -> None:
    """Take a transfer out of its sender's sight; it and its sealed bytes stay."""
    books.execute(_UNLIST, {"transfer": transfer, "now": at})


def relist(books: Books, transfer: str, *, at: int) -> None:
    books.execute(_RELIST, {"transfer": transfer, "now": at})


def set_modified(books: Books, transfer: str, moment: int) -> None:
    """Keep the time of modification that a file's sender says it has."""
    books.execute(_MODIFIED, {"transfer": transfer, "moment": moment})


def add_parts(books: Books, table: str, rows: Iterable[Row]) -> None:
    """Add rows of `interchange`, `functional_group`, `transaction_set`, `finding` or `records`."""
    books.insert_all(_PARTS[table], list(rows))


def parts(books: Books, table: str, transfer: str) -> list[Row]:
    return books.rows(_PARTS_OF[table], {"transfer": transfer})


def keep_profile(
    books: Books, *, digest: str, subject: str, name: str, body: str, at: int, kind: str = "connection"
) -> None:
    """Keep a partner file, or a guide beside them, as it stands now, unless the same is kept already."""
    if books.first(_PROFILE_BY_HASH, {"profile": digest}) is None:
        row = {"hash": digest, "tenant_id": TENANT, "kind": kind, "subject_id": subject}
        books.execute(_PROFILE, {**row, "name": name, "body": body, "seen_at": at})


def transfer_row(books: Books, transfer: str) -> Row:
    """One transfer, by its id or a unique beginning of it.

    Raises:
        Missing: none, or several, begin so.
    """
    row = books.first(_SHOW, {"transfer": transfer})
    if row is not None:
        return row
    found = books.rows(_BY_PREFIX, {"low": transfer, "high": transfer + LAST_ID}) if transfer else []
    if len(found) != 1:
        raise Missing(f"{'no' if not found else 'more than one'} transfer has an id that begins with {transfer!r}")
    return transfer_row(books, found[0]["id"])


def transfer_rows(
    books: Books, *, stage: str = "", partner: str = "", before: str = LAST_ID, most: int = 100
) -> list[Row]:
    """The newest transfers, newest first; `before` is the last id of the page before."""
    return books.rows(_LIST, {"stage_is": stage, "partner_is": partner, "before": before, "most": most})


def counts(books: Books) -> dict[str, int]:
    """How many transfers stand in each stage."""
    return {row["stage"]: row["transfers"] for row in books.rows(_COUNTS)}


def public(row: Row) -> dict[str, Any]:
    """A transfer as `mft transfer list --json` prints it. Times stay integer microseconds."""
    return {
        "id": row["id"],
        "partner": row["profile_name"],
        "connection": row["profile_name"],
        "direction": row["direction"],
        "folder": printable(row["folder_bytes"]),
        "name": printable(row["name_bytes"]),
        "stage": row["stage"],
        "size_bytes": row["size_bytes"],
        "sha256": bytes(row["sha256"]).hex() if row["sha256"] else None,
        "standard": row["standard"],
        "sets": json.loads(row["sets"]) if row["sets"] else [],
        "sets_accepted": row["sets_accepted"],
        "sets_rejected": row["sets_rejected"],
        "usage": row["usage"],
        "feed": row["feed"],
        "business_date": row["business_date"],
        "received_at": row["received_at"],
        "updated_at": row["updated_at"],
        "reason": row["reason"],
    }


_CONNECTION = (
    select(PROFILE.c.subject_id)
    .where(PROFILE.c.name == bindparam("called"), PROFILE.c.kind == "connection")
    .order_by(PROFILE.c.seen_at.desc())
    .limit(1)
)


def connection_named(books: Books, name: str) -> str:
    """The id of the connection that is, or was last, called so. Raises Missing."""
    row = books.first(_CONNECTION, {"called": name})
    if row is None:
        raise Missing(f"no partner was ever called {name}")
    return str(row["subject_id"])
