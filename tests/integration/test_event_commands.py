"""Events that are fetched, replayed, and given up: beside a server, and without one."""

import itertools
import json
import os
import signal
import subprocess
from random import Random, SystemRandom
from typing import Any

from mft.audit.query import leaves
from mft.clock import new_id, now_us
from mft.ledger import outbox
from mft.ledger.database import Ledger, Writer, reading
from mft.ledger.outbox import DEAD, Refusal
from tests.harness import MFT, ROOT, Partner, Site, environment, eventually, run_mft

AT_ONCE = 500  # Events between two moves of a consumer.


def lines(*arguments: str, site: Site) -> list[dict[str, Any]]:
    done = run_mft("events", *arguments, "--json", home=site.home)
    assert done.returncode in {0, 1}, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def ledger_of(site: Site) -> Ledger:
    return Ledger(f"sqlite:{site.home / 'data' / 'ledger.db'}")


def put(site: Site, partner: Partner, *names: str) -> None:
    for name in names:
        (site.root / name).write_text(f"words in {name}")
    assert site.sftp(partner, *(f"put {site.root / name}" for name in names)).returncode == 0
    for name in names:
        site.rested(name)


def test_a_consumer_goes_on_where_it_was(serving: Site, acme: Partner) -> None:
    assert lines("tail", "--consumer", "crm", site=serving) == []
    put(serving, acme, "one.txt", "two.txt")
    first = lines("tail", "--consumer", "crm", site=serving)
    assert {one["data"].get("name") for one in first} >= {"one.txt", "two.txt"}
    assert lines("tail", "--consumer", "crm", site=serving) == []
    put(serving, acme, "three.txt")
    second = lines("tail", "--consumer", "crm", "--type", "mft.transfer.completed.v1", site=serving)
    assert [one["data"]["name"] for one in second] == ["three.txt"]
    assert lines("tail", "--consumer", "crm", site=serving) == []  # Also behind what did not fit.
    everything = lines("tail", "--consumer", "late", "--since", "1h", site=serving)
    assert [one["id"] for one in everything] == sorted({one["id"] for one in everything})
    assert {one["id"] for one in first} < {one["id"] for one in everything}
    (crm, late) = lines("consumers", "list", site=serving)
    assert (crm["consumer"], crm["behind"], late["behind"]) == ("crm", 0, 0)


