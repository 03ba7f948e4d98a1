"""A core with a ledger and a vault of its own, and records in it as the pipeline leaves them."""

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mft.core import Core
from mft.crypto.keyring import MemoryKeyring
from mft.crypto.keys import BucketPrivateKey
from mft.domain import TENANT, Principal
from mft.ledger import record_parts, transfers
from mft.ledger.database import Books, Ledger, Readers
from mft.ledger.objects import insert_object
from mft.records.session import Question, Session
from mft.vault.store import Vault
from tests.unit.mft.ledger.entries import ACME, OTHER, new_ledger, received

DAY = 86_400_000_000
NOW = 1_772_000_000_000_000  # 2026-02-25 06:13:20 UTC


@pytest.fixture(scope="session")
def made_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "ledger.db"
    new_ledger(f"sqlite:{path}")
    return path


@dataclass
class Shelf:
    core: Core
    readers: Readers
    vault: Vault

    @property
    def books(self) -> Books:
        return self.readers.get()

    def keep(
        self,
        schema: str,
        *records: dict[str, Any],
        transfer: str | None = None,
        position: int = 1,
        made_by: str = "test/1",
        at: int = NOW,
        who: Principal = ACME,
    ) -> str:
        """A set's records; returns its transfer, which is made unless one is named."""
        lines = [
            {"schema": schema, "provenance": {"set": position, "start": n, "end": n + 1}} | record
            for n, record in enumerate(records)
        ]
        sealed, _ = self.vault.seal(
            TENANT, b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)
        )

        def enter(books: Books) -> str:
            of = transfer or received(books, b"x.edi", at=at, who=who)
            record_parts.supersede(books, of, [position])
            insert_object(books, sealed, at=at)
            row = {
                "transfer_id": of, "tenant_id": TENANT, "set_position": position, "map_version": made_by,
                "record_schema": schema, "records": len(records), "object_id": sealed.id, "created_at": at,
            }  # fmt: skip
            transfers.add_parts(books, "records", [row])
            return of

        return self.core.writer.run(enter)

    def ask(self, statement: str, *, reveal: bool = False, seconds: float = 60) -> list[tuple[Any, ...]]:
        with Session(Question(statement), self.vault, self.books, reveal=reveal, seconds=seconds) as session:
            return list(session.rows())

    def one(self, statement: str, *, reveal: bool = False) -> Any:
        ((value,),) = self.ask(statement, reveal=reveal)
        return value


@pytest.fixture
def shelf(tmp_path: Path, made_ledger: Path) -> Iterator[Shelf]:
    shutil.copy(made_ledger, tmp_path / "ledger.db")
    ledger = Ledger(f"sqlite:{tmp_path / 'ledger.db'}")
    key = BucketPrivateKey(bytes(range(32)))
    (tmp_path / "vault").mkdir()
    vault = Vault(tmp_path / "vault", MemoryKeyring([key]))
    core = Core(ledger, subscriptions={}, remove_object=vault.remove)
    readers = Readers(ledger)
    yield Shelf(core, readers, vault)
    readers.close()
    core.close()


__all__ = ["ACME", "DAY", "NOW", "OTHER", "Shelf"]
