"""Asks ClamAV's daemon, by its INSTREAM command: bytes go over the socket, and no file is shared with it.

Spec: clamd(8), COMMANDS: zINSTREAM and a NUL, then pieces of a length of four bytes, big-endian, and so many bytes,
ended by a length of zero; answered by `stream: OK`, `stream: NAME FOUND`, or words that end in ERROR.
"""

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from typing import Final

from mft.pipeline.scan import ScannerDown, TooLargeToScan

_ANSWER_MAX: Final = 4096
_SECONDS: Final = 120.0
_LIMITS: Final = "Heuristics.Limits.Exceeded"  # With AlertExceedsMax: it did not look at all of it.


class Clamd:
    """One daemon. `address` is unix:/PATH or tcp:HOST:PORT."""

    def __init__(self, address: str, *, seconds: float = _SECONDS) -> None:
        self._address = address
        self._seconds = seconds

    def answers(self) -> bool:
        try:
            with self._connected() as connection:
                connection.sendall(b"zPING\0")
                return _answer(connection) == "PONG"
        except OSError:
            return False

    def scan(self, chunks: Iterator[bytes]) -> str | None:
        """See `Scanner`."""
        try:
            with self._connected() as connection:
                with suppress(ConnectionError):  # It may have seen enough: what it says then can still be read.
                    connection.sendall(b"zINSTREAM\0")
                    for chunk in chunks:
                        connection.sendall(len(chunk).to_bytes(4, "big") + chunk)
                    connection.sendall(bytes(4))
                answer = _answer(connection)
        except OSError:
            raise ScannerDown("the scanner does not answer") from None
        found = re.fullmatch(r"stream: (.+) FOUND", answer)
        if "size limit exceeded" in answer or (found and found[1].startswith(_LIMITS)):
            raise TooLargeToScan
        if found:
            return re.sub(r"[^A-Za-z0-9._-]", "?", found[1])[:128]
        if answer != "stream: OK":
            raise ScannerDown("the scanner could not say")
        return None

    def _connected(self) -> socket.socket:
        kind, _, where = self._address.partition(":")
        if kind == "unix":
            connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            connection.settimeout(self._seconds)
            try:
                connection.connect(where)
            except BaseException:
                connection.close()
                raise
            return connection
        host, _, port = where.rpartition(":")
        return socket.create_connection((host.strip("[]"), int(port)), self._seconds)


def _answer(connection: socket.socket) -> str:
    answer = b""
    while b"\0" not in answer and len(answer) < _ANSWER_MAX and (piece := connection.recv(_ANSWER_MAX)):
        answer += piece
    return answer.partition(b"\0")[0].decode("utf-8", "replace").strip()
