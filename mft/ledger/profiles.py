"""Partner files, guides beside them and our own settings, as they stood when a transfer met them."""

from sqlalchemy import bindparam, exists, insert, or_, select, update

from mft.domain import TENANT
from mft.errors import Missing
from mft.ledger.database import Books, Row
from mft.ledger.tables import LEAF, PROFILE

_PROFILE = insert(PROFILE)
_SEEN = update(PROFILE).where(PROFILE.c.hash == bindparam("profile")).values(seen_at=bindparam("at"))
_LATER = PROFILE.alias("later")
_LAST = select(PROFILE).where(
    PROFILE.c.kind == bindparam("of_kind"),
    ~exists().where(
        _LATER.c.subject_id == PROFILE.c.subject_id,
        _LATER.c.kind == PROFILE.c.kind,
        _LATER.c.seen_at > PROFILE.c.seen_at,
    ),
)
_LAST_WORD = (
    select(LEAF.c.kind)
    .where(
        LEAF.c.connection == bindparam("of_connection"),
        or_(LEAF.c.kind == "partner.loaded", LEAF.c.kind == "partner.removed"),
    )
    .order_by(LEAF.c.at.desc(), LEAF.c.id.desc())
    .limit(1)
)
_CONNECTION = (
    select(PROFILE.c.subject_id)
    .where(PROFILE.c.name == bindparam("called"), PROFILE.c.kind == "connection")
    .order_by(PROFILE.c.seen_at.desc())
    .limit(1)
)


def keep_profile(
    books: Books, *, digest: str, subject: str, name: str, body: str, at: int, kind: str = "connection"
) -> None:
    """Keep a partner file, a guide or our settings as they stand now; what is kept already was seen once more."""
    if not books.execute(_SEEN, {"profile": digest, "at": at}):
        row = {"hash": digest, "tenant_id": TENANT, "kind": kind, "subject_id": subject}
        books.execute(_PROFILE, {**row, "name": name, "body": body, "seen_at": at})


def last_profiles(books: Books, kind: str) -> dict[str, Row]:
    """What stood last of each subject of a kind, by the subject's id."""
    return {row["subject_id"]: row for row in books.rows(_LAST, {"of_kind": kind})}


def was_removed(books: Books, connection: str) -> bool:
    """Whether the log's last word of a partner file is that it is gone."""
    row = books.first(_LAST_WORD, {"of_connection": connection})
    return row is not None and row["kind"] == "partner.removed"


def connection_named(books: Books, name: str) -> str:
    """The id of the connection that is, or was last, called so. Raises Missing."""
    row = books.first(_CONNECTION, {"called": name})
    if row is None:
        raise Missing(f"no partner was ever called {name}")
    return str(row["subject_id"])
