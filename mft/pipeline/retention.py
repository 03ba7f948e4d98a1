"""Keeping for as long as was agreed, and no longer: originals, records and names of a class are erased when due.

What is due is computed from the rules when it is looked for, so that a rule that changes counts for what is there
already. Legal holds stand over all of it.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec

from mft.clock import now_us
from mft.errors import Broken, Busy, Missing, NotAllowed
from mft.ledger import holds, retention
from mft.ledger.database import Books
from mft.ledger.transfers import transfer_row
from mft.pipeline.erase import Kind, erase_kinds
from mft.pipeline.journal import Journal
from mft.threads import watched

if TYPE_CHECKING:
    from mft.audit.log import Fact

DAY_US: Final = 86_400_000_000
_BATCH: Final = 50  # At once: everybody else waits for the commit.
_LOOK_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Limits:
    """For how many days a class's originals, records and names are kept; 0: for ever."""

    original: int = 0
    records: int = 0
    names: int = 0

    def before(self, now: int) -> dict[Kind, int]:
        """Of each kind that has an end: what came before this moment is due."""
        days: dict[Kind, int] = {"original": self.original, "records": self.records, "names": self.names}
        return {kind: now - count * DAY_US for kind, count in days.items() if count}


class EraseDue(msgspec.Struct, frozen=True, tag=True):
    """Erase a kind of these transfers, which were kept for as long as their class says."""

    retention: str
    kind: Kind
    transfers: tuple[str, ...]
    actor: str


class Swept(msgspec.Struct, frozen=True, tag=True):
    """So many transfers of a class lost a kind in one sweep."""

    retention: str
    kind: Kind
    transfers: int
    actor: str


class MakeHold(msgspec.Struct, frozen=True, tag=True):
    """From now on nothing is erased of these transfers; or of any that a connection sends in a time."""

    matter: str
    actor: str
    transfers: tuple[str, ...] = ()
    connection: str | None = None
    since: int | None = None
    until: int | None = None


class LiftHold(msgspec.Struct, frozen=True, tag=True):
    hold: str
    actor: str


def erase_due(journal: Journal, command: EraseDue) -> int:
    """Returns how many lost something: a hold that was made meanwhile counts."""
    erased = 0
    for transfer in command.transfers:
        row = transfer_row(journal.books, transfer)
        if holds.hold_on(journal.books, transfer) is None:
            reason = f"retention:{command.retention}"
            erased += erase_kinds(journal, row, (command.kind,), reason=reason, actor=command.actor)
    return erased


def swept(journal: Journal, command: Swept) -> None:
    facts: dict[str, Fact] = {"class": command.retention, "kind": command.kind, "transfers": command.transfers}
    journal.leaf("retention.swept", actor=command.actor, facts=facts)


def make_hold(journal: Journal, command: MakeHold) -> list[str]:
    """Returns the ids of the holds: one for each transfer, or one.

    Raises:
        Missing: no such transfer.
        NotAllowed: it would cover no time at all.
    """
    books, at, by = journal.books, journal.at, command.actor
    if command.since is not None and command.until is not None and command.since >= command.until:
        raise NotAllowed("a hold that ends before it begins covers nothing: look at --since and --until")
    made: list[str] = []
    if command.connection is not None:
        who, since, until = command.connection, command.since, command.until
        made.append(holds.add_hold(books, command.matter, at=at, by=by, connection=who, since=since, until=until))
        _leaf(journal, "hold.made", made[0], command.matter, by, connection=command.connection)
    for transfer in command.transfers:
        row = transfer_row(books, transfer)
        made.append(holds.add_hold(books, command.matter, at=at, by=by, transfer=row["id"]))
        about = {"connection": row["connection"], "transfer": row["id"]}
        _leaf(journal, "hold.made", made[-1], command.matter, by, **about)
    return made


def lift_hold(journal: Journal, command: LiftHold) -> None:
    """Raises Missing: no such hold is in force."""
    hold = next((row for row in holds.holds(journal.books) if row["id"] == command.hold), None)
    if hold is None:
        raise Missing(f"there is no legal hold {command.hold}: `mft retention holds` lists them")
    holds.lift_hold(journal.books, command.hold, at=journal.at)
    about = {"connection": hold["connection"], "transfer": hold["transfer_id"]}
    _leaf(journal, "hold.lifted", command.hold, hold["matter"], command.actor, **about)


def _leaf(
    journal: Journal,
    kind: str,
    hold: str,
    matter: str,
    actor: str,
    *,
    connection: str | None,
    transfer: str | None = None,
) -> None:
    facts: dict[str, Fact] = {"hold": hold}
    private = {"matter": matter}
    journal.leaf(kind, actor=actor, connection=connection, transfer=transfer, facts=facts, private=private)


def sweep(
    books: Callable[[], Books],
    run: Callable[[Any], Any],
    limits: Mapping[str, Limits],
    *,
    now: int,
    actor: str,
) -> Iterator[int]:
    """Erase all that is due, a batch at a time; yields how many transfers each batch was about."""
    for name, of_class in limits.items():
        for kind, before in of_class.before(now).items():
            since, after, total = 0, "", 0
            while page := retention.due(books(), kind, name, before=before, since=since, after=after, most=_BATCH):
                total += run(EraseDue(name, kind, tuple(row["id"] for row in page), actor))
                since, after = page[-1]["received_at"], page[-1]["id"]
                yield len(page)
            if total:
                run(Swept(name, kind, total, actor))


class Sweep:
    """A thread that looks, every hour, for what has been kept long enough."""

    def __init__(
        self,
        books: Callable[[], Books],
        run: Callable[[Any], Any],
        on_broken: Callable[[Broken], None],
        limits: Mapping[str, Limits],
    ) -> None:
        self._books = books
        self._run_command = run
        self._limits = limits
        self._stop = threading.Event()
        self._thread = watched("retention", self._run, on_broken)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the batch in hand, and end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(Busy):  # The ledger's disk is full: what is due stays due.
                for _ in sweep(self._books, self._run_command, self._limits, now=now_us(), actor="server"):
                    if self._stop.is_set():
                        return
            self._stop.wait(_LOOK_SECONDS)
