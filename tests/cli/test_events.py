"""Events at the command line, beside no server: asked for, tried on, fetched, replayed, given up."""

import io
import json
from pathlib import Path
from typing import Any

import pytest

from mft.audit.query import leaves
from mft.ledger import outbox
from mft.ledger.database import Books, Ledger, Writer, reading
from mft.ledger.outbox import DEAD, PARKED, Refusal
from tests.cli.conftest import Mft


def ledger_of(home: Path) -> Ledger:
    return Ledger(f"sqlite:{home / 'data' / 'ledger.db'}")


def rows(mft: Mft, *words: str | Path) -> list[dict[str, Any]]:
    done = mft(*words, "--json")
    assert done.err == ""
    return [json.loads(line) for line in done.out.splitlines()]


def ids(mft: Mft, *words: str | Path) -> list[str]:
    return [row["id"] for row in rows(mft, "events", *words)]


@pytest.fixture(autouse=True)
def nobody_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard input is at its end."""
    monkeypatch.setattr("sys.stdin", io.StringIO())


def all_of(home: Path) -> list[str]:
    with reading(ledger_of(home)) as books:
        return [row["id"] for row in outbox.history(books)]


def write(home: Path, work: Any) -> None:
    writer = Writer(ledger_of(home))
    writer.run(work)
    writer.close()


def test_the_list_is_newest_first_in_pages(mft: Mft, home: Path) -> None:
    known = all_of(home)[::-1]
    assert ids(mft, "list") == known
    first = ids(mft, "list", "--limit", "3")
    assert first == known[:3]
    assert ids(mft, "list", "--limit", "4", "--before", first[-1]) == known[3:7]
    done = ids(mft, "list", "--type", "mft.transfer.completed.v1", "--limit", "2")
    assert done == [one["id"] for one in rows(mft, "events", "list") if one["type"] == "mft.transfer.completed.v1"][:2]
    assert ids(mft, "list", "--until", "2020-01-01") == ids(mft, "list", "--partner", "nobody") == []
    assert mft("events", "list", "--partner", "nobody").out == "no event fits\n"
    assert mft("events", "list", "--transfer", "nothing").code == 3


def test_a_type_that_no_event_has_is_a_mistake(mft: Mft, home: Path) -> None:
    for words in (("tail", "--follow"), ("list",), ("match",), ("replay", "--to", "file")):
        done = mft("events", *words, "--type", "mft.record.ready.v1")
        assert (done.code, "no event is called mft.record.ready.v1" in " ".join(done.err.split())) == (2, True)


def test_the_tail_has_as_many_lines_as_fit(mft: Mft, home: Path) -> None:
    known = [one["id"] for one in rows(mft, "events", "list", "--type", "mft.transfer.received.v1")][::-1]
    assert len(known) > 2
    assert ids(mft, "tail", "-n", "2", "--type", "mft.transfer.received.v1") == known[-2:]
    assert ids(mft, "tail", "--since", "1d") == ids(mft, "tail", "--from-start") == all_of(home)
    assert ids(mft, "tail", "--since", "1d", "-n", "2") == all_of(home)[-2:]
    assert mft("events", "tail", "--from-start", "--since", "1d").code == 2


def test_a_consumer_fetches_some_and_the_next_go_on(mft: Mft, home: Path) -> None:
    known = all_of(home)
    assert ids(mft, "tail", "--consumer", "new") == []
    assert ids(mft, "tail", "--consumer", "crm", "--from-start", "-n", "3") == known[:3]
    assert ids(mft, "tail", "--consumer", "crm", "-n", "0") == []
    assert ids(mft, "tail", "--consumer", "crm", "-n", "2") == known[3:5]
    assert ids(mft, "tail", "--consumer", "crm", "--from-start") == known[5:]  # It is not new any more.
    assert ids(mft, "tail", "--consumer", "late", "--since", "1d") == known
    (crm, late, new) = rows(mft, "events", "consumers", "list")
    assert [one["behind"] for one in (crm, late, new)] == [0, 0, 0]
    assert crm["event"] == known[-1]
    assert mft("events", "consumers", "forget", "crm").out == "crm is forgotten\n"
    assert mft("events", "consumers", "forget", "crm").code == 3
    assert mft("events", "tail", "--consumer", "no such name").code == 2


def test_of_those_that_do_not_fit_none_comes_later(mft: Mft, home: Path) -> None:
    kind = "mft.transfer.received.v1"
    known = [one["id"] for one in rows(mft, "events", "list", "--type", kind)][::-1]
    begin = ("tail", "--consumer", "crm", "--from-start")
    assert ids(mft, *begin, "--type", kind, "-n", "1") == known[:1]
    assert ids(mft, *begin, "--type", kind) == known[1:]
    assert ids(mft, *begin) == []


def test_a_cursor_that_moved_meanwhile_is_left_alone(mft: Mft, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mft.cli import event_consumers

    known = all_of(home)
    ids(mft, "tail", "--consumer", "crm", "--from-start", "-n", "1")
    to_write = event_consumers.write

    def while_another_reads(*arguments: Any, **named: Any) -> None:
        monkeypatch.setattr(event_consumers, "write", to_write)
        ids(mft, "tail", "--consumer", "crm", "-n", "2")
        to_write(*arguments, **named)

    monkeypatch.setattr(event_consumers, "write", while_another_reads)
    done = mft("events", "tail", "--consumer", "crm", "--json")
    assert done.code == 3
    assert "somebody else reads as crm" in done.err
    assert rows(mft, "events", "consumers", "list")[0]["event"] == known[2]


def test_what_is_not_written_is_not_had(mft: Mft, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mft.cli import event_consumers

    def breaks(*arguments: object, **named: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(event_consumers, "write", breaks)
        assert mft("events", "tail", "--consumer", "crm", "--from-start").code == 130
    assert ids(mft, "tail", "--consumer", "crm") == all_of(home)


def test_a_subscription_is_tried_on(mft: Mft, home: Path) -> None:
    known = rows(mft, "events", "list")
    received = [one for one in known if one["type"] == "mft.transfer.received.v1"]
    told, *shown = rows(mft, "events", "match", "--type", "mft.transfer.received.v1", "--limit", "2")
    assert told["types"] == {"mft.transfer.received.v1": len(received)}
    assert (told["events"], told["taken"]) == (len(known), len(received))
    assert shown == received[1::-1]
    said = mft("events", "match", "--type", "mft.transfer.received.v1", "--limit", "0").out
    assert said.startswith(f"{len(received)} of {len(known)} events of the last 7 days\n")
    told, *_ = rows(mft, "events", "match", "--sink", "file", "--limit", "0")
    assert told["taken"] == len(known)
    assert mft("events", "match", "--sink", "file", "--type", "mft.*").code == 2
    assert rows(mft, "events", "match", "--until", "2020-01-01", "--since", "2019-01-01")[0]["events"] == 0


def test_many_are_replayed_only_when_somebody_says_so(mft: Mft, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mft.cli import event_sinks

    known = all_of(home)
    monkeypatch.setattr(event_sinks, "_UNASKED", 2)
    monkeypatch.setattr(event_sinks, "_AT_ONCE", 5)
    assert mft("events", "replay", "--to", "file").code == 2
    assert mft("events", "replay", "--to", "file", "--since", "1d").code == 130  # Nobody is there to ask.
    every = f"{len(known)} events"
    assert mft("events", "replay", "--to", "file", "--since", "1d", "--dry-run").out == (
        f"{every} would go to file again\n"
    )
    assert mft("events", "replay", "--to", "file", "--since", "1d", "--yes").out == f"{every} go to file again\n"
    again = mft("events", "replay", "--to", "file", "--since", "1d", "--yes").out
    assert again == f"0 events go to file again; {every} still waited for it\n"
    with reading(ledger_of(home)) as books:
        facts = [leaf["facts"] for leaf in leaves(books, kind="events.replayed", newest_first=False)]
    assert (facts[0]["first"], facts[-1]["last"]) == (known[0], known[-1])
    assert sum(one["events"] for one in facts) == len(known)
    assert max(one["events"] for one in facts) == 5


def dies(home: Path, sink: str, *events: str) -> None:
    def work(books: Books) -> None:
        outbox.replay(books, sink, events)
        outbox.claim_sink(books, sink, by="test", at=1)
        outbox.put_off(books, sink, [Refusal(event, "webhook.422", 0, DEAD) for event in events], at=1)

    write(home, work)


def dead(mft: Mft) -> list[tuple[str, str]]:
    return [(row["event"], row["sink"]) for row in rows(mft, "events", "dead", "list")]


def test_dead_letters_by_name_and_of_all_sinks(mft: Mft, home: Path) -> None:
    one, two, three = all_of(home)[:3]
    dies(home, "crm", one, two)
    dies(home, "file", one, three)
    assert dead(mft) == [(one, "crm"), (one, "file"), (two, "crm"), (three, "file")]
    assert len(rows(mft, "events", "dead", "list", "--limit", "3")) == 3
    common = one[:5]
    for words, said in (
        (("retry",), "name events"),
        (("retry", common), "more than one"),
        (("retry", two, "--sink", "file"), "no dead letter of the sink file begins"),
        (("retry", "--all", "--sink", "pigeon"), "nothing was ever delivered to a sink pigeon"),
        (("drop", two, "--why", " "), "say why"),
        (("drop", two), ""),
    ):
        done = mft("events", "dead", *words)
        assert done.code
        assert said in " ".join(done.err.split())
    assert len(dead(mft)) == 4
    assert mft("events", "dead", "retry", one).out == "2 dead letters are tried again\n"
    assert mft("events", "dead", "drop", two, "--why", "told so").out == "1 dead letter is given up\n"
    assert dead(mft) == [(three, "file")]
    assert mft("events", "dead", "drop", "--all", "--why", "told so").out == "1 dead letter is given up\n"
    assert mft("events", "dead", "list").out == "no dead letters\n"


def test_a_sink_that_has_gone_is_seen_and_settled(mft: Mft, home: Path) -> None:
    known = all_of(home)
    write(home, lambda books: outbox.replay(books, "old", known))
    done = mft("events", "sinks")
    assert done.code == 1
    assert "not in mft.toml" in done.out
    (warning,) = [one for one in rows(mft, "doctor") if one["name"] == "sinks" and one["state"] == "warning"]
    assert warning["fix"].endswith("mft events drop --sink old")
    assert mft("events", "drop", "--sink", "file", "--why", "x", "--yes").code == 3
    assert mft("events", "drop", "--sink", "pigeon", "--why", "x", "--yes").code == 3
    assert mft("events", "drop", "--sink", "old", "--why", "x").code == 130
    dropped = mft("events", "drop", "--sink", "old", "--why", "replaced", "--yes")
    assert dropped.out == f"{len(known)} events for old are given up\n"
    assert mft("events", "sinks").code == 0
    assert rows(mft, "events", "sinks")[0]["proven"]


def test_metrics_tell_lanes_that_wait_from_events_that_were_set_aside(mft: Mft, home: Path) -> None:
    one, two = all_of(home)[:2]

    def work(books: Books) -> None:
        outbox.replay(books, "file", [one, two])
        outbox.put_off(books, "file", [Refusal(one, "x.y", 0, PARKED)], at=1)

    write(home, work)
    said = mft("events", "sinks", "--metrics").out
    assert 'mft_sink_waiting_events{sink="file"} 2\n' in said
    assert 'mft_sink_parked_events{sink="file"} 1\n' in said
    assert 'mft_sink_blocked_lanes{sink="file"} 0\n' in said
    assert "1 parked" in mft("events", "sinks").out
    names = [line.split()[2] for line in said.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names)) == said.count("# HELP")
