"""pyx12 reads the same files segment by segment, wherever it reads them at all.

It reads ASCII of versions 00401 and 00501 only, takes the separators of a file's first interchange for all of it, and
stops at an empty segment; where it differs beyond that, the file is listed here with the reason.
"""

import csv
import io
import os
from pathlib import Path

import pytest

import parsers
from parsers import Segments

pyx12 = pytest.importorskip("pyx12.x12file", reason="pyx12 is not installed")

ROOT = Path(os.environ.get("MFT_CORPUS") or Path(__file__).parents[3] / "shared" / "corpus")
MANIFEST = ROOT / "MANIFEST.tsv"
pytestmark = pytest.mark.skipif(not MANIFEST.exists(), reason="no corpus: set MFT_CORPUS to a folder with MANIFEST.tsv")

ROWS = (
    [row for row in csv.DictReader(MANIFEST.read_text().splitlines(), delimiter="\t") if row["role"] == "data"]
    if MANIFEST.exists()
    else []
)
PATHS = [row["path"] for row in ROWS if row["format"] == "x12"]
LARGE_BYTES = 1_000_000  # It reads five megabytes a second.


def theirs(text: str) -> list[str]:
    return [without_empties(segment.format("", "*", ":")) for segment in pyx12.X12Reader(io.StringIO(text))]


def ours(data: bytes) -> list[str]:
    made = []
    for item in parsers.segments([data]):
        if isinstance(item, Segments):
            separators = str.maketrans({item.syntax.element: "*", item.syntax.component or "\x00": ":"})
            made += [without_empties(text.translate(separators)) for text in item.texts if text]
    return made


def without_empties(segment: str) -> str:
    """Nobody keeps empty elements and components at the end of a segment or element."""
    return "*".join(element.rstrip(":") for element in segment.split("*")).rstrip("*")


DIFFERENT: dict[str, str] = {}


def read_by_both() -> list[tuple[str, bytes, list[str]]]:
    """Path, bytes, and what pyx12 finds, of every file that it reads."""
    found = []
    for path in PATHS:
        data = (ROOT / path).read_bytes()
        if len(data) < LARGE_BYTES and data.isascii():
            try:
                found.append((path, data, theirs(data.decode())))
            except Exception:  # noqa: BLE001, S112  Whatever it raises: it does not read this one.
                continue
    return found


def reason_of(path: str) -> str | None:
    return next((why for part, why in DIFFERENT.items() if path.endswith(part)), None)


def test_both_find_the_same_segments():
    compared = read_by_both()
    different = [path for path, data, found in compared if ours(data) != found]
    assert [path for path in different if not reason_of(path)] == []
    assert len(different) == sum(bool(reason_of(path)) for path, _, _ in compared), "a reason too many"
    assert len(compared) > 200
