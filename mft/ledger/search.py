"""One search over what the ledger has in clear: transfer ids, file names, control numbers."""

from typing import Final

from sqlalchemy import LargeBinary, bindparam, literal, or_, select

from mft.ledger.database import Books, Row
from mft.ledger.tables import FUNCTIONAL_GROUP, INTERCHANGE, PROFILE, TRANSACTION_SET, TRANSFER

_T = TRANSFER.c
_COLUMNS = (
    _T.id.label("transfer"),
    PROFILE.c.name.label("partner"),
    _T.folder_bytes,
    _T.name_bytes,
    _T.received_at,
    _T.stage,
)
_FROM = TRANSFER.join(PROFILE, PROFILE.c.hash == _T.profile_hash)
_BY_ID: Final = (
    select(*_COLUMNS, literal("transfer id").label("what"))
    .select_from(_FROM)
    .where(_T.id >= bindparam("first"), _T.id < bindparam("behind"))
    .order_by(_T.id.desc())
    .limit(bindparam("most"))
)
_BY_NAME: Final = (
    select(*_COLUMNS, literal("file name").label("what"))
    .select_from(_FROM)
    .where(_T.name_bytes.op("LIKE")(bindparam("part", type_=LargeBinary)))
    .order_by(_T.id.desc())
    .limit(bindparam("most"))
)
_BY_CONTROL_NUMBER: Final = tuple(
    select(*_COLUMNS, literal(what).label("what"), table.c.position)
    .select_from(_FROM.join(table, table.c.transfer_id == _T.id))
    .where(or_(table.c.control_number == bindparam("number"), table.c.control_number == bindparam("padded")))
    .order_by(_T.id.desc())
    .limit(bindparam("most"))
    for table, what in (
        (INTERCHANGE, "control number of interchange"),
        (FUNCTIONAL_GROUP, "control number of group"),
        (TRANSACTION_SET, "control number of set"),
    )
)
_ISA_DIGITS: Final = 9
"""X12 pads control numbers; whoever types one may not."""


def search(books: Books, text: str, *, most: int) -> list[Row]:
    """Transfers that a text leads to, the newest first of each kind; `what` says where it was found, `position` which.

    Args:
        text: the beginning of a transfer's id, a part of a file's name, or a whole control number.
        most: of each kind.
    """
    found: list[Row] = []
    lowered = text.lower()
    if lowered.isascii() and lowered.isalnum():
        found += books.rows(_BY_ID, {"first": lowered, "behind": lowered + "~", "most": most})
    part = text.encode().replace(b"%", b"_")  # An underscore stands for any character, itself included.
    found += books.rows(_BY_NAME, {"part": b"%" + part + b"%", "most": most})
    padded = text.zfill(_ISA_DIGITS) if text.isdigit() else text
    for statement in _BY_CONTROL_NUMBER:
        found += books.rows(statement, {"number": text, "padded": padded, "most": most})
    return found
