"""What clients call files, and how a folder is shown to them."""

import stat
import time
from collections.abc import Sequence

from mft.wire.sftp.messages import PACKET_BYTES_OFFERED, Attrs, Name


def normalise(path: bytes, start: bytes) -> bytes:
    """The absolute path that a client's path means, by its text alone (sections 6.2 and 6.11).

    Args:
        path: as sent; relative to `start` unless it begins with a slash, and `start` itself when empty.
        start: the login's first folder, absolute.

    Returns:
        "/" or "/a/b": no empty, "." or ".." component, no slash at the end. ".." at the top stays at the top.
    """
    components: list[bytes] = []
    for component in (path if path.startswith(b"/") else start + b"/" + path).split(b"/"):
        if component == b"..":
            del components[-1:]
        elif component not in {b"", b"."}:
            components.append(component)
    return b"/" + b"/".join(components)


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_RECENT_SECONDS = 180 * 86_400


def longname(name: bytes, attrs: Attrs, *, owner: bytes, now: int) -> bytes:
    """The line of `ls -l` that section 7 recommends; some clients show it to their users as it is.

    Args:
        name: as it stands in the folder.
        attrs: what is not known shows as zero.
        owner: shown as user and as group.
        now: seconds since 1970, UTC. Where `ls` shows the year in place of the time of day, so do we.
    """
    mode = stat.filemode(attrs.permissions or 0)
    modified = attrs.mtime or 0
    when = time.gmtime(modified)
    recent = 0 <= now - modified < _RECENT_SECONDS
    clock = f"{when.tm_hour:02}:{when.tm_min:02}" if recent else f" {when.tm_year}"
    day = f"{_MONTHS[when.tm_mon - 1]} {when.tm_mday:2}"
    user = owner.ljust(8)
    return f"{mode}   1 ".encode() + user + b" " + user + f" {attrs.size or 0:8} {day} {clock} ".encode() + name


def fitting(names: Sequence[Name]) -> int:
    """How many of `names`, from the first, one NAME answer may carry: at least one, if there is one.

    OpenSSH's client ends the session over a packet of more than 256 KiB.
    """
    room = PACKET_BYTES_OFFERED - 9
    for count, name in enumerate(names):
        room -= len(name.encode())
        if room < 0:
            return max(count, 1)
    return len(names)
