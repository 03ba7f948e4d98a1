"""A home and its `mft.toml`. Only the command line and the server see these; everything below gets plain values.

Each key of mft.toml is an environment variable too: MFT_DOORS__SFTP__LISTEN stands over `[doors.sftp] listen`.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from mft.errors import BadConfig, Missing
from partners.strict_toml import BadFile, explain, read_toml


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not host or not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError("expected HOST:PORT, for example 127.0.0.1:2222 or [::1]:2222; port 0 takes a free one")
    return text


Address = Annotated[str, AfterValidator(_address)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SftpDoor(_Strict):
    """Keys of `[doors.sftp]`."""

    listen: Address = "127.0.0.1:2222"
    login_seconds: Annotated[int, Field(ge=1, le=600, description="A login must be done by then.")] = 30
    visible_seconds: Annotated[int, Field(ge=60, description="How long an upload stays listed after its session.")] = (
        3600
    )
    drain_seconds: Annotated[int, Field(ge=0, le=3600, description="How long a stop waits for open transfers.")] = 20
    idle_seconds: Annotated[int, Field(ge=1, description="A session that asks nothing for so long is ended.")] = 900
    unproven_max: Annotated[int, Field(ge=1, description="Connections that have not logged in yet.")] = 100
    unproven_per_source_max: Annotated[int, Field(ge=1, description="The same, of one source address.")] = 20
    arrivals_per_second_max: Annotated[int, Field(ge=1, description="New connections a second from one source.")] = 10


class Receive(_Strict):
    """Keys of `[receive]`."""

    retry_seconds: Annotated[int, Field(ge=1, description="A broken upload can be resumed for so long.")] = 43_200
    stalled_seconds: Annotated[int, Field(ge=1, description="An unfinished upload is told of after so long.")] = 3600
    incomplete_seconds: Annotated[int, Field(ge=1, description="EDI without its end is told of after so long.")] = 1800
    free_mib_min: Annotated[int, Field(ge=0, description="With less room on the disk no upload is begun.")] = 1024


class Doors(_Strict):
    """Keys of `[doors]`."""

    processes: Annotated[int, Field(ge=0, le=64, description="Door processes; 0: inside the core.")] = 0
    sftp: SftpDoor = SftpDoor()


class Pipeline(_Strict):
    """Keys of `[pipeline]`."""

    parsers: Annotated[int, Field(ge=1, le=64, description="Parser processes.")] = 2
    parse_seconds: Annotated[int, Field(ge=1, description="One file must be read within this time.")] = 600
    parser_memory_mib: Annotated[int, Field(ge=64, description="Address space of one parser process.")] = 1024


class Audit(_Strict):
    """Keys of `[audit]`."""

    checkpoint_seconds: Annotated[int, Field(ge=1, description="At most this long between checkpoints.")] = 60
    checkpoint_leaves: Annotated[int, Field(ge=1, description="At most so many leaves between them.")] = 1000


class Events(_Strict):
    """Keys of `[events]`."""

    file: Annotated[bool, Field(description="Write every event to data/events/events.ndjson.")] = True


class Records(_Strict):
    """Keys of `[records]`."""

    compact_seconds: Annotated[int, Field(ge=1, description="How often new records are looked for to be cached.")] = 60


class Ledger(_Strict):
    """Keys of `[ledger]`."""

    url: Annotated[str, Field(description="Empty: SQLite in data/. Else postgresql://…")] = ""


class Config(BaseSettings):
    """mft.toml."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix="MFT_",
        env_nested_delimiter="__",
        nested_model_default_partial_update=True,
    )

    doors: Doors = Doors()
    receive: Receive = Receive()
    pipeline: Pipeline = Pipeline()
    audit: Audit = Audit()
    events: Events = Events()
    records: Records = Records()
    ledger: Ledger = Ledger()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  The library's signature.
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings


# Files of keys/, by name.
SIGNING_KEY = "audit.key"
VERIFY_KEY = "audit.pub"
HOST_KEYS = ("ssh_host_ed25519_key", "ssh_host_rsa_key")


