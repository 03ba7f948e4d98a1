"""Control numbers that begin behind those of another system, as a command."""

import msgspec

from mft.errors import NotAllowed
from mft.ledger.control_numbers import Scope, last_number, set_last_number
from mft.pipeline.journal import Journal


class Reset(msgspec.Struct, frozen=True):
    """The number that was given last, elsewhere, between two parties."""

    scope: Scope
    number: int


class ResetNumbers(msgspec.Struct, frozen=True, tag=True):
    """Go on behind these numbers: all, or none. Only with `lower` behind one that is lower than our own last."""

    resets: tuple[Reset, ...]
    actor: str
    lower: bool = False


def reset_numbers(journal: Journal, command: ResetNumbers) -> int:
    """Returns how many changed, each with its leaf. Raises NotAllowed: one would be lower."""
    changed = 0
    for reset in command.resets:
        scope = reset.scope
        before = last_number(journal.books, scope)
        if reset.number < before and not command.lower:
            raise NotAllowed(
                f"{scope.standard} {scope.kind} numbers between two parties were given to {before} already"
            )
        if reset.number == before:
            continue
        set_last_number(journal.books, scope, reset.number, at=journal.at)
        facts: dict[str, str | int | None] = {"standard": scope.standard, "kind": scope.kind, "usage": scope.usage}
        facts |= {"before": before, "number": reset.number}
        private = {"own": scope.own, "partner": scope.partner}
        journal.leaf("control-number.reset", actor=command.actor, facts=facts, private=private)
        changed += 1
    return changed
