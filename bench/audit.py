"""The audit log: leaves a second, with all their indexes and durable; an indexed answer out of many; verifying all.

Ours alone. Leaves are appended as the core does it, each by a command of its own, as many in a commit as wait. The many
rows of the queries are what `append` writes, made in bulk.
"""

import random
import statistics
import time
from collections import deque
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.rounds import counted
from bench.row import Row
from bench.settings import Unmeasured, number
from mft.audit.log import append, make_checkpoint, sequence
from mft.audit.query import leaves
from mft.audit.verify import verify_log
from mft.crypto.signing import SigningKey
from mft.ledger.database import Books, Ledger, Writer, reading
from mft.ledger.migrate import migrate

if TYPE_CHECKING:
    from concurrent.futures import Future

KEY = SigningKey("bench", bytes(range(32)))
CONNECTIONS = 50
_WAITING = 2000  # Commands under way: what a busy core has.
_ASKED = 100
_BATCH = 5000


def measure(folder: Path) -> list[Row]:
    return [*_appending(folder / "append"), *_asking(folder / "ask")]


def _leaf(books: Books, index: int, at: int) -> None:
    """A leaf of an upload, now and then a refused login; five for each transfer."""
    who = f"connection{index // 5 * 7919 % CONNECTIONS:016}"
    if index % 50 == 0:
        private = {"account": who, "source_address": "192.0.2.7"}
        append(books, "login.refused", at=at, actor="server", result="refused", facts={"door": "sftp"}, private=private)
        return
    transfer = _transfer(index)
    if index % 5 == 1:
        append(
            books, "transfer.received", at=at, actor=f"connection:{who}", connection=who, transfer=transfer,
            facts={"door": "sftp", "size_bytes": index, "object": "o" * 26},
            private={"name": f"claims-{index}.edi", "sha256": f"{index:064x}"},
        )  # fmt: skip
        return
    kind = ("transfer.identified", "transfer.parsed", "transfer.validated", "transfer.done")[index % 4]
    append(books, kind, at=at, actor="server", connection=who, transfer=transfer)


def _transfer(index: int) -> str:
    return f"transfer{index // 5:018}"


def _appending(folder: Path) -> list[Row]:
    count, took = number("BENCH_AUDIT_LEAVES"), []
    for index in counted("appending", number("BENCH_ROUNDS")):
        folder.mkdir()
        with closing(_writer(folder)) as writer:
            begun = time.perf_counter()
            waiting: deque[Future[Any]] = deque()
            for one in range(count):
                waiting.append(writer.submit(lambda books, one=one: _leaf(books, one, one)))
                if len(waiting) >= _WAITING:
                    waiting.popleft().result()
            while waiting:
                waiting.popleft().result()
            while writer.run(sequence):
                pass
            took.append(time.perf_counter() - begun)
        folder.rename(folder.with_name(f"append{index}"))
    rate = count / statistics.median(took)
    return [Row("audit: leaves appended, indexed, numbered, durable", rate, None, "leaves/s", None, 10_000, 50_000)]


def _writer(folder: Path) -> Writer:
    ledger = Ledger(f"sqlite:{folder / 'ledger.db'}")
    migrate(ledger)
    return Writer(ledger)


def _asking(folder: Path) -> list[Row]:
    count = number("BENCH_AUDIT_ROWS")
    folder.mkdir()
    with closing(_writer(folder)) as writer:
        for begin in counted("filling", -(-count // _BATCH)):
            writer.run(lambda books, begin=begin * _BATCH: _fill(books, begin, min(begin + _BATCH, count)))
        writer.run(lambda books: make_checkpoint(books, KEY, at=count))
    rows = []
    ledger = Ledger(f"sqlite:{folder / 'ledger.db'}")
    with reading(ledger) as books:
        for name, asks in _questions(count).items():
            took = []
            for ask in asks:
                begun = time.perf_counter()
                found = sum(1 for _ in leaves(books, most=100, **ask))
                took.append((time.perf_counter() - begun) * 1000)
                if not found:
                    raise Unmeasured(f"nothing was found by {name}")
            p95 = sorted(took)[int(len(took) * 0.95)]
            rows.append(Row(f"audit: {name}, 100 of {count:,} leaves, p95", p95, None, "ms", None, 50, 10))
        begun = time.perf_counter()
        verify_log(books, [KEY.verify_key], ledger=ledger)
        rate = count / (time.perf_counter() - begun)
    return [*rows, Row(f"audit: verifying {count:,} leaves", rate, None, "leaves/s", None, 200_000, 1_000_000)]


def _fill(books: Books, begin: int, end: int) -> None:
    for index in range(begin, end):
        _leaf(books, index, _at(index))
    while sequence(books):
        pass


def _at(index: int) -> int:
    return 1_700_000_000_000_000 + index * 1000


def _questions(count: int) -> dict[str, list[dict[str, Any]]]:
    dice = random.Random(1)  # noqa: S311

    def some(make: Any) -> list[dict[str, Any]]:
        return [make(dice.randrange(count // 2), f"connection{dice.randrange(CONNECTIONS):016}") for _ in range(_ASKED)]

    return {
        "the newest": some(lambda index, who: {}),  # noqa: ARG005
        "a partner's in a time": some(
            lambda index, who: {"connection": who, "since": _at(index), "until": _at(index + count // 2)}
        ),
        "of a kind before a moment": some(lambda index, who: {"kind": "transfer.received", "until": _at(index + 1000)}),  # noqa: ARG005
        "an actor's before a moment": some(
            lambda index, who: {"actor": f"connection:{who}", "until": _at(index + count // 2)}
        ),
        "of a transfer": some(lambda index, who: {"transfer": _transfer(index)}),  # noqa: ARG005
        "of a file's name": some(lambda index, who: {"name": f"claims-{index // 5 * 5 + 1}.edi"}),  # noqa: ARG005
        "refused before a moment": some(lambda index, who: {"result": "refused", "until": _at(index + 1000)}),  # noqa: ARG005
        "of many kinds before a moment": some(lambda index, who: {"kind": "transfer.*", "until": _at(index + 1000)}),  # noqa: ARG005
    }
