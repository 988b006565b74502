"""Each service killed in the middle of 5,000 households (`./test simulation`, about a minute each).

Not part of a plain `./test`, which kills all services at once in a smaller run.
"""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOUSEHOLDS = 5000
SEED = 11
PORT_BASE = 29600
DEADLINE_S = 900
SERVICES = (
    "identify", "dedup", "link", "registers", "payments", "notify", "console", "intake", "bank",
    "providers",
)  # fmt: skip

pytestmark = [pytest.mark.kills, pytest.mark.timeout(DEADLINE_S + 60)]


def play(run_dir: Path, *arguments: str) -> dict[str, Any]:
    result = subprocess.run(
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
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-3000:]
    report: dict[str, Any] = json.loads((run_dir / "report.json").read_text(encoding="utf-8"))
    return report


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return play(tmp_path_factory.mktemp("undisturbed") / "run")


@pytest.mark.parametrize("service", SERVICES)
def test_a_kill_in_the_middle_loses_and_doubles_nothing(
    service: str, undisturbed: dict[str, Any], tmp_path: Path
) -> None:
    report = play(tmp_path / "run", "--kill", service)
    assert report["applications"] == undisturbed["applications"]
    assert report["yen"] == undisturbed["yen"]
