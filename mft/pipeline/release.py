"""What operators decide about files that wait: let them pass, refuse them; hold some back before they come."""

from typing import TYPE_CHECKING, Any, Final

import msgspec

from mft.domain import Stage, printable
from mft.errors import Refused
from mft.events import TransferRejected, TransferReleased
from mft.ledger import flow_holds, transfers
from mft.ledger.database import Row
from mft.pipeline.journal import Journal

if TYPE_CHECKING:
    from mft.audit.log import Fact

RELEASABLE: Final = frozenset({Stage.HELD, Stage.QUARANTINED})
REJECTABLE: Final = frozenset({Stage.HELD, Stage.QUARANTINED, Stage.INCOMPLETE, Stage.UNSUPPORTED})
_AT_ONCE: Final = 200  # Transfers that one commit lets go: everybody else waits for it.


class NotWaiting(Refused):
    """The transfer does not wait for an operator."""

    code = "refused.not-waiting"


class ReleaseHeld(msgspec.Struct, frozen=True, tag=True):
    """Let a file pass that was held or quarantined: what speaks against it is waived."""

    transfer: str
    actor: str
    why: str = ""


class RejectHeld(msgspec.Struct, frozen=True, tag=True):
    """Refuse a file that waits: it will never be processed."""

    transfer: str
    actor: str
    why: str


class AddFlowHold(msgspec.Struct, frozen=True, tag=True):
    """Hold files back that fit all that is named, or what goes to a sink; until a moment, or until it is lifted."""

    why: str
    actor: str
    connection: str | None = None
    feed: str | None = None
    standard: str | None = None
    set_code: str | None = None
    sink: str | None = None
    until: int | None = None


class LiftFlowHold(msgspec.Struct, frozen=True, tag=True):
    hold: str
    actor: str


def check_releasable(row: Row) -> None:
    """Raises NotWaiting: a release does not help this transfer, of which `id` and `stage` are asked."""
    if row["stage"] not in RELEASABLE:
        raise NotWaiting(f"transfer {row['id']} is {row['stage']}: {_INSTEAD.get(row['stage'], 'it does not wait')}")


def check_rejectable(row: Row) -> None:
    """Raises NotWaiting: nothing is to be decided about this transfer, of which `id` and `stage` are asked."""
    if row["stage"] not in REJECTABLE:
        raise NotWaiting(f"transfer {row['id']} is {row['stage']}: it does not wait to be decided about")


def release_held(journal: Journal, command: ReleaseHeld) -> None:
    """Raises NotWaiting, Missing."""
    row = transfers.transfer_row(journal.books, command.transfer)
    check_releasable(row)
    let_go(journal, row, actor=command.actor, why=command.why)


def reject_held(journal: Journal, command: RejectHeld) -> None:
    """Raises NotWaiting, Missing."""
    row = transfers.transfer_row(journal.books, command.transfer)
    check_rejectable(row)
    reason = f"refused by an operator: {command.why}"
    transfers.refuse(journal.books, row["id"], reason, at=journal.at)
    journal.leaf(
        "transfer.rejected",
        actor=command.actor,
        connection=row["connection"],
        transfer=row["id"],
        private={"why": command.why},
    )
    journal.announce(
        TransferRejected(**_about(row), name=printable(row["name_bytes"]), sets_rejected=0, reason="by an operator")
    )


_INSTEAD: Final = {
    Stage.INCOMPLETE.value: "the rest of it never came, so that the sender must upload it whole",
    Stage.UNSUPPORTED.value: "see `mft transfer replay`, once there is a map for it",
    Stage.REJECTED.value: "the sender must mend it and send it again",
}


def add_flow_hold(journal: Journal, command: AddFlowHold) -> str:
    """Returns the hold's id."""
    named = {subject: getattr(command, subject) for subject in flow_holds.SUBJECTS}
    until, by = command.until, command.actor
    hold = flow_holds.add_hold(journal.books, command.why, until=until, at=journal.at, by=by, **named)
    facts: dict[str, Fact] = {
        "hold": hold,
        "feed": command.feed,
        "standard": command.standard,
        "set": command.set_code,
        "sink": command.sink,
        "until": until,
    }
    told = {name: value for name, value in facts.items() if value is not None}
    connection, why = command.connection, {"why": command.why}
    journal.leaf("flow-hold.made", actor=by, connection=connection, facts=told, private=why)
    return hold


def lift_flow_hold(journal: Journal, command: LiftFlowHold) -> None:
    """What waits for it goes on, in the order in which it came. Raises Missing: no such hold is in force."""
    _lift(journal, command.hold, command.actor)
    _let_freed_go(journal, most=_AT_ONCE)


def lift_past_holds(journal: Journal, *, most: int) -> bool:
    """Lift holds whose time is over, and let some of what waited go; returns whether there is more of that."""
    for hold in flow_holds.past(journal.books, at=journal.at):
        _lift(journal, hold, "server")
    return _let_freed_go(journal, most=most) == most


def _lift(journal: Journal, hold: str, actor: str) -> None:
    books = journal.books
    row = next((one for one in flow_holds.holds(books) if one["id"] == hold), None)
    flow_holds.lift_hold(books, hold, at=journal.at)
    assert row is not None
    facts: dict[str, Fact] = {"hold": hold, "waiting": row["waiting"]}
    journal.leaf("flow-hold.lifted", actor=actor, connection=row["connection"], facts=facts)
    journal.announced = True  # So that a sink that was held is looked at.


def _let_freed_go(journal: Journal, *, most: int) -> int:
    freed = flow_holds.freed(journal.books, most=most)
    for transfer in freed:
        row = transfers.transfer_row(journal.books, transfer)
        let_go(journal, {**row, "doubt": None}, actor="server", hold=row["flow_hold"])
    return len(freed)


def let_go(journal: Journal, row: Row, *, actor: str, why: str = "", hold: str | None = None) -> None:
    """Have a transfer that waits aside worked on anew; the doubt that `row` has is waived."""
    transfers.let_go(journal.books, row, at=journal.at)
    facts = {name: value for name, value in (("doubt", row["doubt"]), ("hold", hold)) if value is not None}
    journal.leaf(
        "transfer.released",
        actor=actor,
        connection=row["connection"],
        transfer=row["id"],
        facts=facts,
        private={"why": why} if why else None,
    )
    journal.announce(TransferReleased(**_about(row), name=printable(row["name_bytes"])))
    journal.arrived = True


def _about(row: Row) -> dict[str, Any]:
    return {
        "transfer": row["id"],
        "connection": row["connection"],
        "partner": row["profile_name"],
        "standard": row["standard"],
        "usage": row["usage"],
    }
