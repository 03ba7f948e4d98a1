"""The auditor's walk-through works as it is written: its commands are run, and print what stands below them."""

import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

from tests.cli.conftest import Mft
from tests.cli.test_transcripts import matches

PAGE = Path(__file__).parents[2] / "docs" / "audit.md"


def steps() -> list[tuple[str, list[str]]]:
    """Commands, with what they print; a line that begins with `> ` belongs to the command."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            elif line.startswith("> ") and not found[-1][1]:
                found[-1] = (f"{found[-1][0]}\n{line[2:]}", [])
            else:
                found[-1][1].append(line)
    return found


def test_the_walk_through(mft: Mft, home: Path, tmp_path: Path) -> None:
    listed = map(json.loads, mft("transfer", "list", "--json").out.splitlines())
    transfer = next(row["id"] for row in listed if row["name"] == "claims-837p.edi")
    played = steps()
    assert len(played) > 15
    for command, expected in played:
        words = shlex.split(command.replace("TRANSFER", transfer))
        if words[0] == "mft":
            done = mft(*words[1:])
            code, said = done.code, done.out
        else:
            words[0] = sys.executable if words[0] == "python3" else words[0]
            ran = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
            assert ran.stderr == "", f"$ {command}\n{ran.stderr}"
            code, said = ran.returncode, ran.stdout
        lines = said.splitlines() + ([f"[exit {code}]"] if code else [])
        assert matches(expected, lines), f"$ {command}\n" + "\n".join(lines)
