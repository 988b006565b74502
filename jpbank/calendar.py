"""Bank days (銀行営業日) and dates without a year (MMDD).

Place in the flow: pay chooses value dates here and counts days until a payment is settled.
Source of the rule: 銀行法 第15条 with 施行令 第5条第1項: banks rest on Saturday, Sunday, holidays
by 国民の祝日に関する法律, and from 31 December to 3 January. jpholiday knows the national holidays,
and answers for any year by extrapolating the equinoxes, which are announced each February for the
year after; so this module refuses dates outside the years that have been announced.
"""

from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

from jpholiday.jpholiday import JPHoliday

#: The holiday law took its present shape (昭和の日) in 2007; earlier years are nobody's need here.
FIRST_YEAR: Final = 2007
#: Last year whose equinoxes were announced (in February of the year before) when the data was
#: last checked. Raise it together with the version of jpholiday in the lock.
LAST_PUBLISHED_YEAR: Final = 2027
#: Longest walk over non-bank days that can be right. 2019 had ten in a row (27 April - 6 May).
_CLOSED_DAYS_MAX: Final = 14
#: More bank days than this ahead is a mistake of the caller, not a due date.
ADD_BANK_DAYS_MAX: Final = 400

_HOLIDAYS: Final = JPHoliday()


class CalendarHorizonError(ValueError):
    """The date lies outside the years for which Japan's holidays are known."""


class DateWithoutYearError(ValueError):
    """An MMDD that is no date in the year it falls into, e.g. 0229 before a common year."""


@lru_cache(maxsize=8192)
def _is_national_holiday(day: date) -> bool:
    return _HOLIDAYS.is_holiday(day)


@dataclass(frozen=True, slots=True)
class BankCalendar:
    """Bank days between two years, with further closed days where a contract has them."""

    first_year: int = FIRST_YEAR
    last_year: int = LAST_PUBLISHED_YEAR
    extra_closed_days: frozenset[date] = field(default_factory=frozenset)

    def is_bank_day(self, day: date) -> bool:
        """Tell whether banks settle transfers on ``day``; raises CalendarHorizonError."""
        if not self.first_year <= day.year <= self.last_year:
            raise CalendarHorizonError(
                f"bank days are known from {self.first_year} to {self.last_year}, not in {day.year}"
            )
        year_end = (day.month, day.day) in ((12, 31), (1, 1), (1, 2), (1, 3))
        return not (
            day.weekday() >= 5
            or year_end
            or day in self.extra_closed_days
            or _is_national_holiday(day)
        )

    def _walk(self, day: date, step: timedelta) -> date:
        for _ in range(_CLOSED_DAYS_MAX):
            day += step
            if self.is_bank_day(day):
                return day
        raise CalendarHorizonError(f"no bank day within {_CLOSED_DAYS_MAX} days")

    def next_bank_day(self, day: date) -> date:
        """Give the first bank day after ``day`` (翌営業日)."""
        return self._walk(day, timedelta(days=1))

    def bank_day_on_or_after(self, day: date) -> date:
        """Give ``day`` if it is a bank day, else the next: how benefits roll a due date."""
        return day if self.is_bank_day(day) else self.next_bank_day(day)

    def add_bank_days(self, day: date, count: int) -> date:
        """Give the ``count``-th bank day after ``day``, or before it where ``count`` < 0.

        ``day`` itself need not be a bank day; with 0 it is rolled as by bank_day_on_or_after.
        """
        if abs(count) > ADD_BANK_DAYS_MAX:
            raise ValueError(f"at most {ADD_BANK_DAYS_MAX} bank days at once")
        if count == 0:
            return self.bank_day_on_or_after(day)
        step = timedelta(days=1 if count > 0 else -1)
        for _ in range(abs(count)):
            day = self._walk(day, step)
        return day


_DEFAULT: Final = BankCalendar()


def is_bank_day(day: date) -> bool:
    """Tell whether banks settle transfers on ``day``; raises CalendarHorizonError."""
    return _DEFAULT.is_bank_day(day)


def next_bank_day(day: date) -> date:
    """Give the first bank day after ``day`` (翌営業日)."""
    return _DEFAULT.next_bank_day(day)


def bank_day_on_or_after(day: date) -> date:
    """Give ``day`` if it is a bank day, else the next one."""
    return _DEFAULT.bank_day_on_or_after(day)


def add_bank_days(day: date, count: int) -> date:
    """Give the ``count``-th bank day after (before, where negative) ``day``."""
    return _DEFAULT.add_bank_days(day, count)


def to_mmdd(day: date) -> str:
    """Write ``day`` as files do, without its year."""
    return f"{day.month:02d}{day.day:02d}"


def resolve_mmdd(mmdd: str, file_date: date) -> date:
    """Give the next date written ``mmdd`` that is not before ``file_date``.

    A date that does not exist in that year (0229) is refused, never shifted to a neighbour.
    """
    if len(mmdd) != 4 or not (mmdd.isascii() and mmdd.isdigit()):
        raise DateWithoutYearError("a date without year is four digits, MMDD")
    month, day = int(mmdd[:2]), int(mmdd[2:])
    passed = (month, day) < (file_date.month, file_date.day)
    try:
        return date(file_date.year + passed, month, day)
    except ValueError:
        year = file_date.year + passed
        raise DateWithoutYearError(f"{mmdd} is no date in {year}") from None
