"""Files leave by their routes: each at least once, those of one route in the order in which they were decided on.

A delivery is tried until its target has it for good; only then it is marked, with a leaf and an event. Whoever is
killed in between looks first, at the next try, whether it is there already. What a target does not take is tried again,
ever more seldom, for three days. A target that takes nothing holds up its own route alone; a file that alone is not
taken holds up no other.
"""

import errno
import random
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

import msgspec

from mft.clock import now_us
from mft.domain import printable
from mft.errors import Broken, Busy, MFTError, Missing, NameTaken, Refused, StageConflict, UnsealFailed
from mft.events import DeliveryFailed, DeliverySucceeded
from mft.ledger import deliveries, transfers
from mft.ledger.database import Readers, Row
from mft.ledger.flow_holds import is_sink_held
from mft.ledger.objects import sealed_object
from mft.pipeline.journal import Journal
from mft.pipeline.receive import Deposit, place
from mft.threads import watched
from mft.vault.store import Reader, Vault
from partners.load import Directory
from partners.route import Route

_PAGE: Final = 200
_PIECE: Final = 1 << 20
_POLL_SECONDS: Final = 5.0
_RETRY_SECONDS_MAX: Final = 3600
_GIVE_UP_US: Final = 72 * 3600 * 1_000_000
_CODES: Final = {
    errno.ENOENT: "folder-missing",
    errno.ENOTDIR: "not-a-folder",
    errno.ELOOP: "not-a-folder",
    errno.EACCES: "folder-not-writable",
    errno.EPERM: "folder-not-writable",
    errno.EROFS: "folder-not-writable",
    errno.ENOSPC: "disk-full",
    errno.EDQUOT: "disk-full",
    errno.ENAMETOOLONG: "name-too-long",
}


class NoRoute(Refused):
    """The route, or the partner that it leads to, is not in the configuration any more."""

    code = "refused.no-route"


class Draining(Busy):
    """The server stops: the file is left for the next one."""

    code = "busy.draining"


_OF_THE_FILE: Final = {NameTaken.code, Missing.code, UnsealFailed.code, "name-too-long"}
"""Errors that say nothing of the next file."""


@dataclass(frozen=True, slots=True)
class Load:
    """A file, or a part of one, for a target. `about` is the row of its transfer, `chunks` gives the bytes anew."""

    delivery: str
    name: bytes
    size_bytes: int
    about: Row
    chunks: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Put:
    """A target has a file, or will have it with the commit of `deposit`."""

    name: bytes
    deposit: Deposit | None = None


class Target(Protocol):
    """Where a route leads.

    `put` returns when it has the file for good, and finds out by itself whether it has it since a try whose end nobody
    heard of; else it raises OSError or MFTError.
    """

    def put(self, load: Load) -> Put: ...


TargetOf = Callable[[Route, Directory], Target]
"""Raises NoRoute: the partner that a route leads to is not there any more."""


class FileDelivered(msgspec.Struct, frozen=True, tag=True):
    """A target has a file, under `name`; or gets it now, by `deposit`."""

    delivery: str
    name: bytes
    size_bytes: int
    target: str
    deposit: Deposit | None = None


class FileNotDelivered(msgspec.Struct, frozen=True, tag=True):
    """A target did not take a file: try again at `due`, microseconds; or never, where there is none."""

    delivery: str
    error: str
    due: int | None


class RetryDelivery(msgspec.Struct, frozen=True, tag=True):
    """Try a delivery again at once that failed, or that was given up."""

    delivery: str
    actor: str


def file_delivered(journal: Journal, command: FileDelivered) -> None:
    """Raises StageConflict: it had ended already."""
    row = deliveries.delivery_row(journal.books, command.delivery)
    name, outbound = command.name, None
    if command.deposit is not None:
        name, outbound = place(journal, command.deposit), command.deposit.transfer
    if not deliveries.mark_delivered(journal.books, row["id"], name, outbound=outbound, at=journal.at):
        raise StageConflict(f"delivery {row['id']} has ended already")
    about = _about(journal, row)
    journal.leaf(
        "delivery.made",
        actor="server",
        connection=about["connection"],
        transfer=about["transfer"],
        facts={**_facts(row), "size_bytes": command.size_bytes},
        private={"name": printable(name), "target": command.target},
    )
    journal.announce(
        DeliverySucceeded(
            **about,
            delivery=row["id"],
            route=row["route"],
            target=command.target,
            name=printable(name),
            size_bytes=command.size_bytes,
        )
    )


def file_not_delivered(journal: Journal, command: FileNotDelivered) -> None:
    """The first failure is told, and each that is another one, and the last."""
    row = deliveries.delivery_row(journal.books, command.delivery)
    if command.due is None:
        done = deliveries.give_up(journal.books, row["id"], command.error, at=journal.at)
    else:
        done = deliveries.put_off(journal.books, row["id"], command.error, due=command.due, at=journal.at)
    if not done or (command.due is not None and command.error == row["error"]):
        return
    about = _about(journal, row)
    journal.leaf(
        "delivery.failed" if command.due is not None else "delivery.given-up",
        actor="server",
        connection=about["connection"],
        transfer=about["transfer"],
        facts={**_facts(row), "error": command.error},
    )
    journal.announce(
        DeliveryFailed(
            **about,
            delivery=row["id"],
            route=row["route"],
            name=printable(row["name_bytes"]),
            error=command.error,
            given_up=command.due is None,
        )
    )


