"""Door processes as core sees them: what they are told, and that it is known when each has taken it."""

import asyncio
import os
import socket
from collections.abc import Iterator
from concurrent.futures import Future
from typing import Any

import msgspec
import pytest

from mft.crypto.keys import BucketPrivateKey
from mft.endpoints import processes
from mft.endpoints.process import AskingKeyring, PublicKeys, Taken, frame, next_frame
from mft.endpoints.processes import DoorProcesses
from mft.errors import BadConfig

KEY = BucketPrivateKey(bytes(range(32)))
NEWS = PublicKeys({"standard": KEY.public.public_bytes})


class Door:
    """A door process that is none: the other end of what core holds of it."""

    async def join(self, doors: DoorProcesses) -> None:
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        self.reader, self.writer = await asyncio.open_connection(sock=theirs)
        process: Any = None
        self.child = processes._Child(process, writer)
        doors._children.add(self.child)
        self.heard = asyncio.create_task(doors._listen(self.child, reader, asyncio.Event()))

    async def told(self) -> Any:
        return msgspec.msgpack.decode(await next_frame(self.reader), type=PublicKeys)

    def takes_it(self) -> None:
        self.writer.write(frame(Taken()))

    async def leave(self) -> None:
        self.heard.cancel()
        for writer in (self.writer, self.child.writer):
            writer.close()
            await writer.wait_closed()


@pytest.fixture
def doors() -> Iterator[DoorProcesses]:
    def never(*_: Any) -> Any:
        raise AssertionError

    with socket.socket() as listener:
        yield DoorProcesses(count=2, listener=listener, handover=never, on_death=never, on_broken=never)


async def test_new_keys_are_in_force_when_every_process_has_taken_them(doors: DoorProcesses) -> None:
    both = [Door(), Door()]
    for door in both:
        await door.join(doors)
    telling = asyncio.create_task(doors.tell(NEWS))
    assert [await door.told() for door in both] == [NEWS, NEWS]
    both[0].takes_it()
    done, _ = await asyncio.wait([telling], timeout=0.05)
    assert not done
    both[1].takes_it()
    await asyncio.wait_for(telling, 30)
    for door in both:
        await door.leave()


async def test_one_that_hangs_holds_the_others_up_for_a_while_only(
    doors: DoorProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_TAKEN_SECONDS", 0.05)
    door = Door()
    await door.join(doors)
    await asyncio.wait_for(doors.tell(NEWS), 30)
    door.takes_it()  # Late: it is no answer to what comes next.
    telling = asyncio.create_task(doors.tell(NEWS))
    await door.told()
    await door.told()
    door.takes_it()
    await asyncio.wait_for(telling, 30)
    await door.leave()


async def test_without_any_nothing_is_waited_for(doors: DoorProcesses) -> None:
    await asyncio.wait_for(doors.tell(NEWS), 30)


def test_a_door_seals_for_the_keys_it_was_told_of_and_asks_for_each_dek() -> None:
    asked = []

    def ask(command: Any) -> Any:
        asked.append(command.object_id)
        answer: Future[bytes] = Future()
        answer.set_result(os.urandom(32))
        return answer

    keyring = AskingKeyring(NEWS, ask)
    assert keyring.seal_for("standard") == KEY.public
    with pytest.raises(BadConfig, match="class claims has no bucket key"):
        keyring.seal_for("claims")
    assert len(keyring.unwrap("any", b"wrapped", b'{"object":"an-object","tenant":1,"v":1}')) == 32
    assert asked == ["an-object"]
