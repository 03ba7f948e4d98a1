"""Content is in clear nowhere but in memory: not on a disk, not in what the server says, not in its environment.

A marker that occurs nowhere else is planted into every element of files, which go in by a real client; then every
place where it could have been left is searched for it, as it is and as it would look encoded.
"""

import base64
import os
import re
import secrets
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

import parsers
from mft.home import Home
from mft.installation import open_vault
from mft.ledger.database import Ledger, reading
from mft.ledger.objects import sealed_object
from mft.ledger.transfers import parts
from parsers.events import Finished, RecordBatch, SetOpened
from parsers.guides.terms import Judging
from tests.harness import DEADLINE_SECONDS, Partner, Site, eventually, run_mft, sample

# Who sent it, for whom and under which number: kept in the ledger to find and to answer a message by, on purpose.
ROUTING = {"MSH": {1, 2, 3, 4, 5, 6, 9, 10, 11, 12}, "FHS": {1, 2, 3, 4, 5, 6, 11}, "BHS": {1, 2, 3, 4, 5, 6, 11}}


@pytest.fixture(scope="module")
def marker() -> bytes:
    """Sixteen characters that every standard takes for text."""
    return b"MARK" + secrets.token_hex(6).upper().encode()


# --- the search ---


class Search:
    """Looks for a marker in bytes: as it is, in either case, and in the encodings that hide it from a plain search."""

    def __init__(self, marker: bytes) -> None:
        text = marker.decode()
        plain = {marker, marker.lower(), text.encode("utf-16-le"), text.encode("utf-16-be"), text.encode("utf-32-le")}
        hexed = {form for one in (marker, marker.lower()) for form in (one.hex().encode(), one.hex().upper().encode())}
        # Three ways for the marker to stand in base64's groups; its first and last digit also depend on neighbours.
        encoded = {base64.b64encode(b"\0" * shift + marker)[4 if shift else 0 : -4] for shift in range(3)}
        self._forms = sorted(plain | hexed | encoded)

    def found_in(self, content: bytes) -> bool:
        return any(form in content for form in self._forms)

    def files(self, *roots: Path) -> set[str]:
        """Files under these folders that hold the marker, or whose name does."""
        found = set()
        for root in roots:
            for folder, _, names in os.walk(root):
                for name in names:
                    path = Path(folder) / name
                    if self.found_in(os.fsencode(name)) or self._in_file(path):
                        found.add(str(path))
        return found

    def processes(self, pids: set[int]) -> set[str]:
        """Where of these processes, but in their memory: environment, command line, files that they hold open."""
        found = set()
        for pid in pids:
            root = Path("/proc", str(pid))
            found |= {str(root / name) for name in ("environ", "cmdline") if self._in_file(root / name)}
            with suppress(OSError):
                found |= {f"{fd}: {fd.readlink()}" for fd in (root / "fd").iterdir() if self._in_file(fd)}
        return found

    def _in_file(self, path: Path) -> bool:
        """Files also that have been deleted and are open still; never pipes or sockets."""
        with suppress(OSError):
            if path.is_file():
                return self.found_in(path.read_bytes())
        return False


def family(pid: int) -> set[int]:
    """A process and all below it."""
    pids = {pid}
    for task in Path("/proc", str(pid), "task").iterdir():
        with suppress(OSError):
            for child in (task / "children").read_text().split():
                pids |= family(int(child))
    return pids


@contextmanager
def watched(search: Search, server: int, *roots: Path) -> Iterator[tuple[set[str], "Rounds"]]:
    """Search again and again in a thread; yields what was found so far, and counts the rounds."""
    found: set[str] = set()
    rounds = Rounds()
    stop = threading.Event()

    def look() -> None:
        while not stop.is_set():
            with suppress(FileNotFoundError):
                found.update(search.processes(family(server)))
            found.update(search.files(*roots))
            rounds.done += 1

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found, rounds
    finally:
        stop.set()
        thread.join()


class Rounds:
    done = 0


@pytest.mark.parametrize(
    "hide",
    [
        pytest.param(lambda text: text.encode(), id="plain"),
        pytest.param(lambda text: text.lower().encode(), id="lower case"),
        pytest.param(lambda text: text.encode("utf-16-le"), id="utf-16-le"),
        pytest.param(lambda text: text.encode("utf-16-be"), id="utf-16-be"),
        pytest.param(lambda text: text.encode().hex().encode(), id="hex"),
        pytest.param(lambda text: text.encode().hex().upper().encode(), id="HEX"),
        *(
            pytest.param(lambda text, n=n: base64.b64encode(b"x" * n + text.encode() + b"yz"), id=f"base64 at {n}")
            for n in range(4)
        ),
    ],
)
def test_the_search_finds_what_was_planted(tmp_path: Path, marker: bytes, hide: "type[bytes]") -> None:
    search = Search(marker)
    folder = tmp_path / "a" / "b"
    folder.mkdir(parents=True)
    (folder / "innocent").write_bytes(os.urandom(100_000))
    assert search.files(tmp_path) == set()
    (folder / "left").write_bytes(os.urandom(70_000) + hide(marker.decode()) + os.urandom(10))
    assert search.files(tmp_path) == {str(folder / "left")}


