"""A client with Nagle's algorithm on keeps the end of a request back until TCP acknowledged its beginning."""

import socket
from types import SimpleNamespace
from typing import Any

from mft.domain import Principal
from mft.endpoints.sftp.session import Session

ACME = Principal("c" * 26, "acme", "acme", "SHA256:x", "0" * 64)
INIT = b"\x00\x00\x00\x05\x01\x00\x00\x00\x03"
REALPATH = b"\x00\x00\x00\x0a\x10\x00\x00\x00\x01\x00\x00\x00\x01."


class Channel:
    """A channel whose socket and answers are kept."""

    def __init__(self) -> None:
        self.options: list[tuple[int, ...]] = []
        self.answers: list[bytes] = []

    def get_extra_info(self, name: str) -> Any:
        assert name == "socket"
        return SimpleNamespace(setsockopt=lambda *option: self.options.append(option))

    def set_write_buffer_limits(self, high: int) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.answers.append(data)


async def test_half_a_request_is_acknowledged_at_once_and_a_whole_one_by_its_answer() -> None:
    door: Any = None
    session = Session(door, ACME, "127.0.0.1", "client", lambda reason: None)
    channel: Any = Channel()
    session.connection_made(channel)
    session.data_received(INIT, None)
    session.data_received(REALPATH, None)
    assert (channel.options, len(channel.answers)) == ([], 2)
    session.data_received(REALPATH[:7], None)
    assert channel.options == [(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)]
    session.data_received(REALPATH[7:], None)
    assert (len(channel.options), len(channel.answers)) == (1, 3)
