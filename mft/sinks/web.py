"""The one way to web servers: addresses are looked at before they are reached, time and answers are bounded.

A name is resolved once, each address it has is looked at, and the connection goes to one of these and no other, so that
a name which changes its mind in between gains nothing. No redirects, no proxies out of the environment.
"""

import http.client
import io
import socket
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from time import monotonic
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from mft.errors import NotAllowed, Refused
from mft.sinks.mail import DEADLINE_SECONDS

_ANSWER_BYTES_MAX: Final = 1 << 16
_WITHIN_IPV6: Final = (  # Prefixes that carry an IPv4 address, and where in them: RFC 6052, 3056, 4291.
    (ip_network("64:ff9b::/96"), 0),
    (ip_network("64:ff9b:1::/48"), 0),
    (ip_network("2002::/16"), 80),
    (ip_network("::/96"), 0),
)


class Answer(NamedTuple):
    """What a server said: its status, and the headers by lower-case name."""

    status: int
    headers: Mapping[str, str]


def is_public(address: str) -> bool:
    """Whether an address is one of the open internet: not of this host, a private network, a link, or a special use."""
    try:
        found: IPv4Address | IPv6Address = ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        for network, shift in _WITHIN_IPV6:
            if found in network:
                return is_public(str(IPv4Address(int(found) >> shift & 0xFFFFFFFF)))
    return found.is_global and not (found.is_multicast or found.is_reserved or found.is_unspecified)


def anywhere(_address: str) -> bool:
    """For servers that the operator names by hand, wherever they are."""
    return True


class Server:
    """A web server at `https://HOST[:PORT]` or `http://…`, and a connection to it that is kept.

    Raises, from `ask`: OSError: it cannot be reached, or not in time; what was asked may have been done. NotAllowed: it
    has an address that `allowed` does not let pass. Refused: it does not speak HTTP.
    """

    def __init__(
        self,
        origin: str,
        *,
        allowed: Callable[[str], bool] = anywhere,
        context: ssl.SSLContext | None = None,
        seconds: float = DEADLINE_SECONDS,
    ) -> None:
        where = urlsplit(origin)
        self._host = where.hostname or ""
        self._context = (context or ssl.create_default_context()) if where.scheme == "https" else None
        self._port = where.port or (443 if self._context else 80)
        self._allowed = allowed
        self._seconds = seconds
        self._connection: http.client.HTTPConnection | None = None
        self._line: _Timed | None = None

    def ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Answer:
        until = monotonic() + self._seconds
        if self._connection is not None:
            with suppress(BrokenPipeError, ConnectionResetError), self._whole():  # It ended meanwhile.
                return self._ask(method, path, headers, body, until)
        with self._whole():
            return self._ask(method, path, headers, body, until)

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """A connection on which something went wrong is not used again."""
        try:
            yield
        except BaseException as error:
            self.close()
            if isinstance(error, http.client.HTTPException) and not isinstance(error, OSError):
                raise Refused(f"the server does not speak HTTP ({type(error).__name__})") from None
            raise

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._line is not None:
            self._line.end()
            self._line = None

    def _ask(self, method: str, path: str, headers: Mapping[str, str], body: bytes, until: float) -> Answer:
        if self._connection is None:
            self._connection = self._connect(until)
        connection = self._connection
        assert self._line is not None
        self._line.until = until
        connection.request(method, path, body, dict(headers))
        answer = connection.getresponse()
        rest = answer.read(_ANSWER_BYTES_MAX)
        if answer.will_close or len(rest) == _ANSWER_BYTES_MAX:
            self.close()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()})

    def _connect(self, until: float) -> http.client.HTTPConnection:
        addresses = [found[4] for found in socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)]
        for address in addresses:
            if not self._allowed(str(address[0])):
                raise NotAllowed("the server's name leads to an address that is not of the open internet")
        line = _reach(addresses, until)
        if self._context is not None:
            try:
                line.settimeout(max(until - monotonic(), 0.001))
                line = self._context.wrap_socket(line, server_hostname=self._host)
            except BaseException:
                line.close()
                raise
        connection = http.client.HTTPConnection(self._host, self._port)
        self._line = _Timed(line, until)
        connection.sock = self._line  # As much of a socket as http.client asks for.
        return connection


def _reach(addresses: Sequence[tuple[Any, ...]], until: float) -> socket.socket:
    """The first that answers."""
    last: OSError = TimeoutError("no time left")
    for address in addresses:
        left = until - monotonic()
        if left <= 0:
            break
        family = socket.AF_INET6 if len(address) == 4 else socket.AF_INET
        line = socket.socket(family, socket.SOCK_STREAM)
        try:
            line.settimeout(left)
            line.connect(address)
        except OSError as error:
            line.close()
            last = error
        else:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return line
    raise last


class _Timed(io.RawIOBase):
    """A socket whose time is over at a moment, however little at a time the other side says."""

    def __init__(self, line: socket.socket, until: float) -> None:
        super().__init__()
        self._line = line
        self.until = until

    def sendall(self, data: bytes) -> None:
        self._line.settimeout(self._left())
        self._line.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Kept(self))

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        self._line.settimeout(self._left())
        return self._line.recv_into(buffer)

    def close(self) -> None:
        """The library closes what it still reads an answer from; `end` closes it for good."""

    def end(self) -> None:
        self._line.close()

    def _left(self) -> float:
        left = self.until - monotonic()
        if left <= 0:
            raise TimeoutError("the server took too long")
        return left


class _Kept(io.RawIOBase):
    """What one answer is read by; closing it leaves the line open for the next."""

    def __init__(self, line: _Timed) -> None:
        super().__init__()
        self._line = line

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview, /) -> int:  # type: ignore[override]
        return self._line.readinto(buffer)


def request(method: str, origin: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
    """Make a request of a server that is `https://HOST[:PORT]`, or this host by plain http.

    Raises:
        OSError: it cannot be reached.
        Refused: it answered with something else than 2xx, or not in HTTP.
    """
    server = Server(origin)
    try:
        answer = server.ask(method, path, headers, body)
    finally:
        server.close()
    if not 200 <= answer.status < 300:
        raise Refused(f"the server answered {answer.status}")
