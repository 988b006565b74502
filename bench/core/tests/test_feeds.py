"""What hops are fed with."""

from pathlib import Path

import pytest

from bench.core.hops import BATCH, MAIN, feeds_of
from bench.core.table import table_of
from bench.town import Town, TownKeys, TownPlan

HOUSEHOLDS = BATCH + 50


def test_each_hop_reads_what_the_one_before_it_wrote(tmp_path: Path) -> None:
    keys = TownKeys.generate()
    keys.write(tmp_path)
    feeds = feeds_of(Town(TownPlan(HOUSEHOLDS, 11), keys), tmp_path, 4)
    for before, after in (("identify", "dedup"), ("dedup", "link")):
        written = [
            (each.key, each.value) for each in feeds[before].expected if each.topic == MAIN[after]
        ]
        assert [(each.key, each.value) for each in feeds[after].main] == written
        assert written


def test_the_outputs_of_a_part_are_counted_by_whole_batches(tmp_path: Path) -> None:
    keys = TownKeys.generate()
    keys.write(tmp_path)
    feed = feeds_of(Town(TownPlan(HOUSEHOLDS, 11), keys), tmp_path, 4, ["identify"])["identify"]
    assert feed.outputs_of(0) == 0
    assert 0 < feed.outputs_of(BATCH) < len(feed.expected)
    assert feed.outputs_of(len(feed.main)) == len(feed.expected)
    with pytest.raises(ValueError, match="whole batches"):
        feed.outputs_of(BATCH - 1)


def test_the_table_shows_every_contender_the_whole_core_and_the_ratios() -> None:
    row = {"rate": 2_000, "rates": [1_000, 2_000], "cpu_us": 10.0, "broker_cpu_us": 5.0}
    slow = {"rate": 500, "rates": [500], "cpu_us": 40.0, "broker_cpu_us": 5.0}
    table = table_of(
        {
            "hops": {"dedup": {"ours": row, "plain_faust": slow}},
            "whole_core": row,
            "latency_ms": {"50%": {"p50": 100.0, "p99": 300.0}},
            "recovery": {"restart_s": 2.0},
            "idle_percent": {"link": 1.5},
        }
    )
    for word in ("whole core", "1,000-2,000", "p99 300 ms", "restart_s", "link 1.50 % of a core"):
        assert word in table
    assert "dedup, ours: 4.00x the events/s at 0.25x the CPU of plain_faust" in table
