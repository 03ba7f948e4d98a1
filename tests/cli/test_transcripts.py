"""Plays `*.txt`: `$ a command`, and what it prints.

Standard output stands as it is, standard error behind it with `! ` before each line, and a code other than 0 as
`[exit 3]`. `…` in a line is any text, a line of it alone any lines. Commands that are not `mft` run as they are,
without a shell; `NAME=value` before a command sets its environment; `<a-file.edi>` is the id of its transfer, `BUCKET`
that of the key that seals, `DIR` the directory that all happens in. The first line says which home is there:
`home: none`, `new` (as `mft init` makes it, with partner acme) or `served` (which has received the samples).
"""

import json
import re
import shlex
import shutil
import subprocess
from importlib import resources
from pathlib import Path

import pytest

from tests.cli.conftest import Mft

FOLDER = Path(__file__).parent
OVERLAY = """id = "bob-837"
extends = "x12/005010X222A1"
version = "1"
title = "Claims as bob wants them"

[[change]]
at = "2010AA/N4/03"
length = "9/9"
source = "bob's companion guide"

[sources]
"bob's companion guide" = "made up"
"""
MAP = """id = "our-837p-1"
extends = "837p.toml"

[loop.2300]
frequency = "CLM05-3 in frequencies"

[words.frequencies]
"1" = "original"
"7" = "replacement"
"""
ROUTES = """[[routes]]
name = "orders"
set = "850"
to = "/nowhere/orders"
usage = "any"
name_template = "{partner}_{name}"

[[routes]]
name = "notes"
file = "*.pdf"
to_partner = "acme"
"""
TRANSCRIPTS = sorted(path.stem for path in FOLDER.glob("*.txt"))


def steps(text: str) -> list[tuple[str, list[str]]]:
    """Commands, each with the lines that it should print."""
    found: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], []))
        elif found and not line.startswith("# "):
            found[-1][1].append(line)
    for _, lines in found:
        while lines and not lines[-1]:
            lines.pop()
    return found


def matches(expected: list[str], said: list[str]) -> bool:
    """Whether lines are as expected, `…` standing for anything."""
    pattern = "".join(
        r"(?:[^\n]*\n)*" if line == "…" else ".*".join(map(re.escape, line.split("…"))) + r"\n" for line in expected
    )
    return re.fullmatch(pattern, "".join(line + "\n" for line in said)) is not None


@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_transcript(name: str, mft: Mft, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    first, _, text = (FOLDER / f"{name}.txt").read_text(encoding="utf-8").partition("\n")
    which = first.removeprefix("home: ")
    if which != "none":
        request.getfixturevalue({"new": "new_home", "served": "home"}[which])
    shutil.copytree(str(resources.files("mft.samples")), tmp_path / "samples")
    shutil.copytree(FOLDER / "lists", tmp_path / "lists")
    (tmp_path / "guides").mkdir()
    (tmp_path / "guides" / "bob-837.toml").write_text(OVERLAY)
    (tmp_path / "our-837p.toml").write_text(MAP)
    (tmp_path / "routes.toml").write_text(ROUTES)
    (tmp_path / "acme.pub").write_bytes((request.getfixturevalue("fresh_home") / "acme.pub").read_bytes())
    played = steps(text)
    assert played
    listed = mft("transfer", "list", "--json").out.splitlines() if which == "served" else []
    ids = {f"<{row['name']}>": row["id"] for row in map(json.loads, listed) if row["folder"] == "/inbound"}
    ids["DIR"] = str(tmp_path)
    if which != "none":
        (key,) = (tmp_path / "mft-home" / "keys").glob("bucket-*.key")
        ids["BUCKET"] = key.stem.removeprefix("bucket-")
    for command, expected in played:
        for name_of_it, real in ids.items():
            command = command.replace(name_of_it, real)  # noqa: PLW2901
        words = shlex.split(command)
        env = {}
        while re.fullmatch(r"[A-Z_]+=.*", words[0]):
            key, _, value = words.pop(0).partition("=")
            env[key] = value
        if words[0] != "mft":
            subprocess.run(words, check=True, cwd=tmp_path)
            continue
        done = mft(*words[1:], env=env)
        names = {str(tmp_path): "DIR"} | {value: name for name, value in ids.items()}
        out, err = done.out, done.err
        for real, name_of_it in names.items():
            out, err = out.replace(real, name_of_it), err.replace(real, name_of_it)
        said = out.splitlines()
        said += [f"! {line}".rstrip() for line in err.splitlines()]
        said += [f"[exit {done.code}]"] if done.code else []
        assert matches(expected, said), f"{name}: $ {command}\n" + "\n".join(said)


@pytest.mark.parametrize(
    ("expected", "said", "fits"),
    [
        (["a"], ["a"], True),
        (["a"], ["a", "b"], False),
        (["a", "b"], ["a"], False),
        (["a…c"], ["abc"], True),
        (["a…"], ["a", "b"], False),
        (["…"], [], True),
        (["a", "…", "d"], ["a", "b", "c", "d"], True),
        (["a", "…", "d"], ["a", "b", "c"], False),
        (["a.c"], ["abc"], False),
    ],
)
def test_the_reader_of_transcripts(expected: list[str], said: list[str], *, fits: bool) -> None:
    assert matches(expected, said) == fits
