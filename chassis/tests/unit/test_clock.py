"""Clocks: aware, shiftable, and legal days in Japan."""

from datetime import UTC, date, datetime, timedelta

import pytest

from chassis.clock import FakeClock, SystemClock, from_ms, to_ms

START = datetime(2020, 5, 11, tzinfo=UTC)


def test_a_started_clock_reads_its_start_at_the_epoch() -> None:
    epoch_s = datetime.now(UTC).timestamp() - 3600
    elapsed = SystemClock(START, epoch_s).now() - START
    assert timedelta(seconds=3599) < elapsed < timedelta(seconds=3660)


def test_two_processes_with_one_epoch_agree() -> None:
    epoch_s = datetime.now(UTC).timestamp()
    first, second = SystemClock(START, epoch_s), SystemClock(START, epoch_s)
    assert abs(first.now() - second.now()) < timedelta(seconds=5)


def test_a_start_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        SystemClock(datetime(2020, 5, 11))  # noqa: DTZ001 - the case under test


@pytest.mark.parametrize(
    ("utc", "day"),
    [
        (datetime(2020, 5, 10, 14, 59, 59, tzinfo=UTC), date(2020, 5, 10)),
        (datetime(2020, 5, 10, 15, 0, 0, tzinfo=UTC), date(2020, 5, 11)),
    ],
)
def test_the_legal_day_changes_at_midnight_in_japan(utc: datetime, day: date) -> None:
    assert FakeClock(utc).today_jst() == day


def test_a_fake_clock_moves_only_when_told() -> None:
    clock = FakeClock(START)
    assert clock.now() == START
    clock.advance(timedelta(minutes=2))
    assert clock.now() == START + timedelta(minutes=2)
    assert clock.monotonic() == 120.0
    with pytest.raises(ValueError, match="back"):
        clock.advance(timedelta(seconds=-1))


def test_milliseconds_go_there_and_back_exactly() -> None:
    instant = datetime(2020, 5, 11, 1, 2, 3, 999_000, tzinfo=UTC)
    assert to_ms(instant) == 1589158923999
    assert from_ms(to_ms(instant)) == instant
