"""Places outside this host that keep checkpoints: a syslog, a mailbox, whatever a command does. Buckets: `bucket.py`.

A note is a few hundred bytes and no secret. Each place has a deadline, for every step of a conversation.
"""

import errno
import hashlib
import json
import os
import signal
import socket
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

from mft.clock import now_us, rfc3339
from mft.errors import Refused
from mft.sinks.mail import DEADLINE_SECONDS, MailServer, host_and_port

_NOTICE_OF_AUTH: Final = 10 * 8 + 5  # Facility authpriv, severity notice.


def identify(kind: str, *address: str) -> str:
    """What a destination is called in the ledger and in leaves, which must not say where it is."""
    return f"{kind}-{hashlib.sha256(chr(0).join(address).encode()).hexdigest()[:8]}"


class Syslog:
    """One line: the note as a JSON text, so that it can be read back as it was. UDP promises no arrival.

    Args:
        address: `udp:HOST:PORT`, `tcp:HOST:PORT` or `unix:PATH`. RFC 5424, but for the local socket, which takes
            what syslog(3) writes; over TCP a line ends with a newline (RFC 6587 section 3.4.2).
    """

    def __init__(self, address: str) -> None:
        self.id = identify("syslog", address)
        self._kind, _, self._where = address.partition(":")

    def send(self, size: int, note: str) -> None:  # noqa: ARG002  The note says it too.
        said = f"checkpoint {json.dumps(note)}"
        if self._kind == "unix":
            self._to_socket(f"<{_NOTICE_OF_AUTH}>mft[{os.getpid()}]: {said}".encode())
            return
        head = f"<{_NOTICE_OF_AUTH}>1 {rfc3339(now_us())} {socket.gethostname()} mft {os.getpid()} checkpoint -"
        line = f"{head} {said}".encode()
        host, port = host_and_port(self._where)
        if self._kind == "tcp":
            with socket.create_connection((host, port), DEADLINE_SECONDS) as channel:
                channel.sendall(line + b"\n")
            return
        family, kind, protocol, _, target = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
        with socket.socket(family, kind, protocol) as channel:
            channel.settimeout(DEADLINE_SECONDS)
            channel.sendto(line, target)

    def _to_socket(self, line: bytes) -> None:
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
                channel.settimeout(DEADLINE_SECONDS)
                channel.connect(self._where)
                channel.send(line)
        except OSError as error:
            if error.errno != errno.EPROTOTYPE:  # It is a stream.
                raise
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
                channel.settimeout(DEADLINE_SECONDS)
                channel.connect(self._where)
                channel.sendall(line + b"\0")


class Command:
    """A program of the operator's, with the note on its standard input. It has the checkpoint if it ends with 0.

    It gets no environment of ours but PATH, no shell looks at its arguments, and its time is up at the deadline: then
    it is killed with everything that it started.
    """

    def __init__(self, arguments: Sequence[str], deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self.id = identify("command", *arguments)
        self._arguments = list(arguments)
        self._seconds = deadline_seconds

    def send(self, size: int, note: str) -> None:  # noqa: ARG002
        process = subprocess.Popen(
            self._arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8"},
            cwd="/",
            start_new_session=True,
        )
        try:
            process.communicate(note.encode(), self._seconds)
        except subprocess.TimeoutExpired:
            raise Refused(f"the command did not end within {self._seconds:.0f} s") from None
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        if process.returncode != 0:
            raise Refused(f"the command ended with {process.returncode}")


class Mail:
    """A message to people for each checkpoint."""

    def __init__(self, server: str, sender: str, to: Sequence[str], user: str, password_file: Path | None) -> None:
        self.id = identify("mail", server, *to)
        self._server = MailServer(server, sender, user, password_file)
        self._to = list(to)

    def send(self, size: int, note: str) -> None:
        origin = note.partition("\n")[0]
        self._server.deliver(self._to, f"Checkpoint {size} of {origin}", note)
