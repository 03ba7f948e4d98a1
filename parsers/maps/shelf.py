"""The map files in the package: `maps/*.toml` of each standard, and which of them maps which set."""

import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Final

from parsers.maps.language import read_map
from parsers.maps.model import Map, MapError

FOLDERS: Final[Mapping[str, str]] = {
    "x12": "parsers.x12",
    "edifact": "parsers.edifact",
    "hl7": "parsers.hl7",
    "swift-mt": "parsers.swift_mt",
    "nacha": "parsers.nacha",
    "bai2": "parsers.bai2",
    "iso20022": "parsers.iso20022",
}
"""Standards with maps."""

TREES: Final[Mapping[str, str]] = {"iso20022": "Document"}
"""Those whose messages are trees, with the element that may stand around one."""

SHARED: Final = "shared.toml"
BASE: Final = ".base.toml"
"""What such a file says, others extend; it is no map by itself."""


@cache
def _texts(standard: str) -> Mapping[str, str]:
    folder = files(FOLDERS[standard]).joinpath("maps")
    return {one.name: one.read_text(encoding="utf-8") for one in folder.iterdir() if one.name.endswith(".toml")}


@cache
def maps(standard: str) -> tuple[Map, ...]:
    """All of a standard, those for the longest versions first."""
    if standard not in FOLDERS:
        return ()
    texts = _texts(standard)
    made = [
        read_map(text, name, texts.get(SHARED, ""), texts)
        for name, text in texts.items()
        if name != SHARED and not name.endswith(BASE)
    ]
    return tuple(sorted(made, key=lambda one: (-max(map(len, one.versions)), one.id)))


def given(texts: Mapping[str, str]) -> tuple[Map, ...]:
    """Maps that stand in no package: by the name of its file, the text of each. They may extend the package's.

    Raises:
        MapError: one says something that cannot be understood.
    """
    return tuple(_given(text, name) for name, text in texts.items())


def _given(text: str, name: str) -> Map:
    try:
        head = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MapError(f"{name}: {error}") from None
    for standard in FOLDERS:
        known = _texts(standard)
        if head.get("standard") == standard or head.get("extends") in known:
            return read_map(text, name, known.get(SHARED, ""), known)
    raise MapError(f"{name}: say with `standard` which of {', '.join(FOLDERS)} it maps, or what it `extends`")


@cache
def find(standard: str, set_code: str, version: str) -> Map | None:
    """The map of a set in a version, None where there is none."""
    return among(maps(standard), standard, set_code, version)


def among(maps: Sequence[Map], standard: str, set_code: str, version: str) -> Map | None:
    """The first of some maps that is one for this set and version; one for just this event of it comes first."""
    found = [one for one in maps if one.standard == standard and version.startswith(one.versions)]
    for code in (set_code, set_code.partition("^")[0]):
        for made in found:
            if code in made.sets:
                return made
    return None


def preload() -> None:
    """Read all maps, for a process that will open no file later."""
    for standard, folder in FOLDERS.items():
        maps(standard)
        if standard not in TREES:
            import_module(f"{folder}.values")
