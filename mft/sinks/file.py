"""Events as lines of a file: NDJSON, one CloudEvent each.

Durability: lines are on the disk when `deliver` returns.
Loss: nothing that the outbox does not still have.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from mft.durable import disk_errors, sync_data, sync_directory
from mft.pipeline.emit import Outgoing

_MIB: Final = 1 << 20


class FileSink:
    """Appends to one file. A line torn by a crash is cut off at the next start; its event comes again.

    A file that has reached `mib_max` becomes NAME.1, and what was NAME.1 NAME.2, up to `keep` of them: a program that
    follows the file as `tail -F` does misses nothing.
    """

    window = 500

    def __init__(self, name: str, path: Path, *, mib_max: int, keep: int) -> None:
        self.name = name
        self._path = path
        self._bytes_max = mib_max * _MIB
        self._keep = keep
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._fd = self._open()
        with disk_errors():
            os.ftruncate(self._fd, _whole_lines(self._fd))

    def deliver(self, events: Sequence[Outgoing]) -> Mapping[str, str]:
        view = memoryview(b"".join(event.body + b"\n" for event in events))
        with disk_errors():
            begin = os.fstat(self._fd).st_size
            if begin >= self._bytes_max:
                self._set_aside()
                begin = 0
            try:
                while view:
                    view = view[os.write(self._fd, view) :]
            except OSError:
                os.ftruncate(self._fd, begin)  # A full disk tears a line, and the next one must not follow it.
                raise
        sync_data(self._fd)
        return {}

    def close(self) -> None:
        os.close(self._fd)

    def _open(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW
        with disk_errors():
            fd = os.open(self._path, flags, 0o600)
        sync_directory(self._path.parent)
        return fd

    def _set_aside(self) -> None:
        """Oldest first, so that a crash in between leaves a gap in the numbers, and no file twice."""
        for number in range(self._keep - 1, -1, -1):
            older = self._aside(number)
            if older.exists():
                older.replace(self._aside(number + 1))
        os.close(self._fd)
        self._fd = self._open()

    def _aside(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}") if number else self._path


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
