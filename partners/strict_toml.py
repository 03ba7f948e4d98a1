"""TOML files read into pydantic models, with errors a person can act on: file, line, what was meant.

Knows nothing of what the models are for.
"""

import difflib
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)

_HEADER = re.compile(r"^\s*\[\[?\s*([^\]]+?)\s*\]\]?")
_KEY = re.compile(r"""^\s*(?:"([^"]+)"|'([^']+)'|([A-Za-z0-9_-]+))\s*[=.]""")


class BadFile(Exception):
    """A file says something that cannot be followed. The text is `file:line: what, and what to do`."""


def read_toml(path: Path) -> dict[str, Any]:
    """Raises BadFile: not there, not UTF-8, or not TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadFile(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"{path}: cannot be read: {error}") from None
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"^(.*) \(at line (\d+), column (\d+)\)$", str(error))
        if found is None:
            line = len(path.read_text(encoding="utf-8").splitlines())
            raise BadFile(f"{path}:{line}: not valid TOML: {error}") from None
        raise BadFile(f"{path}:{found[2]}:{found[3]}: not valid TOML: {found[1]}") from None


def load_model(model: type[Model], path: Path) -> Model:
    """Read one file into a model that forbids unknown keys.

    Raises:
        BadFile: with one line for each thing that is wrong.
    """
    content = read_toml(path)
    try:
        return model.model_validate(content)
    except ValidationError as error:
        raise BadFile(explain(error, model, path)) from None


def explain(error: ValidationError, model: type[BaseModel], path: Path) -> str:
    """One line for each error of a validation: the place in the file, what is wrong, what was perhaps meant."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    return "\n".join(
        f"{path}:{line_of(text, detail['loc'])}: {_words(detail, model)}" for detail in error.errors(include_url=False)
    )


def _words(detail: Mapping[str, Any], model: type[BaseModel]) -> str:
    location = detail["loc"]
    key = ".".join(str(part) for part in location if isinstance(part, str))
    if detail["type"] == "extra_forbidden":
        known = _keys_at(model, location[:-1])
        near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
        hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(sorted(known)) or 'none'}"
        return f"unknown key `{key}`; {hint}"
    if detail["type"] == "missing":
        return f"`{key}` is missing"
    message = str(detail["msg"]).removeprefix("Value error, ")
    return f"`{key}`: {message[:1].lower()}{message[1:]}" if key else message


def _keys_at(model: type[BaseModel], location: Sequence[Any]) -> list[str]:
    """The keys that a model knows at a place, following sub-models and lists of them."""
    fields = model.model_fields
    for part in location:
        if isinstance(part, int):
            continue
        inner = _model_in(fields[part].annotation) if part in fields else None
        if inner is None:
            return []
        fields = inner.model_fields
    return list(fields)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_in(argument)
        if found is not None:
            return found
    return None


def line_of(text: str, location: Sequence[Any]) -> int:
    """The line, from 1, where a key stands; the nearest table above it where the key itself is missing."""
    names = [part for part in location if isinstance(part, str)]
    wanted = [(tuple(names[:end]), end) for end in range(len(names), 0, -1)]
    seen: dict[tuple[str, ...], list[int]] = {}
    table: tuple[str, ...] = ()
    for number, line in enumerate(text.splitlines(), start=1):
        if header := _HEADER.match(line):
            table = tuple(part.strip().strip("\"'") for part in header[1].split("."))
            seen.setdefault(table, []).append(number)
        elif key := _KEY.match(line):
            seen.setdefault((*table, key[1] or key[2] or key[3]), []).append(number)
    within = _lines_within(seen, location)
    index = next((part for part in location if isinstance(part, int)), 0)
    for path, _ in wanted:
        found = seen.get(path, [])
        if inside := [line for line in found if line in within]:
            return inside[0]
        if found and not within:
            return found[min(index, len(found) - 1)]
    return 1


def _lines_within(seen: Mapping[tuple[str, ...], list[int]], location: Sequence[Any]) -> range:
    """The lines of the table that a place lies in, of an array of tables; none where it lies in no such array."""
    within = range(0)
    for depth, index in enumerate(location):
        if not isinstance(index, int):
            continue
        array = tuple(part for part in location[:depth] if isinstance(part, str))
        begins = [line for line in seen.get(array, []) if not within or line in within]
        if index < len(begins):
            end = begins[index + 1] if index + 1 < len(begins) else within.stop or sys.maxsize
            within = range(begins[index], end)
    return within
