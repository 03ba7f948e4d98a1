"""Events under random faults: brokers killed, paused, cut off, full and refusing; the relay killed; from one seed.

What must hold: every event arrives; of each lane in order, but for repetitions; a repetition has the same id; nothing
becomes a dead letter.
"""

import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any, ClassVar, Final

from mft.ledger import outbox
from mft.ledger.database import Ledger, reading
from tests.brokers import Broker, Nats, RabbitMQServer, Redis, free_port
from tests.crash.relaying import announced
from tests.harness import ROOT, environment
from tests.receiver import Receiver, answers, hangs_up
from tests.unit.mft.ledger.entries import new_ledger

_QUIET_SECONDS: Final = 600.0


class Proxy:
    """Between the relay and a broker: lets bytes through, slowly or not, cuts lines off, or lets nobody in."""

    def __init__(self, port: int) -> None:
        self._to = port
        self.port = free_port()
        self.slow_seconds = 0.0
        self.refuses = False
        self._lines: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """End every line, wherever it is."""
        for line in list(self._lines):
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.refuses = True
        self.cut()
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            try:
                if self.refuses:
                    raise ConnectionRefusedError
                far = socket.create_connection(("127.0.0.1", self._to), 5)
                far.settimeout(None)
            except OSError:
                near.close()
                continue
            self._lines |= {near, far}
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        try:
            while data := one.recv(65536):
                if self.slow_seconds:
                    threading.Event().wait(self.slow_seconds)
                other.sendall(data)
        except OSError:
            pass
        for line in (one, other):
            self._lines.discard(line)
            with suppress(OSError):
                line.shutdown(socket.SHUT_RDWR)
            line.close()


