"""One hop with real contenders on a real broker; and a difference that is planted is found."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.core.contenders import CONTENDERS
from bench.core.hops import BATCH, Feed, feeds_of
from bench.core.measuring import OutputsDiffer, load_registers, measure, part_of
from bench.installation import Installation
from bench.town import Town, TownKeys, TownPlan

HOUSEHOLDS = 2_200
PARTITIONS = 4
SEED = 7

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def keys() -> TownKeys:
    return TownKeys.generate()


@pytest.fixture(scope="module")
def feed(keys: TownKeys, tmp_path_factory: pytest.TempPathFactory) -> Feed:
    secrets = tmp_path_factory.mktemp("secrets")
    keys.write(secrets)
    town = Town(TownPlan(HOUSEHOLDS, SEED, partitions=PARTITIONS), keys)
    return feeds_of(town, secrets, PARTITIONS, ["identify"])["identify"]


@pytest.fixture(scope="module")
def installation(
    keys: TownKeys, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    root: Path = tmp_path_factory.mktemp("bench")
    with Installation(keys, root=root) as started:
        yield started


def test_a_contender_that_writes_what_the_rules_say_is_measured(
    installation: Installation, feed: Feed
) -> None:
    part = part_of(feed, warm=BATCH, records=len(feed.main))
    registers = load_registers(installation, feed)
    sample = measure(installation, CONTENDERS["ours"], feed, part, registers)
    assert sample.records == len(feed.main) - BATCH
    assert sample.rate > 0


def test_one_altered_output_among_thousands_is_found_and_its_place_is_named(
    installation: Installation, feed: Feed
) -> None:
    # The last in the order of comparing: that it is the first to differ says that the hand-written
    # loop wrote all others as the rules do.
    planted = list(feed.expected)
    index = max(range(len(planted)), key=lambda each: (planted[each][:2], each))
    codec = installation.catalogue.codec(planted[index].topic)
    message = codec.decode(planted[index].value)
    message.event_id = bytes(16)  # type: ignore[attr-defined]
    planted[index] = planted[index]._replace(value=codec.encode(message))
    altered = replace(feed, expected=planted)
    part = part_of(altered, warm=BATCH, records=len(feed.main))
    registers = load_registers(installation, feed)
    place = rf"{planted[index].topic}, key {planted[index].key.hex()}.*fields event_id differ"
    with pytest.raises(OutputsDiffer, match=place):
        measure(installation, CONTENDERS["confluent_loop"], altered, part, registers)
