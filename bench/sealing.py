"""Sealing a file into the vault, beside what nobody can do without: AES-GCM over the same bytes in memory, and `cp`.

Ours hashes too (SHA-256, the content's evidence), frames, and names; the peer does not. Once into the page cache, as
`cp` writes, and once as it is used: past the cache and synced.
"""

import os
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from bench.rounds import counted
from bench.row import Row, speed
from bench.settings import Unmeasured, number
from mft.crypto.keyring import MemoryKeyring
from mft.crypto.keys import generate_bucket_key
from mft.domain import TENANT
from mft.vault import store
from mft.vault.store import Vault

_PIECE = 1 << 18  # As they come from a door.
_SEGMENT = 1 << 20


def measure(folder: Path) -> list[Row]:
    size = number("BENCH_SEALING_MIB") << 20
    source = folder / "source"
    source.write_bytes(os.urandom(size))
    vault = Vault(folder / "vault", MemoryKeyring([generate_bucket_key()]))
    vault.root.mkdir()
    vault.lay_out()
    content = source.read_bytes()
    took: dict[str, list[float]] = {"cached": [], "synced": [], "aes": [], "cp": []}
    for index in counted("sealing", number("BENCH_ROUNDS") + 1):
        times = {
            "aes": _timed(lambda: _encrypt(content)),
            "cp": _timed(lambda: _copy(source, folder / "copy")),
        }
        with _page_cache():
            times["cached"] = _seal(vault, source)
        times["synced"] = _seal(vault, source)
        if index:
            for name, seconds in times.items():
                took[name].append(seconds)
    middle = {name: size / 1e6 / statistics.median(times) for name, times in took.items()}
    both = 1 / (1 / middle["aes"] + 1 / middle["cp"])
    return [
        speed("sealing a file, page cache, against AES-GCM in memory plus cp", middle["cached"], both, "MB/s", 0.7),
        speed("sealing a file, synced, against the same without a sync", middle["synced"], both, "MB/s"),
        Row("AES-GCM alone, in memory, 1 MiB at a time", middle["aes"], None, "MB/s", None),
        Row("cp alone, into the page cache", middle["cp"], None, "MB/s", None),
    ]


def _timed(work: Callable[[], object]) -> float:
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def _encrypt(content: bytes) -> None:
    aead, view, out = AESGCM(os.urandom(32)), memoryview(content), bytearray(_SEGMENT + 16)
    for number_, begin in enumerate(range(0, len(view), _SEGMENT)):
        piece = view[begin : begin + _SEGMENT]
        aead.encrypt_into(number_.to_bytes(12, "big"), piece, None, memoryview(out)[: len(piece) + 16])


def _copy(source: Path, to: Path) -> None:
    to.unlink(missing_ok=True)
    subprocess.run(["cp", "--reflink=never", source, to], check=True)


def _seal(vault: Vault, source: Path) -> float:
    """Seconds; the object is read back afterwards, and removed."""
    os.sync()
    begun = time.perf_counter()
    writer = vault.writer(TENANT)
    with source.open("rb", buffering=0) as file:
        while piece := file.read(_PIECE):
            writer.append(piece)
            writer.flush()
    sealed, _ = writer.finish()
    seconds = time.perf_counter() - begun
    reader = vault.open(sealed)
    if reader.size != source.stat().st_size or reader.read_at(reader.size - 10, 10) != source.read_bytes()[-10:]:
        raise Unmeasured("what was sealed does not open")
    reader.close()
    vault.remove(sealed.id)
    return seconds


@contextmanager
def _page_cache() -> Iterator[None]:
    """Nothing is synced, and writes go through the cache: what `cp` does, and we never do with a partner's file."""
    kept = store.create_file, store.sync_file, store.sync_data

    def create(path: Path) -> int:
        fd = kept[0](path)
        store.through_cache(fd)
        return fd

    store.create_file = create
    store.sync_file = lambda fd, path: None  # noqa: ARG005  As it is called.
    store.sync_data = lambda fd: None  # noqa: ARG005
    try:
        yield
    finally:
        store.create_file, store.sync_file, store.sync_data = kept
