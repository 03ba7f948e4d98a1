"""Every field of every record of ours can be traced to the segment that it comes from, and that stands where it says."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

import mft.samples
import parsers
from parsers.events import RecordBatch

SAMPLES = Path(mft.samples.__file__).parent
GOLDEN = Path(__file__).parent / "samples" / "records"
FILES = sorted(
    path
    for path in (*SAMPLES.iterdir(), *GOLDEN.rglob("*"))
    if path.suffix in {".edi", ".hl7", ".sta", ".fin", ".ach", ".bai", ".txt", ".xml"}
)
MADE_BY_US = {"valid"}
"""Said by a check digit."""


def leaves(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name not in MADE_BY_US and (path or name not in {"schema", "provenance"}):
                yield from leaves(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value, 1):
            yield from leaves(inner, f"{path}[{number}]")
    elif value is not None:  # What was taken back is no value.
        yield path


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_field_says_where_it_comes_from(path):
    data = path.read_bytes()
    numbers: dict[int, int] = {}
    for event in parsers.read([data]):
        if not isinstance(event, RecordBatch):
            continue
        for line in event.ndjson.splitlines():
            record = msgspec.json.decode(line)
            numbers[event.set] = number = numbers.get(event.set, 0) + 1
            sources = {one.field: one for one in parsers.trace([data], set=event.set, record=number) or ()}
            for leaf in leaves(record):
                source = sources.get(leaf) or sources.get(leaf.rpartition(".")[0])
                assert source is not None, leaf
                if source.elements:
                    assert data[source.offset :].startswith(source.segment.encode("latin-1", "replace")[:20]), leaf
                    tag = re.match(r"[^\d\W]\w\w?|\d\d|[:{]?\w+", source.elements[0])
                    assert tag is not None
    assert numbers


def test_there_is_no_trace_of_a_record_that_is_not_there():
    data = (SAMPLES / "orders-850.edi").read_bytes()
    assert parsers.trace([data], set=1, record=2) == []
    assert parsers.trace([data], set=9) == []


def test_a_value_stands_in_its_segment():
    data = (SAMPLES / "orders-850.edi").read_bytes()
    (price,) = (one for one in parsers.trace([data], set=2) or () if one.field == "lines[2].price")
    assert (price.elements, price.segment.split("*")[4]) == (("PO104",), "8.99")
    assert data[price.offset :].startswith(b"PO1*2*12*EA*8.99")
