"""`mft serve` with one thing broken on purpose: python faulty_serve.py FAULT … serve --home DIR.

The checks of this folder must notice each of these; a check that cannot fail proves nothing.
"""

import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
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


FAULTS = {"no-fsync": no_fsync, "no-commit-sync": no_commit_sync, "early-yes": early_yes}

if __name__ == "__main__":
    FAULTS[sys.argv[1]]()
    sys.argv = ["mft", *sys.argv[sys.argv.index("serve") :]]
    main()
