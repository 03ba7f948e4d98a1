"""The outbox: which events wait for which sink, in which order."""

from collections.abc import Iterable

import pytest

from mft.ledger import outbox
from mft.ledger.database import Books, Writer
from mft.ledger.outbox import DEAD, PARKED, WAITING, Refusal, SinkTaken

WAIT = 1000


def event(number: int, lane: str = "acme") -> dict[str, object]:
    return {
        "id": f"e{number}", "tenant_id": 1, "at": 100 + number, "type": "mft.test.v1", "transfer_id": "t1",
        "lane": lane, "body": "{}",
    }  # fmt: skip


def due(books: Books, sink: str, *, now: int, lane: str = "acme", most: int = 10) -> list[object]:
    return ids(outbox.waiting_in(books, sink, lane, now=now, wait_max=WAIT, most=most))


def ids(rows: Iterable[dict[str, object]]) -> list[object]:
    return [row["id"] for row in rows]


def test_each_sink_has_its_own_queue_in_ledger_order(writer: Writer) -> None:
    def work(books: Books) -> None:
        for number in (3, 1, 2):
            outbox.add_event(books, event(number), ("file", "web"))
        outbox.add_event(books, event(4), ())
        assert due(books, "file", now=100) == ["e1", "e2", "e3"]
        assert due(books, "file", now=100, most=2) == ["e1", "e2"]
        assert due(books, "file", now=0) == ["e1", "e2", "e3"]  # Whatever the clock said when they were made.
        assert due(books, "other", now=100) == []
        outbox.mark_delivered(books, "file", ["e1", "e3"], at=120)
        assert due(books, "file", now=200) == ["e2"]
        assert due(books, "web", now=200) == ["e1", "e2", "e3"]

    writer.run(work)


def test_each_partner_has_a_lane_of_its_own(writer: Writer) -> None:
    def work(books: Books) -> None:
        for number, lane in enumerate(("acme", "", "globex", "acme", "initech")):
            outbox.add_event(books, event(number, lane), ("file",))
        outbox.mark_delivered(books, "file", ["e2"], at=120)
        assert list(outbox.lanes(books, "file")) == ["", "acme", "initech"]
        assert list(outbox.lanes(books, "file", start="b")) == ["initech", "", "acme"]
        assert list(outbox.lanes(books, "file", start="acme")) == ["acme", "initech", ""]
        assert list(outbox.lanes(books, "file", start="z")) == ["", "acme", "initech"]
        assert list(outbox.lanes(books, "web")) == []
        assert due(books, "file", now=100, lane="acme") == ["e0", "e3"]
        assert due(books, "file", now=100, lane="") == ["e1"]

    writer.run(work)


def test_what_was_refused_comes_when_it_is_due_and_nothing_overtakes_it(writer: Writer) -> None:
    def work(books: Books) -> None:
        for number in (1, 2):
            outbox.add_event(books, event(number), ("file", "web"))
        outbox.put_off(books, "file", [Refusal("e1", "sink.full", 500, WAITING)], at=450)
        assert due(books, "file", now=499) == []
        assert due(books, "web", now=499) == ["e1", "e2"]
        assert due(books, "file", now=500) == ["e1", "e2"]
        outbox.put_off(books, "file", [Refusal("e1", "sink.odd", 900, WAITING)], at=500)
        (row,) = outbox.refused(books, "file")
        assert (row["id"], row["attempts"], row["error"], row["failing_since"]) == ("e1", 2, "sink.odd", 450)
        assert outbox.refused(books, "web") == []
        outbox.mark_delivered(books, "file", ["e1"], at=950)
        assert outbox.refused(books, "file") == []

    writer.run(work)


def test_what_is_parked_lets_its_lane_go_on(writer: Writer) -> None:
    def parked(books: Books, now: int) -> list[object]:
        return ids(outbox.parked(books, "file", now=now, wait_max=WAIT, most=10))

    def work(books: Books) -> None:
        for number in (1, 2):
            outbox.add_event(books, event(number), ("file",))
        outbox.put_off(books, "file", [Refusal("e1", "sink.odd", 500, PARKED)], at=450)
        assert due(books, "file", now=499) == ["e2"]
        assert parked(books, 499) == []
        assert parked(books, 500) == ["e1"]
        assert parked(books, 0) == []
        assert parked(books, 500 - WAIT - 1) == ["e1"]  # The clock went back.

    writer.run(work)


