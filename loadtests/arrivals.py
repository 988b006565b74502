"""When applicants arrive: a Poisson process that does not wait for answers (open model).

The intended start of an arrival is fixed by the process alone. Latency is measured from it, so a
system that stalls is charged for everyone who would have come meanwhile (no coordinated omission).
"""

from collections.abc import Callable, Iterator
from random import Random

# Rate per second at a time in seconds since the start.
RateCurve = Callable[[float], float]


def steady(rate_per_s: float) -> RateCurve:
    """The same rate all along."""
    return lambda at_s: rate_per_s


def poisson_starts(
    curve: RateCurve, *, highest_per_s: float, seconds: float, rng: Random
) -> Iterator[float]:
    """Intended starts in seconds from the beginning, by thinning a process of the highest rate.

    Raises ValueError when the curve goes above `highest_per_s`.
    """
    if highest_per_s <= 0:
        raise ValueError("the highest rate must be above zero")
    at_s = 0.0
    while True:
        at_s += rng.expovariate(highest_per_s)
        if at_s >= seconds:
            return
        rate_per_s = curve(at_s)
        if rate_per_s > highest_per_s:
            raise ValueError("the curve goes above its highest rate")
        if rng.random() * highest_per_s < rate_per_s:
            yield at_s
