"""The only fsync in the house.

What a function here returned from is on the disk. A failed fsync is never tried again on that file: the kernel
may have dropped the dirty pages and say "fine" the second time (the PostgreSQL project's fsync report of 2018), so it
surfaces as SyncFailed and the process stops.
"""

import errno
import fcntl
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mft.errors import Busy, NoSpace, SyncFailed

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_NO_RANGE = {errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM}
_PIECE = 64 << 20
_SHORT = {errno.EMFILE, errno.ENFILE, errno.ENOMEM}


@contextmanager
def disk_errors() -> Iterator[None]:
    """A full disk or quota becomes NoSpace, too many open files Busy, any other failure of the disk SyncFailed."""
    try:
        yield
    except OSError as error:
        reason = os.strerror(error.errno) if error.errno else str(error)
        if error.errno in _FULL:
            raise NoSpace(f"the disk is full: {reason}") from error
        if error.errno in _SHORT:
            raise Busy(f"try again later: {reason}") from error
        raise SyncFailed(f"the disk failed: {reason}") from error


def create_file(path: Path) -> int:
    """Open a new file for writing, mode 0600; never replaces one. Its name is durable after `sync_file`.

    Writes go past the page cache where the file system can do that: whole pages out of page-aligned memory, at
    offsets of whole pages, until `through_cache`. It costs less, and leaves the last sync nothing to wait for. A
    missing folder above the file is made, durably.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    with disk_errors():
        try:
            return _open_direct(path, flags)
        except FileNotFoundError:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            sync_directory(path.parent.parent)
            return _open_direct(path, flags)


def _open_direct(path: Path, flags: int) -> int:
    try:
        fd = os.open(path, flags | os.O_DIRECT, 0o600)
    except OSError as error:
        if error.errno != errno.EINVAL:  # Not every file system knows O_DIRECT.
            raise
        path.unlink(missing_ok=True)  # Some make the file before they say so.
        fd = os.open(path, flags, 0o600)
    _give(fd, path.parent)
    return fd


def _give(fd: int, folder: Path) -> None:
    """What root writes belongs to whoever the folder does: a service that runs as a user of its own must open it."""
    if os.geteuid() == 0:
        owner = folder.stat()
        if (owner.st_uid, owner.st_gid) != (0, 0):
            os.fchown(fd, owner.st_uid, owner.st_gid)


def through_cache(fd: int) -> None:
    """From here on, write to a file any number of bytes from any memory."""
    fcntl.fcntl(fd, fcntl.F_SETFL, fcntl.fcntl(fd, fcntl.F_GETFL) & ~os.O_DIRECT)


def sync_file(fd: int, path: Path) -> None:
    """Put a file's bytes and its name on the disk."""
    with disk_errors():
        os.fsync(fd)
    sync_directory(path.parent)


def write_new(path: Path, content: bytes) -> None:
    """Write a new file and put its bytes on the disk; its name is durable after `sync_directory`."""
    fd = create_file(path)
    try:
        with disk_errors():
            through_cache(fd)
            view = memoryview(content)
            while view:
                view = view[os.write(fd, view) :]
            os.fsync(fd)
    finally:
        os.close(fd)


def truncate_file(fd: int, size: int, path: Path) -> None:
    """Cut a file, durably."""
    with disk_errors():
        os.ftruncate(fd, size)
    sync_file(fd, path)


def sync_data(fd: int) -> None:
    """Put a file's bytes so far on the disk, so that the last sync has little left to do."""
    with disk_errors():
        os.fdatasync(fd)


def sync_directory(path: Path) -> None:
    """Put a directory's names on the disk."""
    with disk_errors():
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


def sync_names(fd: int) -> None:
    """Put the names of an open directory on the disk. Raises OSError: the directory may be of another's disk."""
    os.fsync(fd)


def write_file(path: Path, content: bytes, *, mode: int = 0o600) -> None:
    """Write a small file so that a reader, also after a power cut, sees the old whole or the new whole."""
    staged = path.with_name(f".{path.name}.{os.getpid()}.staged")
    with disk_errors():
        staged.unlink(missing_ok=True)  # Of one that was killed, and had our pid.
        fd = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(content)
                file.flush()
                _give(fd, path.parent)
                os.fchmod(fd, mode)
                os.fsync(fd)
            staged.replace(path)
        except BaseException:
            staged.unlink(missing_ok=True)
            raise
    sync_directory(path.parent)


def copy_file(source: Path, target: Path, *, copied: Callable[[int], None] | None = None) -> int:
    """Copy a file to a new name, mode 0600; returns its size. Blocks are shared where the file system can do that.

    Its bytes are durable, its name is after `sync_directory`. Nothing stays of a copy that fails.

    Args:
        copied: called with the number of bytes of each piece.

    Raises:
        FileNotFoundError: there is no such file, or it is a link.
    """
    try:
        reading = os.open(source, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise FileNotFoundError(errno.ENOENT, "a link, not a file", str(source)) from None
        raise
    try:
        with disk_errors():
            writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                size = _copy(reading, writing, copied)
                os.fsync(writing)
            except BaseException:
                target.unlink(missing_ok=True)
                raise
            finally:
                os.close(writing)
    finally:
        os.close(reading)
    return size


def _copy(reading: int, writing: int, copied: Callable[[int], None] | None) -> int:
    size = 0
    try:
        while piece := os.copy_file_range(reading, writing, _PIECE):
            size += piece
            if copied is not None:
                copied(piece)
    except OSError as error:
        if error.errno not in _NO_RANGE:
            raise
        with open(reading, "rb", closefd=False) as source, open(writing, "wb", closefd=False) as target:
            shutil.copyfileobj(source, target, 1 << 20)
        size = os.fstat(writing).st_size
    return size


def sync_copy(path: Path) -> None:
    """Put a file that something else wrote on the disk, with its name."""
    with disk_errors():
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        sync_file(fd, path)
    finally:
        os.close(fd)


def write_apart(
    folder: int, name: bytes, part: bytes, chunks: Iterable[bytes], *, mode: int, replace: bool = False
) -> None:
    """Write a file into a folder that others work in, given as a descriptor: they see it whole, or not at all.

    It is written as `part`, synced, and linked to its name, which takes no other file's; then the folder is synced.
    What is left of an earlier try under `part` is removed first. No link is followed. That disk is not ours, so its
    errors come as they are: OSError, and nothing is to be done about them but to try again from the beginning.

    Raises:
        FileExistsError: something has that name, and is not to be replaced.
    """
    with suppress(FileNotFoundError):
        os.unlink(part, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    fd = os.open(part, flags, 0o600, dir_fd=folder)
    try:
        with os.fdopen(fd, "wb", buffering=0) as file:
            for chunk in chunks:
                view = memoryview(chunk)
                while view:
                    view = view[file.write(view) or 0 :]
            os.fchmod(fd, mode)
            os.fsync(fd)
        if replace:
            os.rename(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        else:
            os.link(part, name, src_dir_fd=folder, dst_dir_fd=folder, follow_symlinks=False)
            os.unlink(part, dir_fd=folder)
    except BaseException:
        with suppress(OSError):
            os.unlink(part, dir_fd=folder)
        raise
    os.fsync(folder)
