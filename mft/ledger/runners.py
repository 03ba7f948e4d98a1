"""Runners, and their claims on transfers that wait in `received`.

Every function works in the caller's transaction. A stage moves by compare-and-swap, so that two runners never both
move it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import and_, bindparam, exists, insert, or_, select, update

from mft.domain import NEXT_STAGES, TENANT, Stage
from mft.errors import StageConflict
from mft.ledger.database import Books, Row
from mft.ledger.tables import RUNNER, TRANSFER

_T = TRANSFER.c
_WAITS = and_(_T.stage == Stage.RECEIVED.value, _T.runner.is_(None))
_BEFORE = TRANSFER.alias("before")
_IN_TURN = or_(
    _T.in_order == 0,
    ~exists().where(
        _BEFORE.c.stage == Stage.RECEIVED.value,
        _BEFORE.c.connection == _T.connection,
        _BEFORE.c.feed == _T.feed,
        _BEFORE.c.id < _T.id,
    ),
)
_CLAIM = (
    update(TRANSFER)
    .where(
        _T.id.in_(select(_T.id).where(_WAITS, _IN_TURN).order_by(_T.id).limit(bindparam("most"))),
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
                "parser_version", "map_version", "reason", "doubt", "flow_hold",
                "entity", "sequence",
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


def claim(books: Books, runner: str, *, most: int, at: int) -> list[Row]:
    """Take up to `most` transfers that wait in `received`, oldest first, for one runner.

    One that keeps its feed's order waits until those before it have been worked on.
    """
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
