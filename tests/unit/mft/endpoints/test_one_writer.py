"""A name has one writer, also when an upload fails at its very end."""

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from mft.command_socket import FreeName, HoldName
from mft.crypto.keyring import MemoryKeyring
from mft.crypto.keys import BucketPrivateKey
from mft.domain import INBOUND, TENANT, Arrival, Principal
from mft.endpoints.limits import Admission, Intake
from mft.endpoints.sftp import SftpDoor
from mft.endpoints.sftp.session import Session
from mft.endpoints.sftp.writing import Writing
from mft.errors import Busy, NoSpace
from mft.pipeline.receive import Receive
from mft.pipeline.upload import Upload
from mft.vault.store import Vault
from mft.wire.sftp import Close
from partners.load import EMPTY

ACME = Principal("c" * 26, "acme", "acme", "SHA256:x", "0" * 64)


def door_of(folder: Path, submit: Callable[[Any], "Future[Any]"], **options: Any) -> SftpDoor:
    return SftpDoor(
        host="127.0.0.1",
        port=0,
        host_keys=[],
        directory=lambda: EMPTY,
        on_broken=lambda error: None,
        submit=submit,
        readers=None,  # type: ignore[arg-type]
        vault=Vault(folder, MemoryKeyring([BucketPrivateKey(bytes(range(32)))])),
        admission=Admission(unproven_max=1, unproven_per_source_max=1, arrivals_per_second_max=1),
        login_seconds=30,
        idle_seconds=900,
        visible_seconds=3600,
        retry_seconds=3600,
        free_mib_min=0,
        **options,
    )


async def test_a_name_that_was_given_up_is_released_once(tmp_path: Path) -> None:
    arrival = Arrival(ACME, "sftp", "127.0.0.1", "client", INBOUND, b"daily.txt")

    def submit(command: Any) -> "Future[Any]":
        answer: Future[Any] = Future()
        if isinstance(command, Receive):
            answer.set_exception(NoSpace("full"))
        else:  # While the failure is noted, the name is nobody else's yet.
            with pytest.raises(Busy):
                door.take_name(arrival, session)
            answer.set_result(None)
        return answer

    door = door_of(tmp_path, submit)
    vault = door.vault
    file = Writing(door, ACME, Upload(vault, TENANT, arrival), Intake(), lambda file: None)
    session = Session(door, ACME, "127.0.0.1", "client", lambda reason: None)
    door.take_name(arrival, session)
    handle = session._protocol.open_handle("writing", file)
    with pytest.raises(NoSpace):
        await session._receive(Close(1, handle), file)
    door.take_name(arrival, session)  # Now it is free.
    door.threads.shutdown()


async def test_among_door_processes_a_name_is_taken_and_given_up_by_way_of_core(tmp_path: Path) -> None:
    asked: list[Any] = []

    def ask(command: Any) -> "Future[Any]":
        asked.append(command)
        answer: Future[Any] = Future()
        answer.set_result(None)
        return answer

    arrival = Arrival(ACME, "sftp", "127.0.0.1", "client", INBOUND, b"daily.txt")
    door = door_of(tmp_path, ask, ask_core=ask)
    door.take_name(arrival, Session(door, ACME, "127.0.0.1", "client", lambda reason: None))
    await door.hold_name(arrival)
    door.release_name(arrival)
    door.release_name(arrival)  # Once is enough.
    name = (ACME.connection, INBOUND, b"daily.txt")
    assert asked == [HoldName(*name), FreeName(*name)]
    door.threads.shutdown()


@pytest.mark.parametrize(("silent_seconds", "parted"), [(0, []), (21, ["another session uploads the same file"])])
async def test_a_writer_that_is_silent_gives_way_to_another_process(
    tmp_path: Path, silent_seconds: float, parted: list[str]
) -> None:
    said: list[str] = []
    arrival = Arrival(ACME, "sftp", "127.0.0.1", "client", INBOUND, b"daily.txt")
    door = door_of(tmp_path, lambda _: Future(), ask_core=lambda _: Future())
    session = Session(door, ACME, "127.0.0.1", "client", said.append)
    door.take_name(arrival, session)
    session.active_at -= silent_seconds
    door.give_way(ACME.connection, INBOUND, b"other.txt")
    assert said == []
    door.give_way(ACME.connection, INBOUND, b"daily.txt")
    assert said == parted
    door.threads.shutdown()
