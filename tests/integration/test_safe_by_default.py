"""What the door takes from strangers, and from partners who fall silent, before anybody has configured anything."""

import socket
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import paramiko
from paramiko.sftp import int64

from mft.config import SftpDoor
from tests.harness import Partner, Site, eventually, peer
from tests.integration.test_sftp_clients import deposit

SSH_AUDIT = str(Path(sys.executable).with_name("ssh-audit"))


def stranger(site: Site) -> socket.socket:
    found = socket.create_connection(("127.0.0.1", site.port), timeout=30)
    found.settimeout(30)
    return found


def banner(site: Site) -> bytes:
    """What a stranger hears first: our banner, or nothing."""
    with stranger(site) as found:
        return hears(found)


def hears(found: socket.socket) -> bytes:
    try:
        return found.recv(64)
    except ConnectionResetError:
        return b""


def test_ssh_audit_finds_no_failure(site: Site) -> None:
    arrivals = SftpDoor.model_fields["arrivals_per_second_max"].default
    site.start(env={"MFT_DOORS__SFTP__ARRIVALS_PER_SECOND_MAX": str(arrivals)})
    done = subprocess.run(
        [peer(SSH_AUDIT), "-n", "-p", str(site.port), "127.0.0.1"], capture_output=True, text=True, timeout=120
    )
    assert "[fail]" not in done.stdout
    assert "throttling" not in done.stdout, done.stdout  # Its own flood was held to less than 20 a second.
    assert done.returncode in {0, 2}, done.stdout  # 2: warnings, as that not every exchange is post-quantum.
    assert "mlkem768x25519-sha256" in done.stdout


def test_a_login_has_its_deadline(site: Site) -> None:
    site.start(env={"MFT_DOORS__SFTP__LOGIN_SECONDS": "1"})
    with stranger(site) as found:
        begun = time.monotonic()
        while hears(found):
            assert time.monotonic() - begun < 30


def test_strangers_are_few_at_a_time(site: Site) -> None:
    site.start(env={"MFT_DOORS__SFTP__UNPROVEN_PER_SOURCE_MAX": "3"})
    first = [stranger(site) for _ in range(3)]
    assert all(hears(found).startswith(b"SSH-2.0-mft") for found in first)
    assert banner(site) == b""
    first.pop().close()
    eventually(lambda: banner(site).startswith(b"SSH-2.0-mft"), what="the next one is let in")
    for found in first:
        found.close()


def test_strangers_come_one_by_one(site: Site) -> None:
    site.start(env={"MFT_DOORS__SFTP__ARRIVALS_PER_SECOND_MAX": "2"})
    assert [banner(site) for _ in range(8)].count(b"") >= 4
    eventually(lambda: banner(site) != b"", what="a second later there is room again")


def test_who_does_not_read_what_is_answered_is_parted_with_too(site: Site, acme: Partner) -> None:
    deposit(site, acme, b"large.bin", bytes(40_000_000))
    site.start(env={"MFT_DOORS__SFTP__IDLE_SECONDS": "1"})
    with suppress(EOFError), site.paramiko(acme) as client:
        file = client.open("/outbound/large.bin", "rb")
        channel = client.get_channel()
        assert channel is not None
        channel.in_window_threshold = 1 << 62  # It takes no more than a window.
        for number in range(400):
            client._async_request(file, paramiko.sftp.CMD_READ, file.handle, int64(number * 100_000), 100_000)
        eventually(lambda: not channel.get_transport().is_active(), what="the connection is ended")


def test_who_falls_silent_is_parted_with(site: Site, acme: Partner) -> None:
    site.start(env={"MFT_DOORS__SFTP__IDLE_SECONDS": "1"})
    with suppress(EOFError), site.paramiko(acme) as client:
        channel = client.get_channel()
        assert channel is not None
        eventually(lambda: not channel.get_transport().is_active(), what="the connection is ended")