def test_the_search_finds_deleted_files_and_environments(
    tmp_path: Path, marker: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    search = Search(marker)
    with (tmp_path / "gone").open("w+b") as file:
        file.write(marker)
        file.flush()
        (tmp_path / "gone").unlink()
        assert search.files(tmp_path) == set()
        (where,) = search.processes({os.getpid()})
        assert "gone" in where


# --- files with the marker ---


def x12(name: str) -> list[list[str]]:
    """A sample as segments of elements."""
    text = sample(name).decode().replace("\r", "").replace("\n", "")
    return [segment.split("*") for segment in text.split("~") if segment]


def hl7(name: str) -> list[list[str]]:
    """A sample as segments of fields; the separator is its headers' field 1."""
    lines = [line for line in sample(name).decode().replace("\n", "\r").split("\r") if line]
    return [[parts[0], "", *parts[1:]] if (parts := line.split("|"))[0] in ROUTING else parts for line in lines]


def written(segments: list[list[str]], standard: str) -> bytes:
    if standard == "x12":
        return "".join("*".join(segment) + "~\n" for segment in segments).encode()
    return "".join(
        "|".join([s[0], *s[2:]] if s[0] in ROUTING else s) + "\r" for s in segments
    ).encode()  # fmt: skip


def positions(segments: list[list[str]], standard: str) -> list[tuple[int, int]]:
    """Every element that the marker can take the place of."""
    if standard == "x12":
        return [(n, e) for n, segment in enumerate(segments) if segment[0] != "ISA" for e in range(1, len(segment))]
    return [
        (n, e)
        for n, segment in enumerate(segments)
        for e in range(1, len(segment))
        if e not in ROUTING.get(segment[0], ())
    ]


def planted(segments: list[list[str]], places: list[tuple[int, int]], marker: bytes) -> list[list[str]]:
    planted = [list(segment) for segment in segments]
    for segment, element in places:
        planted[segment][element] = marker.decode()
    return planted


def result(content: bytes) -> tuple[object, ...]:
    """How reading ends: alike for two files when the second is accepted as the first was."""
    events = list(parsers.read([content], judge=Judging()))
    finished = events[-1]
    assert isinstance(finished, Finished)
    verdicts = [(type(event).__name__, event.verdict) for event in events if hasattr(event, "verdict")]
    return finished.outcome, finished.records, *verdicts


def harmless(segments: list[list[str]], standard: str, marker: bytes) -> list[tuple[int, int]]:
    """As many places as can hold the marker with the file still accepted."""
    wanted = result(written(segments, standard))
    places: list[tuple[int, int]] = []
    for place in positions(segments, standard):
        if result(written(planted(segments, [*places, place], marker), standard)) == wanted:
            places.append(place)
    return places


SAMPLES = {
    "claims-837p.edi": ("x12", x12),
    "orders-850.edi": ("x12", x12),
    "admissions-adt.hl7": ("hl7", hl7),
}


@pytest.mark.parametrize("name", SAMPLES)
def test_the_parsers_tell_content_in_records_only(name: str, marker: bytes) -> None:
    standard, read = SAMPLES[name]
    segments = read(name)
    search = Search(marker)
    leaks = []
    told = False
    for place in positions(segments, standard):
        for event in parsers.read([written(planted(segments, [place], marker), standard)], judge=Judging()):
            if isinstance(event, RecordBatch):
                told = told or marker in event.ndjson
                continue
            if isinstance(event, SetOpened):  # What an acknowledgment repeats of the header; no more is made of it.
                event = replace(event, identifier=(), charset=None)  # noqa: PLW2901
            if search.found_in(msgspec.json.encode(event)):
                tag, element = segments[place[0]][0], place[1]
                leaks.append(f"{tag}{element:02} in {type(event).__name__}")
    assert told
    assert sorted(set(leaks)) == []


def files_with(marker: bytes) -> dict[str, bytes]:
    """Files of every kind, the marker in each of their elements, by name; `…-kept` ones are accepted whole."""
    files = {}
    for name, (standard, read) in SAMPLES.items():
        segments = read(name)
        every = positions(segments, standard)
        files[f"kept-{name}"] = written(planted(segments, harmless(segments, standard, marker), marker), standard)
        files[f"every-{name}"] = written(planted(segments, every, marker), standard)
        envelope = ("GS", "ST", "SE", "GE", "IEA", "MSH", "BTS", "FTS")
        for number, element in every:
            tag = segments[number][0]
            if tag in envelope:
                files[f"{tag}-{number}-{element}-{name}"] = written(
                    planted(segments, [(number, element)], marker), standard
                )
    for element in (2, 4, 6, 8, 9, 13):  # Wider than ISA may be.
        segments = x12("orders-850.edi")
        files[f"ISA-{element}-orders.edi"] = written(planted(segments, [(0, element)], marker), "x12")
    cut = files["kept-claims-837p.edi"]
    files["cut-claims.edi"] = cut[: len(cut) // 2]
    large = x12("orders-850.edi")
    lines = [["PO1", "", "24", "EA", "12.5", "PE", "IN", marker.decode()] for _ in range(30_000)]
    begin = next(number for number, segment in enumerate(large) if segment[0] == "PO1")
    end = next(number for number, segment in enumerate(large) if segment[0] == "CTT")
    close = next(number for number, segment in enumerate(large) if segment[0] == "SE")
    large[close][1] = str(close - 1 - (end - begin) + len(lines))
    large[end : end + 1] = [["CTT", str(len(lines))]]
    large[begin:end] = [[*line[:1], str(number), *line[2:]] for number, line in enumerate(lines, start=1)]
    files["large-orders.edi"] = written(large, "x12")
    files["letter.txt"] = b"Dear partner,\n" + b"about " + marker + b" we must talk.\n" * 20
    files["scan.pdf"] = b"%PDF-1.4\n1 0 obj << /Title (" + marker + b") >> endobj\n\xff\xfe\x00" + marker * 50
    files["large.bin"] = (b"\x00\x01" + marker) * 150_000
    files["almost-empty.txt"] = marker
    return {name: numbered(content, number) for number, (name, content) in enumerate(files.items())}


def numbered(content: bytes, number: int) -> bytes:
    """The same under a control number of its own: else all but the first would be refused for that alone."""
    return re.sub(rb"00000[12]001|FILE0001", lambda found: b"%0*d" % (len(found[0]), 10**7 + number), content)


@contextmanager
def half_open(site: Site, partner: Partner, content: bytes) -> Iterator[None]:
    """Two uploads that stop half-way and stay open, one of them from its end backwards; then the client vanishes."""
    with site.paramiko(partner) as client:
        files = {name: client.open(name, "wb") for name in ("half.bin", "backwards.bin")}
        for name, file in files.items():
            file.set_pipelined(True)
            pieces = range(0, len(content), 32_768)
            for offset in pieces if name == "half.bin" else pieces[::-1]:
                file.seek(offset)
                file.write(content[offset : offset + 32_768])
            assert file.stat().st_size == len(content)  # Answered behind the writes: they have all arrived.
        yield
        client.get_channel().get_transport().close()


def test_content_is_in_clear_nowhere(site: Site, acme: Partner, tmp_path: Path, marker: bytes) -> None:
    search = Search(marker)
    temporary, sources = tmp_path / "temporary", tmp_path / "sources"
    temporary.mkdir()
    sources.mkdir()
    files = files_with(marker)
    for name, content in files.items():
        (sources / name).write_bytes(content)
    where = (site.home, temporary, Path("/dev/shm"))
    site.start(env={"TMPDIR": str(temporary), "SQLITE_TMPDIR": str(temporary)})
    process = site.process
    assert process is not None
    with watched(search, process.pid, *where) as (found, rounds):
        with half_open(site, acme, files["large.bin"] * 2):
            at = rounds.done
            eventually(lambda: rounds.done >= at + 2, what="two searches with an upload half-way")
            done = site.sftp(acme, *(f"put {sources / name}" for name in files))
            assert done.returncode == 0, done.stderr
            stages = {name: site.rested(name)["stage"] for name in files}
        for name in ("half.bin", "backwards.bin"):
            assert site.rested(name)["stage"] == "partial"
        questions = {"TMPDIR": str(temporary)}
        done = run_mft("records", "compact", home=site.home, env=questions)
        assert done.returncode == 0, done.stderr
        asked = ("SELECT * FROM purchase_order_lines ORDER BY line", "--as", "json", "--reveal")
        done = run_mft("records", "query", *asked, home=site.home, env=questions)
        assert search.found_in(done.stdout.encode()), done.stderr
        at = rounds.done
        eventually(lambda: rounds.done >= at + 2, what="two searches after the last upload and question")
    site.process = None
    process.send_signal(signal.SIGTERM)
    said = "".join(process.communicate(timeout=DEADLINE_SECONDS))
    assert process.returncode == 0
    found |= search.files(*where)
    assert sorted(found) == []
    assert not search.found_in(said.encode())

    assert {stages[f"kept-{name}"] for name in SAMPLES} == {"done"}
    assert stages["large-orders.edi"] == stages["large.bin"] == stages["letter.txt"] == stages["scan.pdf"] == "done"
    assert stages["cut-claims.edi"] == "incomplete"
    assert set(stages.values()) == {"done", "rejected", "incomplete", "unsupported"}
    opened = records_of(site)
    for name in (*(f"kept-{name}" for name in SAMPLES), "large-orders.edi"):
        assert marker in opened[name], f"{name}: the marker is not in its records, so they prove nothing"


def records_of(site: Site) -> dict[str, bytes]:
    """The canonical records of each transfer, opened with the key, by the name of its file."""
    vault = open_vault(Home(site.home))
    records = {}
    rows = site.transfers()
    with reading(Ledger(f"sqlite:{site.home / 'data' / 'ledger.db'}")) as books:
        for row in rows:
            content = b""
            for part in parts(books, "records", row["id"]):
                reader = vault.open(sealed_object(books, part["object_id"]))
                content += b"".join(reader.chunks())
                reader.close()
            records[row["name"]] = content
    return records
