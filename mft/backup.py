"""A copy of a home that it can be made again from, taken while the server runs.

    DIR/manifest.json       which copy of the ledger counts, and what it speaks of
    DIR/ID/ledger.db        the ledger as it was at one moment, by SQLite's backup interface
    DIR/ID/config/          configuration and partner files
    DIR/vault/ab/abcd…      sealed objects, as in the vault

Sealed files never change, so a later backup into the same DIR copies only new ones. It is in force with its manifest,
which is replaced by one rename, behind everything that it speaks of; only then the former copy of the ledger goes, and
with it each sealed file that the ledger has forgotten. So DIR can be restored at any moment, and what was erased is
gone from it with the next backup. Keys are never in it.

Trust: who can read DIR learns what who can read data/ and config/ learns: names, times and sizes, no content. Who can
write it can destroy it, or put an older one in its place, which a checkpoint that was kept elsewhere shows.
"""

import fcntl
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
from sqlalchemy import func, select

from mft.audit.log import canonical
from mft.clock import ALPHABET, new_id, now_us, rfc3339
from mft.crypto.keyring import PGP_KEYS
from mft.crypto.signing import SigningKey, VerifyKey
from mft.domain import Stage
from mft.durable import copy_file, disk_errors, sync_copy, sync_directory, write_file
from mft.errors import BadBackup, Busy, FileGone, Missing, NotAllowed
from mft.ledger.database import Books, Ledger, copying, reading
from mft.ledger.keys import key_in_force
from mft.ledger.migrate import version
from mft.ledger.objects import Stored, erase_object, erased_objects, readable_objects, sealed_object, stored_objects
from mft.ledger.tables import CHECKPOINT, INSTALLATION, KEY_PAIR, NODE, OBJECT
from mft.ledger.uploads import end_upload, under_way

MANIFEST: Final = "manifest.json"
LEDGER: Final = "ledger.db"
CONFIG: Final = "config"
VAULT: Final = "vault"
VERSION: Final = 1
MANIFEST_SIZE_MAX: Final = 64 << 20

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is, and how much it will be."""

_ID = re.compile(f"[{ALPHABET}]{{26}}")
_BEFORE = "audit-before-*.key"  # Signing keys of the former backup, while the next one is not in force.

_INSTALLATION = select(INSTALLATION.c.id).limit(1)
_LEAVES = select((func.coalesce(func.max(NODE.c.position), -1) + 1).label("leaves")).where(NODE.c.level == 0)
_LAST_CHECKPOINT = select(CHECKPOINT.c.note).order_by(CHECKPOINT.c.size.desc(), CHECKPOINT.c.id.desc()).limit(1)
_CHECKPOINTS = select(CHECKPOINT.c.note)
_FILES = select(
    func.count().label("objects"), func.coalesce(func.sum(OBJECT.c.sealed_size), 0).label("size_bytes")
).where(OBJECT.c.blob.is_(None), OBJECT.c.erased_at.is_(None))
_BUCKETS = select(OBJECT.c.bucket).where(OBJECT.c.wrapped_dek.is_not(None)).distinct().order_by(OBJECT.c.bucket)
_DESTROYED = select(KEY_PAIR.c.id).where(KEY_PAIR.c.destroyed_at.is_not(None))


class Contents(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a copy of the ledger speaks of: all of it is counted again when it is restored.

    `buckets` are the ids of the keys that its objects are sealed for; `leaves` have a number in the audit log.
    """

    installation: str
    migration: str
    leaves: int
    checkpoint: str | None
    objects: int
    bytes: int
    buckets: list[str]


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup is. `config` has the SHA-256 of each file; `vkey` is of the key that signs the audit log."""

    v: int
    id: str
    at: int
    made_at: str
    program: str
    contents: Contents
    ledger_bytes: int
    ledger_sha256: str
    config: dict[str, str]
    vkey: str


@dataclass(frozen=True, slots=True)
class Places:
    """Where the parts of a home are."""

    root: Path
    config: Path
    keys: Path
    vault: Path
    ledger: Path


@dataclass(frozen=True, slots=True)
class BackedUp:
    """What a backup did: `copied` files of `copied_bytes`, and `removed` ones that the ledger has forgotten."""

    manifest: Manifest
    copied: int
    copied_bytes: int
    removed: int


def contents(ledger: Ledger) -> Contents:
    """Count what a ledger speaks of."""
    migration = version(ledger)
    with reading(ledger) as books, books.snapshot():
        installation, checkpoint = books.first(_INSTALLATION), books.first(_LAST_CHECKPOINT)
        files = books.rows(_FILES)[0]
        if migration is None or installation is None:
            raise BadBackup(f"{ledger.path} is no ledger")
        return Contents(
            installation=installation["id"],
            migration=migration,
            leaves=books.rows(_LEAVES)[0]["leaves"],
            checkpoint=checkpoint["note"] if checkpoint else None,
            objects=files["objects"],
            bytes=files["size_bytes"],
            buckets=[row["bucket"] for row in books.rows(_BUCKETS)],
        )


def read_manifest(folder: Path) -> Manifest:
    """The backup that is in force in a folder.

    Raises:
        Missing: there is none.
        BadBackup: it is not as `mft backup` wrote it, or of another version.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise Missing(f"{folder} is no backup: it has no {MANIFEST}. Name the folder that `mft backup` wrote")
    if path.stat().st_size > MANIFEST_SIZE_MAX:
        raise BadBackup(f"{path} is far too long to be one")
    try:
        said: dict[str, Any] = json.loads(path.read_bytes())
        total = said.pop("sum")
        good = total == _sum(said)
        manifest = msgspec.convert(said, Manifest) if good else None
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError, msgspec.ValidationError):
        manifest = None
    if manifest is None or not _ID.fullmatch(manifest.id):
        raise BadBackup(f"{path} is damaged or was altered: restore another backup, or another copy of this one")
    if manifest.v != VERSION:
        raise BadBackup(f"{path} is of version {manifest.v}, and this program reads {VERSION}: install a newer mft")
    return manifest


