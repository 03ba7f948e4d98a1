"""Files that a command reads by itself: in pieces, with a bar in a terminal when it takes long."""

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from mft.errors import Missing

_PIECE = 1 << 20
T = TypeVar("T")


def pieces(path: Path, *, bar: bool = True) -> Iterator[bytes]:
    """The bytes of a file, `-` being standard input. Raises Missing: it cannot be read.

    Args:
        bar: show how far it is; not where the terminal is being written to.
    """
    if str(path) == "-":
        while piece := sys.stdin.buffer.read(_PIECE):
            yield piece
        return
    try:
        total = path.stat().st_size
        with path.open("rb") as file:
            found = iter(lambda: file.read(_PIECE), b"")
            yield from _watched(path, found, total) if bar and sys.stderr.isatty() else found
    except OSError as error:
        raise Missing(f"{path}: {error.strerror}") from None


def counted(items: Sequence[T], what: str, *, bar: bool) -> Iterator[T]:
    """Items one by one, with a line in a terminal that says how many are done."""
    shown = 0.0
    for number, item in enumerate(items, 1):
        now = time.monotonic()
        if bar and sys.stderr.isatty() and now - shown > 0.2:
            shown = now
            print(f"\r{what} {number} of {len(items)}", end="", file=sys.stderr, flush=True)
        yield item
    if shown:
        print("\r\033[K", end="", file=sys.stderr, flush=True)


@contextmanager
def steps() -> Iterator[Callable[[str, int, int], None]]:
    """What shows, in a terminal, how far each step of long work is: called with its name, what is done, and all."""
    if not sys.stderr.isatty():
        yield lambda _step, _done, _total: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bars:
        tasks = {}

        def show(step: str, done: int, total: int) -> None:
            if step not in tasks:
                tasks[step] = bars.add_task(step, total=total)
            bars.update(tasks[step], completed=done, total=total)

        yield show


def _watched(path: Path, found: Iterator[bytes], total: int) -> Iterator[bytes]:
    begun, read, shown = time.monotonic(), 0, 0.0
    for piece in found:
        yield piece
        read += len(piece)
        now = time.monotonic()
        if now - begun > 1 and now - shown > 0.2:
            shown = now
            done = 30 * read // max(total, 1)
            rate = read / (now - begun) / 1e6
            print(f"\r{path.name} [{'#' * done:30}] {100 * read // max(total, 1):3} % {rate:.0f} MB/s",
                  end="", file=sys.stderr, flush=True)  # fmt: skip
    if shown:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
