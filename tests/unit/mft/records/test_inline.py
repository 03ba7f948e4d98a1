"""Records within events: masked, bounded, and the same at each try."""

import json
from typing import Any

import pytest

from mft.events import Event, RecordsReady, TransferParsed
from mft.ledger import outbox
from mft.ledger.tables import OBJECT
from mft.pipeline.journal import Journal
from mft.records.inline import Inline
from tests.unit.mft.records.conftest import Shelf
from tests.unit.mft.records.test_masks import CLAIM, SECRETS

ABOUT = {"connection": "c1", "partner": "acme"}


def announced(shelf: Shelf, event: Event) -> dict[str, Any]:
    """An event as the relay has it."""
    shelf.core.writer.run(lambda books: Journal(books, 1, "urn:mft:x", "n", {"crm": ()}).announce(event))
    return outbox.waiting_in(shelf.books, "crm", "acme", now=0, wait_max=1, most=9)[-1]


def ready(shelf: Shelf, transfer: str, *, schema: str = "claim/1", made_by: str = "test/1") -> dict[str, Any]:
    ref = f"mft:/transfers/{transfer}/records/1@{made_by}"
    event = RecordsReady(**ABOUT, transfer=transfer, ref=ref, set="837", set_number=1, records=1, record_schema=schema)
    return announced(shelf, event)


def dressed(shelf: Shelf, row: dict[str, Any], *, bytes_max: int = 1 << 17, reveal: bool = False) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(Inline(shelf.vault, lambda: shelf.books, bytes_max, reveal)(row))
    return event


def test_records_are_masked_unless_they_shall_be_shown(shelf: Shelf) -> None:
    row = ready(shelf, shelf.keep("claim/1", CLAIM, CLAIM))
    masked, shown = dressed(shelf, row), dressed(shelf, row, reveal=True)
    assert [len(event["data"]["content"]) for event in (masked, shown)] == [2, 2]
    assert (masked["data"]["masked"], shown["data"]["masked"]) == (True, False)
    assert [secret for secret in SECRETS if secret in json.dumps(masked)] == []
    assert [secret for secret in SECRETS if secret in json.dumps(shown)] == list(SECRETS)
    assert masked["data"]["content"][0]["total_charge"] == {"amount": "10"}
    as_it_was = json.loads(row["body"])
    assert masked | {"data": as_it_was["data"]} == as_it_was
    assert as_it_was["data"].items() <= masked["data"].items()


def test_each_try_carries_the_same(shelf: Shelf) -> None:
    row = ready(shelf, shelf.keep("claim/1", CLAIM))
    first = dressed(shelf, row)
    assert "~" in json.dumps(first)  # Tokens: the same for the same value, and only there.
    assert dressed(shelf, row) == first


def test_too_many_stay_a_reference(shelf: Shelf) -> None:
    transfer = shelf.keep("claim/1", CLAIM)
    row = ready(shelf, transfer)
    told = dressed(shelf, row, bytes_max=100)["data"]
    assert told["left_out"] == "too-large"
    assert "content" not in told
    assert told["ref"] == f"mft:/transfers/{transfer}/records/1@test/1"


def test_what_cannot_be_masked_is_not_shown(shelf: Shelf) -> None:
    row = ready(shelf, shelf.keep("unheard-of/1", CLAIM), schema="unheard-of/1")
    assert dressed(shelf, row)["data"]["left_out"] == "no-masks"
    assert dressed(shelf, row, reveal=True)["data"]["content"][0]["claim_id"] == "C-77"


def test_what_was_erased_or_never_was_is_left_out(shelf: Shelf) -> None:
    transfer = shelf.keep("claim/1", CLAIM)
    row = ready(shelf, transfer)
    shelf.core.writer.run(lambda books: books.execute(OBJECT.update().values(wrapped_dek=None)))
    assert dressed(shelf, row)["data"]["left_out"] == "erased"
    assert dressed(shelf, ready(shelf, transfer, made_by="other/1"))["data"]["left_out"] == "erased"


def test_what_does_not_unseal_is_left_out_and_told_so(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    row = ready(shelf, shelf.keep("claim/1", CLAIM))
    monkeypatch.setattr(shelf.vault.keyring, "unwrap", lambda *_: bytes(32))
    assert dressed(shelf, row)["data"]["left_out"] == "unreadable"


def test_other_events_are_as_they_were(shelf: Shelf) -> None:
    row = announced(shelf, TransferParsed(**ABOUT, transfer="t1", interchanges=1, sets=1, findings=0))
    assert dressed(shelf, row) == json.loads(row["body"])
