"""Events to SQS, as far as the emulator moto goes."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from mft.pipeline.emit import Unreached
from mft.sinks.sqs import Sqs, _batches
from tests.integration.sinks.conftest import event, ids


@pytest.fixture(scope="module")
def account() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def queue(account: str, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Makes a queue: a client, and its address."""
    for name, value in (("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s")):
        monkeypatch.setenv(name, value)

    def make(name: str, **attributes: str) -> tuple[Any, str]:
        client = boto3.client("sqs", region_name="us-east-1", endpoint_url=account)
        return client, client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]

    return make


def read(client: Any, url: str, count: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while len(found) < count:
        got = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
        messages = got.get("Messages", [])
        assert messages, f"{len(found)} of {count} came"
        for message in messages:
            found.append(json.loads(message["Body"]))
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return found


def sink_at(account: str, url: str, **says: Any) -> Sqs:
    return Sqs("x", url, region="us-east-1", endpoint=account, **says)


def test_a_fifo_queue_keeps_the_order_and_an_id_once(account: str, queue: Callable[..., Any]) -> None:
    client, url = queue("events.fifo", FifoQueue="true")
    sink = sink_at(account, url)
    for number in range(25):
        assert sink.deliver([event(number)]) == {}
    assert sink.deliver([event(24)]) == {}  # Again, as after a kill.
    assert sink.deliver([event(24)._replace(replays=1)]) == {}  # As an operator asked.
    assert ids(read(client, url, 26)) == [*(f"e{number:05}" for number in range(25)), "e00024"]
    sink.close()


def test_a_standard_queue_has_them_all(account: str, queue: Callable[..., Any]) -> None:
    client, url = queue("plain")
    sink = sink_at(account, url)
    assert sink.deliver([event(number, lane=f"p{number}") for number in range(25)]) == {}
    assert sorted(ids(read(client, url, 25))) == [f"e{number:05}" for number in range(25)]
    sink.close()


def test_too_large_is_refused_alone(account: str, queue: Callable[..., Any]) -> None:
    client, url = queue("large")
    sink = sink_at(account, url)
    assert sink.deliver([event(1, lane="a"), event(2, lane="b", size=300_000)]) == {"e00002": "sqs.too-large"}
    assert ids(read(client, url, 1)) == ["e00001"]
    sink.close()


def test_a_queue_that_is_not_there_is_no_refusal(account: str, queue: Callable[..., Any]) -> None:
    _, url = queue("here")
    sink = sink_at(account, url.replace("here", "nowhere"))
    with pytest.raises(Unreached, match=r"^sqs\.(NonExistentQueue|QueueDoesNotExist)$"):
        sink.deliver([event(1)])
    sink.close()


def test_nobody_there_is_no_refusal() -> None:
    sink = Sqs("x", "http://127.0.0.1:1/q", region="us-east-1", endpoint="http://127.0.0.1:1", seconds=1.0)
    with pytest.raises(Unreached, match=r"^sqs\."):
        sink.deliver([event(1)])
    sink.close()


def test_one_request_has_so_many_and_no_more_bytes_than_are_taken() -> None:
    many = [event(number) for number in range(25)]
    assert [len(some) for some in _batches(many)] == [10, 10, 5]
    large = [event(number, size=100_000) for number in range(5)]
    assert [len(some) for some in _batches(large)] == [2, 2, 1]
