"""What is sent, and whether it is what arrived."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from bench.settings import Unmeasured


def random_file(path: Path, size_bytes: int) -> str:
    """Write a file that nothing can compress; returns its SHA-256."""
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for begin in range(0, size_bytes, 1 << 20):
            piece = os.urandom(min(1 << 20, size_bytes - begin))
            digest.update(piece)
            file.write(piece)
    return digest.hexdigest()


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def compare(sent: Mapping[str, str], arrived: Mapping[str, str], *, where: str) -> None:
    """Raises Unmeasured: the speed would be that of a wrong transfer."""
    wrong = sorted(name for name, digest in sent.items() if arrived.get(name) != digest)
    if wrong:
        raise Unmeasured(f"{len(wrong)} of {len(sent)} files did not arrive whole at {where}; the first is {wrong[0]}")
