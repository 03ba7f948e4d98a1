"""Lists that come from elsewhere, as CSV: rows with the line that each stands on, and all that is wrong at once."""

import csv
import difflib
import io
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from pydantic import ValidationError

from mft.errors import BadConfig, Malformed, Missing
from partners.connection import key_blob

LIST_BYTES_MAX: Final = 16 << 20
TOLD_MAX: Final = 20

Wrong = list[tuple[int, str]]


def read_text(path: Path) -> str:
    """Raises Missing: no such file; Malformed: it is no text, or too large."""
    try:
        with path.open("rb") as file:
            content = file.read(LIST_BYTES_MAX + 1)
    except FileNotFoundError:
        raise Missing(f"{path}: no such file") from None
    except OSError as error:
        raise Malformed(f"{path}: cannot be read: {error.strerror}") from None
    if len(content) > LIST_BYTES_MAX:
        raise Malformed(f"{path}: larger than {LIST_BYTES_MAX >> 20} MiB: import it in parts")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise Malformed(f"{path}:{line}: not UTF-8: save it as CSV in UTF-8") from None


def read_list(
    path: Path, *, required: Iterable[str], optional: Iterable[str] = ()
) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Rows of a CSV file that begins with the names of its columns; cells without blanks around, empty ones as "".

    Columns are divided by commas, or by tabs. Lines without any cell, and those that begin with `#`, are skipped.

    Raises:
        Missing, Malformed: with file and line.
    """
    text = read_text(path)
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    rows = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if "\t" in first else ",", strict=True)
    known = [*required, *optional]
    columns: list[str] = []
    line = 1
    try:
        for row in rows:
            begins, line = line, rows.line_num + 1
            cells = [cell.strip() for cell in row]
            if not any(cells) or cells[0].startswith("#"):
                continue
            if not columns:
                columns = _columns(path, begins, cells, list(required), known)
                continue
            if len(cells) > len(columns):
                raise Malformed(
                    f"{path}:{begins}: {len(cells)} cells for {len(columns)} columns: put a cell with commas in quotes"
                )
            cells += [""] * (len(columns) - len(cells))
            yield begins, dict.fromkeys(known, "") | dict(zip(columns, cells, strict=True))
    except csv.Error as error:
        raise Malformed(f"{path}:{line}: not CSV: {error}") from None
    if not columns:
        raise Malformed(f"{path}: empty; expected a first line with the columns {', '.join(known)}")


def _columns(path: Path, line: int, cells: list[str], required: list[str], known: list[str]) -> list[str]:
    columns = ["_".join(cell.lower().replace("-", " ").split()) for cell in cells]
    for column in columns:
        if column not in known:
            near = difflib.get_close_matches(column, known, n=1, cutoff=0.5)
            hint = f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known)}, divided by commas"
            raise Malformed(f"{path}:{line}: there is no column `{column}`; {hint}")
        if columns.count(column) > 1:
            raise Malformed(f"{path}:{line}: column `{column}` stands there twice")
    if missing := [name for name in required if name not in columns]:
        raise Malformed(f"{path}:{line}: column `{missing[0]}` is missing; there are {', '.join(known)}")
    return columns


def refuse(path: Path, wrong: Wrong) -> None:
    """Raises Malformed: with a line for each thing that is wrong, if anything is."""
    if wrong:
        told = [f"{path}:{line}: {what}" for line, what in sorted(wrong)[:TOLD_MAX]]
        told += [f"{len(wrong) - TOLD_MAX:,} more are wrong"] if len(wrong) > TOLD_MAX else []
        raise Malformed("\n".join([*told, "nothing was imported"]))


def in_words(error: ValueError) -> Iterator[str]:
    """What a model, or a reader of ours, says is wrong with a row."""
    if not isinstance(error, ValidationError):
        yield str(error)
        return
    for detail in error.errors(include_url=False):
        key = ".".join(str(part) for part in detail["loc"] if isinstance(part, str))
        message = str(detail["msg"]).removeprefix("Value error, ")
        yield f"`{key}`: {message[:1].lower()}{message[1:]}" if key else message


def key_line(path: Path) -> str:
    """The one line of a `.pub` file. Raises Missing, BadConfig."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise Missing(f"{path}: no such file") from None
    except (OSError, UnicodeDecodeError):
        raise BadConfig(f"{path}: not a readable text file; expected an OpenSSH .pub file") from None
    if "PRIVATE KEY" in text:
        raise BadConfig(f"{path} is a private key: ask the partner for the .pub file beside it, and for nothing else")
    line = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    try:
        key_blob(line)
    except ValueError as error:
        raise BadConfig(f"{path}: {error}") from None
    return line.strip()
