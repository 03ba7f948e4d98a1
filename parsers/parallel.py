"""One file read by several processes: all walk all envelopes, which is quick, and each maps its share of the sets.

So every process knows every count, offset and ordinal by itself, nothing has to be cut or put together again, and what
comes out is what one process would say, in the same order. A file of one set gains nothing.
"""

import fcntl
import multiprocessing
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from queue import Queue
from threading import Thread

import msgspec
from msgspec.structs import replace

from parsers.events import Event, Finished, Identified, SetClosed, SetOpened
from parsers.limits import Limits
from parsers.reader import read as read_alone
from parsers.reader import read_share
from parsers.tally import Tally

_PIPE_BYTES = 1 << 20
_PARCEL_BYTES = 1 << 20
_PARCELS_AHEAD = 16
"""How far a process may be ahead of what is asked for: 16 MiB."""

_GOLDEN = 0.6180339887498949

Chunks = Callable[[], Iterable[bytes]]


def read(chunks: Chunks, processes: int, limits: Limits | None = None) -> Iterator[Event]:
    """As `parsers.read`, by so many processes.

    Args:
        chunks: gives the file's bytes from the beginning, each time it is called; every process calls it once.

    Resource handling: the processes end with the last event, or when the iterator is closed.
    Error handling: ChildProcessError when one of them ends before its share is done.
    """
    limits = limits or Limits()
    if processes < 2:
        yield from read_alone(chunks(), limits)
        return
    helpers = [_Helper(partial(_work, chunks, limits, share, processes)) for share in range(processes)]
    tally = Tally(limits.findings)
    identified: Identified | None = None
    try:
        for event in _in_order(helpers):
            if isinstance(event, Identified):
                identified = event
            elif isinstance(event, Finished) and identified is not None:
                yield from tally.left_out(identified.standard)
                yield tally.finished(event.outcome, event.reason, event.size_bytes)
                return
            elif type(event) in tally.counted and tally.leaves_out(event):
                continue
            yield event
    finally:
        for helper in helpers:
            helper.end()


def _in_order(helpers: list["_Helper"]) -> Iterator[Event]:
    """The first helper tells of everything but the sets of the others, where it has only SetClosed."""
    opened = 0
    first, *_ = helpers
    for event in first:
        if isinstance(event, SetOpened):
            opened = event.index
        if isinstance(event, SetClosed) and event.index != opened:
            yield from helpers[_share(event.index, len(helpers))].set(event.index)
        else:
            yield event


def _share(index: int, processes: int) -> int:
    """Whose set it is: evenly from the first sets on, whatever order large and small ones have among them."""
    return int(index * _GOLDEN % 1 * processes)


def _work(chunks: Chunks, limits: Limits, share: int, processes: int, out: Connection) -> None:
    """What a helper does: its sets' events, packed, in parcels; the first helper's everything else, too."""
    encode = msgspec.msgpack.Encoder().encode
    unlimited = replace(limits, findings=sys.maxsize)  # Who puts all in order counts them.
    parcel: list[Event] = []
    size, opened, inside = 0, 0, False
    with suppress(BrokenPipeError, KeyboardInterrupt):  # Who is asked to stop says so; helpers go in silence.
        for event in read_share(chunks(), unlimited, lambda index: _share(index, processes) == share):
            if isinstance(event, SetOpened):
                opened, inside = event.index, True
            if inside or share == 0:
                parcel.append(event)
                size += len(getattr(event, "ndjson", b"")) + 256
            if isinstance(event, SetClosed) and event.index == opened:
                inside = False
            if size > _PARCEL_BYTES:
                out.send_bytes(encode(parcel))
                parcel, size = [], 0
        out.send_bytes(encode(parcel))
    out.close()


class _Helper:
    """A process, and a thread that takes in what it says, so that it need not wait for us."""

    def __init__(self, work: Callable[[Connection], None]) -> None:
        context = multiprocessing.get_context("fork")
        self._taken, given = context.Pipe(duplex=False)
        with suppress(OSError):  # It is only faster so.
            fcntl.fcntl(given.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
        self._process = context.Process(target=work, args=(given,), daemon=True)
        self._process.start()
        given.close()
        self._parcels: Queue[bytes | None] = Queue(_PARCELS_AHEAD)
        self._events: Iterator[Event] = iter(())
        self._decode = msgspec.msgpack.Decoder(list[Event]).decode
        self._thread = Thread(target=self._take, daemon=True)
        self._thread.start()

    def _take(self) -> None:
        with suppress(EOFError, OSError):
            while True:
                self._parcels.put(self._taken.recv_bytes())
        self._parcels.put(None)

    def __iter__(self) -> Iterator[Event]:
        while True:
            yield from self._events
            parcel = self._parcels.get()
            if parcel is None:
                raise ChildProcessError("a process that read a share of the file ended before it was done")
            self._events = iter(self._decode(parcel))

    def set(self, index: int) -> Iterator[Event]:
        """The events of one of its sets, from SetOpened to SetClosed."""
        for event in self:
            yield event
            if isinstance(event, SetClosed):
                assert event.index == index, "sets come in order"
                return

    def end(self) -> None:
        self._process.terminate()
        self._process.join()
        self._taken.close()
        while self._thread.is_alive():  # It may wait for room to put what nobody will ask for.
            with suppress(Exception):
                self._parcels.get(timeout=0.05)
