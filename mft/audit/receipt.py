"""A receipt: one leaf, the clear values that it may show, and the proof that it stands in the log, in one text file.

    receipt = receipt_of(books, leaf_id)          # beside the ledger
    proven = verify(receipt, keys)                # anywhere, with nothing but the log's public key

The proof is a C2SP tlog-proof as it is. Making one reads the ledger; checking one is pure.

Spec: docs/formats/receipt.md; c2sp.org/tlog-proof.
"""

import base64
import binascii
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import bindparam, select

from mft.audit import checkpoint
from mft.audit.checkpoint import Checkpoint
from mft.audit.log import VERSION, canonical, newest_checkpoint, node_at
from mft.audit.merkle import inclusion_proof, leaf_hash, verify_inclusion
from mft.crypto.signing import VerifyKey, commit
from mft.errors import AuditMismatch, Missing
from mft.ledger.database import Books
from mft.ledger.tables import LEAF, LEAF_CLEAR

HEADER: Final = "mft.receipt/v1"
PROOF_HEADER: Final = "c2sp.org/tlog-proof@v1"
SIZE_MAX: Final = 1 << 20  # Characters.

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})")
_HASH = re.compile(r"[A-Za-z0-9+/]{43}=")
_CLEAR = re.compile(r'clear ([a-z0-9_]+) ([0-9a-f]{32}) (".*")')
_MEMBERS: Final = {
    "v", "id", "at", "kind", "tenant", "actor", "connection", "transfer", "result", "facts", "commitments",
}  # fmt: skip

_LEAF = select(LEAF).where(LEAF.c.id == bindparam("leaf"))
_OF_TRANSFER = (
    select(LEAF.c.id)
    .where(LEAF.c.transfer_id == bindparam("transfer"), LEAF.c.kind == bindparam("kind"))
    .order_by(LEAF.c.id)
    .limit(1)
)
_SHOWN = select(LEAF_CLEAR).where(LEAF_CLEAR.c.leaf_id == bindparam("leaf")).order_by(LEAF_CLEAR.c.field)
_NUMBERED = select(LEAF.c.id).where(LEAF.c.seq == bindparam("index"))


@dataclass(frozen=True, slots=True)
class Proven:
    """What a receipt that verifies says.

    `said` is the leaf as JSON, `shown` its clear values, `index` its place, `checkpoint` what vouches for it.
    """

    said: Mapping[str, Any]
    shown: Mapping[str, str]
    index: int
    checkpoint: Checkpoint


def leaf_of_transfer(books: Books, transfer: str, kind: str = "transfer.received") -> str:
    """The id of a transfer's first leaf of a kind. Raises Missing: it has none."""
    row = books.first(_OF_TRANSFER, {"transfer": transfer, "kind": kind})
    if row is None:
        raise Missing(f"transfer {transfer} has no leaf {kind}: there is nothing to prove")
    return str(row["id"])


def leaf_numbered(books: Books, index: int) -> str:
    """The id of the leaf at a place in the log. Raises Missing: the log is not that long."""
    row = books.first(_NUMBERED, {"index": index})
    if row is None:
        raise Missing(f"the log has no leaf number {index}")
    return str(row["id"])


def receipt_of(books: Books, leaf: str) -> str | None:
    """The receipt of a leaf under the newest checkpoint; None while that does not cover it.

    Raises:
        Missing: no such leaf.
    """
    row = books.first(_LEAF, {"leaf": leaf})
    if row is None:
        raise Missing(f"the log has no leaf {leaf}")
    newest = newest_checkpoint(books)
    if newest is None or row["seq"] is None or row["seq"] >= newest["size"]:
        return None
    shown = {one["field"]: (bytes(one["salt"]), one["value"]) for one in books.rows(_SHOWN, {"leaf": leaf})}
    proof = inclusion_proof(row["seq"], newest["size"], lambda level, index: node_at(books, level, index))
    return write(bytes(row["body"]), shown, row["seq"], proof, newest["note"])


