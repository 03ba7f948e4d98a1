"""The lock that keeps the core the only writer."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from mft.core import HomeLock
from mft.errors import HomeInUse


class TestLock:
    def test_the_second_is_told_who_has_it(self, tmp_path: Path) -> None:
        path = tmp_path / "home" / "run" / "lock"
        first = HomeLock(path)
        with pytest.raises(HomeInUse, match=rf"pid {os.getpid()}\) works on .*home: stop it first"):
            HomeLock(path)
        first.release()
        HomeLock(path).release()

    def test_a_killed_holder_holds_no_more(self, tmp_path: Path) -> None:
        path = tmp_path / "run" / "lock"
        script = "import sys, pathlib, mft.core; mft.core.HomeLock(pathlib.Path(sys.argv[1])); print('held', flush=True); input()"
        holder = subprocess.Popen(
            [sys.executable, "-c", script, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(HomeInUse, match=str(holder.pid)):
            HomeLock(path)
        holder.kill()
        holder.communicate()
        HomeLock(path).release()
