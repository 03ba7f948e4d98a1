"""`mft validate`: a file judged by its guides, as a report for people, findings for programs, or its acknowledgment."""

import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeVar

import typer

from mft.cli.options import JsonOption, Output
from mft.errors import BadConfig, Missing

if TYPE_CHECKING:
    from parsers.guides.terms import Judging
    from parsers.segments import Item


_T = TypeVar("_T")


class Ack(StrEnum):
    AUTO = "auto"
    TA1 = "ta1"
    X997 = "997"
    X999 = "999"
    CONTRL = "contrl"
    HL7 = "hl7"


def validate(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file, or - for standard input.")],
    guide: Annotated[
        str | None,
        typer.Option(
            "--guide",
            metavar="ID|FILE",
            help="Judge by this guide [default: the one for the version that each set names]; a file is an overlay or "
            "a guide of your own, as docs/guides.md describes them.",
            show_default=False,
        ),
    ] = None,
    ack: Annotated[
        Ack | None,
        typer.Option(help="Print the acknowledgment that would go back, instead of a report.", show_default=False),
    ] = None,
    show_values: Annotated[
        bool, typer.Option("--show-values", help="Show what was sent: names, numbers, diagnoses. Mind who reads it.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Judge a partner's file by its implementation guide. Needs no home.

    The report says where each fault is, what it is and how to mend it, without a value out of the file, so that it can
    be mailed as it is. Exit codes: 0 nothing is wrong, or only warnings; 1 something is; 3 nothing in it could be
    judged.

    \b
    mft validate claims.edi
    mft validate claims.edi --guide acme-837p.toml
    mft validate orders.edi --json | jq -r '[.code, .path] | @tsv'
    mft validate claims.edi --ack 999
    """
    from parsers.guides.text import GuideError

    if not file.is_file() and str(file) != "-":
        raise Missing(f"{file}: no such file")
    try:
        judging = _judging(guide, show_values=show_values)
        if ack is not None:
            code = _acknowledge(file, judging, ack)
        elif as_json:
            code = _lines(file, judging)
        else:
            code = _report(file, judging, show_values=show_values)
    except GuideError as error:
        raise BadConfig(str(error)) from None
    if code:
        raise typer.Exit(code)


def _judging(guide: str | None, *, show_values: bool) -> "Judging":
    from parsers.guides.overlay import is_overlay, read_overlay
    from parsers.guides.terms import Judging, Terms
    from parsers.guides.text import read_guide
    from parsers.judging import agreed, check

    quote: Literal["all", "codes"] = "all" if show_values else "codes"
    if guide is None:
        return Judging(quote=quote)
    path = Path(guide)
    if not (path.suffix == ".toml" or path.is_file()):
        made = Judging(terms=(Terms(guide=guide),), quote=quote)
        agreed(made, guide)
        return made
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise Missing(f"{guide}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadConfig(f"{guide}: is not UTF-8, and so no TOML") from None
    named = read_overlay(text, guide).id if is_overlay(text) else read_guide(text, guide).id
    made = Judging(terms=(Terms(guide=named),), overlays={guide: text}, quote=quote)
    check(agreed(made, named), guide)
    return made


class _Seen:
    """What the exit code hangs on."""

    def __init__(self) -> None:
        self.wrong = False
        self.judged = 0
        self.outcome = ""

    def watch(self, items: Iterable[_T]) -> Iterator[_T]:
        from parsers.events import Finished, SetClosed
        from parsers.findings import Finding

        for item in items:
            if isinstance(item, Finding):
                self.wrong |= item.severity == "error"
            elif isinstance(item, SetClosed):
                self.judged += item.guide is not None
            elif isinstance(item, Finished):
                self.wrong |= item.outcome == "incomplete"
                self.outcome = item.outcome
            yield item

    @property
    def code(self) -> int:
        return 1 if self.wrong else 0 if self.judged else 3


def _items(file: Path, judging: "Judging", seen: _Seen) -> Iterator["Item"]:
    import parsers
    from mft.cli.files import pieces
    from parsers.judging import judged

    return seen.watch(judged(parsers.segments(pieces(file)), judging))


def _lines(file: Path, judging: "Judging") -> int:
    """Findings one a line; with values asked for, what each speaks of as `value`."""
    import msgspec

    from parsers.events import Quoted
    from parsers.findings import Finding

    seen, out = _Seen(), Output(as_json=True)
    with_values = judging.quote == "all"
    held: dict[str, object] | None = None
    for item in _items(file, judging, seen):
        if isinstance(item, Finding):
            if held is not None:
                out.object(held)
            held = msgspec.to_builtins(item)
            if with_values and held is not None:
                held["value"] = None
        elif isinstance(item, Quoted) and with_values and held is not None:
            held["value"] = item.text
    if held is not None:
        out.object(held)
    return seen.code


def _report(file: Path, judging: "Judging", *, show_values: bool) -> int:
    from mft.cli.validation_report import ValidationReport

    seen = _Seen()
    report = ValidationReport(file.name if str(file) != "-" else "standard input", show_values=show_values)
    for item in _items(file, judging, seen):
        report.take(item)
    for line in report.lines():
        print(line)
    return seen.code


def _acknowledge(file: Path, judging: "Judging", kind: Ack) -> int:
    import parsers
    from mft.cli.files import pieces
    from parsers.acknowledgment import Numbers, Wish, answer, write
    from parsers.judged import interchanges

    seen = _Seen()
    written = 0
    events = seen.watch(parsers.read(pieces(file), judge=judging))
    for number, interchange in enumerate(interchanges(events), start=1):
        reply = answer(interchange, Wish(kind=kind.value))
        if reply is not None:
            numbers = Numbers(interchange=number, groups=tuple(range(number, number + reply.groups)))
            sys.stdout.buffer.write(write(reply, numbers, datetime.now(UTC)))
            written += 1
    sys.stdout.buffer.flush()
    if not written:
        print("nothing goes back: the file asks for no acknowledgment, or is one itself", file=sys.stderr)
    return seen.code
