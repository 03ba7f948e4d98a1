"""Reading EDI, ours beside other readers in Python and Java: the same kind of file, in turn, as MB/s.

A peer that is much slower reads a smaller file of the same making; the row says of which size. Peers of HL7 take one
message: cutting the batch into messages is done for them, and belongs to their time. pyx12, pydifact, hl7 and StAEDI
split components too; the rows "components too" have us do the same.
"""

import os
import statistics
import subprocess
import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from bench import edi_files
from bench.readers import Reader, in_turn, ours, reader, staedi, theirs
from bench.rounds import counted
from bench.row import Row, speed
from bench.settings import number
from parsers.reader import READERS

IMPORTS = 15


@dataclass(frozen=True)
class Duel:
    """One row.

    Attributes:
        work: ours, of `peers/ours.py`. standard: the one that it needs a reader of.
        peer: of `peers/theirs.py`, or "staedi".
        share: the peer's file is so many times smaller.
    """

    what: str
    work: str
    standard: str
    files: edi_files.Pieces
    peer: str
    share: int
    bars: tuple[float, ...] = ()


DUELS = (
    Duel("837P, elements, envelopes checked", "x12", "x12", edi_files.claims, "pyx12", 10, (20, 28)),
    Duel("850, elements, envelopes checked", "x12", "x12", edi_files.purchase_orders, "pyx12", 10),
    Duel("837P, components too", "x12-components", "x12", edi_files.claims, "pyx12", 10),
    Duel("837P, elements; peer checks nothing", "x12", "x12", edi_files.claims, "linuxforhealth", 1, (2.5,)),
    Duel("837P, elements, envelopes checked", "x12", "x12", edi_files.claims, "staedi", 1, (4, 6)),
    Duel("837P, NDJSON of claims; peer: segments", "records", "x12", edi_files.claims, "ansi-x12", 10, (6, 12)),
    Duel("837P, judged by its guide", "guide", "x12", edi_files.claims, "pyx12-guide", 50, (50, 100)),
    Duel("835, judged by its guide", "guide", "x12", edi_files.remittances, "pyx12-guide", 50, (50, 100)),
    Duel("ORDERS, elements", "edifact", "edifact", edi_files.orders, "pydifact", 50, (40, 60)),
    Duel("ORDERS, components too", "edifact-components", "edifact", edi_files.orders, "pydifact", 50),
    Duel("ORDERS, NDJSON of orders; peer: messages", "records", "edifact", edi_files.orders, "pydifact", 50, (30, 50)),
    Duel("HL7 batch, fields", "hl7", "hl7", edi_files.messages, "hl7kit", 2, (3, 5)),
    Duel("HL7 batch, NDJSON; peer: fields", "records", "hl7", edi_files.messages, "hl7kit", 2, (2, 4)),
    Duel("HL7 batch, fields; peer: components too", "hl7", "hl7", edi_files.messages, "hl7", 50, (100,)),
)


def measure(folder: Path) -> list[Row]:
    build = folder.parent
    rows = [_row(duel, folder, build) for duel in DUELS if duel.standard in READERS]
    return [*rows, _transfers(folder), import_time()]


def _transfers(folder: Path) -> Row:
    """Nobody else reads a whole pacs.008 for us to compare."""
    megabytes = number("BENCH_PARSE_MB")
    what, path = f"pacs.008 of {megabytes} MB, NDJSON of payments", folder / "transfers"
    edi_files.write(path, edi_files.transfers(megabytes * 1_000_000))
    with reader("ours", ours("records"), path, folder) as mine:
        for index in counted(what, number("BENCH_ROUNDS") + 1):
            mine.round(index)
        return Row(what, mine.rate(), None, "MB/s", None)


