"""The rehearsal on a real broker with the three processes, small; and its arithmetic."""

import json
from collections import Counter
from pathlib import Path

import pytest

from bench.national.cli import DIFFERENT, main, rehearse
from bench.national.estimate import (
    HOUSEHOLDS_OF_JAPAN,
    RETENTION_BYTES,
    SEGMENT_BYTES,
    DiskTooSmall,
    all_of_japan,
    disk_needed,
    households_of,
    require_disk,
)
from bench.national.report import YEN_PER_PERSON, differences
from bench.town import Town, TownKeys, TownPlan


@pytest.mark.integration
def test_two_thousand_households_come_through_the_real_core_as_expected(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "national.json"
    plan = TownPlan(2_000, 11, extended=True)
    status = rehearse(plan, target=target)
    report = json.loads(target.read_text())
    assert report["differences"] == [], capsys.readouterr().out
    assert status == 0
    town = Town(plan, TownKeys.generate())
    assert sum(report["outcomes"].values()) == town.expected().outcomes.total()
    assert report["rate"] > 0
    assert set(report["cpu_us_per_application"]) == {
        "identify/0", "dedup/0", "link/0", "broker", "generator",
    }  # fmt: skip
    assert report["machine"]["cores"] >= 1


def test_a_difference_in_outcomes_or_yen_is_named() -> None:
    expected = Town(TownPlan(1_000, 1), TownKeys.generate()).expected()
    right, yen = Counter(expected.outcomes), expected.approved_persons * YEN_PER_PERSON
    assert differences(expected, right, yen) == []
    assert differences(expected, right, yen + 1) == [
        f"approved yen: expected {yen:,}, found {yen + 1:,}"
    ]
    lost = right - Counter({("DECIDE", "APPROVED", ""): 1})
    assert [each.split(":")[0] for each in differences(expected, lost, yen)] == ["DECIDE APPROVED"]
    more = right + Counter({("LINK", "REFUSED", "CASH"): 1})
    assert differences(expected, more, yen) == ["LINK REFUSED CASH: expected 0, found 1"]
    assert DIFFERENT == 1


def test_a_share_is_of_all_households_of_japan() -> None:
    assert households_of(1.0) == HOUSEHOLDS_OF_JAPAN
    assert households_of(0.05) == 2_957_500
    for wrong in (0.0, -0.1, 1.01):
        with pytest.raises(ValueError, match="share"):
            households_of(wrong)


def test_a_run_that_the_disk_cannot_hold_is_refused_with_the_figures() -> None:
    needed = disk_needed(1_000_000, 4)
    require_disk(1_000_000, 4, needed)
    with pytest.raises(DiskTooSmall, match="1,000,000 households need about"):
        require_disk(1_000_000, 4, needed - 1)


def test_an_impossible_share_ends_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--share", "2"])
    assert ended.value.code == 2
    assert "share" in capsys.readouterr().err


def test_the_arithmetic_grows_with_the_households_and_not_what_retention_bounds() -> None:
    found = all_of_japan(
        HOUSEHOLDS_OF_JAPAN // 10,
        load_s=60.0,
        applications_s=600.0,
        topic_bytes={
            "registry.households": 10**9, "applications.decided": 10**9, "holds.v1": 10**6,
        },
        state_bytes=2 * 10**9,
        partitions=4,
    )  # fmt: skip
    bounded = (RETENTION_BYTES + SEGMENT_BYTES) * 4 / 1e9
    assert found.minutes_load == pytest.approx(10)
    assert found.minutes_applications == pytest.approx(100)
    assert found.disk_gb == pytest.approx(10 + bounded + 0.01 + 20)
    assert found.state_gb == pytest.approx(20)
