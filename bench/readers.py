"""Readers to measure: ours and peers', each a process that lives through all rounds and times itself.

Peers have an environment of their own, build/peers, since some want older libraries than we do.
"""

import hashlib
import json
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.rounds import counted
from bench.settings import Unmeasured, number
from bench.site import run

ROOT = Path(__file__).parents[1]
PEERS = ROOT / "bench" / "peers"
REQUIREMENTS = ROOT / "requirements" / "peers.txt"


@dataclass(frozen=True)
class Answer:
    """Of one file: `counted` says what was found in it, by what was counted; `peak_mib` 0 where it is unknown."""

    seconds: float
    counted: dict[str, int]
    peak_mib: float = 0.0


@dataclass(eq=False)
class Reader:
    """A file that it reads, and how many bytes it has."""

    name: str
    path: Path
    size: int
    _process: "subprocess.Popen[str]"
    _log: Path
    _rates: list[float] = field(default_factory=list)

    def read(self, path: Path) -> Answer:
        """Raises Unmeasured: with what it said at its end."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with suppress(BrokenPipeError):
            print(path, file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            said = self._log.read_text().strip().splitlines() or ["nothing"]
            raise Unmeasured(f"{self.name} ended while it read a file; the last that it said: {said[-1]}")
        return Answer(**json.loads(line))

    def round(self, index: int) -> Answer:
        """Read its own file; round 0 warms up."""
        answer = self.read(self.path)
        if index:
            self._rates.append(self.size / 1e6 / answer.seconds)
        return answer

    def rate(self) -> float:
        """MB/s, the median of its rounds."""
        return statistics.median(self._rates)


@contextmanager
def reader(name: str, command: list[str], path: Path, folder: Path) -> Iterator[Reader]:
    """Start a reader: what it prints on the side goes into a log in the folder."""
    log = folder / f"{name}.log"
    with log.open("wb") as said:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True)
    try:
        yield Reader(name, path, path.stat().st_size, process, log)
    finally:
        process.kill()  # It holds nothing that would have to be put away.
        process.communicate()


def ours(work: str) -> list[str]:
    return [sys.executable, str(PEERS / "ours.py"), work]


def theirs(peer: str, build: Path) -> list[str]:
    return [str(_peers_python(build)), str(PEERS / "theirs.py"), peer]


def staedi(jar: str) -> list[str]:
    """StAEDI's, compiled as it starts. Raises Unmeasured: there is no Java."""
    java = shutil.which("java")
    if java is None:
        raise Unmeasured("there is no java: apt-get install openjdk-17-jdk-headless")
    return [java, "-cp", jar, str(PEERS / "Staedi.java")]


def _peers_python(build: Path) -> Path:
    """The interpreter of the peers' environment, which is made when it is missing or its requirements have changed."""
    place, pinned = build / "peers", hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()
    python, stamp = place / "bin" / "python", place / "pinned"
    if not stamp.exists() or stamp.read_text() != pinned:
        uv = [sys.executable, "-m", "uv"]
        run([*uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(place)])
        run([*uv, "pip", "install", "--quiet", "--compile-bytecode", "--python", str(python),
             "--require-hashes", "-r", str(REQUIREMENTS)])  # fmt: skip
        stamp.write_text(pinned)
    return python


def in_turn(what: str, mine: Reader, peers: Reader) -> tuple[float, float]:
    """Let both read their files in turn; returns MB/s of each.

    Raises Unmeasured: of what both count, they do not find the same in the peer's file.
    """
    found, expected = mine.read(peers.path).counted, peers.read(peers.path).counted
    both = found.keys() & expected.keys()
    if wrong := {key: (found[key], expected[key]) for key in both if found[key] != expected[key]}:
        raise Unmeasured(f"{what}: ours and {peers.name} do not find the same in {peers.path.name}: {wrong}")
    for index in counted(what, number("BENCH_ROUNDS") + 1):
        mine.round(index)
        peers.round(index)
    return mine.rate(), peers.rate()
