"""Partner files, and guides beside them, as they stood when a transfer met them."""

from sqlalchemy import bindparam, insert, select

from mft.domain import TENANT
from mft.errors import Missing
from mft.ledger.database import Books
from mft.ledger.tables import PROFILE

_PROFILE = insert(PROFILE)
_PROFILE_BY_HASH = select(PROFILE.c.hash).where(PROFILE.c.hash == bindparam("profile"))
_CONNECTION = (
    select(PROFILE.c.subject_id)
    .where(PROFILE.c.name == bindparam("called"), PROFILE.c.kind == "connection")
    .order_by(PROFILE.c.seen_at.desc())
    .limit(1)
)


def keep_profile(
    books: Books, *, digest: str, subject: str, name: str, body: str, at: int, kind: str = "connection"
) -> None:
    """Keep a partner file, or a guide beside them, as it stands now, unless the same is kept already."""
    if books.first(_PROFILE_BY_HASH, {"profile": digest}) is None:
        row = {"hash": digest, "tenant_id": TENANT, "kind": kind, "subject_id": subject}
        books.execute(_PROFILE, {**row, "name": name, "body": body, "seen_at": at})


def connection_named(books: Books, name: str) -> str:
    """The id of the connection that is, or was last, called so. Raises Missing."""
    row = books.first(_CONNECTION, {"called": name})
    if row is None:
        raise Missing(f"no partner was ever called {name}")
    return str(row["subject_id"])