def test_dead_letters_wait_for_an_operator(writer: Writer) -> None:
    def work(books: Books) -> None:
        for number in (1, 2, 3):
            outbox.add_event(books, event(number), ("file",))
        outbox.put_off(books, "file", [Refusal(one, "sink.odd", 0, DEAD) for one in ("e1", "e2")], at=450)
        assert due(books, "file", now=10_000) == ["e3"]
        assert ids(outbox.dead_letters(books, "file")) == ["e1", "e2"]
        assert ids(outbox.dead_letters(books, "file", after="e1")) == ["e2"]
        assert outbox.retry_dead(books, "file", "e1")
        assert not outbox.retry_dead(books, "file", "e1")
        assert due(books, "file", now=10_000) == ["e1", "e3"]
        assert outbox.drop_dead(books, "file", "e2")
        assert not outbox.drop_dead(books, "file", "e3")
        assert outbox.dead_letters(books, "file") == []

    writer.run(work)


def test_a_replay_is_marked_and_reaches_also_a_sink_that_never_had_it(writer: Writer) -> None:
    def work(books: Books) -> None:
        for number in (1, 2):
            outbox.add_event(books, event(number), ("file",))
        outbox.mark_delivered(books, "file", ["e1", "e2"], at=120)
        assert outbox.replay(books, "file", ["e1", "e9"]) == 1
        assert outbox.replay(books, "web", ["e2"]) == 1
        (row,) = outbox.waiting_in(books, "file", "acme", now=0, wait_max=WAIT, most=10)
        assert (row["id"], row["replays"], row["attempts"]) == ("e1", 1, 0)
        (row,) = outbox.waiting_in(books, "web", "acme", now=0, wait_max=WAIT, most=10)
        assert (row["id"], row["replays"]) == ("e2", 1)

    writer.run(work)


def test_a_clock_that_went_back_keeps_nothing_waiting(writer: Writer) -> None:
    def work(books: Books) -> None:
        outbox.add_event(books, event(1), ("file",))
        outbox.put_off(books, "file", [Refusal("e1", "sink.full", 10_000 + WAIT, WAITING)], at=10_000)
        assert due(books, "file", now=10_000) == []
        assert due(books, "file", now=9_000) == ["e1"]

    writer.run(work)


def test_who_claims_a_sink_last_is_the_only_one_to_mark(writer: Writer) -> None:
    def work(books: Books) -> None:
        first = outbox.claim_sink(books, "file", by="one", at=1)
        outbox.check_fence(books, "file", first)
        second = outbox.claim_sink(books, "file", by="two", at=2)
        outbox.check_fence(books, "file", second)
        with pytest.raises(SinkTaken):
            outbox.check_fence(books, "file", first)
        with pytest.raises(SinkTaken):
            outbox.check_fence(books, "web", 1)
        assert [(row["name"], row["holder"]) for row in outbox.sinks(books)] == [("file", "two")]

    writer.run(work)


def test_since_when_a_sink_fails(writer: Writer) -> None:
    def work(books: Books) -> None:
        outbox.claim_sink(books, "file", by="one", at=1)
        outbox.sink_failed(books, "file", "sink.OSError", at=10)
        outbox.sink_failed(books, "file", "sink.TimeoutError", at=20)
        (row,) = outbox.sinks(books)
        assert (row["failing_since"], row["error"], row["attempts"]) == (10, "sink.TimeoutError", 2)
        outbox.sink_well(books, "file")
        (row,) = outbox.sinks(books)
        assert (row["failing_since"], row["error"], row["attempts"]) == (None, None, 0)

    writer.run(work)


def test_how_many_wait_and_since_when(writer: Writer) -> None:
    def work(books: Books) -> None:
        for number, lane in enumerate(("acme", "globex", "acme")):
            outbox.add_event(books, event(number, lane), ("file",))
        outbox.put_off(books, "file", [Refusal("e0", "sink.odd", 0, DEAD)], at=450)
        found = {(row["sink"], row["state"], row["lane"], row["events"], row["since"]) for row in outbox.depths(books)}
        assert found == {
            ("file", DEAD, "acme", 1, 100), ("file", WAITING, "acme", 1, 102), ("file", WAITING, "globex", 1, 101)
        }  # fmt: skip

    writer.run(work)


def test_events_can_be_read_again(writer: Writer) -> None:
    def work(books: Books) -> None:
        assert outbox.last_event(books) is None
        for number in range(1, 6):
            outbox.add_event(books, event(number), ("file",))
        outbox.mark_delivered(books, "file", ["e1"], at=120)
        assert outbox.last_event(books) == "e5"
        assert ids(outbox.latest_events(books, 2)) == ["e4", "e5"]
        assert ids(outbox.events_after(books, "e3")) == ["e4", "e5"]
        assert ids(outbox.events_after(books, "", most=2)) == ["e1", "e2"]
        assert ids(outbox.events_of(books, "t1")) == [f"e{number}" for number in range(1, 6)]
        assert outbox.events_of(books, "t2") == []

    writer.run(work)
