"""Which guide judges a set: the shelf of all that come with us, and what an overlay makes of them.

Guides are read when a set first asks for one; `preload` reads their files for a process that will open none later.
"""

from collections.abc import Callable, Iterator
from functools import cache
from importlib import import_module
from typing import NamedTuple

from parsers.guides.files import DICTIONARY, FOLDERS, RULES, texts
from parsers.guides.model import Guide
from parsers.guides.overlay import Overlay, lay_over, read_overlay
from parsers.guides.text import read_guide


class Entry(NamedTuple):
    """A guide that can be had: read only when it is asked for."""

    id: str
    sets: tuple[str, ...]
    versions: tuple[str, ...]
    read: Callable[[], Guide]


def find(standard: str, set_code: str, version: str) -> Guide | None:
    """The guide for a set, by the version that it names; None when there is none on the shelf."""
    for entry in entries(standard):
        if set_code in entry.sets and any(_covers(pattern, version) for pattern in entry.versions):
            return entry.read()
    return None


def by_id(guide_id: str) -> Guide | None:
    """A guide by its id."""
    standard = guide_id.partition("/")[0]
    return next((entry.read() for entry in entries(standard) if entry.id == guide_id), None)


def _covers(pattern: str, version: str) -> bool:
    return version.startswith(pattern[:-1]) if pattern.endswith("*") else version == pattern


@cache
def entries(standard: str) -> tuple[Entry, ...]:
    """Everything on the shelf for a standard, the more exact version before the wider."""
    found = list(_own(standard))
    if standard == "x12":
        maps = import_module("parsers.x12.pyx12_maps")
        found += (Entry(f"x12/{one.version}", (one.set,), one.versions, _map_reader(one)) for one in maps.MAPS)
    return tuple(sorted(found, key=lambda entry: -max(map(len, entry.versions))))


def _own(standard: str) -> Iterator[Entry]:
    for name, text in texts(standard).items():
        if not name.endswith((RULES, DICTIONARY)):
            guide = read_guide(text, name)
            yield Entry(guide.id, guide.sets, guide.versions, _itself(guide))


def _itself(guide: Guide) -> Callable[[], Guide]:
    return lambda: guide


def _map_reader(one: object) -> Callable[[], Guide]:
    @cache
    def read() -> Guide:
        maps = import_module("parsers.x12.pyx12_maps")
        guide: Guide = maps.read_map(one)
        for overlay in _rules("x12"):
            if overlay.extends == guide.id:
                guide = lay_over(guide, overlay, keeps_id=True)
        return guide

    return read


@cache
def _rules(standard: str) -> tuple[Overlay, ...]:
    """Our own rules for guides that others wrote."""
    return tuple(read_overlay(text, name) for name, text in texts(standard).items() if name.endswith(RULES))


def preload() -> None:
    """Read all files of the shelf into memory."""
    for standard in FOLDERS:
        texts(standard)
    import_module("parsers.x12.pyx12_maps").preload()
    import_module("parsers.iso20022.judge").preload()
