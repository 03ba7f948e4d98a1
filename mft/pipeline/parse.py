"""Reads a file in a parser process: pipes plaintext in, takes events out, and watches the clock."""

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Final

import msgspec

from mft.errors import MFTError
from parsers.events import Event, Finished
from parsers.guides.terms import Judging

_PIPE: Final = 1 << 16
_FRAME_MAX: Final = 64 << 20
_JOBS_MAX: Final = 1000  # Then a fresh process: nothing can build up in one.


class ParserDied(MFTError):
    """The parser process ended in the middle of a file."""

    code = "broken.parser-died"


class ParserTooSlow(MFTError):
    """A file took longer than it may."""

    code = "broken.parser-too-slow"


class Parser:
    """One parser process, started ahead of need and kept for many files.

    Resource handling: `close` ends the process; it also ends by itself when we are gone.
    Error handling: after ParserDied or ParserTooSlow the next `read` starts a fresh process.
    """

    def __init__(self, *, memory_mib: int, seconds: int) -> None:
        self._arguments = [sys.executable, "-m", "mft.pipeline.worker", str(memory_mib), str(seconds)]
        self._seconds = seconds
        self._decode = msgspec.msgpack.Decoder(Event).decode
        self._process: subprocess.Popen[bytes] | None = None
        self._jobs = 0
        self._start()

    def _start(self) -> subprocess.Popen[bytes]:
        environment = {k: v for k, v in os.environ.items() if k in {"PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV"}}
        self._process = subprocess.Popen(
            self._arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # A traceback could quote the file.
            env=environment,
            start_new_session=True,  # The terminal's Ctrl-C is for the server, which drains.
            bufsize=0,
        )
        self._jobs = 0
        return self._process

    def read(self, chunks: Iterator[bytes], judging: Judging | None = None) -> Iterator[Event]:
        """The events of one file; see `parsers.read`. `chunks` are at most 1 MiB each.

        Raises:
            ParserDied, ParserTooSlow: nothing that came before may be used.
        """
        process = self._process
        if process is None or process.poll() is not None or self._jobs >= _JOBS_MAX:
            self.close()
            process = self._start()
        self._jobs += 1
        finished = False
        try:
            for event in self._exchange(process, judging, chunks):
                finished = isinstance(event, Finished)
                yield event
        finally:
            if not finished:
                self.close()

    def _exchange(
        self, process: subprocess.Popen[bytes], judging: Judging | None, chunks: Iterator[bytes]
    ) -> Iterator[Event]:
        assert process.stdin is not None
        assert process.stdout is not None
        to, back = process.stdin.fileno(), process.stdout.fileno()
        os.set_blocking(to, False)
        deadline = time.monotonic() + self._seconds
        outgoing: memoryview | None = memoryview(_framed(msgspec.msgpack.encode(judging) if judging else b""))
        incoming = bytearray()
        ended = False
        with selectors.DefaultSelector() as selector:
            selector.register(back, selectors.EVENT_READ)
            selector.register(to, selectors.EVENT_WRITE)
            while True:
                ready = selector.select(max(0.0, deadline - time.monotonic()))
                if time.monotonic() >= deadline:
                    raise ParserTooSlow(f"reading took longer than {self._seconds} seconds")
                for key, _ in ready:
                    if key.fd == to and outgoing is not None:
                        try:
                            outgoing = outgoing[os.write(to, outgoing) :]
                        except BrokenPipeError:
                            raise ParserDied("the parser process ended in the middle of the file") from None
                        if not outgoing:
                            if ended:
                                outgoing = None
                                selector.unregister(to)
                            else:
                                piece = next(chunks, b"")
                                ended = not piece
                                outgoing = memoryview(_framed(piece))
                    elif key.fd == back:
                        piece = os.read(back, 4 * _PIPE)
                        if not piece:
                            raise ParserDied("the parser process ended in the middle of the file")
                        incoming += piece
                for event in self._unpack(incoming):
                    yield event
                    if isinstance(event, Finished):
                        return

    def _unpack(self, incoming: bytearray) -> Iterator[Event]:
        begin = 0
        while len(incoming) - begin >= 4:
            size = int.from_bytes(incoming[begin : begin + 4], "big")
            if size > _FRAME_MAX:
                raise ParserDied("the parser process answered with something that is no event")
            end = begin + 4 + size
            if end > len(incoming):
                break
            try:
                event: Event = self._decode(memoryview(incoming)[begin + 4 : end].tobytes())
            except msgspec.MsgspecError:
                raise ParserDied("the parser process answered with something that is no event") from None
            begin = end
            yield event
        del incoming[:begin]

    def close(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    pipe.close()
            process.kill()
            process.wait()


def _framed(piece: bytes) -> bytes:
    return len(piece).to_bytes(4, "big") + piece
