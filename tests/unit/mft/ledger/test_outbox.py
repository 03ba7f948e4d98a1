"""The outbox: which events wait for which sink, in which order."""

from mft.ledger import outbox
from mft.ledger.database import Books, Writer


def event(number: int, *, at: int = 100) -> dict[str, object]:
    return {
        "id": f"e{number}", "tenant_id": 1, "at": at, "type": "mft.test.v1", "transfer_id": "t1", "lane": "acme",
        "body": "{}",
    }  # fmt: skip


WAIT = 1000


def due(books: Books, sink: str, *, now: int) -> list[dict[str, object]]:
    return outbox.due(books, sink, now=now, wait_max=WAIT, most=10)


def ids(rows: list[dict[str, object]]) -> list[object]:
    return [row["id"] for row in rows]


def test_each_sink_has_its_own_queue_in_ledger_order(writer: Writer) -> None:
    def work(books: Books) -> None:
        for number in (3, 1, 2):
            outbox.add_event(books, event(number), ("file", "web"))
        outbox.add_event(books, event(4), ())
        assert ids(due(books, "file", now=100)) == ["e1", "e2", "e3"]
        assert ids(outbox.due(books, "file", now=100, wait_max=WAIT, most=2)) == ["e1", "e2"]
        assert ids(due(books, "file", now=0)) == ["e1", "e2", "e3"]  # Whatever the clock said when they were made.
        assert due(books, "other", now=100) == []
        outbox.mark_delivered(books, "file", ["e1", "e3"], at=120)
        assert ids(due(books, "file", now=200)) == ["e2"]
        assert ids(due(books, "web", now=200)) == ["e1", "e2", "e3"]

    writer.run(work)


def test_what_was_put_off_comes_when_it_is_due(writer: Writer) -> None:
    def work(books: Books) -> None:
        for number in (1, 2):
            outbox.add_event(books, event(number), ("file", "web"))
        outbox.put_off(books, "file", ["e1"], due=500)
        assert due(books, "file", now=499) == []  # e2 must not overtake it.
        assert ids(due(books, "web", now=499)) == ["e1", "e2"]
        assert [(row["id"], row["attempts"]) for row in due(books, "file", now=500)] == [
            ("e1", 1),
            ("e2", 0),
        ]
        assert [row["attempts"] for row in due(books, "web", now=500)] == [0, 0]

    writer.run(work)


def test_a_clock_that_went_back_keeps_nothing_waiting(writer: Writer) -> None:
    def work(books: Books) -> None:
        outbox.add_event(books, event(1), ("file",))
        outbox.put_off(books, "file", ["e1"], due=10_000 + WAIT)
        assert due(books, "file", now=10_000) == []
        assert ids(due(books, "file", now=9_000)) == ["e1"]

    writer.run(work)


def test_events_can_be_read_again(writer: Writer) -> None:
    def work(books: Books) -> None:
        for number in range(1, 6):
            outbox.add_event(books, event(number), ("file",))
        outbox.mark_delivered(books, "file", ["e1"], at=120)
        assert ids(outbox.latest_events(books, 2)) == ["e4", "e5"]
        assert ids(outbox.events_after(books, "e3")) == ["e4", "e5"]
        assert ids(outbox.events_after(books, "", most=2)) == ["e1", "e2"]
        assert ids(outbox.events_of(books, "t1")) == [f"e{number}" for number in range(1, 6)]
        assert outbox.events_of(books, "t2") == []

    writer.run(work)
