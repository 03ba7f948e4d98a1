"""What is wrong with watched folders, or waits in them, for those who set them up. Looks, and changes nothing."""

import os
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from mft.endpoints.folder import beneath
from partners.watched_folder import PRIVATE, WatchedFolder

_LOOKED_AT_MAX = 10_000


def faults(folder: WatchedFolder, home: Path) -> Iterator[str]:
    """Why nothing can be taken out of a folder as it is now."""
    path = Path(folder.path)
    if path.resolve().is_relative_to(home.resolve()) or home.resolve().is_relative_to(path.resolve()):
        yield f"{path} and the home {home} lie in each other: watch a folder outside it"
        return
    try:
        fd = beneath.open_folder(folder.path)
    except OSError as error:
        yield f"{path}: {os.strerror(error.errno or 0).lower()}"
        return
    try:
        device = os.fstat(fd).st_dev
        if not os.access(path, os.R_OK | os.W_OK | os.X_OK):
            yield f"{path} is not writable for this user: files could not be taken out of it"
        if beneath.exists(fd, PRIVATE):
            private = beneath.look_at(fd, (), PRIVATE)
            if private.kind != "a folder" or private.identity[0] != device:
                yield f"{path}/.mft is {private.kind} that we cannot work in: move it away"
    finally:
        os.close(fd)
    if folder.archive is not None:
        yield from _faults_of_archive(folder.archive, device, path)


def _faults_of_archive(archive: str, device: int, path: Path) -> Iterator[str]:
    try:
        fd = beneath.open_folder(archive)
    except OSError as error:
        yield f"the archive {archive}: {os.strerror(error.errno or 0).lower()}"
        return
    try:
        if os.fstat(fd).st_dev != device:
            yield f"the archive {archive} lies on another file system than {path}: files could not be moved there"
        if not os.access(archive, os.W_OK | os.X_OK):
            yield f"the archive {archive} is not writable for this user"
    finally:
        os.close(fd)


def left_in(folder: WatchedFolder) -> Counter[str]:
    """What lies in a folder that is never taken, by its kind; of a large folder, among its first names."""
    fd = beneath.open_folder(folder.path)
    try:
        return Counter(
            look.kind
            for name in islice(beneath.names_in(fd), _LOOKED_AT_MAX)
            if (look := _look(fd, name)) is not None and not look.is_plain and look.kind != "a folder"
        )
    finally:
        os.close(fd)


def _look(fd: int, name: bytes) -> beneath.Look | None:
    try:
        return beneath.look_at(fd, (), name)
    except FileNotFoundError:
        return None
