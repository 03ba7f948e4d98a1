"""Events to a web server, each a POST that is signed: Standard Webhooks, and CloudEvents by the HTTP binding.

Durability: a 2xx is the receiver's word that it has the event.
Loss: nothing that the outbox does not still have.
Trust: who has the secret can make events that look like ours; two hold while one takes the other's place.
Spec: github.com/standard-webhooks/standard-webhooks, version 1: `webhook-id`, `webhook-timestamp`, `webhook-signature`.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from mft.crypto.keys import read_key_file
from mft.errors import BadConfig, MFTError, NameTaken
from mft.pipeline.emit import Gone, Later, Outgoing, Unreached
from mft.sinks.cloudevents import Format, framed
from mft.sinks.lines import tls
from mft.sinks.web import Answer, Server, anywhere, is_public

PROVEN: Final = "against a receiver of the tests, a real server"
PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
_WAIT_SECONDS_MAX: Final = 3600
_NOT_NOW: Final = frozenset({408, 425, 429, 502, 503, 504})
_GONE: Final = 410


def secret_in(path: Path) -> bytes:
    """The secret that a file of mode 0400 has, `whsec_` and base64 of 24 to 64 bytes. Raises BadConfig."""
    text = read_key_file(path, private=True).strip()
    try:
        secret = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except binascii.Error:
        secret = b""
    if not text.startswith(PREFIX) or not 24 <= len(secret) <= 64:
        raise BadConfig(f"{path}: expected {PREFIX} and 24 to 64 bytes in base64; `mft events secret FILE` makes one")
    return secret


def write_secret(path: Path) -> None:
    """Make a secret, in a file of mode 0400. Raises NameTaken: the file is there."""
    text = f"{PREFIX}{base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()}\n"
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o400)
    except FileExistsError:
        raise NameTaken(f"{path} is there already: it may be in use, so choose another name") from None
    with os.fdopen(fd, "w", encoding="ascii") as file:
        file.write(text)


def signature(keys: Sequence[bytes], event: str, at: int, body: bytes) -> str:
    """What `webhook-signature` says: one signature by each secret."""
    signed = f"{event}.{at}.".encode() + body
    macs = (hmac.new(secret, signed, hashlib.sha256).digest() for secret in keys)
    return " ".join(f"v1,{base64.b64encode(mac).decode()}" for mac in macs)


class Webhook:
    """Several connections, so that one partner's events do not wait for another's."""

    window = 1

    def __init__(
        self,
        name: str,
        url: str,
        *,
        secret_file: str,
        old_secret_file: str = "",
        ca_file: str = "",
        private: bool = False,
        parallel: int = 8,
        how: Format = "structured",
        seconds: float = 10.0,
    ) -> None:
        """Raises BadConfig: a file cannot be read."""
        self.name = name
        where = urlsplit(url)
        self._origin = f"{where.scheme}://{where.netloc}"
        self._path = (where.path or "/") + (f"?{where.query}" if where.query else "")
        self._secrets = [secret_in(Path(path)) for path in (secret_file, old_secret_file) if path]
        self._context = tls(ca_file) if where.scheme == "https" else None
        self._allowed = anywhere if private else is_public
        self._how = how
        self._seconds = seconds
        self._pool = ThreadPoolExecutor(parallel, thread_name_prefix=f"webhook-{name}")
        self._mine = threading.local()
        self._servers: list[Server] = []

    def deliver(self, events: Sequence[Outgoing]) -> Mapping[str, str]:
        answers = list(self._pool.map(self._post, events))
        delivered, refused = [], {}
        failures: list[Exception] = []
        for event, answer in zip(events, answers, strict=True):
            if isinstance(answer, Exception):
                failures.append(answer)
            elif answer:
                refused[event.id] = answer
            else:
                delivered.append(event.id)
        if not failures:
            return refused
        for error in failures:
            if isinstance(error, (Gone, Later)):
                raise error
        # What was refused beside it is asked again with the rest.
        raise Unreached(_reason(failures[0]), delivered) if delivered or len(events) > 1 else failures[0]

    def close(self) -> None:
        self._pool.shutdown()
        for server in self._servers:
            server.close()

    def _post(self, event: Outgoing) -> str | Exception:
        """Returns why it was refused, nothing where it was taken; or what went wrong."""
        form = framed(event, self._how)
        at = int(time.time())
        headers = {
            "content-type": form.content_type,
            "user-agent": "mft",
            "webhook-id": event.id,
            "webhook-timestamp": str(at),
            "webhook-signature": signature(self._secrets, event.id, at, form.body),
            **{f"ce-{name}": _escaped(value) for name, value in form.attributes.items()},
        }
        try:
            return _verdict(self._server().ask("POST", self._path, headers, form.body))
        except (OSError, MFTError) as error:
            return error

    def _server(self) -> Server:
        """One connection for each thread."""
        server: Server | None = getattr(self._mine, "server", None)
        if server is None:
            server = self._mine.server = Server(
                self._origin, allowed=self._allowed, context=self._context, seconds=self._seconds
            )
            self._servers.append(server)
        return server


def _verdict(answer: Answer) -> str:
    """Raises Gone, Later, Unreached: nothing is wrong with the event itself."""
    if 200 <= answer.status < 300:
        return ""
    if answer.status == _GONE:
        raise Gone("the receiver answered 410")
    if answer.status in _NOT_NOW:
        seconds = retry_after(answer.headers.get("retry-after", ""), time.time())
        if seconds is not None:
            raise Later("the receiver names a time", min(seconds, _WAIT_SECONDS_MAX))
        raise Unreached(f"webhook.{answer.status}")
    return f"webhook.{answer.status}"


def retry_after(text: str, now: float) -> float | None:
    """Seconds to wait, as a server says it: a number, or a date (RFC 9110 section 10.2.3); None: it says nothing."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text[:9])
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now)
    except ValueError:
        return None


def _escaped(value: str) -> str:
    """A header's value, by the HTTP binding (section 3.1.3.2)."""
    return "".join(one if "!" <= one <= "~" and one not in '"%' else _percent(one) for one in value)


def _percent(one: str) -> str:
    return "".join(f"%{byte:02X}" for byte in one.encode())


def _reason(error: Exception) -> str:
    match error:
        case Unreached():
            return error.why
        case MFTError():
            return error.code
    return f"webhook.{type(error).__name__}"
