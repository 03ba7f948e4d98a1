"""A real ClamAV daemon for tests, that knows one signature, of something made up."""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mft.sinks.clamd import Clamd
from tests.harness import eventually, missing

EVIL = b"X5O!P%@AP-made-up-for-this-test"


@contextmanager
def clamd() -> Iterator[str]:
    """clamd on a socket of its own, that knows one signature; its address."""
    found = shutil.which("clamd", path=f"{os.environ['PATH']}:/usr/sbin")
    if found is None:
        missing("clamd is not installed")
        raise AssertionError
    root = Path(tempfile.mkdtemp(prefix="clamd-"))  # A short path: it is a socket's.
    (root / "db").mkdir()
    (root / "db" / "local.ndb").write_text(f"Local.Made-Up:0:*:{EVIL.hex()}\n")
    (root / "clamd.conf").write_text(
        f"LocalSocket {root}/ctl\nDatabaseDirectory {root}/db\nForeground yes\nStreamMaxLength 1M\n"
        f"TemporaryDirectory {root}\nLogFile {root}/log\nUser {Path('/proc/self').owner()}\n"
    )
    process = subprocess.Popen(
        [found, "-c", str(root / "clamd.conf")], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    try:
        address = f"unix:{root}/ctl"
        eventually(lambda: Clamd(address).answers() or process.poll() is not None, what="clamd answers")
        assert process.poll() is None, process.stderr.read() if process.stderr else ""
        yield address
    finally:
        process.terminate()
        process.communicate(timeout=60)
        shutil.rmtree(root)
