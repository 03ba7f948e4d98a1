"""A core with a relay, alone in a process that is killed: announces so many events, lane by lane, and delivers them.

Usage: python -m tests.crash.relaying LEDGER SETTINGS EVENTS SEED; SETTINGS is a sink as mft.toml has it, as JSON.
Started again it goes on where the ledger stands.
"""

import json
import sys
import threading
from pathlib import Path
from random import Random
from typing import Final

from pydantic import TypeAdapter

from mft.config_sinks import AnySink
from mft.core import Core
from mft.errors import Broken
from mft.events import KeyExpiring
from mft.home import Home
from mft.installation import sink_of
from mft.ledger import outbox
from mft.ledger.database import Books, Ledger, Readers
from mft.pipeline import emit
from mft.pipeline.emit import Relay, Terms
from mft.pipeline.journal import Journal

LANES: Final = 40
_WAITING_MAX: Final = 4000  # So that faults find something under way all along.
_AT_ONCE: Final = 200


def announced(books: Books) -> dict[str, int]:
    """How many events each lane has."""
    counts: dict[str, int] = {}
    for row in outbox.history(books, since=0, until=1 << 62):
        lane = json.loads(row["body"])["partner"]
        counts[lane] = counts.get(lane, 0) + 1
    return counts


def main() -> None:
    path, settings, events, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), sys.argv[4]
    emit._WAIT_SECONDS_MAX = 1  # type: ignore[misc]
    asked = TypeAdapter[AnySink](AnySink).validate_json(settings)
    ledger = Ledger(f"sqlite:{path}")

    def broken(error: Broken) -> None:
        print(f"broken: {error}", file=sys.stderr, flush=True)

    core, readers = Core(ledger, subscriptions={"x": ()}, on_broken=broken), Readers(ledger)
    relay = Relay(sink_of("x", asked, Home(path.parent)), readers, core.run, broken, terms=Terms(asked.refused, 72))
    core.on("announced", relay.wake)
    counts = announced(readers.get())
    total = sum(counts.values())
    rng, pause = Random(f"{seed} {total}"), threading.Event()  # noqa: S311  Nor is a lane.
    relay.start()

    def some(books: Books) -> None:
        journal = Journal(books, 1, "urn:mft:test", "node", {"x": ()})
        for _ in range(min(_AT_ONCE, events - total)):
            lane = f"p{rng.randrange(LANES):02}"
            counts[lane] = counts.get(lane, 0) + 1
            journal.announce(KeyExpiring(partner=lane, key=f"{lane} {counts[lane]}", use="ssh", days_left=1))

    while total < events:
        if sum(row["events"] for row in outbox.depths(readers.get())) > _WAITING_MAX:
            pause.wait(0.02)
            continue
        core.writer.run(some)
        relay.wake()
        total = sum(counts.values())
    pause.wait()


if __name__ == "__main__":
    main()
