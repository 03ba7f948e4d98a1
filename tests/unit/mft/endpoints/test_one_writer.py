"""A name has one writer, also when an upload fails at its very end."""

from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

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

    vault = Vault(tmp_path, MemoryKeyring([BucketPrivateKey(bytes(range(32)))]))
    door = SftpDoor(
        host="127.0.0.1",
        port=0,
        host_keys=[],
        directory=lambda: EMPTY,
        on_broken=lambda error: None,
        submit=submit,
        readers=None,
        vault=vault,
        admission=Admission(unproven_max=1, unproven_per_source_max=1, arrivals_per_second_max=1),
        login_seconds=30,
        idle_seconds=900,
        visible_seconds=3600,
        retry_seconds=3600,
        free_mib_min=0,
    )
    file = Writing(door, ACME, Upload(vault, TENANT, arrival), Intake(), lambda file: None)
    session = Session(door, ACME, "127.0.0.1", "client", lambda reason: None)
    door.take_name(arrival, session)
    handle = session._protocol.open_handle("writing", file)
    with pytest.raises(NoSpace):
        await session._receive(Close(1, handle), file)
    door.take_name(arrival, session)  # Now it is free.
    door.threads.shutdown()
