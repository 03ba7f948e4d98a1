"""Run as a process of its own: unwraps files, and prints by how many KiB the process grew with each, at most."""

import json
import sys
from dataclasses import replace
from pathlib import Path

from mft.core import Core
from mft.crypto.keyring import MemoryKeyring
from mft.crypto.keys import BucketPrivateKey
from mft.domain import TENANT
from mft.ledger.database import Ledger, Readers
from mft.pipeline.parse import Parser
from mft.pipeline.pgp import PgpKeys
from mft.pipeline.runner import Claim, Runner, StartRunner
from mft.pipeline.upload import Upload
from mft.vault.store import Vault
from partners.feed import Feed
from tests.archives import zipped
from tests.unit.mft.ledger.entries import arrival
from tests.unit.mft.pipeline.conftest import Desk
from tests.unit.mft.pipeline.test_unwrap import put_in_force


def status_kib(name: str) -> int:
    """Of this process alone: gpg and the parser are others. `VmHWM` is the most since it was forgotten."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{name}:"))


def forget_peak() -> None:
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def receive(desk: Desk, path: Path) -> str:
    upload = Upload(desk.vault, TENANT, replace(arrival(path.name.encode()), feed="wrapped"))
    with path.open("rb") as file:
        at = 0
        while piece := file.read(1 << 18):
            upload.write(at, memoryview(piece))
            upload.work()
            at += len(piece)
    return desk.close(upload)


def main(root: Path, *paths: Path) -> None:
    vault = Vault(root / "vault", MemoryKeyring([BucketPrivateKey(bytes(range(32)))]))
    core = Core(Ledger(f"sqlite:{root / 'ledger.db'}"), subscriptions={"file": ()}, remove_object=vault.remove)
    readers = Readers(Ledger(f"sqlite:{root / 'ledger.db'}"))
    runner = Runner(
        vault=vault, readers=readers, submit=core.run, on_broken=print, threads=1, memory_mib=1024, seconds=600,
        directory=lambda: desk.directory, pgp=PgpKeys(root / "secret", root / "public"),
    )  # fmt: skip
    core.run(StartRunner(runner.id, "boot", 1))
    desk = Desk(core, readers, vault, runner)
    put_in_force(desk, Feed(name="wrapped", unwrap={"members_max": 10_000}))
    parser = Parser(memory_mib=1024, seconds=60)
    warm = root / "warm.zip"
    warm.write_bytes(zipped({"a": bytes(range(256)) * 5000}))
    transfers = [receive(desk, path) for path in (warm, *paths)]  # What receiving takes is not counted.
    for transfer, path in zip(transfers, (warm, *paths), strict=True):
        (job,) = core.run(Claim(runner.id, 1))
        assert job["id"] == transfer
        forget_peak()
        before = status_kib("VmRSS")
        runner._work(parser, job)
        grown = status_kib("VmHWM") - before
        row = desk.row(transfer)
        print(json.dumps({"name": path.name, "grown": grown, "stage": row["stage"], "reason": row["reason"]}))
    parser.close()
    readers.close()
    core.close()


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
