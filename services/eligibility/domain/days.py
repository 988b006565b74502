"""Instants and legal days. Legal days are those of Asia/Tokyo, which has no summer time."""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

_TOKYO_AHEAD_MS: Final = 9 * 3_600_000
_DAY_MS: Final = 86_400_000
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE_MS: Final = 60_000


def legal_day(at_ms: int) -> int:
    """The legal day of an instant, YYYYMMDD."""
    return _day((at_ms + _TOKYO_AHEAD_MS) // _DAY_MS)


@lru_cache(maxsize=1024)
def _day(days_since_1970: int) -> int:
    day = _EPOCH + timedelta(days=days_since_1970)
    return day.year * 10_000 + day.month * 100 + day.day


def minute_of(at_ms: int) -> int:
    """The minute, counted from 1970, in which an instant lies."""
    return at_ms // MINUTE_MS
