"""Each place gets the note as it was signed, from real receivers on loopback sockets; and no secret lies open."""

import email
import email.policy
import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from mft.errors import BadConfig, MFTError, NotAllowed, Refused
from mft.sinks.bucket import Bucket, signed_headers
from mft.sinks.checkpoints import Command, Mail, Syslog
from tests.harness import eventually, missing

NOTE = "mft/test\n7\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n\u2014 mft/test AAAA\n"
SECONDS = 20
SECRET = "aSecretOfFortyCharactersMadeUpForTests012"  # noqa: S105


def in_line(line: bytes) -> str:
    """The note in a line of a syslog."""
    assert line.startswith(b"<85>")
    assert b"\n" not in line.rstrip(b"\n\0")
    note: str = json.loads(line.rstrip(b"\n\0").partition(b" checkpoint ")[2].removeprefix(b"- checkpoint "))
    return note


def test_syslog_over_udp() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(SECONDS)
        Syslog(f"udp:127.0.0.1:{receiver.getsockname()[1]}").send(7, NOTE)
        line = receiver.recv(65536)
    assert line.startswith(b"<85>1 20")
    assert in_line(line) == NOTE


def test_syslog_over_tcp() -> None:
    with socket.create_server(("127.0.0.1", 0)) as receiver:
        Syslog(f"tcp:127.0.0.1:{receiver.getsockname()[1]}").send(7, NOTE)
        connection, _ = receiver.accept()
        with connection:
            connection.settimeout(SECONDS)
            line = connection.makefile("rb").read()
    assert line.endswith(b"\n")
    assert in_line(line) == NOTE


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_syslog_over_a_local_socket(tmp_path: Path, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_UNIX, kind) as receiver:
        receiver.bind(str(tmp_path / "log"))
        receiver.settimeout(SECONDS)
        if kind == socket.SOCK_STREAM:
            receiver.listen()
        Syslog(f"unix:{tmp_path / 'log'}").send(7, NOTE)
        if kind == socket.SOCK_STREAM:
            connection, _ = receiver.accept()
            with connection:
                line = connection.makefile("rb").read()
        else:
            line = receiver.recv(65536)
    assert in_line(line) == NOTE


