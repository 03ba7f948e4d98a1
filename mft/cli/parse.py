"""`mft parse`: canonical records out of a file, without a home or a server."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mft.errors import Missing


class Form(StrEnum):
    NDJSON = "ndjson"


def parse(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file, or - for standard input.")],
    to: Annotated[Form, typer.Option(help="One JSON object a line.")] = Form.NDJSON,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            help="Write DIR/FILE.ndjson [default: standard output].",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Read an EDI or HL7 file into canonical records; findings go to standard error. Needs no home.

    Records are printed as they are read, so those of a set that is rejected at its end are already out: heed the
    exit code. 1: something in the file is wrong; 3: nothing in it can be read into records.

    \b
    mft parse claims.edi
    mft parse orders.edi | jq .number
    """
    import parsers
    from mft.cli.files import pieces
    from mft.pipeline.report import where
    from parsers.events import Finished, RecordBatch, SetClosed
    from parsers.findings import Finding

    if not file.is_file() and str(file) != "-":
        raise Missing(f"{file}: no such file")
    sink = sys.stdout.buffer
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        sink = (out / f"{file.name}.{to}").open("wb")
    wrong, printed = False, 0
    for event in parsers.read(pieces(file)):
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
                sink.flush()
                wrong |= event.outcome == "incomplete"
                if event.reason or event.outcome == "opaque":
                    print(
                        f"{event.outcome}: {event.reason or 'this is no EDI, so there are no records'}", file=sys.stderr
                    )
                if out is not None:
                    print(json.dumps({"file": str(out / f"{file.name}.{to}"), "records": printed}))
                    sink.close()
    if wrong:
        raise typer.Exit(1)
    if not printed:
        raise typer.Exit(3)
