"""Rows of sealed objects. What they mean is the vault's business; here they are columns."""

from sqlalchemy import bindparam, insert, select

from mft.domain import SealedObject
from mft.errors import Missing
from mft.ledger.database import Books
from mft.ledger.tables import OBJECT

_INSERT = insert(OBJECT)
_BY_ID = select(OBJECT).where(OBJECT.c.id == bindparam("object_id"))
_FILES = select(OBJECT.c.id).where(OBJECT.c.blob.is_(None), OBJECT.c.erased_at.is_(None))


def insert_object(books: Books, sealed: SealedObject, *, at: int) -> None:
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
            "created_at": at,
        },
    )


def sealed_object(books: Books, object_id: str) -> SealedObject:
    """Raises Missing: no such object, or its key was erased."""
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
    )


def object_files(books: Books) -> set[str]:
    """Ids of the objects whose bytes are files in the vault."""
    return {row["id"] for row in books.rows(_FILES)}
