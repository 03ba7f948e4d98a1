"""Alerts, and what they are raised of.

Every function works in the caller's transaction, those that only read beside it.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import bindparam, func, insert, or_, select, update

from mft.clock import LAST_ID, new_id
from mft.domain import TENANT, Direction
from mft.errors import Missing
from mft.ledger.database import Books, Row
from mft.ledger.outbox import DEAD, PARKED, WAITING, depths
from mft.ledger.tables import ALERT, ANCHOR, KEY_NOTICE, LEAF, PROFILE, TRANSFER

_A, _T = ALERT.c, TRANSFER.c
_INSERT = insert(ALERT)
_OPEN = select(ALERT).where(_A.ended_at.is_(None)).order_by(_A.id)
_LIST = select(ALERT).where(_A.id < bindparam("before")).order_by(_A.id.desc()).limit(bindparam("most"))
_ONE = select(ALERT).where(_A.id == bindparam("alert"))
_COUNT = update(ALERT).where(_A.id == bindparam("alert")).values(count=bindparam("now_count"), words=bindparam("said"))
_STAMP = {
    column: update(ALERT).where(_A.id == bindparam("alert"), _A[column].is_(None)).values({column: bindparam("now")})
    for column in ("told_at", "escalated_at", "ended_at")
}
_ACKNOWLEDGE = (
    update(ALERT)
    .where(_A.id == bindparam("alert"), _A.acknowledged_at.is_(None))
    .values(acknowledged_at=bindparam("now"), acknowledged_by=bindparam("by"))
)
_STANDING = (
    select(PROFILE.c.name.label("partner"), func.count().label("transfers"), func.min(_T.updated_at).label("since"))
    .join(PROFILE, PROFILE.c.hash == _T.profile_hash)
    .where(
        _T.stage == bindparam("stage_is"),
        _T.direction == Direction.INBOUND.value,
        _T.updated_at <= bindparam("until"),
        or_(bindparam("partner_is") == "", PROFILE.c.name == bindparam("partner_is")),
        or_(bindparam("doubt_is") == "", _T.doubt == bindparam("doubt_is")),
    )
    .group_by(PROFILE.c.name)
)
_UNNUMBERED = select(func.count().label("leaves"), func.min(LEAF.c.at).label("since")).where(
    LEAF.c.seq.is_(None), LEAF.c.at <= bindparam("until")
)
_UNANCHORED = select(ANCHOR.c.destination, ANCHOR.c.failed_at).where(ANCHOR.c.failed_at <= bindparam("until"))
_ENDING = select(KEY_NOTICE.c.key_id, KEY_NOTICE.c.days_left, KEY_NOTICE.c.at)
_STEPS = select(func.count().label("steps"), func.max(LEAF.c.at).label("since")).where(
    LEAF.c.kind == "clock.stepped", LEAF.c.at >= bindparam("since")
)


def raise_alert(books: Books, *, rule: str, subject: str, words: str, count: int, since: int, at: int) -> str:
    """Enter an alert; returns its id."""
    row = {"id": new_id(), "tenant_id": TENANT, "rule": rule, "subject": subject, "words": words, "count": count}
    books.execute(_INSERT, {**row, "since": since, "raised_at": at})
    return str(row["id"])


def open_alerts(books: Books) -> list[Row]:
    """Those whose trouble has not ended, oldest first."""
    return books.rows(_OPEN)


def alerts(books: Books, *, before: str = LAST_ID, most: int = 100) -> list[Row]:
    """All, newest first."""
    return books.rows(_LIST, {"before": before, "most": most})


def recount(books: Books, alert: str, *, count: int, words: str) -> None:
    books.execute(_COUNT, {"alert": alert, "now_count": count, "said": words})


def stamp(books: Books, column: str, ids: Sequence[str], *, at: int) -> None:
    """Say of alerts when they were told, escalated, or ended (`told_at`, `escalated_at`, `ended_at`)."""
    for alert in ids:
        books.execute(_STAMP[column], {"alert": alert, "now": at})


def acknowledge(books: Books, alert: str, *, by: str, at: int) -> Row:
    """Somebody sees to it. Raises Missing: there is no such alert, or somebody does already."""
    row = books.first(_ONE, {"alert": alert})
    if row is None:
        raise Missing(f"there is no alert {alert}: `mft alerts list` shows them")
    if books.execute(_ACKNOWLEDGE, {"alert": alert, "now": at, "by": by}) == 0:
        raise Missing(f"alert {alert} was acknowledged by {row['acknowledged_by']} already")
    return row


def standing(books: Books, stage: str, *, until: int, partner: str = "", doubt: str = "") -> list[Row]:
    """Of each partner, how many transfers stand in a stage since `until` or before, and since when."""
    return books.rows(_STANDING, {"stage_is": stage, "until": until, "partner_is": partner, "doubt_is": doubt})


def unsent(books: Books, *, until: int) -> list[Row]:
    """Of each sink whose oldest event waits since then or before, how many wait, and since when (`since`)."""
    return [row for row in _by_sink(books, {WAITING, PARKED}) if row["since"] <= until]


def dead_letters(books: Books) -> list[Row]:
    """Of each sink, how many events it refused for too long, and since when the oldest of them is there."""
    return _by_sink(books, {DEAD})


def _by_sink(books: Books, states: Collection[str]) -> list[Row]:
    found: dict[str, Row] = {}
    for row in depths(books):
        if row["state"] in states:
            one = found.setdefault(row["sink"], {"sink": row["sink"], "events": 0, "since": row["since"]})
            one["events"] += row["events"]
            one["since"] = min(one["since"], row["since"])
    return list(found.values())


def unnumbered(books: Books, *, until: int) -> Row:
    """How many leaves wait for their number since then or before."""
    return books.rows(_UNNUMBERED, {"until": until})[0]


def unanchored(books: Books, *, until: int) -> list[Row]:
    """Places outside this host that take no checkpoint since then or before."""
    return books.rows(_UNANCHORED, {"until": until})


def ending_keys(books: Books) -> list[Row]:
    """Keys whose end was told of."""
    return books.rows(_ENDING)


def clock_steps(books: Books, *, since: int) -> Row:
    return books.rows(_STEPS, {"since": since})[0]
