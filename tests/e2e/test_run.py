"""`./run` from the citizen's application to the bank's answer, as a newcomer would start it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

ROOT = Path(__file__).resolve().parents[2]
HOUSEHOLDS = 250
SEED = 5
PORT_BASE = 29400
DEADLINE_S = 280
SERVICES = ("identify", "dedup", "link", "payments", "notify", "console", "intake")

pytestmark = pytest.mark.e2e


def run(run_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            str(ROOT / "run"),
            *("--households", str(HOUSEHOLDS)),
            *("--seed", str(SEED)),
            *("--run-dir", str(run_dir)),
            *("--port-base", str(PORT_BASE)),
            *arguments,
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """One undisturbed run that all tests below look at."""
    run_dir = tmp_path_factory.mktemp("calm") / "run"
    result = run(run_dir, "--verify-rebuild")
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-3000:]
    return run_dir, json.loads((run_dir / "report.json").read_text(encoding="utf-8"))


def samples(run_dir: Path, process: str, name: str) -> list[tuple[dict[str, str], float]]:
    text = (run_dir / "metrics" / f"{process}.prom").read_text(encoding="utf-8")
    return [
        (sample.labels, sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name
    ]


def test_every_checked_invariant_holds(calm: tuple[Path, dict[str, Any]]) -> None:
    invariants = calm[1]["invariants"]
    checked = ("INV-1", "INV-2", "INV-3", "INV-4", "INV-5", "INV-6", "INV-7", "INV-9", "INV-11")
    assert {name: invariants[name] for name in checked} == dict.fromkeys(checked, "pass")


def test_every_injected_defect_ends_where_it_should(calm: tuple[Path, dict[str, Any]]) -> None:
    wrong = [v["offenders"] for v in calm[1]["defects"].values() if v["offenders"]]
    assert wrong == []
    assert len(calm[1]["defects"]) > 20


def test_accepted_applications_equal_the_sum_of_their_outcomes(
    calm: tuple[Path, dict[str, Any]],
) -> None:
    applications = calm[1]["applications"]
    names = ("approved", "refused", "superseded", "withdrawn", "waiting", "dead_lettered")
    assert applications["accepted"] == sum(applications[name] for name in names)


def test_every_yen_is_somewhere(calm: tuple[Path, dict[str, Any]]) -> None:
    yen = calm[1]["yen"]
    assert yen["in_files"] == yen["bank_accepted"] + yen["bank_rejected"]
    assert yen["bank_accepted"] == yen["returned"] + yen["paid_net"]
    assert yen["decided"] >= yen["in_files"] > 0


def test_metrics_say_what_the_report_says(calm: tuple[Path, dict[str, Any]]) -> None:
    run_dir, report = calm
    stations = {
        labels["station"]: value
        for labels, value in _summed(samples(run_dir, "payments", "kyufu_payments_station_yen"))
    }
    assert stations["settled"] == report["yen"]["paid_net"]
    assert stations["returned"] == report["yen"]["returned"]


def _summed(found: list[tuple[dict[str, str], float]]) -> list[tuple[dict[str, str], float]]:
    totals: dict[str, float] = {}
    for labels, value in found:
        totals[labels["station"]] = totals.get(labels["station"], 0.0) + value
    return [({"station": station}, value) for station, value in totals.items()]


def test_nothing_is_left_running(calm: tuple[Path, dict[str, Any]]) -> None:
    assert calm[1]["households"] >= HOUSEHOLDS
    again = run(calm[0].parent / "again", "--kill", "unknown-service")
    assert again.returncode == 2
    assert "Traceback" not in again.stderr


def test_killing_every_service_in_the_middle_changes_no_end(
    calm: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    kills = [argument for name in SERVICES for argument in ("--kill", name)]
    result = run(tmp_path / "run", *kills)
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-3000:]
    report = json.loads((tmp_path / "run" / "report.json").read_text(encoding="utf-8"))
    assert report["applications"] == calm[1]["applications"]
    assert report["yen"] == calm[1]["yen"]
