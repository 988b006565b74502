"""The chassis clock as the handlers ask it."""

from datetime import date

from chassis.clock import Clock, to_ms


class ChassisClock:
    """The `WallClock` port."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def now_ms(self) -> int:
        return to_ms(self._clock.now())

    def today_jst(self) -> date:
        return self._clock.today_jst()