def write(body: bytes, shown: Mapping[str, tuple[bytes, str]], index: int, proof: Sequence[bytes], note: str) -> str:
    """Put a receipt together. `shown` is field → (salt, value)."""
    lines = [HEADER, f"leaf {body.decode()}"]
    lines += [f"clear {field} {salt.hex()} {_text(value)}" for field, (salt, value) in sorted(shown.items())]
    return "\n".join((*lines, "", tlog_proof(index, proof, note)))


def tlog_proof(index: int, proof: Sequence[bytes], note: str) -> str:
    hashes = [base64.b64encode(digest).decode() for digest in proof]
    return "\n".join((PROOF_HEADER, f"index {index}", *hashes, "", note))


def verify(receipt: str, keys: Sequence[VerifyKey]) -> Proven:
    """Check a receipt with keys that are trusted; one that signed its checkpoint is enough.

    Raises:
        AuditMismatch: it proves nothing; the message says where it fails.
    """
    if len(receipt) > SIZE_MAX:
        raise AuditMismatch("a receipt is far too long")
    said_of_it, separator, proof_text = receipt.partition("\n\n")
    lines = said_of_it.split("\n")
    if not separator or lines[0] != HEADER or len(lines) < 2 or not lines[1].startswith("leaf "):
        raise AuditMismatch(f"not a receipt: it does not begin with {HEADER} and a leaf")
    body = _encoded(lines[1].removeprefix("leaf "))
    said = _leaf(body)
    shown = _shown(lines[2:], said["commitments"])
    index, proof, note = _proof(proof_text)
    signed = _signed(note, keys)
    verify_inclusion(leaf_hash(body), index, signed.size, proof, signed.root)
    return Proven(said, shown, index, signed)


def _leaf(body: bytes) -> Mapping[str, Any]:
    try:
        said = json.loads(body)
        same = isinstance(said, dict) and canonical(said) == body
    except (ValueError, RecursionError):
        same = False
    if not same:
        raise AuditMismatch("the leaf of a receipt is not canonical JSON")
    if set(said) != _MEMBERS or said["v"] != VERSION or not isinstance(said["commitments"], dict):
        raise AuditMismatch(f"the leaf of a receipt is not a leaf of version {VERSION}")
    return dict(said)


def _shown(lines: Sequence[str], commitments: Mapping[str, Any]) -> dict[str, str]:
    shown: dict[str, str] = {}
    last = ""
    for line in lines:
        found = _CLEAR.fullmatch(line)
        try:
            value = json.loads(found[3]) if found else None
        except ValueError:
            value = None
        if found is None or not isinstance(value, str) or _text(value) != found[3] or found[1] <= last:
            raise AuditMismatch("a line of a receipt is not `clear`, a field, a salt and its value, in order")
        field = last = found[1]
        if commit(bytes.fromhex(found[2]), _encoded(value)).hex() != commitments.get(field):
            raise AuditMismatch(f"the value that a receipt shows for {field} is not the one that its leaf commits to")
        shown[field] = value
    return shown


def _proof(text: str) -> tuple[int, list[bytes], str]:
    head, separator, note = text.partition("\n\n")
    header, *rest = head.split("\n")
    index = _INDEX.fullmatch(rest[0]) if rest else None
    if not separator or header != PROOF_HEADER or index is None or int(index[1]) >= 1 << 63:
        raise AuditMismatch(f"a receipt has no proof: {PROOF_HEADER}, the index, hashes and a checkpoint")
    proof = []
    for line in rest[1:]:
        digest = _base64(line) if _HASH.fullmatch(line) else b""
        if base64.b64encode(digest).decode() != line:
            raise AuditMismatch("a line of a receipt's proof is no hash")
        proof.append(digest)
    return int(index[1]), proof, note


def _signed(note: str, keys: Sequence[VerifyKey]) -> Checkpoint:
    failed = AuditMismatch("no key was given that could have signed a receipt")
    for key in keys:
        try:
            return checkpoint.verify(note, key)
        except AuditMismatch as error:
            failed = error
    raise failed


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def _encoded(text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise AuditMismatch("a receipt is not UTF-8") from None


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error:
        return b""
