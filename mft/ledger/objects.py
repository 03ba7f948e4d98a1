"""Rows of sealed objects. What they mean is the vault's business; here they are columns."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sqlalchemy import bindparam, delete, insert, select, update

from mft.domain import SealedObject
from mft.errors import Missing, StageConflict
from mft.ledger.database import Books, Row
from mft.ledger.tables import KEY_PAIR, OBJECT

_INSERT = insert(OBJECT)
_SHREDDED = select(KEY_PAIR.c.id).where(KEY_PAIR.c.id == bindparam("key"), KEY_PAIR.c.destroyed_at.is_not(None))
_BY_ID = select(OBJECT).where(OBJECT.c.id == bindparam("object_id"))
_FILES = select(OBJECT.c.id).where(OBJECT.c.blob.is_(None), OBJECT.c.erased_at.is_(None))
_STORED = select(OBJECT.c.id, OBJECT.c.sealed_size, OBJECT.c.cut).where(
    OBJECT.c.blob.is_(None), OBJECT.c.erased_at.is_(None)
)
_READABLE = select(OBJECT.c.id).where(OBJECT.c.wrapped_dek.is_not(None))
_ERASED = select(OBJECT.c.id).where(OBJECT.c.erased_at.is_not(None))
_END = (
    update(OBJECT)
    .where(OBJECT.c.id == bindparam("object_id"), OBJECT.c.erased_at.is_(None))
    .values(plain_size=bindparam("plain"), sealed_size=bindparam("sealed"), cut=bindparam("is_cut"))
)
_ERASE = (
    update(OBJECT)
    .where(OBJECT.c.id == bindparam("object_id"), OBJECT.c.erased_at.is_(None))
    .values(wrapped_dek=None, blob=None, erased_at=bindparam("now"))
)
_BLOBS = (
    select(OBJECT.c.id, OBJECT.c.blob)
    .where(OBJECT.c.blob.is_not(None), OBJECT.c.created_at < bindparam("before"))
    .order_by(OBJECT.c.created_at)
    .limit(bindparam("most"))
)
_FORGET_BLOB = (
    update(OBJECT)
    .where(OBJECT.c.id == bindparam("object_id"), OBJECT.c.blob.is_not(None), OBJECT.c.erased_at.is_(None))
    .values(blob=None)
)
_KNOWN = select(OBJECT.c.id).where(OBJECT.c.id == bindparam("object_id"))
_HAS_BLOB = select(OBJECT.c.id).where(OBJECT.c.id == bindparam("object_id"), OBJECT.c.blob.is_not(None))
_DROP = delete(OBJECT).where(OBJECT.c.id == bindparam("object_id"))


def insert_object(books: Books, sealed: SealedObject, *, at: int) -> None:
    """Add an object.

    Raises:
        StageConflict: the piece before it is not in the ledger, or forgotten; or the key that it is sealed for was
            shredded while it was written.
    """
    if books.first(_SHREDDED, {"key": sealed.bucket}) is not None:
        raise StageConflict("the key that this was sealed for was shredded meanwhile: upload the whole file again")
    if sealed.continues is not None:
        before = books.first(_BY_ID, {"object_id": sealed.continues})
        if before is None or before["wrapped_dek"] is None:
            raise StageConflict("what was there of this upload is not there any more: upload the whole file again")
    books.execute(
        _INSERT,
        {
            "id": sealed.id,
            "tenant_id": sealed.tenant,
            "bucket": sealed.bucket,
            "wrapped_dek": sealed.wrapped_dek,
            "plain_size": sealed.plain_size,
            "sealed_size": sealed.sealed_size,
            "blob": sealed.blob,
            "continues": sealed.continues,
            "cut": int(sealed.cut),
            "created_at": at,
        },
    )


def end_object(books: Books, object_id: str, *, plain_size: int, sealed_size: int, cut: bool) -> None:
    """Enter the sizes of an object that was inserted while it was written.

    Raises:
        StageConflict: it was not, or is forgotten already: without its DEK nobody could ever read it.
    """
    ended = {"object_id": object_id, "plain": plain_size, "sealed": sealed_size, "is_cut": int(cut)}
    if books.execute(_END, ended) == 0:
        raise StageConflict("the upload was not entered in the ledger: upload the whole file again")


def sealed_object(books: Books, object_id: str) -> SealedObject:
    """An object with the pieces before it. Raises Missing: no such object, or its key was erased."""
    last = _sealed(books, object_id)
    pieces: list[SealedObject] = []
    here = last
    while here.continues is not None:
        here = _sealed(books, here.continues)
        pieces.append(here)
    return replace(last, before=tuple(reversed(pieces))) if pieces else last


def _sealed(books: Books, object_id: str) -> SealedObject:
    row = books.first(_BY_ID, {"object_id": object_id})
    if row is None or row["wrapped_dek"] is None:
        raise Missing(f"object {object_id} is not in the ledger, or its key was erased")
    return SealedObject(
        id=row["id"],
        tenant=row["tenant_id"],
        bucket=row["bucket"],
        wrapped_dek=row["wrapped_dek"],
        plain_size=row["plain_size"],
        sealed_size=row["sealed_size"],
        blob=row["blob"],
        cut=bool(row["cut"]),
        continues=row["continues"],
    )


def erase_object(books: Books, object_id: str, *, at: int) -> None:
    """Forget an object's DEK: its bytes are unreadable for ever. Its file can be removed once this is committed."""
    books.execute(_ERASE, {"object_id": object_id, "now": at})


