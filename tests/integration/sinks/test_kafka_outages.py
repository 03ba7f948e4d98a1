"""What Kafka's brokers refuse, and their outages: no event overtakes another of its lane, and none arrives late."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from mft.errors import BadConfig
from mft.ledger import outbox
from mft.pipeline.emit import Unreached
from mft.sinks.kafka import Kafka
from tests.integration.sinks.conftest import Line, event, ids
from tests.stream_servers import MockCluster, MockProcess, partitions

TOO_LARGE, NOT_ALLOWED = 10, 29  # Kafka's error codes.
EACH_ALONE = {"batch.num.messages": "1"}  # One event in a request.


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    made = MockCluster()
    yield made
    made.close()


@pytest.fixture
def sink_of(cluster: MockCluster) -> Iterator[Callable[..., Kafka]]:
    made: list[Kafka] = []

    def make(**says: Any) -> Kafka:
        made.append(Kafka("x", cluster.brokers, **{"tls": False, "seconds": 10.0, **says}))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


def subjects(brokers: str) -> list[str]:
    """Of the one partition that has any."""
    (found,) = partitions(brokers)
    return [one["subject"] for one in found]


def test_what_a_broker_refuses_is_not_overtaken_in_its_lane(
    cluster: MockCluster, sink_of: Callable[..., Kafka], line_to: Callable[..., Line]
) -> None:
    line = line_to(sink_of(options=EACH_ALONE))
    line.announce("a", *"12345")
    cluster.answer_next(TOO_LARGE)
    line.turn(1)
    (row,) = outbox.refused(line.books, "x")
    assert (row["error"], row["attempts"]) == ("kafka.msg-size-too-large", 1)
    assert line.failing() is None
    line.turn()
    assert line.states() == {}
    assert subjects(cluster.brokers) == list("12345")


def test_of_a_request_that_was_refused_as_a_whole_no_event_is_blamed(
    cluster: MockCluster, sink_of: Callable[..., Kafka]
) -> None:
    sink = sink_of(options={"linger.ms": "100"})
    cluster.answer_next(TOO_LARGE)
    assert sink.deliver([event(1), event(2), event(3)]) == {}
    (found,) = partitions(cluster.brokers)
    assert ids(found) == ["e00001", "e00002", "e00003"]


def test_what_no_event_is_to_blame_for_is_an_outage(cluster: MockCluster, sink_of: Callable[..., Kafka]) -> None:
    sink = sink_of()
    cluster.answer_next(NOT_ALLOWED)
    with pytest.raises(Unreached, match=r"^kafka\.topic-authorization-failed$"):
        sink.deliver([event(1)])
    assert sink.deliver([event(1)]) == {}


def test_what_our_deadline_ended_does_not_arrive_later(cluster: MockCluster, sink_of: Callable[..., Kafka]) -> None:
    sink = sink_of(seconds=1.0, options={"reconnect.backoff.max.ms": "100"})
    assert sink.deliver([event(1)]) == {}
    cluster.down()
    with pytest.raises(Unreached, match=r"^kafka\.(transport|all-brokers-down)$"):
        sink.deliver([event(2), event(3)])
    cluster.up()
    sink._seconds = 10.0
    assert sink.deliver([event(4)]) == {}
    (found,) = partitions(cluster.brokers)
    assert ids(found) == ["e00001", "e00004"]


def test_a_paused_broker_meets_the_deadline_and_the_order_is_kept(line_to: Callable[..., Line]) -> None:
    cluster = MockProcess()
    try:
        sink = Kafka("x", cluster.brokers, tls=False, seconds=10.0)
        line = line_to(sink)
        line.announce("a", *"123")
        line.turn(1)
        assert line.states() == {}
        cluster.pause()
        line.announce("a", *"45678")
        sink._seconds = 0.5
        line.turn(2)
        assert line.states() == {"waiting": 5}
        assert str(line.failing()).startswith("kafka.")
        cluster.resume()
        sink._seconds = 10.0
        line.turn(3)
        assert line.states() == {}
        # What had been sent before the pause may come too: then it is there twice, but nothing is before its time.
        assert list(dict.fromkeys(subjects(cluster.brokers))) == list("12345678")
    finally:
        cluster.close()


def test_events_of_no_partner_are_a_lane_too(cluster: MockCluster, sink_of: Callable[..., Kafka]) -> None:
    sent = [event(number, lane="") for number in range(40)]
    assert sink_of(options=EACH_ALONE | {"sticky.partitioning.linger.ms": "0"}).deliver(sent) == {}
    (found,) = partitions(cluster.brokers)
    assert ids(found) == [one.id for one in sent]


@pytest.mark.parametrize("says", [{"options": {"no.such": "x"}}, {"tls": True, "ca_file": "/nowhere/ca.pem"}])
def test_settings_that_librdkafka_does_not_take_are_said_at_once(says: dict[str, Any]) -> None:
    with pytest.raises(BadConfig, match=r"no\.such|ca\.location"):
        Kafka("x", "127.0.0.1:1", **{"tls": False, **says})
