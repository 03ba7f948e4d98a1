"""What lies beneath a folder that others write to: looked at, opened and moved without ever following a link.

A path is a row of names, bytes as they stand on the disk, walked one by one from an open folder; so whatever somebody
puts in the place of a folder or a file meanwhile is met as what it is. Nothing here knows what a transfer is.
"""

import ctypes
import errno
import fcntl
import os
import signal
import stat
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Final

from mft.durable import sync_names

Path = tuple[bytes, ...]

NAME_MAX: Final = 255
_DIRECTORY: Final = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE: Final = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC  # A FIFO would have us wait.
_NOREPLACE: Final = 1  # renameat2(2)
_F_SETSIG: Final = 10  # fcntl(2)
_renameat2 = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)


@dataclass(frozen=True, slots=True)
class Look:
    """What was found under a name. Times are nanoseconds by the clock of the file system."""

    folder: Path
    name: bytes
    mode: int
    links: int
    identity: tuple[int, int]
    size: int
    modified: int
    changed: int

    @property
    def is_plain(self) -> bool:
        """Whether it is a file under one name alone."""
        return stat.S_ISREG(self.mode) and self.links == 1

    @property
    def kind(self) -> str:
        """What it is, for people."""
        if stat.S_ISREG(self.mode):
            return "a file" if self.links == 1 else "a hard link"
        kinds = {stat.S_IFLNK: "a link", stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket", stat.S_IFDIR: "a folder"}
        return kinds.get(stat.S_IFMT(self.mode), "a device")

    def same(self, other: "Look") -> bool:
        """Whether it is the same file, and nobody wrote to it in between. A rename changes `changed` alone."""
        return (self.identity, self.size, self.modified, self.links, self.mode) == (
            other.identity,
            other.size,
            other.modified,
            other.links,
            other.mode,
        )


def _look(folder: Path, name: bytes, found: os.stat_result) -> Look:
    return Look(
        folder,
        name,
        found.st_mode,
        found.st_nlink,
        (found.st_dev, found.st_ino),
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
    )


def look_at(at: int, folder: Path, name: bytes) -> Look:
    """Raises OSError: there is nothing of that name."""
    return _look(folder, name, os.stat(name, dir_fd=at, follow_symlinks=False))


def look_into(fd: int, folder: Path, name: bytes) -> Look:
    """The same of what is open."""
    return _look(folder, name, os.fstat(fd))


def exists(at: int, name: bytes) -> bool:
    try:
        os.stat(name, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True


def open_folder(path: str) -> int:
    """The folder that an operator named, and who may do so by a link. Raises OSError."""
    return os.open(path, _DIRECTORY)


def open_below(root: int, names: Sequence[bytes], *, make: bool = False) -> int:
    """A folder beneath an open one; with `make`, those that are missing are made, for ourselves alone.

    Raises:
        OSError: it is not there, or one of the names is a link or no folder.
    """
    fd = os.dup(root)
    try:
        for name in names:
            if make and not exists(fd, name):
                os.mkdir(name, 0o700, dir_fd=fd)
            below = os.open(name, _DIRECTORY | os.O_NOFOLLOW, dir_fd=fd)
            os.close(fd)
            fd = below
    except BaseException:
        os.close(fd)
        raise
    return fd


def open_file(at: int, name: bytes) -> int:
    """Raises OSError: nothing of that name, a link, or something that cannot be read now."""
    return os.open(name, _FILE, dir_fd=at)


def names_in(fd: int) -> Generator[bytes]:
    """Names in an open folder, as they come, without holding them all."""
    own = os.open(b".", _DIRECTORY, dir_fd=fd)  # A place of reading of its own.
    try:
        with os.scandir(own) as found:
            for entry in found:
                yield os.fsencode(entry.name)
    finally:
        os.close(own)


def move(at: int, name: bytes, to: int, new_name: bytes) -> None:
    """Rename, and never replace anything. Raises OSError; FileExistsError: the new name is taken.

    Where the file system has no such rename (NFS), what is created between look and rename would be replaced.
    """
    if _renameat2 is not None:
        if _renameat2(at, name, to, new_name, _NOREPLACE) == 0:
            return
        number = ctypes.get_errno()
        if number not in {errno.EINVAL, errno.ENOSYS}:
            raise OSError(number, os.strerror(number))
    if exists(to, new_name):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    os.rename(name, new_name, src_dir_fd=at, dst_dir_fd=to)


def is_written(fd: int) -> bool | None:
    """Whether somebody has an open file open for writing. None: the kernel does not tell.

    It tells by granting a lease: on a local file system, to the file's owner and to root. Who opens the file for
    writing in the moment that we have the lease has us told by a signal, which must not be SIGIO, that would end us.
    """
    try:
        fcntl.fcntl(fd, _F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:
        return None
    return False


def remove_chain(root: int, names: Sequence[bytes]) -> None:
    """Remove folders that lie in each other, the innermost first, as far as they are empty."""
    for count in range(len(names), 0, -1):
        try:
            above = open_below(root, names[: count - 1])
        except FileNotFoundError:
            continue
        try:
            os.rmdir(names[count - 1], dir_fd=above)
        except FileNotFoundError:
            continue
        except OSError:
            return
        finally:
            os.close(above)


def sync_chain(root: int, names: Sequence[bytes]) -> None:
    """Put the names in folders that lie in each other on the disk. Raises OSError."""
    for count in range(len(names), 0, -1):
        fd = open_below(root, names[:count])
        try:
            sync_names(fd)
        finally:
            os.close(fd)
