"""Consumers: how far each has read."""

import pytest

from mft.clock import id_from
from mft.errors import Missing
from mft.ledger import consumers, outbox
from mft.ledger.consumers import ReadElsewhere
from mft.ledger.database import Books, Ledger, Writer, reading
from mft.ledger.outbox import DEAD, PARKED, WAITING, Refusal
from tests.unit.mft.ledger.test_outbox import event, ids


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
        assert ids(outbox.history(books, since=102, until=104)) == ["e2", "e3"]
        assert ids(outbox.history(books, until=104, newest_first=True)) == ["e3", "e2", "e1"]
        assert ids(outbox.history(books, since=102, before="e4", newest_first=True)) == ["e3", "e2"]
        assert outbox.behind(books, "e3") == 2
        assert outbox.behind(books, "") == 5

    writer.run(work)


def test_history_is_read_beside_the_writer_page_by_page(
    ledger: Ledger, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox, "_PAGE", 2)
    writer.run(lambda books: [outbox.add_event(books, event(number), ()) for number in range(1, 6)])
    with reading(ledger) as books:
        assert ids(outbox.history(books)) == ["e1", "e2", "e3", "e4", "e5"]
        assert ids(outbox.history(books, newest_first=True)) == ["e5", "e4", "e3", "e2", "e1"]


def test_history_begins_where_a_time_does_and_an_event_of_a_clock_that_ran_ahead_is_of_its_own_time(
    writer: Writer,
) -> None:
    hour = 3_600_000_000
    made = {"old": 10 * hour, "stepped": 20 * hour, "new": 20 * hour}
    began = {"old": 10 * hour, "stepped": 19 * hour + 1, "new": 30 * hour}

    def work(books: Books) -> None:
        for name, at in made.items():
            outbox.add_event(books, event(0) | {"id": id_from(began[name]) + name, "at": at}, ())
        assert [str(row["id"])[26:] for row in outbox.history(books, since=20 * hour)] == ["stepped", "new"]

    writer.run(work)


def test_dead_letters_by_how_their_ids_begin(writer: Writer) -> None:
    def work(books: Books) -> None:
        for number in (11, 12, 21):
            outbox.add_event(books, event(number), ("file",))
        outbox.put_off(books, "file", [Refusal(f"e{number}", "x.y", 0, DEAD) for number in (11, 12)], at=1)
        found = {prefix: outbox.dead_like(books, "file", prefix) for prefix in ("e", "e1", "e11", "e2", "x")}
        assert found == {"e": ["e11", "e12"], "e1": ["e11", "e12"], "e11": ["e11"], "e2": [], "x": []}

    writer.run(work)


def test_what_waits_for_a_sink_that_has_gone_is_given_up_in_pieces(writer: Writer) -> None:
    def work(books: Books) -> None:
        for number in range(1, 7):
            outbox.add_event(books, event(number, lane="acme" if number % 2 else "globex"), ("old", "file"))
        outbox.put_off(books, "old", [Refusal("e1", "x.y", 0, DEAD), Refusal("e2", "x.y", 0, PARKED)], at=1)
        outbox.mark_delivered(books, "old", ["e3"], at=2)
        assert [outbox.drop_unsent(books, "old", most=2) for _ in range(5)] == [
            ["e4", "e5"],
            ["e6"],
            ["e2"],
            ["e1"],
            [],
        ]
        assert {row["sink"] for row in outbox.depths(books)} == {"file"}
        assert outbox.replay(books, "old", ["e3", "e4"]) == 2

    writer.run(work)


def test_a_lane_that_is_emptied_while_one_looks_is_passed_over(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "lanes", lambda books, sink: iter(["acme", "globex"]))

    def work(books: Books) -> None:
        outbox.add_event(books, event(1, lane="globex"), ("file",))
        outbox.put_off(books, "file", [Refusal("e1", "x.y", 0, WAITING)], at=1)
        assert ids(outbox.refused(books, "file")) == ["e1"]

    writer.run(work)
