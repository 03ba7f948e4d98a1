"""`mft parse`: canonical records out of a file, without a home or a server."""

import json
import sys
import tomllib
from collections.abc import Iterator
from contextlib import ExitStack
from enum import StrEnum
from multiprocessing import parent_process
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, BinaryIO

import typer

from mft.cli.options import JsonOption
from mft.errors import BadConfig, Missing

if TYPE_CHECKING:
    from parsers.layout import Layout


class Form(StrEnum):
    NDJSON = "ndjson"
    TREE = "tree"


def parse(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file, or - for standard input.")],
    to: Annotated[
        Form, typer.Option(help="ndjson: a canonical record a line; tree: every segment with its byte.")
    ] = Form.NDJSON,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Write DIR/FILE.ndjson (or .tree) [default: standard output].",
            show_default=False,
        ),
    ] = None,
    layout: Annotated[
        Path | None,
        typer.Option(
            "--layout",
            metavar="TOML",
            help="With --to tree: the columns of a fixed-width file, as docs/standards/fixed-width.md describes them.",
            show_default=False,
        ),
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, max=64, help="Records of a large file of many sets: map so many sets at a time.")
    ] = 1,
    as_json: JsonOption = False,
) -> None:
    """Read an EDI, HL7 or bank file into canonical records, or show all that is in it. Needs no home.

    Records are printed as they are read, so those of a set that is rejected at its end are already out: heed the
    exit code. 1: something in the file is wrong; 3: nothing in it can be read into records. Findings go to standard
    error; with --to tree they stand where they belong.

    \b
    mft parse claims.edi
    mft parse orders.edi | jq .number
    mft parse --to tree orders.edi
    mft parse --to tree payroll.dat --layout payroll.toml
    mft parse --to tree orders.edi --json | jq 'select(.tag == "PO1") | .offset'
    """
    if layout is not None and to is not Form.TREE:
        raise typer.BadParameter(
            "it is for --to tree: fixed-width files have no canonical records", param_hint="--layout"
        )
    if not file.is_file() and str(file) != "-":
        raise Missing(f"{file}: no such file")
    form = "tree" if to is Form.TREE and not as_json else "ndjson"
    with ExitStack() as files:
        sink, written = sys.stdout.buffer, None
        if out is not None:
            out.mkdir(parents=True, exist_ok=True)
            written = out / f"{file.name}.{form}"
            sink = files.enter_context(written.open("wb"))
        code, told = _tree(file, sink, layout, as_json=as_json) if to is Form.TREE else _records(file, sink, processes)
        sink.flush()
    if written is not None:
        print(json.dumps({"file": str(written), **told}))
    if code:
        raise typer.Exit(code)


def _layout(file: Path) -> "Layout":
    from parsers.layout import layout_from

    try:
        return layout_from(tomllib.loads(file.read_text()))
    except OSError as error:
        raise Missing(f"{file}: {error.strerror}") from None
    except ValueError as error:  # What TOML and layouts raise.
        raise BadConfig(f"{file}: {error}") from None


def _tree(file: Path, sink: BinaryIO, layout: Path | None, *, as_json: bool) -> tuple[int, dict[str, int]]:
    """Returns the exit code: 1 when something in the file is wrong, 3 when it is nothing that can be read."""
    import parsers
    from mft.cli.files import pieces
    from mft.cli.tree import json_lines, text_lines
    from parsers.events import Finished
    from parsers.findings import Finding

    shape = _layout(layout) if layout is not None else None
    wrong, opaque = False, False

    def watched() -> Iterator[parsers.Item]:
        nonlocal wrong, opaque
        for item in parsers.segments(pieces(file, bar=not sink.isatty()), layout=shape):
            if isinstance(item, Finding):
                wrong |= item.severity == "error"
            elif isinstance(item, Finished):
                wrong |= item.outcome == "incomplete"
                opaque = item.outcome in {"opaque", "unsupported", "empty"}
            yield item

    sink.writelines((json_lines if as_json else text_lines)(watched()))
    return 3 if opaque else int(wrong), {}


def _records(file: Path, sink: BinaryIO, processes: int) -> tuple[int, dict[str, int]]:
    """Returns the exit code, as `parse` says it, and how many records there are."""
    from mft.cli.files import pieces
    from mft.pipeline.error_report import where
    from parsers import parallel
    from parsers.events import Finished, RecordBatch, SetClosed
    from parsers.findings import Finding

    wrong, printed = False, 0
    if str(file) == "-":
        processes = 1  # It can be read only once.
    if processes > 1:
        next(pieces(file, bar=False), None)  # That it cannot be read is said here, not by each process.

    def chunks() -> Iterator[bytes]:
        return pieces(file, bar=not sink.isatty() and parent_process() is None)

    for event in parallel.read(chunks, processes):
        match event:
            case RecordBatch():
                sink.write(event.ndjson)
                printed += event.count
            case SetClosed(verdict="rejected"):
                wrong = True
                print(f"set {event.index} is rejected: do not use its {event.records} records", file=sys.stderr)
            case Finding():
                wrong |= event.severity == "error"
                place = where(event)
                print(f"{event.severity}: {event.message}" + (f" ({place})" if place else ""), file=sys.stderr)
                if event.hint:
                    print(f"  what to do: {event.hint}", file=sys.stderr)
            case Finished():
                wrong |= event.outcome == "incomplete"
                if event.reason or event.outcome == "opaque":
                    print(
                        f"{event.outcome}: {event.reason or 'this is no EDI, so there are no records'}", file=sys.stderr
                    )
    return 1 if wrong else 0 if printed else 3, {"records": printed}
