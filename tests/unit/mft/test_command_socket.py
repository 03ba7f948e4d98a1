"""The core's door for other processes."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import msgspec
import pytest

from mft.audit.query import leaves
from mft.command_socket import CommandSocket, CoreClient, CoreLine, FreeName, HoldName, UnwrapDek
from mft.core import Core, Note, Reload
from mft.errors import BadConfig, Broken, Busy, Missing, NotAllowed, ProtocolViolation
from mft.ledger.database import Ledger, reading
from mft.pipeline import mailbox
from mft.pipeline.receive import Begin, Keep
from tests.unit.mft.ledger.entries import ACME, arrival, new_ledger


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

    core = Core(ledger, subscriptions={})
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
    core = Core(ledger, subscriptions={})

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


# Lines of doors


class Host:
    """A core with its socket, and what it was asked for."""

    def __init__(self, path: Path, core: Core) -> None:
        self.path = path
        self.core = core
        self.gone: list[set[str]] = []
        self.wanted: list[HoldName] = []
        self.lost: list[str] = []
        self.lines: list[CoreLine] = []
        self.went = asyncio.Event()
        self.socket = CommandSocket(
            path, core, self._refuse, unwrap=self._unwrap, on_wanted=self._on_wanted, on_gone=self._on_gone
        )

    async def _refuse(self, _: Any) -> None:
        raise BadConfig("no")

    def _unwrap(self, object_id: str) -> bytes:
        if object_id == "none":
            raise Missing("no such object")
        return object_id.encode()

    async def _on_wanted(self, name: HoldName) -> None:
        self.wanted.append(name)

    async def _on_gone(self, transfers: set[str]) -> None:
        self.gone.append(transfers)
        self.went.set()

    def line(self) -> CoreLine:
        self.lines.append(CoreLine(self.path, on_lost=lambda: self.lost.append("lost")))
        return self.lines[-1]


@pytest.fixture
async def host(tmp_path: Path, ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Host]:
    monkeypatch.setattr("mft.command_socket._GIVE_WAY_SECONDS", 0.05)
    core = Core(ledger, subscriptions={})
    host = Host(tmp_path / "core.sock", core)
    await host.socket.start()
    yield host
    for line in host.lines:
        await asyncio.to_thread(line.close)
    await host.socket.stop()
    core.close()


def begin(transfer: str) -> Begin:
    return Begin(transfer, arrival(b"a"), None, 0, begun=False, object_begun=False)


HOLD = HoldName(ACME.connection, b"/inbound", b"daily.txt")
FREE = FreeName(ACME.connection, b"/inbound", b"daily.txt")


async def answer(line: CoreLine, command: Any) -> Any:
    return await asyncio.wait_for(asyncio.wrap_future(line.submit(command)), 30)


class TestLine:
    async def test_many_are_under_way_and_each_has_its_own_answer(self, host: Host, ledger: Ledger) -> None:
        line = host.line()
        notes = [Note("partner.added", f"cli:{number}", private={"name": "a"}) for number in range(50)]
        asked = [line.submit(UnwrapDek(str(number))) for number in range(50)]
        noted = [line.submit(note) for note in notes]
        assert [await asyncio.wrap_future(one) for one in asked] == [b"%d" % number for number in range(50)]
        assert {await asyncio.wrap_future(one) for one in noted} == {None}
        with reading(ledger) as books:  # In the order in which they were sent.
            told = [leaf["actor"] for leaf in leaves(books, kind="partner.added", newest_first=False)]
        assert told == [note.actor for note in notes]

    async def test_a_refusal_is_the_same_error_and_harms_no_other(self, host: Host) -> None:
        line = host.line()
        with pytest.raises(Missing, match="no such object"):
            await answer(line, UnwrapDek("none"))
        assert await answer(line, UnwrapDek("an-object")) == b"an-object"

    async def test_whoever_runs_no_doors_hands_out_no_dek(self, path: Path) -> None:
        line = await asyncio.to_thread(CoreLine, path, on_lost=lambda: None)
        with pytest.raises(NotAllowed, match="no door runs as a process"):
            await answer(line, UnwrapDek("an-object"))
        await asyncio.to_thread(line.close)

    async def test_a_core_that_ends_fails_what_waits_and_is_told_once(self, host: Host) -> None:
        line = host.line()
        assert await answer(line, UnwrapDek("a")) == b"a"
        await host.socket.stop()
        await asyncio.to_thread(line._reader.join, 30)
        assert host.lost == ["lost"]
        with pytest.raises(Broken, match="core is gone"):
            await answer(line, UnwrapDek("a"))

    async def test_one_that_is_closed_has_had_every_answer_and_is_not_lost(self, host: Host) -> None:
        line = host.line()
        asked = [line.submit(UnwrapDek(str(number))) for number in range(20)]
        await asyncio.to_thread(line.close)
        assert [one.result(0) for one in asked] == [b"%d" % number for number in range(20)]
        assert host.lost == []

    async def test_what_it_had_begun_and_did_not_end_is_told_of(self, host: Host) -> None:
        line = host.line()
        for transfer in ("a" * 26, "b" * 26):
            await answer(line, begin(transfer))
        kept = Keep("b" * 26, arrival(b"a"), None, None, 0, "broken off", begun=True, object_begun=False)
        await answer(line, kept)
        await asyncio.to_thread(line.close)
        await asyncio.wait_for(host.went.wait(), 30)
        assert host.gone == [{"a" * 26}]


class TestNames:
    async def test_a_name_has_one_writer_among_all_lines(self, host: Host) -> None:
        first, second = host.line(), host.line()
        await answer(first, HOLD)
        with pytest.raises(Busy, match="another upload of that name"):
            await answer(second, HOLD)
        assert host.wanted == [HOLD]
        await answer(second, HoldName(ACME.connection, b"/inbound", b"other.txt"))
        await answer(second, HoldName("d" * 26, b"/inbound", b"daily.txt"))
        await answer(second, FREE)  # Not its own.
        with pytest.raises(Busy):
            await answer(second, HOLD)
        await answer(first, FREE)
        await answer(second, HOLD)

    async def test_whoever_waits_has_it_when_it_is_given_up(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mft.command_socket._GIVE_WAY_SECONDS", 30)
        first, second = host.line(), host.line()
        await answer(first, HOLD)
        waits = second.submit(HOLD)
        while not host.wanted:  # noqa: ASYNC110
            await asyncio.sleep(0)  # The loop's own turn, not time.
        await answer(first, FREE)
        await asyncio.wrap_future(waits)

    async def test_a_line_that_ends_gives_its_names_up(self, host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("mft.command_socket._GIVE_WAY_SECONDS", 30)
        first, second = host.line(), host.line()
        await answer(first, HOLD)
        await asyncio.to_thread(first.close)
        await answer(second, HOLD)

    @pytest.mark.parametrize(
        "command",
        [
            mailbox.Rename(ACME, b"/inbound", b"a", b"/inbound", b"daily.txt", 0),
            mailbox.Rename(ACME, b"/inbound", b"daily.txt", b"/inbound", b"a", 0),
            mailbox.Remove(ACME, b"/inbound", b"daily.txt", 0),
            mailbox.MakeFolder(ACME, b"/inbound/daily.txt"),
            mailbox.RemoveFolder(ACME, b"/inbound", 0),
        ],
    )
    async def test_nobody_else_changes_a_name_that_is_written(self, host: Host, command: Any) -> None:
        first, second = host.line(), host.line()
        await answer(first, HOLD)
        with pytest.raises((Busy, NotAllowed), match=r"another upload|not empty"):
            await answer(second, command)
        await answer(first, FREE)
        with pytest.raises((Missing, NotAllowed)) if not isinstance(command, mailbox.MakeFolder) else nullcontext():
            await answer(second, command)