class Downstream:
    """Whom events go to, what may happen to it, and what it has in the end."""

    name: ClassVar[str]
    kind: ClassVar[Callable[[Path], Broker]]
    calm_seconds: ClassVar[float] = 0.5  # At most so long between two faults.

    def __init__(self, root: Path) -> None:
        self.broker: Any = type(self).kind(root / "broker")
        self.prepare()
        self.proxy = Proxy(self.broker.port)

    def prepare(self) -> None:
        """Before the first event."""

    def settings(self) -> dict[str, Any]:
        """The sink, by way of the proxy."""
        url = self.broker.url.replace(str(self.broker.port), str(self.proxy.port))
        return {"kind": self.name, "url": url, "seconds": 3}

    def fill(self) -> None:
        """Let it take nothing more."""

    def empty(self) -> None:
        """Let it take events again."""

    def events(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.broker.events()
        return found

    def faults(self, rng: Random) -> list[Callable[[], None]]:
        """What can happen; each ends by itself."""

        def hold(seconds: float) -> None:
            threading.Event().wait(seconds)

        def killed() -> None:
            self.broker.kill()
            hold(rng.uniform(0, 1))
            self.broker.start()

        def paused() -> None:
            self.broker.pause()
            hold(rng.uniform(0.1, 3))
            self.broker.resume()

        def cut() -> None:
            self.proxy.cut()

        def slow() -> None:
            self.proxy.slow_seconds = rng.uniform(0.01, 0.2)
            hold(rng.uniform(0.2, 1))
            self.proxy.slow_seconds = 0

        def refusing() -> None:
            self.proxy.refuses = True
            self.proxy.cut()
            hold(rng.uniform(0.1, 1.5))
            self.proxy.refuses = False

        def full() -> None:
            self.fill()
            hold(rng.uniform(0.1, 1))
            self.empty()

        return [killed, paused, cut, cut, slow, refusing, full]

    def close(self) -> None:
        self.proxy.close()
        self.broker.close()


class ToNats(Downstream):
    name = "nats"
    kind = Nats

    def prepare(self) -> None:
        self._limit(-1)

    def _limit(self, most: int) -> None:
        import asyncio

        import nats

        async def set_limit() -> None:
            client = await nats.connect(self.broker.url)
            jetstream = client.jetstream()
            told = {"name": "mft", "subjects": ["mft.>"], "discard": "new", "max_msgs": most, "duplicate_window": 3600}
            make = jetstream.update_stream if hasattr(self, "proxy") else jetstream.add_stream
            await make(**told)
            await client.close()

        asyncio.run(set_limit())

    def fill(self) -> None:
        self._limit(max(1, self._count()))

    def _count(self) -> int:
        import asyncio

        import nats

        async def ask() -> int:
            client = await nats.connect(self.broker.url)
            found = (await client.jetstream().stream_info("mft")).state.messages
            await client.close()
            return int(found)

        return asyncio.run(ask())

    def empty(self) -> None:
        self._limit(-1)


class ToRabbitMQ(Downstream):
    name = "rabbitmq"
    kind = RabbitMQServer
    calm_seconds = 3.0  # It is long in coming back.

    def prepare(self) -> None:
        with self.broker.channel() as channel:
            channel.queue_declare("mft.events", durable=True, arguments={"x-queue-type": "quorum"})
        self.broker.stop()  # It knows a new quorum queue behind a kill only when its own tables are on the disk.
        self.broker.start()


class ToRedis(Downstream):
    name = "redis"
    kind = Redis

    def fill(self) -> None:
        with self.broker.client() as client:
            client.config_set("maxmemory", "1")

    def empty(self) -> None:
        with self.broker.client() as client:
            client.config_set("maxmemory", "0")


class ToWebhook:
    """A receiver in this process: it is stopped, misbehaves, and comes back."""

    name = "webhook"
    calm_seconds = 0.5

    def __init__(self, root: Path) -> None:
        self._receiver = Receiver(root)

    def settings(self) -> dict[str, Any]:
        secret = str(self._receiver.secret_file)
        return {"kind": self.name, "url": self._receiver.url, "secret_file": secret, "private": True, "seconds": 2}

    def events(self) -> list[dict[str, Any]]:
        return self._receiver.events

    def faults(self, rng: Random) -> list[Callable[[], None]]:
        receiver = self._receiver

        def stopped() -> None:
            receiver.stop()
            threading.Event().wait(rng.uniform(0, 1))
            receiver.start()

        def misbehaving(how: Any) -> Callable[[], None]:
            def some_of_them() -> None:
                receiver.misbehaves = lambda door: rng.random() < 0.3 and how(door)
                threading.Event().wait(rng.uniform(0.1, 0.5))
                receiver.misbehaves = None

            return some_of_them

        return [stopped, *map(misbehaving, (answers(500), answers(503), answers(429, retry_after="0"), hangs_up))]

    def close(self) -> None:
        self._receiver.stop()


DOWNSTREAM: Final = {one.name: one for one in (ToNats, ToRabbitMQ, ToRedis, ToWebhook)}


def deliver_under_faults(kind: str, root: Path, events: int, seed: int) -> dict[str, int]:
    """Announce and deliver so many, whatever happens. Returns what was counted; AssertionError: a promise is broken."""
    rng = Random(seed)  # noqa: S311  A fault is not a secret.
    root.mkdir(parents=True, exist_ok=True)
    path = root / "ledger.db"
    new_ledger(f"sqlite:{path}")
    downstream: Any = DOWNSTREAM[kind](root)
    counted = {"events": events, "faults": 0, "kills": 0, "repeated": 0}
    try:
        with _relaying(path, downstream.settings(), events, seed) as restart:
            faults = downstream.faults(rng)
            ledger = Ledger(f"sqlite:{path}")

            def left() -> tuple[int, int]:
                with reading(ledger) as books:
                    waiting = sum(row["events"] for row in outbox.depths(books))
                    last = sum(announced(books).values()) if waiting < 1000 else 0
                return waiting, last

            until = time.monotonic() + _QUIET_SECONDS
            while (found := left()) != (0, events):
                assert time.monotonic() < until, f"not delivered within {_QUIET_SECONDS:.0f} s: {found} left"
                threading.Event().wait(rng.uniform(0.05, downstream.calm_seconds))
                if rng.random() < 0.25:
                    restart()
                    counted["kills"] += 1
                else:
                    rng.choice(faults)()
                    counted["faults"] += 1
        counted["repeated"] = _check(ledger, downstream.events(), events)
    finally:
        downstream.close()
    return counted


@contextmanager
def _relaying(path: Path, settings: dict[str, Any], events: int, seed: int) -> Iterator[Callable[[], None]]:
    """The relay's process; what is given kills it and starts it anew."""
    command = [sys.executable, "-m", "tests.crash.relaying", str(path), json.dumps(settings), str(events), str(seed)]
    running: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        running.append(subprocess.Popen(command, cwd=ROOT, env=environment()))

    def restart() -> None:
        assert running[-1].poll() is None, "the relay ended by itself"
        running[-1].kill()
        running[-1].wait()
        start()

    start()
    try:
        yield restart
    finally:
        running[-1].kill()
        running[-1].wait()


def _check(ledger: Ledger, got: list[dict[str, Any]], events: int) -> int:
    """Returns how many came more than once."""
    ids: dict[str, str] = {}
    first: dict[str, list[int]] = {}
    for one in got:
        lane, number = one["subject"].split()
        assert ids.setdefault(one["subject"], one["id"]) == one["id"], "a repetition under another id"
        numbers = first.setdefault(lane, [])
        if not numbers or int(number) > numbers[-1]:
            numbers.append(int(number))
    with reading(ledger) as books:
        counts = announced(books)
        dead = outbox.dead_letters(books, "x")
    assert not dead, f"{len(dead)} dead letters"
    for lane, count in counts.items():
        assert first.get(lane) == list(range(1, count + 1)), f"lane {lane}: not all of {count}, or not in order"
    assert len(ids) == events
    return len(got) - events
