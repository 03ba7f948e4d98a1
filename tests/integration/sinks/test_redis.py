"""Events to a real Redis."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from mft.pipeline.emit import Unreached
from mft.sinks.redis_streams import RedisStreams
from tests.brokers import Redis
from tests.integration.sinks.conftest import Line, event, ids

_numbers = count()


@pytest.fixture
def stream() -> str:
    """A name that no other test uses."""
    return f"s{next(_numbers)}"


@pytest.fixture
def sink_of(redis_server: Redis, stream: str) -> Iterator[Callable[..., RedisStreams]]:
    made: list[RedisStreams] = []

    def make(**says: Any) -> RedisStreams:
        made.append(RedisStreams("x", redis_server.url, **{"stream": stream, "seconds": 2.0, **says}))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


def test_in_order_under_their_ids(redis_server: Redis, sink_of: Callable[..., RedisStreams], stream: str) -> None:
    sent = [event(number, lane="" if number == 3 else "acme") for number in range(300)]
    assert sink_of().deliver(sent) == {}
    assert ids(redis_server.events(stream)) == [one.id for one in sent]
    entries = [entry for _, entry in redis_server.client().xrange(stream)]
    assert entries[0].keys() == {b"id", b"type", b"event", b"partner"}
    assert (entries[0][b"id"], entries[0][b"type"]) == (b"e00000", b"mft.key.expiring.v1")
    assert b"partner" not in entries[3]


def test_all_or_none_where_it_is_full(
    redis_server: Redis, sink_of: Callable[..., RedisStreams], stream: str, line_to: Callable[..., Line]
) -> None:
    client = redis_server.client()
    line = line_to(sink_of())
    line.announce("a", *(f"a{number}" for number in range(30)))
    client.config_set("maxmemory-policy", "noeviction")
    client.config_set("maxmemory", "1")
    try:
        line.turn(3)
        assert line.failing() == "redis.full"
        assert line.states() == {"waiting": 30}
        assert redis_server.events(stream) == []
    finally:
        client.config_set("maxmemory", "0")
    line.turn()
    assert line.states() == {}
    assert [one["subject"] for one in redis_server.events(stream)] == [f"a{number}" for number in range(30)]


def test_too_few_replicas_is_no_success(sink_of: Callable[..., RedisStreams]) -> None:
    with pytest.raises(Unreached, match=r"redis\.too-few-replicas"):
        sink_of(replicas=1, seconds=0.3).deliver([event(1)])


def test_about_so_many_are_kept(redis_server: Redis, sink_of: Callable[..., RedisStreams], stream: str) -> None:
    sink_of(entries_max=100).deliver([event(number) for number in range(1000)])
    assert 100 <= len(redis_server.events(stream)) < 400


def test_a_paused_server_meets_the_deadline(
    redis_server: Redis, sink_of: Callable[..., RedisStreams], stream: str, line_to: Callable[..., Line]
) -> None:
    line = line_to(sink_of(seconds=0.5))
    line.announce("a", "1")
    line.turn(1)
    redis_server.pause()
    try:
        line.announce("a", "2", "3")
        line.turn(2)
        assert line.failing() == "redis.TimeoutError"
        assert line.states() == {"waiting": 2}
    finally:
        redis_server.resume()
    line.turn()
    assert line.states() == {}
    assert list(dict.fromkeys(one["subject"] for one in redis_server.events(stream))) == ["1", "2", "3"]


def test_a_killed_server_comes_back_with_what_it_had(
    redis_server: Redis, sink_of: Callable[..., RedisStreams], stream: str, line_to: Callable[..., Line]
) -> None:
    line = line_to(sink_of())
    line.announce("a", *(f"a{number:03}" for number in range(100)))
    line.turn(1)
    redis_server.kill()
    line.announce("a", "a100")
    line.turn(2)
    assert line.failing() == "redis.ConnectionError"
    redis_server.start()
    line.turn()
    assert line.states() == {}
    got = list(dict.fromkeys(one["subject"] for one in redis_server.events(stream)))
    assert got == [f"a{number:03}" for number in range(101)]


def test_a_wrong_password_is_said_by_kind_alone(redis_server: Redis, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not-it")
    secret.chmod(0o400)
    sink = RedisStreams("x", redis_server.url.replace("//", "//nobody@"), password_file=str(secret))
    with pytest.raises(Unreached, match=r"^redis\.login$"):
        sink.deliver([event(1)])
    sink.close()
