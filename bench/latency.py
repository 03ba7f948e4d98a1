"""From CLOSE to the event in the file: uploads of a 100 kB 837P, one after the other."""

import hashlib
import json
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path

from bench.payload import compare
from bench.rounds import counted
from bench.row import Row
from bench.settings import Unmeasured, number
from bench.site import make_key, ours, paramiko_session
from mft.home import Home

WARM_UP = 20


def claims(size: int) -> bytes:
    """A good 837P of about so many bytes: the sample's subscribers, over and over."""
    text = (resources.files("mft.samples") / "claims-837p.edi").read_bytes()
    terminator = b"~"
    segments = [segment.strip() for segment in text.split(terminator) if segment.strip()]
    first = next(i for i, segment in enumerate(segments) if segment.startswith(b"HL*1*"))
    last = next(i for i, segment in enumerate(segments) if segment.startswith(b"SE*"))
    head, body, tail = segments[:first], segments[first:last], segments[last:]
    begin = next(i for i, segment in enumerate(segments) if segment.startswith(b"ST*"))
    rounds = max(1, size // (len(terminator.join(body)) + 1))
    out, hl = list(head), 0
    for _ in range(rounds):
        renumbered: dict[bytes, bytes] = {b"": b""}
        for segment in body:
            if segment.startswith(b"HL*"):
                elements = segment.split(b"*")
                hl += 1
                renumbered[elements[1]] = str(hl).encode()
                elements[1], elements[2] = str(hl).encode(), renumbered[elements[2]]
                segment = b"*".join(elements)
            out.append(segment)
    count = str(len(out) - begin + 1).encode()
    trailer = tail[0].split(b"*")
    trailer[1] = count
    out += [b"*".join(trailer), *tail[1:]]
    return terminator.join(out) + terminator


def numbered(content: bytes, number: int) -> bytes:
    """The same interchange under a control number of its own, so that it is no duplicate of another."""
    old = content.split(b"*", 14)[13]
    return content.replace(b"*" + old, b"*%09d" % number)


class _Watch(threading.Thread):
    """Reads the events file as it grows, and notes when each file's completion came."""

    def __init__(self, path: Path) -> None:
        super().__init__(daemon=True)
        self._path = path
        self.seen: dict[str, float] = {}
        self.kinds: dict[str, int] = {}
        self.stop = threading.Event()
        self.more = threading.Condition()

    def run(self) -> None:
        with self._path.open("rb") as file:
            rest = b""
            while not self.stop.is_set():
                piece = file.read(1 << 20)
                if not piece:
                    time.sleep(0.0005)
                    continue
                now = time.perf_counter()
                *lines, rest = (rest + piece).split(b"\n")
                with self.more:
                    for line in lines:
                        event = json.loads(line)
                        self.kinds[event["type"]] = self.kinds.get(event["type"], 0) + 1
                        if event["type"] == "mft.transfer.completed.v1":
                            self.seen[event["data"]["name"]] = now
                    self.more.notify_all()

    def wait_for(self, name: str) -> float:
        with self.more:
            if not self.more.wait_for(lambda: name in self.seen, timeout=60):
                raise Unmeasured(f"not within 60 seconds: the event that {name} is done")
            return self.seen[name]


def measure(folder: Path) -> list[Row]:
    uploads = number("BENCH_UPLOADS")
    content = claims(100_000)
    key = make_key(folder / "key")
    closing, event, names = [], [], []
    with ours(folder, key) as mft, _watching(Home(mft.folder).events_file) as watch, paramiko_session(mft) as client:
        for index in counted("latency", uploads + WARM_UP):
            name = f"claims-{index}.edi"
            names.append(name)
            file = client.open(name, "wb")
            file.set_pipelined(True)
            file.write(numbered(content, index + 1))
            file.stat()  # The writes are answered: what is measured from here is CLOSE alone.
            begun = time.perf_counter()
            file.close()
            closed = time.perf_counter()
            seen = watch.wait_for(name)
            if index >= WARM_UP:
                closing.append((closed - begun) * 1000)
                event.append((seen - begun) * 1000)
        if watch.kinds.get("mft.records.ready.v1", 0) < uploads:
            raise Unmeasured("not every upload gave records: the sample is not read as a good 837P")
        sent = {name: hashlib.sha256(numbered(content, n)).hexdigest() for n, name in enumerate(names, start=1)}
        compare(sent, mft.arrived(names), where=mft.name)
    kb = len(content) // 1000
    rows = []
    for what, took, bars in (
        ("CLOSE to its OK", closing, (None, None)),
        ("CLOSE to event in the file", event, (100.0, 30.0)),
    ):
        ordered = sorted(took)
        for label, value in (("p50", statistics.median(took)), ("p99", ordered[max(int(len(ordered) * 0.99) - 1, 0)])):
            limit, goal = bars if label == "p99" else (None, None)
            rows.append(Row(f"{what}, {kb} kB 837P, {label}", value, None, "ms", None, limit, goal))
    return rows


@contextmanager
def _watching(path: Path) -> Iterator[_Watch]:
    watch = _Watch(path)
    watch.start()
    try:
        yield watch
    finally:
        watch.stop.set()
        watch.join()
