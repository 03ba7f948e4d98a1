"""`mft transfer replay`: records derived again from the sealed original, and what is different in them."""

import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from mft.cli.options import HomeOption, JsonOption, parse_time, utf8
from mft.errors import BadConfig, Broken, FileGone, MFTError, Missing

if TYPE_CHECKING:
    from mft.ledger.database import Books, Row
    from mft.pipeline.replay import Replay, SetDifference
    from parsers.guides.terms import Judging

_PAGE = 200
_FIELDS_SHOWN = 20
_VERDICT_CODE = 1


def replay(
    transfer_ids: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[ID]...",
            help="Transfers, or unique beginnings of their ids.",
            callback=lambda ids: [utf8(one) for one in ids or ()],
        ),
    ] = None,
    partner: Annotated[str, typer.Option(help="All of this partner's.", show_default=False)] = "",
    since: Annotated[
        str, typer.Option(metavar="TIME", help="All received since: 30d, 2026-03-01.", show_default=False)
    ] = "",
    set_code: Annotated[
        str, typer.Option("--set", metavar="SET", help="Only those with such a set: 837, ORDERS.", show_default=False)
    ] = "",
    map_file: Annotated[
        Path | None,
        typer.Option(
            "--map", metavar="FILE", help="A map file in the place of ours; see docs/maps.md.", show_default=False
        ),
    ] = None,
    guide: Annotated[
        str, typer.Option(metavar="ID", help="Judge by this guide, not as was agreed.", show_default=False)
    ] = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what is different, and replace nothing.")] = False,
    home: HomeOption = None,
    as_json: JsonOption = False,
) -> None:
    """Derive records again from the original, by today's maps or by one of yours, and say what is different.

    Only names of fields are shown, no values; that you asked is a leaf for each transfer. Without --dry-run the newer
    records of sets that differ take the place of the old ones, which stay under their own reference; `records.ready` is
    announced for them, and a leaf noted.
    Exit code 1: a set that was accepted is not accepted any more, and keeps the records it has.

    \b
    mft transfer replay 01m8283ew4 --dry-run
    mft transfer replay --partner acme --since 30d --set 837 --map our-837p.toml --dry-run
    mft transfer replay --since 2026-03-01 --map our-837p.toml
    """
    from mft.cli.access import actor, ledger_of, open_home, sealed_of, writing
    from mft.cli.files import counted
    from mft.core import Note
    from mft.installation import open_vault
    from mft.pipeline.parse import Parser
    from mft.pipeline.replay import Replay

    if not transfer_ids and not (partner or since):
        raise typer.BadParameter("name transfers, or say which: --partner, --since", param_hint="ID")
    maps = maps_of(map_file)
    found, config = open_home(home)
    vault = open_vault(found)
    totals = _Totals()
    parser = Parser(memory_mib=config.pipeline.parser_memory_mib, seconds=config.pipeline.parse_seconds)
    facts = {"map": map_file.name if map_file else None, "guide": guide or None}
    try:
        with ExitStack() as stack:
            books = stack.enter_context(ledger_of(home))
            rows = list(_wanted(books, transfer_ids or [], partner, parse_time(since) if since else 0, set_code))
            judging = _judging_of(found, maps, guide)
            run = stack.enter_context(writing(found, config))
            for row in counted(rows, "transfer", bar=not sys.stdout.isatty()):
                one = Replay(books, vault, row)
                terms = judging(row)
                try:
                    size = sealed_of(books, row, row["object_id"], "original").whole_size
                    run(Note("transfer.opened", actor(), row["connection"], row["id"], facts={"size_bytes": size}))
                    one.derive(parser, terms, seal=not dry_run)
                except MFTError as error:
                    if isinstance(error, Broken) and not isinstance(error, FileGone):
                        raise  # Of the ledger, which should have had the leaf.
                    totals.failed += 1
                    print(f"transfer {row['id']}: {error}; its records stay as they are", file=sys.stderr)
                    continue
                totals.add(one)
                _tell(one, as_json=as_json)
                if one.sealed or one.again:
                    try:
                        run(one.command(actor(), facts))
                    except BaseException:
                        one.forget()
                        raise
                    totals.superseded += len(one.sealed) + len(one.again)
    finally:
        parser.close()
    totals.tell(as_json=as_json, dry_run=dry_run)
    if totals.refused or totals.failed:
        raise typer.Exit(_VERDICT_CODE)


