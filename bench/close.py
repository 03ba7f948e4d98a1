"""How long CLOSE takes to be answered after a large upload: clients give up if the disk is too far behind.

The packets are made here and go through OpenSSH's ssh: a client in Python would be slower than the disk, and leave
nothing to do at the end.
"""

import hashlib
import os
import statistics
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from bench.payload import compare
from bench.rounds import counted
from bench.row import Row
from bench.settings import Unmeasured, number
from bench.site import Server, make_key, ours, program

# Of draft-ietf-secsh-filexfer-02.
INIT, OPEN, CLOSE, WRITE, STATUS, HANDLE = 1, 3, 4, 6, 101, 102
WRITE_CREATE_TRUNCATE = 0x02 | 0x08 | 0x10

_PIECE = 32768
_AHEAD = 64  # Writes without an answer: what OpenSSH's sftp allows itself.


class _Session:
    """An SFTP session over the pipes of an ssh."""

    def __init__(self, to: IO[bytes], back: IO[bytes]) -> None:
        self._to = to
        self._back = back
        self._ask(INIT, struct.pack(">I", 3))
        self._answer()

    def _ask(self, kind: int, *parts: bytes) -> None:
        self._to.write(struct.pack(">IB", sum(map(len, parts)) + 1, kind))
        for part in parts:
            self._to.write(part)

    def _answer(self) -> tuple[int, bytes]:
        """The next packet: its kind, and what follows its id."""
        self._to.flush()
        head = self._back.read(5)
        if len(head) < 5:
            raise Unmeasured("the session ended before CLOSE was answered")
        size, kind = struct.unpack(">IB", head)
        return kind, self._back.read(size - 1)[4:]

    def _ok(self) -> None:
        kind, body = self._answer()
        if kind != STATUS or body[:4] != bytes(4):
            raise Unmeasured(f"the upload was refused: packet {kind}, {body[8:200].decode(errors='replace')}")

    def upload(self, name: str, blocks: Iterator[bytes]) -> tuple[float, float]:
        """Send a file; returns the seconds until all its writes were answered, and those of CLOSE alone."""
        begun = time.perf_counter()
        self._ask(OPEN, bytes(4), _string(name.encode()), struct.pack(">II", WRITE_CREATE_TRUNCATE, 0))
        kind, handle = self._answer()
        if kind != HANDLE:
            raise Unmeasured(f"OPEN was refused: {handle[8:200].decode(errors='replace')}")
        offset = ahead = 0
        for block in blocks:
            for begin in range(0, len(block), _PIECE):
                piece = block[begin : begin + _PIECE]
                self._ask(WRITE, bytes(4), handle, struct.pack(">QI", offset, len(piece)), piece)
                offset += len(piece)
                ahead += 1
                if ahead == _AHEAD:
                    self._ok()
                    ahead -= 1
        for _ in range(ahead):
            self._ok()
        written = time.perf_counter()
        self._ask(CLOSE, bytes(4), handle)
        self._ok()
        return written - begun, time.perf_counter() - written


def _string(text: bytes) -> bytes:
    return struct.pack(">I", len(text)) + text


@contextmanager
def _session(server: Server) -> Iterator[_Session]:
    ssh = subprocess.Popen(
        [program("ssh"), *server.options(), "127.0.0.1", "-s", "sftp"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    try:
        assert ssh.stdin is not None
        assert ssh.stdout is not None
        yield _Session(ssh.stdin, ssh.stdout)
    finally:
        ssh.kill()
        ssh.communicate()


def measure(folder: Path) -> list[Row]:
    gib, rounds = number("BENCH_CLOSE_GIB"), number("BENCH_ROUNDS")
    key = make_key(folder / "key")
    block = os.urandom(1 << 20)
    digest = hashlib.sha256()
    for _ in range(gib << 10):
        digest.update(block)
    writing, closing = [], []
    with ours(folder, key) as mft:
        for index in counted("close", rounds):
            name = f"close{index}"
            os.sync()
            with _session(mft) as session:
                written, closed = session.upload(name, (block for _ in range(gib << 10)))
            writing.append(written)
            closing.append(closed)
            mft.rest()
            if index == 0:
                compare({name: digest.hexdigest()}, mft.arrived({name}), where=mft.name)
            mft.clear()
    slow, rate = max(closing), (gib << 30) / 1e6 / statistics.median(writing)
    return [
        Row(f"CLOSE to its OK after {gib} GiB, slowest of {rounds}", slow, None, "s", None, 5.0),
        Row(f"writes of {gib} GiB until all were answered, median", rate, None, "MB/s", None),
    ]
