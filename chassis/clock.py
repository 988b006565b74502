"""The only reader of the wall clock. Everything else is handed `now`.

A rehearsal plays on another date: the clock then reads `start` at the moment `epoch_s` of real time
and runs on at real speed, the same in every process of one installation.
"""

import time
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Protocol

# Japan has had no summer time since 1951, so legal days need no zone data base.
JST = timezone(timedelta(hours=9), "Asia/Tokyo")


class Clock(Protocol):
    """What may be asked of time."""

    def now(self) -> datetime:
        """The present instant, aware, in UTC."""
        ...

    def today_jst(self) -> date:
        """The legal day in Asia/Tokyo."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary point, never going back; for timeouts and ages."""
        ...


class SystemClock:
    """The machine's clock, shifted when `start` is given (`epoch_s`: unix seconds, default now)."""

    def __init__(self, start: datetime | None = None, epoch_s: float | None = None) -> None:
        if start is not None and start.tzinfo is None:
            raise ValueError("the clock's start needs a time zone")
        if start is None:
            self._shift = timedelta(0)
        else:
            reference = time.time() if epoch_s is None else epoch_s
            self._shift = start - datetime.fromtimestamp(reference, UTC)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._shift

    def today_jst(self) -> date:
        return self.now().astimezone(JST).date()

    def monotonic(self) -> float:
        return time.monotonic()


class FakeClock:
    """A clock that stands still until told to advance."""

    def __init__(self, now: datetime) -> None:
        if now.tzinfo is None:
            raise ValueError("the clock's start needs a time zone")
        self._now = now.astimezone(UTC)
        self._monotonic = 0.0

    def now(self) -> datetime:
        return self._now

    def today_jst(self) -> date:
        return self._now.astimezone(JST).date()

    def monotonic(self) -> float:
        return self._monotonic

    def advance(self, step: timedelta) -> None:
        """Move both readings forward by `step`."""
        if step < timedelta(0):
            raise ValueError("time does not go back")
        self._now += step
        self._monotonic += step.total_seconds()


def to_ms(instant: datetime) -> int:
    """Milliseconds since 1970-01-01T00:00Z, exactly (no float on the way)."""
    return (instant - _UNIX_EPOCH) // timedelta(milliseconds=1)


def from_ms(at_ms: int) -> datetime:
    """The aware UTC instant of `to_ms`."""
    return _UNIX_EPOCH + timedelta(milliseconds=at_ms)


_UNIX_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
