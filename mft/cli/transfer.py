"""`mft transfer`: where is the file, and what happened to it."""

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mft.cli import decide, replay
from mft.cli.options import HomeOption, JsonOption, Output, size, utf8, when
from mft.domain import Stage, printable
from mft.errors import NameTaken

app = typer.Typer(
    help="Transfers: list, show, get, replay, release, reject.", no_args_is_help=True, rich_markup_mode=None
)
app.command()(replay.replay)
app.command()(decide.release)
app.command()(decide.reject)

_PARTS_SHOWN = 50  # Thousands may come out of an archive.

IdArgument = Annotated[
    str, typer.Argument(metavar="ID", help="A transfer's id, or a unique beginning of it.", callback=utf8)
]


@app.command("list")
def list_transfers(
    partner: Annotated[str, typer.Option(help="Only this partner's.", show_default=False)] = "",
    stage: Annotated[Stage | None, typer.Option(help="Only in this stage.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=1, help="So many at most, the newest.")] = 50,
    before: Annotated[
        str, typer.Option(metavar="ID", help="Older than this one: the next page.", show_default=False)
    ] = "",
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """The newest transfers, newest first.

    \b
    mft transfer list --partner acme --stage incomplete
    mft transfer list --json | jq .reason
    """
    from mft.cli.access import ledger_of
    from mft.clock import LAST_ID
    from mft.ledger.profiles import connection_named
    from mft.ledger.transfers import public, transfer_rows

    with ledger_of(home) as books:
        if partner:
            connection_named(books, partner)
        rows = transfer_rows(books, stage=stage or "", partner=partner, before=before or LAST_ID, most=limit)
    Output(as_json).rows(
        map(public, rows),
        {
            "ID": lambda row: row["id"],
            "RECEIVED": lambda row: when(row["received_at"]),
            "PARTNER": lambda row: row["partner"],
            "NAME": lambda row: f"{row['folder']}/{row['name']}",
            "SIZE": lambda row: size(row["size_bytes"]),
            "STANDARD": lambda row: " ".join([row["standard"] or "-", *row["sets"]]),
            "STAGE": lambda row: row["stage"],
        },
        empty="no transfers",
    )


@app.command()
def show(transfer_id: IdArgument, home: HomeOption = None, as_json: JsonOption = False) -> None:
    """Everything that is known of one transfer: what it is, what was found, what happened, oldest first.

    \b
    mft transfer show 01m8283ew4
    """
    from mft.audit.query import leaves
    from mft.cli.access import ledger_of
    from mft.ledger import acknowledgments, deliveries
    from mft.ledger.outbox import events_of
    from mft.ledger.transfers import children_of, parts, public, transfer_row

    with ledger_of(home) as books:
        row = transfer_row(books, transfer_id)
        known = public(row)
        known["parts"] = [
            {"id": one["id"], "name": printable(one["name_bytes"]), "stage": one["stage"]}
            for one in children_of(books, row["id"])
        ]
        known["evidence"] = json.loads(row["evidence"]) if row["evidence"] else {}
        known["timeline"] = list(leaves(books, transfer=row["id"], newest_first=False))
        known["interchanges"] = [_part(part) for part in parts(books, "interchange", row["id"])]
        known["groups"] = [_part(part) for part in parts(books, "functional_group", row["id"])]
        known["transaction_sets"] = [_part(part) for part in parts(books, "transaction_set", row["id"])]
        known["findings"] = [json.loads(part["body"]) for part in parts(books, "finding", row["id"])]
        known["records"] = [
            {
                "ref": f"mft:/transfers/{row['id']}/records/{part['set_position']}@{part['map_version']}",
                "record_schema": part["record_schema"],
                "records": part["records"],
            }
            for part in parts(books, "records", row["id"])
        ]
        known["acknowledgments"] = [
            acknowledgments.public(one) for one in acknowledgments.acknowledgments_of(books, row["id"])
        ]
        known["deliveries"] = [deliveries.public(one) for one in deliveries.deliveries_of(books, row["id"])]
        known["events"] = [
            {"id": event["id"], "type": event["type"], "at": event["at"]} for event in events_of(books, row["id"])
        ]
    if as_json:
        Output(as_json).object(known)
    else:
        _tell(known)


def _part(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in {"transfer_id", "tenant_id"}}


def _said(evidence: Any) -> str:
    """What is known of a file's wholeness: one word, or what its companion said."""
    if not isinstance(evidence, dict):
        return str(evidence)
    verdict = {True: "agrees, ", False: "does not agree, ", None: ""}[evidence.get("matches")]
    return f"{verdict}transfer {evidence['transfer']}"


def _tell(known: dict[str, Any]) -> None:
    from mft.pipeline.error_report import where
    from parsers.findings import Finding

    print(f"{known['folder']}/{known['name']}  from {known['partner']}, {size(known['size_bytes'])}")
    print(f"  transfer  {known['id']}")
    print(f"  stage     {known['stage']}" + (f": {known['reason']}" if known["reason"] else ""))
    if known["sha256"]:
        print(f"  sha256    {known['sha256']}")
    if known["standard"]:
        print(f"  standard  {' '.join([known['standard'], *known['sets']])}")
    if known["parent"]:
        print(f"  part of   transfer {known['parent']}")
    for part in known["parts"][:_PARTS_SHOWN]:
        print(f"  part      {part['name']}, {part['stage']}: transfer {part['id']}")
    if len(known["parts"]) > _PARTS_SHOWN:
        print(f"  part      … and {len(known['parts']) - _PARTS_SHOWN:,} more: --json has all")
    for what, said in known["evidence"].items():
        print(f"  evidence  {what.replace('_', ' ')}: {_said(said)}")
    for row in known["interchanges"]:
        print(
            f"  interchange {row['position']}: {row['sender'] or '?'} to {row['receiver'] or '?'}, "
            f"control number {row['control_number'] or '-'}, {row['verdict'] or 'not ended'}"
        )
    for row in known["transaction_sets"]:
        print(
            f"    set {row['position']}: {row['set_code'] or '?'} {row['version'] or ''}, control number "
            f"{row['control_number'] or '-'}, {row['verdict'] or 'not ended'}, records: {row['records']}"
            + (f", by {row['guide']}" if row["guide"] else "")
        )
    for finding in known["findings"]:
        print(f"  {finding['severity']}: {finding['message']}")
        place = where(Finding(**finding))
        if place:
            print(f"    where: {place}")
        if finding.get("hint"):
            print(f"    what to do: {finding['hint']}")
    for row in known["records"]:
        print(f"  records   {row['ref']}  {row['records']} of {row['record_schema']}")
    for row in known["acknowledgments"]:
        about = "for" if row["ack"] == known["id"] else "under"
        other = f"transfer {row['transfer']}" if row["ack"] == known["id"] else f"{row['ack_folder']}/{row['ack_name']}"
        print(
            f"  acknowledged interchange {row['interchange']}: {' '.join(row['kinds'])}, {row['verdict']}, our number "
            f"{row['control_number']}, {about} {other}, {'fetched' if row['fetched_at'] else 'not fetched yet'}"
            + (f", once more: see {row['repeats']}" if row["repeats"] else "")
        )
    for row in known["deliveries"]:
        by = f"by {row['route']} as {row['name']}" + (
            f", interchange {row['interchange']}" if row["interchange"] else ""
        )
        print(f"  delivery  {by}, {row['state']}" + (f": {row['error']}" if row["error"] else "") + f"  {row['id']}")
    print("  what happened (UTC)")
    for leaf in known["timeline"]:
        facts = " ".join(f"{k}={v}" for k, v in leaf["facts"].items() if v is not None and k != "object")
        print(f"    {when(leaf['at'])}  {leaf['kind']}  {facts}".rstrip())
    for event in known["events"]:
        print(f"    {when(event['at'])}  event {event['type']}")


@app.command()
def get(
    transfer_id: IdArgument,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", metavar="FILE", help="Write there [default: standard output].", show_default=False),
    ] = None,
    home: HomeOption = None,
) -> None:
    """The original bytes of a transfer, opened. That you asked is a leaf in the audit log.

    \b
    mft transfer get 01m8283ew4 --out claims.edi
    """
    from mft.cli.access import actor, ledger_of, open_home, sealed_of, writing
    from mft.core import Note
    from mft.installation import open_vault
    from mft.ledger.transfers import transfer_row

    found, config = open_home(home)
    with ledger_of(home) as books:
        row = transfer_row(books, transfer_id)
        sealed = sealed_of(books, row, row["object_id"], "original")
    if out is not None and out.exists():
        raise NameTaken(f"{out} exists: name another file, or remove it first")
    if out is None and sys.stdout.isatty():
        raise typer.BadParameter("this is a terminal: name a file with --out, or pipe the output on")
    reader = open_vault(found).open(sealed)
    facts: dict[str, str | int | None] = {"size_bytes": sealed.plain_size}
    with writing(found, config) as run:
        run(Note("transfer.opened", actor(), connection=row["connection"], transfer=row["id"], facts=facts))
    if out is None:
        for chunk in reader.chunks():
            sys.stdout.buffer.write(chunk)
        sys.stdout.buffer.flush()
    else:
        try:
            with os.fdopen(os.open(out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for chunk in reader.chunks():
                    file.write(chunk)
        except BaseException:
            out.unlink(missing_ok=True)  # Half of a partner's file is nobody's.
            raise
        print(f"wrote {out}, {size(sealed.plain_size)}", file=sys.stderr)
    reader.close()
