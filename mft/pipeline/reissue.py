"""What operators and consumers do about events that have left already, or could not: read on, replay, retry, drop."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import msgspec

from mft.errors import NotAllowed
from mft.ledger import consumers, outbox
from mft.pipeline.journal import Journal

if TYPE_CHECKING:
    from mft.audit.log import Fact


class MoveConsumer(msgspec.Struct, frozen=True, tag=True):
    """A consumer has all events up to one; see `mft.ledger.consumers.move`."""

    consumer: str
    behind: str | None
    to: str


class ForgetConsumer(msgspec.Struct, frozen=True, tag=True):
    consumer: str


class ReplayEvents(msgspec.Struct, frozen=True, tag=True):
    """Let these go to a sink once more, marked as replays; those that still wait for it do so as they are."""

    sink: str
    events: tuple[str, ...]
    actor: str


class RetryDead(msgspec.Struct, frozen=True, tag=True):
    """Let dead letters of a sink wait again. Answered with how many there were."""

    sink: str
    events: tuple[str, ...]
    actor: str


class DropDead(msgspec.Struct, frozen=True, tag=True):
    """Give dead letters of a sink up for good. Answered with how many there were."""

    sink: str
    events: tuple[str, ...]
    actor: str
    why: str


class DropUnsent(msgspec.Struct, frozen=True, tag=True):
    """Give up what a sink has not had that nobody delivers to any more. Answered with how many; 0: that was all."""

    sink: str
    actor: str
    why: str


def move_consumer(journal: Journal, command: MoveConsumer) -> None:
    """Raises ReadElsewhere."""
    consumers.move(journal.books, command.consumer, behind=command.behind, to=command.to, at=journal.at)


def forget_consumer(journal: Journal, command: ForgetConsumer) -> None:
    """Raises Missing."""
    consumers.forget(journal.books, command.consumer)


def replay_events(journal: Journal, command: ReplayEvents) -> int:
    """Returns how many go once more."""
    count = outbox.replay(journal.books, command.sink, command.events)
    if count:
        facts: dict[str, Fact] = {
            "sink": command.sink,
            "events": count,
            "first": command.events[0],
            "last": command.events[-1],
        }
        journal.leaf("events.replayed", actor=command.actor, facts=facts)
        journal.announced = True
    return count


def retry_dead(journal: Journal, command: RetryDead) -> int:
    done = [event for event in command.events if outbox.retry_dead(journal.books, command.sink, event)]
    if done:
        facts = _facts(command.sink, len(done), done)
        journal.leaf("events.retried", actor=command.actor, facts=facts)
        journal.announced = True
    return len(done)


def drop_dead(journal: Journal, command: DropDead) -> int:
    done = [event for event in command.events if outbox.drop_dead(journal.books, command.sink, event)]
    if done:
        facts = _facts(command.sink, len(done), done)
        journal.leaf("events.dropped", actor=command.actor, facts=facts, private={"why": command.why})
    return len(done)


def drop_unsent(journal: Journal, command: DropUnsent) -> int:
    """Raises NotAllowed: it is a sink of ours."""
    if command.sink in journal.subscriptions:
        raise NotAllowed(
            f"events are delivered to {command.sink}: take it out of mft.toml, and restart the server, if there is one"
        )
    done = outbox.drop_unsent(journal.books, command.sink)
    if done:
        facts = _facts(command.sink, len(done), done)
        journal.leaf("events.dropped", actor=command.actor, facts=facts, private={"why": command.why})
    return len(done)


def _facts(sink: str, count: int, events: Sequence[str]) -> "dict[str, Fact]":
    return {"sink": sink, "events": count, "first": events[0], "last": events[-1]}
