"""Outages of SQS and what it refuses of a request, as far as the emulator and AWS' own stubs of answers go."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber
from moto.server import ThreadedMotoServer

from mft.ledger import outbox
from mft.pipeline.emit import Unreached
from mft.sinks.sqs import Sqs
from tests.brokers import free_port
from tests.integration.sinks.conftest import Line, event
from tests.integration.sinks.test_sqs import read


class Account:
    """An emulator that can go away and come back: its queues outlive it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=self.port, verbose=False)
        self._server.start()

    def stop(self) -> None:
        self._server.stop()


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    for name, value in (("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s")):
        monkeypatch.setenv(name, value)
    made = Account()
    yield made
    made.stop()


def queue_of(account: Account, name: str, **attributes: str) -> tuple[Any, str]:
    client = boto3.client("sqs", region_name="us-east-1", endpoint_url=account.url)
    return client, client.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def test_an_outage_loses_nothing_and_each_group_keeps_its_order(account: Account, line_to: Callable[..., Line]) -> None:
    client, url = queue_of(account, "outage.fifo", FifoQueue="true")
    line = line_to(Sqs("x", url, region="us-east-1", endpoint=account.url, seconds=2.0))
    for lane in "abc":
        line.announce(lane, *(f"{lane}{number}" for number in range(4)))
    line.turn(1)
    assert line.states() == {}
    account.stop()
    for lane in "cab":
        line.announce(lane, *(f"{lane}{number}" for number in range(4, 8)))
    line.turn(2)
    assert line.failing() == "sqs.EndpointConnectionError"
    assert line.states() == {"waiting": 12}
    account.start()
    line.turn()
    assert line.states() == {}
    by_lane = defaultdict(list)
    for one in read(client, url, 24):
        by_lane[one["partner"]].append(one["subject"])
    assert by_lane == {lane: [f"{lane}{number}" for number in range(8)] for lane in "abc"}


def test_a_group_for_each_partner_and_one_for_events_of_none(account: Account) -> None:
    client, url = queue_of(account, "groups.fifo", FifoQueue="true")
    sink = Sqs("x", url, region="us-east-1", endpoint=account.url)
    assert sink.deliver([event(1, lane="acme"), event(2, lane=""), event(3, lane="globex")]) == {}
    got = client.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"])["Messages"]
    said = [(one["Attributes"]["MessageGroupId"], one["Attributes"]["MessageDeduplicationId"]) for one in got]
    assert sorted(said) == [("_", "e00002"), ("acme", "e00001"), ("globex", "e00003")]
    sink.close()


def failed(number: int, code: str, *, ours: bool) -> dict[str, Any]:
    return {"Id": str(number), "SenderFault": ours, "Code": code, "Message": "of no interest"}


@pytest.fixture
def answered(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sqs]]:
    """A sink whose next request is answered so: some took place, some failed."""
    made = Sqs("x", "https://sqs.example.com/1/q.fifo", region="us-east-1")
    for name, value in (("AWS_ACCESS_KEY_ID", "k"), ("AWS_SECRET_ACCESS_KEY", "s")):
        monkeypatch.setenv(name, value)
    made._client = made._connect()
    with Stubber(made._client) as stub:

        def answer(taken: list[int], *not_taken: dict[str, Any]) -> Sqs:
            well = [{"Id": str(number), "MessageId": "m", "MD5OfMessageBody": "0"} for number in taken]
            asked = {"QueueUrl": ANY, "Entries": ANY}
            stub.add_response("send_message_batch", {"Successful": well, "Failed": list(not_taken)}, asked)
            return made

        yield answer
    made.close()


LANES = [event(number, lane=f"p{number}") for number in range(3)]


def test_what_is_wrong_with_an_entry_is_a_refusal_of_it(answered: Callable[..., Sqs]) -> None:
    sink = answered([0, 2], failed(1, "InvalidMessageContents", ours=True))
    assert sink.deliver(LANES) == {"e00001": "sqs.InvalidMessageContents"}


def test_what_is_wrong_over_there_is_an_outage_and_what_was_taken_counts(answered: Callable[..., Sqs]) -> None:
    sink = answered([0], failed(1, "InternalError", ours=False), failed(2, "InternalError", ours=False))
    with pytest.raises(Unreached, match=r"^sqs\.InternalError$") as caught:
        sink.deliver(LANES)
    assert caught.value.delivered == {"e00000"}


def test_what_every_event_would_meet_is_an_outage_whoever_is_to_blame(answered: Callable[..., Sqs]) -> None:
    sink = answered([0], failed(1, "KmsAccessDenied", ours=True), failed(2, "KmsAccessDenied", ours=True))
    with pytest.raises(Unreached, match=r"^sqs\.KmsAccessDenied$"):
        sink.deliver(LANES)


def test_a_refused_event_holds_its_lane_alone(answered: Callable[..., Sqs], line_to: Callable[..., Line]) -> None:
    sink = answered([1], failed(0, "InvalidMessageContents", ours=True))
    answered([0])
    line = line_to(sink)
    line.announce("a", "a1", "a2")
    line.announce("b", "b1", "b2")
    line.turn(1)
    assert line.failing() is None
    (row,) = outbox.refused(line.books, "x")
    assert (row["lane"], row["error"]) == ("a", "sqs.InvalidMessageContents")
    assert line.states() == {"waiting": 2}
