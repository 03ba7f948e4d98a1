"""Events to a real receiver of webhooks, which verifies them with a library of its own."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from mft.errors import NotAllowed
from mft.ledger import flow_holds
from mft.pipeline.emit import Gone, Later, Unreached
from mft.sinks.webhook import Webhook
from tests.harness import Site, eventually, run_mft
from tests.integration.sinks.conftest import Line, event, ids
from tests.receiver import Receiver, answers, hangs_up, trickles


@pytest.fixture
def receiver(tmp_path: Path) -> Iterator[Receiver]:
    made = Receiver(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def sink_of(receiver: Receiver) -> Iterator[Callable[..., Webhook]]:
    made: list[Webhook] = []

    def make(**says: Any) -> Webhook:
        told = {"secret_file": str(receiver.secret_file), "private": True, "seconds": 5.0, **says}
        made.append(Webhook("x", receiver.url, **told))
        return made[-1]

    yield make
    for sink in made:
        sink.close()


def test_signed_and_whole(receiver: Receiver, sink_of: Callable[..., Webhook]) -> None:
    sent = [event(number, lane=f"p{number}") for number in range(20)]
    assert sink_of().deliver(sent) == {}
    assert sorted(ids(receiver.events)) == [one.id for one in sent]
    assert {one["webhook-id"] for one in receiver.headers} == {one.id for one in sent}
    assert {one["content-type"] for one in receiver.headers} == {"application/cloudevents+json"}


def test_attributes_as_headers(receiver: Receiver, sink_of: Callable[..., Webhook]) -> None:
    assert sink_of(how="binary").deliver([event(7, lane="Größe & Co")]) == {}
    (body,), (said,) = receiver.events, receiver.headers
    assert body["n"] == 7
    assert (said["ce-id"], said["ce-type"], said["ce-specversion"]) == ("e00007", "mft.key.expiring.v1", "1.0")
    assert (said["ce-partner"], said["ce-replay"]) == ("Gr%C3%B6%C3%9Fe%20&%20Co", "true")
    assert said["content-type"] == "application/json"


def test_a_refusal_is_of_its_event_alone(receiver: Receiver, sink_of: Callable[..., Webhook]) -> None:
    def second_fails(door: Any) -> bool:
        return door.headers["webhook-id"] == "e00002" and answers(422)(door)

    receiver.misbehaves = second_fails
    sent = [event(number, lane=f"p{number}") for number in (1, 2, 3)]
    assert sink_of().deliver(sent) == {"e00002": "webhook.422"}
    assert sorted(ids(receiver.events)) == ["e00001", "e00003"]


def test_no_redirect_is_followed(receiver: Receiver, sink_of: Callable[..., Webhook]) -> None:
    receiver.misbehaves = answers(302, location=f"http://127.0.0.1:{receiver.port}/other")
    assert sink_of().deliver([event(1)]) == {"e00001": "webhook.302"}
    assert receiver.asked == 1


def test_an_address_of_ours_is_not_reached_unless_that_was_agreed(
    receiver: Receiver, sink_of: Callable[..., Webhook]
) -> None:
    with pytest.raises(NotAllowed):
        sink_of(private=False).deliver([event(1)])
    assert receiver.asked == 0


@pytest.mark.parametrize("misbehaviour", [trickles(30), hangs_up, answers(503)])
def test_no_good_answer_is_an_outage(receiver: Receiver, sink_of: Callable[..., Webhook], misbehaviour: Any) -> None:
    receiver.misbehaves = misbehaviour
    with pytest.raises((OSError, Unreached)):
        sink_of(seconds=0.5).deliver([event(1)])
    receiver.misbehaves = None
    assert sink_of().deliver([event(1)]) == {}


def test_it_says_when_to_come_again_and_when_never(receiver: Receiver, sink_of: Callable[..., Webhook]) -> None:
    receiver.misbehaves = answers(429, retry_after="17")
    with pytest.raises(Later) as caught:
        sink_of().deliver([event(1)])
    assert caught.value.seconds == 17
    receiver.misbehaves = answers(410)
    with pytest.raises(Gone):
        sink_of().deliver([event(1)])


def test_what_got_through_beside_a_failure_is_not_sent_again(
    receiver: Receiver, sink_of: Callable[..., Webhook], line_to: Callable[..., Line]
) -> None:
    failing = ["b1"]

    def one_fails(door: Any) -> bool:
        return bool(failing) and receiver.asked in {2, 3} and hangs_up(door)

    receiver.misbehaves = one_fails
    line = line_to(sink_of(parallel=1))
    for lane in "abc":
        line.announce(lane, f"{lane}1")
    line.turn(1)
    failing.clear()
    line.turn()
    assert line.states() == {}
    assert [one["subject"] for one in receiver.events] == ["a1", "c1", "b1"]


def test_killed_and_started_again_nothing_is_missing_and_order_is_kept(
    receiver: Receiver, sink_of: Callable[..., Webhook], line_to: Callable[..., Line]
) -> None:
    line = line_to(sink_of())
    for lane in "abc":
        line.announce(lane, *(f"{lane}{number}" for number in range(5)))
    line.turn(1)
    receiver.stop()
    for lane in "abc":
        line.announce(lane, f"{lane}5")
    line.turn(3)
    assert line.states() == {"waiting": 3}
    assert line.failing()
    receiver.start()
    line.turn()
    assert line.states() == {}
    for lane in "abc":
        got = [one["subject"] for one in receiver.events if one["subject"][0] == lane]
        assert list(dict.fromkeys(got)) == [f"{lane}{number}" for number in range(6)]


def test_gone_holds_the_sink(receiver: Receiver, sink_of: Callable[..., Webhook], line_to: Callable[..., Line]) -> None:
    receiver.misbehaves = answers(410)
    line = line_to(sink_of())
    line.announce("a", "1")
    line.turn(5)
    assert receiver.asked == 1
    (hold,) = flow_holds.holds(line.books)
    assert hold["sink"] == "x"


def test_a_server_delivers_by_webhook_whatever_happens_to_the_receiver(
    site: Site, tmp_path: Path, receiver: Receiver
) -> None:
    config = site.home / "config" / "mft.toml"
    config.write_text(
        config.read_text()
        + f"""
[events.sinks.crm]
kind = "webhook"
url = "{receiver.url}"
secret_file = "{receiver.secret_file}"
private = true
format = "structured"
subscribe = [{{ types = ["mft.transfer.*"] }}]
"""
    )
    partner = site.add_partner("globex")
    site.start()
    try:
        receiver.stop()
        (tmp_path / "note.txt").write_text("some words")
        site.sftp(partner, f"put {tmp_path / 'note.txt'}")
        tail = ("events", "tail", "-n", "100", "--json")

        def announced() -> list[dict[str, Any]]:
            lines = run_mft(*tail, home=site.home).stdout.splitlines()
            found = [json.loads(line) for line in lines]
            return [one for one in found if one["type"].startswith("mft.transfer.")]

        eventually(lambda: any("completed" in one["type"] for one in announced()), what="the file is done")
        receiver.start()
        eventually(lambda: set(ids(receiver.events)) >= set(ids(announced())), what="all events are there")
        assert {one["type"].split(".")[1] for one in receiver.events} == {"transfer"}
    finally:
        site.stop()
