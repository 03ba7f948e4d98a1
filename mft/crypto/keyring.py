"""Who may open: the private halves of bucket keys, behind one small interface.

A folder of key files, or systemd's credentials, today; a KMS, a Vault server or a PKCS#11 module is another class with
the same two methods. Whoever only seals holds public halves and nothing of this.

Trust: who can read the folder opens everything that was sealed; who can write it decides whom new files are sealed for.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Final, Protocol

from mft.crypto.keys import BucketPrivateKey, BucketPublicKey
from mft.errors import BadConfig, UnsealFailed

BUCKET_KEYS: Final = "*bucket-*.key"  # Systemd puts the name of a credential's folder before that of its file.
SIGNING_KEY: Final = "audit.key"
NEXT_SIGNING_KEY: Final = "audit-next.key"
VERIFY_KEY: Final = "audit.pub"
PGP_KEYS: Final = "pgp"  # A folder.


class Keyring(Protocol):
    """The keys of a vault."""

    def seal_for(self, retention: str) -> BucketPublicKey:
        """The public half of the key that new objects of a retention class are sealed for.

        Raises:
            BadConfig: the class has no key.
        """
        ...

    def unwrap(self, bucket: str, wrapped: bytes, context: bytes) -> bytes:
        """A DEK, by the id of the key that it was wrapped to.

        Raises:
            UnsealFailed: that key is not here, or this is no DEK that was wrapped to it for this context.
        """
        ...


class PublicKeyring:
    """Seals and opens nothing: all that a door holds."""

    def __init__(self, keys: Iterable[tuple[str, BucketPublicKey]]) -> None:
        self._seal_for = dict(keys)

    def seal_for(self, retention: str) -> BucketPublicKey:
        return _of_class(self._seal_for, retention)

    def unwrap(self, bucket: str, wrapped: bytes, context: bytes) -> bytes:  # noqa: ARG002  The interface's.
        raise UnsealFailed(f"the private key of bucket {bucket} is not here")


class MemoryKeyring:
    """Keys at hand. Of each retention class the newest seals, and all open."""

    def __init__(self, keys: Iterable[BucketPrivateKey]) -> None:
        self.keys: Final = tuple(sorted(keys, key=lambda key: (key.made_at, key.id)))
        self._open_with = {key.id: key for key in self.keys}
        self._seal_for = {key.retention: key.public for key in self.keys}

    @property
    def newest(self) -> dict[str, BucketPublicKey]:
        """The key that seals, by retention class."""
        return dict(self._seal_for)

    def seal_for(self, retention: str) -> BucketPublicKey:
        return _of_class(self._seal_for, retention)

    def unwrap(self, bucket: str, wrapped: bytes, context: bytes) -> bytes:
        if bucket not in self._open_with:
            raise UnsealFailed(f"the private key of bucket {bucket} is not here")
        return self._open_with[bucket].unwrap(wrapped, context)


class FolderKeyring:
    """The key files of a folder, as they were when it was read last."""

    def __init__(self, folder: Path) -> None:
        """Raises BadConfig: as `reload` does."""
        self.folder: Final = folder
        self.held = self._read()

    def reload(self) -> None:
        """Read the folder again; what was held stays if that fails.

        Raises:
            BadConfig: there is no key, or one is damaged or open to others.
        """
        self.held = self._read()

    def paths(self) -> list[Path]:
        """The key files that are there now."""
        return sorted(self.folder.glob(BUCKET_KEYS))

    def _read(self) -> MemoryKeyring:
        paths = self.paths()
        if not paths:
            raise BadConfig(f"{self.folder}: no bucket key here: restore bucket-*.key from the backup of the keys")
        return MemoryKeyring(BucketPrivateKey.load(path) for path in paths)

    def seal_for(self, retention: str) -> BucketPublicKey:
        return self.held.seal_for(retention)

    def unwrap(self, bucket: str, wrapped: bytes, context: bytes) -> bytes:
        return self.held.unwrap(bucket, wrapped, context)


def key_file(folder: Path, name: str) -> Path:
    """A key file by its name, or by what systemd makes of that: `keys_audit.key`, of `LoadCredential=keys:FOLDER`."""
    plain = folder / name
    return plain if plain.exists() else next(iter(sorted(folder.glob(f"*_{name}"))), plain)


def credentials() -> Path | None:
    """Where systemd has put the credentials of this service, if it has."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder) if folder else None


def _of_class(keys: dict[str, BucketPublicKey], retention: str) -> BucketPublicKey:
    if retention not in keys:
        raise BadConfig(
            f"retention class {retention} has no bucket key: run `mft keys rotate bucket --class {retention}`"
        )
    return keys[retention]
