"""Messages in which every segment stands in every group where its guide has it: what belongs to the header or to a line
is found there, and nothing of what belongs to a group within.
"""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

import parsers
from parsers.events import RecordBatch
from parsers.guides import shelf
from parsers.guides.model import Loop, Position

Owner = tuple[str, ...]

SETS = [
    f"edifact/{version}/{name}" for version in ("D96A", "D01B") for name in ("ORDERS", "ORDRSP", "DESADV", "INVOIC")
]
QUANTITY = {"ORDERS": "21", "ORDRSP": "21", "DESADV": "12", "INVOIC": "47"}
QUANTITY_FIELD = {"ORDRSP": "ordered"}
MEANT_FOR_THE_ITEM = {"DESADV": {("CPS", "LIN", "PCI")}}
"""Groups whose dates are the item's: of what is marked on its packages."""


class Message:
    """Attributes:
    said: (tag, owner, mark) of every segment: the owner is the way to the group that it tells of.
    """

    def __init__(self, guide_id: str) -> None:
        guide = shelf.by_id(guide_id)
        assert guide is not None
        self.name = guide.sets[0]
        self.version = guide.versions[0].removesuffix("*")
        self.said: list[tuple[str, Owner, int]] = []
        self.lines = 0
        self.segments = list(self._walk(guide.root, ()))

    def _walk(self, loop: Loop, path: Owner) -> Iterator[str]:
        first = True
        for child in loop.children:
            if isinstance(child, Loop):
                for _ in range(2):
                    trigger = child.children[0]
                    assert isinstance(trigger, Position)
                    yield from self._walk(child, (*path, trigger.specs[0].tag))
            elif (tag := child.specs[0].tag) not in {"UNH", "UNT"}:
                owner = path[:-1] if first and path else path
                first = first and not path
                yield self._segment(tag, owner)

    def _segment(self, tag: str, owner: Owner) -> str:
        mark = len(self.said) + 1
        if tag == "LIN":
            self.lines += 1
        if "LIN" in owner:
            owner = (f"{self.lines}", *owner)
        self.said.append((tag, owner, mark))
        return {
            "BGM": "BGM+220+N+9",
            "DTM": f"DTM+2:{2000 + mark // 12}{mark % 12 + 1:02}:610",
            "FTX": f"FTX+AAI+++{mark}",
            "RFF": f"RFF+CT:{mark}",
            "CUX": f"CUX+2:{mark:03}:9",
            "MOA": f"MOA+203:{mark}",
            "QTY": f"QTY+{QUANTITY[self.name]}:{mark}",
            "MEA": f"MEA+PD+AAD+KGM:{mark}",
            "PIA": f"PIA+1+{mark}:BP",
            "IMD": f"IMD+F++:::{mark}",
            "NAD": f"NAD+BY+{mark}::92",
            "LIN": f"LIN+{mark}",
            "LOC": "LOC+7+X",
            "UNS": "UNS+S",
        }.get(tag, f"{tag}+1")

    def marks(self, tag: str, *owners: Owner) -> list[int]:
        return [mark for name, owner, mark in self.said if name == tag and owner in owners]

    def record(self) -> dict[str, Any]:
        texts = [
            "UNB+UNOC:3+A+B+260302:0915+1",
            f"UNH+1+{self.name}:{self.version[0]}:{self.version[1:]}:UN",
            *self.segments,
        ]
        texts += [f"UNT+{len(self.segments) + 2}+1", "UNZ+1+1"]
        data = "".join(f"{text}'" for text in texts).encode()
        (line,) = [
            line
            for event in parsers.read([data])
            if isinstance(event, RecordBatch)
            for line in event.ndjson.splitlines()
        ]
        return msgspec.json.decode(line)


def months(dates: list[dict[str, Any]]) -> list[int]:
    return [12 * (int(one["period"]["start"][:4]) - 2000) + int(one["period"]["start"][5:]) - 1 for one in dates]


@pytest.fixture(scope="module", params=SETS)
def message(request) -> Message:
    return Message(request.param)


@pytest.fixture(scope="module")
def record(message) -> dict[str, Any]:
    return message.record()


def test_what_is_the_headers_is_in_the_header(message, record):
    assert months(record["dates"]) == message.marks("DTM", ())
    notes = [(), ("CPS",)]  # What is said of a level of packing is nobody else's.
    assert [int(one["text"]) for one in record.get("notes", [])] == message.marks("FTX", *notes)
    assert [int(one["value"]) for one in record["references"]] == message.marks("RFF", ())
    assert [int(one["identifiers"][0]["value"]) for one in record["parties"]] == message.marks("NAD", ())
    if message.name == "DESADV":
        assert int(record["weight"]["value"]) == message.marks("MEA", ())[-1]
    else:
        assert int(record["currency"]) == message.marks("CUX", ())[-1]
    assert record.get("totals") is None


def test_what_is_a_partys_is_at_the_party(message, record):
    parties = [int(party["identifiers"][1]["value"]) for party in record["parties"] if len(party["identifiers"]) > 1]
    assert parties == message.marks("RFF", ("NAD",))[::2]
    assert all("contacts" in party for party in record["parties"])


def test_what_is_a_lines_is_in_the_line(message, record):
    lines = record["items" if message.name == "DESADV" else "lines"]
    assert len(lines) == message.lines
    way = ("CPS", "LIN") if message.name == "DESADV" else ("LIN",)
    for number, line in enumerate(lines, 1):
        owner = (f"{number}", *way)
        dates = [owner, *((f"{number}", *path) for path in MEANT_FOR_THE_ITEM.get(message.name, ()))]
        assert months(line["dates"]) == message.marks("DTM", *dates)
        assert [int(one["text"]) for one in line["notes"]] == message.marks("FTX", owner)
        assert [int(one["value"]) for one in line["references"]] == message.marks("RFF", owner)
        assert [int(one) for one in line["descriptions"]] == message.marks("IMD", owner)
        assert [int(one["value"]) for one in line["products"]] == message.marks("PIA", owner)
        quantity = line[QUANTITY_FIELD.get(message.name, "quantity")]["value"]
        assert int(quantity) == message.marks("QTY", owner)[-1]
        if message.name == "DESADV":
            assert int(line["weight"]["value"]) == message.marks("MEA", owner)[-1]
        elif message.name != "ORDRSP":
            amount = line["amount"]["amount"] if message.name == "INVOIC" else line["amount"]
            assert int(amount) in message.marks("MOA", owner)
