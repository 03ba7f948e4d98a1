"""Consumers: how far each has read."""

import pytest

from mft.cli.events import _before, _fitting
from mft.errors import Missing
from mft.ledger import consumers, outbox
from mft.ledger.consumers import ReadElsewhere
from mft.ledger.database import Books, Ledger, Writer, reading
from mft.ledger.outbox import DEAD, Refusal
from mft.pipeline.subscriptions import Subscription
from tests.unit.mft.ledger.test_outbox import event


def test_a_name_goes_on_where_it_was_left_and_only_there(writer: Writer) -> None:
    def work(books: Books) -> None:
        consumers.move(books, "crm", behind=None, to="", at=1)
        consumers.move(books, "crm", behind="", to="e3", at=2)
        for behind in (None, "", "e2"):
            with pytest.raises(ReadElsewhere):
                consumers.move(books, "crm", behind=behind, to="e9", at=3)
        row = consumers.consumer(books, "crm")
        assert row is not None
        assert (row["event_id"], row["made_at"], row["moved_at"]) == ("e3", 1, 2)
        consumers.forget(books, "crm")
        assert consumers.consumers(books) == []
        with pytest.raises(Missing):
            consumers.forget(books, "crm")

    writer.run(work)


def test_history_is_of_a_time_and_one_knows_how_much_comes_behind(writer: Writer) -> None:
    def work(books: Books) -> None:
        for number in range(1, 6):
            outbox.add_event(books, event(number), ("file",))
        assert [row["id"] for row in outbox.history(books, since=102, until=104)] == ["e2", "e3"]
        assert outbox.behind(books, "e3") == 2
        assert outbox.behind(books, "") == 5

    writer.run(work)


def test_a_dead_letter_by_how_its_id_begins(writer: Writer) -> None:
    def work(books: Books) -> None:
        for number in (11, 12, 21):
            outbox.add_event(books, event(number), ("file",))
        outbox.put_off(books, "file", [Refusal(f"e{number}", "x.y", 0, DEAD) for number in (11, 12)], at=1)
        assert outbox.dead_letter(books, "file", "e11") == "e11"
        for prefix in ("e1", "e2", "x"):
            with pytest.raises(Missing):
                outbox.dead_letter(books, "file", prefix)

    writer.run(work)


def test_commands_read_history_beside_the_writer(ledger: Ledger) -> None:
    writer = Writer(ledger)
    body = '{"type":"mft.test.v1","data":{}}'

    def work(books: Books) -> None:
        for number in range(1, 4):
            outbox.add_event(books, {**event(number), "body": body}, ("file",))

    writer.run(work)
    writer.close()
    with reading(ledger) as books:
        assert [row["id"] for row, _ in _fitting(books, 102, None, "", Subscription())] == ["e2", "e3"]
        assert _before(books, 102) == "e"
        assert _before(books, 1000) == "e3"
