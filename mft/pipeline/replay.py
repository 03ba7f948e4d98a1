"""Records derived again from the sealed original, and what is different in them; newer ones supersede the old.

The old records stay, as objects and as rows: whoever has a reference to them still finds what it meant.
"""

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from mft.audit.log import Fact
from mft.domain import STANDARD, TENANT, SealedObject
from mft.errors import Refused
from mft.events import RecordsReady
from mft.ledger import record_parts, transfers
from mft.ledger.database import Books, Row
from mft.ledger.objects import insert_object, sealed_object
from mft.pipeline.conclude import SetRecords
from mft.pipeline.journal import Journal
from mft.pipeline.parse import Parser
from mft.vault.store import ObjectWriter, Vault
from parsers.canonical.upcasts import upcast
from parsers.differences import Change, changes, in_general
from parsers.events import RecordBatch, SetClosed, SetOpened
from parsers.guides.terms import Judging


class SameVersion(Refused):
    """Other records of the same map version are there already."""

    code = "refused.same-map-version"


class Supersede(msgspec.Struct, frozen=True, tag=True):
    """Newer records of some sets of a transfer, in the place of those there are.

    `again` are sets, each with a map version, whose older records are those of today once more.
    """

    transfer: str
    actor: str
    records: tuple[SetRecords, ...]
    again: tuple[tuple[int, str], ...] = ()
    facts: dict[str, Fact] = {}


def supersede(journal: Journal, command: Supersede) -> None:
    """Raises SameVersion: a set has records of this map version already."""
    row = transfers.transfer_row(journal.books, command.transfer)
    known = {
        (one["set_position"], one["map_version"]) for one in transfers.parts(journal.books, "records", command.transfer)
    }
    for records in command.records:
        if (records.position, records.map_version) in known:
            raise SameVersion(f"set {records.position} has records of map {records.map_version} since a moment ago")
        insert_object(journal.books, records.sealed, at=journal.at)
    positions = [*(records.position for records in command.records), *(position for position, _ in command.again)]
    record_parts.supersede(journal.books, command.transfer, positions)
    transfers.add_parts(
        journal.books,
        "records",
        (
            {
                "transfer_id": command.transfer,
                "tenant_id": TENANT,
                "set_position": records.position,
                "map_version": records.map_version,
                "record_schema": records.record_schema,
                "records": records.records,
                "object_id": records.sealed.id,
                "created_at": journal.at,
            }
            for records in command.records
        ),
    )
    for position, map_version in command.again:
        record_parts.renew(journal.books, command.transfer, position, map_version)
    journal.leaf(
        "transfer.replayed",
        actor=command.actor,
        connection=row["connection"],
        transfer=command.transfer,
        facts={"sets": len(command.records) + len(command.again), **command.facts},
    )
    for records in command.records:
        journal.announce(
            RecordsReady(
                transfer=command.transfer,
                connection=row["connection"],
                partner=row["profile_name"],
                standard=row["standard"],
                usage=row["usage"],
                ref=f"mft:/transfers/{command.transfer}/records/{records.position}@{records.map_version}",
                set=records.set,
                set_number=records.position,
                records=records.records,
                record_schema=records.record_schema,
            )
        )


_SHOWN_MAX: Final = 20
"""Records of a set whose changes are kept one by one; all are counted."""


@dataclass(slots=True, kw_only=True)
class SetDifference:
    """What is different in one set.

    Attributes:
        was, now: the map versions. verdict: of the set, judged again.
        records: how many there are now; added, gone: those that only one derivation has; changed: those of both.
        fields: how many records differ in a field, whatever item of a list it is of, and how.
        examples: the first records that differ, each with its number in the set.
    """

    position: int
    set: str
    was: str
    now: str | None = None
    verdict: str = "accepted"
    records: int = 0
    added: int = 0
    gone: int = 0
    changed: int = 0
    fields: Counter[tuple[str, str]] = field(default_factory=Counter)
    examples: list[tuple[int, list[Change]]] = field(default_factory=list)

    @property
    def differs(self) -> bool:
        return bool(self.added or self.gone or self.changed) or self.verdict != "accepted"