def _write_manifest(folder: Path, manifest: Manifest) -> None:
    said = msgspec.to_builtins(manifest)
    said["sum"] = _sum(said)
    write_file(folder / MANIFEST, json.dumps(said, indent=1, ensure_ascii=False).encode() + b"\n")


def _sum(said: dict[str, Any]) -> str:
    return hashlib.sha256(canonical(said)).hexdigest()


def hash_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_below(folder: Path) -> list[Path]:
    """Every file in a folder, relative to it."""
    return sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())


def check_apart(home: Path, live_keys: Path, target: Path, keys: Path | None) -> None:
    """Raises NotAllowed: places lie inside each other."""
    home, live_keys, target = home.resolve(), live_keys.resolve(), target.resolve()
    if _overlap(target, home):
        raise NotAllowed(f"{target} and the home {home} lie in each other: a backup belongs on another disk")
    for place in (target, keys.resolve()) if keys is not None else (target,):
        if not _overlap(live_keys, home) and _overlap(place, live_keys):
            raise NotAllowed(f"{place} and the keys in use, {live_keys}, lie in each other: name another directory")
    if keys is None:
        return
    keys = keys.resolve()
    if _overlap(keys, target):
        raise NotAllowed(f"{keys} and {target} lie in each other: who has both can read everything, so keep keys apart")
    if _overlap(keys, home):
        raise NotAllowed(f"{keys} and the home {home} lie in each other: a backup belongs on another disk")


def _overlap(one: Path, other: Path) -> bool:
    return one.is_relative_to(other) or other.is_relative_to(one)


def same_disk(one: Path, other: Path) -> bool:
    """Whether two folders lie in one file system, and so would be lost, or stolen, together."""
    return one.stat().st_dev == other.stat().st_dev


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise Busy(f"another backup into {folder} is under way: wait until it is done") from None
    finally:
        os.close(fd)


def back_up(
    places: Places, target: Path, *, vkey: VerifyKey, program: str, progress: Progress, keys: Path | None = None
) -> BackedUp:
    """Back a home up into `target`, and its keys into `keys`.

    `vkey` is of the key that signs a log whose leaves name none.

    Durability: when this returns, the new backup is on the disk and in force; until then the former one is.

    Raises:
        NotAllowed: `target` holds something else, or a backup of what this home does not know.
        Busy: another backup into it is under way.
        NoSpace: the disk is full; the former backup stands.
        FileGone: the vault has lost a file.
    """
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_one(target):
        ledger = Ledger(f"sqlite:{places.ledger}")
        _check_target(ledger, target)
        backup = _Backup(places, ledger, target, progress)
        try:
            return backup.run(vkey, program, keys)
        except BaseException:
            backup.abandon()
            raise


