"""What changed in a configuration, as leaves tell it: names of keys in clear, values only behind a commitment."""

import json
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, Final

MASKED: Final = "(masked)"
_SECRET_KEY: Final = re.compile(r"pass(word|phrase)|secret|token|credential", re.IGNORECASE)
_URL_USER: Final = re.compile(r"(?<=://)\S+(?=@)")
_URL_QUERY: Final = re.compile(r"(://[^\s?]*\?)\S+")
_IN_WORDS: Final = re.compile(r"(pass(?:word|phrase)?\s*=\s*)('[^']*'|\S+)", re.IGNORECASE)  # As libpq takes it.
_PLACES: Final = re.compile(r"\[\d+\]")


def masked(value: Any, key: str = "") -> Any:
    """A configuration without what could be a secret: values of keys that say so, what is in a URL beside its place."""
    if isinstance(value, Mapping):
        return {name: masked(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list):
        return [masked(inner, key) for inner in value]
    if not isinstance(value, str) or not value:
        return value
    if _SECRET_KEY.search(key):
        return MASKED
    value = _URL_QUERY.sub(rf"\1{MASKED}", _URL_USER.sub(MASKED, value))
    return _IN_WORDS.sub(rf"\1{MASKED}", value)


def words_of(schema: Mapping[str, Any]) -> frozenset[str]:
    """Every name of a key that a JSON Schema knows: a name that somebody made up is not among them."""
    found: set[str] = set()
    for key, inner in schema.items():
        if key == "properties":
            found.update(inner)
        for below in inner if isinstance(inner, list) else [inner]:
            if isinstance(below, Mapping):
                found |= words_of(below)
    return frozenset(found)


def changes(old: Mapping[str, Any], new: Mapping[str, Any], words: AbstractSet[str]) -> tuple[str, str]:
    """What is different between two configurations.

    Args:
        words: the names of keys that may be told in clear. One that is not among them is left out, with all below it.

    Returns:
        The dotted names of keys that changed, in order, with a blank between (`logins.keys.key uploads.bytes_max`);
        and a line for each value, canonical: `logins[0].user: "acme" → "acme2"`; `(none)` where there is none.
    """
    before, after = dict(_leaves(old)), dict(_leaves(new))
    paths = [path for path in sorted(before.keys() | after.keys()) if before.get(path) != after.get(path)]
    names = dict.fromkeys(name for path in paths if (name := _in_clear(path, words)))
    before, after = dict(_leaves(masked(old))), dict(_leaves(masked(new)))
    lines = [f"{path}: {before.get(path, '(none)')} → {after.get(path, '(none)')}" for path in paths]
    return " ".join(names), "\n".join(lines)


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value that has none below it, by its path."""
    if isinstance(value, Mapping) and (value or not path):
        for key, inner in value.items():
            yield from _leaves(inner, f"{path}.{_quoted(str(key))}" if path else _quoted(str(key)))
    elif isinstance(value, list) and value:
        for place, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{place}]")
    else:
        yield path, json.dumps(value, sort_keys=True, ensure_ascii=False)


def _quoted(key: str) -> str:
    """A key that is no bare one stands in quotes, as in TOML; so a path can be taken apart again."""
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else json.dumps(key, ensure_ascii=False)


def _in_clear(path: str, words: AbstractSet[str]) -> str:
    said = []
    for name in _PLACES.sub("", path).split("."):
        if name not in words:
            break
        said.append(name)
    return ".".join(said)
