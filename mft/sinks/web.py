"""One request to a web server, with a deadline and without redirects."""

import http.client
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

from mft.errors import Refused
from mft.sinks.mail import DEADLINE_SECONDS

_ANSWER_BYTES_MAX: Final = 1 << 16


def request(method: str, origin: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
    """Make a request of a server that is `https://HOST[:PORT]`, or this host by plain http.

    Raises:
        OSError: it cannot be reached.
        Refused: it answered with something else than 2xx, or not in HTTP.
    """
    where = urlsplit(origin)
    host, port = where.hostname or "", where.port
    connection = (
        http.client.HTTPSConnection(host, port, timeout=DEADLINE_SECONDS, context=ssl.create_default_context())
        if where.scheme == "https"
        else http.client.HTTPConnection(host, port, timeout=DEADLINE_SECONDS)
    )
    try:
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        answer.read(_ANSWER_BYTES_MAX)
    except http.client.HTTPException as error:
        raise Refused(f"the server does not speak HTTP ({type(error).__name__})") from None
    finally:
        connection.close()
    if not 200 <= answer.status < 300:
        raise Refused(f"the server answered {answer.status}")
