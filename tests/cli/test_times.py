"""Moments as people type them."""

from datetime import UTC, datetime

import pytest
import typer

from mft.cli import options
from mft.cli.options import parse_later, parse_time

NOW = datetime(2026, 11, 27, 15, 45, 30, tzinfo=UTC)  # A Friday.


class Clock(datetime):
    @classmethod
    def now(cls, tz: object = None) -> datetime:
        return NOW


@pytest.fixture(autouse=True)
def _stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "datetime", Clock)


def said(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1e6, tz=UTC).strftime("%Y-%m-%d %H:%M:%S")


@pytest.mark.parametrize(
    ("typed", "begins", "ends"),
    [
        ("now", "2026-11-27 15:45:30", "2026-11-27 15:45:30"),
        ("2h", "2026-11-27 13:45:30", "2026-11-27 13:45:30"),
        ("90m", "2026-11-27 14:15:30", "2026-11-27 14:15:30"),
        ("30 s", "2026-11-27 15:45:00", "2026-11-27 15:45:00"),
        ("1w", "2026-11-20 15:45:30", "2026-11-20 15:45:30"),
        ("today", "2026-11-27 00:00:00", "2026-11-28 00:00:00"),
        ("Yesterday", "2026-11-26 00:00:00", "2026-11-27 00:00:00"),
        ("monday", "2026-11-23 00:00:00", "2026-11-24 00:00:00"),
        ("friday", "2026-11-27 00:00:00", "2026-11-28 00:00:00"),
        ("saturday", "2026-11-21 00:00:00", "2026-11-22 00:00:00"),
        ("9:30", "2026-11-27 09:30:00", "2026-11-27 09:30:00"),
        ("23:59", "2026-11-27 23:59:00", "2026-11-27 23:59:00"),
        ("2026-03-01", "2026-03-01 00:00:00", "2026-03-02 00:00:00"),
        ("20261231", "2026-12-31 00:00:00", "2027-01-01 00:00:00"),
        ("2026-03-01 09:30", "2026-03-01 09:30:00", "2026-03-01 09:30:00"),
        ("2026-03-01T09:30:00Z", "2026-03-01 09:30:00", "2026-03-01 09:30:00"),
        ("2026-03-01T09:30:00-05:00", "2026-03-01 14:30:00", "2026-03-01 14:30:00"),
    ],
)
def test_what_people_type(typed: str, begins: str, ends: str) -> None:
    assert said(parse_time(typed)) == begins
    assert said(parse_time(typed, ends=True)) == ends


@pytest.mark.parametrize("typed", ["", "soon", "24:00", "9:60", "2026-02-30", "2x", "123456h", "next monday"])
def test_what_is_no_time_is_told_with_examples(typed: str) -> None:
    with pytest.raises(typer.BadParameter, match="try 2h"):
        parse_time(typed)


@pytest.mark.parametrize(
    ("typed", "comes"),
    [
        ("2h", "2026-11-27 17:45:30"),
        ("06:00", "2026-11-28 06:00:00"),
        ("16:00", "2026-11-27 16:00:00"),
        ("today", "2026-11-28 00:00:00"),
        ("2026-12-01", "2026-12-02 00:00:00"),
        ("2026-12-01T06:00:00+02:00", "2026-12-01 04:00:00"),
    ],
)
def test_a_moment_to_come(typed: str, comes: str) -> None:
    assert said(parse_later(typed)) == comes


@pytest.mark.parametrize("typed", ["yesterday", "now", "2026-11-27T15:00", "soon"])
def test_what_is_past_is_no_moment_to_come(typed: str) -> None:
    with pytest.raises(typer.BadParameter):
        parse_later(typed)


def test_the_last_day_there_is_has_no_end() -> None:
    assert said(parse_time("9999-12-31")) == "9999-12-31 00:00:00"
    with pytest.raises(typer.BadParameter, match="try 2h"):
        parse_time("9999-12-31", ends=True)
