"""`[events.sinks.NAME]` of mft.toml: where events go, which of them, and what is done about those that are refused."""

import re
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from mft.events import CATALOGUE
from mft.pipeline.subscriptions import Subscription
from mft.sinks.mail import is_loopback


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _types(patterns: tuple[str, ...]) -> tuple[str, ...]:
    for pattern in patterns:
        asked = Subscription(types=(pattern,))
        if not any(asked.takes_announced({"type": event.type, "data": {}}) for event in CATALOGUE):
            raise ValueError(f"no event is called `{pattern}`: `mft events catalogue` has them all")
    return patterns


class Subscribed(_Strict):
    """Keys of `[[events.sinks.NAME.subscribe]]`. What is left out asks nothing."""

    types: Annotated[tuple[str, ...], AfterValidator(_types)] = ()
    partners: tuple[str, ...] = ()
    standards: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    usages: tuple[str, ...] = ()


class SinkSettings(_Strict):
    """What every sink has."""

    subscribe: Annotated[tuple[Subscribed, ...], Field(description="None: every event.")] = ()
    format: Annotated[
        Literal["structured", "binary"], Field(description="CloudEvents: all in the body, or attributes as headers.")
    ] = "structured"
    records: Annotated[
        Literal["ref", "inline"], Field(description="Records by reference, or in mft.records.ready itself.")
    ] = "ref"
    inline_kib_max: Annotated[int, Field(ge=1, le=8192, description="More stay a reference.")] = 128
    reveal: Annotated[bool, Field(description="Inline records show what tells of persons.")] = False
    refused: Annotated[
        Literal["block", "park"], Field(description="A lane waits for an event that was refused, or goes on.")
    ] = "block"
    give_up_hours: Annotated[float, Field(gt=0, le=8760, description="Refused for so long it is a dead letter.")] = 72.0

    def subscriptions(self) -> tuple[Subscription, ...]:
        return tuple(Subscription(**one.model_dump()) for one in self.subscribe)


class FileSinkSettings(SinkSettings):
    """`kind = "file"`: lines of data/events/NAME.ndjson."""

    kind: Literal["file"]
    mib_max: Annotated[int, Field(ge=1, description="A larger file is set aside, and a new one begun.")] = 64
    keep: Annotated[int, Field(ge=1, le=9999, description="So many that were set aside are kept.")] = 10


Seconds = Annotated[float, Field(gt=0, le=300, description="No answer within it: they come again.")]
LaneWindow = Annotated[
    int,
    Field(
        ge=1,
        le=500,
        description="Events of one partner under way at once: more is faster, and a refused one can be overtaken.",
    ),
]


class _Line(SinkSettings):
    """What reaches a broker by an address."""

    plain: Annotated[bool, Field(description="Allow a line without TLS to another host.")] = False
    ca_file: Annotated[str, Field(description="Certificates to verify by; empty: those of the host.")] = ""

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        text: str = getattr(self, "url", "")
        where, (open_line, private_line) = urlsplit(text), _SCHEMES[type(self).__name__]
        if not where.hostname:
            raise ValueError(f"`url` is {private_line}://[USER@]HOST[:PORT]")
        if where.password:
            raise ValueError("no password belongs in `url`: name a file of mode 0400 by `password_file`")
        if where.scheme not in {open_line, private_line}:
            raise ValueError(f"`url` begins with {private_line}://, or {open_line}:// for a line without TLS")
        if where.scheme == open_line and not self.plain and not is_loopback(where.hostname):
            raise ValueError(f"{open_line}:// has no TLS: use {private_line}://, or say `plain = true`")
        return self


_SCHEMES = {
    "NatsSettings": ("nats", "tls"),
    "RabbitMQSettings": ("amqp", "amqps"),
    "RedisSettings": ("redis", "rediss"),
}


class RabbitMQSettings(_Line):
    """`kind = "rabbitmq"`: into a quorum queue, or a topic exchange by TYPE.PARTNER."""

    kind: Literal["rabbitmq"]
    url: Annotated[str, Field(description="amqps://USER@HOST/VHOST")]
    password_file: Annotated[str, Field(description="A file of mode 0400.")] = ""
    queue: str = "mft.events"
    exchange: Annotated[str, Field(description="A topic exchange in place of the queue.")] = ""
    declare: Annotated[bool, Field(description="Make the queue or exchange, if it is not there.")] = True
    lane_window: LaneWindow = 1
    seconds: Seconds = 15.0


class NatsSettings(_Line):
    """`kind = "nats"`: into a stream of JetStream, by the subject PREFIX + TYPE.PARTNER."""

    kind: Literal["nats"]
    url: Annotated[str, Field(description="tls://HOST:4222")]
    user: str = ""
    password_file: Annotated[str, Field(description="Of the user; a file of mode 0400.")] = ""
    token_file: Annotated[str, Field(description="In place of a user.")] = ""
    creds_file: Annotated[str, Field(description="A user's JWT and seed, in place of both.")] = ""
    stream: str = "mft"
    prefix: Annotated[str, Field(pattern=r"^([A-Za-z0-9_-]+\.)*$", description="Before each subject.")] = ""
    declare: Annotated[bool, Field(description="Make the stream, if it is not there.")] = True
    lane_window: LaneWindow = 1
    seconds: Seconds = 15.0


