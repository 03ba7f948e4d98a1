"""A connection: a line to somebody, its logins and their keys. Pure data; who may do what is decided elsewhere."""

import base64
import binascii
import hashlib
import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from partners.agreement import Agreement, OutFolder
from partners.feed import Feed, RetentionClass
from partners.trading_partner import EdiId, TradingPartner, is_among
from partners.uploads import Uploads
from partners.watched_folder import WatchedFolder

KEY_TYPES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "ssh-rsa",
)

Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-z]{26}$")]


class KeptAs(NamedTuple):
    """The feed of a file by its name, its retention class (None: the standard one), and whether it waits its turn."""

    feed: str | None = None
    retention: str | None = None
    in_order: bool = False


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def fingerprint(key_blob: bytes) -> str:
    """An SSH public key's fingerprint, as OpenSSH prints it: `SHA256:…`."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(key_blob).digest()).decode().rstrip("=")


def key_blob(line: str) -> bytes:
    """The key in a line of an OpenSSH `.pub` or authorized_keys file without options.

    Raises:
        ValueError: it is not such a line; the message says what it should look like.
    """
    parts = line.split(None, 2)
    if len(parts) < 2 or parts[0] not in KEY_TYPES:
        raise ValueError("not an OpenSSH public key; expected one line like `ssh-ed25519 AAAA… comment`")
    try:
        blob = base64.b64decode(parts[1], validate=True)
    except binascii.Error:
        raise ValueError("the public key's base64 is damaged; copy the whole line of the .pub file") from None
    name = parts[0].encode()
    if blob[:4] != len(name).to_bytes(4, "big") or blob[4 : 4 + len(name)] != name:
        raise ValueError("the public key's type does not match its content; copy the whole line of the .pub file")
    _check_fields(blob)
    return blob


def _check_fields(blob: bytes) -> None:
    """A key is a row of fields, each behind its length; one that was cut short does not end where a field ends."""
    at = 0
    while at < len(blob):
        at += 4 + int.from_bytes(blob[at : at + 4], "big")
    if at != len(blob):
        raise ValueError("the public key is cut short; copy the whole line of the .pub file")


class Key(_Strict):
    """A public key that a login may use, until the end of its day of expiry (UTC) where it has one."""

    key: str
    expires: date | None = None

    @field_validator("key")
    @classmethod
    def _is_a_key(cls, line: str) -> str:
        key_blob(line)
        return " ".join(line.split())

    @property
    def fingerprint(self) -> str:
        return fingerprint(key_blob(self.key))

    def usable(self, now: datetime) -> bool:
        """Whether the key has not expired; `now` is aware."""
        return self.expires is None or now.astimezone(UTC).date() <= self.expires


class Login(_Strict):
    """An account at our doors. `start` is the folder that a session begins in."""

    user: Name
    start: Literal["/", "/inbound", "/outbound", "/errors"] = "/inbound"
    keys: Annotated[list[Key], Field(min_length=1)]


class Receipts(_Strict):
    """Keys of `[receipts]`: where a signed receipt of each upload lies; left out, none is made."""

    folder: OutFolder | None = None


class Connection(_Strict):
    """One partner file. `id` is made once and never changes; `name` is a label and may.

    Attributes:
        trading_partners: whose interchanges may come over this connection; without any, everybody's.
        our_ids: to which of our own ids; without any, to whatever id.
    """

    id: Id
    name: Name
    enabled: bool = True
    uploads: Uploads = Uploads()
    receipts: Receipts = Receipts()
    logins: Annotated[list[Login], Field(min_length=1)]
    trading_partners: tuple[TradingPartner, ...] = ()
    our_ids: tuple[EdiId, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    retention: RetentionClass | None = None
    feeds: tuple[Feed, ...] = ()
    watched_folders: tuple[WatchedFolder, ...] = ()

    @model_validator(mode="after")
    def _users_differ(self) -> "Connection":
        users = [login.user for login in self.logins]
        if len(users) != len(set(users)):
            raise ValueError("two logins have the same user")
        return self

    @model_validator(mode="after")
    def _feeds_differ(self) -> "Connection":
        names = [feed.name for feed in self.feeds]
        if len(names) != len(set(names)):
            raise ValueError("two feeds have the same name")
        return self

    @model_validator(mode="after")
    def _trading_partners_differ(self) -> "Connection":
        owner: dict[str, str] = {}
        names = set()
        for partner in self.trading_partners:
            if partner.name in names:
                raise ValueError(f"two trading partners have the name `{partner.name}`")
            names.add(partner.name)
            for edi_id in partner.ids:
                if owner.setdefault(edi_id, partner.name) != partner.name:
                    raise ValueError(f"`{edi_id}` is an id of two trading partners: {owner[edi_id]} and {partner.name}")
        return self

    def sender(self, qualifier: str | None, edi_id: str | None) -> TradingPartner | None:
        """The trading partner with that id, if it is one of ours."""
        return next((one for one in self.trading_partners if is_among(one.ids, qualifier, edi_id)), None)

    def is_ours(self, qualifier: str | None, edi_id: str | None) -> bool:
        """Whether interchanges over this connection may be for that id."""
        return not self.our_ids or is_among(self.our_ids, qualifier, edi_id)

    def feed_of(self, folder: bytes, name: bytes) -> Feed | None:
        """The feed that a file in /inbound or below is of, if it is of one."""
        return next((feed for feed in self.feeds if feed.matches(folder, name)), None)

    def feed_named(self, name: str) -> Feed | None:
        return next((feed for feed in self.feeds if feed.name == name), None)

    def kept_as(self, folder: bytes, name: bytes) -> KeptAs:
        """What the feed of a file says of how it is kept, or the connection where it is of none."""
        feed = self.feed_of(folder, name)
        if feed is None:
            return KeptAs(None, self.retention)
        return KeptAs(feed.name, feed.retention or self.retention, feed.in_order)

    @property
    def retention_classes(self) -> set[str]:
        """Every class that is named here."""
        return {one for one in (self.retention, *(feed.retention for feed in self.feeds)) if one is not None}

    @property
    def out_folders(self) -> list[bytes]:
        """Every folder that acknowledgments and receipts are put into, with those that they lie in."""
        asked = [agreement.ack_folder for agreement in self.agreements]
        found = set()
        for folder in [*asked, *([self.receipts.folder] if self.receipts.folder else [])]:
            parts = folder.split("/")
            found |= {"/".join(parts[:count]).encode() for count in range(2, len(parts) + 1)}
        return sorted(found)


def json_schema() -> dict[str, Any]:
    """What a partner file may have, as JSON Schema. The models ask for more: that names differ, and bounds fit."""
    head = {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A partner file of mft"}
    return {**Connection.model_json_schema(), **head}


def is_name(text: str) -> bool:
    """Whether a partner or a login may be called so."""
    return re.fullmatch(r"[a-z0-9][a-z0-9._-]{0,63}", text) is not None