class Replay:
    """One transfer, derived again. `seal` keeps the new records, ready to be committed.

    Resource handling: `forget` removes what was sealed and will not be committed.
    """

    def __init__(self, books: Books, vault: Vault, transfer: Row) -> None:
        self._books = books
        self._vault = vault
        self.transfer = transfer
        rows = transfers.parts(books, "records", transfer["id"])
        self._rows: dict[int, Row] = {row["set_position"]: row for row in rows if not row["superseded"]}
        self._versions: dict[tuple[int, str], Row] = {(row["set_position"], row["map_version"]): row for row in rows}
        self.differences: list[SetDifference] = []
        self.sealed: list[SetRecords] = []
        self.again: list[tuple[int, str]] = []

    def derive(self, parser: Parser, judging: Judging, *, seal: bool) -> None:
        """Read the original again, and compare; with `seal`, keep the records of sets that differ.

        Raises:
            ParserDied, ParserTooSlow, FileGone, UnsealFailed: nothing was derived.
        """
        original = self._vault.open(sealed_object(self._books, self.transfer["object_id"]))
        opened: SetOpened | None = None
        comparing: _Comparing | None = None
        try:
            for event in parser.read(original.chunks(), judging):
                match event:
                    case SetOpened():
                        opened = event
                        row = self._rows.get(event.index)
                        comparing = _Comparing(self, row, event, seal=seal) if row is not None else None
                    case RecordBatch() if comparing is not None:
                        comparing.take(event.ndjson)
                    case SetClosed() if comparing is not None and opened is not None and opened.index == event.index:
                        comparing.close(event)
                        comparing = None
        except BaseException:
            if comparing is not None:
                comparing.abandon()
            self.forget()
            raise
        finally:
            original.close()

    def stored(self, row: Row) -> Iterator[dict[str, Any]]:
        """The records of a set as they were kept, brought up to date."""
        reader = self._vault.open(sealed_object(self._books, row["object_id"]))
        try:
            rest = b""
            for chunk in reader.chunks():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    yield upcast(msgspec.json.decode(line))
        finally:
            reader.close()

    def is_there(self, position: int, map_version: str, sha256: bytes) -> bool:
        """Whether these records of a set are there already.

        Raises:
            SameVersion: others of the same map version are.
        """
        row = self._versions.get((position, map_version))
        if row is None:
            return False
        reader = self._vault.open(sealed_object(self._books, row["object_id"]))
        digest = hashlib.sha256()
        try:
            for chunk in reader.chunks():
                digest.update(chunk)
        finally:
            reader.close()
        if digest.digest() == sha256:
            return True
        raise SameVersion(
            f"set {position} has other records of map {map_version}: give a changed map another version in its `id`"
        )

    def writer(self) -> ObjectWriter:
        return self._vault.writer(TENANT, retention=self.transfer["retention"] or STANDARD)

    def forget(self) -> None:
        for one in self.sealed:
            self.drop(one.sealed)
        self.sealed.clear()

    def drop(self, sealed: SealedObject) -> None:
        """Remove what was sealed and nobody will know of."""
        if sealed.blob is None:
            self._vault.remove(sealed.id)

    def command(self, actor: str, facts: Mapping[str, Fact]) -> Supersede:
        return Supersede(self.transfer["id"], actor, tuple(self.sealed), tuple(self.again), dict(facts))


class _Comparing:
    """Old records of a set beside the new ones as they come, each told by the byte where its segments begin."""

    def __init__(self, replay: Replay, row: Row, opened: SetOpened, *, seal: bool) -> None:
        self._replay = replay
        self._row = row
        self._old = replay.stored(row)
        self._held: dict[int, tuple[int, dict[str, Any]]] = {}
        self._read = 0
        self._writer = replay.writer() if seal else None
        self._set = opened.set or ""
        self.difference = SetDifference(position=opened.index, set=self._set, was=row["map_version"])

    def take(self, ndjson: bytes) -> None:
        if self._writer is not None:
            self._writer.append(ndjson)
            self._writer.flush()
        for line in ndjson.splitlines():
            self._compare(msgspec.json.decode(line))

    def _compare(self, new: dict[str, Any]) -> None:
        difference = self.difference
        difference.records += 1
        old = self._old_at(new["provenance"]["start"])
        if old is None:
            difference.added += 1
            return
        found = list(changes(old, new))
        if not found:
            return
        difference.changed += 1
        difference.fields.update({(in_general(one.field), one.kind) for one in found})
        if len(difference.examples) < _SHOWN_MAX:
            difference.examples.append((difference.records, found))

    def _old_at(self, start: int) -> dict[str, Any] | None:
        """The old record that begins here; they come in the order of the file, so that few are held."""
        if start in self._held:
            return self._held.pop(start)[1]
        for record in self._old:
            self._read += 1
            begins = record["provenance"]["start"]
            if begins == start:
                return record
            self._held[begins] = self._read, record
            if begins > start:
                return None
        return None

    def close(self, closed: SetClosed) -> None:
        difference = self.difference
        difference.now, difference.verdict = closed.map_version, closed.verdict
        difference.gone = len(self._held) + sum(1 for _ in self._old)
        self._replay.differences.append(difference)
        is_older = self._row["record_schema"] != closed.record_schema
        wanted = closed.verdict == "accepted" and (difference.differs or is_older)
        if self._writer is None:
            return
        if not wanted:
            self._writer.abandon()
            return
        assert closed.map_version is not None
        assert closed.record_schema is not None
        try:
            sealed, sha256 = self._writer.finish()
        except BaseException:
            self._writer.abandon()
            raise
        if self._replay.is_there(closed.index, closed.map_version, sha256):
            self._replay.drop(sealed)
            self._replay.again.append((closed.index, closed.map_version))
            return
        self._replay.sealed.append(
            SetRecords(closed.index, self._set, closed.map_version, closed.record_schema, difference.records, sealed)
        )

    def abandon(self) -> None:
        if self._writer is not None:
            self._writer.abandon()