def _check_target(ledger: Ledger, target: Path) -> None:
    found = {path.name for path in target.iterdir()}
    if MANIFEST not in found:
        if strange := {name for name in found if name != VAULT and not _ID.fullmatch(name) and not _is_staged(name)}:
            raise NotAllowed(f"{target} holds something else ({min(strange)}): name an empty or a new directory")
        return
    former = read_manifest(target).contents
    with reading(ledger) as books:
        installation = books.first(_INSTALLATION)
        if installation is None or installation["id"] != former.installation:
            raise NotAllowed(f"{target} holds the backup of another installation: name another directory")
        known = former.checkpoint is None or former.checkpoint in {row["note"] for row in books.rows(_CHECKPOINTS)}
    if not known:
        raise NotAllowed(
            f"{target} holds a backup of a state that this home does not know ({former.leaves} leaves): this home was "
            "put back, or went on from another backup. Nothing is overwritten: name another directory"
        )


def _is_staged(name: str) -> bool:
    return name.startswith(f".{MANIFEST}.") and name.endswith(".staged")


class _Backup:
    """One run. `abandon` takes away what a run that failed has begun; sealed files it copied serve the next one."""

    def __init__(self, places: Places, ledger: Ledger, target: Path, progress: Progress) -> None:
        self.id: Final = new_id()
        self._places = places
        self._live = ledger
        self._target = target
        self._progress = progress
        self._folder = target / self.id
        self._vault = target / VAULT
        self._copy = Ledger(f"sqlite:{self._folder / LEDGER}")
        self._perhaps_in_force = False
        self._copied = 0
        self._copied_bytes = 0
        self._touched: set[Path] = set()

    def run(self, vkey: VerifyKey, program: str, keys: Path | None) -> BackedUp:
        for folder in (self._folder, self._folder / CONFIG, self._vault):
            folder.mkdir(mode=0o700, exist_ok=True)
        at = now_us()
        if keys is not None:
            copy_keys(self._live, self._places.keys, keys)
        self._copy_ledger()
        if keys is not None:  # Once more: a key may have come into force before the copy was taken.
            copy_keys(self._live, self._places.keys, keys)
        self._copy_config()
        self._follow(self._copy_objects())
        manifest = self._manifest(vkey, program, at)
        for folder in (*self._touched, self._vault, self._target):
            sync_directory(folder)
        self._perhaps_in_force = True  # Once it is renamed, it counts, also if its folder cannot be synced.
        _write_manifest(self._target, manifest)
        removed = self._sweep()
        if keys is not None:
            for path in keys.glob(_BEFORE):
                if SigningKey.load(path).verify_key.vkey != manifest.vkey:
                    path.unlink()
        return BackedUp(manifest, self._copied, self._copied_bytes, removed)

    def abandon(self) -> None:
        if not self._perhaps_in_force:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _copy_ledger(self) -> None:
        path = self._folder / LEDGER
        with disk_errors():
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
        with reading(self._live) as books, books.snapshot():
            books.first(_INSTALLATION)  # The snapshot is of this moment: SQLite begins it with the first read.
            books.copy_to(path, lambda done, pages: self._progress("ledger", done, pages))

    def _copy_config(self) -> None:
        for path in files_below(self._places.config):
            copy = self._folder / CONFIG / path
            copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_file(copy, (self._places.config / path).read_bytes())
            self._touched |= {copy.parent, copy.parent.parent}

    def _copy_objects(self) -> set[str]:
        """Copy the files that the copy of the ledger speaks of and that are not there yet; returns what is gone."""
        gone: set[str] = set()
        with reading(self._copy) as books:
            total = books.rows(_FILES)[0]["objects"]
            for done, stored in enumerate(stored_objects(books), 1):
                if not self._copy_object(stored) and not stored.under_way:
                    gone.add(stored.id)
                self._progress("files", done, total)
        return gone

    def _copy_object(self, stored: Stored) -> bool:
        """Whether the object's file is in the backup now."""
        folder = self._vault / stored.id[:2]
        copy = folder / stored.id
        size = copy.stat().st_size if copy.exists() else -1
        if size >= 0 and stored.fits(size) and not stored.under_way:
            return True
        folder.mkdir(mode=0o700, exist_ok=True)
        staged = folder / f".{stored.id}.part"
        staged.unlink(missing_ok=True)
        try:
            size = copy_file(self._places.vault / stored.id[:2] / stored.id, staged)
        except FileNotFoundError:
            return False
        if not stored.fits(size):
            staged.unlink()
            raise FileGone(
                f"object {stored.id} has {size} bytes in the vault, and {stored.sealed_size} in the ledger: "
                "restore its file from an older backup"
            )
        with disk_errors():
            staged.replace(copy)
        self._touched.add(folder)
        self._copied += 1
        self._copied_bytes += size
        return True

    def _follow(self, gone: set[str]) -> None:
        """Erase in the copy what was erased since the copy was taken: its key, and with the sweep its file."""
        with reading(self._live) as books, books.snapshot():
            readable, erased = readable_objects(books), erased_objects(books)
        if lost := sorted(gone & readable):
            raise FileGone(
                f"{len(lost)} objects are in the ledger and their files are gone from {self._places.vault} "
                f"(first: {lost[0]}): restore them from an older backup"
            )
        with copying(self._folder / LEDGER), closing(self._copy.open_writer()) as books:
            begun = {stored.id for stored in stored_objects(books) if stored.under_way}
            # A row that was taken out while its upload was under way had nothing in it: the next start does the same.
            late = {one for one in readable_objects(books) - readable if one in erased or one not in begun}
            books.script("BEGIN IMMEDIATE")
            for object_id in sorted(late):
                erase_object(books, object_id, at=now_us())
            for row in under_way(books) if late else ():
                _end_if_erased(books, row["id"], row["object_id"])
            books.script("COMMIT")
            books.script("PRAGMA journal_mode=DELETE")  # One file, that can be read where nothing can be written.
        sync_copy(self._folder / LEDGER)

    def _manifest(self, vkey: VerifyKey, program: str, at: int) -> Manifest:
        path = self._folder / LEDGER
        folder = self._folder / CONFIG
        with reading(self._copy) as books:
            signing = key_in_force(books, "signing")
        return Manifest(
            v=VERSION,
            id=self.id,
            at=at,
            made_at=rfc3339(at),
            program=program,
            contents=contents(self._copy),
            ledger_bytes=path.stat().st_size,
            ledger_sha256=hash_of(path),
            config={str(name): hash_of(folder / name) for name in files_below(folder)},
            vkey=signing["id"] if signing else vkey.vkey,
        )

    def _sweep(self) -> int:
        """Remove what the backup that is in force does not speak of; returns the number of sealed files."""
        for path in self._target.iterdir():
            if _ID.fullmatch(path.name) and path.name != self.id:
                shutil.rmtree(path, ignore_errors=True)
            elif _is_staged(path.name):
                path.unlink(missing_ok=True)
        with reading(self._copy) as books:
            known = {stored.id for stored in stored_objects(books)}
        removed = 0
        for path in self._vault.glob("??/*"):
            if path.name not in known:
                path.unlink(missing_ok=True)
                removed += not path.name.startswith(".")
        return removed


