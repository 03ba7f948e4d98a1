"""Who signs: the key that the audit log itself names, and how another takes its place.

A change is one commit: the leaf that names the new key, every leaf numbered, and a checkpoint over all of them that
the old key signs and then the new one. The files are renamed behind it, and again at the next start if that was cut
short: which key signs stands in the ledger, never in the name of a file.

    audit.key  audit.pub    the key in force         audit-next.key      one whose change is not finished
    audit-1a2b3c4d.pub      the public half of an earlier one, by its key id

Spec: docs/formats/audit-log.md
"""

import os
from pathlib import Path

from mft.audit import log
from mft.crypto.keyring import NEXT_SIGNING_KEY, SIGNING_KEY, VERIFY_KEY, credentials, key_file
from mft.crypto.signing import SigningKey
from mft.durable import disk_errors, sync_directory, write_file
from mft.errors import BadConfig, Missing
from mft.ledger import keys
from mft.ledger.database import Books


def put_in_force(
    books: Books,
    use: str,
    key: str,
    *,
    retention: str | None = None,
    public: str | None = None,
    made_at: int,
    actor: str,
    at: int,
) -> bool:
    """Enter that a key is used from now on, in the place of another one of its use and class; with its leaf.

    Returns:
        Whether it was not yet.

    Raises:
        BadConfig: it was shredded.
    """
    before = keys.key_in_force(books, use, retention)
    if before is not None and before["id"] == key:
        return False
    known = keys.key_row(books, key)
    if known is None:
        keys.add_key(books, key, use, retention=retention, public=public, made_at=made_at, at=at)
    elif known["destroyed_at"] is not None:
        raise BadConfig(f"key {key} was shredded: take its file away, and whatever it came from")
    else:
        keys.use_again(books, key, at=at)
    if before is not None:
        keys.retire_key(books, before["id"], at=at)
    replaces = before["id"] if before else None
    facts = {"use": use, "key": key, "replaces": replaces, "retention": retention if use == "bucket" else None}
    log.append(books, "key.in-force", at=at, actor=actor, facts=facts)
    return True


class SigningKeys:
    """The private halves that are here: of the key in force, and of one that may take its place."""

    def __init__(self, folder: Path) -> None:
        """Raises BadConfig: there is none, or a file is damaged or open to others."""
        self._folder = folder
        self.reload()

    def reload(self) -> None:
        """Read the folder again. Raises BadConfig."""
        first = SigningKey.load(key_file(self._folder, SIGNING_KEY))
        path = key_file(self._folder, NEXT_SIGNING_KEY)
        self._next = SigningKey.load(path) if path.exists() else None
        self._first = first
        self._held = {key.verify_key.vkey: key for key in (first, self._next) if key is not None}

    def in_force(self, books: Books) -> SigningKey:
        """The key that the ledger says signs; before it says any, the one in `audit.key`.

        Raises:
            BadConfig: that key is not here.
        """
        row = keys.key_in_force(books, "signing")
        if row is None:
            return self._first
        if row["id"] not in self._held:
            raise BadConfig(
                f"{self._folder / SIGNING_KEY} is not the key that the audit log is signed with, {row['id']}: "
                "restore it from the backup of the keys that belongs to this ledger"
            )
        return self._held[row["id"]]

    def enter(self, books: Books, *, actor: str, at: int) -> bool:
        """Name the first signing key of a log that names none yet; returns whether that was so."""
        if keys.key_in_force(books, "signing") is not None:
            return False
        vkey = self._first.verify_key.vkey
        return put_in_force(books, "signing", vkey, public=vkey, made_at=at, actor=actor, at=at)

    def change(self, books: Books, *, actor: str, at: int) -> dict[str, str]:
        """Put the next key into force, in the caller's transaction; returns the vkeys `old` and `new`.

        Raises:
            Missing: there is no next key here.
        """
        old, new = self.in_force(books), self._next
        if new is None:
            raise Missing(
                f"{NEXT_SIGNING_KEY} is not in {self._folder}"
                + (": restart the service, which has its credentials from its start" if self._is_credentials else "")
            )
        said = {"old": old.verify_key.vkey, "new": new.verify_key.vkey}
        if old.verify_key != new.verify_key:
            self.enter(books, actor=actor, at=at)
            put_in_force(books, "signing", said["new"], public=said["new"], made_at=at, actor=actor, at=at)
            log.make_checkpoint(books, new, at=at, after=old)
        return said

    def settle(self, books: Books) -> None:
        """Let the files say what the ledger says; what of it is done already stays.

        The old private half is gone with the rename: its name now is the new key's. Its blocks on the disk are not
        scrubbed, and backups have it.
        """
        key = self.in_force(books)
        if key is not self._next or self._is_read_only:
            return
        old = self._first.verify_key
        path = self._folder / f"audit-{old.key_id.hex()}.pub"
        if old != key.verify_key and not path.exists():
            write_file(path, f"{old.vkey}\n".encode(), mode=0o444)
        write_file(self._folder / VERIFY_KEY, f"{key.verify_key.vkey}\n".encode(), mode=0o444)
        with disk_errors():
            (self._folder / NEXT_SIGNING_KEY).replace(self._folder / SIGNING_KEY)
        sync_directory(self._folder)
        self.reload()

    @property
    def _is_credentials(self) -> bool:
        return self._folder == credentials()

    @property
    def _is_read_only(self) -> bool:
        """Whether this process cannot change the folder: a service's unit may say so. The command that asked can."""
        return self._is_credentials or not os.access(self._folder, os.W_OK)
