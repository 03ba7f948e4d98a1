"""Wrapping DEKs to the key in force of their class: no byte of any object is read or written for it.

Who holds the private keys unwraps and wraps, a page at a time; the ledger's writer puts each new wrapping in the place
of the one that it was made from, and of no other. So any number of processes may be at it, and be killed at it.
"""

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, Final

from mft.crypto.keyring import FolderKeyring
from mft.crypto.keys import BucketPublicKey
from mft.crypto.stream import context
from mft.errors import BadConfig, Broken, Busy, UnsealFailed
from mft.ledger import keys
from mft.ledger.database import Books, Row
from mft.pipeline.keys import Emptied, EraseShredded, Rewrap, Wrapped
from mft.threads import watched

BATCH: Final = 100
_SMALL_BATCH: Final = 20  # In the server: its writer has others who wait.
_LOOK_SECONDS: Final = 3600


class Rewrapping:
    """Moves what is wrapped to older keys, a batch at a time. `failed` are, by key, objects whose DEK does not unwrap.

    Args:
        books: the ledger, to read.
        run: carries a command out and waits until it is durable.
        newest_first: from the other end, so that two who are at it meet in the middle.
    """

    def __init__(
        self,
        books: Callable[[], Books],
        keyring: FolderKeyring,
        run: Callable[[Any], Any],
        *,
        actor: str,
        batch: int = BATCH,
        newest_first: bool = False,
    ) -> None:
        self.failed: defaultdict[str, set[str]] = defaultdict(set)
        self._books = books
        self._keyring = keyring
        self._run = run
        self._actor = actor
        self._batch = batch
        self._newest_first = newest_first

    def older(self, retention: str | None = None) -> dict[str, int]:
        """How many objects are wrapped to each key that is not in force: of a class, or of all."""
        held = self._keyring.held
        sealing = {key.id for key in held.newest.values()}
        return {
            key.id: keys.objects_under(self._books(), key.id) - len(self.failed[key.id])
            for key in held.keys
            if key.id not in sealing and retention in {None, key.retention}
        }

    def step(self, key: str) -> int:
        """Wrap a batch of what is wrapped to a key to the one in force of its class; returns how many were looked at.

        When that is 0 there are none, but those that `failed`, until an upload ends that began before.
        """
        held = self._keyring.held
        to = held.seal_for(next(one.retention for one in held.keys if one.id == key))
        failed = self.failed[key]
        most = self._batch + len(failed)
        found = keys.wrapped_under(self._books(), key, most=most, newest_first=self._newest_first)
        rows = [row for row in found if row["id"] not in failed]
        wrapped = tuple(one for row in rows if (one := self._wrapped(row, to)) is not None)
        if wrapped:
            self._run(Rewrap(to.id, wrapped))
        return len(rows)

    def misplaced(self) -> int:
        """Wrap a batch of what is wrapped to the key of another class than its transfer's; returns how many moved."""
        held, moved = self._keyring.held, 0
        if len(held.newest) < 2:
            return 0
        rows = keys.misplaced(self._books(), most=self._batch)
        for retention in {row["retention"] for row in rows} & held.newest.keys():
            to = held.seal_for(retention)
            made = [self._wrapped(row, to) for row in rows if row["retention"] == retention]
            wrapped = tuple(one for one in made if one is not None)
            if wrapped:
                moved += self._run(Rewrap(to.id, wrapped))
        return moved

    def _wrapped(self, row: Row, to: BucketPublicKey) -> Wrapped | None:
        about, old = context(row["tenant_id"], row["id"]), bytes(row["wrapped_dek"])
        try:
            dek = self._keyring.unwrap(row["bucket"], old, about)
        except UnsealFailed:
            self.failed[row["bucket"]].add(row["id"])
            return None
        return Wrapped(row["id"], row["bucket"], old, to.wrap(dek, about))

    def finish(self, key: str) -> bool:
        """Have it told that nothing is wrapped to a key any more; returns whether that is so, and is news."""
        return bool(self._run(Emptied(key, self._actor)))


def erase_shredded(
    books: Callable[[], Books], run: Callable[[Any], Any], key: str, *, actor: str, batch: int = BATCH
) -> Iterator[int]:
    """Erase what is sealed under a key that was shredded, a batch at a time; yields how many objects are left."""
    after = ""
    while found := keys.transfers_under(books(), key, after=after, most=batch):
        run(EraseShredded(key, actor, transfers=tuple(found)))
        after = found[-1]
        yield keys.objects_under(books(), key)
    for part in keys.parts_under(books(), key):
        run(EraseShredded(key, actor, parts=(part,)))
    # What no row of a transfer names: earlier pieces of a file whose last one has another key, and what nobody owns.
    while rows := keys.wrapped_under(books(), key, most=batch):
        owners = {owner for row in rows if (owner := keys.owner_of(books(), row["id"])) is not None}
        objects = tuple(row["id"] for row in rows)
        run(EraseShredded(key, actor, transfers=tuple(sorted(owners)), objects=objects))
        yield keys.objects_under(books(), key)


class Leftovers:
    """A thread that moves what still is wrapped to older keys, and erases what is sealed under shredded ones.

    At the start, when it is woken, and every hour: uploads that began under an older key enter their rows later.
    """

    def __init__(
        self,
        books: Callable[[], Books],
        keyring: FolderKeyring,
        run: Callable[[Any], Any],
        on_broken: Callable[[Broken], None],
    ) -> None:
        self._books = books
        self._run_command = run
        self._rewrapping = Rewrapping(books, keyring, run, actor="server", batch=_SMALL_BATCH, newest_first=True)
        self._wake = threading.Event()
        self._stop = False
        self._thread = watched("leftovers", self._run, on_broken)

    def start(self) -> None:
        self._thread.start()

    def wake(self) -> None:
        """Keys were reloaded."""
        self._wake.set()

    def stop(self) -> None:
        """Finish the batch in hand, and end."""
        self._stop = True
        self._wake.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop:
            with suppress(Busy, BadConfig):  # The ledger's disk is full, or a key has gone meanwhile: later.
                self._look()
            self._wake.wait(_LOOK_SECONDS)
            self._wake.clear()

    def _look(self) -> None:
        for key, count in self._rewrapping.older().items():
            while count and not self._stop and self._rewrapping.step(key):
                pass
            if not self._stop:
                self._rewrapping.finish(key)
        while not self._stop and self._rewrapping.misplaced():
            pass
        for key in keys.shredded_keys(self._books()):
            if keys.objects_under(self._books(), key):
                for _ in erase_shredded(self._books, self._run_command, key, actor="server", batch=_SMALL_BATCH):
                    if self._stop:
                        return
