"""A home made again from a backup and the keys that were kept apart from it.

Nothing is believed: the ledger is hashed and checked, what the manifest says of it is counted again, every sealed file
must be there with its size, every key that they need too, and the audit log must verify, with each checkpoint that was
kept elsewhere. The home is made beside its place and moved there by one rename, so there is never half of one.

A checkpoint over more leaves than the log has is the proof that something came after this backup: it is lost, and the
restored log goes on in another way than the one that was signed. That wants `accept_loss`.
"""

import fcntl
import os
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from sqlalchemy import text

from mft.audit import checkpoint as notes
from mft.audit.selection import chain_of
from mft.audit.verify import verify_log
from mft.backup import CONFIG, LEDGER, VAULT, Manifest, Places, Progress, contents, files_below, hash_of, read_manifest
from mft.clock import ALPHABET
from mft.crypto.keyring import BUCKET_KEYS, PGP_KEYS, FolderKeyring, MemoryKeyring
from mft.crypto.keys import BucketPrivateKey
from mft.crypto.signing import SigningKey, VerifyKey
from mft.durable import copy_file, sync_copy, sync_directory
from mft.errors import AuditMismatch, BadBackup, BadConfig, Busy, FileGone, Malformed, Missing, NameTaken, NotAllowed
from mft.ledger.database import Ledger, database_errors, reading
from mft.ledger.objects import Stored, readable_objects, sealed_object, stored_objects
from mft.ledger.tables import HEAD
from mft.vault.store import Vault

SIGNING_KEYS: Final = "*audit*.key"
VERIFY_KEYS: Final = "*audit*.pub"
HOST_KEYS: Final = "*ssh_host_*"

_OBJECT_ID = re.compile(f"[{ALPHABET}]{{26}}")
_QUICK_CHECK = text("PRAGMA quick_check(1)")


@dataclass(frozen=True, slots=True)
class Restored:
    """What was made again. `lost` is how many leaves a checkpoint has proven lost, None without such a proof."""

    manifest: Manifest
    lost: int | None


@dataclass(frozen=True, slots=True)
class Trust:
    """What the audit log is held against: keys, or the one among the kept keys; and checkpoints kept elsewhere."""

    keys: tuple[VerifyKey, ...] = ()
    checkpoints: tuple[str, ...] = ()
    accept_loss: bool = False


