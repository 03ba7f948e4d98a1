"""`mft import control-numbers`: our numbers go on where another system's ended."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from mft.cli.options import DryRunOption, HomeOption, JsonOption, Output
from mft.errors import NotAllowed

if TYPE_CHECKING:
    from mft.cli.lists import Wrong
    from mft.ledger.control_numbers import Scope

REQUIRED: Final = ("own", "partner", "standard", "interchange")
OPTIONAL: Final = ("usage", "group")
STANDARDS: Final = ("x12", "edifact", "hl7")
USAGES: Final = {"": "P", "p": "P", "production": "P", "t": "T", "test": "T", "d": "D", "debugging": "D", "-": ""}


def control_numbers(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The numbers that were given last.")],
    force: Annotated[
        bool, typer.Option("--force", help="Also where ours are higher: numbers will come again.")
    ] = False,
    dry_run: DryRunOption = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let our control numbers go on behind those of another system: all of the list, or nothing.

    Columns: own, partner (as envelopes have them, `ZZ:ACME`; without a qualifier `ACME`), standard (x12, edifact, hl7),
    usage (P, T, D; empty is P, `-` is an HL7 message without MSH-11), interchange (the last ISA13, UNB 0020, MSH-10),
    group (the last GS06; may be empty). The next number is one higher. No number is lowered, unless with --force.

    \b
    mft import control-numbers last-numbers.csv --dry-run
    mft import control-numbers last-numbers.csv
    """
    from mft.cli.access import actor, ledger_of, open_home, writing
    from mft.cli.lists import read_list, refuse
    from mft.ledger.control_numbers import Scope, last_number
    from mft.pipeline.control_numbers import Reset, ResetNumbers

    found, config = open_home(home)
    wrong: Wrong = []
    resets: dict[Scope, tuple[int, int]] = {}
    for line, row in read_list(file, required=REQUIRED, optional=OPTIONAL):
        for scope, number in _read(line, row, wrong):
            if scope in resets:
                wrong.append((line, f"the same parties, standard and usage are on line {resets[scope][0]} already"))
            else:
                resets[scope] = line, number
    refuse(file, wrong)
    with ledger_of(home) as books:
        before = {scope: last_number(books, scope) for scope in resets}
    lower = [
        f"{file}:{line}: the last {scope.kind} number here is {before[scope]:,} already, which is higher"
        for scope, (line, number) in resets.items()
        if number < before[scope]
    ]
    if lower and not force:
        raise NotAllowed("\n".join([*lower, "nothing was imported; --force lowers them, and numbers will come again"]))
    command = ResetNumbers(tuple(Reset(scope, number) for scope, (_, number) in resets.items()), actor(), lower=force)
    if not dry_run:
        with writing(found, config) as run:
            run(command)
    rows = [
        {
            "line": line,
            **{name: getattr(scope, name) for name in scope.__struct_fields__},
            "before": before[scope],
            "number": number,
            "imported": not dry_run and number != before[scope],
        }
        for scope, (line, number) in resets.items()
    ]
    Output(as_json).rows(rows, _COLUMNS, empty="the list has no numbers")
    if not as_json:
        count = sum(row["number"] != row["before"] for row in rows)
        numbers = f"{count:,} {'number' if count == 1 else 'numbers'}"
        print(f"would import {numbers}; nothing was written" if dry_run else f"imported {numbers}")


_COLUMNS: Final = {
    "OWN": lambda row: row["own"],
    "PARTNER": lambda row: row["partner"],
    "OF": lambda row: f"{row['standard']} {row['kind']} {row['usage']}".rstrip(),
    "LAST WAS": lambda row: str(row["before"] or "-"),
    "LAST IS": lambda row: str(row["number"]),
}


def _read(line: int, row: Mapping[str, str], wrong: "Wrong") -> "list[tuple[Scope, int]]":
    """The numbers of a row, by their scope; what is wrong is added to `wrong`."""
    from mft.ledger.control_numbers import CONTROL_NUMBER_MAX, Scope

    standard, usage = row["standard"].lower(), row["usage"].lower()
    said = len(wrong)
    if standard not in STANDARDS:
        wrong.append((line, f"`standard`: expected one of {', '.join(STANDARDS)}"))
    if usage not in USAGES:
        wrong.append((line, "`usage`: expected P (production), T (test), D (debugging), or - where there is none"))
    parties: dict[str, Any] = {}
    for column in ("own", "partner"):
        qualifier, _, name = row[column].rpartition(":")
        if not name:
            wrong.append((line, f"`{column}` is empty; expected an id as envelopes have it, ZZ:ACME or ACME"))
        parties[column] = f"{qualifier.strip()}:{name.strip()}"
    numbers = {kind: row[kind] for kind in ("interchange", "group") if row[kind]}
    if not numbers:
        wrong.append((line, "there is no number: fill `interchange`, and `group` where there are groups"))
    for kind, number in numbers.items():
        if not (number.isascii() and number.isdigit() and 1 <= int(number) <= CONTROL_NUMBER_MAX):
            wrong.append((line, f"`{kind}`: expected a number from 1 to {CONTROL_NUMBER_MAX}, leading zeros or not"))
    if len(wrong) > said:
        return []
    rest = {"standard": standard, "usage": USAGES[usage], **parties}
    return [(Scope(kind=kind, **rest), int(number)) for kind, number in numbers.items()]
