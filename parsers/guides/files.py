"""The guide files in the package: `guides/*.toml` of each standard, read once.

`850.toml` is a guide; `d96a.dictionary.toml` has segments and code lists that guides have in common; `835.rules.toml`
our rules for a guide that somebody else wrote.
"""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

FOLDERS: Mapping[str, str] = {
    "x12": "parsers.x12",
    "edifact": "parsers.edifact",
    "hl7": "parsers.hl7",
    "swift-mt": "parsers.swift_mt",
    "nacha": "parsers.nacha",
}
"""Standards whose sets are segments in an order."""

DICTIONARY = ".dictionary.toml"
RULES = ".rules.toml"


@cache
def texts(standard: str) -> Mapping[str, str]:
    """All of a standard, by file name."""
    if standard not in FOLDERS:
        return {}
    folder = files(FOLDERS[standard]).joinpath("guides")
    if not folder.is_dir():
        return {}
    return {
        one.name: one.read_text(encoding="utf-8")
        for one in sorted(folder.iterdir(), key=lambda one: one.name)
        if one.name.endswith(".toml")
    }


def dictionaries(standard: str) -> list[str]:
    """The names by which guides of a standard may ask for a dictionary."""
    return [name.removesuffix(DICTIONARY) for name in texts(standard) if name.endswith(DICTIONARY)]
