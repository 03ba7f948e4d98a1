"""`mft identify`: what a file is, by its content."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from mft.cli.options import JsonOption, Output
from mft.errors import Missing


def identify(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders with -r.")],
    recursive: Annotated[bool, typer.Option("-r", "--recursive", help="Look into folders.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Say what files are: standard, version, sets; by their content, never by their name. Needs no home.

    With --json a file of several interchanges has "contents": each of them with its standard, version, sets and byte.

    \b
    mft identify claims.edi
    mft identify -r /var/spool/partner --json
    """
    Output(as_json).rows(
        (_identify(path) for path in _files(paths, recursive=recursive)),
        {
            "PATH": lambda row: row["path"],
            "STANDARD": _standards,
            "VERSION": lambda row: row["version"] or "-",
            "SETS": lambda row: " ".join(row["sets"]) or "-",
            "INTERCHANGES": lambda row: str(row["interchanges"]) if row["interchanges"] else "-",
            "ENCODING": lambda row: row["encoding"] or "-",
        },
        empty="no files",
    )


def _files(paths: list[Path], *, recursive: bool) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            if not recursive:
                raise Missing(f"{path} is a folder: add -r to look into it")
            yield from sorted(found for found in path.rglob("*") if found.is_file())
        elif path.exists() or str(path) == "-":
            yield path
        else:
            raise Missing(f"{path}: no such file")


def _standards(row: Mapping[str, Any]) -> str:
    """All of them, when a file mixes standards; and what it is wrapped in."""
    every = dict.fromkeys([row["standard"], *(content["standard"] for content in row.get("contents", ()))])
    return " ".join(every) + (f" in {row['wrapped']}" if row["wrapped"] else "")


def _identify(path: Path) -> dict[str, Any]:
    import parsers
    from mft.cli.files import pieces
    from parsers.events import Finished, Identified, InterchangeOpened, SetOpened
    from parsers.reader import READERS

    found: dict[str, Any] = {}
    sets: dict[str, None] = {}
    contents: list[dict[str, Any]] = []
    for item in parsers.segments(pieces(path)):
        match item:
            case Identified():
                found = {
                    "path": str(path),
                    "standard": item.standard,
                    "version": item.version,
                    "sets": [],
                    "interchanges": 0,
                    "encoding": item.encoding,
                    "wrapped": item.wrapped,
                }
                if item.wrapped or item.standard not in READERS:
                    break  # Nothing in it would be told apart.
            case InterchangeOpened():
                within: dict[str, None] = {}
                contents.append(
                    {"standard": item.standard, "version": item.version, "offset": item.offset, "sets": within}
                )
            case SetOpened(set=str(code)):
                sets[code] = within[code] = None
            case Finished():
                found["interchanges"] = item.interchanges
    found["sets"] = list(sets)
    if len(contents) > 1:
        found["contents"] = [content | {"sets": list(content["sets"])} for content in contents]
    return found
