"""One large upload by OpenSSH's client: to us, sealed, synced and committed; to OpenSSH's internal-sftp, plain."""

import os
import statistics
import time
from pathlib import Path

from bench.row import Row
from bench.site import at_rest, make_key, openssh, ours

SIZE = int(os.environ.get("BENCH_UPLOAD_MIB", "1024")) << 20
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "5"))


def measure(folder: Path) -> list[Row]:
    source = folder / "upload.bin"
    with source.open("wb") as file:
        for _ in range(SIZE >> 20):
            file.write(os.urandom(1 << 20))
    key = make_key(folder / "bench-key")
    wall: dict[str, list[float]] = {"ours": [], "theirs": []}
    cpu: dict[str, list[float]] = {"ours": [], "theirs": []}
    with ours(folder, key) as mft, openssh(folder, key) as sshd:
        for number in range(ROUNDS + 1):
            for name, server, target in (("ours", mft, f"up{number}"), ("theirs", sshd, f"{sshd.folder}/up{number}")):
                before = server.cpu_seconds()
                took = server.sftp(f"put {source} {target}\n")
                if name == "theirs":
                    time.sleep(0.3)  # Its process for the session has to end before it is accounted for.
                used = server.cpu_seconds() - before
                if number:  # The first round warms up.
                    wall[name].append(took)
                    cpu[name].append(used)
                if name == "ours":
                    at_rest(server.folder)  # What is done with the file after the yes is another figure.
                for kept in (server.folder / "data" / "vault").rglob("*") if name == "ours" else [Path(target)]:
                    if kept.is_file():
                        kept.unlink()  # Both write into memory that is warm.
    gib = SIZE / (1 << 30)
    rows = []
    ours_mb, theirs_mb = (SIZE / 1e6 / statistics.median(wall[name]) for name in ("ours", "theirs"))
    rows.append(Row(f"upload of {SIZE >> 20} MiB, AES-GCM", ours_mb, theirs_mb, "MB/s", ours_mb / theirs_mb, 1.3, 2.0))
    ours_cpu, theirs_cpu = (statistics.median(cpu[name]) / gib for name in ("ours", "theirs"))
    rows.append(
        Row(
            "  server processor time (ratio: ours/peer)",
            ours_cpu,
            theirs_cpu,
            "s/GiB",
            ours_cpu / theirs_cpu,
            0.75,
            0.5,
        )
    )
    source.unlink()
    return rows
