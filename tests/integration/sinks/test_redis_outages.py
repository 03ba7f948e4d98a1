"""What a Redis says no to, and its replicas: always an outage, under a name that an operator understands."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mft.pipeline.emit import Unreached
from mft.sinks.redis_streams import RedisStreams
from tests.brokers import Redis
from tests.integration.sinks.conftest import Line, event, ids
from tests.stream_servers import replica_of


@pytest.fixture
def sink_at() -> Iterator[Callable[..., RedisStreams]]:
    made: list[RedisStreams] = []

    def make(server: Redis, **says: Any) -> RedisStreams:
        made.append(RedisStreams("x", server.url, **{"seconds": 5.0, **says}))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


def test_a_replica_must_have_it_too(
    redis_server: Redis, sink_at: Callable[..., RedisStreams], line_to: Callable[..., Line], tmp_path: Path
) -> None:
    stream = "replicated"
    with replica_of(redis_server, tmp_path / "replica") as replica:
        line = line_to(sink_at(redis_server, stream=stream, replicas=1, seconds=4.0))
        line.announce("a", "1", "2")
        line.turn(1)
        assert line.states() == {}
        assert [one["subject"] for one in replica.events(stream)] == ["1", "2"]
        replica.pause()
        line.announce("a", "3", "4")
        line.turn(1)
        assert line.failing() == "redis.too-few-replicas"
        assert line.states() == {"waiting": 2}
        replica.resume()
        line.turn()
        assert line.states() == {}
        got = [one["subject"] for one in replica.events(stream)]
        assert list(dict.fromkeys(got)) == ["1", "2", "3", "4"]


def test_a_server_that_became_a_replica_is_an_outage(
    redis_server: Redis, sink_at: Callable[..., RedisStreams], tmp_path: Path
) -> None:
    with replica_of(redis_server, tmp_path / "replica") as replica:
        sink = sink_at(replica, stream="moved")
        with pytest.raises(Unreached, match=r"^redis\.read-only$"):
            sink.deliver([event(1)])
        replica.client().replicaof("NO", "ONE")
        assert sink.deliver([event(1)]) == {}
        assert ids(replica.events("moved")) == ["e00001"]


@pytest.mark.parametrize(
    ("commands", "code", "undo"),
    [
        (["SET wrong 1"], "redis.no-stream", "DEL wrong"),
        (["CONFIG SET min-replicas-to-write 1"], "redis.too-few-replicas", "CONFIG SET min-replicas-to-write 0"),
        (["CONFIG SET requirepass other"], "redis.login", "CONFIG SET requirepass ''"),
        (["ACL SETUSER default -xadd"], "redis.not-permitted", "ACL SETUSER default +xadd"),
    ],
)
def test_what_it_says_no_to_has_a_code_and_leaves_nothing(
    redis_server: Redis, sink_at: Callable[..., RedisStreams], commands: list[str], code: str, undo: str
) -> None:
    sink = sink_at(redis_server, stream="wrong")
    client = redis_server.client()
    client.ping()  # On a line that was logged in before.
    for command in commands:
        client.execute_command(*command.split())
    try:
        with pytest.raises(Unreached, match=f"^{code}$") as caught:
            sink.deliver([event(1), event(2)])
        assert caught.value.delivered == frozenset()
    finally:
        client.execute_command(*[word.strip("'") for word in undo.split()])
    assert sink.deliver([event(1), event(2)]) == {}
    assert ids(redis_server.events("wrong")) == ["e00001", "e00002"]
    client.delete("wrong")
    client.close()
