"""`mft serve` with one thing broken on purpose: python faulty_serve.py FAULT … serve --home DIR.

The checks of this folder must notice each of these; a check that cannot fail proves nothing.
"""

import os
import signal
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any

from mft.cli.main import main
from mft.endpoints import sftp
from mft.ledger.database import Books, Ledger
from mft.pipeline.receive import Receive


def no_fsync() -> None:
    """Files are written and never put on the disk."""
    os.fsync = os.fdatasync = lambda fd: None


def no_commit_sync() -> None:
    """The ledger commits without waiting for the disk."""
    open_writer = Ledger.open_writer

    def opened(self: Ledger) -> Books:
        books = open_writer(self)
        books.script("PRAGMA synchronous=OFF")
        return books

    Ledger.open_writer = opened  # type: ignore[method-assign]


def early_yes() -> None:
    """A sender hears yes before its file is in the ledger."""
    make = sftp.SftpDoor.__init__

    def made(self: sftp.SftpDoor, *, submit: Callable[[Any], Future[Any]], **others: Any) -> None:
        def submit_later(command: Any) -> Future[Any]:
            if not isinstance(command, Receive):
                return submit(command)
            threading.Timer(0.2, submit, [command]).start()
            answered: Future[Any] = Future()
            answered.set_result(command.transfer)
            return answered

        make(self, submit=submit_later, **others)

    sftp.SftpDoor.__init__ = made  # type: ignore[method-assign]


def publish_on_disconnect() -> None:
    """What breaks off is received as if it had been closed."""
    from mft.pipeline.upload import Upload

    def keep(self: Upload, why: str) -> Receive | None:
        return self.finish(publish=True, repeat_since=1 << 62) if self.written else None

    Upload.keep = keep  # type: ignore[method-assign,assignment]


def event_dropped() -> None:
    """A file is received, and the event that tells of it is not in the outbox."""
    from mft.events import Event, TransferReceived
    from mft.pipeline.journal import Journal

    announce = Journal.announce

    def announced(self: Journal, event: Event) -> None:
        if not isinstance(event, TransferReceived):
            announce(self, event)

    Journal.announce = announced  # type: ignore[method-assign]


def leaf_skipped() -> None:
    """A file is received, and the audit log knows nothing of it."""
    from mft.pipeline.journal import Journal

    leaf = Journal.leaf

    def left_out(self: Journal, kind: str, **about: Any) -> None:
        if kind != "transfer.received":
            leaf(self, kind, **about)

    Journal.leaf = left_out  # type: ignore[method-assign]


def nothing_is_a_repeat() -> None:
    """A file that is sent again, because our yes was not heard, is another transfer."""
    from mft.ledger import uploads
    from mft.pipeline import receive

    receive.unheard = uploads.unheard = lambda *args, **named: None  # type: ignore[attr-defined]


def dies_with_numbers() -> None:
    """No fault of ours: the server is killed when the numbers of an acknowledgment are allocated, and it is not made."""
    from mft.pipeline import acknowledge

    acknowledge.write = lambda *args: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[attr-defined]


def dies_concluding() -> None:
    """No fault of ours: the server is killed with an acknowledgment in the ledger that is not committed."""
    from mft.pipeline import conclude

    add = conclude.add_acknowledgment  # type: ignore[attr-defined]

    def added(*args: Any) -> None:
        add(*args)
        os.kill(os.getpid(), signal.SIGKILL)

    conclude.add_acknowledgment = added  # type: ignore[attr-defined]


def dies_linking() -> None:
    """No fault of ours: the server is killed when a file lies complete in a folder, and has no name there yet."""
    os.link = lambda *args, **named: os.kill(os.getpid(), signal.SIGKILL)


def dies_linked() -> None:
    """No fault of ours: the same when it has its name."""
    link = os.link

    def linked(*args: Any, **named: Any) -> None:
        link(*args, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    os.link = linked


def dies_delivered() -> None:
    """No fault of ours: the same when it is delivered, and the ledger does not know."""
    from mft.ledger import deliveries

    deliveries.mark_delivered = lambda *args, **named: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment,return-value]


def delivered_unlooked() -> None:
    """A file is written once more, without a look whether it is there."""
    from mft.sinks import folder

    folder._is_there = lambda *args: False


