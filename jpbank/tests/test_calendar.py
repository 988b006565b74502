"""Bank days and dates without a year."""

from datetime import date

import pytest

from jpbank import calendar
from jpbank.calendar import BankCalendar, CalendarHorizonError, DateWithoutYearError


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        ("2020-05-01", True),
        ("2020-05-06", False),
        ("2020-05-07", True),
        ("2020-07-22", True),
        ("2020-07-23", False),
        ("2020-07-24", False),
        ("2020-07-27", True),
        ("2020-08-10", False),
        ("2020-12-30", True),
        ("2020-12-31", False),
        ("2021-01-01", False),
        ("2021-01-02", False),
        ("2021-01-04", True),
        ("2021-07-19", True),
        ("2021-07-22", False),
        ("2021-10-11", True),
        ("2020-05-09", False),
        ("2020-05-10", False),
    ],
)
def test_a_day_is_a_bank_day_or_not(day: str, expected: bool) -> None:
    assert calendar.is_bank_day(date.fromisoformat(day)) is expected


@pytest.mark.parametrize("year", [calendar.FIRST_YEAR - 1, calendar.LAST_PUBLISHED_YEAR + 1])
def test_a_year_without_published_holidays_is_refused(year: int) -> None:
    with pytest.raises(CalendarHorizonError):
        calendar.is_bank_day(date(year, 6, 1))


@pytest.mark.parametrize("year", [calendar.FIRST_YEAR, calendar.LAST_PUBLISHED_YEAR])
def test_the_first_and_last_year_are_answered(year: int) -> None:
    assert isinstance(calendar.is_bank_day(date(year, 6, 1)), bool)


def test_the_walk_over_the_horizon_is_refused_and_not_guessed() -> None:
    with pytest.raises(CalendarHorizonError):
        calendar.next_bank_day(date(calendar.LAST_PUBLISHED_YEAR, 12, 30))


def test_the_next_bank_day_skips_the_longest_row_of_holidays() -> None:
    assert calendar.next_bank_day(date(2019, 4, 26)) == date(2019, 5, 7)


def test_the_next_bank_day_is_never_the_day_itself() -> None:
    assert calendar.next_bank_day(date(2020, 5, 7)) == date(2020, 5, 8)


def test_rolling_keeps_a_bank_day_and_moves_another() -> None:
    assert calendar.bank_day_on_or_after(date(2020, 5, 7)) == date(2020, 5, 7)
    assert calendar.bank_day_on_or_after(date(2020, 5, 2)) == date(2020, 5, 7)


@pytest.mark.parametrize(
    ("start", "count", "expected"),
    [
        ("2020-05-01", 1, "2020-05-07"),
        ("2020-05-02", 1, "2020-05-07"),
        ("2020-05-01", 3, "2020-05-11"),
        ("2020-05-02", 0, "2020-05-07"),
        ("2020-05-07", -1, "2020-05-01"),
        ("2020-12-30", 1, "2021-01-04"),
    ],
)
def test_bank_days_are_counted_from_the_day_after(start: str, count: int, expected: str) -> None:
    assert calendar.add_bank_days(date.fromisoformat(start), count) == date.fromisoformat(expected)


def test_too_many_bank_days_at_once_are_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        calendar.add_bank_days(date(2020, 5, 1), calendar.ADD_BANK_DAYS_MAX + 1)


def test_a_contract_s_own_closed_day_is_no_bank_day() -> None:
    own = BankCalendar(extra_closed_days=frozenset({date(2020, 5, 7)}))
    assert own.next_bank_day(date(2020, 5, 1)) == date(2020, 5, 8)


@pytest.mark.parametrize(
    ("mmdd", "file_date", "expected"),
    [
        ("0529", "2020-05-11", "2020-05-29"),
        ("0511", "2020-05-11", "2020-05-11"),
        ("0510", "2020-05-11", "2021-05-10"),
        ("0104", "2020-12-28", "2021-01-04"),
        ("0229", "2020-02-28", "2020-02-29"),
        ("0229", "2019-03-01", "2020-02-29"),
    ],
)
def test_a_date_without_year_is_the_next_of_its_name(
    mmdd: str, file_date: str, expected: str
) -> None:
    resolved = calendar.resolve_mmdd(mmdd, date.fromisoformat(file_date))
    assert resolved == date.fromisoformat(expected)
    assert calendar.to_mmdd(resolved) == mmdd


@pytest.mark.parametrize("mmdd", ["0229", "1332", "0000", "529", "05２9", "abcd"])
def test_a_date_that_does_not_come_is_refused_and_not_shifted(mmdd: str) -> None:
    with pytest.raises(DateWithoutYearError):
        calendar.resolve_mmdd(mmdd, date(2021, 1, 1))
