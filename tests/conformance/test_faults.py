"""Planted faults of every standard: the first thing that is said must be the fault, in its place.

The labels in `faults/` were written from the standards and the guides before anything was judged by them; `why` says
from what, and of those that turned out wrong, why they were corrected. A fault is planted in a right file (`replace`), or is a file that its collection calls invalid.
"""

import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

import parsers
from parsers.findings import Finding
from parsers.guides.terms import Judging
from tests import corpus

FILES = {
    path.stem: tomllib.loads(path.read_text()) for path in sorted((Path(__file__).parent / "faults").glob("*.toml"))
}
FAULTS = [(name, fault) for name, content in FILES.items() for fault in content["fault"]]


def base_of(name: str, fault: dict[str, Any]) -> str:
    base = FILES[name]["bases"][fault["base"]]
    if "text" in base:
        text: str = base["text"]
        return text
    if not corpus.MANIFEST.exists():
        pytest.skip("no corpus: set MFT_CORPUS to a folder with MANIFEST.tsv")
    return (corpus.ROOT / base["corpus"]).read_bytes().decode("latin-1")


def said_of(text: str) -> list[Finding]:
    events = parsers.read([text.encode("latin-1")], judge=Judging())
    return [one for one in events if isinstance(one, Finding) and one.severity != "info"]


def anew(found: list[Finding], before: list[Finding]) -> list[Finding]:
    """What is said of a file, without what was said of the right one, too."""
    known = Counter((one.code, one.path, one.element) for one in before)
    made = []
    for one in found:
        key = (one.code, one.path, one.element)
        if known[key]:
            known[key] -= 1
        else:
            made.append(one)
    return made


@pytest.mark.parametrize(("name", "fault"), [pytest.param(*one, id=f"{one[0]}-{one[1]['name']}") for one in FAULTS])
def test_a_planted_fault_is_the_first_thing_said(name: str, fault: dict[str, Any]) -> None:
    base = base_of(name, fault)
    text = base
    for old, new in fault["replace"]:
        assert text.count(old) == 1
        text = text.replace(old, new)
    found = said_of(text) if fault["origin"] == "corpus" else anew(said_of(text), said_of(base))
    assert found, "nothing was said"
    first = found[0]
    labelled = {
        key: fault[key] for key in ("code", "level", "set", "position", "segment", "element", "path") if key in fault
    }
    assert {key: getattr(first, key) for key in labelled} == labelled, first


def test_there_are_enough_of_each_origin() -> None:
    origins = Counter(fault["origin"] for _, fault in FAULTS)
    assert origins["pyx12"] + origins["corpus"] > 300
    assert origins["written"] > 300
