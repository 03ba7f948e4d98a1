"""Our readers: `python ours.py WORK` (see `child`)."""

import sys
from collections.abc import Callable, Iterator
from functools import partial

from child import Read, answer

import parsers
from parsers import parallel
from parsers.elements import split
from parsers.events import Finished, RecordBatch, SetClosed
from parsers.guides.terms import Judging
from parsers.judging import judged

CHUNK_BYTES = 1 << 20

Split = Callable[[list[str]], None]
"""Splits segments into elements, and lets go of them."""


def chunks(path: str) -> Iterator[bytes]:
    with open(path, "rb", buffering=0) as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


def segments(path: str, split_all: Split) -> dict[str, int]:
    counted = dict.fromkeys(("segments", "set_segments", "sets"), 0)
    for item in parsers.segments(chunks(path)):
        if isinstance(item, parsers.Segments):
            split_all(item.texts)
            counted["segments"] += len(item)
            counted["set_segments"] += 0 if item.set is None else len(item)
        else:
            counted["sets"] += isinstance(item, SetClosed)
            check(item)
    return counted


def records(path: str, processes: int = 1) -> dict[str, int]:
    counted = dict.fromkeys(("records", "sets", "ndjson_bytes"), 0)
    for event in parallel.read(partial(chunks, path), processes):
        if isinstance(event, RecordBatch):
            counted["records"] += event.count
            counted["ndjson_bytes"] += len(event.ndjson)
        else:
            counted["sets"] += isinstance(event, SetClosed)
            check(event)
    return counted


def guide(path: str) -> dict[str, int]:
    """Every set judged by its guide; no records are made."""
    counted = dict.fromkeys(("set_segments", "sets"), 0)
    for item in judged(parsers.segments(chunks(path)), Judging()):
        if isinstance(item, parsers.Segments):
            counted["set_segments"] += 0 if item.set is None else len(item)
        else:
            counted["sets"] += isinstance(item, SetClosed) and item.guide is not None
            check(item)
    return counted


def check(item: parsers.Item) -> None:
    """The files are good: else it would be another work that is timed."""
    if isinstance(item, parsers.Finding) and item.severity != "info":
        sys.exit(f"{item.code}: {item.message}")
    if isinstance(item, Finished) and item.outcome != "complete":
        sys.exit(f"{item.outcome}: {item.reason}")


# --- elements, without a call a segment where none is needed ---


def x12(texts: list[str]) -> None:
    for text in texts:
        text.split("*")


def x12_components(texts: list[str]) -> None:
    for text in texts:
        elements = text.split("*")
        if ":" in text:
            [element.split(":") for element in elements]


def edifact(texts: list[str]) -> None:
    for text in texts:
        if "?" in text:
            split(text, "+", "?")
        else:
            text.split("+")


def edifact_components(texts: list[str]) -> None:
    for text in texts:
        if "?" in text:
            [split(element, ":", "?") for element in split(text, "+", "?")]
        else:
            [element.split(":") for element in text.split("+")]


def hl7(texts: list[str]) -> None:
    for text in texts:
        text.split("|")


WORKS: dict[str, Read] = {
    "x12": partial(segments, split_all=x12),
    "x12-components": partial(segments, split_all=x12_components),
    "edifact": partial(segments, split_all=edifact),
    "edifact-components": partial(segments, split_all=edifact_components),
    "hl7": partial(segments, split_all=hl7),
    "records": records,
    "guide": guide,
    "records-by-two": partial(records, processes=2),
}

if __name__ == "__main__":
    answer(WORKS[sys.argv[1]])
