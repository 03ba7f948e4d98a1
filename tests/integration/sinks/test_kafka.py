"""Events to Kafka, as far as librdkafka's mock cluster goes: it lives in the producer's own process."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from confluent_kafka import Consumer

from mft.pipeline.emit import Unreached
from mft.sinks.kafka import Kafka
from tests.integration.sinks.conftest import event


@pytest.fixture
def cluster() -> Iterator[str]:
    """Three brokers, in a producer that does nothing else."""
    from confluent_kafka import Producer

    keeper = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": "3"})
    listed = keeper.list_topics(timeout=10)
    yield ",".join(f"{one.host}:{one.port}" for one in listed.brokers.values())
    keeper.flush(1)


@pytest.fixture
def sink_of(cluster: str) -> Iterator[Callable[..., Kafka]]:
    made: list[Kafka] = []

    def make(brokers: str = cluster, **says: Any) -> Kafka:
        made.append(Kafka("x", brokers, **{"tls": False, "seconds": 10.0, **says}))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


def read(cluster: str, topic: str, count: int) -> list[Any]:
    consumer = Consumer({"bootstrap.servers": cluster, "group.id": "t", "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    found: list[Any] = []
    while len(found) < count:
        message = consumer.poll(20)
        assert message is not None, f"{len(found)} of {count} came"
        assert message.error() is None, message.error()
        found.append(message)
    consumer.close()
    return found


def test_in_order_for_each_partner(cluster: str, sink_of: Callable[..., Kafka]) -> None:
    sent = [event(number, lane=f"p{number % 7}") for number in range(200)]
    assert sink_of().deliver(sent) == {}
    got = read(cluster, "mft.events", 200)
    for lane in {one.lane for one in sent}:
        mine = [json.loads(one.value())["id"] for one in got if one.key() == lane.encode()]
        assert mine == [one.id for one in sent if one.lane == lane]
        assert len({one.partition() for one in got if one.key() == lane.encode()}) == 1
    assert dict(got[0].headers()) == {"content-type": b"application/cloudevents+json"}


def test_attributes_as_headers(cluster: str, sink_of: Callable[..., Kafka]) -> None:
    assert sink_of(topic="binary", how="binary").deliver([event(7)]) == {}
    (got,) = read(cluster, "binary", 1)
    headers = dict(got.headers())
    assert (headers["ce_id"], headers["ce_type"]) == (b"e00007", b"mft.key.expiring.v1")
    assert json.loads(got.value())["n"] == 7


def test_too_large_is_refused_alone(cluster: str, sink_of: Callable[..., Kafka]) -> None:
    sink = sink_of(topic="large", options={"message.max.bytes": "2000"})
    sent = [event(1, lane="a"), event(2, lane="b", size=5000), event(3, lane="c")]
    assert sink.deliver(sent) == {"e00002": "kafka.msg-size-too-large"}
    assert sorted(json.loads(one.value())["id"] for one in read(cluster, "large", 2)) == ["e00001", "e00003"]


def test_what_makes_it_safe_cannot_be_switched_off(cluster: str, sink_of: Callable[..., Kafka]) -> None:
    sink = sink_of(options={"acks": "0", "enable.idempotence": "false"})
    assert (sink._settings["acks"], sink._settings["enable.idempotence"]) == ("all", True)
    assert sink.deliver([event(1)]) == {}


def test_without_brokers_the_deadline_ends_it_and_nothing_stays_under_way(sink_of: Callable[..., Kafka]) -> None:
    sink = sink_of("127.0.0.1:1", seconds=1.0)
    with pytest.raises(Unreached, match=r"^kafka\."):
        sink.deliver([event(1), event(2)])
    assert sink._producer is None