def retry_delivery(journal: Journal, command: RetryDelivery) -> None:
    """Raises Missing; Refused: it has not failed."""
    row = deliveries.delivery_row(journal.books, command.delivery)
    if not deliveries.try_again(journal.books, row["id"]):
        raise Refused(f"delivery {row['id']} is {row['state']}: only one that failed is tried again")
    about = _about(journal, row)
    journal.leaf(
        "delivery.retried",
        actor=command.actor,
        connection=about["connection"],
        transfer=about["transfer"],
        facts={"delivery": row["id"], "route": row["route"]},
    )
    journal.announced = True  # So that it is looked at.


def _facts(row: Row) -> dict[str, Any]:
    facts = {"delivery": row["id"], "route": row["route"], "attempts": row["attempts"] + 1}
    return facts | ({"interchange": row["interchange"]} if row["interchange"] else {})


def _about(journal: Journal, row: Row) -> dict[str, Any]:
    transfer = transfers.transfer_row(journal.books, row["transfer_id"])
    return {
        "transfer": transfer["id"],
        "connection": transfer["connection"],
        "partner": transfer["profile_name"],
        "standard": transfer["standard"],
        "usage": transfer["usage"],
    }


def error_code(error: Exception) -> str:
    """What a failure is called."""
    if isinstance(error, MFTError):
        return error.code
    return _CODES.get(getattr(error, "errno", None) or 0, "not-written")


def wait_seconds(attempts: int) -> float:
    """How long to wait behind so many attempts: not as long as others that failed with it."""
    return min(2.0 ** min(attempts, 16), _RETRY_SECONDS_MAX) * random.uniform(0.75, 1.25)  # noqa: S311  No secret.


@dataclass
class Delivery:
    """A thread that takes what is due, route by route.

    Error handling: what a target raises is a failed delivery; what our own disk or ledger raise ends the service.
    """

    vault: Vault
    readers: Readers
    commit: Callable[[FileDelivered | FileNotDelivered], None]
    on_broken: Callable[[Broken], None]
    directory: Callable[[], Directory]
    target: TargetOf
    _wake: threading.Event = field(default_factory=threading.Event, init=False)
    _stop: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        self._thread = watched("delivery", self._run, self.on_broken)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        self._wake.set()

    def stop(self) -> None:
        """End; a file in hand is left to the next start."""
        self._stop = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop:
            self._wake.clear()
            with suppress(Busy):  # The ledger's disk is full, or we stop: these come again.
                self.round()
            if not self._stop:
                self._wake.wait(_POLL_SECONDS)

    def round(self) -> None:
        """Deliver everything that is due."""
        for route in deliveries.open_routes(self.readers.get()):
            self._by(route)

    def _by(self, route: str) -> None:
        after = ""
        while rows := deliveries.open_after(self.readers.get(), route, after, _PAGE):
            for row in rows:
                if self._stop or is_sink_held(self.readers.get(), route):
                    return
                if _put_off(row):
                    if row["error"] in _OF_THE_FILE:
                        continue
                    return  # What is behind it must not overtake it.
                if not self._deliver(row):
                    return
            after = rows[-1]["id"]

    def _deliver(self, row: Row) -> bool:
        """Returns whether the next file of the route may go."""
        directory = self.directory()
        route = directory.routes.named(row["route"])
        try:
            if route is None:
                raise NoRoute(f"there is no route {row['route']} any more")
            done = self._put(row, self.target(route, directory), route)
        except (Broken, Draining):
            raise
        except (OSError, MFTError) as error:
            code = error_code(error)
            self.commit(FileNotDelivered(row["id"], code, _due(row)))
            return code in _OF_THE_FILE
        try:
            self.commit(done)
        except Busy:
            if done.deposit is not None and done.deposit.sealed.blob is None:
                self.vault.remove(done.deposit.sealed.id)
            raise
        return True

    def _put(self, row: Row, target: Target, route: Route) -> FileDelivered:
        books = self.readers.get()
        about = transfers.transfer_row(books, row["transfer_id"])
        reader = self.vault.open(sealed_object(books, about["object_id"]))
        try:
            start = row["start_offset"] or 0
            end = reader.size if row["end_offset"] is None else row["end_offset"]

            def chunks() -> Iterator[bytes]:
                return self._pieces(reader, start, end)

            put = target.put(Load(row["id"], bytes(row["name_bytes"]), end - start, about, chunks))
        finally:
            reader.close()
        return FileDelivered(row["id"], put.name, end - start, route.target, put.deposit)

    def _pieces(self, reader: Reader, start: int, end: int) -> Iterator[bytes]:
        for offset in range(start, end, _PIECE):
            if self._stop:
                raise Draining("the server stops")
            yield reader.read_at(offset, min(_PIECE, end - offset))


def _put_off(row: Row) -> bool:
    """Whether it is not due yet. None waits longer than an hour and a bit: it seems so where the clock went back."""
    return bool(0 < row["due_at"] - now_us() <= 2 * _RETRY_SECONDS_MAX * 1_000_000)


def _due(row: Row) -> int | None:
    now = now_us()
    if row["failing_since"] is not None and now - row["failing_since"] >= _GIVE_UP_US:
        return None
    return now + int(wait_seconds(row["attempts"]) * 1_000_000)
