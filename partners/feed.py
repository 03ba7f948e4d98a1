"""A feed: files of one folder and name pattern, and what is agreed about them. Pure data.

`[[feeds]]` in a partner file: the first that matches counts.
"""

from fnmatch import fnmatchcase
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints, model_validator

from partners.unwrap import Pgp, UnwrapOrNot

FeedName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
RetentionClass = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,31}$")]
InboundFolder = Annotated[str, StringConstraints(pattern=r"^/inbound(/[^/\x00-\x1f]{1,255}){0,8}$")]


class Feed(BaseModel):
    """Keys of `[[feeds]]`. `pattern` is of a file's name, with `*`, `?` and `[a-z]`; its case counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: FeedName
    folder: InboundFolder = "/inbound"
    pattern: Annotated[str, StringConstraints(min_length=1, max_length=255)] = "*"
    retention: RetentionClass | None = None

    def matches(self, folder: bytes, name: bytes) -> bool:
        """Whether a file is of this feed. Names are bytes; what is no UTF-8 in them matches `*` and `?` alone."""
        return folder == self.folder.encode() and fnmatchcase(name.decode(errors="surrogateescape"), self.pattern)

    # What is done before a file is read.
    unwrap: UnwrapOrNot = None
    pgp: Pgp = Pgp()

    @model_validator(mode="after")
    def _signatures_are_looked_at(self) -> "Feed":
        if self.pgp.signed_by and (self.unwrap is None or "pgp" not in self.unwrap.allow):
            raise ValueError("`signed_by` is of PGP messages, and the feed does not unwrap them: add `unwrap = true`")
        return self
