"""Events out: from CLOSE to what each sink has confirmed, and how fast a backlog drains into it, in how much memory.

NATS, RabbitMQ and Redis are real servers of this host, as they come; the receiver of webhooks is a thread of ours.
"""

import json
import os
import resource
import statistics
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import select

from bench.latency import claims, numbered
from bench.rounds import counted
from bench.row import Row
from bench.settings import Unmeasured, number
from bench.site import make_key, ours, paramiko_session
from mft.config import Config
from mft.core import Core
from mft.errors import Broken
from mft.events import KeyExpiring
from mft.home import Home
from mft.installation import sink_of
from mft.ledger import outbox
from mft.ledger.database import Books, Ledger, Readers, reading
from mft.ledger.migrate import migrate
from mft.ledger.tables import DELIVERY, OUTBOX
from mft.pipeline.emit import Relay
from mft.pipeline.journal import Journal
from tests.brokers import Nats, RabbitMQServer, Redis, running
from tests.receiver import Receiver

WARM_UP = 10
LANES = 200
_AT_ONCE = 2000
_COMPLETED = (
    select(OUTBOX.c.body, DELIVERY.c.delivered_at)
    .join(DELIVERY, DELIVERY.c.event_id == OUTBOX.c.id)
    .where(OUTBOX.c.type == "mft.transfer.completed.v1", DELIVERY.c.sink == "x")
)


@contextmanager
def _sinks(folder: Path) -> Iterator[dict[str, dict[str, Any]]]:
    """Each kind as mft.toml has it."""
    with ExitStack() as stack:
        nats = stack.enter_context(running(Nats, folder / "nats"))
        rabbitmq = stack.enter_context(running(RabbitMQServer, folder / "rabbitmq"))
        redis = stack.enter_context(running(Redis, folder / "redis"))
        receiver = Receiver(folder)
        stack.callback(receiver.stop)
        hook = {"url": receiver.url, "secret_file": str(receiver.secret_file), "private": True}
        yield {
            "file": {"kind": "file"},
            "nats": {"kind": "nats", "url": nats.url},
            "rabbitmq": {"kind": "rabbitmq", "url": rabbitmq.url},
            "redis": {"kind": "redis", "url": redis.url},
            "webhook": {"kind": "webhook", **hook},
        }


def measure(folder: Path) -> list[Row]:
    rows: list[Row] = []
    with _sinks(folder) as sinks:
        for kind, settings in sinks.items():
            rows += _latency(folder / f"{kind}-latency", kind, settings)
        for kind, settings in sinks.items():
            rows.append(_drain(folder / f"{kind}-drain", kind, settings))
    return rows


def _latency(folder: Path, kind: str, settings: dict[str, Any]) -> list[Row]:
    uploads, content, begun = number("BENCH_EVENTS_UPLOADS"), claims(100_000), dict[str, int]()
    folder.mkdir()
    key = make_key(folder / "key")
    os.environ["MFT_EVENTS__SINKS"] = json.dumps({"x": settings})
    try:
        with ours(folder, key) as mft, paramiko_session(mft) as client:
            for index in counted(f"events {kind}", uploads + WARM_UP):
                name = f"claims-{index}.edi"
                file = client.open(name, "wb")
                file.set_pipelined(True)
                file.write(numbered(content, index + 1))
                file.stat()
                begun[name] = time.time_ns() // 1000
                file.close()
                _settled(mft.folder, index + 1)
            told = dict(_delivered(mft.folder))
    finally:
        del os.environ["MFT_EVENTS__SINKS"]
    took = sorted((told[name] - at) / 1000 for name, at in list(begun.items())[WARM_UP:])
    bars = (100.0, 30.0) if kind == "file" else (None, None)
    what = f"CLOSE to {kind} confirmed and marked, 100 kB 837P"
    return [
        Row(f"{what}, p50", statistics.median(took), None, "ms", None),
        Row(f"{what}, p99", took[max(int(len(took) * 0.99) - 1, 0)], None, "ms", None, *bars),
    ]


def _settled(home: Path, count: int) -> None:
    """Wait until so many files are announced as done, and delivered. Raises Unmeasured: they never were."""
    until = time.monotonic() + 60
    while len(_delivered(home)) < count:
        if time.monotonic() > until:
            raise Unmeasured(f"the sink did not have file {count} within a minute")
        time.sleep(0.002)


def _delivered(home: Path) -> list[tuple[str, int]]:
    with reading(Ledger(f"sqlite:{home / 'data' / 'ledger.db'}")) as books:
        rows = books.tuples(_COMPLETED)
    return [(json.loads(body)["data"]["name"], at) for body, at in rows if at is not None]


def _drain(folder: Path, kind: str, settings: dict[str, Any]) -> Row:
    events = number("BENCH_EVENTS")
    folder.mkdir()
    ledger = Ledger(f"sqlite:{folder / 'ledger.db'}")
    migrate(ledger)
    asked = Config(events={"sinks": {"x": settings}}).events.sinks["x"]
    with closing(Core(ledger, subscriptions={"x": ()})) as core, closing(Readers(ledger)) as readers:
        for _ in counted(f"events {kind} fill", max(1, events // _AT_ONCE)):
            core.writer.run(_announce)
        before = _resident_mib()
        with closing(sink_of("x", asked, Home(folder))) as sink:
            relay = Relay(sink, readers, core.run, _broken)
            begun = time.perf_counter()
            while relay.deliver_some():
                pass
            took = time.perf_counter() - begun
        if outbox.depths(readers.get()):
            raise Unmeasured(f"{kind} did not take all events")
    done = max(1, events // _AT_ONCE) * _AT_ONCE
    grown = f"{_resident_mib() - before:+.0f} MiB"
    bars = (5000.0, None) if kind in {"nats", "rabbitmq"} else (None, None)
    return Row(
        f"{done:,} events of {LANES} partners drained to {kind}, {grown}", done / took, None, "events/s", None, *bars
    )


def _announce(books: Books) -> None:
    journal = Journal(books, 1, "urn:mft:bench", "node", {"x": ()})
    for number_of in range(_AT_ONCE):
        journal.announce(KeyExpiring(partner=f"p{number_of % LANES}", key="x" * 300, use="ssh", days_left=1))


def _broken(error: Broken) -> None:
    raise error


def _resident_mib() -> float:
    """The most that this process ever had in memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
