"""The cache of records: Parquet for each type, connection and UTC day of receipt, made from the sealed NDJSON of sets.

A *part* is one Parquet file, sealed as an object under a DEK of its own. While its day is on, new records become a part
together with those parts that are not much larger, so that each record is written again a few times only; when the day
is over, its parts become one, as far as the limits of a part go. Every step is bounded, and one commit.

Durability: a part counts once its commit returned, and those that it replaces are gone with the same commit.
Loss: none; what is in no part is read from the sets' own objects.
Error handling: records that cannot be made into a part leave a leaf, and stay as they are until the next start.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from mft.clock import moment, new_id, now_us
from mft.domain import TENANT, SealedObject
from mft.errors import Broken, Busy, FileGone, MFTError, StageConflict
from mft.ledger import record_parts
from mft.ledger.database import Books, Row
from mft.ledger.objects import insert_object, sealed_object
from mft.pipeline.journal import Journal
from mft.records.views import shape_of
from mft.threads import watched
from mft.vault.store import ObjectWriter, Vault
from parsers.canonical.catalogue import BY_SCHEMA

PART_RECORDS_MAX: Final = 1_000_000
PART_BYTES_MAX: Final = 64 << 20
_SETS_MAX: Final = 2_000  # In one step: everybody else waits for its commit.
_LINES_MAX: Final = 256 << 20  # Bytes of NDJSON in one step.
_SHRINKS: Final = 8  # So much smaller is Parquet than NDJSON, about.
_SMALL: Final = 1 << 20  # Bytes of a part that is always written again with what is new.
_DUE_SETS: Final = 32
_DUE_BYTES: Final = 4 << 20
_DUE_US: Final = 900_000_000


class KeepPart(msgspec.Struct, frozen=True, tag=True):
    """A part was written and sealed. `sets` are new in it; all that counts in the `replaced` parts is in it too."""

    part: str
    record_schema: str
    connection: str
    day: str
    shape: str
    records: int
    sealed: SealedObject
    sets: tuple[tuple[str, int, str], ...]
    replaced: tuple[tuple[str, str], ...]


class DropPart(msgspec.Struct, frozen=True, tag=True):
    """A part is of no use any more."""

    part: str


class LeaveUncached(msgspec.Struct, frozen=True, tag=True):
    """Records could not be made into a part: an operator must be able to find out."""

    record_schema: str
    connection: str
    day: str
    code: str


def leave_uncached(journal: Journal, command: LeaveUncached) -> None:
    facts = {"type": command.record_schema, "day": command.day, "error": command.code}
    journal.leaf("records.uncached", actor="server", connection=command.connection, result="refused", facts=facts)


def keep_part(journal: Journal, command: KeepPart) -> None:
    """Raises StageConflict: what it was made of has changed meanwhile."""
    insert_object(journal.books, command.sealed, at=journal.at)
    part = {
        "id": command.part,
        "record_schema": command.record_schema,
        "connection": command.connection,
        "day": command.day,
        "shape": command.shape,
        "records": command.records,
        "object_id": command.sealed.id,
        "created_at": journal.at,
    }
    record_parts.add_part(journal.books, part, command.sets, command.replaced)
    for old, _ in command.replaced:
        drop_part(journal, DropPart(old))


def drop_part(journal: Journal, command: DropPart) -> None:
    object_id = record_parts.drop_part(journal.books, command.part)
    if object_id is not None:
        journal.forgotten.append(object_id)


class Compactor:
    """Makes parts, a step at a time.

    Args:
        books: the ledger, to read.
        submit: carries a command out and waits until it is durable.
    """

    def __init__(self, vault: Vault, books: Callable[[], Books], submit: Callable[[Any], Any]) -> None:
        self.sets = 0
        self.parts = 0
        self.left: list[str] = []  # Why records could not be cached.
        self._vault = vault
        self._books = books
        self._submit = submit
        self._set_aside: set[tuple[str, str, str]] = set()

    def step(self, *, everything: bool = False) -> bool:
        """Do one thing that is due; returns whether there was one.

        Args:
            everything: whatever waits is due, also when it is little and new.
        """
        return any(self._step(schema, everything=everything) for schema in BY_SCHEMA)

    def _step(self, schema: str, *, everything: bool) -> bool:
        books = self._books()
        other = record_parts.part_of_other_shape(books, schema, shape_of(schema))
        if other is not None:
            self._submit(DropPart(other))
            return True
        parts: dict[tuple[str, str], list[Row]] = {}
        for part in record_parts.record_parts(books, schema):
            parts.setdefault((part["connection"], part["day"]), []).append(part)
        if (found := self._due(schema, everything=everything)) is not None:
            connection, day, rows = found
            size = sum(row["plain_size"] for row in rows) // _SHRINKS
            count = sum(row["records"] for row in rows)
            with_them = mergeable(parts.get((connection, day), []), size, count, over=_over(day))
            self._make(schema, connection, day, rows, with_them)
            return True
        stale = record_parts.stale_parts(books, schema)
        for (connection, day), there in parts.items():
            merged = mergeable(there, 0, 0, over=True) if _over(day) else []
            if len(merged) < 2:
                merged = [part for part in there if part["id"] in stale][:1]
            if len(merged) == 1 and not record_parts.live_sets(books, merged[0]["id"]):
                self._submit(DropPart(merged[0]["id"]))
                return True
            if merged and (schema, connection, day) not in self._set_aside:
                self._make(schema, connection, day, [], merged)
                return True
        return False

    def _due(self, schema: str, *, everything: bool) -> tuple[str, str, list[Row]] | None:
        """Sets of one connection and day that are to become a part."""
        most = _SETS_MAX
        while True:
            waiting = record_parts.waiting(self._books(), schema, most=most)
            groups: dict[tuple[str, str], list[Row]] = {}
            for row in waiting:
                groups.setdefault((row["connection"], day_of(row["received_at"])), []).append(row)
            for (connection, day), rows in groups.items():
                if (everything or _due(rows)) and (schema, connection, day) not in self._set_aside:
                    return connection, day, _bounded(rows[:_SETS_MAX])
            if len(waiting) < most:
                return None
            most *= 10  # Those that come first are set aside, or may wait.

    def _make(self, schema: str, connection: str, day: str, rows: Sequence[Row], parts: Sequence[Row]) -> None:
        try:
            self._part(schema, connection, day, rows, parts)
        except StageConflict:
            return  # Something was changed meanwhile: the next step sees how it is.
        except FileGone as error:
            self._leave(schema, connection, day, error)
        except (Broken, Busy):
            raise
        except MFTError as error:
            self._leave(schema, connection, day, error)

    def _leave(self, schema: str, connection: str, day: str, error: MFTError) -> None:
        self.left.append(str(error))
        self._set_aside.add((schema, connection, day))
        self._submit(LeaveUncached(schema, connection, day, error.code))

    def _part(self, schema: str, connection: str, day: str, rows: Sequence[Row], parts: Sequence[Row]) -> None:
        from mft.records.parquet import write_part

        books, vault = self._books(), self._vault
        writer = vault.writer(TENANT)
        try:
            with books.snapshot():
                replaced = tuple((part["id"], record_parts.live_sets(books, part["id"])) for part in parts)
                records = write_part(
                    schema,
                    rows,
                    parts,
                    record_parts.stale(books, schema),
                    lambda object_id: vault.open(sealed_object(books, object_id)),
                    _Sealing(writer),
                )
            sealed, _ = writer.finish()
        except BaseException:
            writer.abandon()
            raise
        sets = tuple((row["transfer_id"], row["set_position"], row["map_version"]) for row in rows)
        try:
            shape = shape_of(schema)
            self._submit(KeepPart(new_id(), schema, connection, day, shape, records, sealed, sets, replaced))
        except Broken:
            raise  # It may have come through: what it speaks of stays for the next start.
        except BaseException:
            if sealed.blob is None:
                vault.remove(sealed.id)
            raise
        self.parts += 1
        self.sets += len(sets)


class _Sealing:
    """Seals what is written to it."""

    def __init__(self, writer: ObjectWriter) -> None:
        self._writer = writer

    def write(self, data: bytes, /) -> int:
        self._writer.append(data)
        self._writer.flush()
        return len(data)

    def close(self) -> None:
        """The writer is finished by its owner."""


def day_of(at_us: int) -> str:
    return moment(at_us).date().isoformat()


def _over(day: str) -> bool:
    return day < datetime.now(UTC).date().isoformat()


def _due(rows: Sequence[Row]) -> bool:
    return (
        len(rows) >= _DUE_SETS
        or sum(row["plain_size"] for row in rows) >= _DUE_BYTES
        or now_us() - rows[0]["received_at"] >= _DUE_US
    )


def _bounded(rows: Sequence[Row]) -> list[Row]:
    """As many as one step takes, and one at least."""
    taken: list[Row] = []
    size = records = 0
    for row in rows:
        size += row["plain_size"]
        records += row["records"]
        if taken and (size > _LINES_MAX or records > PART_RECORDS_MAX):
            break
        taken.append(row)
    return taken


def mergeable(parts: Sequence[Row], size: int, records: int, *, over: bool) -> list[Row]:
    """Which parts are written again together with `records` new ones of about `size` bytes, smallest first.

    Args:
        over: their day is: then as many as fit, else those that are not more than twice as large as what is there.
    """
    taken: list[Row] = []
    for part in sorted(parts, key=lambda part: int(part["size_bytes"])):
        if size + part["size_bytes"] > PART_BYTES_MAX or records + part["records"] > PART_RECORDS_MAX:
            break
        if not over and part["size_bytes"] > max(_SMALL, 2 * size):
            break
        taken.append(part)
        size += part["size_bytes"]
        records += part["records"]
    return taken


class Compaction:
    """A thread that makes parts, now and then, of what waits."""

    def __init__(
        self,
        vault: Vault,
        books: Callable[[], Books],
        submit: Callable[[Any], Any],
        on_broken: Callable[[Broken], None],
        *,
        look_seconds: float,
    ) -> None:
        self._compactor = Compactor(vault, books, submit)
        self._look_seconds = look_seconds
        self._stop = threading.Event()
        self._thread = watched("compaction", self._run, on_broken)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the part in hand, and end."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._look_seconds):
            with suppress(Busy):  # The ledger's disk is full: what waits waits on.
                while not self._stop.is_set() and self._compactor.step():
                    pass
