"""Records derived again: what is said to differ, what supersedes what, and that nothing of the old is lost."""

import json
from pathlib import Path

import pytest

from mft.ledger import transfers
from mft.ledger.objects import sealed_object
from mft.pipeline.parse import Parser
from mft.pipeline.replay import Replay, SameVersion
from parsers.guides.terms import Judging, Terms
from tests.harness import sample
from tests.unit.mft.pipeline.conftest import Desk

CLAIMS = sample("claims-837p.edi")
WORDS = '[words.frequencies]\n"1" = "original"\n"7" = "replacement"\n'
OURS = f'id = "ours-1"\nextends = "837p.toml"\n[loop.2300]\nfrequency = "CLM05-3 in frequencies"\n{WORDS}'
FEWER = 'id = "ours-2"\nextends = "837p.toml"\n[loop.2300]\nbegins = "CLM where CLM05-3=1"\n'


@pytest.fixture
def transfer(desk: Desk, parser: Parser) -> str:
    transfer = desk.receive(b"claims.edi", CLAIMS)
    desk.turn(parser)
    return transfer


def again(desk: Desk, parser: Parser, transfer: str, text: str | None, *, seal: bool = True) -> Replay:
    replay = Replay(desk.books, desk.vault, transfers.transfer_row(desk.books, transfer))
    replay.derive(parser, Judging(maps={"ours.toml": text} if text else {}), seal=seal)
    return replay


def stored(desk: Desk, transfer: str) -> dict[str, list[dict]]:
    """By map version, the oldest first."""
    rows = sorted(transfers.parts(desk.books, "records", transfer), key=lambda row: row["created_at"])
    found = {}
    for row in rows:
        reader = desk.vault.open(sealed_object(desk.books, row["object_id"]))
        found[row["map_version"]] = [json.loads(line) for line in b"".join(reader.chunks()).splitlines()]
        reader.close()
    return found


def test_the_same_map_says_the_same(desk: Desk, parser: Parser, transfer: str) -> None:
    replay = again(desk, parser, transfer, None)
    (difference,) = replay.differences
    assert (difference.differs, difference.records, replay.sealed) == (False, 6, [])


def test_a_dry_run_says_what_differs_and_seals_nothing(desk: Desk, parser: Parser, transfer: str) -> None:
    files = sorted(path for path in Path(desk.vault.root).rglob("*") if path.is_file())
    replay = again(desk, parser, transfer, OURS, seal=False)
    (difference,) = replay.differences
    assert (difference.was, difference.now, difference.changed, difference.added, difference.gone) == (
        "837p-2", "ours-1", 6, 0, 0,
    )  # fmt: skip
    assert difference.fields == {("frequency", "changed"): 6}
    assert difference.examples[0] == (1, [("frequency", "changed")])
    assert replay.sealed == []
    assert sorted(path for path in Path(desk.vault.root).rglob("*") if path.is_file()) == files


def test_newer_records_supersede_and_the_old_ones_stay(desk: Desk, parser: Parser, transfer: str) -> None:
    before = stored(desk, transfer)["837p-2"]
    desk.core.run(again(desk, parser, transfer, OURS).command("cli:0", {"map": "ours.toml"}))
    found = stored(desk, transfer)
    assert list(found) == ["837p-2", "ours-1"]
    assert found["837p-2"] == before
    assert [record["frequency"] for record in found["ours-1"]][:2] == ["original", "replacement"]
    assert desk.leaf(transfer, "transfer.replayed")["facts"] == {"sets": 1, "map": "ours.toml"}
    ready = [event for event in desk.events(transfer) if event["type"] == "mft.records.ready.v1"]
    assert [event["data"]["ref"].partition("records/")[2] for event in ready] == ["1@837p-2", "1@ours-1"]
    assert not again(desk, parser, transfer, OURS).differences[0].differs


def test_back_to_what_was_before(desk: Desk, parser: Parser, transfer: str) -> None:
    desk.core.run(again(desk, parser, transfer, OURS).command("cli:0", {}))
    replay = again(desk, parser, transfer, None)
    assert (replay.sealed, replay.again) == ([], [(1, "837p-2")])
    desk.core.run(replay.command("cli:0", {}))
    counting = [row["map_version"] for row in transfers.parts(desk.books, "records", transfer) if not row["superseded"]]
    assert counting == ["837p-2"]
    assert not again(desk, parser, transfer, None).differences[0].differs


def test_a_changed_map_of_the_same_version_is_refused(desk: Desk, parser: Parser, transfer: str) -> None:
    desk.core.run(again(desk, parser, transfer, OURS).command("cli:0", {}))
    with pytest.raises(SameVersion, match="another version in its `id`"):
        again(desk, parser, transfer, OURS.replace("replacement", "other"))


def test_records_that_only_one_derivation_has(desk: Desk, parser: Parser, transfer: str) -> None:
    (difference,) = again(desk, parser, transfer, FEWER, seal=False).differences
    assert (difference.records, difference.gone, difference.added) == (5, 1, 0)
    desk.core.run(again(desk, parser, transfer, FEWER).command("cli:0", {}))
    (difference,) = again(desk, parser, transfer, None, seal=False).differences
    assert (difference.records, difference.gone, difference.added) == (6, 0, 1)


STRICT = """id = "strict-837"
extends = "x12/005010X222A1"
version = "1"
title = "Claims as they came to be wanted"

[[change]]
at = "2010AA/N4/03"
length = "5/5"
source = "a companion guide"

[sources]
"a companion guide" = "made up"
"""


def test_a_set_that_is_refused_now_keeps_its_records(desk: Desk, parser: Parser, transfer: str) -> None:
    replay = Replay(desk.books, desk.vault, transfers.transfer_row(desk.books, transfer))
    terms = (Terms(guide="strict-837"),)
    replay.derive(parser, Judging(overlays={"strict.toml": STRICT}, terms=terms, maps={"ours.toml": OURS}), seal=True)
    assert [(one.verdict, one.differs) for one in replay.differences] == [("rejected", True)]
    assert (replay.sealed, replay.again) == ([], [])
