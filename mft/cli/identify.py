"""`mft identify`: what a file is, by its content."""

from collections.abc import Iterator
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

    \b
    mft identify claims.edi
    mft identify -r /var/spool/partner --json
    """
    Output(as_json).rows(
        (_identify(path) for path in _files(paths, recursive=recursive)),
        {
            "PATH": lambda row: row["path"],
            "STANDARD": lambda row: row["standard"] + (f" in {row['wrapped']}" if row["wrapped"] else ""),
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


def _identify(path: Path) -> dict[str, Any]:
    import parsers
    from mft.cli.files import pieces
    from parsers.events import Finished, Identified, SetOpened

    found: dict[str, Any] = {"path": str(path), "standard": "empty", "version": None, "sets": []}
    sets: dict[str, None] = {}
    for event in parsers.read(pieces(path)):
        match event:
            case Identified():
                found |= {
                    "standard": event.standard,
                    "version": event.version,
                    "encoding": event.encoding,
                    "wrapped": event.wrapped,
                }
            case SetOpened(set=str(code)):
                sets[code] = None
            case Finished():
                found["interchanges"] = event.interchanges
    found["sets"] = list(sets)
    keys = ("path", "standard", "version", "sets", "interchanges", "encoding", "wrapped")
    return {key: found.get(key) for key in keys}
