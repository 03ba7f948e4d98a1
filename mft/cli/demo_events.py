"""The demo's last story: every event reaches a program downstream, though that is restarted in between."""

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Final

from mft.cli.demo_inbound import RETAILER, order, put

if TYPE_CHECKING:
    from pathlib import Path

    from mft.home import Home
    from mft.server import Server

_SINK: Final = "downstream"
_WAIT_SECONDS: Final = 60.0


class Receiver:
    """A program of somebody downstream: it verifies each event that it gets, and tells repetitions by their id."""

    def __init__(self, home: "Home") -> None:
        """It is given an address and a secret, and mft.toml says both."""
        from mft.sinks.webhook import secret_in, write_secret

        path = home.root / "keys" / "downstream.secret"
        write_secret(path)
        self._secret = secret_in(path)
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self._port = int(listener.getsockname()[1])
        self.events: dict[str, dict[str, Any]] = {}
        self.repeated = 0
        self.forged = 0
        self._web: ThreadingHTTPServer | None = None
        self._add_sink(home.config_file, path)

    def _add_sink(self, config: "Path", secret: "Path") -> None:
        lines = f"""
[events.sinks.{_SINK}]
kind = "webhook"
url = "http://127.0.0.1:{self._port}/events"
secret_file = "{secret}"
private = true              # An address of this host.
"""
        config.write_text(config.read_text(encoding="utf-8") + lines, encoding="utf-8")

    def start(self) -> None:
        receiver = self

        class Door(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if receiver.is_down:  # A connection from before.
                    self.close_connection = True
                    return
                self.send_response(200 if receiver.take(self.headers, body) else 401)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._web = ThreadingHTTPServer(("127.0.0.1", self._port), Door)
        self._web.daemon_threads = True
        threading.Thread(target=self._web.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._web is not None:
            self._web.shutdown()
            self._web.server_close()
            self._web = None

    @property
    def is_down(self) -> bool:
        return self._web is None

    def take(self, headers: Any, body: bytes) -> bool:
        """Returns whether the event is ours: its signature is right."""
        event = headers["webhook-id"]
        signed = f"{event}.{headers['webhook-timestamp']}.".encode() + body
        right = "v1," + base64.b64encode(hmac.new(self._secret, signed, hashlib.sha256).digest()).decode()
        if not any(hmac.compare_digest(one, right) for one in headers["webhook-signature"].split()):
            self.forged += 1
            return False
        self.repeated += event in self.events
        self.events[event] = json.loads(body)
        return True


async def play(server: "Server", home: "Home", receiver: Receiver, number: int) -> None:
    """Take the receiver away, let a file come in, and bring it back."""
    from mft.ledger.database import Ledger, reading
    from mft.ledger.outbox import depths, events_after

    print(f"{number:2}. events for a program downstream, by a signed webhook, which is restarted meanwhile")
    ledger = Ledger(home.ledger_url(server.config.ledger.url))

    def waiting() -> int:
        with reading(ledger) as books:
            return sum(int(row["events"]) for row in depths(books) if row["sink"] == _SINK)

    def announced() -> list[str]:
        found: list[str] = []
        with reading(ledger) as books:
            while rows := events_after(books, found[-1] if found else ""):
                found += [str(row["id"]) for row in rows]
        return found

    await _until(lambda: waiting() == 0)
    print(f"     it has verified {len(receiver.events)} events so far; now it is down, and an order comes in")
    await asyncio.to_thread(receiver.stop)
    await put(server, home, RETAILER, "po-while-down.edi", order("CORNERSHOP", "EXAMPLEWORKS", "P", 4990), "done")
    print(f"     {waiting()} events wait for it, as long as it takes")
    receiver.start()
    await _until(lambda: waiting() == 0)
    events = announced()
    missing = [one for one in events if one not in receiver.events]
    print(
        f"     it is back: {len(receiver.events)} of {len(events)} events verified, {len(missing)} missing, "
        f"{receiver.repeated} came twice under the same id, {receiver.forged} signatures were wrong"
    )
    assert not missing, "an event is missing"
    assert not receiver.forged, "a signature was wrong"


async def _until(done: Any) -> None:
    """Raises TimeoutError: it never was."""
    async with asyncio.timeout(_WAIT_SECONDS):
        while not done():  # noqa: ASYNC110  What another thread commits has no event here.
            await asyncio.sleep(0.05)
