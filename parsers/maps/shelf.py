"""The map files in the package: `maps/*.toml` of each standard, and which of them maps which set."""

from collections.abc import Mapping
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Final

from parsers.maps.language import read_map
from parsers.maps.model import Map

FOLDERS: Final[Mapping[str, str]] = {"x12": "parsers.x12", "hl7": "parsers.hl7"}
"""Standards with maps of segments."""

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


@cache
def find(standard: str, set_code: str, version: str) -> Map | None:
    """The map of a set in a version, None where there is none."""
    for made in maps(standard):
        if set_code.partition("^")[0] in made.sets and version.startswith(made.versions):
            return made
    return None


def preload() -> None:
    """Read all maps, for a process that will open no file later."""
    for standard, folder in FOLDERS.items():
        maps(standard)
        import_module(f"{folder}.values")
