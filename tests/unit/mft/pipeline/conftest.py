"""A core on a ledger and a vault of its own, and a runner whose turns a test takes by hand."""

import base64
import json
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

from mft.audit.query import leaves
from mft.core import Core, KeepProfile
from mft.crypto.keyring import MemoryKeyring
from mft.crypto.keys import BucketPrivateKey
from mft.domain import TENANT
from mft.ledger import transfers
from mft.ledger.database import Books, Ledger, Readers
from mft.ledger.objects import sealed_object
from mft.ledger.outbox import events_of
from mft.pipeline.deadlines import Due
from mft.pipeline.parse import Parser
from mft.pipeline.runner import Claim, Runner, StartRunner
from mft.pipeline.upload import Upload
from mft.vault.store import Vault
from partners.agreement import Agreement
from partners.connection import Connection, Key, Login
from partners.load import EMPTY, Directory, GuideFile, profile_of
from tests.unit.mft.ledger.entries import ACME, arrival, new_ledger

_KEY_LINE = "ssh-ed25519 " + base64.b64encode(b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + bytes(32)).decode()


@pytest.fixture(scope="session")
def parser() -> Iterator[Parser]:
    parser = Parser(memory_mib=1024, seconds=60)
    yield parser
    parser.close()


@pytest.fixture(scope="session")
def made_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("made") / "ledger.db"
    new_ledger(f"sqlite:{path}")
    return path


@dataclass
class Desk:
    """Everything that one installation's pipeline works with."""

    core: Core
    readers: Readers
    vault: Vault
    runner: Runner
    directory: Directory = EMPTY

    def agree(
        self, *agreements: Agreement, guides: Mapping[str, GuideFile] = MappingProxyType({}), **says: Any
    ) -> None:
        """Put a partner file of acme's into force that says this."""
        login = Login(user="acme", keys=[Key(key=_KEY_LINE)])
        told = Connection(id=ACME.connection, name="acme", logins=[login], agreements=agreements, **says)
        profile = profile_of(told)
        self.core.run(KeepProfile(profile.hash, ACME.connection, "acme", profile.body))
        self.directory = Directory({ACME.connection: profile}, guides)

    @property
    def books(self) -> Books:
        return self.readers.get()

    def receive(self, name: bytes, content: bytes) -> str:
        """A file comes in; returns its transfer."""
        about, profile = arrival(name), self.directory.profiles.get(ACME.connection)
        if profile is not None:
            feed, retention, in_order = profile.connection.kept_as(about.folder, name)
            about = replace(about, feed=feed, retention=retention, in_order=in_order)
        upload = Upload(self.vault, TENANT, about)
        upload.write(0, memoryview(content))
        return self.close(upload)

    def close(self, upload: Upload, *, publish: bool = True, repeat_since: int = 1 << 62) -> str:
        """CLOSE of an upload; returns its transfer. No repeat is looked for unless asked."""
        transfer: str = self.core.run(upload.finish(publish=publish, repeat_since=repeat_since))
        return transfer

    def announce(self, name: bytes) -> str:
        """Something happens that is announced by one event; returns the transfer that it speaks of."""
        upload = Upload(self.vault, TENANT, arrival(name))
        transfer = self.close(upload, publish=False)
        self.core.run(Due(expire_before=0, stalled_before=1 << 62, incomplete_before=0))
        return transfer

    def claim(self) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = self.core.run(Claim(self.runner.id, 10))
        return jobs

    def turn(self, parser: Parser) -> int:
        """The runner does what waits; returns how many transfers that was."""
        jobs = self.claim()
        for job in jobs:
            self.runner._work(parser, job)
        return len(jobs)

    def row(self, transfer: str) -> dict[str, Any]:
        return transfers.transfer_row(self.books, transfer)

    def kinds(self, transfer: str) -> list[str]:
        return [leaf["kind"] for leaf in leaves(self.books, transfer=transfer, newest_first=False)]

    def leaf(self, transfer: str, kind: str) -> dict[str, Any]:
        (found,) = leaves(self.books, transfer=transfer, kind=kind)
        return found

    def events(self, transfer: str) -> list[dict[str, Any]]:
        return [json.loads(row["body"]) for row in events_of(self.books, transfer)]

    def types(self, transfer: str) -> list[str]:
        return [event["type"].removeprefix("mft.").removesuffix(".v1") for event in self.events(transfer)]

    def parts(self, table: str, transfer: str) -> list[dict[str, Any]]:
        return transfers.parts(self.books, table, transfer)

    def opened(self, object_id: str) -> bytes:
        reader = self.vault.open(sealed_object(self.books, object_id))
        content = b"".join(reader.chunks())
        reader.close()
        return content

    def files(self) -> list[str]:
        return list(self.vault.files())


@pytest.fixture
def desk(tmp_path: Path, made_ledger: Path) -> Iterator[Desk]:
    shutil.copy(made_ledger, tmp_path / "ledger.db")
    ledger = Ledger(f"sqlite:{tmp_path / 'ledger.db'}")
    key = BucketPrivateKey(bytes(range(32)))
    (tmp_path / "vault").mkdir()
    (tmp_path / "scratch").mkdir()
    vault = Vault(tmp_path / "vault", MemoryKeyring([key]))
    core = Core(ledger, subscriptions={"file": ()}, remove_object=vault.remove)
    readers = Readers(ledger)
    runner = Runner(
        vault=vault,
        readers=readers,
        submit=core.run,
        on_broken=lambda error: None,
        threads=1,
        memory_mib=1024,
        seconds=60,
        directory=lambda: desk.directory,
    )
    core.run(StartRunner(runner.id, "boot", 1))
    desk = Desk(core, readers, vault, runner)
    yield desk
    readers.close()
    core.close()
