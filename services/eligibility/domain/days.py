"""Instants and legal days. Legal days are those of Asia/Tokyo, which has no summer time."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

_TOKYO: Final = timezone(timedelta(hours=9))
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
MINUTE_MS: Final = 60_000


def legal_day(at_ms: int) -> int:
    """The legal day of an instant, YYYYMMDD."""
    day = (_EPOCH + timedelta(milliseconds=at_ms)).astimezone(_TOKYO)
    return day.year * 10_000 + day.month * 100 + day.day


def minute_of(at_ms: int) -> int:
    """The minute, counted from 1970, in which an instant lies."""
    return at_ms // MINUTE_MS
