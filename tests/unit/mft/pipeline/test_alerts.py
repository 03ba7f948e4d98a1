"""People are told of trouble once, in one message, and again where nobody sees to it."""

import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from mft.audit.query import leaves
from mft.clock import now_us
from mft.core import Note
from mft.errors import Missing, Refused
from mft.ledger import alerts as ledger
from mft.pipeline.alerts import DEFAULT_RULES, AcknowledgeAlert, Alerts, Message, Rule
from mft.pipeline.anchor import AnchorFailed
from mft.pipeline.keys import TellExpiring
from mft.pipeline.parse import Parser
from mft.pipeline.release import ReleaseHeld
from partners.feed import Feed
from tests.unit.mft.pipeline.conftest import Desk
from tests.unit.mft.pipeline.test_acknowledge import send

MINUTE = 60_000_000
PDF = b"%PDF-1.7\n"


class People:
    """A way to people that a test can break."""

    def __init__(self, name: str = "mail-1") -> None:
        self.id = name
        self.got: list[Message] = []
        self.broken: Exception | None = None

    def tell(self, message: Message) -> None:
        if self.broken is not None:
            raise self.broken
        self.got.append(message)


def watching(desk: Desk, *people: People, rules: tuple[Rule, ...] = DEFAULT_RULES) -> Alerts:
    def broken(error: Exception) -> None:
        raise AssertionError from error

    return Alerts(rules, people, desk.readers.get, desk.core.run, broken, "host", Path("/"), 30)


def held(desk: Desk, parser: Parser, number: int) -> dict[str, Any]:
    desk.agree(feeds=(Feed(name="daily", expect="edi"),))
    return send(desk, parser, b"%d.pdf" % number, PDF + b"%d" % number)


def test_many_files_of_a_partner_are_one_alert_told_once(desk: Desk, parser: Parser) -> None:
    people = People()
    watch = watching(desk, people, rules=(Rule("held", "held", after_minutes=60), Rule("disk", "disk")))
    for number in range(3):
        held(desk, parser, number)
    now = now_us()
    watch.look(now + 59 * MINUTE)
    assert people.got == []
    watch.look(now + 61 * MINUTE)
    watch.look(now + 62 * MINUTE)
    (message,) = people.got
    assert message.subject == "mft on host: 3 files of acme: held"
    assert [(one["rule"], one["subject"], one["count"]) for one in message.alerts] == [("held", "acme", 3)]
    assert "pdf" not in message.text
    (alert,) = ledger.open_alerts(desk.books)
    assert alert["told_at"] is not None


def test_more_of_the_same_is_counted_and_not_told_again(desk: Desk, parser: Parser) -> None:
    people = People()
    watch = watching(desk, people, rules=(Rule("held", "held"),))
    held(desk, parser, 1)
    watch.look(now_us())
    held(desk, parser, 2)
    watch.look(now_us())
    assert len(people.got) == 1
    (alert,) = ledger.open_alerts(desk.books)
    assert (alert["count"], alert["words"]) == (2, "2 files of acme: held")


def test_it_ends_with_the_trouble_and_is_news_the_next_time(desk: Desk, parser: Parser) -> None:
    people = People()
    watch = watching(desk, people, rules=(Rule("held", "held"),))
    row = held(desk, parser, 1)
    watch.look(now_us())
    desk.core.run(ReleaseHeld(row["id"], "cli:0"))
    desk.turn(parser)
    watch.look(now_us())
    assert ledger.open_alerts(desk.books) == []
    held(desk, parser, 2)
    watch.look(now_us())
    assert len(people.got) == 2


def test_what_nobody_took_comes_again_and_is_told_in_the_log_once(desk: Desk, parser: Parser) -> None:
    people = People()
    people.broken = ConnectionRefusedError()
    watch = watching(desk, people, rules=(Rule("held", "held"),))
    row = held(desk, parser, 1)
    for _ in range(3):
        watch.look(now_us())
    assert ledger.open_alerts(desk.books)[0]["told_at"] is None
    unsent = list(_leaves(desk, "alert.unsent"))
    assert [leaf["facts"] for leaf in unsent] == [{"channel": "mail-1", "error": "ConnectionRefusedError"}]
    people.broken = None
    watch.look(now_us())
    assert len(people.got) == 1
    assert row["stage"] == "held"


def test_one_way_that_fails_gets_it_later_and_the_other_is_not_told_twice(desk: Desk, parser: Parser) -> None:
    well, ill = People("mail-1"), People("webhook-1")
    ill.broken = Refused("the server answered 500")
    watch = watching(desk, well, ill, rules=(Rule("held", "held"),))
    held(desk, parser, 1)
    watch.look(now_us())
    watch.look(now_us())
    ill.broken = None
    watch.look(now_us())
    watch.look(now_us())
    assert well.got == ill.got
    assert len(well.got) == 1


