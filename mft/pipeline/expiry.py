"""Keys that come to their end: partners' SSH keys and PGP keys by their own expiry, ours by how old they may become.

A source gives an `Ending` for each key that has an end; what is told of it, and how often, is the same for all.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from mft.clock import moment, now_us
from mft.errors import Broken, Busy
from mft.ledger import keys
from mft.ledger.database import Books, Row
from mft.pipeline.keys import TellExpiring
from mft.pipeline.pgp import PgpKey
from mft.threads import watched
from partners.load import Directory

OVER: Final = -1
_LEVELS: Final = (OVER, 1, 7)
_LOOK_SECONDS: Final = 3600


@dataclass(frozen=True, slots=True)
class Ending:
    """The end of a key. `id` names it for all time; `days_left` is negative when it is over."""

    id: str
    use: str
    key: str
    days_left: int
    connection: str | None = None
    partner: str | None = None


def partners_endings(directory: Directory, now: datetime) -> Iterator[Ending]:
    """Of the SSH keys of partners that are let in."""
    today = now.astimezone(UTC).date()
    for profile in directory.profiles.values():
        connection = profile.connection
        for login in connection.logins if connection.enabled else ():
            for key in login.keys:
                if key.expires is not None:
                    yield Ending(
                        f"{connection.id}/{login.user}/{key.fingerprint}",
                        "ssh",
                        key.fingerprint,
                        (key.expires - today).days,
                        connection.id,
                        connection.name,
                    )


def our_endings(rows: Iterable[Row], days_max: Mapping[str, int], now: datetime) -> Iterator[Ending]:
    """Of our keys in force, by the age that each use may reach; 0: any."""
    for row in rows:
        most = days_max.get(row["kind"], 0)
        if most and row["retired_at"] is None and row["destroyed_at"] is None:
            age = (now - moment(row["made_at"])).days
            yield Ending(row["id"], row["kind"], row["id"], most - age - 1)


def pgp_endings(keys: Iterable[PgpKey], now: datetime) -> Iterator[Ending]:
    """Of PGP keys, ours and partners', that have an end."""
    for key in keys:
        if key.ends_at is not None:
            days_left = (datetime.fromtimestamp(key.ends_at, UTC) - now).days
            yield Ending(f"pgp/{key.fingerprint}", "pgp", key.fingerprint, days_left)


def level_of(days_left: int, warn_days: int) -> int | None:
    """The least of the days at which it is told that has been reached; None: its end is far."""
    return next((level for level in (*_LEVELS, warn_days) if days_left <= level), None)


class Expiry:
    """A thread that looks once an hour whose end is near, and has each told once for each level."""

    def __init__(
        self,
        endings: Callable[[datetime], Iterable[Ending]],
        books: Callable[[], Books],
        commit: Callable[[TellExpiring], bool],
        on_broken: Callable[[Broken], None],
        *,
        warn_days: int,
    ) -> None:
        self._endings = endings
        self._books = books
        self._commit = commit
        self._warn_days = warn_days
        self._stop = threading.Event()
        self._thread = watched("expiry", self._run, on_broken)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join()

    def look(self, now: datetime) -> int:
        """Tell what is to be told; returns how much that was."""
        told = keys.notices(self._books())
        news = 0
        for one in self._endings(now):
            level = level_of(one.days_left, self._warn_days)
            before = told.get(one.id)
            if level == before or (level is not None and before is not None and before < level):
                continue
            command = TellExpiring(one.id, one.use, one.key, one.days_left, level, one.connection, one.partner)
            news += self._commit(command)
        return news

    def _run(self) -> None:
        while not self._stop.is_set():
            with suppress(Busy):  # The ledger's disk is full: what is near stays near.
                self.look(moment(now_us()))
            self._stop.wait(_LOOK_SECONDS)
