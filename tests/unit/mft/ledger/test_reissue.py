"""What operators and consumers do about events that have left, in either database: the commands, and their leaves."""

from typing import Any

import pytest

from mft.audit.query import leaves
from mft.errors import NotAllowed
from mft.ledger import consumers, outbox
from mft.ledger.consumers import ReadElsewhere
from mft.ledger.database import Books, Writer
from mft.ledger.outbox import DEAD, Refusal
from mft.pipeline import reissue
from mft.pipeline.journal import Journal
from tests.unit.mft.ledger.test_outbox import due, event


def journal_of(books: Books) -> Journal:
    return Journal(books, 1_000, "urn:mft:x", "node", {"file": ()})


def told(books: Books, kind: str) -> list[dict[str, Any]]:
    return [leaf["facts"] for leaf in leaves(books, kind=kind, newest_first=False)]


def test_a_cursor_moves_only_from_where_it_is(writer: Writer) -> None:
    def work(books: Books) -> None:
        journal = journal_of(books)
        reissue.move_consumer(journal, reissue.MoveConsumer("crm", None, "e1"))
        reissue.move_consumer(journal, reissue.MoveConsumer("crm", "e1", "e3"))
        for behind in (None, "e1"):
            with pytest.raises(ReadElsewhere):
                reissue.move_consumer(journal, reissue.MoveConsumer("crm", behind, "e2"))
        row = consumers.consumer(books, "crm")
        assert row is not None
        assert row["event_id"] == "e3"

    writer.run(work)


def test_what_was_delivered_goes_again_and_what_waits_is_left_as_it_is(writer: Writer) -> None:
    def work(books: Books) -> None:
        journal = journal_of(books)
        for number in range(1, 5):
            outbox.add_event(books, event(number), ("file",))
        outbox.mark_delivered(books, "file", ["e1", "e3"], at=120)
        command = reissue.ReplayEvents("file", ("e1", "e2", "e3", "e4"), "cli:0")
        assert reissue.replay_events(journal, command) == 2
        assert journal.announced  # The relay is woken.
        rows = outbox.waiting_in(books, "file", "acme", now=200, wait_max=1, most=10)
        assert [(row["id"], row["replays"]) for row in rows] == [("e1", 1), ("e2", 0), ("e3", 1), ("e4", 0)]
        assert reissue.replay_events(journal, command) == 0
        assert told(books, "events.replayed") == [{"sink": "file", "events": 2, "first": "e1", "last": "e4"}]

    writer.run(work)


def test_dead_letters_are_retried_and_dropped_once(writer: Writer) -> None:
    def work(books: Books) -> None:
        journal = journal_of(books)
        for number in range(1, 4):
            outbox.add_event(books, event(number), ("file",))
        outbox.put_off(books, "file", [Refusal(f"e{number}", "x.y", 0, DEAD) for number in (1, 2, 3)], at=1)
        assert reissue.retry_dead(journal, reissue.RetryDead("file", ("e1",), "cli:0")) == 1
        dropped = reissue.DropDead("file", ("e1", "e2", "e3"), "cli:0", "as told")
        assert [reissue.drop_dead(journal, dropped) for _ in range(2)] == [2, 0]
        assert due(books, "file", now=200) == ["e1"]
        assert told(books, "events.retried") == [{"sink": "file", "events": 1, "first": "e1", "last": "e1"}]
        dropped_of = {"sink": "file", "events": 2, "first": "e2", "last": "e3", "why": "as told"}
        assert told(books, "events.dropped") == [dropped_of]

    writer.run(work)


def test_only_a_sink_that_has_gone_loses_what_waits_for_it(writer: Writer) -> None:
    def work(books: Books) -> None:
        journal = journal_of(books)
        outbox.add_event(books, event(1), ("file", "old"))
        with pytest.raises(NotAllowed):
            reissue.drop_unsent(journal, reissue.DropUnsent("file", "cli:0", "x"))
        drop = reissue.DropUnsent("old", "cli:0", "replaced")
        assert [reissue.drop_unsent(journal, drop) for _ in range(2)] == [1, 0]
        assert (due(books, "file", now=200), due(books, "old", now=200)) == (["e1"], [])
        assert told(books, "events.dropped") == [
            {"sink": "old", "events": 1, "first": "e1", "last": "e1", "why": "replaced"}
        ]

    writer.run(work)
