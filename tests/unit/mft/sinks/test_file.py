"""The file sink: whole lines only, whatever happened to the last one."""

import errno
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from mft import durable
from mft.errors import NoSpace, SyncFailed
from mft.pipeline.emit import Outgoing
from mft.sinks.file import FileSink

EVENTS = [Outgoing(one, "mft.test.v1", "acme", b'{"id":"%s"}' % one.encode()) for one in ("1", "2")]
LINES = b'{"id":"1"}\n{"id":"2"}\n'


def sink_at(path: Path, keep: int = 3) -> FileSink:
    return FileSink("file", path, mib_max=1, keep=keep)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "events" / "events.ndjson"


def test_a_line_for_each_event_appended(path: Path) -> None:
    for _ in range(2):
        sink = sink_at(path)
        sink.deliver(EVENTS)
        sink.close()
    assert path.read_bytes() == 2 * LINES
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (b"", b""),
        (b"torn", b""),
        (b"\n", b"\n"),
        (b"whole\n", b"whole\n"),
        (b"whole\ntorn", b"whole\n"),
        (b"whole\n" + b"x" * 65_535, b"whole\n"),
        (b"whole\n" + b"x" * 65_536, b"whole\n"),
        (b"whole\n" + b"x" * 200_000, b"whole\n"),
        (b"x" * 200_000, b""),
        (b"x" * 200_000 + b"\n", b"x" * 200_000 + b"\n"),
    ],
)
def test_a_torn_line_is_cut_off_at_the_start(path: Path, found: bytes, kept: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(found)
    sink = sink_at(path)
    assert path.read_bytes() == kept
    sink.deliver(EVENTS)
    sink.close()
    assert path.read_bytes() == kept + LINES


def test_it_is_on_the_disk_when_deliver_returns(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = sink_at(path)
    synced: list[bytes] = []
    real = os.fdatasync
    monkeypatch.setattr(durable.os, "fdatasync", lambda fd: (synced.append(path.read_bytes()), real(fd)))
    sink.deliver(EVENTS)
    sink.close()
    assert synced == [LINES]


def test_a_full_disk_tears_no_line(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = sink_at(path)
    sink.deliver(EVENTS)
    real, calls = os.write, []

    def full(fd: int, data: Any) -> int:
        calls.append(1)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "full")
        return real(fd, bytes(data)[:7])

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(NoSpace):
        sink.deliver(EVENTS)
    monkeypatch.setattr(os, "write", real)
    assert path.read_bytes() == LINES
    sink.deliver(EVENTS)
    sink.close()
    assert path.read_bytes() == 2 * LINES


def test_short_writes_are_continued(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = sink_at(path)
    real = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: real(fd, bytes(data)[:1]))
    sink.deliver(EVENTS)
    sink.close()
    assert path.read_bytes() == LINES


def test_a_failed_sync_is_broken(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sink = sink_at(path)

    def fails(_: int) -> None:
        raise OSError(errno.EIO, "io")

    monkeypatch.setattr(durable.os, "fdatasync", fails)
    with pytest.raises(SyncFailed):
        sink.deliver(EVENTS)
    sink.close()


def test_it_follows_no_link(path: Path, tmp_path: Path) -> None:
    path.parent.mkdir()
    path.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SyncFailed):
        sink_at(path)
    assert not (tmp_path / "elsewhere").exists()


def test_a_large_file_is_set_aside_and_so_many_are_kept(path: Path) -> None:
    sink = sink_at(path, keep=2)
    seen = []
    for number in range(5):
        body = b'{"n":%d,"x":"%s"}' % (number, b"x" * (1 << 20))
        seen.append(body + b"\n")
        assert sink.deliver([Outgoing(str(number), "mft.test.v1", "acme", body)]) == {}
    sink.close()
    names = ("events.ndjson", "events.ndjson.1", "events.ndjson.2")
    assert sorted(one.name for one in path.parent.iterdir()) == sorted(names)
    assert [path.with_name(name).read_bytes() for name in names] == seen[:1:-1]
