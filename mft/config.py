"""`mft.toml`. Only the command line and the server see it; everything below gets plain values.

Each key of mft.toml is an environment variable too: MFT_DOORS__SFTP__LISTEN stands over `[doors.sftp] listen`.
"""

import os
import re
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from mft.config_sinks import AnySink
from mft.domain import STANDARD, is_retention_class
from mft.errors import BadConfig
from mft.home import Home
from mft.pipeline.alerts import DEFAULT_RULES, STAGES, TROUBLES, Rule
from mft.pipeline.retention import Limits
from mft.pipeline.subscriptions import Subscriptions
from mft.sinks.mail import is_loopback
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


class FolderDoor(_Strict):
    """Keys of `[doors.folder]`."""

    enabled: Annotated[bool, Field(description="Take files out of the watched folders of partner files.")] = True


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
    folder: FolderDoor = FolderDoor()


class Pipeline(_Strict):
    """Keys of `[pipeline]`."""

    parsers: Annotated[int, Field(ge=1, le=64, description="Parser processes.")] = 2
    parse_seconds: Annotated[int, Field(ge=1, description="One file must be read within this time.")] = 600
    parser_memory_mib: Annotated[int, Field(ge=64, description="Address space of one parser process.")] = 1024


def _syslog(text: str) -> str:
    kind, _, where = text.partition(":")
    if kind in {"udp", "tcp"}:
        _address(where)
    elif text and (kind != "unix" or not where.startswith("/")):
        raise ValueError("expected udp:HOST:PORT, tcp:HOST:PORT or unix:/PATH, for example unix:/dev/log")
    return text


def _command(arguments: tuple[str, ...]) -> tuple[str, ...]:
    if arguments and not arguments[0].startswith("/"):
        raise ValueError("the program is named by its whole path; each argument is an item, no shell reads them")
    return arguments


def _endpoint(text: str) -> str:
    url = urlsplit(text)
    private = url.scheme == "https" or (url.scheme == "http" and is_loopback(url.hostname or ""))
    if text and not (private and url.netloc and url.path in {"", "/"} and not url.query and "@" not in url.netloc):
        raise ValueError("expected https://HOST, or https://HOST:PORT; plain http is only for this host itself")
    return text


def _scanner(text: str) -> str:
    kind, _, where = text.partition(":")
    if kind == "tcp":
        _address(where)
    elif text and (kind != "unix" or not where.startswith("/")):
        raise ValueError("expected unix:/PATH or tcp:HOST:PORT, for example unix:/run/clamav/clamd.ctl")
    return text


class Scan(_Strict):
    """Keys of `[scan]`."""

    clamd: Annotated[str, AfterValidator(_scanner)] = ""
    mib_max: Annotated[int, Field(ge=1, description="StreamMaxLength of clamd.conf: more it does not look at.")] = 25
    too_large: Annotated[Literal["hold", "pass"], Field(description="What becomes of a larger file.")] = "hold"


class SendMail(_Strict):
    """Keys of `[audit.send.mail]`."""

    server: Annotated[str, AfterValidator(lambda text: _address(text) if text else text)] = ""
    sender: Annotated[str, Field(description="The message's From.")] = ""
    to: tuple[str, ...] = ()
    user: Annotated[str, Field(description="Empty: no login.")] = ""
    password_file: Annotated[str, Field(description="A file of mode 0400.")] = ""

    @model_validator(mode="after")
    def _is_whole(self) -> "SendMail":
        if self.server and not (self.sender and self.to):
            raise ValueError("mail wants `sender` and `to` beside its server")
        if self.server and bool(self.user) != bool(self.password_file):
            raise ValueError("a login wants both `user` and `password_file`")
        return self


class SendBucket(_Strict):
    """Keys of `[audit.send.bucket]`."""

    endpoint: Annotated[str, AfterValidator(_endpoint)] = ""
    bucket: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]*$")] = ""
    prefix: str = ""
    region: str = "us-east-1"
    access_key_id: str = ""
    secret_key_file: Annotated[str, Field(description="A file of mode 0400.")] = ""

    @model_validator(mode="after")
    def _is_whole(self) -> "SendBucket":
        if self.endpoint and not (self.bucket and self.access_key_id and self.secret_key_file):
            raise ValueError("a bucket wants `bucket`, `access_key_id` and `secret_key_file` beside its endpoint")
        return self


class Send(_Strict):
    """Keys of `[audit.send]`: places outside this host that checkpoints go to."""

    syslog: Annotated[str, AfterValidator(_syslog)] = ""
    command: Annotated[tuple[str, ...], AfterValidator(_command)] = ()
    mail: SendMail = SendMail()
    bucket: SendBucket = SendBucket()


class Audit(_Strict):
    """Keys of `[audit]`."""

    checkpoint_seconds: Annotated[int, Field(ge=1, description="At most this long between checkpoints.")] = 60
    checkpoint_leaves: Annotated[int, Field(ge=1, description="At most so many leaves between them.")] = 1000
    send_seconds: Annotated[int, Field(ge=1, description="At most this long until the newest one leaves.")] = 600
    send: Send = Send()


