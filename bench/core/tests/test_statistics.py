"""The arithmetic of measured rounds."""

import pytest

from bench.core.recovery import restore_rate
from bench.core.statistics import Sample, percentile, summary


def test_the_rate_of_a_summary_is_the_median_of_its_rounds() -> None:
    rounds = [Sample(100, seconds, 0.001, 0.002) for seconds in (1.0, 4.0, 2.0)]
    assert summary(rounds) == {
        "rate": 50,
        "rates": [100, 25, 50],
        "cpu_us": 10.0,
        "broker_cpu_us": 20.0,
    }


def test_no_rounds_have_no_summary() -> None:
    with pytest.raises(ValueError, match="no rounds"):
        summary([])


@pytest.mark.parametrize(("share", "value"), [(0.5, 50.0), (0.99, 99.0), (1.0, 100.0)])
def test_a_percentile_is_a_value_that_was_measured(share: float, value: float) -> None:
    assert percentile([float(each) for each in range(100, 0, -1)], share) == value


@pytest.mark.parametrize("share", [0.0, 1.1, -0.5])
def test_a_share_outside_of_zero_to_one_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        percentile([1.0], share)


@pytest.mark.parametrize(
    ("seconds", "rate"), [(2.0, 50_000), (1.0, 100_000), (0.9, None), (-1.0, None)]
)
def test_a_restore_that_is_lost_in_noise_has_no_rate(seconds: float, rate: int | None) -> None:
    assert restore_rate(100_000, seconds) == rate
