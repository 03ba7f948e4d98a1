"""A row of a list of partners, as other systems export it, made into what partner files have. Pure data."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Final

from partners.connection import Connection, Key, Login, is_name
from partners.feed import Feed
from partners.trading_partner import TradingPartner
from partners.uploads import Uploads

REQUIRED: Final = ("name",)
OPTIONAL: Final = ("login", "ssh_key", "key_file", "edi_ids", "feed", "folder")
_INBOUND: Final = "/inbound"


def as_name(text: str) -> str:
    """What comes nearest to a name that partners may have: `Acme Hospital, Inc.` → `acme-hospital-inc`."""
    plain = unicodedata.normalize("NFKD", text.lower()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9._]+", "-", plain).strip("-._")[:64]


def several(cell: str) -> list[str]:
    """The things in one cell, divided by `;`."""
    return [part.strip() for part in cell.split(";") if part.strip()]


def name_of(row: Mapping[str, str]) -> str:
    """Raises ValueError: nothing of it can be a name."""
    name = as_name(row["name"])
    if not is_name(name):
        raise ValueError("`name` is empty, or has no letter or digit from A to Z")
    return name


def trading_partner_of(row: Mapping[str, str]) -> TradingPartner:
    """One who is reached over somebody else's connection. Raises ValueError."""
    for column in ("login", "ssh_key", "key_file", "feed", "folder"):
        if row[column]:
            raise ValueError(
                f"`{column}`: a trading partner of a connection has none: leave it empty, or import without --into"
            )
    ids = tuple(several(row["edi_ids"]))
    if not ids:
        raise ValueError("`edi_ids` is empty: by what is this one known in an envelope? for example ZZ:ACMEHOSP")
    return TradingPartner(name=name_of(row), ids=ids)


def connection_of(row: Mapping[str, str], connection_id: str, keys: list[Key]) -> Connection:
    """One with a login of their own, which has these keys. Raises ValueError."""
    name = name_of(row)
    if not keys:
        raise ValueError("no key: fill `ssh_key` or `key_file`; passwords are not taken")
    user = row["login"] or name
    if not is_name(user):
        raise ValueError(f"login {user!r} cannot be one: lower case letters, digits, dot, dash, underscore; 64 at most")
    folder = _folder(row["folder"])
    below = folder.removeprefix(_INBOUND).lstrip("/")
    ids = tuple(several(row["edi_ids"]))
    return Connection(
        id=connection_id,
        name=name,
        uploads=Uploads(folders=(below,)) if below else Uploads(),
        logins=[Login(user=user, keys=keys)],
        trading_partners=(TradingPartner(name=name, ids=ids),) if ids else (),
        feeds=(Feed(name=as_name(row["feed"]), folder=folder),) if row["feed"] else (),
    )


def _folder(text: str) -> str:
    """A folder below /inbound, however it is written: `claims`, `/claims`, `/inbound/claims/`."""
    parts = [part for part in text.replace("\\", "/").split("/") if part]
    if parts[:1] == ["inbound"]:
        parts = parts[1:]
    return "/".join([_INBOUND, *parts])
