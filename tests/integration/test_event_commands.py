"""Events that are fetched, replayed, and given up: beside a server, and without one."""

import json
import os
import signal
import subprocess
from random import Random, SystemRandom
from typing import Any

from mft.audit.query import leaves
from mft.ledger import outbox
from mft.ledger.database import Ledger, reading
from mft.ledger.outbox import DEAD, Refusal
from tests.harness import MFT, ROOT, Partner, Site, environment, eventually, run_mft


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


def test_two_that_read_under_one_name_are_told(site: Site) -> None:
    from mft.cli.access import open_home, writing
    from mft.ledger.consumers import ReadElsewhere
    from mft.pipeline.reissue import MoveConsumer

    home, config = open_home(site.home)
    with writing(home, config) as carry_out:
        carry_out(MoveConsumer("crm", None, "a"))
        carry_out(MoveConsumer("crm", "a", "b"))
        for behind in ("a", None):
            try:
                carry_out(MoveConsumer("crm", behind, "c"))
            except ReadElsewhere:
                continue
            raise AssertionError("both were let go on")


def test_a_consumer_that_is_killed_misses_nothing(serving: Site, acme: Partner) -> None:
    seed = SystemRandom().randrange(1_000_000)
    print(f"seed {seed}")
    rng = Random(seed)  # noqa: S311  When it is killed is no secret.
    assert lines("tail", "--consumer", "crm", site=serving) == []
    command = [*MFT, "events", "tail", "--consumer", "crm", "--follow", "--json", "--home", str(serving.home)]
    got: list[str] = []
    for number in range(6):
        reader = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, env=environment()
        )
        put(serving, acme, *(f"file-{number}-{index}.txt" for index in range(3)))
        assert reader.stdout is not None
        begin = [reader.stdout.readline() for _ in range(rng.randrange(1, 8))]
        os.kill(reader.pid, signal.SIGKILL)
        rest = [line for line in reader.stdout if line.endswith("\n")]
        got += [json.loads(line)["id"] for line in (*begin, *rest)]
        reader.communicate()
    got += [one["id"] for one in lines("tail", "--consumer", "crm", site=serving)]
    with reading(ledger_of(serving)) as books:
        announced = [row["id"] for row in outbox.history(books, since=0, until=1 << 62)]
    assert list(dict.fromkeys(got)) == announced


def test_replayed_and_marked_and_audited(serving: Site, acme: Partner) -> None:
    put(serving, acme, "one.txt")
    before = eventually(lambda: [one for one in serving.events() if "completed" in one["type"]], what="it is told")
    asked = ("events", "replay", "--to", "file", "--type", "mft.transfer.completed.v1")
    assert run_mft(*asked, "--dry-run", home=serving.home).stdout == "1 events fit\n"
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
    from mft.ledger.database import Writer

    writer = Writer(ledger_of(site))
    with reading(ledger_of(site)) as books:
        ids = [row["id"] for row in outbox.latest_events(books, 3)]
    refusals = [Refusal(one, "webhook.422", 0, DEAD) for one in ids]
    writer.run(lambda books: outbox.put_off(books, "file", refusals, at=1))
    writer.close()
    assert [one["id"] for one in lines("dead", "list", site=site)] == ids
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
