"""Ours, theirs, ours, theirs: both meet the same weather of disk and neighbours. Medians of what each round took."""

import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rich.console import Console
from rich.progress import track

from bench.row import Row, cost, speed
from bench.settings import Unmeasured, number
from bench.site import Server


@dataclass(frozen=True)
class Took:
    """Seconds: on the clock, and of the server's processors."""

    wall: float
    cpu: float


def counted(what: str, count: int) -> Iterable[int]:
    """From 0 to `count`; somebody at a terminal sees how far it is."""
    console = Console(stderr=True)
    return track(range(count), what, console=console, transient=True, disable=not sys.stderr.isatty())


def interleave(
    what: str,
    ours: Server,
    theirs: Server,
    work: Callable[[Server, int], None],
    after: Callable[[Server, int], None] = lambda server, number: None,  # noqa: ARG005  As a call has it.
) -> tuple[Took, Took]:
    """Work on both servers in turn, round 0 to warm up; returns the medians of ours and theirs.

    `work` is timed. `after` is not, and comes when the server has nothing more to do: round 0 checks there that what
    was measured is right, and every round takes away what it brought, so that both always write into memory that is
    warm.
    """
    took: dict[str, list[Took]] = {ours.name: [], theirs.name: []}
    for index in counted(what, number("BENCH_ROUNDS") + 1):
        for server in (ours, theirs):
            os.sync()  # Nobody pays for what the other has left unwritten.
            cpu, begun = server.cpu_seconds(), time.perf_counter()
            work(server, index)
            wall = time.perf_counter() - begun
            server.end_sessions()
            cpu = server.cpu_seconds() - cpu
            server.rest()  # What is done with a file after the yes is another figure.
            after(server, index)
            if index:
                took[server.name].append(Took(wall, cpu))
    middle_ours, middle_theirs = (
        Took(statistics.median(each.wall for each in times), statistics.median(each.cpu for each in times))
        for times in took.values()
    )
    if not (middle_ours.cpu and middle_theirs.cpu):
        raise Unmeasured(f"{what} is too short: its processor time is below a tick of the kernel's clock")
    return middle_ours, middle_theirs


def megabytes(name: str, size_bytes: int, ours: Took, theirs: Took, *bars: float) -> Row:
    """How fast one large file went."""
    return speed(name, size_bytes / 1e6 / ours.wall, size_bytes / 1e6 / theirs.wall, "MB/s", *bars)


def processor(what: str, size_bytes: int, ours: Took, theirs: Took, *bars: float) -> Row:
    """What one large file cost the server."""
    gib = size_bytes / (1 << 30)
    return cost(f"{what}: server processor time", ours.cpu / gib, theirs.cpu / gib, "s/GiB", *bars)
