"""Rows of transfers: what arrived or goes out, what was found in it, and how operators see it.

Every function works in the caller's transaction.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import bindparam, delete, func, insert, or_, select, update

from mft.clock import LAST_ID
from mft.domain import STANDARD, TENANT, Arrival, Direction, Stage, printable
from mft.errors import Missing
from mft.ledger.database import Books, Row
from mft.ledger.tables import FINDING, FUNCTIONAL_GROUP, INTERCHANGE, PROFILE, RECORDS, TRANSACTION_SET, TRANSFER

ERASED: Final = {"original": 1, "records": 2, "names": 4}
"""Bits of a transfer's column `erased`."""

_T = TRANSFER.c
_INSERT = insert(TRANSFER)
_BY_PREFIX = select(_T.id).where(_T.id >= bindparam("low"), _T.id < bindparam("high")).order_by(_T.id).limit(3)
_EVIDENCE = select(_T.evidence).where(_T.id == bindparam("transfer"))
_ADD_EVIDENCE = update(TRANSFER).where(_T.id == bindparam("transfer")).values(evidence=bindparam("all_evidence"))
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
_CHILDREN = (
    select(_T.id).where(_T.parent_id == bindparam("transfer"), _T.direction == Direction.INBOUND.value).order_by(_T.id)
)
_HELD_FOR = (
    select(_T.id)
    .where(_T.stage == Stage.HELD.value, _T.doubt == bindparam("code"))
    .order_by(_T.id)
    .limit(bindparam("most"))
)
_COUNTS = select(_T.stage, func.count().label("transfers")).group_by(_T.stage)
_AGAIN: dict[str, Any] = {"runner": None, "flow_hold": None, "updated_at": bindparam("now")}
_LET_GO = (
    update(TRANSFER)
    .where(_T.id == bindparam("transfer"))
    .values(
        stage=Stage.RECEIVED.value,
        attempt=0,
        doubt=None,
        reason=None,
        waived=bindparam("all_waived"),
        **_AGAIN,
    )
)
_REFUSE = (
    update(TRANSFER)
    .where(_T.id == bindparam("transfer"))
    .values(stage=Stage.REJECTED.value, reason=bindparam("why"), **_AGAIN)
)
_DROP_PARTS = [
    delete(table).where(table.c.transfer_id == bindparam("transfer"))
    for table in (FINDING, TRANSACTION_SET, FUNCTIONAL_GROUP, INTERCHANGE)
]
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
    root: str | None = None,
    reason: str | None = None,
    doubt: str | None = None,
    evidence: str | None = None,
    modified_at: int | None = None,
    speaks_of: bytes | None = None,
    standard: str | None = None,
    sets: str | None = None,
    usage: str | None = None,
) -> None:
    """Add a transfer. Who had the name before must give it up first, where this one is listed: see `mailboxes`."""
    principal = arrival.principal
    books.execute(
        _INSERT,
        {
            "id": transfer,
            "tenant_id": TENANT,
            "parent_id": parent,
            "root_id": root or parent or transfer,
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
            "doubt": doubt,
            "evidence": evidence,
            "modified_at": modified_at,
            "speaks_of_bytes": speaks_of,
            "standard": standard,
            "sets": sets,
            "usage": usage,
            "feed": arrival.feed,
            "retention": arrival.retention,
            "in_order": int(arrival.in_order),
            "listed_at": at,
            "received_at": at,
            "updated_at": at,
        },
    )


def let_go(books: Books, row: Row, *, at: int) -> None:
    """Have a transfer that waits aside worked on anew; its doubt, if it has one, is waived.

    `row` is as `transfer_row` gives it. What was found in it is forgotten: it will be found again.
    """
    waived = " ".join(filter(None, (row["waived"], row["doubt"])))
    for statement in _DROP_PARTS:
        books.execute(statement, {"transfer": row["id"]})
    books.execute(_LET_GO, {"transfer": row["id"], "all_waived": waived or None, "now": at})


def refuse(books: Books, transfer: str, reason: str, *, at: int) -> None:
    """End a transfer that waits aside as rejected."""
    books.execute(_REFUSE, {"transfer": transfer, "why": reason, "now": at})


def add_evidence(books: Books, transfer: str, evidence: Mapping[str, Any]) -> None:
    """Add to what is known of a transfer's wholeness."""
    row = books.first(_EVIDENCE, {"transfer": transfer})
    known = json.loads(row["evidence"]) if row and row["evidence"] else {}
    books.execute(_ADD_EVIDENCE, {"transfer": transfer, "all_evidence": json.dumps({**known, **evidence})})


def add_parts(books: Books, table: str, rows: Iterable[Row]) -> None:
    """Add rows of `interchange`, `functional_group`, `transaction_set`, `finding` or `records`."""
    books.execute_all(_PARTS[table], list(rows))


def parts(books: Books, table: str, transfer: str) -> list[Row]:
    return books.rows(_PARTS_OF[table], {"transfer": transfer})


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


def children_of(books: Books, transfer: str) -> list[Row]:
    """The parts of an inbound file that became transfers of their own."""
    return [transfer_row(books, row["id"]) for row in books.rows(_CHILDREN, {"transfer": transfer})]


def transfer_rows(
    books: Books, *, stage: str = "", partner: str = "", before: str = LAST_ID, most: int = 100
) -> list[Row]:
    """The newest transfers, newest first; `before` is the last id of the page before."""
    return books.rows(_LIST, {"stage_is": stage, "partner_is": partner, "before": before, "most": most})


def held_for(books: Books, doubt: str, *, most: int) -> list[str]:
    """The first transfers that a doubt holds, by its code."""
    return [row["id"] for row in books.rows(_HELD_FOR, {"code": doubt, "most": most})]


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
        "retention": row["retention"] or STANDARD,
        "erased": [kind for kind, bit in ERASED.items() if row["erased"] & bit],
        "received_at": row["received_at"],
        "updated_at": row["updated_at"],
        "reason": row["reason"],
        "doubt": row["doubt"],
        "parent": row["parent_id"],
    }
