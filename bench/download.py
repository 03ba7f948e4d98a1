"""One large download by OpenSSH's client: from us, out of the vault; from OpenSSH's internal-sftp, a plain file."""

import shutil
from pathlib import Path

from bench.payload import compare, random_file, sha256
from bench.rounds import interleave, megabytes, processor
from bench.row import Row
from bench.settings import Unmeasured, number
from bench.site import Server, make_key, openssh, ours
from mft.cli.access import writing
from mft.clock import new_id
from mft.config import load_config
from mft.core import KeepProfile
from mft.domain import OUTBOUND, TENANT, Arrival, Principal
from mft.home import Home
from mft.installation import load_partners, open_vault
from mft.pipeline.receive import Deposit


def deposit(home: Home, source: Path) -> None:
    """Put a file into /outbound of the partner."""
    profile = load_partners(home).named("bench")
    assert profile is not None
    principal = Principal(profile.connection.id, "bench", "", "", profile.hash)
    writer = open_vault(home).writer(TENANT)
    with source.open("rb") as file:
        while piece := file.read(1 << 20):
            writer.append(piece)
            writer.flush()
    sealed, digest = writer.finish()
    with writing(home, load_config(home)) as command:
        command(KeepProfile(profile.hash, profile.connection.id, "bench", profile.body))
        arrival = Arrival(principal, "server", "", "", OUTBOUND, source.name.encode())
        command(Deposit(new_id(), arrival, sealed, digest))


def measure(folder: Path) -> list[Row]:
    mib = number("BENCH_DOWNLOAD_MIB")
    source, target = folder / "down.bin", folder / "fetched.bin"
    sent = random_file(source, mib << 20)
    key = make_key(folder / "key")

    def get(server: Server, _index: int) -> None:
        server.sftp(f'get ../outbound/{source.name} "{target}"\n')

    def after(server: Server, index: int) -> None:
        if not target.exists():
            raise Unmeasured(f"sftp from {server.name} brought no file")
        if index == 0:
            compare({source.name: sent}, {source.name: sha256(target)}, where=f"the client of {server.name}")
        target.unlink()

    with ours(folder, key, prepare=lambda home: deposit(home, source)) as mft, openssh(folder, key) as sshd:
        shutil.move(source, sshd.folder / "outbound")
        took = interleave("download", mft, sshd, get, after)
    return [
        megabytes(f"download of {mib} MiB, AES-GCM, sealed (peer: plain)", mib << 20, *took, 1.0, 1.5),
        processor("download", mib << 20, *took),
    ]
