"""Arrivals follow their curve and wait for nobody."""

from random import Random

import pytest

from loadtests.arrivals import poisson_starts, steady


def starts(rate: float, seconds: float, seed: int = 1) -> list[float]:
    return list(poisson_starts(steady(rate), highest_per_s=rate, seconds=seconds, rng=Random(seed)))


def test_as_many_arrive_as_the_rate_says() -> None:
    # 10,000 expected; five standard deviations are 500.
    assert abs(len(starts(100.0, 100.0)) - 10_000) < 500


def test_arrivals_come_in_order_and_within_the_time() -> None:
    times = starts(50.0, 10.0)
    assert times == sorted(times)
    assert times[0] > 0
    assert times[-1] < 10.0


def test_one_seed_gives_the_same_arrivals() -> None:
    assert starts(50.0, 10.0, seed=3) == starts(50.0, 10.0, seed=3)
    assert starts(50.0, 10.0, seed=3) != starts(50.0, 10.0, seed=4)


def test_a_step_in_the_curve_is_a_step_in_the_arrivals() -> None:
    times = list(
        poisson_starts(
            lambda at_s: 200.0 if at_s >= 50.0 else 10.0,
            highest_per_s=200.0,
            seconds=100.0,
            rng=Random(5),
        )
    )
    before = sum(at_s < 50.0 for at_s in times)
    assert abs(before - 500) < 120
    assert abs(len(times) - before - 10_000) < 500


def test_a_curve_above_its_highest_rate_is_an_error() -> None:
    with pytest.raises(ValueError, match="highest"):
        list(poisson_starts(steady(2.0), highest_per_s=1.0, seconds=1e6, rng=Random(1)))
