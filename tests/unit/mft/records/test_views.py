"""Which views there are, what their columns hold, and what is made of records that are odd."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any

import duckdb
import msgspec
import pytest

from mft.records.views import LEADING, plural, quoted, shape_of, singular, stored_columns, view_sql, views
from parsers.canonical.catalogue import BY_SCHEMA
from parsers.canonical.fields import fields_of
from tests.unit.mft.records.conftest import Shelf

CLAIM: dict[str, Any] = {
    "type": "P",
    "total_charge": {"amount": "150.10", "currency": "USD"},
    "submitted_on": "2026-02-03",
    "lines": [
        {
            "number": "1",
            "charge": {"amount": "100"},
            "units": {"value": "2", "unit": "UN"},
            "diagnosis_pointers": [1, 2],
            "procedure": {"system": "HCPCS", "code": "99213", "modifiers": ["25", "59"]},
            "adjudications": [{"payer": "A", "paid": {"amount": "1"}}, {"payer": "B"}],
        },
        {"number": "2", "charge": {"amount": "50.10"}, "adjudications": [{"payer": "C"}]},
    ],
}


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("lines", "line"), ("diagnoses", "diagnosis"), ("parties", "party"), ("addresses", "address"),
        ("taxes", "tax"), ("next_of_kin", "next_of_kin"), ("statuses", "status"), ("references", "reference"),
        ("purposes", "purpose"), ("batches", "batch"), ("loss", "loss"),
    ],
)  # fmt: skip
def test_singulars(name: str, one: str) -> None:
    assert singular(name) == one


@pytest.mark.parametrize(
    ("one", "many"),
    [
        ("claim", "claims"),
        ("inventory", "inventories"),
        ("price_change", "price_changes"),
        ("tax", "taxes"),
        ("day", "days"),
    ],
)
def test_plurals(one: str, many: str) -> None:
    assert plural(one) == many


def test_every_type_and_every_list_in_it_has_a_view() -> None:
    def lists(struct: type[msgspec.Struct]) -> int:
        inner = [field for field in fields_of(struct).values() if field.struct is not None]
        return sum(lists(field.struct) + field.many for field in inner if field.struct)

    assert len(views()) == sum(1 + lists(struct) for struct in BY_SCHEMA.values())
    assert {"claims", "claim_lines", "claim_line_adjudications", "remittance_claims", "remittance_claim_lines"} <= set(
        views()
    )
    assert {"purchase_orders", "patient_events", "acknowledgments", "enrollment_coverages"} <= set(views())


@pytest.mark.parametrize("reveal", [True, False])
def test_the_columns_are_those_that_duckdb_finds(*, reveal: bool) -> None:
    with duckdb.connect(":memory:") as connection:
        for schema in BY_SCHEMA:
            columns = ", ".join(f"{quoted(name)} {kind}" for name, kind in stored_columns(schema).items())
            connection.execute(f"CREATE TABLE {quoted(schema)} ({columns})")
        for view in views().values():
            connection.execute(
                f"CREATE VIEW {view.name} AS {view_sql(view, quoted(view.schema), reveal=reveal, salt='x')}"
            )
            found = {row[0]: row[1] for row in connection.execute(f"DESCRIBE {view.name}").fetchall()}
            expected = {name: kind for name, (_, kind) in LEADING.items()}
            expected |= dict.fromkeys(("part", *view.ordinals) if view.lists else (), "BIGINT")
            expected |= {column.name: column.type(reveal=reveal) for column in view.columns}
            assert found == expected, view.name


def test_a_taken_name_gives_way() -> None:
    assert "line_sent" in {column.name for column in views()["enrollment_coverages"].columns}


def test_a_record_is_flattened(shelf: Shelf) -> None:
    transfer = shelf.keep("claim/1", CLAIM, position=3, made_by="837p-9")
    shown = shelf.ask(
        "SELECT transfer, partner, received_at, set_number, record, map, total_charge, total_charge_currency, submitted_on "
        "FROM claims"
    )
    at = datetime(2026, 2, 25, 6, 13, 20)  # noqa: DTZ001  As DuckDB has it.
    assert shown == [(transfer, "acme", at, 3, 1, "837p-9", Decimal("150.10"), "USD", date(2026, 2, 3))]


def test_lists_are_views_with_ordinals_that_join(shelf: Shelf) -> None:
    shelf.keep("claim/1", {"type": "P"}, CLAIM)
    assert shelf.ask("SELECT record, part, line, charge, units, units_unit FROM claim_lines ORDER BY line") == [
        (2, 1, 1, Decimal(100), Decimal(2), "UN"),
        (2, 1, 2, Decimal("50.10"), None, None),
    ]
    joined = (
        "SELECT l.number, a.claim_line, a.line, a.payer FROM claim_lines l JOIN claim_line_adjudications a "
        "ON (a.transfer, a.set_number, a.record, a.claim_line) = (l.transfer, l.set_number, l.record, l.line) ORDER BY ALL"
    )
    assert shelf.ask(joined) == [("1", 1, 1, "A"), ("1", 1, 2, "B"), ("2", 2, 1, "C")]
    assert shelf.ask("SELECT procedure_modifiers, diagnosis_pointers FROM claim_lines WHERE line = 1") == [
        (["25", "59"], [1, 2])
    ]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [("150.10", "150.100000"), ("-0.5", "-0.500000"), ("7", "7.000000"), ("much", None), ("1" + "0" * 30, None)],
)
def test_decimals(shelf: Shelf, sent: str, shown: str | None) -> None:
    shelf.keep("claim/1", {"type": "P", "total_charge": {"amount": sent}})
    assert shelf.one("SELECT total_charge FROM claims") == (Decimal(shown) if shown else None)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("2026-02-03", "2026-02-03 00:00:00"),
        ("2026-02-03T10:15", "2026-02-03 10:15:00"),
        ("2026-02-03T10:15:30.25", "2026-02-03 10:15:30.25"),
        ("2026-02-03T10:15:30+02:00", "2026-02-03 10:15:30"),
        ("2026-02", None),
        ("2026", None),
    ],
)
def test_moments_are_as_the_clock_showed_them(shelf: Shelf, sent: str, shown: str | None) -> None:
    shelf.keep("claim/1", {"type": "P", "dates": [{"kind": "onset", "period": {"start": sent}}]})
    assert shelf.one("SELECT CAST(period_start AS VARCHAR) FROM claim_dates") == (shown and "2026-01-01 00:00:00")
    assert shelf.ask("SELECT CAST(period_start AS VARCHAR) FROM claim_dates", reveal=True) == [(shown,)]


def test_what_a_type_does_not_know_is_passed_over(shelf: Shelf) -> None:
    shelf.keep("claim/1", {"type": "P", "brand_new": {"a": [1]}, "lines": [{"number": "1", "also_new": "x"}]})
    assert shelf.ask("SELECT type, claim_id FROM claims") == [("P", None)]
    assert shelf.ask("SELECT number, charge FROM claim_lines") == [("1", None)]


def test_what_is_not_of_its_type_is_null_and_harms_nothing_else(shelf: Shelf) -> None:
    odd = {"type": "P", "notes": ["text"], "total_charge": "12", "lines": {"number": "1"}, "claim_id": ["C-1"]}
    shelf.keep("claim/1", odd, CLAIM)
    assert shelf.ask("SELECT record, total_charge FROM claims ORDER BY 1") == [(1, None), (2, Decimal("150.10"))]
    assert shelf.ask("SELECT DISTINCT record FROM claim_lines") == [(2,)]


def test_a_long_record_in_parts_counts_once(shelf: Shelf) -> None:
    def part(number: int, *lines: str, continued: bool) -> dict[str, Any]:
        about = {"set": 1, "start": number, "end": number + 1, "part": number}
        return {
            "provenance": about | ({"continued": True} if continued else {}),
            "lines": [{"number": line} for line in lines],
        }

    shelf.keep(
        "purchase-order/2",
        {"number": "first"},
        part(1, "a", "b", continued=True) | {"number": "long"},
        part(2, "c", continued=False) | {"number": "long"},
        {"number": "last"},
    )
    assert shelf.ask("SELECT record, number FROM purchase_orders ORDER BY record") == [
        (1, "first"),
        (2, "long"),
        (3, "last"),
    ]
    lines = "SELECT record, part, line, number FROM purchase_order_lines ORDER BY ALL"
    assert shelf.ask(lines) == [(2, 1, 1, "a"), (2, 1, 2, "b"), (2, 2, 1, "c")]


def test_a_text_cannot_pretend_that_a_record_goes_on(shelf: Shelf) -> None:
    shelf.keep("purchase-order/2", {"number": 'x"continued":true'}, {"number": "y", "of": {"continued": True}}, {})
    assert shelf.ask("SELECT record FROM purchase_orders ORDER BY record") == [(1,), (2,), (3,)]


def test_a_type_that_nobody_sent_is_an_empty_view(shelf: Shelf) -> None:
    shelf.keep("claim/1", CLAIM)
    assert shelf.ask("SELECT * FROM remittances") == []
    assert shelf.ask("SELECT * FROM remittance_claim_line_adjustments") == []


def test_the_shape_of_a_type_is_its_own() -> None:
    assert len({shape_of(schema) for schema in BY_SCHEMA}) == len(BY_SCHEMA)