def _webhook(text: str) -> str:
    if not text:
        return text
    where = urlsplit(text)
    if where.scheme != "https" and not (where.scheme == "http" and is_loopback(where.hostname or "")):
        raise ValueError("expected https://HOST/…; plain http is only for this host itself")
    return text


class AlertRule(_Strict):
    """Keys of `[[alerts.rules]]`."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
    when: Annotated[str, Field(description="What is looked for: a stage, or other trouble.")]
    after_minutes: Annotated[int, Field(ge=0, description="It must be so for so long.")] = 0
    partner: Annotated[str, Field(description="Of this partner alone.")] = ""
    doubt: Annotated[str, Field(description="Held for this reason alone.")] = ""
    to: Annotated[tuple[str, ...], Field(description="Mail addresses, in place of those of [alerts.mail].")] = ()
    escalate_minutes: Annotated[int, Field(ge=0, description="Told once more, if nobody acknowledged; 0: never.")] = 0
    escalate_to: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _can_be_meant(self) -> "AlertRule":
        if self.when not in TROUBLES:
            raise ValueError(f"`when` is one of {', '.join(TROUBLES)}")
        if self.partner and self.when not in STAGES:
            raise ValueError(f"a partner goes with {', '.join(STAGES)}")
        if self.doubt and self.when != "held":
            raise ValueError("a doubt goes with held")
        return self


class Alerts(_Strict):
    """Keys of `[alerts]`. Without rules, the usual ones hold."""

    look_seconds: Annotated[int, Field(ge=1, description="How often trouble is looked for.")] = 30
    webhook: Annotated[str, AfterValidator(_webhook), Field(description="Gets a JSON text for each message.")] = ""
    mail: SendMail = SendMail()
    rules: tuple[AlertRule, ...] = ()

    @model_validator(mode="after")
    def _rules_differ(self) -> "Alerts":
        names = [rule.name for rule in self.rules]
        if len(names) != len(set(names)):
            raise ValueError("two rules have the same name")
        return self

    def in_force(self) -> tuple[Rule, ...]:
        return tuple(Rule(**rule.model_dump()) for rule in self.rules) or DEFAULT_RULES


def _sink_names(found: dict[str, AnySink]) -> dict[str, AnySink]:
    for name in found:
        if name == "file" or not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,63}", name):
            raise ValueError(f"`{name}` is no name of a sink: lower-case letters, digits, - and _; not file")
    return found


class Events(_Strict):
    """Keys of `[events]`."""

    file: Annotated[bool, Field(description="Write every event to data/events/events.ndjson.")] = True
    file_mib_max: Annotated[int, Field(ge=1, description="A larger file is set aside, and a new one begun.")] = 64
    file_keep: Annotated[int, Field(ge=1, le=9999, description="So many that were set aside are kept.")] = 10
    sinks: Annotated[dict[str, AnySink], AfterValidator(_sink_names)] = {}

    def subscriptions(self) -> Subscriptions:
        """What each sink takes."""
        named = {name: sink.subscriptions() for name, sink in self.sinks.items()}
        return ({"file": ()} if self.file else {}) | named


class Records(_Strict):
    """Keys of `[records]`."""

    compact_seconds: Annotated[int, Field(ge=1, description="How often new records are looked for to be cached.")] = 60


class KeptFor(_Strict):
    """Keys of `[retention]`, which are of the standard class, and of each `[retention.classes.NAME]`."""

    originals_days: Annotated[int, Field(ge=0, description="Files are kept for so long; 0: for ever.")] = 0
    records_days: Annotated[int, Field(ge=0, description="The same of the records made of them,")] = 0
    names_days: Annotated[int, Field(ge=0, description="and of names in log, transfers and events.")] = 0

    def limits(self) -> Limits:
        return Limits(self.originals_days, self.records_days, self.names_days)


def _classes(found: dict[str, KeptFor]) -> dict[str, KeptFor]:
    for name in found:
        if not is_retention_class(name) or name == STANDARD:
            raise ValueError(f"`{name}` is no name of a class: lower-case letters, digits and dashes; not standard")
    return found


class Retention(KeptFor):
    """Keys of `[retention]`."""

    classes: Annotated[dict[str, KeptFor], AfterValidator(_classes)] = {}

    def limits_by_class(self) -> dict[str, Limits]:
        return {STANDARD: self.limits(), **{name: kept.limits() for name, kept in self.classes.items()}}


class Vault(_Strict):
    """Keys of `[vault]`."""

    blobs_hours: Annotated[
        int, Field(ge=0, description="Small files lie in the ledger for so long, and then in the vault; 0: for ever.")
    ] = 24


class Keys(_Strict):
    """Keys of `[keys]`."""

    folder: Annotated[
        str, Field(description='Empty: keys/ in the home. "credentials": systemd\'s. Else an absolute path.')
    ] = ""
    warn_days: Annotated[int, Field(ge=1, description="A key's end is told of so many days before.")] = 30
    host_days_max: Annotated[int, Field(ge=0, description="How old a host key may become; 0: as old as it will.")] = 0
    bucket_days_max: Annotated[int, Field(ge=0, description="The same of the bucket keys in force.")] = 0
    signing_days_max: Annotated[int, Field(ge=0, description="The same of the signing key.")] = 0


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
    scan: Scan = Scan()
    audit: Audit = Audit()
    alerts: Alerts = Alerts()
    events: Events = Events()
    records: Records = Records()
    retention: Retention = Retention()
    vault: Vault = Vault()
    keys: Keys = Keys()
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
# processes = 0               # Door processes, which hold no private key of the vault; 0: in the core. Each counts
                              # connections, uploads and a partner's quota by itself.

[doors.sftp]
# listen = "127.0.0.1:2222"   # Port 0 takes a free one; run/ports.json tells which.
# login_seconds = 30          # A login must be done by then.
# visible_seconds = 3600      # How long an upload stays listed for its sender.
# drain_seconds = 20          # How long a stop waits for open transfers.
# idle_seconds = 900          # A session that asks nothing for so long is ended.
# unproven_max = 100          # Connections that have not logged in yet: in all,
# unproven_per_source_max = 20    # and of one source address.
# arrivals_per_second_max = 10    # New connections a second from one source address.

[doors.folder]
# enabled = true              # Take files out of the folders that partner files name: [[watched_folders]].

[receive]
# retry_seconds = 43200       # For so long a broken upload can be resumed, or repeated if our yes was lost.
# stalled_seconds = 3600      # An upload that is neither finished nor touched for so long is told of.
# incomplete_seconds = 1800   # EDI without its end is told of, if no whole upload of the name came by then.
# free_mib_min = 1024         # With less room on the vault's disk no upload is begun.

[pipeline]
# parsers = 2                 # Parser processes.
# parse_seconds = 600         # One file must be read within this time.
# parser_memory_mib = 1024    # Address space of one parser process.

[scan]                        # For feeds with scan = true.
# clamd = ""                  # unix:/run/clamav/clamd.ctl or tcp:HOST:PORT
# mib_max = 25                # StreamMaxLength of clamd.conf: more it does not look at.
# too_large = "hold"          # What becomes of a larger file: "hold", or "pass" unseen.

[audit]
# checkpoint_seconds = 60     # At most this long between two signed checkpoints,
# checkpoint_leaves = 1000    # and at most so many leaves.
# send_seconds = 600          # So often the newest one leaves this host.

[audit.send]                  # Where to; empty: not there. Without any, root on this host could rewrite the log unseen.
# syslog = ""                 # udp:HOST:PORT, tcp:HOST:PORT or unix:/dev/log
# command = []                # Gets it on its standard input: ["/usr/local/bin/keep-checkpoint"]

[audit.send.mail]
# server = ""                 # HOST:PORT
# sender = ""
# to = []
# user = ""                   # Empty: no login.
# password_file = ""          # Mode 0400.

[audit.send.bucket]           # S3-style; lock its objects, and let the key put and nothing else.
# endpoint = ""               # https://HOST
# bucket = ""
# prefix = ""
# region = "us-east-1"
# access_key_id = ""
# secret_key_file = ""        # Mode 0400.

[alerts]                      # People are told of trouble by mail, by webhook, or by both.
# look_seconds = 30           # How often it is looked for.
# webhook = ""                # https://…; gets a JSON text for each message.
# rules = []                  # None: the usual ones. Each is a table: [[alerts.rules]], see docs/alerts.md.

[alerts.mail]                 # As [audit.send.mail].
# server = ""
# sender = ""
# to = []
# user = ""
# password_file = ""

[events]
# file = true                 # Write every event to data/events/events.ndjson.
# file_mib_max = 64           # A larger file is set aside as events.ndjson.1, and a new one begun;
# file_keep = 10              # so many of those are kept.
# Other sinks are tables with names of their own: [events.sinks.warehouse], see docs/sinks.md.

[records]
# compact_seconds = 60        # How often new records are looked for, to be cached for queries.

[retention]
# originals_days = 0          # Files are kept for so long; 0: for ever.
# records_days = 0            # The same of the records made of them,
# names_days = 0              # and of names in the audit log, in transfers and events.
# Other classes are named by partner files: [retention.classes.claims], with the same keys.

[vault]
# blobs_hours = 24            # Small files lie in the ledger for so long, and then in the vault; 0: for ever.

[keys]
# folder = ""                 # Empty: keys/ in the home. "credentials": systemd's. Else an absolute path.
# warn_days = 30              # A key's end is told of so many days before, and 7 days, and 1.
# host_days_max = 0           # How old a host key may become; 0: as old as it will.
# bucket_days_max = 0         # The same of the bucket keys in force,
# signing_days_max = 0        # and of the key that signs checkpoints.

[ledger]
# url = ""                    # Empty: SQLite in data/. Else postgresql://…
"""
