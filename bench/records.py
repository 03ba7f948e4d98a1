"""Records in SQL: how long caching takes, and an answer; ours alone.

Claims as the sample's, each with a charge of its own, in sets of 10,000 over ten days; then sets of one claim in one
day, asked before they are cached and afterwards.
"""

import itertools
import json
import statistics
import time
from collections.abc import Iterable
from contextlib import closing
from importlib import resources
from pathlib import Path

import parsers
from bench.rounds import counted
from bench.row import Row
from bench.settings import Unmeasured, number
from mft.clock import new_id, now_us
from mft.core import Core, KeepProfile
from mft.crypto.keyring import MemoryKeyring
from mft.crypto.keys import BucketPrivateKey
from mft.domain import INBOUND, TENANT, Arrival, Principal, Stage
from mft.ledger import transfers
from mft.ledger.database import Books, Ledger, Readers
from mft.ledger.migrate import migrate
from mft.ledger.objects import insert_object
from mft.records.cache import Compactor
from mft.records.session import Question, Session
from mft.vault.store import Vault
from parsers.events import RecordBatch

IN_A_SET = 10_000
DAYS = 10
DAY_US = 86_400_000_000
WHO = Principal("bench0000000000000000000id", "bench", "bench", "SHA256:fp", "hash-bench")
FILTERED = """
    SELECT partner, place_of_service, count(*), sum(total_charge) FROM claims
    WHERE total_charge BETWEEN 100 AND 900 GROUP BY ALL
"""
LINES = "SELECT procedure_modifiers, count(*), sum(charge) FROM claim_lines WHERE charge > 50 GROUP BY ALL"


class _Home:
    """A ledger and a vault without a server."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        ledger = Ledger(f"sqlite:{folder / 'ledger.db'}")
        migrate(ledger)
        key = BucketPrivateKey(bytes(range(32)))
        (folder / "vault").mkdir()
        self.vault = Vault(folder / "vault", MemoryKeyring([key]))
        self.core = Core(ledger, subscriptions={}, remove_object=self.vault.remove)
        self.core.run(KeepProfile(WHO.profile_hash, WHO.connection, WHO.partner, "{}"))
        self.readers = Readers(ledger)

    def keep(self, lines: Iterable[bytes], count: int, at: int) -> None:
        writer = self.vault.writer(TENANT)
        for line in lines:
            writer.append(line)
            writer.flush()
        sealed, _ = writer.finish()

        def enter(books: Books) -> None:
            transfer = new_id()
            arrival = Arrival(WHO, "sftp", "192.0.2.1", "bench", INBOUND, b"claims.edi")
            transfers.insert_transfer(
                books, transfer, arrival, at=at, stage=Stage.DONE, size_bytes=1, sha256=b"\x01" * 32
            )
            insert_object(books, sealed, at=at)
            row = {
                "transfer_id": transfer, "tenant_id": TENANT, "set_position": 1, "map_version": "bench",
                "record_schema": "claim/1", "records": count, "object_id": sealed.id, "created_at": at,
            }  # fmt: skip
            transfers.add_parts(books, "records", [row])

        self.core.writer.run(enter)

    def compact(self) -> Compactor:
        compactor = Compactor(self.vault, self.readers.get, self.core.run)
        while compactor.step(everything=True):
            pass
        if compactor.left:
            raise Unmeasured(f"records could not be cached: {compactor.left[0]}")
        return compactor

    def ask(self, statement: str) -> tuple[float, int]:
        """Seconds, and how many records were counted."""
        begun = time.perf_counter()
        with Session(Question(statement), self.vault, self.readers.get(), reveal=False, seconds=600) as session:
            place = session.columns.index("count_star()")
            counted = sum(row[place] for row in session.rows())
        return time.perf_counter() - begun, counted

    def close(self) -> None:
        self.readers.close()
        self.core.close()


def measure(folder: Path) -> list[Row]:
    claims = _claims()
    with closing(_Home(folder / "many")) as home:
        rows = _many(home, claims)
    with closing(_Home(folder / "small")) as home:
        return rows + _small(home, claims)


def _claims() -> list[dict[str, object]]:
    text = (resources.files("mft.samples") / "claims-837p.edi").read_bytes()
    batches = [event.ndjson for event in parsers.read([text]) if isinstance(event, RecordBatch)]
    return [json.loads(line) for batch in batches for line in batch.splitlines()]


def _lines(claims: list[dict[str, object]], first: int, count: int) -> Iterable[bytes]:
    for number_, claim in zip(range(first, first + count), itertools.cycle(claims), strict=False):
        charge = {"amount": f"{number_ % 1_009}.{number_ % 97:02}", "currency": "USD"}
        yield json.dumps(claim | {"claim_id": f"B{number_}", "total_charge": charge}).encode() + b"\n"


def _many(home: _Home, claims: list[dict[str, object]]) -> list[Row]:
    count = number("BENCH_RECORDS")
    in_a_set = min(IN_A_SET, count)
    sets = count // in_a_set
    then = now_us() - DAYS * DAY_US
    for index in counted("records: making sets", sets):
        home.keep(_lines(claims, index * in_a_set, in_a_set), in_a_set, then + index * DAYS * DAY_US // sets)
    begun = time.perf_counter()
    compactor = home.compact()
    took = time.perf_counter() - begun
    rows = [Row(f"{count:,} claims cached, in {compactor.parts} parts", took, None, "s", None)]
    for what, statement in (("claims, a filter with GROUP BY", FILTERED), ("their lines, the same", LINES)):
        times = []
        for index in counted(what, number("BENCH_ROUNDS") + 1):
            seconds, found = home.ask(statement)
            if not found:
                raise Unmeasured("the query found nothing")
            if index:
                times.append(seconds)
        rows.append(Row(f"{count:,} {what}", statistics.median(times), None, "s", None))
    return rows


def _small(home: _Home, claims: list[dict[str, object]]) -> list[Row]:
    sets = number("BENCH_RECORDS_SETS")
    yesterday = now_us() - DAY_US
    for index in counted("records: small sets", sets):
        home.keep(_lines(claims, index, 1), 1, yesterday)
    statement = "SELECT count(*), sum(total_charge) FROM claims"
    uncached, found = home.ask(statement)
    if found != sets:
        raise Unmeasured(f"{found} claims of {sets} were found")
    begun = time.perf_counter()
    compactor = home.compact()
    took = time.perf_counter() - begun
    cached = statistics.median(home.ask(statement)[0] for _ in range(number("BENCH_ROUNDS")))
    return [
        Row(f"{sets:,} sets of one claim, asked uncached", uncached, None, "s", None),
        Row(f"{sets:,} sets of one claim, cached, {compactor.parts} parts written", took, None, "s", None),
        Row(f"{sets:,} sets of one claim, asked from the cache", cached, None, "s", None),
    ]
