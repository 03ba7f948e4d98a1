"""Door processes, as core sees them: started, told what is new, started again when one dies, drained."""

import asyncio
import os
import socket
import sys
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from mft.endpoints.process import (
    Drain,
    Failed,
    FromDoor,
    GiveWay,
    Handover,
    Profiles,
    PublicKeys,
    Serving,
    frame,
    next_frame,
)
from mft.errors import Broken

_DEATHS_MAX: Final = 5  # Of all door processes,
_DEATHS_SECONDS: Final = 60  # within so long: then something is wrong that no new process mends.
_PAUSE_SECONDS: Final = 0.1  # Before the next one; it doubles with each death.
_TAKEN_SECONDS: Final = 10
_END_SECONDS: Final = 70  # A door's own limit at a drain, and a little.
_ENVIRONMENT: Final = {"PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV", "TZ"}


class _Child:
    def __init__(self, process: asyncio.subprocess.Process, writer: asyncio.StreamWriter) -> None:
        self.process = process
        self.writer = writer
        self.told: deque[asyncio.Future[None]] = deque()


class DoorProcesses:
    """So many processes that share one listening socket.

    Resource handling: `drain` ends them, after `start` has failed too.
    Error handling: `on_death` is told in words of each that died; `on_broken` when too many did, or one met a broken
    disk.
    """

    def __init__(
        self,
        *,
        count: int,
        listener: socket.socket,
        handover: Callable[[], Handover],
        on_death: Callable[[str], None],
        on_broken: Callable[[Broken], None],
    ) -> None:
        self._count = count
        self._listener = listener
        self._handover = handover
        self._on_death = on_death
        self._on_broken = on_broken
        self._children: set[_Child] = set()
        self._deaths: deque[float] = deque(maxlen=_DEATHS_MAX)
        self._draining = asyncio.Event()
        self._keepers: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Returns when all of them take connections. Raises Broken: they do not."""
        serving = [asyncio.Event() for _ in range(self._count)]
        self._keepers = [asyncio.create_task(self._keep(event)) for event in serving]
        for keeper, event in zip(self._keepers, serving, strict=True):
            waiting = asyncio.create_task(event.wait())
            await asyncio.wait((keeper, waiting), return_when=asyncio.FIRST_COMPLETED)
            waiting.cancel()
            if not event.is_set():
                raise Broken("the door processes do not start: see what they said above")

    async def _keep(self, serving: asyncio.Event) -> None:
        """Have one process serve, and another one after it, until the drain."""
        while not self._draining.is_set():
            child, reader = await self._spawn()
            with suppress(asyncio.IncompleteReadError, ConnectionError):
                await self._listen(child, reader, serving)
            code = await child.process.wait()
            self._children.discard(child)
            child.writer.close()
            for told in child.told:
                told.cancel()
            if self._draining.is_set():
                return
            self._deaths.append(time.monotonic())
            how = f"signal {-code}" if code < 0 else f"exit code {code}"
            self._on_death(f"a door process (pid {child.process.pid}) died: {how}")
            recent = sum(time.monotonic() - death < _DEATHS_SECONDS for death in self._deaths)
            if recent >= _DEATHS_MAX:
                self._on_broken(Broken(f"door processes died {recent} times within {_DEATHS_SECONDS} seconds"))
                return
            with suppress(TimeoutError):
                await asyncio.wait_for(self._draining.wait(), _PAUSE_SECONDS * 2**recent)

    async def _spawn(self) -> tuple[_Child, asyncio.StreamReader]:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "mft.endpoints.process",
                str(self._listener.fileno()),
                stdin=theirs.fileno(),
                stdout=asyncio.subprocess.DEVNULL,
                pass_fds=(self._listener.fileno(),),
                env={name: value for name, value in os.environ.items() if name in _ENVIRONMENT},
                start_new_session=True,  # The terminal's Ctrl-C is for core, which drains.
            )
        reader, writer = await asyncio.open_connection(sock=ours)
        child = _Child(process, writer)
        writer.write(frame(self._handover()))
        self._children.add(child)  # At once: what is told from here on comes behind what was handed over.
        if self._draining.is_set():
            writer.write(frame(Drain(0)))
        return child, reader

    async def _listen(self, child: _Child, reader: asyncio.StreamReader, serving: asyncio.Event) -> None:
        decode = msgspec.msgpack.Decoder(FromDoor).decode
        while True:
            message = decode(await next_frame(reader))
            if isinstance(message, Serving):
                serving.set()
            elif isinstance(message, Failed):
                self._on_broken(Broken(message.message))
            elif child.told:
                told = child.told.popleft()
                if not told.done():
                    told.set_result(None)

    async def tell(self, news: Profiles | PublicKeys | GiveWay) -> None:
        """Put new profiles or keys in force, or have a name given up; returns when every process that answers has."""
        answers: list[asyncio.Future[None]] = []
        for child in self._children:
            told = asyncio.get_running_loop().create_future()
            child.told.append(told)
            child.writer.write(frame(news))
            answers.append(told)
        if answers:
            await asyncio.wait(answers, timeout=_TAKEN_SECONDS)

    async def drain(self, seconds: float) -> None:
        """As a door's `drain`, of all of them; returns when no process is left."""
        self._draining.set()
        for child in self._children:
            child.writer.write(frame(Drain(seconds)))
        if self._keepers:
            _, late = await asyncio.wait(self._keepers, timeout=seconds + _END_SECONDS)
            for child in self._children:
                with suppress(ProcessLookupError):
                    child.process.kill()
            if late:
                await asyncio.wait(late)
        self._listener.close()