def test_without_a_way_to_people_it_waits_to_be_told(desk: Desk, parser: Parser) -> None:
    held(desk, parser, 1)
    watching(desk, rules=(Rule("held", "held"),)).look(now_us())
    assert [row["told_at"] for row in ledger.open_alerts(desk.books)] == [None]


class TestEscalation:
    RULE = Rule("held", "held", to=("ops@example.com",), escalate_minutes=30, escalate_to=("boss@example.com",))

    def test_told_again_elsewhere_once(self, desk: Desk, parser: Parser) -> None:
        people = People()
        watch = watching(desk, people, rules=(self.RULE,))
        held(desk, parser, 1)
        now = now_us()
        for minutes in (0, 29, 31, 90):
            watch.look(now + minutes * MINUTE)
        assert [one.to for one in people.got] == [("ops@example.com",), ("boss@example.com",)]
        assert people.got[1].subject == "mft on host: still: 1 file of acme: held"

    def test_not_what_somebody_sees_to(self, desk: Desk, parser: Parser) -> None:
        people = People()
        watch = watching(desk, people, rules=(self.RULE,))
        held(desk, parser, 1)
        now = now_us()
        watch.look(now)
        (alert,) = ledger.open_alerts(desk.books)
        desk.core.run(AcknowledgeAlert(alert["id"], "cli:7"))
        watch.look(now + 31 * MINUTE)
        assert len(people.got) == 1
        (leaf,) = _leaves(desk, "alert.acknowledged")
        assert (leaf["actor"], leaf["facts"]) == ("cli:7", {"alert": alert["id"], "rule": "held"})
        with pytest.raises(Missing, match="cli:7 already"):
            desk.core.run(AcknowledgeAlert(alert["id"], "cli:8"))
        with pytest.raises(Missing, match="no alert"):
            desk.core.run(AcknowledgeAlert("none", "cli:8"))


class Usage(NamedTuple):
    total: int
    used: int
    free: int


class TestTroubles:
    def found(self, desk: Desk, when: str, now: int | None = None, **rule: Any) -> list[tuple[str, str]]:
        watching(desk, rules=(Rule("r", when, **rule),)).look(now or now_us())
        return [(row["subject"], row["words"]) for row in ledger.open_alerts(desk.books)]

    def test_a_stage_of_one_partner_and_for_one_reason(self, desk: Desk, parser: Parser) -> None:
        held(desk, parser, 1)
        assert self.found(desk, "held", partner="bob") == []
        assert self.found(desk, "held", doubt="duplicate") == []
        assert self.found(desk, "held", partner="acme", doubt="unexpected") == [("acme", "1 file of acme: held")]

    def test_what_waits_to_be_worked_on(self, desk: Desk) -> None:
        desk.receive(b"a.pdf", PDF)
        assert self.found(desk, "received") == [("acme", "1 file of acme: waits to be worked on")]

    def test_events_that_a_sink_does_not_take(self, desk: Desk) -> None:
        desk.announce(b"a.edi")
        assert self.found(desk, "unsent", after_minutes=1) == []
        assert self.found(desk, "unsent") == [("file", "1 events wait for the sink file")]

    def test_leaves_without_a_number_and_checkpoints_that_stay(self, desk: Desk) -> None:
        desk.core.run(AnchorFailed("syslog-1", "OSError", "no route"))
        later = now_us() + 20 * MINUTE
        found = self.found(desk, "log", now=later, after_minutes=15)
        assert [subject for subject, _ in found] == ["numbers", "syslog-1"]

    def test_a_key_near_its_end(self, desk: Desk) -> None:
        desk.core.run(TellExpiring("acme/acme/SHA256:x", "ssh", "SHA256:x", 7, 7, None, None))
        assert self.found(desk, "key") == [("acme/acme/SHA256:x", "key acme/acme/SHA256:x ends within 7 days")]

    def test_a_disk_nearly_full(self, desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 << 30, 94 << 30, 6 << 30))
        assert self.found(desk, "disk") == []
        monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(100 << 30, 96 << 30, 4 << 30))
        assert self.found(desk, "disk") == [("disk", "4,096 MiB are free for /")]

    def test_a_clock_that_stepped(self, desk: Desk) -> None:
        desk.core.run(Note("clock.stepped", "server", facts={"seconds": 90}))
        assert self.found(desk, "clock") == [("clock", "the clock of this host stepped")]
        assert self.found(desk, "clock", now=now_us() + 61 * MINUTE) == []


def _leaves(desk: Desk, kind: str) -> Any:
    return leaves(desk.books, kind=kind)
