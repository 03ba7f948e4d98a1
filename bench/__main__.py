"""The speed table: `python -m bench [NAME…]`. Ours beside a peer's, in turn, in one run; medians and ratios.

Every row goes to build/bench.jsonl too. A ratio above 1 means that we are faster.
"""

import json
import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from bench import latency, upload
from bench.row import Row

BENCHES: dict[str, Callable[[Path], list[Row]]] = {"latency": latency.measure, "upload": upload.measure}


def machine(folder: Path) -> str:
    """What the figures were measured on: processors, memory, and how long an fsync takes on this disk."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    took = []
    path = folder / "fsync"
    with path.open("wb") as file:
        for _ in range(50):
            file.write(b"x" * 8192)
            file.flush()
            begun = time.perf_counter()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - begun)
    path.unlink()
    return (
        f"{os.cpu_count()} x {model}, fsync {statistics.median(took) * 1000:.2f} ms, Python {platform.python_version()}"
    )


def main() -> None:
    names = sys.argv[1:] or list(BENCHES)
    unknown = [name for name in names if name not in BENCHES]
    if unknown:
        sys.exit(f"no such bench: {', '.join(unknown)}; there are {', '.join(BENCHES)}")
    build = Path("build")
    build.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=build) as folder:
        where = machine(Path(folder))
        print(where, f"load {os.getloadavg()[0]:.1f}", flush=True)
        with (build / "bench.jsonl").open("a") as log:
            for name in names:
                for row in BENCHES[name](Path(folder).absolute()):
                    log.write(json.dumps({**row.as_dict(), "machine": where}) + "\n")
                    print(row, flush=True)


if __name__ == "__main__":
    main()
