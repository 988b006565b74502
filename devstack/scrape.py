"""Keeps what Prometheus would have scraped at the end of a play: one text file a process."""

import urllib.request
from collections.abc import Mapping
from pathlib import Path

SCRAPE_TIMEOUT_S = 10.0


def scrape(targets: Mapping[str, str], folder: Path) -> None:
    """Writes `NAME.prom` for each target; an unreachable one raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, url in targets.items():
        with urllib.request.urlopen(url, timeout=SCRAPE_TIMEOUT_S) as answer:  # noqa: S310 - ours
            (folder / f"{name}.prom").write_bytes(answer.read())