def _end_if_erased(books: Books, transfer: str, object_id: str | None) -> None:
    if object_id is None:
        return
    try:
        sealed_object(books, object_id)
    except Missing:
        end_upload(books, transfer, Stage.EXPIRED, "erased while a backup was made", at=now_us())


def copy_keys(ledger: Ledger, source: Path, target: Path) -> None:
    """Copy key files. Those of keys that were destroyed on purpose go; no other does, should `source` have lost it.

    The signing key of the former backup stays beside a new one until the new backup is in force.
    """
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (source / PGP_KEYS).is_dir():
        (target / PGP_KEYS).mkdir(mode=0o700, exist_ok=True)
    for path in sorted([*source.iterdir(), *(source / PGP_KEYS).glob("*")]):
        if not path.is_file() or path.name.startswith("."):
            continue
        content = path.read_bytes()
        copy = target / path.relative_to(source)
        if copy.exists() and copy.read_bytes() == content:
            continue
        if copy.exists() and path.name.endswith("audit.key"):
            before = _BEFORE.replace("*", hash_of(copy)[:8])
            write_file(target / before, copy.read_bytes(), mode=0o400)
        write_file(copy, content, mode=0o444 if path.suffix == ".pub" else 0o400)
    with reading(ledger) as books:
        destroyed = [row["id"] for row in books.rows(_DESTROYED)]
    for key in destroyed:
        for path in target.glob(f"*bucket-{key}.key"):
            if not (source / path.name).exists():
                path.unlink()
    sync_directory(target)
