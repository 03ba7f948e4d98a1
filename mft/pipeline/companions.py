"""What the files of a partner say about each other, asked once: when the second of the two is worked on.

A checksum or control file may come before the file that it speaks of, or behind it. What it says is kept on that file
as evidence. Where the two disagree, the one that came second is held: nobody can say which of them is wrong.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from mft.domain import printable
from mft.ledger import transfers
from mft.ledger.database import Books, Row
from mft.ledger.objects import sealed_object
from mft.pipeline.evidence import CONTENT_MAX, Companion, Kind, checksums, companion_of, expected
from mft.vault.store import Vault

_TOGETHER_US: Final = 86_400_000_000  # A companion and its file come within a day.
_MOST: Final = 100  # Companions of one file, or files of one companion.


class Witness(msgspec.Struct, frozen=True):
    """What one file says about another. `matches` is None where it only says that the other is there.

    `evidence` is kept on the file, `spoken` on its companion: a file has one of each kind, and a companion speaks once
    of a name. So yesterday's of the same name is not held against today's.
    """

    transfer: str
    kind: Kind
    matches: bool | None
    evidence: dict[str, Any]
    companion: str
    spoken: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Claim:
    """That a file is there; and, of a control or checksum file, that it has this size or this digest."""

    companion: Row
    kind: Kind
    size_bytes: int | None = None
    algorithm: str | None = None
    digest: bytes | None = None


def consult(books: Books, vault: Vault, job: Row) -> tuple[tuple[Witness, ...], str | None]:
    """Everything that is said about a transfer, or that it says, among files that were there before it.

    Returns:
        The witnesses; and where one of them disagrees, why the transfer must be held.
    """
    since = job["received_at"] - _TOGETHER_US
    own = companion_of(job["name_bytes"]) if job["size_bytes"] <= CONTENT_MAX else None
    if own is not None:
        said = list(_said_by(books, vault, job, own, since))
    else:
        said = [(claim, job) for claim in _said_of(books, vault, job, since)]
    witnesses, doubt = [], None
    for claim, subject in said:
        matches = _matches(books, vault, claim, subject)
        evidence = {"transfer": claim.companion["id"], "matches": matches, "algorithm": claim.algorithm}
        witnesses.append(
            Witness(
                subject["id"],
                claim.kind,
                matches,
                {_key(claim.kind): {name: value for name, value in evidence.items() if value is not None}},
                claim.companion["id"],
                {_spoken(subject["name_bytes"]): {"transfer": subject["id"]}},
            )
        )
        if matches is False:
            doubt = doubt or _doubt(claim, subject)
    return tuple(witnesses), doubt


def _said_by(books: Books, vault: Vault, job: Row, own: Companion, since: int) -> Iterator[tuple[_Claim, Row]]:
    for name, claim in _claims(books, vault, job, own):
        exact = transfers.named_before(books, job, name or own.subject, since=since)
        newest = {exact["name_bytes"]: exact} if exact is not None else {}
        if exact is None and name is None:
            for row in transfers.of_stem_before(books, job, own.subject, since=since, most=_MOST):
                if own.may_speak_of(row["name_bytes"]):
                    newest.setdefault(row["name_bytes"], row)
        for row in newest.values():
            if _key(own.kind) not in _evidence(row):
                yield claim, row


def _said_of(books: Books, vault: Vault, job: Row, since: int) -> Iterator[_Claim]:
    stem = name = job["name_bytes"]
    while stem:
        newest: dict[bytes, Row] = {}
        for row in transfers.companions_before(books, job, stem, since=since, most=_MOST):
            newest.setdefault(row["name_bytes"], row)
        for row in newest.values():
            companion = companion_of(row["name_bytes"])
            if companion is not None and companion.may_speak_of(name) and _spoken(name) not in _evidence(row):
                for meant, claim in _claims(books, vault, row, companion):
                    if meant in {None, name}:
                        yield claim
        stem = stem.rpartition(b".")[0]


def _key(kind: Kind) -> str:
    return f"{kind}_file"


def _spoken(name: bytes) -> str:
    return f"of {printable(name)}"


def _evidence(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["evidence"] or "{}")
    return found


def _claims(books: Books, vault: Vault, row: Row, companion: Companion) -> Iterator[tuple[bytes | None, _Claim]]:
    """What a companion says, and about which name; None where its own name tells."""
    if companion.kind == "done":
        yield None, _Claim(row, "done")
        return
    reader = vault.open(sealed_object(books, row["object_id"]))
    try:
        content = reader.read_at(0, CONTENT_MAX)
    finally:
        reader.close()
    if companion.kind == "control":
        yield None, _Claim(row, "control", size_bytes=expected(content).get("size"))
        return
    for checksum in checksums(content):
        yield checksum.name, _Claim(row, "checksum", algorithm=checksum.algorithm, digest=checksum.digest)


def _matches(books: Books, vault: Vault, claim: _Claim, subject: Row) -> bool | None:
    if claim.size_bytes is not None:
        return bool(subject["size_bytes"] == claim.size_bytes)
    if claim.algorithm is None:
        return None
    if claim.algorithm == "sha256":
        return bytes(subject["sha256"]) == claim.digest
    digest = hashlib.new(claim.algorithm, usedforsecurity=False)
    reader = vault.open(sealed_object(books, subject["object_id"]))
    try:
        for chunk in reader.chunks(1 << 20):
            digest.update(chunk)
    finally:
        reader.close()
    return digest.digest() == claim.digest


def _doubt(claim: _Claim, subject: Row) -> str:
    companion, name = printable(claim.companion["name_bytes"]), printable(subject["name_bytes"])
    said = f"{claim.size_bytes:,} bytes" if claim.size_bytes is not None else f"another {claim.algorithm}"
    has = f"it has {subject['size_bytes']:,}" if claim.size_bytes is not None else "it is not the file that was meant"
    return f"{companion} says {said} of {name}, and {has}: ask the sender which of the two is right"
