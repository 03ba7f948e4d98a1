"""Sets in which every segment stands in every loop where its guide has it, each loop twice: to which loops of the map
they went is in boundaries.txt, as reviewed. Nothing of a loop within may land in what is around it, nor the other way.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import parsers
from parsers.guides import shelf
from parsers.guides.model import ElementSpec, Loop, SegmentSpec
from parsers.maps import engine

EXPECTED = Path(__file__).with_name("boundaries.txt")
NUMBER = 60
"""The element that holds the ordinal of its segment: no guide says anything of it."""

GUIDES = {
    "005010X222A1": "837", "004010X098A1": "837", "005010X223A2": "837", "004010X096A1": "837", "004010X097A1": "837",
    "005010X221A1": "835", "004010X091A1": "835", "005010X220A1": "834", "004010X095A1": "834", "005010X218": "820",
    "004010X061A1": "820", "005010X231A1": "999", "004010/850": "850", "004010/855": "855", "004010/810": "810",
    "004010/997": "997", "005010X214": "277",
}  # fmt: skip


class Drawn:
    """The segments of a set, and for each the way to its loop."""

    def __init__(self, guide: str) -> None:
        found = shelf.by_id(f"x12/{guide}")
        assert found is not None
        self.ways: list[str] = []
        self.tags: list[str] = []
        self._levels: list[tuple[tuple[str, ...], int]] = []
        self._level = 0
        self.segments = list(self._walk(found.root, ()))

    def _walk(self, loop: Loop, way: tuple[str, ...]) -> Iterator[str]:
        for child in loop.children:
            if isinstance(child, Loop):
                for _ in range(min(2, child.max)):
                    yield from self._walk(child, (*way, child.id))
            elif child.specs[0].tag not in {"ST", "SE"}:
                yield self._segment(child.specs[0], way)

    def _segment(self, spec: SegmentSpec, way: tuple[str, ...]) -> str:
        elements = [value(one) for one in spec.elements]
        if spec.tag == "HL":
            while (self._levels and self._levels[-1][0] != way[: len(self._levels[-1][0])]) or self._same(way):
                self._levels.pop()
            self._level += 1
            elements[:2] = [str(self._level), str(self._levels[-1][1]) if self._levels else ""]
            self._levels.append((way, self._level))
        self.ways.append("/".join(way))
        self.tags.append(spec.tag)
        elements += [""] * (NUMBER - 1 - len(elements))
        return "*".join([spec.tag, *elements, str(len(self.ways))])

    def _same(self, way: tuple[str, ...]) -> bool:
        return bool(self._levels) and self._levels[-1][0] == way

    def file(self, set_code: str, version: str) -> bytes:
        segments = [f"ST*{set_code}*0001", *self.segments, f"SE*{len(self.segments) + 2}*0001"]
        release = "00501" if version >= "00501" else "00401"
        isa = f"ISA*00*          *00*          *ZZ*A              *ZZ*B              *260101*1200*^*{release}*000000001*0*T*:"
        gs = f"GS*XX*A*B*20260101*1200*1*X*{version}"
        return "".join(f"{one}~" for one in [isa, gs, *segments, "GE*1*1", "IEA*1*000000001"]).encode()


def value(spec: ElementSpec) -> str:
    if spec.usage == "N":
        return ""
    if spec.components:
        return ":".join(map(value, spec.components))
    if spec.codes:
        return min(spec.codes)
    texts = {"DT": "20260101", "period": "20260101", "TM": "1200", "R": "1"}
    return texts.get(spec.type, "1" if spec.type.startswith("N") else "X")


def boundaries(guide: str, set_code: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    drawn = Drawn(guide)
    went: dict[tuple[str, str], set[str]] = {}
    made = engine.Compiled._move

    def spied(self: Any, *arguments: Any) -> Any:
        move = made(self, *arguments)
        gives, names = move.gives, "/".join(loop.name for loop in move.after.loops[1:])
        is_idle = gives is engine._give_nothing and not move.carries

        def told(owner: dict[str, Any], parts: Any) -> None:
            number = int(parts[NUMBER] or 0) if len(parts) > NUMBER else 0
            if number and not is_idle:
                went.setdefault((drawn.ways[number - 1], names), set()).add(drawn.tags[number - 1])
            gives(owner, parts)

        move.gives = told
        return move

    monkeypatch.setattr(engine.Compiled, "_move", spied)
    assert list(parsers.read([drawn.file(set_code, guide.partition("/")[0])]))
    lines = [f"{way or '-':40} {names or '-':40} {' '.join(sorted(tags))}" for (way, names), tags in went.items()]
    return [f"== {guide}", *sorted(lines), ""]


@pytest.mark.parametrize("guide", GUIDES)
def test_segments_go_to_their_own_loops(guide, monkeypatch):
    expected = EXPECTED.read_text(encoding="utf-8").split("\n\n")
    (reviewed,) = [part for part in expected if part.partition("\n")[0].split()[-1] == guide]
    assert boundaries(guide, GUIDES[guide], monkeypatch) == [*reviewed.strip("\n").split("\n"), ""]
