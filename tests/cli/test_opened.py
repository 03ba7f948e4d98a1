"""Whoever opens a partner's file leaves a leaf; what cannot be opened any more says since when."""

import json
from pathlib import Path
from typing import Any

from tests.cli.conftest import Mft


def transfer_of(mft: Mft, name: str) -> str:
    rows = map(json.loads, mft("transfer", "list", "--json").out.splitlines())
    return next(str(row["id"]) for row in rows if row["name"] == name)


def opened(mft: Mft, transfer: str) -> list[dict[str, Any]]:
    done = mft("audit", "query", "--kind", "transfer.opened", "--transfer", transfer, "--json")
    return [json.loads(line) for line in done.out.splitlines()]


def test_a_replay_that_replaces_nothing_leaves_a_leaf(mft: Mft, home: Path) -> None:
    transfer = transfer_of(mft, "claims-837p.edi")
    for count, arguments in enumerate((["--dry-run"], []), 1):
        assert mft("transfer", "replay", transfer, *arguments).code == 0
        leaves = opened(mft, transfer)
        assert len(leaves) == count
        assert leaves[0]["facts"] == {"size_bytes": 2518}
        assert leaves[0]["actor"].startswith("cli:")


def test_an_original_that_was_erased_says_why_and_when(mft: Mft, home: Path) -> None:
    transfer = transfer_of(mft, "orders-850.edi")
    assert mft("keys", "shred", "transfer", transfer, "--reason", "sent-in-error", "--yes").code == 0
    for code, arguments in (
        (3, ["transfer", "get", transfer, "--out", "got"]),
        (1, ["transfer", "replay", transfer, "--dry-run"]),
    ):
        done = mft(*arguments)
        assert done.code == code
        assert f"the original of transfer {transfer} was erased on 20" in done.err
        assert "UTC (sent-in-error): only a backup from before has it" in done.err


def test_an_original_that_was_kept_long_enough_says_so(mft: Mft, home: Path) -> None:
    transfer = transfer_of(mft, "orders-850.edi")
    erase_by_retention(mft, home)
    done = mft("transfer", "get", transfer, "--out", "got")
    assert done.code == 3
    assert "was erased on 20" in done.err
    assert "UTC (retention:standard): only a backup from before has it" in done.err


def erase_by_retention(mft: Mft, home: Path) -> None:
    from mft.ledger.database import sqlite_driver

    ledger = sqlite_driver.connect(home / "data" / "ledger.db")
    ledger.execute("UPDATE transfer SET received_at = received_at - 2 * 86400000000")
    ledger.commit()
    ledger.close()
    assert mft("retention", "run", env={"MFT_RETENTION__ORIGINALS_DAYS": "1"}).code == 0


def test_a_receipt_is_for_its_owner_and_replaces_nothing(mft: Mft, home: Path, tmp_path: Path) -> None:
    transfer = transfer_of(mft, "orders-850.edi")
    assert mft("audit", "prove", transfer, "--transfer", "--out", "r").code == 0
    assert (tmp_path / "r").stat().st_mode & 0o077 == 0
    done = mft("audit", "prove", transfer, "--transfer", "--out", "r")
    assert done.code == 3
    assert "r exists: name another file, or remove it first" in done.err


def test_a_day_that_ends_a_range_is_in_it(mft: Mft, home: Path) -> None:
    for command in (["audit", "verify"], ["audit", "export", "taken"]):
        assert mft(*command, "--since", "yesterday", "--until", "today").code == 0
    leaves = (home.parent / "taken" / "leaves.ndjson").read_text().splitlines()
    assert len(leaves) > 20
