"""Small files of ours, and the records that they hold, as reviewed against their segments."""

import random
from pathlib import Path

import msgspec
import pytest

import parsers
from parsers.canonical.catalogue import BY_SCHEMA
from parsers.events import RecordBatch

FOLDER = Path(__file__).parent / "samples" / "records"
EXPECTED = sorted(FOLDER.rglob("*.records.json"))


FILES = sorted(path for path in FOLDER.rglob("*.*") if not path.name.endswith(".records.json"))
SEPARATORS = (
    b"*",
    b"~",
    b":",
    b"+",
    b"'",
    b"|",
    b"^",
    b"<",
    b">",
    b",",
    b"/",
    b"\r",
    b"\n",
    b"",
    b"9" * 20,
    b"-",
    b"\xff",
)


@pytest.mark.parametrize("expected", EXPECTED, ids=lambda path: str(path.relative_to(FOLDER)))
def test_the_records_of_a_file(expected):
    name = expected.name.removesuffix(".records.json")
    (path,) = (one for one in expected.parent.iterdir() if one.stem == name and one != expected)
    batches = [event for event in parsers.read([path.read_bytes()]) if isinstance(event, RecordBatch)]
    records = [msgspec.json.decode(line) for batch in batches for line in batch.ndjson.splitlines()]
    for record in records:
        msgspec.convert(record, BY_SCHEMA[record["schema"]], strict=True)
    assert records == msgspec.json.decode(expected.read_bytes())


def damaged(content: bytes, dice: random.Random) -> bytes:
    made = bytearray(content)
    for _ in range(dice.choice((1, 1, 2, 3, 8))):
        at, other = dice.randrange(len(made)), dice.randrange(len(made))
        match dice.randrange(4):
            case 0:
                del made[at : at + dice.choice((1, 3, 40))]
            case 1:
                made[at:at] = dice.choice(SEPARATORS)
            case 2:
                made[at : at + 1] = dice.choice(SEPARATORS)
            case _:
                made[at:at] = made[other : other + dice.choice((5, 60, 400))]
    return bytes(made)


def read_as_types(content: bytes) -> list[object]:
    """Raises msgspec.ValidationError."""
    batches = [event for event in parsers.read([content]) if isinstance(event, RecordBatch)]
    records = [msgspec.json.decode(line) for batch in batches for line in batch.ndjson.splitlines()]
    return [msgspec.convert(record, BY_SCHEMA[record["schema"]], strict=True) for record in records]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_what_is_made_of_a_damaged_file_is_of_its_type(path):
    dice, content = random.Random(path.name), path.read_bytes()  # noqa: S311  Dice, not keys.
    for _ in range(12):
        read_as_types(damaged(content, dice))


MISSING = [
    ("x12/850.edi", b"N1*ST*", b"N1**"),
    ("x12/278.edi", b"SV2*0360*HC:", b"SV2*0360*HC~"),
    ("edifact/orders.edi", b"NAD+BY+", b"NAD++"),
]


@pytest.mark.parametrize(("name", "old", "new"), MISSING, ids=[case[0] for case in MISSING])
def test_what_tells_the_kind_of_an_object_is_missing(name, old, new):
    content = (FOLDER / name).read_bytes()
    assert old in content
    assert read_as_types(content.replace(old, new))