def dies_unwrapping() -> None:
    """No fault of ours: the server is killed when all that was in an archive is sealed, and nothing of it committed."""
    from mft.pipeline.unwrap import Unwrapping

    Unwrapping.conclusion = lambda *args: os.kill(os.getpid(), signal.SIGKILL)  # type: ignore[assignment,method-assign]


def numbers_again() -> None:
    """Control numbers are given out and forgotten."""
    from mft.pipeline import acknowledge

    acknowledge.allocate = lambda books, scope, count, *, at: list(range(1, count + 1))  # type: ignore[attr-defined]


def acknowledged_unseen() -> None:
    """What goes back lies in the partner's folder, and no row tells what it is."""
    from mft.pipeline import conclude

    conclude.add_acknowledgment = lambda *args: None  # type: ignore[attr-defined]


def one_dek() -> None:
    """Every object is sealed under the same key."""
    from mft.vault import store

    store.new_dek = lambda: bytes(32)  # type: ignore[attr-defined]


def one_signature() -> None:
    """A new signing key comes into force, and the old one does not sign for it."""
    from mft.audit import log

    make = log.make_checkpoint
    log.make_checkpoint = lambda books, key, *, at, after=None: make(books, key, at=at)


def clock_jumps() -> None:
    """No fault of ours: the machine's clock jumps by up to an hour, forwards and backwards, several times a second."""
    import random
    import time

    really, dice = time.time_ns, random.Random(os.getpid())  # noqa: S311  Dice, not keys.
    until, shift = [0], [0]

    def jumping() -> int:
        now = really()
        if now > until[0]:
            until[0], shift[0] = now + dice.randrange(300_000_000), dice.randrange(-3600, 3600) * 1_000_000_000
        return now + shift[0]

    time.time_ns = jumping
    time.time = lambda: jumping() / 1e9


def slow_disk() -> None:
    """No fault of ours: the disk takes its time."""
    fsync, write = os.fsync, os.write

    def slowly(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(fd: int, *rest: Any) -> Any:
            threading.Event().wait(0.1)
            return call(fd, *rest)

        return called

    from mft import durable
    from mft.vault import store

    names = {"fsync": slowly(fsync), "write": slowly(write)}
    for module in (durable, store):
        module.os = SimpleNamespace(**{**vars(os), **names})  # type: ignore[attr-defined]


def folder_dies() -> None:
    """No fault of ours: the server is killed ahead of the step of a watch whose number DIES_AT is.

    A step is whatever the watch changes on a disk, or asks of the core.
    """
    from mft import core
    from mft.endpoints.folder import beneath

    left = [int(os.environ["DIES_AT"])]

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*args: Any, **named: Any) -> Any:
            if threading.current_thread().name.startswith("folder "):
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **named)

        return called

    for name in ("mkdir", "rename", "unlink", "rmdir", "fsync", "write"):
        setattr(os, name, counted(getattr(os, name)))
    beneath.move = counted(beneath.move)
    core.Core.submit = counted(core.Core.submit)  # type: ignore[method-assign]


FAULTS = {
    "folder-dies": folder_dies,
    "slow-disk": slow_disk,
    "no-fsync": no_fsync,
    "no-commit-sync": no_commit_sync,
    "early-yes": early_yes,
    "publish-on-disconnect": publish_on_disconnect,
    "event-dropped": event_dropped,
    "leaf-skipped": leaf_skipped,
    "nothing-is-a-repeat": nothing_is_a_repeat,
    "dies-with-numbers": dies_with_numbers,
    "dies-concluding": dies_concluding,
    "dies-linking": dies_linking,
    "dies-linked": dies_linked,
    "dies-delivered": dies_delivered,
    "delivered-unlooked": delivered_unlooked,
    "dies-unwrapping": dies_unwrapping,
    "numbers-again": numbers_again,
    "acknowledged-unseen": acknowledged_unseen,
    "clock-jumps": clock_jumps,
    "one-dek": one_dek,
    "one-signature": one_signature,
}

if __name__ == "__main__":
    FAULTS[sys.argv[1]]()
    sys.argv = ["mft", *sys.argv[sys.argv.index("serve") :]]
    main()