class WebhookSettings(SinkSettings):
    """`kind = "webhook"`: a signed POST for each event."""

    kind: Literal["webhook"]
    url: Annotated[str, Field(description="https://HOST/PATH")]
    secret_file: Annotated[str, Field(description="Made by `mft events secret FILE`; mode 0400.")]
    old_secret_file: Annotated[str, Field(description="Signs too, while a new one takes its place.")] = ""
    ca_file: Annotated[str, Field(description="Certificates to verify by; empty: those of the host.")] = ""
    private: Annotated[bool, Field(description="Allow addresses that are not of the open internet.")] = False
    plain: Annotated[bool, Field(description="Allow http:// to another host.")] = False
    parallel: Annotated[int, Field(ge=1, le=64, description="Events under way at once, of as many partners.")] = 8
    seconds: Seconds = 10.0

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        where = urlsplit(self.url)
        if where.scheme not in {"https", "http"} or not where.hostname or where.fragment or "@" in where.netloc:
            raise ValueError("`url` is https://HOST/PATH, without a user or a fragment")
        if where.scheme == "http" and not (self.plain or (self.private and is_loopback(where.hostname))):
            raise ValueError("http:// has no TLS: use https://, or say `plain = true`")
        return self


class _Structured(SinkSettings):
    """Kinds that have no headers for attributes."""

    @model_validator(mode="after")
    def _has_no_headers(self) -> Self:
        if self.format == "binary":
            raise ValueError("`format` is structured here: there is no binding of CloudEvents with headers")
        return self


class RedisSettings(_Line, _Structured):
    """`kind = "redis"`: entries of a stream."""

    kind: Literal["redis"]
    url: Annotated[str, Field(description="rediss://[USER@]HOST:6379/0")]
    password_file: Annotated[str, Field(description="A file of mode 0400.")] = ""
    stream: str = "mft:events"
    entries_max: Annotated[int, Field(ge=0, description="About so many are kept, read or not; 0: all.")] = 0
    replicas: Annotated[int, Field(ge=0, description="So many must have it too.")] = 0
    seconds: Seconds = 15.0

    @model_validator(mode="after")
    def _is_an_address(self) -> Self:
        if "?" in self.url or "#" in self.url:
            raise ValueError(
                "`url` ends with the number of a database: options behind it could hold secrets, or end TLS"
            )
        return self


_NO_OPTIONS = re.compile(
    r"acks|request\.required\.acks|enable\.idempotence|transactional\.id"
    r"|(delivery|message|request)\.timeout\.ms|bootstrap\.servers|metadata\.broker\.list|security\.protocol"
    r"|sasl\.(username|mechanisms?)|ssl\.ca\.location|plugin\..+|log.*"
)
_SECRET_OPTIONS = re.compile(r"(.*\.)?(password|secret|pem|token)(\..+)?")


def _options(options: dict[str, str]) -> dict[str, str]:
    for name in options:
        if _SECRET_OPTIONS.fullmatch(name):
            raise ValueError(
                f"`{name}` is a secret, which does not belong here: name its file, by a key or `…location`"
            )
        if _NO_OPTIONS.fullmatch(name):
            raise ValueError(f"`{name}` is not for `options`: a key of the sink says it, or the order depends on it")
    return options


class KafkaSettings(SinkSettings):
    """`kind = "kafka"`: a topic, keyed by partner."""

    kind: Literal["kafka"]
    brokers: Annotated[str, Field(min_length=1, description="HOST:9092,HOST:9092")]
    topic: str = "mft.events"
    user: str = ""
    password_file: Annotated[str, Field(description="A file of mode 0400.")] = ""
    mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    tls: bool = True
    plain: Annotated[bool, Field(description="Allow `tls = false` to another host.")] = False
    ca_file: Annotated[str, Field(description="Certificates to verify by; empty: those of the host.")] = ""
    options: Annotated[dict[str, str], AfterValidator(_options), Field(description="More of librdkafka's.")] = {}
    lane_window: LaneWindow = 1
    seconds: Seconds = 15.0

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        if "://" in self.brokers:
            raise ValueError("`brokers` is HOST:PORT,HOST:PORT: whether the line has TLS, `tls` says")
        hosts = [one.strip().rpartition(":")[0].strip("[]") for one in self.brokers.split(",")]
        if not self.tls and not self.plain and not all(map(is_loopback, hosts)):
            raise ValueError("`tls = false` sends all in the clear: leave it out, or say `plain = true`")
        if bool(self.user) != bool(self.password_file):
            raise ValueError("a login wants both `user` and `password_file`")
        return self


class SqsSettings(_Structured):
    """`kind = "sqs"`: a queue of AWS."""

    kind: Literal["sqs"]
    queue_url: Annotated[str, Field(pattern=r"^https?://\S+$", description="As AWS shows it.")]
    region: str = ""
    endpoint: Annotated[str, Field(description="Another than AWS' own.")] = ""
    access_key_id: Annotated[str, Field(description="Empty: credentials as AWS' tools find them.")] = ""
    secret_key_file: Annotated[str, Field(description="A file of mode 0400.")] = ""
    plain: Annotated[bool, Field(description="Allow http:// to another host.")] = False
    seconds: Seconds = 15.0

    @model_validator(mode="after")
    def _is_private(self) -> Self:
        for where in map(urlsplit, filter(None, (self.queue_url, self.endpoint))):
            if where.scheme not in {"https", "http"} or not where.hostname or "@" in where.netloc:
                raise ValueError("`queue_url` and `endpoint` are https://HOST/PATH, without a user")
            if where.scheme == "http" and not self.plain and not is_loopback(where.hostname):
                raise ValueError("http:// has no TLS: use https://, or say `plain = true`")
        return self

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if bool(self.access_key_id) != bool(self.secret_key_file):
            raise ValueError("a key wants both `access_key_id` and `secret_key_file`")
        return self


AnySink = Annotated[
    FileSinkSettings | KafkaSettings | NatsSettings | RabbitMQSettings | RedisSettings | SqsSettings | WebhookSettings,
    Field(discriminator="kind"),
]
