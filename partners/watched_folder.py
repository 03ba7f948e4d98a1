"""A folder of a file system that is watched for a connection: `[[watched_folders]]` in a partner file. Pure data.

What says that a file is whole stands in `take`, what becomes of it behind that in `then`.
"""

from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from posixpath import normpath
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from partners.feed import FeedName, InboundFolder

PRIVATE = b".mft"  # Below a watched folder: what is under way there.
RECEIVED = b".received"  # Behind the name of a file that was received and stays.


def _absolute(path: str) -> str:
    if not path.startswith("/") or "\0" in path or path != normpath(path) or path.startswith("//") or path == "/":
        raise ValueError("expected an absolute path without . and .., with no slash at its end: /srv/edi/acme")
    return path


AbsolutePath = Annotated[str, AfterValidator(_absolute)]
Pattern = Annotated[str, StringConstraints(min_length=1, max_length=255)]


class WatchedFolder(BaseModel):
    """Keys of `[[watched_folders]]`. Patterns are of a file's name, with `*`, `?` and `[a-z]`; their case counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: FeedName
    path: AbsolutePath
    to: InboundFolder = "/inbound"
    take: Literal["stable", "done-file", "rename", "trailer"] = "stable"
    stable_seconds: Annotated[int, Field(ge=0, le=86_400)] = 5
    done_file: Pattern = "{name}.done"
    include: tuple[Pattern, ...] = ("*",)
    exclude: tuple[Pattern, ...] = ()
    recursive: bool = False
    then: Literal["delete", "archive", "mark"] = "delete"
    archive: AbsolutePath | None = None
    observer: Literal["native", "polling"] = "native"
    poll_seconds: Annotated[int, Field(ge=1, le=3600)] = 10

    @field_validator("done_file")
    @classmethod
    def _names_its_file(cls, pattern: str) -> str:
        holders = pattern.count("{name}") + pattern.count("{stem}")
        if holders != 1 or "/" in pattern or pattern in {"{name}", "{stem}"}:
            raise ValueError("expected {name} or {stem} once, and something beside it: {name}.done, {stem}.ok")
        return pattern

    @model_validator(mode="after")
    def _has_its_archive(self) -> "WatchedFolder":
        if (self.then == "archive") != (self.archive is not None):
            raise ValueError('`then = "archive"` and `archive`, the folder to keep files in, want each other')
        if self.archive == self.path:
            raise ValueError("`archive` is the watched folder itself: files would be taken again")
        return self

    def wants(self, name: bytes) -> bool:
        """Whether a name is asked for. What is no UTF-8 in it matches `*` and `?` alone."""
        text = name.decode(errors="surrogateescape")
        return any(fnmatchcase(text, one) for one in self.include) and not any(
            fnmatchcase(text, one) for one in self.exclude
        )

    def done_of(self, name: bytes) -> bytes:
        """What the done file of a file is called."""
        stem = name.rpartition(b".")[0] or name
        return self.done_file.encode().replace(b"{name}", name).replace(b"{stem}", stem)

    def is_done_file(self, name: bytes) -> bool:
        """Whether a name is that of a done file, as far as it tells."""
        before, _, behind = self.done_file.encode().replace(b"{stem}", b"{name}").partition(b"{name}")
        long_enough = len(name) > len(before) + len(behind)
        return self.take == "done-file" and long_enough and name.startswith(before) and name.endswith(behind)


def clashes(folders: Iterable[tuple[str, WatchedFolder]]) -> Iterator[tuple[str, str]]:
    """Watched folders that are called the same, are the same, or lie in each other: whose, and what is wrong."""
    seen: list[tuple[str, WatchedFolder]] = []
    for whose, folder in folders:
        for other, earlier in seen:
            if (whose, folder.name) == (other, earlier.name):
                yield whose, f"two watched folders have the name `{folder.name}`"
            if folder.path == earlier.path:
                yield whose, f"the folder {folder.path} is watched for {other} already"
            elif _lies_in(folder.path, earlier.path) or _lies_in(earlier.path, folder.path):
                yield whose, f"the folder {folder.path} and {earlier.path}, watched for {other}, lie in each other"
        seen.append((whose, folder))


def _lies_in(path: str, above: str) -> bool:
    return path.startswith(above + "/")
