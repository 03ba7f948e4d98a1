"""A mail server that takes messages, or refuses them."""

import socketserver
import threading
from collections.abc import Iterator
from typing import Any

import pytest


class SmtpServer(socketserver.StreamRequestHandler):
    """As much of RFC 5321 as takes a message."""

    def handle(self) -> None:
        server: Any = self.server
        self.wfile.write(b"220 sink\r\n")
        while line := self.rfile.readline():
            server.said.append(line)
            verb = line[:4].upper().strip()
            if verb == b"EHLO":
                self.wfile.write(b"250-sink\r\n250 AUTH PLAIN\r\n")
            elif verb == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                lines = iter(self.rfile.readline, b".\r\n")
                server.messages.append(b"".join(line.removeprefix(b".") for line in lines))
                self.wfile.write(b"250 ok\r\n")
            elif verb == b"QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            elif verb == b"AUTH":
                self.wfile.write(b"235 ok\r\n")
            elif verb == b"RCPT" and server.refuses:
                self.wfile.write(b"550 no\r\n")
            else:
                self.wfile.write(b"250 ok\r\n")


@pytest.fixture
def smtp() -> Iterator[Any]:
    server: Any = socketserver.ThreadingTCPServer(("127.0.0.1", 0), SmtpServer)
    server.said, server.messages, server.refuses = [], [], False
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