def _row(duel: Duel, folder: Path, build: Path) -> Row:
    million = 1_000_000
    size = number("BENCH_PARSE_MB") * million
    path, their_path = (_file(duel, max(length, million), folder) for length in (size, size // duel.share))
    what = f"{duel.what}, {size // million} MB"
    peer = f"{duel.peer}, {their_path.stat().st_size / million:.0f} MB"
    with ExitStack() as running:
        mine = running.enter_context(reader("ours", ours(duel.work), path, folder))
        if duel.peer == "staedi" and not os.environ.get("BENCH_STAEDI_JAR"):
            for index in counted(what, number("BENCH_ROUNDS") + 1):
                mine.round(index)
            return Row(f"{what} (StAEDI not measured: no jar)", mine.rate(), None, "MB/s", None, *duel.bars)
        command = staedi(os.environ["BENCH_STAEDI_JAR"]) if duel.peer == "staedi" else theirs(duel.peer, build)
        peers = running.enter_context(reader(duel.peer, command, their_path, folder))
        return speed(f"{what} ({peer})", *in_turn(what, mine, peers), "MB/s", *duel.bars)


def _file(duel: Duel, size: int, folder: Path) -> Path:
    """Made when it is asked for first."""
    path = folder / f"{duel.files.__name__}-{size}"
    if not path.exists():
        edi_files.write(path, duel.files(size))
    return path


def import_time() -> Row:
    """What `import parsers` adds to the start of an interpreter."""
    took: dict[str, list[float]] = {"pass": [], "import parsers": []}
    for index in range(IMPORTS + 1):
        for code, times in took.items():
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True)
            if index:
                times.append((time.perf_counter() - begun) * 1000)
    bare, parsers = map(statistics.median, took.values())
    return Row(f"import parsers, median of {IMPORTS} fresh interpreters", parsers - bare, None, "ms", None, 100)


def measure_sizes(folder: Path) -> list[Row]:
    """Whether the time grows with the size and no faster: from a thousandth of the largest file to all of it."""
    largest = number("BENCH_PARSE_SIZES_MB")
    sizes = [size for size in (largest // 1000, largest // 100, largest // 10, largest) if size]
    with ExitStack() as running:
        readers = []
        for size in sizes:
            path = folder / f"claims-{size}"
            edi_files.write(path, edi_files.claims(size * 1_000_000))
            readers.append(running.enter_context(reader(f"ours-{size}", ours("x12"), path, folder)))
        for index in counted("sizes", number("BENCH_ROUNDS") + 1):
            for each in readers:
                each.round(index)
        return [_size(each, readers[0].rate()) for each in readers]


def _size(each: Reader, smallest: float) -> Row:
    size, rate = each.size / 1e6, each.rate()
    name = f"837P of {size:,.0f} MB, elements, in {size / rate:.2f} s (ratio: to the smallest)"
    return Row(name, rate, None, "MB/s", rate / smallest)


def measure_parallel(folder: Path) -> list[Row]:
    """Two processes on one file beside one."""
    size = number("BENCH_PARSE_MB")
    rows = []
    for what, files in (
        ("837P", edi_files.claims),
        ("850", edi_files.purchase_orders),
        ("HL7 batch", edi_files.messages),
    ):
        path = folder / files.__name__
        edi_files.write(path, files(size * 1_000_000))
        name = f"{what}, NDJSON, {size} MB, two processes (peer: one of ours)"
        with (
            reader("two", ours("records-by-two"), path, folder) as two,
            reader("one", ours("records"), path, folder) as one,
        ):
            rows.append(speed(name, *in_turn(what, two, one), "MB/s", 1.7, 1.9))
    return rows


def measure_memory(folder: Path) -> list[Row]:
    """The largest resident size while one file is read that has nowhere to rest."""
    mib, document_mb = number("BENCH_PARSE_MEMORY_MIB"), 20
    claims, document, transfers = folder / "one-set", folder / "document", folder / "transfers-of-memory"
    edi_files.write(claims, edi_files.claims(mib << 20, in_one_set=True))
    edi_files.write(document, edi_files.document(document_mb * 1_000_000))
    edi_files.write(transfers, edi_files.transfers(mib << 20))
    rows = []
    for what, path, work, *bars in (
        (f"837P of {mib} MiB in one set, elements", claims, "x12", 64, 40),
        (f"837P of {mib} MiB in one set, NDJSON", claims, "records", 64, 40),
        (f"837P of {mib} MiB in one set, judged", claims, "guide", 96, 64),
        (f"HL7 message with {document_mb} MB in OBX-5, fields", document, "hl7", 64, 40),
        (f"HL7 message with {document_mb} MB in OBX-5, NDJSON", document, "records", 64, 40),
        (f"pacs.008 of {mib} MiB, NDJSON", transfers, "records", 128, 96),
    ):
        with reader("ours", ours(work), path, folder) as each:
            rows.append(Row(f"{what}: peak resident size", each.read(path).peak_mib, None, "MiB", None, *bars))
    return rows