def test_a_syslog_that_is_not_there(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    for address in (f"tcp:127.0.0.1:{port}", f"unix:{tmp_path / 'none'}"):
        with pytest.raises(OSError, match=r"refused|No such file"):
            Syslog(address).send(7, NOTE)


def script(path: Path, text: str) -> Path:
    path.write_text(f"#!{sys.executable} -I\nimport os, sys, json, time, subprocess\n{text}\n")
    path.chmod(0o755)
    return path


def test_a_command_gets_the_note_and_nothing_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MFT_LEDGER__URL", "postgresql://user:secret@host/x")
    told = tmp_path / "told"
    keep = script(
        tmp_path / "keep",
        f"open({str(told)!r}, 'w').write(json.dumps([sys.stdin.read(), sys.argv[1:], dict(os.environ)]))",
    )
    Command([str(keep), "$(id)", "; ls"]).send(7, NOTE)
    note, arguments, environ = json.loads(told.read_text())
    assert (note, arguments) == (NOTE, ["$(id)", "; ls"])
    assert set(environ) <= {"PATH", "LANG", "LC_CTYPE"}


def test_a_command_that_fails(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="ended with 3"):
        Command([str(script(tmp_path / "keep", "sys.exit(3)"))]).send(7, NOTE)
    with pytest.raises(FileNotFoundError):
        Command([str(tmp_path / "none")]).send(7, NOTE)


def test_a_command_that_hangs_is_killed_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    hang = script(
        tmp_path / "keep",
        f"child = subprocess.Popen(['sleep', '600'])\nopen({str(pids)!r}, 'w').write(str(child.pid))\ntime.sleep(600)",
    )
    place = Command([str(hang)], deadline_seconds=3)
    with pytest.raises(Refused, match="did not end"):
        place.send(7, NOTE)
    if pids.exists():  # A slow machine may not even have come so far.
        stat = Path(f"/proc/{pids.read_text()}/stat")
        eventually(lambda: not stat.exists() or ") Z " in stat.read_text(), what="the child is gone")


def mail(smtp: Any, host: str = "127.0.0.1", user: str = "", password: Path | None = None) -> Mail:
    port = smtp.server_address[1]
    return Mail(f"{host}:{port}", "mft@example.com", ["audit@example.com", "b@example.com"], user, password)


def test_mail(smtp: Any) -> None:
    mail(smtp).send(7, NOTE)
    (content,) = smtp.messages
    message = email.message_from_bytes(content, policy=email.policy.default)
    body: Any = message.get_body()
    assert body.get_content() == NOTE
    assert message["Subject"] == "Checkpoint 7 of mft/test"
    assert message["To"] == "audit@example.com, b@example.com"


def test_mail_that_nobody_takes(smtp: Any) -> None:
    smtp.refuses = True
    with pytest.raises(OSError, match="no"):
        mail(smtp).send(7, NOTE)


def secret(tmp_path: Path, mode: int = 0o400) -> Path:
    path = tmp_path / "secret"
    path.write_text(SECRET + "\n")
    path.chmod(mode)
    return path


def test_a_password_is_read_from_its_file_alone_and_not_sent_in_clear(
    smtp: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = secret(tmp_path)
    mail(smtp, user="u", password=path).send(7, NOTE)
    assert any(line.startswith(b"AUTH PLAIN") for line in smtp.said)
    smtp.said.clear()
    monkeypatch.setattr("mft.sinks.mail.is_loopback", lambda _: False)
    with pytest.raises(NotAllowed, match="no TLS"):
        mail(smtp, user="u", password=path).send(7, NOTE)
    assert not any(line.startswith(b"AUTH") for line in smtp.said)
    path.chmod(0o444)
    monkeypatch.undo()
    with pytest.raises(BadConfig, match="others can read"):
        mail(smtp, user="u", password=path).send(7, NOTE)


def test_what_is_signed() -> None:
    """That the signature is right, a real store says below."""
    headers = signed_headers(
        path="/b/k/7.txt", host="s3.example.com", body=b"hello", at=datetime(2026, 3, 1, 9, 30, tzinfo=UTC),
        region="eu-west-1", access_key_id="AKID", secret_key=SECRET,
    )  # fmt: skip
    assert headers["x-amz-content-sha256"] == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    assert headers["content-md5"] == "XUFAKrxLKna5cZ2REBfFkg=="
    assert headers["authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKID/20260301/eu-west-1/s3/aws4_request, "
        "SignedHeaders=content-md5;content-type;host;x-amz-content-sha256;x-amz-date, Signature="
    )
    assert SECRET not in str(headers)


@contextmanager
def rclone(folder: Path) -> Iterator[str]:
    """A store that checks every signature: rclone's own; yields its endpoint."""
    beside = Path(sys.executable).parent / "rclone"
    program = str(beside) if beside.exists() else shutil.which("rclone")
    if program is None:
        missing("rclone is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [str(program), "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", f"AKID,{SECRET}", str(folder)],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, "RCLONE_CONFIG": str(folder.parent / "none.conf")},
    )  # fmt: skip

    def answers() -> bool:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            return False
        return True

    try:
        eventually(answers, what="rclone serves")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(SECONDS)


def test_a_bucket(tmp_path: Path) -> None:
    (tmp_path / "store" / "kept").mkdir(parents=True)

    def bucket(endpoint: str, path: Path) -> Bucket:
        return Bucket(
            endpoint=endpoint, bucket="kept", prefix="log s/", region="us-east-1", access_key_id="AKID",
            secret_key_file=path,
        )  # fmt: skip

    with rclone(tmp_path / "store") as endpoint:
        bucket(endpoint, secret(tmp_path)).send(7, NOTE)
        kept = tmp_path / "store" / "kept" / "log s" / "mft-test" / "7.txt"
        eventually(kept.exists, what="it is kept")
        assert kept.read_text() == NOTE
        other = tmp_path / "other"
        other.write_text("another secret")
        other.chmod(0o400)
        with pytest.raises(Refused, match="answered 403"):
            bucket(endpoint, other).send(8, NOTE)
        assert not kept.with_name("8.txt").exists()
        other.chmod(0o440)
        with pytest.raises(MFTError, match="others can read"):
            bucket(endpoint, other).send(8, NOTE)


def test_a_place_is_named_by_its_address_and_does_not_tell_it() -> None:
    one, other = Syslog("udp:log.example.com:514"), Syslog("udp:log.example.net:514")
    assert one.id != other.id
    assert one.id == Syslog("udp:log.example.com:514").id
    assert "example" not in one.id
