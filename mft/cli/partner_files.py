"""Partner files that a command writes: all or none, a leaf for each, and taken up by a running server."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from mft.core import Note, Reload
from mft.durable import write_file
from partners.connection import Connection, Key
from partners.load import Directory, Profile, render

if TYPE_CHECKING:
    from mft.config import Config
    from mft.home import Home

MODE = 0o640


class PartnerFiles:
    """What is to be written into config/partners. Nothing is, before `write`."""

    def __init__(self, home: "Home", config: "Config", directory: Directory) -> None:
        self._home = home
        self._config = config
        self.directory = directory
        self._files: dict[Path, str] = {}
        self._notes: list[tuple[Connection, str, dict[str, str | int | None]]] = []
        self._logins = {
            login.user: profile.connection.name
            for profile in directory.profiles.values()
            for login in profile.connection.logins
        }

    def __len__(self) -> int:
        return len(self._files)

    def whose_login(self, user: str) -> str | None:
        """The partner that has a login of this name, or will."""
        return self._logins.get(user)

    def path_of(self, name: str) -> Path:
        return self._home.partners / f"{name}.toml"

    def is_taken(self, name: str) -> bool:
        """Whether there is, or will be, a partner or a file of this name."""
        path = self.path_of(name)
        return path in self._files or path.exists() or self.directory.named(name) is not None

    def add(self, connection: Connection) -> None:
        """A new file; of a name, and with logins, that nobody has."""
        self._files[self.path_of(connection.name)] = render(connection)
        self._logins |= {login.user: connection.name for login in connection.logins}
        keys = [key for login in connection.logins for key in login.keys]
        self._notes.append((connection, "partner.added", {"fingerprints": _fingerprints(keys)}))

    def change(self, profile: Profile, text: str, *, keys: Sequence[Key] = (), trading_partners: int = 0) -> None:
        """Another text of a file that is there, with keys or trading partners more."""
        assert profile.path is not None, "it was loaded from a file"
        self._files[profile.path] = text
        facts: dict[str, str | int | None] = {"trading_partners": trading_partners} if trading_partners else {}
        if keys:
            facts["fingerprints"] = _fingerprints(keys)
        self._notes.append((profile.connection, "partner.extended", facts))

    def write(self) -> bool:
        """Write all of it, or none; returns whether a running server has taken it up.

        Raises:
            HomeInUse, NoSpace, SyncFailed: nothing was written.
        """
        from mft.cli.access import actor, server_of, writing

        server = server_of(self._home)
        if server is not None:
            server.close()
        with writing(self._home, self._config) as run:
            _write_all(self._files)
            for connection, kind, facts in self._notes:
                run(Note(kind, actor(), connection=connection.id, facts=facts, private={"name": connection.name}))
            run(Reload(actor()))
        return server is not None


def _fingerprints(keys: Sequence[Key]) -> str:
    return " ".join(key.fingerprint for key in keys)


def _write_all(files: Mapping[Path, str]) -> None:
    before = {path: path.read_bytes() if path.exists() else None for path in files}
    try:
        for path, text in files.items():
            write_file(path, text.encode(), mode=MODE)
    except BaseException:
        for path, content in before.items():
            if content is None:
                path.unlink(missing_ok=True)
            else:
                write_file(path, content, mode=MODE)
        raise
