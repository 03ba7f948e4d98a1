"""What tells of a person is not shown unless somebody asks, in SQL and in the records themselves, in the same way."""

import json
from typing import Any

import duckdb
import pytest

from mft.records.masks import mask_of, masked_lines, masked_record, masked_sql
from mft.records.views import views
from parsers.canonical.catalogue import BY_SCHEMA
from parsers.canonical.fields import OPEN_CLASSES, PERSONAL_CLASSES
from tests.unit.mft.records.conftest import Shelf

TEXTS_OF_DATES = [("1430", "***"), ("2026-03-04T05", "2026-01-01"), ("2026-03", "2026-01-01"), ("03042026", "***")]


@pytest.mark.parametrize(("sent", "shown"), TEXTS_OF_DATES)
def test_only_a_year_is_shown_of_what_tells_when(sent: str, shown: str) -> None:
    expression = masked_sql(f"'{sent}'", "text", "year", salt="s")
    assert duckdb.sql(f"SELECT {expression}").fetchall() == [(shown,)]
    assert masked_record({"discharge_time": sent}, BY_SCHEMA["claim/1"], "s") == {"discharge_time": shown}


SECRETS = (
    "SMITH",
    "JOHN",
    "1 MAIN ST",
    "SPRINGFIELD",
    "J06.9",
    "555-0100",
    "me@example.com",
    "1950-07-08",
    "MEM-1",
    "078-05",
    "C-77",
)
PERSON: dict[str, Any] = {
    "name": {"family": "SMITH", "given": "JOHN"},
    "birth_date": "1950-07-08",
    "identifiers": [
        {"scheme": "member-id", "value": "MEM-1"},
        {"scheme": "ssn", "value": "078-05"},
        {"scheme": "npi", "value": "1234567893"},
        {"scheme": "x12:ZZ", "value": "MEM-1"},
    ],
    "address": {"lines": ["1 MAIN ST", "APT 2"], "city": "SPRINGFIELD", "state": "IL"},
    "contacts": [{"phone": "555-0100", "email": "me@example.com"}],
}
CLAIM: dict[str, Any] = {
    "type": "P",
    "claim_id": "C-77",
    "total_charge": {"amount": "10"},
    "diagnoses": [{"system": "ICD-10-CM", "code": "J06.9", "qualifier": "principal"}],
    "notes": [{"text": "SMITH called"}],
    "subscriber": PERSON,
}


def everything(shelf: Shelf, *, reveal: bool) -> str:
    """Every cell of every view of claims."""
    names = [name for name, view in views().items() if view.schema == "claim/1"]
    return "\n".join(str(row) for name in names for row in shelf.ask(f"SELECT * FROM {name}", reveal=reveal))


def test_no_view_shows_what_tells_of_a_person(shelf: Shelf) -> None:
    shelf.keep("claim/1", CLAIM)
    masked, revealed = everything(shelf, reveal=False), everything(shelf, reveal=True)
    assert [secret for secret in SECRETS if secret in masked] == []
    assert set(SECRETS) - {one for one in SECRETS if one in revealed} == {"1950-07-08"}  # Which DuckDB has as a date.
    assert "1234567893" in masked


def test_each_class_in_its_way(shelf: Shelf) -> None:
    shelf.keep("claim/1", CLAIM)
    row = shelf.ask(
        "SELECT subscriber_name_family, subscriber_name_middle, CAST(subscriber_birth_date AS VARCHAR), "
        "subscriber_address_lines, subscriber_address_state, total_charge_currency FROM claims"
    )
    assert row == [("***", None, "1950-01-01", ["***", "***"], "IL", None)]


def test_tokens_are_the_same_for_the_same_value_in_one_session(shelf: Shelf) -> None:
    shelf.keep("claim/1", CLAIM, CLAIM, CLAIM | {"claim_id": "C-78"})
    counts = shelf.ask("SELECT claim_id, count(*) FROM claims GROUP BY ALL ORDER BY 2")
    assert [count for _, count in counts] == [1, 2]
    assert all(token[0] == "~" and len(token) == 11 and int(token[1:], 16) >= 0 for token, _ in counts)
    joined = "SELECT count(*) FROM claims a JOIN claims b ON a.claim_id = b.claim_id"
    assert shelf.one(joined) == 5


