"""What binds the audit log: Ed25519 keys that sign its checkpoints, in the text forms of C2SP signed-note.

The public half is a "vkey", one line for any witness or verifier: name+id+base64(0x01 | public key). The
private half is what Go's sumdb/note and the tools built on it read: PRIVATE+KEY+name+id+base64(0x01 | seed).
The id is the first four bytes of SHA-256(name | 0x0A | 0x01 | public key), in hexadecimal.

Beside them, the salted commitments by which a leaf vouches for a value that it does not tell.

Spec: c2sp.org/signed-note; RFC 8032.
"""

import base64
import hashlib
import re
import secrets
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from mft.crypto.keys import read_key_file, write_key_file
from mft.errors import BadConfig, UnsealFailed

KEY_SIZE: Final = 32
KEY_ID_SIZE: Final = 4
SALT_SIZE: Final = 16

_ED25519 = b"\x01"  # signed-note's signature type.
_NAME = re.compile(r"[!-*,-~]{1,200}")  # The spec allows any but spaces and "+"; printable ASCII will do for us.
_PRIVATE = "PRIVATE+KEY+"


def commit(salt: bytes, value: bytes) -> bytes:
    """Stand in for a value in a leaf: SHA-256(salt | value), from which nobody can tell it, even by guessing.

    Args:
        salt: 16 random bytes for this value alone. Erasing both redacts, and the leaf still verifies.
        value: UTF-8 text, or a content hash.
    """
    if len(salt) != SALT_SIZE:
        raise AssertionError("a salt has 16 bytes, so that no part of the value can pass for salt")
    return hashlib.sha256(salt + value).digest()


class VerifyKey:
    """Checks signatures of one named key. Equal when name and key bytes are.

    Args:
        name: of the log, such as `example.com/audit`: 1 to 200 printable ASCII characters, no space, no "+".
        public: 32 bytes.

    Raises:
        ValueError: not such a name or key.
    """

    def __init__(self, name: str, public: bytes) -> None:
        if not _NAME.fullmatch(name):
            raise ValueError("a key name is 1 to 200 printable ASCII characters, without spaces and +")
        self.name: Final = name
        self.public_bytes: Final = public
        self.key_id: Final = _key_id(name, public)
        """Four bytes that stand before each signature in a note."""
        self._key = Ed25519PublicKey.from_public_bytes(public)

    def verify(self, signature: bytes, data: bytes) -> None:
        """Check a signature.

        Raises:
            UnsealFailed: altered, or another key's.
        """
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            raise UnsealFailed(f"a signature by {self.name} does not verify") from None

    @property
    def vkey(self) -> str:
        """The key in one line, as witnesses and `VerifyKey.parse` read it."""
        return _encode(self.name, self.key_id, self.public_bytes)

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """Read a vkey.

        Raises:
            ValueError: not the vkey of an Ed25519 key, or not as its key id says.
        """
        name, key_id, public = _decode(vkey)
        key = cls(name, public)
        if key_id != key.key_id:
            raise ValueError("name, key id and key of a vkey do not belong together")
        return key

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a public key file: a vkey on one line.

        Raises:
            BadConfig: missing, or not such a file.
        """
        try:
            return cls.parse(read_key_file(path, private=False).removesuffix("\n"))
        except ValueError as error:
            raise BadConfig(f"{path}: {error}") from None

    def save(self, path: Path) -> None:
        """Write a public key file of mode 0444, which must not exist. As for SigningKey.save."""
        write_key_file(path, self.vkey + "\n", private=False)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, VerifyKey) and self.vkey == other.vkey

    def __hash__(self) -> int:
        return hash(self.vkey)

    def __repr__(self) -> str:
        return f"<VerifyKey {self.vkey}>"


class SigningKey:
    """Signs under one name.

    Args:
        name: as for VerifyKey.
        seed: 32 random bytes, RFC 8032's private key.

    Raises:
        ValueError: not such a name or key.
    """

    def __init__(self, name: str, seed: bytes) -> None:
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verify_key: Final = VerifyKey(name, self._key.public_key().public_bytes_raw())
        self.name: Final = name

    @classmethod
    def generate(cls, name: str) -> Self:
        """Make a new key. Raises ValueError for a name that no key may have."""
        return cls(name, secrets.token_bytes(KEY_SIZE))

    def sign(self, data: bytes) -> bytes:
        """Sign; the same data gives the same 64 bytes."""
        return self._key.sign(data)

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read a private key file.

        Raises:
            BadConfig: missing, not such a file, or readable for other users than its owner.
        """
        text = read_key_file(path, private=True).removesuffix("\n")
        if not text.startswith(_PRIVATE):
            raise BadConfig(f"{path}: not a signing key file")
        try:
            name, key_id, seed = _decode(text.removeprefix(_PRIVATE))
            key = cls(name, seed)
        except ValueError as error:
            raise BadConfig(f"{path}: {error}") from None
        if key_id != key.verify_key.key_id:
            raise BadConfig(f"{path}: name, key id and key do not belong together")
        return key

    def text(self) -> str:
        """What its file holds."""
        return _PRIVATE + _encode(self.name, self.verify_key.key_id, self._seed) + "\n"

    def save(self, path: Path) -> None:
        """Write a private key file of mode 0400, which must not exist.

        Durability: none yet. Sync the file and its folder before the first signature leaves the host.
        Loss: a new key has to be announced to whoever checks; what was signed stays verifiable.
        Trust: whoever reads it can sign another history than ours; only witnesses and copies of checkpoints
        that already left the host tell the two apart.

        Raises:
            BadConfig: there is a file of that name, or it cannot be written.
        """
        write_key_file(path, self.text(), private=True)

    def __repr__(self) -> str:
        return f"<SigningKey {self.name}+{self.verify_key.key_id.hex()}>"


def _key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public).digest()[:KEY_ID_SIZE]


def _encode(name: str, key_id: bytes, key: bytes) -> str:
    return f"{name}+{key_id.hex()}+{base64.b64encode(_ED25519 + key).decode()}"


def _decode(text: str) -> tuple[str, bytes, bytes]:
    name, _, rest = text.partition("+")
    key_id, _, encoded = rest.partition("+")
    try:
        typed_key = base64.b64decode(encoded, validate=True)
        decoded = name, bytes.fromhex(key_id), typed_key[1:]
    except ValueError:
        raise ValueError("not a key as signed-note writes it") from None
    if _encode(*decoded) != text:
        raise ValueError("not an Ed25519 key as signed-note writes it")
    return decoded
