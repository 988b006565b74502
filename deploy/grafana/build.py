"""Builds the one board: `python -m deploy.grafana.build` writes boards/way-of-the-data.json.

Plain dictionaries in Grafana's own form. The committed file must equal what this builds; a test
compares them, and compares every metric with those that the services declare.
"""

import json
import sys
from pathlib import Path
from typing import Any, Final

from deploy.grafana.graphs import ROWS, Graph

BOARD_PATH: Final = Path(__file__).parent / "boards" / "way-of-the-data.json"
# The uid in provisioning/datasources/prometheus.yml.
DATASOURCE: Final = {"type": "prometheus", "uid": "kyufu-prometheus"}
COLUMNS: Final = 24
SCHEMA_VERSION: Final = 39

Panel = dict[str, Any]
ROW_HEIGHT: Final = 8


def board() -> dict[str, Any]:
    """The board as Grafana reads it."""
    panels: list[Panel] = [_difference(), _answering()]
    top = 4
    for title, graphs in ROWS:
        panels.append(_row(title, top))
        width = COLUMNS // len(graphs)
        panels += [
            _graph(graph, x=position * width, y=top + 1, width=width)
            for position, graph in enumerate(graphs)
        ]
        top += 1 + ROW_HEIGHT
    for number, panel in enumerate(panels, start=1):
        panel["id"] = number
    return {
        "uid": "kyufu-way",
        "title": "Kyufu: the way of the data",
        "schemaVersion": SCHEMA_VERSION,
        "tags": ["kyufu"],
        "timezone": "Asia/Tokyo",
        "editable": False,
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "panels": panels,
    }


def text() -> str:
    """The committed form."""
    return json.dumps(board(), indent=2, ensure_ascii=False) + "\n"


def _difference() -> Panel:
    panel = _stat("Ledger difference", "currencyJPY", "kyufu_payments_ledger_difference_yen", x=0)
    panel["fieldConfig"]["defaults"]["thresholds"] = {
        "mode": "absolute",
        "steps": [
            {"color": "red", "value": None},
            {"color": "green", "value": 0},
            {"color": "red", "value": 1},
        ],
    }
    return panel


def _answering() -> Panel:
    return _stat("Processes down", "short", 'count(up{job="kyufu"} == 0) or vector(0)', x=12)


def _stat(title: str, unit: str, query: str, *, x: int) -> Panel:
    return {
        "type": "stat",
        "title": title,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": 0, "w": 12, "h": 4},
        "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
        "options": {"reduceOptions": {"calcs": ["lastNotNull"]}, "colorMode": "background"},
        "targets": [_target(query, "", 0)],
    }


def _row(title: str, y: int) -> Panel:
    return {
        "type": "row",
        "title": title,
        "collapsed": False,
        "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1},
        "panels": [],
    }


def _graph(graph: Graph, *, x: int, y: int, width: int) -> Panel:
    title, unit, queries = graph
    return {
        "type": "timeseries",
        "title": title,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": width, "h": ROW_HEIGHT},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "options": {"legend": {"displayMode": "list", "placement": "bottom"}},
        "targets": [_target(query, name, place) for place, (query, name) in enumerate(queries)],
    }


def _target(query: str, legend: str, place: int) -> Panel:
    return {
        "refId": chr(ord("A") + place),
        "datasource": DATASOURCE,
        "expr": query,
        "legendFormat": legend,
    }


if __name__ == "__main__":
    BOARD_PATH.parent.mkdir(parents=True, exist_ok=True)
    BOARD_PATH.write_text(text(), encoding="utf-8")
    sys.stderr.write(f"{BOARD_PATH.name} written\n")
