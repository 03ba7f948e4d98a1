"""What becomes of an upload: broken off, resumed, parked, written in any order, repeated, cut off, forgotten."""

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import paramiko
import pytest

from bench.latency import claims
from mft.ledger.database import Ledger
from tests.harness import Partner, Site, eventually, run_mft, sample

PIECE = 32_768


def cut(client: paramiko.SFTPClient) -> None:
    """End the connection without a word: no CLOSE, no EOF."""
    channel = client.get_channel()
    assert channel is not None
    channel.get_transport().sock.shutdown(socket.SHUT_RDWR)


@contextmanager
def doomed(site: Site, partner: Partner) -> Iterator[paramiko.SFTPClient]:
    """A session that is going to be cut."""
    with suppress(EOFError), site.paramiko(partner) as client:
        yield client


def broken_off(site: Site, partner: Partner, name: str, content: bytes) -> dict[str, Any]:
    """Upload so much of a file, and lose the connection; returns the transfer."""
    with doomed(site, partner) as client:
        file = client.open(name, "wb")
        file.set_pipelined(True)
        file.write(content)
        file.stat()  # The writes have been answered.
        cut(client)

    def ask() -> dict[str, Any] | None:
        return next((row for row in site.transfers_of(partner) if row["stage"] == "partial"), None)

    found: dict[str, Any] = eventually(ask, what=f"{name} is kept as a partial")
    return found


def resume(site: Site, partner: Partner, name: str, content: bytes) -> int:
    """Go on where the file ends, as clients do; returns where that was."""
    with site.paramiko(partner) as client:
        size = client.stat(name).st_size
        assert size is not None
        with client.open(name, "r+b") as file:
            file.set_pipelined(True)
            file.seek(size)
            file.write(content[size:])
        return size


@pytest.mark.parametrize("size", [10, 70_000, 3_000_000])
def test_a_partial_is_listed_and_resumed(shared: Site, guest: Partner, size: int) -> None:
    content = os.urandom(2 * size)
    broken_off(shared, guest, "claims.bin", content[:size])
    with shared.paramiko(guest) as client:
        assert [(entry.filename, entry.st_size) for entry in client.listdir_attr()] == [("claims.bin", size)]
    assert resume(shared, guest, "claims.bin", content) == size
    (row,) = shared.transfers_of(guest)
    assert (row["stage"], row["size_bytes"]) in {("received", 2 * size), ("done", 2 * size)}
    assert shared.opened(row) == content


def test_a_partial_is_not_a_file_to_be_renamed_or_read(shared: Site, guest: Partner) -> None:
    broken_off(shared, guest, "half.bin", b"half")
    with shared.paramiko(guest) as client, pytest.raises(OSError, match="not whole"):
        client.rename("half.bin", "whole.bin")
    assert shared.sftp(guest, "get half.bin /dev/null").returncode == 1
    assert shared.sftp(guest, "rm half.bin").returncode == 0
    assert [row["stage"] for row in shared.transfers_of(guest)] == ["expired"]


def test_a_new_upload_of_the_name_takes_a_partials_place(shared: Site, guest: Partner, tmp_path: Path) -> None:
    broken_off(shared, guest, "claims.bin", os.urandom(200_000))
    whole = tmp_path / "claims.bin"
    whole.write_bytes(os.urandom(100_000))
    assert shared.sftp(guest, f"put {whole}").returncode == 0
    assert max(row["stage"] for row in shared.transfers_of(guest)) == "superseded"
    assert shared.opened(shared.rested("claims.bin")) == whole.read_bytes()


def test_what_a_killed_server_had_on_its_disk_is_resumed(serving: Site, acme: Partner) -> None:
    content = os.urandom(5_500_000)
    with doomed(serving, acme) as client:
        file = client.open("claims.bin", "wb")
        file.set_pipelined(True)
        file.write(content[:4_500_000])
        file.stat()
        eventually(lambda: serving.transfers_of(acme), what="the upload is in the ledger")
        serving.kill()
    serving.start()
    (row,) = serving.transfers_of(acme)
    assert row["stage"] == "partial"
    assert row["size_bytes"] >= 1_000_000
    assert resume(serving, acme, "claims.bin", content) == row["size_bytes"]
    assert serving.opened(serving.rested("claims.bin")) == content
    assert serving.stop() == 0
    assert serving.verify().returncode == 0


