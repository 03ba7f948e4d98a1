"""pyx12 reads the same files segment by segment, wherever it reads them at all.

It reads versions 00401 and 00501 only (here as text: by itself it reads no byte beyond ASCII), takes the separators of a file's first interchange for all of it, and
stops at an empty segment.
"""

import io

import pytest

import parsers
from parsers import Segments
from tests import corpus
from tests.corpus import ROOT, ROWS

pyx12 = pytest.importorskip("pyx12.x12file", reason="pyx12 is not installed")

pytestmark = corpus.needed
PATHS = [row["path"] for row in ROWS if row["format"] == "x12"]
LARGE_BYTES = 1_000_000  # It reads five megabytes a second.


def theirs(text: str) -> list[str]:
    return [comparable(segment.format("", "*", ":")) for segment in pyx12.X12Reader(io.StringIO(text))]


def ours(data: bytes) -> list[str]:
    made = []
    for item in parsers.segments([data]):
        if isinstance(item, Segments):
            separators = str.maketrans({item.syntax.element: "*", item.syntax.component or "\x00": ":"})
            made += [comparable(text.translate(separators)) for text in item.characters if text]
    return made


def comparable(segment: str) -> str:
    """Without what nobody keeps (empty elements and components at an end), what is indented, and ISA's separators.

    Of binary segments the length is left: pyx12 takes their data for an element.
    """
    elements = segment.lstrip().split("*")
    match elements[0]:
        case "ISA":
            elements = [*elements[:11], *elements[12:16]]
        case "BIN":
            elements = elements[:2]
        case "BDS":
            elements = elements[:3]
    return "*".join(element.rstrip(":") for element in elements).rstrip("*")


def read_by_both() -> list[tuple[str, bytes, list[str]]]:
    """Path, bytes, and what pyx12 finds, of every file that it reads."""
    found = []
    for path in PATHS:
        data = (ROOT / path).read_bytes()
        if len(data) < LARGE_BYTES:
            try:
                found.append((path, data, theirs(data.decode("utf-8-sig"))))
            except Exception:  # noqa: BLE001, S112  Whatever it raises: it does not read this one.
                continue
    return found


def same(mine: list[str], found: list[str]) -> bool:
    """It drops a last segment, IEA, that has no terminator."""
    return mine == found or (mine[:-1] == found and mine[-1].startswith("IEA"))


def test_both_find_the_same_segments():
    compared = read_by_both()
    assert [path for path, data, found in compared if not same(ours(data), found)] == []
    assert len(compared) > 250
