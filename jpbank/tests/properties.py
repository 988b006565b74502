"""How property tests run here: from fixed seeds, and without a stopwatch, as machines stall."""

from hypothesis import settings

STEADY = settings(deadline=None, derandomize=True, max_examples=200)