def pieces_of(books: Books, object_id: str) -> list[str]:
    """The ids of a file's pieces by its last one: those of them that the ledger knows, last first."""
    found = []
    here: str | None = object_id
    while here is not None and (row := books.first(_BY_ID, {"object_id": here})) is not None:
        found.append(here)
        here = row["continues"]
    return found


def drop_object(books: Books, object_id: str) -> None:
    """Take an object's row out: nothing was ever in it."""
    books.execute(_DROP, {"object_id": object_id})


def object_files(books: Books) -> set[str]:
    """Ids of the objects whose bytes are files in the vault."""
    return {row["id"] for row in books.rows(_FILES)}


@dataclass(frozen=True, slots=True)
class Stored:
    """An object whose bytes are a file. `under_way`: somebody writes it; it may be of any size, or not there yet."""

    id: str
    sealed_size: int
    cut: bool

    @property
    def under_way(self) -> bool:
        return self.cut and self.sealed_size == 0

    def fits(self, size: int) -> bool:
        """Whether a file of that size can be this object's. Behind an end that was cut may stand what is not read."""
        return size >= self.sealed_size if self.cut else size == self.sealed_size


def stored_objects(books: Books) -> Iterator[Stored]:
    """The objects whose bytes are files in the vault, with what is known of their sizes."""
    for object_id, size, cut in books.stream(_STORED):
        yield Stored(object_id, size, bool(cut))


def readable_objects(books: Books) -> set[str]:
    """Ids of the objects whose keys are there, in files or not."""
    return {object_id for (object_id,) in books.stream(_READABLE)}


def erased_objects(books: Books) -> set[str]:
    """Ids of the objects whose bytes are to be gone."""
    return {row["id"] for row in books.rows(_ERASED)}


def blobs_before(books: Books, before: int, *, most: int) -> list[Row]:
    """Objects whose bytes are in the ledger since before a moment, oldest first: id, blob."""
    return books.rows(_BLOBS, {"before": before, "most": most})


def forget_blob(books: Books, object_id: str) -> bool:
    """The bytes of an object are a file now; returns whether they were in the ledger until now."""
    return books.execute(_FORGET_BLOB, {"object_id": object_id}) == 1


def is_known(books: Books, object_id: str) -> bool:
    """Whether there is a row of an object, also of one that was erased."""
    return books.first(_KNOWN, {"object_id": object_id}) is not None


def is_blob(books: Books, object_id: str) -> bool:
    """Whether the ledger has the bytes of an object itself."""
    return books.first(_HAS_BLOB, {"object_id": object_id}) is not None
