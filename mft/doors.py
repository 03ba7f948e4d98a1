"""The SFTP door, inside this process or as processes of its own: `[doors] processes` says which."""

import os
from collections.abc import Callable

from mft.config import Config
from mft.core import Core
from mft.crypto.keyring import FolderKeyring
from mft.endpoints.limits import Admission
from mft.endpoints.process import GiveWay, Handover, Profiles, PublicKeys, Settings
from mft.endpoints.processes import DoorProcesses
from mft.endpoints.sftp import SftpDoor, bind
from mft.errors import Broken
from mft.home import Home
from mft.ledger.database import Readers
from mft.vault.store import Vault
from partners.load import Directory


class SftpDoors:
    """Resource handling: what `start` opened is closed by `drain`, also when `start` failed half-way."""

    def __init__(
        self,
        home: Home,
        config: Config,
        *,
        core: Core,
        vault: Vault,
        readers: Readers,
        keyring: FolderKeyring,
        directory: Callable[[], Directory],
        on_death: Callable[[str], None],
        on_broken: Callable[[Broken], None],
    ) -> None:
        self._home = home
        self._config = config
        self._core = core
        self._vault = vault
        self._readers = readers
        self._keyring = keyring
        self._directory = directory
        self._on_death = on_death
        self._on_broken = on_broken
        self._door: SftpDoor | None = None
        self._processes: DoorProcesses | None = None

    async def start(self) -> tuple[str, int]:
        """Returns the address that is listened at."""
        return await (self._start_processes() if self._config.doors.processes else self._start_door())

    async def partners_changed(self) -> None:
        if self._processes is not None:
            await self._processes.tell(self._profiles())
        if self._door is not None:
            self._door.part_with_strangers()

    async def keys_changed(self) -> None:
        """Tell door processes what to seal for; to be called when the keyring has been read again."""
        if self._processes is not None:
            await self._processes.tell(self._public_keys())

    async def give_way(self, name: GiveWay) -> None:
        """A door process wants a name that another one holds."""
        if self._processes is not None:
            await self._processes.tell(name)

    async def drain(self, seconds: float) -> None:
        """Close; what is open may finish within so long."""
        if self._door is not None:
            await self._door.drain(seconds)
        if self._processes is not None:
            await self._processes.drain(seconds)

    async def _start_door(self) -> tuple[str, int]:
        settings = self._settings()
        host, port = self._listen_at()
        self._door = SftpDoor(
            host=host,
            port=port,
            host_keys=self._host_keys(),
            directory=self._directory,
            on_broken=self._on_broken,
            submit=self._core.submit,
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
        return await self._door.start()

    async def _start_processes(self) -> tuple[str, int]:
        listener = bind(*self._listen_at())
        host_keys = self._host_keys()

        def handover() -> Handover:
            return Handover(
                core=os.getpid(),
                ledger_url=self._home.ledger_url(self._config.ledger.url),
                vault=str(self._home.vault),
                command_socket=str(self._home.socket),
                host_keys=host_keys,
                profiles=self._profiles(),
                public_keys=self._public_keys(),
                settings=self._settings(),
            )

        self._processes = DoorProcesses(
            count=self._config.doors.processes,
            listener=listener,
            handover=handover,
            on_death=self._on_death,
            on_broken=self._on_broken,
        )
        host, port = listener.getsockname()[:2]
        await self._processes.start()
        return str(host), int(port)

    def _listen_at(self) -> tuple[str, int]:
        host, _, port = self._config.doors.sftp.listen.rpartition(":")
        return host.strip("[]"), int(port)

    def _host_keys(self) -> list[bytes]:
        return [path.read_bytes() for path in self._home.host_keys]

    def _settings(self) -> Settings:
        sftp, receive = self._config.doors.sftp, self._config.receive
        return Settings(
            unproven_max=sftp.unproven_max,
            unproven_per_source_max=sftp.unproven_per_source_max,
            arrivals_per_second_max=sftp.arrivals_per_second_max,
            login_seconds=sftp.login_seconds,
            idle_seconds=sftp.idle_seconds,
            visible_seconds=sftp.visible_seconds,
            retry_seconds=receive.retry_seconds,
            free_mib_min=receive.free_mib_min,
        )

    def _profiles(self) -> Profiles:
        return Profiles([profile.body for profile in self._directory().profiles.values()])

    def _public_keys(self) -> PublicKeys:
        return PublicKeys({name: key.public_bytes for name, key in self._keyring.held.newest.items()})
