"""A scratch: a file on its way in that is written out of order, or over again.

It is sealed in blocks of 64 KiB, each under a nonce of its own whenever it is written, with a key that stays in memory.
The file has no name: nothing of it outlives the process, and nobody else can open it.
"""

import os
import tempfile
from bisect import bisect_right
from pathlib import Path
from typing import Final

from mft.crypto.blocks import TAG_SIZE, BlockKey
from mft.durable import disk_errors
from mft.errors import NotSupported, UnsealFailed
from mft.vault.store import Readable

BLOCK_SIZE: Final = 64 * 1024
_SLOT: Final = BLOCK_SIZE + TAG_SIZE
_STRETCHES_MAX: Final = 10_000  # Apart from each other: a file is not written in dust.


class Scratch:
    """Plaintext to be written and read at any offset; what lies in `base` shows through where nothing was written.

    Memory: one open block, a few bytes for each block on the disk, and the stretches that were written.
    """

    def __init__(self, folder: Path, base: Readable | None = None) -> None:
        """Raises NoSpace, SyncFailed, as do all methods that write."""
        self.size = base.size if base is not None else 0
        self._base = base
        self._base_size = self.size  # What of it still shows: less after a cut.
        self._written = _Stretches()
        if self.size:
            self._written.add(0, self.size)
        self._key = BlockKey()
        self._nonces: dict[int, int] = {}
        self._number = -1  # The open block,
        self._block = bytearray()  # its plaintext,
        self._changed = False  # and whether the disk has an older one.
        with disk_errors():
            self._fd = _nameless(folder)

    def write(self, offset: int, data: bytes | memoryview) -> None:
        """Raises NotSupported: in too many places, with nothing in between."""
        view = memoryview(data)
        if not view:
            return
        self._written.add(offset, offset + len(view))
        self.size = max(self.size, offset + len(view))
        while view:
            number, begin = divmod(offset, BLOCK_SIZE)
            piece = view[: BLOCK_SIZE - begin]
            self._open(number)
            self._block[begin : begin + len(piece)] = piece
            self._changed = True
            offset += len(piece)
            view = view[len(piece) :]

    def read_at(self, offset: int, size: int) -> bytes:
        """Up to `size` bytes at `offset`: fewer at the end. What nobody ever wrote is zeros."""
        size = min(size, self.size - offset)
        found = bytearray()
        while size > 0:
            number, begin = divmod(offset, BLOCK_SIZE)
            self._open(number)
            piece = self._block[begin : begin + min(size, BLOCK_SIZE - begin)]
            found += piece
            offset += len(piece)
            size -= len(piece)
        return bytes(found)

    def truncate(self, size: int) -> None:
        """Cut the file at `size`; a longer one than there is changes nothing."""
        if size >= self.size:
            return
        number, keep = divmod(size, BLOCK_SIZE)
        self._open(number)
        self._block[keep:] = bytes(BLOCK_SIZE - keep)
        self._changed = True
        self._base_size = min(self._base_size, size)
        for behind in [block for block in self._nonces if block > number]:
            del self._nonces[behind]
        self._written.cut(size)
        self.size = size

    def first_hole(self) -> int | None:
        """The first byte that nobody ever wrote; None if there is none."""
        end = self._written.first_end()
        return None if end >= self.size else end

    def close(self) -> None:
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def _open(self, number: int) -> None:
        if number == self._number:
            return
        self._put_away()
        if number in self._nonces:
            with disk_errors():
                sealed = os.pread(self._fd, _SLOT, number * _SLOT)
            if len(sealed) != _SLOT:
                raise UnsealFailed(f"block {number} of a scratch is cut short")
            self._block = bytearray(self._key.open(number, self._nonces[number], sealed))
        else:
            below = b""
            if self._base is not None:
                begin = number * BLOCK_SIZE
                below = self._base.read_at(begin, max(0, min(BLOCK_SIZE, self._base_size - begin)))
            self._block = bytearray(below) + bytes(BLOCK_SIZE - len(below))
        self._number = number

    def _put_away(self) -> None:
        if not self._changed:
            return
        nonce, sealed = self._key.seal(self._number, self._block)
        view = memoryview(sealed)
        at = self._number * _SLOT
        with disk_errors():
            while view:
                count = os.pwrite(self._fd, view, at)
                view = view[count:]
                at += count
        self._nonces[self._number] = nonce
        self._changed = False


class _Stretches:
    """Half-open stretches of bytes, apart from each other."""

    def __init__(self) -> None:
        self._begins: list[int] = []
        self._ends: list[int] = []

    def add(self, begin: int, end: int) -> None:
        first = bisect_right(self._ends, begin - 1)  # The first one that reaches up to `begin`,
        last = bisect_right(self._begins, end)  # and behind the last one that begins before `end`.
        if first < last:
            begin = min(begin, self._begins[first])
            end = max(end, self._ends[last - 1])
        if first == last and len(self._begins) >= _STRETCHES_MAX:
            raise NotSupported("the file is written in too many places at once: upload it from its beginning on")
        self._begins[first:last] = [begin]
        self._ends[first:last] = [end]

    def cut(self, size: int) -> None:
        while self._begins and self._begins[-1] >= size:
            del self._begins[-1], self._ends[-1]
        if self._ends and self._ends[-1] > size:
            self._ends[-1] = size

    def first_end(self) -> int:
        return self._ends[0] if self._begins and self._begins[0] == 0 else 0


def _nameless(folder: Path) -> int:
    """A new file without a name: the kernel forgets it with its last descriptor."""
    try:
        return os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o600)
    except OSError:  # Not every file system has them; one that is broken says so again.
        fd, path = tempfile.mkstemp(dir=folder)
        Path(path).unlink()
        return fd
