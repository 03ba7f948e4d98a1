"""Time and ids."""

import re
import threading

import pytest

from mft import clock
from mft.clock import LAST_ID, new_id, random_id, rfc3339


def test_an_id_is_a_uuid_of_version_7() -> None:
    number = 0
    for character in new_id():
        number = number * 32 + clock.ALPHABET.index(character)
    assert number < 1 << 128
    assert number >> 76 & 15 == 7
    assert number >> 62 & 3 == 2
    assert abs((number >> 80) - clock.now_us() // 1000) < 60_000


def test_ids_sort_by_when_they_were_made_also_in_the_same_tick(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [clock.time.time_ns() + 10**12]
    monkeypatch.setattr(clock.time, "time_ns", lambda: now[0])
    made = [new_id() for _ in range(5000)]
    now[0] -= 10**10  # A clock that is set back.
    made += [new_id() for _ in range(100)]
    now[0] += 10**11
    made += [new_id()]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    monkeypatch.undo()
    monkeypatch.setattr(clock, "_last", 0)


def test_ids_of_many_threads_differ() -> None:
    made: list[str] = []
    threads = [threading.Thread(target=lambda: made.extend([new_id() for _ in range(500)])) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(made)) == 4000


def test_every_id_sorts_before_the_last() -> None:
    for made in (new_id(), random_id(), "z" * 26):
        assert re.fullmatch(r"[0-9a-hjkmnp-tv-z]{26}", made)
        assert made < LAST_ID


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (1, "1970-01-01T00:00:00.000001Z"),
        (1_772_357_400_000_125, "2026-03-01T09:30:00.000125Z"),
        (253_402_300_799_999_999, "9999-12-31T23:59:59.999999Z"),
    ],
)
def test_a_moment_as_text_keeps_its_microseconds(at: int, text: str) -> None:
    assert rfc3339(at) == text
    if at < 1 << 53:
        assert clock.moment(at).isoformat(timespec="microseconds").replace("+00:00", "Z") == text


def test_ids_go_on_behind_those_of_an_earlier_process_whatever_the_clock_says(monkeypatch: pytest.MonkeyPatch) -> None:
    then = clock.time.time_ns() + 10**14
    monkeypatch.setattr(clock, "_last", 0)
    monkeypatch.setattr(clock.time, "time_ns", lambda: then)
    last = new_id()
    monkeypatch.setattr(clock, "_last", 0)  # Another process,
    monkeypatch.setattr(clock.time, "time_ns", lambda: then - 10**13)  # behind a clock that was set back.
    assert new_id() < last
    clock.go_on_behind(last)
    assert last < new_id() < new_id()
    clock.go_on_behind("0" * 26)
    assert last < new_id()
