"""The walls of the house: who may import whom, as configured under [tool.importlinter]."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent


def environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}:{ROOT / 'proto' / 'gen'}"}


def test_the_import_rules_hold() -> None:
    result = subprocess.run(
        [str(TOOLS / "lint-imports"), "--no-cache"],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_types_are_checked_strictly() -> None:
    packages = (
        "chassis", "jpbank", "services", "simulators", "devstack", "loadtests", "bench", "deploy",
        "tests",
    )  # fmt: skip
    present = [name for name in packages if (ROOT / name).is_dir()]
    result = subprocess.run(
        [sys.executable, "-m", "mypy", *present],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr


def test_style_and_format_hold() -> None:
    for arguments in (("check",), ("format", "--check")):
        result = subprocess.run(
            [str(TOOLS / "ruff"), *arguments, "."],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert result.returncode == 0, result.stdout + result.stderr
