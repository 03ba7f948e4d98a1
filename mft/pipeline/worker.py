"""A parser process: plaintext in on standard input, what was found out on standard output, and nothing else.

It holds no key, can write no file and opens none of ours; a file that kills it kills only it. Frames are a length of
four bytes, big-endian, and so many bytes: first how the file is to be judged (`Judging` as msgpack; empty: not at
all), then its pieces, ended by an empty frame; answered by events of `parsers`, the last of them `Finished`.
"""

import codecs
import os
import resource
import sys
from collections.abc import Iterator
from importlib import import_module, resources
from typing import Final

import msgspec

import parsers
from mft.own_process import leave_no_core
from parsers.guides import shelf
from parsers.guides.terms import Judging
from parsers.judging import DIALECTS, TREES
from parsers.maps import shelf as maps
from parsers.reader import READERS

_OUT_MAX: Final = 1 << 18


def _frame() -> bytes:
    """Ends the process when nobody asks any more."""
    read = sys.stdin.buffer.read
    header = read(4)
    if len(header) < 4:
        os._exit(0)
    return read(int.from_bytes(header, "big"))


def _pieces() -> Iterator[bytes]:
    """The pieces of one file."""
    return iter(_frame, b"")


def _limit(memory_mib: int) -> None:
    memory = memory_mib << 20
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    leave_no_core()
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, 0))  # Nothing can be opened any more, sockets included.


def _allow_cpu(seconds: int) -> None:
    """Give the next file its own share of processor time: past it, the kernel ends us."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + seconds + 1, hard))


def main() -> None:
    memory_mib, cpu_seconds = int(sys.argv[1]), int(sys.argv[2])
    for charset in (
        "cp037",
        "cp1252",
        "utf-16-be",
        "utf-16-le",
        *(f"iso8859-{part}" for part in range(1, 17) if part != 12),
    ):
        codecs.lookup(charset)
    for module in {*READERS.values(), *DIALECTS.values(), *TREES.values()}:
        import_module(module)  # Whatever reading imports, while we still can.
    shelf.preload()
    maps.preload()
    for sample in resources.files("mft.samples").iterdir():
        if sample.is_file():
            list(parsers.read([sample.read_bytes()], judge=Judging()))
    _limit(memory_mib)
    encode = msgspec.msgpack.Encoder().encode
    judging_of = msgspec.msgpack.Decoder(Judging).decode
    write = sys.stdout.buffer.write
    while True:
        _allow_cpu(cpu_seconds)
        pending = bytearray()
        terms = _frame()
        for event in parsers.read(_pieces(), judge=judging_of(terms) if terms else None):
            packed = encode(event)
            pending += len(packed).to_bytes(4, "big") + packed
            if len(pending) >= _OUT_MAX:
                write(pending)
                pending.clear()
        write(pending)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
