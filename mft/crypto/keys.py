"""Data keys, and the retention bucket keys they are wrapped to.

Every object is sealed under a DEK of its own. The ledger keeps that DEK wrapped to the public key of the
object's retention bucket, by HPKE in base mode (RFC 9180) with the object's context as `info`: a wrapped DEK
moved to another object does not unwrap. A door holds public keys only; whoever holds a bucket's private key
opens what the bucket holds. Destroying that key, or one wrapped DEK, shreds.

Suite: KEM 0x647A (X-Wing: ML-KEM-768 and X25519, safe as long as one of both is), KDF 0x0001 (HKDF-SHA-256),
AEAD 0x0002 (AES-256-GCM). An X-Wing private key is a 32-byte seed.

A key file is one JSON object: "v", "kind", "kem", "id", "retention", "made_at", and the seed as "key" in base64.

Spec: docs/formats/sealed-object.md; RFC 9180 section 6.1; draft-connolly-cfrg-xwing-kem.
"""

import base64
import hashlib
import json
import os
import secrets
import stat
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hpke
from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey, MLKEM768PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from mft.clock import now_us
from mft.crypto.stream import DEK_SIZE
from mft.domain import STANDARD, is_retention_class
from mft.errors import BadConfig, UnsealFailed
from mft.own_process import leave_no_core

SEED_SIZE: Final = 32
PUBLIC_SIZE: Final = 1216  # ML-KEM-768's 1,184 bytes, then X25519's 32.
WRAPPED_SIZE: Final = 1120 + DEK_SIZE + 16  # HPKE's enc, then the sealed DEK and its tag.
KEY_FILE_SIZE_MAX: Final = 1 << 16

_SUITE = hpke.Suite(hpke.KEM.MLKEM768_X25519, hpke.KDF.HKDF_SHA256, hpke.AEAD.AES_256_GCM)
_MLKEM_PUBLIC_SIZE = 1184
_MLKEM_SEED_SIZE = 64
_KEM_NAME = "X-Wing"
_KIND = "bucket-private-key"


def new_dek() -> bytes:
    """Make 32 random bytes, to seal one object and nothing else."""
    return secrets.token_bytes(DEK_SIZE)


class BucketPublicKey:
    """Wraps DEKs for one retention bucket. Equal when the key bytes are.

    Args:
        public: 1,216 bytes.

    Raises:
        ValueError: these bytes are no such key.
    """

    def __init__(self, public: bytes) -> None:
        if len(public) != PUBLIC_SIZE:
            raise ValueError("an X-Wing public key has 1216 bytes")
        self.public_bytes: Final = public
        self.id: Final = hashlib.sha256(public).hexdigest()[:16]
        """16 lower-case hexadecimal digits, for the ledger and file names."""
        self._key = hpke.MLKEM768X25519PublicKey(
            MLKEM768PublicKey.from_public_bytes(public[:_MLKEM_PUBLIC_SIZE]),
            X25519PublicKey.from_public_bytes(public[_MLKEM_PUBLIC_SIZE:]),
        )

    def wrap(self, dek: bytes, context: bytes) -> bytes:
        """Wrap a DEK, differently each time.

        Args:
            dek: 32 bytes.
            context: of the object that the DEK seals; unwrapping needs the same.

        Returns:
            1,168 bytes. They do not tell the key: keep `id` beside them.
        """
        if len(dek) != DEK_SIZE:
            raise AssertionError("a DEK has 32 bytes")
        return _SUITE.encrypt(dek, self._key, info=context)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, BucketPublicKey) and self.public_bytes == other.public_bytes

    def __hash__(self) -> int:
        return hash(self.public_bytes)

    def __repr__(self) -> str:
        return f"<BucketPublicKey {self.id}>"


