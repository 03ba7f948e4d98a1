"""Schemas of records: what was promised stays, or the major version is another, with a step from the old one.

`tests/schemas/NAME-VERSION.txt` has a line for each field that a version promises. A new field is added to the file by
running this test with MFT_NEW_FIELDS=1; one that is gone or is something else makes it fail for good.
"""

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from parsers.canonical.catalogue import BY_SCHEMA
from parsers.canonical.fields import OPEN_CLASSES, PERSONAL_CLASSES, fields_of
from parsers.canonical.upcasts import STEPS, upcast

PROMISED = Path(__file__).parents[3] / "schemas"


def lines(kind: type[msgspec.Struct], path: str = "") -> Iterator[str]:
    for field in fields_of(kind).values():
        name = f"{path}{field.name}" + ("[]" if field.many else "")
        needed = " required" if field.required else ""
        if field.struct is None:
            yield f"{name} {field.holds}{needed}"
        else:
            yield f"{name} struct{needed}"
            yield from lines(field.struct, f"{name}.")


def broken(promised: list[str], kind: type[msgspec.Struct]) -> list[str]:
    """What was promised and no longer holds; and fields that have become required in objects that old records have."""
    now = list(lines(kind))
    objects = {"", *(line.split()[0] for line in promised if " struct" in line)}
    new = [line for line in now if line not in promised and line.endswith(" required")]
    return [line for line in promised if line not in now] + [
        line for line in new if line.split()[0].rpartition(".")[0] in objects
    ]


@pytest.mark.parametrize("schema", BY_SCHEMA)
def test_a_version_keeps_what_it_promised(schema):
    file = PROMISED / f"{schema.replace('/', '-')}.txt"
    now = list(lines(BY_SCHEMA[schema]))
    promised = file.read_text().splitlines() if file.exists() else []
    assert not promised or broken(promised, BY_SCHEMA[schema]) == []
    if os.environ.get("MFT_NEW_FIELDS"):
        promised = [*promised, *(line for line in now if line not in promised)]
        file.write_text("\n".join(promised) + "\n")
    assert set(now) == set(promised), "new fields: run with MFT_NEW_FIELDS=1 and commit the file"


def test_a_breaking_change_is_refused():
    class One(msgspec.Struct):
        number: str
        amount: int = 0

    class Renamed(msgspec.Struct):
        id: str
        amount: int = 0

    class Grown(One):
        other: One | None = None

    promised = list(lines(One))
    assert broken(promised, One) == []
    assert broken(promised, Grown) == []
    assert broken(promised, Renamed) == ["number text required", "id text required"]


def test_every_version_that_is_promised_is_there_or_has_a_step():
    known = {file.stem.rpartition("-")[0] + "/" + file.stem.rpartition("-")[2] for file in PROMISED.glob("*.txt")}
    assert known <= BY_SCHEMA.keys() | STEPS.keys()
    assert not BY_SCHEMA.keys() & STEPS.keys()


def test_an_old_purchase_order_becomes_one_of_today():
    old = {
        "schema": "purchase-order/1", "provenance": {"set": 1, "start": 0, "end": 9}, "number": "P1",
        "dates": [{"kind": "requested-delivery", "moment": "2026-03-16"}], "notes": ["BEFORE NOON"],
        "lines": [{"number": "1", "dates": [{"kind": "x12:999", "moment": "2026-04-01"}]}],
    }  # fmt: skip
    new = upcast(old)
    order = msgspec.convert(new, BY_SCHEMA[new["schema"]])
    assert (order.dates[0].period.start, order.notes[0].text, order.lines[0].dates[0].period.start) == (
        "2026-03-16",
        "BEFORE NOON",
        "2026-04-01",
    )
    assert upcast(new) == new


def test_every_field_has_a_class():
    def classes(kind: type[msgspec.Struct]) -> Iterator[str]:
        for field in fields_of(kind).values():
            if field.struct is None:
                yield field.data_class
            else:
                yield from classes(field.struct)

    said = {one for kind in BY_SCHEMA.values() for one in classes(kind)}
    assert said <= OPEN_CLASSES | PERSONAL_CLASSES | {"BY_SCHEME"}
    assert {"NAME", "DATE", "MEMBER_ID", "ACCOUNT", "CLINICAL", "FREE_TEXT", "CLAIM_NO", "MRN"} <= said
