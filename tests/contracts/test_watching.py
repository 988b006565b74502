"""Alert rules, scrape targets and the board speak of metrics that exist."""

import json
import os
import re
import shutil
import subprocess
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from chassis.metric_defs import MetricDef, MetricType
from deploy.grafana import build
from devstack.ports import Ports
from devstack.topology import PROCESS_NAMES

ROOT = Path(__file__).resolve().parents[2]
PROMETHEUS = ROOT / "deploy" / "prometheus"
RUNBOOKS = ROOT / "docs" / "runbooks"
# The introduction, and what a person decides to run.
WITHOUT_ALERT = {"README.md", "rebuild.md", "lost-disk.md"}
SIMULATORS = ("bank", "providers")
SUFFIXES = {
    MetricType.COUNTER: ("_total",),
    MetricType.GAUGE: ("",),
    MetricType.HISTOGRAM: ("_bucket", "_sum", "_count"),
}
# Given by Prometheus: the scrape's own labels, and the bound of a bucket.
OWN_LABELS = {"job", "instance", "process", "le"}
SELECTOR = re.compile(r"(kyufu_[a-z_]+)(?:\{([^}]*)\})?")
GROUPING = re.compile(r"\bby \(([^)]*)\)")


def read(name: str) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((PROMETHEUS / name).read_text(encoding="utf-8"))
    return document


@cache
def declared() -> dict[str, MetricDef]:
    """Exposed name → definition, from every metric_defs.py of chassis and services."""
    paths = sorted(
        path
        for folder in ("chassis", "services")
        for path in (ROOT / folder).rglob("metric_defs.py")
    )
    modules = [import_module(".".join(p.relative_to(ROOT).with_suffix("").parts)) for p in paths]
    definitions = {
        value.name: value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, MetricDef)
    }
    return {
        name + suffix: definition
        for name, definition in definitions.items()
        for suffix in SUFFIXES[definition.type]
    }


def rules() -> list[dict[str, Any]]:
    return [rule for group in read("alerts.yml")["groups"] for rule in group["rules"]]


def queries() -> dict[str, str]:
    """Every expression of alerts and board, by where it stands."""
    found = {f"alert {rule['alert']}": rule["expr"] for rule in rules()}
    for panel in build.board()["panels"]:
        for target in panel.get("targets", []):
            found[f"panel {panel['title']} {target['refId']}"] = target["expr"]
    return found


def unknown_words(query: str) -> set[str]:
    """Metrics and labels of a query that nobody declares."""
    unknown = set()
    labels_known = set(OWN_LABELS)
    for name, selector in SELECTOR.findall(query):
        definition = declared().get(name)
        if definition is None:
            unknown.add(name)
            continue
        labels_known |= set(definition.labels)
        labels = set(re.findall(r"([a-z_]+)\s*(?:=~|!=|!~|=)", selector))
        unknown |= labels - set(definition.labels) - OWN_LABELS
    for group in GROUPING.findall(query):
        unknown |= {label.strip() for label in group.split(",")} - labels_known
    return unknown


def promtool() -> str:
    found = os.environ.get("PROMTOOL") or shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not installed here (Debian: apt-get install prometheus)")
    return found


def run_promtool(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [promtool(), *arguments], cwd=PROMETHEUS, capture_output=True, text=True, timeout=120
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "config", "prometheus.yml"),
        ("check", "rules", "alerts.yml"),
        ("test", "rules", "alerts_test.yml"),
    ],
    ids=" ".join,
)
def test_promtool_accepts(arguments: tuple[str, ...]) -> None:
    result = run_promtool(*arguments)
    assert result.returncode == 0, result.stdout + result.stderr


def test_a_misspelt_metric_or_label_would_be_found() -> None:
    assert unknown_words("rate(kyufu_kafka_lag_recrods[5m])") == {"kyufu_kafka_lag_recrods"}
    assert unknown_words('kyufu_payments_open_tasks{sort="x"}') == {"sort"}
    assert unknown_words("sum by (person) (kyufu_kafka_lag_records)") == {"person"}


@pytest.mark.parametrize("place", sorted(queries()))
def test_every_metric_and_label_in_a_query_is_declared(place: str) -> None:
    assert unknown_words(queries()[place]) == set()


def test_every_alert_has_both_a_test_and_a_runbook_that_exists() -> None:
    tested = {
        case["alertname"]: bool(case["exp_alerts"])
        for test in read("alerts_test.yml")["tests"]
        for case in sorted(test["alert_rule_test"], key=lambda case: bool(case["exp_alerts"]))
    }
    assert set(tested) == {rule["alert"] for rule in rules()}
    books = {ROOT / rule["annotations"]["runbook"] for rule in rules()}
    assert {str(book) for book in books if not book.is_file()} == set()


def test_every_runbook_but_the_planned_ones_is_named_by_an_alert() -> None:
    named = {Path(rule["annotations"]["runbook"]).name for rule in rules()}
    assert {path.name for path in RUNBOOKS.glob("*.md")} - WITHOUT_ALERT == named


def test_every_service_is_scraped_at_its_metrics_port() -> None:
    jobs = {
        job["job_name"]: job["static_configs"] for job in read("prometheus.yml")["scrape_configs"]
    }
    targets = {entry["labels"]["process"]: entry["targets"] for entry in jobs["kyufu"]}
    expected = {
        name: [f"{name}:{Ports().of(f'{name}-metrics')}"]
        for name in PROCESS_NAMES
        if name not in SIMULATORS
    }
    assert targets == expected


def test_the_committed_board_is_the_one_that_is_built() -> None:
    committed = build.BOARD_PATH.read_text(encoding="utf-8")
    assert committed == build.text(), "run: python -m deploy.grafana.build"


def test_panels_do_not_lie_on_one_another() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in json.loads(build.text())["panels"]:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= build.COLUMNS
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                assert taken.setdefault((x, y), panel["title"]) == panel["title"]


def test_the_board_reads_from_the_datasource_that_is_provisioned() -> None:
    path = ROOT / "deploy/grafana/provisioning/datasources/prometheus.yml"
    provisioned = yaml.safe_load(path.read_text(encoding="utf-8"))["datasources"][0]
    assert {"type": provisioned["type"], "uid": provisioned["uid"]} == build.DATASOURCE
