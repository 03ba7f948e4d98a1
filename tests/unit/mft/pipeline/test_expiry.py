"""Whose end is near is told once at each level, by an event about the key and a leaf; partners' keys and ours alike."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from mft.audit.query import leaves
from mft.ledger.outbox import latest_events
from mft.pipeline.expiry import Ending, Expiry, level_of, our_endings, partners_endings, pgp_endings
from mft.pipeline.pgp import PgpKey
from partners.connection import Connection, Key, Login
from partners.load import Directory, profile_of
from tests.unit.mft.ledger.entries import ACME
from tests.unit.mft.pipeline.conftest import _KEY_LINE, Desk

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def directory(expires: date | None, *, enabled: bool = True) -> Directory:
    login = Login(user="acme", keys=[Key(key=_KEY_LINE, expires=expires)])
    profile = profile_of(Connection(id=ACME.connection, name="acme", enabled=enabled, logins=[login]))
    return Directory({ACME.connection: profile}, {})


class Watch:
    """An `Expiry` that looks when a test says so, at the end of one key."""

    def __init__(self, desk: Desk) -> None:
        self.ending = Ending("id", "bucket", "feed", 100)
        self.desk = desk
        self.expiry = Expiry(
            lambda now: [self.ending], lambda: desk.books, desk.core.run, lambda error: None, warn_days=30
        )

    def with_left(self, days: int) -> int:
        self.ending = Ending("id", "bucket", "feed", days)
        return self.expiry.look(NOW)


@pytest.fixture
def watch(desk: Desk) -> Watch:
    return Watch(desk)


def test_each_level_is_told_once(watch: Watch) -> None:
    days = (31, 30, 29, 8, 7, 6, 2, 1, 0, 0, -1, -2, -400)
    assert [watch.with_left(left) for left in days] == [0, 1, 0, 0, 1, 0, 0, 1, 0, 0, 1, 0, 0]


def test_one_that_was_put_off_is_told_anew(watch: Watch) -> None:
    assert [watch.with_left(left) for left in (5, 300, 300, 28, 5)] == [1, 0, 0, 1, 1]


def test_a_server_that_was_away_tells_the_nearest_only(watch: Watch) -> None:
    assert [watch.with_left(left) for left in (100, 0)] == [0, 1]
    (event,) = watch.desk.core.writer.run(lambda books: latest_events(books, 10))
    assert event["type"] == "mft.key.expiring.v1"


def test_the_event_speaks_of_a_key_and_of_no_transfer(desk: Desk) -> None:
    found = list(partners_endings(directory(date(2026, 3, 4)), NOW))
    Expiry(lambda now: found, lambda: desk.books, desk.core.run, lambda error: None, warn_days=30).look(NOW)
    (row,) = latest_events(desk.books, 10)
    assert (row["transfer_id"], row["lane"]) == (None, "acme")
    import json

    event: dict[str, Any] = json.loads(row["body"])
    assert event["subject"] == found[0].key
    assert event["partner"] == "acme"
    assert event["data"] == {"connection": ACME.connection, "use": "ssh", "days_left": 3}
    (leaf,) = leaves(desk.books, kind="key.expiring")
    assert leaf["facts"] == {"use": "ssh", "key": found[0].key, "days_left": 3}
    assert leaf["connection"] == ACME.connection


def test_one_of_ours_has_no_partner(watch: Watch) -> None:
    watch.with_left(3)
    (row,) = latest_events(watch.desk.books, 10)
    assert row["lane"] == ""
    assert '"partner"' not in row["body"]
    assert '"subject":"feed"' in row["body"]


@pytest.mark.parametrize(
    ("expires", "left"),
    [(date(2026, 3, 1), 0), (date(2026, 3, 2), 1), (date(2026, 2, 28), -1), (date(2026, 3, 31), 30)],
)
def test_a_partners_key_is_good_until_its_day_is_over(expires: date, left: int) -> None:
    (found,) = partners_endings(directory(expires), NOW)
    assert found.days_left == left
    assert (found.days_left >= 0) == Key(key=_KEY_LINE, expires=expires).usable(NOW)


def test_no_end_or_no_entry_is_not_watched() -> None:
    assert list(partners_endings(directory(None), NOW)) == []
    assert list(partners_endings(directory(date(2026, 3, 1), enabled=False), NOW)) == []


def pair(kind: str, *, days_old: float, **more: Any) -> dict[str, Any]:
    made_at = int((NOW - timedelta(days=days_old)).timestamp() * 1_000_000)
    return {"id": kind, "kind": kind, "made_at": made_at, "retired_at": None, "destroyed_at": None, **more}


def test_ours_end_by_age() -> None:
    rows = [
        pair("bucket", days_old=80.5),
        pair("signing", days_old=90),
        pair("host", days_old=500),
        pair("bucket", days_old=400, retired_at=1),
        pair("bucket", days_old=400, retired_at=1, destroyed_at=2),
    ]
    found = list(our_endings(rows, {"bucket": 90, "signing": 90, "host": 0}, NOW))
    assert [(one.use, one.days_left) for one in found] == [("bucket", 9), ("signing", -1)]


@pytest.mark.parametrize(
    ("left", "level"), [(31, None), (30, 30), (8, 30), (7, 7), (2, 7), (1, 1), (0, 1), (-1, -1), (-9, -1)]
)
def test_levels(left: int, level: int | None) -> None:
    assert level_of(left, 30) == level
    assert level_of(5, 3) == 7  # Seven days are told of also where fewer were asked for.


def test_of_pgp_keys_those_that_have_an_end() -> None:
    soon = int(NOW.timestamp()) + 3 * 86_400 + 60
    keys = [PgpKey("A" * 40, True, None), PgpKey("B" * 40, False, soon), PgpKey("C" * 40, True, soon - 5 * 86_400)]
    found = [(one.use, one.key, one.days_left) for one in pgp_endings(keys, NOW)]
    assert found == [("pgp", "B" * 40, 3), ("pgp", "C" * 40, -2)]
