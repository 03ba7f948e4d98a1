"""Which addresses are of the open internet, and that nothing leads past that."""

import socket
from typing import Any

import pytest

from mft.errors import NotAllowed
from mft.sinks.web import Server, is_public

PRIVATE = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0",  # noqa: S104  Nothing is bound to it.
    "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
    "169.254.169.254", "100.64.0.1", "192.0.0.1", "192.0.2.1", "198.18.0.1", "203.0.113.5", "224.0.0.1", "240.0.0.1",
    "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1",
    "::ffff:10.1.2.3", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1", "64:ff9b:1::a00:1", "2002:7f00:1::",
    "2002:a00:1::1", "2001:db8::1", "localhost", "",
]  # fmt: skip
PUBLIC = ["93.184.216.34", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"]

# The same loopback and link, as an attacker writes them: what the resolver makes of each is what is looked at.
ENCODINGS = [
    "127.0.0.1", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.1", "0177.0.0.1", "017700000001", "0",
    "localhost", "LOCALHOST", "localhost.", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254", "2852039166",
    "0xa9fea9fe", "0251.0376.0251.0376", "[::ffff:a9fe:a9fe]",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_these_are_not_of_the_open_internet(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_these_are(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("host", ENCODINGS)
def test_however_a_private_address_is_written_it_is_not_reached(host: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def connect(*_: Any) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises((NotAllowed, socket.gaierror)):
        Server(f"http://{host}:80", allowed=is_public).ask("POST", "/", {}, b"")


def test_one_private_address_among_several_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(socket.AF_INET, 1, 6, "", (address, 80)) for address in ("1.1.1.1", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    with pytest.raises(NotAllowed):
        Server("http://mixed.example.com", allowed=is_public).ask("POST", "/", {}, b"")


def test_a_name_that_changes_its_mind_gains_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    asked, reached = [], []

    def resolve(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, 1, 6, "", ("1.1.1.1" if len(asked) == 1 else "127.0.0.1", port))]

    def connect(_: socket.socket, address: Any) -> None:
        reached.append(address)
        raise ConnectionRefusedError

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket.socket, "connect", connect)
    with pytest.raises(ConnectionRefusedError):
        Server("http://rebind.example.com", allowed=is_public).ask("POST", "/", {}, b"")
    assert (asked, reached) == (["rebind.example.com"], [("1.1.1.1", 80)])
