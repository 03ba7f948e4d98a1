"""Messages to people arrive by mail and by webhook, and a refusal is told."""

import email
import email.policy
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from mft.errors import Refused
from mft.pipeline.alerts import Message
from mft.sinks.people import AlertMail, AlertWebhook

MESSAGE = Message("mft on host: trouble", "Since when, and what:\n", [{"id": "a", "words": "trouble"}])


@pytest.fixture
def web() -> Iterator[Any]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got = self.rfile.read(int(self.headers["content-length"]))
            server.got.append((self.path, self.headers["content-type"], json.loads(got)))
            self.send_response(server.status)
            self.send_header("location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            return

    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.got, server.status = [], 204
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_mail_to_those_whom_it_names(smtp: Any) -> None:
    channel = AlertMail(f"127.0.0.1:{smtp.server_address[1]}", "mft@example.com", ["ops@example.com"], "", None)
    channel.tell(MESSAGE)
    channel.tell(MESSAGE._replace(to=("night@example.com",)))
    messages = [email.message_from_bytes(one, policy=email.policy.default) for one in smtp.messages]
    assert [one["To"] for one in messages] == ["ops@example.com", "night@example.com"]
    assert messages[0]["Subject"] == MESSAGE.subject
    body: Any = messages[0].get_body()
    assert body.get_content() == MESSAGE.text


def test_a_webhook(web: Any) -> None:
    AlertWebhook(f"http://127.0.0.1:{web.server_address[1]}/hooks/ops?key=1").tell(MESSAGE)
    ((path, kind, said),) = web.got
    assert (path, kind) == ("/hooks/ops?key=1", "application/json")
    assert said == {"text": f"{MESSAGE.subject}\n{MESSAGE.text}", "alerts": MESSAGE.alerts}


@pytest.mark.parametrize("status", [302, 404, 500])
def test_a_webhook_that_does_not_take_it(web: Any, status: int) -> None:
    web.status = status
    with pytest.raises(Refused, match=str(status)):
        AlertWebhook(f"http://127.0.0.1:{web.server_address[1]}").tell(MESSAGE)
    assert len(web.got) == 1


def test_no_address_stands_in_its_id() -> None:
    assert "example" not in AlertWebhook("https://example.com/hook").id
