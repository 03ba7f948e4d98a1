"""Events to a real NATS server with JetStream."""

import asyncio
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import nats
import pytest

from mft.pipeline.emit import Unreached
from mft.sinks.nats import NatsJetStream
from tests.brokers import Nats
from tests.integration.sinks.conftest import Line, event, ids

_numbers = count()


@pytest.fixture
def stream(nats_server: Nats) -> str:
    """A name that no other test uses; its subjects begin with it."""
    return f"s{next(_numbers)}"


@pytest.fixture
def sink_of(nats_server: Nats, stream: str) -> Iterator[Callable[..., NatsJetStream]]:
    made: list[NatsJetStream] = []

    def make(**says: Any) -> NatsJetStream:
        told = {"stream": stream, "prefix": f"{stream}.", "seconds": 5.0, **says}
        made.append(NatsJetStream("x", nats_server.url, **told))
        return made[-1]

    yield make
    for sink in made:
        if sink._thread.is_alive():
            sink.close()


def make_stream(server: Nats, name: str, **limits: Any) -> None:
    async def make() -> None:
        client = await nats.connect(server.url)
        await client.jetstream().add_stream(name=name, subjects=[f"{name}.mft.>"], **limits)
        await client.close()

    asyncio.run(make())


def empty(server: Nats, name: str) -> None:
    async def purge() -> None:
        client = await nats.connect(server.url)
        await client.jetstream().purge_stream(name)
        await client.close()

    asyncio.run(purge())


@pytest.mark.parametrize("how", ["structured", "binary"])
def test_in_order_confirmed_under_their_ids(
    nats_server: Nats, sink_of: Callable[..., NatsJetStream], stream: str, how: str
) -> None:
    sent = [event(number, lane=f"p.{number % 3}") for number in range(300)]
    assert sink_of(how=how).deliver(sent) == {}
    got = nats_server.events(stream)
    assert ids(got) == [one.id for one in sent]
    assert {key: str(value) for key, value in got[7].items() if key not in {"data", "datacontenttype", "replay"}} == {
        "specversion": "1.0", "id": "e00007", "source": "urn:mft:x", "type": "mft.key.expiring.v1", "subject": "k",
        "partner": "p.1",
    }  # fmt: skip
    assert got[7]["data"]["n"] == 7


def test_the_same_id_is_kept_once(nats_server: Nats, sink_of: Callable[..., NatsJetStream], stream: str) -> None:
    sink = sink_of()
    sink.deliver([event(1), event(2)])
    assert sink.deliver([event(2), event(3)]) == {}
    assert ids(nats_server.events(stream)) == ["e00001", "e00002", "e00003"]


def test_a_replay_is_no_repetition(nats_server: Nats, sink_of: Callable[..., NatsJetStream], stream: str) -> None:
    sink = sink_of()
    for replays in (0, 1, 1, 2):
        sink.deliver([event(1)._replace(replays=replays)])
    assert ids(nats_server.events(stream)) == ["e00001"] * 3


def test_a_stream_that_is_not_there_is_an_error_and_no_success(sink_of: Callable[..., NatsJetStream]) -> None:
    with pytest.raises(Unreached, match=r"nats\.no-stream"):
        sink_of(declare=False).deliver([event(1)])


def test_a_subject_that_no_stream_takes_is_an_error(
    nats_server: Nats, sink_of: Callable[..., NatsJetStream], stream: str
) -> None:
    make_stream(nats_server, stream)
    with pytest.raises(Unreached, match=r"nats\.no-stream"):
        sink_of(prefix="elsewhere.").deliver([event(1)])


def test_a_subject_of_another_stream_is_an_error(
    nats_server: Nats, sink_of: Callable[..., NatsJetStream], stream: str
) -> None:
    make_stream(nats_server, stream)
    make_stream(nats_server, f"{stream}-other")
    with pytest.raises(Unreached, match=r"nats\.other-stream"):
        sink_of(prefix=f"{stream}-other.").deliver([event(1)])


def test_too_large_is_refused_alone(nats_server: Nats, sink_of: Callable[..., NatsJetStream], stream: str) -> None:
    make_stream(nats_server, stream, max_msg_size=2000)
    large, huge = event(2, size=3000), event(3, size=1 << 20)
    assert sink_of().deliver([event(1), large, huge, event(4)]) == {
        "e00002": "nats.too-large", "e00003": "nats.too-large"
    }  # fmt: skip
    assert ids(nats_server.events(stream)) == ["e00001", "e00004"]


def test_a_full_stream_waits_and_says_what_it_has(
    nats_server: Nats, sink_of: Callable[..., NatsJetStream], stream: str, line_to: Callable[..., Line]
) -> None:
    make_stream(nats_server, stream, max_msgs=3, discard="new")
    line = line_to(sink_of())
    line.announce("a", "a1", "a2")
    line.announce("b", "b1", "b2")
    line.turn()
    assert line.failing() == "nats.full"
    assert line.states() == {"waiting": 1}
    empty(nats_server, stream)
    line.turn()
    assert line.states() == {}
    assert [one["subject"] for one in nats_server.events(stream)] == ["b2"]


def test_a_paused_server_meets_the_deadline_and_then_has_all(
    nats_server: Nats, sink_of: Callable[..., NatsJetStream], stream: str, line_to: Callable[..., Line]
) -> None:
    line = line_to(sink_of(seconds=0.5))
    line.announce("a", "1")
    line.turn(1)
    nats_server.pause()
    try:
        line.announce("a", "2", "3")
        line.turn(2)
        assert line.failing() == "nats.no-answer"
        assert line.states() == {"waiting": 2}
    finally:
        nats_server.resume()
    line.turn()
    assert line.states() == {}
    assert [one["subject"] for one in nats_server.events(stream)] == ["1", "2", "3"]


def test_a_killed_server_comes_back_with_what_it_confirmed(
    nats_server: Nats, sink_of: Callable[..., NatsJetStream], stream: str, line_to: Callable[..., Line]
) -> None:
    line = line_to(sink_of())
    for lane in "abc":
        line.announce(lane, *(f"{lane}{number:03}" for number in range(100)))
    line.turn(1)
    nats_server.kill()
    line.announce("a", "a100")
    line.turn(2)
    assert line.failing()
    nats_server.start()
    line.turn()
    assert line.states() == {}
    got = [one["subject"] for one in nats_server.events(stream)]
    for lane, most in (("a", 101), ("b", 100), ("c", 100)):
        assert [one for one in got if one[0] == lane] == [f"{lane}{number:03}" for number in range(most)]


def test_a_server_that_is_not_there_is_said_by_kind_alone(tmp_path: Path) -> None:
    sink = NatsJetStream("x", "nats://127.0.0.1:1", seconds=2)
    with pytest.raises(Unreached) as caught:
        sink.deliver([event(1)])
    assert caught.value.why.startswith("nats.")
    sink.close()
