"""The notebooks print what is stored in them."""

import contextlib
import io
import json
from pathlib import Path

import pytest

from mft.cli.demo import QUESTIONS

EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.ipynb")), ids=lambda path: path.name)
def test_a_notebook_prints_what_is_stored_in_it(path, monkeypatch):
    monkeypatch.chdir(EXAMPLES)
    names: dict[str, object] = {}
    for cell in json.loads(path.read_text())["cells"]:
        if cell["cell_type"] == "code":
            printed = io.StringIO()
            with contextlib.redirect_stdout(printed):
                exec("".join(cell["source"]), names)  # noqa: S102  Of our own files alone.
            assert printed.getvalue() == "".join(text for output in cell["outputs"] for text in output["text"])


def test_the_readme_asks_what_the_demo_asks():
    readme = (EXAMPLES.parent / "README.md").read_text(encoding="utf-8")
    for question, statement in QUESTIONS:
        asked = readme.partition(f"-- {question[0].upper()}{question[1:]}\n")[2].partition(";\n")[0]
        assert asked.split() == statement.split()
