"""What every reader that is measured does: a path a line comes in, what reading it took goes out, a line of JSON.

It runs under the peers' interpreter as well as under ours, and needs nothing but the standard library.
"""

import gc
import json
import os
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

Read = Callable[[str], dict[str, int]]
"""Reads the file of that path; returns what it found, by what was counted."""


def answer(read: Read) -> None:
    """Until standard input ends. What the reader itself prints goes to standard error."""
    with os.fdopen(os.dup(1), "w") as answers:
        os.dup2(2, 1)
        for line in sys.stdin:
            path = line.rstrip("\n")
            gc.collect()  # Nobody pays for what the file before has left.
            begun = time.perf_counter()
            counted = read(path)
            seconds = time.perf_counter() - begun
            print(
                json.dumps({"seconds": seconds, "counted": counted, "peak_mib": peak_mib()}), file=answers, flush=True
            )


def peak_mib() -> float:
    """The largest resident size of this process so far: ru_maxrss would begin with that of the one that started it."""
    found = re.search(r"^VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) / 1024
