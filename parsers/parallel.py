"""One file read by several processes: each walks all envelopes, which is quick, and maps its share of the sets.

So every process knows every count, offset and ordinal by itself, nothing has to be cut or put together again, and what
comes out is what one process would say, in the same order. A file of one set gains nothing.
"""

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from functools import partial
from multiprocessing.connection import Connection
from queue import Queue
from threading import Thread

import msgspec

from parsers.events import Event, SetClosed, SetOpened
from parsers.limits import Limits
from parsers.reader import read as read_alone
from parsers.reader import read_share

_PARCEL_BYTES = 256 << 10
_PARCELS_AHEAD = 128
"""How far a process may be ahead of the one that waits for it: 32 MiB."""

Chunks = Callable[[], Iterable[bytes]]


def read(chunks: Chunks, processes: int, limits: Limits | None = None) -> Iterator[Event]:
    """As `parsers.read`, by so many processes.

    Args:
        chunks: gives the file's bytes from the beginning, each time it is called; every process calls it once.

    Resource handling: the processes end with the last event, or when the iterator is closed.
    Error handling: ChildProcessError when one of them ends before its share is done.
    """
    if processes < 2:
        yield from read_alone(chunks(), limits)
        return
    helpers = [_Helper(partial(_work, chunks, limits, share, processes)) for share in range(1, processes)]
    try:
        yield from read_share(
            chunks(),
            limits,
            mine=lambda index: _share(index, processes) == 0,
            elsewhere=lambda index: helpers[_share(index, processes) - 1].set(index),
        )
    finally:
        for helper in helpers:
            helper.end()


def _share(index: int, processes: int) -> int:
    """Whose set it is: scattered, since files in which large and small sets alternate are many."""
    return ((index * 0x9E3779B1 & 0xFFFFFFFF) >> 16) % processes


def _work(chunks: Chunks, limits: Limits | None, share: int, processes: int, out: Connection) -> None:
    """What a helper does: its sets' events, packed, in parcels."""
    encode = msgspec.msgpack.Encoder().encode
    parcel: list[Event] = []
    size = 0
    inside = False
    with suppress(BrokenPipeError):
        for event in read_share(chunks(), limits, mine=lambda index: _share(index, processes) == share):
            inside = inside or isinstance(event, SetOpened)
            if inside:
                parcel.append(event)
                size += len(getattr(event, "ndjson", b"")) + 256
            if isinstance(event, SetClosed):
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

    def set(self, index: int) -> Iterator[Event]:
        """The events of one of its sets, from SetOpened to SetClosed."""
        while True:
            for event in self._events:
                yield event
                if isinstance(event, SetClosed):
                    assert event.index == index, "sets come in order"
                    return
            parcel = self._parcels.get()
            if parcel is None:
                raise ChildProcessError("a process that read a share of the file ended before it was done")
            self._events = iter(self._decode(parcel))

    def end(self) -> None:
        self._process.terminate()
        self._process.join()
        self._taken.close()
        while self._thread.is_alive():  # It may wait for room to put what nobody will ask for.
            with suppress(Exception):
                self._parcels.get(timeout=0.05)
