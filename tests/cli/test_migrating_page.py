"""docs/migrating.md works as it is written: its lists are imported by its commands, which print what stands there."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.conftest import Mft
from tests.cli.test_transcripts import matches, steps

PAGE = Path(__file__).parents[2] / "docs" / "migrating.md"
LISTS = Path(__file__).parent / "lists"


@pytest.mark.usefixtures("new_home")
def test_the_move(mft: Mft, tmp_path: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for name, rows in re.findall(r"```csv\n# (\S+)\n(.*?)```", page, re.DOTALL):
        (tmp_path / name).write_text(rows)
    (tmp_path / "old").mkdir()
    key = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "old" / "ssh_host_ed25519_key")]
    subprocess.run(key, check=True)
    shutil.copy(LISTS / "authorized_keys", tmp_path / "old")
    shutil.copy(LISTS / "north.pub", tmp_path / "west.pub")
    played = steps("\n".join(re.findall(r"```console\n(.*?)```", page, re.DOTALL)))
    assert {shlex.split(command)[2] for command, _ in played if command.startswith("mft import")} == {
        "host-key", "authorized-keys", "partners", "control-numbers",
    }  # fmt: skip
    for command, expected in played:
        done = mft(*shlex.split(command)[1:])
        said = done.out.splitlines() + done.err.splitlines()
        assert done.code == 0, f"$ {command}\n" + "\n".join(said)
        assert matches(expected, said), f"$ {command}\n" + "\n".join(said)
