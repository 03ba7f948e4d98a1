"""A mail server that takes messages from us."""

import smtplib
import socket
import ssl
import time
from collections.abc import Sequence
from email.message import EmailMessage
from pathlib import Path
from typing import Final

from mft.clock import new_id
from mft.crypto.keys import read_key_file
from mft.errors import NotAllowed

DEADLINE_SECONDS: Final = 20.0
"""For every step of a conversation with somebody elsewhere."""


def is_loopback(host: str) -> bool:
    return host in {"localhost", "127.0.0.1", "::1"}


def host_and_port(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


class MailServer:
    """Messages go over TLS where it is offered; without, no password is sent but to this host."""

    def __init__(self, server: str, sender: str, user: str, password_file: Path | None) -> None:
        self._host, self._port = host_and_port(server)
        self._sender = sender
        self._user = user
        self._password_file = password_file

    def deliver(self, to: Sequence[str], subject: str, text: str) -> None:
        """Raises OSError (smtplib's errors are), NotAllowed."""
        message = EmailMessage()
        message["From"] = self._sender
        message["To"] = ", ".join(to)
        message["Subject"] = subject
        message["Date"] = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime())
        message["Message-ID"] = f"<{new_id()}@{socket.gethostname()}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text, cte="base64")  # Else each newline becomes CR LF, and a note is another.
        with smtplib.SMTP(self._host, self._port, timeout=DEADLINE_SECONDS) as server:
            server.ehlo()
            private = is_loopback(self._host)
            if server.has_extn("starttls"):
                server.starttls(context=ssl.create_default_context())
                server.ehlo()
                private = True
            if self._user and self._password_file is not None:
                if not private:
                    raise NotAllowed("the mail server offers no TLS: the password was not sent")
                server.login(self._user, read_key_file(self._password_file, private=True).strip())
            server.send_message(message)
