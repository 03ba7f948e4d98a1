"""hl7kit reads the same messages: segment by segment, and every field, repetition, component and subcomponent.

It takes one message, in UTF-8, whose segments end with CR; other spellings are not asked of it.
"""

from collections import Counter
from collections.abc import Iterator

import pytest

import parsers
from parsers import Segments
from parsers.segments import Element
from tests import corpus
from tests.corpus import ROOT, ROWS

hl7kit = pytest.importorskip("hl7kit", reason="hl7kit is not installed")

pytestmark = corpus.needed
PATHS = [row["path"] for row in ROWS if row["format"] == "hl7" and row["label"] == "valid"]


def messages(data: bytes) -> Iterator[list[tuple[str, list[Element], str]]]:
    """Each message of a file: tag, elements and text of its segments."""
    made: dict[int, list[tuple[str, list[Element], str]]] = {}
    for item in parsers.segments([data]):
        if isinstance(item, Segments) and item.set is not None and not item.control:
            made.setdefault(item.set, []).extend(
                (text[:3], item.elements(at), text) for at, text in enumerate(item.characters)
            )
    yield from made.values()


def leaves(element: Element, path: str) -> Iterator[tuple[str, str]]:
    """What hl7kit calls a value, and the value: "PID-3[2].4.1"."""
    if element.repetitions is not None:
        for part in element.repetitions:
            yield from leaves(part, f"{path}[{part.position}]")
    elif element.components is not None:
        for part in element.components:
            yield from leaves(part, f"{path}.{part.position}")
    else:
        yield path, element.text or ""


def difference(message: list[tuple[str, list[Element], str]]) -> str | None:
    """The first place in which the two differ; None where they do not."""
    theirs = hl7kit.parse("\r".join(text for _, _, text in message) + "\r")
    if list(theirs.segments()) != [tag for tag, _, _ in message]:
        return "segments"
    counts = Counter(tag for tag, _, _ in message)
    for tag, elements, _ in message:
        for element in elements if counts[tag] == 1 else ():
            if element.name in {"MSH-1", "MSH-2"}:
                continue
            for path, value in leaves(element, element.name):
                if (theirs.get(path) or "").rstrip() != value.rstrip():  # It strips segments.
                    return path
    return None


def test_both_find_the_same_values():
    compared, different = 0, {}
    for path in PATHS:
        data = (ROOT / path).read_bytes()
        if len(data) > 200_000:
            continue
        for message in messages(data):
            compared += 1
            if (where := difference(message)) is not None:
                different[path] = where
    assert different == {}
    assert compared > 200
