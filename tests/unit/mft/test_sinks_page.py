"""What the pages on events say to put into mft.toml is understood, and made."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from mft.config import Config, Home
from mft.installation import PROVEN, sink_of
from mft.sinks.webhook import write_secret
from tests.harness import ROOT

PAGES = ("events.md", "sinks.md")


def blocks(page: str) -> list[str]:
    """Indented blocks that are TOML."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = re.findall(r"(?:^    .*\n|^\n(?=    ))+", text, flags=re.MULTILINE)
    return [re.sub(r"^    ", "", one, flags=re.MULTILINE) for one in found if "[events.sinks." in one]


ALL = [(page, block) for page in PAGES for block in blocks(page)]


@pytest.mark.parametrize(("page", "block"), ALL)
def test_each_block_makes_its_sink(page: str, block: str, tmp_path: Path) -> None:
    block = block.replace("/etc/mft/keys/", f"{tmp_path}/")
    for name in set(re.findall(rf"{tmp_path}/([\w.-]+)", block)):
        write_secret(tmp_path / name)
    told: dict[str, Any] = tomllib.loads(block)
    config = Config(**told)
    for name, asked in config.events.sinks.items():
        sink = sink_of(name, asked, Home(tmp_path))
        assert sink.name == name
        sink.close()


def test_every_kind_is_shown_in_ten_lines_at_most() -> None:
    shown = {tomllib.loads(block)["events"]["sinks"].popitem()[1]["kind"] for _, block in ALL}
    assert shown == set(PROVEN)
    assert all(len(block.strip().splitlines()) <= 12 for _, block in ALL)


@pytest.mark.parametrize(
    ("says", "said"),
    [
        ({"kind": "nats", "url": "nats://n.example.com:4222"}, "no TLS"),
        ({"kind": "rabbitmq", "url": "amqps://mft:secret@r.example.com/"}, "no password belongs"),
        ({"kind": "redis", "url": "http://r.example.com"}, "begins with rediss://"),
        ({"kind": "redis", "url": "rediss://r.example.com", "format": "binary"}, "structured"),
        ({"kind": "kafka", "brokers": "k.example.com:9092", "tls": False}, "in the clear"),
        ({"kind": "kafka", "brokers": "k.example.com:9092", "user": "mft"}, "both"),
        ({"kind": "redis", "url": "rediss://r.example.com/0?password=secret"}, "number of a database"),
        ({"kind": "redis", "url": "rediss://r.example.com/0?ssl_cert_reqs=none"}, "number of a database"),
        ({"kind": "kafka", "brokers": "PLAINTEXT://k.example.com:9092"}, "HOST:PORT"),
        ({"kind": "kafka", "brokers": "k.example.com:9092", "options": {"sasl.password": "secret"}}, "is a secret"),
        ({"kind": "kafka", "brokers": "k.example.com:9092", "options": {"ssl.key.pem": "secret"}}, "is a secret"),
        ({"kind": "kafka", "brokers": "k.example.com:9092", "options": {"acks": "1"}}, "not for `options`"),
        ({"kind": "kafka", "brokers": "k.example.com:9092", "options": {"request.required.acks": "1"}}, "not for `opt"),
        ({"kind": "sqs", "queue_url": "https://q.example.com/1/q", "access_key_id": "k"}, "both"),
        ({"kind": "sqs", "queue_url": "http://q.example.com/1/q"}, "no TLS"),
        ({"kind": "sqs", "queue_url": "https://q.example.com/1/q", "endpoint": "http://q.example.com"}, "no TLS"),
        ({"kind": "sqs", "queue_url": "https://k:secret@q.example.com/1/q"}, "without a user"),
        ({"kind": "sqs", "queue_url": "https://q.example.com/1/q", "format": "binary"}, "structured"),
        ({"kind": "webhook", "url": "http://w.example.com/", "secret_file": "s"}, "no TLS"),
        ({"kind": "webhook", "url": "https://u:p@w.example.com/", "secret_file": "s"}, "without a user"),
        ({"kind": "file", "subscribe": [{"types": ["mft.transfer.recieved.v1"]}]}, "no event is called"),
        ({"kind": "pigeon"}, "kind"),
    ],
)
def test_what_cannot_be_meant_is_said_so(says: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Config(events={"sinks": {"x": says}})


@pytest.mark.parametrize("name", ["file", "Big", "a b", ""])
def test_names_of_sinks(name: str) -> None:
    with pytest.raises(ValueError, match="no name of a sink"):
        Config(events={"sinks": {name: {"kind": "file"}}})
