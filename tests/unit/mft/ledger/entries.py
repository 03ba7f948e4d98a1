"""Made-up rows for tests that want a ledger with something in it."""

from collections.abc import Mapping
from typing import Any

from mft.clock import new_id, random_id
from mft.domain import ERRORS, INBOUND, TENANT, Arrival, Principal, SealedObject, Stage
from mft.ledger.database import Books, Ledger, Writer
from mft.ledger.migrate import migrate
from mft.ledger.profiles import keep_profile
from mft.ledger.transfers import insert_transfer

ACME = Principal("acme00000000000000000000id", "acme", "acme", "SHA256:fp", "hash-acme")
OTHER = Principal("other0000000000000000000id", "other", "other", "SHA256:fp2", "hash-other")
NOTHING_FOUND: Mapping[str, Any] = {
    **dict.fromkeys(
        (
            "standard", "version", "sets", "usage", "parser_version", "map_version", "reason", "evidence",
        )
    ),
    "sets_accepted": 0,
    "sets_rejected": 0,
}  # fmt: skip


def arrival(name: bytes, *, who: Principal = ACME, folder: bytes = INBOUND) -> Arrival:
    return Arrival(who, "sftp", "192.0.2.7", "test client", folder, name)


def sealed(size: int = 5) -> SealedObject:
    """A row's worth of sealed object; there is nothing in it."""
    return SealedObject(random_id(), TENANT, "bucket", b"wrapped", size, size + 56, b"sealed")


def keep_profiles(books: Books) -> None:
    for who in (ACME, OTHER):
        keep_profile(books, digest=who.profile_hash, subject=who.connection, name=who.partner, body="{}", at=1)


def received(books: Books, name: bytes, *, at: int = 1000, who: Principal = ACME, stage: Stage = Stage.RECEIVED) -> str:
    """A transfer that has just arrived; its id."""
    transfer = new_id()
    insert_transfer(books, transfer, arrival(name, who=who), at=at, stage=stage, size_bytes=5, sha256=b"\x01" * 32)
    return transfer


def new_ledger(url: str) -> Ledger:
    """A migrated ledger that knows acme and other."""
    ledger = Ledger(url)
    migrate(ledger)
    writer = Writer(ledger)
    writer.run(keep_profiles)
    writer.close()
    return ledger


__all__ = [
    "ACME", "ERRORS", "INBOUND", "NOTHING_FOUND", "OTHER", "arrival", "keep_profiles", "new_ledger", "received",
    "sealed",
]  # fmt: skip
