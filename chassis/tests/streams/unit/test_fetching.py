"""How long a broker may hold a fetch."""

from chassis.streams.fetching import BUSY_FOR_S, FetchOptions, FetchPace

OPTIONS = FetchOptions(idle_wait_ms=100, busy_wait_ms=20)


class Hands:
    """A clock that the test moves."""

    now = 50.0

    def __call__(self) -> float:
        return self.now


def test_a_fetch_is_held_long_at_rest_and_briefly_while_records_come() -> None:
    clock = Hands()
    pace = FetchPace(OPTIONS, clock)
    assert pace.wait_ms(found=False) == 100
    assert pace.wait_ms(found=True) == 20
    clock.now += BUSY_FOR_S / 2
    assert pace.wait_ms(found=False) == 20
    clock.now += BUSY_FOR_S
    assert pace.wait_ms(found=False) == 100