@dataclass(frozen=True, slots=True)
class Home:
    """Where everything of one installation is.

    config/ what people write, read-only to the service · keys/ what must never be lost or shown
    data/ what the service writes · run/ gone after a restart
    """

    root: Path

    @property
    def config_file(self) -> Path:
        return self.root / "config" / "mft.toml"

    @property
    def partners(self) -> Path:
        return self.root / "config" / "partners"

    @property
    def guides(self) -> Path:
        return self.root / "config" / "guides"

    @property
    def keys(self) -> Path:
        return self.root / "keys"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def vault(self) -> Path:
        return self.root / "data" / "vault"

    @property
    def events_file(self) -> Path:
        return self.root / "data" / "events" / "events.ndjson"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def socket(self) -> Path:
        return self.root / "run" / "core.sock"

    @property
    def lock(self) -> Path:
        return self.root / "run" / "lock"

    @property
    def ports(self) -> Path:
        return self.root / "run" / "ports.json"

    def ledger_url(self, config: Config) -> str:
        return config.ledger.url or f"sqlite:{self.data / 'ledger.db'}"


def find_home(given: Path | None, *, must_exist: bool = True) -> Home:
    """The home that was given, else $MFT_HOME, else ./mft-home.

    Raises:
        Missing: there is none; the message says how to make one.
    """
    root = given or Path(os.environ.get("MFT_HOME") or "mft-home")
    home = Home(root.absolute())
    if must_exist and not home.config_file.exists():
        raise Missing(f"{root} is not an mft home: make one with `mft init {root}`, or name another with --home")
    return home


def load_config(home: Home) -> Config:
    """Read mft.toml and the environment.

    Raises:
        BadConfig: one line for each problem: file, line, what was perhaps meant.
    """
    try:
        content: dict[str, Any] = read_toml(home.config_file)
    except BadFile as error:
        raise BadConfig(str(error)) from None
    try:
        return Config(**content)
    except SettingsError as error:  # MFT_DOORS=…, which would have to be the whole table as JSON.
        found = re.search(r'field "(\w+)"', str(error))
        table = found[1].upper() if found else "…"
        raise BadConfig(f"the environment variable MFT_{table} is no table of keys: set MFT_{table}__KEY") from None
    except ValidationError as error:
        problems = explain(error, Config, home.config_file)
        ours = re.compile(rf"MFT_({'|'.join(Config.model_fields)})(__|$)", re.IGNORECASE)
        named = [name for name in os.environ if ours.match(name)]
        if named:
            problems += f"\n(these environment variables stand over the file: {', '.join(sorted(named))})"
        raise BadConfig(problems) from None


DEFAULT_CONFIG = """\
# mft.toml: every key with its default. Each is also an environment variable: MFT_DOORS__SFTP__LISTEN=…

[doors]
# processes = 0               # Door processes, which hold no private key of the vault; 0: in the core.

[doors.sftp]
# listen = "127.0.0.1:2222"   # Port 0 takes a free one; run/ports.json tells which.
# login_seconds = 30          # A login must be done by then.
# visible_seconds = 3600      # How long an upload stays listed for its sender.
# drain_seconds = 20          # How long a stop waits for open transfers.
# idle_seconds = 900          # A session that asks nothing for so long is ended.
# unproven_max = 100          # Connections that have not logged in yet: in all,
# unproven_per_source_max = 20    # and of one source address.
# arrivals_per_second_max = 10    # New connections a second from one source address.

[receive]
# retry_seconds = 43200       # For so long a broken upload can be resumed, or repeated if our yes was lost.
# stalled_seconds = 3600      # An upload that is neither finished nor touched for so long is told of.
# incomplete_seconds = 1800   # EDI without its end is told of, if no whole upload of the name came by then.
# free_mib_min = 1024         # With less room on the vault's disk no upload is begun.

[pipeline]
# parsers = 2                 # Parser processes.
# parse_seconds = 600         # One file must be read within this time.
# parser_memory_mib = 1024    # Address space of one parser process.

[audit]
# checkpoint_seconds = 60     # At most this long between two signed checkpoints,
# checkpoint_leaves = 1000    # and at most so many leaves.

[events]
# file = true                 # Write every event to data/events/events.ndjson.

[records]
# compact_seconds = 60        # How often new records are looked for, to be cached for queries.

[ledger]
# url = ""                    # Empty: SQLite in data/. Else postgresql://…
"""