class Restore:
    """Makes a home beside `target`; `settle` moves it there.

    Resource handling: what was made is removed by `abandon`, or by the next restore to the same place.
    """

    def __init__(self, source: Path, keys: Path, target: Path, progress: Progress) -> None:
        """Raises NameTaken, NotAllowed or Busy: there is something at `target`, or it lies in what it is made from."""
        self.target: Final = target.absolute()
        self.staging: Final = self.target.with_name(f".{self.target.name}.restoring")
        self._source = source
        self._kept_keys = keys
        self._progress = progress
        for folder in (source, keys):
            if not folder.is_dir():
                raise Missing(f"{folder} is not there")
            if self.target.resolve().is_relative_to(folder.resolve()):
                raise NotAllowed(f"{target} lies in {folder}: a home is made beside what it is made from")
        if self.target.exists() and (not self.target.is_dir() or any(self.target.iterdir())):
            raise NameTaken(f"{target} exists and is not empty: name another directory, or move it away first")
        self.target.parent.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self.target.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(self._lock)
            raise Busy(f"another restore into {self.target.parent} is under way") from None
        shutil.rmtree(self.staging, ignore_errors=True)

    def prepare(self, places: Places, trust: Trust, *, read_all: bool = False) -> Restored:
        """Check the backup, and make the home in `places`, which lie in `staging`.

        Args:
            read_all: open every sealed object to its last byte, too.

        Raises:
            BadBackup, AuditMismatch, BadConfig, NotAllowed: what does not fit, where, and what to do.
        """
        manifest = read_manifest(self._source)
        for folder in (places.root, places.config, places.keys, places.ledger.parent, places.vault):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ledger = self._copy_ledger(manifest, places.ledger)
        self._copy_config(manifest, places.config)
        signing, buckets = self._find_keys(manifest)
        lost = self._check_log(ledger, manifest, signing, trust)
        self._check_files(ledger)
        self._copy_keys(places.keys, signing, buckets)
        self._copy_files(ledger, places, buckets)
        if read_all:
            self._read_all(ledger, places)
        return Restored(manifest, lost)

    def settle(self) -> None:
        """Durability: when this returns, the home is whole, and in its place."""
        for folder in [self.staging, *(path for path in self.staging.rglob("*") if path.is_dir())]:
            sync_directory(folder)
        self.staging.rename(self.target)
        sync_directory(self.target.parent)
        os.close(self._lock)

    def abandon(self) -> None:
        shutil.rmtree(self.staging, ignore_errors=True)
        os.close(self._lock)

    def _copy_ledger(self, manifest: Manifest, target: Path) -> Ledger:
        source = self._source / manifest.id / LEDGER
        try:
            size = copy_file(source, target, copied=lambda done: self._progress("ledger", done, manifest.ledger_bytes))
        except FileNotFoundError:
            raise BadBackup(f"{source} is missing: restore another backup") from None
        if size != manifest.ledger_bytes or hash_of(target) != manifest.ledger_sha256:
            raise BadBackup(f"{source} is not the file that was backed up: restore another backup, or copy of this one")
        ledger = Ledger(f"sqlite:{target}")
        try:
            with reading(ledger) as books:
                said = next(iter(books.rows(_QUICK_CHECK)[0].values()))
            found = contents(ledger)
        except database_errors(ledger.dialect_name) as error:
            said, found = str(error), None
        if found is None or said != "ok":
            raise BadBackup(f"{source}: SQLite says: {said}; restore an older backup")
        if found.migration > HEAD:
            raise NotAllowed(
                f"{source} is at migration {found.migration}, newer than this program: install a newer mft"
            )
        for name, value in zip(found.__struct_fields__, _values(found), strict=True):
            if value != getattr(manifest.contents, name):
                raise BadBackup(f"{self._source}: the manifest's {name} is not what the ledger says: it was altered")
        return ledger

    def _copy_config(self, manifest: Manifest, target: Path) -> None:
        folder = self._source / manifest.id / CONFIG
        found = {str(path): hash_of(folder / path) for path in files_below(folder)}
        for name in sorted(found.keys() | manifest.config.keys()):
            if found.get(name) != manifest.config.get(name):
                what = "is missing" if name not in found else "is not the file that was backed up"
                raise BadBackup(f"{folder / name} {what}: restore another backup, or copy of this one")
        for name in found:
            copy = target / name
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            copy_file(folder / name, copy)

    def _find_keys(self, manifest: Manifest) -> tuple[SigningKey, MemoryKeyring]:
        buckets = [BucketPrivateKey.load(path) for path in sorted(self._kept_keys.glob(BUCKET_KEYS))]
        absent = sorted(set(manifest.contents.buckets) - {key.id for key in buckets})
        if absent or not buckets:
            names = ", ".join(f"bucket-{key}.key" for key in absent) or "bucket-*.key"
            raise BadConfig(
                f"{self._kept_keys}: {names} missing: without it nothing that was sealed for it can be opened. "
                "Name the backup of the keys that belongs to this one"
            )
        others: list[str] = []
        for path in sorted(self._kept_keys.glob(SIGNING_KEYS)):
            key = SigningKey.load(path)
            if key.verify_key.vkey == manifest.vkey:
                return key, MemoryKeyring(buckets)
            others.append(path.name)
        here = ", ".join(others) or "no audit.key"
        raise BadConfig(
            f"{self._kept_keys}: the key that signs this audit log is not here ({here}); it is {manifest.vkey}. "
            "Name the backup of the keys that belongs to this one"
        )

    def _check_log(self, ledger: Ledger, manifest: Manifest, signing: SigningKey, trust: Trust) -> int | None:
        keys = trust.keys or (signing.verify_key,)
        known = (*_named_keys(ledger), *keys) if trust.checkpoints else keys
        behind: list[tuple[int, str]] = []
        within: list[tuple[int, str]] = []
        for note in trust.checkpoints:
            size = _size_of(note, known)
            (behind if size > manifest.contents.leaves else within).append((size, note))
        lost = max(behind)[0] - manifest.contents.leaves if behind else None
        if lost is not None and not trust.accept_loss:
            raise NotAllowed(
                f"this backup of {manifest.made_at} is older than a checkpoint that you kept: {lost} leaves at least "
                "came after it, and are lost with what they tell of. Restore a newer backup if there is one. With "
                "--accept-loss the home goes on without them: partners must send again what was received since then"
            )
        try:
            with reading(ledger) as books:
                verify_log(
                    books,
                    keys,
                    pinned=[note for _, note in within],
                    progress=lambda done: self._progress("audit log", done, manifest.contents.leaves),
                )
        except database_errors(ledger.dialect_name) as error:
            raise AuditMismatch(f"the audit log cannot be read: {error}") from None
        return lost

    def _check_files(self, ledger: Ledger) -> None:
        """Ahead of copying, which may take hours."""
        absent: list[str] = []
        wrong: list[str] = []
        for stored in self._stored(ledger):
            path = self._source / VAULT / stored.id[:2] / stored.id
            if stored.under_way:
                continue
            if path.is_symlink() or not path.is_file():
                absent.append(str(path))
            elif not stored.fits(path.stat().st_size):
                wrong.append(str(path))
        remedy = "restore another backup, or copy of this one"
        if absent:
            raise BadBackup(f"{len(absent)} sealed files are missing (first: {absent[0]}): {remedy}")
        if wrong:
            raise BadBackup(f"{len(wrong)} sealed files have another size (first: {wrong[0]}): {remedy}")

    def _stored(self, ledger: Ledger) -> list[Stored]:
        with reading(ledger) as books:
            found = list(stored_objects(books))
        for stored in found:
            if not _OBJECT_ID.fullmatch(stored.id):
                raise BadBackup(f"{self._source}: the ledger has an object that no mft has named so: it was altered")
        return found

    def _copy_keys(self, target: Path, signing: SigningKey, buckets: MemoryKeyring) -> None:
        for key in buckets.keys:
            key.save(target)
        signing.save(target / "audit.key")
        for pattern in (VERIFY_KEYS, HOST_KEYS):
            for path in sorted(self._kept_keys.glob(pattern)):
                name = path.name[path.name.index(pattern.strip("*").split("*")[0]) :]
                if name != "audit.pub":
                    copy_file(path, target / name)
                    (target / name).chmod(0o444 if name.endswith(".pub") else 0o400)
        signing.verify_key.save(target / "audit.pub")
        for path in target.iterdir():
            sync_copy(path)
        for path in sorted((self._kept_keys / PGP_KEYS).glob("*")):
            (target / PGP_KEYS).mkdir(mode=0o700, exist_ok=True)
            copy_file(path, target / PGP_KEYS / path.name)
            (target / PGP_KEYS / path.name).chmod(0o400)
            sync_copy(target / PGP_KEYS / path.name)

    def _copy_files(self, ledger: Ledger, places: Places, buckets: MemoryKeyring) -> None:
        Vault(places.vault, buckets).lay_out()
        stored = self._stored(ledger)
        for done, one in enumerate(stored, 1):
            path = self._source / VAULT / one.id[:2] / one.id
            if path.exists():
                copy_file(path, places.vault / one.id[:2] / one.id)
            self._progress("files", done, len(stored))

    def _read_all(self, ledger: Ledger, places: Places) -> None:
        vault = Vault(places.vault, FolderKeyring(places.keys))
        with reading(ledger) as books:
            begun = {stored.id for stored in stored_objects(books) if stored.under_way}
            objects = sorted(readable_objects(books) - begun)
            for done, object_id in enumerate(objects, 1):
                try:
                    reader = vault.open(replace(sealed_object(books, object_id), before=()))
                    for _ in reader.chunks():
                        pass
                    reader.close()
                except (Malformed, FileGone, Missing) as error:
                    raise BadBackup(
                        f"object {object_id} cannot be opened: {error}. Restore another backup, or copy of this one"
                    ) from None
                self._progress("opened", done, len(objects))


def _values(found: object) -> list[object]:
    return [getattr(found, name) for name in found.__struct_fields__]  # type: ignore[attr-defined]


def _named_keys(ledger: Ledger) -> list[VerifyKey]:
    """The signing keys that the leaves name. Not believed: the log is verified yet."""
    found = []
    with reading(ledger) as books, suppress(*database_errors(ledger.dialect_name)):
        for key in chain_of(books, ""):
            with suppress(ValueError):
                found.append(VerifyKey.parse(key))
    return found


def _size_of(note: str, keys: Sequence[VerifyKey]) -> int:
    """Raises AuditMismatch: no key that is trusted has signed this checkpoint."""
    for key in keys[:-1]:
        try:
            return notes.verify(note, key).size
        except AuditMismatch:
            continue
    return notes.verify(note, keys[-1]).size