def test_tokens_differ_between_sessions(shelf: Shelf) -> None:
    shelf.keep("claim/1", CLAIM)
    assert shelf.one("SELECT claim_id FROM claims") != shelf.one("SELECT claim_id FROM claims")


def test_tokens_join_views_of_different_types(shelf: Shelf) -> None:
    shelf.keep("claim/1", CLAIM)
    shelf.keep("remittance/1", {"claims": [{"claim_id": "C-77"}]})
    assert shelf.one("SELECT count(*) FROM claims JOIN remittance_claims USING (claim_id)") == 1


def test_an_identifier_is_shown_by_its_scheme(shelf: Shelf) -> None:
    shelf.keep("claim/1", CLAIM)
    shown = dict(shelf.ask("SELECT scheme, value FROM claim_subscriber_identifiers"))
    assert shown["npi"] == "1234567893"
    assert shown["ssn"].startswith("~")
    assert shown["member-id"] == shown["x12:ZZ"]
    assert dict(shelf.ask("SELECT scheme, value FROM claim_subscriber_identifiers", reveal=True))["ssn"] == "078-05"


def test_a_condition_meets_what_is_shown(shelf: Shelf) -> None:
    shelf.keep("claim/1", CLAIM)
    for guess in ("subscriber_name_family = 'SMITH'", "claim_id = 'C-77'", "subscriber_birth_date = '1950-07-08'"):
        assert shelf.one(f"SELECT count(*) FROM claims WHERE {guess}") == 0
        assert shelf.ask(f"SELECT count(*) FROM claims WHERE {guess}", reveal=True) == [(1,)]


def test_records_are_masked_as_views_are() -> None:
    line = json.dumps({"schema": "claim/1", "provenance": {"set": 1, "start": 0, "end": 1}} | CLAIM).encode() + b"\n"
    (masked,) = masked_lines([line[:40], line[40:]], "salt")
    assert [secret for secret in SECRETS if secret.encode() in masked] == []
    found = json.loads(masked)
    assert found["schema"] == "claim/1"
    assert found["provenance"] == {"set": 1, "start": 0, "end": 1}
    assert found["subscriber"]["birth_date"] == "1950-01-01"
    assert found["subscriber"]["address"] == {"lines": ["***", "***"], "city": "***", "state": "IL"}
    assert [one["value"][0] for one in found["subscriber"]["identifiers"]] == ["~", "~", "1", "~"]
    assert found["total_charge"] == {"amount": "10"}


def test_what_a_type_does_not_know_is_masked() -> None:
    sent = {"provenance": {"set": 1}, "new": "SMITH", "newer": {"a": ["SMITH"]}, "type": "P", "claim_id": None}
    masked = masked_record(sent, BY_SCHEMA["claim/1"], "salt")
    assert masked == {"provenance": {"set": 1}, "new": "***", "newer": "***", "type": "P", "claim_id": None}


@pytest.mark.parametrize("data_class", [*sorted(PERSONAL_CLASSES), "NEW_CLASS", ""])
def test_no_class_is_shown_but_those_that_are_open(data_class: str) -> None:
    assert mask_of(data_class) != "shown"
    assert {mask_of(one) for one in OPEN_CLASSES} == {"shown"}


@pytest.mark.parametrize("holds", ["text", "decimal", "day", "moment", "integer", "boolean"])
@pytest.mark.parametrize("data_class", sorted(PERSONAL_CLASSES))
def test_every_class_masks_whatever_it_holds(holds: str, data_class: str) -> None:
    values = {
        "text": "'SMITH'", "decimal": "'12.5'", "day": "'1950-07-08'", "moment": "'1950-07-08T10:00'",
        "integer": "1234", "boolean": "true",
    }  # fmt: skip
    sql = masked_sql("v", holds, mask_of(data_class), salt="abc")
    with duckdb.connect(":memory:") as connection:
        ((shown, nothing),) = connection.execute(
            f"SELECT (SELECT CAST({sql} AS VARCHAR) FROM (SELECT {values[holds]} AS v)), "
            f"(SELECT {sql} FROM (SELECT nullif({values[holds]}, {values[holds]}) AS v))"
        ).fetchall()
    assert nothing is None
    assert shown in {"***", "1950-01-01", "1950-01-01 00:00:00"} or shown.startswith("~")
