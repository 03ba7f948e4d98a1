"""Rows of acknowledgments, and of the interchanges that came before: whoever answers must know what was answered."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import and_, bindparam, func, insert, or_, select

from mft.clock import LAST_ID
from mft.domain import Direction, Stage, printable
from mft.ledger.database import Books, Row
from mft.ledger.tables import ACKNOWLEDGMENT, INTERCHANGE, LEAF, PROFILE, TRANSFER

DUPLICATE: Final = "duplicate"
"""The verdict of an interchange, and of the sets in it, that came before."""

HELD: Final = "held"
"""The verdict of an interchange, and of the sets in it, that waits as a transfer of its own."""

_A, _I, _T = ACKNOWLEDGMENT.c, INTERCHANGE.c, TRANSFER.c

_NAMES = ("standard", "sender", "sender_qualifier", "receiver", "receiver_qualifier", "control_number", "usage")


class InterchangeKey(msgspec.Struct, frozen=True, kw_only=True):
    """What tells interchanges of one connection apart."""

    connection: str
    standard: str
    sender: str | None
    sender_qualifier: str | None
    receiver: str | None
    receiver_qualifier: str | None
    control_number: str
    usage: str | None


_CAME_BEFORE = (
    select(
        _I.transfer_id, _I.position, _I.start_offset, _I.end_offset, _I.verdict,
        _T.stage, _T.sha256, _T.object_id,
    )
    .join(TRANSFER, _T.id == _I.transfer_id)
    .where(
        and_(*(_I[name].is_not_distinct_from(bindparam(f"is_{name}")) for name in _NAMES)),
        _T.connection == bindparam("whose"),
        _T.direction == Direction.INBOUND.value,
        or_(_T.stage == Stage.DONE.value, _T.stage == Stage.REJECTED.value),
        _T.received_at >= bindparam("since"),
        _I.transfer_id != bindparam("but"),
        or_(_I.verdict.is_(None), and_(_I.verdict != DUPLICATE, _I.verdict != HELD)),
    )
    .order_by(_I.transfer_id, _I.position)
)  # fmt: skip
_ADD = insert(ACKNOWLEDGMENT)
_FETCHED_AT = (
    select(func.min(LEAF.c.at))
    .where(LEAF.c.transfer_id == _A.outbound_id, LEAF.c.kind == "transfer.fetched")
    .scalar_subquery()
)
_OUTBOUND = TRANSFER.alias("outbound")
_TOLD = (
    select(
        ACKNOWLEDGMENT,
        _T.name_bytes,
        PROFILE.c.name.label("profile_name"),
        _OUTBOUND.c.folder_bytes.label("ack_folder_bytes"),
        _OUTBOUND.c.name_bytes.label("ack_name_bytes"),
        _OUTBOUND.c.object_id,
        _OUTBOUND.c.listed,
        _FETCHED_AT.label("fetched_at"),
    )
    .join(TRANSFER, _T.id == _A.transfer_id)
    .join(PROFILE, PROFILE.c.hash == _T.profile_hash)
    .join(_OUTBOUND, _OUTBOUND.c.id == _A.outbound_id)
)
_OF = _TOLD.where(or_(_A.transfer_id == bindparam("transfer"), _A.outbound_id == bindparam("transfer"))).order_by(
    _A.interchange
)
_LIST = (
    _TOLD.where(
        or_(bindparam("partner_is") == "", PROFILE.c.name == bindparam("partner_is")),
        _A.outbound_id < bindparam("before"),
    )
    .order_by(_A.outbound_id.desc())
    .limit(bindparam("most"))
)


def came_before(books: Books, key: InterchangeKey, *, since: int, but: str) -> list[Row]:
    """Interchanges of that key in files that arrived since and came to their end, oldest first.

    Each has its place in its file, and stage, sha256 and object_id of that. `but` is a transfer that does not count.
    Those that were duplicates themselves, or were held, are left out.
    """
    names = {f"is_{name}": getattr(key, name) for name in _NAMES}
    return books.rows(_CAME_BEFORE, {**names, "whose": key.connection, "since": since, "but": but})


def add_acknowledgment(books: Books, row: Mapping[str, Any]) -> None:
    books.execute(_ADD, row)


def acknowledgments_of(books: Books, transfer: str) -> list[Row]:
    """What went back for an inbound transfer; or what an outbound one is. `fetched_at` is the first time, if any."""
    return books.rows(_OF, {"transfer": transfer})


def acknowledgment_rows(books: Books, *, partner: str = "", before: str = LAST_ID, most: int = 100) -> list[Row]:
    """The newest acknowledgments, newest first; `before` is the last `outbound_id` of the page before."""
    return books.rows(_LIST, {"partner_is": partner, "before": before, "most": most})


def public(row: Row) -> dict[str, Any]:
    """An acknowledgment as `mft ack list --json` prints it. Times stay integer microseconds."""
    return {
        "transfer": row["transfer_id"],
        "partner": row["profile_name"],
        "name": printable(row["name_bytes"]),
        "interchange": row["interchange"],
        "standard": row["standard"],
        "kinds": row["kinds"].split(),
        "verdict": row["verdict"],
        "control_number": row["control_number"],
        "repeats": row["repeats"],
        "ack": row["outbound_id"],
        "ack_folder": printable(row["ack_folder_bytes"]),
        "ack_name": printable(row["ack_name_bytes"]),
        "sent_at": row["at"],
        "fetched_at": row["fetched_at"],
    }
