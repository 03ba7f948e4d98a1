"""From the start of `mft serve` to its open door, with ten thousand things staged in its home; ours alone.

Of ten: six uploads that wait to be read, three that broke off, and a file in the vault that no row speaks of.
"""

import os
import statistics
import subprocess
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.rounds import counted
from bench.row import Row
from bench.settings import Unmeasured, number
from bench.site import MFT
from mft.core import Core, KeepProfile
from mft.domain import INBOUND, TENANT, Arrival, Principal
from mft.home import Home
from mft.installation import open_vault
from mft.ledger.database import Ledger
from mft.pipeline.upload import Upload

if TYPE_CHECKING:
    from concurrent.futures import Future

    from mft.vault.store import Vault

WHO = Principal("bench0000000000000000000id", "bench", "bench", "SHA256:fp", "hash-bench")
_LARGE = bytes(66_000)  # Just too large for the ledger.


def measure(folder: Path) -> list[Row]:
    count, took = number("BENCH_READY_STAGED"), []
    home = Home(folder / "home")
    done = subprocess.run([*MFT, "init", str(home.root)], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unmeasured(f"no home could be made: {done.stderr.strip()}")
    for _ in counted("ready", number("BENCH_ROUNDS")):
        _stage(home, count)
        took.append(_start(home))
    return [Row(f"ready after a start with {count:,} staged, median", statistics.median(took), None, "s", None, 5.0)]


def _stage(home: Home, count: int) -> None:
    vault = open_vault(home)
    with closing(Core(Ledger(f"sqlite:{home.data / 'ledger.db'}"), subscriptions={})) as core:
        core.run(KeepProfile(WHO.profile_hash, WHO.connection, WHO.partner, "{}"))
        answers: list[Future[Any]] = []
        for index in range(count):
            if index % 10 == 9:
                vault.seal(TENANT, _LARGE)
                continue
            upload = _upload(vault, index)
            kept = upload.keep("the connection ended") if index % 10 > 5 else None
            answers.append(core.submit(kept or upload.finish(publish=True, repeat_since=1 << 62)))
        for answer in answers:
            answer.result()


def _upload(vault: "Vault", index: int) -> Upload:
    name = f"{time.time_ns()}-{index}.txt".encode()
    upload = Upload(vault, TENANT, Arrival(WHO, "sftp", "192.0.2.1", "bench", INBOUND, name))
    upload.write(0, memoryview(b"staged"))
    return upload


def _start(home: Home) -> float:
    """Seconds. The server is ended by its id."""
    env = {**os.environ, "MFT_DOORS__SFTP__LISTEN": "127.0.0.1:0"}
    begun = time.perf_counter()
    server = subprocess.Popen([*MFT, "serve", "--home", str(home.root)], stdout=subprocess.PIPE, text=True, env=env)
    try:
        assert server.stdout is not None
        if not any("ready" in line for line in server.stdout):
            raise Unmeasured("the server did not start")
        return time.perf_counter() - begun
    finally:
        server.kill()
        server.communicate()
