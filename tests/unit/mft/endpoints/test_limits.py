"""Strangers are let in up to a number and a rate, by source; a partner sends up to what was agreed for a day."""

import pytest

from mft.endpoints import limits
from mft.endpoints.limits import Admission, Intake
from mft.errors import QuotaExceeded

HOUR = 3600


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def admission(clock: Clock, *, unproven: int = 1000, per_source: int = 1000, rate: int = 1000) -> Admission:
    return Admission(
        unproven_max=unproven, unproven_per_source_max=per_source, arrivals_per_second_max=rate, clock=clock
    )


class TestStrangers:
    def test_of_one_source(self, clock: Clock) -> None:
        door = admission(clock, per_source=2)
        assert [door.arrive("192.0.2.1") for _ in range(3)] == [True, True, False]
        assert door.arrive("192.0.2.2")

    def test_of_all_sources(self, clock: Clock) -> None:
        door = admission(clock, unproven=3)
        assert [door.arrive(f"192.0.2.{number}") for number in range(5)] == [True] * 3 + [False] * 2

    def test_one_who_logs_in_is_none_any_more(self, clock: Clock) -> None:
        door = admission(clock, unproven=1)
        for _ in range(3):
            assert door.arrive("192.0.2.1")
            assert not door.arrive("192.0.2.2")
            door.proven("192.0.2.1")

    def test_one_who_leaves_makes_room_once(self, clock: Clock) -> None:
        door = admission(clock, per_source=2)
        assert door.arrive("192.0.2.1")
        assert door.arrive("192.0.2.1")
        door.proven("192.0.2.1")
        door.leave("192.0.2.1", proven=True)  # Its place was free since it logged in.
        assert [door.arrive("192.0.2.1") for _ in range(2)] == [True, False]
        door.leave("192.0.2.1", proven=False)
        assert [door.arrive("192.0.2.1") for _ in range(2)] == [True, False]

    def test_one_who_is_refused_takes_no_place(self, clock: Clock) -> None:
        door = admission(clock, unproven=2, per_source=1)
        assert door.arrive("192.0.2.1")
        assert not door.arrive("192.0.2.1")
        assert door.arrive("192.0.2.2")

    def test_nothing_is_remembered_of_those_who_left(self, clock: Clock) -> None:
        door = admission(clock)
        for number in range(100):
            assert door.arrive(f"192.0.2.{number}")
            door.leave(f"192.0.2.{number}", proven=False)
        assert not door._unproven


class TestRate:
    def test_a_second_holds_so_many_and_they_come_back_evenly(self, clock: Clock) -> None:
        door = admission(clock, rate=4)
        assert [door.arrive("192.0.2.1") for _ in range(6)] == [True] * 4 + [False] * 2
        clock.now += 0.125
        assert not door.arrive("192.0.2.1")
        clock.now += 0.125
        assert [door.arrive("192.0.2.1") for _ in range(2)] == [True, False]

    def test_a_long_rest_saves_up_no_more_than_a_second(self, clock: Clock) -> None:
        door = admission(clock, rate=4)
        door.arrive("192.0.2.1")
        clock.now += 1000
        assert [door.arrive("192.0.2.1") for _ in range(6)] == [True] * 4 + [False] * 2

    def test_every_source_has_its_own(self, clock: Clock) -> None:
        door = admission(clock, rate=1)
        assert [door.arrive(f"192.0.2.{number}") for number in (1, 1, 2, 2)] == [True, False, True, False]

    def test_logging_in_and_leaving_do_not_change_it(self, clock: Clock) -> None:
        door = admission(clock, rate=2)
        for _ in range(2):
            assert door.arrive("192.0.2.1")
            door.proven("192.0.2.1")
            door.leave("192.0.2.1", proven=True)
        assert not door.arrive("192.0.2.1")

    def test_only_so_many_sources_are_remembered_the_latest(
        self, clock: Clock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(limits, "_SOURCES_MAX", 3)
        door = admission(clock, rate=1)
        for number in (1, 2, 3, 1, 4):
            door.arrive(f"192.0.2.{number}")
        assert list(door._tokens) == ["192.0.2.3", "192.0.2.1", "192.0.2.4"]
        assert not door.arrive("192.0.2.1")  # It asked again before the fourth came.
        assert door.arrive("192.0.2.2")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("2001:db8::1", "2001:0DB8:0:0::2", True),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("a socket", "a socket", True),
        ("a socket", "another", False),
        ("", "192.0.2.1", False),
    ],
)
def test_what_one_source_is(clock: Clock, one: str, other: str, *, same: bool) -> None:
    door = admission(clock, per_source=1)
    assert door.arrive(one)
    assert door.arrive(other) is not same
    door.leave(other, proven=False)


class TestIntake:
    def test_no_upload_more_than_agreed(self, clock: Clock) -> None:
        intake = Intake(clock=clock)
        for _ in range(2):
            intake.begin(files_max=2, bytes_max=100)
        with pytest.raises(QuotaExceeded, match="2 uploads were begun in 24 hours, and 2 are agreed"):
            intake.begin(files_max=2, bytes_max=100)

    def test_no_byte_more_than_agreed_in_all_uploads_together(self, clock: Clock) -> None:
        intake = Intake(clock=clock)
        for _ in range(2):
            intake.begin(files_max=9, bytes_max=2 << 30)
        intake.take((2 << 30) - 1)
        intake.take(1)
        with pytest.raises(QuotaExceeded, match="2 GiB were sent in 24 hours"):
            intake.take(1)
        with pytest.raises(QuotaExceeded, match="2 GiB were sent in 24 hours"):
            intake.begin(files_max=9, bytes_max=2 << 30)

    def test_a_day_later_it_does_not_count(self, clock: Clock) -> None:
        intake = Intake(clock=clock)
        intake.begin(files_max=1, bytes_max=100)
        intake.take(100)
        clock.now += 23 * HOUR
        with pytest.raises(QuotaExceeded):
            intake.begin(files_max=1, bytes_max=200)
        with pytest.raises(QuotaExceeded):
            intake.begin(files_max=9, bytes_max=100)
        clock.now += HOUR
        intake.begin(files_max=1, bytes_max=100)
        intake.take(100)

    def test_each_hour_goes_by_itself(self, clock: Clock) -> None:
        intake = Intake(clock=clock)
        for _ in range(24):
            intake.begin(files_max=100, bytes_max=100)
            intake.take(2)
            clock.now += HOUR
        for hour in range(24):
            intake.begin(files_max=24, bytes_max=49)  # As many as went out of sight.
            with pytest.raises(QuotaExceeded):
                intake.begin(files_max=24, bytes_max=49)
            assert intake._bytes_left == 49 - 2 * (23 - hour)
            clock.now += HOUR

    def test_what_came_before_the_start_counts_for_a_day(self, clock: Clock) -> None:
        intake = Intake(files=3, size_bytes=90, clock=clock)
        intake.begin(files_max=4, bytes_max=100)
        intake.take(10)
        with pytest.raises(QuotaExceeded):
            intake.take(1)
        with pytest.raises(QuotaExceeded):
            intake.begin(files_max=4, bytes_max=200)
        clock.now += 24 * HOUR
        intake.begin(files_max=1, bytes_max=100)

    def test_it_remembers_no_more_than_a_day(self, clock: Clock) -> None:
        intake = Intake(clock=clock)
        for _ in range(1000):
            intake.begin(files_max=9, bytes_max=100)
            clock.now += 3 * HOUR
        assert len(intake._hours) <= 9
