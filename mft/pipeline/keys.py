"""What becomes of keys, as commands: one comes into force, DEKs are wrapped to it, one is empty, one is shredded.

Shredding tells first and destroys then: the commit that says "shredded" refuses whatever is still sealed for the key,
then its file goes, then the rows that are wrapped to it. Cut short, the rest is done by the next `mft keys shred` of
the key, or by the next start. The other way round, a crash would leave an erasure that nobody knows of.
"""

from typing import TYPE_CHECKING, Literal

import msgspec
from sqlalchemy import bindparam, select

from mft.audit.signing_keys import put_in_force
from mft.domain import Stage
from mft.errors import Missing, NotAllowed, StageConflict
from mft.events import KeyExpiring
from mft.ledger import keys, record_parts
from mft.ledger.objects import erase_object, pieces_of
from mft.ledger.tables import OBJECT, RECORDS
from mft.ledger.transfers import parts, transfer_row
from mft.pipeline.erase import Kind, erase_kinds
from mft.pipeline.journal import Journal
from mft.pipeline.receive import give_up

if TYPE_CHECKING:
    from mft.audit.log import Fact

Use = Literal["bucket", "signing", "host"]
REASON = "key shredded"


class KeepKey(msgspec.Struct, frozen=True, tag=True):
    """A bucket or host key is used from now on. `made_at` in microseconds."""

    use: Use
    key: str
    made_at: int
    actor: str
    retention: str | None = None


class Wrapped(msgspec.Struct, frozen=True, array_like=True):
    """An object's DEK, as it is wrapped, and wrapped anew."""

    object: str
    bucket: str
    old: bytes
    new: bytes


class Rewrap(msgspec.Struct, frozen=True, tag=True):
    """Wrap DEKs to another bucket key. One that is not wrapped as it says any more is left as it is."""

    bucket: str
    objects: tuple[Wrapped, ...]


class Emptied(msgspec.Struct, frozen=True, tag=True):
    """See whether anything is wrapped to a retired bucket key still."""

    key: str
    actor: str


class Shred(msgspec.Struct, frozen=True, tag=True):
    """Give a bucket key up, and everything that is wrapped to it."""

    key: str
    actor: str


class EraseShredded(msgspec.Struct, frozen=True, tag=True):
    """Erase what was sealed under a key that is shredded: transfers, parts of the cache, and objects of nobody."""

    key: str
    actor: str
    transfers: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()


class TellExpiring(msgspec.Struct, frozen=True, tag=True):
    """Tell how near a key's end is, unless that was told; without a `level`, forget what was: its end is far again.

    `id` names the key's end, `level` is how near it is in days: the least of those that are told of.
    """

    id: str
    use: str
    key: str
    days_left: int
    level: int | None
    connection: str | None = None
    partner: str | None = None


def keep_key(journal: Journal, command: KeepKey) -> bool:
    """Returns whether it is new. Raises BadConfig: it was shredded."""
    news = put_in_force(
        journal.books,
        command.use,
        command.key,
        retention=command.retention,
        made_at=command.made_at,
        actor=command.actor,
        at=journal.at,
    )
    journal.noted |= news
    return news


def rewrap(journal: Journal, command: Rewrap) -> int:
    """Returns how many were. Raises StageConflict: that key is not used any more."""
    books = journal.books
    row = keys.key_row(books, command.bucket)
    if row is None or row["destroyed_at"] is not None:
        raise StageConflict(f"bucket key {command.bucket} is not in force: begin again")
    moved: dict[str, int] = {}
    for one in command.objects:
        if keys.rewrap_object(books, one.object, bucket=one.bucket, old=one.old, to=command.bucket, new=one.new):
            moved[one.bucket] = moved.get(one.bucket, 0) + 1
    for bucket, count in moved.items():
        keys.count_moved(books, bucket, count)
    return sum(moved.values())


