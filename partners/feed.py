"""A feed: files of one folder and name pattern, and what is agreed about them. Pure data.

`[[feeds]]` in a partner file: the first that matches counts; where none does, all defaults.
"""

import fnmatch
import re
from functools import lru_cache
from typing import Annotated, Final, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from partners.unwrap import Pgp, UnwrapOrNot

FeedName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
RetentionClass = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
InboundFolder = Annotated[str, StringConstraints(pattern=r"^/inbound(/[^/\x00-\x1f]{1,255}){0,8}$")]
Days = Annotated[int, Field(ge=0, le=3660)]
Count = Annotated[int, Field(ge=0)]
Usage = Literal["production", "test"]

NAME_PARTS: Final = {"entity": r"[^_.~]+?", "cycle": r"[^_.~]+?", "sequence": r"[0-9]{1,18}", "usage": r"[A-Za-z]+"}
"""What a pattern may name in braces, with what can stand there."""

EDI: Final = ("x12", "edifact", "tradacoms", "hl7", "hl7-xml", "swift-mt", "iso20022", "nacha", "bai2", "fedwire")
"""The standards of `expect = "edi"`."""

_PART = re.compile(r"\{([^{}]*)\}")
_USAGES: Final[dict[str, Usage]] = {
    "t": "test", "test": "test", "tst": "test", "uat": "test",
    "p": "production", "prod": "production", "prd": "production", "production": "production", "live": "production",
}  # fmt: skip


class NameParts(NamedTuple):
    """What a file's name tells, by the pattern of its feed; None is what the pattern does not name.

    `usage_known` is False where the name has a word for the usage that nobody knows.
    """

    entity: str | None = None
    cycle: str | None = None
    sequence: int | None = None
    usage: Usage | None = None
    usage_known: bool = True


class Feed(BaseModel):
    """Keys of `[[feeds]]`.

    Attributes:
        pattern: of a file's name, with `*`, `?` and `[a-z]`; its case counts. `{entity}`, `{cycle}`, `{sequence}` and
            `{usage}` name parts of it.
        usage: what the feed is for; without it, production. A test file on a feed for production goes to test routes
            alone.
        expect: what is in its files: `any`, `edi`, or standards. Another file is held.
        min_bytes, max_bytes: a file of another size is held; `max_bytes` 0 is no bound.
        min_sets, max_sets: the same for the transaction sets and messages in it.
        empty: what becomes of a file without a byte: `accept` where an empty one says that there is nothing today.
        same_content: what becomes of the same bytes again within `same_content_days`; an interchange with a control
            number is dealt with by its agreement.
        same_name: what becomes of a name that came before, with other content.
        in_order: a file waits until those of the feed before it are done.
        unwrap: what is unwrapped before it is read, and how far; without it, wrapped files are held as `unsupported`.
        pgp: whose signatures messages must bear.
        scan: a file is looked at for malware before anything else is done with it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: FeedName
    folder: InboundFolder = "/inbound"
    pattern: Annotated[str, StringConstraints(min_length=1, max_length=255)] = "*"
    retention: RetentionClass | None = None
    usage: Usage = "production"
    expect: Literal["any", "edi"] | Annotated[tuple[str, ...], Field(min_length=1)] = "any"
    min_bytes: Count = 0
    max_bytes: Count = 0
    min_sets: Count = 0
    max_sets: Count = 0
    empty: Literal["hold", "accept"] = "hold"
    same_content: Literal["hold", "flag", "accept"] = "hold"
    same_content_days: Days = 30
    same_name: Literal["hold", "flag", "accept"] = "accept"
    in_order: bool = False
    unwrap: UnwrapOrNot = None
    pgp: Pgp = Pgp()
    scan: bool = False

    @field_validator("pattern")
    @classmethod
    def _is_a_pattern(cls, pattern: str) -> str:
        named = _PART.findall(pattern)
        if unknown := [part for part in named if part not in NAME_PARTS]:
            raise ValueError(f"there is no part {{{unknown[0]}}} of a name; there are {', '.join(NAME_PARTS)}")
        if twice := [part for part in named if named.count(part) > 1]:
            raise ValueError(f"{{{twice[0]}}} stands in it twice")
        _compiled(pattern)
        return pattern

    @field_validator("expect")
    @classmethod
    def _are_standards(cls, expect: str | tuple[str, ...]) -> str | tuple[str, ...]:
        known = (*EDI, "csv", "fixed-width", "json", "xml", "pdf", "html", "text", "binary")
        if not isinstance(expect, str) and (unknown := [one for one in expect if one not in known]):
            raise ValueError(f"there is no standard `{unknown[0]}`; there are {', '.join(known)}")
        return expect

    @model_validator(mode="after")
    def _bounds_fit(self) -> "Feed":
        for what in ("bytes", "sets"):
            least, most = getattr(self, f"min_{what}"), getattr(self, f"max_{what}")
            if most and least > most:
                raise ValueError(f"min_{what} is more than max_{what}: no file would do")
        return self

    @property
    def expected(self) -> tuple[str, ...] | None:
        """The standards that its files may be of; None is any."""
        if self.expect == "any":
            return None
        return EDI if self.expect == "edi" else tuple(self.expect)

    def matches(self, folder: bytes, name: bytes) -> bool:
        """Whether a file is of this feed. Names are bytes; what is no UTF-8 in them matches `*` and `?` alone."""
        return folder == self.folder.encode() and _compiled(self.pattern).fullmatch(_text(name)) is not None

    def parts(self, name: bytes) -> NameParts:
        """What a file's name tells."""
        found = _compiled(self.pattern).fullmatch(_text(name))
        told = found.groupdict() if found else {}
        sequence, word = told.get("sequence"), told.get("usage")
        usage = _USAGES.get(word.lower()) if word else None
        return NameParts(
            told.get("entity"),
            told.get("cycle"),
            int(sequence) if sequence else None,
            usage,
            usage_known=word is None or usage is not None,
        )

    @model_validator(mode="after")
    def _signatures_are_looked_at(self) -> "Feed":
        if self.pgp.signed_by and (self.unwrap is None or "pgp" not in self.unwrap.allow):
            raise ValueError("`signed_by` is of PGP messages, and the feed does not unwrap them: add `unwrap = true`")
        return self


def _text(name: bytes) -> str:
    return name.decode(errors="surrogateescape")


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    pieces = _PART.split(pattern)
    return re.compile(
        "".join(
            f"(?P<{piece}>{NAME_PARTS[piece]})" if nth % 2 else _of_glob(piece) for nth, piece in enumerate(pieces)
        ),
        re.DOTALL,
    )


def _of_glob(glob: str) -> str:
    return fnmatch.translate(glob).removeprefix("(?s:").removesuffix(r")\Z")
