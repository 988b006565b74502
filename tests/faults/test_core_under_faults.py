"""The real core on a real broker, hurt in the shortest ways; the long ones: loadtests/faults."""

import random
from collections.abc import Iterator

import pytest

from loadtests.faults.broker import Broker
from loadtests.faults.run import Size, run_one
from loadtests.faults.scenarios import SCENARIOS

SEED = 7
SHORT = Size(households=1_500, rate=1_000)
SHORT_SCENARIOS = ("random_kills", "dedup.after_offsets", "poison")

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def broker() -> Iterator[Broker]:
    with Broker() as started:
        yield started


@pytest.mark.parametrize("name", SHORT_SCENARIOS)
def test_nothing_is_lost_and_nothing_is_decided_twice(broker: Broker, name: str) -> None:
    base = random.SystemRandom().randrange(32_000, 32_600)
    report = run_one(broker, name, SCENARIOS[name], SEED, SHORT, port_base=base)
    print(report)
    assert report.findings == ()
    assert report.restarts > 0
