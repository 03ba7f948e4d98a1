"""The core's door for other processes."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mft.audit.query import leaves
from mft.command_socket import CommandSocket, CoreClient
from mft.core import Core, Note, Reload
from mft.errors import BadConfig, Missing, NotAllowed, ProtocolViolation
from mft.ledger.database import Ledger, reading
from mft.pipeline import mailbox
from tests.unit.mft.ledger.entries import ACME, new_ledger


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return new_ledger(f"sqlite:{tmp_path / 'ledger.db'}")


@pytest.fixture
async def path(tmp_path: Path, ledger: Ledger) -> AsyncIterator[Path]:
    """A command socket that is served."""

    async def reload(command: Reload) -> dict[str, int]:
        if command.actor == "bad":
            raise BadConfig("a.toml:1: no")
        return {"added": 1}

    core = Core(ledger, sinks=())
    commands = CommandSocket(tmp_path / "core.sock", core, reload)
    await commands.start()
    yield tmp_path / "core.sock"
    await commands.stop()
    core.close()
    assert not (tmp_path / "core.sock").exists()


async def ask(path: Path, command: Any) -> Any:
    def run() -> Any:
        client = CoreClient(path)
        try:
            return client.run(command)
        finally:
            client.close()

    return await asyncio.to_thread(run)


async def test_a_command_is_durable_when_it_is_answered(path: Path, ledger: Ledger) -> None:
    await ask(path, Note("partner.added", "cli:0", facts={"fingerprints": "f"}, private={"name": "acme"}))
    with reading(ledger) as books:
        (leaf,) = leaves(books, kind="partner.added")
    assert leaf["actor"] == "cli:0"
    assert leaf["facts"] == {"fingerprints": "f", "name": "acme"}


@pytest.mark.parametrize(
    ("command", "error", "says"),
    [
        (mailbox.Remove(ACME, b"/inbound", b"none", 0), Missing, "no such file"),
        (mailbox.Rename(ACME, b"/outbound", b"a", b"/inbound", b"b", 0), NotAllowed, "only files"),
        (Reload("bad"), BadConfig, "a.toml:1: no"),
    ],
)
async def test_a_refusal_arrives_as_the_same_error(path: Path, command: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says) as caught:
        await ask(path, command)
    assert type(caught.value) is error


async def test_reload_is_answered(path: Path) -> None:
    assert await ask(path, Reload("cli:0")) == {"added": 1}


async def test_it_is_for_our_own_user(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await asyncio.to_thread(path.stat)).st_mode & 0o777 == 0o600
    monkeypatch.setattr(os, "getuid", lambda: 4711)
    monkeypatch.setattr("mft.command_socket.struct.unpack", lambda *_: (1, 12345, 1))
    with pytest.raises(NotAllowed):
        await ask(path, Reload("cli:0"))


@pytest.mark.parametrize(
    "packed", [b"", b"\xc1", b"hello", msgspec.msgpack.encode({"command": {"type": "Sudo"}}), b"\x91" * 50_000]
)
async def test_what_is_no_command_is_answered_and_harms_nobody(path: Path, packed: bytes) -> None:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(len(packed).to_bytes(4, "big") + packed)
    reply = await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big"))
    assert msgspec.msgpack.decode(reply)["error"] == ProtocolViolation.code
    writer.close()
    await writer.wait_closed()
    assert await ask(path, Reload("cli:0")) == {"added": 1}


async def test_one_far_too_long_ends_that_connection(path: Path) -> None:
    reader, writer = await asyncio.open_unix_connection(str(path))
    writer.write(b"\xff\xff\xff\xff")
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()


async def test_a_client_that_only_listens_does_not_hold_up_a_stop(tmp_path: Path, ledger: Ledger) -> None:
    core = Core(ledger, sinks=())

    async def reload(_: Reload) -> None: ...

    commands = CommandSocket(tmp_path / "idle.sock", core, reload)
    await commands.start()
    idle = socket.socket(socket.AF_UNIX)
    idle.connect(str(tmp_path / "idle.sock"))
    while not commands._clients:  # noqa: ASYNC110
        await asyncio.sleep(0)  # The loop's own turn, not time.
    await asyncio.wait_for(commands.stop(), 30)
    while commands._clients:  # noqa: ASYNC110
        await asyncio.sleep(0)  # The loop's own turn, not time.
    idle.close()
    core.close()


def test_nobody_listens(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No such file"):
        CoreClient(tmp_path / "none.sock")
    left_behind = socket.socket(socket.AF_UNIX)
    left_behind.bind(str(tmp_path / "stale.sock"))
    left_behind.close()
    with pytest.raises(ConnectionRefusedError):
        CoreClient(tmp_path / "stale.sock")
