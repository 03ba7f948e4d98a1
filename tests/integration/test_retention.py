"""Retention as a server does it: what is due goes, what a legal hold covers stays, and the log tells of both."""

import json
from pathlib import Path

from mft.ledger.database import sqlite_driver
from tests.harness import Partner, Site, eventually, run_mft

DAYS = {"MFT_RETENTION__ORIGINALS_DAYS": "2"}
LARGE = bytes(100_000)


def three_days_later(home: Path) -> None:
    ledger = sqlite_driver.connect(home / "data" / "ledger.db")
    ledger.execute("UPDATE transfer SET received_at = received_at - 3 * 86400000000")
    ledger.commit()
    ledger.close()


def erased(site: Site) -> dict[str, list[str]]:
    return {row["name"]: row["erased"] for row in site.transfers()}


def test_a_server_erases_what_is_due_and_keeps_what_is_held(site: Site, acme: Partner) -> None:
    site.start(env=DAYS)
    with site.paramiko(acme) as client:
        for name in ("due.bin", "held.bin"):
            with client.open(name, "wb") as file:
                file.write(LARGE)
    held = site.rested("held.bin")["id"]
    site.rested("due.bin")
    (hold,) = json.loads(run_mft("retention", "hold", "a suit", "--transfer", held, "--json", home=site.home).stdout)[
        "holds"
    ]
    assert site.stop() == 0
    three_days_later(site.home)
    vault = site.home / "data" / "vault"
    assert len(list(vault.glob("*/*"))) == 2
    site.start(env=DAYS)
    eventually(lambda: len(list(vault.glob("*/*"))) == 1, what="the file that is due is gone")
    assert erased(site) == {"due.bin": ["original"], "held.bin": []}
    assert site.opened({"id": held}) == LARGE
    assert run_mft("retention", "lift", hold, home=site.home).returncode == 0
    (site.home / "config" / "mft.toml").write_text("[retention]\noriginals_days = 2\n")
    done = run_mft("retention", "run", "--json", home=site.home)
    assert json.loads(done.stdout)["transfers"] == 1, done.stderr
    eventually(lambda: not list(vault.glob("*/*")), what="the file that was held is gone")
    assert site.verify().returncode == 0
    assert site.stop() == 0
