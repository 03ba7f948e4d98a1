"""A receiver of webhooks, as somebody downstream would write it: a web server that verifies, and can misbehave."""

import json
import socket
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from standardwebhooks.webhooks import Webhook as Verifier

from mft.sinks.webhook import write_secret


class Receiver:
    """Verifies each event, and keeps what it answered 200 to, in order. `misbehaves` says what it does instead."""

    def __init__(self, root: Path) -> None:
        self.secret_file = root / "whsec"
        write_secret(self.secret_file)
        self._verifier = Verifier(self.secret_file.read_text().strip())
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.port = int(listener.getsockname()[1])
        self.events: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.asked = 0
        self.misbehaves: Any = None  # A function of the handler; returns whether it answered by itself.
        self._lines: set[socket.socket] = set()
        self._web: ThreadingHTTPServer | None = None
        self._thread: threading.Thread | None = None
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks?x=1"

    def start(self) -> None:
        receiver = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            timeout = 30

            def setup(self) -> None:
                super().setup()
                receiver._lines.add(self.connection)

            def finish(self) -> None:
                receiver._lines.discard(self.connection)
                super().finish()

            def do_POST(self) -> None:
                receiver.asked += 1
                body = self.rfile.read(int(self.headers["content-length"]))
                if receiver.misbehaves is not None and receiver.misbehaves(self):
                    return
                said = {name.lower(): value for name, value in self.headers.items()}
                receiver._verifier.verify(body.decode(), said)
                receiver.headers.append(said)
                receiver.events.append(json.loads(body))
                self.answer(200)

            def answer(self, status: int, **headers: str) -> None:
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        class Web(ThreadingHTTPServer):
            def handle_error(self, *_: Any) -> None:
                """A line that ended is what tests are about."""

        self._web = Web(("127.0.0.1", self.port), Door)
        self._web.daemon_threads = True
        self._thread = threading.Thread(target=self._web.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """As a kill would: open connections end too."""
        if self._web is None or self._thread is None:
            return
        self._web.shutdown()
        self._thread.join()
        self._web.server_close()
        for line in list(self._lines):
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._web = None


def answers(status: int, **headers: str) -> Any:
    """Misbehaviour: this answer."""

    def misbehave(door: Any) -> bool:
        door.answer(status, **headers)
        return True

    return misbehave


def trickles(seconds: float) -> Any:
    """Misbehaviour: an answer of which a byte comes now and then, for so long."""

    def misbehave(door: Any) -> bool:
        until = time.monotonic() + seconds
        try:
            door.wfile.write(b"HTTP/1.1 200 OK\r\nx-slow: ")
            gone = threading.Event()
            while time.monotonic() < until:
                door.wfile.write(b"x")
                door.wfile.flush()
                gone.wait(0.05)
        except OSError:
            pass
        door.close_connection = True
        return True

    return misbehave


def hangs_up(door: Any) -> bool:
    """Misbehaviour: no answer at all."""
    door.close_connection = True
    return True
