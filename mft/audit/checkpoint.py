"""A checkpoint says, signed: at this size the audit log had this root. Sent off the host, it fixes the past.

It is a C2SP tlog-checkpoint, a signed note of three lines that any witness of that family can cosign:

    example.com/audit                                  origin, also the name of the signing key
    20852163                                           number of leaves
    CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=       root hash, base64

    — example.com/audit Az3grlgtzPICa5OS8npVmf1Myq/5…  base64: 4 bytes of key id, Ed25519 over the three lines

Spec: docs/formats/audit-log.md; c2sp.org/tlog-checkpoint, c2sp.org/signed-note.
"""

import base64
import re
from dataclasses import dataclass
from typing import Final

from mft.audit.merkle import HASH_SIZE
from mft.crypto.signing import KEY_ID_SIZE, SigningKey, VerifyKey
from mft.errors import AuditMismatch, UnsealFailed

NOTE_SIZE_MAX: Final = 1 << 16  # Characters; room for sixteen cosignatures and more.

_TEXT = re.compile(r"([^\n]+)\n([0-9]{1,19})\n([A-Za-z0-9+/]{43}=)\n")
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the log was at one moment.

    Args:
        origin: which log; the name of its signing key.
        size: number of leaves.
        root: 32 bytes, RFC 6962's root hash over them.
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.size < 1 << 63 or len(self.root) != HASH_SIZE:
            raise AssertionError("a checkpoint has a size below 2**63 and a root of 32 bytes")

    def text(self) -> str:
        """The note text, which is what gets signed: three lines, each with its newline."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def sign(checkpoint: Checkpoint, *keys: SigningKey) -> str:
    """Sign a checkpoint, by more than one key where one takes the other's place.

    Returns:
        The note, UTF-8 when written out: text, empty line, a signature line for each key.
    """
    text = checkpoint.text()
    note = f"{text}\n"
    for key in keys:
        if checkpoint.origin != key.name:
            raise AssertionError("a log signs with the key of its own name")
        signature = key.verify_key.key_id + key.sign(text.encode())
        note += f"— {key.name} {base64.b64encode(signature).decode()}\n"
    return note


def verify(note: str, key: VerifyKey) -> Checkpoint:
    """Read a checkpoint and check its signature.

    Strict: what `sign` writes, beside any number of well-formed signatures by other keys, such as witnesses',
    which are not looked at. Extension lines are refused, since this log writes none.

    Raises:
        AuditMismatch: not a checkpoint of this key's log, or not signed by this key.
    """
    if len(note) > NOTE_SIZE_MAX:
        raise AuditMismatch("a checkpoint is far too long")
    text, separator, signatures = note.rpartition("\n\n")
    if not separator or not signatures.endswith("\n"):
        raise AuditMismatch("a checkpoint has no text, or no signature")
    text += "\n"
    signed = text.encode(errors="surrogatepass")  # What is not text at all then simply does not verify.
    verified = False
    for line in signatures.removesuffix("\n").split("\n"):
        name, key_id, signature = _parse_signature(line)
        if (name, key_id) == (key.name, key.key_id):
            try:
                key.verify(signature, signed)
            except UnsealFailed as error:
                raise AuditMismatch(f"checkpoint: {error}") from None
            verified = True
    if not verified:
        raise AuditMismatch(f"a checkpoint is not signed by {key.name}")
    return _parse_text(text, key.name)


def _parse_text(text: str, origin: str) -> Checkpoint:
    found = _TEXT.fullmatch(text)
    if not found or int(found[2]) >= 1 << 63:
        raise AuditMismatch("a checkpoint is not the three lines of origin, size and root")
    checkpoint = Checkpoint(found[1], int(found[2]), base64.b64decode(found[3]))
    if checkpoint.origin != origin or checkpoint.text() != text:  # Leading zeros, stray bits in base64.
        raise AuditMismatch(f"a checkpoint is not of {origin}, or not in the one way to write it")
    return checkpoint


def _parse_signature(line: str) -> tuple[str, bytes, bytes]:
    """Take a signature line apart into key name, key id, signature."""
    found = _SIGNATURE.fullmatch(line)
    try:
        decoded = base64.b64decode(found[2]) if found else b""
    except ValueError:
        decoded = b""
    if not found or len(decoded) <= KEY_ID_SIZE or base64.b64encode(decoded).decode() != found[2]:
        raise AuditMismatch("a checkpoint has a malformed signature line")
    return found[1], decoded[:KEY_ID_SIZE], decoded[KEY_ID_SIZE:]
