"""`mft records trace`: the segment that a field of a record comes from."""

import re
import sys
from pathlib import Path
from typing import Annotated

import typer

from mft.cli.options import HomeOption, JsonOption, Output
from mft.errors import Missing

RECORD = re.compile(r"mft:/transfers/([0-9a-z]+)/records/([1-9]\d{0,9})@([^#]+)(?:#([1-9]\d{0,9}))?")


def trace(
    record: Annotated[
        str,
        typer.Argument(metavar="RECORD", help="mft:/transfers/ID/records/SET@MAP#N, the Nth record of a set; or #1."),
    ],
    field: Annotated[
        str, typer.Argument(metavar="FIELD", help="lines[2].charge, lines, total_charge; all of them when left out.")
    ] = "",
    map_file: Annotated[
        Path | None,
        typer.Option(
            "--map", metavar="FILE", help="The map that made it, where it is none of ours.", show_default=False
        ),
    ] = None,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the segment of the original that a field comes from, with its byte. That you asked is a leaf.

    \b
    mft records trace mft:/transfers/01m8283ew4q6fb2n0k7x9t5zrd/records/1@837p-2#3 total_charge
    mft records trace mft:/transfers/01m8283ew4q6fb2n0k7x9t5zrd/records/1@837p-2#3 'lines[2]' --json
    """
    import parsers
    from mft.cli.access import actor, ledger_of, open_home, sealed_of, writing
    from mft.cli.replay import maps_of
    from mft.core import Note
    from mft.installation import open_vault
    from mft.ledger.transfers import parts, transfer_row

    asked = RECORD.fullmatch(record)
    if asked is None:
        raise typer.BadParameter("not a record: mft:/transfers/ID/records/SET@MAP#N", param_hint="RECORD")
    position, version, number = int(asked[2]), asked[3], int(asked[4] or 1)
    maps = maps_of(map_file)
    found, config = open_home(home)
    with ledger_of(home) as books:
        row = transfer_row(books, asked[1])
        known = {(one["set_position"], one["map_version"]): one for one in parts(books, "records", row["id"])}
        made = known.get((position, version))
        if made is None:
            raise Missing(
                f"transfer {row['id']} has no records of set {position} by map {version}: "
                f"`mft transfer show {row['id']}` lists what it has"
            )
        sealed = sealed_of(books, row, row["object_id"], "original")
    reader = open_vault(found).open(sealed)
    facts: dict[str, str | int | None] = {"types": made["record_schema"], "set": position, "map_version": version}
    try:
        with writing(found, config) as run:
            run(Note("records.revealed", actor(), connection=row["connection"], transfer=row["id"], facts=facts))
        sources = parsers.trace(reader.chunks(), set=position, record=number, maps=maps, version=version)
    finally:
        reader.close()
    if sources is None:
        raise Missing(f"records by map {version} are none of today's maps: name the file that made them with --map")
    if not sources:
        raise Missing(f"set {position} has no record {number}: it has {made['records']}")
    wanted = [one for one in sources if _is_within(one.field, field)]
    if not wanted:
        near = sorted({re.split(r"[.\[]", one.field, maxsplit=1)[0] for one in sources})
        raise Missing(f"the record has no field {field}; it has {', '.join(near)}")
    if as_json:
        for one in wanted:
            Output(as_json).object(
                {
                    "field": one.field, "elements": list(one.elements), "position": one.position, "offset": one.offset,
                    "segment": one.segment,
                }
            )  # fmt: skip
        return
    shown: tuple[int, str] | None = None
    for one in wanted:
        if not one.elements:
            print(f"{one.field}  says the map {version}")
            continue
        print(f"{one.field}  {' '.join(one.elements)}")
        if shown != (one.offset, one.segment):
            shown = one.offset, one.segment
            print(f"    segment {one.position}, byte {one.offset}: {one.segment}")
    sys.stdout.flush()


def _is_within(path: str, field: str) -> bool:
    """It is the field that was asked for, or a part of it; `lines` is all its items."""
    return not field or path == field or path.startswith((f"{field}.", f"{field}["))