class BucketPrivateKey:
    """Unwraps what was wrapped to `public`.

    Args:
        seed: 32 random bytes, from which X-Wing derives both key pairs.
        retention: the class of objects that it is for.
        made_at: UTC microseconds. Of a class's keys the newest seals.

    Raises:
        ValueError: not 32 bytes, or no name of a class.
    """

    def __init__(self, seed: bytes, *, retention: str = STANDARD, made_at: int = 0) -> None:
        if len(seed) != SEED_SIZE:
            raise ValueError("an X-Wing seed has 32 bytes")
        if not is_retention_class(retention):
            raise ValueError("a retention class is 1 to 32 lower-case letters, digits and dashes")
        self.retention: Final = retention
        self.made_at: Final = made_at
        expanded = hashlib.shake_256(seed).digest(_MLKEM_SEED_SIZE + 32)
        mlkem = MLKEM768PrivateKey.from_seed_bytes(expanded[:_MLKEM_SEED_SIZE])
        x25519 = X25519PrivateKey.from_private_bytes(expanded[_MLKEM_SEED_SIZE:])
        self.public: Final = BucketPublicKey(
            mlkem.public_key().public_bytes_raw() + x25519.public_key().public_bytes_raw()
        )
        self.id: Final = self.public.id
        self._seed = seed
        self._key = hpke.MLKEM768X25519PrivateKey(mlkem, x25519)

    def unwrap(self, wrapped: bytes, context: bytes) -> bytes:
        """Unwrap a DEK.

        Returns:
            Its 32 bytes.

        Raises:
            UnsealFailed: altered, another object's, or wrapped to another key.
        """
        try:
            dek = _SUITE.decrypt(wrapped, self._key, info=context)
        except InvalidTag:
            dek = b""
        if len(dek) != DEK_SIZE:
            raise UnsealFailed(f"a wrapped DEK does not verify under bucket key {self.id}")
        return dek

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a private key file.

        Raises:
            BadConfig: missing, not such a file, or readable for other users than its owner.
        """
        text = read_key_file(path, private=True)
        try:
            fields = json.loads(text)
            kind = {name: fields[name] for name in ("v", "kind", "kem")}
            seed = base64.b64decode(fields["key"], validate=True)
            key = cls(seed, retention=fields["retention"], made_at=fields["made_at"])
            key_id = fields["id"]
        except (ValueError, LookupError, TypeError, RecursionError):
            raise BadConfig(f"{path}: not a {_KIND} file") from None
        if kind != {"v": 1, "kind": _KIND, "kem": _KEM_NAME} or type(key.made_at) is not int:
            raise BadConfig(f"{path}: not a {_KIND} file of version 1 for {_KEM_NAME}")
        if key_id != key.id:
            raise BadConfig(f"{path}: the key in this file is not the one that its id names")
        return key

    @property
    def file_name(self) -> str:
        return f"bucket-{self.id}.key"

    def text(self) -> str:
        """What its file holds."""
        fields = {
            "v": 1,
            "kind": _KIND,
            "kem": _KEM_NAME,
            "id": self.id,
            "retention": self.retention,
            "made_at": self.made_at,
            "key": base64.b64encode(self._seed).decode(),
        }
        return json.dumps(fields, indent=1) + "\n"

    def save(self, folder: Path) -> Path:
        """Write a private key file of mode 0400, `bucket-ID.key`; returns its path.

        Durability: none yet. Sync the file and its folder before the first DEK is wrapped to this key.
        Loss: every object of the bucket, for good.
        Trust: whoever reads it opens every object of the bucket.

        Raises:
            BadConfig: there is a file of that name, or it cannot be written.
        """
        path = folder / self.file_name
        write_key_file(path, self.text(), private=True)
        return path

    def __repr__(self) -> str:
        return f"<BucketPrivateKey {self.id}>"


def generate_bucket_key(retention: str = STANDARD, *, behind: int = 0) -> BucketPrivateKey:
    """Make a new key for a retention class, newer than one that was made at `behind`, whatever the clock says.

    Raises ValueError: not the name of a class.
    """
    made_at = max(now_us(), behind + 1)
    return BucketPrivateKey(secrets.token_bytes(SEED_SIZE), retention=retention, made_at=made_at)


def write_key_file(path: Path, text: str, *, private: bool) -> None:
    """Write a key file of mode 0400, or 0444 when not `private`. Never replaces one.

    Durability: none; the caller syncs the file and its folder.

    Raises:
        BadConfig: there is a file of that name, or it cannot be written.
    """
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o400 if private else 0o444)
        with os.fdopen(fd, "w", encoding="ascii") as file:
            file.write(text)
    except OSError as error:
        raise BadConfig(f"{path}: cannot write this key file: {error.strerror}") from None


def read_key_file(path: Path, *, private: bool) -> str:
    """Read a key file. A process that reads a `private` one leaves no core from then on.

    Raises:
        BadConfig: missing, not text, or `private` and open to others than its owner. A systemd credential may
            be group-readable: its mode shows an access list there, which lets in the service and nobody else.
    """
    if private:
        leave_no_core()
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            content = file.read(KEY_FILE_SIZE_MAX + 1)
    except OSError as error:
        raise BadConfig(f"{path}: cannot read this key file: {error.strerror}") from None
    credential = path.parent == Path(os.environ.get("CREDENTIALS_DIRECTORY", os.devnull))
    if private and mode & (0o037 if credential else 0o077):
        raise BadConfig(f"{path}: others can read this private key (mode {mode:04o}); run: chmod 0400 {path}")
    if len(content) > KEY_FILE_SIZE_MAX or not content.isascii():
        raise BadConfig(f"{path}: not a key file")
    return content.decode("ascii")