def reader_of(site: Site, consumer: str, *more: str) -> subprocess.Popen[str]:
    words = ["events", "tail", "--consumer", consumer, "--json", "--home", str(site.home), *more]
    return subprocess.Popen(
        [*MFT, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment()
    )


def test_of_two_that_read_under_one_name_one_is_told(serving: Site, acme: Partner) -> None:
    assert lines("tail", "--consumer", "crm", site=serving) == []
    readers = [reader_of(serving, "crm", "--follow") for _ in range(2)]
    numbers = itertools.count()

    def is_told() -> bool:
        """Once both are where the other is, the next event parts them."""
        put(serving, acme, f"file-{next(numbers)}.txt")
        return any(reader.poll() is not None for reader in readers)

    try:
        eventually(is_told, what="one of two ends")
        put(serving, acme, "last.txt")
        (told,) = [reader for reader in readers if reader.poll() is not None]
        (stays,) = [reader for reader in readers if reader is not told]
        assert told.returncode == 3
        assert told.stderr is not None
        assert "somebody else reads as crm" in told.stderr.read()
        assert stays.stdout is not None
        names = (json.loads(line)["data"].get("name") for line in stays.stdout)
        assert "last.txt" in names
    finally:
        for reader in readers:
            reader.kill()
            reader.communicate()


def test_a_consumer_that_is_killed_misses_nothing(site: Site, acme: Partner) -> None:
    """Killed anywhere, it begins again with the first event of the batch that it was in, or with the next."""
    seed = SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    rng = Random(seed)  # noqa: S311  When it is killed is no secret.
    writer = Writer(ledger_of(site))
    writer.run(lambda books: [outbox.add_event(books, made_up(number), ()) for number in range(6_000)])
    writer.close()
    site.start()
    got: list[list[str]] = []
    for number in range(20):
        reader = reader_of(site, "crm", "--follow", "--from-start")
        if number % 5 == 4:
            put(site, acme, f"file-{number}.txt")
        assert reader.stdout is not None
        begin = [reader.stdout.readline() for _ in range(rng.choice((0, 1, rng.randrange(1, 900))))]
        os.kill(reader.pid, signal.SIGKILL)
        rest = [line for line in reader.stdout if line.endswith("\n")]
        reader.communicate()
        got.append([json.loads(line)["id"] for line in (*begin, *rest)])
    got.append([one["id"] for one in lines("tail", "--consumer", "crm", site=site)])
    site.stop()
    with reading(ledger_of(site)) as books:
        place = {row["id"]: number for number, row in enumerate(outbox.history(books))}
    end = 0
    for part in (part for part in got if part):
        first = place[part[0]]
        assert end - AT_ONCE <= first <= end
        assert [place[one] for one in part] == list(range(first, first + len(part)))
        end = max(end, first + len(part))
    assert end == len(place)


def made_up(number: int) -> dict[str, Any]:
    event, at = new_id(), now_us()
    body = {"specversion": "1.0", "id": event, "type": "mft.test.v1", "subject": f"t{number}", "data": {}}
    return {
        "id": event, "tenant_id": 1, "at": at, "type": "mft.test.v1", "transfer_id": None, "lane": "",
        "body": json.dumps(body),
    }  # fmt: skip


def test_one_who_stops_listening_has_not_had_what_was_not_written(site: Site) -> None:
    writer = Writer(ledger_of(site))
    writer.run(lambda books: [outbox.add_event(books, made_up(number), ()) for number in range(6_000)])
    writer.close()
    reader = reader_of(site, "crm", "--from-start")
    assert reader.stdout is not None
    first = json.loads(reader.stdout.readline())["id"]
    for _ in range(600):  # Into the second batch: behind the first one, the consumer has moved.
        assert reader.stdout.readline()
    reader.stdout.close()  # As `head` does.
    assert reader.stderr is not None
    assert reader.stderr.read() == ""
    reader.stderr.close()
    reader.wait()
    (told,) = lines("consumers", "list", site=site)
    with reading(ledger_of(site)) as books:
        announced = [row["id"] for row in outbox.history(books)]
    assert announced[0] == first
    assert 0 < told["behind"] < 6_000
    assert [one["id"] for one in lines("tail", "--consumer", "crm", site=site)] == announced[-told["behind"] :]


def test_one_who_follows_goes_on_when_the_server_starts_again(site: Site, acme: Partner) -> None:
    site.start()
    reader = reader_of(site, "crm", "--follow", "--from-start", "--type", "mft.transfer.completed.v1")
    try:
        assert reader.stdout is not None
        for number in range(3):
            put(site, acme, f"file-{number}.txt")
            assert json.loads(reader.stdout.readline())["data"]["name"] == f"file-{number}.txt"
            site.stop()
            site.start()
        assert reader.poll() is None
    finally:
        reader.kill()
        reader.communicate()


def test_replayed_and_marked_and_audited(serving: Site, acme: Partner) -> None:
    put(serving, acme, "one.txt")
    before = eventually(lambda: [one for one in serving.events() if "completed" in one["type"]], what="it is told")
    asked = ("events", "replay", "--to", "file", "--type", "mft.transfer.completed.v1")
    assert run_mft(*asked, "--dry-run", home=serving.home).stdout == "1 event would go to file again\n"
    assert run_mft(*asked, home=serving.home).returncode == 0
    again = eventually(lambda: [one for one in serving.events() if one.get("replay")], what="it comes again")
    assert again == [{**before[0], "replay": True}]
    with reading(ledger_of(serving)) as books:
        (leaf,) = leaves(books, kind="events.replayed")
    assert (leaf["facts"]["sink"], leaf["facts"]["events"]) == ("file", 1)
    assert run_mft("events", "replay", "--to", "pigeon", "--since", "1h", home=serving.home).returncode == 3


def test_dead_letters_are_tried_again_or_given_up(site: Site, acme: Partner) -> None:
    site.start(env={"MFT_EVENTS__FILE": "true"})
    put(site, acme, "one.txt", "two.txt")
    site.stop()
    writer = Writer(ledger_of(site))
    with reading(ledger_of(site)) as books:
        ids = [row["id"] for row in outbox.latest_events(books, 3)]
    refusals = [Refusal(one, "webhook.422", 0, DEAD) for one in ids]
    writer.run(lambda books: outbox.put_off(books, "file", refusals, at=1))
    writer.close()
    assert [one["event"] for one in lines("dead", "list", site=site)] == ids
    assert "dead letters" in run_mft("events", "sinks", home=site.home).stdout
    assert run_mft("events", "dead", "retry", "--sink", "file", ids[0], home=site.home).returncode == 0
    assert run_mft("events", "dead", "drop", "--sink", "file", "--all", "--why", "x", home=site.home).returncode == 0
    assert lines("dead", "list", site=site) == []
    with reading(ledger_of(site)) as books:
        told = [
            leaf["facts"]["events"] for kind in ("retried", "dropped") for leaf in leaves(books, kind=f"events.{kind}")
        ]
    assert told == [1, 2]
    (state,) = lines("sinks", site=site)
    assert state["waiting"] == 1
    site.start()
    eventually(lambda: lines("sinks", site=site)[0]["waiting"] == 0, what="it goes again")
    site.stop()


def test_a_subscription_is_tried_on_what_was_announced(serving: Site, acme: Partner) -> None:
    put(serving, acme, "one.txt")
    (told, *_) = lines("match", "--type", "mft.transfer.*", "--partner", "acme", "--limit", "0", site=serving)
    assert told["taken"] == sum(told["types"].values()) > 0
    (none, *_) = lines("match", "--set", "850", "--limit", "0", site=serving)
    assert (none["taken"], none["events"]) == (0, told["events"])
    assert run_mft("events", "match", "--sink", "pigeon", home=serving.home).returncode == 3
    transfer = serving.rested("one.txt")["id"]
    assert {one["subject"] for one in lines("list", "--transfer", transfer, site=serving)} == {transfer}


def test_metrics_say_the_same(site: Site) -> None:
    done = run_mft("events", "sinks", "--metrics", home=site.home)
    assert 'mft_sink_up{sink="file"} 1\n' in done.stdout
    for line in done.stdout.splitlines():
        assert line.startswith("# ") or line.split()[-1].isdigit()


def test_the_doctor_looks_at_sinks(site: Site) -> None:
    config = site.home / "config" / "mft.toml"
    config.write_text(
        config.read_text()
        + """
[events.sinks.crm]
kind = "webhook"
url = "https://crm.example.com/"
secret_file = "/nowhere/at/all"
subscribe = [{ partners = ["nobody-known"] }]
"""
    )
    done = run_mft("doctor", "--json", home=site.home)
    told = [json.loads(line) for line in done.stdout.splitlines()]
    said = [(one["state"], one["message"]) for one in told if one["name"] == "sinks"]
    assert any(state == "wrong" and "/nowhere/at/all" in message for state, message in said)
    assert any(state == "warning" and "nobody-known" in message for state, message in said)
    assert any(state == "ok" and "proven against" in message for state, message in said)
