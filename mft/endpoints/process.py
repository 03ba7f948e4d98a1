"""A door in a process of its own, which holds no private key of the vault.

Core hands over what it serves with, by a socket that is its standard input: the host keys among it, so that it opens
no key file. It seals for public keys, reads the ledger, sends its commands over `run/core.sock`, and asks there for the
DEK of each object that it has to open.

Resource handling: it ends when core asks it to, when that socket is closed, and by the kernel when core is gone.
Error handling: what breaks the disk under it is told to core, which ends the server.
Trust: who takes it over sees what passes through it, holds the host keys, and may ask for any DEK, one by one, for as
long as core runs; it takes no bucket key away.
"""

import asyncio
import json
import os
import signal
import socket
import sys
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

import msgspec

from mft.command_socket import CoreLine, UnwrapDek
from mft.crypto.keyring import PublicKeyring
from mft.crypto.keys import BucketPublicKey
from mft.endpoints.limits import Admission
from mft.endpoints.sftp import SftpDoor
from mft.errors import Broken
from mft.ledger.database import Ledger, Readers
from mft.own_process import die_with, keep_to_ourselves
from mft.vault.store import Vault
from partners.connection import Connection
from partners.load import Directory, profile_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from concurrent.futures import Future

MESSAGE_MAX: Final = 256 << 20  # All partner files at once.


class Settings(msgspec.Struct, frozen=True):
    """What `mft.toml` says of the door."""

    unproven_max: int
    unproven_per_source_max: int
    arrivals_per_second_max: int
    login_seconds: int
    idle_seconds: int
    visible_seconds: int
    retry_seconds: int
    free_mib_min: int


class Profiles(msgspec.Struct, frozen=True, tag=True):
    """The partner files in force, as their bodies."""

    bodies: list[str]


class PublicKeys(msgspec.Struct, frozen=True, tag=True):
    """What to seal for: the public half of a key, by retention class."""

    keys: dict[str, bytes]


class Handover(msgspec.Struct, frozen=True, tag=True):
    """All that a door process starts with."""

    core: int
    ledger_url: str
    vault: str
    command_socket: str
    host_keys: list[bytes]
    profiles: Profiles
    public_keys: PublicKeys
    settings: Settings


class Drain(msgspec.Struct, frozen=True, tag=True):
    seconds: float


class GiveWay(msgspec.Struct, frozen=True, tag=True):
    """Another door wants a name: a writer of it that is gone, or silent for long, parts."""

    connection: str
    folder: bytes
    name: bytes


class Serving(msgspec.Struct, frozen=True, tag=True):
    """It takes connections."""


class Taken(msgspec.Struct, frozen=True, tag=True):
    """New profiles or keys are in force here; answers come in the order of what was told."""


class Failed(msgspec.Struct, frozen=True, tag=True):
    """Disk or ledger are broken."""

    message: str


ToDoor = Handover | Profiles | PublicKeys | GiveWay | Drain
FromDoor = Serving | Taken | Failed


def frame(message: ToDoor | FromDoor) -> bytes:
    packed = msgspec.msgpack.encode(message)
    return len(packed).to_bytes(4, "big") + packed


async def next_frame(reader: asyncio.StreamReader) -> bytes:
    """Raises IncompleteReadError: the other side is gone."""
    size = int.from_bytes(await reader.readexactly(4), "big")
    if size > MESSAGE_MAX:
        raise ConnectionError("a message is too long")
    return await reader.readexactly(size)


class AskingKeyring(PublicKeyring):
    """Seals for public keys; asks core for the DEK of what is to be opened, which looks the object up itself."""

    def __init__(self, public: PublicKeys, ask: "Callable[[UnwrapDek], Future[Any]]") -> None:
        super().__init__((retention, BucketPublicKey(key)) for retention, key in public.keys.items())
        self._ask = ask

    def unwrap(self, bucket: str, wrapped: bytes, context: bytes) -> bytes:
        dek: bytes = self._ask(UnwrapDek(json.loads(context)["object"])).result()
        return dek


def directory_of(profiles: Profiles) -> Directory:
    found = (profile_of(Connection.model_validate_json(body)) for body in profiles.bodies)
    return Directory(MappingProxyType({profile.connection.id: profile for profile in found}))


class _DoorProcess:
    def __init__(self, handover: Handover, listener: socket.socket, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._loop = asyncio.get_running_loop()
        self._directory = directory_of(handover.profiles)
        self._line = CoreLine(Path(handover.command_socket), on_lost=lambda: os._exit(4))
        self._vault = Vault(Path(handover.vault), AskingKeyring(handover.public_keys, self._line.submit))
        self._readers = Readers(Ledger(handover.ledger_url))
        settings = handover.settings
        self._door = SftpDoor(
            host="",
            port=0,
            listener=listener,
            host_keys=handover.host_keys,
            directory=lambda: self._directory,
            on_broken=self._broken,
            submit=self._line.submit,
            ask_core=self._line.submit,
            readers=self._readers,
            vault=self._vault,
            admission=Admission(
                unproven_max=settings.unproven_max,
                unproven_per_source_max=settings.unproven_per_source_max,
                arrivals_per_second_max=settings.arrivals_per_second_max,
            ),
            login_seconds=settings.login_seconds,
            idle_seconds=settings.idle_seconds,
            visible_seconds=settings.visible_seconds,
            retry_seconds=settings.retry_seconds,
            free_mib_min=settings.free_mib_min,
        )

    def _broken(self, error: Broken) -> None:
        self._loop.call_soon_threadsafe(self._writer.write, frame(Failed(str(error))))

    async def serve(self, reader: asyncio.StreamReader) -> None:
        """Returns when core has asked for the end, and it is done."""
        await self._door.start()
        self._writer.write(frame(Serving()))
        decode = msgspec.msgpack.Decoder(ToDoor).decode
        while True:
            message = decode(await next_frame(reader))
            if isinstance(message, Drain):
                await self._door.drain(message.seconds)
                await asyncio.to_thread(self._line.close)
                self._readers.close()
                return
            if isinstance(message, Profiles):
                self._directory = directory_of(message)
                self._door.part_with_strangers()
            elif isinstance(message, PublicKeys):
                self._vault.keyring = AskingKeyring(message, self._line.submit)
            elif isinstance(message, GiveWay):
                self._door.give_way(message.connection, message.folder, message.name)
            self._writer.write(frame(Taken()))


async def _run(listener: socket.socket) -> None:
    reader, writer = await asyncio.open_connection(sock=socket.socket(fileno=os.dup(0)))
    handover = msgspec.msgpack.decode(await next_frame(reader), type=Handover)
    if die_with(handover.core):
        await _DoorProcess(handover, listener, writer).serve(reader)


def main() -> None:
    for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)  # Meant for core, which drains us.
    keep_to_ourselves()
    try:
        asyncio.run(_run(socket.socket(fileno=int(sys.argv[1]))))
    except (asyncio.IncompleteReadError, ConnectionError):
        sys.exit(0)  # Core is gone.
    except Exception as error:  # noqa: BLE001  A traceback could quote a file.
        sys.exit(f"mft: a door process failed: {type(error).__name__}")


if __name__ == "__main__":
    main()
