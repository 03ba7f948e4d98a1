"""Servers forked from a process that has read all modules: the loops start thousands, and a start's imports take a second.

What runs is `mft serve`, from `main` on.
"""

import multiprocessing
import os
import subprocess
import sys
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from tests.harness import ROOT

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["mft.cli.main", "mft.cli.serve", "mft.cli.access", "mft.server", "tests.crash.faulty_serve"]
)


class Forked:
    """What the tests ask of a `subprocess.Popen`."""

    def __init__(self, arguments: list[str], env: dict[str, str], fault: str | None) -> None:
        said, says = os.pipe()
        with Connection(says, readable=False) as saying:
            self._process = _CONTEXT.Process(target=_run, args=(arguments, env, fault, saying), daemon=True)
            self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid
        self.stdout = os.fdopen(said, encoding="utf-8")

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def terminate(self) -> None:
        self._process.terminate()

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if self._process.exitcode is None:
            raise subprocess.TimeoutExpired("mft serve", timeout or 0)
        return self._process.exitcode

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        self.wait(timeout)
        with self.stdout:
            return "", self.stdout.read()


def _run(arguments: list[str], env: dict[str, str], fault: str | None, saying: Any) -> None:
    from mft.cli.main import main
    from tests.crash.faulty_serve import FAULTS

    os.environ.clear()
    os.environ.update(env)
    os.chdir(ROOT)
    os.dup2(saying.fileno(), 1)
    os.dup2(saying.fileno(), 2)
    saying.close()
    sys.stdout, sys.stderr = os.fdopen(1, "w", 1), os.fdopen(2, "w", 1)
    if fault is not None:
        FAULTS[fault]()
    sys.argv = ["mft", *arguments]
    main()
