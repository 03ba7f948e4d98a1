"""A short pass of the guided fuzzer; `make torture ARGS=fuzz` goes on for an hour."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_promises_hold_for_what_the_fuzzer_makes(tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.guided", "-runs=1500", "-seed=1", f"-artifact_prefix={tmp_path}/"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
