"""Ways to people: mail, and a webhook that a chat server or a pager listens to."""

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from mft.pipeline.alerts import Message, as_json
from mft.sinks.checkpoints import identify
from mft.sinks.mail import MailServer
from mft.sinks.web import request


class AlertMail:
    """Each message is a mail: to those whom it names, or else to `to`."""

    def __init__(self, server: str, sender: str, to: Sequence[str], user: str, password_file: Path | None) -> None:
        self.id = identify("mail", server, *to)
        self._server = MailServer(server, sender, user, password_file)
        self._to = tuple(to)

    def tell(self, message: Message) -> None:
        self._server.deliver(message.to or self._to, message.subject, message.text)


class AlertWebhook:
    """Each message is a POST of a JSON text: `text`, as chat servers take it, and `alerts`."""

    def __init__(self, url: str) -> None:
        self.id = identify("webhook", url)
        where = urlsplit(url)
        self._origin = f"{where.scheme}://{where.netloc}"
        self._path = (where.path or "/") + (f"?{where.query}" if where.query else "")

    def tell(self, message: Message) -> None:
        headers = {"content-type": "application/json", "user-agent": "mft"}
        request("POST", self._origin, self._path, headers, as_json(message))
