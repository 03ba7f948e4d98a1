"""Events as lines of a file: NDJSON, one CloudEvent each.

Durability: lines are on the disk when `deliver` returns.
Loss: nothing that the outbox does not still have.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from mft.durable import disk_errors, sync_data, sync_directory


class FileSink:
    """Appends to one file. A line torn by a crash is cut off at the next start; its event comes again."""

    name = "file"

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        with disk_errors():
            self._fd = os.open(path, flags, 0o600)
            os.ftruncate(self._fd, _whole_lines(self._fd))
        sync_directory(path.parent)

    def deliver(self, events: Sequence[bytes]) -> None:
        view = memoryview(b"".join(event + b"\n" for event in events))
        with disk_errors():
            begin = os.fstat(self._fd).st_size
            try:
                while view:
                    view = view[os.write(self._fd, view) :]
            except OSError:
                os.ftruncate(self._fd, begin)  # A full disk tears a line, and the next one must not follow it.
                raise
        sync_data(self._fd)

    def close(self) -> None:
        os.close(self._fd)


def _whole_lines(fd: int) -> int:
    """Size of the file up to the end of its last whole line."""
    end = os.fstat(fd).st_size
    while end > 0:
        begin = max(0, end - 65536)
        newline = os.pread(fd, end - begin, begin).rfind(b"\n")
        if newline >= 0:
            return begin + newline + 1
        end = begin
    return 0