def maps_of(file: Path | None) -> dict[str, str]:
    """A map file as the parsers take it. Raises Missing or BadConfig: it cannot be read, or understood."""
    from parsers.maps.model import MapError
    from parsers.maps.shelf import given

    if file is None:
        return {}
    try:
        maps = {file.name: file.read_text(encoding="utf-8")}
        given(maps)
    except OSError as error:
        raise Missing(f"{file}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BadConfig(f"{file}: a map file is text in UTF-8") from None
    except MapError as error:
        raise BadConfig(str(error)) from None
    return maps


def _wanted(books: "Books", ids: list[str], partner: str, since: int, set_code: str) -> Iterator["Row"]:
    """Transfers that have records, the newest first."""
    from mft.clock import LAST_ID
    from mft.ledger.profiles import connection_named
    from mft.ledger.transfers import parts, transfer_row, transfer_rows

    if ids:
        for one in ids:
            row = transfer_row(books, one)
            if not parts(books, "records", row["id"]):
                raise Missing(f"transfer {row['id']} has no records to derive again: it is {row['stage']}")
            yield row
        return
    if partner:
        connection_named(books, partner)
    before = LAST_ID
    while rows := transfer_rows(books, partner=partner, before=before, most=_PAGE):
        for row in rows:
            if row["received_at"] is not None and row["received_at"] < since:
                return
            if set_code and set_code not in json.loads(row["sets"] or "[]"):
                continue
            if row["map_version"] and row["object_id"]:
                yield row
        before = rows[-1]["id"]


def _judging_of(found: Any, maps: dict[str, str], guide: str) -> Any:
    """As was agreed with the partner of each transfer, but by other maps, or another guide."""
    from msgspec.structs import replace

    import parsers.judging
    from mft.installation import load_partners
    from mft.pipeline.agreements import Agreed
    from parsers.guides.terms import Terms
    from parsers.guides.text import GuideError

    directory = load_partners(found)
    guides = {str(one.path): one.text for one in directory.guides.values()} if guide else {}

    def judging(row: "Row") -> "Judging":
        agreed = Agreed(directory, row["connection"]).judging
        terms = (Terms(guide=guide), *agreed.terms) if guide else agreed.terms
        judging = replace(agreed, maps=maps, terms=terms, overlays={**guides, **agreed.overlays})
        if guide:
            try:
                parsers.judging.agreed(judging, guide)
            except GuideError as error:
                raise BadConfig(str(error)) from None
        return judging

    return judging


class _Totals:
    def __init__(self) -> None:
        self.transfers = self.sets = self.records = self.changed = self.added = self.gone = 0
        self.refused = self.failed = self.superseded = 0
        self.fields: Counter[tuple[str, str]] = Counter()

    def add(self, one: "Replay") -> None:
        self.transfers += 1
        for difference in one.differences:
            self.sets += 1
            self.records += difference.records
            self.changed += difference.changed
            self.added += difference.added
            self.gone += difference.gone
            self.refused += difference.verdict != "accepted"
            self.fields.update(difference.fields)

    def tell(self, *, as_json: bool, dry_run: bool) -> None:
        if as_json:
            fields = [
                {"field": name, "kind": kind, "records": count} for (name, kind), count in self.fields.most_common()
            ]
            print(
                json.dumps(
                    {
                        "transfers": self.transfers, "sets": self.sets, "records": self.records,
                        "changed": self.changed, "added": self.added, "gone": self.gone, "refused": self.refused,
                        "failed": self.failed, "superseded": self.superseded, "fields": fields,
                    }
                )
            )  # fmt: skip
            return
        print(
            f"{self.transfers} transfers, {self.sets} sets, {self.records} records: {self.changed} changed, "
            f"{self.added} added, {self.gone} gone"
        )
        for (name, kind), count in self.fields.most_common(_FIELDS_SHOWN):
            print(f"  {name} {kind} in {count} records")
        if len(self.fields) > _FIELDS_SHOWN:
            print(f"  and {len(self.fields) - _FIELDS_SHOWN} other fields")
        if self.refused:
            print(f"not accepted any more, and left with the records that they have: {_sets(self.refused)}")
        if dry_run and (self.changed or self.added or self.gone):
            print("nothing was replaced: run it without --dry-run for that")
        elif self.superseded:
            print(f"superseded, and kept under their own references: the records of {_sets(self.superseded)}")


def _sets(count: int) -> str:
    return f"{count} set{'' if count == 1 else 's'}"


def _tell(one: "Replay", *, as_json: bool) -> None:
    for difference in one.differences:
        if as_json:
            print(json.dumps({"transfer": one.transfer["id"], **_public(difference)}))
        elif difference.differs:
            said = [f"{difference.changed} changed", f"{difference.added} added", f"{difference.gone} gone"]
            verdict = "" if difference.verdict == "accepted" else f", {difference.verdict}"
            print(
                f"transfer {one.transfer['id']}, set {difference.position} ({difference.set}), "
                f"{difference.was} to {difference.now}{verdict}: {', '.join(said)} of {difference.records}"
            )
            for number, changes in difference.examples[:3]:
                shown = ", ".join(f"{change.field} {change.kind}" for change in changes[:4])
                print(f"  record {number}: {shown}" + (f" and {len(changes) - 4} more" if len(changes) > 4 else ""))


def _public(difference: "SetDifference") -> dict[str, Any]:
    return {
        "set_number": difference.position, "set": difference.set, "was": difference.was, "now": difference.now,
        "verdict": difference.verdict, "records": difference.records, "changed": difference.changed,
        "added": difference.added, "gone": difference.gone,
        "examples": [
            {"record": number, "changes": [{"field": change.field, "kind": change.kind} for change in changes]}
            for number, changes in difference.examples
        ],
    }  # fmt: skip
