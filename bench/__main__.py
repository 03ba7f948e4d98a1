"""The speed table: ours beside a peer's, in turn, in one run; medians and ratios.

Every row goes to build/bench.jsonl too. A ratio above 1 means that we are better.
"""

import argparse
import json
import os
import platform
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import paramiko

from bench import audit, close, download, events, files, latency, login, parse, ready, records, sealing, upload
from bench.row import Row
from bench.settings import PATHS, SETTINGS, Unmeasured, check
from mft.errors import MFTError

BENCHES: dict[str, tuple[Callable[[Path], list[Row]], str]] = {
    "upload": (upload.measure, "a large upload"),
    "download": (download.measure, "a large download"),
    "files": (files.measure, "many small uploads, in one session and in eight"),
    "close": (close.measure, "how long CLOSE takes after a large upload; ours alone"),
    "login": (login.measure, "logins"),
    "latency": (latency.measure, "from CLOSE to the event in the file; ours alone"),
    "events": (events.measure, "from CLOSE to what each sink has confirmed, and draining a backlog; ours alone"),
    "ready": (ready.measure, "a start with ten thousand things staged; ours alone"),
    "audit": (audit.measure, "leaves appended, asked and verified; ours alone"),
    "sealing": (sealing.measure, "sealing a file into the vault, beside AES-GCM in memory and cp"),
    "records": (records.measure, "caching records and asking them in SQL; ours alone"),
    "parse": (parse.measure, "readers of EDI and HL7; and how long importing ours takes"),
    "parse-parallel": (parse.measure_parallel, "two processes on one file; ours alone"),
    "parse-sizes": (parse.measure_sizes, "files of 1 MB to 1,000 MB; ours alone"),
    "parse-memory": (parse.measure_memory, "memory for large files; ours alone"),
}
EXAMPLES = """\
examples:
  python -m bench                                          everything; takes a while
  python -m bench upload download
  BENCH_UPLOAD_MIB=64 BENCH_ROUNDS=1 python -m bench upload
  make bench BENCH="files login"
"""


def main() -> int:
    names = arguments()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # As an exception, so that servers end and files go.
    build = Path("build").absolute()
    build.mkdir(exist_ok=True)
    failed = False
    try:
        where = machine(build)
        print(f"{where}, load {os.getloadavg()[0]:.1f}", flush=True)
        for name in names:
            try:
                with tempfile.TemporaryDirectory(prefix=f"bench-{name}-", dir=build) as folder:
                    rows = BENCHES[name][0](Path(folder))
            except (Unmeasured, MFTError, OSError, EOFError, paramiko.SSHException) as error:
                print(f"{name} could not be measured: {error}", file=sys.stderr)
                failed = True
                continue
            with (build / "bench.jsonl").open("a") as log:
                for row in rows:
                    log.write(json.dumps({**row.as_dict(), "machine": where}) + "\n")
                    print(row, flush=True)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return int(failed)


def arguments() -> list[str]:
    """The benches that are asked for."""
    settings = "\n".join(f"  {name:23} {about} ({default:,})" for name, (default, about) in SETTINGS.items())
    settings += "".join(f"\n  {name:23} {about}" for name, about in PATHS.items())
    benches = "\n".join(f"  {name:23} {about}" for name, (_, about) in BENCHES.items())
    parser = argparse.ArgumentParser(
        prog="python -m bench",
        description=__doc__,
        epilog=f"benches:\n{benches}\n\nenvironment:\n{settings}\n\n{EXAMPLES}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", nargs="*", help="a bench; without one, all of them")
    names: list[str] = parser.parse_args().name or list(BENCHES)
    if unknown := [name for name in names if name not in BENCHES]:
        parser.error(f"no such bench: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    try:
        check(os.environ)
    except Unmeasured as error:
        parser.error(str(error))
    return names


def machine(folder: Path) -> str:
    """What the figures were measured on: processors, memory, the disk and how long an fsync takes on it, versions."""
    found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    gib = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / (1 << 30)
    return (
        f"{os.cpu_count()} x {found[1] if found else platform.machine()}, {gib:.0f} GiB, {disk(folder)}, "
        f"fsync {fsync_ms(folder):.2f} ms, Python {platform.python_version()}, {openssh_version()}"
    )


def disk(folder: Path) -> str:
    """The file system of a folder and its device: proc_pid_mountinfo(5)."""
    depth, found = 0, "unknown disk"
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        point = Path(re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), before.split()[4]))
        if (
            folder.resolve().is_relative_to(point) and len(point.parts) >= depth
        ):  # Of two on one point, the later hides.
            depth, found = len(point.parts), " on ".join(after.split()[:2])
    return found


def fsync_ms(folder: Path) -> float:
    """The median of 50, each behind 8 KiB."""
    took = []
    with tempfile.TemporaryFile(dir=folder) as file:
        for _ in range(50):
            file.write(b"x" * 8192)
            file.flush()
            begun = time.perf_counter()
            os.fsync(file.fileno())
            took.append((time.perf_counter() - begun) * 1000)
    return statistics.median(took)


def openssh_version() -> str:
    try:
        done = subprocess.run(["ssh", "-V"], capture_output=True, text=True, check=False)
    except OSError:
        return "no OpenSSH"
    return done.stderr.partition(",")[0].strip()


if __name__ == "__main__":
    sys.exit(main())