@pytest.mark.parametrize("name", ["claims.edi.tmp", "claims.edi.FILEPART", ".claims.edi", "claims.edi~"])
def test_a_temporary_name_is_published_by_its_rename(shared: Site, guest: Partner, tmp_path: Path, name: str) -> None:
    source = tmp_path / "source"
    for content in (sample("orders-850.edi"), sample("claims-837p.edi")):
        source.write_bytes(content)
        assert shared.sftp(guest, f"put {source} {name}").returncode == 0
        assert shared.transfers_of(guest)[0]["stage"] == "receiving"
        done = shared.sftp(guest, f"rename {name} claims.edi", "ls -1")
        assert done.returncode == 0, done.stderr
        assert [line for line in done.stdout.splitlines() if not line.startswith("sftp>")] == ["claims.edi"]
        assert shared.opened(shared.rested("claims.edi")) == content
    assert len([row for row in shared.transfers_of(guest) if row["direction"] == "inbound"]) == 2


def write_pieces(site: Site, partner: Partner, name: str, pieces: list[tuple[int, bytes]]) -> None:
    with site.paramiko(partner) as client, client.open(name, "wb") as file:
        for offset, piece in pieces:
            file.seek(offset)
            file.write(piece)


@pytest.mark.parametrize(
    "order",
    [
        pytest.param(lambda pieces: [pieces[1], pieces[0], *pieces[2:]], id="two swapped"),
        pytest.param(lambda pieces: pieces[::-1], id="backwards"),
        pytest.param(lambda pieces: [*pieces, pieces[3]], id="one again"),
        pytest.param(lambda pieces: [(offset, b"x" * len(piece)) for offset, piece in pieces] + pieces, id="all again"),
    ],
)
def test_writes_come_in_any_order(
    shared: Site, guest: Partner, order: Callable[[list[tuple[int, bytes]]], list[tuple[int, bytes]]]
) -> None:
    content = os.urandom(200 * PIECE + 7)
    pieces = [(offset, content[offset : offset + PIECE]) for offset in range(0, len(content), PIECE)]
    write_pieces(shared, guest, "any.bin", order(pieces))
    assert shared.opened(shared.rested("any.bin")) == content


def test_a_hole_is_not_published(shared: Site, guest: Partner) -> None:
    with shared.paramiko(guest) as client:
        file = client.open("hole.bin", "wb")
        file.write(b"a" * 100)
        file.seek(200)
        file.write(b"b" * 100)
        with pytest.raises(OSError, match="no bytes arrived for offset 100,"):
            client._request(paramiko.sftp.CMD_CLOSE, file.handle)
    (row,) = shared.transfers_of(guest)
    assert (row["stage"], row["size_bytes"]) == ("partial", 100)


def test_what_was_synced_survives_a_kill_and_is_resumed(serving: Site, acme: Partner, tmp_path: Path) -> None:
    source = tmp_path / "small.bin"
    source.write_bytes(b"small")
    assert serving.sftp(acme, f"put -f {source}").returncode == 0
    assert serving.opened(serving.rested("small.bin")) == b"small"


def test_a_file_that_was_announced_longer_is_not_whole(shared: Site, guest: Partner) -> None:
    with shared.paramiko(guest) as client:
        file = client.open("long.bin", "wb")
        file.truncate(1000)
        file.write(b"x" * 900)
        with pytest.raises(OSError, match="900 bytes arrived of the 1,000"):
            client._request(paramiko.sftp.CMD_CLOSE, file.handle)
    assert shared.transfers_of(guest)[0]["stage"] == "partial"
    assert resume(shared, guest, "long.bin", b"x" * 1000) == 900
    assert shared.opened(shared.rested("long.bin")) == b"x" * 1000


