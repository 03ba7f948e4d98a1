"""How commands reach a home: reading beside a running server, writing through it or, where none runs, in its place."""

import os
import pwd
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from mft.audit.log import make_checkpoint
from mft.audit.query import leaves
from mft.audit.signing_keys import SigningKeys
from mft.cli.options import when
from mft.clock import now_us
from mft.command_socket import CoreClient
from mft.config import Config, load_config
from mft.core import ChangeSigningKey, Command, Core, HomeLock, Reload, ReloadKeys, Request
from mft.crypto.keyring import FolderKeyring
from mft.domain import SealedObject
from mft.errors import Broken, Missing, NotAllowed
from mft.home import Home, find_home
from mft.keychain import change_signing_key, reload_keys
from mft.ledger.database import Books, Ledger, Row, database_errors, reading
from mft.ledger.migrate import migrate
from mft.ledger.objects import sealed_object
from mft.ledger.transfers import ERASED
from mft.pipeline.erase import Kind


def actor() -> str:
    """Who types: for the audit log."""
    return f"cli:{os.getuid()}"


def open_home(given: Path | None) -> tuple[Home, Config]:
    """Raises Missing or BadConfig."""
    home = find_home(given)
    config = load_config(home)
    return home.with_keys(config.keys.folder), config


@contextmanager
def ledger_of(given: Path | None) -> Iterator[Books]:
    """The ledger of a home, to read."""
    home, config = open_home(given)
    ledger = Ledger(home.ledger_url(config.ledger.url))
    if not ledger.exists():
        raise Missing(f"{home.root} has no ledger yet: run `mft init {home.root}`")
    try:
        with reading(ledger) as books:
            yield books
    except database_errors(ledger.dialect_name) as error:
        raise Broken(f"the ledger cannot be read: {error}; see `mft doctor`") from error


def sealed_of(books: Books, row: Row, object_id: str | None, kind: Kind) -> SealedObject:
    """What is sealed of a transfer. Raises Missing: nothing was kept, or it was erased: when, and why."""
    if row["erased"] & ERASED[kind]:
        told = leaves(books, transfer=row["id"], kind="transfer.erased")
        leaf = next((one for one in told if kind in str(one["facts"]["kinds"]).split()), None)
        since = f" on {when(leaf['at'])} UTC ({leaf['facts']['reason']})" if leaf else ""
        what = "records" if kind == "records" else "original"
        raise Missing(f"the {what} of transfer {row['id']} was erased{since}: only a backup from before has it")
    if object_id is not None:
        with suppress(Missing):
            return sealed_object(books, object_id)
    raise Missing(f"nothing of transfer {row['id']} was kept: {row['reason'] or row['stage']}")


def server_of(home: Home) -> CoreClient | None:
    """The server that runs on a home, if one does."""
    try:
        return CoreClient(home.socket)
    except OSError:
        return None


def check_owner(home: Home) -> None:
    """Raises NotAllowed: no server runs, we are root, and the user of the service could not open what we make.

    `writing` looks too; this is for who does something else before.
    """
    owner = home.data.stat().st_uid if home.data.exists() else 0
    if os.geteuid() == 0 and owner != 0:
        if (server := server_of(home)) is not None:
            server.close()
            return
        try:
            name = pwd.getpwuid(owner).pw_name
        except KeyError:
            name = str(owner)
        raise NotAllowed(
            f"{home.root} belongs to another user, {name}, and no server runs on it: run this as that user, with "
            f"`runuser -u {name} -- mft …`, or start the server, which then does it"
        )


@contextmanager
def writing(
    home: Home, config: Config, *, remove_object: Callable[[str], None] | None = None
) -> Iterator[Callable[[Command | Request], Any]]:
    """Carry out commands: by the running server, or under the home's lock by ourselves.

    `remove_object` is for commands that forget objects: see `Core`.
    """
    client = server_of(home)
    if client is not None:
        try:
            yield client.run
        finally:
            client.close()
        return
    check_owner(home)
    lock = HomeLock(home.lock)
    try:
        ledger = Ledger(home.ledger_url(config.ledger.url))
        if not ledger.exists():  # A new one in its place would make every sealed file an orphan.
            raise Missing(f"{home.root} has no ledger: restore it from a backup")
        migrate(ledger)
        core = Core(ledger, subscriptions=config.events.subscriptions(), remove_object=remove_object)

        def run(command: Command | Request) -> Any:
            match command:
                case Reload():
                    return None  # The next server reads everything.
                case ReloadKeys():
                    return reload_keys(core, FolderKeyring(home.keys), command)
                case ChangeSigningKey():
                    return change_signing_key(core, SigningKeys(home.keys), command)
                case _:
                    return core.run(command)

        try:
            yield run
            keys = SigningKeys(home.keys)  # What we noted is signed at once: no server does it later.
            core.writer.run(lambda books: make_checkpoint(books, keys.in_force(books), at=now_us()))
        finally:
            core.close()
    finally:
        lock.release()
