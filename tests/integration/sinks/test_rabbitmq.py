"""Events to a real RabbitMQ."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from mft.pipeline.emit import Unreached
from mft.sinks.rabbitmq import RabbitMQ
from tests.brokers import RabbitMQServer
from tests.integration.sinks.conftest import Line, event, ids

_numbers = count()


@pytest.fixture
def queue() -> str:
    """A name that no other test uses."""
    return f"q{next(_numbers)}"


@pytest.fixture
def sink_of(rabbitmq_server: RabbitMQServer, queue: str) -> Iterator[Callable[..., RabbitMQ]]:
    made: list[RabbitMQ] = []

    def make(**says: Any) -> RabbitMQ:
        made.append(RabbitMQ("x", rabbitmq_server.url, **{"queue": queue, "seconds": 10.0, **says}))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


@pytest.mark.parametrize("how", ["structured", "binary"])
def test_in_order_confirmed_under_their_ids(
    rabbitmq_server: RabbitMQServer, sink_of: Callable[..., RabbitMQ], queue: str, how: str
) -> None:
    sent = [event(number, lane=f"p.{number % 3}") for number in range(300)]
    assert sink_of(how=how).deliver(sent) == {}
    with rabbitmq_server.channel() as channel:
        _, properties, _ = channel.basic_get(queue, auto_ack=True)
        assert (properties.message_id, properties.type, properties.delivery_mode) == ("e00000", sent[0].type, 2)
    got = rabbitmq_server.events(queue)
    assert ids(got) == [one.id for one in sent[1:]]
    assert {key: str(value) for key, value in got[6].items() if key not in {"data", "datacontenttype", "replay"}} == {
        "specversion": "1.0", "id": "e00007", "source": "urn:mft:x", "type": "mft.key.expiring.v1", "subject": "k",
        "partner": "p.1",
    }  # fmt: skip
    assert got[6]["data"]["n"] == 7


def test_the_queue_is_a_quorum_queue(
    rabbitmq_server: RabbitMQServer, sink_of: Callable[..., RabbitMQ], queue: str
) -> None:
    sink_of().deliver([event(1)])
    with rabbitmq_server.channel() as channel:
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})  # Another kind would raise.


def test_what_no_queue_is_bound_for_is_refused(
    rabbitmq_server: RabbitMQServer, sink_of: Callable[..., RabbitMQ], queue: str
) -> None:
    sink = sink_of(exchange=f"{queue}.topic")
    assert sink.deliver([event(1)]) == {"e00001": "rabbitmq.unroutable"}
    with rabbitmq_server.channel() as channel:
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        channel.queue_bind(queue, f"{queue}.topic", "mft.key.expiring.v1.*")
    other = event(2, kind="mft.test.other.v1")
    assert sink.deliver([event(1), other, event(3, lane="a.b")]) == {"e00002": "rabbitmq.unroutable"}
    assert ids(rabbitmq_server.events(queue)) == ["e00001", "e00003"]


def test_a_queue_that_shall_not_be_made_must_be_there(sink_of: Callable[..., RabbitMQ]) -> None:
    with pytest.raises(Unreached, match=r"rabbitmq\.404"):
        sink_of(declare=False).deliver([event(1)])


def test_a_full_queue_waits_and_says_what_it_has(
    rabbitmq_server: RabbitMQServer, sink_of: Callable[..., RabbitMQ], queue: str, line_to: Callable[..., Line]
) -> None:
    full = {"x-queue-type": "quorum", "x-max-length": 2, "x-overflow": "reject-publish"}
    with rabbitmq_server.channel() as channel:
        channel.queue_declare(queue, durable=True, arguments=full)
    line = line_to(sink_of(declare=False))
    line.announce("a", *(f"a{number}" for number in range(20)))
    line.turn()
    assert line.failing() == "rabbitmq.nacked"
    assert line.states().keys() == {"waiting"}
    got: list[str] = []
    while line.states():
        got += [one["subject"] for one in rabbitmq_server.events(queue)]
        line.turn()
    got += [one["subject"] for one in rabbitmq_server.events(queue)]
    assert got == [f"a{number}" for number in range(20)]


def test_a_paused_server_meets_the_deadline_and_then_has_all(
    rabbitmq_server: RabbitMQServer, sink_of: Callable[..., RabbitMQ], queue: str, line_to: Callable[..., Line]
) -> None:
    line = line_to(sink_of(seconds=1.0))
    line.announce("a", "1")
    line.turn(1)
    rabbitmq_server.pause()
    try:
        line.announce("a", "2", "3")
        line.turn(2)
        assert line.failing() in {"rabbitmq.no-confirm", "rabbitmq.no-answer"}
        assert line.states() == {"waiting": 2}
    finally:
        rabbitmq_server.resume()
    line.turn()
    assert line.states() == {}
    got = [one["subject"] for one in rabbitmq_server.events(queue)]
    assert list(dict.fromkeys(got)) == ["1", "2", "3"]


def test_a_killed_server_comes_back_with_what_it_confirmed(
    rabbitmq_server: RabbitMQServer, sink_of: Callable[..., RabbitMQ], queue: str, line_to: Callable[..., Line]
) -> None:
    line = line_to(sink_of())
    line.sink.deliver([event(1)])
    rabbitmq_server.stop()  # It knows a new quorum queue behind a kill only when its own tables are on the disk.
    rabbitmq_server.start()
    rabbitmq_server.events(queue)
    for lane in "abc":
        line.announce(lane, *(f"{lane}{number:03}" for number in range(100)))
    line.turn(1)
    rabbitmq_server.kill()
    line.announce("a", "a100")
    line.turn(2)
    assert line.failing()
    rabbitmq_server.start()
    line.turn()
    assert line.states() == {}
    got = list(dict.fromkeys(one["subject"] for one in rabbitmq_server.events(queue)))
    for lane, most in (("a", 101), ("b", 100), ("c", 100)):
        assert [one for one in got if one[0] == lane] == [f"{lane}{number:03}" for number in range(most)]


def test_a_wrong_password_is_said_by_kind_alone(rabbitmq_server: RabbitMQServer, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("not-it\n")
    secret.chmod(0o400)
    url = rabbitmq_server.url.replace("//", "//somebody@")
    sink = RabbitMQ("x", url, password_file=str(secret), seconds=10)
    with pytest.raises(Unreached, match=r"^rabbitmq\.(403|ProbableAuthenticationError)$"):
        sink.deliver([event(1)])


def test_a_connection_that_ended_while_nothing_was_sent_is_made_anew(
    rabbitmq_server: RabbitMQServer, sink_of: Callable[..., RabbitMQ], queue: str
) -> None:
    sink = sink_of()
    sink.deliver([event(1)])
    assert sink._connection is not None
    sink._connection._transport._sock.shutdown(2)
    assert sink.deliver([event(2)]) == {}
    assert ids(rabbitmq_server.events(queue)) == ["e00001", "e00002"]


def test_what_was_never_published_is_no_success(
    sink_of: Callable[..., RabbitMQ], monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = sink_of()
    sink.deliver([event(1)])
    with monkeypatch.context() as patch:
        patch.setattr(sink, "_notice", lambda: None)
        patch.setattr(sink, "_open", lambda: None)
        patch.setattr(sink, "_why", "rabbitmq.ended-just-now")
        with pytest.raises(Unreached, match="ended-just-now"):
            sink.deliver([event(2), event(3)])