def emptied(journal: Journal, command: Emptied) -> bool:
    """Returns whether nothing is, and that was not known."""
    books = journal.books
    if keys.objects_under(books, command.key) or not keys.mark_emptied(books, command.key, at=journal.at):
        return False
    row = keys.key_row(books, command.key)
    assert row is not None
    facts: dict[str, Fact] = {"use": "bucket", "key": command.key, "objects": row["moved"]}
    journal.leaf("key.retired", actor=command.actor, facts=facts)
    return True


def shred(journal: Journal, command: Shred) -> int:
    """Returns how many objects are wrapped to it; a key that is shredded already stays so.

    Raises:
        Missing: no such bucket key.
        NotAllowed: new files are sealed for it, or a legal hold covers one that is.
    """
    books = journal.books
    row = keys.key_row(books, command.key)
    if row is None or row["kind"] != "bucket":
        raise Missing(f"there is no bucket key {command.key}: `mft keys list` shows which there are")
    objects = keys.objects_under(books, command.key)
    if row["destroyed_at"] is not None:
        return objects
    if row["retired_at"] is None:
        retention = row["retention"]
        raise NotAllowed(
            f"new files of class {retention} are sealed for bucket key {command.key}: put another into force first, "
            f"with `mft keys rotate bucket --class {retention}`"
        )
    if (held := keys.held_under(books, command.key)) is not None:
        raise NotAllowed(
            f"transfer {held['id']} is sealed under {command.key} and under legal hold {held['hold']}: lift that first"
        )
    keys.destroy_key(books, command.key, at=journal.at)
    facts: dict[str, Fact] = {"use": "bucket", "key": command.key, "objects": objects}
    journal.leaf("key.shredded", actor=command.actor, facts=facts)
    return objects


_IS_UNDER = select(OBJECT.c.id).where(
    OBJECT.c.id == bindparam("object_id"), OBJECT.c.bucket == bindparam("key"), OBJECT.c.wrapped_dek.is_not(None)
)


def erase_shredded(journal: Journal, command: EraseShredded) -> None:
    """Raises NotAllowed: the key is not shredded."""
    books = journal.books
    row = keys.key_row(books, command.key)
    if row is None or row["destroyed_at"] is None:
        raise NotAllowed(f"bucket key {command.key} is not shredded")
    for part in command.parts:
        gone = record_parts.drop_part(books, part, erased_at=journal.at)
        journal.forgotten += [gone] if gone else []
    for transfer in command.transfers:
        _erase_transfer(journal, command.key, transfer, command.actor)
    for one in command.objects:
        if books.first(_IS_UNDER, {"object_id": one, "key": command.key}) is not None:
            erase_object(books, one, at=journal.at)
            journal.forgotten.append(one)


def _erase_transfer(journal: Journal, key: str, transfer: str, actor: str) -> None:
    books = journal.books
    row = transfer_row(books, transfer)

    def under(object_id: str) -> bool:
        return books.first(_IS_UNDER, {"object_id": object_id, "key": key}) is not None

    kinds: list[Kind] = []
    if row["object_id"] is not None and any(map(under, pieces_of(books, row["object_id"]))):
        if row["stage"] in {Stage.RECEIVING, Stage.PARTIAL}:
            give_up(journal, row["connection"], row, Stage.EXPIRED, REASON, by=actor)
        else:
            kinds.append("original")
    if any(under(records["object_id"]) for records in parts(books, RECORDS.name, transfer)):
        kinds.append("records")
    if kinds:
        erase_kinds(journal, row, tuple(kinds), reason=REASON, actor=actor)


def tell_expiring(journal: Journal, command: TellExpiring) -> bool:
    """Returns whether it was told."""
    books = journal.books
    told = keys.notice(books, command.id)
    if command.level is None:
        keys.set_notice(books, command.id, None, at=journal.at)
        return False
    if told is not None and told <= command.level:
        return False
    keys.set_notice(books, command.id, command.level, at=journal.at)
    facts: dict[str, Fact] = {"use": command.use, "key": command.key, "days_left": command.days_left}
    journal.leaf("key.expiring", actor="server", connection=command.connection, facts=facts)
    journal.announce(
        KeyExpiring(
            key=command.key,
            use=command.use,
            days_left=command.days_left,
            connection=command.connection,
            partner=command.partner,
        )
    )
    return True