def received_events(site: Site, row: dict[str, Any]) -> list[str]:
    return [event["type"] for event in site.events() if event["subject"] == row["id"]]


def test_a_file_cut_off_is_told_to_nobody_and_superseded_by_the_whole_one(
    serving: Site, acme: Partner, tmp_path: Path
) -> None:
    whole = claims(500_000)
    source = tmp_path / "claims.edi"
    source.write_bytes(whole[:300_000])
    assert serving.sftp(acme, f"put {source}").returncode == 0
    half = serving.rested("claims.edi")
    assert half["stage"] == "incomplete"
    source.write_bytes(whole)
    assert serving.sftp(acme, f"put {source}").returncode == 0
    row = serving.rested("claims.edi")
    assert row["stage"] == "done"
    stages = {row["id"]: row["stage"] for row in serving.transfers_of(acme) if row["direction"] == "inbound"}
    assert stages == {row["id"]: "done", half["id"]: "superseded"}
    eventually(lambda: "mft.transfer.completed.v1" in received_events(serving, row), what="the events are told")
    assert received_events(serving, half) == []
    assert received_events(serving, row).count("mft.transfer.received.v1") == 1


def test_who_must_know_is_told_once_when_the_whole_file_does_not_come(
    site: Site, acme: Partner, tmp_path: Path
) -> None:
    site.start(env={"MFT_RECEIVE__INCOMPLETE_SECONDS": "1", "MFT_RECEIVE__STALLED_SECONDS": "1"})
    source = tmp_path / "claims.edi"
    for content in (claims(100_000)[:50_000], claims(100_000)[:60_000]):
        source.write_bytes(content)
        assert site.sftp(acme, f"put {source}", f"put {source} later.tmp").returncode == 0
        site.rested("claims.edi")
        eventually(
            lambda: (
                {"mft.transfer.incomplete.v1", "mft.upload.stalled.v1"} <= {event["type"] for event in site.events()}
            ),
            what="an operator is told",
        )
    assert site.stop() == 0
    told = [event["type"] for event in site.events()]
    assert told.count("mft.transfer.incomplete.v1") == 1


def test_a_repeat_of_an_unheard_yes_is_the_same_transfer(site: Site, acme: Partner, tmp_path: Path) -> None:
    site.start()
    content = os.urandom(100_000)
    for _ in range(3):
        with doomed(site, acme) as client:
            file = client.open("daily.bin", "wb")
            file.write(content)
            client._request(paramiko.sftp.CMD_CLOSE, file.handle)
            file._closed = True
            cut(client)
    row = site.rested("daily.bin")
    assert [each["id"] for each in site.transfers_of(acme)] == [row["id"]]
    source = tmp_path / "daily.bin"
    source.write_bytes(content)
    assert site.sftp(acme, f"put {source}").returncode == 0  # Still the same: nobody has heard of it yet.
    assert len(site.transfers_of(acme)) == 1
    assert site.sftp(acme, f"put {source}").returncode == 0  # Now it is another one.
    assert len(site.transfers_of(acme)) == 2
    site.rested("daily.bin")  # Its event comes with the verdict.
    assert site.stop() == 0
    assert sum(event["type"] == "mft.transfer.received.v1" for event in site.events()) == 2
    assert site.verify().returncode == 0


def test_a_partial_expires(site: Site, acme: Partner) -> None:
    site.start(env={"MFT_RECEIVE__RETRY_SECONDS": "1"})
    broken_off(site, acme, "claims.bin", os.urandom(3_000_000))
    eventually(lambda: [row["stage"] for row in site.transfers_of(acme)] == ["expired"], what="the partial expires")
    eventually(
        lambda: not list((site.home / "data" / "vault").rglob("??????????????????????????")), what="its bytes go"
    )
    assert "claims.bin" not in site.sftp(acme, "ls -1").stdout


