"""Brokers, and a relay on a ledger of its own whose turns a test takes by hand."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from mft.core import Core
from mft.errors import Broken
from mft.events import KeyExpiring
from mft.ledger import outbox
from mft.ledger.database import Books, Ledger, Readers
from mft.pipeline import emit
from mft.pipeline.emit import Outgoing, Relay, Sink, Terms
from mft.pipeline.journal import Journal
from tests.brokers import Broker, Nats, RabbitMQServer, Redis, running
from tests.unit.mft.ledger.entries import new_ledger


@pytest.fixture(scope="session")
def fresh_ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("fresh") / "ledger.db"
    new_ledger(f"sqlite:{path}")
    return path


def event(number: int, lane: str = "acme", kind: str = "mft.key.expiring.v1", size: int = 100) -> Outgoing:
    """An event as the relay hands it over."""
    one = f"e{number:05}"
    body = (
        f'{{"specversion":"1.0","id":"{one}","source":"urn:mft:x","type":"{kind}","subject":"k","partner":"{lane}",'
        f'"datacontenttype":"application/json","replay":true,"data":{{"n":{number},"x":"{"y" * size}"}}}}'
    )
    return Outgoing(one, kind, lane, body.encode())


def ids(events: Sequence[dict[str, Any]]) -> list[str]:
    return [one["id"] for one in events]


@dataclass
class Line:
    """A relay that delivers to `sink`, and what it has to deliver."""

    core: Core
    readers: Readers
    sink: Sink
    relay: Relay

    @property
    def books(self) -> Books:
        return self.readers.get()

    def announce(self, lane: str, *subjects: str) -> None:
        def work(books: Books) -> None:
            journal = Journal(books, 1, "urn:mft:test", "node", {"x": ()})
            for subject in subjects:
                journal.announce(KeyExpiring(partner=lane, key=subject, use="ssh", days_left=1))

        self.core.writer.run(work)

    def turn(self, times: int = 40) -> None:
        """So many turns; none waits."""
        for _ in range(times):
            self.relay._rest_until = 0.0
            self.relay.deliver_some()

    def states(self) -> dict[str, int]:
        counted: dict[str, int] = {}
        for row in outbox.depths(self.books):
            counted[row["state"]] = counted.get(row["state"], 0) + row["events"]
        return counted

    def failing(self) -> str | None:
        error: str | None = outbox.sinks(self.books)[0]["error"]
        return error


def nobody(error: Broken) -> None:
    raise AssertionError(error)


@pytest.fixture
def line_to(tmp_path: Path, fresh_ledger: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Line]]:
    made: list[Line] = []
    monkeypatch.setattr(emit, "_jittered", lambda _: 0.0)  # What was refused is due at once.

    def make(sink: Sink, terms: Terms = Terms()) -> Line:  # noqa: B008
        path = tmp_path / f"ledger{len(made)}.db"
        shutil.copy(fresh_ledger, path)
        ledger = Ledger(f"sqlite:{path}")
        core, readers = Core(ledger, subscriptions={"x": ()}), Readers(ledger)
        made.append(Line(core, readers, sink, Relay(sink, readers, core.run, nobody, terms=terms)))
        return made[-1]

    yield make
    for line in made:
        line.sink.close()
        line.readers.close()
        line.core.close()


def _broker(kind: Callable[[Path], Broker]) -> Any:
    @pytest.fixture(scope="module")
    def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Broker]:
        with running(kind, tmp_path_factory.mktemp("broker")) as broker:
            yield broker

    return start


nats_server = _broker(Nats)
rabbitmq_server = _broker(RabbitMQServer)
redis_server = _broker(Redis)
