"""Records in SQL beside a server that runs: what was uploaded a moment ago, cached or not."""

import json
from typing import Any

from sqlalchemy import func, select

from mft.ledger.database import Ledger, reading
from mft.ledger.tables import RECORDS_PART
from tests.harness import Partner, Site, eventually, run_mft, sample

SETS = 40


def orders(sets: int) -> bytes:
    """The sample with its first set so many times over."""
    segments = [one for one in sample("orders-850.edi").decode().replace("\n", "").replace("\r", "").split("~") if one]
    begin = next(n for n, segment in enumerate(segments) if segment.startswith("ST*"))
    end = next(n for n, segment in enumerate(segments) if segment.startswith("SE*"))
    made = segments[:begin]
    for number in range(1, sets + 1):
        head, tail = segments[begin].split("*"), segments[end].split("*")
        head[2] = tail[2] = f"{number:04}"
        made += ["*".join(head), *segments[begin + 1 : end], "*".join(tail)]
    group = next(segment for segment in segments if segment.startswith("GE*")).split("*")
    group[1] = str(sets)
    made += ["*".join(group), *(segment for segment in segments if segment.startswith("IEA*"))]
    return "~\n".join(made).encode() + b"~\n"


def ask(site: Site, statement: str, *more: str) -> list[dict[str, Any]]:
    done = run_mft("records", "query", statement, "--json", *more, home=site.home)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def parts(site: Site) -> int:
    with reading(Ledger(f"sqlite:{site.home / 'data' / 'ledger.db'}")) as books:
        return int(books.rows(select(func.count().label("parts")).select_from(RECORDS_PART))[0]["parts"])


def upload(site: Site, partner: Partner, **files: bytes) -> None:
    with site.paramiko(partner) as client:
        for name, content in files.items():
            with client.open(name, "wb") as file:
                file.write(content)
    for name in files:
        assert site.rested(name)["stage"] == "done"


def test_what_was_uploaded_can_be_asked(site: Site, acme: Partner) -> None:
    site.start(env={"MFT_RECORDS__COMPACT_SECONDS": "1"})
    upload(site, acme, claims=sample("claims-837p.edi"))
    charged = "SELECT partner, count(*) AS claims, sum(total_charge) AS charged FROM claims GROUP BY ALL"
    assert ask(site, charged) == [{"partner": "acme", "claims": 6, "charged": "1878.25"}]

    upload(site, acme, orders=orders(SETS))
    counted = "SELECT count(DISTINCT set_number) AS sets FROM purchase_orders"
    assert ask(site, counted) == [{"sets": SETS}]
    eventually(lambda: parts(site) == 1, what="so many sets are cached by the server")  # The claims are few, and wait.
    assert ask(site, counted) == [{"sets": SETS}]

    done = run_mft("records", "compact", home=site.home)
    assert done.stdout == "cached 1 sets; wrote 1 parts\n", done.stderr
    assert parts(site) == 2
    assert ask(site, charged) == [{"partner": "acme", "claims": 6, "charged": "1878.25"}]

    (masked,) = ask(site, "SELECT claim_id FROM claims ORDER BY record LIMIT 1")
    (shown,) = ask(site, "SELECT claim_id FROM claims ORDER BY record LIMIT 1", "--reveal")
    assert masked["claim_id"].startswith("~")
    assert shown == {"claim_id": "SC-1001"}

    ready = next(event for event in site.events() if event["type"] == "mft.records.ready.v1")
    got = run_mft("records", "get", ready["data"]["ref"], home=site.home)
    assert got.stdout.count("\n") == ready["data"]["records"] == 6
    assert "SC-1001" not in got.stdout

    assert site.stop() == 0
    verified = site.verify()
    assert verified.returncode == 0, verified.stdout
    site.start()  # The sweep finds every file of the cache in the ledger.
    assert ask(site, counted) == [{"sets": SETS}]
    orphans = run_mft("audit", "query", "--kind", "vault.swept", "--json", home=site.home)
    assert orphans.stdout == ""