def test_folders_of_the_profile_and_made_ones(site: Site, acme: Partner, tmp_path: Path) -> None:
    path = site.home / "config" / "partners" / "acme.toml"
    text = path.read_text().replace("[[logins]]", '[uploads]\nstaging = ["tmp"]\nmake_folders = true\n\n[[logins]]', 1)
    path.write_text(text)
    site.start()
    source = tmp_path / "claims.edi"
    source.write_bytes(sample("claims-837p.edi"))
    done = site.sftp(
        acme, f"put {source} tmp/claims.edi", "rename tmp/claims.edi /inbound/claims.edi", "mkdir july", "ls -1",
        f"put {source} july/claims.edi", "ls -1 july", "-rmdir july", "rm july/claims.edi", "rmdir july", "-rmdir tmp", "ls -1",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if not line.startswith("sftp>")]
    assert lines == ["claims.edi", "july", "tmp", "july/claims.edi", "claims.edi", "tmp"]
    assert [row["stage"] for row in site.transfers_of(acme)] == ["done", "done"] or site.rested("claims.edi")


def test_times_are_kept_and_modes_ignored(shared: Site, guest: Partner) -> None:
    with shared.paramiko(guest) as client:
        with client.open("kept.txt", "wb") as file:
            file.write(b"x")
        client.chmod("kept.txt", 0o4777)
        client.chown("kept.txt", 0, 0)
        client.utime("kept.txt", (1_700_000_000, 1_700_000_000))
        attrs = client.stat("kept.txt")
    assert (attrs.st_mtime, attrs.st_mode) == (1_700_000_000, 0o100644)


def test_quotas_are_refused_in_words(site: Site, acme: Partner, tmp_path: Path) -> None:
    path = site.home / "config" / "partners" / "acme.toml"
    path.write_text(path.read_text().replace("[[logins]]", "[uploads]\nday_files_max = 2\n\n[[logins]]", 1))
    site.start()
    source = tmp_path / "x.bin"
    source.write_bytes(b"x")
    assert site.sftp(acme, f"put {source} 1", f"put {source} 2").returncode == 0
    assert site.sftp(acme, f"put {source} 3").returncode == 1
    with site.paramiko(acme) as client, pytest.raises(OSError, match="2 uploads were begun in 24 hours"):
        client.open("3", "wb")


def test_a_stop_lets_open_uploads_finish_and_tells_newcomers(serving: Site, acme: Partner) -> None:
    process = serving.process
    assert process is not None
    with serving.paramiko(acme) as client:
        file = client.open("slow.bin.tmp", "wb")
        file.write(b"x" * 100_000)
        process.terminate()

        def refused() -> bool:
            done = serving.sftp(acme, "pwd")
            assert done.returncode == 255, done.stdout
            return "the server is stopping: try again later" in done.stderr

        eventually(refused, what="a newcomer hears `try again later`")
        file.write(b"y" * 100_000)
        file.close()
        client.rename("slow.bin.tmp", "slow.bin")  # What makes it whole may still follow.
    assert serving.stop() == 0
    (row,) = serving.transfers_of(acme)
    assert (row["name"], row["size_bytes"]) == ("slow.bin", 200_000)
    assert row["stage"] != "receiving"


def test_a_ledger_that_knows_of_lost_files_stops_the_server(serving: Site, acme: Partner, tmp_path: Path) -> None:
    source = tmp_path / "big.bin"
    source.write_bytes(os.urandom(200_000))
    assert serving.sftp(acme, f"put {source}").returncode == 0
    serving.stop()
    (found,) = (path for path in (serving.home / "data" / "vault").rglob("*") if path.is_file())
    found.unlink()
    done = run_mft("serve", home=serving.home, env={"MFT_DOORS__SFTP__LISTEN": "127.0.0.1:0"})
    assert done.returncode == 4
    assert "restore the vault from a backup" in done.stderr
    assert Ledger(f"sqlite:{serving.home / 'data' / 'ledger.db'}").exists()
