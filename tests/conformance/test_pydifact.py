"""pydifact reads the same files: segment by segment, element by element, wherever it reads them at all.

It drops empty components at the end of an element, knows no repetitions, stops at whatever it calls an error, and reads
no second interchange; where it differs beyond that, the file is listed here with the reason.
"""

import pytest

import parsers
from parsers import Segments
from parsers.segments import Element
from tests import corpus
from tests.corpus import ROOT, ROWS

pydifact = pytest.importorskip("pydifact", reason="pydifact is not installed")

pytestmark = corpus.needed
PATHS = [row["path"] for row in ROWS if row["format"] == "edifact"]
LARGE_BYTES = 1_000_000  # It reads a third of a megabyte a second.


def theirs(text: str) -> list:
    return [[one.tag, *one.elements] for one in pydifact.Parser().parse(text) if one.tag != "UNA"]


def ours(data: bytes) -> list:
    return [
        [item.syntax.tag(text), *(value(element) for element in item.elements(nth))]
        for item in parsers.segments([data])
        if isinstance(item, Segments) and item.standard == "edifact"
        for nth, text in enumerate(item.texts)
        if not text.startswith("UNA")
    ]


def value(element: Element):
    if element.repetitions is not None:
        raise ValueError("it knows no repetitions")
    if element.components is None:
        return element.text
    parts = [part.text for part in element.components]
    while parts and not parts[-1]:
        parts.pop()
    return parts if len(parts) > 1 else parts[0] if parts else ""


DIFFERENT = {
    "/mscons/13002.edi": "a UNB and a UNZ stand inside of its message: what follows the UNZ is in no interchange",
    "/mscons/13003.edi": "the same",
    "/mscons/13005.edi": "the same",
    "/mscons/13006.edi": "the same",
    "/mscons/13007.edi": "the same",
    "/nerdocs-pydifact/patient1.edi": "line breaks before terminators are data to it",
}
READ_ONLY_BY_US = {
    "/unedifact/": "tags of four letters",
    "/issue128/": "wrapped at a fixed width",
    "/edg/src/test/resources/invoic/invoic.txt": "repetitions",
    "/paxlst/": "repetitions",
    "ORDERS_D.03B_Interchange.txt": "repetitions",
}


def named(path: str, among: dict[str, str]) -> bool:
    return any(part in path for part in among)


@pytest.mark.filterwarnings("ignore")
def test_the_same_segments_and_elements():
    same, different, unread = 0, [], []
    for path in PATHS:
        data = (ROOT / path).read_bytes()
        mine = ours_or_none(data)
        if mine == [] or len(data) > LARGE_BYTES:
            continue  # Without UNB there is no interchange to read.
        try:
            other = theirs(decoded(data))
        except (pydifact.exceptions.EDISyntaxError, ValueError):
            unread.append(path)
            continue
        if mine is None:
            unread.append(path)
        elif mine == other:
            same += 1
        else:
            different.append(path)
    assert [path for path in different if not named(path, DIFFERENT)] == []
    assert [path for path in unread if not named(path, READ_ONLY_BY_US)] == []
    assert len(different) == len(DIFFERENT)
    assert same > 100


def ours_or_none(data: bytes) -> list | None:
    """None where there are repetitions."""
    try:
        return ours(data)
    except ValueError:
        return None


def decoded(data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError:
        return data.decode("latin-1")
