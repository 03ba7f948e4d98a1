"""The keys of a home as it runs: that the folder has what the ledger speaks of, and what changes in it.

Here for whoever holds the home's lock: the server, or a command where none runs.
"""

import os
import threading
from pathlib import Path

import asyncssh

from mft.audit.signing_keys import SigningKeys
from mft.clock import now_us
from mft.core import ChangeSigningKey, Core, ReloadKeys
from mft.crypto.keyring import FolderKeyring, credentials
from mft.durable import disk_errors, sync_directory
from mft.errors import BadConfig, Broken
from mft.ledger import keys
from mft.ledger.database import Books
from mft.pipeline.keys import KeepKey

_changing = threading.Lock()


def settle(core: Core, books: Books, keyring: FolderKeyring, signing: SigningKeys) -> None:
    """Bring the folder of keys and the ledger to one mind, before anything is sealed or signed.

    Raises:
        Broken: objects are sealed for a key that is not here.
        BadConfig: the key that signs the audit log is not here.
    """
    at = now_us()
    core.writer.run(lambda books: signing.enter(books, actor="server", at=at))
    signing.settle(books)
    remove_shredded(keyring, books)
    check_buckets(keyring, books)
    reload_keys(core, keyring, ReloadKeys("server"))


def keep_host_keys(core: Core, paths: list[Path]) -> None:
    """Enter host keys that are new here: by their fingerprints, the first of each algorithm being in force."""
    seen = set()
    for path in paths:
        key = asyncssh.read_private_key(path)
        if key.get_algorithm() in seen:
            continue  # Clients are told of it, and it signs no handshake.
        seen.add(key.get_algorithm())
        made_at = path.stat().st_mtime_ns // 1000
        core.run(KeepKey("host", key.get_fingerprint(), made_at, "server", key.get_algorithm()))


def reload_keys(core: Core, keyring: FolderKeyring, command: ReloadKeys) -> dict[str, str]:
    """Read the folder again and let the newest key of each class seal; returns their ids by class.

    Raises:
        BadConfig: a file is damaged, or its key was shredded; what was held stays.
    """
    with _changing:
        found = FolderKeyring(keyring.folder).held
        sealing = found.newest
        made_at = {key.id: key.made_at for key in found.keys}
        for retention, key in sealing.items():
            core.run(KeepKey("bucket", key.id, made_at[key.id], command.actor, retention))
        keyring.held = found
        return {retention: key.id for retention, key in sealing.items()}


def change_signing_key(core: Core, signing: SigningKeys, command: ChangeSigningKey) -> dict[str, str]:
    """Put the signing key in `audit-next.key` into force, and let the files follow; returns the vkeys `old` and `new`.

    Raises:
        Missing: there is none.
    """
    with _changing:
        signing.reload()
        said = core.writer.run(lambda books: signing.change(books, actor=command.actor, at=now_us()))
        core.writer.run(signing.settle)
        return said


def remove_shredded(keyring: FolderKeyring, books: Books) -> None:
    """Remove files of keys that were shredded: a crash, or a backup of the keys, has left them.

    Raises:
        BadConfig: this process cannot change the folder.
    """
    shredded = keys.shredded_keys(books)
    paths = [path for path in keyring.paths() if path.stem.rpartition("bucket-")[2] in shredded]
    if not paths:
        return
    if keyring.folder == credentials() or not os.access(keyring.folder, os.W_OK):
        raise BadConfig(
            f"{paths[0]}: this key was shredded, and its file is there: remove it, where the service has it from"
        )
    with disk_errors():
        for path in paths:
            path.unlink()
    sync_directory(keyring.folder)
    keyring.reload()


def check_buckets(keyring: FolderKeyring, books: Books) -> None:
    """Raises Broken: objects are sealed for keys that are not here, and that nobody shredded."""
    here = {key.id for key in keyring.held.keys} | keys.shredded_keys(books)
    if lost := sorted(set(keys.buckets(books)) - here):
        raise Broken(
            f"objects are sealed for {len(lost)} bucket keys that are not in {keyring.folder} ({', '.join(lost[:5])}): "
            "restore their files, bucket-*.key, from the backup of the keys"
        )
