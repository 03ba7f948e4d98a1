"""How a partner uploads: which names are temporary, which folders there are, how much may come. Pure data."""

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

# What programs call a file while they upload it; a star at the beginning or the end, any case.
TEMPORARY = (
    "*.tmp",
    "*.temp",
    "*.part",
    "*.partial",
    "*.filepart",
    "*.uploading",
    "*.incomplete",
    "*~",
    "~*",
    ".*",
)

Folder = Annotated[str, StringConstraints(pattern=r"^[^/\x00-\x1f]{1,255}(/[^/\x00-\x1f]{1,255}){0,7}$")]


class Uploads(BaseModel):
    """Keys of `[uploads]` in a partner file. Folders are named as they stand below /inbound."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    temporary: tuple[str, ...] = TEMPORARY
    staging: tuple[Folder, ...] = ()
    folders: tuple[Folder, ...] = ()
    make_folders: bool = False
    resume: bool = True
    file_gib_max: Annotated[int, Field(ge=1, le=1 << 20)] = 100
    day_files_max: Annotated[int, Field(ge=1)] = 100_000
    day_gib_max: Annotated[int, Field(ge=1)] = 1_000

    @field_validator("temporary")
    @classmethod
    def _has_one_star(cls, patterns: tuple[str, ...]) -> tuple[str, ...]:
        for pattern in patterns:
            if not re.fullmatch(r"\*[^*]+|[^*]+\*", pattern):
                raise ValueError(f"`{pattern}` is no pattern: expected one star at its beginning or end, like *.tmp")
        return patterns

    @field_validator("staging", "folders")
    @classmethod
    def _stays_below(cls, folders: tuple[str, ...]) -> tuple[str, ...]:
        for folder in folders:
            if {".", ".."} & set(folder.split("/")):
                raise ValueError(f"`{folder}` is no folder below /inbound")
        return folders

    def is_temporary(self, name: bytes) -> bool:
        """Whether a file of this name is still on its way when it is closed."""
        lower = name.lower()
        for pattern in self.temporary:
            text = pattern.strip("*").lower().encode()
            if lower.endswith(text) if pattern.startswith("*") else lower.startswith(text):
                return True
        return False

    def final_name(self, name: bytes) -> bytes:
        """What a temporary name is going to be, as far as it tells: `a.edi` of `a.edi.tmp`; another name as it is."""
        lower = name.lower()
        for pattern in self.temporary:
            text = pattern.strip("*").lower().encode()
            if pattern.startswith("*") and lower.endswith(text) and len(name) > len(text):
                return name[: -len(text)]
            if pattern.endswith("*") and lower.startswith(text) and len(name) > len(text):
                return name[len(text) :]
        return name

    def is_staging(self, folder: bytes) -> bool:
        """Whether files wait in this folder, named below /inbound, to be moved out."""
        return any(folder == text or folder.startswith(text + b"/") for text in map(str.encode, self.staging))

    @property
    def all_folders(self) -> list[bytes]:
        """Every folder below /inbound, with those that they lie in."""
        found = set()
        for folder in (*self.staging, *self.folders):
            parts = folder.split("/")
            found |= {"/".join(parts[:count]).encode() for count in range(1, len(parts) + 1)}
        return sorted(found)
