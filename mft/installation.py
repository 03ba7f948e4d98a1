"""What a home and its mft.toml make together: partners that fit them, the vault, ways to people and off this host."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from mft.config import Config
from mft.config_sinks import (
    AnySink,
    FileSinkSettings,
    KafkaSettings,
    NatsSettings,
    RabbitMQSettings,
    RedisSettings,
    SinkSettings,
    SqsSettings,
    WebhookSettings,
)
from mft.crypto.keyring import FolderKeyring, Keyring
from mft.errors import BadConfig
from mft.home import Home
from mft.ledger.database import Books
from mft.pipeline import route
from mft.pipeline.agreements import problems
from mft.pipeline.alerts import Channel
from mft.pipeline.anchor import Destination
from mft.pipeline.emit import Sink, Terms, as_announced
from mft.records.inline import Inline
from mft.sinks import kafka, nats, rabbitmq, redis_streams, sqs, webhook
from mft.sinks.bucket import Bucket
from mft.sinks.checkpoints import Command, Mail, Syslog
from mft.sinks.file import FileSink
from mft.sinks.kafka import Kafka
from mft.sinks.nats import NatsJetStream
from mft.sinks.people import AlertMail, AlertWebhook
from mft.sinks.rabbitmq import RabbitMQ
from mft.sinks.redis_streams import RedisStreams
from mft.sinks.sqs import Sqs
from mft.sinks.webhook import Webhook
from mft.vault.store import Vault
from partners.load import Directory, Profile, load_directory
from partners.strict_toml import BadFile
from partners.watched_folder import clashes


def load_partners(home: Home) -> Directory:
    """Raises BadConfig: with every problem of every partner file, and of every guide beside them."""
    try:
        directory = load_directory(home.partners, home.guides, home.routes)
    except BadFile as error:
        raise BadConfig(str(error)) from None
    watched = [
        (str(profile.path), folder)
        for profile in directory.profiles.values()
        for folder in profile.connection.watched_folders
    ]
    found = [*problems(directory), *(f"{path}: {what}" for path, what in clashes(watched))]
    if found := [*found, *route.problems(directory, home.routes, home.root)]:
        raise BadConfig("\n".join(found))
    return directory


def check_retention(directory: Directory, config: Config, keyring: Keyring) -> None:
    """Raises BadConfig: partner files name a class that mft.toml does not, or a class has no key."""
    found = _unknown_classes(directory, config)
    for name in config.retention.limits_by_class():
        try:
            keyring.seal_for(name)
        except BadConfig as error:
            found.append(str(error))
    if found:
        raise BadConfig("\n".join(found))


def check_more(directory: Directory, profile: Profile, config: Config) -> None:
    """Whether a partner more fits. Raises BadConfig: it names a guide or a retention class that is not there."""
    alone = Directory({profile.connection.id: profile}, directory.guides)
    if found := [*problems(alone), *_unknown_classes(alone, config)]:
        raise BadConfig("\n".join(found))


def _unknown_classes(directory: Directory, config: Config) -> list[str]:
    known = config.retention.limits_by_class()
    return [
        f"{profile.path}: retention class `{name}` is not in mft.toml: add [retention.classes.{name}], or name another"
        for profile in directory.profiles.values()
        for name in sorted(profile.connection.retention_classes - known.keys())
    ]


def destinations(config: Config) -> list[Destination]:
    """Every place outside this host that checkpoints go to."""
    send, found = config.audit.send, list[Destination]()
    if send.syslog:
        found.append(Syslog(send.syslog))
    if send.command:
        found.append(Command(send.command))
    if send.mail.server:
        mail = send.mail
        password = Path(mail.password_file) if mail.password_file else None
        found.append(Mail(mail.server, mail.sender, mail.to, mail.user, password))
    if send.bucket.endpoint:
        keys = send.bucket.model_dump() | {"secret_key_file": Path(send.bucket.secret_key_file)}
        found.append(Bucket(**keys))
    return found


PROVEN: Final = {
    "file": "by writing, rotating and breaking it",
    "kafka": kafka.PROVEN,
    "nats": nats.PROVEN,
    "rabbitmq": rabbitmq.PROVEN,
    "redis": redis_streams.PROVEN,
    "sqs": sqs.PROVEN,
    "webhook": webhook.PROVEN,
}
"""What each kind of sink was tried against."""


def event_sinks(home: Home, config: Config, vault: Vault, books: Callable[[], Books]) -> list[tuple[Sink, Terms]]:
    """Every place that events go to, and on what terms."""
    found: list[tuple[Sink, Terms]] = []
    if config.events.file:
        kept = {"mib_max": config.events.file_mib_max, "keep": config.events.file_keep}
        found.append((FileSink("file", home.events_file, **kept), Terms()))
    for name, asked in config.events.sinks.items():
        inline = Inline(vault, books, asked.inline_kib_max << 10, asked.reveal) if asked.records == "inline" else None
        terms = Terms(asked.refused, asked.give_up_hours, inline or as_announced)
        found.append((sink_of(name, asked, home), terms))
    return found


def sink_of(name: str, asked: AnySink, home: Home) -> Sink:
    """Raises BadConfig: its library is missing, or a file that it names cannot be read."""
    own = asked.model_dump(exclude={*SinkSettings.model_fields, "kind", "plain"})
    match asked:
        case FileSinkSettings():
            return FileSink(name, home.events_file.with_name(f"{name}.ndjson"), **own)
        case NatsSettings():
            return NatsJetStream(name, how=asked.format, **own)
        case RabbitMQSettings():
            return RabbitMQ(name, how=asked.format, **own)
        case RedisSettings():
            return RedisStreams(name, **own)
        case KafkaSettings():
            return Kafka(name, how=asked.format, **own)
        case SqsSettings():
            return Sqs(name, **own)
        case WebhookSettings():
            return Webhook(name, how=asked.format, **own)


def channels(config: Config) -> list[Channel]:
    """Every way to people."""
    mail, found = config.alerts.mail, list[Channel]()
    if mail.server:
        password = Path(mail.password_file) if mail.password_file else None
        found.append(AlertMail(mail.server, mail.sender, mail.to, mail.user, password))
    if config.alerts.webhook:
        found.append(AlertWebhook(config.alerts.webhook))
    return found


def open_vault(home: Home) -> Vault:
    """The vault with the keys to open it. Raises BadConfig: a key file is missing or open to others."""
    return Vault(home.vault, FolderKeyring(home.keys))
