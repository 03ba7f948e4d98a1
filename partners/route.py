"""Routes: which files go where, once nothing speaks against them. Pure data, and the matching.

`[[routes]]` in config/routes.toml. Every route that fits delivers: there is no first and no last among them.
"""

import fnmatch
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from partners.feed import FeedName, Usage
from partners.template import check_template, fill
from partners.trading_partner import EdiId, is_among

NAME_FIELDS: Final = (
    "name", "stem", "ending", "partner", "trading_partner", "feed", "standard", "set", "receiver", "control_number",
    "interchange", "date", "time", "transfer",
)  # fmt: skip

Label = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
Word = Annotated[str, StringConstraints(min_length=1, max_length=100)]
Folder = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f]{1,1023}$")]
Mailbox = Annotated[str, StringConstraints(pattern=r"^/outbound(/[^/\x00-\x1f]{1,255}){0,7}$")]


@dataclass(frozen=True, slots=True)
class Piece:
    """What a route is asked about: an interchange, or a file that has none."""

    partner: str
    name: bytes
    standard: str
    usage: Usage
    feed: str | None = None
    trading_partner: str | None = None
    sets: Collection[str] = ()
    receivers: Collection[tuple[str | None, str | None]] = ()  # Each with its qualifier before it.


class Route(BaseModel):
    """Keys of `[[routes]]`. What is left out, fits whatever the file says.

    Attributes:
        partner, feed: the connection that the file came over, by its name; the feed that it is of.
        file: a pattern of its name, with `*`, `?` and `[a-z]`; its case counts.
        standard, set, trading_partner, receiver: what it is, a set in it, who sent the interchange, for whom it is.
        usage: what says that it is a test goes to routes for tests alone.
        what: `original` is the file as it came, `unwrapped` what was in it, where it was wrapped, `split` a file for
            each interchange.
        to: a folder of this host; or `to_partner` and `to_folder`, for a partner to fetch.
        name_template: how it is called there; left out, as it came, with the interchange's position where it was split.
        if_exists: what becomes of it where another file has that name.
        mode: of the file in the folder.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Label
    partner: Label | None = None
    feed: FeedName | None = None
    trading_partner: Label | None = None
    file: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    standard: Word | None = None
    set: Word | None = None
    receiver: EdiId | None = None
    usage: Literal["production", "test", "any"] = "production"
    what: Literal["original", "unwrapped", "split"] = "original"
    to: Folder | None = None
    to_partner: Label | None = None
    to_folder: Mailbox = "/outbound"
    name_template: Annotated[str, StringConstraints(min_length=1, max_length=300)] | None = None
    if_exists: Literal["number", "fail", "replace"] = "number"
    mode: Annotated[str, StringConstraints(pattern=r"^0?[0-7]{3}$")] = "0640"

    @field_validator("to")
    @classmethod
    def _is_plain(cls, folder: str | None) -> str | None:
        if folder is not None and {".", ".."} & {*folder.split("/")}:
            raise ValueError("write the folder's whole path, without . and ..")
        return folder

    @field_validator("name_template")
    @classmethod
    def _is_a_template(cls, template: str | None) -> str | None:
        return template if template is None else check_template(template, NAME_FIELDS)

    @model_validator(mode="after")
    def _goes_somewhere(self) -> "Route":
        if (self.to is None) == (self.to_partner is None):
            raise ValueError('say where it goes: `to = "/a/folder"`, or `to_partner = "name"`')
        if self.to_partner is None and "to_folder" in self.model_fields_set:
            raise ValueError("`to_folder` is a folder of a partner: name them with `to_partner`")
        if self.to_partner is not None and self.if_exists == "fail":
            raise ValueError('`if_exists`: in a partner\'s mailbox a name is numbered or replaced, write "number"')
        return self

    @property
    def target(self) -> str:
        """Where it goes, for people."""
        return self.to if self.to is not None else f"{self.to_partner}:{self.to_folder}"

    @property
    def mode_bits(self) -> int:
        return int(self.mode, 8)

    def mismatches(self, piece: Piece) -> Iterator[str]:
        """Why a piece is not for this route; nothing where it is."""
        for key, wanted, said in (
            ("partner", self.partner, piece.partner),
            ("feed", self.feed, piece.feed),
            ("standard", self.standard, piece.standard),
            ("trading_partner", self.trading_partner, piece.trading_partner),
        ):
            if wanted not in {None, said}:
                yield f"{key} is {said or 'none'}, not {wanted}"
        if self.file is not None and not fnmatch.fnmatchcase(piece.name.decode(errors="surrogateescape"), self.file):
            yield f"its name does not fit {self.file}"
        if self.set is not None and self.set not in piece.sets:
            yield f"set is {', '.join(sorted(piece.sets)) or 'none'}, not {self.set}"
        if self.receiver is not None and not any(is_among((self.receiver,), *one) for one in piece.receivers):
            yield f"receiver is not {self.receiver}"
        if (usage := self.usage_mismatch(piece)) is not None:
            yield usage

    def usage_mismatch(self, piece: Piece) -> str | None:
        """The same of the usage alone."""
        return None if self.usage in {"any", piece.usage} else f"usage is {piece.usage}, not {self.usage}"

    def called(self, fields: Mapping[str, bytes], *, part: bool) -> bytes:
        """What a file is called where it goes; `fields` has all of NAME_FIELDS, `part` says that it was cut out."""
        template = self.name_template or ("{stem}-{interchange}{ending}" if part else "{name}")
        name = fill(template, fields).translate(_HARMLESS)
        return name if name not in {b"", b".", b".."} else b"file-" + fields["transfer"]


_HARMLESS: Final = bytes(ord("_") if code < 32 or code in {ord("/"), 127} else code for code in range(256))


class Routes(BaseModel):
    """config/routes.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    routes: Annotated[tuple[Route, ...], Field(max_length=10_000)] = ()

    def named(self, name: str) -> Route | None:
        return next((route for route in self.routes if route.name == name), None)


NO_ROUTES: Final = Routes()
