"""A folder of this host as the end of a route: the one place where a partner's file leaves the vault in the clear.

Names are single ones beneath the folder, and no link is followed; whoever can write there can still remove what we put.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal

from mft.durable import write_apart
from mft.errors import NameTaken
from mft.pipeline.deliver import Load, Put

_NUMBERS_MAX: Final = 9_999
_NAME_BYTES_MAX: Final = 255


class FolderTarget:
    """Puts files into a folder under names that no other file has, or in their place."""

    def __init__(self, folder: Path, *, mode: int, if_exists: Literal["number", "fail", "replace"]) -> None:
        self._folder = folder
        self._mode = mode
        self._if_exists = if_exists

    def put(self, load: Load) -> Put:
        """Raises OSError; NameTaken: another file has the name."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            return Put(self._put(folder, load))
        finally:
            os.close(folder)

    def _put(self, folder: int, load: Load) -> bytes:
        part = b"." + load.delivery.encode() + b".part"
        for name in self._names(load.name):
            if _is_there(folder, name, load):
                _remove(folder, part)  # Killed between its name and its mark.
                return name
            if self._if_exists != "replace" and _exists(folder, name):
                continue
            try:
                replace = self._if_exists == "replace"
                write_apart(folder, name, part, load.chunks(), mode=self._mode, replace=replace)
            except FileExistsError:
                continue
            return name
        raise NameTaken("another file has that name there")

    def _names(self, name: bytes) -> Iterator[bytes]:
        yield name
        if self._if_exists == "number":
            yield from numbered(name, _NUMBERS_MAX)


def numbered(name: bytes, most: int) -> Iterator[bytes]:
    """Other names for a file: `claims-2.edi`, `claims-3.edi` and so on. A name that becomes too long loses bytes."""
    stem, dot, ending = name.rpartition(b".")
    if not stem:
        stem, dot, ending = name, b"", b""
    for number in range(2, most + 1):
        more = b"-%d" % number + dot + ending
        yield (stem[: max(0, _NAME_BYTES_MAX - len(more))] + more)[-_NAME_BYTES_MAX:]


def _exists(folder: int, name: bytes) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def _is_there(folder: int, name: bytes, load: Load) -> bool:
    """Whether a file of that name has the same content already."""
    try:
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        fd = os.open(name, flags, dir_fd=folder)
    except OSError:
        return False  # None, a link, or not ours to read: whichever it is shows when it is written.
    with os.fdopen(fd, "rb") as file:
        try:
            if os.fstat(fd).st_size != load.size_bytes:
                return False
            return all(file.read(len(chunk)) == chunk for chunk in load.chunks()) and not file.read(1)
        except OSError:
            return False


def _remove(folder: int, name: bytes) -> None:
    if _exists(folder, name):
        os.unlink(name, dir_fd=folder)
