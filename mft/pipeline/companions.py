"""What the files of a partner say about each other, asked once: when the second of the two is worked on.

A checksum or control file may come before the file that it speaks of, or behind it, within an hour. What it says is
kept on that file as evidence. It belongs to one file, the one of exactly its name or else the only one of its stem; a
checksum line may name its file itself. Where the two disagree and are surely meant for each other, the one that came
second is held: nobody can say which of them is wrong. A wrong guess must not put a good file in doubt, so that what is
not sure holds nothing.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from mft.domain import Doubt, printable
from mft.errors import Missing, UnsealFailed
from mft.ledger import companions
from mft.ledger.database import Books, Row
from mft.ledger.objects import sealed_object
from mft.pipeline.evidence import CONTENT_MAX, Companion, Kind, checksums, companion_of, expected
from mft.vault.store import Vault

_TOGETHER_US: Final = 3_600_000_000  # A companion and its file come within an hour.
_MOST: Final = 100  # Companions of one file, or files of one companion.


class Witness(msgspec.Struct, frozen=True):
    """What one file says about another. `matches` is None where it only says that the other is there.

    `evidence` is kept on the file, `spoken` on its companion: a file has one of each kind, and a companion has spoken
    once it has found its file. So an older one of the same name is not held against the next file.
    """

    transfer: str
    kind: Kind
    matches: bool | None
    evidence: dict[str, Any]
    companion: str
    spoken: dict[str, Any]


@dataclass(frozen=True, slots=True)
class _Claim:
    """What a companion says of a file: that it is there, and perhaps that it has this size or this digest.

    `name` is the file's, where the companion's content tells it.
    """

    companion: Row
    kind: Kind
    name: bytes | None = None
    size_bytes: int | None = None
    algorithm: str | None = None
    digest: bytes | None = None

    @property
    def key(self) -> str:
        """Under which a file keeps it: one done file, one control file, one checksum of each algorithm."""
        return f"{self.algorithm or self.kind}_file"

    @property
    def spoken(self) -> str:
        """Under which the companion keeps that it has spoken."""
        return "of" if self.name is None else f"of {printable(self.name)}"


def consult(books: Books, vault: Vault, job: Row) -> tuple[tuple[Witness, ...], Doubt | None]:
    """Everything that is said about a transfer, or that it says, among files that were there before it.

    Returns:
        The witnesses; and where one of them surely disagrees, why the transfer must be held.
    """
    own = companion_of(job["name_bytes"]) if job["size_bytes"] <= CONTENT_MAX else None
    pairs = _said_by(books, vault, job, own) if own is not None else _said_of(books, vault, job)
    witnesses, doubt = [], None
    for claim, subject, sure in pairs:
        matches = _matches(books, vault, claim, subject)
        evidence = {"transfer": claim.companion["id"], "matches": matches}
        spoken = {claim.spoken: {"transfer": subject["id"]}} if sure or matches is not False else {}
        witnesses.append(
            Witness(
                subject["id"],
                claim.kind,
                matches,
                {claim.key: {name: value for name, value in evidence.items() if value is not None}},
                claim.companion["id"],
                spoken,
            )
        )
        if matches is False and sure:
            doubt = doubt or _doubt(claim, subject)
    return tuple(witnesses), doubt


def _said_by(books: Books, vault: Vault, job: Row, own: Companion) -> Iterator[tuple[_Claim, Row, bool]]:
    """What a companion says of the files before it; whether that is sure."""
    since = job["received_at"] - _TOGETHER_US
    for claim in _claims(books, vault, job, own):
        exact = companions.named_before(books, job, claim.name or own.subject, since=since)
        if exact is not None:
            if claim.key not in _evidence(exact):
                yield claim, exact, True
        elif claim.name is None:
            rows = companions.of_stem_before(books, job, own.subject, since=since, most=_MOST)
            free = {
                row["name_bytes"]: row
                for row in reversed(rows)  # So that the newest of a name stays.
                if own.may_speak_of(row["name_bytes"]) and claim.key not in _evidence(row)
            }
            if len(free) == 1:
                yield claim, next(iter(free.values())), False


def _said_of(books: Books, vault: Vault, job: Row) -> Iterator[tuple[_Claim, Row, bool]]:
    """What the companions before a file say of it; whether that is sure."""
    since = job["received_at"] - _TOGETHER_US
    stem = name = job["name_bytes"]
    said = set()
    while stem:
        for row in companions.of_subject_before(books, job, stem, since=since, most=_MOST):
            companion = companion_of(row["name_bytes"])
            if companion is None or not companion.may_speak_of(name):
                continue
            for claim in _claims(books, vault, row, companion):
                mine = claim.name == name if claim.name is not None else stem == name or _is_free(books, row, stem)
                if mine and claim.key not in said and claim.spoken not in _evidence(row):
                    said.add(claim.key)
                    yield claim, job, stem == name or claim.name is not None
        stem = stem.rpartition(b".")[0]


def _is_free(books: Books, row: Row, subject: bytes) -> bool:
    """Whether there was no file of exactly a companion's name for it to speak of."""
    return companions.named_before(books, row, subject, since=row["received_at"] - _TOGETHER_US) is None


def _evidence(row: Row) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(row["evidence"] or "{}")
    return found


def _claims(books: Books, vault: Vault, row: Row, companion: Companion) -> list[_Claim]:
    """What a companion says; nothing if its bytes cannot be had. One claim for each name, and not too many."""
    if companion.kind == "done":
        return [_Claim(row, "done")]
    try:
        reader = vault.open(sealed_object(books, row["object_id"]))
    except (Missing, UnsealFailed):
        return []
    try:
        content = reader.read_at(0, CONTENT_MAX)
    except UnsealFailed:
        return []
    finally:
        reader.close()
    if companion.kind == "control":
        return [_Claim(row, "control", size_bytes=expected(content).get("size"))]
    found = {
        (checksum.name, checksum.algorithm): _Claim(
            row, "checksum", name=checksum.name, algorithm=checksum.algorithm, digest=checksum.digest
        )
        for checksum in checksums(content)
    }
    return list(found.values())[:_MOST]


def _matches(books: Books, vault: Vault, claim: _Claim, subject: Row) -> bool | None:
    if claim.size_bytes is not None:
        return bool(subject["size_bytes"] == claim.size_bytes)
    if claim.algorithm is None:
        return None
    if claim.algorithm == "sha256":
        return bytes(subject["sha256"]) == claim.digest
    digest = hashlib.new(claim.algorithm, usedforsecurity=False)
    try:
        reader = vault.open(sealed_object(books, subject["object_id"]))
    except (Missing, UnsealFailed):
        return None
    try:
        for chunk in reader.chunks(1 << 20):
            digest.update(chunk)
    except UnsealFailed:
        return None
    finally:
        reader.close()
    return digest.digest() == claim.digest


def _doubt(claim: _Claim, subject: Row) -> Doubt:
    companion, name = printable(claim.companion["name_bytes"]), printable(subject["name_bytes"])
    said = f"{claim.size_bytes:,} bytes" if claim.size_bytes is not None else f"another {claim.algorithm}"
    has = f"it has {subject['size_bytes']:,}" if claim.size_bytes is not None else "it is not the file that was meant"
    return Doubt("companion", f"{companion} says {said} of {name}, and {has}: ask the sender which of the two is right")
